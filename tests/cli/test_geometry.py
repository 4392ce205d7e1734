"""Where a map is drawn, with a network made by hand whose map is known: 1 where the picture is white, 0 where it is black,
whatever is heard. Overlays must then cover a white box and nothing else."""
import subprocess
import unittest

import numpy as np

from support import TINY, CommandTest, ffmpeg, pixels, save_model, video_times

TONE = ["-f", "lavfi", "-i", "sine=440:duration=2"]


def see_white(info):
    """Each convolution hands on the first channel as it is: 0 for black after the first ReLU, above 2 for white."""
    weights = {}
    for parameter in info["parameter_list"]:
        name, shape = parameter["name"], parameter["shape"]
        value = np.ones(shape) if name.endswith("running_var") else np.zeros(shape)
        if name.startswith("vision.bn") and name.endswith(".weight"):
            value[:] = 1
        elif name.startswith("vision.conv") and name.endswith(".weight"):
            centre = (0, 0, shape[2] // 2, shape[3] // 2)
            value[centre] = 1
            if name == "vision.conv1_1.weight":
                value[0, :, 1, 1] = 1 / 3
        weights[name] = value
    weights["audio.fc2.bias"][0] = 1
    weights["conv7.weight"][:] = 12
    weights["conv7.bias"][:] = -12
    return weights


def box_video(path, size, box, move="0", extra=(), encode=("-c:v", "ffv1"), filters=""):
    """A white box (x, y, width, height) on black; `move` is added to its x."""
    x, y, w, h = box
    scene = (f"color=black:s={size[0]}x{size[1]}:r=10:d=2[ground];color=white:s={w}x{h}:r=10:d=2[box];"
             f"[ground][box]overlay=x='{x}+{move}':y={y}:format=rgb,format=yuv444p{filters}[out]")
    ffmpeg("-filter_complex", scene, *TONE, "-map", "[out]", "-map", "0:a", *encode, "-c:a", "pcm_s16le", *extra, path)


def extent(mask):
    """First and last + 1 of the true columns and rows: x0, y0, x1, y1."""
    ys, xs = np.nonzero(mask)
    return np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])


class Geometry(CommandTest):
    def setUp(self):
        info = self.json("info", *TINY, "--json")
        save_model(self.folder / "white.safetensors", info, see_white(info))

    def localize(self, name, out, *options):
        run = self.avsound("localize", name, "-m", "white.safetensors", "-p", "f32", "-o", out, *options)
        self.assertEqual(run.stderr, "")

    def check_maps(self, name, size, box):
        """Cells within the box are near 1, cells clear of it near 0, for every frame."""
        self.localize(name, "maps.npy")
        maps = np.load(self.folder / "maps.npy")
        rows, cols = maps.shape[1:]
        self.assertEqual(min(rows, cols), 14)
        x0, y0, x1, y1 = box[0], box[1], box[0] + box[2], box[1] + box[3]
        blur = 2 * max(size[0] / (16 * cols), size[1] / (16 * rows)) # of the scaling, in the frame's pixels
        left, right = np.arange(cols) * size[0] / cols, (np.arange(cols) + 1) * size[0] / cols
        top, bottom = np.arange(rows) * size[1] / rows, (np.arange(rows) + 1) * size[1] / rows
        inside = np.outer((top >= y0) & (bottom <= y1), (left >= x0) & (right <= x1))
        clear = ~np.outer((bottom > y0 - blur) & (top < y1 + blur), (right > x0 - blur) & (left < x1 + blur))
        self.assertGreater(inside.sum(), 3)
        self.assertGreater(clear.sum(), 50)
        for frame in maps:
            self.assertGreater(frame[inside].min(), 0.9)
            self.assertLess(frame[clear].max(), 0.1)
        return np.array([size[0] / cols, size[1] / rows])

    def check_overlay(self, name, size, box):
        """What is coloured in the picture is the box, to within a cell."""
        cell = self.check_maps(name, size, box)
        self.localize(name, "out.png", "--alpha", "1", "--colormap", "jet")
        drawn = pixels(self.folder / "out.png").astype(int)
        self.assertEqual(drawn.shape, (size[1], size[0], 3))
        # jet's red end over white, nothing over black.
        coloured = drawn[:, :, 0] - drawn[:, :, 2] > 64
        wanted = np.array([box[0], box[1], box[0] + box[2], box[1] + box[3]])
        apart = np.abs(extent(coloured) - wanted)
        self.assertTrue((apart <= np.tile(cell, 2)).all(), f"{extent(coloured)}, want {wanted}")
        centre = coloured[box[1] + box[3] // 2, box[0] + box[2] // 2]
        self.assertTrue(centre)
        # Far from the box the picture is as it was.
        far = np.ones(coloured.shape, bool)
        mx, my = np.ceil(2 * cell).astype(int)
        far[max(box[1] - my, 0):box[1] + box[3] + my, max(box[0] - mx, 0):box[0] + box[2] + mx] = False
        self.assertLess(drawn[far].max(), 12)

    def test_frames_of_many_shapes(self):
        for size, box in (((160, 96), (100, 20, 40, 30)), ((96, 160), (10, 100, 50, 40)), ((101, 75), (0, 0, 40, 30)),
                          ((640, 240), (500, 150, 100, 80)), ((224, 224), (150, 30, 50, 90))):
            with self.subTest(size):
                box_video(self.folder / "box.mkv", size, box)
                self.check_overlay("box.mkv", size, box)

    def test_pictures_that_are_stored_lying(self):
        box_video(self.folder / "plain.mp4", (160, 96), (100, 20, 40, 30), encode=("-c:v", "mpeg4", "-q:v", "1"),
                  filters=",format=yuv420p", extra=("-c:a", "aac"))
        for degrees, shape in ((90, (96, 160)), (180, (160, 96)), (270, (96, 160))):
            with self.subTest(degrees):
                ffmpeg("-i", self.folder / "plain.mp4", "-c", "copy", "-metadata:s:v:0", f"rotate={degrees}",
                       self.folder / "lying.mp4")
                video = self.json("info", "lying.mp4", "--json")["video"]
                self.assertEqual((video["width"], video["height"]), shape)
                # The ffmpeg command turns pictures upright by itself; where the box then lies tells how.
                ffmpeg("-i", self.folder / "lying.mp4", "-frames:v", "1", self.folder / "upright.png")
                x0, y0, x1, y1 = extent(pixels(self.folder / "upright.png")[:, :, 0] > 128)
                clockwise = {(46, 100): 90, (20, 46): 180, (20, 20): 270}
                self.assertEqual(video["rotation"], clockwise[x0, y0])
                self.check_overlay("lying.mp4", shape, (x0, y0, x1 - x0, y1 - y0))

    def test_pixels_that_are_not_square(self):
        box_video(self.folder / "wide.mkv", (100, 96), (50, 20, 30, 30), filters=",setsar=2")
        shape = self.json("info", "wide.mkv", "--json")["video"]
        scale_x, scale_y = shape["width"] / 100, shape["height"] / 96
        self.assertAlmostEqual(scale_x / scale_y, 2, places=1)
        box = tuple(round(v) for v in (50 * scale_x, 20 * scale_y, 30 * scale_x, 30 * scale_y))
        self.check_overlay("wide.mkv", (shape["width"], shape["height"]), box)

    def test_a_box_that_moves_is_followed(self):
        size = (160, 96)
        box_video(self.folder / "moving.mkv", size, (10, 30, 30, 30), move="50*t")
        self.localize("moving.mkv", "out.mp4", "--alpha", "1")
        raw = subprocess.run(["ffmpeg", "-v", "error", "-i", str(self.folder / "out.mp4"), "-f", "rawvideo", "-pix_fmt",
                              "rgb24", "-vsync", "passthrough", "-"], check=True, capture_output=True).stdout
        frames = np.frombuffer(raw, np.uint8).reshape(-1, size[1], size[0], 3).astype(int)
        times = video_times(self.folder / "out.mp4")
        self.assertEqual(len(frames), 20)
        for frame, t in zip(frames, times):
            x0, _, x1, _ = extent(frame[:, :, 0] - frame[:, :, 2] > 64)
            self.assertAlmostEqual((x0 + x1) / 2, 10 + 50 * t + 15, delta=7)

    def test_side_by_side_shows_both(self):
        box_video(self.folder / "box.mkv", (160, 96), (100, 20, 40, 30))
        self.localize("box.mkv", "out.png", "--side-by-side", "--alpha", "1")
        both = pixels(self.folder / "out.png").astype(int)
        self.assertEqual(both.shape, (96, 320, 3))
        self.assertGreater(both[35, 120].min(), 240)
        self.assertGreater(both[35, 160 + 120, 0] - both[35, 160 + 120, 2], 64)


if __name__ == "__main__":
    unittest.main(verbosity=1)
