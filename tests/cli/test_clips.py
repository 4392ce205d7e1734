"""Networks of clips on the command line: `score` tells of stretches whether sound and picture are in time, `localize` where. The
network is made by hand: whatever it hears, a cell of its map is GAIN where the picture is white and 0 where it is dark."""
import json
import unittest

import numpy as np

from support import TINY, CommandTest, ffmpeg, pixels, save_model, video_times

GAIN = 12.0
CONFIG = {"width": 0.0625, "audio_width": 0.0625, "conv5_stride": 1, "clip": {"frames": 16},
          "image": {"width": 64, "height": 64, "short_side": 64}}
MULTISENSORY = ["--arch", "multisensory", "--config", json.dumps(CONFIG)]
WIDTH, HEIGHT, CELLS = 320, 160, 4
STRETCH = 16 / 29.97


def see_white(info):
    """Channel 0 is the mean of the colours, from -1 for black to 1 for white; the first ReLU makes all that is dark 0. Shortcuts
    hand it on to the head."""
    weights = {p["name"]: np.ones(p["shape"]) if p["name"].endswith("running_var") else np.zeros(p["shape"])
               for p in info["parameter_list"]}
    weights["im.conv1.weight"][0, :, 2, 2, 2] = 1 / 3
    weights["im.conv4_1_short.weight"][0, 0] = 1
    weights["im.conv5_1_short.weight"][0, 0] = 1
    weights["joint.logits.weight"][0, 0] = GAIN
    return weights


def jet(x):
    def line(*points):
        return np.interp(x, *zip(*points))
    return np.stack([line((0, 0), (.35, 0), (.66, 1), (.89, 1), (1, .5)),
                     line((0, 0), (.125, 0), (.375, 1), (.64, 1), (.91, 0), (1, 0)),
                     line((0, .5), (.11, 1), (.34, 1), (.65, 0), (1, 0))], -1)


def released_overlay(frame, cam):
    """The paper's program: |cam| against the 97th percentile of a stretch, whose two steps are alike, zoomed from corner to
    corner."""
    level = np.percentile(np.abs([cam, cam]), 97)
    low, high = 0.5 * level, level + 0.001
    y = np.linspace(0, cam.shape[0] - 1, frame.shape[0])
    x = np.linspace(0, cam.shape[1] - 1, frame.shape[1])
    rows = np.stack([np.interp(x, np.arange(cam.shape[1]), row) for row in np.abs(cam)])
    zoomed = np.stack([np.interp(y, np.arange(cam.shape[0]), column) for column in rows.T], 1)
    q = ((zoomed - low) / (high - low))[..., None]
    table = (jet(np.arange(256) / 255) * 255).astype(np.uint8)
    colour = table[np.minimum(np.floor(256 * np.clip(q[..., 0], 0, 1)), 255).astype(int)]
    alpha = np.clip(q, 0, 0.35)
    return np.trunc(frame * (1 - alpha) + colour * alpha)


class Clips(CommandTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.before.add("white.safetensors")
        cls.before.add("box.mkv")
        # A white box on the map's cell (1,1); below it a dark grey one that moves, which the network does not see.
        scene = (f"color=black:s={WIDTH}x{HEIGHT}:r=10:d=2[ground];color=white:s=80x40:r=10:d=2[box];"
                 "color=0x404040:s=40x20:r=10:d=2[mover];[ground][box]overlay=x=80:y=40:format=rgb[still];"
                 "[still][mover]overlay=x='40+n*5':y=130:format=rgb,format=yuv444p[out]")
        cls.scene = scene
        ffmpeg("-filter_complex", scene, "-f", "lavfi", "-i", "sine=440:duration=2", "-map", "[out]", "-map", "0:a", "-c:v", "ffv1",
               "-c:a", "pcm_s16le", cls.folder / "box.mkv")

    def setUp(self):
        info = self.json("info", *MULTISENSORY, "--json")
        save_model(self.folder / "white.safetensors", info, see_white(info))

    def run_white(self, command, *arguments, code=0):
        return self.avsound(command, *arguments, "-m", "white.safetensors", "-p", "f32", code=code)

    def maps(self, name, *options):
        self.run_white("localize", name, "-o", "maps.npy", *options)
        return np.load(self.folder / "maps.npy"), np.load(self.folder / "maps.times.npy")

    def test_score_over_time(self):
        record = json.loads(self.run_white("score", "box.mkv", "--hop", "0.25", "--json").stdout)
        rows = record["results"]
        # stretches of 16 of 60 pictures begin at 0, 7, ... 42 and 44
        self.assertEqual(len(rows), 8)
        np.testing.assert_allclose([r["time"] for r in rows[:7]], [(7 * i + 8) / 29.97 for i in range(7)], atol=1e-5)
        self.assertAlmostEqual(rows[7]["time"], (44 + 8) / 29.97, delta=0.1)
        for row in rows:
            self.assertAlmostEqual(row["probability"], 1 / (1 + np.exp(-GAIN / 16)), delta=0.01)
            self.assertEqual((row["confidence"], row["padded"], row["trained"]), (1, False, True))
            self.assertAlmostEqual(row["seen"], STRETCH, places=5)
        self.assertRegex(self.run_white("score", "box.mkv").stdout, r"(?m)^ *time +probability +confidence +rms +seen")

    def test_scores_are_drawn_over_time(self):
        self.run_white("score", "box.mkv", "--hop", "0.25", "--curve", "curve.png")
        image = pixels(self.folder / "curve.png").astype(int)
        self.assertEqual(image.shape, (400, 960, 3))
        blue = image[35:, :, 2] - image[35:, :, 0] > 60
        # P is 0.68 in every stretch: a level line
        self.assertGreater(blue.any(0).sum(), 700)
        rows = 35 + np.nonzero(blue)[0]
        self.assertLess(np.ptp(rows), 8)
        self.assertLess(rows.mean(), 200)

    def test_maps_of_every_frame(self):
        maps, times = self.maps("box.mkv")
        self.assertEqual(maps.shape, (20, CELLS, CELLS))
        np.testing.assert_allclose(times, np.arange(20) / 10, atol=1e-6)
        np.testing.assert_allclose(maps[:, 1, 1], GAIN, atol=0.3)
        maps[:, 1, 1] = 0
        self.assertLess(np.abs(maps).max(), 0.3)

    def test_overlay_covers_the_box(self):
        self.run_white("localize", "box.mkv", "-o", "both.png", "--side-by-side", "--start", "0.5")
        both = pixels(self.folder / "both.png").astype(int)
        changed = np.abs(both[:, WIDTH:] - both[:, :WIDTH]).sum(2)
        self.assertGreater(changed[60, 120], 100)
        self.assertEqual(changed[:, 210:].max(), 0)
        self.assertEqual(changed[110:].max(), 0)

    def test_overlay_of_the_released_program(self):
        self.run_white("localize", "box.mkv", "-o", "both.png", "--side-by-side", "--compat", "--start", "0.5")
        maps, _ = self.maps("box.mkv", "--start", "0.5", "--duration", "0.05")
        both = pixels(self.folder / "both.png").astype(float)
        want = released_overlay(both[:, :WIDTH], maps[0].astype(float))
        self.assertGreater(np.abs(want - both[:, :WIDTH]).max(), 80)
        self.assertLessEqual(np.abs(both[:, WIDTH:] - want).max(), 2)

    def test_video_keeps_its_frames_and_sound(self):
        self.run_white("localize", "clip.mp4", "-o", "out.mp4", "--quiet")
        np.testing.assert_allclose(video_times(self.folder / "out.mp4"), video_times(self.folder / "clip.mp4"), atol=1e-3)

    def test_a_long_file_and_parts_of_it(self):
        maps, times = self.maps("long.mp4", "--fps", "5", "--start", "7", "--duration", "10", "--quiet")
        self.assertEqual(len(maps), 50)
        np.testing.assert_allclose(times, 7 + np.arange(50) / 5, atol=1e-6)
        self.assertTrue(np.isfinite(maps).all())

    def test_nothing_is_shown_of_silence_and_stills(self):
        ffmpeg("-filter_complex", self.scene, "-f", "lavfi", "-i", "anullsrc=d=2", "-map", "[out]", "-map", "0:a", "-c:v", "ffv1",
               "-c:a", "pcm_s16le", self.folder / "silent.mkv")
        ffmpeg("-f", "lavfi", "-i", f"color=white:s={WIDTH}x{HEIGHT}:r=10:d=2", "-f", "lavfi", "-i", "sine=440:duration=2", "-c:v",
               "mpeg4", "-c:a", "pcm_s16le", self.folder / "still.mkv")
        for name in ("silent.mkv", "still.mkv"):
            rows = json.loads(self.run_white("score", name, "--json").stdout)["results"]
            self.assertEqual({row["confidence"] for row in rows}, {0})
            self.run_white("localize", name, "-o", "both.png", "--side-by-side")
            both = pixels(self.folder / "both.png")
            np.testing.assert_array_equal(both[:, :WIDTH], both[:, WIDTH:])

    def test_short_files_are_filled_up_and_said_so(self):
        ffmpeg("-i", self.folder / "box.mkv", "-t", "0.3", "-c", "copy", self.folder / "short.mkv")
        run = self.run_white("score", "short.mkv", "--json")
        self.assertIn("shorter than what the network sees at once", run.stderr)
        self.assertEqual([row["padded"] for row in json.loads(run.stdout)["results"]], [True])
        self.assertIn("shorter than", self.run_white("localize", "short.mkv", "-o", "maps.npy").stderr)

    def test_another_sound(self):
        self.run_white("localize", "mute.mp4", "--audio", "tone.wav", "-o", "maps.npy")
        self.assertEqual(len(json.loads(self.run_white("score", "mute.mp4", "tone.wav", "--json").stdout)["results"]), 3)

    def test_what_came_before_damage_stands(self):
        for name, options in (("cut.mp4", ["-movflags", "+faststart"]), ("cut.mkv", [])):
            ffmpeg("-i", self.folder / "clip.mp4", "-c", "copy", *options, self.folder / name)
            whole = (self.folder / name).read_bytes()
            (self.folder / name).write_bytes(whole[:len(whole) * 3 // 4])
            run = self.run_white("score", name, "--json", "--hop", "0.2", code=3)
            self.assertIn("damaged", run.stderr)
            self.assertGreater(len(json.loads(run.stdout)["results"]), 2)
            self.run_white("localize", name, "-o", "maps.npy", code=3)
            self.assertGreater(len(np.load(self.folder / "maps.npy")), 10)

    def test_what_is_refused(self):
        model = ["-m", "white.safetensors"]
        self.refused(3, "no sound", "score", "mute.mp4", *model)
        self.refused(3, "no picture", "score", "tone.wav", *model)
        self.refused(3, "no sound", "localize", "mute.mp4", "-o", "out.mp4", *model)
        self.refused(4, "takes clips", "localize", "still.png", "--audio", "tone.wav", "-o", "out.png", *model)
        self.refused(4, "takes clips", "score", "still.png", "tone.wav", *model)
        self.refused(2, "--curve wants a video", "score", "still.png", "tone.wav", "--curve", "curve.png", *model)
        self.refused(2, "an input too", "score", "box.mkv", "--curve", "box.mkv", *model)
        self.refused(4, "no embeddings", "embed", "clip.mp4", *model)
        self.refused(2, "--compat", "localize", "clip.mp4", "-o", "out.mp4", "--compat", *TINY)


if __name__ == "__main__":
    unittest.main()
