#!/usr/bin/env python3
"""Dense scans beside exact ones: how near their vectors and scores are, and what they cost.

    dense.py clips CLIPS... [--models ave-s avol-s]   cosines, and accuracy on correspondence (own sound, next clip's sound)
    dense.py cost [--models ...] [--hop 0.08]         processor time of a minute's vectors, in f32 and bf16, the least of three:
                                                      each window alone (embed_sounds()), a scan, a dense scan

Wants the Python package and the library (PYTHONPATH, AVSOUND_LIBRARY). "ave-net" is a full-width network with drawn weights.
"""
import argparse
import pathlib
import resource
import tempfile
import wave

import numpy as np

import avsound

RATE = 48000


def model_of(name):
    return avsound.Model.create(name, seed=1) if name in avsound.architectures() else avsound.Model(name)


def scanned(model, path, *what, **options):
    with model.scan(path, *what, threads=1, **options) as scan:
        return list(scan)


def cosines(model, clips):
    found = []
    for clip in clips:
        a, b = (np.stack([r.embedding_sound for r in scanned(model, clip, "embed-sound", hop=0.1, dense=dense)])
                for dense in (False, True))
        found.append((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1))
    return np.concatenate(found)


def scores(model, clips, dense):
    """P of each clip with its own sound and with that of the next, every half second but for the ends."""
    found = []
    for clip, other in zip(clips, clips[1:] + clips[:1]):
        found.append([[r.probability for r in scanned(model, clip, "score", hop=0.5, start=0.5, duration=3, dense=dense, sound=sound)]
                      for sound in (clip, other)])
    return np.concatenate([np.array([own[:len(others)], others[:len(own)]]).T for own, others in found])


def accuracy(p):
    return ((p[:, 0] > 0.5).mean() + (p[:, 1] <= 0.5).mean()) / 2


def compare(name, clips):
    model = model_of(name)
    cosine, exact, dense = cosines(model, clips), scores(model, clips, False), scores(model, clips, True)
    print(f"{name}: {len(clips)} clips, {len(cosine)} windows: cosine mean {cosine.mean():.4f}, median {np.median(cosine):.4f}, "
          f"5th percentile {np.percentile(cosine, 5):.4f}, least {cosine.min():.4f}")
    print(f"{name}: {exact.size} scores: accuracy {100 * accuracy(exact):.1f} % exact, {100 * accuracy(dense):.1f} % dense; own sound "
          f"above the other in {100 * (exact[:, 0] > exact[:, 1]).mean():.1f} %, {100 * (dense[:, 0] > dense[:, 1]).mean():.1f} %; "
          f"mean |P - P| {np.abs(exact - dense).mean():.3f}, other verdict {100 * ((exact > 0.5) != (dense > 0.5)).mean():.1f} %",
          flush=True)


def processor_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def seconds_of(work):
    before = processor_seconds()
    work()
    return processor_seconds() - before


def embed_alone(model, sound, hop, precision):
    """Every window by itself, from samples that are there, a second around each time."""
    half = RATE // 2
    padded = np.concatenate([np.zeros(half, "<i2"), sound, np.zeros(half, "<i2")])
    starts = [round(i * hop * RATE) for i in range(int(np.ceil(len(sound) / RATE / hop - 1e-6)))]
    with model.session(threads=1, precision=precision, outputs=["embedding.audio"]) as session:
        session.embed_sounds([(padded[start:start + RATE], RATE) for start in starts])


def cost(name, path, sound, hop):
    model = model_of(name)
    for precision in ("f32", "bf16"):
        ways = [lambda: embed_alone(model, sound, hop, precision)]
        ways += [lambda dense=dense: scanned(model, path, "embed-sound", hop=hop, dense=dense, precision=precision)
                 for dense in (False, True)]
        alone, scan, dense = np.min([[seconds_of(way) for way in ways] for _ in range(3)], axis=0)
        print(f"{name}, {precision}, every {hop:g} s: alone {alone:.3f} s, scan {scan:.3f} s, dense {dense:.3f} s; dense beside "
              f"alone {dense / alone:.3f}, beside the scan {dense / scan:.3f}", flush=True)


def write_minute(path):
    noise = np.random.default_rng(1).normal(0, 3000, 60 * RATE).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(noise.tobytes())
    return noise


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("clips", "cost"))
    parser.add_argument("clips", nargs="*")
    parser.add_argument("--models", nargs="+", default=["ave-s", "avol-s"])
    parser.add_argument("--hop", type=float, default=0.08)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        minute = pathlib.Path(folder) / "minute.wav"
        sound = write_minute(minute)
        for name in args.models:
            compare(name, args.clips) if args.what == "clips" else cost(name, minute, sound, args.hop)


if __name__ == "__main__":
    main()
