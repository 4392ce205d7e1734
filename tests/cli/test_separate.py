"""avsound separate as people run it: what it writes, what it refuses, what a signal leaves. The networks are made by hand; what
they make of a sound is known (tests/unit/api/test_separate.c has the figures)."""
import json
import os
import signal
import struct
import subprocess
import time
import unittest

import numpy as np

from support import COMMAND, CommandTest, environment, ffmpeg, make_video, probe, save_model

BLIND = ["--arch", "separator-pit", "--config", '{"unet_width": 0.0625}']
SEEING = ["--arch", "separator", "--config", json.dumps({"width": 0.0625, "audio_width": 0.0625, "unet_width": 0.0625, "image": {
    "width": 32, "height": 32, "short_side": 32}})]


def read_wav(path):
    """Sample rate and mono floats of a WAV file, by its own chunks."""
    data = path.read_bytes()
    assert data[:4] == b"RIFF" and data[8:12] == b"WAVE" and struct.unpack("<I", data[4:8])[0] == len(data) - 8
    at, chunks = 12, {}
    while at < len(data):
        size = struct.unpack("<I", data[at + 4:at + 8])[0]
        chunks[data[at:at + 4]] = data[at + 8:at + 8 + size]
        at += 8 + size
    kind, channels, rate, _, _, bits = struct.unpack("<HHIIHH", chunks[b"fmt "][:16])
    assert (kind, channels, bits) == (3, 1, 32)
    return rate, np.frombuffer(chunks[b"data"], "<f4")


class Separate(CommandTest):
    def halves(self):
        """A model whose two heads are alike: with --consistent each sound is half of the recording."""
        info = self.json("info", *BLIND, "--json")
        weights = {p["name"]: np.ones(p["shape"]) if p["name"].endswith(("running_var", "bn.weight")) else np.zeros(p["shape"])
                   for p in info["parameter_list"]}
        return ["--model", save_model(self.folder / "halves.safetensors", info, weights)]

    def stems(self, names=("on-screen", "off-screen"), folder="out"):
        return [read_wav(self.folder / folder / f"{name}.wav") for name in names]

    def test_two_sounds_as_long_as_the_recording(self):
        run = self.avsound("separate", "clip.mp4", "-o", "out", *SEEING)
        self.assertIn("on-screen.wav: 2.0 s", run.stdout)
        self.assertIn("untrained", run.stderr)
        self.assertIn("shorter than", run.stderr)
        self.assertEqual(sorted(os.listdir(self.folder / "out")), ["off-screen.wav", "on-screen.wav"])
        for rate, samples in self.stems():
            self.assertEqual(rate, 21000)
            self.assertLess(abs(len(samples) - 42000), 2200)  # AAC's padding may be left

    def test_consistent_sounds_sum_to_the_recording(self):
        ffmpeg("-f", "lavfi", "-i", "anoisesrc=r=21000:d=6:seed=3:a=0.3", self.folder / "noise.wav")
        run = self.avsound("separate", "noise.wav", "-o", "out/", "--consistent", "--quiet", *self.halves())
        self.assertEqual((run.stdout, run.stderr), ("", ""))
        (_, first), (_, second) = self.stems(("first", "second"))
        whole = np.frombuffer((self.folder / "noise.wav").read_bytes()[-2 * len(first):], "<i2") / 32768
        np.testing.assert_allclose(first + second, whole, atol=2e-6)
        np.testing.assert_allclose(first[3000:-3000], whole[3000:-3000] / 2, atol=1e-4)

    def test_json_tells_what_was_written(self):
        record = self.json("separate", "long.mp4", "--start", "3", "--duration", "4", "-o", "out", "--json", "--region",
                           "0,0,0.5,1", *SEEING)
        self.assertEqual(record["samples"], 84000)
        self.assertEqual(record["start"], 3)
        self.assertFalse(record["padded"])
        self.assertFalse(record["trained"])
        self.assertEqual([s["name"] for s in record["stems"]], ["on-screen", "off-screen"])
        for stem in record["stems"]:
            _, samples = read_wav(self.folder / stem["file"])
            self.assertEqual(len(samples), 84000)
            self.assertAlmostEqual(stem["level_db"], 10 * np.log10(np.mean(np.square(samples.astype(float)))), places=3)

    def test_videos_with_either_sound(self):
        make_video(self.folder / "four.mp4", seconds=4, rate=25)
        self.avsound("separate", "four.mp4", "-o", "out", "--video", "--start", "1", *BLIND)
        for name in ("first", "second"):
            streams = probe(self.folder / "out" / f"{name}.mp4")["streams"]
            self.assertEqual(sorted(s["codec_type"] for s in streams), ["audio", "video"])
            for stream in streams:
                self.assertAlmostEqual(float(stream["duration"]), 3, delta=0.2)

    def test_the_released_way(self):
        ffmpeg("-f", "lavfi", "-i", "sine=440:duration=5:sample_rate=21000", self.folder / "five.wav")
        self.avsound("separate", "five.wav", "-o", "out", "--compat", *BLIND)
        for _, samples in self.stems(("first", "second")):
            self.assertEqual(samples[0], 0)
            self.assertLess(len(samples), 105000)
            self.assertLessEqual(np.abs(samples).max(), 1)
        line = self.avsound("separate", "clip.mp4", "-o", "out2", "--compat", *SEEING, code=None)
        self.assertNotEqual(line.returncode, 0)
        self.assertIn("less than a window", line.stderr)

    def test_silence_and_damage(self):
        ffmpeg("-f", "lavfi", "-i", "anullsrc=r=21000:d=3", self.folder / "silent.wav")
        self.assertIn("is silent", self.avsound("separate", "silent.wav", "-o", "out", *BLIND).stderr)
        for _, samples in self.stems(("first", "second")):
            self.assertFalse(samples.any())

    def test_what_is_refused(self):
        self.refused(2, "--output", "separate", "clip.mp4", *SEEING)
        self.refused(2, "--model", "separate", "clip.mp4", "-o", "out")
        self.refused(2, "--region", "separate", "clip.mp4", "-o", "out", "--region", "top", *SEEING)
        self.refused(2, "--region", "separate", "clip.mp4", "-o", "out", "--region", "0.5,0,0.2,1", *SEEING)
        self.refused(2, "exclude", "separate", "clip.mp4", "-o", "out", "--compat", "--consistent", *SEEING)
        self.refused(3, "no pictures", "separate", "tone.wav", "-o", "out", *SEEING)
        self.refused(3, "no sound", "separate", "mute.mp4", "-o", "out", *SEEING)
        self.refused(3, "no video", "separate", "tone.wav", "-o", "out", "--video", *BLIND)
        self.refused(4, "separates nothing", "separate", "clip.mp4", "-o", "out", "--arch", "ave-net", "--config",
                     '{"width": 0.0625}')
        (self.folder / "file").write_text("")
        self.assertIn("no folder", self.avsound("separate", "tone.wav", "-o", "file", *BLIND, code=2).stderr)

    def test_a_signal_leaves_nothing(self):
        run = subprocess.Popen([COMMAND, "separate", "long.mp4", "-o", "out", "--quiet", *SEEING], cwd=self.folder,
                               env=environment(), stderr=subprocess.PIPE, text=True)
        folder = self.folder / "out"
        deadline = time.monotonic() + 120
        while not (folder.is_dir() and os.listdir(folder)) and time.monotonic() < deadline:
            time.sleep(0.02)
        run.send_signal(signal.SIGINT)
        _, err = run.communicate(timeout=120)
        self.assertEqual(run.returncode, 130, err)
        self.assertEqual(self.new_files(), [])


if __name__ == "__main__":
    unittest.main()
