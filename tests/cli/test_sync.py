"""avsound sync as people run it, with a network made by hand that sees lights go on and hears noise begin: its answers are
known. Run through CTest, or AVSOUND_CLI=build/examples/avsound python3 test_sync.py."""
import csv
import json
import os
import signal
import subprocess
import unittest
import wave

import numpy as np

from support import COMMAND, CommandTest, environment, ffmpeg, on_terminal, pixels, save_model, video_times

LIGHT = 0.4  # seconds that a light stays on
HUSH = -52   # dB between noises, so that a hand-made ear hears nothing there


def one(shape, *at, value=1.0):
    """Zeros but for one place of the first axes; the value may be an array over the last ones."""
    weights = np.zeros(shape)
    weights[at] = value
    return weights


def handmade(folder, file="handmade.safetensors", lost=None):
    """A sync-net whose first channel alone works: it answers to a rise of brightness from one frame to the next, and to a
    rise of level from one column to the next. Everything behind copies what belongs to the middle. Without the tensor `lost`."""
    info = json.loads(subprocess.run([COMMAND, "info", "--arch", "sync-net", "--config", '{"width": 0.0625}', "--json"],
                                     env=environment(), check=True, capture_output=True, text=True).stdout)
    weights = {}
    for parameter in info["parameter_list"]:
        name, shape = parameter["name"], parameter["shape"]
        weights[name] = np.ones(shape) if name.endswith(("bn.weight", "running_var")) else np.zeros(shape)
    for tower in "video", "audio":
        for layer in range(1, 7):
            name = f"{tower}.conv{layer}.weight"
            shape = weights[name].shape
            middle = [n // 2 for n in shape[2:]]
            weights[name] = one(shape, 0, 0, *middle)
    sees = weights["video.conv1.weight"]
    now = [n // 2 for n in sees.shape[2:]]
    sees[0, :, now[0], now[1], now[2]] = 1
    sees[0, :, now[0] - 1, now[1], now[2]] = -1
    hears = weights["audio.conv1.weight"]
    hears[0, 0, 1, :] = [-1, 1, 0]
    weights["audio.conv1.bn.bias"][0] = -0.5
    weights["audio.conv2.weight"][0, 0, 1, :] = [0, 1, 1, 0]
    weights["audio.conv4.weight"][0, 0, :, 2] = 1
    weights["video.conv5.weight"][0, 0, :, 0, 0] = [0.5, 1, 0.5]  # an event is no shorter than what is around it:
    weights["audio.conv5.weight"][0, 0, 0, 1:6] = [0.4, 0.8, 1, 0.8, 0.4]  # the curve has a hill, not a spike
    weights["video.conv6.weight"][0, 0] = 5
    weights["audio.conv6.weight"][0, 0] = 5
    weights["lags.weight"][:] = 300
    weights.pop(lost, None)
    return save_model(folder / file, info, weights)


def event_times(seconds, seed):
    """When a light goes on: on the grid of 25 frames a second, never evenly."""
    rng, times, time = np.random.default_rng(seed), [], 0.6
    while time < seconds - 1:
        times.append(round(time * 25) / 25)
        time += rng.uniform(0.7, 1.3)
    return np.array(times)


def write_sound(path, times, seconds, rate, channels, seed, stops=None):
    rng = np.random.default_rng(seed)
    samples = rng.normal(0, 10 ** (HUSH / 20), (round(seconds * rate), channels))
    for time in times:
        begin = max(round((time + 0.01) * rate), 0)  # in the middle of the step of 20 ms that begins with the frame
        burst = samples[begin:begin + round(0.06 * rate)]
        burst += rng.normal(0, 0.25, burst.shape)
    if stops is not None:
        samples = samples[:round(stops * rate)]
    with wave.open(str(path), "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


def write_film(path, offset_ms=0, seconds=8, fps=25, rate=48000, channels=1, seed=1, dark=False, hush=False, drift=0,
               stops=None, strays=0, codec=("-c:v", "libx264", "-preset", "ultrafast"), sound=("-c:a", "aac"), extra=()):
    """A light goes on, and a noise begins offset_ms earlier: the truth. `drift` in ms a minute; `strays`: every third noise comes
    so many seconds later."""
    times = event_times(seconds, seed)
    frames = np.arange(round(seconds * fps)) / fps
    lit = ((frames[:, None] >= times - 1e-6) & (frames[:, None] < times + LIGHT - 1e-6)).any(1)
    picture = np.full((96, 96), 60, np.uint8)
    bright = picture.copy()
    bright[24:72, 24:72] = 200
    video = b"".join((bright if on and not dark else picture).tobytes() for on in lit)
    heard = times - offset_ms / 1e3 - drift / 1e3 * times / 60
    heard[2::3] += strays
    write_sound(path.with_suffix(".wav"), [] if hush else heard, seconds, rate, channels, seed, stops)
    run = subprocess.run(["ffmpeg", "-v", "error", "-y", "-bitexact", "-f", "rawvideo", "-pix_fmt", "gray", "-s", "96x96",
                          "-r", str(fps), "-i", "-", "-i", str(path.with_suffix(".wav")), *codec, "-pix_fmt", "yuv420p",
                          *sound, *extra, str(path)], input=video, check=False)
    path.with_suffix(".wav").unlink()
    assert run.returncode == 0
    return path


class SyncTest(CommandTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = handmade(cls.folder)
        cls.before.add(cls.model.name)

    def film(self, name="film.mp4", **options):
        return write_film(self.folder / name, **options)

    def measure(self, path, *arguments, code=0):
        return json.loads(self.avsound("sync", path, "-m", self.model, "--json", *arguments, code=code).stdout)

    def near(self, found, truth, tolerance=15):
        self.assertEqual(found["verdict"], "measured", found)
        self.assertLessEqual(abs(found["offset_ms"] - truth), tolerance)
        self.assertLessEqual(found["low_ms"], truth + tolerance)
        self.assertGreaterEqual(found["high_ms"], truth - tolerance)

    def cannot_tell(self, found, verdict):
        self.assertEqual(found["verdict"], verdict)
        self.assertIsNone(found["offset_ms"])
        self.assertIsNone(found["low_ms"])
        self.assertLess(found["confidence"], 0.5)


class Offsets(SyncTest):
    def test_known_offsets_are_found_with_their_sign(self):
        for truth in (0, 80, -80, 440, -1000, 1800):
            found = self.measure(self.film(offset_ms=truth))
            self.near(found, truth)
            self.assertGreater(found["confidence"], 0.9)
            if abs(truth) < 500:
                self.assertLess(found["high_ms"] - found["low_ms"], 80)

    def test_offsets_between_frames(self):
        for truth in (-33, 13, 27):
            self.near(self.measure(self.film(offset_ms=truth)), truth, 17)

    def test_itsoffset_is_the_cure(self):
        """The sign of docs/sync.md: what is found is what ffmpeg must delay the audio by."""
        path = self.film(offset_ms=320)
        found = self.measure(path)
        ffmpeg("-i", path, "-itsoffset", f"{found['offset_ms'] / 1e3}", "-i", path, "-map", "0:v", "-map", "1:a",
               "-c", "copy", self.folder / "cured.mkv")
        self.near(self.measure(self.folder / "cured.mkv"), 0)

    def test_the_range_is_as_wide_as_asked_for(self):
        path = self.film(offset_ms=4000, seconds=20)
        self.near(self.measure(path, "--range", "5"), 4000)
        found = self.measure(path)
        self.assertNotEqual(found["verdict"], "measured")
        self.assertEqual(len(self.measure(path, "--range", "10")["curve"]["offset_ms"]), 1001)

    def test_the_curve_has_its_peak_at_the_offset(self):
        found = self.measure(self.film(offset_ms=-200), "--range", "1")
        offsets, scores = found["curve"]["offset_ms"], found["curve"]["score"]
        self.assertEqual((offsets[0], offsets[-1], len(offsets)), (-1000, 1000, 101))
        self.assertLessEqual(abs(offsets[int(np.argmax(scores))] + 200), 20)

    def test_words_for_people(self):
        out = self.avsound("sync", self.film(offset_ms=240), "-m", self.model).stdout
        self.assertRegex(out, r"film\.mp4: audio leads by 2[234]\d ms: \+2[234]\d ms \(\+2\d\d to \+2\d\d\), confidence (0\.9|1\.00)")
        out = self.avsound("sync", self.film(offset_ms=-240), "-m", self.model).stdout
        self.assertRegex(out, r"audio lags by 2[234]\d ms: -2[234]\d ms")
        self.assertIn("in sync", self.avsound("sync", self.film(), "-m", self.model).stdout)

    def test_an_offset_that_is_not_sure_is_not_called_in_sync(self):
        """The interval holds 0, and yet 0 is none of the likely offsets."""
        path = self.film(offset_ms=160, seconds=6, strays=0.32)
        found = self.measure(path, "--range", "0.5")
        self.near(found, 160)
        self.assertLess(found["low_ms"], 0)
        self.assertIn("audio leads by 1", self.avsound("sync", path, "-m", self.model, "--range", "0.5").stdout)

    def test_same_bits_again(self):
        path = self.film(offset_ms=120)
        self.assertEqual(self.avsound("sync", path, "-m", self.model, "-j", "-t", "2").stdout,
                         self.avsound("sync", path, "-m", self.model, "-j", "-t", "2").stdout)


class Fix(SyncTest):
    def test_a_fixed_file_is_in_sync_and_holds_the_same_packets(self):
        for truth, name in ((200, "out.mp4"), (-360, "out.mkv"), (-200, "out.mov")):
            path = self.film(offset_ms=truth)
            found = self.measure(path, "--fix", self.folder / name)
            self.near(found, truth)
            self.near(found["fix"]["residual"], 0)
            self.near(self.measure(self.folder / name), 0)
            for stream in ("v", "a"):
                sums = [subprocess.run(["ffmpeg", "-v", "error", "-i", file, "-map", f"0:{stream}", "-c", "copy", "-f",
                                        "data", "-"], capture_output=True, check=True).stdout
                        for file in (path, self.folder / name)]
                self.assertTrue(sums[0] and sums[0].endswith(sums[1][-1000:]) and sums[1].endswith(sums[0][-1000:]))

    def test_nothing_is_written_where_nothing_was_found(self):
        path = self.film(hush=True, name="hush.mp4")
        run = self.avsound("sync", path, "-m", self.model, "--fix", "out.mp4", code=1)
        self.assertIn("out.mp4 is not written", run.stderr)
        self.assertEqual(self.new_files(), ["hush.mp4"])

    def test_the_input_is_never_replaced(self):
        path = self.film()
        self.refused_keeping(2, "is an input", "sync", path, "-m", self.model, "--fix", path)
        self.refused_keeping(3, "want .mp4", "sync", path, "-m", self.model, "--fix", "out.avi", unsupported=True)

    def refused_keeping(self, code, words, *arguments, unsupported=False):
        run = self.avsound(*arguments, code=None)
        self.assertIn(run.returncode, (code, 4) if unsupported else (code,), run.stderr)
        self.assertIn(words, run.stderr)
        self.assertEqual(self.new_files(), ["film.mp4"])

    def test_words_say_what_was_done(self):
        out = self.avsound("sync", self.film(offset_ms=200), "-m", self.model, "--fix", "out.mp4").stdout
        self.assertRegex(out, r"out\.mp4: audio delayed by \d+ ms; measured again:\nout\.mp4: in sync")


class Curve(SyncTest):
    def test_a_short_file_has_one_plot(self):
        self.avsound("sync", self.film(offset_ms=200), "-m", self.model, "--curve", "curve.png")
        image = pixels(self.folder / "curve.png")
        self.assertEqual(image.shape, (400, 960, 3))
        red = np.abs(image.astype(int) - (0xD9, 0x30, 0x25)).sum(2) < 60
        columns = np.flatnonzero(red[60:340].sum(0) > 100)  # upright lines of the whole height
        # 2 s either way over 58...948: the offset stands at (2000 + 200) / 4000 of it
        self.assertTrue(len(columns) and abs(columns.mean() - (58 + 890 * 0.55)) < 8, columns)

    def test_a_long_file_has_its_offset_over_time_too(self):
        path = self.film(offset_ms=100, seconds=60)
        found = self.measure(path, "--curve", self.folder / "curve.png")
        self.assertEqual(pixels(self.folder / "curve.png").shape, (700, 960, 3))
        self.assertGreaterEqual(len(found["windows"]["time"]), 5)


class Drift(SyncTest):
    def test_a_drift_is_told(self):
        found = self.measure(self.film(offset_ms=-100, drift=150, seconds=90))
        drift = found["drift_ms_per_minute"]
        self.assertAlmostEqual(drift["value"], 150, delta=25)
        self.assertTrue(drift["low"] < drift["value"] < drift["high"])
        self.assertIn("drifts", found["notes"])
        self.near(found, -100 + 150 * 0.75, 25)

    def test_too_fast_to_be_sure_of_is_not_told(self):
        found = self.measure(self.film(offset_ms=-100, drift=900, seconds=90))
        self.cannot_tell(found, "unsure")
        self.assertGreater(found["drift_ms_per_minute"]["low"], 0)
        self.assertNotIn("drifts", found["notes"])

    def test_none_where_there_is_none(self):
        found = self.measure(self.film(offset_ms=60, seconds=60))
        self.assertAlmostEqual(found["drift_ms_per_minute"]["value"], 0, delta=15)
        self.assertEqual(found["notes"], [])
        self.assertIsNone(self.measure(self.film())["drift_ms_per_minute"]["value"])


class CannotTell(SyncTest):
    def test_digital_silence(self):
        path = self.folder / "silence.mp4"
        ffmpeg("-i", self.film(), "-f", "lavfi", "-i", "anullsrc=r=48000:cl=mono", "-map", "0:v", "-map", "1:a", "-c:v",
               "copy", "-shortest", path)
        self.cannot_tell(self.measure(path), "silent")
        self.assertIn("cannot tell: the sound is silent", self.avsound("sync", path, "-m", self.model).stdout)

    def test_a_still_picture(self):
        self.cannot_tell(self.measure(self.film(dark=True)), "still")

    def test_sound_that_has_nothing_to_do_with_the_picture(self):
        path = self.film(name="a.mp4", seconds=12, seed=1)
        other = self.film(name="b.mp4", seconds=12, seed=77)
        ffmpeg("-i", path, "-i", other, "-map", "0:v", "-map", "1:a", "-c", "copy", self.folder / "dubbed.mp4")
        self.cannot_tell(self.measure(self.folder / "dubbed.mp4"), "unsure")

    def test_a_steady_hum(self):
        self.cannot_tell(self.measure(self.film(hush=True)), "unsure")

    def test_an_offset_beyond_the_range(self):
        self.assertNotEqual(self.measure(self.film(offset_ms=1500, seconds=20), "--range", "0.5")["verdict"], "measured")


class BadInput(SyncTest):
    """Everything a file can be that the network was not made for."""

    def test_mono_and_surround_and_telephone_sound(self):
        for channels, rate in ((2, 44100), (6, 48000), (1, 8000)):
            self.near(self.measure(self.film(offset_ms=160, channels=channels, rate=rate, name="film.mkv",
                                             sound=("-c:a", "flac"))), 160, 20)

    def test_few_and_many_pictures_a_second(self):
        self.near(self.measure(self.film(offset_ms=160, fps=120)), 160)
        self.near(self.measure(self.film(offset_ms=160, fps=30)), 160, 20)
        found = self.measure(self.film(offset_ms=160, fps=5, seconds=30))
        self.assertIn("slow", found["notes"])
        if found["verdict"] == "measured":
            self.near(found, 160, 60)
            self.assertGreaterEqual(found["high_ms"] - found["low_ms"], 100)

    def test_variable_frame_rate(self):
        path = self.film(offset_ms=160, fps=60, seconds=16)
        ffmpeg("-i", path, "-vf", "select='not(eq(mod(n,7),3))*not(eq(mod(n,11),5))'", "-fps_mode", "vfr", "-c:v",
               "libx264", "-preset", "ultrafast", "-c:a", "copy", self.folder / "vfr.mkv")
        self.near(self.measure(self.folder / "vfr.mkv"), 160, 40)  # where a frame is missing the light comes later

    def test_late_streams(self):
        path = self.film(offset_ms=160)
        for name, delay, truth in (("late-sound.mkv", ("-itsoffset", "0.5"), -340), ("late-sound.mp4", ("-itsoffset", "0.1"), 60)):
            ffmpeg("-i", path, *delay, "-i", path, "-map", "0:v", "-map", "1:a", "-c", "copy", self.folder / name)
            self.near(self.measure(self.folder / name), truth)
        ffmpeg("-itsoffset", "0.333", "-i", path, "-i", path, "-map", "0:v", "-map", "1:a", "-c", "copy",
               self.folder / "late-picture.mkv")
        self.near(self.measure(self.folder / "late-picture.mkv"), 160 + 333)

    def test_sound_that_stops_half_way(self):
        found = self.measure(self.film(offset_ms=160, seconds=16, stops=8, name="film.mkv", sound=("-c:a", "flac")))
        self.near(found, 160)
        self.assertIn("partly", found["notes"])
        self.assertLess(found["compared_seconds"], 11)

    def test_less_than_the_network_looks_at(self):
        """Padded, said so, and not trusted."""
        path = self.film(offset_ms=0)
        ffmpeg("-ss", "0.5", "-i", path, "-t", "0.28", "-c:v", "libx264", "-c:a", "flac", self.folder / "tiny.mkv")
        found = self.measure(self.folder / "tiny.mkv")
        self.assertIn("padded", found["notes"])
        self.assertLess(found["confidence"], 0.5)
        self.assertNotEqual(found["verdict"], "measured")

    def test_one_stream_alone(self):
        self.refused(3, "has no picture", "sync", "tone.wav", "-m", self.model)
        self.refused(3, "has no sound", "sync", "mute.mp4", "-m", self.model)
        self.refused(3, "has no sound", "sync", "still.png", "-m", self.model)

    def test_cover_art_is_no_film(self):
        ffmpeg("-i", self.folder / "tone.wav", "-i", self.folder / "still.png", "-map", "0:a", "-map",
               "1:v", "-c:v", "png", "-disposition:v", "attached_pic", "-c:a", "aac", self.folder / "cover.m4a")
        run = self.avsound("sync", "cover.m4a", "-m", self.model, code=3)
        self.assertIn("has no picture", run.stderr)

    def test_damaged_files(self):
        self.refused(3, "empty.mp4", "sync", "empty.mp4", "-m", self.model)
        self.refused(3, "noise.mp4", "sync", "noise.mp4", "-m", self.model)
        path = self.film(name="whole.mkv", offset_ms=160, seconds=16)
        (self.folder / "part.mkv").write_bytes(path.read_bytes()[:int(path.stat().st_size * 0.7)])
        run = self.avsound("sync", "part.mkv", "-m", self.model, "--json", code=3)
        self.assertIn("damaged", run.stderr)
        self.near(json.loads(run.stdout), 160)

    def test_a_checkpoint_that_lacks_a_tensor(self):
        for lost in ("lags.weight", "video.conv1.weight", "audio.conv6.weight"):
            handmade(self.folder, "lacking.safetensors", lost)
            run = self.avsound("sync", "clip.mp4", "-m", "lacking.safetensors", code=3)
            self.assertIn(lost, run.stderr)
            self.assertEqual(run.stdout, "")

    def test_other_networks_say_what_they_are_not(self):
        line = self.refused(4, "sync-net", "sync", "clip.mp4", "--arch", "ave-net", "--config", '{"width": 0.0625}')
        self.assertIn("ave-net", line)


class Eval(SyncTest):
    def evaluate(self, *arguments, code=0):
        return self.avsound("eval", "sync", "-m", self.model, *arguments, code=code)

    def test_drawn_offsets_are_found_and_nothing_where_nothing_is(self):
        rows = ["file,offset_ms,undecidable"]
        for i, (offset, dark) in enumerate(((0, False), (120, False), (-200, False), (0, True))):
            rows.append(f"{self.film(name=f'{i}.mp4', offset_ms=offset, seed=i, dark=dark).name},{offset},{int(dark)}")
        (self.folder / "manifest.csv").write_text("\n".join(rows) + "\n")
        report = json.loads(self.evaluate("-d", "manifest.csv", "--offsets", "-10..10", "--seed", "3", "--csv",
                                          "items.csv", "--json").stdout)
        self.assertEqual((report["n"], report["n_decidable"], report["n_undecidable"]), (4, 3, 1))
        self.assertEqual(report["all"]["within"]["value"], 1)
        self.assertLess(report["all"]["median_error_ms"]["value"], 15)
        self.assertEqual(report["all"]["within_forced"]["value"], 1)
        self.assertEqual(report["all"]["within_frames"]["value"], 1)
        self.assertEqual(report["all"]["paired_near"]["value"], 1)
        self.assertEqual(report["undecidable"]["abstained"]["value"], 1)
        with open(self.folder / "items.csv", newline="") as file:
            items = list(csv.DictReader(file))
        truths = [float(item["truth_ms"]) for item in items]
        for truth, own in zip(truths, (0, 120, -200, 0)):
            self.assertEqual((truth - own) % 40, 0)
            self.assertLessEqual(abs(truth - own), 400)
        self.assertGreater(len({truth - own for truth, own in zip(truths, (0, 120, -200, 0))}), 1)
        zero = np.mean([abs(truth) <= 40 for truth in truths[:3]])
        self.assertAlmostEqual(report["all"]["within"]["always 0"], zero)

    def test_a_part_of_each_clip(self):
        self.film(name="film.mp4", offset_ms=80, seconds=12)
        (self.folder / "manifest.csv").write_text("file,offset_ms\nfilm.mp4,80\n")
        self.evaluate("-d", "manifest.csv", "--seconds", "4", "--csv", "items.csv")
        with open(self.folder / "items.csv", newline="") as file:
            item = next(csv.DictReader(file))
        self.assertLess(abs(float(item["error_ms"])), 20)

    def test_wrong_offsets_are_refused(self):
        (self.folder / "manifest.csv").write_text("file\nclip.mp4\n")
        for text in ("15", "5..-5", "a..b", "1..2x"):
            self.assertIn("--offsets", self.evaluate("-d", "manifest.csv", f"--offsets={text}", code=2).stderr)


class Where(SyncTest):
    def two_lights(self, seconds=6):
        """The light on the left comes with its noise, that on the right, as bright and as often, half a second behind."""
        path = self.folder / "lights.mkv"
        times = event_times(seconds, 3)
        frames = np.arange(seconds * 25) / 25
        lit = [((frames[:, None] >= t - 1e-6) & (frames[:, None] < t + 0.2 - 1e-6)).any(1) for t in (times, times + 0.52)]
        video = np.full((len(frames), 96, 128), 60, np.uint8)
        for on, x in zip(lit, (8, 88)):
            video[on, 32:64, x:x + 32] = 200
        write_sound(self.folder / "noise.wav", times, seconds, 16000, 1, 3)
        subprocess.run(["ffmpeg", "-v", "error", "-f", "rawvideo", "-pix_fmt", "gray", "-s", "128x96", "-r", "25", "-i", "-", "-i",
                        str(self.folder / "noise.wav"), "-c:v", "ffv1", "-c:a", "copy", str(path)], input=video.tobytes(), check=True)
        return path

    def test_the_light_that_is_in_time_is_shown(self):
        path = self.two_lights()
        self.avsound("localize", path, "-m", self.model, "-o", "maps.npy")
        maps = np.load(self.folder / "maps.npy")
        self.assertEqual(maps.shape[1:], (8, 11))  # whole cells of a picture whose shorter side has eight
        left, right = maps[:, 2:6, :5].max((1, 2)), maps[:, 2:6, 6:].max((1, 2))
        middle = slice(40, -40)
        self.assertGreater(left[middle].min(), 0)
        self.assertTrue((left[middle] > 2 * np.maximum(right[middle], 0)).all())
        self.avsound("localize", path, "-m", self.model, "-o", "overlay.mp4")
        self.assertEqual(len(video_times(self.folder / "overlay.mp4")), len(maps))

    def test_scores_tell_what_is_in_time(self):
        def probabilities(path):
            found = json.loads(self.avsound("score", path, "-m", self.model, "--json").stdout)["results"]
            return np.array([r["probability"] for r in found if 1 < r["time"] < 7])
        self.assertGreater(probabilities(self.film(name="good.mp4")).min(), 0.8)
        self.assertLess(probabilities(self.film(name="late.mp4", offset_ms=-400)).max(), 0.2)

    def test_the_sound_may_come_from_elsewhere(self):
        path = self.two_lights()
        self.avsound("localize", path, "-m", self.model, "-o", "own.npy")
        self.avsound("localize", path, "-m", self.model, "--audio", self.folder / "noise.wav", "-o", "other.npy")
        own, other = (np.load(self.folder / name) for name in ("own.npy", "other.npy"))
        np.testing.assert_allclose(other[10:-30], own[10:-30], atol=1e-4)

    def test_silence_and_stillness_show_nothing(self):
        for name, how in (("hush.mp4", {"hush": True}), ("dark.mp4", {"dark": True})):
            found = json.loads(self.avsound("score", self.film(name=name, **how), "-m", self.model, "--json").stdout)["results"]
            self.assertLess(max(r["confidence"] for r in found), 0.5, name)

    def test_what_is_too_short_is_padded_and_said(self):
        run = self.avsound("score", self.film(name="short.mp4", seconds=0.28), "-m", self.model, "--json", "--hop", "0")
        found = json.loads(run.stdout)["results"]
        self.assertTrue(found and all(r["padded"] for r in found))
        self.assertIn("shorter", run.stderr)


class Running(SyncTest):
    def test_memory_does_not_grow_with_the_recording(self):
        def peak(path):
            run = subprocess.Popen([COMMAND, "sync", path, "-m", self.model, "-t", "1"], env=environment(),
                                   stdout=subprocess.DEVNULL)
            _, status, usage = os.wait4(run.pid, 0)
            self.assertEqual(status, 0)
            return usage.ru_maxrss

        minute = self.film(name="minute.mp4", seconds=60)
        ffmpeg("-stream_loop", "4", "-i", minute, "-c", "copy", self.folder / "five.mp4")
        self.assertLess(peak(self.folder / "five.mp4"), 1.1 * peak(minute))

    def test_a_bar_is_shown_and_cleared(self):
        code, out, seen = on_terminal(["sync", self.film(seconds=30), "-m", self.model], self.folder)
        self.assertEqual(code, 0)
        self.assertIn("in sync", out)

    def test_interrupted_it_leaves_nothing(self):
        path = self.film(name="minute.mp4", seconds=60)
        ffmpeg("-stream_loop", "20", "-i", path, "-c", "copy", self.folder / "long-film.mp4")
        run = subprocess.Popen([COMMAND, "sync", "long-film.mp4", "-m", self.model, "--fix", "out.mp4", "--curve", "c.png"],
                               cwd=self.folder, env=environment(), stderr=subprocess.PIPE, stdout=subprocess.PIPE)
        with self.assertRaises(subprocess.TimeoutExpired):
            run.wait(0.7)
        run.send_signal(signal.SIGINT)
        _, errors = run.communicate(timeout=60)
        self.assertEqual(run.returncode, 130, errors)
        self.assertEqual(self.new_files(), ["long-film.mp4", "minute.mp4"])


if __name__ == "__main__":
    unittest.main()
