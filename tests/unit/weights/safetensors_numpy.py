"""A second reader and writer of the model file format, which shares nothing with the library.

  safetensors_numpy.py write FILE   a file with the tensors that test_safetensors.c expects
  safetensors_numpy.py read FILE    prints name, dtype, shape and every value of a file's tensors, then the metadata
"""
import json
import struct
import sys

import numpy as np


def read(path):
    with open(path, "rb") as f:
        raw = f.read()
    length, = struct.unpack_from("<Q", raw)
    header = json.loads(raw[8:8 + length])
    metadata = header.pop("__metadata__", {})
    section = raw[8 + length:]
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        kind = {"F32": "<f4", "BF16": "<u2"}[entry["dtype"]]
        tensors[name] = entry["dtype"], np.frombuffer(section[begin:end], kind).reshape(entry["shape"])
    covered = sorted(entry["data_offsets"] for entry in header.values())
    assert all(a[1] == b[0] for a, b in zip(covered, covered[1:])), "hole or overlap"
    assert not covered or (covered[0][0] == 0 and covered[-1][1] == len(section)), "section not covered"
    assert (8 + length) % 64 == 0, "data section is not at a multiple of 64"
    return tensors, metadata


def write(path):
    # The last tensor begins at an odd multiple of two bytes: legal, and unfit for use in place.
    tensors = [("b.weight", "F32", np.arange(6, dtype="<f4").reshape(2, 3) / 8),
               ("a", "BF16", np.array([0x3f80, 0xc000, 0x0001], "<u2")),
               ("empty", "F32", np.zeros((0, 4), "<f4")),
               ("scalar", "F32", np.array(-2.5, "<f4"))]
    header, place = {"__metadata__": {"license": "CC0-1.0", "note": "caf\u00e9"}}, 0
    for name, dtype, values in tensors:
        header[name] = {"dtype": dtype, "shape": list(values.shape),
                        "data_offsets": [place, place + values.nbytes]}
        place += values.nbytes
    text = json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(values.tobytes() for _, _, values in tensors))


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(sys.argv[2])
    else:
        tensors, metadata = read(sys.argv[2])
        for name, (dtype, values) in tensors.items():
            shape = ",".join(map(str, values.shape))
            print(name, dtype, f"({shape})", *[x.tobytes()[::-1].hex() for x in values.ravel()])
        for key, value in metadata.items():
            print(key, value, sep="=")
