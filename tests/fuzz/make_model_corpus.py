"""Writes tests/fuzz/model: small model files, right and wrong, for the fuzzer to start from and for tests to replay."""
import json
import os
import struct

import numpy as np

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "model")


def tensor(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def pack(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


FLOATS = np.arange(4, dtype="<f4").tobytes()
META = {"avsound.arch": "ave-net", "avsound.training": "none"}
FILES = {
    "two-tensors": pack({"__metadata__": {"license": "CC0-1.0"}, "a": tensor("F32", [2, 1], 0, 8), "b": tensor("BF16", [4], 8, 16)},
                        FLOATS),
    "misaligned": pack({"b": tensor("BF16", [1], 0, 2), "a": tensor("F32", [], 2, 6), "c": tensor("F32", [0, 7], 6, 6)}, FLOATS[:6]),
    "nothing": pack({}),
    "overlap": pack({"a": tensor("F32", [2], 0, 8), "b": tensor("F32", [3], 4, 16)}, FLOATS),
    "hole": pack({"a": tensor("F32", [1], 0, 4), "b": tensor("F32", [1], 12, 16)}, FLOATS),
    "huge-shape": pack({"a": tensor("F32", [1 << 62, 4], 0, 16)}, FLOATS),
    "huge-offset": pack({"a": tensor("F32", [4], 0, (1 << 63) - 1)}, FLOATS),
    "duplicate": pack(b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[3],"data_offsets":[4,16]}}',
                      FLOATS),
    "deep": pack(b'{"a":' + b"[" * 300 + b"]" * 300 + b"}"),
    "control": pack(b'{"__metadata__":{"k\\u001b[2J":"v"},"\\u009b":1}'),
    "hundred-gigabytes": pack(b"{}", length=100 << 30),
    "unknown-arch": pack({"__metadata__": {"avsound.arch": "vgg-net"}}),
    "no-tensors": pack({"__metadata__": {**META, "avsound.config": '{"width":0.0625,"conv1_stride":1}'}}),
    "config": pack({"__metadata__": {**META, "avsound.config": json.dumps({
        "width": 4, "image": {"width": 224, "mean": [0, 0.5, 1e30], "cell": 16},
        "audio": {"sample_rate": 22050, "mel_bands": 64, "mel_high": 11025.0, "floor": 1e-10, "std": 1}})}}),
    "config-wrong": pack({"__metadata__": {**META, "avsound.config": '{"width":-1e308,"audio":{"hop":9999999999}}'}}),
    "damaged": pack({"__metadata__": {**META, "avsound.sha256": "00"}, "fc3.bias": tensor("F32", [4], 0, 16)}, FLOATS),
}

if __name__ == "__main__":
    os.makedirs(FOLDER, exist_ok=True)
    for name, content in FILES.items():
        with open(os.path.join(FOLDER, name + ".safetensors"), "wb") as stream:
            stream.write(content)
