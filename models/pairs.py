"""Short videos made of pictures and the sound that each makes, pasted on backgrounds: a source of image-sound pairs where
few videos are at hand.

    python3 models/pairs.py PAIRS BACKGROUNDS OUT --clips N --seed S

PAIRS is a folder with pairs.tsv, whose columns image, sound, label and category name cut-out pictures (PNG with an alpha
channel, or SVG) and their sounds. BACKGROUNDS is a folder of videos, a text file that names videos, one a line, or "none":
procedural textures alone. OUT receives SEED-NUMBER.mp4 (256x256, 25 a second, AAC at 48 kHz) and pairs.csv, which says what
is in each. Clips of one sound form a group: the same recording under another picture must not become a negative. So:

    avsound prepare OUT -o CLIPS --manifest OUT/pairs.csv

A clip depends on the two folders, the seed and its number alone. Complete clips are kept: the same command goes on after
Ctrl-C. Seeds may share a folder. Needs numpy, Pillow, the command ffmpeg, and rsvg-convert (librsvg2-bin) for SVG.
"""
import argparse
import csv
import functools
import glob
import io
import math
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

SIDE = 256
FRAMES_PER_SECOND = 25
RATE = 48000
VIDEOS = ('.mp4', '.m4v', '.mov', '.mkv', '.webm', '.avi', '.mpg', '.ogv')
TEXTURES = 0.15  # share of the clips before a texture rather than a video's frame
BLURRED = 0.3  # share of the videos' frames that are blurred: what they show makes other sounds
AUDIBLE = 10 ** (-60 / 20)  # a sound that never rises above it is none
SAME_RECORDING = 0.6  # least correlation of two cuts of one recording


class Failure(Exception):
    pass


def output_of(command, name, data=None):
    try:
        done = subprocess.run(command, input=data, capture_output=True, check=False)
    except FileNotFoundError:
        raise Failure(f'{command[0]}: not found, needed for {name}')
    if done.returncode:
        lines = done.stderr.decode(errors='replace').strip().splitlines()
        raise Failure(f'{name}: {lines[-1] if lines else command[0] + " failed"}')
    return done.stdout


# ---- what there is to paste ----

class Stamp:
    def __init__(self, folder, row, sound):
        self.label, self.category = row['label'], row['category']
        self.group = self.label
        self.path = os.path.join(folder, row['image'])
        self.sound = trimmed(sound)

    @functools.cached_property
    def picture(self):
        source = self.path
        if source.lower().endswith('.svg'):
            source = io.BytesIO(output_of(['rsvg-convert', '-h', '400', source], source))
        picture = Image.open(source).convert('RGBA')
        return picture.crop(picture.getchannel('A').point(lambda a: 255 * (a > 8)).getbbox())


def read_sounds(paths):
    """By one command, as most of its time is its start."""
    with tempfile.TemporaryDirectory() as folder:
        raw = [os.path.join(folder, str(i)) for i in range(len(paths))]
        command = ['ffmpeg', '-v', 'error', '-nostdin'] + [word for path in paths for word in ('-i', path)]
        for i, name in enumerate(raw):
            command += ['-map', f'{i}:a:0', '-ac', '1', '-ar', str(RATE), '-f', 'f32le', name]
        output_of(command, 'the sounds')
        return [np.fromfile(name, np.float32) for name in raw]


def levels(sound, step):
    """Root mean squares of whole stretches of `step` samples."""
    whole = len(sound) // step * step
    return np.sqrt(np.mean(np.square(sound[:whole].reshape(-1, step)), axis=1))


def trimmed(sound):
    """Without the silence around it, at an rms of 0.1 where it can be heard. Empty if it never can."""
    step = RATE // 100
    level = levels(sound, step)
    loudest = level.max(initial=0)
    heard = np.flatnonzero(level > 0.01 * loudest)
    if loudest < AUDIBLE:
        return sound[:0]
    sound = sound[heard[0] * step:(heard[-1] + 1) * step]
    loud = level[level > 0.1 * loudest]
    return sound * np.float32(0.1 / math.sqrt(np.mean(np.square(loud))))


def correlation(a, b):
    """The largest at any shift, of what is below 4 kHz."""
    a, b = (s[:len(s) // 6 * 6].reshape(-1, 6).mean(axis=1) for s in (a, b))
    size = 1 << (len(a) + len(b)).bit_length()
    both = np.fft.irfft(np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size)), size)
    return np.abs(both).max() / (np.linalg.norm(a) * np.linalg.norm(b))


def unite_groups(stamps):
    """Some pictures share a recording, or parts of one."""
    for i, stamp in enumerate(stamps):
        for other in stamps[:i]:
            alike = stamp.category == other.category or len(stamp.sound) == len(other.sound)
            if alike and correlation(stamp.sound, other.sound) > SAME_RECORDING:
                stamp.group = other.group
                break


def read_stamps(folder, left_out):
    with open(os.path.join(folder, 'pairs.tsv'), encoding='utf-8', newline='') as table:
        rows = [row for row in csv.DictReader(table, delimiter='\t') if row['label'] not in left_out]
    if not rows:
        raise Failure(f'{folder}: no pair in pairs.tsv')
    sounds_of_rows = read_sounds([os.path.join(folder, row['sound']) for row in rows])
    stamps = [Stamp(folder, row, sound) for row, sound in zip(rows, sounds_of_rows)]
    for stamp in stamps:
        if not len(stamp.sound):
            print(f'{stamp.label}: left out, its sound is silence', file=sys.stderr)
    stamps = [stamp for stamp in stamps if len(stamp.sound)]
    if not stamps:
        raise Failure(f'{folder}: no pair with a sound in pairs.tsv')
    unite_groups(stamps)
    return stamps


# ---- backgrounds ----

def find_videos(path):
    if path == 'none':
        return []
    if os.path.isdir(path):
        found = [os.path.join(at, name) for at, _, names in os.walk(path) for name in names]
        found = sorted(name for name in found if name.lower().endswith(VIDEOS))
    else:
        with open(path, encoding='utf-8') as lines:
            names = [line.strip() for line in lines]
        found = [os.path.join(os.path.dirname(path), name) for name in names if name and not name.startswith('#')]
    if not found:
        raise Failure(f'{path}: no video in it')
    return found


@functools.lru_cache(maxsize=64)
def key_frames(path):
    """At most eight of the video's, as they are quick to find."""
    raw = output_of(['ffmpeg', '-v', 'error', '-nostdin', '-threads', '1', '-skip_frame', 'nokey', '-i', path, '-an', '-vf',
                     f'scale={SIDE}:{SIDE}:force_original_aspect_ratio=increase', '-vsync', 'passthrough', '-frames:v', '8',
                     '-c:v', 'ppm', '-f', 'image2pipe', '-'], path)
    frames = []
    while raw:
        _, size, _, _ = raw.split(b'\n', 3)
        width, height = map(int, size.split())
        start = raw.index(b'\n255\n') + 5
        end = start + 3 * width * height
        frames.append(Image.frombytes('RGB', (width, height), raw[start:end]))
        raw = raw[end:]
    if not frames:
        raise Failure(f'{path}: no picture in it')
    return frames


def texture(draw):
    """Noise of some octaves around a random colour, up to an edge where little can be seen of them."""
    side = SIDE * 3 // 2
    field = np.zeros((side, side, 3), np.float32)
    roughness = draw.uniform(0.4, 0.9)
    for octave in range(6):
        cells = 3 << octave
        grey = draw.normal(size=(cells, cells, 1))
        small = (grey + 0.4 * draw.normal(size=(cells, cells, 3))).astype(np.float32)
        planes = [Image.fromarray(small[:, :, c]).resize((side, side), Image.BICUBIC) for c in range(3)]
        field += roughness ** octave * np.stack([np.asarray(plane) for plane in planes], axis=2)
    field = field / field.std() * draw.uniform(12, 45) + draw.uniform(50, 200, size=3)
    return Image.fromarray(np.clip(field, 0, 255).astype(np.uint8))


def background(draw, videos):
    if not videos or draw.random() < TEXTURES:
        return texture(draw)
    frames = key_frames(videos[draw.integers(len(videos))])
    picture = frames[draw.integers(len(frames))]
    if draw.random() < 0.5:
        picture = ImageOps.mirror(picture)
    if draw.random() < BLURRED:
        picture = picture.filter(ImageFilter.GaussianBlur(draw.uniform(1.5, 6)))
    return ImageEnhance.Brightness(picture).enhance(draw.uniform(0.7, 1.2))


# ---- pictures ----

def recoloured(picture, draw):
    alpha = picture.getchannel('A')
    picture = ImageEnhance.Color(picture.convert('RGB')).enhance(draw.uniform(0.5, 1.4))
    picture = ImageEnhance.Contrast(picture).enhance(draw.uniform(0.75, 1.2))
    bands = np.asarray(picture) * (draw.uniform(0.7, 1.25) * draw.uniform(0.88, 1.12, size=3))
    picture = Image.fromarray(np.clip(bands, 0, 255).astype(np.uint8))
    picture.putalpha(alpha)
    return picture


def prepared_stamp(stamp, draw):
    """Mirrored, recoloured, of the size wanted, with a soft edge and a clear border."""
    picture = recoloured(stamp.picture, draw)
    if draw.random() < 0.5:
        picture = ImageOps.mirror(picture)
    scale = SIDE * draw.uniform(0.25, 0.8) / max(picture.size)
    picture = picture.resize([max(2, round(scale * side)) for side in picture.size], Image.LANCZOS)
    picture = ImageOps.expand(picture, 4, 0)
    alpha = np.asarray(picture.getchannel('A'), np.float32)
    softened = np.asarray(picture.getchannel('A').filter(ImageFilter.GaussianBlur(draw.uniform(0.6, 1.6))), np.float32)
    picture.putalpha(Image.fromarray(np.minimum(alpha, softened).astype(np.uint8)))
    return picture


def sway(draw, frames, most):
    """A slow swing within -most...most."""
    at = np.arange(frames) / FRAMES_PER_SECOND
    return draw.uniform(0.2, 1) * most * np.sin(2 * math.pi * (draw.uniform(0.2, 1.2) * at + draw.random()))


def glide(draw, frames, low, high):
    """A straight way, or a part of one, between low and high."""
    start, end = draw.uniform(low, high, size=2)
    return np.linspace(start, end, frames)


def moving_background(picture, draw, frames):
    zoom = draw.uniform(0.6, 0.92) * (1 + sway(draw, frames, 0.07)) * min(picture.size)
    x = glide(draw, frames, 0, 1) * (picture.width - zoom)
    y = glide(draw, frames, 0, 1) * (picture.height - zoom)
    for i in range(frames):
        yield picture.resize((SIDE, SIDE), Image.BILINEAR, (x[i], y[i], x[i] + zoom[i], y[i] + zoom[i]))


def way_through(draw, frames, room):
    """Positions of a centre that stays within room...SIDE - room; in the middle where there is no room."""
    room = min(room, SIDE / 2)
    start = draw.uniform(room, SIDE - room)
    reach = draw.uniform(0, 0.25) * SIDE * (2 * draw.random() - 1)
    return np.clip(np.linspace(start, start + reach, frames), room, SIDE - room) + sway(draw, frames, 6)


def pictures(stamp, videos, draw, frames):
    """The clip's, as raw RGB."""
    sheet = moving_background(background(draw, videos), draw, frames)
    picture = prepared_stamp(stamp, draw)
    angle = np.radians(draw.uniform(-20, 20) + sway(draw, frames, 6))
    scale = 1 + sway(draw, frames, 0.06)
    turn = abs(angle).max()
    tile = tuple(math.ceil(1.07 * (a * math.cos(turn) + b * math.sin(turn))) + 2
                 for a, b in (picture.size, picture.size[::-1]))
    x = way_through(draw, frames, 0.45 * tile[0]) - tile[0] / 2
    y = way_through(draw, frames, 0.45 * tile[1]) - tile[1] / 2
    raw = []
    for i, frame in enumerate(sheet):
        corner = math.floor(x[i]), math.floor(y[i])
        # From a place in the tile to one in the picture: to the centre, turned and scaled back.
        c, s = math.cos(angle[i]) / scale[i], math.sin(angle[i]) / scale[i]
        u, v = tile[0] / 2 + x[i] - corner[0], tile[1] / 2 + y[i] - corner[1]
        back = (c, s, picture.width / 2 - c * u - s * v, -s, c, picture.height / 2 + s * u - c * v)
        turned = picture.transform(tile, Image.AFFINE, back, Image.BILINEAR)
        frame.paste(turned, corner, turned)
        raw.append(frame.tobytes())
    return b''.join(raw)


# ---- sound ----

def at_speed(sound, speed):
    return np.interp(np.arange(0, len(sound) - 1, speed), np.arange(len(sound)), sound).astype(np.float32)


def add(track, sound, start):
    """What of the sound falls into the track."""
    first, last = max(start, 0), min(start + len(sound), len(track))
    if last > first:
        track[first:last] += sound[first - start:last - start]


def faded(sound):
    """A cut within a sound would click."""
    ramp = np.ones(len(sound), np.float32)
    edge = min(RATE // 100, len(sound) // 2)
    ramp[:edge] = np.linspace(0, 1, edge)
    ramp[len(ramp) - edge:] = np.linspace(1, 0, edge)
    return sound * ramp


def loudest_second(sound):
    if len(sound) <= RATE:
        return sound
    energy = np.concatenate([[0], np.cumsum(np.square(sound, dtype=np.float64))])
    start = int(np.argmax(energy[RATE:] - energy[:-RATE]))
    return faded(sound[start:start + RATE])


def quiet_second(track):
    """The first sample of the second that hears least, if it hears next to nothing: its loudest tenth counts."""
    step = RATE // 10
    level = levels(track, step)
    # A second that begins anywhere has nine whole tenths in it.
    heard = np.array([level[i:i + 9].max() for i in range(len(level) - 8)])
    at = int(np.argmin(heard))
    return at * step if heard[at] < 0.03 else None


def repeated(sound, draw, samples):
    """The sound again and again, so that every second hears some of it."""
    track = np.zeros(samples, np.float32)
    start = -int(draw.integers(len(sound)))
    while start < samples:
        add(track, sound, start)
        start += len(sound) + int(draw.uniform(0.02, 0.6) * RATE)
    piece = loudest_second(sound)
    for _ in range(8):
        quiet = quiet_second(track)
        if quiet is None:
            break
        add(track, piece, quiet + int(draw.integers(max(RATE - len(piece), 0) + 1)))
    return track


def noise(draw, samples):
    """From white to brown, at -75 to -45 dB of full scale."""
    spectrum = np.fft.rfft(draw.standard_normal(samples, dtype=np.float32))
    spectrum *= np.maximum(np.arange(len(spectrum)), 60) ** -draw.uniform(0, 1)
    floor = np.fft.irfft(spectrum, samples)
    return (10 ** (draw.uniform(-75, -45) / 20) / floor.std() * floor).astype(np.float32)


def sounds(stamp, draw, samples):
    """The clip's, as raw 16-bit samples."""
    track = repeated(at_speed(stamp.sound, draw.uniform(0.9, 1.1)), draw, samples)
    track *= np.float32(10 ** (draw.uniform(-10, 6) / 20))
    track *= np.float32(0.9) / max(np.float32(0.9), np.abs(track).max())
    track += noise(draw, samples)
    return np.clip(np.round(32767 * track), -32768, 32767).astype('<i2').tobytes()


# ---- clips ----

def stamp_number(seed, clip, count):
    """All appear equally often: each in every `count` clips."""
    return int(np.random.default_rng([seed, 1, clip // count]).permutation(count)[clip % count])


def encode(frames, samples, quality, part):
    sound = part + '.s16'
    try:
        with open(sound, 'wb') as file:
            file.write(samples)
        command = ['ffmpeg', '-v', 'error', '-y', '-threads', '1',
                   '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-s', f'{SIDE}x{SIDE}', '-r', str(FRAMES_PER_SECOND), '-i', '-',
                   '-f', 's16le', '-ar', str(RATE), '-ac', '1', '-i', sound,
                   '-c:v', 'libx264', '-preset', 'ultrafast', '-crf', str(quality), '-threads', '1', '-pix_fmt', 'yuv420p',
                   '-c:a', 'aac', '-b:a', '96k', '-fflags', '+bitexact', '-flags', '+bitexact', '-f', 'mp4', part]
        output_of(command, part, frames)
    finally:
        if os.path.exists(sound):
            os.unlink(sound)


def make(clip):
    """Leaves the clip where it is, if it is there."""
    o, stamps, videos = make.work
    path = os.path.join(o.out, f'{o.seed}-{clip:06}.mp4')
    if os.path.exists(path):
        return
    stamp = stamps[stamp_number(o.seed, clip, len(stamps))]
    draw = np.random.default_rng([o.seed, 0, clip])
    part = os.path.join(o.out, f'.{o.seed}-{clip:06}.part')
    frames = round(o.seconds * FRAMES_PER_SECOND)
    encode(pictures(stamp, videos, draw, frames), sounds(stamp, draw, frames * RATE // FRAMES_PER_SECOND),
           draw.integers(18, 31), part)
    os.rename(part, path)


def write_table(out, stamps):
    rows = []
    for path in sorted(glob.glob(os.path.join(out, '*-*.mp4'))):
        name = os.path.basename(path)
        seed, clip = map(int, name[:-4].split('-'))
        stamp = stamps[stamp_number(seed, clip, len(stamps))]
        rows.append([name, stamp.group, stamp.label, stamp.category])
    part = os.path.join(out, '.pairs.csv.part')
    with open(part, 'w', encoding='utf-8', newline='') as table:
        csv.writer(table, lineterminator='\n').writerows([['file', 'group', 'label', 'category']] + rows)
    os.rename(part, os.path.join(out, 'pairs.csv'))


def start_worker(work):
    make.work = work
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def make_all(o, stamps, videos):
    show = sys.stderr.isatty()
    with multiprocessing.get_context('fork').Pool(o.workers, start_worker, [(o, stamps, videos)]) as pool:
        for done, _ in enumerate(pool.imap_unordered(make, range(o.clips)), 1):
            if show:
                print(f'\r{done} of {o.clips} clips', end='\n' if done == o.clips else '', file=sys.stderr, flush=True)


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('pairs', metavar='PAIRS')
    parser.add_argument('backgrounds', metavar='BACKGROUNDS')
    parser.add_argument('out', metavar='OUT')
    parser.add_argument('--clips', type=int, required=True, metavar='N')
    parser.add_argument('--seed', type=int, default=1, metavar='S')
    parser.add_argument('--seconds', type=float, default=3, help='length of a clip; default 3, at least 1')
    parser.add_argument('--leave-out', default='', metavar='LABEL,...', help='pairs not to use')
    parser.add_argument('--workers', type=int, default=2, metavar='N', help='processes; default 2')
    o = parser.parse_args()
    if o.clips < 1 or o.seed < 0 or o.seconds < 1 or o.workers < 1:
        parser.error('--clips, --seconds and --workers are 1 or more, --seed is not negative')
    return o


def main():
    o = options()
    try:
        os.makedirs(o.out, exist_ok=True)
        videos = find_videos(o.backgrounds)
        stamps = read_stamps(o.pairs, o.leave_out.split(','))
        try:
            make_all(o, stamps, videos)
        finally:
            write_table(o.out, stamps)
    except (Failure, OSError) as error:
        sys.exit(f'{sys.argv[0]}: {error}')
    except KeyboardInterrupt:
        sys.exit(130)
    print(f'{o.clips} clips of {len(stamps)} pairs in {o.out}')


if __name__ == '__main__':
    main()
