"""Writes the golden files of the separators: what PyTorch, in double precision, computes for their layers.

    python3 tests/golden/make_separator.py [CASE ...]

The u-net is written from the tables of its specification (Owens and Efros, ECCV 2018, as released), on (name, weights) and
independent of the library; the alignment network below it is make_multisensory.py's, with weights in its batch norms. Widths
are reduced, the spectrogram is small. The files have make_multisensory.py's format, weights are drawn as there.
"""
import json
import math
import os
import sys

import numpy as np
import torch
from torch.nn import functional as F

import make_multisensory
import networks
from make_multisensory import BATCH, SAMPLES, SEED

EPSILON = 1e-5
CHANNELS = (64, 128, 256, 512, 512, 512, 512, 512, 512)
TIME_STRIDES = (1, 1, 2, 2, 2, 2, 2, 2, 2)

# name: widths of the pictures, of the sound, of the u-net, frames, (height, width), columns, bins; without pictures None
CASES = {
    "separator-narrow": (0.25, 0.125, 0.0625, 37, (44, 52), 128, 512),
    "separator-pit-narrow": (None, None, 0.125, 37, None, 128, 512),
}
RATE, FRAME_RATE = 21000, 29.97


class Separator(make_multisensory.Network):
    def __init__(self, width, audio_width, unet_width):
        super().__init__(width, audio_width, 2)
        self.unet_width = unet_width

    def norm(self, name, x):
        """Batch norm with a weight, in both parts; only the constant differs."""
        mean, variance, beta = (self.parameter(f"{name}.{part}", (x.shape[1],))
                                for part in ("running_mean", "running_var", "bias"))
        gamma = self.parameter(name + ".weight", (x.shape[1],))
        epsilon = EPSILON if name.startswith("gen.") else make_multisensory.EPSILON
        return F.batch_norm(x, mean, variance, gamma, beta, eps=epsilon)

    def channels(self, level):
        return max(1, round(CHANNELS[level] * self.unet_width))

    def conv(self, name, x, out, kernel, stride, bias):
        if len(kernel) != 2:
            return super().conv(name, x, out, kernel, stride, bias)
        weight = self.parameter(name + ".weight", (out, x.shape[1], *kernel))
        return F.conv2d(make_multisensory.pad_same(x, kernel, stride, 0.0), weight, None, stride)

    def deconv(self, name, x, out, time_stride, bias=False):
        """The full result of a transposed convolution, cut to (time * stride, 2 * frequency) as SAME's adjoint is: one cell
        before; behind it what is left."""
        weight = self.parameter(name + ".weight", (x.shape[1], out, 4, 4))
        offset = self.parameter(name + ".bias", (out,)) if bias else None
        full = F.conv_transpose2d(x, weight, offset, stride=(time_stride, 2))
        return full[:, :, 1:1 + x.shape[2] * time_stride, 1:1 + x.shape[3] * 2]

    def merged(self, x, seen):
        """Legacy bilinear stretching in time of the means over pictures, at every frequency."""
        mean = seen.mean(dim=(3, 4))
        steps, length = x.shape[2], mean.shape[2]
        if steps != length:
            at = torch.arange(steps, dtype=torch.float64) * (length / steps)
            low = at.floor().long()
            share = at - low
            mean = mean[:, :, low] * (1 - share) + mean[:, :, (low + 1).clamp(max=length - 1)] * share
        return torch.cat((x, mean[..., None].expand(*mean.shape, x.shape[3])), dim=1)

    def unet(self, x, seen, outputs):
        skips = []
        for level in range(9):
            name = f"gen.conv{level + 1}"
            stride = (TIME_STRIDES[level], 2)
            before = self.norm(name + ".bn", self.conv(name, x, self.channels(level), (4, 4), stride, bias=False))
            self.taps[name] = skip = before
            x = F.leaky_relu(before, 0.2)
            if seen is not None and 2 <= level <= 4:
                x = skip = self.taps[f"gen.merge{level + 1}"] = self.merged(x, seen[level - 2])
            skips.append(skip)
        x = F.relu(skips[8])
        for number in range(1, 9):
            level = 9 - number
            name = f"gen.deconv{number}"
            y = self.norm(name + ".bn", self.deconv(name, x, self.channels(level - 1), TIME_STRIDES[level]))
            self.taps[name] = y
            x = F.relu(torch.cat((y, skips[level - 1]), dim=1))
        for output, name in zip(outputs, ("gen.fg", "gen.bg")):
            self.taps[name] = y = self.deconv(name, x, 2, 1, bias=True)
            self.taps[output] = torch.tanh(y)

    def separate(self, frames, waveform, spectrogram):
        super().__call__(frames, waveform)
        seen = [self.taps["im." + name] for name in ("conv2_2", "conv3_2", "conv5_2")]
        self.unet(spectrogram, seen, ("on", "off"))


def normal(name, shape, scale):
    values = scale * networks.normal(SEED, name, math.prod(shape))
    return torch.from_numpy(values.astype(np.float32)).reshape(shape).double()


def write(path, width, audio_width, unet_width, frames, size, columns, bins):
    fft = 2 * bins
    separation = {"fft": fft, "window": fft // 2, "hop": fft // 8, "columns": columns}
    samples = round(RATE / FRAME_RATE * frames)
    separation["hop"] = (samples - separation["window"]) // (columns - 1)
    net = Separator(width, audio_width, unet_width)
    spectrogram = normal("spectrogram", (BATCH, 2, columns, bins), 1.0)
    config = {"unet_width": unet_width, "clip": {"frames": frames, "samples": samples}, "separation": separation}
    with torch.no_grad():
        if width is None:
            net.unet(spectrogram, None, ("first", "second"))
        else:
            config |= {"width": width, "audio_width": audio_width, "image": {"width": size[1], "height": size[0]}}
            net.separate(normal("frames", (BATCH, 3, frames, *size), 1.0), normal("waveform", (BATCH, 2, samples), 0.1),
                         spectrogram)
    tensors = {}
    for layer, value in net.taps.items():
        values = value.numpy().reshape(-1)
        index = networks.below(SEED, "golden.sample." + layer, SAMPLES, len(values))
        tensors[layer] = values if len(values) <= SAMPLES else values[index]
        tensors[layer + ":shape"] = np.array(value.shape)
        tensors[layer + ":rms"] = np.array([math.sqrt(np.mean(np.square(values)))])
    networks.write_safetensors(path, tensors, {
        "avsound.arch": "separator-pit" if width is None else "separator",
        "avsound.config": json.dumps(config),
        "golden.seed": str(SEED),
        "golden.batch": str(BATCH),
        "golden.tensors": str(len(net.drawn)),
        "golden.parameters": str(sum(net.drawn.values())),
        "source": f"tests/golden/make_separator.py with PyTorch {torch.__version__} and numpy {np.__version__}, in double",
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
