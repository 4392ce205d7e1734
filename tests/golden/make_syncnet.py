"""Writes syncnet.safetensors: what PyTorch, in double precision, computes for the synchronisation network.

    python3 tests/golden/make_syncnet.py

The network is written from the description in docs/sync-net.md, in PyTorch's own layers; the curve over lags by PyTorch's loops,
pair by pair. First as it is used, then one step of training: the loss, gradients of every parameter, running statistics.
Weights and inputs are drawn by name as test_syncnet.c draws them.
"""
import math
import os

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import networks

SEED, SAMPLES = 2018, 16
WIDTH, BATCH, FRAMES, SIZE, BANDS, COLUMNS, LAGS, SPREAD = 0.25, 3, 14, (38, 42), 24, 61, 5, 0.7
LABELS = (-3.3, 0.0, 6.75)


class Layer(nn.Module):
    """A convolution without bias, batch norm, ReLU."""

    def __init__(self, inputs, outputs, kernel, stride, padding):
        super().__init__()
        shape = (outputs, inputs, *kernel)
        self.weight = nn.Parameter(torch.zeros(shape))
        self.bn = (nn.BatchNorm3d if len(kernel) == 3 else nn.BatchNorm2d)(outputs)
        self.stride, self.padding = stride, padding

    def forward(self, x):
        convolve = F.conv3d if self.weight.dim() == 5 else F.conv2d
        return torch.relu(self.bn(convolve(x, self.weight, None, self.stride, self.padding)))


class Tower(nn.Module):
    def __init__(self, layers, last):
        super().__init__()
        for i, layer in enumerate(layers):
            setattr(self, f"conv{i + 1}", layer)
        self.conv6 = last


class SyncNet(nn.Module):
    def __init__(self):
        super().__init__()
        c = round(16 * WIDTH)
        halve, keep = (1, 2, 2), (1, 1, 1)
        self.video = Tower([Layer(3, c, (5, 3, 3), halve, (0, 1, 1)), Layer(c, 2 * c, (1, 3, 3), halve, (0, 1, 1)),
                            Layer(2 * c, 4 * c, (3, 3, 3), halve, (0, 1, 1)), Layer(4 * c, 8 * c, (1, 3, 3), halve, (0, 1, 1)),
                            Layer(8 * c, 8 * c, (3, 1, 1), keep, 0)], nn.Conv3d(8 * c, 128, 1))
        c = round(32 * WIDTH)
        rows = math.ceil(math.ceil(math.ceil(BANDS / 2) / 2) / 2)
        self.audio = Tower([Layer(1, c, (3, 3), (2, 1), (1, 0)), Layer(c, 2 * c, (3, 4), (2, 2), (1, 0)),
                            Layer(2 * c, 3 * c, (3, 5), (2, 1), (1, 0)), Layer(3 * c, 4 * c, (rows, 5), (1, 1), 0),
                            Layer(4 * c, 4 * c, (1, 7), (1, 1), 0)], nn.Conv2d(4 * c, 128, 1))
        self.lags = nn.Module()
        self.lags.weight = nn.Parameter(torch.zeros(1))
        self.lags.bias = nn.Parameter(torch.zeros(1))

    def see(self, x):
        t = self.video
        x = t.conv4(t.conv3(t.conv2(t.conv1(x))))
        x = t.conv6(t.conv5(x.amax((3, 4), keepdim=True)))[:, :, :, 0, 0]
        return x / (1 + x.square().sum(1, keepdim=True)).sqrt()

    def hear(self, x):
        t = self.audio
        x = t.conv6(t.conv5(t.conv4(t.conv3(t.conv2(t.conv1(x))))))[:, :, 0]
        return x / (1 + x.square().sum(1, keepdim=True)).sqrt()

    @staticmethod
    def curve(video, audio):
        columns = []
        for lag in range(-2 * LAGS, 2 * LAGS + 1):
            products = [(video[:, :, i] * audio[:, :, 2 * i - lag]).sum(1) for i in range(video.shape[2])
                        if 0 <= 2 * i - lag < audio.shape[2]]
            columns.append(sum(products) / len(products) if products else -torch.ones(len(video), dtype=video.dtype))
        return torch.stack(columns, 1)

    def forward(self, frames, spectrogram):
        video, audio = self.see(frames), self.hear(spectrogram)
        curve = self.curve(video, audio)
        return {"embedding.video": video, "embedding.audio": audio, "lags": curve,
                "logits": self.lags.weight * curve + self.lags.bias}


def loss_of(logits):
    """Cross-entropy against Gaussians about the labels."""
    lag = torch.arange(-2 * LAGS, 2 * LAGS + 1)
    target = torch.softmax(-((lag - torch.tensor(LABELS).double()[:, None]) / SPREAD).square() / 2, 1)
    return -(target * torch.log_softmax(logits, 1)).sum(1).mean()


def kept(value):
    """The elements that the file keeps, and the root mean square of all."""
    flat = value.detach().numpy().reshape(-1)
    index = (np.arange(min(SAMPLES, len(flat)), dtype=np.uint64) * np.uint64(2654435761) + np.uint64(12345)) \
        % np.uint64(len(flat))
    return np.append(flat[index], np.sqrt(np.mean(np.square(flat))))


def drawn(name, shape):
    values = networks.normal(SEED, name, math.prod(shape)).astype(np.float32)
    return torch.from_numpy(values.reshape(shape)).double()


def main():
    net, tensors = SyncNet(), {}
    state = {name: torch.from_numpy(networks.golden_values(SEED, name, tuple(value.shape)))
             for name, value in net.state_dict().items() if not name.endswith("num_batches_tracked")}
    net.load_state_dict(state, strict=False)
    net = net.double()
    inputs = drawn("frames", (BATCH, 3, FRAMES, *SIZE)), drawn("spectrogram", (BATCH, 1, BANDS, COLUMNS))
    for name, value in net.eval()(*inputs).items():
        tensors["used." + name] = kept(value)
    loss = loss_of(net.train()(*inputs)["logits"])
    loss.backward()
    tensors["loss"] = np.array([loss.item()])
    for name, value in net.named_parameters():
        tensors[name] = kept(value.grad)
    for name, value in net.named_buffers():
        if not name.endswith("num_batches_tracked"):
            tensors[name] = kept(value)
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "syncnet.safetensors")
    networks.write_safetensors(path, tensors, {
        "source": f"tests/golden/make_syncnet.py with PyTorch {torch.__version__} and numpy {np.__version__}, in double",
        "license": "CC0-1.0",
    })
    print(f"{path}: {os.path.getsize(path)} bytes, loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
