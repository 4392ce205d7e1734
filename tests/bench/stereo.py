"""How well two channels tell directions, on clips of avsound-world: the error of where they say that the sound comes from, and how
often `avsound localize --stereo` says that map and channels disagree, of clips as they are and with their channels swapped.

    stereo.py errors FOLDER...
    stereo.py disagree FOLDER COUNT MODEL
    stereo.py kinds FOLDER|FILE...

AVSOUND_CLI is the command that `disagree` runs; it needs ffmpeg.
"""
import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "examples" / "python"))
import avsound  # noqa: E402

CUES = ("auto", "level", "delay", "both")


def truths(folder):
    for path in sorted(pathlib.Path(folder).glob("clip-*.json")):
        yield path.with_suffix(".mp4"), json.loads(path.read_text())


def places(truth, second):
    """Where the things are, -1...1, that are heard above -50 dBFS in this second: means of their boxes' middles."""
    frames = range(round(second * truth["fps"]), min(round((second + 1) * truth["fps"]), truth["frames"]))
    found = []
    for thing in truth["things"]:
        boxes = [thing["boxes"][f] for f in frames if thing["boxes"][f]] if thing["on_screen"] and thing["level_db"] else []
        if boxes and max(thing["level_db"][f] for f in frames) > -50:
            found.append(np.mean([box[0] + box[2] for box in boxes]) / truth["width"] - 1)
    return found


def interval(values):
    """95 % of the median's, by the bootstrap over windows."""
    rng = np.random.default_rng(0)
    medians = [np.median(rng.choice(values, len(values))) for _ in range(1000)]
    return np.quantile(medians, [0.025, 0.975])


def errors(folder):
    kinds, sums = collections.Counter(), {name: [] for name in ("middle", "mirrored", *CUES)}
    for video, truth in truths(folder):
        walks = {cues: avsound.Stereo(video, cues=cues) for cues in CUES}
        for second in range(int(truth["duration"])):
            at = places(truth, second)
            if not at:
                continue
            found = {cues: walk.at(second + 0.5) for cues, walk in walks.items()}
            kinds[found["auto"].kind] += 1
            told = {"middle": 0, "mirrored": -found["auto"].direction, **{c: found[c].direction for c in CUES}}
            for name, place in told.items():
                sums[name].append(min(abs(place - p) for p in at) / 2)
    print(f"{folder}: {sum(kinds.values())} windows: {dict(kinds)}")
    for name, values in sums.items():
        low, high = interval(values)
        print(f"  {name:9} median {np.median(values):.4f} ({low:.4f}...{high:.4f}) of the width, mean {np.mean(values):.4f}, "
              f"90 % below {np.quantile(values, 0.9):.4f}")


def told(video, model, folder):
    command = [os.environ["AVSOUND_CLI"], "localize", video, "--stereo", "--json", "--fps", "2", "-m", model, "-o",
               f"{folder}/maps.npy"]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["stereo"]


def disagree(folder, count, model):
    counts, far = collections.Counter(), collections.Counter()
    with tempfile.TemporaryDirectory() as work:
        for video, truth in list(truths(folder))[:int(count)]:
            swapped = f"{work}/swapped.mp4"
            subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", str(video), "-c:v", "copy", "-af", "pan=stereo|c0=c1|c1=c0",
                            "-b:a", "192k", swapped], check=True)
            out = max(abs(place) for place in places(truth, 0) + places(truth, 1) + [0])
            for name, path in (("as it is", str(video)), ("swapped", swapped)):
                found = told(path, model, work)
                for into in (counts, far) if out > 0.25 else (counts,):
                    into[name, "sure"] += found["sure"]
                    into[name, "disagree"] += found["disagree"]
                    into[name, "frames"] += sum(found["frames"].values())
                    into[name, "clips"] += 1
                    into[name, "clips told of"] += found["disagree"] > 0
    for what, into in (("all clips", counts), ("those with a thing beyond 1/8 of the width from the middle", far)):
        for name in ("as it is", "swapped"):
            print(f"{what}, {name}: " + ", ".join(f"{into[name, key]} {key}" for key in
                                                  ("clips", "clips told of", "frames", "sure", "disagree")))


def kinds(paths):
    """Of each recording that which most of its seconds are, silence aside."""
    found, channels = collections.Counter(), collections.Counter()
    for path in sorted(file for p in map(pathlib.Path, paths) for file in (p.glob("*.mp4") if p.is_dir() else [p])):
        with avsound.Media(path) as media:
            info = media.info
        if not info.has_audio:
            continue
        walk, seen = avsound.Stereo(path), collections.Counter()
        for second in range(3600):
            try:
                seen[walk.at(second + 0.5).kind] += 1
            except avsound.EndError:
                break
        del seen["silent"]
        channels[info.channels] += 1
        found[seen.most_common(1)[0][0] if seen else "silent"] += 1
    print(f"{sum(found.values())} recordings, by channels {dict(channels)}: {dict(found)}")


if __name__ == "__main__":
    task, *rest = sys.argv[1:]
    if task == "errors":
        for folder in rest:
            errors(folder)
    elif task == "disagree":
        disagree(*rest)
    else:
        kinds(rest)
