"""avsound separate and eval separate as people run them: what they write, what they refuse, what a signal leaves. The networks
are made by hand; what they make of a sound is known (tests/unit/api/test_separate.c has the figures)."""
import csv
import json
import os
import signal
import struct
import subprocess
import time
import unittest

import numpy as np

from support import COMMAND, CommandTest, environment, ffmpeg, make_video, pixels, probe, save_model

BLIND = ["--arch", "separator-pit", "--config", '{"unet_width": 0.0625}']
SEEING = ["--arch", "separator", "--config", json.dumps({"width": 0.0625, "audio_width": 0.0625, "unet_width": 0.0625, "image": {
    "width": 32, "height": 32, "short_side": 32}})]


def read_wav(path):
    """Sample rate and mono floats of a WAV file, by its own chunks."""
    data = path.read_bytes()
    assert data[:4] == b"RIFF" and data[8:12] == b"WAVE" and struct.unpack("<I", data[4:8])[0] == len(data) - 8
    at, chunks = 12, {}
    while at < len(data):
        size = struct.unpack("<I", data[at + 4:at + 8])[0]
        chunks[data[at:at + 4]] = data[at + 8:at + 8 + size]
        at += 8 + size
    kind, channels, rate, _, _, bits = struct.unpack("<HHIIHH", chunks[b"fmt "][:16])
    assert (kind, channels, bits) == (3, 1, 32)
    return rate, np.frombuffer(chunks[b"data"], "<f4")


def write_wav(path, samples, rate=21000):
    """[samples][channels] as 32-bit floats."""
    data, channels = samples.astype("<f4").tobytes(), samples.shape[1]
    path.write_bytes(b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " + struct.pack(
        "<IHHIIHH", 16, 3, channels, rate, 4 * channels * rate, 4 * channels, 32) + b"data" + struct.pack("<I", len(data)) + data)
    return path


def known_weights(info):
    """Nothing passes but what batch norms leave as it is."""
    return {p["name"]: np.ones(p["shape"]) if p["name"].endswith(("running_var", "bn.weight")) else np.zeros(p["shape"])
            for p in info["parameter_list"]}


def brightness(info):
    """Weights of a separator, made as tests/models/separating.h has them: what is heard while the picture is white is on screen,
    what is heard while it is black is off screen."""
    weights = known_weights(info)
    weights["im.conv1.weight"][0, :, 2, 2, 2] = 1 / 3
    weights["gen.deconv7.weight"][32, 0, 1:3, 1:3] = 1
    weights["gen.deconv8.weight"][0, 0, 1, 1:3] = 1
    weights["gen.fg.weight"][0, 0, 1, 1:3] = 3
    weights["gen.bg.weight"][0, 0, 1, 1:3] = -3
    weights["gen.fg.bias"][0] = -3
    return weights


def level(samples, begin, end):
    return float(np.sqrt(np.mean(np.square(samples[round(begin * 21000):round(end * 21000)].astype(float)))))


class Separate(CommandTest):
    def halves(self):
        """A model whose two heads are alike: with --consistent each sound is half of the recording."""
        info = self.json("info", *BLIND, "--json")
        return ["--model", save_model(self.folder / "halves.safetensors", info, known_weights(info))]

    def stems(self, names=("on-screen", "off-screen"), folder="out"):
        return [read_wav(self.folder / folder / f"{name}.wav") for name in names]

    def test_two_sounds_as_long_as_the_recording(self):
        run = self.avsound("separate", "clip.mp4", "-o", "out", *SEEING)
        self.assertIn("on-screen.wav: 2.0 s", run.stdout)
        self.assertIn("untrained", run.stderr)
        self.assertIn("shorter than", run.stderr)
        self.assertEqual(sorted(os.listdir(self.folder / "out")), ["off-screen.wav", "on-screen.wav"])
        for rate, samples in self.stems():
            self.assertEqual(rate, 21000)
            self.assertLess(abs(len(samples) - 42000), 2200)  # AAC's padding may be left

    def test_consistent_sounds_sum_to_the_recording(self):
        ffmpeg("-f", "lavfi", "-i", "anoisesrc=r=21000:d=6:seed=3:a=0.3", self.folder / "noise.wav")
        run = self.avsound("separate", "noise.wav", "-o", "out/", "--consistent", "--quiet", *self.halves())
        self.assertEqual((run.stdout, run.stderr), ("", ""))
        (_, first), (_, second) = self.stems(("first", "second"))
        whole = np.frombuffer((self.folder / "noise.wav").read_bytes()[-2 * len(first):], "<i2") / 32768
        np.testing.assert_allclose(first + second, whole, atol=2e-6)
        np.testing.assert_allclose(first[3000:-3000], whole[3000:-3000] / 2, atol=1e-4)

    def test_json_tells_what_was_written(self):
        record = self.json("separate", "long.mp4", "--start", "3", "--duration", "4", "-o", "out", "--json", "--region",
                           "0,0,0.5,1", *SEEING)
        self.assertEqual(record["samples"], 84000)
        self.assertEqual(record["start"], 3)
        self.assertFalse(record["padded"])
        self.assertFalse(record["trained"])
        self.assertEqual([s["name"] for s in record["stems"]], ["on-screen", "off-screen"])
        for stem in record["stems"]:
            _, samples = read_wav(self.folder / stem["file"])
            self.assertEqual(len(samples), 84000)
            self.assertAlmostEqual(stem["level_db"], 10 * np.log10(np.mean(np.square(samples.astype(float)))), places=3)

    def test_videos_with_either_sound(self):
        make_video(self.folder / "four.mp4", seconds=4, rate=25)
        self.avsound("separate", "four.mp4", "-o", "out", "--video", "--start", "1", *BLIND)
        for name in ("first", "second"):
            streams = probe(self.folder / "out" / f"{name}.mp4")["streams"]
            self.assertEqual(sorted(s["codec_type"] for s in streams), ["audio", "video"])
            for stream in streams:
                self.assertAlmostEqual(float(stream["duration"]), 3, delta=0.2)

    def test_the_released_way(self):
        ffmpeg("-f", "lavfi", "-i", "sine=440:duration=5:sample_rate=21000", self.folder / "five.wav")
        self.avsound("separate", "five.wav", "-o", "out", "--compat", *BLIND)
        for _, samples in self.stems(("first", "second")):
            self.assertEqual(samples[0], 0)
            self.assertLess(len(samples), 105000)
            self.assertLessEqual(np.abs(samples).max(), 1)
        line = self.avsound("separate", "clip.mp4", "-o", "out2", "--compat", *SEEING, code=None)
        self.assertNotEqual(line.returncode, 0)
        self.assertIn("less than a window", line.stderr)

    def test_the_sound_of_another_file(self):
        noise = np.random.default_rng(3).normal(0, 0.1, (63000, 2))
        write_wav(self.folder / "other.wav", noise)
        self.avsound("separate", "mute.mp4", "--audio", "other.wav", "-o", "out", "--consistent", *SEEING)
        (_, on), (_, off) = self.stems()
        np.testing.assert_allclose(on + off, noise.mean(1), atol=2e-6)

    def test_silence(self):
        ffmpeg("-f", "lavfi", "-i", "anullsrc=r=21000:d=3", self.folder / "silent.wav")
        self.assertIn("is silent", self.avsound("separate", "silent.wav", "-o", "out", *BLIND).stderr)
        for _, samples in self.stems(("first", "second")):
            self.assertFalse(samples.any())

    def test_what_is_refused(self):
        self.refused(2, "--output", "separate", "clip.mp4", *SEEING)
        self.refused(2, "--region", "separate", "clip.mp4", "-o", "out", "--region", "top", *SEEING)
        self.refused(2, "--region", "separate", "clip.mp4", "-o", "out", "--region", "0.5,0,0.2,1", *SEEING)
        self.refused(2, "--picture", "separate", "tone.wav", "-o", "out", "--truth", "tone.wav,tone.wav", *BLIND)
        for truth in ("tone.wav", ",tone.wav", "tone.wav,"):
            self.refused(2, "two files", "separate", "tone.wav", "-o", "out", "--picture", "a.png", "--truth", truth, *BLIND)
        self.refused(3, "missing.wav", "separate", "tone.wav", "-o", "out", "--picture", "a.png", "--truth", "tone.wav,missing.wav",
                     *BLIND)
        self.refused(2, "is an input", "separate", "tone.wav", "-o", "out", "--picture", "tone.wav", *BLIND)
        self.refused(2, "exclude", "separate", "clip.mp4", "-o", "out", "--compat", "--consistent", *SEEING)
        self.refused(3, "no pictures", "separate", "tone.wav", "-o", "out", *SEEING)
        self.refused(3, "no sound", "separate", "mute.mp4", "-o", "out", *SEEING)
        self.refused(3, "no video", "separate", "tone.wav", "-o", "out", "--video", *BLIND)
        self.refused(4, "separates nothing", "separate", "clip.mp4", "-o", "out", "--arch", "ave-net", "--config",
                     '{"width": 0.0625}')
        (self.folder / "file").write_text("")
        self.assertIn("no folder", self.avsound("separate", "tone.wav", "-o", "file", *BLIND, code=2).stderr)

    def test_a_signal_leaves_nothing(self):
        run = subprocess.Popen([COMMAND, "separate", "long.mp4", "-o", "out", "--quiet", *SEEING], cwd=self.folder,
                               env=environment(), stderr=subprocess.PIPE, text=True)
        folder = self.folder / "out"
        deadline = time.monotonic() + 120
        while not (folder.is_dir() and os.listdir(folder)) and time.monotonic() < deadline:
            time.sleep(0.02)
        run.send_signal(signal.SIGINT)
        _, err = run.communicate(timeout=120)
        self.assertEqual(run.returncode, 130, err)
        self.assertEqual(self.new_files(), [])


class Picture(CommandTest):
    """Spectrograms one above the other: 186 pixels a panel, of which 152 rows from the 30th on; 804 columns from the 64th on."""

    def brightest(self, image, panel, begin, end):
        """Rows from the top, of the columns between two shares of the width."""
        area = image[panel * 186 + 30:panel * 186 + 182, 64:868].astype(int).sum(2)
        return area[:, round(804 * begin) + 6:round(804 * end) - 6].argmax(0)

    def row(self, hertz):
        """By Slaney's mel scale up to 10.5 kHz."""
        mel = [h * 0.015 if h < 1000 else 15 + np.log(h / 1000) / (np.log(6.4) / 27) for h in (hertz, 10500)]
        return 152 * (1 - mel[0] / mel[1]) - 0.5

    def test_mixture_sounds_and_truth(self):
        times = np.arange(84000) / 21000
        low, high = (0.3 * np.sin(2 * np.pi * f * times) * on for f, on in ((500, times < 2), (4000, times >= 2)))
        for name, sound in (("both", low + high), ("low", low), ("high", high)):
            write_wav(self.folder / f"{name}.wav", sound[:, None])
        self.avsound("separate", "both.wav", "-o", "out", "--picture", "out.png", "--truth", "low.wav,high.wav", "--quiet",
                     "--phase", "original", "--consistent", *BLIND)
        image = pixels(self.folder / "out.png")
        self.assertEqual(image.shape, (5 * 186 + 48, 960, 3))
        for panel, tones in ((0, (500, 4000)), (2, (500, None)), (4, (None, 4000))):
            for half, tone in enumerate(tones):
                if tone:
                    np.testing.assert_allclose(self.brightest(image, panel, half / 2, half / 2 + 0.5), self.row(tone), atol=1.5)
                else:
                    columns = slice(64 + 402 * half + 20, 64 + 402 * half + 380)
                    self.assertLess(image[panel * 186 + 30:panel * 186 + 182, columns].astype(int).sum(2).max(), 60)

    def test_a_part_without_truth(self):
        times = np.arange(105000) / 21000
        write_wav(self.folder / "rising.wav", (0.3 * np.sin(2 * np.pi * 1000 * times) * (times >= 3))[:, None])
        self.avsound("separate", "rising.wav", "-o", "out", "--picture", "out.png", "--start", "2", "--duration", "2", *BLIND)
        image = pixels(self.folder / "out.png")
        self.assertEqual(image.shape, (3 * 186 + 48, 960, 3))
        np.testing.assert_allclose(self.brightest(image, 0, 0.5, 1), self.row(1000), atol=1.5)
        self.assertLess(image[30:182, 64 + 20:64 + 380].astype(int).sum(2).max(), 60)


class BadInput(CommandTest):
    """Everything a file can be that the network was not made for. Pictures are black for 3 s, then white."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        run = subprocess.run([COMMAND, "info", *SEEING, "--json"], env=environment(), check=True, capture_output=True, text=True)
        cls.info = json.loads(run.stdout)
        save_model(cls.folder / "bright.safetensors", cls.info, brightness(cls.info))
        cls.before.add("bright.safetensors")

    def film(self, name="film.mkv", rate=25, sound="anoisesrc=r=48000:d=6:seed=1:a=0.3", picture="", extra=("-c:a", "flac")):
        ffmpeg("-f", "lavfi", "-i", f"color=black:size=64x64:rate={rate}:duration=3", "-f", "lavfi", "-i",
               f"color=white:size=64x64:rate={rate}:duration=3", "-f", "lavfi", "-i", sound, "-filter_complex",
               f"[0][1]concat=n=2{picture}[v]", "-map", "[v]", "-map", "2:a", "-c:v", "libx264", "-preset", "ultrafast", *extra,
               self.folder / name)
        return name

    def separate(self, name, *arguments, code=0):
        run = self.avsound("separate", name, "-o", "out", "--consistent", "-m", "bright.safetensors", *arguments, code=code)
        return [read_wav(self.folder / "out" / f"{stem}.wav")[1] for stem in ("on-screen", "off-screen")], run

    def follows_the_picture(self, stems):
        on, off = stems
        self.assertLess(level(on, 0.2, 2.4), 0.01 * level(off, 0.2, 2.4))
        self.assertLess(level(off, 3.6, 5.8), 0.01 * level(on, 3.6, 5.8))

    def test_few_and_many_pictures_a_second(self):
        for rate in (5, 120):
            stems, _ = self.separate(self.film(rate=rate))
            self.assertEqual(len(stems[0]), 126000)
            self.follows_the_picture(stems)

    def test_variable_frame_rate(self):
        drop = ",select='not(eq(mod(n,7),3))*not(eq(mod(n,11),5))'"
        self.follows_the_picture(self.separate(self.film(rate=50, picture=drop, extra=("-fps_mode", "vfr", "-c:a", "flac")))[0])

    def test_surround_and_telephone_sound(self):
        for sound, channels in (("anoisesrc=r=48000:d=6:seed=2:a=0.3", 6), ("anoisesrc=r=8000:d=6:seed=3:a=0.3", 1)):
            stems, _ = self.separate(self.film(sound=sound, extra=("-c:a", "flac", "-ac", channels)))
            self.assertLess(abs(len(stems[0]) - 126000), 20)
            self.follows_the_picture(stems)

    def test_sound_that_stops_half_way(self):
        stems, _ = self.separate(self.film(sound="anoisesrc=r=21000:d=4:seed=4:a=0.3"))
        self.assertLess(abs(len(stems[0]) - 84000), 20)  # where nothing is heard there is nothing to take apart
        self.assertLess(level(stems[0], 0.2, 2.4), 0.01 * level(stems[1], 0.2, 2.4))
        self.assertLess(level(stems[1], 3.6, 3.9), 0.01 * level(stems[0], 3.6, 3.9))

    def test_one_stream_alone(self):
        self.refused(3, "no pictures", "separate", "tone.wav", "-o", "out", "-m", "bright.safetensors")
        self.refused(3, "no sound", "separate", "mute.mp4", "-o", "out", "-m", "bright.safetensors")
        self.refused(3, "no sound", "separate", "still.png", "-o", "out", "-m", "bright.safetensors")

    def test_a_damaged_file_keeps_what_came_before(self):
        first = ("-movflags", "+faststart")
        for name, extra in (("whole.mp4", ("-c:a", "aac", *first)), ("whole.mov", ("-c:a", "pcm_s16le", *first)),
                            ("whole.mkv", ("-c:a", "aac"))):
            self.film(name=name, extra=extra)
            whole = (self.folder / name).read_bytes()
            (self.folder / f"part-{name}").write_bytes(whole[:len(whole) * 7 // 10])
            stems, run = self.separate(f"part-{name}", code=3)
            self.assertIn("damaged", run.stderr)
            entire, _ = self.separate(name)
            count = len(stems[0])
            self.assertGreater(count, 3.8 * 21000)
            self.assertLess(count, 4.6 * 21000)
            np.testing.assert_allclose((stems[0] + stems[1])[:count - 3000], (entire[0] + entire[1])[:count - 3000], atol=1e-5)
            self.assertLess(level(stems[0], 0.2, 2.4), 0.01 * level(stems[1], 0.2, 2.4))
            self.assertLess(level(stems[1], 3.6, 3.8), 0.01 * level(stems[0], 3.6, 3.8))

    def test_files_without_anything_to_read(self):
        for name in ("empty.mp4", "noise.mp4", "missing.mp4"):
            self.refused(3, name, "separate", name, "-o", "out", "-m", "bright.safetensors")

    def test_a_checkpoint_that_lacks_a_tensor(self):
        for lost in ("gen.fg.bias", "im.conv1.weight", "gen.conv1.weight"):
            weights = brightness(self.info)
            del weights[lost]
            save_model(self.folder / "lacking.safetensors", self.info, weights)
            run = self.avsound("separate", "clip.mp4", "-o", "out", "-m", "lacking.safetensors", code=3)
            self.assertIn(lost, run.stderr)
            self.assertEqual(self.new_files(), ["lacking.safetensors"])


def si_sdr(reference, estimate):
    s, e = (np.asarray(x, float) - np.mean(x, dtype=float) for x in (reference, estimate))
    part = e @ s / (s @ s) * s
    return 10 * np.log10(part @ part / ((part - e) @ (part - e)))


class Eval(CommandTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        rng = np.random.default_rng(11)
        cls.sounds = {}
        for name in "abc":
            cls.sounds[name] = rng.normal(0, rng.uniform(0.02, 0.2), (52500 + 100 * ord(name), 2)).astype("<f4")
            cls.sounds[name] *= (np.sin(np.arange(len(cls.sounds[name])) / rng.uniform(500, 5000)) ** 2)[:, None]
            write_wav(cls.folder / f"{name}.wav", cls.sounds[name])
            ffmpeg("-f", "lavfi", "-i", "testsrc2=size=64x64:rate=30:duration=3", "-i", cls.folder / f"{name}.wav", "-c:v",
                   "mpeg4", "-c:a", "copy", cls.folder / f"{name}.mkv")
        (cls.folder / "pairs.csv").write_text("file,off,muted\na.mkv,b.mkv,\nb.mkv,c.mkv,0\nc.mkv,a.mkv,1\n")
        cls.before = set(os.listdir(cls.folder))

    def mixed(self, on, off, muted=False):
        """Both sounds as loud as each other, and their sum, in the file mix.wav."""
        count = min(len(self.sounds[on]), len(self.sounds[off]))
        pair = [self.sounds[name][:count].astype(float) for name in (on, off)]
        pair = [0.1 * x / np.sqrt(np.mean(x * x, 0)) for x in pair]
        pair[0] *= not muted
        write_wav(self.folder / "mix.wav", pair[0] + pair[1])
        return [x.mean(1) for x in (*pair, pair[0] + pair[1])]

    def evaluate(self, *arguments):
        report = self.json("eval", "separate", *arguments, "--threads", 1, "--precision", "f32", "--csv", "items.csv", "--json")
        with open(self.folder / "items.csv", newline="") as file:
            return report, list(csv.DictReader(file))

    def outputs(self, name, names, model):
        self.avsound("separate", f"{name}.mkv", "--audio", "mix.wav", "-o", "out", "--threads", 1, "--precision", "f32", *model)
        return [read_wav(self.folder / "out" / f"{stem}.wav")[1] for stem in names]

    def test_pairs_score_what_numpy_makes_of_the_outputs(self):
        report, items = self.evaluate("-d", "pairs.csv", *SEEING)
        self.assertEqual((report["n"], report["n_both"], report["n_off_alone"]), (3, 2, 1))
        gains = []
        for item, (on, off) in zip(items, ("ab", "bc", "ca")):
            muted = on == "c"
            true_on, true_off, mixture = self.mixed(on, off, muted)
            found_on, found_off = self.outputs(on, ("on-screen", "off-screen"), SEEING)
            if muted:
                self.assertEqual((item["sounds"], item["on_si_sdr"]), ("off_alone", ""))
                self.assertAlmostEqual(float(item["on_suppression"]), 10 * np.log10(np.sum(mixture ** 2) / np.sum(
                    found_on.astype(float) ** 2)), delta=1e-3)
                continue
            self.assertEqual((item["sounds"], item["swapped"], item["on_suppression"]), ("both", "false", ""))
            for side, truth, found in (("on", true_on, found_on), ("off", true_off, found_off)):
                self.assertAlmostEqual(float(item[f"{side}_si_sdr"]), si_sdr(truth, found), delta=1e-3)
                self.assertAlmostEqual(float(item[f"{side}_mixture_si_sdr"]), si_sdr(truth, mixture), delta=1e-3)
                self.assertGreater(float(item[f"{side}_ideal_si_sdr"]), si_sdr(truth, mixture) + 3)
            gains.append(si_sdr(true_on, found_on) - si_sdr(true_on, mixture))
        figure = report["on_screen"]["si_sdr_improvement"]
        self.assertAlmostEqual(figure["value"], np.mean(gains), delta=2e-3)
        self.assertTrue(figure["low"] <= figure["value"] <= figure["high"])
        self.assertGreater(figure["ideal mask"], 3)

    def test_a_separator_that_leaves_all_on_screen_gains_nothing(self):
        run = subprocess.run([COMMAND, "info", *SEEING, "--json"], env=environment(), check=True, capture_output=True, text=True)
        info = json.loads(run.stdout)
        weights = brightness(info)
        weights["gen.fg.bias"][0] = 3  # on screen whatever is seen
        weights["gen.bg.bias"][0] = -9
        save_model(self.folder / "all.safetensors", info, weights)
        report, _ = self.evaluate("-d", "pairs.csv", "-m", "all.safetensors", "--consistent")
        self.assertAlmostEqual(report["on_screen"]["si_sdr_improvement"]["value"], 0, delta=0.02)
        self.assertAlmostEqual(report["on_screen"]["si_sdr"]["value"], report["on_screen"]["si_sdr"]["mixture"], delta=0.02)
        self.assertAlmostEqual(report["off_alone"]["osr"]["value"], 0, delta=0.02)

    def test_sounds_without_names_are_given_the_better_ones(self):
        report, items = self.evaluate("-d", "pairs.csv", *BLIND)
        self.assertIn("better", report["order"])
        self.mixed("c", "a", True)
        found = self.outputs("c", ("first", "second"), BLIND)
        _, _, mixture = self.mixed("c", "a", True)
        suppressions = [10 * np.log10(np.sum(mixture ** 2) / np.sum(x.astype(float) ** 2)) for x in found]
        self.assertAlmostEqual(float(items[2]["on_suppression"]), max(suppressions), delta=1e-3)
        self.assertEqual(items[2]["swapped"], "true" if suppressions[1] > suppressions[0] else "false")
        true_on, true_off, _ = self.mixed("a", "b")
        found = self.outputs("a", ("first", "second"), BLIND)
        if items[0]["swapped"] == "true":
            found.reverse()
        self.assertAlmostEqual(float(items[0]["on_si_sdr"]), si_sdr(true_on, found[0]), delta=1e-3)
        self.assertAlmostEqual(float(items[0]["off_si_sdr"]), si_sdr(true_off, found[1]), delta=1e-3)

    def generated(self, name, on, off):
        """A clip as avsound-world writes it: the mixture and its stems, the last one the place's noise. Levels in dBFS, None:
        no such thing."""
        rng, tracks, things = np.random.default_rng(len(name)), [], []
        for on_screen, loudness in ((True, on), (False, off)):
            if loudness is None:
                continue
            tracks.append(rng.normal(0, 10 ** (loudness / 20), (63000, 2)))
            things.append({"kind": "bell", "on_screen": on_screen, "sounding": True, "stem": len(tracks), "level_db": [loudness] * 75,
                           "boxes": [[0, 0, 9, 9]] * 75 if on_screen else None})
        tracks.append(rng.normal(0, 1e-3, (63000, 2)))
        inputs = []
        for i, samples in enumerate([sum(tracks), *tracks]):
            inputs += ["-i", write_wav(self.folder / f"track{i}.wav", samples)]
        maps = [m for i in range(len(tracks) + 1) for m in ("-map", f"{i + 1}:a")]
        ffmpeg("-f", "lavfi", "-i", "testsrc2=size=64x64:rate=25:duration=3", *inputs, "-map", "0:v", *maps, "-c:v", "mpeg4",
               "-c:a", "copy", self.folder / "made" / f"{name}.mkv")
        (self.folder / "made" / f"{name}.json").write_text(json.dumps({
            "format": "avsound-world/1", "fps": 25, "frames": 75, "width": 64, "height": 64, "tracks": ["mixture"] * (len(tracks) + 1),
            "things": things}))
        return [x.mean(1) for x in tracks]

    def test_generated_clips_bring_their_stems(self):
        (self.folder / "made").mkdir()
        on, off, place = self.generated("both", -20, -26)
        self.generated("faint", -20, -70)
        self.generated("unseen", None, -20)
        alone, noise = self.generated("alone!", -26, None)
        report, items = self.evaluate("-d", "made", *SEEING)
        self.assertEqual([item["sounds"] for item in items], ["on_alone", "both", "on_alone", "off_alone"])
        self.assertEqual((report["n_both"], report["n_off_alone"], report["n_on_alone"]), (1, 1, 2))
        self.assertAlmostEqual(float(items[1]["on_mixture_si_sdr"]), si_sdr(on, on + off + place), delta=1e-3)
        self.assertAlmostEqual(float(items[1]["off_mixture_si_sdr"]), si_sdr(off + place, on + off + place), delta=1e-3)
        self.assertAlmostEqual(float(items[0]["on_mixture_si_sdr"]), si_sdr(alone, alone + noise), delta=1e-3)

    def test_a_table_for_people(self):
        out = self.avsound("eval", "separate", "-d", "pairs.csv", "--limit", 1, *SEEING).stdout
        self.assertRegex(out, r"on screen: SI-SDR gained +-?\d+\.\d+ .* ideal mask \d+\.\d+")
        self.assertRegex(out, r"  SI-SDR +-?\d+\.\d+ .* mixture -?\d+\.\d+")

    def test_what_is_refused(self):
        self.refused(4, "separates nothing", "eval", "separate", "-d", "pairs.csv", "--arch", "ave-net", "--config",
                     '{"width": 0.0625}')
        (self.folder / "bare.csv").write_text("file\na.mkv\n")
        self.assertIn('a column "off"', self.avsound("eval", "separate", "-d", "bare.csv", *SEEING, code=3).stderr)
        (self.folder / "lost.csv").write_text("file,off\na.mkv,lost.wav\na.mkv,b.mkv\n")
        run = self.avsound("eval", "separate", "-d", "lost.csv", *SEEING)
        self.assertIn("lost.wav", run.stderr)
        self.assertIn("1 clips, 0 with outputs that are not finite, 1 left out", run.stdout)


if __name__ == "__main__":
    unittest.main()
