"""What a network that sees motion makes of it: motion.py MODEL FOLDER. Of each clip of avsound-world its moment's frames as they
are, backwards, and the middle one standing still; how often the clip's own second of sound lies nearer than another's, over all
pairs."""
import csv
import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "examples" / "python"))
import avsound  # noqa: E402

RATE, FRAME_RATE = 48000, 25


def frames_of(path, centre, reach):
    with avsound.Media(path, sound=False) as media:
        frames = [frame.rgb() for frame in media.frames()]
    return [frames[min(max(i, 0), len(frames) - 1)] for i in range(centre - reach, centre + reach + 1)]


def second_of(path, time):
    with avsound.Media(path, video=False, rate=RATE, channels=1) as media:
        samples = np.concatenate([np.asarray(sound.samples).reshape(-1) for sound in media.sounds()])
    first = max(int((time - 0.5) * RATE), 0)
    return samples[first:first + RATE].astype(np.float32), RATE


def main(name, folder):
    model = avsound.Model(name)
    session, sounds, pictures = model.session(threads=1), [], {"forwards": [], "backwards": [], "still": []}
    for row in csv.DictReader((folder / "manifest.csv").open(encoding="utf-8", newline="")):
        path, time = folder / row["file"], float(row["time"])
        run = frames_of(path, round(time * FRAME_RATE), model.frames // 2)
        for way, shown in (("forwards", run), ("backwards", run[::-1]), ("still", [run[len(run) // 2]] * len(run))):
            pictures[way].append(session.embed_images(shown)[0])
        sounds.append(session.embed_sounds([second_of(path, time)])[0])
    others = ~np.eye(len(sounds), dtype=bool)
    for way, vectors in pictures.items():
        nearness = np.array(vectors) @ np.array(sounds).T
        share = (np.diag(nearness)[:, None] > nearness)[others].mean()
        print(f"{way}: the clip's own sound above another in {100 * share:.1f} % of {others.sum()} pairs")


main(sys.argv[1], pathlib.Path(sys.argv[2]))
