"""models/pairs.py as recipes run it."""
import csv
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
import wave

try:
    import numpy as np
    from PIL import Image, ImageDraw
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)
if not shutil.which("ffmpeg"):
    print("skipped: the ffmpeg command is missing")
    sys.exit(77)

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "models" / "pairs.py"
RATE = 48000


def write_sound(path, samples):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((32767 * samples).astype("<i2").tobytes())


def write_stamp(path, colour):
    picture = Image.new("RGBA", (90, 70), (0, 0, 0, 0))
    ImageDraw.Draw(picture).ellipse((5, 5, 84, 64), fill=colour + (255,))
    picture.save(path)


def make_pairs(folder):
    """A green thing with a tone, a blue one that knocks once a second, one with the green one's sound, and a silent one."""
    folder.mkdir()
    knock = np.zeros(RATE * 5 // 2)
    for start in range(0, len(knock), RATE):
        knock[start:start + RATE // 50] = np.random.default_rng(1).uniform(-0.9, 0.9, RATE // 50)
    tone = 0.3 * np.sin(2 * np.pi * 1000 / RATE * np.arange(RATE // 4))
    sounds = {"green": tone, "blue": knock, "lime": tone, "mute": np.zeros(RATE)}
    colours = {"green": (0, 255, 0), "blue": (0, 0, 255), "lime": (0, 255, 0), "mute": (0, 0, 0)}
    lines = ["image\tsound\tlabel\tcategory"]
    for name, samples in sounds.items():
        write_sound(folder / f"{name}.wav", samples)
        write_stamp(folder / f"{name}.png", colours[name])
        lines.append(f"{name}.png\t{name}.wav\t{name}\tthings")
    (folder / "pairs.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def raw(path, *options):
    return subprocess.run(["ffmpeg", "-v", "error", "-i", path, *options, "-"], capture_output=True, check=True).stdout


class Pairs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = pathlib.Path(temporary.name)
        make_pairs(cls.folder / "pairs")
        subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "color=gray:size=320x240:duration=1", "-c:v", "mpeg4",
                        cls.folder / "grey.mp4"], check=True)
        (cls.folder / "videos.txt").write_text("# plain\ngrey.mp4\n", encoding="utf-8")
        cls.said = cls.make("out", 6)

    @classmethod
    def make(cls, out, clips):
        return subprocess.run([sys.executable, SCRIPT, "pairs", "videos.txt", out, "--clips", str(clips), "--seed", "4",
                               "--seconds", "2.4"], cwd=cls.folder, text=True, capture_output=True, check=True)

    def rows(self, out="out"):
        with open(self.folder / out / "pairs.csv", newline="", encoding="utf-8") as table:
            return list(csv.DictReader(table))

    def test_says_little_where_nobody_looks(self):
        self.assertEqual(self.said.stdout, "6 clips of 3 pairs in out\n")
        self.assertEqual(self.said.stderr, "mute: left out, its sound is silence\n")

    def test_table_has_each_pair_equally_often_and_groups_by_sound(self):
        rows = self.rows()
        self.assertEqual([row["file"] for row in rows], [f"4-{i:06}.mp4" for i in range(6)])
        self.assertEqual(sorted(row["label"] for row in rows), ["blue", "blue", "green", "green", "lime", "lime"])
        self.assertEqual({row["label"]: row["group"] for row in rows}, {"blue": "blue", "green": "green", "lime": "green"})

    def test_format(self):
        found = json.loads(subprocess.run(["ffprobe", "-v", "error", "-of", "json", "-show_streams", "-count_frames",
                                           self.folder / "out" / "4-000000.mp4"], capture_output=True, check=True).stdout)
        video, sound = found["streams"]
        self.assertEqual([video[k] for k in ("codec_name", "width", "height", "r_frame_rate", "nb_read_frames")],
                         ["h264", 256, 256, "25/1", "60"])
        self.assertEqual([sound[k] for k in ("codec_name", "sample_rate", "duration")], ["aac", "48000", "2.400000"])

    def test_picture_shows_the_thing_and_it_moves(self):
        for row in self.rows():
            frames = np.frombuffer(raw(self.folder / "out" / row["file"], "-f", "rawvideo", "-pix_fmt", "rgb24"), np.uint8)
            frames = frames.reshape(60, 256, 256, 3).astype(int)
            red, green, blue = (frames[..., c] for c in range(3))
            is_green, is_blue = green - np.maximum(red, blue) > 40, blue - np.maximum(red, green) > 40
            shown, other = (is_blue, is_green) if row["label"] == "blue" else (is_green, is_blue)
            # an ellipse of 80:60, 25 % to 80 % of the side long, and 6 % of that as it comes and goes
            for share in shown.mean(axis=(1, 2)):
                self.assertTrue(0.6 * 0.25 ** 2 * 0.589 < share < 1.15 * 0.8 ** 2 * 0.589, (row, share))
            self.assertLess(other.mean(), 0.001)
            self.assertGreater((shown[0] != shown[40]).mean(), 0.002)

    def test_every_second_hears_the_sound(self):
        for row in self.rows():
            samples = np.frombuffer(raw(self.folder / "out" / row["file"], "-f", "f32le", "-ac", "1"), np.float32)
            self.assertLessEqual(np.abs(samples).max(), 1)
            for start in range(0, int(1.4 * RATE), RATE // 50):
                second = samples[start:start + RATE]
                loudest = max(np.sqrt(np.mean(np.square(second.reshape(-1, RATE // 20)), axis=1)))
                self.assertGreater(20 * np.log10(loudest), -45, (row, start))
                if row["group"] == "green":
                    spectrum = np.abs(np.fft.rfft(second))
                    self.assertTrue(900 <= spectrum.argmax() <= 1112, (row, spectrum.argmax()))

    def test_what_is_there_is_kept_and_the_rest_is_made_alike(self):
        out = self.folder / "again"
        self.make("again", 2)
        for name in ("4-000000.mp4", "4-000001.mp4"):
            self.assertEqual((out / name).read_bytes(), (self.folder / "out" / name).read_bytes())
        (out / "4-000000.mp4").write_bytes(b"kept")
        (out / "4-000001.mp4").unlink()
        (out / ".4-000001.part").write_bytes(b"left by a run that was killed")
        self.make("again", 3)
        self.assertEqual((out / "4-000000.mp4").read_bytes(), b"kept")
        for name in ("4-000001.mp4", "4-000002.mp4"):
            self.assertEqual((out / name).read_bytes(), (self.folder / "out" / name).read_bytes())
        self.assertEqual(sorted(path.name for path in out.iterdir()),
                         ["4-000000.mp4", "4-000001.mp4", "4-000002.mp4", "pairs.csv"])
        self.assertEqual(self.rows("again"), self.rows()[:3])


if __name__ == "__main__":
    unittest.main()
