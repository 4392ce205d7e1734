#!/usr/bin/env python3
"""Averages the weights of models that were trained on from the same weights (Wortsman et al., *Model soups*, ICML 2022, and
*Robust fine-tuning of zero-shot models*, CVPR 2022): between a model and what fine-tuning made of it lie models that know what
either knows.

    python3 models/average.py OUT.safetensors SHARE=MODEL.safetensors ... [--source TEXT]

Shares are divided by their sum. Architecture, configuration and licence are the first model's, which all must share.
"""
import argparse
import json
import os
import struct
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "examples", "python"))
import convert  # noqa: E402  (reads and writes model files)

KEPT = ("avsound.arch", "avsound.config", "license")


def metadata(path):
    with open(path, "rb") as stream:
        length, = struct.unpack("<Q", stream.read(8))
        return json.loads(stream.read(length))["__metadata__"]


def share_and_path(text):
    share, _, path = text.partition("=")
    try:
        return float(share), path
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text}: want SHARE=MODEL, such as 0.4=world.safetensors") from None


def average(models):
    """Tensors by name; models: (share, path)."""
    whole, total = {}, sum(share for share, _ in models)
    for share, path in models:
        tensors = convert.read(path)
        if whole and {n: t.shape for n, t in tensors.items()} != {n: t.shape for n, t in whole.items()}:
            raise convert.Refused(f"{path}: its tensors are not those of {models[0][1]}")
        for name, tensor in tensors.items():
            whole[name] = whole.get(name, 0) + share / total * tensor.astype(np.float64)
    return {name: tensor.astype("<f4") for name, tensor in whole.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("models", nargs="+", type=share_and_path, metavar="SHARE=MODEL")
    parser.add_argument("--source", help="what they learned from, for the file")
    args = parser.parse_args()
    first = metadata(args.models[0][1])
    for _, path in args.models[1:]:
        for key in KEPT[:2]:
            if metadata(path)[key] != first[key]:
                sys.exit(f"{path}: {key} is {metadata(path)[key]}, want {first[key]} as in {args.models[0][1]}")
    kept = {key: first[key] for key in KEPT if key in first}
    kept.update({"avsound.training": "trained"}, **({"source": args.source} if args.source else {}))
    try:
        convert.write_atomically(args.out, convert.render(average(args.models), kept))
    except convert.Refused as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
