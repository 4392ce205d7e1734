#!/usr/bin/env python3
"""Draws docs/localize.png, the picture of the README: pictures.py path/to/avsound path/to/clip.mp4, and docs/motion.jpg:
pictures.py path/to/avsound path/to/avsound-world.

The clip is the one that examples/demo.sh makes (build/demo/clip.mp4), the network is models/avol-s.safetensors, and the maps are
`avsound localize --side-by-side`. Motion is the first eight clips of two drums that avsound-world makes, with the maps of
models/sync-s.safetensors. Needs numpy, Pillow, the ffmpeg command and a TrueType font (Debian's fonts-dejavu-core).
"""
import csv
import os
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image, ImageDraw, ImageFont

HERE = os.path.dirname(os.path.abspath(__file__))
MODELS = os.path.join(HERE, "..", "models")
FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
MOMENTS = [(1.5, "a siren wails"), (4.5, "a car drives"), (7.5, "a guitar is plucked")]
DRUMS = ("--clips", "8", "--seed", "41", "--kinds", "drum", "--things", "1-1", "--silent", "0", "--no-source", "0", "--off-screen", "0",
         "--twins", "1", "--mimes", "1", "--no-stems", "--size", "320x180", "--quiet")
WIDTH, HEIGHT, GAP, LEFT, TITLE, WAVE = 320, 180, 8, 84, 26, 44
INK, FAINT = (40, 40, 44), (120, 120, 126)


def run(*command):
    subprocess.run(command, check=True)


def samples(clip):
    raw = subprocess.run(["ffmpeg", "-v", "error", "-i", clip, "-ac", "1", "-ar", "8000", "-f", "s16le", "-"], check=True,
                         stdout=subprocess.PIPE).stdout
    return np.frombuffer(raw, "<i2") / 32768


def draw_wave(draw, x, y, sound, time):
    """The second around `time`, one line a column of pixels."""
    first = int((time - 0.5) * 8000)
    for column, piece in enumerate(np.array_split(sound[max(first, 0):first + 8000], WIDTH)):
        half = max(0.5, np.abs(piece).max(initial=0) * WAVE * 0.9)
        middle = y + WAVE / 2
        draw.line([x + column, middle - min(half, WAVE / 2), x + column, middle + min(half, WAVE / 2)], fill=(70, 90, 120))


def compose(shots, sound, out):
    """`shots`: pictures as --side-by-side draws them, the frame on the left, the map over it on the right."""
    font, small = ImageFont.truetype(FONT, 17), ImageFont.truetype(FONT, 13)
    tops = [TITLE, TITLE + WAVE + GAP, TITLE + WAVE + HEIGHT + 2 * GAP]
    sheet = Image.new("RGB", (LEFT + 3 * WIDTH + 2 * GAP, tops[2] + HEIGHT), "white")
    draw = ImageDraw.Draw(sheet)
    for top, text, height in zip(tops, ("heard", "seen", "the map"), (WAVE, HEIGHT, HEIGHT)):
        draw.text((LEFT - 10, top + height / 2), text, fill=FAINT, font=small, anchor="rm")
    for i, (shot, (time, title)) in enumerate(zip(shots, MOMENTS)):
        x = LEFT + i * (WIDTH + GAP)
        half = shot.width // 2
        draw.text((x + WIDTH / 2, TITLE / 2), title, fill=INK, font=font, anchor="mm")
        draw_wave(draw, x, tops[0], sound, time)
        for top, box in zip(tops[1:], ((0, 0, half, shot.height), (half, 0, shot.width, shot.height))):
            sheet.paste(shot.crop(box).resize((WIDTH, HEIGHT), Image.LANCZOS), (x, top))
    sheet.save(out, optimize=True)


def where(avsound, clip, time, model, out, *options):
    """The picture that `avsound localize` makes of a moment."""
    run(avsound, "localize", clip, "--model", os.path.join(MODELS, model), "--start", str(time), "--quiet", "--output", out, *options)
    return Image.open(out).convert("RGB")


def draw_localize(avsound, clip, folder):
    shots = [where(avsound, clip, time, "avol-s.safetensors", os.path.join(folder, f"{time}.png"), "--side-by-side")
             for time, _ in MOMENTS]
    compose(shots, samples(clip), os.path.join(HERE, "localize.png"))


def draw_motion(avsound, world, folder):
    """The clips in rows of four, a frame around the drum that is heard."""
    clips = os.path.join(folder, "drums")
    run(world, "--out", clips, *DRUMS)
    sheet = Image.new("RGB", (4 * WIDTH, 2 * HEIGHT))
    with open(os.path.join(clips, "manifest.csv"), newline="") as file:
        for i, row in enumerate(csv.DictReader(file)):
            shot = where(avsound, os.path.join(clips, row["file"]), row["time"], "sync-s.safetensors", os.path.join(folder, f"{i}.png"))
            ImageDraw.Draw(shot).rectangle([int(edge) for edge in row["boxes"].split()], outline="white", width=2)
            sheet.paste(shot, (i % 4 * WIDTH, i // 4 * HEIGHT))
    sheet.save(os.path.join(HERE, "motion.jpg"), quality=88)


def main():
    if len(sys.argv) != 3:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    avsound, other = (os.path.abspath(path) for path in sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder:
        (draw_localize if other.endswith(".mp4") else draw_motion)(avsound, other, folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
