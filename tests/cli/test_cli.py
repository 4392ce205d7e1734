"""The avsound command as people run it: exit codes, formats, terminals, signals, help. Run through CTest, or
AVSOUND_CLI=build/examples/avsound python3 test_cli.py."""
import hashlib
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import time
import unittest

import numpy as np
from PIL import Image

from support import (COMMAND, SOURCE, SUBCOMMANDS, TINY, CommandTest, environment, ffmpeg, make_video, on_terminal,
                     pixels, probe, save_model, small_weights, video_times)

OPTION = re.compile(r"^  (?:-(\w), )?--([\w-]+)", re.M)


class Help(CommandTest):
    def options(self, subcommand):
        return {name: letter for letter, name in OPTION.findall(self.avsound("help", subcommand).stdout)}

    def test_every_subcommand_has_help(self):
        listing = self.avsound("help").stdout
        for name in SUBCOMMANDS:
            self.assertRegex(listing, rf"(?m)^  {name} ")
            text = self.avsound("help", name).stdout
            self.assertTrue(text.startswith(f"usage: avsound {name}"))
            self.assertEqual(text, self.avsound(name, "--help").stdout)
            self.assertEqual(text, self.avsound(name, "-h").stdout)

    def test_help_lists_what_the_parser_takes(self):
        for subcommand in SUBCOMMANDS:
            options = self.options(subcommand)
            wanted = {"info": "arch", "prepare": "output", "train": "init", "cca": "output"}.get(subcommand, "model")
            self.assertIn(wanted, options)
            for name in options:
                if name == "help":
                    continue
                run = subprocess.run([COMMAND, subcommand, f"--{name}=", "a", "b", "c"], env=environment(),
                                     capture_output=True, text=True, timeout=60)
                self.assertEqual(run.returncode, 2)
                self.assertNotIn("is no option", run.stderr)

    def test_manual_has_every_option_of_every_subcommand(self):
        manual = (SOURCE / "docs" / "avsound.1").read_text()
        general = manual[manual.index("\n.Sh OPTIONS"):manual.index("\n.Sh ENVIRONMENT")]
        for subcommand in SUBCOMMANDS:
            section = manual[manual.index(f"\n.Ss {subcommand}\n"):]
            section = section[:re.search(r"\n\.S[sh] ", section[5:]).start() + 5]
            for name, letter in self.options(subcommand).items():
                flag = f"Fl {letter} , Fl -{name}" if letter else f"Fl -{name}"
                documented = [line for line in (section + general).splitlines()
                              if line.startswith(".It ") and re.search(re.escape(flag) + r"( |$)", line)]
                self.assertTrue(documented, f"{subcommand} --{name} is not in the manual as \"{flag}\"")

    def test_manual_has_no_option_that_is_not_there(self):
        known = {"version"}
        for subcommand in SUBCOMMANDS:
            known |= set(self.options(subcommand))
        for line in (SOURCE / "docs" / "avsound.1").read_text().splitlines():
            for name in re.findall(r"Fl -([\w-]+)", line):
                self.assertIn(name, known, line)

    def test_manual_is_clean(self):
        try:
            lint = subprocess.run(["mandoc", "-Tlint", "-Wwarning", str(SOURCE / "docs" / "avsound.1")],
                                  capture_output=True, text=True, check=False)
        except FileNotFoundError:
            self.skipTest("mandoc is missing")
        self.assertEqual(lint.returncode, 0, lint.stdout)

    def test_manual_and_help_agree_on_exit_codes(self):
        manual = (SOURCE / "docs" / "avsound.1").read_text()
        status = manual[manual.index(".Sh EXIT STATUS"):manual.index(".Sh EXAMPLES")]
        codes = re.findall(r"(?m)^\.It (\d+)", status)
        text = self.avsound("help", "info").stdout
        self.assertEqual(codes, re.findall(r"\b(\d+) [a-z]", text[text.index("exit status"):]))

    def test_version(self):
        header = (SOURCE / "include" / "avsound" / "version.h").read_text()
        version = ".".join(re.findall(r"define AVSOUND_VERSION_\w+ (\d+)", header))
        self.assertEqual(self.avsound("--version").stdout, f"avsound {version}\n")
        self.assertEqual(self.avsound("-V").stdout, f"avsound {version}\n")

    def test_nothing_asked_shows_usage_and_fails(self):
        run = self.avsound(code=2)
        self.assertEqual(run.stdout, "")
        self.assertIn("usage:", run.stderr)


class Usage(CommandTest):
    def test_slips_get_a_suggestion(self):
        self.assertIn("did you mean localize?", self.refused(2, "loclize", "loclize"))
        self.assertIn("did you mean --fps?", self.refused(2, "--fsp", "localize", "clip.mp4", "--fsp", "3"))
        self.assertIn("did you mean --threads?", self.refused(2, "--thread", "bench", "--thread=2"))

    def test_what_is_far_off_gets_none(self):
        self.assertNotIn("mean", self.refused(2, "xylophone", "xylophone"))
        self.assertNotIn("mean", self.refused(2, "--xylophone", "info", "--xylophone"))
        # An option of another subcommand is no suggestion here.
        self.assertNotIn("mean", self.refused(2, "--fps", "embed", "clip.mp4", "--fps", "3"))

    def test_wrong_values_are_named_with_what_is_wanted(self):
        for option, value, wanted in [("--alpha", "2", "0 to 1"), ("--alpha", "x", "0 to 1"),
                                      ("--alpha", "nan", "0 to 1"), ("--fps", "0", "0.001"),
                                      ("--colormap", "red", "jet|inferno|grey"),
                                      ("--threads", "1.5", "whole number"), ("--threads", "0", "1 to 1024"),
                                      ("--start", "-3", "seconds"), ("--start", "1:75", "seconds"),
                                      ("--precision", "f16", "f32|bf16|auto"), ("--seed", "-1", "0 to")]:
            line = self.refused(2, wanted, "localize", "clip.mp4", "-o", "x.mp4", option, value)
            self.assertIn(value, line)

    def test_missing_and_surplus_words(self):
        self.refused(2, "FILE", "embed")
        self.refused(2, "--output", "localize", "clip.mp4", *TINY)
        self.refused(2, "wants a value", "localize", "clip.mp4", "--fps")
        self.refused(2, "takes no value", "localize", "clip.mp4", "--timing=yes")
        self.refused(2, "3 operands", "score", "still.png", "tone.wav", "clip.mp4")
        self.refused(2, "one of them", "info")
        self.refused(2, "exclude", "bench", "--model", "x", "--arch", "ave-net")
        self.refused(2, "--arch", "bench", "--config", "{}")
        self.refused(2, "sound too", "score", "still.png", *TINY)

    def test_outputs_of_no_known_form(self):
        self.refused(2, ".mp4", "localize", "clip.mp4", "-o", "out.txt", *TINY)
        self.refused(2, "%d", "localize", "clip.mp4", "-o", "%d-%d.png", *TINY)
        self.refused(2, "%d", "localize", "clip.mp4", "-o", "%s.png", *TINY)
        self.refused(2, "still picture", "localize", "still.png", "--audio", "tone.wav", "-o", "out.mp4", *TINY)
        self.refused(2, "NAME.npy", "embed", "clip.mp4", "--format", "npy", *TINY)

    def test_an_input_is_never_overwritten(self):
        whole = (self.folder / "clip.mp4").read_bytes()
        self.refused(2, "input too", "localize", "clip.mp4", "-o", "./clip.mp4", *TINY)
        self.refused(2, "input too", "embed", "clip.mp4", "-o", "clip.mp4", "--format", "csv", *TINY)
        self.refused(2, "input too", "localize", "still.png", "--audio", "tone.wav", "-o", "tone.wav", *TINY)
        self.assertEqual((self.folder / "clip.mp4").read_bytes(), whole)

    def test_double_dash_ends_options(self):
        (self.folder / "-q.png").write_bytes((self.folder / "still.png").read_bytes())
        self.assertEqual(self.json("info", "--json", "--", "-q.png")["file"], "-q.png")

    def test_unknown_architecture_and_configuration(self):
        self.refused(2, "bve-net", "bench", "--arch", "bve-net")
        self.refused(2, "widht", "bench", "--arch", "ave-net", "--config", '{"widht": 1}')


class BadInput(CommandTest):
    def test_missing_empty_and_random_files(self):
        for command in (["info"], ["embed", *TINY], ["score", *TINY], ["localize", "-o", "out.mp4", *TINY]):
            for name in ("absent.mp4", "empty.mp4", "noise.mp4"):
                line = self.refused(3, name, *command, name)
                self.assertEqual(line.count(name), 1, line)

    def test_missing_streams(self):
        self.refused(3, "no sound", "localize", "mute.mp4", "-o", "out.mp4", *TINY)
        self.refused(3, "no picture", "localize", "tone.wav", "-o", "out.mp4", *TINY)
        self.refused(3, "no picture", "score", "tone.wav", *TINY)
        self.refused(3, "no sound", "embed", "still.png", "--modality", "audio", *TINY)
        self.refused(3, "no picture", "embed", "tone.wav", "--modality", "both", *TINY)
        self.refused(3, "absent.wav", "localize", "clip.mp4", "--audio", "absent.wav", "-o", "out.mp4", *TINY)

    def test_models_that_are_none(self):
        self.refused(3, "no such model", "bench", "--model", "absent")
        self.refused(3, "absent/model", "bench", "--model", "absent/model.safetensors")
        self.refused(3, "noise.safetensors", "bench", "--model", "noise.safetensors")
        self.refused(3, "noise.safetensors", "info", "noise.safetensors")
        self.refused(3, "--plan", "info", "clip.mp4", "--plan")

    def test_a_network_without_map_is_unsupported(self):
        self.refused(4, "map", "localize", "clip.mp4", "-o", "out.mp4", "--arch", "ave-net")

    def test_damage_midway_keeps_what_came_before(self):
        run = self.avsound("localize", "half.mkv", "-o", "out.mp4", *TINY, code=None)
        self.assertIn(run.returncode, (0, 3), run.stderr) # some demuxers take a cut file for its end
        times = video_times(self.folder / "out.mp4")
        self.assertGreater(len(times), 3)


class Outputs(CommandTest):
    def test_unwritable_outputs(self):
        (self.folder / "file").write_text("")
        for out in ("absent/out.mp4", "file/out.mp4", "absent/out-%d.png", "absent/out.npy"):
            with self.subTest(out):
                run = self.avsound("localize", "clip.mp4", "-o", out, *TINY, code=5)
                self.assertIn(out.split("%")[0].split("out")[0], run.stderr)
        self.avsound("score", "clip.mp4", "-o", "absent/s.csv", *TINY, code=5)
        self.assertEqual(self.new_files(), ["file"])

    def test_a_full_disk(self):
        self.avsound("score", "clip.mp4", "-o", "/dev/full", "--format", "csv", *TINY, code=5)
        with open("/dev/full", "w") as full:
            run = subprocess.run([COMMAND, "score", "clip.mp4", "--json", *TINY], cwd=self.folder, env=environment(),
                                 stdout=full, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
        self.assertEqual(run.returncode, 5)
        self.assertIn("No space left", run.stderr)

    def test_a_disk_that_fills_midway(self):
        """A limit on the size of files stands in for the disk: writing past it fails with an error, not with a signal."""
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))

        for out in ("out.mp4", "out.mkv", "out.npy", "out.png"):
            with self.subTest(out):
                run = subprocess.run([COMMAND, "localize", "clip.mp4", "-o", out, "--quiet", *TINY], cwd=self.folder,
                                     env=environment(), preexec_fn=limit, restore_signals=False, capture_output=True,
                                     text=True, timeout=120, check=False)
                self.assertEqual(run.returncode, 5, run.stderr)
                self.assertIn(out, run.stderr)
                self.assertEqual(self.new_files(), [])

    def test_what_stood_there_stays_after_a_failure(self):
        (self.folder / "out.csv").write_text("old")
        self.avsound("embed", "noise.mp4", "-o", "out.csv", *TINY, code=3)
        self.assertEqual((self.folder / "out.csv").read_text(), "old")

    def test_new_files_have_the_usual_permissions(self):
        self.avsound("score", "clip.mp4", "-o", "out.csv", *TINY)
        mask = os.umask(0)
        os.umask(mask)
        self.assertEqual((self.folder / "out.csv").stat().st_mode & 0o777, 0o666 & ~mask)

    def test_silence_means_silence(self):
        run = self.avsound("localize", "clip.mp4", "-o", "out.mp4", "--quiet", *TINY)
        self.assertEqual((run.stdout, run.stderr), ("", ""))


class Info(CommandTest):
    def test_media(self):
        info = self.json("info", "clip.mp4", "--json")
        self.assertEqual((info["kind"], info["video"]["codec"], info["audio"]["codec"]), ("media", "mpeg4", "aac"))
        self.assertEqual((info["video"]["width"], info["video"]["height"]), (160, 96))
        self.assertAlmostEqual(info["video"]["frame_rate"], 10)
        self.assertAlmostEqual(info["duration"], 2, delta=0.1)
        text = self.avsound("info", "clip.mp4").stdout
        self.assertRegex(text, r"(?m)^  codec +mpeg4$")
        self.assertIsNone(self.json("info", "tone.wav", "--json")["video"])
        still = self.json("info", "still.png", "--json")
        self.assertTrue(still["video"]["still"])
        self.assertIsNone(still["audio"])

    def test_names_that_are_no_utf8(self):
        name = b"caf\xe9.png"
        os.link(self.folder / "still.png", os.path.join(os.fsencode(self.folder), name))
        run = subprocess.run([COMMAND, "info", name, "--json"], cwd=self.folder, env=environment(), capture_output=True,
                             timeout=60, check=True)
        self.assertEqual(json.loads(run.stdout)["file"], "caf?.png")

    def test_architecture(self):
        for arch in ("l3-net", "ave-net", "avol-net"):
            info = self.json("info", "--arch", arch, "--json")
            self.assertEqual((info["arch"], info["trained"]), (arch, False))
            listed = info["parameter_list"]
            self.assertEqual(len(listed), info["tensors"])
            self.assertEqual(sum(int(np.prod(p["shape"])) for p in listed), info["parameters"])
        self.assertIn("vision.conv1_1", self.avsound("info", "--arch", "avol-net", "--plan").stdout)

    def test_architecture_of_clips(self):
        narrow = ["--arch", "multisensory", "--config", '{"width": 0.0625, "audio_width": 0.0625, "clip": {"frames": 63}}']
        info = self.json("info", *narrow, "--json")
        self.assertEqual(info["config"]["clip"], {"frames": 63, "frame_rate": 29.97, "sample_rate": 21000, "samples": 44144})
        self.assertIn("im.merge1", self.avsound("info", *narrow, "--plan").stdout)
        self.assertIn("multisensory takes clips", self.avsound("score", "still.png", "tone.wav", *narrow, code=4).stderr)
        self.assertIn("no embeddings", self.avsound("embed", "clip.mp4", *narrow, code=4).stderr)

    def test_hash_of_a_model_file(self):
        info = self.json("info", *TINY, "--json")
        self.assertIsNone(info["hash"])
        weights = small_weights(info)
        data = b"".join(weights[name].astype("<f4").tobytes() for name in sorted(weights))
        whole = save_model(self.folder / "whole.safetensors", info, weights, hashlib.sha256(data).hexdigest())
        self.assertEqual(self.json("info", "whole.safetensors", "--json")["hash"], "ok")
        self.assertRegex(self.avsound("info", "whole.safetensors").stdout, r"(?m)^hash +ok$")
        content = bytearray(whole.read_bytes())
        content[-4] ^= 1
        (self.folder / "damaged.safetensors").write_bytes(content)
        run = self.avsound("info", "damaged.safetensors", "--json", code=3)
        self.assertEqual(json.loads(run.stdout)["hash"], "differs")
        self.assertIn("damaged.safetensors", run.stderr)
        run = self.avsound("info", "damaged.safetensors", code=3)
        self.assertRegex(run.stdout, r"(?m)^hash +differs$")

    def test_model_file(self):
        info = self.json("info", *TINY, "--json")
        model = save_model(self.folder / "tiny.safetensors", info, small_weights(info))
        info = self.json("info", "tiny.safetensors", "--json")
        self.assertEqual(info["hash"], "none")
        self.assertEqual((info["kind"], info["arch"], info["trained"]), ("model", "avol-net", True))
        self.assertEqual(info["metadata"]["license"], "CC0-1.0")
        self.assertEqual(info["config"]["width"], 0.0625)
        # By name, along the search path.
        found = self.avsound("bench", "-m", "tiny", "--runs", "1", "--batch", "1", "--json", code=3)
        self.assertIn("no such model", found.stderr)
        (self.folder / "models").mkdir()
        model.rename(self.folder / "models" / "tiny.safetensors")
        run = self.avsound("bench", "-m", "tiny", "--runs", "1", "--batch", "1", "--json",
                           AVSOUND_MODEL_PATH=f"/absent:{self.folder}/models")
        self.assertTrue(json.loads(run.stdout)["trained"])
        self.assertEqual(run.stderr, "")
        # The names of the bundled models are looked up without --model.
        (self.folder / "models" / "tiny.safetensors").rename(self.folder / "models" / "avol-s.safetensors")
        run = self.avsound("localize", "clip.mp4", "-o", "out.npy", "--json",
                           AVSOUND_MODEL_PATH=str(self.folder / "models"))
        self.assertTrue(json.loads(run.stdout)["trained"])
        self.assertNotIn("untrained", run.stderr)


class Embed(CommandTest):
    def test_array_with_times(self):
        self.avsound("embed", "clip.mp4", "--hop", "0.5", "--modality", "audio", "-o", "e.npy", *TINY)
        vectors, times = np.load(self.folder / "e.npy"), np.load(self.folder / "e.times.npy")
        self.assertEqual((vectors.dtype, times.dtype), (np.float32, np.float64))
        self.assertEqual(vectors.shape, (len(times), 128))
        np.testing.assert_allclose(np.diff(times), 0.5, atol=0.11)
        self.assertEqual(times[0], 0)
        self.assertEqual(self.new_files(), ["e.npy", "e.times.npy"])

    def test_both_modalities_stand_side_by_side(self):
        for modality in ("image", "audio", "both"):
            self.avsound("embed", "clip.mp4", "--modality", modality, "-o", f"{modality}.npy", "-p", "f32", *TINY)
        both = np.load(self.folder / "both.npy")
        self.assertEqual(both.shape[1:], (2, 128))
        for index, modality in enumerate(("image", "audio")):
            alone = np.load(self.folder / f"{modality}.npy") # the sound may last a little longer than the frames
            np.testing.assert_array_equal(both[:, index], alone[:len(both)])

    def test_formats_agree(self):
        self.avsound("embed", "clip.mp4", "-o", "e.npy", *TINY)
        expected = np.load(self.folder / "e.npy").reshape(-1, 128)
        document = self.json("embed", "clip.mp4", "--json", *TINY)
        self.assertFalse(document["trained"])
        self.assertEqual(document["dimension"], 128)
        self.assertEqual([r["modality"] for r in document["results"][:2]], ["image", "audio"])
        np.testing.assert_array_equal(np.array([r["embedding"] for r in document["results"]], np.float32), expected)
        self.avsound("embed", "clip.mp4", "-o", "e.jsonl", *TINY)
        lines = [json.loads(line) for line in (self.folder / "e.jsonl").read_text().splitlines()]
        self.assertEqual(lines, document["results"])
        self.avsound("embed", "clip.mp4", "-o", "e.csv", *TINY)
        table = [line.split(",") for line in (self.folder / "e.csv").read_text().splitlines()]
        self.assertEqual(table[0], ["time", "modality", *(f"embedding{i}" for i in range(128))])
        np.testing.assert_array_equal(np.array([row[2:] for row in table[1:]]).astype(np.float32), expected)

    def test_still_pictures_of_many_formats(self):
        for ending in ("png", "jpg", "bmp", "webp", "gif", "tiff"):
            with self.subTest(ending):
                ffmpeg("-i", self.folder / "still.png", "-frames:v", "1", self.folder / f"picture.{ending}")
                self.avsound("embed", f"picture.{ending}", "-o", "e.npy", *TINY)
                self.assertEqual(np.load(self.folder / "e.npy").shape, (1, 128))
                self.assertEqual(np.load(self.folder / "e.times.npy").tolist(), [0])

    def test_sound_alone(self):
        self.avsound("embed", "tone.wav", "--hop", "0.25", "-o", "e.npy", *TINY)
        times = np.load(self.folder / "e.times.npy")
        np.testing.assert_allclose(times, np.arange(len(times)) * 0.25, atol=1e-6)
        self.assertIn(len(times), (12, 13))


class Score(CommandTest):
    def test_picture_and_sound(self):
        [score] = self.json("score", "still.png", "tone.wav", "--json", *TINY)["results"]
        self.assertTrue(0 <= score["probability"] <= 1)
        self.assertEqual(score["confidence"], 1)
        self.assertFalse(score["trained"])

    def test_video_over_time(self):
        table = self.avsound("score", "clip.mp4", "--hop", "0.5", *TINY).stdout.splitlines()
        self.assertEqual(table[0].split(), ["time", "probability", "confidence", "rms"])
        rows = np.array([row.split() for row in table[1:]]).astype(float)
        np.testing.assert_allclose(rows[:, 0], np.arange(len(rows)) * 0.5, atol=0.051)
        self.assertTrue(((rows[:, 1:3] >= 0) & (rows[:, 1:3] <= 1)).all())
        csv = self.avsound("score", "clip.mp4", "--format", "csv", *TINY).stdout.splitlines()
        self.assertEqual(csv[0], "time,probability,confidence,trained,rms")

    def test_silence_has_no_confidence(self):
        make_video(self.folder / "silent.mp4", sound="anullsrc=r=48000")
        results = self.json("score", "silent.mp4", "--json", *TINY)["results"]
        self.assertEqual({r["confidence"] for r in results}, {0})

    def test_video_with_another_sound(self):
        own = self.json("score", "clip.mp4", "--json", *TINY)
        other = self.json("score", "clip.mp4", "tone.wav", "--json", *TINY)
        self.assertEqual(other["sound"], "tone.wav")
        self.assertEqual([r["time"] for r in own["results"]], [r["time"] for r in other["results"]])
        self.assertNotEqual(own["results"], other["results"])

    def test_part_of_a_recording(self):
        part = ["--start", "0:01", "--duration", "0.6", "--hop", "0.2"]
        results = self.json("score", "clip.mp4", *part, "--json", *TINY)
        times = [r["time"] for r in results["results"]]
        np.testing.assert_allclose(times, [1, 1.2, 1.4], atol=0.051)


class Localize(CommandTest):
    def test_overlay_keeps_times_size_and_sound(self):
        for ending, audio in (("mp4", "aac"), ("mkv", "aac"), ("mov", "aac"), ("webm", "opus"), ("avi", "mp3")):
            with self.subTest(ending):
                out = self.folder / f"out.{ending}"
                self.avsound("localize", "clip.mp4", "-o", out, *TINY)
                streams = {s["codec_type"]: s for s in probe(out)["streams"]}
                self.assertEqual((streams["video"]["width"], streams["video"]["height"]), (160, 96))
                self.assertEqual(streams["audio"]["codec_name"], audio)
                times, wanted = video_times(out), video_times(self.folder / "clip.mp4")
                if audio == "opus": # begins 6.5 ms before its first sample, and a file begins at 0
                    times -= times[0]
                np.testing.assert_allclose(times, wanted, atol=0.0011) # containers may count in milliseconds

    def test_rate_and_part(self):
        self.avsound("localize", "clip.mp4", "-o", "out.mp4", "--fps", "5", "--start", "0.5", "--duration", "1", *TINY)
        times = video_times(self.folder / "out.mp4")
        np.testing.assert_allclose(times, np.arange(5) * 0.2, atol=0.051)

    def test_side_by_side_is_twice_as_wide(self):
        self.avsound("localize", "clip.mp4", "-o", "out.png", "--side-by-side", *TINY)
        self.avsound("localize", "clip.mp4", "-o", "bare.png", "--alpha", "0", *TINY)
        self.avsound("localize", "clip.mp4", "-o", "overlay.png", *TINY)
        both, bare, overlay = (pixels(self.folder / f"{name}.png") for name in ("out", "bare", "overlay"))
        self.assertEqual(both.shape, (96, 320, 3))
        np.testing.assert_array_equal(both[:, :160], bare)
        np.testing.assert_array_equal(both[:, 160:], overlay)
        self.assertFalse(np.array_equal(bare, overlay))

    def test_pictures_of_every_frame(self):
        self.avsound("localize", "clip.mp4", "-o", "frames/", *TINY)
        names = sorted(os.listdir(self.folder / "frames"))
        self.assertEqual(names, [f"frame-{i:05d}.png" for i in range(20)])
        self.avsound("localize", "clip.mp4", "-o", "f%03d.jpg", "--duration", "0.5", *TINY)
        self.assertEqual([n for n in self.new_files() if n != "frames"], [f"f{i:03d}.jpg" for i in range(5)])

    def test_bare_maps(self):
        self.avsound("localize", "clip.mp4", "-o", "maps.npy", *TINY)
        maps, times = np.load(self.folder / "maps.npy"), np.load(self.folder / "maps.times.npy")
        # 160x96 becomes 368x224 (sides rounded to 16), a cell every 16 pixels.
        self.assertEqual(maps.shape, (20, 14, 23))
        self.assertTrue(((maps >= 0) & (maps <= 1)).all())
        np.testing.assert_allclose(times, video_times(self.folder / "clip.mp4"), atol=1e-5)

    def test_picture_with_a_sound(self):
        self.avsound("localize", "still.png", "--audio", "tone.wav", "-o", "out.png", *TINY)
        with Image.open(self.folder / "out.png") as picture:
            self.assertEqual(picture.size, (120, 80))
        self.avsound("localize", "still.png", "--audio", "tone.wav", "-o", "map.npy", *TINY)
        self.assertEqual(np.load(self.folder / "map.npy").shape, (1, 14, 21))

    def test_another_sound_goes_along(self):
        self.avsound("localize", "mute.mp4", "--audio", "tone.wav", "-o", "out.mkv", *TINY)
        kinds = sorted(s["codec_type"] for s in probe(self.folder / "out.mkv")["streams"])
        self.assertEqual(kinds, ["audio", "video"])

    def test_silence_draws_nothing(self):
        make_video(self.folder / "silent.mp4", sound="anullsrc=r=48000")
        for name, alpha in (("drawn", "1"), ("bare", "0")):
            self.avsound("localize", "silent.mp4", "-o", f"{name}.png", "--alpha", alpha, *TINY)
        np.testing.assert_array_equal(pixels(self.folder / "drawn.png"), pixels(self.folder / "bare.png"))

    def test_colour_maps_differ(self):
        seen = set()
        for name in ("jet", "inferno", "grey"):
            self.avsound("localize", "clip.mp4", "-o", "out.png", "--colormap", name, *TINY)
            seen.add((self.folder / "out.png").read_bytes())
        self.assertEqual(len(seen), 3)

    def test_summary_and_timing(self):
        report = self.json("localize", "clip.mp4", "-o", "out.mp4", "--json", *TINY)
        self.assertEqual((report["frames"], report["trained"]), (20, False))
        self.assertEqual(set(report["timing"]),
                         {"decode", "spectrogram", "prepare", "network", "wait", "drawing", "encode"})
        text = self.avsound("localize", "clip.mp4", "-o", "out.mp4", "--timing", *TINY).stdout
        for word in ("decode", "spectrogram", "network", "drawing", "encode", "end to end", "frames/s"):
            self.assertIn(word, text)

    def test_without_any_model_it_says_so(self):
        lonely = self.folder / "lonely" / "bin" / "avsound"  # no models beside it, nor beside its libraries
        lonely.parent.mkdir(parents=True)
        for file in COMMAND, *pathlib.Path(COMMAND).parents[1].glob("libavsound*.so.?"):
            shutil.copy(file, lonely.parent)
        run = subprocess.run([lonely, "localize", "clip.mp4", "-o", "out.png"], cwd=self.folder,
                             env=environment(LD_LIBRARY_PATH=str(lonely.parent)), capture_output=True, text=True)
        shutil.rmtree(self.folder / "lonely")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("avol-net (seed 1) is untrained", run.stderr)

    def test_same_command_same_maps(self):
        for name in "ab":
            self.avsound("localize", "clip.mp4", "-o", f"{name}.npy", "--threads", "2", *TINY)
        self.assertEqual((self.folder / "a.npy").read_bytes(), (self.folder / "b.npy").read_bytes())


class Bench(CommandTest):
    def test_table_and_json(self):
        table = self.avsound("bench", "--runs", "2", "--batch", "1", "-p", "f32", *TINY).stdout.splitlines()
        self.assertEqual(table[0].split()[:3], ["outputs", "batch", "precision"])
        document = self.json("bench", "--runs", "2", "--batch", "2", "-p", "f32", "--json", *TINY)
        self.assertEqual({r["outputs"] for r in document["results"]}, {"all", "embedding.image", "embedding.audio"})
        for row in document["results"]:
            self.assertEqual((row["batch"], row["precision"], row["runs"]), (2, "f32", 2))
            self.assertTrue(0 < row["min_ms"] <= row["median_ms"] <= row["max_ms"])


class Terminal(CommandTest):
    def test_bar_on_a_terminal(self):
        code, output, seen = on_terminal(["localize", "clip.mp4", "-o", "out.mp4", *TINY], self.folder)
        self.assertEqual(code, 0)
        self.assertRegex(seen, r"\r[#.]+ +\d+ %  \d+/20 frames  [\d.]+ frames/s  0:\d\d left\x1b\[K")
        self.assertTrue(seen.endswith("\r\x1b[K"), repr(seen[-80:]))
        self.assertNotIn("\r", output)

    def test_no_bar_when_quiet(self):
        _, _, seen = on_terminal(["localize", "clip.mp4", "-o", "out.mp4", "--quiet", *TINY], self.folder)
        self.assertEqual(seen, "")

    def test_no_bar_when_piped(self):
        run = self.avsound("localize", "clip.mp4", "-o", "out.mp4", *TINY)
        self.assertNotIn("\r", run.stdout + run.stderr)
        self.assertEqual(len(run.stderr.splitlines()), 1) # the warning alone


class Interrupt(CommandTest):
    def interrupt(self, number, *arguments, begun):
        run = subprocess.Popen([COMMAND, *arguments], cwd=self.folder, env=environment(), stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        end = time.monotonic() + 60
        while not begun() and time.monotonic() < end and run.poll() is None:
            time.sleep(0.01)
        self.assertIsNone(run.poll(), "finished before it could be interrupted")
        run.send_signal(number)
        _, errors = run.communicate(timeout=60)
        self.assertEqual(run.returncode, 128 + number, errors)
        self.assertIn("interrupted", errors)

    def test_nothing_is_left_of(self):
        slow = ["--arch", "avol-net", "--threads", "1", "-p", "f32"]
        for number, out in ((signal.SIGINT, "out.mp4"), (signal.SIGTERM, "out.mkv"), (signal.SIGINT, "out.npy")):
            with self.subTest(out):
                self.interrupt(number, "localize", "long.mp4", "-o", out, *slow, begun=lambda: self.new_files() != [])
                self.assertEqual(self.new_files(), [])
        self.interrupt(signal.SIGINT, "score", "long.mp4", "--hop", "0", "-o", "s.csv", *slow,
                       begun=lambda: self.new_files() != [])
        self.assertEqual(self.new_files(), [])

    def test_what_stood_there_stays(self):
        (self.folder / "out.mp4").write_text("old")
        self.interrupt(signal.SIGINT, "localize", "long.mp4", "-o", "out.mp4", "--arch", "avol-net", "-p", "f32",
                       begun=lambda: len(self.new_files()) > 1)
        self.assertEqual((self.folder / "out.mp4").read_text(), "old")
        self.assertEqual(self.new_files(), ["out.mp4"])

    def test_pictures_already_complete_are_kept(self):
        frames = self.folder / "frames"
        self.interrupt(signal.SIGINT, "localize", "long.mp4", "-o", "frames/", "--arch", "avol-net", "-p", "f32",
                       begun=lambda: frames.is_dir() and len(os.listdir(frames)) > 2)
        for name in os.listdir(frames):
            with Image.open(frames / name) as picture:
                picture.load()


class Examples(CommandTest):
    """The small programs beside the command."""

    def program(self, name, *arguments, code=0):
        path = pathlib.Path(COMMAND).parent / name
        if not path.exists():
            self.skipTest(f"{name} was not built")
        run = subprocess.run([str(path), *arguments], cwd=self.folder, env=environment(), capture_output=True,
                             text=True, timeout=120, check=False)
        self.assertEqual(run.returncode, code, run.stderr)
        return run

    def test_each_does_its_work(self):
        info = self.json("info", *TINY, "--json")
        save_model(self.folder / "tiny.safetensors", info, small_weights(info))
        vector = self.program("embed", "tiny.safetensors", "still.png").stdout.split()
        self.assertEqual(len(vector), 128)
        self.program("localize", "tiny.safetensors", "clip.mp4", "out.mp4")
        self.assertEqual(len(video_times(self.folder / "out.mp4")), 20)
        lines = self.program("similarity", "tiny.safetensors", "clip.mp4").stdout.splitlines()
        self.assertRegex(lines[0], r"^ +0\.00 s +-?\d\.\d{4}$")

    def test_each_says_what_is_wrong(self):
        for name, arguments in (("embed", ["a"]), ("localize", []), ("similarity", ["a"])):
            self.assertIn("usage:", self.program(name, *arguments, code=2).stderr)
        for name, arguments in (("embed", ["absent", "still.png"]), ("localize", ["absent", "clip.mp4", "out.mp4"]),
                                ("similarity", ["absent", "clip.mp4"])):
            self.assertIn("absent", self.program(name, *arguments, code=1).stderr)
        self.assertEqual(self.new_files(), [])


if __name__ == "__main__":
    unittest.main(verbosity=1)
