"""avsound report: one page with everything, whole or not there, that a browser shows without asking anyone for anything."""
import base64
import html.parser
import io
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
import unittest

import numpy as np
from PIL import Image

from support import COMMAND, SOURCE, CommandTest, environment, ffmpeg, make_video

WORLD = os.environ.get("AVSOUND_WORLD", "")
if not os.access(WORLD, os.X_OK):
    print("skipped: AVSOUND_WORLD names no program")
    sys.exit(77)
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")


class Page(html.parser.HTMLParser):
    """The texts of the elements with an id, and every address that the page refers to."""

    def __init__(self, text):
        super().__init__()
        self.parts, self.addresses, self.open = {}, [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.addresses += [attributes[key] for key in ("src", "href", "poster", "data", "action") if key in attributes]
        self.open.append((tag, attributes.get("id")))

    def handle_endtag(self, tag):
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data):
        if self.open and self.open[-1][1]:
            self.parts[self.open[-1][1]] = self.parts.get(self.open[-1][1], "") + data


class Report(CommandTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        subprocess.run([WORLD, "--out", cls.folder / "world", "--clips", "1", "--kinds", "dog", "--things", "1-1", "--off-screen",
                        "0", "--silent", "0", "--no-source", "0", "--seconds", "4", "--no-stems", "--seed", "5", "--quiet"],
                       check=True, env=environment())
        (cls.folder / "world" / "clip-000000.mp4").rename(cls.folder / "a <script><!--.mp4")
        cls.before |= {"world", "a <script><!--.mp4"}
        cls.temporary = cls.folder / "temporary"
        cls.temporary.mkdir()
        cls.before.add("temporary")
        cls.cards = {path.stem: path.read_text() for path in (SOURCE / "models").glob("*.md")}
        cls.cards["avol-s"] += "A long card: \u00fc <b>.\n" * 5000
        (cls.folder / "models").mkdir()
        cls.before.add("models")
        (cls.folder / "models" / "avol-s.safetensors").symlink_to(SOURCE / "models" / "avol-s.safetensors")
        (cls.folder / "models" / "avol-s.md").write_text(cls.cards["avol-s"])
        self = cls()
        cls.run_ = self.avsound("report", "a <script><!--.mp4", "-o", "page.html", TMPDIR=str(cls.temporary),
                                AVSOUND_MODEL_PATH=str(cls.folder / "models"))
        cls.before.add("page.html")
        cls.text = (cls.folder / "page.html").read_text()
        cls.page = Page(cls.text)
        cls.data = json.loads(cls.page.parts["data"])

    def media(self, name):
        return base64.b64decode(self.page.parts[name], validate=True)

    def test_nothing_is_left_beside_the_page(self):
        self.assertEqual((self.run_.stdout, self.run_.stderr), ("page.html: open it in a browser\n", ""))
        self.assertEqual(os.listdir(self.temporary), [])

    def test_the_page_refers_to_nothing_else(self):
        self.assertEqual(self.page.addresses, [])
        self.assertEqual(set(re.findall(r"https?://[^\s\"']*", self.text.replace(self.page.parts["data"], ""))),
                         {"http://www.w3.org/2000/svg"})

    def test_it_says_what_the_other_commands_say(self):
        clip = self.data["name"]
        sync = self.json("sync", clip, "--json")
        for key in ("offset_ms", "low_ms", "high_ms", "confidence", "verdict"):
            self.assertEqual(self.data["sync"][key], sync[key] if isinstance(sync[key], (str, type(None)))
                             else float(f"{sync[key]:.7g}"))
        self.assertEqual(f"{clip}: {self.data['sync']['answer']}", self.avsound("sync", clip).stdout.splitlines()[0])
        scores = self.json("score", clip, "-m", "avol-s", "--hop", "0", "--json")["results"]
        self.assertEqual(len(self.data["score"]["time"]), len(scores))
        # Maps are of the whole picture, scores of its centre: alike, not the same.
        np.testing.assert_allclose(self.data["score"]["confidence"], [row["confidence"] for row in scores], rtol=1e-6)
        self.avsound("separate", clip, "-o", "apart", "-q")
        for name, stem in ("media-on", "on-screen.wav"), ("media-off", "off-screen.wav"):
            floats = np.frombuffer((self.folder / "apart" / stem).read_bytes()[58:], "<f4")
            wav = self.media(name)
            self.assertEqual(wav[:4] + wav[8:16] + wav[36:40], b"RIFFWAVEfmt data")
            self.assertEqual(struct.unpack("<IHHIIHHxxxxI", wav[16:44]), (16, 1, 1, 21000, 42000, 2, 16, 2 * len(floats)))
            self.assertEqual(struct.unpack("<I", wav[4:8])[0], len(wav) - 8)
            self.assertLessEqual(np.abs(np.frombuffer(wav[44:], "<i2") / 32767 - floats.clip(-1, 1)).max(), 0.6 / 32767)

    def test_its_video_is_the_overlay(self):
        self.avsound("localize", self.data["name"], "-o", "overlay.mp4", "-q")
        (self.folder / "page.mp4").write_bytes(self.media("media-video"))
        for name in "overlay", "page":
            ffmpeg("-i", self.folder / f"{name}.mp4", "-f", "framehash", self.folder / f"{name}.hash")
        self.assertEqual((self.folder / "page.hash").read_text(), (self.folder / "overlay.hash").read_text())

    def test_models_have_their_cards(self):
        self.assertEqual([m["name"] for m in self.data["models"]], [f"{m}-s.safetensors" for m in ("avol", "sync", "sep")])
        for model in self.data["models"]:
            self.assertEqual(model["card"], self.cards[model["name"].removesuffix(".safetensors")])
            self.assertEqual(len(model["facts"]["SHA-256 of the weights"]), 64)

    def test_a_part_of_a_silent_still_is_reported_honestly(self):
        ffmpeg("-f", "lavfi", "-i", "color=gray:size=96x96:rate=25:duration=4", "-f", "lavfi", "-i", "anullsrc=r=48000:d=4",
               "-c:v", "mpeg4", self.folder / "nothing.mp4")
        self.avsound("report", "nothing.mp4", "-o", "nothing.html", "--start", "1", "--duration", "2", "-q")
        data = json.loads(Page((self.folder / "nothing.html").read_text()).parts["data"])
        self.assertEqual((data["sync"]["offset_ms"], max(data["score"]["confidence"])), (None, 0))
        self.assertIn("cannot tell", data["sync"]["answer"])
        self.assertIn("Silence", data["separation"]["answer"])
        self.assertGreaterEqual(min(data["score"]["time"]), 1)
        self.assertLess(max(data["score"]["time"]), 3)

    def test_damage_is_told_of_once(self):
        """Each of the three questions meets it."""
        whole = self.folder / "whole.mkv"
        ffmpeg("-i", self.folder / self.data["name"], "-c", "copy", whole)
        (self.folder / "cut.mkv").write_bytes(whole.read_bytes()[:whole.stat().st_size * 7 // 10])
        run = self.avsound("report", "cut.mkv", "-o", "cut.html", "-q", code=3)
        self.assertEqual(run.stderr.count("damaged"), 1, run.stderr)
        page = json.loads(Page((self.folder / "cut.html").read_text()).parts["data"])
        self.assertGreater(len(page["score"]["time"]), 10)

    def test_another_model_may_point(self):
        self.avsound("report", "clip.mp4", "-o", "x.html", "-m", SOURCE / "models" / "avol-s.safetensors", "-q")
        text = (self.folder / "x.html").read_text()
        self.assertEqual(len(json.loads(Page(text).parts["data"])["models"]), 3)
        (self.folder / "x.html").unlink()
        self.refused(4, "has no map", "report", "clip.mp4", "-o", "x.html", "-m", "ave-s")

    def test_refusals(self):
        self.refused(2, "--output is missing", "report", "clip.mp4")
        self.refused(3, "no sound", "report", "mute.mp4", "-o", "x.html")
        self.refused(3, "no video", "report", "still.png", "-o", "x.html")
        self.refused(3, "no video", "report", "tone.wav", "-o", "x.html")
        self.refused(3, "noise.mp4", "report", "noise.mp4", "-o", "x.html")
        self.refused(5, "nowhere/x.html", "report", self.data["name"], "-o", "nowhere/x.html", "-q")
        self.refused(2, "is an input too", "report", "clip.mp4", "-o", "clip.mp4")
        make_video(self.folder / "hours.mp4", seconds=601, rate=1, size="32x32")
        self.before.add("hours.mp4")
        self.refused(2, "hours.mp4: 601 s are too much", "report", "hours.mp4", "-o", "x.html")

    def test_a_signal_leaves_nothing(self):
        run = subprocess.Popen([COMMAND, "report", "long.mp4", "-o", "x.html"], cwd=self.folder, stderr=subprocess.PIPE, text=True,
                               env=environment(TMPDIR=str(self.temporary)))
        while not os.listdir(self.temporary) and run.poll() is None:
            time.sleep(0.01)
        run.send_signal(signal.SIGTERM)
        self.assertIn("interrupted", run.communicate()[1])
        self.assertEqual((run.returncode, os.listdir(self.temporary), self.new_files()), (143, [], []))

    @unittest.skipUnless(BROWSER, "needs chromium")
    def test_a_browser_shows_it(self):
        base = [BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
                "--enable-logging=stderr", f"--user-data-dir={self.folder / 'profile'}", "--timeout=20000", "--window-size=1000,2600"]
        shown = subprocess.run([*base, "--dump-dom", (self.folder / "page.html").as_uri()], capture_output=True, text=True,
                               timeout=300, env=environment(HOME=str(self.folder)))
        self.assertNotIn("CONSOLE", shown.stderr)
        plots = re.findall(r"<svg.*?</svg>", shown.stdout)
        self.assertEqual(len(plots), 2)
        for plot in plots:
            self.assertGreater(max(len(path.split("L")) for path in re.findall(r' d="(M[^"]*)"', plot)), 50)
            self.assertNotIn("NaN", plot)
        self.assertEqual(shown.stdout.count('src="blob:'), 4)  # the video, two sounds, their spectrograms
        self.assertIn(">a &lt;script&gt;&lt;!--.mp4</h1>", shown.stdout)
        subprocess.run([*base, f"--screenshot={self.folder / 'page.png'}", (self.folder / "page.html").as_uri()],
                       capture_output=True, timeout=300, env=environment(HOME=str(self.folder)))
        picture = np.asarray(Image.open(self.folder / "page.png").convert("RGB")).astype(int)
        self.assertEqual(picture.shape, (2600, 1000, 3))
        video = picture[200:600, 40:450].reshape(-1, 3)
        self.assertGreater(len(np.unique(video, axis=0)), 5000)  # its first frame, not an empty player


if __name__ == "__main__":
    unittest.main(verbosity=2)
