"""avsound index and avsound search: an archive that is interrupted, killed, shared out, damaged, moved, and found again."""
import base64
import csv
import io
import json
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import time
import unittest

import numpy as np
from PIL import Image

from support import COMMAND, CommandTest, environment, ffmpeg, on_terminal, pixels

MODEL = ["--arch", "ave-net", "--config", '{"width": 0.0625}']
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
HEAD = 4096  # bytes of a file of vectors before the first


def vectors(path):
    return np.fromfile(path, "<f4", offset=HEAD).reshape(-1, 128)


class Index(CommandTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        archive = cls.folder / "archive"
        (archive / "deep" / "er").mkdir(parents=True)
        for i in range(14):
            folder = archive / "deep" / "er" if i % 2 else archive
            ffmpeg("-f", "lavfi", "-i", f"testsrc2=size=96x96:rate=10:duration=4,hue=h={25 * i}", "-f", "lavfi", "-i",
                   f"sine={200 * (i + 1)}:duration=4", "-c:v", "mpeg4", "-c:a", "pcm_s16le", folder / f"clip-{i:02}.mkv")
        shutil.copy(cls.folder / "still.png", archive / "still.png")
        shutil.copy(cls.folder / "tone.wav", archive / "tone.wav")
        shutil.copy(cls.folder / "noise.mp4", archive / "noise.mp4")
        (archive / "notes.txt").write_text("no media\n")
        (archive / ".hidden.wav").write_text("no media\n")
        cls.before.add("archive")
        cls.temporary = cls.folder / "temporary"
        cls.temporary.mkdir()
        cls.before.add("temporary")
        self = cls()
        cls.first = self.avsound("index", "archive", "-o", "whole.db", *MODEL, "--json")
        cls.before |= {"whole.db", "whole.db-image", "whole.db-sound"}

    def index(self, *arguments, code=0):
        return self.avsound("index", *arguments, *MODEL, "-q", code=code)

    def search(self, *arguments):
        return json.loads(self.avsound("search", *arguments, *MODEL, "--json", "-q").stdout)["results"]

    def assert_like_whole(self, path):
        """The same files with the same vectors and times, in whatever order."""
        def content(path):
            with sqlite3.connect(path) as db:
                sides = [vectors(f"{path}-{side}") for side in ("image", "sound")]
                found = {}
                for name, side, first, count, times in db.execute(
                        "SELECT path, side, first, count, times FROM files JOIN segments ON file = id"):
                    found[name, side] = times, sides[side][first:first + count].tobytes()
                return found, sorted(db.execute("SELECT path, size, mtime_ns, error FROM files"))
        self.assertEqual(content(self.folder / path), content(self.folder / "whole.db"))

    def test_all_of_an_archive_is_taken_in(self):
        report = json.loads(self.first.stdout)
        self.assertEqual([report[key] for key in ("files", "images", "sounds", "added", "failed", "kept")], [17, 57, 59, 16, 1, 0])
        self.assertEqual([pathlib.Path(p["file"]).name for p in report["problems"]], ["noise.mp4"])
        self.assertIn("noise.mp4", self.first.stderr)

    def test_vectors_are_those_of_embed(self):
        for side, modality in enumerate(("image", "audio")):
            self.avsound("embed", "archive/clip-02.mkv", "--modality", modality, "-o", "one.npy", *MODEL, "-q", "-p", "auto")
            with sqlite3.connect(self.folder / "whole.db") as db:
                first, count, times = db.execute(
                    "SELECT first, count, times FROM files JOIN segments ON file = id WHERE path LIKE '%clip-02.mkv' AND side = ?",
                    (side,)).fetchone()
            wanted = np.load(self.folder / "one.npy")[:count]
            wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
            found = vectors(self.folder / f"whole.db-{'sound' if side else 'image'}")[first:first + count]
            np.testing.assert_allclose(found, wanted, atol=2e-6)
            np.testing.assert_array_equal(np.frombuffer(times, "<i8"), np.arange(count) * 1000000)

    def test_a_second_run_keeps_everything(self):
        before = (self.folder / "whole.db").read_bytes()
        run = self.avsound("index", "archive", "-o", "whole.db", *MODEL)
        self.assertIn("0 new, 17 kept", run.stdout)
        self.assertEqual((self.folder / "whole.db").read_bytes(), before)

    def test_four_directions_against_numpy(self):
        images, sounds = vectors(self.folder / "whole.db-image"), vectors(self.folder / "whole.db-sound")
        with sqlite3.connect(self.folder / "whole.db") as db:
            rows = [{}, {}]
            for name, side, first, count, times in db.execute(
                    "SELECT path, side, first, count, times FROM files JOIN segments ON file = id"):
                for i, t in enumerate(np.frombuffer(times, "<i8")):
                    rows[side][first + i] = name, t / 1e6
        clip = "archive/deep/er/clip-05.mkv"
        place = {side: next(r for r, (name, t) in rows[side].items() if name.endswith("clip-05.mkv") and t == 2) for side in (0, 1)}
        for by, want in ((0, 0), (0, 1), (1, 0), (1, 1)):
            words = ("picture", "sound")
            found = self.search("whole.db", "--video", f"{clip}@2", "--by", words[by], "--for", words[want], "-k", "12",
                                "--per-file", "0")
            cosines = (sounds if want else images).astype(float) @ (sounds if by else images)[place[by]].astype(float)
            np.testing.assert_allclose([r["score"] for r in found], np.sort(cosines)[::-1][:12], atol=1e-5)
            for r in found:
                row = next(i for i, at in rows[want].items() if at == (r["file"], r["time"]))
                self.assertAlmostEqual(cosines[row], r["score"], delta=1e-5)
            self.assertEqual([r["rank"] for r in found], list(range(1, 13)))
            self.assertEqual({(r["from"], r["for"]) for r in found}, {(words[by], words[want])})

    def test_several_queries_are_answered_as_one_by_one(self):
        queries = [["--image", "still.png"], ["--audio", "tone.wav"], ["--image", "archive/clip-04.mkv@1.5"],
                   ["--audio", "archive/clip-06.mkv@0:03"]]
        together = self.search("whole.db", *sum(queries, []), "-k", "4")
        self.assertEqual(together, sum((self.search("whole.db", *q, "-k", "4") for q in queries), []))
        self.assertEqual([r["for"] for r in together[::4]], ["sound", "picture", "sound", "picture"])
        files = [r["file"] for r in together[:4]]
        self.assertEqual(len(set(files)), 4)  # one answer a file
        many = [q for i in range(30) for q in ("--audio", f"archive/clip-{i % 7 * 2:02}.mkv@{i % 4}")]
        self.assertEqual(len(self.search("whole.db", *many, "-k", "3")), 90)

    def test_a_still_and_a_sound_find_themselves(self):
        found = self.search("whole.db", "--image", "still.png", "--for", "picture", "-k", "1")[0]
        self.assertTrue(found["file"].endswith("archive/still.png"))
        self.assertAlmostEqual(found["score"], 1, delta=1e-4)
        found = self.search("whole.db", "--audio", "tone.wav@1", "--for", "sound", "-k", "1")[0]
        self.assertTrue(found["file"].endswith("archive/tone.wav"))

    def test_a_still_stands_still_to_networks_that_see_motion(self):
        for arch in ("ave-net-mf", "ave-net-of"):
            with self.subTest(arch):
                model = ["--arch", arch, "--config", '{"width": 0.0625, "image": {"width": 64, "height": 64, "short_side": 72}}', "-q"]
                self.avsound("index", "still.png", "tone.wav", "archive/clip-04.mkv", "-o", f"{arch}.db", *model)
                self.avsound("embed", "still.png", "-o", "still.npy", *model, "-p", "auto")
                stored = vectors(self.folder / f"{arch}.db-image")
                found = json.loads(self.avsound("search", f"{arch}.db", "--image", "still.png", "--for", "picture", "--json", "-k", "1",
                                                *model).stdout)["results"][0]
                self.assertTrue(found["file"].endswith("still.png"))
                self.assertAlmostEqual(found["score"], 1, delta=1e-4)
                still = np.load(self.folder / "still.npy").ravel()
                self.assertGreater((stored @ still / np.linalg.norm(still)).max(), 0.9999)

    def test_people_read_paragraphs(self):
        run = self.avsound("search", "whole.db", "--image", "still.png", "-k", "2", *MODEL, "-q")
        lines = run.stdout.splitlines()
        self.assertEqual(lines[0], "still.png (picture): sounds")
        self.assertEqual(len(lines), 3)
        self.assertRegex(lines[1], r"^ +1 +-?[01]\.\d{3} +\d+\.\d{3} s  /.*archive/.*$")
        self.avsound("search", "whole.db", "--image", "still.png", "-k", "2", *MODEL, "-q", "-o", "found.csv")
        self.assertEqual((self.folder / "found.csv").read_text().splitlines()[0], "query,from,for,rank,score,time,file,state")

    def page(self, *arguments):
        run = self.avsound("search", *arguments, *MODEL, "-q", "--html", "page.html", TMPDIR=str(self.temporary))
        self.assertEqual((run.stdout, run.stderr, os.listdir(self.temporary)), ("", "", []))
        text = (self.folder / "page.html").read_text()
        self.assertEqual(set(re.findall(r"https?://[^\s\"']*", text)), set())
        return json.loads(re.search(r'id="data">(.*?)</script>', text, re.S)[1])

    def test_a_page_holds_what_is_to_be_seen_and_heard(self):
        data = self.page("whole.db", "--image", "still.png", "--audio", "tone.wav@1", "-k", "3")
        self.assertEqual([(q["from"], q["for"], len(q["answers"])) for q in data["queries"]],
                         [("picture", "sound", 3), ("sound", "picture", 3)])
        with Image.open(io.BytesIO(base64.b64decode(data["queries"][0]["picture"]))) as picture:
            self.assertEqual(picture.size, (120, 80))
            wanted = pixels(self.folder / "still.png").astype(int)
            self.assertLess(np.abs(np.asarray(picture.convert("RGB")).astype(int) - wanted).mean(), 12)
        self.assertIsNone(data["queries"][0]["sound"])
        self.assertIsNone(data["queries"][1]["picture"])
        wav = base64.b64decode(data["queries"][1]["sound"])
        sound = np.frombuffer(wav[44:], "<i2").astype(float)
        self.assertEqual((wav[:4], wav[8:16], len(sound)), (b"RIFF", b"WAVEfmt ", 32000))
        peak = np.argmax(np.abs(np.fft.rfft(sound))) * 16000 / len(sound)
        self.assertAlmostEqual(peak, 880, delta=2)
        listed = self.search("whole.db", "--image", "still.png", "--audio", "tone.wav@1", "-k", "3")
        answers = [a for q in data["queries"] for a in q["answers"]]
        self.assertEqual([(a["file"], a["time"]) for a in answers], [(r["file"], r["time"]) for r in listed])
        for answer in answers:
            has = "still.png" not in answer["file"]
            self.assertEqual(bool(answer["strip"]) and bool(answer["sound"]), has)
            self.assertEqual(bool(answer["picture"]), "tone.wav" not in answer["file"])

    def test_a_page_shows_missing_files_as_such(self):
        shutil.copy(self.folder / "tone.wav", self.folder / "a <b>.wav")
        self.index("a <b>.wav", "archive/clip-02.mkv", "-o", "a.db")
        (self.folder / "a <b>.wav").unlink()
        answers = self.page("a.db", "--image", "still.png", "-k", "5")["queries"][0]["answers"]
        gone = [a for a in answers if a["state"] == "missing"]
        self.assertEqual([pathlib.Path(a["file"]).name for a in gone], ["a <b>.wav"])
        self.assertNotIn("sound", gone[0])

    @unittest.skipUnless(BROWSER, "needs chromium")
    def test_a_browser_shows_the_page(self):
        self.page("whole.db", "--image", "still.png", "--audio", "tone.wav", "-k", "6")
        base = [BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
                "--enable-logging=stderr", f"--user-data-dir={self.folder / 'profile'}", "--timeout=20000", "--window-size=1000,1600"]
        where = (self.folder / "page.html").as_uri()
        shown = subprocess.run([*base, "--dump-dom", where], capture_output=True, text=True, timeout=300,
                               env=environment(HOME=str(self.folder)))
        self.assertNotIn("CONSOLE", shown.stderr)
        self.assertEqual(len(re.findall(r'<li class="card"', shown.stdout)), 12)
        self.assertGreater(len(re.findall(r'<audio [^>]*src="data:audio/wav;base64,', shown.stdout)), 9)
        subprocess.run([*base, f"--screenshot={self.folder / 'page.png'}", where], capture_output=True, timeout=300,
                       env=environment(HOME=str(self.folder)))
        self.assertGreater(len(np.unique(pixels(self.folder / "page.png").reshape(-1, 3), axis=0)), 3000)

    def test_an_export_has_the_rows_of_the_index(self):
        shutil.copy(self.folder / "tone.wav", self.folder / 'a "quoted", name.wav')
        self.index("archive/clip-02.mkv", 'a "quoted", name.wav', "-o", "a.db")
        self.assertEqual(self.avsound("index", "a.db", "--export", "out").stdout, "out: 4 pictures, 7 sounds\n")
        for side, count in (("image", 4), ("sound", 7)):
            np.testing.assert_array_equal(np.load(self.folder / f"out.{side}.npy"), vectors(self.folder / f"a.db-{side}"))
            with open(self.folder / f"out.{side}.csv", newline="") as file:
                rows = list(csv.DictReader(file))
            self.assertEqual([int(row["row"]) for row in rows], list(range(count)))
            clip = [float(row["time"]) for row in rows if row["file"].endswith("/archive/clip-02.mkv")]
            self.assertEqual(clip, [0, 1, 2, 3])
            tone = [float(row["time"]) for row in rows if row["file"].endswith('/a "quoted", name.wav')]
            self.assertEqual(tone, [0, 1, 2] if side == "sound" else [])

    def test_interrupted_it_goes_on(self):
        run = subprocess.Popen([COMMAND, "index", "archive", "-o", "a.db", *MODEL, "-t", "1"], cwd=self.folder, env=environment(),
                               stderr=subprocess.PIPE, text=True)
        while run.poll() is None and not ((self.folder / "a.db-image").exists() and
                                          (self.folder / "a.db-image").stat().st_size > HEAD + 6 * 512):
            time.sleep(0.005)
        run.send_signal(signal.SIGINT)
        self.assertIn("interrupted", run.communicate()[1])
        self.assertEqual(run.returncode, 130)
        report = json.loads(self.avsound("index", "archive", "-o", "a.db", *MODEL, "--json", "-q").stdout)
        self.assertGreater(report["kept"], 0)
        self.assertEqual(report["files"], 17)
        self.assert_like_whole("a.db")

    def test_killed_at_random_it_goes_on(self):
        draw = random.Random(3)
        for attempt in range(8):
            run = subprocess.Popen([COMMAND, "index", "archive", "-o", "a.db", *MODEL, "-q", "-t", "1"], cwd=self.folder,
                                   env=environment(), stderr=subprocess.DEVNULL)
            time.sleep(draw.uniform(0, 0.5))
            run.kill()
            run.wait()
            if attempt % 3 == 2 and (self.folder / "a.db").exists():
                self.assertIn(self.avsound("search", "a.db", "--image", "still.png", *MODEL, "-q", code=None).returncode, (0, 3))
        self.index("archive", "-o", "a.db")
        self.assert_like_whole("a.db")

    def test_shards_become_one(self):
        for i in (1, 2, 3):
            self.index("archive", "-o", f"s{i}.db", "--shard", f"{i}/3")
        run = self.avsound("index", "--merge", "s1.db", "s2.db", "s3.db", "-o", "all.db")
        self.assertIn("17 files merged", run.stdout)
        self.assert_like_whole("all.db")
        self.assertIn("0 files merged", self.avsound("index", "--merge", "s1.db", "-o", "all.db").stdout)

    def test_what_changes_is_taken_in_again(self):
        shutil.copytree(self.folder / "archive", self.folder / "copy")
        self.index("copy", "-o", "a.db")
        shutil.copy(self.folder / "tone.wav", self.folder / "copy" / "new.wav")
        shutil.copy(self.folder / "copy" / "clip-02.mkv", self.folder / "copy" / "clip-00.mkv")
        (self.folder / "copy" / "clip-04.mkv").unlink()
        found = self.search("a.db", "--video", "copy/clip-02.mkv@1", "--for", "picture", "--by", "picture", "-k", "16")
        states = {pathlib.Path(r["file"]).name: r["state"] for r in found}
        self.assertEqual((states["clip-00.mkv"], states["clip-04.mkv"], states["clip-02.mkv"]), ("changed", "missing", None))
        text = self.avsound("search", "a.db", "--video", "copy/clip-02.mkv@1", "--for", "picture", "--by", "picture", "-k", "16",
                            *MODEL, "-q").stdout
        self.assertRegex(text, r"clip-04\.mkv  \(missing\)\n")
        report = json.loads(self.avsound("index", "copy", "-o", "a.db", "--prune", *MODEL, "-q", "--json").stdout)
        self.assertEqual([report[key] for key in ("added", "kept", "pruned", "files")], [2, 15, 1, 17])
        found = self.search("a.db", "--video", "copy/clip-02.mkv@1", "--for", "picture", "--by", "picture", "-k", "2")
        self.assertEqual({pathlib.Path(r["file"]).name for r in found}, {"clip-00.mkv", "clip-02.mkv"})
        self.assertAlmostEqual(found[1]["score"], 1, delta=1e-5)

    def test_one_writer_at_a_time(self):
        first = subprocess.Popen([COMMAND, "index", "archive", "long.mp4", "-o", "a.db", "--hop", "0.05", *MODEL, "-q", "-t", "1"],
                                 cwd=self.folder, env=environment())
        while not (self.folder / "a.db-image").exists() or not (self.folder / "a.db-image").stat().st_size:
            time.sleep(0.005)
        run = self.avsound("index", "archive", "-o", "a.db", *MODEL, "-q", code=None)
        first.send_signal(signal.SIGTERM)
        first.wait()
        self.assertEqual(run.returncode, 3, run.stderr)
        self.assertIn("another process is writing this index", run.stderr)

    def test_a_full_disk_is_told_of_and_loses_nothing(self):
        def little():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (16384, 16384))
        run = subprocess.run([COMMAND, "index", "archive", "-o", "a.db", *MODEL, "-q"], cwd=self.folder, env=environment(),
                             preexec_fn=little, restore_signals=False, capture_output=True, text=True, timeout=300)
        self.assertEqual(run.returncode, 5, run.stderr)
        self.assertRegex(run.stderr, r"a\.db.*(File too large|disk|full)")
        self.index("archive", "-o", "a.db")
        self.assert_like_whole("a.db")

    def test_other_kinds_are_refused(self):
        whole = (self.folder / "whole.db").read_bytes()
        self.refused(3, "hop of 1 s, not of 0.5", "index", "archive", "-o", "whole.db", "--hop", "0.5", *MODEL, "-q")
        self.refused(3, "another model", "index", "archive", "-o", "whole.db", "--arch", "l3-net", "--config", MODEL[3], "-q")
        self.refused(3, "another model", "search", "whole.db", "--image", "still.png", *MODEL, "--seed", "2", "-q")
        self.refused(3, "not a database", "search", "noise.mp4", "--image", "still.png", *MODEL, "-q")
        self.refused(3, "not a database", "index", "archive", "-o", "noise.mp4", *MODEL, "-q")
        self.refused(3, "No such file", "search", "no.db", "--image", "still.png", *MODEL, "-q")
        self.refused(3, "nowhere", "index", "nowhere", "-o", "x.db", *MODEL, "-q")
        self.refused(2, "--output is missing", "index", "archive", *MODEL)
        self.refused(2, "--shard is 3/2", "index", "archive", "-o", "x.db", "--shard", "3/2")
        self.refused(2, "--export wants one index", "index", "whole.db", "-o", "x.db", "--export", "y")
        self.refused(2, "what for?", "search", "whole.db")
        self.refused(2, "--for says which", "search", "whole.db", "--video", "clip.mp4@1")
        self.refused(2, "--by belongs to --video", "search", "whole.db", "--image", "still.png", "--by", "sound")
        self.refused(2, "is no time", "search", "whole.db", "--image", "clip.mp4@noon", *MODEL)
        self.refused(3, "ends before", "search", "whole.db", "--audio", "tone.wav@50", *MODEL, "-q")
        self.refused(3, "no.png", "search", "whole.db", "--image", "no.png", *MODEL, "-q")
        self.assertEqual((self.folder / "whole.db").read_bytes(), whole)

    def test_l3_net_compares_only_like_with_like(self):
        l3 = ["--arch", "l3-net", "--config", MODEL[3], "-q"]
        self.avsound("index", "archive/tone.wav", "archive/clip-02.mkv", "-o", "a.db", *l3)
        run = self.avsound("search", "a.db", "--image", "still.png", *l3, code=4)
        self.assertIn("avsound cca a.db", run.stderr)
        run = self.avsound("search", "a.db", "--audio", "tone.wav@1", "--for", "sound", *l3)
        self.assertIn("tone.wav", run.stdout)

    def test_a_cca_brings_an_l3_nets_senses_together(self):
        l3 = ["--arch", "l3-net", "--config", MODEL[3], "--precision", "f32", "-q"]
        self.avsound("index", "archive", "-o", "a.db", "--hop", "0.5", *l3)
        fit = json.loads(self.avsound("cca", "a.db", "-o", "a.cca", "--components", "8", "--json", "-q").stdout)
        self.assertEqual((fit["components"], fit["arch"], fit["image_dimension"], len(fit["correlations"])), (8, "l3-net", 32, 8))
        self.assertGreaterEqual(fit["pairs"], 7 * 14)
        queries = ["--video", "archive/clip-04.mkv@1.5", "--for", "sound", "-k", "4"]
        across = self.search_l3(queries, l3, "--cca", "a.cca")
        with sqlite3.connect(self.folder / "a.db") as db:
            rows = {side: (first, times) for side, first, times in db.execute(
                "SELECT side, first, times FROM files JOIN segments ON file = id WHERE path LIKE '%clip-04.mkv'")}
        image, sound = (np.fromfile(self.folder / f"a.db-{side}", "<f4", offset=HEAD).reshape(-1, 32) for side in ("image", "sound"))
        file = (self.folder / "a.cca").read_bytes()
        head = 8 + int.from_bytes(file[:8], "little")
        header, data = json.loads(file[8:head]), file[head:]

        def tensor(name):
            begin, end = header[name]["data_offsets"]
            return np.frombuffer(data[begin:end], "<f4").reshape(header[name]["shape"])

        def projected(vectors, side):
            found = (vectors - tensor(f"{side}.mean")) @ tensor(f"{side}.weight").T
            return found / np.linalg.norm(found, axis=1, keepdims=True)
        query = projected(image[rows[0][0] + list(np.frombuffer(rows[0][1], "<i8")).index(1500000)][None], "x")
        cosines = projected(sound, "y") @ query[0]
        self.assertAlmostEqual(across[0]["score"], cosines.max(), delta=1e-3)
        self.assertEqual(self.search_l3([*queries, "--by", "sound"], l3, "--cca", "a.cca"),
                         self.search_l3([*queries, "--by", "sound"], l3))  # within a sense all is as it was
        made = self.new_files()
        for code, words, *arguments in [
                (3, "another model", "search", "whole.db", "--image", "still.png", *MODEL, "-q", "--cca", "a.cca"),
                (3, "a.db", "search", "a.db", "--image", "still.png", *l3, "--cca", "a.db"),
                (2, "is an input too", "search", "a.db", "--image", "still.png", *l3, "--cca", "a.cca", "-o", "a.cca"),
                (3, "a.cca", "search", "a.db", "--image", "still.png", "-m", "a.cca", "-q"),
                (2, "--output is missing", "cca", "a.db"),
                (3, "not a database", "cca", "noise.mp4", "-o", "x.cca"),
                (3, "128 components want more", "cca", "whole.db", "-o", "x.cca"),
                (5, "x.cca", "cca", "a.db", "-o", "nowhere/x.cca", "--components", "8")]:
            self.assertIn(words, self.avsound(*arguments, code=code).stderr)
            self.assertEqual(self.new_files(), made)

    def search_l3(self, queries, l3, *more):
        return json.loads(self.avsound("search", "a.db", *queries, *more, *l3, "--json").stdout)["results"]

    def test_dimensions_that_are_not_the_models_are_damage(self):
        self.index("archive/tone.wav", "-o", "a.db")
        with sqlite3.connect(self.folder / "a.db") as db:
            db.execute("UPDATE about SET value = '4096' WHERE key = 'sound_dimension'")
            db.execute("UPDATE about SET value = '0' WHERE key = 'sound_rows'")
            db.execute("DELETE FROM segments")
        with open(self.folder / "a.db-sound", "r+b") as vectors:
            vectors.seek(20)
            vectors.write((4096).to_bytes(4, "little"))
        for query in ("tone.wav", "tone.wav@1"):
            run = self.avsound("search", "a.db", "--audio", query, *MODEL, "-q", code=3)
            self.assertIn("a.db: is damaged: its vectors are of 4096 numbers", run.stderr)

    def test_a_terminal_sees_how_long_it_will_take(self):
        code, _, seen = on_terminal(["index", "archive", "-o", "a.db", *MODEL], self.folder)
        self.assertEqual(code, 0)
        self.assertRegex(seen, r"\d+/17 files .* left")

    def test_a_link_keeps_its_name(self):
        (self.folder / "links").mkdir()
        os.symlink("../tone.wav", self.folder / "links" / "alias.wav")
        os.symlink("..", self.folder / "links" / "circle")
        (self.folder / "list.txt").write_text("# an archive\n\nlinks\nlinks/alias.wav\n./links/alias.wav\n")
        self.index("list.txt", "-o", "a.db")
        with sqlite3.connect(self.folder / "a.db") as db:
            self.assertEqual([pathlib.Path(p).name for (p,) in db.execute("SELECT path FROM files")], ["alias.wav"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
