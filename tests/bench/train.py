#!/usr/bin/python3
"""Times a training step (forward pass, loss, all gradients) against PyTorch on the same weights and inputs.

    python3 tests/bench/train.py [--build build] [--cases NETWORK,BATCH,PRECISION,THREADS,WIDTH,SIDE ...] [--json FILE]

As in bench.py each engine is a child process that loads once; the driver goes round them several times, and all but the
one at work are stopped. Times are minima over all rounds (medians with --statistic median). "loss" is each engine's
first: equal, but for rounding, where both compute the same. Asserts nothing about time. --profile prints what each of
the library's ops takes instead.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys

from bench import Worker

HERE = os.path.dirname(os.path.abspath(__file__))
CASES = ("ave-net,16,bf16,2,1,224", "ave-net,16,f32,2,1,224", "ave-net,32,bf16,2,0.25,128", "ave-net,32,bf16,1,0.25,128",
         "avol-net,32,bf16,2,0.5,224", "avol-net,32,bf16,2,0.25,128")


def commands(build, case):
    """Name: command and environment of each engine."""
    arguments = case.split(",")
    threads = {"OMP_NUM_THREADS": arguments[3]}
    return {"avsound": ([os.path.join(build, "tests", "bench", "avsound-bench-train"), *arguments], threads),
            "torch": ([sys.executable, os.path.join(HERE, "train_torch_worker.py"), *arguments], threads)}


def measure(options, case):
    """A record for each engine."""
    workers = [Worker(name, *found) for name, found in commands(options.build, case).items() if name in options.engines]
    for _ in range(options.rounds):
        for w in workers:
            w.times += w.run(options.runs)
    records = [{"case": case, "engine": w.name, "version": w.ready["version"], "loss": w.ready["loss"],
                "min_ms": min(w.times), "median_ms": statistics.median(w.times), "runs": len(w.times),
                "peak_mib": w.peak_mib()} for w in workers]
    for w in workers:
        w.close()
    return records


def show(records, statistic):
    line = f"{records[0]['case']:28}"
    for r in records:
        line += f"  {r['engine']} {r[statistic + '_ms']:8.1f} ms, {r['peak_mib']:5.0f} MiB, loss {r['loss']:.5f}"
    if len(records) == 2:
        line += f"  x{records[1][statistic + '_ms'] / records[0][statistic + '_ms']:.2f}"
    print(line, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build", help="folder where the library was built (build)")
    parser.add_argument("--cases", nargs="+", default=CASES)
    parser.add_argument("--engines", nargs="+", choices=("avsound", "torch"), default=("avsound", "torch"))
    parser.add_argument("--rounds", type=int, default=5, help="times that every engine gets its turn (5)")
    parser.add_argument("--runs", type=int, default=3, help="steps in a turn (3)")
    parser.add_argument("--statistic", choices=("median", "min"), default="min", help="of the times shown")
    parser.add_argument("--profile", action="store_true", help="what each op takes")
    parser.add_argument("--json", metavar="FILE", help="write all records")
    options = parser.parse_args()
    records = []
    for case in options.cases:
        if options.profile:
            command, environment = commands(options.build, case)["avsound"]
            subprocess.run(command, input="profile 5\n", text=True, check=True, env={**os.environ, **environment})
            continue
        found = measure(options, case)
        show(found, options.statistic)
        records += found
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"arguments": sys.argv[1:], "records": records}, file, indent=1)


if __name__ == "__main__":
    main()
