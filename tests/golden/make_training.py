"""Writes training.safetensors: three steps of plain gradient descent of each network by PyTorch, in double precision.

    python3 tests/golden/make_training.py

Needs numpy and torch (Debian's python3-torch); under a minute. Weights and inputs are drawn as in networks.py, then
rounded to 32 bits; item i's label is i % 2. For each case and step the file holds
  CASE.STEP.loss          before the step
  CASE.STEP.NAME          of the gradient of each learned parameter: up to 16 elements, those whose flat indices are
                          (k * 2654435761 + 12345) % count for k = 0..., and behind them its root mean square
  CASE.STEP.NAME          of the running statistics, which have no gradient: the same of their values after the step
The contrastive cases compare every picture with every sound: symmetric InfoNCE plus a binary cross-entropy in which
matching pairs weigh a half together.
"""
import os

import numpy as np
import torch
from torch.nn import functional as F

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
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "training.safetensors")
    networks.write_safetensors(path, tensors, {
        "source": f"tests/golden/make_training.py with PyTorch {torch.__version__} and numpy {np.__version__}, in double",
        "license": "CC0-1.0",
    })
    print(f"{path}: {os.path.getsize(path)} bytes")


if __name__ == "__main__":
    main()
