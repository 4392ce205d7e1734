"""The bench's PyTorch engine; the protocol is worker.c's.

    python3 torch_worker.py MODEL IMAGE SPECTROGRAM BATCH PRECISION THREADS NETWORK eager|traced|onnx:FILE

Traced models go through torch.jit.optimize_for_inference; bf16 ones and their inputs are bfloat16 in channels-last
order, converted before the clock starts: each is the fastest of the usual ways. The mode onnx:FILE only writes the
network there.
"""
import json
import os
import sys
import time
import warnings

import numpy as np
import torch

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden"))
import networks  # noqa: E402
import openl3  # noqa: E402

INPUTS = {"ave-net.vision": ("image",), "ave-net.audio": ("spectrogram",), "openl3-image": ("image",),
          "openl3-audio": ("spectrogram",)}


def load(path, network):
    tensors, metadata = networks.read_safetensors(path)
    if network.startswith("openl3-"):
        return openl3.module_of(*{"openl3-audio": ("audio", (8, 8)), "openl3-image": ("vision", (7, 7))}[network], tensors)
    config = json.loads(metadata["avsound.config"])
    net = networks.build(metadata["avsound.arch"], tensors, config["width"], config["conv1_stride"])
    part = {"ave-net.vision": networks.VisionEmbedding, "ave-net.audio": networks.AudioEmbedding}.get(network)
    return part(net).eval() if part else net


def read_inputs(image, spectrogram, batch, network):
    def read(path, *shape):
        return torch.from_numpy(np.fromfile(path, dtype="<f4", count=int(np.prod(shape))).reshape(shape))
    rows, columns = (256, 199) if network == "openl3-audio" else (257, 200)
    both = {"image": read(image, batch, 3, 224, 224), "spectrogram": read(spectrogram, batch, 1, rows, columns)}
    return [both[name] for name in INPUTS.get(network, both)]


def prepare(net, inputs, precision, mode):
    if precision == "bf16":
        net = net.to(torch.bfloat16).to(memory_format=torch.channels_last)
        inputs = [x.to(torch.bfloat16).contiguous(memory_format=torch.channels_last) for x in inputs]
    if mode == "traced":
        net = torch.jit.optimize_for_inference(torch.jit.trace(net, tuple(inputs)))
    return net, inputs


def export(net, inputs, network, path):
    names = INPUTS.get(network, ("image", "spectrogram"))
    torch.onnx.export(net, tuple(inputs), path, input_names=list(names), output_names=list(net.outputs), opset_version=17)


def main():
    model, image, spectrogram, batch, precision, threads, network, mode = sys.argv[1:]
    warnings.simplefilter("ignore")
    torch.set_num_threads(int(threads))
    start = time.perf_counter_ns()
    net = load(model, network)
    loaded = time.perf_counter_ns()
    inputs = read_inputs(image, spectrogram, int(batch), network)
    if mode.startswith("onnx:"):
        export(net, inputs, network, mode[5:])
        return
    with torch.no_grad():
        net, inputs = prepare(net, inputs, precision, mode)
        prepared = time.perf_counter_ns()
        out = net(*inputs)
        first = out[0] if isinstance(out, tuple) else out
        print(json.dumps({"version": torch.__version__, "load_ns": loaded - start, "prepare_ns": prepared - loaded,
                          "result": first.float().reshape(-1)[:8].tolist()}), flush=True)
        for line in sys.stdin:
            net(*inputs)
            times = []
            for _ in range(int(line.split()[1])):
                start = time.perf_counter_ns()
                net(*inputs)
                times.append(time.perf_counter_ns() - start)
            print(*times, flush=True)


main()
