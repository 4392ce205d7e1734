#!/usr/bin/env python3
"""Converts weights of other implementations into avsound's model files.

    convert.py weights.pt model.safetensors --license CC-BY-4.0
    convert.py nets/shift/net.tf-650000.index model.safetensors
    convert.py openl3_audio_mel256_music.h5 model.safetensors --embedding 512

Reads PyTorch state dicts (.pt, .pth), NumPy archives (.npz), safetensors files, TensorFlow checkpoints (.index) and Keras's weights
(.h5, .hdf5). Needs numpy, and h5py for the last, and nothing else: PyTorch's pickles are read by an unpickler that knows tensors and plain containers and refuses every other
class by name, so a file cannot run code. What goes where is said by the tables below; a new source is a new table.
"""
import argparse
import collections
import hashlib
import io
import json
import os
import pickle
import struct
import sys
import tempfile
import zipfile

import numpy as np

import keras_file
from bundle import Bundle, Refused

# ---- tables -----------------------------------------------------------------------------------------------------------------

# One line a tensor of ours: `ours = theirs`, `{L}` standing for each of LAYERS, `{F}` for each of FLOW_LAYERS. `mean - bias?`
# folds the bias of a convolution into the running mean of the batch norm that follows, exactly: our convolutions before a batch
# norm have none ("?": a source without the bias is fine). `classes:` marks what --swap-classes turns round. `slim:` marks
# TensorFlow's layouts, which are Keras's; `or 1`: ones where the source has none; `1 = theirs`: we have no such tensor, theirs must be 1.
LAYERS = "1_1 1_2 2_1 2_2 3_1 3_2 4_1 4_2".split()

ICN_STACKS = """
vision.conv{L}.weight      = icn.conv{L}.weight
vision.bn{L}.weight        = icn.bn{L}.weight
vision.bn{L}.bias          = icn.bn{L}.bias
vision.bn{L}.running_mean  = icn.bn{L}.running_mean - icn.conv{L}.bias?
vision.bn{L}.running_var   = icn.bn{L}.running_var
audio.conv{L}.weight       = acn.conv{L}.weight
audio.bn{L}.weight         = acn.bn{L}.weight
audio.bn{L}.bias           = acn.bn{L}.bias
audio.bn{L}.running_mean   = acn.bn{L}.running_mean - acn.conv{L}.bias?
audio.bn{L}.running_var    = acn.bn{L}.running_var
"""

OWN_STACKS = """
vision.conv{L}.weight      = vision.conv{L}.weight
vision.bn{L}.weight        = vision.bn{L}.weight
vision.bn{L}.bias          = vision.bn{L}.bias
vision.bn{L}.running_mean  = vision.bn{L}.running_mean - vision.conv{L}.bias?
vision.bn{L}.running_var   = vision.bn{L}.running_var
audio.conv{L}.weight       = audio.conv{L}.weight
audio.bn{L}.weight         = audio.bn{L}.weight
audio.bn{L}.bias           = audio.bn{L}.bias
audio.bn{L}.running_mean   = audio.bn{L}.running_mean - audio.conv{L}.bias?
audio.bn{L}.running_var    = audio.bn{L}.running_var
"""

# Of stages 1 to 3, which see the flow.
FLOW_LAYERS = LAYERS[:6]

FLOW_STACK = """
flow.conv{F}.weight        = flow.conv{F}.weight
flow.bn{F}.weight          = flow.bn{F}.weight
flow.bn{F}.bias            = flow.bn{F}.bias
flow.bn{F}.running_mean    = flow.bn{F}.running_mean - flow.conv{F}.bias?
flow.bn{F}.running_var     = flow.bn{F}.running_var
"""

TABLES = {
    ("icn", "l3-net"): ICN_STACKS + """
fc1.weight                 = fc1.weight
fc1.bias                   = fc1.bias
fc2.weight                 = classes: fc2.weight
fc2.bias                   = classes: fc2.bias
""",
    ("icn", "ave-net"): ICN_STACKS + """
vision.fc1.weight          = img_fc1.weight
vision.fc1.bias            = img_fc1.bias
vision.fc2.weight          = img_fc2.weight
vision.fc2.bias            = img_fc2.bias
audio.fc1.weight           = aud_fc1.weight
audio.fc1.bias             = aud_fc1.bias
audio.fc2.weight           = aud_fc2.weight
audio.fc2.bias             = aud_fc2.bias
fc3.weight                 = classes: fc3.weight
fc3.bias                   = classes: fc3.bias
""",
    ("icn", "avol-net"): ICN_STACKS + """
vision.conv5.weight        = im_conv5.weight
vision.conv5.bias          = im_conv5.bias
vision.conv6.weight        = im_conv6.weight
vision.conv6.bias          = im_conv6.bias
audio.fc1.weight           = aud_fc1.weight
audio.fc1.bias             = aud_fc1.bias
audio.fc2.weight           = aud_fc2.weight
audio.fc2.bias             = aud_fc2.bias
conv7.weight               = fus_conv7.weight
conv7.bias                 = fus_conv7.bias
""",
    ("avsound", "l3-net"): OWN_STACKS + """
fc1.weight                 = fc1.weight
fc1.bias                   = fc1.bias
fc2.weight                 = classes: fc2.weight
fc2.bias                   = classes: fc2.bias
""",
    ("avsound", "ave-net"): OWN_STACKS + """
vision.fc1.weight          = vision.fc1.weight
vision.fc1.bias            = vision.fc1.bias
vision.fc2.weight          = vision.fc2.weight
vision.fc2.bias            = vision.fc2.bias
audio.fc1.weight           = audio.fc1.weight
audio.fc1.bias             = audio.fc1.bias
audio.fc2.weight           = audio.fc2.weight
audio.fc2.bias             = audio.fc2.bias
fc3.weight                 = classes: fc3.weight
fc3.bias                   = classes: fc3.bias
""",
    ("avsound", "avol-net"): OWN_STACKS + """
vision.conv5.weight        = vision.conv5.weight
vision.conv5.bias          = vision.conv5.bias
vision.conv6.weight        = vision.conv6.weight
vision.conv6.bias          = vision.conv6.bias
audio.fc1.weight           = audio.fc1.weight
audio.fc1.bias             = audio.fc1.bias
audio.fc2.weight           = audio.fc2.weight
audio.fc2.bias             = audio.fc2.bias
conv7.weight               = conv7.weight
conv7.bias                 = conv7.bias
""",
}
TABLES["avsound", "ave-net-mf"] = TABLES["avsound", "ave-net"]
TABLES["avsound", "ave-net-of"] = TABLES["avsound", "ave-net"] + FLOW_STACK

# The multisensory networks, a scope of the release's variables a line: what is in it, and the shape of its weights here, (out,
# in, kernel) of conv, (in, out, kernel) of deconv, channels of norm. A channel count's letter says what multiplies it: w `width`,
# a `audio_width`, u `unet_width`; sums are of concatenated values.
ALIGNMENT = """
sf/conv1_1          conv norm    64a 2 65
sf/conv2_1_short    conv norm    128a 64a 1
sf/conv2_1_1        conv norm    128a 64a 15
sf/conv2_1_2        conv bias    128a 128a 15
sf/conv2_1_bn       norm         128a
sf/conv3_1_1        conv norm    128a 128a 15
sf/conv3_1_2        conv bias    128a 128a 15
sf/conv3_1_bn       norm         128a
sf/conv4_1_short    conv norm    256a 128a 1
sf/conv4_1_1        conv norm    256a 128a 15
sf/conv4_1_2        conv bias    256a 256a 15
sf/conv4_1_bn       norm         256a
sf/conv5_1          conv norm    128w 256a 3
im/conv1            conv norm    64w 3 5 7 7
im/conv2_1_1        conv norm    64w 64w 3 3 3
im/conv2_1_2        conv bias    64w 64w 3 3 3
im/conv2_1_bn       norm         64w
im/conv2_2_1        conv norm    64w 64w 3 3 3
im/conv2_2_2        conv bias    64w 64w 3 3 3
im/conv2_2_bn       norm         64w
im/merge1           conv norm    512w 64w+128w 1 1 1
im/merge2           conv bias    128w 512w 1 1 1
im/merge_block_bn   norm         128w
im/conv3_1_1        conv norm    128w 128w 3 3 3
im/conv3_1_2        conv bias    128w 128w 3 3 3
im/conv3_1_bn       norm         128w
im/conv3_2_1        conv norm    128w 128w 3 3 3
im/conv3_2_2        conv bias    128w 128w 3 3 3
im/conv3_2_bn       norm         128w
im/conv4_1_short    conv norm    256w 128w 1 1 1
im/conv4_1_1        conv norm    256w 128w 3 3 3
im/conv4_1_2        conv bias    256w 256w 3 3 3
im/conv4_1_bn       norm         256w
im/conv4_2_1        conv norm    256w 256w 3 3 3
im/conv4_2_2        conv bias    256w 256w 3 3 3
im/conv4_2_bn       norm         256w
im/conv5_1_short    conv norm    512w 256w 1 1 1
im/conv5_1_1        conv norm    512w 256w 3 3 3
im/conv5_1_2        conv bias    512w 512w 3 3 3
im/conv5_1_bn       norm         512w
im/conv5_2_1        conv norm    512w 512w 3 3 3
im/conv5_2_2        conv bias    512w 512w 3 3 3
im/conv5_2_bn       norm         512w
joint/logits        conv bias    1 512w 1 1 1
"""

UNET_ENDS = """
gen/conv1           conv norm    64u 2 4 4
gen/conv2           conv norm    128u 64u 4 4
gen/conv3           conv norm    256u 128u 4 4
gen/conv7           conv norm    512u 512u 4 4
gen/conv8           conv norm    512u 512u 4 4
gen/conv9           conv norm    512u 512u 4 4
gen/deconv1         deconv norm  512u 512u 4 4
gen/deconv2         deconv norm  512u+512u 512u 4 4
gen/deconv3         deconv norm  512u+512u 512u 4 4
gen/deconv4         deconv norm  512u+512u 512u 4 4
gen/deconv8         deconv norm  128u+128u 64u 4 4
gen/fg              deconv bias  64u+64u 2 4 4
gen/bg              deconv bias  64u+64u 2 4 4
"""

# Where features of the pictures join.
UNET_SEEING = """
gen/conv4           conv norm    512u 256u+64w 4 4
gen/conv5           conv norm    512u 512u+128w 4 4
gen/conv6           conv norm    512u 512u+512w 4 4
gen/deconv5         deconv norm  512u+512u+512w 512u 4 4
gen/deconv6         deconv norm  512u+512u+128w 256u 4 4
gen/deconv7         deconv norm  256u+256u+64w 128u 4 4
"""

UNET_BLIND = """
gen/conv4           conv norm    512u 256u 4 4
gen/conv5           conv norm    512u 512u 4 4
gen/conv6           conv norm    512u 512u 4 4
gen/deconv5         deconv norm  512u+512u 512u 4 4
gen/deconv6         deconv norm  512u+512u 256u 4 4
gen/deconv7         deconv norm  256u+256u 128u 4 4
"""

# Scopes of each, and whether its batch norms have scales.
Release = collections.namedtuple("Release", "scopes scales")
RELEASES = {
    "multisensory": Release(ALIGNMENT, False),
    "separator": Release(ALIGNMENT + UNET_ENDS + UNET_SEEING, True),
    "separator-pit": Release(UNET_ENDS + UNET_BLIND, True),
}

SLIM_NORM = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}


def released(arch):
    """Our name, the release's and the sizes of each tensor."""
    for line in filter(str.strip, RELEASES[arch].scopes.split("\n")):
        scope, *words = line.split()
        parts, sizes = [word for word in words if word.isalpha()], [word for word in words if not word.isalpha()]
        ours, out = scope.replace("/", "."), sizes[1 if "deconv" in parts else 0]
        norm = (ours, scope) if parts == ["norm"] else (f"{ours}.bn", f"{scope}/BatchNorm")
        if parts != ["norm"]:
            yield f"{ours}.weight", f"{scope}/weights", sizes
        if "bias" in parts:
            yield f"{ours}.bias", f"{scope}/biases", [out]
        for part, theirs in SLIM_NORM.items() if "norm" in parts else ():
            yield f"{norm[0]}.{part}", f"{norm[1]}/{theirs}", [out]


def is_scale(theirs):
    return theirs.endswith("/gamma")


def released_tables(arch):
    slim, own = [], []
    for ours, theirs, _ in released(arch):
        there = RELEASES[arch].scales or not is_scale(theirs)
        slim.append(f"{ours if there else 1:26} = slim: {theirs}" + " or 1" * is_scale(theirs))
        own.append(f"{ours:26} = {ours}" if there else "")
    return {("slim", arch): "\n".join(slim), ("avsound", arch): "\n".join(own)}


TABLES.update(table for arch in RELEASES for table in released_tables(arch).items())

# OpenL3, half a network a file. Every convolution has a bias there; those of the last, and of the one that a ReLU follows first,
# stay biases.
OPENL3 = {"openl3-audio": "audio", "openl3-image": "vision"}
KERAS_NORM = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}


def keeps_bias(tower, layer):
    return layer == "4_2" or (tower == "vision" and layer == "1_2")


def openl3_table(tower):
    lines = []

    def norm(number, layer, minus=""):
        lines.extend(f"{tower}.bn{layer}.{ours} = slim: batch_normalization_{number}/{theirs}" +
                     (minus if ours == "running_mean" else "") for ours, theirs in KERAS_NORM.items())

    norm(1, "0")
    for number, layer in enumerate(LAYERS, 1):
        theirs = f"{tower}_embedding_layer" if layer == "4_2" else f"conv2d_{number}"
        lines.append(f"{tower}.conv{layer}.weight = slim: {theirs}/kernel")
        if keeps_bias(tower, layer):
            lines.append(f"{tower}.conv{layer}.bias = slim: {theirs}/bias")
        if layer != "4_2":
            norm(number + 1, layer, "" if keeps_bias(tower, layer) else f" - {theirs}/bias")
    return "\n".join(lines)


def renamed(table):
    """Our own names on both sides."""
    return "\n".join(f"{ours} = {ours}" for ours in (line.split(" = ")[0] for line in table.split("\n")))


for arch, tower in OPENL3.items():
    TABLES["keras", arch] = openl3_table(tower)
    TABLES["avsound", arch] = renamed(TABLES["keras", arch])

# Sources whose training leaves its own tensors among the network's (an optimizer's, a renormalisation's, a count of steps).
WITH_EXTRAS = ("slim",)

# Tensors of a source that mean nothing for inference, and what wrappers put before every name.
IGNORED_ENDINGS = (".num_batches_tracked",)
PREFIXES = ("module.", "model.")
# Where training scripts put the state dict among other things.
WRAPPERS = ("state_dict", "model_state_dict", "model", "net")

IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
PICTURE = {
    "conv1_stride": 2,
    "image": {"width": 224, "height": 224, "short_side": 256, "cell": 16, **IMAGENET},
    "audio": {"sample_rate": 48000, "window": 480, "hop": 240, "fft": 512, "columns": 200, "offset": -120, "mel_bands": 0,
              "power": 1, "normalise": 1, "mel_low": 0.0, "mel_high": 24000.0, "floor": 1e-10, "range": 0.0,
              "mean": -85.0, "std": 20.0},
}
CLIP = {
    "conv5_stride": 2,
    "image": {"width": 224, "height": 224, "short_side": 256, "cell": 32, "mean": [0.5] * 3, "std": [0.5] * 3},
    "clip": {"frames": 125, "frame_rate": 29.97, "sample_rate": 21000, "samples": 0},
}
SEPARATION = {
    "clip": {**CLIP["clip"], "frames": 63},
    "separation": {"window": 1344, "hop": 336, "fft": 2048, "columns": 128, "floor": 1e-5, "low": -100.0, "high": 80.0},
}

ALONE = {**PICTURE["audio"], "window": 2048, "hop": 242, "fft": 2048, "columns": 199, "offset": 0, "power": 0, "normalise": 0,
         "range": 80.0, "mean": 0.0, "std": 1.0, "samples": 48000}
# What an OpenL3 network of sounds hears, which no weight tells, and the pools of each of its embeddings.
Hearing = collections.namedtuple("Hearing", "audio pools")
HEARINGS = {
    "linear": Hearing({"window": 512, "fft": 512, "columns": 197, "mel_bands": 0}, {6144: (8, 8), 512: (32, 24)}),
    "mel128": Hearing({"mel_bands": 128}, {6144: (4, 8), 512: (16, 24)}),
    "mel256": Hearing({"mel_bands": 256}, {6144: (8, 8), 512: (32, 24)}),
}
SEEING_POOLS = {8192: (7, 7), 512: (28, 28)}

# All but the widths.
DEFAULT_CONFIGURATIONS = {
    "openl3-audio": {"pool_rows": 8, "pool_columns": 8, "audio": {**ALONE, "mel_bands": 256}},
    "openl3-image": {"pool_rows": 7, "pool_columns": 7, "image": {**CLIP["image"], "cell": 8, "shrink_only": 1}},
    "l3-net": PICTURE, "avol-net": PICTURE, "ave-net": PICTURE, "ave-net-mf": PICTURE, "ave-net-of": PICTURE,
    "multisensory": {"classes": 0, "vision_only": 0, **CLIP},
    "separator": {**CLIP, **SEPARATION}, "separator-pit": SEPARATION,
}

# What differs in a source's front ends.
FRONT_ENDS = {
    # 10 log10(density + 1e-7), divided by 12, of 16-bit samples: scipy.signal.spectrogram's one-sided density is the power
    # over the window's sum squared, as ours, times 2 * 32768^2 * 320 / 48000, which is 71.56 dB. Its default window is Tukey's
    # (0.25) and it removes each window's mean, ours is Hann's: noise agrees in the mean, lines are some dB off. 199 columns.
    "icn": {"audio": {"columns": 199, "floor": 7e-15, "mean": -71.56, "std": 12.0}},
    "avsound": {},
    "slim": {},
    "keras": {},
}

NOTES = {
    ("icn", "avol-net"): "the public implementation of this naming has no ReLU between im_conv5 and im_conv6, the paper's "
                         "network and avsound's have one: scores differ from that implementation's",
}


# Tensors that tell widths: 64 channels each at width 1.
GAUGES = {"vision.conv1_1.weight": "width", "audio.conv1_1.weight": "width", "im.conv1.weight": "width", "sf.conv1_1.weight": "audio_width",
          "gen.conv1.weight": "unet_width"}
LETTERS = {"w": "width", "a": "audio_width", "u": "unet_width"}


def scaled(channels, width):
    return max(1, int(np.floor(channels * width + 0.5)))


def stack_shapes(width):
    shapes, channels = {}, {"vision": 3, "audio": 1}
    for tower, inputs in channels.items():
        for layer in LAYERS:
            out = scaled(32 * 2 ** int(layer[0]), width)
            shapes[f"{tower}.conv{layer}.weight"] = (out, inputs, 3, 3)
            for name in ("weight", "bias", "running_mean", "running_var"):
                shapes[f"{tower}.bn{layer}.{name}"] = (out,)
            inputs = out
    return shapes, inputs


def size_of(text, widths):
    """64w+128w, or a plain number"""
    terms = text.split("+")
    return sum(scaled(int(term[:-1]), widths[LETTERS[term[-1]]]) if term[-1] in LETTERS else int(term) for term in terms)


def released_shapes(arch, widths):
    return {ours: tuple(size_of(size, widths) for size in sizes) for ours, theirs, sizes in released(arch)
            if RELEASES[arch].scales or not is_scale(theirs)}


def dense(name, out, inputs, *kernel):
    return {f"{name}.weight": (out, inputs, *kernel), f"{name}.bias": (out,)}


def openl3_shapes(tower, width):
    channels = 3 if tower == "vision" else 1
    shapes = {f"{tower}.bn0.{name}": (channels,) for name in KERAS_NORM}
    for layer in LAYERS:
        out = scaled(32 * 2 ** int(layer[0]), width)
        shapes[f"{tower}.conv{layer}.weight"] = (out, channels, 3, 3)
        if keeps_bias(tower, layer):
            shapes[f"{tower}.conv{layer}.bias"] = (out,)
        if layer != "4_2":
            shapes.update({f"{tower}.bn{layer}.{name}": (out,) for name in KERAS_NORM})
        channels = out
    return shapes


def wanted_shapes(arch, widths):
    if arch in OPENL3:
        return openl3_shapes(OPENL3[arch], widths["width"])
    if arch in RELEASES:
        return released_shapes(arch, widths)
    shapes, top = stack_shapes(widths["width"])
    ave = {**dense("vision.fc1", 128, top), **dense("vision.fc2", 128, 128), **dense("audio.fc1", 128, top),
           **dense("audio.fc2", 128, 128), **dense("fc3", 2, 1)}
    heads = {
        "l3-net": {**dense("fc1", 128, 2 * top), **dense("fc2", 2, 128)},
        "ave-net": ave,
        "ave-net-mf": {**ave, **frame_shapes(shapes)},
        "ave-net-of": {**ave, **flow_shapes(shapes)},
        "avol-net": {**dense("vision.conv5", 128, top, 1, 1), **dense("vision.conv6", 128, 128, 1, 1),
                     **dense("audio.fc1", 128, top), **dense("audio.fc2", 128, 128), "conv7.weight": (1,),
                     "conv7.bias": (1,)},
    }
    return {**shapes, **heads[arch]}


def frame_shapes(shapes):
    """AVE+MF's kernels reach over time, too."""
    return {name: (*shapes[name], 3) for name in (f"vision.conv{layer}.weight" for layer in LAYERS)}


def flow_shapes(shapes):
    """AVE+OF's second stream, ten fields of two components, and the stage where both have come together."""
    flow = {name.replace("vision", "flow"): shape for name, shape in shapes.items()
            if name.startswith("vision.") and any(f"{layer}." in name for layer in FLOW_LAYERS)}
    out, inputs, *kernel = shapes["vision.conv4_1.weight"]
    return {**flow, "flow.conv1_1.weight": (flow["flow.conv1_1.weight"][0], 20, 3, 3),
            "vision.conv4_1.weight": (out, 2 * inputs, *kernel)}


Rule = collections.namedtuple("Rule", "ours theirs minus minus_optional classes slim optional")


def rules_of(source, arch):
    rules = []
    for line in TABLES[source, arch].split("\n"):
        if not line.strip():
            continue
        for layer in LAYERS if "{L}" in line else FLOW_LAYERS if "{F}" in line else [""]:
            ours, theirs = (part.strip() for part in line.replace("{L}", layer).replace("{F}", layer).split("="))
            mark, _, rest = theirs.rpartition(": ")
            theirs, optional, _ = rest.partition(" or 1")
            theirs, _, minus = theirs.partition(" - ")
            rules.append(Rule(ours, theirs, minus.rstrip("?"), minus.endswith("?"), mark == "classes", mark == "slim",
                              bool(optional)))
    return rules


# ---- reading ----------------------------------------------------------------------------------------------------------------

STORAGES = {"FloatStorage": "<f4", "DoubleStorage": "<f8", "HalfStorage": "<f2", "BFloat16Storage": "bf16",
            "LongStorage": "<i8", "IntStorage": "<i4", "ShortStorage": "<i2", "CharStorage": "i1", "ByteStorage": "u1",
            "BoolStorage": "?"}
SIZES = {kind: 2 if kind == "bf16" else np.dtype(kind).itemsize for kind in STORAGES.values()}


def widen_bf16(halves):
    return (halves.astype(np.uint32) << 16).view(np.float32)


class LazyTensor:
    """A tensor whose storage may follow the pickle that names it."""

    def __init__(self, storage, offset, shape, stride):
        self.storage, self.offset, self.shape, self.stride = storage, offset, tuple(shape), tuple(stride)

    def array(self, load_storage):
        values = load_storage(self.storage)
        sizes = (self.offset, *self.shape, *self.stride)
        if len(self.shape) != len(self.stride) or any(not isinstance(n, int) or n < 0 for n in sizes):
            raise Refused("a tensor's shape is not made of whole numbers of 0 or more")
        last = self.offset + sum((n - 1) * s for n, s in zip(self.shape, self.stride))
        if 0 in self.shape:
            return np.zeros(self.shape, values.dtype)
        if last >= len(values) or np.prod(self.shape, dtype=object) > len(values):
            raise Refused(f"a tensor of shape {self.shape} reaches to element {last} of a storage of {len(values)}")
        steps = [s * values.itemsize for s in self.stride]
        return np.lib.stride_tricks.as_strided(values[self.offset:], self.shape, steps).copy()


class TensorUnpickler(pickle.Unpickler):
    """Reads tensors and plain containers; any other class or function is refused by name."""

    ALLOWED = {
        ("collections", "OrderedDict"): collections.OrderedDict,
        ("torch", "Size"): tuple,
        ("torch._utils", "_rebuild_tensor_v2"): lambda storage, offset, shape, stride, *_: LazyTensor(storage, offset, shape,
                                                                                                      stride),
        ("torch._utils", "_rebuild_parameter"): lambda tensor, *_: tensor,
    }

    def find_class(self, module, name):
        if module in ("torch", "torch.storage") and name in STORAGES:
            return STORAGES[name]
        if (module, name) not in self.ALLOWED:
            raise Refused(f"the pickle asks for {module}.{name}; only tensors and plain containers are read. Save the "
                          "state dict, not the model: torch.save(model.state_dict(), ...)")
        return self.ALLOWED[module, name]

    def persistent_load(self, pid):
        if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage" or pid[1] not in SIZES:
            raise Refused("the pickle refers to something that is no tensor storage")
        return pid[1], str(pid[2]), pid[4]


def unpickle(stream):
    try:
        return TensorUnpickler(stream, encoding="utf-8").load()
    except Refused:
        raise
    except Exception as error:  # a damaged pickle raises anything
        raise Refused(f"damaged pickle: {type(error).__name__}: {error}") from None


def storage_array(kind, raw, count):
    if not isinstance(count, int) or count < 0 or len(raw) != count * SIZES[kind]:
        raise Refused(f"a storage has {len(raw)} bytes, {count} elements of {SIZES[kind]} were announced")
    return widen_bf16(np.frombuffer(raw, "<u2")) if kind == "bf16" else np.frombuffer(raw, kind)


def read_torch_zip(path):
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if any(name.endswith("/constants.pkl") for name in names):
            raise Refused("a TorchScript archive holds code; save the state dict instead")
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
            raise Refused("a compressed archive: torch.save stores without compression")
        root = next((name[:-len("data.pkl")] for name in names if name.endswith("/data.pkl")), None)
        if root is None:
            raise Refused("a zip archive without data.pkl: not saved by torch.save")
        if root + "byteorder" in names and archive.read(root + "byteorder") != b"little":
            raise Refused("big-endian tensors are not read")
        content = unpickle(io.BytesIO(archive.read(root + "data.pkl")))
        storages = {}

        def load(storage):
            kind, key, count = storage
            if storage not in storages:
                storages[storage] = storage_array(kind, archive.read(f"{root}data/{key}"), count)
            return storages[storage]

        return find_tensors(content, load)


LEGACY_MAGIC = 0x1950a86a20f9469cfc6c


def read_torch_legacy(path):
    """torch.save before 1.6: magic, protocol, system, content, storage keys: five pickles; then the storages in order."""
    with open(path, "rb") as stream:
        if unpickle(stream) != LEGACY_MAGIC:
            raise Refused("no file of torch.save: the magic number is missing")
        unpickle(stream)
        system = unpickle(stream)
        if not isinstance(system, dict) or not system.get("little_endian", True):
            raise Refused("big-endian tensors are not read")
        content = unpickle(stream)
        keys = unpickle(stream)
        kinds = {key: (kind, count) for kind, key, count in storages_of(content)}
        storages = {}
        for key in keys if isinstance(keys, list) else []:
            count, = struct.unpack("<q", stream.read(8).ljust(8, b"\0"))
            left = os.fstat(stream.fileno()).st_size - stream.tell()
            if key not in kinds or count != kinds[key][1] or count * SIZES[kinds[key][0]] > left:
                raise Refused(f"storage {key} is not the one that the pickle announced")
            storages[key] = storage_array(kinds[key][0], stream.read(count * SIZES[kinds[key][0]]), count)

    def load(storage):
        if storage[1] not in storages:
            raise Refused(f"storage {storage[1]} is missing")
        return storages[storage[1]]

    return find_tensors(content, load)


def storages_of(content):
    if isinstance(content, LazyTensor):
        yield content.storage
    elif isinstance(content, dict):
        for value in content.values():
            yield from storages_of(value)
    elif isinstance(content, (list, tuple)):
        for value in content:
            yield from storages_of(value)


def find_tensors(content, load):
    """The tensors of a state dict, or of the one inside a training checkpoint."""
    if not isinstance(content, dict):
        raise Refused(f"holds a {type(content).__name__}, want a state dict")
    for key in WRAPPERS:
        if isinstance(content.get(key), dict):
            return find_tensors(content[key], load)
    tensors = {str(name): value.array(load) for name, value in content.items() if isinstance(value, LazyTensor)}
    if not tensors:
        raise Refused("holds no tensors")
    return tensors


def read_torch(path):
    if zipfile.is_zipfile(path):
        return read_torch_zip(path)
    return read_torch_legacy(path)


def read_npz(path):
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def read_safetensors(path):
    with open(path, "rb") as stream:
        raw = stream.read()
    length = struct.unpack_from("<Q", raw)[0] if len(raw) >= 8 else 0
    if not 0 < length <= len(raw) - 8:
        raise Refused("no safetensors file: the header's length does not fit the file")
    header = json.loads(raw[8:8 + length])
    section, tensors = raw[8 + length:], {}
    kinds = {"F32": "<f4", "F64": "<f8", "F16": "<f2", "BF16": "bf16", "I64": "<i8", "I32": "<i4"}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        if entry["dtype"] not in kinds or not 0 <= begin <= end <= len(section):
            raise Refused(f"{name}: dtype {entry['dtype']} at [{begin},{end}] cannot be read")
        kind = kinds[entry["dtype"]]
        tensors[name] = storage_array(kind, section[begin:end], (end - begin) // SIZES[kind]).reshape(entry["shape"])
    return tensors


READERS = {".pt": read_torch, ".pth": read_torch, ".npz": read_npz, ".safetensors": read_safetensors, ".index": Bundle,
           ".h5": keras_file.read, ".hdf5": keras_file.read}


def read(path):
    if os.path.exists(path + ".index"):  # TensorFlow calls a checkpoint by what its files' names have in common
        path += ".index"
    ending = os.path.splitext(path)[1].lower()
    if ending not in READERS:
        raise Refused(f"ends in \"{ending}\", want one of {' '.join(READERS)}")
    try:
        tensors = READERS[ending](path)
    except Refused:
        raise
    except Exception as error:  # the libraries raise whatever a damaged file leads them to
        raise Refused(f"cannot be read: {type(error).__name__}: {error}") from None
    for prefix in PREFIXES:
        if all(name.startswith(prefix) for name in tensors) and not isinstance(tensors, keras_file.Weights):
            tensors = {name[len(prefix):]: value for name, value in tensors.items()}
    return tensors


# ---- converting -------------------------------------------------------------------------------------------------------------

def compare(tensors, rules):
    """Names of the source that are missing, and those that no rule takes."""
    wanted = {rule.theirs for rule in rules if not rule.optional}
    wanted |= {rule.minus for rule in rules if rule.minus and not rule.minus_optional}
    known = {rule.theirs for rule in rules} | {rule.minus for rule in rules}
    names = {name for name in tensors if not name.endswith(IGNORED_ENDINGS)}
    return sorted(wanted - names), sorted(names - known)


def sees_frames(tensors, source):
    """AVE+MF has AVE-Net's names: its kernels tell."""
    kernel = "vision.conv1_1.weight"
    return source == "avsound" and kernel in tensors and len(tensors[kernel].shape) == 5


def choose_table(tensors, source, arch):
    """The table that fits; else the nearest, for its differences are the useful message."""
    choices = [key for key in TABLES if source in (None, key[0]) and arch in (None, key[1])]
    if not choices:
        raise Refused(f"no table for naming {source}, architecture {arch}; --list shows them")
    return min(choices, key=lambda key: (sum(map(len, compare(tensors, rules_of(*key)))),
                                         (key[1] == "ave-net-mf") != sees_frames(tensors, key[0])))


def called(name, tensors):
    """As the file has it."""
    return tensors.called(name) if isinstance(tensors, keras_file.Weights) else name


def describe(names, tensors):
    shown = [called(name, tensors) + (f" {tuple(tensors[name].shape)}" if name in tensors else "") for name in names[:12]]
    return ", ".join(shown) + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def infer_widths(tensors, rules):
    widths, by_name = {}, {rule.ours: rule for rule in rules}
    for ours, width in GAUGES.items():
        if ours not in by_name:
            continue
        rule = by_name[ours]
        shape = tensors[rule.theirs].shape
        theirs = called(rule.theirs, tensors)
        if len(shape) < 3:
            raise Refused(f"{theirs} is {shape}, want the kernel of a convolution")
        channels = shape[-1] if rule.slim else shape[0]
        if not 4 <= channels <= 256:
            raise Refused(f"{theirs} has {channels} channels, want 4...256")
        widths.setdefault(width, channels / 64)
    return widths


def squeezed(shape):
    return [n for n in shape if n != 1]


def slim_order(rank):
    """The axes of (rows, columns, in, out), or with out before in where transposed, in the order in which we have them."""
    return (rank - 1, rank - 2, *range(rank - 2)) if rank > 1 else (0,)


def slim_shape(shape):
    """As it is stored there: a kernel along time alone is one column wide."""
    if len(shape) == 1:
        return shape
    kernel = shape[2:] if len(shape) > 3 else (*shape[2:], 1)
    return (*kernel, shape[1], shape[0])


def laid_out(rule, value, shape):
    if not rule.slim:
        if squeezed(value.shape) != squeezed(shape):
            raise ValueError(f"{rule.theirs} is {tuple(value.shape)}, {rule.ours} wants {shape}")
        return value.reshape(shape)
    if value.shape != slim_shape(shape) or value.dtype.kind != "f":
        raise ValueError(f"{rule.theirs} is {value.dtype} {value.shape}, {rule.ours} wants floats {slim_shape(shape)}")
    return value.transpose(slim_order(value.ndim)).reshape(shape)


def apply_rule(rule, tensors, shape, swap_classes):
    """One of our tensors; raises ValueError with the reason."""
    if rule.optional and rule.theirs not in tensors:
        return np.ones(shape, "<f4")
    theirs = called(rule.theirs, tensors)
    value = laid_out(rule._replace(theirs=theirs), tensors[rule.theirs], shape).astype(np.float64)
    if rule.minus in tensors:
        bias = tensors[rule.minus]
        if bias.shape != shape:
            raise ValueError(f"{called(rule.minus, tensors)} is {tuple(bias.shape)}, want {shape}")
        value = value - bias.astype(np.float64)
    if rule.classes and swap_classes:
        value = value[::-1]
    with np.errstate(over="ignore"):
        value = np.ascontiguousarray(value, dtype="<f4").reshape(shape)
    if not np.isfinite(value).all():
        raise ValueError(f"{theirs} holds values that are not finite 32-bit numbers")
    return value


def convert_all(tensors, rules, arch, shapes, swap_classes):
    """Our tensors by name, and what is wrong with theirs."""
    converted, wrong = {}, []
    for rule in rules:
        try:
            if rule.ours != "1":
                converted[rule.ours] = apply_rule(rule, tensors, shapes[rule.ours], swap_classes)
            elif rule.theirs in tensors and not (tensors[rule.theirs] == 1).all():
                raise ValueError(f"{rule.theirs} is not 1, and {arch} has no scales")
        except ValueError as error:
            wrong.append(str(error))
    return converted, wrong


def convert(tensors, source=None, arch=None, swap_classes=False):
    """Our tensors by name, with the naming, the architecture and the widths found."""
    source, arch = choose_table(tensors, source, arch)
    rules = rules_of(source, arch)
    missing, extra = compare(tensors, rules)
    extra = [] if source in WITH_EXTRAS else extra
    if missing or extra:
        parts = [f"{len(names)} {what}: {describe(names, tensors)}"
                 for what, names in (("missing", missing), ("superfluous", extra)) if names]
        raise Refused(f"not {arch} in naming {source}, the nearest table; " + "; ".join(parts))
    widths = infer_widths(tensors, rules)
    shapes = wanted_shapes(arch, widths)
    converted, wrong = convert_all(tensors, rules, arch, shapes, swap_classes)
    if wrong:
        raise Refused(f"{len(wrong)} tensors do not fit {arch} of {describe_widths(widths)}: " + "; ".join(wrong[:12]))
    if set(converted) != set(shapes):
        raise Refused(f"the table of {source}, {arch} is not complete: {sorted(set(shapes) ^ set(converted))}")
    return converted, source, arch, widths


def describe_widths(widths):
    return ", ".join(f"{name} {value:g}" for name, value in widths.items())


def warnings_about(converted, source, arch):
    if (source, arch) in NOTES:
        yield NOTES[source, arch]
    if arch.startswith("ave-net") and converted["fc3.weight"][1, 0] > converted["fc3.weight"][0, 0]:
        yield "\"corresponds\" rises with the distance: the source's classes are probably in the other order (--swap-classes)"
    if arch == "avol-net" and converted["conv7.weight"][0] < 0:
        yield "the map falls with the similarity: the source's labels are probably the other way round"


def merge(base, over, path=""):
    for key, value in over.items():
        if key not in base:
            raise Refused(f"--config: unknown name {path}{key}")
        if isinstance(base[key], dict) and not isinstance(value, dict):
            raise Refused(f"--config: {path}{key} is no object")
        base[key] = merge(base[key], value, f"{path}{key}.") if isinstance(base[key], dict) else value
    return base


def configuration(source, arch, widths, *overrides):
    config = {**widths, **json.loads(json.dumps(DEFAULT_CONFIGURATIONS[arch]))}
    for override in (FRONT_ENDS[source], *overrides):
        config = merge(config, override)
    if "clip" in config and not config["clip"]["samples"]:
        config["clip"]["samples"] = samples_of(**config["clip"])
    return config


def samples_of(frames, sample_rate, frame_rate, **_):
    """As many as last as long as the frames."""
    try:
        return int(frames * sample_rate / frame_rate + 0.5)
    except (TypeError, ArithmeticError, ValueError):
        raise Refused(f"--config: clip: {frames} frames at {frame_rate} Hz and sound at {sample_rate} Hz make no clip") from None


# ---- writing ----------------------------------------------------------------------------------------------------------------

def render(tensors, metadata):
    """The file's parts: a header, padded so that what follows begins at a multiple of 64; tensors by name without holes."""
    names, digest = sorted(tensors), hashlib.sha256()
    for name in names:
        digest.update(tensors[name])
    header = {"__metadata__": {**dict(sorted(metadata.items())), "avsound.sha256": digest.hexdigest()}}
    place = 0
    for name in names:
        end = place + tensors[name].nbytes
        header[name] = {"dtype": "F32", "shape": list(tensors[name].shape), "data_offsets": [place, end]}
        place = end
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-(8 + len(text)) % 64)
    return [struct.pack("<Q", len(text)) + text, *(tensors[name] for name in names)]


def write_atomically(path, parts):
    folder = os.path.dirname(path) or "."
    handle, temporary = tempfile.mkstemp(prefix=".avsound-", suffix=".tmp", dir=folder)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.writelines(parts)
            stream.flush()
            os.fsync(stream.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


# ---- command ----------------------------------------------------------------------------------------------------------------

def list_tables():
    for (source, arch), table in TABLES.items():
        print(f"[{source}, {arch}]")
        if (source, arch) in NOTES:
            print(f"# {NOTES[source, arch]}")
        print("\n".join(line for line in table.split("\n") if line.strip()), end="\n\n")


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(description="Converts weights into avsound's model files.")
    parser.add_argument("input", nargs="?", help=" ".join(READERS))
    parser.add_argument("output", nargs="?", help="model file to write")
    parser.add_argument("--list", action="store_true", help="print the name tables and exit")
    parser.add_argument("--source", choices=sorted({key[0] for key in TABLES}), help="naming; default: the one that fits")
    parser.add_argument("--arch", choices=sorted({key[1] for key in TABLES}), help="architecture; default: the one that fits")
    parser.add_argument("--conv1-stride", type=int, choices=(1, 2), help="which no weight tells (default 2)")
    parser.add_argument("--conv5-stride", type=int, choices=(1, 2), help="of multisensory, 1 for its CAM network (default 2)")
    parser.add_argument("--input-repr", choices=HEARINGS, help="what an OpenL3 network hears (default: as the file's name says)")
    parser.add_argument("--embedding", type=int, choices=(512, 6144, 8192), help="numbers of OpenL3's embedding (default 6144 of "
                        "sounds, 8192 of pictures)")
    parser.add_argument("--swap-classes", action="store_true", help="the source's logits are {corresponds, does not}")
    parser.add_argument("--config", default="{}", help="JSON with what differs in the front ends (docs/model-format.md)")
    parser.add_argument("--license", default="unknown", help="licence of the weights, for the metadata")
    parser.add_argument("--origin", help="where the weights are from, for the metadata (default: the input's name)")
    parser.add_argument("--untrained", action="store_true", help="the weights do not come from training")
    parser.add_argument("--dry-run", action="store_true", help="convert and report, write nothing")
    options = parser.parse_args(arguments)
    if not options.list and (not options.input or not (options.output or options.dry_run)):
        parser.error("want an input and an output")
    return options


def hearing_of(options):
    """What OpenL3's network of sounds hears: as told, else as the file's name says."""
    if options.input_repr:
        return options.input_repr
    name = os.path.basename(options.input).lower()
    said = [hearing for hearing in HEARINGS if hearing in name]
    if len(said) != 1:
        raise Refused("no weight tells what the network hears: --input-repr linear, mel128 or mel256 must, or the file's name")
    return said[0]


def variant(arch, options):
    """Of OpenL3's configuration, what its files do not hold."""
    if arch not in OPENL3:
        if options.embedding or options.input_repr:
            raise Refused(f"--embedding and --input-repr are for OpenL3, not for {arch}")
        return {}
    hearing = HEARINGS[hearing_of(options)] if arch == "openl3-audio" else Hearing(None, SEEING_POOLS)
    size = options.embedding or max(hearing.pools)
    if size not in hearing.pools or (options.input_repr and not hearing.audio):
        raise Refused(f"{arch} has embeddings of {' and '.join(map(str, hearing.pools))}" +
                      ("" if hearing.audio else ", and hears nothing"))
    pools = dict(zip(("pool_rows", "pool_columns"), hearing.pools[size]))
    return {**pools, "audio": hearing.audio} if hearing.audio else pools


def strides(options):
    given = {"conv1_stride": options.conv1_stride, "conv5_stride": options.conv5_stride}
    return {name: stride for name, stride in given.items() if stride}


def run(options):
    try:
        override = json.loads(options.config)
    except ValueError as error:
        raise Refused(f"--config is no JSON: {error}") from None
    if not isinstance(override, dict):
        raise Refused("--config is no JSON object")
    tensors = read(options.input)
    converted, source, arch, widths = convert(tensors, options.source, options.arch, options.swap_classes)
    for warning in warnings_about(converted, source, arch):
        print(f"{options.input}: warning: {warning}", file=sys.stderr)
    config = configuration(source, arch, widths, strides(options), variant(arch, options), override)
    metadata = {
        "avsound.arch": arch,
        "avsound.config": json.dumps(config, separators=(",", ":")),
        "avsound.training": "none" if options.untrained else "trained",
        "license": options.license,
        "source": options.origin or f"{os.path.basename(options.input)}, naming {source}",
    }
    count = sum(value.size for value in converted.values())
    print(f"{options.input}: {arch} of {describe_widths(widths)}, naming {source}, {len(converted)} tensors, {count} numbers")
    if not options.dry_run:
        write_atomically(options.output, render(converted, metadata))


def main(arguments=None):
    options = parse_arguments(arguments)
    if options.list:
        list_tables()
        return 0
    try:
        run(options)
    except Refused as refused:
        print(f"{options.input}: {refused}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{options.output}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
