"""L3-Net, AVE-Net and AVOL-Net in PyTorch, written from the papers' layer tables and independent of the library.

Relja Arandjelovic and Andrew Zisserman: Look, Listen and Learn (ICCV 2017); Objects that Sound (ECCV 2018).

Weights and inputs are pure functions of (seed, name, flat index), so that the C test draws the very same numbers.
`make.py` turns these networks into golden files; the bench times them.
"""
import json
import math
import struct

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

BN_EPS = 1e-5
HEAD = 128  # channels of every head layer, at any width
CLASSES = 2  # {does not correspond, corresponds}
BLOCKS = {"1_1": 64, "1_2": 64, "2_1": 128, "2_2": 128, "3_1": 256, "3_2": 256, "4_1": 512, "4_2": 512}

# A score or a map at 0 or 1 would witness little: these keep a random network's in the middle.
CONSTANTS = {"fc3.weight": (0.7, -0.7), "fc3.bias": (-1.2, 1.2), "conv7.weight": (0.002,), "conv7.bias": (-1.0,),
             "lags.weight": (10.0,), "lags.bias": (0.5,)}
SCALES = {"fc2.weight": 0.1}


# --- numbers from (seed, stream, index): Philox4x32-10, Salmon, Moraes, Dror, Shaw, SC 2011 -------------------------

def _draw(seed, stream, index):
    """64 random bits for each element of the uint64 array `index`."""
    low = np.uint64(0xFFFFFFFF)
    half = np.uint64(32)
    key = [seed & 0xFFFFFFFF, seed >> 32]
    c0, c1 = index & low, index >> half
    c2 = np.full_like(index, stream & 0xFFFFFFFF)
    c3 = np.full_like(index, stream >> 32)
    for _ in range(10):
        p0 = c0 * np.uint64(0xD2511F53)
        p1 = c2 * np.uint64(0xCD9E8D57)
        c0 = (p1 >> half) ^ c1 ^ np.uint64(key[0])
        c1 = p1 & low
        c2 = (p0 >> half) ^ c3 ^ np.uint64(key[1])
        c3 = p0 & low
        key = [(key[0] + 0x9E3779B9) & 0xFFFFFFFF, (key[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c0 << half | c1


def stream(name):
    """Stream number of a name: FNV-1a, 64 bits."""
    value = 0xCBF29CE484222325
    for byte in name.encode():
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def _uniform_at(seed, name, index):
    return (_draw(seed, stream(name), index) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _in_chunks(count, draw):
    """`draw` over 0...count-1 in pieces that stay in the cache."""
    out = np.empty(count)
    for start in range(0, count, 1 << 15):
        index = np.arange(start, min(count, start + (1 << 15)), dtype=np.uint64)
        out[start:start + len(index)] = draw(index)
    return out


def uniform(seed, name, count):
    """`count` doubles in [0, 1)."""
    return _in_chunks(count, lambda index: _uniform_at(seed, name, index))


def normal(seed, name, count):
    """`count` standard normal doubles (Box-Muller)."""
    def draw(index):
        radius = 1.0 - _uniform_at(seed, name, index * np.uint64(2))
        angle = _uniform_at(seed, name, index * np.uint64(2) + np.uint64(1))
        return np.sqrt(-2.0 * np.log(radius)) * np.cos(6.283185307179586 * angle)
    return _in_chunks(count, draw)


def below(seed, name, count, bound):
    """`count` integers in 0...bound-1."""
    bits = _draw(seed, stream(name), np.arange(count, dtype=np.uint64))
    return np.array([int(b) * bound >> 64 for b in bits], dtype=np.int64)


# --- networks ---------------------------------------------------------------------------------------------------------

class Taps(dict):
    """Collects each layer's output by name where a network is given one."""


def _tap(taps, name, value):
    if taps is not None:
        taps[name] = value.detach()
    return value


class Stack(nn.Module):
    """conv1_1 ... conv4_2, each 3x3 with batch norm and ReLU; 2x2 max pools after blocks 1 to 3."""

    def __init__(self, name, in_channels, width, conv1_stride):
        super().__init__()
        self.name = name
        for layer, channels in BLOCKS.items():
            out_channels = round(channels * width)
            stride = conv1_stride if layer == "1_1" else 1
            self.add_module("conv" + layer, nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False))
            self.add_module("bn" + layer, nn.BatchNorm2d(out_channels, eps=BN_EPS))
            in_channels = out_channels
        self.channels = in_channels

    def features(self, x, taps=None):
        for layer in BLOCKS:
            x = F.relu(getattr(self, "bn" + layer)(getattr(self, "conv" + layer)(x)))
            _tap(taps, f"{self.name}.conv{layer}", x)
            if layer in ("1_2", "2_2", "3_2"):
                x = _tap(taps, f"{self.name}.pool{layer[0]}", F.max_pool2d(x, 2))
        return x

    def pooled(self, x, taps=None):
        return _tap(taps, f"{self.name}.pool4", self.features(x, taps).amax(dim=(2, 3)))


class FrameStack(nn.Module):
    """The same in three dimensions: 3x3x3, and 2x2x2 pools, which keep an odd last step of time."""

    def __init__(self, name, in_channels, width, conv1_stride):
        super().__init__()
        self.name = name
        for layer, channels in BLOCKS.items():
            out_channels = round(channels * width)
            stride = conv1_stride if layer == "1_1" else 1
            self.add_module("conv" + layer, nn.Conv3d(in_channels, out_channels, 3, stride, padding=1, bias=False))
            self.add_module("bn" + layer, nn.BatchNorm3d(out_channels, eps=BN_EPS))
            in_channels = out_channels
        self.fc1 = nn.Linear(in_channels, HEAD)
        self.fc2 = nn.Linear(HEAD, HEAD)

    def forward(self, x, taps=None):
        for layer in BLOCKS:
            x = F.relu(getattr(self, "bn" + layer)(getattr(self, "conv" + layer)(x)))
            _tap(taps, f"{self.name}.conv{layer}", x)
            if layer in ("1_2", "2_2", "3_2"):
                x = F.max_pool3d(F.max_pool3d(x, (2, 1, 1), ceil_mode=True), (1, 2, 2))
                _tap(taps, f"{self.name}.pool{layer[0]}", x)
        x = _tap(taps, f"{self.name}.pool4", x.amax(dim=(2, 3, 4)))
        x = _tap(taps, f"{self.name}.fc1", F.relu(self.fc1(x)))
        return _tap(taps, f"{self.name}.fc2", self.fc2(x))


class HalfStack(nn.Module):
    """Layers of some blocks of a stack, each with batch norm and ReLU; 2x2 max pools after blocks 1 to 3."""

    def __init__(self, name, blocks, in_channels, width, conv1_stride):
        super().__init__()
        self.name, self.layers = name, [layer for layer in BLOCKS if layer[0] in blocks]
        for layer in self.layers:
            out_channels = round(BLOCKS[layer] * width)
            stride = conv1_stride if layer == "1_1" else 1
            self.add_module("conv" + layer, nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False))
            self.add_module("bn" + layer, nn.BatchNorm2d(out_channels, eps=BN_EPS))
            in_channels = out_channels
        self.channels = in_channels

    def forward(self, x, taps=None):
        for layer in self.layers:
            x = F.relu(getattr(self, "bn" + layer)(getattr(self, "conv" + layer)(x)))
            _tap(taps, f"{self.name}.conv{layer}", x)
            if layer in ("1_2", "2_2", "3_2"):
                x = _tap(taps, f"{self.name}.pool{layer[0]}", F.max_pool2d(x, 2))
        return x


class EmbeddingStack(Stack):
    """A stack, its global maximum, and two dense layers to 128 numbers."""

    def __init__(self, *args):
        super().__init__(*args)
        self.fc1 = nn.Linear(self.channels, HEAD)
        self.fc2 = nn.Linear(HEAD, HEAD)

    def forward(self, x, taps=None):
        x = _tap(taps, f"{self.name}.fc1", F.relu(self.fc1(self.pooled(x, taps))))
        return _tap(taps, f"{self.name}.fc2", self.fc2(x))


class DescriptorStack(Stack):
    """A stack and two 1x1 convolutions: 128 numbers for each cell."""

    def __init__(self, *args):
        super().__init__(*args)
        self.conv5 = nn.Conv2d(self.channels, HEAD, 1)
        self.conv6 = nn.Conv2d(HEAD, HEAD, 1)

    def forward(self, x, taps=None):
        x = _tap(taps, f"{self.name}.conv5", F.relu(self.conv5(self.features(x, taps))))
        return _tap(taps, f"{self.name}.conv6", self.conv6(x))


class L3Net(nn.Module):
    outputs = ("embedding.image", "embedding.audio", "logits", "score")

    def __init__(self, width=1.0, conv1_stride=2):
        super().__init__()
        self.vision = Stack("vision", 3, width, conv1_stride)
        self.audio = Stack("audio", 1, width, conv1_stride)
        self.fc1 = nn.Linear(self.vision.channels + self.audio.channels, HEAD)
        self.fc2 = nn.Linear(HEAD, CLASSES)

    def forward(self, image, spectrogram, taps=None):
        v = _tap(taps, "embedding.image", self.vision.pooled(image, taps))
        a = _tap(taps, "embedding.audio", self.audio.pooled(spectrogram, taps))
        hidden = _tap(taps, "fc1", F.relu(self.fc1(torch.cat((v, a), dim=1))))
        logits = _tap(taps, "logits", self.fc2(hidden))
        return v, a, logits, _tap(taps, "score", logits.softmax(dim=1)[:, 1:])


class AVENet(nn.Module):
    outputs = ("embedding.image", "embedding.audio", "distance", "logits", "score")

    def __init__(self, width=1.0, conv1_stride=2):
        super().__init__()
        self.vision = EmbeddingStack("vision", 3, width, conv1_stride)
        self.audio = EmbeddingStack("audio", 1, width, conv1_stride)
        self.fc3 = nn.Linear(1, CLASSES)

    def forward(self, image, spectrogram, taps=None):
        v = _tap(taps, "embedding.image", F.normalize(self.vision(image, taps), dim=1, eps=1e-12))
        a = _tap(taps, "embedding.audio", F.normalize(self.audio(spectrogram, taps), dim=1, eps=1e-12))
        distance = _tap(taps, "distance", (v - a).square().sum(dim=1, keepdim=True).sqrt())
        logits = _tap(taps, "logits", self.fc3(distance))
        return v, a, distance, logits, _tap(taps, "score", logits.softmax(dim=1)[:, 1:])


class AVENetFrames(AVENet):
    """Its 25 frames are the second that is heard."""
    inputs = {"frames": (3, 25)}

    def __init__(self, width=1.0, conv1_stride=2):
        super().__init__(width, conv1_stride)
        self.vision = FrameStack("vision", 3, width, conv1_stride)


class AVENetFlow(nn.Module):
    """One frame and ten fields of flow around it, in two streams that meet before the last block."""
    inputs = {"image": (3,), "flow": (20,)}
    outputs = AVENet.outputs

    def __init__(self, width=1.0, conv1_stride=2):
        super().__init__()
        self.vision = HalfStack("vision", "123", 3, width, conv1_stride)
        self.flow = HalfStack("flow", "123", 20, width, conv1_stride)
        joined = HalfStack("vision", "4", self.vision.channels + self.flow.channels, width, conv1_stride)
        for name, layer in joined.named_children():
            self.vision.add_module(name, layer)
        self.vision.fc1 = nn.Linear(joined.channels, HEAD)
        self.vision.fc2 = nn.Linear(HEAD, HEAD)
        self.joined = [joined]  # its layers are vision's
        self.audio = EmbeddingStack("audio", 1, width, conv1_stride)
        self.fc3 = nn.Linear(1, CLASSES)

    def forward(self, image, flow, spectrogram, taps=None):
        x = self.joined[0](torch.cat((self.vision(image, taps), self.flow(flow, taps)), dim=1), taps)
        x = _tap(taps, "vision.pool4", x.amax(dim=(2, 3)))
        x = _tap(taps, "vision.fc2", self.vision.fc2(_tap(taps, "vision.fc1", F.relu(self.vision.fc1(x)))))
        v = _tap(taps, "embedding.image", F.normalize(x, dim=1, eps=1e-12))
        a = _tap(taps, "embedding.audio", F.normalize(self.audio(spectrogram, taps), dim=1, eps=1e-12))
        distance = _tap(taps, "distance", (v - a).square().sum(dim=1, keepdim=True).sqrt())
        logits = _tap(taps, "logits", self.fc3(distance))
        return v, a, distance, logits, _tap(taps, "score", logits.softmax(dim=1)[:, 1:])


class Affine(nn.Module):
    """One scale and one bias for every cell of the map."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return x * self.weight + self.bias


class AVOLNet(nn.Module):
    outputs = ("embedding.image", "embedding.audio", "map", "logits", "score")

    def __init__(self, width=1.0, conv1_stride=2):
        super().__init__()
        self.vision = DescriptorStack("vision", 3, width, conv1_stride)
        self.audio = EmbeddingStack("audio", 1, width, conv1_stride)
        self.conv7 = Affine()

    def forward(self, image, spectrogram, taps=None):
        descriptors = self.vision(image, taps)
        sound = self.audio(spectrogram, taps)
        similarity = (descriptors * sound[:, :, None, None]).sum(dim=1, keepdim=True)
        map_logits = _tap(taps, "map_logits", self.conv7(similarity))
        heat = _tap(taps, "map", torch.sigmoid(map_logits))
        logits = _tap(taps, "logits", map_logits.amax(dim=(2, 3)))
        v = _tap(taps, "embedding.image", descriptors.amax(dim=(2, 3)))
        a = _tap(taps, "embedding.audio", sound)
        return v, a, heat, logits, _tap(taps, "score", heat.amax(dim=(2, 3)))


class VisionEmbedding(nn.Module):
    """The half of an AVE-Net that embeds pictures."""
    outputs = ("embedding.image",)

    def __init__(self, net):
        super().__init__()
        self.vision = net.vision

    def forward(self, image):
        return F.normalize(self.vision(image), dim=1, eps=1e-12)


class AudioEmbedding(nn.Module):
    """The half of an AVE-Net that embeds sounds."""
    outputs = ("embedding.audio",)

    def __init__(self, net):
        super().__init__()
        self.audio = net.audio

    def forward(self, spectrogram):
        return F.normalize(self.audio(spectrogram), dim=1, eps=1e-12)


NETWORKS = {"l3-net": L3Net, "ave-net": AVENet, "ave-net-mf": AVENetFrames, "ave-net-of": AVENetFlow, "avol-net": AVOLNet}


# --- weights and inputs -----------------------------------------------------------------------------------------------

def golden_values(seed, name, shape):
    """Values of one parameter: spread so that every layer's output keeps a magnitude near 1."""
    count = math.prod(shape)
    layer, kind = name.rsplit(".", 1)
    if name in CONSTANTS:
        values = np.array(CONSTANTS[name])
    elif kind == "running_var" or kind == "weight" and ".bn" in layer:
        values = 0.5 + uniform(seed, name, count)
    elif kind == "running_mean" or kind == "bias" and ".bn" in layer:
        values = 0.2 * normal(seed, name, count)
    elif kind == "bias":
        values = 0.1 * normal(seed, name, count)
    else:
        values = normal(seed, name, count) * (SCALES.get(name, 1.0) * math.sqrt(2.0 / math.prod(shape[1:])))
    return values.astype(np.float32).reshape(shape)


def golden_weights(arch, seed, width=1.0, conv1_stride=2):
    """Every parameter of a network, by name, as 32-bit floats."""
    net = NETWORKS[arch](width, conv1_stride)
    return {name: golden_values(seed, name, tuple(value.shape)) for name, value in net.state_dict().items()
            if not name.endswith("num_batches_tracked")}


def golden_inputs(seed, batch, height=224, width=224, arch="ave-net"):
    """What the network sees (an image, most of them) and its spectrogram, as 32-bit floats; item i is the same in every batch."""
    def item_major(name, shape):
        return normal(seed, name, math.prod(shape)).astype(np.float32).reshape(shape)
    seen = getattr(NETWORKS[arch], "inputs", {"image": (3,)})
    return (*(item_major(name, (batch, *shape, height, width)) for name, shape in seen.items()),
            item_major("spectrogram", (batch, 1, 257, 200)))


def build(arch, weights, width=1.0, conv1_stride=2):
    """The network with these weights, for inference."""
    net = NETWORKS[arch](width, conv1_stride)
    state = {name: torch.from_numpy(np.array(value)) for name, value in weights.items()}
    missing = net.load_state_dict(state, strict=False)
    wrong = [n for n in missing.missing_keys if not n.endswith("num_batches_tracked")] + missing.unexpected_keys
    if wrong:
        raise ValueError(f"{arch}: missing or superfluous parameters {wrong}")
    return net.eval()


# --- safetensors ------------------------------------------------------------------------------------------------------

def write_safetensors(path, tensors, metadata):
    """Writes float32 arrays, ordered by name, with text metadata."""
    header, offset = {"__metadata__": metadata}, 0
    for name in sorted(tensors):
        size = 4 * tensors[name].size
        header[name] = {"dtype": "F32", "shape": list(tensors[name].shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % 64)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name in sorted(tensors):
            file.write(np.ascontiguousarray(tensors[name], dtype="<f4").tobytes())


def read_safetensors(path):
    """(tensors, metadata) of a file of float32 arrays."""
    with open(path, "rb") as file:
        data = file.read()
    size, = struct.unpack_from("<Q", data)
    header = json.loads(data[8:8 + size])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        tensors[name] = np.frombuffer(data[8 + size + begin:8 + size + end], dtype="<f4").reshape(entry["shape"])
    return tensors, metadata


def write_model(path, arch, weights, width=1.0, conv1_stride=2):
    """A model file as the library reads it."""
    write_safetensors(path, weights, {
        "avsound.arch": arch,
        "avsound.config": json.dumps({"width": width, "conv1_stride": conv1_stride}),
        "avsound.training": "none",
        "license": "CC0-1.0",
        "source": "tests/golden/networks.py: weights drawn from a seed",
    })
