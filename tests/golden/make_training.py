"""Writes training.safetensors: three steps of plain gradient descent of each network by PyTorch, in double precision.

    python3 tests/golden/make_training.py

Needs numpy and torch (Debian's python3-torch); under a minute. Weights and inputs are drawn as in networks.py, then
rounded to 32 bits; item i's label is i % 2. For each case and step the file holds
  CASE.STEP.loss          before the step
  CASE.STEP.NAME          of the gradient of each learned parameter: up to 16 elements, those whose flat indices are
                          (k * 2654435761 + 12345) % count for k = 0..., and behind them its root mean square
  CASE.STEP.NAME          of the running statistics, which have no gradient: the same of their values after the step
The contrastive cases compare every picture with every sound: symmetric InfoNCE plus a binary cross-entropy in which
matching pairs weigh a half together. The multisensory network renormalises in its blocks (the file holds that state, too, which
begins as if batches had been seen) and pools in time by other windows in every step: CASE.STEP.sf.pool.boundaries.
"""
import math
import os

import numpy as np
import torch
from torch.nn import functional as F

import make_multisensory
import networks

SEED = 2018
STEPS = 3
RATE = 0.002
SAMPLES = 16

# name: architecture, width, batch, image (height, width), spectrogram (bins, columns), contrastive
CASES = {
    "l3-net": ("l3-net", 0.125, 4, (40, 56), (49, 40), False),
    "ave-net": ("ave-net", 0.25, 4, (48, 40), (57, 48), False),
    "avol-net": ("avol-net", 0.3125, 4, (48, 64), (49, 40), False),
    "ave-net-pairs": ("ave-net", 0.25, 5, (48, 40), (57, 48), True),
    "avol-net-pairs": ("avol-net", 0.125, 4, (48, 64), (49, 40), True),
}

# name: width, audio width, stride of conv5, batch, frames, (height, width), samples. With these sizes no ReLU of the last, small
# layers lies so near its edge in three steps that rounding decides.
CLIP_CASES = {
    "multisensory": (0.0625, 0.125, 2, 2, 16, (40, 36), 11211),
}
CLIP_MOMENTUM = 3e-4  # of the running statistics


def pair_logits(net, arch, image, spectrogram):
    """Logits of picture i with sound j in row i * N + j."""
    if arch == "ave-net":
        v, a = (F.normalize(tower(x), dim=1, eps=1e-12)
                for tower, x in ((net.vision, image), (net.audio, spectrogram)))
        distance = (v[:, None] - a[None]).square().sum(dim=2).sqrt()
        return net.fc3(distance.reshape(-1, 1))
    similarity = torch.einsum("ichw,jc->ijhw", net.vision(image), net.audio(spectrogram))
    return net.conv7(similarity).amax(dim=(2, 3)).reshape(-1, 1)


def pair_loss(logits):
    items = round(len(logits) ** 0.5)
    x = (logits[:, 0] if logits.shape[1] == 1 else logits[:, 1] - logits[:, 0]).reshape(items, items)
    own = torch.arange(items)
    contrastive = (F.cross_entropy(x, own) + F.cross_entropy(x.T, own)) / 2
    others = ~torch.eye(items, dtype=torch.bool)
    same, other = F.softplus(-x.diagonal()).mean(), F.softplus(x[others]).mean()
    return contrastive + (same + other) / 2


def loss_of(net, arch, image, spectrogram, contrastive):
    if contrastive:
        return pair_loss(pair_logits(net, arch, image, spectrogram))
    logits = net(image, spectrogram)[net.outputs.index("logits")]
    label = torch.arange(len(logits)) % 2
    if logits.shape[1] == 2:
        return F.cross_entropy(logits, label)
    return F.binary_cross_entropy_with_logits(logits[:, 0], label.double())


class Multisensory(make_multisensory.Network):
    """In training: batch norms on the batch's own statistics, renormalised where the release does, and given windows."""

    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.learned, self.state, self.widths = {}, {}, None

    def parameter(self, name, shape):
        if name not in self.learned:
            self.learned[name] = torch.from_numpy(networks.golden_values(SEED, name, shape)).double().requires_grad_()
        return self.learned[name]

    def begin(self, name, shape):
        """State, which no gradient moves."""
        if name in self.state:
            return self.state[name]
        count, kind = math.prod(shape), name.rsplit(".", 1)[1]
        if kind.startswith("renorm_"):  # 0.4 of all that will ever be counted
            values = {"renorm_mean": lambda: 0.2 * networks.normal(SEED, name, count),
                      "renorm_stddev": lambda: 0.5 + networks.uniform(SEED, name, count)}.get(kind, lambda: np.ones(count))()
            values = (0.4 * values).astype(np.float32)
        else:
            values = networks.golden_values(SEED, name, shape)
        self.state[name] = torch.from_numpy(values).double().reshape(shape)
        return self.state[name]

    def renormalise(self, name, x, mean, deviation):
        """Ioffe 2017 as in TensorFlow up to 1.8, nothing clipped; returns what the running statistics follow."""
        parts = ("renorm_mean", "renorm_mean_weight", "renorm_stddev", "renorm_stddev_weight")
        shapes = (mean.shape, (1,), mean.shape, (1,))
        m, wm, s, ws = (self.begin(f"{name}.{part}", shape) for part, shape in zip(parts, shapes))
        with torch.no_grad():
            whole_mean, whole_deviation = m + (1 - wm) * mean, s + (1 - ws) * deviation
            r, d = deviation / whole_deviation, (mean - whole_mean) / whole_deviation
            for value, new in ((m, mean), (wm, 1), (s, deviation), (ws, 1)):
                value += 0.01 * (new - value)
        over = (1, -1) + (1,) * (x.dim() - 2)
        return x * r.view(over) + d.view(over), m / wm, (s / ws) ** 2 - make_multisensory.EPSILON

    def norm(self, name, x):
        axes, over = [0] + list(range(2, x.dim())), (1, -1) + (1,) * (x.dim() - 2)
        mean, variance = x.mean(dim=axes), x.var(dim=axes, unbiased=False)
        deviation = (variance + make_multisensory.EPSILON).sqrt()
        running_mean, running_variance = (self.begin(f"{name}.{part}", mean.shape) for part in ("running_mean", "running_var"))
        x = (x - mean.view(over)) / deviation.view(over)
        if name.endswith("_bn"):
            x, new_mean, new_variance = self.renormalise(name, x, mean.detach(), deviation.detach())
        else:
            values = x.numel() // x.shape[1]
            new_mean, new_variance = mean.detach(), variance.detach() * values / (values - 1)
        running_mean += CLIP_MOMENTUM * (new_mean - running_mean)
        running_variance += CLIP_MOMENTUM * (new_variance - running_variance)
        return x + self.parameter(name + ".bias", mean.shape).view(over)

    def fractional_pool(self, x, outputs):
        edges = np.cumsum([0, *self.widths])
        assert len(self.widths) == outputs and edges[-1] == x.shape[2], (x.shape, outputs)
        return torch.stack([x[:, :, a:b].amax(dim=2) for a, b in zip(edges, edges[1:])], dim=2)


def run_clips(name, tensors):
    width, audio_width, stride, batch, frames, size, samples = CLIP_CASES[name]
    net = Multisensory(width, audio_width, stride)
    shapes = {"frames": (batch, 3, frames, *size), "waveform": (batch, 2, samples)}
    inputs = [torch.from_numpy(networks.normal(SEED, key, math.prod(shape)).astype(np.float32).reshape(shape)).double()
              for key, shape in shapes.items()]
    label = torch.arange(batch).double() % 2
    for step in range(STEPS):
        net.widths = np.roll([3, 3, 3, 2], step)
        loss = F.binary_cross_entropy_with_logits(net(*inputs)["logits"][:, 0], label)
        learned = list(net.learned)
        gradients = torch.autograd.grad(loss, [net.learned[key] for key in learned])
        tensors[f"{name}.{step}.loss"] = np.array([loss.item()])
        tensors[f"{name}.{step}.sf.pool.boundaries"] = np.cumsum([0, *net.widths])
        with torch.no_grad():
            for key, gradient in zip(learned, gradients):
                tensors[f"{name}.{step}.{key}"] = kept(gradient)
                net.learned[key] -= RATE * gradient
        for key, value in net.state.items():
            tensors[f"{name}.{step}.{key}"] = kept(value)
        print(name, step, loss.item())


def kept(value):
    """The elements that the file keeps, and the root mean square of all."""
    flat = value.detach().numpy().reshape(-1)
    index = (np.arange(min(SAMPLES, len(flat)), dtype=np.uint64) * np.uint64(2654435761) + np.uint64(12345)) \
        % np.uint64(len(flat))
    return np.append(flat[index], np.sqrt(np.mean(np.square(flat))))


def run(name, tensors):
    arch, width, batch, image, sound, contrastive = CASES[name]
    net = networks.build(arch, networks.golden_weights(arch, SEED, width), width).double().train()
    shapes = {"image": (batch, 3, *image), "spectrogram": (batch, 1, *sound)}
    inputs = [torch.from_numpy(networks.normal(SEED, key, int(np.prod(shape))).astype(np.float32).reshape(shape)).double()
              for key, shape in shapes.items()]
    for step in range(STEPS):
        net.zero_grad()
        loss = loss_of(net, arch, *inputs, contrastive)
        loss.backward()
        tensors[f"{name}.{step}.loss"] = np.array([loss.item()])
        with torch.no_grad():
            for key, value in net.named_parameters():
                tensors[f"{name}.{step}.{key}"] = kept(value.grad)
                value -= RATE * value.grad
        for key, value in net.named_buffers():
            if not key.endswith("num_batches_tracked"):
                tensors[f"{name}.{step}.{key}"] = kept(value)
        print(name, step, loss.item())


def main():
    tensors = {}
    for name in CASES:
        run(name, tensors)
    for name in CLIP_CASES:
        run_clips(name, tensors)
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "training.safetensors")
    networks.write_safetensors(path, tensors, {
        "source": f"tests/golden/make_training.py with PyTorch {torch.__version__} and numpy {np.__version__}, in double",
        "license": "CC0-1.0",
    })
    print(f"{path}: {os.path.getsize(path)} bytes")


if __name__ == "__main__":
    main()
