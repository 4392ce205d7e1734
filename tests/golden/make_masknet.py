"""Writes masknet.safetensors: what PyTorch, in double precision, computes for mask-net.

    python3 tests/golden/make_masknet.py

The network is written from the description in docs/separation.md, in PyTorch's own layers; what moves is make_syncnet.py's tower,
with frames of zeros around. First as it is used, then one step of training: the loss, gradients of every parameter, running
statistics. Weights and inputs are drawn by name as test_masknet.c draws them.
"""
import math
import os

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import networks
from make_syncnet import Layer, drawn, kept

SEED = 2018
WIDTH, UNET_WIDTH, BATCH, FRAMES, SIZE, COLUMNS, BINS, DECIBELS = 0.25, 0.25, 3, 14, (38, 42), 16, 64, 90.0
CHANNELS, TIME_STRIDES, TOLD = (16, 32, 48, 64, 96, 128), (1, 1, 2, 2, 2, 2), 48
FLOOR = 1e-3


class Norm(nn.Module):
    """A convolution's weight, its bias if it has one, and batch norm if that follows."""

    def __init__(self, shape, norm):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(shape))
        if norm:
            self.bn = norm
        else:
            self.bias = nn.Parameter(torch.zeros(shape[1]))


class Told(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv = Norm((outputs, inputs, 1, 1, 1), nn.BatchNorm3d(outputs))

    def forward(self, x):
        return torch.relu(self.conv.bn(F.conv3d(x, self.conv.weight)))


class MaskNet(nn.Module):
    def __init__(self):
        super().__init__()
        c, halve = round(16 * WIDTH), (1, 2, 2)
        self.video = nn.Module()
        layers = [Layer(3, c, (5, 3, 3), halve, (2, 1, 1)), Layer(c, 2 * c, (1, 3, 3), halve, (0, 1, 1)),
                  Layer(2 * c, 4 * c, (3, 3, 3), halve, (1, 1, 1)), Layer(4 * c, 8 * c, (1, 3, 3), halve, (0, 1, 1)),
                  Layer(8 * c, 8 * c, (3, 1, 1), (1, 1, 1), (1, 0, 0))]
        for i, layer in enumerate(layers):
            setattr(self.video, f"conv{i + 1}", layer)
        told = round(TOLD * UNET_WIDTH)
        self.told = Told(8 * c, told)
        out = [round(channels * UNET_WIDTH) for channels in CHANNELS]
        beside = [channels + (told if level == 2 else 0) for level, channels in enumerate(out)]
        self.mask = nn.Module()
        for level in range(6):
            inputs = beside[level - 1] if level else 1
            setattr(self.mask, f"conv{level + 1}", Norm((out[level], inputs, 4, 4), nn.BatchNorm2d(out[level])))
        below = out[5]
        for level in range(5, 0, -1):
            setattr(self.mask, f"deconv{6 - level}", Norm((below, out[level - 1], 4, 4), nn.BatchNorm2d(out[level - 1])))
            below = out[level - 1] + beside[level - 1]
        self.mask.logits = Norm((below, 1, 4, 4), None)

    def see(self, frames, steps):
        v = self.video
        x = v.conv4(v.conv3(v.conv2(v.conv1(frames)))).amax((3, 4), keepdim=True)
        x = self.told(v.conv5(x))[:, :, :, 0, 0]
        at = torch.arange(steps, dtype=torch.float64) * (x.shape[2] / steps)
        low = at.floor().long()
        return x[:, :, low] * (1 - (at - low)) + x[:, :, (low + 1).clamp(max=x.shape[2] - 1)] * (at - low)

    @staticmethod
    def same(x, stride):
        """TensorFlow's padding for a kernel of 4 on sizes that the stride divides."""
        before_after = [(1, 2) if s == 1 else (1, 1) for s in stride]
        return F.pad(x, (*before_after[1], *before_after[0]))

    @staticmethod
    def up(x, weight, bias, stride):
        """That convolution's adjoint."""
        full = F.conv_transpose2d(x, weight, bias, stride=stride)
        return full[:, :, 1:1 + x.shape[2] * stride[0], 1:1 + x.shape[3] * stride[1]]

    def forward(self, frames, spectrogram):
        x, beside = spectrogram[:, :1], []
        for level in range(6):
            part, stride = getattr(self.mask, f"conv{level + 1}"), (TIME_STRIDES[level], 2)
            x = F.leaky_relu(part.bn(F.conv2d(self.same(x, stride), part.weight, None, stride)), 0.2)
            if level == 2:
                seen = self.see(frames, x.shape[2])
                x = torch.cat((x, seen[..., None].expand(*seen.shape, x.shape[3])), 1)
            beside.append(x)
        for level in range(5, 0, -1):
            part = getattr(self.mask, f"deconv{6 - level}")
            x = torch.relu(part.bn(self.up(x, part.weight, None, (TIME_STRIDES[level], 2))))
            x = torch.cat((x, beside[level - 1]), 1)
        logits = self.up(x, self.mask.logits.weight, self.mask.logits.bias, (1, 2))
        level, phase = spectrogram[:, :1], spectrogram[:, 1:]
        return {name: torch.cat((level + 20 * torch.log10(share) / DECIBELS, phase), 1)
                for name, share in (("on", torch.sigmoid(logits)), ("off", 1 - torch.sigmoid(logits)))}


def complex_of(planes):
    """Level and phase as amplitudes; the reference of decibels falls out of the loss."""
    return torch.polar(10 ** (DECIBELS * planes[:, 0] / 20), math.pi * planes[:, 1])


def loss_of(results, sources):
    """Logarithms of the error's energy over that of both sources, of which a thousandth is always left."""
    parts = [complex_of(sources[:, :2]), complex_of(sources[:, 2:])]
    whole = sum(part.abs().square().sum((1, 2)) for part in parts)
    errors = ((complex_of(results[name]) - part).abs().square().sum((1, 2)) for name, part in zip(("on", "off"), parts))
    return sum(torch.log10(error / whole + FLOOR) for error in errors).mean()


def main():
    net, tensors = MaskNet(), {}
    state = {name: torch.from_numpy(networks.golden_values(SEED, name, tuple(value.shape)))
             for name, value in net.state_dict().items() if not name.endswith("num_batches_tracked")}
    net.load_state_dict(state, strict=False)
    net = net.double()
    planes = (BATCH, 2, COLUMNS, BINS)
    frames, spectrogram = drawn("frames", (BATCH, 3, FRAMES, *SIZE)), 0.25 * drawn("spectrogram", planes)
    sources = 0.25 * drawn("sources", (BATCH, 4, COLUMNS, BINS))
    for name, value in net.eval()(frames, spectrogram).items():
        tensors["used." + name] = kept(value)
    loss = loss_of(net.train()(frames, spectrogram), sources)
    loss.backward()
    tensors["loss"] = np.array([loss.item()])
    for name, value in net.named_parameters():
        tensors[name] = kept(value.grad)
    for name, value in net.named_buffers():
        if not name.endswith("num_batches_tracked"):
            tensors[name] = kept(value)
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "masknet.safetensors")
    networks.write_safetensors(path, tensors, {
        "source": f"tests/golden/make_masknet.py with PyTorch {torch.__version__} and numpy {np.__version__}, in double",
        "license": "CC0-1.0",
    })
    print(f"{path}: {os.path.getsize(path)} bytes, loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
