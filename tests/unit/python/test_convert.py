"""Tests of examples/python/convert.py: python3 tests/unit/python/test_convert.py

Needs numpy; PyTorch's own files are tested where torch is installed, and the library's loader where AVSOUND_LIBRARY names
libavsound.so. Exits with 77 where numpy is missing.
"""
import collections
import contextlib
import ctypes
import io
import json
import os
import pickle
import struct
import subprocess
import sys
import tempfile
import unittest
import zipfile

try:
    import numpy as np
except ImportError:
    print("skipped: numpy is not installed")
    sys.exit(77)
try:
    import torch
    from torch.nn import functional as F
except ImportError:
    torch = None

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), *[os.pardir] * 3)
sys.path.insert(0, os.path.join(ROOT, "examples", "python"))
import convert  # noqa: E402

LAYERS = ["1_1", "1_2", "2_1", "2_2", "3_1", "3_2", "4_1", "4_2"]
CHANNELS = [4, 4, 8, 8, 16, 16, 32, 32]


def public_state(heads, rng):
    """A state dict in the public naming, of width 1/16, in the order that torch would list it."""
    state = collections.OrderedDict()
    for tower, inputs in (("icn", 3), ("acn", 1)):
        for layer, out in zip(LAYERS, CHANNELS):
            state[f"{tower}.conv{layer}.weight"] = rng.standard_normal((out, inputs, 3, 3)).astype("f4")
            state[f"{tower}.conv{layer}.bias"] = rng.standard_normal(out).astype("f4")
            for name in ("weight", "bias", "running_mean"):
                state[f"{tower}.bn{layer}.{name}"] = rng.standard_normal(out).astype("f4")
            state[f"{tower}.bn{layer}.running_var"] = rng.uniform(0.5, 2, out).astype("f4")
            state[f"{tower}.bn{layer}.num_batches_tracked"] = np.array(77, "i8")
            inputs = out
    for name, shape in heads:
        state[f"{name}.weight"] = rng.standard_normal(shape).astype("f4")
        state[f"{name}.bias"] = rng.standard_normal(shape[0]).astype("f4")
    return state


HEADS = {
    "l3-net": [("fc1", (128, 64)), ("fc2", (2, 128))],
    "ave-net": [("img_fc1", (128, 32)), ("img_fc2", (128, 128)), ("aud_fc1", (128, 32)), ("aud_fc2", (128, 128)),
                ("fc3", (2, 1))],
    "avol-net": [("im_conv5", (128, 32, 1, 1)), ("im_conv6", (128, 128, 1, 1)), ("aud_fc1", (128, 32)),
                 ("aud_fc2", (128, 128)), ("fus_conv7", (1, 1, 1, 1))],
}
# ours, theirs; written out by hand so that the converter's tables are not their own witness
RENAMED = {
    "l3-net": {"fc1": "fc1", "fc2": "fc2"},
    "ave-net": {"vision.fc1": "img_fc1", "vision.fc2": "img_fc2", "audio.fc1": "aud_fc1", "audio.fc2": "aud_fc2",
                "fc3": "fc3"},
    "avol-net": {"vision.conv5": "im_conv5", "vision.conv6": "im_conv6", "audio.fc1": "aud_fc1", "audio.fc2": "aud_fc2",
                 "conv7": "fus_conv7"},
}


def motion_state(arch, rng):
    """A state dict in our own naming, with biases, of a network that sees motion, of width 1/16."""
    state = {}
    heads = [("icn", "vision"), ("acn", "audio"), ("img_", "vision."), ("aud_", "audio.")]
    for name, value in public_state(HEADS["ave-net"], rng).items():
        for theirs, ours in heads:
            name = ours + name[len(theirs):] if name.startswith(theirs) else name
        state[name] = value
    if arch == "ave-net-mf":
        for layer in LAYERS:
            name = f"vision.conv{layer}.weight"
            state[name] = rng.standard_normal((*state[name].shape, 3)).astype("f4")
        return state
    for name in [name for name in state if name.startswith("vision.") and any(f"{layer}." in name for layer in LAYERS[:6])]:
        state[name.replace("vision", "flow")] = np.array(rng.uniform(0.5, 2, state[name].shape), state[name].dtype)
    state["flow.conv1_1.weight"] = rng.standard_normal((4, 20, 3, 3)).astype("f4")
    state["vision.conv4_1.weight"] = rng.standard_normal((32, 32, 3, 3)).astype("f4")
    return state


def read_model(path):
    with open(path, "rb") as stream:
        raw = stream.read()
    length, = struct.unpack_from("<Q", raw)
    header = json.loads(raw[8:8 + length])
    metadata = header.pop("__metadata__")
    tensors = {name: np.frombuffer(raw[8 + length:][slice(*entry["data_offsets"])], "<f4").reshape(entry["shape"])
               for name, entry in header.items()}
    return tensors, metadata, (8 + length) % 64


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.rng = np.random.default_rng(5)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def run_convert(self, *arguments, code=0):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            got = convert.main(list(arguments))
        self.assertEqual(got, code, err.getvalue())
        return out.getvalue(), err.getvalue()

    def save(self, state, name="weights.npz"):
        np.savez(self.path(name), **state)
        return self.path(name)

    def refused(self, state, words, *arguments):
        target = self.path("refused.safetensors")
        _, err = self.run_convert(self.save(state), target, *arguments, code=1)
        self.assertIn(words, err)
        self.assertEqual(os.listdir(self.folder.name), ["weights.npz"])


class Values(Case):
    def check(self, arch, ours, state, swapped=False):
        rows = slice(None, None, -1) if swapped else slice(None)
        self.assertEqual(len(ours), 80 + 2 * len(HEADS[arch]))
        for tower, theirs in (("vision", "icn"), ("audio", "acn")):
            for layer in LAYERS:
                np.testing.assert_array_equal(ours[f"{tower}.conv{layer}.weight"], state[f"{theirs}.conv{layer}.weight"])
                for name in ("weight", "bias", "running_var"):
                    np.testing.assert_array_equal(ours[f"{tower}.bn{layer}.{name}"], state[f"{theirs}.bn{layer}.{name}"])
                mean = state[f"{theirs}.bn{layer}.running_mean"] - state[f"{theirs}.conv{layer}.bias"]
                np.testing.assert_array_equal(ours[f"{tower}.bn{layer}.running_mean"], mean)
        for name, theirs in RENAMED[arch].items():
            for part in ("weight", "bias"):
                want = state[f"{theirs}.{part}"]
                if name == "conv7":
                    want = want.reshape(1)
                is_classes = name == {"l3-net": "fc2", "ave-net": "fc3"}.get(arch)
                np.testing.assert_array_equal(ours[f"{name}.{part}"], want[rows] if is_classes else want)

    def test_every_value_arrives(self):
        for arch, heads in HEADS.items():
            state = public_state(heads, self.rng)
            for swap in ([], ["--swap-classes"]):
                with self.subTest(arch=arch, swap=swap):
                    target = self.path("model.safetensors")
                    out, _ = self.run_convert(self.save(state), target, *swap, "--license", "CC0-1.0")
                    self.assertIn(f"{arch} of width 0.0625, naming icn", out)
                    ours, metadata, misaligned = read_model(target)
                    self.check(arch, ours, state, bool(swap))
                    self.assertEqual(misaligned, 0)
                    self.assertEqual(metadata["avsound.arch"], arch)
                    self.assertEqual(metadata["avsound.training"], "trained")
                    self.assertEqual(metadata["license"], "CC0-1.0")
                    self.assertEqual(json.loads(metadata["avsound.config"])["width"], 0.0625)

    def test_folding_keeps_what_the_layer_computes(self):
        state = public_state(HEADS["ave-net"], self.rng)
        converted, *_ = convert.convert(state)
        x = self.rng.standard_normal(4)
        gamma, beta = state["icn.bn1_1.weight"].astype("f8"), state["icn.bn1_1.bias"].astype("f8")
        mean, var = state["icn.bn1_1.running_mean"].astype("f8"), state["icn.bn1_1.running_var"].astype("f8")
        theirs = gamma * (x + state["icn.conv1_1.bias"] - mean) / np.sqrt(var + 1e-5) + beta
        ours = gamma * (x - converted["vision.bn1_1.running_mean"]) / np.sqrt(var + 1e-5) + beta
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)

    def test_networks_that_see_motion(self):
        for arch in ("ave-net-mf", "ave-net-of"):
            with self.subTest(arch=arch):
                state = motion_state(arch, self.rng)
                target = self.path("model.safetensors")
                out, _ = self.run_convert(self.save(state), target)
                self.assertIn(f"{arch} of width 0.0625, naming avsound", out)
                ours, metadata, _ = read_model(target)
                self.assertEqual(metadata["avsound.arch"], arch)
                dropped = {name for name in state
                           if name.endswith("num_batches_tracked") or (".conv" in name and name.endswith("bias"))}
                self.assertEqual(set(ours), set(state) - dropped)
                for name, value in ours.items():
                    bias = name.replace(".bn", ".conv").replace("running_mean", "bias")
                    want = state[name] - state[bias] if name.endswith("running_mean") else state[name]
                    np.testing.assert_array_equal(value, want)
                again = self.path("again.safetensors")
                self.assertIn(arch, self.run_convert(target, again)[0])
                for name, value in read_model(again)[0].items():
                    np.testing.assert_array_equal(value, ours[name])
        state["flow.conv1_1.weight"] = np.zeros((4, 3, 3, 3), "f4")
        os.remove(target)
        os.remove(again)
        self.refused(state, "flow.conv1_1.weight is (4, 3, 3, 3), flow.conv1_1.weight wants (4, 20, 3, 3)")
        del state["flow.bn3_2.weight"]
        self.refused(state, "not ave-net-of in naming avsound, the nearest table; 1 missing: flow.bn3_2.weight")

    def test_a_source_without_conv_biases(self):
        state = public_state(HEADS["ave-net"], self.rng)
        bare = {name: value for name, value in state.items() if ".conv" not in name or not name.endswith(".bias")}
        converted, *_ = convert.convert({n: v for n, v in bare.items() if "num_batches" not in n})
        np.testing.assert_array_equal(converted["audio.bn3_2.running_mean"], state["acn.bn3_2.running_mean"])

    def test_our_own_names_and_wrappers(self):
        state = public_state(HEADS["ave-net"], self.rng)
        target = self.path("model.safetensors")
        self.run_convert(self.save(state), target)
        ours, *_ = read_model(target)
        again = self.path("again.safetensors")
        out, _ = self.run_convert(target, again, "--untrained")
        self.assertIn("naming avsound", out)
        copied, metadata, _ = read_model(again)
        self.assertEqual(metadata["avsound.training"], "none")
        for name, value in ours.items():
            np.testing.assert_array_equal(copied[name], value)
        wrapped = {f"module.{name}": value for name, value in state.items()}
        out, _ = self.run_convert(self.save(wrapped), "--dry-run")
        self.assertIn("ave-net of width 0.0625, naming icn", out)

    def test_other_number_types_are_widened(self):
        state = public_state(HEADS["l3-net"], self.rng)
        state["fc1.weight"] = state["fc1.weight"].astype("f2")
        state["fc2.bias"] = state["fc2.bias"].astype("f8")
        self.run_convert(self.save(state), self.path("model.safetensors"))
        ours, *_ = read_model(self.path("model.safetensors"))
        np.testing.assert_array_equal(ours["fc1.weight"], state["fc1.weight"].astype("f4"))

    def test_front_ends(self):
        state = public_state(HEADS["l3-net"], self.rng)
        target = self.path("model.safetensors")
        self.run_convert(self.save(state), target, "--conv1-stride", "1", "--config", '{"audio": {"std": 80}}')
        config = json.loads(read_model(target)[1]["avsound.config"])
        self.assertEqual(config["conv1_stride"], 1)
        self.assertEqual((config["audio"]["std"], config["audio"]["columns"]), (80, 199))
        self.assertEqual(config["image"]["mean"], [0.485, 0.456, 0.406])
        os.remove(target)
        self.refused(state, "unknown name audio.sdt", "--config", '{"audio": {"sdt": 80}}')

    def test_signs_that_tell_of_other_class_orders(self):
        state = public_state(HEADS["ave-net"], self.rng)
        state["fc3.weight"] = np.array([[-3], [2]], "f4")
        path = self.save(state)
        self.assertIn("--swap-classes", self.run_convert(path, "--dry-run")[1])
        self.assertEqual(self.run_convert(path, "--dry-run", "--swap-classes")[1], "")

    def test_tables_are_complete(self):
        for source, arch in convert.TABLES:
            ours = [rule.ours for rule in convert.rules_of(source, arch) if rule.ours != "1"]
            self.assertEqual(len(ours), len(set(ours)))
            self.assertEqual(set(ours), set(convert.wanted_shapes(arch, dict.fromkeys(convert.GAUGES.values(), 1))))
        self.assertIn("vision.bn{L}.running_mean  = icn.bn{L}.running_mean - icn.conv{L}.bias?", self.run_convert("--list")[0])


class Refusals(Case):
    def test_missing_and_superfluous(self):
        state = public_state(HEADS["ave-net"], self.rng)
        del state["icn.bn2_1.running_var"]
        state["fc4.weight"] = np.zeros((3, 5), "f4")
        self.refused(state, "1 missing: icn.bn2_1.running_var; 1 superfluous: fc4.weight (3, 5)")

    def test_shapes(self):
        state = public_state(HEADS["ave-net"], self.rng)
        state["img_fc1.weight"] = np.zeros((128, 31), "f4")
        state["acn.conv2_1.bias"] = np.zeros(9, "f4")
        self.refused(state, "img_fc1.weight is (128, 31), vision.fc1.weight wants (128, 32)")
        self.refused(state, "acn.conv2_1.bias is (9,), want (8,)")
        state["icn.conv1_1.weight"] = np.zeros((2, 3, 3, 3), "f4")
        self.refused(state, "has 2 channels, want 4...256")

    def test_values(self):
        state = public_state(HEADS["ave-net"], self.rng)
        state["aud_fc2.bias"][3] = np.nan
        self.refused(state, "aud_fc2.bias holds values that are not finite")
        state["aud_fc2.bias"] = np.full(128, 1e39)
        self.refused(state, "aud_fc2.bias holds values that are not finite")

    def test_what_is_asked_for_and_what_is_there(self):
        state = public_state(HEADS["ave-net"], self.rng)
        self.refused(state, "not l3-net in naming icn", "--arch", "l3-net")
        self.refused(state, "in naming avsound", "--source", "avsound")

    def test_files(self):
        for name, content, words in (
                ("a.bin", b"x", "ends in \".bin\""), ("a.pt", b"", "damaged pickle"), ("a.npz", b"x", "cannot be read"),
                ("a.safetensors", b"", "no safetensors"), ("a.pth", b"PK\3\4 no zip", "damaged pickle"),
                ("b.safetensors", struct.pack("<Q", 10**11) + b"{}", "does not fit the file")):
            with open(self.path(name), "wb") as stream:
                stream.write(content)
            self.assertIn(words, self.run_convert(self.path(name), "--dry-run", code=1)[1])
        self.assertIn("cannot be read", self.run_convert(self.path("none.pt"), "--dry-run", code=1)[1])
        np.savez(self.path("objects.npz"), a=np.array([{}], dtype=object))
        self.assertIn("cannot be read", self.run_convert(self.path("objects.npz"), "--dry-run", code=1)[1])

    def test_damage_is_refused_or_harmless(self):
        small = {"icn.conv1_1.weight": np.ones((2, 3), "f4"), "x": np.arange(3, dtype="f2")}
        np.savez(self.path("whole.npz"), **small)
        with open(self.path("whole.safetensors"), "wb") as stream:
            stream.writelines(convert.render({"a": np.ones(3, "f4")}, {"k": "v"}))
        names = ["whole.npz", "whole.safetensors"]
        for zipped in (True, False) if torch else ():
            names.append(f"whole{int(zipped)}.pt")
            torch.save({"epoch": 1, "state_dict": {name: torch.from_numpy(value) for name, value in small.items()}},
                       self.path(names[-1]), _use_new_zipfile_serialization=zipped)
        for name in names:
            with open(self.path(name), "rb") as stream:
                whole = stream.read()
            for _ in range(100):
                damaged = bytearray(whole)
                for place in self.rng.integers(len(whole), size=self.rng.integers(1, 4)):
                    damaged[place] = self.rng.integers(256)
                with open(self.path("damaged" + os.path.splitext(name)[1]), "wb") as stream:
                    stream.write(damaged[:self.rng.integers(len(whole)) if self.rng.random() < 0.2 else None])
                with contextlib.suppress(convert.Refused):
                    convert.read(stream.name)

    def test_unwritable_output(self):
        source = self.save(public_state(HEADS["l3-net"], self.rng))
        self.assertIn("No such file", self.run_convert(source, self.path("none/model.safetensors"), code=1)[1])


class Evil:
    """What it would run leaves a file behind."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


class Pickles(Case):
    def refused_pickle(self, content, words, name="evil.pt"):
        with open(self.path(name), "wb") as stream:
            stream.write(content)
        err = self.run_convert(self.path(name), "--dry-run", code=1)[1]
        self.assertIn(words, err)
        self.assertFalse(os.path.exists(self.path("ran")))
        return err

    def zipped(self, pickled, compression=zipfile.ZIP_STORED):
        raw = io.BytesIO()
        with zipfile.ZipFile(raw, "w", compression) as archive:
            archive.writestr("archive/data.pkl", pickled)
            archive.writestr("archive/data/0", struct.pack("<4f", 1, 2, 3, 4))
        return raw.getvalue()

    def test_code_is_refused_by_name_and_not_run(self):
        touch = f"touch {self.path('ran')}"
        calls = {"system": (os.system, touch), "eval": (eval, f"open({self.path('ran')!r}, 'w')"),
                 "getattr": (getattr, "", "upper")}
        for name, call in calls.items():
            for protocol in (0, 2, 4):
                evil = pickle.dumps({"a": Evil(*call)}, protocol)
                for content in (evil, self.zipped(evil)):
                    self.assertIn("asks for", self.refused_pickle(content, f".{name};"))
        self.refused_pickle(self.zipped(b"cos\nsystem\n(S'" + touch.encode() + b"'\ntR."), "asks for os.system;")

    def test_tensors_stay_inside_their_storage(self):
        for offset, shape, stride in ((0, (5,), (1,)), (2, (3,), (1,)), (0, (2, 2), (3, 1)), (-1, (2,), (1,)),
                                      (0, (-1,), (1,)), (0, (1 << 40,), (0,)), (0, (2,), (1 << 62,)), (0, (2,), ()),
                                      (0, ("2",), (1,))):
            content = raw_tensor_pickle(offset, shape, stride)
            err = "whole numbers" if any(not isinstance(n, int) or n < 0 for n in (offset, *shape, *stride)) or not stride \
                else "of a storage of 4"
            self.refused_pickle(self.zipped(content), err)
        state = convert.read_torch(self.write("good.pt", self.zipped(raw_tensor_pickle(1, (3,), (1,)))))
        np.testing.assert_array_equal(state["a"], [2, 3, 4])

    def write(self, name, content):
        with open(self.path(name), "wb") as stream:
            stream.write(content)
        return self.path(name)

    def test_other_archives(self):
        good = raw_tensor_pickle(0, (4,), (1,))
        self.refused_pickle(self.zipped(good, zipfile.ZIP_DEFLATED), "compressed archive")
        self.refused_pickle(self.zipped(pickle.dumps([1, 2])), "holds a list, want a state dict")
        self.refused_pickle(self.zipped(pickle.dumps({"a": 1})), "holds no tensors")
        self.refused_pickle(pickle.dumps({"a": 1}), "magic number")
        cycle = {}
        cycle["state_dict"] = cycle
        self.refused_pickle(self.zipped(pickle.dumps(cycle)), "cannot be read")
        self.refused_pickle(self.zipped(good)[:-30], "")


def raw_tensor_pickle(offset, shape, stride):
    """{"a": torch._utils._rebuild_tensor_v2(storage 0 of 4 floats, offset, shape, stride)} without torch."""
    def number(n):
        return b"I%d\n" % n if isinstance(n, int) else b"S'%s'\n" % n.encode()

    def items(numbers):
        return b"(" + b"".join(map(number, numbers)) + b"t"

    storage = b"(S'storage'\nctorch\nFloatStorage\nS'0'\nS'cpu'\nI4\ntQ"
    return (b"\x80\x02}S'a'\nctorch._utils\n_rebuild_tensor_v2\n(" + storage + number(offset) + items(shape) + items(stride) +
            b"tRs.")


@unittest.skipUnless(torch, "torch is not installed")
class Torch(Case):
    def test_files_of_torch_save(self):
        state = public_state(HEADS["avol-net"], self.rng)
        tensors = collections.OrderedDict((name, torch.from_numpy(value.copy())) for name, value in state.items())
        tensors["fus_conv7.weight"] = torch.nn.Parameter(tensors["fus_conv7.weight"])
        tensors["aud_fc1.weight"] = torch.from_numpy(state["aud_fc1.weight"].T.copy()).T  # not contiguous
        shared = torch.cat([tensors["aud_fc1.bias"], tensors["aud_fc2.bias"]])
        tensors["aud_fc1.bias"], tensors["aud_fc2.bias"] = shared[:128], shared[128:]  # one storage
        checkpoint = {"epoch": 3, "loss": 0.5, "state_dict": tensors, "optimizer": {"state": {}, "lr": [1e-4]}}
        for content in (tensors, checkpoint):
            for zipped in (True, False):
                with self.subTest(zipped=zipped, checkpoint=content is checkpoint):
                    torch.save(content, self.path("weights.pt"), _use_new_zipfile_serialization=zipped)
                    self.run_convert(self.path("weights.pt"), self.path("model.safetensors"))
                    ours, *_ = read_model(self.path("model.safetensors"))
                    Values.check(self, "avol-net", ours, state)

    def test_half_and_bfloat16(self):
        state = public_state(HEADS["l3-net"], self.rng)
        tensors = {name: torch.from_numpy(value) for name, value in state.items()}
        tensors["fc1.weight"] = tensors["fc1.weight"].bfloat16()
        tensors["fc2.weight"] = tensors["fc2.weight"].half()
        torch.save(tensors, self.path("weights.pt"))
        self.run_convert(self.path("weights.pt"), self.path("model.safetensors"))
        ours, *_ = read_model(self.path("model.safetensors"))
        np.testing.assert_array_equal(ours["fc1.weight"], tensors["fc1.weight"].float().numpy())
        np.testing.assert_array_equal(ours["fc2.weight"], tensors["fc2.weight"].float().numpy())

    def test_models_and_scripts_are_refused(self):
        torch.save(torch.nn.Linear(2, 2), self.path("model.pt"))
        self.assertIn("torch.nn.modules.linear.Linear", self.run_convert(self.path("model.pt"), "--dry-run", code=1)[1])
        torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), self.path("script.pt"))
        self.assertIn("TorchScript", self.run_convert(self.path("script.pt"), "--dry-run", code=1)[1])
        torch.save({"a": Evil(os.system, f"touch {self.path('ran')}")}, self.path("evil.pt"))
        self.assertIn("posix.system", self.run_convert(self.path("evil.pt"), "--dry-run", code=1)[1])
        self.assertFalse(os.path.exists(self.path("ran")))


class Documentation(Case):
    def test_the_example_file_is_what_its_program_writes(self):
        with open(os.path.join(ROOT, "docs", "model-format.md"), encoding="utf-8") as stream:
            text = stream.read()
        program = text.split("```python\n")[1].split("```")[0]
        dump = text.split("```\n0000000 ")[1].split("\n```")[0]
        written = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True).stdout
        lines = ("0000000 " + dump).split("\n")
        shown = bytes.fromhex("".join(line[8:].split("  >")[0] for line in lines[:-1]))
        self.assertEqual(shown, written)
        self.assertEqual(int(lines[-1]), len(written))


class Tensor(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_uint32), ("dtype", ctypes.c_int32), ("rank", ctypes.c_int32),
                ("reserved", ctypes.c_int32), ("shape", ctypes.c_int64 * 6), ("data", ctypes.POINTER(ctypes.c_float))]


def torch_outputs(arch, state, image, spectrogram):
    """What the public implementation computes, in double precision (AVOL-Net with the paper's ReLU after im_conv5)."""
    def p(name):
        return torch.from_numpy(state[name]).double()

    def stack(x, tower):
        for layer in LAYERS:
            x = F.conv2d(x, p(f"{tower}.conv{layer}.weight"), p(f"{tower}.conv{layer}.bias"), 2 if layer == "1_1" else 1, 1)
            norm = [p(f"{tower}.bn{layer}.{name}") for name in ("running_mean", "running_var", "weight", "bias")]
            x = F.relu(F.batch_norm(x, *norm))
            x = F.max_pool2d(x, 2) if layer in ("1_2", "2_2", "3_2") else x
        return x

    def layer(x, name):
        return (F.conv2d if state[f"{name}.weight"].ndim == 4 else F.linear)(x, p(f"{name}.weight"), p(f"{name}.bias"))

    v, a = stack(torch.from_numpy(image).double(), "icn"), stack(torch.from_numpy(spectrogram).double(), "acn").amax((2, 3))
    if arch == "l3-net":
        v = v.amax((2, 3))
        logits = layer(F.relu(layer(torch.cat([v, a], 1), "fc1")), "fc2")
    elif arch == "ave-net":
        v = F.normalize(layer(F.relu(layer(v.amax((2, 3)), "img_fc1")), "img_fc2"))
        a = F.normalize(layer(F.relu(layer(a, "aud_fc1")), "aud_fc2"))
        logits = layer((v - a).norm(dim=1, keepdim=True), "fc3")
    else:
        v = layer(F.relu(layer(v, "im_conv5")), "im_conv6")
        a = layer(F.relu(layer(a, "aud_fc1")), "aud_fc2")
        logits = layer(torch.einsum("nchw,nc->nhw", v, a)[:, None], "fus_conv7").amax((2, 3))
        v = v.amax((2, 3))
    return {"embedding.image": v.numpy(), "embedding.audio": a.numpy(), "logits": logits.numpy()}


@unittest.skipUnless(os.environ.get("AVSOUND_LIBRARY"), "AVSOUND_LIBRARY is not set")
class LibraryCase(Case):
    def setUp(self):
        super().setUp()
        self.lib = ctypes.CDLL(os.environ["AVSOUND_LIBRARY"])
        pointer, text = ctypes.c_void_p, ctypes.c_char_p
        for name, *arguments in (("model_config", pointer), ("model_free", pointer), ("context_free", pointer),
                                 ("model_create", pointer, text, text, ctypes.c_uint64, pointer),
                                 ("model_load", pointer, text, pointer), ("model_verify", pointer, text), ("session_create", pointer, pointer, pointer),
                                 ("session_set_input", pointer, text, pointer), ("session_run", pointer),
                                 ("session_get_output", pointer, text, pointer), ("session_free", pointer)):
            getattr(self.lib, f"avsound_{name}").argtypes = arguments
        self.lib.avsound_model_config.restype = self.lib.avsound_error_detail.restype = text
        self.context = pointer()
        self.check(self.lib.avsound_context_create(None, ctypes.byref(self.context)))
        self.addCleanup(self.lib.avsound_context_free, self.context)

    def check(self, status):
        self.assertEqual(status, 0, self.lib.avsound_error_detail())

    def load(self, path):
        model = ctypes.c_void_p()
        self.check(self.lib.avsound_model_load(self.context, path.encode(), ctypes.byref(model)))
        self.addCleanup(self.lib.avsound_model_free, model)
        return model

    def outputs(self, model, inputs, names):
        session = ctypes.c_void_p()
        self.check(self.lib.avsound_session_create(model, None, ctypes.byref(session)))
        self.addCleanup(self.lib.avsound_session_free, session)
        for name, value in inputs.items():
            value = np.ascontiguousarray(value, "f4")
            view = Tensor(ctypes.sizeof(Tensor), 1, value.ndim, 0, (ctypes.c_int64 * 6)(*value.shape),
                          value.ctypes.data_as(ctypes.POINTER(ctypes.c_float)))
            self.check(self.lib.avsound_session_set_input(session, name.encode(), ctypes.byref(view)))
        self.check(self.lib.avsound_session_run(session))
        found = {}
        for name in names:
            view = Tensor(ctypes.sizeof(Tensor))
            self.check(self.lib.avsound_session_get_output(session, name.encode(), ctypes.byref(view)))
            found[name] = np.ctypeslib.as_array(view.data, tuple(view.shape[:view.rank])).copy()
        return found


class Library(LibraryCase):
    def test_the_library_loads_what_was_converted(self):
        for arch, heads in HEADS.items():
            target = self.path("model.safetensors")
            self.run_convert(self.save(public_state(heads, self.rng)), target)
            self.check(self.lib.avsound_model_verify(self.context, target.encode()))
            config = json.loads(self.lib.avsound_model_config(self.load(target)))
            self.assertEqual(config, json.loads(read_model(target)[1]["avsound.config"]))

    def test_the_library_loads_networks_that_see_motion(self):
        for arch in ("ave-net-mf", "ave-net-of"):
            target = self.path("model.safetensors")
            self.run_convert(self.save(motion_state(arch, self.rng)), target)
            self.check(self.lib.avsound_model_verify(self.context, target.encode()))
            self.load(target)

    def test_the_front_ends_are_the_librarys(self):
        for arch in ("ave-net", "ave-net-mf", "ave-net-of"):
            model = ctypes.c_void_p()
            self.check(self.lib.avsound_model_create(self.context, arch.encode(), b'{"width":0.0625}', 1, ctypes.byref(model)))
            self.addCleanup(self.lib.avsound_model_free, model)
            self.assertEqual(json.loads(self.lib.avsound_model_config(model)),
                             convert.configuration("avsound", arch, {"width": 0.0625}, {}))

    @unittest.skipUnless(torch, "torch is not installed")
    def test_the_library_computes_what_the_source_computed(self):
        image = self.rng.standard_normal((1, 3, 224, 224)).astype("f4")
        spectrogram = self.rng.standard_normal((1, 1, 257, 199)).astype("f4")
        for arch, heads in HEADS.items():
            with self.subTest(arch=arch):
                state = public_state(heads, self.rng)
                self.run_convert(self.save(state), self.path("model.safetensors"))
                want = torch_outputs(arch, state, image, spectrogram)
                model = self.load(self.path("model.safetensors"))
                found = self.outputs(model, {"image": image, "spectrogram": spectrogram}, want)
                for name, value in want.items():
                    self.assertEqual(found[name].shape, value.shape)
                    error = np.abs(found[name] - value).max() / np.abs(value).max()
                    self.assertLess(error, 1e-4, name)


if __name__ == "__main__":
    unittest.main()
