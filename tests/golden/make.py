"""Writes the golden files: what PyTorch, in double precision, computes for every layer of every network.

    python3 tests/golden/make.py [CASE ...]

Needs numpy and torch (Debian's python3-torch); about two minutes for all cases. A file holds, for each layer,
  LAYER         up to 1024 values as 32-bit floats: all of a small layer; of a large one the elements whose flat
                indices are below(seed, "golden.sample.LAYER", k, count) for k = 0...1023
  LAYER:shape   its shape
  LAYER:rms     the root mean square of all its elements, the scale that errors are measured on
and in its metadata what is needed to draw the same weights and inputs. networks.py has the rules.
"""
import json
import math
import os
import sys

import numpy as np
import torch

import networks

SEED = 2018
BATCH = 2
SAMPLES = 1024

# name: architecture, configuration, (height, width) of the image
CASES = {
    "l3-net": ("l3-net", {"width": 1.0, "conv1_stride": 2}, (224, 224)),
    "l3-net-narrow": ("l3-net", {"width": 0.25, "conv1_stride": 2}, (224, 224)),
    "l3-net-narrow-stride1": ("l3-net", {"width": 0.25, "conv1_stride": 1}, (224, 224)),
    "ave-net": ("ave-net", {"width": 1.0, "conv1_stride": 2}, (224, 224)),
    "ave-net-narrow": ("ave-net", {"width": 0.25, "conv1_stride": 2}, (224, 224)),
    "ave-net-mf-narrow": ("ave-net-mf", {"width": 0.125, "conv1_stride": 2}, (96, 112)),
    "ave-net-of-narrow": ("ave-net-of", {"width": 0.25, "conv1_stride": 2}, (224, 224)),
    "avol-net": ("avol-net", {"width": 1.0, "conv1_stride": 2}, (224, 224)),
    "avol-net-wide": ("avol-net", {"width": 1.0, "conv1_stride": 2}, (224, 384)),
    "avol-net-narrow": ("avol-net", {"width": 0.25, "conv1_stride": 2}, (224, 224)),
    "avol-net-narrow-wide": ("avol-net", {"width": 0.25, "conv1_stride": 2}, (224, 384)),
}

# The papers' table for stride 2: rows, columns and channels at width 1. (The papers print 128 rows for the audio's
# first block; symmetric padding gives 129, and pool1 drops the odd one.)
TABLE = {
    "vision.conv1_1": (112, 112, 64), "vision.conv1_2": (112, 112, 64), "vision.pool1": (56, 56, 64),
    "vision.conv2_1": (56, 56, 128), "vision.conv2_2": (56, 56, 128), "vision.pool2": (28, 28, 128),
    "vision.conv3_1": (28, 28, 256), "vision.conv3_2": (28, 28, 256), "vision.pool3": (14, 14, 256),
    "vision.conv4_1": (14, 14, 512), "vision.conv4_2": (14, 14, 512),
    "audio.conv1_1": (129, 100, 64), "audio.conv1_2": (129, 100, 64), "audio.pool1": (64, 50, 64),
    "audio.conv2_1": (64, 50, 128), "audio.conv2_2": (64, 50, 128), "audio.pool2": (32, 25, 128),
    "audio.conv3_1": (32, 25, 256), "audio.conv3_2": (32, 25, 256), "audio.pool3": (16, 12, 256),
    "audio.conv4_1": (16, 12, 512), "audio.conv4_2": (16, 12, 512),
}


def check_shapes(taps, config, image):
    """The definitions against the papers' table."""
    if config["conv1_stride"] != 2:
        return
    steps = {"vision.conv1": 13, "vision.pool1": 7, "vision.conv2": 7, "vision.pool2": 4, "vision.conv3": 4, "vision.pool3": 2,
             "vision.conv4": 2}
    for layer, (rows, columns, channels) in TABLE.items():
        if layer.startswith("vision"):
            rows, columns = rows * image[0] // 224, columns * image[1] // 224
        time = taps[layer].shape[2:-2]
        if time and time != (steps[layer.rsplit("_")[0]],):
            raise ValueError(f"{layer} has {time} steps")
        want = (BATCH, round(channels * config["width"]), *time, rows, columns)
        if tuple(taps[layer].shape) != want:
            raise ValueError(f"{layer} is {tuple(taps[layer].shape)}, the table says {want}")


def sampled(layer, values):
    """The elements that the file keeps."""
    flat = values.reshape(-1)
    if len(flat) <= SAMPLES:
        return flat
    return flat[networks.below(SEED, "golden.sample." + layer, SAMPLES, len(flat))]


def run(arch, config, image):
    """Every layer's output in double, from weights and inputs rounded to 32 bits."""
    net = networks.build(arch, networks.golden_weights(arch, SEED, **config), **config).double()
    inputs = [torch.from_numpy(x).double() for x in networks.golden_inputs(SEED, BATCH, *image, arch)]
    taps = networks.Taps()
    with torch.no_grad():
        net(*inputs, taps)
    check_shapes(taps, config, image)
    return taps


def write(path, arch, config, image):
    tensors = {}
    for layer, value in run(arch, config, image).items():
        values = value.numpy()
        tensors[layer] = sampled(layer, values)
        tensors[layer + ":shape"] = np.array(values.shape)
        tensors[layer + ":rms"] = np.array([math.sqrt(np.mean(np.square(values)))])
    networks.write_safetensors(path, tensors, {
        "avsound.arch": arch,
        "avsound.config": json.dumps(config),
        "golden.seed": str(SEED),
        "golden.batch": str(BATCH),
        "golden.image": f"{image[0]}x{image[1]}",
        "source": f"tests/golden/make.py with PyTorch {torch.__version__} and numpy {np.__version__}, in double",
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
