"""Recognition on the command line, from folders of generated clips to a model that knows them: prepare, train, classify, eval."""
import csv
import json
import os
import subprocess
import sys
import unittest

from PIL import Image

from support import CommandTest, environment

WORLD = os.environ.get("AVSOUND_WORLD", "")
if not os.access(WORLD, os.X_OK):
    print("skipped: AVSOUND_WORLD names no program")
    sys.exit(77)

KINDS = ["drum", "siren"]
CONFIG = {"width": 0.0625, "audio_width": 0.0625, "image": {"width": 32, "height": 32, "short_side": 36},
          "clip": {"frames": 16, "frame_rate": 12.5, "sample_rate": 8000}}
TRAIN = ["--objective", "classify", "--threads", "1", "--workers", "1", "--precision", "f32", "--batch", "8", "--epochs", "1"]
FRESH = [*TRAIN, "--config", json.dumps(CONFIG), "--augment", "none", "--statistics-momentum", "0.1", "--lr", "3e-3"]


def make_world(folder):
    """Four clips of each kind in a folder of its own."""
    folder.mkdir()
    for kind in KINDS:
        subprocess.run([WORLD, "--out", folder / kind, "--clips", "4", "--kinds", kind, "--things", "1-1", "--off-screen", "0",
                        "--silent", "0", "--no-source", "0", "--seconds", "2", "--size", "64x64", "--no-stems", "--seed", "3",
                        "--quiet"], check=True, env=environment())


class Classify(CommandTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        make_world(cls.folder / "videos")
        self = cls()
        self.avsound("prepare", "videos", "-o", "clips", "-q")
        cls.trained = self.avsound("train", "clips", "--val", "clips", "--val-draws", "1", *FRESH, "--schedule", "cosine",
                                   "--steps-per-epoch", "120", "-o", "run")
        cls.before |= {"videos", "clips", "run"}

    def classify(self, *arguments, **options):
        return self.avsound("classify", *arguments, "-m", "run/last.safetensors", "-p", "f32", **options)

    def labels_replaced(self, name, labels):
        """A table of the prepared clips with a column label."""
        with (self.folder / "clips" / "prepared.csv").open(newline="") as table:
            rows = list(csv.DictReader(table))
        for row, label in zip(rows, labels):
            row["label"] = label
        path = self.folder / "clips" / name
        with path.open("w", newline="") as table:
            writer = csv.DictWriter(table, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return path

    def test_folders_are_learned_as_labels(self):
        log = [json.loads(line) for line in (self.folder / "run" / "log.jsonl").read_text().splitlines()]
        steps = [line for line in log if line["event"] == "step"]
        self.assertLess(steps[-1]["loss"], 0.3 * steps[0]["loss"])
        self.assertEqual([line["accuracy"] for line in steps[-5:]], [1] * 5)
        self.assertRegex(self.trained.stdout, r"epoch 1/1  step 120  loss \d.*validation: loss \d\.\d+  accuracy 100\.0 %")
        self.assertNotIn("AUC", self.trained.stdout)
        info = self.json("info", "run/last.safetensors", "--json")
        self.assertEqual((info["arch"], info["config"]["classes"], info["config"]["vision_only"]), ("multisensory", 2, 0))
        self.assertEqual(json.loads(info["metadata"]["avsound.classes"]), KINDS)

    def test_a_clip_is_recognised(self):
        for kind in KINDS:
            clip = f"videos/{kind}/clip-000001.mp4"
            lines = self.classify(clip).stdout.splitlines()
            self.assertEqual([line.split()[1] for line in lines], [kind, *[other for other in KINDS if other != kind]])
            whole = json.loads(self.classify(clip, "--json").stdout)
            self.assertEqual((whole["stretches"], whole["seen"], whole["padded"], whole["trained"]), (3, 1.28, False, True))
            self.assertEqual([row["name"] for row in whole["classes"]], [line.split()[1] for line in lines])
            self.assertAlmostEqual(sum(row["probability"] for row in whole["classes"]), 1, 5)
            self.assertAlmostEqual(whole["classes"][0]["probability"], float(lines[0].split()[0]), 3)
        part = self.classify("videos/drum/clip-000001.mp4", "--start", "1.2", "--json")
        self.assertTrue(json.loads(part.stdout)["padded"])
        self.assertIn("shorter than what the network sees", part.stderr)

    def test_the_probability_is_the_mean_over_stretches(self):
        clip = "videos/siren/clip-000002.mp4"
        whole = json.loads(self.classify(clip, "--json").stdout)
        first = json.loads(self.classify(clip, "--duration", "1.28", "--json").stdout)
        self.assertEqual(first["stretches"], 1)
        self.assertNotEqual(first["classes"][0]["probability"], whole["classes"][0]["probability"])

    def test_evaluation(self):
        rows = self.labels_replaced("two.csv", ["drum"] * 4 + ["siren"] * 2 + ["drum"] * 2)  # two are wrong on purpose
        for data, right in ("clips/prepared.csv", 8), (rows, 6):
            report = self.json("eval", "classify", "-d", data, "-m", "run/last.safetensors", "--json", "--csv", "items.csv")
            self.assertEqual((report["n"], report["top1"]["value"], report["top1"]["chance"]), (8, right / 8, 0.5))
            self.assertLess(report["top1"]["low"], right / 8)
            table = {"classes": KINDS, "counts": [[4, 8 - right], [0, right - 4]]}
            self.assertEqual(report["confusion"], table)
            self.assertAlmostEqual(report["classes"]["drum"]["value"], 4 / (12 - right))
            with (self.folder / "items.csv").open(newline="") as items:
                items = list(csv.DictReader(items))
            self.assertEqual(sum(row["label"] == row["likeliest"] for row in items), right)
        text = self.avsound("eval", "classify", "-d", rows, "-m", "run/last.safetensors").stdout
        self.assertRegex(text, r"(?m)^likeliest is the label's +0\.7500 .* chance 0\.5000$")
        self.assertRegex(text, r"(?m)^  drum as +4 drum, 2 siren$")
        rows.unlink()

    def test_training_goes_on_and_sees_alone(self):
        run = self.avsound("train", "clips", *TRAIN, "--init", "run/last.safetensors", "--vision-only", "--steps-per-epoch", "1",
                           "-o", "blind")
        self.assertIn("blind/last.safetensors", run.stdout)
        self.assertEqual(self.json("info", "blind/last.safetensors", "--json")["config"]["vision_only"], 1)
        self.avsound("train", "clips", *TRAIN, "--init", "run/last.safetensors", "--dry-run", "sheet.png")
        with Image.open(self.folder / "sheet.png") as sheet:
            self.assertGreater(sheet.width, 600)

    def test_refusals(self):
        self.refused(2, "--model is missing", "classify", "clip.mp4")
        self.refused(4, "knows no classes", "classify", "clip.mp4", "--arch", "multisensory")
        self.refused(4, "tells classes apart", "score", "clip.mp4", "-m", "run/last.safetensors")
        self.refused(3, "tone.wav", "classify", "tone.wav", "-m", "run/last.safetensors")
        self.refused(2, "can't be changed", "train", "--resume", "-o", "run", "--vision-only")
        rows = self.labels_replaced("bad.csv", ["drum"] * 7 + ["gong"])
        self.refused(2, 'the label "gong"', "train", "clips", "--val", rows, *FRESH, "-o", "none")
        self.refused(3, 'the label "gong"', "eval", "classify", "-d", rows, "-m", "run/last.safetensors")
        same = self.labels_replaced("bad.csv", ["drum"] * 8)
        self.refused(2, 'all 8 clips have the label "drum"', "train", same, *FRESH, "-o", "none")
        same.unlink()


if __name__ == "__main__":
    unittest.main(verbosity=2)
