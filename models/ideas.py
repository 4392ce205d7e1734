#!/usr/bin/env python3
"""What helps on few real clips? Trains one small AVE-Net per idea and seed and prints a table.

    python3 models/ideas.py AVSOUND WORK VAL.csv [--seeds 3] [--ideas a,b] [--jobs 2]

WORK holds prepared data under the names fit, dev (clips to learn from and to stop by, nothing in common), and where an idea
needs them world, world-dev, some (of world), pairs, lips, sounds: folders of `avsound prepare`, or lists NAME.txt of such
folders and clips. A batch draws from all clips alike, so a list decides how much of it a kind of clips gets. VAL.csv is the
manifest of the clips that nothing was chosen by. Every run's folder and figures stay in WORK/runs, and what is there is not
done again. The weights that the fine-tuning ideas begin with are made first.
"""
import argparse
import concurrent.futures
import functools
import json
import math
import pathlib
import subprocess
import sys

CONFIG = {
    "width": 0.25,
    "image": {"width": 112, "height": 112, "short_side": 128},
    "audio": {"window": 1024, "fft": 1024, "hop": 480, "columns": 100, "offset": -272,
              "mel_bands": 64, "mel_low": 40, "mel_high": 16000},
}
SMALL = {"objective": "contrastive", "batch": 64, "lr": "5e-4", "warmup": 50, "clip": 10, "epochs": 6,
         "steps-per-epoch": 50, "schedule": "cosine", "val-draws": 4, "augment": "strong"}


def wide(**changes):
    return json.dumps({**CONFIG, **changes})


# Beginnings: learned once, without any clip of fit. name: (data, validation, options)
BEGINNINGS = {
    "world": ("world", "world-dev", {"epochs": 20, "steps-per-epoch": 150, "lr": "1e-3", "warmup": 100, "ema": 0.998,
                                     "val-draws": 2, "augment": "crop-min=0.7,crop-max=1"}),
    "sounds": ("sounds", "dev", {"objective": "views-audio", "epochs": 8}),
    "views": ("fit", "dev", {"objective": "views-image", "init": "sounds", "epochs": 8}),
}
# Ideas: what differs from the row they are measured against. name: (what it is, data, options)
IDEAS = {
    "unlearned": ("no training at all, random weights", None, {}),
    "untouched": ("the generated world alone", None, {"init": "world"}),
    "paper": ("fit alone, the papers' loss and augmentation", "fit", {"objective": "avc", "augment": "paper"}),
    "contrastive": ("paper + InfoNCE", "fit", {"augment": "paper"}),
    "strong": ("contrastive + strong augmentation", "fit", {}),
    "narrow": ("strong, width 1/8", "fit", {"config": wide(width=0.125)}),
    "wide": ("strong, width 1/2", "fit", {"config": wide(width=0.5)}),
    "large": ("strong, pictures of 160 pixels", "fit",
              {"config": wide(image={"width": 160, "height": 160, "short_side": 183})}),
    "long": ("strong, three times as many steps", "fit", {"epochs": 18}),
    "ema": ("strong, averaged weights", "fit", {"ema": 0.99}),
    "pairs": ("strong + 200 clips of pasted stamps", "fit+pairs", {}),
    "lips": ("strong + 60 clips of one speaker's mouth", "fit+lips", {}),
    "warm": ("strong, towers warmed up on their own modality", "fit", {"init": "views"}),
    "world": ("strong, begun with the generated world", "fit", {"init": "world"}),
    "world-long": ("world, three times as many steps", "fit", {"init": "world", "epochs": 18}),
    "world-mixed": ("world, 200 generated clips go on beside the real ones", "fit+some", {"init": "world"}),
    "world-pairs": ("world + the stamps + the mouth", "fit+pairs+lips", {"init": "world"}),
    "world-pairs-long": ("world-pairs, three times as many steps", "fit+pairs+lips", {"init": "world", "epochs": 18}),
}


def source(work, name):
    """A data operand for the parts of name, joined by +."""
    parts = []
    for part in name.split("+"):
        listed = work / (part + ".txt")
        parts += listed.read_text().split() if listed.exists() else [str((work / part).resolve())]
    if len(parts) == 1:
        return parts[0]
    joined = work / ("joined-" + name.replace("+", "-") + ".txt")
    text = "\n".join(parts) + "\n"
    if not joined.exists() or joined.read_text() != text:
        joined.write_text(text)
    return str(joined)


def run(command, log):
    with open(log, "w") as out:
        if subprocess.run(command, stdout=out, stderr=subprocess.STDOUT).returncode:
            sys.exit(f"{log}: {command[1]} failed")


def beginning(args, name):
    return args.work / "runs" / "begin" / name / "best.safetensors"


def train(args, folder, data, validation, options, seed):
    if (folder / "done").exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    options = {**SMALL, "seed": seed, **options}
    if "init" in options:
        options["init"] = str(beginning(args, options["init"]))
    else:
        options.setdefault("config", wide())
        options["arch"] = "ave-net"
    if (folder / "checkpoint.safetensors").exists():
        command = [args.avsound, "train", "--resume", "-o", str(folder), "-q", "--threads", str(args.threads)]
    else:
        command = [args.avsound, "train", source(args.work, data), "--val", source(args.work, validation), "-o", str(folder), "-q",
                   "--threads", str(args.threads), "--workers", "1"]
        for name, value in options.items():
            command += ["--" + name, str(value)]
    run(command, str(folder) + ".log")
    (folder / "done").touch()


def evaluate(args, model, *options):
    command = [args.avsound, "eval", *options, *model, "-d", args.val, "--json", "-q", "--threads", "1"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def model_of(args, folder, data, options, seed):
    """Operands that name the weights with the best validation accuracy and the last ones."""
    if data:
        train(args, folder, data, "dev", options, seed)
        return [["-m", str(folder / name)] for name in ("best.safetensors", "last.safetensors")]
    folder.parent.mkdir(parents=True, exist_ok=True)
    if "init" in options:
        return ["-m", str(beginning(args, options["init"]))], None
    return ["--arch", "ave-net", "--config", wide(), "--seed", str(seed)], None


def figures(args, name, seed):
    folder = args.work / "runs" / name / str(seed)
    kept = pathlib.Path(str(folder) + ".json")
    if kept.exists():
        return json.loads(kept.read_text())
    _, data, options = IDEAS[name]
    best, last = model_of(args, folder, data, options, seed)
    out = {
        "any": evaluate(args, best, "avc", "--draws", "5"),
        "other": evaluate(args, best, "avc", "--draws", "5", "--negatives", "other-category"),
        "last": evaluate(args, last, "avc", "--draws", "5") if last else None,
        "retrieval": evaluate(args, best, "retrieval"),
    }
    kept.write_text(json.dumps(out))
    return out


T_95 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}  # Student's t for so many seeds


def over_seeds(values):
    mean = sum(values) / len(values)
    if len(values) < 2:
        return f"{100 * mean:.1f}"
    deviation = math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1))
    return f"{100 * mean:.1f} ± {100 * T_95[len(values)] * deviation / math.sqrt(len(values)):.1f}"


COLUMNS = {
    "accuracy": ("any", "accuracy"),
    "paired": ("any", "paired"),
    "AUC": ("any", "auc"),
    "paired, other category": ("other", "paired"),
    "AUC, other category": ("other", "auc"),
    "accuracy of the last": ("last", "accuracy"),
    "recall@5 im-aud": ("retrieval", "im-aud", "recall_5"),
    "recall@5 aud-im": ("retrieval", "aud-im", "recall_5"),
}


def print_table(results):
    print("| idea | " + " | ".join(COLUMNS) + " |")
    print("|---" * (1 + len(COLUMNS)) + "|")
    for name, seeds in results.items():
        cells = []
        for keys in COLUMNS.values():
            values = [functools.reduce(lambda tree, key: tree and tree[key], (*keys, "value"), s) for s in seeds]
            cells.append(over_seeds(values) if None not in values else "")
        print(f"| {name}: {IDEAS[name][0]} | " + " | ".join(cells) + " |")


def begin(args, names):
    """What the ideas begin with, and what those begin with."""
    wanted = [IDEAS[n][2]["init"] for n in names if "init" in IDEAS[n][2]]
    for name in wanted:
        wanted += [BEGINNINGS[name][2]["init"]] if "init" in BEGINNINGS[name][2] else []
    for name in reversed(wanted):
        data, validation, options = BEGINNINGS[name]
        train(args, args.work / "runs" / "begin" / name, data, validation, options, 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("avsound")
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("val")
    parser.add_argument("--seeds", type=int, default=3, help="0: only what the ideas begin with")
    parser.add_argument("--ideas", default=",".join(IDEAS))
    parser.add_argument("--jobs", type=int, default=2, help="runs side by side")
    parser.add_argument("--threads", type=int, default=1, help="of each run")
    args = parser.parse_args()
    names = args.ideas.split(",")
    begin(args, names)
    if not args.seeds:
        return
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        runs = {(n, s): pool.submit(figures, args, n, s) for s in range(1, args.seeds + 1) for n in names}
        results = {n: [runs[n, s].result() for s in range(1, args.seeds + 1)] for n in names}
    print_table(results)


if __name__ == "__main__":
    main()
