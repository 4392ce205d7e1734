"""avsound train as people run it: what a run leaves, Ctrl-C and going on, the contact sheet, wrong command lines. Run
through CTest, or AVSOUND_CLI=build/examples/avsound python3 test_train.py."""
import json
import re
import signal
import subprocess
import time
import unittest

from PIL import Image

from support import COMMAND, CommandTest, environment, ffmpeg, on_terminal

SMALL = ["--width", "0.0625", "--batch", "4", "--threads", "1", "--workers", "1", "--precision", "f32"]
SOUNDS = ["sine=220", "sine=700", "anoisesrc=c=pink:a=0.3", "sine=1500", "anoisesrc=c=white:a=0.2", "sine=3000"]


def make_clips(folder, count, first=0):
    """Clips as avsound prepare leaves them: each has a picture and a sound of its own."""
    folder.mkdir()
    lines = ["file,group,frames,samples,flags"]
    for i in range(count):
        picture = f"testsrc2=size=320x256:rate=25:duration=2,hue=h={60 * i}:s=1"
        ffmpeg("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", f"{SOUNDS[(first + i) % len(SOUNDS)]}:duration=2",
               "-c:v", "mjpeg", "-q:v", "3", "-pix_fmt", "yuvj420p", "-c:a", "pcm_s16le", "-ar", "48000", "-ac", "1",
               folder / f"{first + i}.mkv")
        lines.append(f"{first + i}.mkv,g{first + i},50,96000,")
    (folder / "prepared.csv").write_text("\n".join(lines) + "\n")


class TrainTest(CommandTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        make_clips(cls.folder / "clips", 5)
        make_clips(cls.folder / "val", 2, first=3)
        cls.before |= {"clips", "val"}

    def train(self, *arguments, **options):
        return self.avsound("train", "clips", *SMALL, *arguments, **options)

    def log(self, run):
        return [json.loads(line) for line in (self.folder / run / "log.jsonl").read_text().splitlines()]

    def steps(self, run):
        return [line for line in self.log(run) if line["event"] == "step"]


class Run(TrainTest):
    def test_a_run_leaves_models_log_and_curves(self):
        run = self.train("--val", "val", "--val-draws", "1", "--steps-per-epoch", "3", "--epochs", "2", "-o", "run")
        self.assertEqual(run.stderr, "")
        epochs = re.findall(r"(?m)^epoch \d/2  step \d  loss \d.*accuracy.*validation: .*AUC", run.stdout)
        self.assertEqual(len(epochs), 2)
        self.assertIn("run/best.safetensors", run.stdout)
        self.assertEqual(sorted(p.name for p in (self.folder / "run").iterdir()),
                         ["best.safetensors", "checkpoint.safetensors", "curves.png", "last.safetensors", "log.jsonl"])
        self.assertEqual(self.new_files(), ["run"])
        log = self.log("run")
        self.assertEqual([line["step"] for line in log if line["event"] == "step"], [1, 2, 3, 4, 5, 6])
        self.assertEqual([(line["step"], line["epoch"]) for line in log if line["event"] == "epoch"], [(3, 1), (6, 2)])
        for line in log:
            if line["event"] == "epoch":
                self.assertTrue(0 <= line["validation_accuracy"] <= 1 and 0 <= line["validation_auc"] <= 1)
        with Image.open(self.folder / "run" / "curves.png") as curves:
            self.assertGreater(curves.width, 2 * curves.height)
        for name in ("best", "last"):
            info = self.json("info", f"run/{name}.safetensors", "--json")
            self.assertEqual((info["arch"], info["config"]["width"]), ("ave-net", 0.0625))
            self.assertTrue(info["trained"])

    def test_the_model_that_comes_out_scores_and_goes_in_again(self):
        self.train("--arch", "avol-net", "--steps-per-epoch", "2", "--epochs", "1", "-o", "first",
                   "--license", "CC0-1.0", "--source", "test clips")
        score = self.avsound("score", "clips/0.mkv", "--model", "first/last.safetensors")
        self.assertNotIn("untrained", score.stderr)
        self.assertEqual(self.json("info", "first/last.safetensors", "--json")["metadata"]["license"], "CC0-1.0")
        arguments = ["clips", "--init", "first/last.safetensors", "--objective", "contrastive", "--batch", "3",
                     "--augment", "strong,hue=0,time-masks=1", "--ema", "0.9", "--schedule", "cosine", "--warmup", "1",
                     "--clip", "1", "--accumulate", "2", "--weight-decay", "0", "--threads", "1", "--workers", "1"]
        self.avsound("train", *arguments, "--steps-per-epoch", "2", "--epochs", "1", "-o", "second")
        info = self.json("info", "second/last.safetensors", "--json")
        self.assertEqual((info["arch"], info["config"]["width"]), ("avol-net", 0.0625))
        self.assertEqual(len(self.steps("second")), 2)

    def test_a_network_like_another_has_its_shape_and_not_its_weights(self):
        once = ["--steps-per-epoch", "1", "--epochs", "1"]
        self.train("--arch", "avol-net", *once, "-o", "first")
        for name, seed in (("second", "1"), ("third", "7")):
            self.avsound("train", "clips", "--like", "first/last.safetensors", *SMALL[2:],
                         "--seed", seed, *once, "-o", name)
        first, second, third = (self.json("info", f"{name}/last.safetensors", "--json")
                                for name in ("first", "second", "third"))
        self.assertEqual((second["arch"], second["config"]), ("avol-net", first["config"]))
        same = [(self.folder / name / "last.safetensors").read_bytes()[-4000:] for name in ("first", "second", "third")]
        self.assertEqual(same[0], same[1])  # the same seed, clips and step
        self.assertNotEqual(same[0], same[2])

    def test_clips_in_and_out_of_time(self):
        config = {"width": 0.0625, "audio_width": 0.0625, "image": {"width": 32, "height": 32, "short_side": 36},
                  "clip": {"frames": 12, "frame_rate": 25, "sample_rate": 8000}}
        shift = ["--objective", "shift", "--config", json.dumps(config), "--batch", "4", "--threads", "1", "--workers", "1",
                 "--precision", "f32", "--optimizer", "momentum", "--shift-min", "0.5", "--shift-hard", "0.3"]
        run = self.avsound("train", "clips", "--val", "val", "--val-draws", "1", *shift, "--steps-per-epoch", "2", "--epochs", "1",
                           "-o", "run")
        self.assertRegex(run.stdout, r"epoch 1/1  step 2  loss \d.*accuracy.*validation: .*AUC")
        info = self.json("info", "run/last.safetensors", "--json")
        self.assertEqual((info["arch"], info["config"]["clip"]["samples"]), ("multisensory", 3840))
        self.assertEqual(info["metadata"]["avsound.training.objective"], "shift")
        self.assertFalse([p for p in info["parameter_list"] if "renorm" in p["name"]])
        self.avsound("train", "clips", *shift, "--dry-run", "sheet.png")
        with Image.open(self.folder / "sheet.png") as sheet:
            self.assertGreater(sheet.width, 600)
        wrong = self.avsound("train", "clips", "--arch", "multisensory", "-o", "none", code=4)
        self.assertIn("nothing but AVSOUND_OBJECTIVE_SHIFT", wrong.stderr)

    def test_a_second_stage_begins_with_the_first(self):
        def config(frames, rate):
            return json.dumps({"width": 0.0625, "audio_width": 0.0625, "image": {"width": 32, "height": 32, "short_side": 36},
                               "clip": {"frames": frames, "frame_rate": rate, "sample_rate": 8000}})
        rest = ["--objective", "shift", "--batch", "4", "--threads", "1", "--workers", "1", "--precision", "f32", "--shift-min",
                "0.5", "--steps-per-epoch", "1", "--epochs", "1"]
        self.avsound("train", "clips", *rest, "--config", config(6, 12.5), "-o", "first")
        again = ["--init", "first/last.safetensors", "--config", config(12, 25)]
        run = self.avsound("train", "clips", *rest, *again, "--init-except", "conv2_2_,conv3_2_,conv4_2_,conv5_2_", "-o", "second")
        self.assertIn("begins with 102 tensors of first/last.safetensors; 36 begin anew", run.stdout)
        info = self.json("info", "second/last.safetensors", "--json")
        self.assertEqual((info["config"]["clip"]["frames"], info["config"]["clip"]["frame_rate"]), (12, 25))
        run = self.avsound("train", "clips", *rest, "--init", "first/last.safetensors", "--init-except", "joint", "-o", "third")
        self.assertIn("begins with 136 tensors of first/last.safetensors; 2 begin anew", run.stdout)
        wrong = self.avsound("train", "clips", *rest, *again, "--init-except", "conv2_2_,conv9", "-o", "none", code=2)
        self.assertIn('"conv9" is in the name of none of multisensory\'s 138 tensors', wrong.stderr)
        wrong = self.avsound("train", "clips", *rest, "--init", "first/last.safetensors", "--width", "0.125", "-o", "none", code=2)
        self.assertRegex(wrong.stderr, "first/last.safetensors: .* wants")

    def test_mixtures_taken_apart(self):
        common = {"unet_width": 0.0625, "clip": {"frames": 18, "frame_rate": 25, "sample_rate": 8000},
                  "separation": {"window": 512, "hop": 40, "fft": 1024}}
        seeing = {"width": 0.0625, "audio_width": 0.0625, "image": {"width": 32, "height": 32, "short_side": 36}, **common}
        rest = ["--objective", "separate", "--batch", "2", "--threads", "1", "--workers", "1", "--precision", "f32"]
        separate = [*rest, "--config", json.dumps(seeing), "--separation-loss", "both", "--silent-share", "0.3"]
        run = self.avsound("train", "clips", "--val", "val", "--val-draws", "1", *separate, "--steps-per-epoch", "1", "--epochs",
                           "1", "-o", "run")
        self.assertRegex(run.stdout, r"epoch 1/1  step 1  loss \d.*accuracy -?\d.*validation: loss \d\.\d+  accuracy -?\d")
        self.assertNotIn("AUC", run.stdout)
        options = [line for line in self.log("run") if line["event"] == "begin"][0]["options"]
        self.assertEqual((options["separation_loss"], options["silent_share"]), (3, 0.3))
        info = self.json("info", "run/last.safetensors", "--json")
        self.assertEqual((info["arch"], info["metadata"]["avsound.training.objective"]), ("separator", "separate"))
        self.avsound("train", "clips", *separate, "--dry-run", "sheet.png")
        with Image.open(self.folder / "sheet.png") as sheet:
            self.assertGreater(sheet.width, 600)
        blind = [*rest, "--arch", "separator-pit", "--config", json.dumps(common)]
        self.avsound("train", "clips", *blind, "--steps-per-epoch", "1", "--epochs", "1", "-o", "blind")
        wrong = self.avsound("train", "clips", *blind, "--separation-loss", "fg-bg", "-o", "none", code=4)
        self.assertIn("separator-pit sees nothing", wrong.stderr)
        resumed = self.avsound("train", "--resume", "-o", "run", "--silent-share", "0.5", code=2)
        self.assertIn("--silent-share can't be changed", resumed.stderr)

    def test_one_tower_is_warmed_up_on_views_of_sounds(self):
        names = [f"{i}.wav" for i in range(4)]
        (self.folder / "sounds").mkdir()
        for name, sound in zip(names, SOUNDS):
            ffmpeg("-f", "lavfi", "-i", f"{sound}:duration=3", self.folder / "sounds" / name)
        self.avsound("prepare", "sounds", "-o", "heard", "--sounds")
        self.avsound("train", "heard", *SMALL, "-o", "run", code=3) # no pictures, no pairs
        views = ["--objective", "views-audio", "--augment", "strong"]
        run = self.avsound("train", "heard", *SMALL, *views, "--val", "heard", "--steps-per-epoch", "2", "--epochs", "1", "-o",
                           "warm")
        self.assertRegex(run.stdout, r"validation: loss \d\.\d+  accuracy \d+\.\d % \(best\)")
        self.assertIsNone([line for line in self.log("warm") if line["event"] == "epoch"][0]["validation_auc"])
        metadata = self.json("info", "warm/best.safetensors", "--json")["metadata"]
        self.assertEqual(metadata["avsound.training.objective"], "views-audio")
        arguments = ["clips", "--init", "warm/last.safetensors", "--threads", "1", "--workers", "1", "--batch", "4"]
        self.avsound("train", *arguments, "--steps-per-epoch", "1", "--epochs", "1", "-o", "second")
        for objective in ("views-image", "views-audio"):
            self.train("--objective", objective, "--dry-run", f"{objective}.png")
            with Image.open(self.folder / f"{objective}.png") as sheet:
                colours = {colour for count, colour in sheet.convert("RGB").getcolors(1 << 24)}
            self.assertIn((0x2E, 0x8B, 0x57), colours)
            self.assertNotIn((0xC8, 0x48, 0x3E), colours)

    def test_nothing_is_printed_when_quiet(self):
        run = self.train("--steps-per-epoch", "1", "--epochs", "1", "-o", "run", "--quiet")
        self.assertEqual(run.stdout + run.stderr, "")

    def test_a_terminal_sees_a_bar_that_fits(self):
        code, output, seen = on_terminal(["train", "clips", *SMALL, "--steps-per-epoch", "20", "--epochs", "2", "-o",
                                          "run"], self.folder)
        self.assertEqual(code, 0)
        self.assertEqual(len(re.findall(r"(?m)^epoch ", output)), 2)
        drawn = [line for line in re.split(r"\r|\x1b\[K", seen) if line]
        self.assertTrue(drawn)
        figures = r"loss \d\.\d+  acc \d+\.\d %  lr 3e-04  \d+(\.\d+)?/s  wait \d+ %  \d+:\d\d left"
        for line in drawn:
            self.assertRegex(line, rf"^[#.]+ [12]/2  {figures}$")
            self.assertLess(len(line), 80)
        self.assertTrue(seen.endswith("\r\x1b[K")) # nothing stays


class Interrupted(TrainTest):
    ARGUMENTS = ["--steps-per-epoch", "30", "--epochs", "2", "--val", "val", "--val-draws", "1"]

    def interrupt(self, run, lines):
        process = subprocess.Popen([COMMAND, "train", "clips", *SMALL, *self.ARGUMENTS, "-o", run], cwd=self.folder,
                                   env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        log = self.folder / run / "log.jsonl"
        end = time.monotonic() + 120
        while time.monotonic() < end and (not log.exists() or log.read_text().count("\n") < lines):
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 130, output + errors)
        self.assertRegex(errors, rf"saved at step \d+ of 60; go on with: avsound train --resume -o {run}\n")
        self.assertTrue((self.folder / run / "checkpoint.safetensors").exists())

    def test_a_run_that_was_interrupted_ends_like_one_that_was_not(self):
        self.train(*self.ARGUMENTS, "-o", "whole")
        self.interrupt("parts", 8)
        done = len(self.steps("parts"))
        self.assertTrue(5 < done < 60, f"{done} steps were done before the interruption: nothing is tested")
        self.avsound("train", "--resume", "-o", "parts", "--threads", "1")
        self.assertEqual([line["step"] for line in self.steps("parts")], list(range(1, 61)))
        keys = ("step", "epoch", "loss", "accuracy", "learning_rate", "gradient_norm", "clipped")
        self.assertEqual([[line[k] for k in keys] for line in self.steps("parts")],
                         [[line[k] for k in keys] for line in self.steps("whole")])
        for name in ("last", "best"):
            self.assertEqual((self.folder / "parts" / f"{name}.safetensors").read_bytes(),
                             (self.folder / "whole" / f"{name}.safetensors").read_bytes())

    def test_a_run_that_is_over_goes_on_with_more_epochs(self):
        self.train("--steps-per-epoch", "2", "--epochs", "1", "-o", "run")
        self.avsound("train", "--resume", "-o", "run")
        self.assertEqual(len(self.steps("run")), 2)
        self.avsound("train", "--resume", "-o", "run", "--epochs", "2")
        self.assertEqual(len(self.steps("run")), 4)


class DryRun(TrainTest):
    def test_the_sheet_is_all_that_is_written(self):
        run = self.train("--dry-run", "sheet.png")
        self.assertIn("sheet.png", run.stdout)
        self.assertEqual(self.new_files(), ["sheet.png"])
        with Image.open(self.folder / "sheet.png") as sheet:
            self.assertGreater(sheet.width, 1000)
            colours = {colour: count for count, colour in sheet.convert("RGB").getcolors(1 << 24)}
        bar = 4 * 300 # two items correspond, two do not
        self.assertGreater(colours[(0x2E, 0x8B, 0x57)], 2 * bar)
        self.assertGreater(colours[(0xC8, 0x48, 0x3E)], 2 * bar)

    def test_the_same_seed_draws_the_same_sheet(self):
        for seed, name in (("1", "a.png"), ("1", "b.png"), ("2", "c.png")):
            self.train("--dry-run", name, "--seed", seed)
        a, b, c = ((self.folder / name).read_bytes() for name in ("a.png", "b.png", "c.png"))
        self.assertEqual(a, b)
        self.assertNotEqual(a, c)


class Refusals(TrainTest):
    def test_wrong_command_lines(self):
        for words, arguments in [
                ("--output is missing", ["clips"]),
                ("wants DATA", ["-o", "run"]),
                ("2 operands", ["clips", "val", "-o", "run"]),
                ("the run's own data", ["clips", "--resume", "-o", "run"]),
                ("--lr can't be changed", ["--resume", "-o", "run", "--lr", "1e-3"]),
                ("--output is missing", ["--resume"]),
                ("--init, which is missing", ["clips", "-o", "run", "--init-except", "conv2_2_"]),
                ("--like names", ["clips", "-o", "run", "--like", "x", "--width", "0.5"]),
                ("exclude each other", ["clips", "-o", "run", "--width", "0.5", "--config", "{}"]),
                ("ends in .png", ["clips", "--dry-run", "sheet.jpg"]),
                ("avc|contrastive|views-image|views-audio", ["clips", "-o", "run", "--objective", "guess"]),
                ("--batch is 1", ["clips", "-o", "run", "--batch", "1"]),
                ("did you mean flip", ["clips", "-o", "run", "--augment", "paper,flipp=1"]),
                ("mix is much", ["clips", "-o", "run", "--augment", "mix=much"]),
                ("want a whole number", ["clips", "-o", "run", "--augment", "time-masks=1.5"]),
                ("hue is 7", ["clips", "-o", "run", "--augment", "hue=7"]),
                ("--arch", ["clips", "-o", "run", "--arch", "u-net"])]:
            self.refused(2, words, "train", *arguments)

    def test_wrong_inputs(self):
        self.refused(3, "nowhere", "train", "nowhere", "-o", "run", *SMALL)
        self.refused(3, "nowhere", "train", "clips", "--val", "nowhere", "-o", "run", *SMALL)
        self.refused(3, "run", "train", "--resume", "-o", "run")
        self.refused(3, "no such model", "train", "clips", "-o", "run", "--init", "nothing")
        self.refused(3, "no such model", "train", "clips", "-o", "run", "--like", "nothing")
        self.refused(4, "l3-net", "train", "clips", "-o", "run", *SMALL, "--arch", "l3-net", "--objective",
                     "contrastive")
        self.refused(5, "still.png", "train", "clips", "-o", "still.png/run", *SMALL, "--quiet")

    def test_a_folder_holds_one_run(self):
        self.train("--steps-per-epoch", "1", "--epochs", "1", "-o", "run")
        before = (self.folder / "run" / "last.safetensors").read_bytes()
        run = self.train("-o", "run", code=3)
        self.assertIn("--resume", run.stderr)
        self.assertEqual((self.folder / "run" / "last.safetensors").read_bytes(), before)

    def test_damaged_checkpoints_and_other_clips_are_refused(self):
        self.train("--steps-per-epoch", "1", "--epochs", "1", "-o", "run")
        checkpoint = self.folder / "run" / "checkpoint.safetensors"
        whole = checkpoint.read_bytes()
        for damaged in (b"", whole[:1000], whole[:-10], b"x" * len(whole)):
            checkpoint.write_bytes(damaged)
            run = self.avsound("train", "--resume", "-o", "run", code=3)
            self.assertIn("checkpoint.safetensors", run.stderr)
        checkpoint.write_bytes(whole)
        table = self.folder / "clips" / "prepared.csv"
        text = table.read_text()
        try:
            table.write_text("\n".join(text.splitlines()[:-1]) + "\n")
            self.avsound("train", "--resume", "-o", "run", "--epochs", "2", code=3)
        finally:
            table.write_text(text)
        self.avsound("train", "--resume", "-o", "run", "--epochs", "2")


if __name__ == "__main__":
    unittest.main(verbosity=2)
