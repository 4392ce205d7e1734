"""The package as people get it: wheels with and without the library, and the script that shows what it can do."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import zipfile

import avsound
import numpy as np
import pytest
from avsound import _native
from conftest import ROOT, SCRIPTS

LIBRARY = pathlib.Path(os.environ["AVSOUND_LIBRARY"])


def outside(**changes):
    """An environment that does not tell where anything is."""
    env = {k: v for k, v in os.environ.items() if k not in ("AVSOUND_LIBRARY", "AVSOUND_MODEL_PATH", "PYTHONPATH",
                                                            "LD_LIBRARY_PATH", "AVSOUND_BUNDLE")}
    return {**env, **changes}


def run(command, cwd, **changes):
    done = subprocess.run(list(map(str, command)), cwd=cwd, env=outside(**changes), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def install(tmp_path, **changes):
    """pip install . of a copy, since building leaves files behind: the wheel, and where its content went."""
    pytest.importorskip("setuptools")
    pytest.importorskip("wheel")
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True).returncode:
        pytest.skip("pip is missing")
    source, target = tmp_path / "source", tmp_path / "target"
    shutil.copytree(SCRIPTS, source, ignore=shutil.ignore_patterns("__pycache__"))
    run([sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "--no-index", "-w", tmp_path, source],
        tmp_path, **changes)
    wheel, = tmp_path.glob("avsound-*.whl")
    zipfile.ZipFile(wheel).extractall(target)
    return wheel, target


PROGRAM = """
import avsound
from avsound import metrics
print(avsound.version(), metrics.share([1, 1]).value, avsound._native.lib.avsound_version)
print(avsound.Model("avol-s").arch, avsound.find_model("avol-s"))
print(next(line.split()[-1] for line in open("/proc/self/maps") if "/libavsound.so" in line))
"""


def test_wheel_that_holds_the_library(tmp_path):
    prefix = tmp_path / "prefix"
    (prefix / "lib").mkdir(parents=True)
    for name in _native.FILES.values():
        shutil.copy(LIBRARY.with_name(name), prefix / "lib")
    shutil.copytree(ROOT / "models", prefix / "share" / "avsound" / "models")
    wheel, target = install(tmp_path, AVSOUND_BUNDLE=str(prefix))
    assert "-py3-none-linux" in wheel.name and "-any" not in wheel.name
    shutil.rmtree(prefix)
    words = run([sys.executable, "-c", PROGRAM], tmp_path, PYTHONPATH=str(target)).split()
    assert words[:2] == [avsound.version(), "1.0"] and words[-3] == "avol-net"
    assert all(word.startswith(str(target)) for word in words[-2:])


def test_wheel_that_uses_the_installed_library(tmp_path):
    wheel, target = install(tmp_path)
    assert wheel.name == f"avsound-{avsound.version()}-py3-none-any.whl"
    assert not list(target.rglob("*.so*")) and (target / "avsound" / "py.typed").exists()
    words = run([sys.executable, "-c", PROGRAM], tmp_path, PYTHONPATH=str(target), LD_LIBRARY_PATH=str(LIBRARY.parent),
                AVSOUND_MODEL_PATH=str(ROOT / "models")).split()
    assert words[:2] == [avsound.version(), "1.0"] and words[-1].startswith(str(LIBRARY.parent))


def test_the_library_named_comes_first(tmp_path, monkeypatch):
    monkeypatch.setenv("AVSOUND_LIBRARY", str(tmp_path))
    assert list(_native.candidates("libx.so.0")) == [f"{tmp_path}/libx.so.0"]
    monkeypatch.setenv("AVSOUND_LIBRARY", str(tmp_path / "libavsound.so"))
    assert list(_native.candidates("libx.so.0")) == [f"{tmp_path}/libx.so.0"]
    monkeypatch.delenv("AVSOUND_LIBRARY")
    assert list(_native.candidates("libx.so.0")) == ["libx.so.0"]


def test_models_lie_beside_the_library(tmp_path):
    """As in an installed tree that has been moved."""
    libraries, models = tmp_path / "lib" / "x86_64-linux-gnu", tmp_path / "share" / "avsound" / "models"
    libraries.mkdir(parents=True)
    models.mkdir(parents=True)
    shutil.copy(LIBRARY.with_name(_native.FILES["avsound"]), libraries)
    shutil.copy(ROOT / "models" / "avol-s.safetensors", models / "only-here.safetensors")
    found = run([sys.executable, "-c", "import avsound; print(avsound.find_model('only-here'))"], tmp_path,
                PYTHONPATH=str(SCRIPTS), AVSOUND_LIBRARY=str(libraries))
    assert pathlib.Path(found.strip()) == models / "only-here.safetensors"


def test_the_script_tells_and_draws(world, tmp_path):
    image = pytest.importorskip("PIL.Image")
    words = run([sys.executable, SCRIPTS / "similarity.py", world[0].parent, tmp_path / "out"], tmp_path,
                AVSOUND_LIBRARY=str(LIBRARY), AVSOUND_MODEL_PATH=str(ROOT / "models"), PYTHONPATH=str(SCRIPTS))
    lines = words.splitlines()
    assert [line.split(":")[0] for line in lines] == [clip.name for clip in world]
    assert all(line.split("the sound of ")[1].split()[0] in [clip.name for clip in world] for line in lines)
    matrix, overlay = (np.asarray(image.open(tmp_path / "out" / name).convert("RGB")).astype(int)
                       for name in ("matrix.png", "overlay.png"))
    assert matrix.shape == (3 * 96, 96 + 3 * 48, 3) and matrix.std() > 10
    assert overlay.shape == (2 * 192, 3 * 192, 3)
    for column in range(3):
        bare, drawn = (overlay[row * 192:(row + 1) * 192, column * 192:(column + 1) * 192] for row in (0, 1))
        changed = np.abs(bare - drawn).max(2) > 40
        assert 0 < changed.mean() < 0.9  # somewhere, not everywhere


@pytest.mark.parametrize("number", range(7))
def test_programs_of_the_page_run(world, tmp_path, number):
    programs = re.findall(r"^```python\n(.*?)^```$", (ROOT / "docs" / "python.md").read_text(), re.M | re.S)
    assert len(programs) == 7
    shutil.copy(world[0], tmp_path / "video.mp4")
    (tmp_path / "videos").mkdir()
    for clip in world:
        shutil.copy(clip, tmp_path / "videos")
    run([sys.executable, "-c", programs[number]], tmp_path, AVSOUND_LIBRARY=str(LIBRARY), PYTHONPATH=str(SCRIPTS),
        AVSOUND_MODEL_PATH=str(ROOT / "models"))


def test_the_script_says_what_is_missing(tmp_path):
    (tmp_path / "empty").mkdir()
    env = outside(AVSOUND_LIBRARY=str(LIBRARY), AVSOUND_MODEL_PATH=str(ROOT / "models"), PYTHONPATH=str(SCRIPTS))
    for arguments, words in (([], "similarity.py FOLDER OUT"), (["empty", "out"], "empty: no videos"),
                             (["empty", "out", "nothing-such"], "no such model")):
        done = subprocess.run([sys.executable, SCRIPTS / "similarity.py", *arguments], cwd=tmp_path, env=env,
                              capture_output=True, text=True)
        assert done.returncode == 1 and words in done.stderr
