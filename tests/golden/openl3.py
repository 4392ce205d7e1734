"""OpenL3's networks in PyTorch, from the layer list of the Keras program, and their files as Keras writes them; nothing of the
library's is used.

J. Cramer, H.-H. Wu, J. Salamon, J. P. Bello: Look, Listen and Learn More (ICASSP 2019).

`parameter(name, shape)` gives a network its numbers. Names are the library's; with `biases` every convolution has one, as
Keras's have, without only those that no batch norm takes in.
"""
import math

import numpy as np

try:
    import torch
    from torch.nn import functional as F
except ImportError:
    torch = None  # files can be written all the same

EPSILON = 1e-3
BLOCKS = {"1_1": 64, "1_2": 64, "2_1": 128, "2_2": 128, "3_1": 256, "3_2": 256, "4_1": 512, "4_2": 512}
NORM = ("weight", "bias", "running_mean", "running_var")

# Inputs' rows and columns, and the pools of each size of embedding.
VARIANTS = {
    "linear": ("audio", (257, 197), {6144: (8, 8), 512: (32, 24)}),
    "mel128": ("audio", (128, 199), {6144: (4, 8), 512: (16, 24)}),
    "mel256": ("audio", (256, 199), {6144: (8, 8), 512: (32, 24)}),
    "image": ("vision", (224, 224), {8192: (7, 7), 512: (28, 28)}),
}


def same(x, kernel, value):
    """Padded as Keras's "same" does where windows do not overlap."""
    pads = []
    for size, k in zip(reversed(x.shape[2:]), reversed(kernel)):
        total = -size % k
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads, value=value) if any(pads) else x


def has_bias(tower, layer):
    """Whether a convolution has a bias that no batch norm takes in."""
    return layer == "4_2" or (layer == "1_2" and tower == "vision")


class Network:
    def __init__(self, tower, pool, parameter, width=1.0, biases=False):
        self.tower, self.pool, self.parameter, self.width, self.biases = tower, pool, parameter, width, biases

    def norm(self, name, x):
        weight, bias, mean, variance = (self.parameter(f"{self.tower}.bn{name}.{part}", (x.shape[1],)) for part in NORM)
        return F.batch_norm(x, mean, variance, weight, bias, eps=EPSILON)

    def conv(self, name, x):
        out = round(BLOCKS[name] * self.width)
        weight = self.parameter(f"{self.tower}.conv{name}.weight", (out, x.shape[1], 3, 3))
        bias = None
        if self.biases or has_bias(self.tower, name):
            bias = self.parameter(f"{self.tower}.conv{name}.bias", (out,))
        return F.conv2d(x, weight, bias, padding=1)

    def __call__(self, x, taps=None):
        """(N,1,F,T) or (N,3,H,W) to what is flattened, (N,C,rows,columns)."""
        taps = {} if taps is None else taps
        x = self.norm("0", x)
        for layer in BLOCKS:
            x = self.conv(layer, x)
            if layer == "1_2" and self.tower == "vision":
                x = self.norm(layer, F.relu(x))
            elif layer != "4_2":
                x = F.relu(self.norm(layer, x))
            taps[f"{self.tower}.conv{layer}"] = x
            if layer in ("1_2", "2_2", "3_2"):
                x = same(x, (2, 2), -math.inf) if self.tower == "vision" else x
                x = taps[f"{self.tower}.pool{layer[0]}"] = F.max_pool2d(x, 2)
        x = F.max_pool2d(same(x, self.pool, -math.inf), self.pool)
        taps["embedding." + ("image" if self.tower == "vision" else "audio")] = x
        return x


def flattened(x):
    """As Keras does, channels last."""
    return x.permute(0, 2, 3, 1).reshape(len(x), -1)


# --- files ------------------------------------------------------------------------------------------------------------

def keras_layers(tower, first=1):
    """(layer's name, batch norm or convolution, our name) in the file's order; automatic names count from `first`."""
    counts = {"batch_normalization": first - 1, "conv2d": first - 1}

    def automatic(kind):
        counts[kind] += 1
        return f"{kind}_{counts[kind]}" if counts[kind] else kind

    layers = [(automatic("batch_normalization"), "norm", f"{tower}.bn0")]
    for layer in BLOCKS:
        named = f"{tower}_embedding_layer" if layer == "4_2" else automatic("conv2d")
        layers.append((named, "conv", f"{tower}.conv{layer}"))
        if layer != "4_2":
            layers.append((automatic("batch_normalization"), "norm", f"{tower}.bn{layer}"))
    return layers


KERAS = {"norm": {"gamma:0": "weight", "beta:0": "bias", "moving_mean:0": "running_mean", "moving_variance:0": "running_var"},
         "conv": {"kernel:0": "weight", "bias:0": "bias"}}


def write_keras(path, tower, values, first=1, front_end=None, whole_model=False):
    """Weights by our names, convolutions with all their biases, as Model.save_weights (or Model.save) of Keras writes them: a
    group a layer, listed in the order of layers. `front_end`: tensors of the spectrogram's layer, as early files have."""
    import h5py
    with h5py.File(path, "w") as file:
        top = file.create_group("model_weights") if whole_model else file
        names = [f"input_{first}".encode()]
        top.create_group(f"input_{first}").attrs["weight_names"] = np.array([], "S1")
        if front_end:
            names.append(b"melspectrogram_1")
            write_layer(top, "melspectrogram_1", front_end)
        for layer, kind, ours in keras_layers(tower, first):
            tensors = {theirs: values[f"{ours}.{part}"] for theirs, part in KERAS[kind].items()}
            if kind == "conv":
                tensors["kernel:0"] = tensors["kernel:0"].transpose(2, 3, 1, 0)
            write_layer(top, layer, tensors)
            names.append(layer.encode())
        top.attrs["layer_names"] = names
        top.attrs["backend"], top.attrs["keras_version"] = b"tensorflow", b"2.0.9"


def write_layer(top, layer, tensors):
    group = top.create_group(layer)
    group.attrs["weight_names"] = [f"{layer}/{name}".encode() for name in tensors]
    for name, value in tensors.items():
        group.create_dataset(f"{layer}/{name}", data=np.ascontiguousarray(value, "<f4"))


def values_of(tower, width, draw):
    """Numbers for every tensor of a Keras file, by our names."""
    values, inputs = {}, 3 if tower == "vision" else 1
    for _, kind, ours in keras_layers(tower):
        if kind == "conv":
            out = round(BLOCKS[ours[-3:]] * width)
            shapes, inputs = {"weight": (out, inputs, 3, 3), "bias": (out,)}, out
        else:
            shapes = dict.fromkeys(NORM, (inputs,))
        values.update({f"{ours}.{part}": draw(f"{ours}.{part}", shape) for part, shape in shapes.items()})
    return values


def library_values(tower, draw):
    """Numbers for every tensor of a model file of full width."""
    return {name: value for name, value in values_of(tower, 1.0, draw).items()
            if ".conv" not in name or not name.endswith(".bias") or has_bias(tower, name.split(".conv")[1][:3])}


def module_of(tower, pool, values):
    """The network as a torch.nn.Module that can be traced, exported and converted to another precision."""
    class Module(torch.nn.Module):
        outputs = ("embedding.image" if tower == "vision" else "embedding.audio",)

        def __init__(self):
            super().__init__()
            for name, value in values.items():
                self.register_buffer(name.replace(".", "_"), torch.from_numpy(np.array(value)))

        def forward(self, x):
            return Network(tower, pool, lambda name, _: getattr(self, name.replace(".", "_")))(x)
    return Module().eval()


def network_of(tower, pool, values, width=1.0):
    return Network(tower, pool, lambda name, shape: torch.from_numpy(values[name]).double().reshape(shape), width, biases=True)
