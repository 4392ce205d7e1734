"""Tests of examples/python/probe.py: python3 tests/unit/python/test_probe.py

Needs numpy and liblinear (Debian: python3-liblinear). Exits with 77 where one is missing.
"""
import contextlib
import io
import os
import sys
import tempfile
import unittest

try:
    import numpy as np
    import liblinearutil  # noqa: F401
except ImportError as error:
    print(f"skipped: {error.name} is not installed")
    sys.exit(77)

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), *[os.pardir] * 3)
sys.path.insert(0, os.path.join(ROOT, "examples", "python"))
import probe  # noqa: E402

NAMES = ["cat", "dog", "rain"]


class Probe(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.rng = np.random.default_rng(8)

    def write(self, difference, names=NAMES, clips=12, windows=6, scale=1.0):
        """Clips of noise, class k `difference` higher in number k; the last windows are another class's."""
        self.table = os.path.join(self.folder, "table.csv")
        with open(self.table, "w", encoding="utf-8") as table:
            table.write("file,fold,label\n")
            for number, name in enumerate(names):
                for i in range(clips):
                    values = self.rng.standard_normal((windows, 5))
                    values[:4, number] += difference
                    values[4:, (number + 1) % len(names)] += 50 * difference
                    np.savez(os.path.join(self.folder, f"{name}{i}.npz"), embedding=(values * scale).astype("f4"))
                    table.write(f"sounds/{name}{i}.wav,{i % 4 + 1},{name}\n")

    def run_probe(self, *arguments, code=0):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            got = probe.main([self.folder, self.table, *arguments])
        self.assertEqual(got, code, err.getvalue())
        return (err if code else out).getvalue()

    def test_what_differs_is_told_apart(self):
        for scale in (1e-4, 1, 1e4):  # features are scaled
            self.write(6.0, scale=scale)
            text = self.run_probe("--windows", "4")
            self.assertIn("36 clips, 5 numbers: 100.0 %", text)
            self.assertIn("chance 33.3 %", text)
            self.assertEqual(text.count("of 9 clips"), 4)

    def test_two_classes(self):
        self.write(6.0, names=["a", "b"])
        self.assertIn("24 clips, 5 numbers: 100.0 %", self.run_probe("--windows", "4"))

    def test_noise_is_told_by_chance(self):
        self.write(0.0, clips=40)
        percent = float(self.run_probe("--windows", "4").rsplit("numbers: ", 1)[1].split()[0])
        self.assertLess(abs(percent - 100 / 3), 15)

    def test_windows_behind_the_first_count_only_if_wanted(self):
        self.write(1.0)
        self.assertNotEqual(self.run_probe("--windows", "4"), self.run_probe())

    def test_a_fold_learns_nothing_of_itself(self):
        """Labels that are right in three folds and rotated in the fourth: all of that one come out wrong."""
        self.write(6.0)
        with open(self.table, encoding="utf-8") as table:
            lines = table.read().splitlines()
        turned = {name: NAMES[(i + 1) % 3] for i, name in enumerate(NAMES)}
        lines = [",".join((*line.split(",")[:2], turned[line.split(",")[2]])) if ",4," in line else line for line in lines]
        with open(self.table, "w", encoding="utf-8") as table:
            table.write("\n".join(lines) + "\n")
        self.assertIn("fold 4: 0.0 %", self.run_probe("--windows", "4"))

    def test_refusals(self):
        self.write(1.0)
        os.unlink(os.path.join(self.folder, "dog3.npz"))
        self.assertIn("dog3.npz", self.run_probe(code=1))
        np.savez(os.path.join(self.folder, "dog3.npz"), embedding=np.zeros((3, 4), "f4"))
        self.assertIn("dog3.wav: features are (3, 4)", self.run_probe(code=1))
        with open(self.table, "w", encoding="utf-8") as table:
            table.write("file,label\na.wav,x\n")
        self.assertIn("no column fold", self.run_probe(code=1))


if __name__ == "__main__":
    unittest.main()
