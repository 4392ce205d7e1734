#!/usr/bin/env python3
"""Which pictures go with which sounds, in a folder of videos?

    similarity.py FOLDER OUT [EMBEDDING_MODEL [MAP_MODEL]]

Writes OUT/matrix.png, rows of pictures against columns of sounds, brighter the better they go together, and OUT/overlay.png,
for each video the frame with the surest score and, below it, where its sound comes from. In cells, as a notebook is written:
they can be run one by one. Needs numpy and Pillow.
"""
# %% What is looked at, and by what: an AVE-Net puts pictures and sounds into one space, an AVOL-Net finds places.
import pathlib
import sys

import avsound
import numpy as np
from PIL import Image, ImageDraw

if not 3 <= len(sys.argv) <= 5:
    sys.exit(__doc__.strip())
folder, out = map(pathlib.Path, sys.argv[1:3])
embedder, finder = (avsound.Model(name) for name in (sys.argv[3:] + ["ave-s", "avol-s"][len(sys.argv) - 3:]))
videos = sorted(p for p in folder.iterdir() if p.suffix.lower() in (".mp4", ".mkv", ".mov", ".webm", ".avi"))
if not videos:
    sys.exit(f"{folder}: no videos")
out.mkdir(exist_ok=True)


# %% A vector for each video's pictures and one for its sound: means over the seconds in which there is something to hear.
def unit(vectors):
    mean = np.mean(vectors, axis=0)
    return mean / max(np.linalg.norm(mean), 1e-9)


def embed(path):
    with embedder.scan(path, "embed-image", "embed-sound", "score", hop=1) as scan:
        results = list(scan)
    heard = [r for r in results if r.confidence > 0.5] or results
    return unit([r.embedding_image for r in heard]), unit([r.embedding_sound for r in heard])


pictures, sounds = map(np.stack, zip(*(embed(path) for path in videos)))
similarity = pictures @ sounds.T  # [picture][sound], cosines
for path, row in zip(videos, similarity):
    print(f"{path.name}: goes best with the sound of {videos[row.argmax()].name} ({row.max():.2f})")


# %% Where the sound comes from, in the frame with the surest score: the map over the picture fades with its confidence.
def locate(path):
    with finder.scan(path, "map", "score", "frame", hop=0.5) as scan:
        best = max(scan, key=lambda r: r.confidence * r.probability)
    bare = best.frame.rgb()
    return bare, avsound.draw_map(bare, best.map, alpha=0.6 * best.confidence)


frames, overlays = zip(*map(locate, videos))


# %% The pictures.
def thumbnail(pixels, size=96):
    image = Image.fromarray(pixels)
    image.thumbnail((size, size))
    tile = Image.new("RGB", (size, size), "white")
    tile.paste(image, ((size - image.width) // 2, (size - image.height) // 2))
    return tile


def draw_matrix(cell=48, side=96):
    low, high = similarity.min(), similarity.max()
    count = len(videos)
    sheet = Image.new("RGB", (side + count * cell, count * side), "white")
    draw = ImageDraw.Draw(sheet)
    for r, pixels in enumerate(frames):
        sheet.paste(thumbnail(pixels, side), (0, r * side))
        for c in range(count):
            level = (similarity[r, c] - low) / max(high - low, 1e-9)
            box = (side + c * cell, r * side, side + (c + 1) * cell - 2, (r + 1) * side - 2)
            draw.rectangle(box, fill=(int(30 + 225 * level), int(30 + 180 * level), int(90 + 20 * level)))
            draw.text((box[0] + 6, box[1] + side // 2 - 6), f"{similarity[r, c]:.2f}", fill="black" if level > 0.5 else "white")
    return sheet


def draw_overlays(side=192):
    sheet = Image.new("RGB", (len(videos) * side, 2 * side), "white")
    for row, row_of_pixels in enumerate((frames, overlays)):
        for column, pixels in enumerate(row_of_pixels):
            sheet.paste(thumbnail(pixels, side), (column * side, row * side))
    return sheet


draw_matrix().save(out / "matrix.png")
draw_overlays().save(out / "overlay.png")
