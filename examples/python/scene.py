#!/usr/bin/env python3
"""Makes a video whose truth is known: a red bell rings, a blue clock ticks, then both are silent.

    scene.py out.mp4

640x360, 25 frames a second, 8 s: the bell sounds from 0.25 to 3.0 s, the clock from 3.75 to 6.25 s. The plant never does.
Needs numpy, Pillow and the ffmpeg command.
"""
import os
import subprocess
import sys
import tempfile
import wave

import numpy as np
from PIL import Image, ImageDraw

WIDTH, HEIGHT, FPS, SECONDS, RATE = 640, 360, 25, 8, 48000
FINE = 3  # drawn larger by this, then reduced: smooth edges
STRIKES = [0.25, 1.25, 2.25]
DAMPED = 3.0
TICKS = [3.75 + 0.25 * k for k in range(11)]

# ---- pictures ----


def bell_sprite(size):
    """A bell as a solid of revolution, lit from the left."""
    y, x = np.mgrid[0:size, 0:size] / (size - 1) * 2 - 1
    down = (y + 0.8) / 1.45                                         # 0 at the crown, 1 at the lip
    inside = np.clip(down, 0, 1)
    radius = 0.42 * np.sqrt(np.clip(inside * 4, 0, 1)) * (1 - 0.12 * np.sin(np.pi * inside)) + 0.38 * inside ** 5
    across = np.clip(x / np.maximum(radius, 1e-6), -1, 1)
    light = np.clip(0.5 - 0.5 * across, 0, 1) * 0.6 + 0.4 * np.sqrt(1 - across ** 2)
    shine = np.exp(-((across + 0.45) / 0.16) ** 2) * 0.55
    rim = 1 - 0.25 * (np.abs(inside - 0.9) < 0.015)
    body = (np.abs(x) <= radius) & (down >= 0) & (down <= 1)
    rgba = np.zeros((size, size, 4))
    for channel, (base, top) in enumerate([(205, 255), (30, 190), (34, 180)]):
        rgba[..., channel] = (base * (0.35 + 0.65 * light) * (1 - shine) + top * shine) * rim
    rgba[..., 3] = 255 * body
    image = Image.new("RGBA", (size, size))
    draw = ImageDraw.Draw(image)
    c = size / 2
    draw.ellipse([c * 0.87, c * 1.56, c * 1.13, c * 1.82], fill=(60, 58, 56, 255))
    draw.rounded_rectangle([c * 0.9, c * 0.06, c * 1.1, c * 0.3], c * 0.05, fill=(70, 68, 66, 255))
    image.alpha_composite(Image.fromarray(rgba.clip(0, 255).astype(np.uint8), "RGBA"))
    return image


def clock_sprite(size):
    image = Image.new("RGBA", (size, size))
    draw = ImageDraw.Draw(image)
    c, blue, dark = size / 2, (28, 84, 214, 255), (18, 52, 140, 255)

    def disc(x, y, r, fill):
        draw.ellipse([x - r, y - r, x + r, y + r], fill=fill)

    for side in (-1, 1):
        draw.line([c + side * 0.45 * c, c * 1.6, c + side * 0.66 * c, c * 1.92], fill=dark, width=int(c * 0.12))
        disc(c + side * 0.52 * c, c * 0.32, c * 0.25, blue)
    disc(c, c * 1.08, c * 0.78, blue)
    disc(c - c * 0.03, c * 1.05, c * 0.72, (58, 118, 240, 255))
    disc(c, c * 1.08, c * 0.6, (244, 243, 238, 255))
    for hour in range(12):
        at = np.pi * hour / 6
        inner, outer = 0.44 if hour % 3 else 0.4, 0.53
        draw.line([c + c * inner * np.sin(at), c * 1.08 - c * inner * np.cos(at), c + c * outer * np.sin(at),
                   c * 1.08 - c * outer * np.cos(at)], fill=(50, 50, 54, 255), width=int(c * (0.03 if hour % 3 else 0.05)))
    return image


def hand(draw, x, y, length, turn, width, colour):
    at = 2 * np.pi * turn
    draw.line([x - 0.2 * length * np.sin(at), y + 0.2 * length * np.cos(at), x + length * np.sin(at),
               y - length * np.cos(at)], fill=colour, width=int(width))


def plant(draw, x, y, s):
    for lean, length in ((-0.9, 0.8), (-0.5, 1.05), (-0.12, 1.2), (0.3, 1.1), (0.75, 0.85)):
        tip = (x + lean * s * 0.9, y - length * s)
        middle = (x + lean * s * 0.25, y - length * s * 0.55)
        side = 0.1 * s
        draw.polygon([(x, y), (middle[0] - side, middle[1]), tip, (middle[0] + side, middle[1])],
                     fill=(62, int(118 + 30 * length), 70))
    draw.polygon([(x - 0.42 * s, y - 0.12 * s), (x + 0.42 * s, y - 0.12 * s), (x + 0.3 * s, y + 0.55 * s),
                  (x - 0.3 * s, y + 0.55 * s)], fill=(150, 150, 146))
    draw.rectangle([x - 0.47 * s, y - 0.2 * s, x + 0.47 * s, y - 0.02 * s], fill=(166, 166, 162))


def backdrop():
    """A wall and a shelf, in greys so that nothing but the two things is red or blue."""
    w, h = WIDTH * FINE, HEIGHT * FINE
    y, x = np.mgrid[0:h, 0:w]
    wall = 205 - 70 * np.hypot((x - 0.35 * w) / w, (y - 0.2 * h) / h)
    shelf = 120 - 50 * (y - 0.8 * h) / h
    grey = np.where(y < 0.8 * h, wall, shelf) - 45 * np.exp(-((y - 0.8 * h) / (0.006 * h)) ** 2)
    image = Image.fromarray(np.stack([grey, grey * 0.99, grey * 0.95], -1).clip(0, 255).astype(np.uint8), "RGB")
    plant(ImageDraw.Draw(image), w * 0.5, h * 0.665, h * 0.25)
    return image


def swing(t):
    """Degrees of the bell at time t: pushed by every strike, held when damped."""
    since = min((t - s for s in STRIKES if t >= s), default=None)
    if since is None:
        return 0
    hold = np.clip((DAMPED + 0.2 - t) / 0.2, 0, 1)
    return 9 * hold * np.exp(-1.1 * since) * np.sin(2 * np.pi * 2 * since)


def frames():
    back, bell, clock = backdrop(), bell_sprite(190 * FINE), clock_sprite(180 * FINE)
    cx, cy = int(0.75 * WIDTH * FINE), int(0.81 * HEIGHT * FINE)
    left, top = cx - clock.width // 2, cy - int(0.96 * clock.height)
    back.paste(clock, (left, top), clock)
    face_x, face_y, length = cx, top + 0.54 * clock.height, 0.24 * clock.height
    for n in range(FPS * SECONDS):
        t = n / FPS
        image = back.copy()
        turned = bell.rotate(swing(t), Image.BICUBIC, center=(bell.width / 2, bell.height * 0.08))
        image.paste(turned, (int(0.25 * WIDTH * FINE) - bell.width // 2, int(0.22 * HEIGHT * FINE)), turned)
        draw = ImageDraw.Draw(image)
        hand(draw, face_x, face_y, 0.62 * length, 0.84, 5 * FINE, (40, 40, 44))
        hand(draw, face_x, face_y, 0.9 * length, 0.15, 3.5 * FINE, (40, 40, 44))
        hand(draw, face_x, face_y, length, 0.4 + sum(t >= tick for tick in TICKS) / 24, 2 * FINE, (90, 90, 96))
        yield image.resize((WIDTH, HEIGHT), Image.BOX).tobytes()


# ---- sound ----


def bell_sound(t):
    partials = [(1, 0.30, 0.9), (2.76, 0.12, 1.6), (5.40, 0.05, 2.8)]  # of a free bar: frequency ratio, level, decay
    rise = np.clip(t / 0.02, 0, 1)
    tone = sum(a * np.exp(-d * t) * np.sin(2 * np.pi * 880 * f * t) for f, a, d in partials)
    return np.where(t >= 0, tone * np.sin(0.5 * np.pi * rise) ** 2, 0)


def tick_sound(t, noise):
    return np.where(t >= 0, 0.5 * np.exp(-np.clip(t, 0, 1) / 0.006), 0) * noise


def soundtrack():
    random = np.random.default_rng(1)
    t = np.arange(RATE * SECONDS) / RATE
    sound = np.zeros_like(t)
    for strike in STRIKES:
        sound += bell_sound(t - strike)
    sound *= 0.5 + 0.5 * np.cos(np.pi * np.clip((t - DAMPED + 0.15) / 0.15, 0, 1))
    for tick in TICKS:
        sound += tick_sound(t - tick, random.standard_normal(len(t)).clip(-1.5, 1.5))
    return sound + 2e-4 * random.standard_normal(len(t))


def write_sound(path):
    samples = np.round(soundtrack().clip(-1, 1) * 32767).astype("<i2")
    with wave.open(path, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(samples.tobytes())


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        sound = os.path.join(folder, "sound.wav")
        write_sound(sound)
        command = ["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-r",
                   str(FPS), "-i", "-", "-i", sound, "-pix_fmt", "yuv420p", "-q:v", "3", "-c:a", "aac", "-b:a", "160k",
                   "-shortest", sys.argv[1]]
        with subprocess.Popen(command, stdin=subprocess.PIPE) as ffmpeg:
            for frame in frames():
                ffmpeg.stdin.write(frame)
        return ffmpeg.returncode


if __name__ == "__main__":
    sys.exit(main())
