"""Runs the avsound command for the tests: files to work on, and what a run printed."""
import json
import os
import pathlib
import pty
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import unittest

try:
    import numpy as np
    from PIL import Image
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

SOURCE = pathlib.Path(__file__).resolve().parents[2]
COMMAND = os.environ.get("AVSOUND_CLI", str(SOURCE / "build" / "examples" / "avsound"))
SUBCOMMANDS = ["info", "embed", "score", "localize", "separate", "sync", "classify", "report", "stream", "index", "search", "cca",
               "bench", "prepare", "train", "eval", "probe"]
# Quick enough for a test, and a map all the same.
TINY = ["--arch", "avol-net", "--config", '{"width": 0.0625}']

if not shutil.which("ffmpeg"):
    print("skipped: the ffmpeg command is missing")
    sys.exit(77)
if not os.access(COMMAND, os.X_OK):
    sys.exit(f"{COMMAND}: no such program; set AVSOUND_CLI")


def environment(**changes):
    env = {k: v for k, v in os.environ.items() if k != "AVSOUND_MODEL_PATH"}
    env.update(TERM="xterm", OMP_WAIT_POLICY="passive")
    env.update(changes)
    return env


def ffmpeg(*arguments):
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-bitexact", *map(str, arguments)], check=True,
                   stdin=subprocess.DEVNULL)


def make_video(path, seconds=2, rate=10, size="160x96", sound="sine=440", extra=()):
    picture = f"testsrc2=size={size}:rate={rate}:duration={seconds}"
    audio = ["-f", "lavfi", "-i", f"{sound}:duration={seconds}"] if sound else []
    ffmpeg("-f", "lavfi", "-i", picture, *audio, "-c:v", "mpeg4", "-q:v", "3", "-c:a", "aac", *extra, path)


def make_files(folder):
    make_video(folder / "clip.mp4")
    make_video(folder / "mute.mp4", sound=None)
    make_video(folder / "long.mp4", seconds=60, rate=25)
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=120x80", "-frames:v", "1", folder / "still.png")
    ffmpeg("-f", "lavfi", "-i", "sine=880:duration=3", folder / "tone.wav")
    whole = (folder / "long.mp4").read_bytes()
    ffmpeg("-i", folder / "clip.mp4", "-c", "copy", folder / "clip.mkv")
    (folder / "half.mkv").write_bytes((folder / "clip.mkv").read_bytes()[:-20000])
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "noise.mp4").write_bytes(bytes((i * 7919 >> 3) & 255 for i in range(20000)))
    (folder / "noise.safetensors").write_bytes(whole[:5000])


class CommandTest(unittest.TestCase):
    """Each class works in a folder with the files of make_files()."""

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="avsound-cli-"))
        make_files(cls.folder)
        cls.before = set(os.listdir(cls.folder))

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def tearDown(self):
        for name in set(os.listdir(self.folder)) - self.before:
            path = self.folder / name
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()

    def new_files(self):
        return sorted(set(os.listdir(self.folder)) - self.before)

    def avsound(self, *arguments, code=0, **env):
        run = subprocess.run([COMMAND, *map(str, arguments)], cwd=self.folder, env=environment(**env), timeout=300,
                             stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if code is not None:
            self.assertEqual(run.returncode, code, f"{arguments}: {run.stdout}{run.stderr}")
        return run

    def refused(self, code, words, *arguments):
        """Exits with `code`, says why in one line on standard error, and leaves nothing behind."""
        run = self.avsound(*arguments, code=code)
        lines = [line for line in run.stderr.splitlines() if "warning:" not in line]
        self.assertEqual(len(lines), 1, run.stderr)
        self.assertTrue(lines[0].startswith("avsound: "), lines[0])
        self.assertIn(words, lines[0])
        self.assertEqual(self.new_files(), [])
        return lines[0]

    def json(self, *arguments):
        return json.loads(self.avsound(*arguments).stdout)


def small_weights(info):
    return {p["name"]: np.full(p["shape"], 0.01) for p in info["parameter_list"]}


def save_model(path, info, weights, sha256=None):
    """Writes a model file that claims to be trained; `info` is what avsound info --json says of its architecture."""
    header = {"__metadata__": {"avsound.arch": info["arch"], "avsound.config": json.dumps(info["config"]),
                               "avsound.training": "trained", "license": "CC0-1.0"}}
    if sha256:
        header["__metadata__"]["avsound.sha256"] = sha256
    data = b""
    for name in sorted(weights):
        values = weights[name].astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(weights[name].shape),
                        "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 64)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def pixels(path):
    with Image.open(path) as picture:
        return np.array(picture.convert("RGB"))


def on_terminal(arguments, folder, columns=100):
    """Standard error is a terminal, standard output is not: (exit code, output, what the terminal saw)."""
    ours, theirs = pty.openpty()
    run = subprocess.Popen([COMMAND, *map(str, arguments)], cwd=folder, env=environment(COLUMNS=str(columns)),
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    seen = b""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if select.select([ours], [], [], 0.2)[0]:
            try:
                piece = os.read(ours, 4096)
            except OSError:
                break
            if not piece:
                break
            seen += piece
    output = run.stdout.read()
    run.stdout.close()
    code = run.wait(timeout=60)
    os.close(ours)
    return code, output.decode(), seen.decode()


def probe(path):
    """Frame times and streams as ffprobe sees them."""
    command = ["ffprobe", "-v", "error", "-show_streams", "-show_frames", "-of", "json", str(path)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def video_times(path):
    frames = [f for f in probe(path)["frames"] if f["media_type"] == "video"]
    return np.array([float(f.get("pts_time", f.get("best_effort_timestamp_time"))) for f in frames])
