"""avsound stream as people run it: raw pictures and sound through two pipes, held against the other subcommands on a file
with the same pictures and sound."""
import json
import os
import subprocess
import unittest

import numpy as np

from support import COMMAND, CommandTest, TINY, environment, ffmpeg

SIZE, RATE = "160x96", 25
FORMAT = ["--size", SIZE, "--fps", RATE]
MASK = ["--arch", "mask-net", "--config", json.dumps({"width": 0.0625, "unet_width": 0.0625, "clip": {"frames": 12}, "image": {
    "width": 32, "height": 32, "short_side": 32}, "separation": {"fft": 512, "window": 512, "hop": 256, "columns": 32}})]


class Stream(CommandTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        pictures, sound = cls.folder / "pictures.raw", cls.folder / "sound.raw"
        ffmpeg("-f", "lavfi", "-i", f"testsrc2=size={SIZE}:rate={RATE}:duration=3", "-pix_fmt", "yuv420p", "-f", "rawvideo", pictures)
        ffmpeg("-f", "lavfi", "-i", "aevalsrc=0.4*sin(2000*t*t)|0.3*sin(3000*t):s=44100:d=3", "-f", "s16le", sound)
        ffmpeg("-f", "rawvideo", "-s", SIZE, "-r", RATE, "-i", pictures, "-f", "s16le", "-ar", 44100, "-ac", 2, "-i", sound,
               "-c:v", "ffv1", "-c:a", "copy", cls.folder / "same.mkv")
        cls.before = set(os.listdir(cls.folder))

    def lines(self, *arguments, **pipes):
        """Runs with each of `pipes` fed through a named pipe of its own by another process, which may be slow to start."""
        writers = []
        for name, source in pipes.items():
            os.mkfifo(self.folder / f"{name}.pipe")
            writers.append(subprocess.Popen(["sh", "-c", f"exec cat {source} > {name}.pipe"], cwd=self.folder))
            arguments += (f"--{name}", f"{name}.pipe")
        run = self.avsound("stream", "--wait", 20, *arguments)
        for writer in writers:
            self.assertEqual(writer.wait(timeout=60), 0)
        return [json.loads(line) for line in run.stdout.splitlines()]

    def test_scores_are_those_of_the_file(self):
        lines = self.lines("--hop", 0.3, *TINY, *FORMAT, "--sample-format", "s16", "--sample-rate", 44100, "--channels", 2,
                           pictures="pictures.raw", sound="sound.raw")
        file = self.json("score", "same.mkv", "--hop", 0.3, "--json", *TINY)["results"]
        self.assertEqual(len(lines), len(file))
        for ours, theirs in zip(lines, file):
            self.assertEqual(ours["time"], theirs["time"])
            self.assertAlmostEqual(ours["probability"], theirs["probability"], places=5)
            self.assertAlmostEqual(ours["confidence"], theirs["confidence"], places=5)
            self.assertLess(ours["latency"], 2)  # half a second, and one that either input may be ahead

    def test_one_input_may_be_standard_input(self):
        options = ["--task", "localize", "--hop", 1, *TINY, *FORMAT, "--sample-format", "s16", "--sample-rate", 44100, "--channels", 2]
        with open(self.folder / "sound.raw", "rb") as sound:
            run = subprocess.run([COMMAND, "stream", *map(str, options), "--pictures", "pictures.raw", "--sound", "-", "-o", "out.jsonl"],
                                 cwd=self.folder, env=environment(), stdin=sound, capture_output=True, text=True, timeout=300)
        self.assertEqual(run.returncode, 0, run.stderr)
        lines = [json.loads(line) for line in (self.folder / "out.jsonl").read_text().splitlines()]
        self.assertEqual([line["time"] for line in lines], [0, 1, 2])
        for line in lines:
            self.assertEqual(len(line["map"]), line["rows"] * line["columns"])

    def test_embeddings_are_of_what_there_is(self):
        lines = self.lines("--task", "embed", "--hop", 0, *TINY, *FORMAT, pictures="pictures.raw")
        file = self.json("embed", "same.mkv", "--hop", 0, "--modality", "image", "--json", *TINY)["results"]
        self.assertEqual(len(lines), 75)
        self.assertNotIn("audio", lines[0])
        for ours, theirs in zip(lines, file):
            np.testing.assert_allclose(ours["image"], theirs["embedding"], rtol=1e-4, atol=1e-4)

    def test_separated_sound_sums_to_the_mixture(self):
        lines = self.lines("--task", "separate", "--stems", "stems.raw", "--consistent", *MASK, *FORMAT, "--sample-format", "s16",
                           "--sample-rate", 44100, "--channels", 2, pictures="pictures.raw", sound="sound.raw")
        stems = np.fromfile(self.folder / "stems.raw", "<f4").reshape(-1, 2)
        rate = lines[0]["sample_rate"]
        self.assertEqual(len(stems), sum(line["samples"] for line in lines))
        self.assertAlmostEqual(len(stems) / rate, 3, places=2)
        first = lines[0]["samples"]
        self.assertAlmostEqual(np.sqrt(np.mean(stems[:first].sum(axis=1, dtype=float) ** 2)), lines[0]["mixture_rms"], places=4)

    def test_sync_tells_of_the_last_seconds(self):
        lines = self.lines("--task", "sync", "--range", 0.5, "--arch", "sync-net", "--config", '{"width": 0.0625}', *FORMAT,
                           "--sample-format", "s16", "--sample-rate", 44100, "--channels", 2, pictures="pictures.raw", sound="sound.raw")
        self.assertGreaterEqual(len(lines), 2)
        self.assertTrue(all("verdict" in line and line["compared_seconds"] <= line["seconds"] for line in lines))

    def test_sound_that_ends_early_is_silent_from_there_on(self):
        (self.folder / "short.raw").write_bytes((self.folder / "sound.raw").read_bytes()[:44100 * 4])
        lines = self.lines("--hop", 0.5, *TINY, *FORMAT, "--sample-format", "s16", "--sample-rate", 44100, "--channels", 2,
                           pictures="pictures.raw", sound="short.raw")
        self.assertEqual([line["time"] for line in lines], [0, 0.5, 1, 1.5, 2, 2.5])
        self.assertEqual([line["confidence"] > 0 for line in lines], [True, True, True, False, False, False])

    def test_mistakes_are_told(self):
        self.refused(2, "--pictures", "stream")
        self.refused(2, "--size", "stream", "--pictures", "pictures.raw", "--sound", "sound.raw", *TINY)
        self.refused(2, "--size", "stream", "--pictures", "pictures.raw", "--sound", "sound.raw", "--size", "10x", *TINY)
        self.refused(2, "standard input", "stream", "--pictures", "-", "--sound", "-", *TINY, *FORMAT)
        self.refused(2, "--sound", "stream", "--pictures", "pictures.raw", *TINY, *FORMAT)
        self.refused(2, "--pictures", "stream", "--task", "separate", "--sound", "sound.raw", *MASK)
        self.refused(3, "missing.raw", "stream", "--pictures", "missing.raw", "--sound", "sound.raw", *TINY, *FORMAT)
        self.refused(4, "sync-net", "stream", "--task", "sync", "--pictures", "pictures.raw", "--sound", "sound.raw", *TINY, *FORMAT)


if __name__ == "__main__":
    unittest.main()
