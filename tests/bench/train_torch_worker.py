"""The training bench's PyTorch engine; the protocol is train_worker.c's.

    python3 train_torch_worker.py NETWORK BATCH PRECISION THREADS WIDTH SIDE

A step is the forward pass, the loss and the backward pass, no optimiser. Model and inputs are in channels-last order;
bf16 is autocast: the weights stay 32-bit floats.
"""
import json
import os
import sys
import time

import torch
from torch.nn import functional as F

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden"))
import networks  # noqa: E402

SEED = 2018


def main():
    arch, batch, precision, threads, width, side = sys.argv[1:]
    batch, width, side = int(batch), float(width), int(side)
    torch.set_num_threads(int(threads))
    start = time.perf_counter_ns()
    net = networks.build(arch, networks.golden_weights(arch, SEED, width), width).train()
    net = net.to(memory_format=torch.channels_last)
    inputs = [torch.from_numpy(x).contiguous(memory_format=torch.channels_last)
              for x in networks.golden_inputs(SEED, batch, side, side)]
    label = torch.arange(batch) % 2
    logits_at = net.outputs.index("logits")

    def step():
        net.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16"):
            logits = net(*inputs)[logits_at].float()
        loss = F.binary_cross_entropy_with_logits(logits[:, 0], label.float()) if logits.shape[1] == 1 \
            else F.cross_entropy(logits, label)
        loss.backward()
        return loss

    prepared = time.perf_counter_ns()
    print(json.dumps({"version": torch.__version__, "prepare_ns": prepared - start, "loss": float(step())}), flush=True)
    for line in sys.stdin:
        step()
        times = []
        for _ in range(int(line.split()[1])):
            start = time.perf_counter_ns()
            step()
            times.append(time.perf_counter_ns() - start)
        print(*times, flush=True)


main()
