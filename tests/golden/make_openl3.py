"""Writes openl3-*.safetensors: what PyTorch, in double precision, computes for every layer of OpenL3's networks.

    python3 tests/golden/make_openl3.py [CASE ...]

Weights are drawn by name and shape, as test_openl3.c draws them: a wrong name or shape there is a wrong number here.
"""
import json
import math
import os
import sys

import numpy as np
import torch

import networks
import openl3
from make_multisensory import SEED, draw

BATCH = 2
SAMPLES = 256

# variant, width, rows and columns of the input, pool
CASES = {
    "openl3-linear": ("linear", 0.25, (257, 197), (8, 8)),
    "openl3-mel128": ("mel128", 0.25, (128, 199), (4, 8)),
    "openl3-mel128-512": ("mel128", 0.25, (128, 199), (16, 24)),
    "openl3-mel256": ("mel256", 1.0, (256, 199), (8, 8)),
    "openl3-image": ("image", 1.0, (224, 224), (7, 7)),
    "openl3-image-512": ("image", 0.25, (224, 224), (28, 28)),
    "openl3-image-odd": ("image", 0.25, (90, 122), (5, 7)),  # every pool has windows that reach beyond the edge
}

AUDIO = {
    "linear": {"window": 512, "fft": 512, "columns": 197, "mel_bands": 0},
    "mel128": {"mel_bands": 128},
    "mel256": {},
}


def configuration(variant, width, size, pool):
    config = {"width": width, "pool_rows": pool[0], "pool_columns": pool[1]}
    if variant == "image":
        return {**config, "image": {"width": size[1], "height": size[0], "short_side": 256}}
    return {**config, "audio": AUDIO[variant]}


def sampled(layer, flat):
    if len(flat) <= SAMPLES:
        return flat
    return flat[networks.below(SEED, "golden.sample." + layer, SAMPLES, len(flat))]


def write(path, variant, width, size, pool):
    drawn, taps, tensors = {}, {}, {}

    def parameter(name, shape):
        drawn[name] = math.prod(shape)
        return draw(name, shape)

    tower = openl3.VARIANTS[variant][0]
    name, channels = ("image", 3) if tower == "vision" else ("spectrogram", 1)
    shape = (BATCH, channels, *size)
    x = torch.from_numpy(networks.normal(SEED, name, math.prod(shape)).astype(np.float32).reshape(shape)).double()
    with torch.no_grad():
        openl3.Network(tower, pool, parameter, width)(x, taps)
    for layer, value in taps.items():
        flat = value.numpy().reshape(-1)
        tensors[layer] = sampled(layer, flat)
        tensors[layer + ":shape"] = np.array(value.shape)
        tensors[layer + ":rms"] = np.array([math.sqrt(np.mean(np.square(flat)))])
    networks.write_safetensors(path, tensors, {
        "avsound.arch": "openl3-image" if tower == "vision" else "openl3-audio",
        "avsound.config": json.dumps(configuration(variant, width, size, pool), separators=(",", ":")),
        "golden.seed": str(SEED), "golden.batch": str(BATCH), "golden.tensors": str(len(drawn)),
        "golden.parameters": str(sum(drawn.values())),
        "source": f"tests/golden/make_openl3.py with PyTorch {torch.__version__} and numpy {np.__version__}, in double",
        "license": "CC0-1.0",
    })


def main():
    folder = os.path.dirname(os.path.abspath(__file__))
    for case in sys.argv[1:] or CASES:
        path = os.path.join(folder, case + ".safetensors")
        write(path, *CASES[case])
        print(f"{path}: {os.path.getsize(path)} bytes")


if __name__ == "__main__":
    main()
