#!/usr/bin/env python3
"""Does what README.md, docs/tour.md and docs/adding-a-network.md tell a reader to do, with a build (AVSOUND_BUILD) and an
installed copy of it."""
import glob
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

try:
    import numpy as np
    from PIL import Image
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)
for program in ("ffmpeg", "cmake", "pkg-config"):
    if not shutil.which(program):
        print(f"skipped: the {program} command is missing")
        sys.exit(77)

SOURCE = pathlib.Path(__file__).resolve().parents[2]
PACKAGE = SOURCE / "examples" / "python"
BUILD = pathlib.Path(os.environ.get("AVSOUND_BUILD", SOURCE / "build"))
PAGES = [SOURCE / "README.md", SOURCE / "CHANGELOG.md", *sorted((SOURCE / "docs").glob("*.md"))]


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", (SOURCE / page).read_text(), re.M | re.S)


def run(command, **options):
    return subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          stdin=subprocess.DEVNULL, **options)


class Installed(unittest.TestCase):
    """The build installed somewhere, and a folder with the files that the pages' commands name."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.prefix, cls.work = pathlib.Path(folder.name, "prefix"), pathlib.Path(folder.name, "work")
        cls.work.mkdir()
        done = run(["cmake", "--install", BUILD, "--prefix", cls.prefix])
        assert done.returncode == 0, done.stderr
        library, = glob.glob(f"{cls.prefix}/**/libavsound.so", recursive=True)
        libraries = os.path.dirname(library)
        cls.env = {k: v for k, v in os.environ.items() if k != "AVSOUND_MODEL_PATH"}
        cls.env.update(PATH=f"{cls.prefix}/bin:{cls.env['PATH']}", LD_LIBRARY_PATH=libraries, OMP_WAIT_POLICY="passive",
                       PKG_CONFIG_PATH=f"{libraries}/pkgconfig")
        cls.make_files()

    @classmethod
    def make_files(cls):
        scripts = SOURCE / "examples" / "python"
        assert run([sys.executable, scripts / "scene.py", cls.work / "scene.mp4"]).returncode == 0
        assert run([sys.executable, scripts / "handmade.py", cls.work / "handmade.safetensors"]).returncode == 0
        shutil.copy(cls.work / "handmade.safetensors", cls.work / "model.safetensors")
        for arguments in (["-t", "1", "-i", "scene.mp4", "-q:v", "3", "video.mp4"],
                          ["-ss", "1.6", "-i", "scene.mp4", "-frames:v", "1", "picture.png"],
                          ["-ss", "1", "-t", "1", "-i", "scene.mp4", "-vn", "sound.wav"]):
            assert run(["ffmpeg", "-v", "error", *arguments], cwd=cls.work).returncode == 0
        (cls.work / "archive").mkdir()
        for name in "dog", "sea":
            (cls.work / "sounds" / name).mkdir(parents=True)
            for i in range(3):
                shutil.copy(cls.work / "sound.wav", cls.work / "sounds" / name / f"{i}.wav")
        shutil.copy(cls.work / "sound.wav", cls.work / "recording.wav")
        for name in "band.mp4", "drums.mp4", "archive/one.mp4", "archive/two.mp4":
            shutil.copy(cls.work / "video.mp4", cls.work / name)
        Image.open(cls.work / "picture.png").convert("RGB").save(cls.work / "sea.jpg")
        for command in ([*"avsound-world --out late --first 6 --clips 1 --seed 2018 --seconds 5 --things 1-2 --off-screen 0 "
                          "--no-source 0 --silent 0 --size 480x272 --quiet".split()],
                        "ffmpeg -v error -itsoffset 0.18 -i late/clip-000006.mp4 -i late/clip-000006.mp4 -map 0:a:0 -map 1:v "
                        "-c:v copy -c:a aac late.mp4".split(),
                        ["avsound-world", "--out", "videos", "--clips", "5", "--seconds", "2", "--size", "128x96", "--quiet"],
                        ["avsound", "prepare", "videos", "-o", "more-clips", "--quiet"]):
            assert run(command, cwd=cls.work, env=cls.env).returncode == 0

    def do(self, command, **options):
        done = run(command, cwd=self.work, env=self.env, **options)
        self.assertEqual(done.returncode, 0, f"{command}\n{done.stdout}{done.stderr}")
        return done.stdout


class Shown(Installed):
    def compile(self, text, name):
        (self.work / f"{name}.c").write_text(text)
        flags = self.do(["pkg-config", "--cflags", "--libs", "avsound"]).split()
        self.do([os.environ.get("CC", "cc"), "-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", f"{name}.c", "-o",
                 name, *flags])

    def test_c_program_of_the_readme(self):
        program, = blocks("README.md", "c")
        self.compile(program, "where")
        lines = self.do(["./where", "model.safetensors", "scene.mp4"]).split("\n")
        self.assertEqual(len(lines), 17)  # 8 s in steps of 0.5 s, and the last newline
        self.assertIn("confidence 1.00", lines[4])
        self.assertIn("confidence 0.00", lines[15])

    def test_c_program_says_what_is_wrong(self):
        program, = blocks("README.md", "c")
        self.compile(program, "where")
        done = run(["./where", "model.safetensors", "absent.mp4"], cwd=self.work, env=self.env)
        self.assertEqual(done.returncode, 1)
        self.assertIn("absent.mp4", done.stderr)

    def test_program_of_the_tour_finds_bell_then_clock(self):
        program, = blocks("docs/tour.md", "c")
        self.compile(program, "tour")
        lines = self.do(["./tour", "handmade.safetensors", "scene.mp4"]).strip().split("\n")
        place = {float(line.split()[0]): line for line in lines}
        for time, left in ((0.5, True), (2.5, True), (4, False), (6, False)):
            across = float(re.search(r"(\d+) % from the left", place[time]).group(1))
            self.assertTrue(15 < across < 35 if left else 65 < across < 85, place[time])
        self.assertIn("nothing to hear", lines[-1])

    def test_python_of_the_readme(self):
        program, = blocks("README.md", "python")
        (self.work / "snippet.py").write_text(program)
        done = run([sys.executable, "snippet.py"], cwd=self.work, env={**self.env, "PYTHONPATH": str(PACKAGE)})
        self.assertEqual(done.returncode, 0, done.stderr)
        scores, vector = done.stdout.strip("]\n").split("[")
        found = re.findall(r"^(\S+) s: P (\S+), highest (\S+)$", scores, re.M)
        self.assertEqual([time for time, *_ in found], ["0.0", "0.5"])
        self.assertTrue(all(0.9 < float(value) <= 1 for _, *values in found for value in values), scores)
        # Red is the first thing the hand-made network sees, blue the second; it sees no third.
        self.assertEqual([float(word) for word in vector.split()], [1, 1] + 126 * [0])

    def test_commands_of_the_readme(self):
        lines = re.findall("^avsound(?:-world)? .*", "".join(blocks("README.md", "sh")).replace("\\\n", ""), re.M)
        self.assertGreater(len(lines), 8)
        for line in lines:
            with self.subTest(line):
                words = shlex.split(line, comments=True)
                if words[0] == "avsound-world":
                    words += ["--clips", "5", "--seconds", "1.5", "--quiet"]
                elif words[1] not in ("info", "bench", "prepare", "train", "sync", "separate", "report") and "-m" not in words:
                    words += ["--model", "model.safetensors"]
                if words[1] == "bench":
                    words += ["--runs", "1"]
                if words[1] == "train": # briefly
                    words += ["--epochs", "1", "--steps-per-epoch", "1", "--batch", "4"]
                self.do(words)
                for at, word in enumerate(words):
                    self.assertTrue(word != "-o" or (self.work / words[at + 1]).stat().st_size > 0, line)

    def test_other_tools_named(self):
        self.do([sys.executable, SOURCE / "examples/python/convert.py", "model.safetensors", "again.safetensors",
                 "--license", "CC-BY-4.0", "--untrained"])
        self.do(["avsound", "score", "video.mp4", "--model", "again.safetensors", "--precision", "f32"])

    def test_maps_follow_the_sound(self):
        self.do("avsound localize scene.mp4 --model handmade.safetensors --quiet -o maps.npy".split())
        maps, times = np.load(self.work / "maps.npy"), np.load(self.work / "maps.times.npy")
        cols = maps.shape[2]
        bell, plant, clock = maps[:, :, :2 * cols // 5], maps[:, :, 2 * cols // 5:3 * cols // 5], maps[:, :, 3 * cols // 5:]
        # Every result hears half a second to either side.
        rings, ticks, silent = times < 2.4, (times > 4.3) & (times < 6), times > 7.2
        for loud, sounding, other in ((rings, bell, clock), (ticks, clock, bell)):
            self.assertGreater(sounding[loud].max((1, 2)).min(), 0.9)
            self.assertLess(other[loud].max(), 0.1)
        self.assertLess(plant[ticks].max(), 0.5)
        self.assertLess(maps[silent].max(), 0.1)


class AddedNetwork(Installed):
    """docs/adding-a-network.md, but that only what changes is compiled."""

    PAGE = "docs/adding-a-network.md"

    def compile(self, source, name):
        self.do([os.environ.get("CC", "cc"), "-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror",
                 "-fopenmp", "-I", self.work / "lib", "-I", SOURCE / "lib", "-I", SOURCE / "include", "-c", source, "-o", name])

    def setUp(self):
        (self.work / "lib" / "model").mkdir(parents=True)
        network, = blocks(self.PAGE, "c")
        (self.work / "lib" / "model" / "mininet.c").write_text(network)
        changes, = blocks(self.PAGE, "diff")
        pairs = re.findall(r"^-(.*)\n\+(.*)\n", changes, re.M)
        for name, (old, new) in zip(("arch.h", "arch.c"), pairs, strict=True):
            text = (SOURCE / "lib" / "model" / name).read_text()
            self.assertEqual(text.count(old), 1, old)
            (self.work / "lib" / "model" / name).write_text(text.replace(old, new))
        self.compile("lib/model/mininet.c", "mininet.o")
        self.compile("lib/model/arch.c", "arch.o")

    def test_the_page_makes_a_network(self):
        objects = glob.glob(f"{BUILD}/examples/CMakeFiles/avsound_command.dir/**/*.o", recursive=True)
        flags = self.do(["pkg-config", "--static", "--libs", "avsound"]).replace("-lavsound ", "").split()
        # the command's own library, which the package's flags do not name
        cache = (BUILD / "CMakeCache.txt").read_text()
        flags += re.findall(r"^LIBLINEAR_LIBRARY:FILEPATH=(/.*)$", cache, re.M)
        own = self.work / "own"
        own.mkdir()
        self.do([os.environ.get("CC", "cc"), "-fopenmp", *objects, "mininet.o", "arch.o", BUILD / "libavsound_train.a",
                 BUILD / "libavsound.a", "-o", own / "avsound", *flags, "-lm", "-ldl"])
        self.do(["avsound", "prepare", "videos", "-o", "clips", "--quiet"])
        commands, = blocks(self.PAGE, "sh")
        told = [self.do([own / "avsound", *shlex.split(line)[1:]]) for line in commands.strip().split("\n")]
        self.assertIn("vision.conv4", told[0])
        self.assertEqual(np.load(self.work / "vectors.npy").shape[1:], (2, 128))


class Demo(Installed):
    def demo(self, *arguments, out, **changes):
        env = {**self.env, "AVSOUND": f"{self.prefix}/bin/avsound", "OUT": str(out), **changes}
        return run(["sh", SOURCE / "examples" / "demo.sh", *arguments], cwd="/", env=env)

    def test_demo_of_a_video_from_anywhere(self):
        out = self.work / "with spaces"
        done = self.demo(self.work / "video.mp4", out=out)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        for name in re.findall(r"^  (.*?)   ", done.stdout, re.M):
            self.assertGreater(os.path.getsize(name), 1000, name)
        self.assertRegex(done.stdout, r"(?m)^\+-+\+\n(\|[^|]*\|\n)+\+-+\+$")
        self.assertIn("trained", done.stdout)

    def test_demo_points_at_what_sounds(self):
        done = self.demo(out=self.work / "demo")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        for name in re.findall(r"^  (\S.*?)   ", done.stdout.split("results:")[1], re.M):
            self.assertGreater(os.path.getsize(name), 1000, name)
        self.assertRegex(done.stdout, r"late\.mp4: audio lags by 1[78]\d ms")
        self.assertRegex(done.stdout, r"in-sync\.mp4: in sync")
        for where in ("on", "off"):
            gained = re.search(where + r" screen: SI-SDR gained +(\S+)", done.stdout)
            self.assertGreater(float(gained[1]), 5, done.stdout)
        maps = re.findall(r"highest \S+, (\d+) % from the left, (\d+) % from the top\n((?:  .*\n)+)", done.stdout)
        self.assertEqual(len(maps), 4, done.stdout)
        for across, down, things in maps:
            boxes = re.findall(r"sounds, (-?\d+)\.\.\.(-?\d+) % from the left, (-?\d+)\.\.\.(-?\d+) % from the top", things)
            self.assertEqual(len(boxes), 1, things)
            left, right, top, bottom = map(int, boxes[0])
            self.assertTrue(left <= int(across) <= right and top <= int(down) <= bottom, (across, down, things))

    def test_demo_fails_when_it_fails(self):
        for arguments, word in ((["/absent.mp4"], "no such file"), ([self.work / "model.safetensors"], "model.safetensors"),
                                ([self.work / "sound.wav"], "picture"), (["a", "b"], "at most one")):
            done = self.demo(*arguments, out=self.work / "failed")
            self.assertNotEqual(done.returncode, 0, arguments)
            self.assertIn(word, done.stderr)


class Pages(unittest.TestCase):
    def test_links_lead_somewhere(self):
        for page in PAGES:
            for link in re.findall(r"\]\(([^)]+)\)", page.read_text()):
                if "://" not in link and not link.startswith("#"):
                    self.assertTrue((page.parent / link.split("#")[0]).exists(), f"{page.name}: {link}")

    def test_paths_of_the_readme_exist(self):
        text = (SOURCE / "README.md").read_text()
        for path in re.findall(r"(?<![\w/])((?:examples|tests|docs|include)/[\w/.-]*\w)", text):
            self.assertTrue((SOURCE / path).exists(), path)


if __name__ == "__main__":
    unittest.main()
