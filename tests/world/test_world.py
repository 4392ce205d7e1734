"""avsound-world as people run it: the files it writes, read by others (ffmpeg, numpy), against the truth it tells."""
import csv
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

try:
    import numpy as np
except ImportError:
    print("skipped: needs numpy")
    sys.exit(77)
if not shutil.which("ffmpeg"):
    print("skipped: needs ffmpeg")
    sys.exit(77)

WORLD = os.environ["AVSOUND_WORLD"]
RATE = 48000
SMALL = ["--size", "96x96", "--quiet"]


def run(*arguments):
    return subprocess.run([WORLD, *map(str, arguments)], capture_output=True, text=True)


def decode(path, track):
    """Audio track as [samples][2] of floats."""
    raw = subprocess.run(["ffmpeg", "-v", "error", "-i", str(path), "-map", f"0:a:{track}", "-f", "s16le", "-ac", "2",
                          "-ar", str(RATE), "-"], capture_output=True, check=True).stdout
    return np.frombuffer(raw, "<i2").reshape(-1, 2) / 32768


def frame_count(path):
    out = subprocess.run(["ffprobe", "-v", "error", "-select_streams", "v", "-count_packets", "-show_entries",
                          "stream=nb_read_packets", "-of", "csv=p=0", str(path)],
                         capture_output=True, text=True, check=True)
    return int(out.stdout)


def db(x):
    return 20 * np.log10(np.sqrt(np.mean(np.square(x))) + 1e-9)


def read_bytes(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir()}


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder, True)

    def make(self, name, *options):
        folder = self.folder / name
        result = run("--out", folder, *SMALL, *options)
        self.assertEqual(result.returncode, 0, result.stderr)
        return folder

    def truths(self, folder):
        return [json.loads(p.read_text()) for p in sorted(folder.glob("clip-*.json"))]


class Repeatable(Case):
    def test_threads_change_nothing(self):
        one = self.make("one", "--clips", 5, "--seconds", 1, "--threads", 1)
        three = self.make("three", "--clips", 5, "--seconds", 1, "--threads", 3)
        self.assertEqual(read_bytes(one), read_bytes(three))

    def test_a_clip_depends_on_its_number_not_on_the_others(self):
        all_of_them = self.make("all", "--clips", 4, "--seconds", 1)
        last = self.make("last", "--first", 3, "--clips", 1, "--seconds", 1)
        for ending in (".mp4", ".json"):
            name = "clip-000003" + ending
            self.assertEqual((all_of_them / name).read_bytes(), (last / name).read_bytes())

    def test_seeds_differ(self):
        a = self.make("a", "--clips", 2, "--seconds", 1)
        b = self.make("b", "--clips", 2, "--seconds", 1, "--seed", 2)
        texts = {t.read_text() for folder in (a, b) for t in folder.glob("clip-*.json")}
        self.assertEqual(len(texts), 4)

    def test_shards_make_the_whole(self):
        whole = self.make("whole", "--clips", 5, "--seconds", 1)
        self.make("parts", "--clips", 5, "--seconds", 1, "--shard", "0/2")
        parts = self.make("parts", "--clips", 5, "--seconds", 1, "--shard", "1/2")
        self.assertEqual(read_bytes(whole), read_bytes(parts))

    def test_a_run_is_continued(self):
        folder = self.make("a", "--clips", 4, "--seconds", 1)
        before = read_bytes(folder)
        (folder / "clip-000001.json").unlink()
        (folder / "clip-000002.mp4").unlink()
        kept = (folder / "clip-000003.mp4").stat().st_mtime_ns
        self.make("a", "--clips", 4, "--seconds", 1)
        self.assertEqual(read_bytes(folder), before)
        self.assertEqual((folder / "clip-000003.mp4").stat().st_mtime_ns, kept)

    def test_an_interrupted_run_leaves_whole_clips(self):
        folder = self.folder / "a"
        command = [WORLD, "--out", folder, *SMALL, "--clips", "400", "--seconds", "1", "--threads", "2"]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while not list(folder.glob("clip-*.json")) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(), 130)
        names = {p.name for p in folder.iterdir()}
        clips = {n[:-5] for n in names if n.startswith("clip") and n.endswith(".json")}
        self.assertEqual(names - {"world.json"}, {c + e for c in clips for e in (".mp4", ".json")})
        self.assertLess(len(clips), 400)

    def test_another_world_is_refused(self):
        folder = self.make("a", "--clips", 1, "--seconds", 1)
        result = run("--out", folder, *SMALL, "--seconds", 2)
        self.assertEqual(result.returncode, 1)
        self.assertIn("seconds", result.stderr)
        (folder / "world.json").write_text("{")
        result = run("--out", folder, *SMALL)
        self.assertEqual(result.returncode, 1)
        self.assertIn("world.json", result.stderr)


class Truth(Case):
    @classmethod
    def setUpClass(cls):
        cls.shared = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.shared, True)
        result = run("--out", cls.shared / "w", *SMALL, "--clips", 8, "--seconds", 2, "--seed", 4, "--off-screen", 0.5)
        assert result.returncode == 0, result.stderr
        cls.clips = [json.loads(p.read_text()) for p in sorted((cls.shared / "w").glob("clip-*.json"))]

    def video(self, truth):
        return self.shared / "w" / truth["video"]

    def test_boxes_lie_in_the_frame(self):
        for truth in self.clips:
            self.assertEqual(frame_count(self.video(truth)), truth["frames"])
            for thing in truth["things"]:
                if not thing["on_screen"]:
                    self.assertIsNone(thing["boxes"])
                    continue
                self.assertEqual(len(thing["boxes"]), truth["frames"])
                for x0, y0, x1, y1 in thing["boxes"]:
                    self.assertTrue(0 <= x0 < x1 <= truth["width"] and 0 <= y0 < y1 <= truth["height"])

    def test_tracks_are_the_stems_and_add_up(self):
        for truth in self.clips:
            tracks = [decode(self.video(truth), k) for k in range(len(truth["tracks"]))]
            self.assertEqual(truth["tracks"][0], "mixture")
            self.assertEqual(truth["tracks"][-1], "ambience")
            for thing in truth["things"]:
                self.assertEqual(thing["sounding"], thing["stem"] is not None)
                if thing["sounding"]:
                    self.assertEqual(truth["tracks"][thing["stem"]], thing["kind"])
            total = sum(tracks[1:])
            self.assertEqual(len(total), 2 * RATE)
            mixture = tracks[0][:len(total)]
            # AAC is lossy, and puts other noise for noise; but nothing may be shifted by a single sample.
            if db(total) > -45:
                self.assertGreater(np.corrcoef(mixture.ravel(), total.ravel())[0, 1], 0.7, truth["video"])
                spectra = [np.fft.rfft(x.mean(axis=1), 4 * RATE) for x in (mixture, total)]
                lags = np.fft.irfft(spectra[0] * np.conj(spectra[1]))
                self.assertEqual(lags.argmax(), 0, truth["video"])

    def test_levels_are_those_of_the_stems(self):
        for truth in self.clips:
            for thing in truth["things"]:
                if not thing["sounding"]:
                    continue
                stem = decode(self.video(truth), thing["stem"])
                for frame in range(0, truth["frames"], 7):
                    level = db(stem[frame * 1920:(frame + 1) * 1920])
                    if level > -100:
                        self.assertLess(abs(level - thing["level_db"][frame]), 0.51)

    def test_manifest_agrees(self):
        with open(self.shared / "w" / "manifest.csv", newline="") as f:
            rows = list(csv.DictReader(f))
        self.assertEqual([r["file"] for r in rows], [t["video"] for t in self.clips])
        for row, truth in zip(rows, self.clips):
            frame = round(float(row["time"]) * 25)
            self.assertTrue(13 <= frame <= truth["frames"] - 13)
            seen = [t for t in truth["things"] if t["on_screen"]]
            heard = [t for t in truth["things"] if t["level_db"] and max(t["level_db"][frame - 12:frame + 12]) > -50]
            both = [t for t in seen if t in heard]
            for key, things in (("visible", seen), ("audible", heard), ("sources", both),
                                ("off_screen", [t for t in heard if t not in seen])):
                self.assertEqual(row[key], "|".join(t["kind"] for t in things))
            self.assertEqual(row["boxes"], "|".join(" ".join(map(str, t["boxes"][frame])) for t in both))

    def test_tree_has_one_root(self):
        tree = self.clips[0]["tree"]
        for name in tree:
            steps = 0
            while name != "thing":
                name = tree[name]
                steps += 1
                self.assertLess(steps, 10)


class Sound(Case):
    KINDS = ("ball bell bird car clock dog drum face frog gong guitar rain rattle siren telephone violin whistle "
             "xylophone").split()

    def stems(self, kind, clips, *options):
        folder = self.make(kind, "--kinds", kind, "--things", 1, "--silent", 0, "--no-source", 0, "--off-screen", 0,
                           "--clips", clips, "--seconds", 3, "--size", "64x64", *options)
        return [(t, decode(folder / t["video"], 1)) for t in self.truths(folder)]

    def test_onsets_come_within_half_a_frame_of_their_causes(self):
        for kind in self.KINDS:
            for truth, stem in self.stems(kind, 2):
                x = stem.mean(axis=1)
                checked = 0
                for event in truth["things"][0]["events"]:
                    at = int(round(event["start"] * RATE))
                    if at < 3000 or at + 960 > len(x):
                        continue
                    # What was there before may still ring: differences favour what is new.
                    before, after = np.diff(x[at - 2400:at - 20]), np.diff(x[at - 20:at + 960])
                    self.assertGreater(np.abs(after).max(), np.abs(before[-960:]).max(), (kind, truth["video"], event))
                    checked += 1
                self.assertGreater(checked, 0, kind)

    def test_a_nearest_neighbour_can_tell_the_kinds(self):
        """Mean and spread of the log spectrum in 24 bands, and how unsteady the level is: 18 kinds, chance 6 %."""
        features, labels = [], []
        edges = np.geomspace(60, 16000, 25)
        for kind in self.KINDS:
            for _, stem in self.stems(kind, 5):
                x = stem.mean(axis=1) / (np.sqrt(np.mean(stem ** 2)) + 1e-9)
                frames = np.lib.stride_tricks.sliding_window_view(x, 2048)[::1024] * np.hanning(2048)
                power = np.abs(np.fft.rfft(frames)) ** 2
                bins = np.fft.rfftfreq(2048, 1 / RATE)
                bands = np.stack([power[:, (bins >= a) & (bins < b)].sum(axis=1) for a, b in zip(edges, edges[1:])], 1)
                bands = 10 * np.log10(bands + 1e-2)
                features.append(np.concatenate([bands.mean(0), bands.std(0), np.percentile(bands, 90, axis=0)]))
                labels.append(kind)
        features, labels = np.array(features), np.array(labels)
        features = (features - features.mean(0)) / features.std(0)
        distance = ((features[:, None] - features[None]) ** 2).sum(-1)
        np.fill_diagonal(distance, np.inf)
        right = np.mean(labels[distance.argmin(1)] == labels)
        print(f"nearest neighbour over {len(labels)} sounds: {right:.0%}")
        self.assertGreater(right, 0.8)

    def test_offset_moves_the_sound_and_nothing_else(self):
        (plain_truth, plain), = self.stems("clock", 1)
        shutil.rmtree(self.folder / "clock")
        (early_truth, early), = self.stems("clock", 1, "--offset", 130)
        self.assertEqual(early_truth["offset_ms"], 130)
        self.assertEqual(plain_truth["things"][0]["boxes"], early_truth["things"][0]["boxes"])
        shift = 130 * RATE // 1000
        a, b = plain[shift:, 0], early[:len(plain) - shift, 0]
        self.assertGreater(np.corrcoef(a, b)[0, 1], 0.99)


    def test_channels_tell_what_they_are_asked_to(self):
        """The stem's level and delay are the truth's, within what room and sway add."""
        for seed in (3, 4):
            for how in ("both", "pan", "delay", "none"):
                (truth, x), = self.stems("violin", 1, "--stereo", how, "--seed", seed)
                (thing,) = truth["things"]
                level, delay = thing["channels"]["level_db"], thing["channels"]["delay_ms"]
                self.assertEqual(level != 0, how in ("both", "pan"))
                self.assertEqual(delay != 0, how in ("both", "delay"))
                self.assertAlmostEqual(db(x[:, 1]) - db(x[:, 0]), level, delta=1.5)
                cross = np.fft.rfft(x[:, 0]).conj() * np.fft.rfft(x[:, 1])
                lags = np.fft.irfft(cross * (np.arange(len(cross)) < len(cross) / 5))  # below 5 kHz
                at = (int(lags.argmax()) + len(lags) // 2) % len(lags) - len(lags) // 2
                self.assertAlmostEqual(1000 * at / RATE, delay, delta=0.04)
                self.assertEqual((x[:, 0] == x[:, 1]).all(), how == "none")
                shutil.rmtree(self.folder / "violin")

    def test_a_world_made_before_there_was_a_choice_of_stereo_goes_on(self):
        folder = self.make("a", "--clips", 1, "--seconds", 1)
        world = json.loads((folder / "world.json").read_text())
        self.assertEqual(world["options"].pop("stereo"), "both")
        (folder / "world.json").write_text(json.dumps(world))
        self.make("a", "--clips", 2, "--seconds", 1)
        result = run("--out", folder, *SMALL, "--seconds", 1, "--stereo", "pan")
        self.assertEqual(result.returncode, 1)
        self.assertIn('stereo "both", not "pan"', result.stderr)


class Bad(Case):
    def test_wrong_command_lines(self):
        for line in ("--out x --seconds 0", "--out x --size 100x101", "--out x --kinds tuba",
                     "--out x --kinds bell,bell", "--out x --things 3-2", "--out x --things 5", "--out x --shard 2/2", "--out x --silent nan", "--out x --stereo mono",
                     "--out x --bogus", "--out", "bogus", "--out x --quiet=1", "--out x --clips 1e3", ""):
            words = line.split() or ["--out"]
            result = run(*line.split())
            self.assertEqual(result.returncode, 2, line)
            self.assertIn(next(w for w in reversed(words) if w.startswith("-") or w == "bogus"), result.stderr)
            self.assertEqual(result.stdout, "")

    def test_help_and_version(self):
        text = run("--help")
        self.assertEqual(text.returncode, 0)
        for kind in Sound.KINDS:
            self.assertIn(kind, text.stdout)
        self.assertRegex(run("--version").stdout, r"^avsound-world \d+\.\d+\.\d+\n$")

    def test_unwritable_folder(self):
        file = self.folder / "file"
        file.write_text("")
        for out in (file, file / "x", self.folder / "no" / "such"):
            result = run("--out", out, *SMALL, "--clips", 1)
            self.assertEqual(result.returncode, 1, out)
            self.assertIn(str(out), result.stderr)

    def test_full_disk(self):
        """Files may not grow beyond 64 kB: as on a full disk, nothing half-written stays."""
        folder = self.folder / "w"
        script = f"trap '' XFSZ; ulimit -f 64; exec '{WORLD}' --out '{folder}' --quiet --clips 2 --threads 1"
        result = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertEqual({p.name for p in folder.iterdir()}, {"world.json"})

    def test_odd_shapes(self):
        for size, fps, seconds in (("64x200", 5, 2), ("300x64", 120, 0.5), ("66x64", 1, 1)):
            folder = self.make(size, "--clips", 1, "--size", size, "--fps", fps, "--seconds", seconds)
            truth, = self.truths(folder)
            self.assertEqual(frame_count(folder / truth["video"]), round(fps * seconds))

    def test_sheet(self):
        path = self.folder / "sheet.png"
        self.assertEqual(run("--sheet", path).returncode, 0)
        self.assertEqual(path.read_bytes()[:8], b"\x89PNG\r\n\x1a\n")


if __name__ == "__main__":
    unittest.main()
