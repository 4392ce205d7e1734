#!/usr/bin/env python3
"""A linear classifier on frozen features: cross-validation over predefined folds, as ESC-50 and DCASE have them.

    avsound embed clips -f npz -m ave-s --modality audio --layer audio.conv4_2 --grid 4x3 --no-audio-centering \\
        --hop 0.444444 --output-dir features
    probe.py features table.csv --windows 10
    probe.py --log-mel folder/of/sounds table.csv --windows 10

table.csv has the columns file, fold and label; features of NAME.wav are those of NAME.npz. Each fold is classified by a linear
support vector machine (liblinear, L2 regularisation, squared hinge loss, one class against the rest) that learned from the
windows of all others, scaled to mean 0 and deviation 1 over those; a clip's class is that of the largest sum of its windows'
decision values. C is the best of a few on one of the folds to learn from, held out. --log-mel takes, in place of features, each
second's mean and deviation in 128 mel bands. Needs numpy and liblinear (Debian: python3-liblinear), --log-mel ffmpeg.
"""
import argparse
import csv
import os
import subprocess
import sys

import numpy as np

COSTS = (1e-4, 1e-3, 1e-2)
RATE, WINDOW, HOP, BANDS = 48000, 2048, 480, 128


class Refused(Exception):
    """Something about the input that its user must know."""


# ---- features ---------------------------------------------------------------------------------------------------------------

def load(folder, name):
    path = os.path.join(folder, os.path.splitext(os.path.basename(name))[0] + ".npz")
    try:
        with np.load(path, allow_pickle=False) as archive:
            return archive["embedding"]
    except (OSError, ValueError, KeyError) as error:
        raise Refused(f"{path}: {error}") from None


def mel_filters():
    """Triangles that rise and fall between neighbours of equally spaced mel."""
    def mel(hz):
        return 2595 * np.log10(1 + hz / 700)
    edges = 700 * (10 ** (np.linspace(0, mel(RATE / 2), BANDS + 2) / 2595) - 1)
    bins = np.arange(WINDOW // 2 + 1) * RATE / WINDOW
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    return np.maximum(0, np.minimum(rising, falling))


def log_mel(folder, name, windows, filters):
    """Means and deviations of a clip's seconds, equally spaced from its first to its last."""
    path = os.path.join(folder, os.path.basename(name))
    run = subprocess.run(["ffmpeg", "-v", "error", "-i", path, "-ac", "1", "-ar", str(RATE), "-f", "f32le", "-"],
                         stdin=subprocess.DEVNULL, capture_output=True, check=False)
    samples = np.frombuffer(run.stdout, "<f4")
    if not len(samples):
        raise Refused(f"{path}: no sound there")
    samples = np.pad(samples, (0, max(0, RATE - len(samples))))
    starts = np.linspace(0, len(samples) - RATE, windows).astype(int)[:, None] + np.arange(0, RATE - WINDOW + 1, HOP)
    frames = samples[starts[..., None] + np.arange(WINDOW)] * np.hanning(WINDOW)
    level = np.log(np.square(np.abs(np.fft.rfft(frames))) @ filters.T + 1e-8)
    return np.concatenate([level.mean(axis=1), level.std(axis=1)], axis=1)


def read_table(path):
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for column in ("file", "fold", "label"):
        if not rows or column not in rows[0]:
            raise Refused(f"{path}: no column {column}")
    return rows


def read_features(options, rows):
    filters = mel_filters() if options.log_mel else None
    clips = []
    for row in rows:
        clip = log_mel(options.features, row["file"], options.windows or 10, filters) if options.log_mel \
            else load(options.features, row["file"])
        if clip.ndim != 2 or (clips and clip.shape[1] != clips[0].shape[1]) or not len(clip):
            raise Refused(f"{row['file']}: features are {clip.shape}, of other clips {clips[0].shape if clips else 'none'}")
        clips.append(clip[:options.windows or None].astype(np.float64))
    return clips


# ---- classification ---------------------------------------------------------------------------------------------------------

class Scaled:
    """Windows of clips, with mean 0 and deviation 1 over those that it was made of."""

    def __init__(self, clips):
        self.mean = np.mean(np.concatenate(clips), axis=0)
        self.deviation = np.std(np.concatenate(clips), axis=0)
        self.deviation[self.deviation < 1e-12] = 1

    def __call__(self, clip):
        return (clip - self.mean) / self.deviation


def learn(clips, labels, cost):
    """A function from a clip to its class."""
    import liblinearutil
    scaled = Scaled(clips)
    windows = np.concatenate([scaled(clip) for clip in clips])
    targets = np.concatenate([[label] * len(clip) for clip, label in zip(clips, labels)])
    model = liblinearutil.train(targets.tolist(), sparse(windows), f"-s 1 -B 1 -e 0.05 -q -c {cost}")
    # every other weight of a class lies as many apart as there are classes; two classes share one
    count, order = model.nr_class, [model.label[i] for i in range(model.nr_class)]
    columns = 1 if count == 2 else count
    weights = np.ctypeslib.as_array(model.w, (columns * (windows.shape[1] + 1),)).reshape(-1, columns).copy()

    def classify(clip):
        values = (scaled(clip) @ weights[:-1] + weights[-1]).sum(axis=0)
        return order[int(values[0] < 0)] if columns == 1 else order[int(values.argmax())]
    return classify


def sparse(windows):
    try:
        import scipy
        from scipy.sparse import csr_matrix
    except ImportError:
        return [dict(enumerate(row, 1)) for row in windows.tolist()]
    scipy.ctypeslib = np.ctypeslib  # where liblinear 2.3 seeks it, but scipy has none since 1.8
    return csr_matrix(windows)


def accuracy(classify, clips, labels):
    return float(np.mean([classify(clip) == label for clip, label in zip(clips, labels)]))


def select(items, chosen):
    return [item for item, take in zip(items, chosen) if take]


def choose_cost(costs, clips, labels, folds):
    if len(costs) == 1 or len(set(folds)) < 2:
        return costs[0]
    held = sorted(set(folds))[0]
    inside, outside = [f != held for f in folds], [f == held for f in folds]
    scores = [accuracy(learn(select(clips, inside), select(labels, inside), cost), select(clips, outside),
                       select(labels, outside)) for cost in costs]
    return costs[int(np.argmax(scores))]


def cross_validate(clips, labels, folds, costs, tell):
    """(accuracy, fold by fold; predictions)"""
    predicted, accuracies = [None] * len(clips), []
    for fold in sorted(set(folds)):
        train, test = [f != fold for f in folds], [f == fold for f in folds]
        cost = choose_cost(costs, select(clips, train), select(labels, train), select(folds, train))
        classify = learn(select(clips, train), select(labels, train), cost)
        for i in np.flatnonzero(test):
            predicted[i] = classify(clips[i])
        accuracies.append(np.mean([predicted[i] == labels[i] for i in np.flatnonzero(test)]))
        tell(f"fold {fold}: {100 * accuracies[-1]:.1f} % of {sum(test)} clips, C {cost:g}")
    return accuracies, predicted


def report(names, labels, predicted):
    width = max(map(len, names))
    print(f"{'':{width}}  right  taken for")
    for number, name in enumerate(names):
        of_class = [p for p, label in zip(predicted, labels) if label == number]
        wrong = sorted({names[p]: of_class.count(p) for p in of_class if p != number}.items(), key=lambda item: -item[1])
        print(f"{name:{width}}  {100 * of_class.count(number) / len(of_class):4.0f} %  " +
              ", ".join(f"{other} {count}" for other, count in wrong))


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Cross-validates a linear classifier on features.")
    parser.add_argument("features", help="folder of NAME.npz; with --log-mel, of the sounds")
    parser.add_argument("table", help="CSV with columns file, fold and label")
    parser.add_argument("--windows", type=int, default=0, help="only a clip's first so many; default all, of --log-mel 10")
    parser.add_argument("--costs", type=float, nargs="+", default=COSTS, help="values of C to choose from; default " +
                        " ".join(map(str, COSTS)))
    parser.add_argument("--log-mel", action="store_true", help="statistics of log-mel spectrograms instead of features")
    options = parser.parse_args(arguments)
    try:
        rows = read_table(options.table)
        clips = read_features(options, rows)
    except (Refused, OSError) as refused:
        print(refused, file=sys.stderr)
        return 1
    names = sorted({row["label"] for row in rows})
    labels, folds = [names.index(row["label"]) for row in rows], [row["fold"] for row in rows]
    if len(set(folds)) < 2 or len(names) < 2:
        print(f"{options.table}: {len(set(folds))} folds and {len(names)} labels, want two of each at least", file=sys.stderr)
        return 1
    accuracies, predicted = cross_validate(clips, labels, folds, options.costs, lambda line: print(line, flush=True))
    report(names, labels, predicted)
    print(f"{len(clips)} clips, {clips[0].shape[1]} numbers: {100 * np.mean(accuracies):.1f} % "
          f"(folds {100 * min(accuracies):.1f}...{100 * max(accuracies):.1f}), chance {100 / len(names):.1f} %")
    return 0


if __name__ == "__main__":
    sys.exit(main())
