"""What the tests of the Python package share: where things are, and small files and models to work on."""
import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "examples" / "python"
sys.path[:0] = [str(SCRIPTS), str(pathlib.Path(__file__).parent)]
os.environ["AVSOUND_MODEL_PATH"] = str(ROOT / "models")

import avsound  # noqa: E402

# Quick enough for a test, and a map all the same.
TINY = {"width": 0.0625}
RATE = 48000


@pytest.fixture(scope="session")
def model():
    return avsound.Model.create("avol-net", TINY, seed=1)


@pytest.fixture
def session(model):
    with model.session() as session:
        yield session


@pytest.fixture(scope="session")
def handmade(tmp_path_factory):
    """A network of which it is known what it answers: red things hum, blue things tick."""
    path = tmp_path_factory.mktemp("handmade") / "handmade.safetensors"
    subprocess.run([sys.executable, SCRIPTS / "handmade.py", path], check=True)
    return path


def ffmpeg(*arguments):
    if not shutil.which("ffmpeg"):
        pytest.skip("the ffmpeg command is missing")
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-bitexact", *map(str, arguments)], check=True, stdin=subprocess.DEVNULL)


def make_video(path, seconds=2, size="160x96"):
    ffmpeg("-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25:duration={seconds}", "-f", "lavfi", "-i",
           f"sine=440:duration={seconds}", "-c:v", "mpeg4", "-q:v", "3", "-c:a", "pcm_s16le", path)
    return path


@pytest.fixture(scope="session")
def video(tmp_path_factory):
    return make_video(tmp_path_factory.mktemp("video") / "clip.mkv")


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """Generated clips whose truth is known."""
    command = os.environ.get("AVSOUND_WORLD")
    if not command:
        pytest.skip("AVSOUND_WORLD does not name the avsound-world command")
    folder = tmp_path_factory.mktemp("world")
    subprocess.run([command, "--out", folder, *"--clips 3 --seed 7 --seconds 4 --things 1-2 --off-screen 0 --no-source 0 "
                    "--silent 0 --no-stems --size 240x136 --quiet".split()], check=True)
    return sorted(folder.glob("*.mp4"))


def picture(seed=0, height=96, width=160):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def hum(seconds=1.0, channels=1):
    t = np.arange(round(seconds * RATE)) / RATE
    return np.repeat((0.3 * np.sin(2 * np.pi * 880 * t)).astype(np.float32)[:, np.newaxis], channels, 1)
