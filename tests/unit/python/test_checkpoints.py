"""Tests of examples/python/convert.py with checkpoints of TensorFlow: python3 tests/unit/python/test_checkpoints.py

Checkpoints are written here, in the documented format. Needs numpy; what the library computes is compared where torch is
installed and AVSOUND_LIBRARY names libavsound.so. Exits with 77 where numpy is missing.
"""
import functools
import json
import os
import struct
import sys
import unittest

try:
    import numpy as np
except ImportError:
    print("skipped: numpy is not installed")
    sys.exit(77)

import test_convert
from test_convert import ROOT, convert, read_model, torch
import bundle  # from where convert is

if torch:
    sys.path.insert(0, os.path.join(ROOT, "tests", "golden"))
    import make_multisensory

# ---- a writer of checkpoints, one byte after the other ----

TABLE = []
for start in range(256):
    for _ in range(8):
        start = start >> 1 ^ (0x82F63B78 if start & 1 else 0)
    TABLE.append(start)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


@functools.lru_cache(maxsize=None)
def masked(data):
    crc = crc32c(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) % (1 << 32)


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def number(field, value):
    """Of a message; zeros are left out."""
    return varint(field << 3) + varint(value) if value else b""


def text(field, value):
    return varint(field << 3 | 2) + varint(len(value)) + value


def block_of(entries, interval):
    """Keys share what they can with the one before, but for every interval-th."""
    out, restarts, last = b"", [], b""
    for i, (key, value) in enumerate(entries):
        shared = 0
        if i % interval == 0:
            restarts.append(len(out))
        else:
            while shared < min(len(key), len(last)) and key[shared] == last[shared]:
                shared += 1
        out += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        last = key
    restarts = restarts or [0]
    return out + struct.pack(f"<{len(restarts) + 1}I", *restarts, len(restarts))


def index_of(entries, how=0, most=2000, interval=16):
    """The table: blocks of `most` bytes, a block of nothing, a block of blocks, and where the last two are."""
    out, blocks, held = b"", [], []

    def put(block):
        nonlocal out
        place = len(out)
        out += block + bytes([how]) + struct.pack("<I", masked(block + bytes([how])))
        return varint(place) + varint(len(block))

    entries = sorted(entries)
    for i, entry in enumerate(entries):
        held.append(entry)
        if sum(len(k) + len(v) for k, v in held) >= most or i == len(entries) - 1:
            blocks.append((entry[0], put(block_of(held, interval))))
            held = []
    handles = put(block_of([], interval)) + put(block_of(blocks, 1))
    return out + handles.ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)


KINDS = {"f4": 1, "f8": 2, "i8": 9, "f2": 19}


def entries_and_shards(tensors, shards=1):
    """Key and value of each entry, contents of each shard."""
    contents = [b""] * shards
    entries = [(b"", number(1, shards) + text(3, number(1, 1)))]
    for i, name in enumerate(sorted(tensors)):
        value, shard = tensors[name], i % shards
        raw = value.tobytes()
        shape = b"".join(text(2, number(1, size)) for size in value.shape)
        entry = number(1, KINDS[value.dtype.str[1:]]) + text(2, shape)
        entry += number(3, shard) + number(4, len(contents[shard])) + number(5, len(raw))
        entries.append((name.encode(), entry + varint(6 << 3 | 5) + struct.pack("<I", masked(raw))))
        contents[shard] += raw
    return entries, contents


def files_of(tensors, shards=1, **layout):
    """The files' contents by ending."""
    entries, contents = entries_and_shards(tensors, shards)
    return {".index": index_of(entries, **layout),
            **{f".data-{i:05d}-of-{shards:05d}": content for i, content in enumerate(contents)}}


# ---- what checkpoints hold, at a sixteenth of the width ----

class Release:
    """Variables by the release's names, and the tensors that should come of them by ours."""

    def __init__(self, scales):
        self.scales, self.theirs, self.ours = scales, {}, {}
        self.rng = np.random.default_rng(5)

    def conv(self, scope, *shape, norm=True, transposed=False):
        kernel = self.rng.standard_normal(shape).astype("<f4") / np.float32(np.sqrt(np.prod(shape[:-1]) / 2))
        ours, out = scope.replace("/", "."), shape[-2 if transposed else -1]
        self.theirs[f"{scope}/weights"] = kernel
        kernel = np.moveaxis(kernel, (-1, -2), (0, 1))
        self.ours[f"{ours}.weight"] = kernel[..., 0] if scope.startswith("sf/") else kernel
        if norm:
            self.norm(f"{scope}/BatchNorm", f"{ours}.bn", out)
        else:
            self.theirs[f"{scope}/biases"] = self.ours[f"{ours}.bias"] = self.rng.standard_normal(out).astype("<f4")

    def norm(self, scope, ours, channels):
        for theirs, name in (("beta", "bias"), ("moving_mean", "running_mean"), ("moving_variance", "running_var"),
                             *[("gamma", "weight")] * self.scales):
            values = self.rng.uniform(0.5, 2, channels).astype("<f4")
            self.theirs[f"{scope}/{theirs}"] = self.ours[f"{ours}.{name}"] = values

    def block(self, scope, kernel, inputs, out):
        if inputs != out:
            self.conv(f"{scope}_short", *[1] * len(kernel), inputs, out)
        self.conv(f"{scope}_1", *kernel, inputs, out)
        self.conv(f"{scope}_2", *kernel, out, out, norm=False)
        self.norm(f"{scope}_bn", f"{scope}_bn".replace("/", "."), out)
        for name in ("renorm_mean", "renorm_stddev"):
            self.theirs[f"{scope}_bn/{name}"] = np.zeros(out, "<f4")
        self.theirs[f"{scope}_bn/renorm_mean_weight"] = np.zeros((), "<f4")

    def alignment(self):
        self.conv("sf/conv1_1", 65, 1, 2, 4)
        for name, inputs, out in (("conv2_1", 4, 8), ("conv3_1", 8, 8), ("conv4_1", 8, 16)):
            self.block(f"sf/{name}", (15, 1), inputs, out)
        self.conv("sf/conv5_1", 3, 1, 16, 8)
        self.conv("im/conv1", 5, 7, 7, 3, 4)
        self.conv("im/merge1", 1, 1, 1, 12, 32)
        self.conv("im/merge2", 1, 1, 1, 32, 8, norm=False)
        self.norm("im/merge_block_bn", "im.merge_block_bn", 8)
        for name, inputs, out in (("conv2_1", 4, 4), ("conv2_2", 4, 4), ("conv3_1", 8, 8), ("conv3_2", 8, 8),
                                  ("conv4_1", 8, 16), ("conv4_2", 16, 16), ("conv5_1", 16, 32), ("conv5_2", 32, 32)):
            self.block(f"im/{name}", (3, 3, 3), inputs, out)
        self.conv("joint/logits", 1, 1, 1, 32, 1, norm=False)
        self.extras("im/conv1/weights")
        return self

    def unet(self, joined, wide):
        """joined: channels into conv4, 5, 6; wide: into deconv5, 6, 7"""
        for i, (inputs, out) in enumerate([(2, 4), (4, 8), (8, 16), *zip(joined, (32, 32, 32)), *[(32, 32)] * 3]):
            self.conv(f"gen/conv{i + 1}", 4, 4, inputs, out)
        for i, (inputs, out) in enumerate([(32, 32), *[(64, 32)] * 3, *zip(wide, (32, 16, 8)), (16, 4)]):
            self.conv(f"gen/deconv{i + 1}", 4, 4, out, inputs, transposed=True)
        for head in ("fg", "bg"):
            self.conv(f"gen/{head}", 4, 4, 2, 8, norm=False, transposed=True)
        self.extras("gen/conv1/weights")
        return self

    def extras(self, name):
        """What training leaves."""
        self.theirs["global_step"] = np.array(650000, "<i8")
        self.theirs["beta1_power"] = np.array(0.9, "<f4")
        for slot in ("Momentum", "Adam", "Adam_1"):
            self.theirs[f"{name}/{slot}"] = np.full_like(self.theirs[name], np.nan)


def seeing_separator():
    return Release(True).alignment().unet((20, 40, 64), (96, 72, 36))


def blind_separator():
    return Release(True).unet((16, 32, 32), (64, 64, 32))


SHIFT = Release(False).alignment()
SHIFT_FILES = files_of(SHIFT.theirs)
DATA = ".data-00000-of-00001"


class Case(test_convert.Case):
    def save(self, files):
        """Its prefix; the folder holds nothing else."""
        for name in os.listdir(self.folder.name):
            os.remove(self.path(name))
        for ending, content in files.items():
            with open(self.path("net.tf-7" + ending), "wb") as stream:
                stream.write(content)
        return self.path("net.tf-7")

    def convert(self, files, *options):
        target = self.path("model.safetensors")
        self.run_convert(self.save(files), target, *options)
        return read_model(target)

    def refused(self, files, words, *options):
        _, said = self.run_convert(self.save(files), self.path("model.safetensors"), *options, code=1)
        self.assertIn(words, said)
        self.assertEqual(sorted(os.listdir(self.folder.name)), sorted("net.tf-7" + ending for ending in files))

    def same(self, found, want):
        self.assertEqual(sorted(found), sorted(want))
        for name, value in want.items():
            self.assertEqual(found[name].shape, value.shape, name)
            np.testing.assert_array_equal(found[name], value, name)


class Networks(Case):
    def test_alignment(self):
        tensors, metadata, misaligned = self.convert(SHIFT_FILES, "--license", "CC0-1.0")
        self.same(tensors, SHIFT.ours)
        self.assertEqual((len(tensors), misaligned), (138, 0))
        config = json.loads(metadata["avsound.config"])
        self.assertEqual((metadata["avsound.arch"], metadata["license"]), ("multisensory", "CC0-1.0"))
        self.assertEqual(config["clip"], {"frames": 125, "frame_rate": 29.97, "sample_rate": 21000, "samples": 87588})
        self.assertEqual((config["width"], config["audio_width"], config["conv5_stride"]), (1 / 16, 1 / 16, 2))

    def test_elements_go_where_the_layout_says(self):
        tensors, *_ = self.convert(SHIFT_FILES)
        theirs, ours = SHIFT.theirs["im/conv4_1_1/weights"], tensors["im.conv4_1_1.weight"]
        for o, i, t, y, x in ((0, 0, 0, 0, 0), (15, 2, 0, 1, 2), (3, 7, 2, 2, 0)):
            self.assertEqual(ours[o, i, t, y, x], theirs[t, y, x, i, o])
        self.assertEqual(tensors["sf.conv1_1.weight"][3, 1, 64], SHIFT.theirs["sf/conv1_1/weights"][64, 0, 1, 3])
        release = blind_separator()
        tensors, *_ = self.convert(files_of(release.theirs))
        self.assertEqual(tensors["gen.deconv7.weight"][30, 3, 1, 2], release.theirs["gen/deconv7/weights"][1, 2, 3, 30])

    def test_maps_of_twice_the_size(self):
        longer = '{"clip":{"frames":248,"samples":0}}'
        tensors, metadata, _ = self.convert(SHIFT_FILES, "--conv5-stride", "1", "--config", longer)
        self.same(tensors, SHIFT.ours)
        config = json.loads(metadata["avsound.config"])
        self.assertEqual((config["conv5_stride"], config["clip"]["samples"]), (1, 173774))
        self.refused(SHIFT_FILES, "unknown name conv1_stride", "--conv1-stride", "1")
        self.refused(SHIFT_FILES, "clip: 125 frames at 0 Hz", "--config", '{"clip":{"frame_rate":0}}')

    def test_alignment_has_no_scales(self):
        ones = {**SHIFT.theirs, "im/conv3_1_bn/gamma": np.ones(8, "<f4")}
        self.same(self.convert(files_of(ones))[0], SHIFT.ours)
        scaled = {**ones, "sf/conv5_1/BatchNorm/gamma": np.arange(8, dtype="<f4")}
        self.refused(files_of(scaled), "sf/conv5_1/BatchNorm/gamma is not 1, and multisensory has no scales")

    def test_separation_with_pictures(self):
        release = seeing_separator()
        tensors, metadata, _ = self.convert(files_of(release.theirs, 3))
        self.same(tensors, release.ours)
        self.assertEqual((len(tensors), metadata["avsound.arch"]), (258, "separator"))
        self.assertEqual(json.loads(metadata["avsound.config"])["clip"]["samples"], 44144)
        self.refused(files_of(release.theirs), "has no scales", "--arch", "multisensory")

    def test_separation_without_pictures(self):
        release = blind_separator()
        tensors, metadata, _ = self.convert(files_of(release.theirs, 2))
        self.same(tensors, release.ours)
        self.assertEqual((len(tensors), metadata["avsound.arch"]), (89, "separator-pit"))

    def test_missing_scales_are_one(self):
        release = seeing_separator()
        bare = {name: value for name, value in release.theirs.items() if not name.endswith("/gamma")}
        tensors, *_ = self.convert(files_of(bare))
        scales = [name for name in tensors if name.endswith(("bn.weight", "_bn.weight"))]
        self.assertEqual(len(scales), 48)
        self.same(tensors, {**release.ours, **{name: np.ones_like(release.ours[name]) for name in scales}})

    def test_published_networks_have_their_published_sizes(self):
        widths = dict.fromkeys(convert.GAUGES.values(), 1)
        for arch, trainable in (("multisensory", 36044609), ("separator", 113669445), ("separator-pit", 67001092)):
            shapes = convert.wanted_shapes(arch, widths)
            self.assertEqual(sum(int(np.prod(s)) for name, s in shapes.items() if ".running_" not in name), trainable)

    def test_our_own_names(self):
        self.convert(SHIFT_FILES)
        out, _ = self.run_convert(self.path("model.safetensors"), self.path("cam.safetensors"), "--conv5-stride", "1")
        self.assertIn("multisensory of width 0.0625, audio_width 0.0625, naming avsound, 138 tensors", out)
        self.same(read_model(self.path("cam.safetensors"))[0], SHIFT.ours)


class Refusals(Case):
    def test_missing_variables_are_named(self):
        state = {k: v for k, v in SHIFT.theirs.items() if k not in ("im/merge2/biases", "sf/conv5_1/BatchNorm/beta")}
        self.refused(files_of(state), "not multisensory in naming slim, the nearest table; "
                                      "2 missing: im/merge2/biases, sf/conv5_1/BatchNorm/beta\n")
        self.refused(SHIFT_FILES, "missing: gen/bg/biases, ", "--arch", "separator-pit")
        self.refused(files_of({"global_step": SHIFT.theirs["global_step"]}), "missing: ")

    def test_other_shapes_are_named(self):
        for name, shape in (("im/conv3_1_2/weights", (3, 3, 3, 8, 9)), ("sf/conv2_1_1/weights", (15, 4, 8)),
                            ("im/conv5_2_2/weights", (32, 32, 3, 3, 3)), ("im/merge2/biases", (1, 8)),
                            ("im/merge_block_bn/beta", ())):
            state = {**SHIFT.theirs, name: np.ones(shape, "<f4")}
            self.refused(files_of(state), f"1 tensors do not fit multisensory of width 0.0625, audio_width 0.0625: "
                                          f"{name} is float32 {shape}, ")

    def test_other_types(self):
        name = "joint/logits/biases"
        self.refused(files_of({**SHIFT.theirs, name: np.ones(1, "<i8")}), f"{name} is int64 (1,)")
        self.refused(files_of({**SHIFT.theirs, name: np.array([np.nan], "<f4")}), f"{name} holds values that are not finite")
        for kind in ("<f8", "<f2"):
            tensors, *_ = self.convert(files_of({**SHIFT.theirs, name: np.array([0.5], kind)}))
            self.assertEqual(tensors["joint.logits.bias"], 0.5)
        entries, (content,) = entries_and_shards(SHIFT.theirs)
        for field, words in ((number(1, 7), f"{name} is of type 7"),
                             (number(1, 1) + text(7, b""), f"{name} is stored in slices")):
            other = [(k, field + v[2:] if k == name.encode() else v) for k, v in entries]
            self.refused({".index": index_of(other), DATA: content}, words)

    def test_damaged_and_missing_shards(self):
        data, index = SHIFT_FILES[DATA], SHIFT_FILES[".index"]
        last = sorted(SHIFT.ours)[-1].replace(".", "/") + "s"
        self.assertEqual(last, "sf/conv5_1/weights")
        flipped = bytearray(data)
        flipped[-1] ^= 1
        self.refused({".index": index, DATA: bytes(flipped)}, f"{DATA} is damaged: the checksum of {last} is wrong")
        self.refused({".index": index, DATA: data[:-1]}, f"{DATA} is cut off: {last} ends at {len(data)} of {len(data) - 1}")
        self.refused({".index": index}, f"{DATA}: No such file")
        files = files_of(SHIFT.theirs, 3)
        del files[".data-00001-of-00003"]
        self.refused(files, ".data-00001-of-00003: No such file")

    def test_what_nobody_needs_may_be_damaged(self):
        state = {"zz/Adam": np.arange(7, dtype="<i8"), **SHIFT.theirs}
        files = files_of(state)
        files[DATA] = files[DATA][:-9]
        self.same(self.convert(files)[0], SHIFT.ours)

    def test_damaged_tables(self):
        index, data = SHIFT_FILES[".index"], SHIFT_FILES[DATA]
        for content, words in ((b"", "or is cut off"), (index[:-30], "or is cut off"), (data[:4000], "is no index"),
                               (index[:3000] + index[-48:], "the index is cut off")):
            self.refused({".index": content, DATA: data}, words)
        for place in (10, 3000, len(index) - 60):
            flipped = bytearray(index)
            flipped[place] ^= 4
            self.refused({".index": bytes(flipped), DATA: data}, "the index is damaged: the checksum of the block at")
        header = number(1, 1)
        for entries, how, words in (([(b"", header)], 1, "compressed with snappy"), ([(b"", header)], 5, "in manner 5"),
                                    ([(b"x", b"")], 0, "no header"), ([(b"", number(1, 1) + number(2, 1))], 0, "big-endian"),
                                    ([(b"", b"")], 0, "0 shards"), ([(b"", text(1, b"x"))], 0, "another type")):
            self.refused({".index": index_of(entries, how)}, words)
        self.assertIn("cannot be read: FileNotFoundError", self.run_convert(self.path("x.index"), "--dry-run", code=1)[1])


class Tables(Case):
    def test_every_division_into_blocks_is_read(self):
        want = dict(entries_and_shards(SHIFT.theirs)[0])
        for most in (1, 100, 2000, 1 << 20):
            for interval in (1, 2, 16, 1 << 20):
                prefix = self.save(files_of({"a": np.zeros(1, "<f4")}))
                with open(prefix + ".index", "wb") as stream:
                    stream.write(index_of(want.items(), most=most, interval=interval))
                self.assertEqual(list(bundle.read_table(prefix + ".index")), sorted(want.items()))

    def test_damaged_entries_end_in_words(self):
        """With a right checksum: whatever is read is refused in words, or read."""
        entries, (content,) = entries_and_shards({"a": np.ones((2, 300), "<f4"), "b": np.ones((), "<i8")})
        for i, (key, value) in enumerate(entries):
            for place in range(len(value)):
                for bit in range(8):
                    flipped = value[:place] + bytes([value[place] ^ 1 << bit]) + value[place + 1:]
                    prefix = self.save({".index": index_of([*entries[:i], (key, flipped), *entries[i + 1:]]), DATA: content})
                    self.read_all(prefix)

    def test_damaged_blocks_end_in_words(self):
        block = block_of([(b"", number(1, 1)), (b"abc", b"x" * 200), (b"abd", b"")], 16)
        for place in range(len(block)):
            for bit in range(8):
                flipped = block[:place] + bytes([block[place] ^ 1 << bit]) + block[place + 1:]
                try:
                    list(bundle.entries_of(flipped))
                except bundle.Refused:
                    pass

    def read_all(self, prefix):
        try:
            tensors = bundle.Bundle(prefix + ".index")
        except bundle.Refused:
            return
        for name in tensors:
            try:
                self.assertIsInstance(tensors[name], np.ndarray)
            except bundle.Refused:
                pass

    def test_a_dry_run_checks_all_and_writes_nothing(self):
        prefix = self.save(SHIFT_FILES)
        out, _ = self.run_convert(prefix + ".index", "--dry-run")
        self.assertIn("naming slim, 138 tensors", out)
        self.assertEqual(len(os.listdir(self.folder.name)), 2)
        os.truncate(prefix + DATA, len(SHIFT_FILES[DATA]) - 1)
        self.assertIn("is cut off", self.run_convert(prefix, "--dry-run", code=1)[1])

    def test_checksums_are_those_of_rfc_3720(self):
        for data, crc in ((bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43), (bytes(range(32)), 0x46DD794E),
                          (b"123456789", 0xE3069283), (b"", 0)):
            self.assertEqual((bundle.crc32c(data), crc32c(data)), (crc, crc))

    def test_checksums_of_many_lanes_are_those_of_one(self):
        rng = np.random.default_rng(5)
        for size in (1, 127, 128, 129, 4095, 4096, 70001):
            data = rng.bytes(size)
            self.assertEqual(bundle.crc32c(data), crc32c(data), size)


class Library(test_convert.LibraryCase, Case):
    CLIP = {"image": {"width": 40, "height": 48}, "clip": {"frames": 9, "samples": 6307}}

    def test_the_library_knows_the_configuration(self):
        _, metadata, _ = self.convert(SHIFT_FILES, "--config", json.dumps(self.CLIP))
        target = self.path("model.safetensors")
        self.check(self.lib.avsound_model_verify(self.context, target.encode()))
        self.assertEqual(json.loads(self.lib.avsound_model_config(self.load(target))), json.loads(metadata["avsound.config"]))

    @unittest.skipUnless(torch, "torch is not installed")
    def test_the_library_computes_what_the_checkpoint_says(self):
        rng = np.random.default_rng(6)
        frames, waveform = rng.standard_normal((1, 3, 9, 48, 40)), 0.1 * rng.standard_normal((1, 2, 6307))
        for stride in (1, 2):
            self.convert(SHIFT_FILES, "--config", json.dumps(self.CLIP), "--conv5-stride", str(stride))
            with torch.no_grad():
                want = Reference(stride)(torch.from_numpy(frames), torch.from_numpy(waveform))
            found = self.outputs(self.load(self.path("model.safetensors")), {"frames": frames, "waveform": waveform},
                                 ("cam", "logits", "score"))
            for name, value in found.items():
                self.assertEqual(value.shape, tuple(want[name].shape))
                np.testing.assert_allclose(value, want[name].numpy(), rtol=0, atol=1e-4 * np.abs(want[name]).max())


class Reference(make_multisensory.Network if torch else object):
    """What PyTorch computes from the release's variables."""

    def __init__(self, conv5_stride):
        super().__init__(1 / 16, 1 / 16, conv5_stride)

    def parameter(self, name, shape):
        path, _, part = name.rpartition(".")
        scope = path.replace(".bn", "/BatchNorm").replace(".", "/", 1)
        is_norm = path.endswith("bn")
        part = {"weight": "weights", "bias": "beta" if is_norm else "biases", "running_mean": "moving_mean",
                "running_var": "moving_variance"}[part]
        value = SHIFT.theirs[f"{scope}/{part}"]
        if part == "weights":
            value = np.moveaxis(value, (-1, -2), (0, 1)).reshape(shape)
        return torch.from_numpy(np.ascontiguousarray(value)).double()


if __name__ == "__main__":
    unittest.main()
