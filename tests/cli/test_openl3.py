"""Tests of avsound embed in openl3's manner, and of layers: python3 tests/cli/test_openl3.py

Embeddings are compared with seconds cut, transformed (numpy) and embedded (PyTorch) here, as openl3 does it, from the weights of a
file in its layout. That test is skipped without h5py and torch; the others need numpy alone.
"""
import functools
import importlib.util
import math
import pathlib
import sys
import unittest
import wave
import zipfile

from support import SOURCE, TINY, CommandTest, np

sys.path[:0] = [str(SOURCE / "tests" / "golden"), str(SOURCE / "examples" / "python")]
import convert  # noqa: E402
import openl3  # noqa: E402
import spectrogram  # noqa: E402

WIDTH = 0.0625
RATE = 48000
AUDIO = ["--arch", "openl3-audio", "--config", '{"width":0.0625,"audio":{"mel_bands":0,"fft":512,"window":512,"columns":197}}', "-q"]
IMAGE = ["--arch", "openl3-image", "--config", '{"width":0.0625}', "-q"]
INPUTS = {"linear": (197, 512, 0), "mel128": (199, 2048, 128)}


def openl3_windows(samples, hop, center):
    """Seconds and their times, by the rules that openl3 cuts by."""
    if center:
        samples = np.concatenate([np.zeros(RATE // 2), samples])
    step, over = int(hop * RATE), len(samples) - RATE
    count = 1 if over <= 0 else 1 + math.ceil(over / step)
    padded = np.concatenate([samples, np.zeros(max(RATE + (count - 1) * step - len(samples), 0))])
    return np.stack([padded[i * step:i * step + RATE] for i in range(count)]), np.arange(count) * hop


filters = functools.lru_cache(spectrogram.mel_filters)


def openl3_input(variant, second):
    columns, window, bands = INPUTS[variant]
    magnitude = spectrogram.spectra(second, columns, 0, window, 242, window)[0]
    level = spectrogram.decibels(magnitude @ filters(bands, window).T if bands else magnitude)
    return np.maximum(level - level.max(), -80).T


class OpenL3(CommandTest):
    def write_wave(self, name, seconds, channels=1):
        rng = np.random.default_rng(11)
        count = round(seconds * RATE)
        tones = 8000 * np.sin(np.arange(count) * np.linspace(0.01, 0.3, count))[:, None]
        samples = (tones + rng.integers(-3000, 3000, (count, channels))).astype("<i2")
        with wave.open(str(self.folder / name), "wb") as file:
            file.setnchannels(channels)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(samples.tobytes())
        return samples.mean(axis=1) / 32768

    def load(self, name):
        self.assertIsNone(zipfile.ZipFile(self.folder / name).testzip())
        with np.load(self.folder / name) as archive:
            return {key: archive[key] for key in archive.files}

    @unittest.skipUnless(openl3.torch and importlib.util.find_spec("h5py"), "h5py or torch is not installed")
    def test_embeddings_of_sounds_are_openl3s(self):
        rng, torch = np.random.default_rng(3), openl3.torch

        def draw(name, shape):
            values = rng.uniform(0.5, 1.5, shape) if name.endswith("running_var") else 0.3 * rng.standard_normal(shape)
            return values.astype("f4")
        weights = openl3.values_of("audio", WIDTH, draw)
        samples = self.write_wave("noise.wav", 2.37, channels=2)
        for variant, size, hop, center in (("linear", 6144, 0.1, True), ("mel128", 512, 0.3, True), ("linear", 512, 0.25, False)):
            with self.subTest(variant=variant, size=size, hop=hop, center=center):
                openl3.write_keras(self.folder / f"openl3_audio_{variant}_env.h5", "audio", weights)
                self.assertEqual(convert.main([str(self.folder / f"openl3_audio_{variant}_env.h5"),
                                               str(self.folder / "model.safetensors"), "--embedding", str(size)]), 0)
                self.avsound("embed", "noise.wav", "-m", "model.safetensors", "-f", "npz", "--overwrite", "-p", "f32",
                             *[] if hop == 0.1 else ["--hop", hop], *[] if center else ["--no-audio-centering"])
                found = self.load("noise.npz")
                seconds, times = openl3_windows(samples, hop, center)
                np.testing.assert_allclose(found["timestamps"], times, atol=1e-9)
                inputs = np.stack([openl3_input(variant, second) for second in seconds])[:, None]
                with torch.no_grad():
                    net = openl3.network_of("audio", openl3.VARIANTS[variant][2][size], weights, WIDTH)
                    want = openl3.flattened(net(torch.from_numpy(inputs))).numpy()
                self.assertEqual((found["embedding"].dtype, found["embedding"].shape), (np.float32, want.shape))
                self.assertEqual(want.shape[1], size * WIDTH)
                self.assertLess(np.abs(found["embedding"] - want).max() / np.abs(want).max(), 1e-4)

    def test_windows_are_counted_as_openl3_does(self):
        for seconds, hop, center in ((0.3, 0.1, True), (0.3, 1, True), (0.7, 1, True), (0.5, 0.1, True), (1, 0.1, False),
                                     (1.001, 0.1, False), (2, 0.5, True), (3, 0.75, False)):
            with self.subTest(seconds=seconds, hop=hop, center=center):
                samples = self.write_wave("w.wav", seconds)
                self.avsound("embed", "w.wav", "-f", "npz", "--overwrite", "--hop", hop, *AUDIO,
                             *[] if center else ["--no-audio-centering"])
                found = self.load("w.npz")
                np.testing.assert_allclose(found["timestamps"], openl3_windows(samples, hop, center)[1], atol=1e-6)
                self.assertEqual(len(found["embedding"]), len(found["timestamps"]))

    def test_pictures_and_names(self):
        self.avsound("embed", "clip.mp4", "-f", "npz", *IMAGE)
        self.avsound("embed", "clip.mp4", "mute.mp4", "still.png", "-f", "npz", "--output-dir", "out", "--suffix", "x", *IMAGE)
        self.avsound("embed", "clip.mp4", "-f", "npz", "--hop", "0.5", *AUDIO)
        self.assertEqual(self.new_files(), ["clip_audio.npz", "clip_image.npz", "out"])
        self.assertEqual(sorted(p.name for p in (self.folder / "out").iterdir()), ["clip_image_x.npz", "mute_x.npz", "still_x.npz"])
        found = self.load("clip_image.npz")
        self.assertEqual(found["embedding"].shape, (20, 512))
        np.testing.assert_allclose(found["timestamps"], np.arange(20) / 10, atol=1e-6)
        self.assertEqual(set(self.load("out/still_x.npz")), {"embedding"})
        self.assertEqual(self.load("out/still_x.npz")["embedding"].shape, (1, 512))
        np.testing.assert_array_equal(self.load("out/clip_image_x.npz")["embedding"], found["embedding"])
        times = self.load("clip_audio.npz")["timestamps"]
        self.assertIn(len(times), (4, 5))  # AAC's last frame reaches beyond the 2 s
        np.testing.assert_array_equal(times, np.arange(len(times)) * 0.5)

    def test_what_is_there_is_skipped(self):
        self.write_wave("a.wav", 0.5)
        (self.folder / "a.npz").write_bytes(b"mine")
        arguments = ["embed", "a.wav", "-f", "npz", *[a for a in AUDIO if a != "-q"]]
        self.assertIn("a.npz: is there already, skipped", self.avsound(*arguments).stderr)
        self.assertEqual((self.folder / "a.npz").read_bytes(), b"mine")
        self.avsound(*arguments, "--overwrite")
        self.assertEqual(self.load("a.npz")["embedding"].shape, (1, 384))

    def test_folders_and_files_that_fail(self):
        folder = self.folder / "in"
        folder.mkdir()
        for name in ("b.wav", "a.wav"):
            self.write_wave(f"in/{name}", 0.4)
        (folder / "c.wav").write_bytes(b"no sound")
        (folder / "below").mkdir()
        run = self.avsound("embed", "in", "-f", "npz", "--output-dir", "out", *AUDIO, code=3)
        self.assertIn("c.wav", run.stderr)
        self.assertEqual(sorted(p.name for p in (self.folder / "out").iterdir()), ["a.npz", "b.npz"])

    def test_the_same_vectors_in_other_formats(self):
        self.avsound("embed", "tone.wav", "-o", "e.npz", "--hop", "0.5", *AUDIO)
        self.avsound("embed", "tone.wav", "-o", "e.npy", "--hop", "0.5", *AUDIO)
        np.testing.assert_array_equal(self.load("e.npz")["embedding"], np.load(self.folder / "e.npy"))
        np.testing.assert_array_equal(self.load("e.npz")["timestamps"], np.load(self.folder / "e.times.npy"))

    def test_refusals(self):
        self.refused(2, "2 files", "embed", "clip.mp4", "tone.wav", *TINY)
        self.refused(2, "--output-dir", "embed", "clip.mp4", "tone.wav", "-o", "x.npz", *AUDIO)
        self.refused(2, "--format npz", "embed", "tone.wav", "--suffix", "x", *AUDIO)
        self.refused(2, "--modality image or audio", "embed", "clip.mp4", "-f", "npz", *TINY)
        self.refused(3, "no picture to embed", "embed", "tone.wav", *IMAGE)
        self.refused(3, "no sound to embed", "embed", "still.png", *AUDIO)
        self.refused(4, "embeds no pictures", "embed", "clip.mp4", "--modality", "image", *AUDIO)
        self.refused(4, "alone", "score", "clip.mp4", *AUDIO)


class Layers(CommandTest):
    def vectors(self, *arguments):
        self.avsound("embed", "clip.mp4", "-o", "e.npy", "--hop", "1", "-p", "f32", *TINY, *arguments)
        return np.load(self.folder / "e.npy")

    def test_layers_are_pooled_to_a_grid(self):
        for layer, shape, grid in (("audio.conv4_2", (16, 12, 32), (4, 3)), ("vision.conv4_2", (14, 14, 32), (4, 4)),
                                   ("audio.conv3_1", (32, 25, 16), (5, 7))):
            whole = self.vectors("--layer", layer)
            self.assertEqual(whole.shape[1], math.prod(shape))
            count, whole = len(whole), whole.reshape(-1, *shape)
            self.assertIn(count, (2, 3))
            want = np.stack([[whole[:, r * shape[0] // grid[0]:-(-(r + 1) * shape[0] // grid[0]),
                                    c * shape[1] // grid[1]:-(-(c + 1) * shape[1] // grid[1])].max(axis=(1, 2))
                              for c in range(grid[1])] for r in range(grid[0])])
            want = want.transpose(2, 0, 1, 3).reshape(count, -1)
            np.testing.assert_array_equal(self.vectors("--layer", layer, "--grid", f"{grid[0]}x{grid[1]}"), want)

    def test_a_layer_that_is_a_vector(self):
        np.testing.assert_array_equal(self.vectors("--layer", "audio.pool4"),
                                      self.vectors("--layer", "audio.conv4_2", "--grid", "1x1"))

    def test_refusals(self):
        self.refused(2, "--grid", "embed", "clip.mp4", "--grid", "4x3", *TINY)
        self.refused(2, "ROWSxCOLUMNS", "embed", "clip.mp4", "--layer", "audio.conv4_2", "--grid", "4", *TINY)
        for words, layer in (("conv9", "audio.conv9"), ("layer map depends on the image", "map"), ("name of one", "audio.fc1,score")):
            run = self.avsound("embed", "clip.mp4", "--layer", layer, "--modality", "audio", *TINY, code=None)
            self.assertNotEqual(run.returncode, 0)
            self.assertIn(words, run.stderr)
        run = self.avsound("embed", "clip.mp4", "--layer", "audio.conv4_2", "--grid", "17x1", *TINY, code=None)
        self.assertIn("makes no grid of 17x1", run.stderr)
        run = self.avsound("embed", "clip.mp4", "--layer", "audio.conv4_2", "--modality", "image", *TINY, code=None)
        self.assertIn("depends on the spectrogram", run.stderr)


if __name__ == "__main__":
    assert pathlib.Path(convert.__file__).parent.name == "python"
    unittest.main()
