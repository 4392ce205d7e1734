"""models/split.py as recipes run it."""
import collections
import csv
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "models" / "split.py"


def write_table(path, rows):
    with open(path, "w", newline="", encoding="utf-8") as table:
        csv.writer(table).writerows(rows)


class Split(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name).resolve()
        # 120 clips of 60 groups of 1 to 3, in three strata of 60, 40 and 20 clips
        self.group, self.category = {}, {}
        rows = [["file", "kind", "group"]]
        for i in range(120):
            name = f"v/{i}.mp4"
            self.group[name] = f"g{i // 6}-{(0, 0, 0, 1, 1, 2)[i % 6]}"
            self.category[name] = "animal" if i < 60 else "tool:saw" if i < 84 else "tool:drill" if i < 100 else "sea"
            rows.append([name, self.category[name], self.group[name]])
        write_table(self.folder / "table.csv", rows)

    def split(self, *options, lists=("fit.txt", "dev.txt")):
        run = subprocess.run([sys.executable, SCRIPT, "table.csv", *lists, *options], cwd=self.folder, text=True,
                             capture_output=True, check=True)
        return [(self.folder / name).read_text(encoding="utf-8").split("\n")[:-1] for name in lists], run.stdout

    def test_groups_stay_whole_and_nothing_is_lost(self):
        (fit, dev), said = self.split("--strata", "kind")
        self.assertEqual(sorted(fit + dev), sorted(self.group))
        groups = [{self.group[name] for name in names} for names in (fit, dev)]
        self.assertEqual(groups[0] & groups[1], set())
        self.assertEqual(said, f"{len(fit)} clips of {len(groups[0])} groups, {len(dev)} of {len(groups[1])}\n")

    def test_each_stratum_gives_its_share(self):
        for seed in range(4):
            (_, dev), _ = self.split("--strata", "kind", "--seed", str(seed))
            count = collections.Counter(self.category[name].split(":")[0] for name in dev)
            for stratum, size in (("animal", 60), ("tool", 40), ("sea", 20)):
                self.assertLessEqual(abs(count[stratum] - size / 5), 3, (seed, count))
            (_, dev), _ = self.split("--strata", "kind", "--seed", str(seed), "--share", "0.5")
            self.assertLessEqual(abs(len(dev) - 60), 3)

    def test_seed_decides(self):
        first, again, other = (self.split("--seed", seed)[0] for seed in "112")
        self.assertEqual(first, again)
        self.assertNotEqual(first, other)

    def test_files_are_named_relative_to_the_lists(self):
        (self.folder / "lists").mkdir()
        (fit, _), _ = self.split(lists=("lists/fit.txt", "lists/dev.txt"))
        self.assertTrue(all(name.startswith("../v/") for name in fit))

    def test_prepared_clips_replace_videos(self):
        (self.folder / "clips").mkdir()
        rows = [["source", "flags", "file"]]
        for i in range(120):
            rows.append([self.folder / "v" / f"{i}.mp4", "still" if i < 10 else "", f"{i}-x.mkv" if i != 50 else ""])
        write_table(self.folder / "clips" / "prepared.csv", rows)
        (fit, dev), _ = self.split("--prepared", "clips/prepared.csv")
        self.assertEqual(set(fit + dev), {f"clips/{i}-x.mkv" for i in range(10, 120) if i != 50})

    def test_missing_column_is_named(self):
        run = subprocess.run([sys.executable, SCRIPT, "table.csv", "a", "b", "--group", "speaker"], cwd=self.folder, text=True,
                             capture_output=True, check=False)
        self.assertEqual((run.returncode, run.stderr), (1, "table.csv: no column speaker\n"))


if __name__ == "__main__":
    unittest.main()
