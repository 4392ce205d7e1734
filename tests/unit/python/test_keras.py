"""Tests of what examples/python/convert.py makes of Keras's files: python3 tests/unit/python/test_keras.py

The files are written here, in the layout that Keras has for OpenL3's networks; what the converted models compute is compared
with the networks in PyTorch, where torch is installed, which get the numbers as they are in the file. Needs numpy, h5py, and
AVSOUND_LIBRARY for libavsound.so. Exits with 77 where one is missing.
"""
import json
import os
import sys
import unittest

try:
    import h5py
    import numpy as np
except ImportError as error:
    print(f"skipped: {error.name} is not installed")
    sys.exit(77)

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, os.pardir, os.pardir, "golden")]
import openl3  # noqa: E402
from test_convert import LibraryCase, read_model, torch  # noqa: E402

WIDTH = 0.0625
NAMES = [(variant, content) for variant in ("linear", "mel128", "mel256") for content in ("music", "env")]


class Keras(LibraryCase):
    def values(self, tower):
        def draw(name, shape):
            values = self.rng.uniform(0.5, 1.5, shape) if name.endswith("running_var") else self.rng.standard_normal(shape)
            return (values * (0.3 if name.startswith(f"{tower}.conv") else 1)).astype("f4")
        return openl3.values_of(tower, WIDTH, draw)

    def write(self, tower, name, **options):
        values = self.values(tower)
        openl3.write_keras(self.path(name), tower, values, **options)
        return values

    def embedding(self, path, name, value):
        model = self.load(path)
        tower = "image" if name == "image" else "audio"
        return self.outputs(model, {name: value}, [f"embedding.{tower}"])[f"embedding.{tower}"]

    def same_as_torch(self, values, variant, size, path):
        tower, shape, pools = openl3.VARIANTS[variant]
        name, channels = ("image", 3) if tower == "vision" else ("spectrogram", 1)
        value = self.rng.standard_normal((1, channels, *shape)).astype("f4")
        got = self.embedding(path, name, value)
        self.assertEqual(got.size, size * WIDTH)
        if not torch:
            return
        with torch.no_grad():
            want = openl3.network_of(tower, pools[size], values, WIDTH)(torch.from_numpy(value).double()).numpy()
        self.assertEqual(got.shape, want.shape)
        self.assertLess(np.abs(got - want).max() / np.abs(want).max(), 1e-4)

    def test_every_value_arrives(self):
        for tower, bare in (("audio", ["4_2"]), ("vision", ["1_2", "4_2"])):
            values = self.write(tower, "openl3_mel256.h5")
            self.run_convert(self.path("openl3_mel256.h5"), self.path("model.safetensors"))
            ours = read_model(self.path("model.safetensors"))[0]
            self.assertEqual(len(ours), 8 * 5 + len(bare))
            for name, value in ours.items():
                layer = name[-len("1_1.running_mean"):][:3]
                want = values[name]
                if name.endswith("running_mean") and "bn0" not in name and layer not in bare:
                    want = want - values[f"{tower}.conv{layer}.bias"]
                np.testing.assert_array_equal(value, want, name)

    def test_every_published_file_of_sounds_converts(self):
        for i, (variant, content) in enumerate(NAMES):
            for size in (6144, 512):
                with self.subTest(variant=variant, content=content, size=size):
                    name = f"openl3_audio_{variant}_{content}.h5"
                    values = self.write("audio", name, first=1 + 9 * i)
                    target = self.path("model.safetensors")
                    out, _ = self.run_convert(self.path(name), target, "--embedding", str(size), "--license", "CC-BY-4.0")
                    self.assertIn("openl3-audio of width 0.0625, naming keras", out)
                    metadata = read_model(target)[1]
                    self.assertEqual((metadata["license"], metadata["avsound.training"]), ("CC-BY-4.0", "trained"))
                    self.assertIn(name, metadata["source"])
                    self.same_as_torch(values, variant, size, target)

    def test_every_published_file_of_pictures_converts(self):
        for i, (variant, content) in enumerate(NAMES):
            size = (8192, 512)[i % 2]
            with self.subTest(variant=variant, content=content, size=size):
                name = f"openl3_image_{variant}_{content}.h5"
                values = self.write("vision", name, first=i)  # from 0: the first has no number
                self.run_convert(self.path(name), self.path("model.safetensors"), *["--embedding", "512"] * (i % 2))
                self.same_as_torch(values, "image", size, self.path("model.safetensors"))

    def test_whole_models_and_early_files_convert(self):
        kernels = {"real_kernels:0": np.ones((512, 1, 1, 257)), "freq2mel:0": np.ones((257, 128))}
        for options in ({"whole_model": True}, {"front_end": kernels}, {"whole_model": True, "first": 30}):
            values = self.write("audio", "openl3_audio_mel128_env.h5", **options)
            self.run_convert(self.path("openl3_audio_mel128_env.h5"), self.path("model.safetensors"))
            self.same_as_torch(values, "mel128", 6144, self.path("model.safetensors"))

    def test_the_front_ends_are_the_librarys(self):
        for tower, arch in (("audio", "openl3-audio"), ("vision", "openl3-image")):
            self.write(tower, "openl3_mel256.h5")
            self.run_convert(self.path("openl3_mel256.h5"), self.path("model.safetensors"))
            ours = json.loads(self.lib.avsound_model_config(self.load(self.path("model.safetensors"))))
            model = self.create(arch)
            self.assertEqual(ours, json.loads(self.lib.avsound_model_config(model)))
            self.assertEqual(ours, json.loads(read_model(self.path("model.safetensors"))[1]["avsound.config"]))

    def create(self, arch):
        import ctypes
        model = ctypes.c_void_p()
        self.check(self.lib.avsound_model_create(self.context, arch.encode(), b'{"width":0.0625}', 1, ctypes.byref(model)))
        self.addCleanup(self.lib.avsound_model_free, model)
        return model

    def test_our_own_tensors_convert_too(self):
        self.write("vision", "openl3_image.h5")
        self.run_convert(self.path("openl3_image.h5"), self.path("model.safetensors"))
        self.run_convert(self.path("model.safetensors"), self.path("again.safetensors"))
        first, again = read_model(self.path("model.safetensors"))[0], read_model(self.path("again.safetensors"))[0]
        self.assertEqual(sorted(first), sorted(again))
        for name in first:
            np.testing.assert_array_equal(first[name], again[name])

    # ---- refusals ----

    def refused_file(self, words, *arguments, name="openl3_audio_mel256_music.h5"):
        _, err = self.run_convert(self.path(name), self.path("refused.safetensors"), *arguments, code=1)
        for word in [words] if isinstance(words, str) else words:
            self.assertIn(word, err)
        self.assertFalse(os.path.exists(self.path("refused.safetensors")))

    def damaged(self, change, words, first=4):
        self.write("audio", "openl3_audio_mel256_music.h5", first=first)
        with h5py.File(self.path("openl3_audio_mel256_music.h5"), "a") as file:
            change(file)
        self.refused_file(words)

    def test_missing_layers_are_named(self):
        def drop(layer):
            def change(file):
                file.attrs["layer_names"] = [name for name in file.attrs["layer_names"] if name not in (layer, layer.encode())]
                del file[layer]
            return change
        self.damaged(drop("conv2d_6"), ["2 missing", "conv2d_6/kernel", "conv2d_6/bias"])
        self.damaged(drop("batch_normalization_9"), ["4 missing", "batch_normalization_9/gamma"])
        self.damaged(drop("audio_embedding_layer"), ["2 missing", "audio_embedding_layer/kernel"])
        self.damaged(drop("batch_normalization_4"), "batch_normalization_12/gamma")  # the first: the last is sought behind

        def vanish(file):
            del file["conv2d_5"]
        self.damaged(vanish, "conv2d_5 is listed, but not there")

        def unlist(file):
            del file.attrs["layer_names"]
        self.damaged(unlist, "no layer_names")

    def test_wrong_shapes_are_named(self):
        def reshape(layer, weight, shape):
            def change(file):
                del file[f"{layer}/{layer}/{weight}"]
                file[f"{layer}/{layer}/{weight}"] = np.ones(shape, "f4")
            return change
        self.damaged(reshape("conv2d_7", "kernel:0", (3, 3, 8, 9)), "conv2d_7/kernel is float32 (3, 3, 8, 9), audio.conv2_2.weight")
        self.damaged(reshape("conv2d_7", "bias:0", (9,)), "conv2d_7/bias is (9,), want (8,)")
        self.damaged(reshape("batch_normalization_5", "moving_mean:0", (3,)), "batch_normalization_5/moving_mean is float32 (3,)")
        self.damaged(reshape("conv2d_4", "kernel:0", (3, 3, 1, 1000)), "conv2d_4/kernel has 1000 channels")
        self.damaged(reshape("conv2d_4", "kernel:0", (4,)), "conv2d_4/kernel is (4,), want the kernel")

    def test_hostile_files_are_refused(self):
        def link(file):
            del file["conv2d_5"]
            file["conv2d_5"] = h5py.ExternalLink("/etc/other.h5", "/x")

        def huge(file):
            del file["conv2d_5/conv2d_5/bias:0"]
            file.create_dataset("conv2d_5/conv2d_5/bias:0", shape=(1 << 40,), dtype="f4", chunks=(1 << 20,))

        def words(file):
            del file["conv2d_5/conv2d_5/bias:0"]
            file["conv2d_5/conv2d_5/bias:0"] = "no number"

        def infinite(file):
            file["conv2d_5/conv2d_5/bias:0"][0] = np.inf

        def twice(file):
            file.attrs["layer_names"] = [b"conv2d_4", b"conv2d_4"]
        self.damaged(link, "conv2d_5 is a link")
        self.damaged(huge, "more than the file has")
        self.damaged(words, "no tensor of floats")
        self.damaged(infinite, "not finite")
        self.damaged(twice, "lists 2 layers, 1 of them")
        with open(self.path("openl3_audio_mel256_music.h5"), "r+b") as file:
            file.truncate(2000)
        self.refused_file("cannot be read")

    def test_what_no_weight_tells_must_be_told(self):
        self.write("audio", "weights.h5")
        self.refused_file("--input-repr", name="weights.h5")
        self.run_convert(self.path("weights.h5"), self.path("model.safetensors"), "--input-repr", "linear")
        config = json.loads(read_model(self.path("model.safetensors"))[1]["avsound.config"])
        self.assertEqual((config["audio"]["fft"], config["audio"]["columns"], config["pool_rows"]), (512, 197, 8))
        self.refused_file("6144 and 512", "--embedding", "8192", "--input-repr", "mel128", name="weights.h5")
        self.write("vision", "openl3_image.h5")
        self.refused_file("8192 and 512", "--embedding", "6144", name="openl3_image.h5")
        self.refused_file("hears nothing", "--input-repr", "mel128", name="openl3_image.h5")


if __name__ == "__main__":
    if "AVSOUND_LIBRARY" not in os.environ:
        print("skipped: AVSOUND_LIBRARY does not name libavsound.so")
        sys.exit(77)
    unittest.main()
