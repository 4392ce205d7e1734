"""Reads weights as Keras keeps them in HDF5: Model.save_weights(), or Model.save() with "model_weights" in it. Needs h5py.

A file lists its layers in the network's order, each a group with the names of its weights. Automatic names of layers count from
wherever the program that wrote them stood, "conv2d_8", so here they count from 1 for each kind: what is asked for as
"conv2d_3/kernel" may be "conv2d_10/conv2d_10/kernel:0" there, and is called so in messages.
"""
import re

from bundle import Refused

MOST_LAYERS = 10000
AUTOMATIC = re.compile(r"^(conv2d|batch_normalization)(?:_(\d+))?$")
# Spectrograms were layers with weights of their own in early files; a model's front end makes them here.
FRONT_END = "spectrogram"


class Weights(dict):
    """Tensors by layer and weight, "conv2d_3/kernel"; `called` says what the file calls one that is there or should be."""

    def __init__(self, firsts):
        super().__init__()
        self.firsts, self.layers = firsts, {}

    def called(self, name):
        layer, _, weight = name.partition("/")
        if layer in self.layers:
            return f"{self.layers[layer]}/{weight}"
        kind, _, number = layer.rpartition("_")
        if kind in self.firsts and number.isdigit():
            return f"{automatic(kind, self.firsts[kind] + int(number) - 1)}/{weight}"
        return name


def automatic(kind, number):
    return f"{kind}_{number}" if number else kind


def text(value):
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def listed(group, attribute):
    """A list in an attribute; one too long for a single attribute is cut into attribute0, attribute1..."""
    if attribute in group.attrs:
        return [text(name) for name in group.attrs[attribute]]
    names, piece = [], 0
    while f"{attribute}{piece}" in group.attrs:
        names += [text(name) for name in group.attrs[f"{attribute}{piece}"]]
        piece += 1
    if not piece:
        raise Refused(f"{group.name} has no {attribute}: not written by Keras")
    return names


def own(h5py, group, path):
    """What a path in a group leads to, without leaving the file."""
    for part in path.split("/"):
        if not isinstance(group, h5py.Group) or part not in group:
            raise Refused(f"{path} is listed, but not there")
        if not isinstance(group.get(part, getlink=True), h5py.HardLink):
            raise Refused(f"{path} is a link, and is not followed")
        group = group[part]
    return group


def numbered(layers):
    """Layers' own names, by those that count from 1; what is not automatic keeps its name. A gap in the numbers stays one: a layer
    is missing there."""
    firsts = {}
    for layer in layers:
        match = AUTOMATIC.match(layer)
        if match:
            number = int(match[2] or 0)
            firsts[match[1]] = min(number, firsts.get(match[1], number))
    names = {}
    for layer in layers:
        match = AUTOMATIC.match(layer)
        names[f"{match[1]}_{int(match[2] or 0) - firsts[match[1]] + 1}" if match else layer] = layer
    return names, firsts


def weights_of(h5py, top, layer, size):
    group = own(h5py, top, layer)
    for name in listed(group, "weight_names"):
        data = own(h5py, group, name)
        if not isinstance(data, h5py.Dataset) or data.dtype.kind != "f":
            raise Refused(f"{layer}/{name} is no tensor of floats")
        if data.nbytes > size:
            raise Refused(f"{layer}/{name} is {data.shape}, more than the file has")
        yield name.rpartition("/")[2].partition(":")[0], data[()]


def read(path):
    """The Weights in a file."""
    try:
        import h5py
    except ImportError:
        raise Refused("needs h5py to be read (Debian: python3-h5py)") from None
    with h5py.File(path, "r") as file:
        size = file.id.get_filesize()
        top = own(h5py, file, "model_weights") if "model_weights" in file else file
        layers = listed(top, "layer_names")
        if len(layers) > MOST_LAYERS or len(set(layers)) != len(layers):
            raise Refused(f"lists {len(layers)} layers, {len(set(layers))} of them different ones")
        found = {layer: dict(weights_of(h5py, top, layer, size)) for layer in layers if FRONT_END not in layer}
    names, firsts = numbered([layer for layer, weights in found.items() if weights])
    tensors = Weights(firsts)
    tensors.layers = names
    for name, layer in names.items():
        tensors.update({f"{name}/{weight}": value for weight, value in found[layer].items()})
    if not tensors:
        raise Refused("holds no tensors")
    return tensors
