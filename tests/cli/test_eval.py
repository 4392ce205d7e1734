"""avsound eval as people run it: manifests, tasks, what is left out, what is refused. Run through CTest, or
AVSOUND_CLI=build/examples/avsound python3 test_eval.py."""
import csv
import json
import os
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "examples" / "python"))
import handmade
from support import TINY, CommandTest, ffmpeg, make_video

AVE = ["--arch", "ave-net", "--config", '{"width": 0.0625}']
L3 = ["--arch", "l3-net", "--config", '{"width": 0.0625}']
LABELS = ["--labels", "category", "--tree", "paths"]
FAST = [*AVE, "--threads", 2, "--precision", "f32"]

# Red things hum, blue things tick, as examples/python/handmade.py wants it.
HUM = "sine=500:duration=3"
TICK = "aevalsrc='if(lt(mod(t,0.25),0.002),0.9,0)':s=48000:d=3"


def make_thing(path, colour, sound, x):
    box = f"drawbox=x={x}:y=80:w=64:h=64:color={colour}:t=fill"
    ffmpeg("-f", "lavfi", "-i", f"color=gray:size=224x224:rate=25:duration=3,{box}", "-f", "lavfi", "-i", sound,
           "-shortest", "-c:v", "mpeg4", "-q:v", "2", "-c:a", "pcm_s16le", path)


class Eval(CommandTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for i, sound in enumerate(["sine=300", "sine=900", "anoisesrc=a=0.3", "sine=2000"]):
            make_video(cls.folder / f"real{i}.mp4", seconds=2, rate=25, sound=sound)
        make_video(cls.folder / "brief.mp4", seconds=0.6, rate=25)
        (cls.folder / "val.csv").write_text("file,category,group,label\n" + "".join(
            f'real{i}.mp4,{c},{g},"{l}"\n' for i, c, g, l in [
                (0, "tone:low", "a", "a tone, low"), (1, "tone:high", "a", "tone"), (2, "noise", "b", "hiss"),
                (3, "tone:high", "c", "tone")]))
        for i in range(4):
            colour, sound = ("red", HUM) if i % 2 else ("blue", TICK)
            make_thing(cls.folder / f"thing{i}.mkv", colour, sound, 8 + 48 * (i // 2))
        make_thing(cls.folder / "grey.mkv", "gray", HUM, 8)
        # That network blurs by a cell, and many cells are equally bright: the boxes are wider than the things.
        (cls.folder / "boxes.csv").write_text(
            "file,time,boxes,width,height\n" + "".join(
                f"thing{i}.mkv,1.48,{48 * (i // 2) - 8} 64 {88 + 48 * (i // 2)} 160,224,224\n" for i in range(4)))
        handmade_path = cls.folder / "hand.safetensors"
        sys_argv, sys.argv = sys.argv, ["handmade.py", str(handmade_path)]
        try:
            handmade.main()
        finally:
            sys.argv = sys_argv
        cls.before = set(os.listdir(cls.folder))

    def rows(self, name):
        with open(self.folder / name, newline="") as file:
            return list(csv.DictReader(file))

    # ---- correspondence ----

    def test_a_network_that_knows_is_right(self):
        got = self.json("eval", "avc", "--model", "hand.safetensors", "--data", "boxes.csv", "--draws", 8, "--json",
                        "--csv", "items.csv", "--precision", "f32")
        self.assertEqual((got["n"], got["n_bad"], got["n_skipped"], got["draws"]), (4, 0, 0, 8))
        rows = self.rows("items.csv")
        self.assertEqual(len(rows), 32)
        right = 0
        for row in rows:
            self.assertNotEqual(row["file"], row["other"])
            self.assertGreater(float(row["positive"]), 0.5)
            same = int(row["file"][5]) % 2 == int(row["other"][5]) % 2  # another red thing hums too
            self.assertEqual(float(row["negative"]) > 0.5, same)
            right += 1 + (not same)
            for time in (row["time"], row["other_time"]):
                self.assertAlmostEqual(float(time) / 0.04, round(float(time) / 0.04), places=6)
                self.assertTrue(0.5 <= float(time) <= 2.5)
        self.assertAlmostEqual(got["accuracy"]["value"], right / 64)
        self.assertLess(got["accuracy"]["low"], got["accuracy"]["value"])

    def test_draws_depend_on_the_seed_alone(self):
        def run(*more):
            self.avsound("eval", "avc", *FAST, "--data", "val.csv", "--draws", 2, "--csv", "items.csv", *more)
            return (self.folder / "items.csv").read_text()
        first = run()
        self.assertEqual(first, run("--threads", 1))
        self.assertNotEqual([r.split(",")[2] for r in first.splitlines()],
                            [r.split(",")[2] for r in run("--seed", 2).splitlines()])

    def test_negatives_keep_to_what_was_asked(self):
        for which, column in (("other-category", "category"), ("other-group", "group")):
            self.avsound("eval", "avc", *FAST, "--data", "val.csv", "--draws", 5, "--negatives", which,
                         "--csv", "i.csv")
            of = {row["file"]: row[column] for row in self.rows("val.csv")}
            pairs = self.rows("i.csv")
            self.assertEqual(len(pairs), 20)
            for row in pairs:
                self.assertNotEqual(of[row["file"]], of[row["other"]])

    def test_what_cannot_be_scored_is_left_out(self):
        names = ["file", "real0.mp4", "real1.mp4", "brief.mp4", "mute.mp4", "missing.mp4", "noise.mp4"]
        (self.folder / "odd.csv").write_text("\n".join(names))
        run = self.avsound("eval", "avc", *FAST, "--data", "odd.csv", "--draws", 1, "--json")
        got = json.loads(run.stdout)
        self.assertEqual((got["n"], got["n_skipped"]), (2, 4))
        self.assertIn("missing.mp4", run.stderr)
        self.assertIn("noise.mp4", run.stderr)
        self.assertNotIn("brief.mp4", run.stderr)

    def test_a_folder_will_do(self):
        folder = self.folder / "clips"
        folder.mkdir()
        for i in range(3):
            (folder / f"real{i}.mp4").write_bytes((self.folder / f"real{i}.mp4").read_bytes())
        (folder / "notes.txt").write_text("no video")
        args = ["eval", "avc", *FAST, "--data", "clips", "--draws", 1, "--json"]
        self.assertEqual(self.json(*args)["n"], 3)
        self.assertEqual(self.json(*args, "--limit", 2)["n"], 2)

    def test_table_names_chance(self):
        run = self.avsound("eval", "avc", *FAST, "--data", "val.csv", "--draws", 1)
        self.assertRegex(run.stdout, r"(?m)^accuracy +\d\.\d{4} +\d\.\d{4} \.\.\. \d\.\d{4} +chance 0\.5000$")
        self.assertIn("untrained", run.stderr)

    # ---- retrieval ----

    def test_retrieval(self):
        got = self.json("eval", "retrieval", *FAST, "--data", "val.csv", *LABELS, "--json", "--csv", "items.csv")
        self.assertEqual(got["n"], 4)
        self.assertEqual(got["im-aud"]["recall_10"]["value"], 1)
        self.assertAlmostEqual(got["im-aud"]["recall_1"]["chance"], 0.25)
        self.assertNotIn("recall_1", got["im-im"])
        for direction in ("im-im", "im-aud", "aud-im", "aud-aud"):
            self.assertTrue(0 < got[direction]["ndcg"]["value"] <= 1)
        ranks = [int(row["rank_im-aud"]) for row in self.rows("items.csv")]
        self.assertAlmostEqual(got["im-aud"]["median_rank"]["value"], (sorted(ranks)[1] + sorted(ranks)[2]) / 2)

    def test_without_a_tree_there_is_no_ndcg(self):
        got = self.json("eval", "retrieval", *FAST, "--data", "val.csv", "--json")
        self.assertNotIn("ndcg", got["im-aud"])
        self.assertIn("recall_5", got["im-aud"])

    def test_trees_of_other_forms(self):
        args = ["eval", "retrieval", *FAST, "--data", "val.csv", "--labels", "category", "--json", "--tree"]
        wanted = self.json(*args, "paths")
        (self.folder / "tree.csv").write_text("child,parent\ntone:low,tone\ntone:high,tone\nnoise,\n")
        (self.folder / "tree.json").write_text('{"tone:low": "tone", "tone:high": "tone", "noise": ""}')
        (self.folder / "ontology.json").write_text(json.dumps(
            [{"id": "/m/1", "name": "tone", "child_ids": ["/m/2", "/m/3"]},
             {"id": "/m/2", "name": "tone:low", "child_ids": []},
             {"id": "/m/3", "name": "tone:high", "child_ids": []}, {"id": "/m/4", "name": "noise", "child_ids": []}]))
        for name in ("tree.csv", "tree.json", "ontology.json"):
            got = self.json(*args, name)
            self.assertEqual(got["im-aud"], wanted["im-aud"])

    def test_l3_net_is_compared_only_through_cca(self):
        run = self.avsound("eval", "retrieval", *L3, "--data", "val.csv", *LABELS, "--json")
        self.assertEqual({"im-im", "im-aud", "aud-im", "aud-aud"} & set(json.loads(run.stdout)), {"im-im", "aud-aud"})
        self.assertIn("--cca-data", run.stderr)
        run = self.avsound("eval", "retrieval", *L3, "--data", "val.csv", "--cca-data", "boxes.csv", "--json")
        got = json.loads(run.stdout)
        self.assertIn("recall_1", got["aud-im"])
        self.assertLessEqual(got["cca_components"], 3)
        self.avsound("index", ".", "-o", "fit.db", "--hop", "0.25", *L3, "-q")
        self.avsound("cca", "fit.db", "-o", "fit.cca", "--components", "4", "-q")
        got = json.loads(self.avsound("eval", "retrieval", *L3, "--data", "val.csv", "--cca", "fit.cca", "--json").stdout)
        self.assertEqual(got["cca_components"], 4)
        self.assertIn("recall_1", got["aud-im"])
        run = self.avsound("eval", "retrieval", *L3, "--data", "val.csv", "--cca", "fit.cca", "--cca-data", "boxes.csv", code=2)
        self.assertIn("no --cca-data", run.stderr)
        run = self.avsound("eval", "retrieval", "--model", "hand.safetensors", "--data", "val.csv", "--cca", "fit.cca", code=3)
        self.assertIn("another model", run.stderr)

    # ---- localisation ----

    def test_the_handmade_map_points_at_its_things(self):
        got = self.json("eval", "localize", "--model", "hand.safetensors", "--data", "boxes.csv", "--json",
                        "--csv", "i.csv", "--ciou", "adaptive", "--precision", "f32")
        self.assertEqual((got["n"], got["n_frames"], got["n_negative"]), (4, 4, 0))
        self.assertEqual(got["pointing"]["value"], 1)
        self.assertEqual(got["pointing"]["centre"], 0.5)  # the boxes of two hold (112, 112)
        self.assertGreater(got["ciou_half"]["value"], 0.5)
        self.assertEqual(got["ciou_half"]["whole frame"], 0)
        self.assertEqual([row["hit"] for row in self.rows("i.csv")], ["1.0"] * 4)

    def test_rows_without_boxes_are_negatives(self):
        (self.folder / "both.csv").write_text("file,boxes,width,height\nthing1.mkv,0 64 88 160,224,224\ngrey.mkv,,,\n")
        got = self.json("eval", "localize", "--model", "hand.safetensors", "--data", "both.csv", "--json")
        self.assertEqual(got["n_negative"], 1)
        self.assertGreater(got["map_maximum_source"]["value"], 0.5)
        self.assertLess(got["map_maximum_none"]["value"], 0.5)

    # ---- generated clips, whose truth lies beside them ----

    def make_world(self):
        """The things above with truth as avsound-world writes it; over the grey picture a red thing hums off-screen."""
        folder = self.folder / "world"
        folder.mkdir()
        rows = "file,audible\n"
        for i, name in enumerate(["thing0", "thing1", "thing2", "thing3", "grey"]):
            kind, seen = "red" if i % 2 or name == "grey" else "blue", name != "grey"
            (folder / f"{name}.mkv").write_bytes((self.folder / f"{name}.mkv").read_bytes())
            x = 48 * (i // 2) - 8
            # Unseen in its first second, unheard in its last: the moments to judge lie between.
            boxes = [None] * 25 + [[max(x, 0), 64, x + 96, 160]] * 50
            thing = {"kind": kind, "on_screen": seen, "sounding": True, "stem": 1, "level_db": [-20] * 50 + [-120] * 25,
                     "boxes": boxes if seen else None}
            silent = {"kind": "green", "on_screen": True, "level_db": None, "boxes": [[0, 0, 9, 9]] * 75}
            (folder / f"{name}.json").write_text(json.dumps({
                "format": "avsound-world/1", "fps": 25, "frames": 75, "width": 224, "height": 224,
                "things": [silent, thing]}))
            rows += f"{name}.mkv,{kind}\n"
        (folder / "manifest.csv").write_text(rows)
        (folder / "world.json").write_text('{"tree": {"red": "colour", "blue": "colour", "colour": "thing"}}')

    def test_truth_tells_where_and_whether_something_sounds(self):
        self.make_world()
        got = self.json("eval", "localize", "--model", "hand.safetensors", "--data", "world", "--json",
                        "--csv", "i.csv", "--precision", "f32")
        self.assertEqual((got["n"], got["n_frames"], got["n_negative"]), (5, 15, 3))
        self.assertEqual(got["pointing"]["value"], 1)
        self.assertLess(got["map_maximum_ratio"]["value"], 0.1)
        self.assertEqual((got["choice"]["value"], got["choice"]["chance"]), (1, 0.5))  # not the green thing in the corner
        for row in self.rows("i.csv"):
            seen = row["file"] != "grey.mkv"
            self.assertEqual(row["source_visible"], str(int(seen)))
            if seen:  # visible from 1 s; a second of sound that begins before 2 s
                self.assertTrue(1 <= float(row["time"]) < 2.5)
        self.assertEqual(self.json("eval", "localize", "--model", "hand.safetensors", "--data", "world", "--json",
                                   "--frames", 1)["n_frames"], 5)

    def test_a_map_that_prefers_what_is_silent_chooses_wrongly(self):
        self.make_world()
        for path in (self.folder / "world").glob("thing*.json"):
            truth = json.loads(path.read_text())
            silent, thing = truth["things"]
            silent["boxes"], thing["boxes"] = [[box or [0, 64, 9, 160]][0] for box in thing["boxes"]], [[200, 0, 224, 9]] * 75
            path.write_text(json.dumps(truth))
        got = self.json("eval", "localize", "--model", "hand.safetensors", "--data", "world", "--json", "--precision", "f32")
        self.assertEqual((got["choice"]["value"], got["pointing"]["value"]), (0, 0))

    def test_the_oracle_knows_what_is_seen_and_heard(self):
        self.make_world()
        self.avsound("eval", "avc", *FAST, "--data", "world", "--draws", 6, "--csv", "i.csv")
        right = 0
        rows = self.rows("i.csv")
        for row in rows:
            kinds = {f"thing{i}.mkv": "red" if i % 2 else "blue" for i in range(4)} | {"grey.mkv": "red"}
            visible = row["file"] != "grey.mkv" and float(row["time"]) >= 1
            for sound, time, column in ((row["file"], row["time"], "oracle_positive"),
                                        (row["other"], row["other_time"], "oracle_negative")):
                audible = round(25 * float(time)) - 12 < 50  # the 24 whole frames around it
                says = visible and audible and kinds[row["file"]] == kinds[sound]
                self.assertEqual(int(row[column]), says, row)
                right += says == (column == "oracle_positive")
        got = self.json("eval", "avc", *FAST, "--data", "world", "--draws", 6, "--json")
        self.assertAlmostEqual(got["oracle"]["value"], right / (2 * len(rows)))
        self.assertTrue(0.5 < got["oracle"]["value"] < 1)

    def test_the_worlds_own_tree_is_found(self):
        self.make_world()
        got = self.json("eval", "retrieval", *FAST, "--data", "world", "--json")
        self.assertEqual(got["n_ndcg"], 5)
        self.assertTrue(0 < got["im-aud"]["ndcg"]["value"] <= 1)

    # ---- refusals ----

    def test_refusals(self):
        (self.folder / "nofile.csv").write_text("name\nreal0.mp4\n")
        (self.folder / "ragged.csv").write_text("file,label\nreal0.mp4\n")
        (self.folder / "bad.csv").write_text("file,boxes\nreal0.mp4,1 2 3\n")
        (self.folder / "few.csv").write_text("file\nbrief.mp4\n")
        (self.folder / "tree.csv").write_text("child,parent\nnoise,\n")
        self.before |= {"nofile.csv", "ragged.csv", "bad.csv", "few.csv", "tree.csv"}
        for code, words, *arguments in [
            (2, "--data is missing", "avc"),
            (2, "did you mean retrieval", "retrieva", "--data", "val.csv"),
            (2, "eval: wants avc|retrieval|localize", "--data", "val.csv"),
            (3, "has no column \"file\"", "avc", "--data", "nofile.csv"),
            (3, "has 1 fields, want 2", "avc", "--data", "ragged.csv"),
            (3, "No such file", "avc", "--data", "nowhere.csv"),
            (3, "no clip there", "avc", "--data", "few.csv"),
            (3, "no column \"category\"", "avc", "--data", "boxes.csv", "--negatives", "other-category"),
            (3, "no column \"kind\"", "retrieval", "--data", "val.csv", "--labels", "kind"),
            (3, "is not in the tree", "retrieval", "--data", "val.csv", "--labels", "category", "--tree", "tree.csv"),
            (3, "neither a column \"boxes\"", "localize", "--data", "val.csv", *TINY),
            (3, "boxes \"1 2 3\"", "localize", "--data", "bad.csv", *TINY),
            (4, "has no map", "localize", "--data", "boxes.csv", *AVE),
            (2, "--threshold belong together", "localize", "--data", "boxes.csv", "--ciou", "fixed", *TINY),
            (2, "is an input too", "avc", "--data", "val.csv", "--csv", "val.csv"),
        ]:
            if "--arch" not in arguments:
                arguments += AVE
            self.refused(code, words, "eval", *arguments)


if __name__ == "__main__":
    unittest.main()
