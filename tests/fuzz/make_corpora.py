"""Writes the corpora of tests/fuzz, but for model: small inputs, right and wrong, for the fuzzers to start from and for a
test to replay. Needs the ffmpeg command and, for the checkpoint's options, the avsound command: make_corpora.py BUILD_DIR. Files
that fuzzers found, which begin with "found-", stay."""
import json
import os
import sqlite3
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))


def write(folder, name, content):
    os.makedirs(os.path.join(HERE, folder), exist_ok=True)
    with open(os.path.join(HERE, folder, name), "wb") as stream:
        stream.write(content)


# ---- media: a moving picture of 16 x 16, a tone, both ----

PICTURE = ["-f", "lavfi", "-i", "testsrc=size=16x16:rate=25"]
TONE = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=8000"]
MEDIA = {
    "film.mkv": PICTURE + TONE + ["-t", "0.08", "-c:v", "mpeg4", "-c:a", "pcm_s16le"],
    "film.mp4": PICTURE + TONE + ["-t", "0.08", "-c:v", "mpeg4", "-c:a", "aac", "-b:a", "8k"],
    "film.avi": PICTURE + ["-t", "0.04", "-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-reserve_index_space", "0"],
    "film.flv": PICTURE + ["-t", "0.08", "-c:v", "flv"],
    "film.nut": PICTURE + TONE + ["-t", "0.04", "-c:v", "ffv1", "-c:a", "pcm_f32le"],
    "film.gif": PICTURE + ["-t", "0.12"],
    "film.y4m": PICTURE + ["-t", "0.04", "-pix_fmt", "yuv420p"],
    "sound.wav": TONE + ["-t", "0.03", "-c:a", "pcm_s16le"],
    "float.wav": TONE + ["-t", "0.02", "-c:a", "pcm_f64le"],
    "sound.au": TONE + ["-t", "0.03", "-c:a", "pcm_mulaw"],
    "sound.aiff": TONE + ["-t", "0.02"],
    "sound.ogg": TONE + ["-t", "0.05", "-c:a", "flac"],
    "sound.mp3": TONE + ["-t", "0.1", "-b:a", "8k", "-write_xing", "0", "-id3v2_version", "0"],
    "sound.aac": TONE + ["-t", "0.2", "-b:a", "8k"],
    "picture.png": PICTURE + ["-frames:v", "1", "-update", "1"],
    "picture.jpg": PICTURE + ["-frames:v", "1", "-update", "1"],
    "picture.bmp": PICTURE + ["-frames:v", "1", "-update", "1"],
}


def media():
    with tempfile.TemporaryDirectory() as folder:
        for name, arguments in MEDIA.items():
            path = os.path.join(folder, name)
            subprocess.run(["ffmpeg", "-loglevel", "error", *arguments, "-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a",
                            "+bitexact", path], check=True, stdin=subprocess.DEVNULL)
            with open(path, "rb") as stream:
                write("media", name, stream.read()[:8192])
    write("media", "list.m3u8", b"#EXTM3U\n#EXTINF:2,\n/etc/passwd\n#EXT-X-ENDLIST\n")
    write("media", "concat.txt", b"ffconcat version 1.0\nfile '/etc/passwd'\n")


# ---- views: as fuzz_views.c takes its bytes ----

def frame(kind, width, height, strides=b"\0\0\0\0"):
    return bytes([1, kind, 0, width, 0, height, 0, 0]) + b"".join(bytes([s, 7]) for s in strides) + b"\3\3"


def sound(kind, rate, channels, planar, frames, samples=b"\1\2\3"):
    return bytes([0, kind, 210]) + struct.pack(">H", rate) + bytes([0, channels, planar, 210]) + struct.pack(">H", frames) + samples


def views():
    for kind in range(1, 11):
        write("views", f"frame-{kind}", frame(kind, 17, 9))
        write("views", f"frame-{kind}-upward", frame(kind, 6, 5, bytes([150] * 4)))
    write("views", "frame-none", frame(0, 0, 0))
    write("views", "frame-vast", bytes([1, 1, 250, 127, 255, 255, 255, 250, 127, 255, 255, 255]) + bytes(16))
    write("views", "frame-without-planes", frame(6, 4, 4, bytes([255] * 4)))
    for kind in range(1, 5):
        write("views", f"sound-{kind}", sound(kind, 8000, 2, 0, 300))
        write("views", f"sound-{kind}-planar", sound(kind, 44100, 2, 1, 300))
    write("views", "sound-not-numbers", sound(1, 8000, 1, 0, 100, struct.pack("<ff", float("nan"), float("inf"))))
    write("views", "sound-slow", sound(2, 1, 1, 0, 9))
    write("views", "sound-none", sound(2, 8000, 1, 0, 0))


# ---- config: the first byte chooses the architecture ----

def config():
    texts = {
        "empty": "{}",
        "width": '{"width": 0.0625, "conv1_stride": 1}',
        "image": '{"image": {"width": 224, "height": 160, "short_side": 256, "mean": [0.5, 0.5, 0.5], "std": 0.25}}',
        "audio": '{"audio": {"sample_rate": 22050, "mel_bands": 64, "floor": 1e-10, "window": 480, "hop": 240, "fft": 512}}',
        "clip": '{"clip": {"frames": 37, "frame_rate": 25.0}, "audio_width": 0.5, "unet_width": 0.25}',
        "separation": '{"separation": {"fft": 1024, "window": 800, "hop": 197, "columns": 32}}',
        "lags": '{"lags": 25, "classes": 7, "vision_only": 1}',
        "vast": '{"width": 1e308, "audio": {"hop": 9223372036854775807}, "clip": {"frames": -9223372036854775808}}',
        "wrong-kinds": '{"width": "1", "image": [], "audio": null, "clip": true}',
        "not-json": '{"width": 1,,}',
        "deep": '{"image":' + "[" * 200 + "]" * 200 + "}",
        "nul": '{"wid\\u0000th": 1}',
    }
    for arch in range(0, 10, 3):
        for name, text in texts.items():
            write("config", f"{arch}-{name}", bytes([arch]) + text.encode())


# ---- stream: as fuzz_stream.c takes its bytes ----

SCAN, OFFSET, SEPARATION = range(3)
FRAME, NEXT, FORMATS, CUT, FLUSH, RESET, CANCEL, COUNT = (bytes([n]) for n in (0, 20, 25, 26, 28, 29, 30, 31))
SHOW, PULL = FRAME + b"\0", NEXT


def begin(task, what=13, hop=20, consistent=0, patience=0, most=255):
    return bytes([task, what - 1, hop, consistent, 0, 25, patience + 8, most])


def formats(pixel=1, width=32, height=24, sample=2, rate=0, channels=1, planar=0):
    return bytes([pixel, width - 1, height - 1, 0, 0, sample, rate, channels, planar])


def play(samples, late=None):
    """late: by how many times 10 ms, -128...127; None: not at all."""
    return bytes([10, 200]) + struct.pack(">H", samples // 4) + (b"\0" if late is None else struct.pack(">Bb", 200, late))


def show(late):
    return FRAME + struct.pack(">Bb", 200, late)


FILM = (SHOW + play(1920)) * 13


def stream():
    for task, name in enumerate(("scan", "offset", "separation")):
        write("stream", f"{name}-film", begin(task) + formats() + FILM + PULL * 4 + FILM + PULL * 4 + COUNT)
        write("stream", f"{name}-slow-film", begin(task) + formats(rate=2) + (show(16) + play(3200)) * 20 + PULL * 9 + FLUSH + PULL * 9)
        write("stream", f"{name}-cuts", begin(task) + formats() + (FILM + CUT + PULL) * 2 + FORMATS + formats(7, 20, 10, 4, 1, 2) + FILM)
        write("stream", f"{name}-reset", begin(task) + formats() + FILM + PULL + FLUSH + PULL + RESET + FILM + CANCEL + PULL + RESET + FILM)
        write("stream", f"{name}-sound-alone", begin(task, patience=8) + formats() + play(19200) * 9 + PULL * 9)
        write("stream", f"{name}-pictures-alone", begin(task, patience=8) + formats() + SHOW * 60 + PULL * 9)
        write("stream", f"{name}-jitter", begin(task) + formats() + b"".join(show(i) + play(1920, -i) for i in range(-20, 20)) + PULL * 9)
        write("stream", f"{name}-full", begin(task, most=2) + formats() + FILM + PULL + FILM + PULL + COUNT)
        write("stream", f"{name}-nothing", begin(task) + formats() + PULL + CUT + CUT + FLUSH + PULL + SHOW + COUNT)
    for pixel in range(1, 11):
        write("stream", f"pixels-{pixel}", begin(SCAN, 31) + formats(pixel, 17, 9) + FILM + PULL)
    for sample in range(1, 5):
        write("stream", f"samples-{sample}", begin(SCAN) + formats(sample=sample, channels=2, planar=1) + FILM + PULL)
    write("stream", "far-times", begin(SCAN) + formats() + (FRAME + b"\xff\x7f\xff\xff\xff" + b"\x0a\xc8\0\x64\xff\x80\0\0\0") * 9 + PULL)


# ---- checkpoint ----

def pack(metadata, tensors=None, data=b""):
    header = {"__metadata__": metadata, **(tensors or {})}
    text = json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text)) + text + data


def checkpoint(build):
    """A real run's, without its tensors."""
    with tempfile.TemporaryDirectory() as folder:
        avsound, clips, run = os.path.join(build, "examples", "avsound"), os.path.join(folder, "clips"), os.path.join(folder, "run")
        for number in range(2):
            subprocess.run(["ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", f"mandelbrot=size=64x48:rate=25:start_scale={1 + number}",
                            "-f", "lavfi", "-i", f"aevalsrc=sin({300 + 200 * number}*t*t):d=2", "-t", "2", "-c:v", "mjpeg",
                            os.path.join(folder, f"{number}.mkv")], check=True, stdin=subprocess.DEVNULL)
        subprocess.run([avsound, "prepare", folder, "-o", clips, "--quiet"], check=True)
        subprocess.run([avsound, "train", clips, "-o", run, "--arch", "ave-net", "--config", '{"width":0.0625}', "--epochs", "1", "--seed", "1",
                        "--steps-per-epoch", "1", "--batch", "2", "--quiet"], check=True)
        with open(os.path.join(run, "checkpoint.safetensors"), "rb") as stream:
            length, = struct.unpack("<Q", stream.read(8))
            metadata = json.loads(stream.read(length))["__metadata__"]
    options = json.loads(metadata["options"])
    options["data"] = "clips"
    metadata["options"] = json.dumps(options, separators=(",", ":"))
    metadata.pop("avsound.sha256", None)
    write("checkpoint", "run", pack(metadata))
    tensor = {"value.conv1_1.bias": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}
    write("checkpoint", "tensor", pack(metadata, tensor, bytes(16)))
    for name, change in {"batch": -1, "epochs": 1 << 40, "learning_rate": 1e300, "seed": "-1", "augmentation": [], "data": 7}.items():
        metadata["options"] = json.dumps({**options, "data": "clips", name: change}, separators=(",", ":"))
        write("checkpoint", "wrong-" + name, pack(metadata))
    write("checkpoint", "no-options", pack({"avsound.checkpoint": "1"}))


# ---- index: as fuzz_index.c takes its bytes ----

IDENTITY = "0123456789abcdef" * 2
ABOUT = {"identity": IDENTITY, "model": "ab" * 32, "arch": "ave-net", "aligned": "1", "modalities": "3", "hop_us": "1000000",
         "image_dimension": "4", "sound_dimension": "3", "image_rows": "5", "sound_rows": "4"}
# side, first row, count, file
SEGMENTS = [(0, 0, 3, 1), (0, 3, 1, 2), (1, 0, 3, 1), (1, 3, 1, 3)]
# As lib/index/store.c writes them, to the letter.
TABLES = """CREATE TABLE about (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
CREATE TABLE files (id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, error TEXT);
CREATE TABLE segments (side INTEGER NOT NULL, first INTEGER NOT NULL, count INTEGER NOT NULL, file INTEGER NOT NULL,\
 times BLOB NOT NULL, PRIMARY KEY (side, first)) WITHOUT ROWID;
CREATE INDEX segments_of_file ON segments (file);
PRAGMA application_id = 1635152750;
PRAGMA user_version = 1;"""


def vectors(dimension, rows, identity=IDENTITY):
    numbers = [((7 * i) % 11 - 5) / 8 for i in range(dimension * rows)]
    return struct.pack("<16sII40s", b"avsound vectors", 1, dimension, identity.encode()) + struct.pack(f"<{len(numbers)}f", *numbers)


def database(about=(), segments=SEGMENTS, more="", tables=TABLES):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "a.db")
        db = sqlite3.connect(path)
        db.execute("PRAGMA page_size = 512")
        db.executescript(tables)
        if tables == TABLES:
            db.executemany("INSERT INTO about VALUES (?, ?)", {**ABOUT, **dict(about)}.items())
            db.executemany("INSERT INTO files VALUES (?, ?, ?, ?, ?)", [(1, "a.mkv", 100, 5, None), (2, "b.png", 7, -1, None),
                                                                        (3, "c.wav", 9, 1 << 60, "is cut off"), (4, "d", 0, 0, "is no film")])
            db.executemany("INSERT INTO segments VALUES (?, ?, ?, ?, ?)", [
                (side, first, count, file, struct.pack("<9q", *range(0, 9000000, 1000000))[:8 * max(0, min(count, 9))])
                for side, first, count, file in segments])
        db.executescript(more)
        db.commit()
        db.close()
        with open(path, "rb") as stream:
            return stream.read()


def joined(base, image=None, sound=None):
    image, sound = (vectors(4, 5) if image is None else image), (vectors(3, 4) if sound is None else sound)
    return struct.pack(">HH", len(image), len(sound)) + image + sound + base


def index():
    whole = database()
    files = {
        "whole": joined(whole), "foreign": joined(database(tables="CREATE TABLE t (a);")), "none": joined(b"this is a film" * 40),
        "later": joined(database(more="PRAGMA user_version = 9;")), "fresh": joined(b"", b"", b""), "cut": joined(whole[:1500]),
        "cut-vectors": joined(whole, sound=vectors(3, 4)[:-4]), "cut-page": joined(whole, image=vectors(4, 5)[:40]),
        "another": joined(whole, image=vectors(4, 5, "f" * 32)), "wide": joined(database({"image_dimension": "65536"})),
        "narrow": joined(database({"image_dimension": "1"}), image=vectors(1, 5)), "vast-rows": joined(database({"image_rows": str((1 << 59) - 1)})), "no-key": joined(database(more="DELETE FROM about WHERE key = 'model'")),
        "blob-key": joined(database(more="UPDATE about SET value = x'00ff' WHERE key = 'arch'")),
        "beyond": joined(database(segments=[(0, 2, 9, 1)])), "vast": joined(database(segments=[(0, 1, (1 << 63) - 1, 1)])),
        "negative": joined(database(segments=[(0, -2, 2, 1), (1, 1, -1, 1)])), "overlap": joined(database(segments=[(0, 0, 3, 1), (0, 2, 2, 2)])),
        "twice": joined(database(segments=[(0, 0, 2, 1), (0, 2, 2, 1)])), "no-file": joined(database(segments=[(0, 0, 2, 77)])),
        "text-rows": joined(database(more="UPDATE segments SET first = 'a' || first")),
        "not-finite": joined(whole, sound=vectors(3, 4)[:64] + struct.pack("<12f", *[float("nan"), float("inf"), 1e-45] * 4)),
        "view": joined(database(more="DROP TABLE files; CREATE VIEW files AS WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1"
                                     " FROM n) SELECT id, 'a' path, 1 size, 1 mtime_ns, NULL error FROM n;")),
    }
    for name, content in files.items():
        write("index", name, content)


# ---- fits of CCA, and optical flow ----

def cca():
    metadata = {"avsound.kind": "cca", "avsound.cca.version": "1", "avsound.cca.pairs": "9", "avsound.cca.unit": "1",
                "avsound.cca.arch": "l3-net", "avsound.cca.model": "ab" * 32}
    shapes = {"correlations": [2], "x.mean": [4], "x.weight": [2, 4], "y.mean": [3], "y.weight": [2, 3]}

    def fit(metadata=metadata, **changes):
        tensors, at = {}, 0
        for name, shape in {**shapes, **{name.replace("_", "."): shape for name, shape in changes.items()}}.items():
            size = 4
            for length in shape:
                size *= length
            tensors[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + size]}
            at += size
        return pack(metadata, tensors, struct.pack(f"<{at // 4}f", *((i % 5 - 2) / 4 for i in range(at // 4))))
    whole = fit()
    wrong = {"whole": whole, "cut": whole[:-8], "no-tensors": pack(metadata), "a-model": fit({"avsound.arch": "l3-net"}),
             "later": fit({**metadata, "avsound.cca.version": "2"}), "without-model": fit(dict(list(metadata.items())[:3])),
             "more-than-numbers": fit(x_weight=[5, 4]), "unlike": fit(y_weight=[3, 3]), "flat": fit(x_weight=[8]), "empty": fit(x_weight=[0, 4]),
             "mean": fit(y_mean=[4]), "far-pairs": fit({**metadata, "avsound.cca.pairs": "9" * 30})}
    for name, content in wrong.items():
        write("cca", name, content)


def flows():
    def flow(width, height, count, fields, magic=b"AVSFLOW1"):
        return magic + struct.pack("<IIII", width, height, count, 0) + bytes(i % 251 for i in range(fields))
    for name, content in {"whole": flow(4, 3, 2, 48), "none": flow(4, 3, 0, 0), "cut": flow(4, 3, 2, 47), "long": flow(4, 3, 2, 49),
                          "header": flow(4, 3, 2, 0)[:20], "later": flow(4, 3, 2, 48, b"AVSFLOW2"), "wide": flow(16385, 1, 1, 9),
                          "flat": flow(0, 3, 2, 0), "vast": flow(16384, 16384, (1 << 32) - 1, 9)}.items():
        write("flows", name, content)


if __name__ == "__main__":
    media()
    views()
    config()
    stream()
    index()
    cca()
    flows()
    checkpoint(sys.argv[1])
