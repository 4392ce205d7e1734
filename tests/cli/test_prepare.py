"""avsound prepare as people run it."""
import csv
import os
import pathlib
import signal
import subprocess
import time
import unittest

from support import COMMAND, CommandTest, environment, make_video, on_terminal, probe


class Prepare(CommandTest):
    def rows(self, folder="out"):
        with open(self.folder / folder / "prepared.csv", newline="", encoding="utf-8") as table:
            return {pathlib.Path(row["source"]).name: row for row in csv.DictReader(table)}

    def test_table_flags_and_summary(self):
        run = self.avsound("prepare", "clip.mp4", "mute.mp4", "still.png", "half.mkv", "empty.mp4", "noise.mp4",
                           "tone.wav", "-o", "out")
        rows = self.rows()
        self.assertEqual({name: row["flags"] for name, row in rows.items()},
                         {"clip.mp4": "", "mute.mp4": "no-audio", "still.png": "no-video no-audio",
                          "half.mkv": "broken", "empty.mp4": "broken", "noise.mp4": "broken", "tone.wav": "no-video"})
        self.assertEqual(rows["empty.mp4"]["error"], "is empty, want a media file")
        self.assertEqual(run.stdout.splitlines()[0].split(",")[0], "out: 1 of 7 clips to learn from")
        self.assertRegex(run.stdout, r"(?m)^  broken +3  (empty|half|noise)\.m")
        self.assertRegex(run.stdout, r"(?m)^  no-audio +2  mute\.mp4\n +still\.png$")
        self.assertEqual(sorted(os.listdir(self.folder / "out")), sorted([rows["clip.mp4"]["file"], "prepared.csv"]))

    def test_sounds(self):
        found = self.json("prepare", "clip.mp4", "tone.wav", "-o", "out", "--sounds", "--json")
        self.assertEqual((found["usable"], found["sound_alone"]), (1, 1))
        row = self.rows()["tone.wav"]
        self.assertEqual((row["flags"], row["frames"]), ("no-video", "0"))
        self.assertEqual([s["codec_name"] for s in probe(self.folder / "out" / row["file"])["streams"]], ["pcm_s16le"])
        run = self.avsound("prepare", "tone.wav", "-o", "alone", "--sounds") # a folder of sounds is no failure
        self.assertTrue(run.stdout.startswith("alone: 0 of 1 clips to learn from, 1 with sound alone, 0 kept"))

    def test_flow_beside_the_clips(self):
        (self.folder / "in").mkdir()
        for name in "ab":
            make_video(self.folder / "in" / f"{name}.mp4", seconds=3, size="96x64")
        small = ["--arch", "ave-net-of", "--config", '{"width": 0.0625, "image": {"width": 32, "height": 32, "short_side": 36}}',
                 "--batch", "2", "--threads", "1", "--workers", "1"]
        prepare = ["prepare", "in", "-o", "out", "--flow"]
        self.assertIn("0 kept", self.avsound(*prepare, "36").stdout)
        self.assertIn("2 kept", self.avsound(*prepare, "36").stdout)
        self.assertEqual({row["settings"] for row in self.rows().values()}, {"side=256 channels=1 quality=3 flow=36"})
        files = sorted(name for name in os.listdir(self.folder / "out") if name.endswith(".flow"))
        self.assertEqual([os.path.getsize(self.folder / "out" / name) for name in files], 2 * [24 + 74 * 2 * 54 * 36])
        self.avsound("train", "out", *small, "-o", "run", "--epochs", "1", "--steps-per-epoch", "1")
        (self.folder / "out" / files[0]).unlink()
        run = self.avsound("train", "out", *small, "-o", "other", "--epochs", "1", "--steps-per-epoch", "2", code=3)
        self.assertRegex(run.stderr, r"-[0-9a-f]{10}\.flow: No such file")
        self.assertIn("1 kept", self.avsound(*prepare, "36").stdout)
        self.avsound(*prepare, "20")
        run = self.avsound("train", "out", *small, "-o", "third", code=4)
        self.assertIn("of pictures of 20 pixels, the network's have 32: prepare with --flow 36, or without", run.stderr)
        run = self.avsound(*prepare, "300", code=2)
        self.assertIn("--flow is 300, want at most the clips' --short-side, 256", run.stderr)

    def test_prepared_file(self):
        make_video(self.folder / "wide.mp4", seconds=2, rate=30, size="640x360", sound="sine=440:sample_rate=44100")
        self.avsound("prepare", "wide.mp4", "-o", "out", "--short-side", "90", "--channels", "2")
        row = self.rows()["wide.mp4"]
        found = probe(self.folder / "out" / row["file"])
        video, audio = found["streams"]
        self.assertEqual((video["codec_name"], video["width"], video["height"], video["avg_frame_rate"]),
                         ("mjpeg", 160, 90, "25/1"))
        self.assertEqual((audio["codec_name"], audio["sample_rate"], audio["channels"]), ("pcm_s16le", "48000", 2))
        frames = [f for f in found["frames"] if f["media_type"] == "video"]
        self.assertEqual([round(float(f["pts_time"]) * 25) for f in frames], list(range(50)))
        self.assertTrue(all(f["key_frame"] == 1 for f in frames))
        samples = sum(f["nb_samples"] for f in found["frames"] if f["media_type"] == "audio")
        self.assertEqual((int(row["frames"]), int(row["samples"])), (50, samples))

    def test_json_and_going_on(self):
        (self.folder / "in").mkdir()
        make_video(self.folder / "in" / "a.mp4")
        (self.folder / "in" / "groups.csv").write_text('file,group\na.mp4,"the film"\n')
        first = self.json("prepare", "in", "-o", "out", "--manifest", "in/groups.csv", "--json", "--workers", "1")
        self.assertEqual((first["clips"], first["usable"], first["kept"]), (1, 1, 0))
        self.assertEqual(first["results"][0]["group"], "the film")
        self.assertEqual(first["results"][0]["flags"], [])
        make_video(self.folder / "in" / "b.mp4", sound="sine=700")
        (self.folder / "list.txt").write_text("in/b.mp4\n# both\nin\n")
        second = self.json("prepare", "list.txt", "-o", "out", "--json")
        self.assertEqual([(r["kept"], r["group"] == "the film") for r in second["results"]],
                         [(True, True), (False, False)])

    def test_shards(self):
        (self.folder / "in").mkdir()
        for name in "abc":
            (self.folder / "in" / f"{name}.mp4").write_bytes((self.folder / "clip.mp4").read_bytes())
        for part in (1, 2):
            self.avsound("prepare", "in", "-o", "out", "--shard", f"{part}/2", code=None)
        self.assertEqual([n for n in sorted(os.listdir(self.folder / "out")) if n.endswith("csv")],
                         ["prepared-1-of-2.csv", "prepared-2-of-2.csv"])
        self.assertEqual(self.json("prepare", "in", "-o", "out", "--json")["kept"], 3)
        self.assertEqual([n for n in sorted(os.listdir(self.folder / "out")) if n.endswith("csv")], ["prepared.csv"])

    def test_many_operands_in_any_place(self):
        names = [f"copy{i}.mp4" for i in range(5)]
        for name in names:
            (self.folder / name).write_bytes((self.folder / "clip.mp4").read_bytes())
        found = self.json("prepare", *names[:2], "-o", "out", *names[2:], "--json")
        self.assertEqual([pathlib.Path(r["source"]).name for r in found["results"]], names)

    def test_refusals(self):
        self.refused(2, "--output is missing", "prepare", "clip.mp4")
        self.refused(2, "VIDEO", "prepare", "-o", "out")
        for shard in ("0/2", "3/2", "1", "1/2x", "a/b"):
            self.refused(2, "want I/N", "prepare", "clip.mp4", "-o", "out", "--shard", shard)
        self.refused(2, "16 to 4096", "prepare", "clip.mp4", "-o", "out", "--short-side", "8")
        self.refused(3, "none.csv: No such file", "prepare", "clip.mp4", "-o", "out", "--manifest", "none.csv")

    def test_nothing_to_learn_from_is_an_error(self):
        run = self.avsound("prepare", "mute.mp4", "-o", "out", code=3)
        self.assertIn("not one clip to learn from", run.stderr)
        self.assertEqual(self.rows()["mute.mp4"]["flags"], "no-audio")

    def test_bar_on_a_terminal_alone(self):
        code, output, seen = on_terminal(["prepare", "clip.mp4", "-o", "out"], self.folder)
        self.assertEqual(code, 0)
        self.assertRegex(seen, r"\r#+ 100 %  1/1 clips")
        self.assertNotIn("\r", output)
        run = self.avsound("prepare", "clip.mp4", "-o", "again")
        self.assertEqual(run.stderr, "")
        self.assertEqual(self.avsound("prepare", "clip.mp4", "-o", "third", "--quiet").stdout, "")

    def test_interrupted_runs_go_on(self):
        (self.folder / "in").mkdir()
        make_video(self.folder / "in" / "a.mp4", rate=25)
        (self.folder / "in" / "z.mp4").write_bytes((self.folder / "long.mp4").read_bytes())
        out = self.folder / "out"
        run = subprocess.Popen([COMMAND, "prepare", "in", "-o", "out", "--workers", "1"], cwd=self.folder,
                               env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
        end = time.monotonic() + 60
        while time.monotonic() < end and run.poll() is None:
            if out.is_dir() and any(n.startswith(".z-") for n in os.listdir(out)):
                break
            time.sleep(0.01)
        self.assertIsNone(run.poll(), "finished before it could be interrupted")
        run.send_signal(signal.SIGINT)
        _, errors = run.communicate(timeout=60)
        self.assertEqual(run.returncode, 130, errors)
        self.assertEqual(list(self.rows()), ["a.mp4"])
        self.assertEqual(len(os.listdir(out)), 2)
        found = self.json("prepare", "in", "-o", "out", "--json")
        self.assertEqual([r["kept"] for r in found["results"]], [True, False])
        self.assertEqual([r["frames"] for r in found["results"]], [50, 1500])


if __name__ == "__main__":
    unittest.main()
