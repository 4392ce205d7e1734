"""avsound probe: classes learned from what a network computes, from tables of every kind, and what is refused."""
import csv
import json
import os
import shutil
import unittest
import wave

import numpy as np

from support import CommandTest, SOURCE

TINY = ["--arch", "ave-net", "--config", '{"width": 0.0625}', "-q"]
LAYER = ["--layer", "audio.conv2_2", "--grid", "4x1", "--windows", "2", "-p", "f32"]
ESC = SOURCE.parent / "shared" / "data" / "esc10.csv"
CLASSES = {"high": 5000, "low": 200, "noise": 0}


def write_sound(path, pitch, rng, seconds=1.4, rate=16000):
    time = np.arange(int(seconds * rate)) / rate
    tone = np.sin(2 * np.pi * pitch * rng.uniform(0.8, 1.25) * time) if pitch else rng.uniform(-1, 1, len(time))
    samples = tone * rng.uniform(0.1, 0.6) + 0.01 * rng.standard_normal(len(time))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((samples * 20000).astype("<i2").tobytes())


class Probe(CommandTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        rng = np.random.default_rng(5)
        (cls.folder / "sounds").mkdir()
        cls.rows = []
        for name, pitch in CLASSES.items():
            (cls.folder / "sorted" / name).mkdir(parents=True)
            for i in range(6):
                path = cls.folder / "sounds" / f"{name}{i}.wav"
                write_sound(path, pitch, rng)
                shutil.copy(path, cls.folder / "sorted" / name)
                cls.rows.append((f"sounds/{path.name}", i % 3 + 1, name))
        cls.write_table(cls.folder / "table.csv", cls.rows)
        cls.before |= {"sounds", "sorted", "table.csv"}
        cls.works = "liblinear" not in cls().avsound("probe", "folds", "table.csv", "--layer", "x", "--grid", "0",
                                                     code=None).stderr

    def setUp(self):
        if not self.works:
            self.skipTest("built without liblinear")

    @staticmethod
    def write_table(path, rows, header=("file", "fold", "label"), separator=","):
        path.write_text("".join(separator.join(map(str, row)) + "\n" for row in [header, *rows] if row))

    def probe(self, task, *arguments, code=0):
        return self.avsound("probe", task, *arguments, *(TINY if task in ("train", "folds") else ["-q"]), code=code)

    def folds(self, *arguments):
        return json.loads(self.probe("folds", *arguments, "--json").stdout)

    def train(self, *arguments):
        self.probe("train", *arguments, *LAYER, "-o", "classifier.json")
        return json.loads((self.folder / "classifier.json").read_text())

    # ---- what comes out ----

    def test_folds_tell_apart_what_differs(self):
        found = self.folds("table.csv", *LAYER, "--csv", "clips.csv", "--confusion", "confusion.png")
        self.assertEqual(found["top1"]["value"], 1)
        self.assertEqual(found["mean_of_folds"]["value"], 1)
        self.assertEqual(sorted(found["folds"]), ["1", "2", "3"])
        self.assertEqual(found["confusion"], {"classes": ["high", "low", "noise"], "counts": np.diag([6] * 3).tolist()})
        with open(self.folder / "clips.csv", encoding="utf-8") as file:
            clips = list(csv.DictReader(file))
        self.assertEqual([clip["label"] for clip in clips], [row[2] for row in self.rows])
        self.assertEqual([clip["likeliest"] for clip in clips], [row[2] for row in self.rows])
        self.assertEqual((self.folder / "confusion.png").read_bytes()[:4], b"\x89PNG")
        text = self.probe("folds", "table.csv", *LAYER).stdout
        self.assertIn("mean of folds               1.0000", text)

    def test_a_fold_learns_nothing_of_itself(self):
        """Labels that are right in two folds and rotated in the third: all of that one come out wrong."""
        names = list(CLASSES)
        rows = [(file, fold, names[(names.index(label) + (fold == 3)) % 3]) for file, fold, label in self.rows]
        self.write_table(self.folder / "turned.csv", rows)
        found = self.folds("turned.csv", *LAYER, "--costs", "1e-2")
        self.assertEqual(found["folds"]["3"]["value"], 0)

    def test_log_mel_statistics(self):
        found = json.loads(self.avsound("probe", "folds", "table.csv", "--features", "log-mel", "--windows", 2, "--json").stdout)
        self.assertEqual(found["top1"]["value"], 1)
        self.assertEqual(found["view"]["dimension"], 256)
        self.assertFalse(found["view"]["layer"])

    def test_pictures(self):
        table = [(name, i % 2 + 1, label) for label, name in (("film", "clip.mp4"), ("still", "still.png")) for i in range(2)]
        for i, (name, fold, label) in enumerate(table):
            shutil.copy(self.folder / name, self.folder / f"{i}{name}")
            table[i] = (f"{i}{name}", fold, label)
        self.write_table(self.folder / "pictures.csv", table)
        found = self.folds("pictures.csv", "--modality", "image", "--windows", "2")
        self.assertEqual(found["n"], 4)
        self.assertEqual(found["top1"]["value"], 1)

    def test_learned_then_tested_and_applied(self):
        for data in ("sorted", "table.csv"):
            classifier = self.train(data)
            self.assertEqual(classifier["classes"], ["high", "low", "noise"])
            self.assertEqual(classifier["arch"], "ave-net")
        found = json.loads(self.probe("test", "table.csv", "-c", "classifier.json", "--json").stdout)
        self.assertEqual(found["top1"]["value"], 1)
        text = self.probe("apply", "sounds/low1.wav", "sounds/noise2.wav", "-c", "classifier.json").stdout
        lines = [line.split() for line in text.splitlines()]
        self.assertEqual(lines[0], ["file", "rank", "label", "score"])
        self.assertEqual([(line[1], line[2]) for line in lines[1:] if line[1] == "1"], [("1", "low"), ("1", "noise")])
        answers = json.loads(self.probe("apply", "sounds", "-c", "classifier.json", "--json").stdout)["results"]
        self.assertEqual(len(answers), 18 * 3)
        for answer in answers:
            self.assertEqual(answer["rank"] == 1, answer["label"] in answer["file"])

    def test_weights_are_liblinears(self):
        try:
            import liblinearutil
        except ImportError:
            self.skipTest("python3-liblinear is not installed")
        classifier = self.train("table.csv", "--costs", "0.01", "--cache", "cache")
        clips = [np.load(self.folder / "cache" / name) for name in sorted(os.listdir(self.folder / "cache"))]
        labels = [label for label in CLASSES for _ in range(6)]
        windows = np.concatenate(clips).astype(float)
        mean, deviation = windows.mean(0), windows.std(0)
        deviation[deviation < 1e-12] = 1
        targets = np.repeat([list(CLASSES).index(label) for label in labels], [len(clip) for clip in clips])
        rows = [dict(enumerate(row, 1)) for row in ((windows - mean) / deviation).tolist()]
        model = liblinearutil.train(targets.tolist(), rows, "-s 1 -B 1 -e 1e-6 -q -c 0.01")
        wanted = np.ctypeslib.as_array(model.w, ((windows.shape[1] + 1) * 3,)).reshape(-1, 3)
        scaled = np.array(classifier["weights"]).T * deviation[:, None]
        bias = np.array(classifier["bias"]) + np.array(classifier["weights"]) @ mean
        # ours stops at 0.05, and the dual's order of examples is another: the same optimum, not the same bits
        np.testing.assert_allclose(scaled, wanted[:-1], atol=0.1 * np.abs(wanted).max())
        np.testing.assert_allclose(bias, wanted[-1], atol=0.1 * np.abs(wanted).max())
        decisions = np.stack([(clip @ np.array(classifier["weights"]).T + classifier["bias"]).mean(0) for clip in clips])
        with_scores = json.loads(self.probe("apply", "sounds", "-c", "classifier.json", "-p", "f32", "--json").stdout)["results"]
        told = {(os.path.basename(a["file"]), a["label"]): a["score"] for a in with_scores}
        for name, row in zip(sorted(os.listdir(self.folder / "sounds")), decisions):
            for label, score in zip(CLASSES, row):
                self.assertAlmostEqual(told[name, label], score, places=4)

    # ---- tables ----

    def test_tables_of_other_names_and_lists(self):
        self.write_table(self.folder / "esc.csv", [(row[0].split("/")[1], row[1], 7, row[2]) for row in self.rows],
                         ("filename", "fold", "target", "category"))
        self.assertEqual(self.folds("esc.csv", "--root", "sounds", *LAYER)["top1"]["value"], 1)
        self.write_table(self.folder / "meta.csv", [(row[0], row[2]) for row in self.rows], ("filename", "scene_label"), "\t")
        self.train("meta.csv")
        (self.folder / "lists").mkdir()
        for fold in (1, 2):
            rows = [(row[0], row[2]) for i, row in enumerate(self.rows) if i % 2 + 1 == fold]
            self.write_table(self.folder / "lists" / f"fold{fold}_evaluate.txt", rows, (), "\t")
        found = self.folds("lists/fold1_evaluate.txt", "lists/fold2_evaluate.txt", *LAYER)
        self.assertEqual(found["n"], 18)
        self.assertEqual(len(found["folds"]), 2)
        self.assertEqual(found["top1"]["value"], 1)

    def test_features_are_taken_once(self):
        first = self.folds("table.csv", *LAYER, "--cache", "cache")
        files = {name: os.stat(self.folder / "cache" / name).st_mtime_ns for name in os.listdir(self.folder / "cache")}
        self.assertEqual(len(files), 18)
        damaged = sorted(files)[0]
        (self.folder / "cache" / damaged).write_bytes((self.folder / "cache" / damaged).read_bytes()[:-4])
        self.assertEqual(first, self.folds("table.csv", *LAYER, "--cache", "cache"))
        now = {name: os.stat(self.folder / "cache" / name).st_mtime_ns for name in os.listdir(self.folder / "cache")}
        self.assertEqual([name for name in files if now[name] != files[name]], [damaged])
        self.folds("table.csv", "--layer", "audio.conv2_1", *LAYER[2:], "--cache", "cache")
        self.assertEqual(len(os.listdir(self.folder / "cache")), 36)

    def test_damaged_clips_are_left_out(self):
        rows = [*self.rows, ("noise.mp4", 1, "low")]
        self.write_table(self.folder / "more.csv", rows)
        run = self.avsound("probe", "folds", "more.csv", *LAYER, *TINY[:-1], "--json")
        self.assertIn("noise.mp4", run.stderr)
        self.assertIn("left out", run.stderr)
        found = json.loads(run.stdout)
        self.assertEqual((found["n"], found["n_skipped"]), (18, 1))
        self.train("sorted")
        run = self.avsound("probe", "apply", "noise.mp4", "sounds/low0.wav", "-c", "classifier.json", code=3)
        self.assertIn("low", run.stdout)

    # ---- refusals ----

    def refused_table(self, words, rows, header=("file", "fold", "label"), task="folds"):
        self.write_table(self.folder / "bad.csv", rows, header)
        self.before.add("bad.csv")
        self.refused(3, words, "probe", task, "bad.csv", *LAYER, *TINY, *(["-o", "out.json"] if task == "train" else []))
        self.before.remove("bad.csv")

    def test_tables_nothing_can_be_learned_from(self):
        self.refused_table("gone.wav: is not there, as 1 of the 19 files", [*self.rows, ("gone.wav", 1, "low")])
        self.refused_table("is listed twice", [*self.rows, self.rows[0]])
        self.refused_table('all clips have the label "low"', [row for row in self.rows if row[2] == "low"])
        self.refused_table("has one fold, want two", [(row[0], 1, row[2]) for row in self.rows])
        self.refused_table("record 2 has no label", [(self.rows[0][0], 1, ""), *self.rows[1:]])
        self.refused_table("record 2 has no fold", [(self.rows[0][0], "", "low"), *self.rows[1:]])
        self.refused_table("has no column file", [("x", 1, "a")], ("clip", "fold", "label"))
        self.refused_table("has no column label", [("x", 1, "a")], ("file", "fold", "what"))
        self.refused_table('no clip with the label "bad"', [*self.rows, ("noise.mp4", 1, "bad")], task="train")
        (self.folder / "bad.csv").unlink()
        self.refused(3, "no-such.csv", "probe", "folds", "no-such.csv", *TINY)

    def test_command_lines(self):
        self.refused(2, "learn is no task, want train, test, folds or apply", "probe", "learn", "table.csv")
        self.refused(2, "train wants --output", "probe", "train", "table.csv", *TINY)
        self.refused(2, "--classifier is missing", "probe", "test", "table.csv")
        self.refused(2, "--costs is 1e-4,x, want numbers", "probe", "folds", "table.csv", *TINY, *LAYER, "--costs", "1e-4,x")
        self.refused(2, "--costs is 0, want numbers", "probe", "folds", "table.csv", *TINY, *LAYER, "--costs", "0")
        self.refused(2, "--grid is 4, want", "probe", "folds", "table.csv", *TINY, "--layer", "audio.conv2_2", "--grid", "4")
        self.refused(2, "--grid is for --layer", "probe", "folds", "table.csv", *TINY, "--grid", "4x3")
        self.refused(2, "is none of --modality image", "probe", "folds", "table.csv", *TINY, *LAYER, "--modality", "image")
        self.refused(2, "log-mel is of sound alone", "probe", "folds", "table.csv", "--features", "log-mel", *TINY)
        self.refused(3, 'no column "mood"', "probe", "folds", "table.csv", *TINY, "--labels", "mood")

    def test_classifiers_that_do_not_fit(self):
        self.train("sorted")
        text = (self.folder / "classifier.json").read_text()
        self.before.add("classifier.json")
        try:
            self.refused(3, "was learned on another model's features", "probe", "test", "table.csv", "-c", "classifier.json",
                         *TINY, "--seed", "2")
            self.refused(2, "the classifier has its own", "probe", "test", "table.csv", "-c", "classifier.json", "--windows", "3")
            self.write_table(self.folder / "other.csv", [(self.rows[0][0], 1, "sea")])
            self.before.add("other.csv")
            self.refused(3, 'the label "sea", which is none of', "probe", "test", "other.csv", "-c", "classifier.json")
            for old, new, words in (('"avsound_classifier": 1', '"avsound_classifier": 2', "avsound_classifier is 2, want 1"),
                                    ('"bias": [', '"bias": [0, ', "bias is not a number for each class"),
                                    ('"weights": [[', '"weights": [["x", ', "a class's weights are not"),
                                    ('"windows": 2', '"windows": 0', "windows are not 1"),
                                    (text[50:], "", "is no classifier")):
                self.assertIn(old, text)
                (self.folder / "classifier.json").write_text(text.replace(old, new))
                self.refused(3, words, "probe", "apply", "sounds", "-c", "classifier.json")
            self.refused(3, "no.json", "probe", "apply", "sounds", "-c", "no.json")
        finally:
            self.before -= {"classifier.json", "other.csv"}

    # ---- real sounds ----

    def test_esc10_beats_chance_by_far(self):
        if not ESC.exists():
            self.skipTest(f"{ESC} is not there")
        with open(ESC, encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row["fold"] in "12"]
        self.write_table(self.folder / "esc.csv", [(ESC.parent / r["file"], r["fold"], r["label"]) for r in rows])
        found = json.loads(self.avsound("probe", "folds", "esc.csv", "--features", "log-mel", "--windows", 2, "--costs", "1e-3",
                                        "--json").stdout)
        self.assertEqual(found["n"], 160)
        self.assertGreater(found["top1"]["value"], 0.4)


if __name__ == "__main__":
    unittest.main()
