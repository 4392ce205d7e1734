"""`avsound localize --stereo`: the channels as a second witness beside a map that is where the picture is white."""
import csv
import json
import unittest
import wave

import numpy as np

from support import CommandTest, ffmpeg, pixels, save_model
from test_clips import MULTISENSORY, see_white

RATE, WIDTH, HEIGHT, BAND = 48000, 320, 160, 16
BOX = -0.25  # the white box's middle, of -1...1
RED = (255, 40, 40)


def write_sound(path, channels):
    with wave.open(str(path), "wb") as file:
        file.setparams((channels.shape[1], 2, RATE, 0, "NONE", ""))
        file.writeframes(np.round(channels * 20000).clip(-32768, 32767).astype("<i2").tobytes())


def panned(place, seconds=2, seed=0):
    """Noise from a place by constant-power panning with 12.4 dB at the edge, and a little of each channel's own."""
    rng = np.random.default_rng(seed)
    angle = np.pi / 4 * (1 + 0.7 * place)
    one = rng.standard_normal(RATE * seconds)[:, None] * [np.cos(angle), np.sin(angle)]
    return 0.2 * (one + 0.05 * rng.standard_normal(one.shape))


class Stereo(CommandTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        rng = np.random.default_rng(1)
        one = panned(0)[:, :1]
        sounds = {"fits": panned(BOX), "other": panned(0.6), "mono": one, "dual": one.repeat(2, 1), "scaled": one * [1, 0.4],
                  "empty": one * [1, 0], "diffuse": 0.2 * rng.standard_normal((2 * RATE, 2)), "silent": np.zeros((2 * RATE, 2)),
                  "turns": np.vstack([panned(BOX, 1, 2), panned(0.6, 1, 3)])}
        sounds["surround"] = np.hstack([panned(BOX), np.zeros((2 * RATE, 4))])
        scene = (f"color=black:s={WIDTH}x{HEIGHT}:r=10:d=2[ground];color=white:s=80x40:r=10:d=2[box];"
                 "color=0x404040:s=40x20:r=10:d=2[mover];[ground][box]overlay=x=80:y=40:format=rgb[still];"
                 "[still][mover]overlay=x='40+n*5':y=130:format=rgb,format=yuv444p[out]")
        for name, sound in sounds.items():
            write_sound(cls.folder / "sound.wav", sound)
            ffmpeg("-filter_complex", scene, "-i", cls.folder / "sound.wav", "-map", "[out]", "-map", "0:a", "-c:v", "ffv1", "-c:a",
                   "pcm_s16le", cls.folder / f"{name}.mkv")
        cls.before |= {f"{name}.mkv" for name in sounds} | {"sound.wav", "white.safetensors"}

    def setUp(self):
        info = self.json("info", *MULTISENSORY, "--json")
        save_model(self.folder / "white.safetensors", info, see_white(info))

    def localize(self, name, *options, output="out.png"):
        run = self.avsound("localize", name, "-o", output, "-m", "white.safetensors", "-p", "f32", *options)
        return run.stdout

    def stereo(self, name, *options):
        return json.loads(self.localize(name, "--stereo", "--json", "--fps", "5", *options, output="out.npy"))["stereo"]

    def test_the_two_agree_or_not(self):
        found = self.stereo("fits.mkv")
        self.assertEqual((found["kind"], found["channels"], found["disagree"]), ("direction", 2, 0))
        self.assertEqual((found["sure"], found["frames"]["direction"], found["disagreements"]), (10, 10, []))
        found = self.stereo("other.mkv")
        self.assertEqual((found["sure"], found["disagree"]), (10, 10))
        (stretch,) = found["disagreements"]
        self.assertEqual((stretch["start"], stretch["end"], stretch["frames"]), (0, 1.8, 10))
        self.assertAlmostEqual(stretch["map"], BOX, delta=0.02)
        self.assertAlmostEqual(stretch["stereo"], 0.6, delta=0.03)

    def test_in_words(self):
        text = self.localize("turns.mkv", "--stereo", output="out.mp4")
        self.assertIn("stereo: a direction in 20 of 20 frames", text)
        self.assertRegex(text, r"stereo: they disagree at 1\.\d+ \.\.\. 1\.90 s: the map points to 0\.3[678] of the width, "
                               r"the channels to 0\.[78]")
        self.assertNotIn("stereo", self.localize("turns.mkv"))
        self.assertEqual(self.localize("turns.mkv", "--stereo", "--quiet"), "")

    def test_what_tells_no_direction(self):
        for name, kind, words in (("mono", "mono", "one channel"), ("dual", "dual_mono", "the same sound"),
                                  ("scaled", "dual_mono", "the same sound"), ("empty", "dual_mono", "the same sound"),
                                  ("diffuse", "diffuse", "diffuse in 1"), ("silent", "silent", "silence")):
            found = self.stereo(f"{name}.mkv")
            self.assertEqual((found["kind"], found["frames"][kind], found["sure"]), (kind, 10, 0), name)
            self.assertIn(words, self.localize(f"{name}.mkv", "--stereo"))

    def test_more_channels_are_mixed_down(self):
        found = self.stereo("surround.mkv")
        self.assertEqual((found["channels"], found["kind"], found["disagree"]), (6, "direction", 0))
        self.assertIn("6 channels, mixed down to two", self.localize("surround.mkv", "--stereo"))

    def test_the_band_is_below_the_picture(self):
        self.localize("fits.mkv", "--start", "0.5")
        bare = pixels(self.folder / "out.png")
        drawn = {}
        for name in ("fits", "other", "dual"):
            self.localize(f"{name}.mkv", "--stereo", "--start", "0.5")
            picture = pixels(self.folder / "out.png")
            self.assertEqual(picture.shape, (HEIGHT + BAND, WIDTH, 3))
            if name == "fits":
                np.testing.assert_array_equal(picture[:HEIGHT], bare)
            drawn[name] = picture[HEIGHT:]
        column = {place: int((place + 1) / 2 * WIDTH) for place in (BOX, 0.6)}
        self.assertTrue((drawn["fits"][:, column[BOX] - 3:column[BOX] + 4] == 255).all(2).any(1).all())
        self.assertEqual(drawn["fits"][8, 300].sum(), 0)
        self.assertTrue((drawn["other"][:, column[0.6] - 6:column[0.6] + 7] == 255).all(2).any())
        self.assertTrue((drawn["other"][:, 0] == RED).all())
        self.assertEqual(tuple(drawn["other"][2, column[BOX]]), RED)  # the wedge of the map
        self.assertTrue((drawn["dual"][8] == 64).all())

    def test_side_by_side_and_video(self):
        self.localize("fits.mkv", "--stereo", "--side-by-side", "--start", "0.5")
        picture = pixels(self.folder / "out.png")
        self.assertEqual(picture.shape, (HEIGHT + BAND, 2 * WIDTH, 3))
        self.assertEqual(picture[HEIGHT:, :WIDTH].max(), 0)
        self.assertGreater(picture[HEIGHT:, WIDTH:].max(), 200)
        self.localize("fits.mkv", "--stereo", output="out.mp4")
        ffmpeg("-i", self.folder / "out.mp4", "-frames:v", "1", self.folder / "first.png")
        self.assertEqual(pixels(self.folder / "first.png").shape, (HEIGHT + BAND, WIDTH, 3))

    def test_every_frame_as_csv(self):
        self.localize("turns.mkv", "--stereo", "--csv", "rows.csv", output="out.npy")
        with open(self.folder / "rows.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(len(rows), 20)
        np.testing.assert_allclose([float(r["time"]) for r in rows], np.arange(20) / 10, atol=1e-6)
        self.assertEqual((rows[2]["kind"], rows[2]["cues"], rows[2]["disagree"]), ("direction", "level", "false"))
        self.assertEqual((rows[18]["disagree"], rows[18]["map_sure"]), ("true", "true"))
        self.assertAlmostEqual(float(rows[18]["direction"]), 0.6, delta=0.04)
        level = 20 * np.log10(np.tan(np.pi / 4 * (1 + 0.7 * 0.6)))
        for b in range(12):
            self.assertAlmostEqual(float(rows[18][f"band_level_db{b}"]), level, delta=0.5)

    def test_what_cannot_be_asked(self):
        model = ("-m", "white.safetensors")
        self.refused(2, "--audio", "localize", "fits.mkv", "-o", "o.mp4", "--stereo", "--audio", "sound.wav", *model)
        self.refused(2, "--csv", "localize", "fits.mkv", "-o", "o.mp4", "--csv", "rows.csv", *model)
        self.refused(3, "no sound", "localize", "mute.mp4", "-o", "o.mp4", "--stereo", *model)
        self.refused(5, "no/rows.csv", "localize", "fits.mkv", "-o", "o.mp4", "--stereo", "--csv", "no/rows.csv", *model)
        self.refused(2, "fits.mkv", "localize", "fits.mkv", "-o", "o.mp4", "--stereo", "--csv", "fits.mkv", *model)

    def test_of_a_damaged_file_what_came_before(self):
        whole = (self.folder / "fits.mkv").read_bytes()
        (self.folder / "half.mkv").write_bytes(whole[:len(whole) * 3 // 4])
        run = self.avsound("localize", "half.mkv", "-o", "out.npy", "-m", "white.safetensors", "--stereo", "--json", code=None)
        self.assertIn(run.returncode, (0, 3))
        found = json.loads(run.stdout)["stereo"]
        self.assertGreater(found["frames"]["direction"], 5)


if __name__ == "__main__":
    unittest.main()
