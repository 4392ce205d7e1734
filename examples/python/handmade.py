#!/usr/bin/env python3
"""Writes an AVOL-Net made by hand: red things hum, blue things tick.

    handmade.py model.safetensors

The weights are set one by one instead of being trained, so what the network must answer is known. It sees two things,
how red and how blue each cell of the picture is; it hears two things, a steady tone and a broadband click. A cell is
near 1 in the map if it is red while a tone sounds, or blue while something clicks; anywhere else it is near 0. Needs
numpy.
"""
import json
import sys

import numpy as np

from convert import render, wanted_shapes, write_atomically

# The spectrogram's floor becomes 0: beyond the edges the networks see zeros, and silence must not differ from them.
CONFIG = {"width": 0.0625, "image": {"mean": [0, 0, 0], "std": [1, 1, 1]},
          "audio": {"floor": 1e-8, "mean": -80, "std": 20}}

# Kernels of 3x3: rows are frequency, columns are time.
HERE = np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]])
AROUND = np.full((3, 3), 1 / 9)
SOFT = np.outer([1, 2, 1], [1, 2, 1]) / 16
ALONG_TIME = np.array([[0, 0, 0], [1, 1, 1], [0, 0, 0]]) / 3
ALONG_FREQUENCY = ALONG_TIME.T
LINE = np.array([[-1, -1, -1], [2, 2, 2], [-1, -1, -1]]) / 6   # louder than the frequencies above and below
RISE = np.array([[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]]) / 3      # louder than 40 ms before, at all frequencies

RED = HUM = 0
BLUE = TICK = 1


def see(w):
    """Channel 0: how red, channel 1: how blue; greys have neither."""
    for channel, (r, g, b) in enumerate([(1, -1, -0.2), (-0.6, -0.4, 1)]):
        for source, weight in enumerate((r, g, b)):
            w["vision.conv1_1.weight"][channel, source] = weight * HERE
    for layer in "1_2 2_1 2_2 3_1 3_2 4_1 4_2".split():
        for channel in (RED, BLUE):
            w[f"vision.conv{layer}.weight"][channel, channel] = SOFT if layer in ("1_2", "4_2") else HERE


def hear(w):
    """Channel 0: lines along time in the spectrogram, channel 1: lines along frequency."""
    weight = {name: w[f"audio.conv{name}.weight"] for name in "1_1 1_2 2_1 2_2 3_1 3_2 4_1 4_2".split()}
    weight["1_1"][0, 0] = AROUND
    weight["1_2"][0, 0] = AROUND
    weight["2_1"][HUM, 0] = LINE
    weight["2_1"][TICK, 0] = RISE
    for layer in "2_2 3_1 3_2 4_1".split():
        weight[layer][HUM, HUM] = ALONG_TIME
        weight[layer][TICK, TICK] = ALONG_FREQUENCY
    for channel in (HUM, TICK):
        weight["4_2"][channel, channel] = HERE


def clip(w, first, second, channel, gain, threshold):
    """Two layers that turn x into gain (x - threshold), held between 0 and 1: one ramp less another."""
    for k in (0, 1):
        unit = 2 * channel + k
        w[f"{first}.weight"].reshape(128, -1)[unit, channel] = gain
        w[f"{first}.bias"][unit] = -gain * threshold - k
        w[f"{second}.weight"].reshape(128, 128)[channel, unit] = 1 - 2 * k


def handmade():
    w = {name: np.zeros(shape, "<f4") for name, shape in wanted_shapes("avol-net", {"width": CONFIG["width"]}).items()}
    for name in w:
        if name.endswith("running_var") or ".bn" in name and name.endswith(".weight"):
            w[name][:] = 1
    see(w)
    hear(w)
    clip(w, "vision.conv5", "vision.conv6", RED, 4, 0.06)
    clip(w, "vision.conv5", "vision.conv6", BLUE, 4, 0.06)
    clip(w, "audio.fc1", "audio.fc2", HUM, 4, 0.4)
    clip(w, "audio.fc1", "audio.fc2", TICK, 3, 0.35)
    for unit in (2 * TICK, 2 * TICK + 1):
        w["audio.fc1.weight"][unit, HUM] = -3  # a tone begins with a rise too: that is no click
    w["conv7.weight"][:] = 10
    w["conv7.bias"][:] = -5
    return w


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    metadata = {
        "avsound.arch": "avol-net",
        "avsound.config": json.dumps(CONFIG, separators=(",", ":")),
        "avsound.training": "none",
        "license": "Apache-2.0",
        "source": "made by hand: red things hum, blue things tick (examples/python/handmade.py)",
    }
    write_atomically(sys.argv[1], render(handmade(), metadata))
    return 0


if __name__ == "__main__":
    sys.exit(main())
