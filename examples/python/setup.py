"""pip install .

The package finds the library where it is installed. With AVSOUND_BUNDLE=FOLDER, a prefix that avsound was installed to or a
build directory, the wheel holds libavsound, libavsound_train and the models found there; what those stand on (oneDNN, FFmpeg,
jansson, SQLite) it leaves to the system.
"""
import os
import pathlib
import re
import shutil

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py

BUNDLE = os.environ.get("AVSOUND_BUNDLE")
CONSTANTS = dict(re.findall(r"^(\w*VERSION\w*) = (\d+)$", pathlib.Path("avsound/_abi.py").read_text(), re.M))
LIBRARIES = [f"{name}.so.{CONSTANTS['SOVERSION']}" for name in ("libavsound", "libavsound_train")]


def first(folder, pattern):
    found = sorted(pathlib.Path(folder).rglob(pattern))
    if not found:
        raise SystemExit(f"{folder}: no {pattern}")
    return found[0]


class Build(build_py):
    def run(self):
        super().run()
        if not BUNDLE:
            return
        lib, models = (pathlib.Path(self.build_lib, "avsound", place) for place in ("lib", "share/avsound/models"))
        for folder in (lib, models):
            folder.mkdir(parents=True, exist_ok=True)
        for name in LIBRARIES:
            shutil.copyfile(first(BUNDLE, name), lib / name)
        for model in first(BUNDLE, "share/avsound/models").glob("*.safetensors"):
            shutil.copyfile(model, models / model.name)  # where the library looks for them


class Wheel(Distribution):
    """One with libraries inside is for this platform, whatever the version of Python."""

    def has_ext_modules(self):
        return bool(BUNDLE)


def commands():
    from wheel.bdist_wheel import bdist_wheel

    class Tagged(bdist_wheel):
        def get_tag(self):
            return ("py3", "none", super().get_tag()[2])

    return {"build_py": Build, "bdist_wheel": Tagged}


setup(version=".".join(CONSTANTS[f"VERSION_{part}"] for part in ("MAJOR", "MINOR", "PATCH")), distclass=Wheel,
      cmdclass=commands())
