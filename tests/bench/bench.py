#!/usr/bin/python3
"""Times the networks against PyTorch and ONNX Runtime on the same weights and inputs, in one run, interleaved.

    python3 tests/bench/bench.py [--build build] [--quick] [--json FILE] [--markdown FILE]

Each engine is a child process that loads its model once. The driver goes round them several times; all but the one at
work are stopped (SIGSTOP), so that no idle engine's spinning threads take a core. Asserts nothing about time. An engine
that is not there leaves its column empty. ONNX Runtime is looked for in ${XDG_CACHE_HOME:-~/.cache}/avsound-bench:

    npm install --ignore-scripts --prefix ~/.cache/avsound-bench onnxruntime-node

Times are medians over all rounds, or minima with --statistic min (on a machine that others use). GFLOP/s counts an
addition and a multiplication of the layers' scalar products as two; the share is of what the registers alone can do on
as many threads (peak.c); Winograd convolutions multiply less than is counted and so can pass it. "First" is from the
process's start to its first result, its libraries and the model's file included. Of PyTorch's two ways (eager, traced)
each column that names it shows the better. ONNX Runtime has no bf16 convolutions on this kind of processor: its f32
figures stand in every row.
"""
import argparse
import json
import math
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "golden"))
try:
    import networks as golden
    import openl3
except ImportError:
    golden = None  # no numpy or no torch: the library is timed alone, with weights of its own

SEED = 2018
NETWORKS = {  # name: architecture, outputs
    "ave-net.vision": ("ave-net", "embedding.image"),
    "ave-net.audio": ("ave-net", "embedding.audio"),
    "ave-net": ("ave-net", "embedding.image,embedding.audio,distance,logits,score"),
    "l3-net": ("l3-net", "embedding.image,embedding.audio,logits,score"),
    "avol-net": ("avol-net", "embedding.image,embedding.audio,map,logits,score"),
    "openl3-audio": ("openl3-audio", "embedding.audio"),
    "openl3-image": ("openl3-image", "embedding.image"),
}
SPECTROGRAM = {"openl3-audio": (256, 199)}  # rows and columns, where they are not 257 x 200
ENGINES = {  # name: precision
    "avsound f32": "f32", "avsound bf16": "bf16", "torch eager f32": "f32", "torch traced f32": "f32",
    "torch eager bf16": "bf16", "torch traced bf16": "bf16", "onnxruntime f32": "f32",
}


def stack_multiply_adds(rows, columns, channels, stride=2):
    """Of one picture or spectrogram through conv1_1...conv4_2, and the size of the last map."""
    rows, columns, total = (rows + stride - 1) // stride, (columns + stride - 1) // stride, 0
    for stage, out in enumerate((64, 128, 256, 512)):
        total += rows * columns * 9 * out * (channels + out)
        channels = out
        if stage < 3:
            rows, columns = rows // 2, columns // 2
    return total, rows * columns


def gflop(network, batch):
    """Floating-point operations of one run, in units of 10^9."""
    vision, cells = stack_multiply_adds(224, 224, 3)
    audio, _ = stack_multiply_adds(257, 200, 1)
    head = 512 * 128 + 128 * 128
    count = {
        "ave-net.vision": vision + head,
        "ave-net.audio": audio + head,
        "ave-net": vision + audio + 2 * head + 2,
        "l3-net": vision + audio + 1024 * 128 + 128 * 2,
        "avol-net": vision + audio + (cells + 1) * head + cells * 128,
        "openl3-audio": stack_multiply_adds(*SPECTROGRAM["openl3-audio"], 1, 1)[0],
        "openl3-image": stack_multiply_adds(224, 224, 3, 1)[0],
    }[network]
    return 2e-9 * batch * count


class Worker:
    """A child process with one engine, stopped unless it is at work."""

    def __init__(self, name, command, environment):
        self.name, self.times = name, []
        start = time.perf_counter()
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, **environment})
        line = self.process.stdout.readline()
        self.first_ms = (time.perf_counter() - start) * 1e3
        if not line.startswith("{"):
            self.process.stdin.close()
            raise RuntimeError(f"{name} ended with status {self.process.wait()}")
        self.ready = json.loads(line)
        self.process.send_signal(signal.SIGSTOP)

    def run(self, count):
        """Durations of `count` runs in milliseconds."""
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.write(f"run {count}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        self.process.send_signal(signal.SIGSTOP)
        times = [int(ns) * 1e-6 for ns in line.split()]
        if len(times) != count:
            raise RuntimeError(f"{self.name} broke off")
        return times

    def peak_mib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmHWM"))

    def close(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.close()
        self.process.wait()


class Bench:
    """Models, inputs and workers of one sweep."""

    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.worker = os.path.join(options.build, "tests", "bench", "avsound-bench-worker")
        self.images, self.sounds = os.path.join(folder, "image"), os.path.join(folder, "spectrogram")
        self.peaks = {}
        self.write_inputs()

    def write_inputs(self):
        if golden:
            image, spectrogram = golden.golden_inputs(SEED, max(self.options.batches))
            image.tofile(self.images)
            spectrogram.tofile(self.sounds)
            return
        for path, size in ((self.images, 3 * 224 * 224), (self.sounds, 257 * 200)):
            with open(path, "wb") as file:
                file.write(bytes(4 * size * max(self.options.batches)))

    def model(self, arch):
        """Path of the model file, or the name that makes the library draw weights of its own."""
        if not golden:
            return "seed:" + arch
        path = os.path.join(self.folder, arch + ".safetensors")
        if not os.path.exists(path):
            if arch.startswith("openl3-"):
                self.write_openl3(path, arch)
            else:
                golden.write_model(path, arch, golden.golden_weights(arch, SEED))
        return path

    @staticmethod
    def write_openl3(path, arch):
        """mel256 or the image network, with the larger of their embeddings, as the architecture has them by default."""
        tower = "audio" if arch == "openl3-audio" else "vision"
        golden.write_safetensors(path, openl3.library_values(tower, lambda *of: golden.golden_values(SEED, *of)), {
            "avsound.arch": arch, "avsound.config": "{}", "avsound.training": "none", "license": "CC0-1.0"})

    def onnx(self, network, batch):
        """Path of the network as an ONNX file."""
        path = os.path.join(self.folder, f"{network}-{batch}.onnx")
        if not os.path.exists(path):
            command, environment = self.torch_command("f32", network, batch, 1, "onnx:" + path)
            subprocess.run(command, check=True, env={**os.environ, **environment})
        return path

    def torch_command(self, precision, network, batch, threads, mode):
        return [sys.executable, os.path.join(HERE, "torch_worker.py"), self.model(NETWORKS[network][0]), self.images,
                self.sounds, str(batch), precision, str(threads), network, mode], {"OMP_NUM_THREADS": str(threads)}

    def command(self, engine, network, batch, threads):
        """Command and environment of an engine's worker, or None where the engine is not there."""
        arch, outputs = NETWORKS[network]
        product, precision = engine.split()[0], ENGINES[engine]
        files = [self.images, self.sounds, str(batch)]
        if product == "avsound":
            return ([self.worker, self.model(arch), *files, precision, str(threads), outputs], {}) \
                if os.path.exists(self.worker) else None
        if not golden:
            return None
        if product == "torch":
            return self.torch_command(precision, network, batch, threads, engine.split()[1])
        modules = os.path.join(self.options.ort, "node_modules")
        if not shutil.which("node") or not os.path.isdir(os.path.join(modules, "onnxruntime-node")):
            return None
        script = os.path.join(HERE, "ort_worker.js")
        shape = "x".join(map(str, SPECTROGRAM.get(network, (257, 200))))
        return ["node", script, self.onnx(network, batch), *files, str(threads), shape], {"NODE_PATH": modules}

    def start(self, network, batch, threads):
        """One worker for each engine that is there; one that fails is reported and left out."""
        workers = []
        for engine in self.options.engines:
            found = self.command(engine, network, batch, threads)
            try:
                if found:
                    workers.append(Worker(engine, *found))
            except RuntimeError as error:
                print(f"{network}, batch {batch}: {error}", file=sys.stderr)
        return workers

    def peak(self, precision, threads):
        """GFLOP/s of the registers alone, or None."""
        if threads not in self.peaks:
            program = os.path.join(self.options.build, "tests", "bench", "avsound-bench-peak")
            self.peaks[threads] = json.loads(subprocess.check_output([program, str(threads)])) \
                if os.path.exists(program) else {}
        return self.peaks[threads].get(precision)

    def measure(self, network, batch, threads):
        """A record for each engine."""
        workers = self.start(network, batch, threads)
        counts = {w: max(1, min(50, round(self.options.slice / min(w.run(2))))) for w in workers}
        for _ in range(self.options.rounds):
            for w in workers:
                w.times += w.run(counts[w])
        records = [self.record(w, network, batch, threads) for w in workers]
        for w in workers:
            w.close()
        return records

    def record(self, w, network, batch, threads):
        precision, median = ENGINES[w.name], statistics.median(w.times)
        rate = gflop(network, batch) / (min(w.times) if self.options.statistic == "min" else median) * 1e3
        peak = self.peak(precision, threads)
        return {
            "network": network, "batch": batch, "threads": threads, "precision": precision, "engine": w.name,
            "version": w.ready["version"], "median_ms": median, "min_ms": min(w.times), "runs": len(w.times),
            "gflops": rate, "share_of_peak": rate / peak if peak else None, "peak_mib": w.peak_mib(),
            "load_ms": w.ready["load_ns"] * 1e-6, "prepare_ms": w.ready["prepare_ns"] * 1e-6, "first_ms": w.first_ms,
            "result": w.ready["result"],
        }


# --- the table --------------------------------------------------------------------------------------------------------

COLUMNS = ("network", "batch", "threads", "precision", "avsound", "eager", "traced", "ORT f32", "GFLOP/s", "of peak",
           "x torch", "x ORT", "MiB", "MiB torch", "MiB ORT", "load", "first", "first torch", "first ORT", "cosine")


def show(value, digits=1):
    return "-" if value is None else f"{value:.{digits}f}"


def agreement(records, ours):
    """Cosine of the first output's leading values with PyTorch's in f32: do the engines compute the same?"""
    reference = records.get("torch eager f32") or records.get("torch traced f32")
    if not ours or not reference:
        return None
    a, b = ours["result"], reference["result"]
    norm = math.sqrt(sum(x * x for x in a) * sum(x * x for x in b))
    return sum(x * y for x, y in zip(a, b)) / norm if norm else None


def row(records, key, precision, statistic):
    """One line of the table: `records` by engine; `statistic` is the time to show."""
    ours, ort = records.get("avsound " + precision), records.get("onnxruntime f32")
    eager, traced = records.get("torch eager " + precision), records.get("torch traced " + precision)
    torch = {name: min(r[name] for r in (eager, traced) if r) for name in (statistic, "peak_mib", "first_ms")} \
        if eager or traced else None

    def field(record, name, digits=1):
        return show(record[name] if record else None, digits)

    def times_faster(other):
        return show(other[statistic] / ours[statistic] if ours and other else None, 2)

    times = [field(record, statistic, 2) for record in (ours, eager, traced, ort)]
    return (*map(str, key), precision, *times, field(ours, "gflops", 0), field(ours, "share_of_peak", 2),
            times_faster(torch), times_faster(ort),
            *(field(record, "peak_mib", 0) for record in (ours, torch, ort)), field(ours, "load_ms"),
            *(field(record, "first_ms", 0) for record in (ours, torch, ort)), show(agreement(records, ours), 5))


def table(records, statistic):
    groups = {}
    for record in records:
        groups.setdefault((record["network"], record["batch"], record["threads"]), {})[record["engine"]] = record
    return [row(group, key, precision, statistic) for key, group in groups.items() for precision in ("f32", "bf16")
            if any(r["precision"] == precision for r in group.values())]


def plain(rows):
    widths = [max(len(r[i]) for r in (COLUMNS, *rows)) for i in range(len(COLUMNS))]
    return "\n".join("  ".join(cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(r, widths)))
                     for r in (COLUMNS, *rows))


def markdown(rows, machine):
    head = f"{machine['processor']}, {machine['cores']} cores; times in milliseconds; register peak in GFLOP/s: " + \
        "; ".join(f"{n} thread{'s' * (n != '1')} " + ", ".join(f"{p} {show(v, 0)}" for p, v in peaks.items())
                  for n, peaks in machine["peak_gflops"].items())
    lines = [head, "", "| " + " | ".join(COLUMNS) + " |", "| --- " + "| ---: " * (len(COLUMNS) - 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join(r) + " |" for r in rows]) + "\n"


def processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


def parse(arguments):
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build", help="folder where the library was built (build)")
    parser.add_argument("--ort", default=os.path.join(cache, "avsound-bench"),
                        help="folder with ONNX Runtime's node_modules")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 16])
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--precisions", nargs="+", choices=("f32", "bf16"), default=["f32", "bf16"])
    parser.add_argument("--engines", nargs="+", choices=sorted({e.split()[0] for e in ENGINES}),
                        default=["avsound", "torch", "onnxruntime"])
    parser.add_argument("--rounds", type=int, default=7, help="times that every engine gets its turn (7)")
    parser.add_argument("--slice", type=float, default=250, help="milliseconds of one turn, about (250)")
    parser.add_argument("--statistic", choices=("median", "min"), default="median", help="of the times in the table")
    parser.add_argument("--quick", action="store_true", help="one thread, batch 1, two networks: a minute or two")
    parser.add_argument("--json", metavar="FILE", help="write all records")
    parser.add_argument("--markdown", metavar="FILE", help="write the table")
    options = parser.parse_args(arguments)
    if options.quick:
        options.networks, options.batches, options.threads = ["ave-net.vision", "avol-net"], [1], [1]
    options.engines = [e for e in ENGINES if e.split()[0] in options.engines
                       and (ENGINES[e] in options.precisions or e.startswith("onnx"))]
    return options


def main():
    options = parse(sys.argv[1:])
    records = []
    with tempfile.TemporaryDirectory(prefix="avsound-bench-") as folder:
        bench = Bench(options, folder)
        for network in options.networks:
            for batch in options.batches:
                for threads in options.threads:
                    records += bench.measure(network, batch, threads)
                    print(f"{network}, batch {batch}, threads {threads}: done", file=sys.stderr, flush=True)
        machine = {"processor": processor(), "cores": os.cpu_count(),
                   "peak_gflops": {str(n): peaks for n, peaks in bench.peaks.items()}}
    rows = table(records, options.statistic + "_ms")
    print(plain(rows))
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"arguments": sys.argv[1:], "machine": machine, "records": records}, file, indent=1)
    if options.markdown:
        with open(options.markdown, "w", encoding="utf-8") as file:
            file.write(markdown(rows, machine))


if __name__ == "__main__":
    main()
