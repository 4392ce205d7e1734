"""models/average.py as recipes run it, on model files that this test writes."""
import hashlib
import json
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

import numpy as np

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "models" / "average.py"
SHAPES = {"a.weight": (3, 4), "b.bias": (5,)}


def write_model(path, tensors, arch="ave-net", config="{}", **metadata):
    section, header = b"", {"__metadata__": {"avsound.arch": arch, "avsound.config": config, **metadata}}
    for name, tensor in tensors.items():
        header[name] = {"dtype": "F32", "shape": tensor.shape, "data_offsets": [len(section), len(section) + tensor.nbytes]}
        section += tensor.tobytes()
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + section)


def read_model(path):
    raw = path.read_bytes()
    length, = struct.unpack_from("<Q", raw)
    header, section = json.loads(raw[8:8 + length]), raw[8 + length:]
    metadata = header.pop("__metadata__")
    tensors = {name: np.frombuffer(section[slice(*entry["data_offsets"])], "<f4").reshape(entry["shape"])
               for name, entry in header.items()}
    return tensors, metadata, hashlib.sha256(section).hexdigest()


class Average(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        random = np.random.default_rng(1)
        self.models = [{name: random.normal(size=shape).astype("<f4") for name, shape in SHAPES.items()} for _ in range(3)]
        for i, tensors in enumerate(self.models):
            write_model(self.folder / f"{i}.safetensors", tensors, license="Apache-2.0", source=f"{i}")

    def average(self, *models):
        return subprocess.run([sys.executable, SCRIPT, "out.safetensors", *models], cwd=self.folder, text=True, capture_output=True)

    def test_weights_are_averaged_by_their_shares(self):
        run = self.average("3=0.safetensors", "1=1.safetensors", "2=2.safetensors", "--source", "three")
        self.assertEqual(run.returncode, 0, run.stderr)
        tensors, metadata, digest = read_model(self.folder / "out.safetensors")
        self.assertEqual(set(tensors), set(SHAPES))
        for name, tensor in tensors.items():
            a, b, c = (m[name].astype("f8") for m in self.models)
            np.testing.assert_allclose(tensor, (3 * a + b + 2 * c) / 6, rtol=1e-6, atol=1e-7)
        self.assertEqual(metadata, {"avsound.arch": "ave-net", "avsound.config": "{}", "license": "Apache-2.0",
                                    "source": "three", "avsound.training": "trained", "avsound.sha256": digest})

    def test_what_does_not_fit_is_refused_and_nothing_is_written(self):
        path = self.folder / "other.safetensors"
        cases = {"avsound.arch": {"tensors": self.models[0], "arch": "l3-net"},
                 "avsound.config": {"tensors": self.models[0], "config": '{"width":2}'},
                 "tensors": {"tensors": {"a.weight": self.models[0]["a.weight"]}}}
        for what, case in cases.items():
            write_model(path, **case)
            run = self.average("1=0.safetensors", "1=other.safetensors")
            self.assertEqual(run.returncode, 1)
            self.assertIn("other.safetensors", run.stderr)
            self.assertIn(what, run.stderr)
            self.assertNotIn("Traceback", run.stderr)
            self.assertFalse((self.folder / "out.safetensors").exists())
        self.assertEqual(self.average("0.safetensors").returncode, 2)


if __name__ == "__main__":
    unittest.main()
