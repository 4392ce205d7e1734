"""Writes the golden files of the multisensory alignment network: what PyTorch, in double precision, computes for its layers.

    python3 tests/golden/make_multisensory.py [CASE ...]

The network is written from the tables of its specification (Owens and Efros, ECCV 2018, as released), on (name, weights) and
independent of the library; sizes are reduced and odd. The files have the format of make.py's, with fewer values a layer.
Weights are drawn by name and shape, as test_multisensory.c draws them: a wrong name or shape there is a wrong number here.
"""
import json
import math
import os
import sys

import numpy as np
import torch
from torch.nn import functional as F

import networks

SEED = 2018
BATCH = 2
SAMPLES = 256
EPSILON = 1e-3
U = 0.2511744980841868  # the constant of the release's pooling windows

# name: width, audio width, stride of conv5 in the picture, frames, (height, width), samples[, classes, vision only]
CASES = {
    "multisensory-narrow": (0.25, 0.125, 2, 21, (44, 52), 14715),
    "multisensory-narrow-cam": (0.125, 0.25, 1, 16, (48, 40), 11211),
    "multisensory-classes": (0.125, 0.25, 2, 21, (44, 52), 14715, 7, False),
    "multisensory-classes-vision": (0.125, 0.125, 2, 16, (48, 40), 11211, 3, True),
}


def draw(name, shape):
    """Values of one parameter, spread so that every layer's output keeps a magnitude near 1."""
    count = math.prod(shape)
    kind = name.rsplit(".", 1)[1]
    if kind == "running_var" or kind == "weight" and len(shape) == 1:
        values = 0.5 + networks.uniform(SEED, name, count)
    else:
        head = 0.1 if name in ("gen.fg.weight", "gen.bg.weight") else 1.0  # a tanh follows
        deviation = {"weight": head * math.sqrt(2 / math.prod(shape[1:])), "running_mean": 0.2, "bias": 0.1}[kind]
        values = deviation * networks.normal(SEED, name, count)
    return torch.from_numpy(values.astype(np.float32).reshape(shape)).double()


def same_pads(size, kernel, stride):
    """TensorFlow's SAME: (before, after)."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def pad_same(x, kernel, stride, value):
    pads = []
    for size, k, s in reversed(list(zip(x.shape[2:], kernel, stride))):
        pads += same_pads(size, k, s)
    return F.pad(x, pads, value=value)


class Network:
    """The alignment network; `taps` collects layers by name, `drawn` counts parameters and their numbers."""

    def __init__(self, width, audio_width, conv5_stride, classes=0, vision_only=False):
        self.classes, self.vision_only = classes, vision_only
        self.width, self.audio_width, self.conv5_stride = width, audio_width, conv5_stride
        self.taps, self.drawn = networks.Taps(), {}

    def parameter(self, name, shape):
        self.drawn[name] = math.prod(shape)
        return draw(name, shape)

    def conv(self, name, x, out, kernel, stride, bias):
        weight = self.parameter(name + ".weight", (out, x.shape[1], *kernel))
        offset = self.parameter(name + ".bias", (out,)) if bias else None
        x = pad_same(x, kernel, stride, 0.0)
        return (F.conv1d if len(kernel) == 1 else F.conv3d)(x, weight, offset, stride)

    def norm(self, name, x):
        mean, variance, beta = (self.parameter(f"{name}.{part}", (x.shape[1],))
                                for part in ("running_mean", "running_var", "bias"))
        gamma = self.parameter(name + ".weight", (x.shape[1],)) if self.classes else None
        return F.batch_norm(x, mean, variance, gamma, beta, eps=EPSILON)

    def conv_bn_relu(self, name, x, out, kernel, stride):
        x = F.relu(self.norm(name + ".bn", self.conv(name, x, out, kernel, stride, bias=False)))
        self.taps[name] = x
        return x

    def block(self, name, x, out, kernel, stride):
        if x.shape[1] != out:
            short = self.norm(name + "_short.bn", self.conv(name + "_short", x, out, (1,) * len(kernel), stride, bias=False))
        else:
            short = x[(slice(None), slice(None), *(slice(None, None, s) for s in stride))]
        y = self.conv_bn_relu(name + "_1", x, out, kernel, stride)
        y = self.conv(name + "_2", y, out, kernel, (1,) * len(kernel), bias=True)
        y = F.relu(self.norm(name + "_bn", short + y))
        self.taps[name] = y
        return y

    @staticmethod
    def fractional_pool(x, outputs):
        length = x.shape[2]
        alpha, k = length / outputs, length // outputs
        most = min((k + 2) / alpha - 1, (length + 1 - k) / alpha - (outputs - 1))
        edges = [0] + [math.ceil(alpha * (i + U * most)) - 1 for i in range(1, outputs)] + [length]
        return torch.stack([x[:, :, a:b].amax(dim=2) for a, b in zip(edges, edges[1:])], dim=2)

    def hear(self, x, steps):
        def channels(n):
            return round(n * self.audio_width)
        x = torch.sign(x) * torch.log1p(255 * x.abs()) / math.log(256)
        x = self.conv_bn_relu("sf.conv1_1", x, channels(64), (65,), (4,))
        x = F.max_pool1d(x, 4, 4)
        x = self.block("sf.conv2_1", x, channels(128), (15,), (4,))
        x = self.block("sf.conv3_1", x, channels(128), (15,), (4,))
        x = self.block("sf.conv4_1", x, channels(256), (15,), (4,))
        x = self.taps["sf.pool"] = self.fractional_pool(x, steps)
        return self.conv_bn_relu("sf.conv5_1", x, round(128 * self.width), (3,), (1,))

    def see(self, x):
        c = round(64 * self.width)
        x = self.conv_bn_relu("im.conv1", x, c, (5, 7, 7), (2, 2, 2))
        x = F.max_pool3d(pad_same(x, (1, 3, 3), (1, 2, 2), -math.inf), (1, 3, 3), (1, 2, 2))
        self.taps["im.pool1"] = x
        x = self.block("im.conv2_1", x, c, (3, 3, 3), (1, 1, 1))
        return self.block("im.conv2_2", x, c, (3, 3, 3), (2, 2, 2))

    def merge(self, seen, heard):
        tiled = heard[..., None, None].expand(*heard.shape, *seen.shape[3:])
        both = torch.cat((seen, tiled), dim=1)
        half, out = seen.shape[1], round(128 * self.width)
        short = torch.cat((both[:, :half], both[:, both.shape[1] - (out - half):]), dim=1)
        x = self.conv_bn_relu("im.merge1", both, round(512 * self.width), (1, 1, 1), (1, 1, 1))
        x = self.conv("im.merge2", x, out, (1, 1, 1), (1, 1, 1), bias=True)
        x = F.relu(self.norm("im.merge_block_bn", short + x))
        self.taps["im.merge_block"] = x
        return x

    def trunk(self, x):
        last = self.conv5_stride
        for name, channels, stride in (("conv3_1", 128, (1, 1, 1)), ("conv3_2", 128, (1, 1, 1)),
                                       ("conv4_1", 256, (2, 2, 2)), ("conv4_2", 256, (1, 1, 1)),
                                       ("conv5_1", 512, (1, last, last)), ("conv5_2", 512, (1, 1, 1))):
            x = self.block("im." + name, x, round(channels * self.width), (3, 3, 3), stride)
        return x

    def __call__(self, frames, waveform):
        seen = self.see(frames)
        heard = self.hear(waveform, seen.shape[2])
        x = self.trunk(self.merge(seen, torch.zeros_like(heard) if self.vision_only else heard))
        if self.classes:
            weight = self.parameter("lb.logits.weight", (self.classes, x.shape[1], 1, 1, 1)).reshape(self.classes, -1)
            logits = self.taps["logits"] = x.mean(dim=(2, 3, 4)) @ weight.T + self.parameter("lb.logits.bias", (self.classes,))
            self.taps["classes"] = torch.softmax(logits, dim=1)
            return self.taps
        weight = self.parameter("joint.logits.weight", (1, x.shape[1], 1, 1, 1))
        bias = self.parameter("joint.logits.bias", (1,))
        self.taps["cam"] = F.conv3d(x, weight, bias)
        # the head on the mean of the features, as in the alignment network, not the mean of the map
        logits = self.taps["logits"] = x.mean(dim=(2, 3, 4)) @ weight.reshape(1, -1).T + bias
        self.taps["score"] = torch.sigmoid(logits)
        return self.taps


def inputs(frames, size, samples):
    def item_major(name, shape, scale):
        return torch.from_numpy((scale * networks.normal(SEED, name, math.prod(shape))).astype(np.float32)).reshape(shape).double()
    return item_major("frames", (BATCH, 3, frames, *size), 1.0), item_major("waveform", (BATCH, 2, samples), 0.1)


def write(path, width, audio_width, conv5_stride, frames, size, samples, classes=0, vision_only=False):
    net = Network(width, audio_width, conv5_stride, classes, vision_only)
    with torch.no_grad():
        taps = net(*inputs(frames, size, samples))
    tensors = {}
    for layer, value in taps.items():
        values = value.numpy().reshape(-1)
        index = networks.below(SEED, "golden.sample." + layer, SAMPLES, len(values))
        tensors[layer] = values if len(values) <= SAMPLES else values[index]
        tensors[layer + ":shape"] = np.array(value.shape)
        tensors[layer + ":rms"] = np.array([math.sqrt(np.mean(np.square(values)))])
    config = {"width": width, "audio_width": audio_width, "conv5_stride": conv5_stride,
              "image": {"width": size[1], "height": size[0]}, "clip": {"frames": frames, "samples": samples}}
    if classes:
        config.update(classes=classes, vision_only=int(vision_only))
    networks.write_safetensors(path, tensors, {
        "avsound.arch": "multisensory",
        "avsound.config": json.dumps(config),
        "golden.seed": str(SEED),
        "golden.batch": str(BATCH),
        "golden.tensors": str(len(net.drawn)),
        "golden.parameters": str(sum(net.drawn.values())),
        "source": f"tests/golden/make_multisensory.py with PyTorch {torch.__version__} and numpy {np.__version__}, in double",
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
