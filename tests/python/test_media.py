"""Files: what is read from them, and what is written."""
import gc
import io

import avsound
import numpy as np
import pytest
from conftest import RATE, ffmpeg, picture


def test_info_of_a_video(video):
    with avsound.Media(video) as media:
        info = media.info
    assert (info.width, info.height, info.rate, info.video_codec, info.audio_codec) == (160, 96, 25, "mpeg4", "pcm_s16le")
    assert info.duration == pytest.approx(2, abs=0.05) and info.channels == 1


def test_frames_and_sounds_come_in_order_and_whole(video):
    with avsound.Media(video, rate=16000, channels=2) as media:
        frames, sounds = list(media.frames()), list(media.sounds())
        assert media.read_frame() is None and media.read_sound() is None
    assert [f.time for f in frames] == pytest.approx([i / 25 for i in range(50)], abs=1e-3)
    assert {(f.width, f.height, f.format) for f in frames} == {(160, 96, "yuv420p")}
    assert sum(len(s.samples) for s in sounds) == pytest.approx(32000, abs=16)
    assert all(s.samples.shape[1] == 2 and s.rate == 16000 and s.samples.dtype == np.float32 for s in sounds)
    # What was read first stays as it was: it is a copy.
    assert not np.array_equal(frames[0].planes[0], frames[-1].planes[0])


def test_files_may_lie_anywhere(video):
    """By path, descriptor, in memory, and as a file object: the same frames and samples."""
    data = video.read_bytes()
    with open(video, "rb") as file, open(video, "rb") as other:
        sources = [file.fileno(), data, bytearray(data), np.frombuffer(data, np.uint8), io.BytesIO(data), other]
        found = []
        for source in [video, *sources]:
            with avsound.Media(source) as media:
                frames, sounds = list(media.frames()), list(media.sounds())
                media.seek(1)
                found.append((b"".join(f.planes[0].tobytes() for f in [*frames, media.read_frame()]),
                              b"".join(s.samples.tobytes() for s in sounds)))
    assert len(found[0][0]) == 51 * 160 * 96 and all(other == found[0] for other in found)


def test_memory_stays_while_it_is_read(video):
    media = avsound.Media(bytearray(video.read_bytes()))
    gc.collect()
    assert len(list(media.frames())) == 50


def test_what_file_objects_raise_comes_out(video):
    class Failing(io.BytesIO):
        left = 10**9

        def read(self, size=-1):
            self.left -= 1
            if self.left < 0:
                raise ZeroDivisionError("no more of it")
            return super().read(size)

    file = Failing(video.read_bytes())
    file.left = 0
    with pytest.raises(ZeroDivisionError):
        avsound.Media(file)
    file.left = 10**9
    with avsound.Media(file) as media:
        media.read_frame()
        file.left = 0
        with pytest.raises(ZeroDivisionError):
            list(media.frames())
    with pytest.raises(avsound.AvsoundError, match="noise.bin"):
        avsound.Media(io.BytesIO(bytes(range(256)) * 100), name="noise.bin")
    with pytest.raises(avsound.FileError):
        avsound.Media(10**6)


def test_seek_goes_to_the_frame_on_screen(video):
    with avsound.Media(video) as media:
        frames = list(media.frames())
        media.seek(1.01)
        frame = media.read_frame()
    assert frame.time == pytest.approx(1.0, abs=1e-3)
    assert np.array_equal(frame.planes[0], frames[25].planes[0])


def test_picture_comes_back_as_it_was_written(tmp_path):
    image = pytest.importorskip("PIL.Image")
    pixels = picture(5, 50, 70)
    avsound.write_picture(tmp_path / "a.png", pixels[::-1])
    assert np.array_equal(np.asarray(image.open(tmp_path / "a.png").convert("RGB")), pixels[::-1])
    with avsound.Media(tmp_path / "a.png") as media:
        assert media.info.still and np.array_equal(media.read_frame().rgb(), pixels[::-1])


@pytest.mark.parametrize("format", ["yuv420p", "yuv444p", "gray", "bgr24"])
def test_rgb_agrees_with_ffmpeg(tmp_path, format):
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=64x48,gblur=4", "-frames:v", 1, "-c:v", "rawvideo", "-pix_fmt", format,
           tmp_path / "a.nut")
    ffmpeg("-i", tmp_path / "a.nut", "-pix_fmt", "rgb24", "-sws_flags", "accurate_rnd+full_chroma_int+bicubic", "-f", "rawvideo",
           tmp_path / "a.rgb")
    want = np.fromfile(tmp_path / "a.rgb", np.uint8).reshape(48, 64, 3).astype(int)
    with avsound.Media(tmp_path / "a.nut") as media:
        frame = media.read_frame()
    assert frame.format == {"gray": "gray8"}.get(format, format)
    assert np.abs(frame.rgb().astype(int) - want).mean() < 2  # chroma is interpolated in other ways


def test_frame_that_is_padded_is_read_to_its_edges(tmp_path):
    """Odd sizes have chroma rows of their own, and rows in memory are longer than the picture."""
    picture(6, 23 * 37 + 2 * 12 * 19, 1)[..., 0].tofile(tmp_path / "odd.yuv")
    ffmpeg("-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", "37x23", "-i", tmp_path / "odd.yuv", "-c:v", "ffv1",
           tmp_path / "odd.mkv")
    with avsound.Media(tmp_path / "odd.mkv") as media:
        frame = media.read_frame()
    assert [p.shape for p in frame.planes] == [(23, 37), (12, 19), (12, 19)]
    assert b"".join(p.tobytes() for p in frame.planes) == (tmp_path / "odd.yuv").read_bytes()


def test_writer_makes_a_file_whole_or_not_at_all(tmp_path, video):
    times = [0, 0.1, 0.25, 0.5]
    with avsound.Writer(tmp_path / "a.mp4", 64, 48, rate=(25, 1), sound=video, sound_duration=0.6) as writer:
        for i, time in enumerate(times):
            writer.write(np.full((48, 64, 3), 50 * i, np.uint8), time)
    with avsound.Media(tmp_path / "a.mp4") as media:
        frames = list(media.frames())
        assert media.info.has_audio
    assert [f.time for f in frames] == pytest.approx(times, abs=1e-3)
    assert [f.rgb().mean() for f in frames] == pytest.approx([0, 50, 100, 150], abs=3)
    with pytest.raises(ZeroDivisionError), avsound.Writer(tmp_path / "b.mp4", 64, 48) as writer:
        writer.write(np.zeros((48, 64, 3), np.uint8), 0)
        1 / 0
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]


def test_writer_refuses_another_size(tmp_path):
    with pytest.raises(avsound.ShapeError), avsound.Writer(tmp_path / "a.mp4", 64, 48) as writer:
        writer.write(np.zeros((48, 66, 3), np.uint8), 0)


def test_damage_is_said_after_what_came_before(tmp_path, video):
    (tmp_path / "half.mkv").write_bytes(video.read_bytes()[:-60000])
    seen = []
    with avsound.Media(tmp_path / "half.mkv") as media, pytest.raises(avsound.FormatError, match="half.mkv"):
        for frame in media.frames():
            seen.append(frame.time)
    assert 5 < len(seen) < 50


def test_streams_that_are_not_there(video):
    with avsound.Media(video, sound=False) as media, pytest.raises(avsound.StateError):
        media.read_sound()


def test_retime_moves_the_sound(tmp_path, video):
    parts = []
    avsound.retime(video, tmp_path / "late.mkv", 0.25, progress=parts.append)
    with avsound.Media(tmp_path / "late.mkv") as media:
        assert media.read_sound().time == pytest.approx(0.25, abs=1e-3)
        assert media.read_frame().time == 0
    assert parts == sorted(parts) and all(0 <= part <= 1 for part in parts)


def test_progress_functions_stop_and_raise(tmp_path, video):
    with pytest.raises(avsound.CancelledError):
        avsound.retime(video, tmp_path / "a.mkv", 0.25, progress=lambda part: True)
    with pytest.raises(ZeroDivisionError):
        avsound.retime(video, tmp_path / "a.mkv", 0.25, progress=lambda part: 1 / 0)
    with pytest.raises(KeyboardInterrupt):
        avsound.retime(video, tmp_path / "a.mkv", 0.25, progress=interrupt)
    assert not list(tmp_path.iterdir())


def interrupt(_part):
    raise KeyboardInterrupt


def test_log_functions_that_raise_do_no_harm(tmp_path, video, monkeypatch):
    """A subtitle that .webm cannot hold is left out with a warning."""
    (tmp_path / "a.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nhello\n")
    ffmpeg("-i", video, "-i", tmp_path / "a.srt", "-map", 0, "-map", 1, "-c:v", "copy", "-c:a", "aac", "-c:s", "ass",
           tmp_path / "a.mkv")
    heard, failures = [], []
    monkeypatch.setattr("sys.unraisablehook", lambda failure: failures.append(failure.exc_type))

    def log(level, message):
        heard.append((level, message))
        1 / 0

    with avsound.Context(log=log, log_level="debug") as context:
        avsound.retime(tmp_path / "a.mkv", tmp_path / "b.mp4", 0.1, context=context)
    assert "warning" in [level for level, _ in heard], heard
    assert failures and set(failures) == {ZeroDivisionError}


def test_silent_picture_has_no_rate(tmp_path):
    avsound.write_picture(tmp_path / "a.png", picture())
    with avsound.Media(tmp_path / "a.png") as media:
        assert media.info.rate is None and media.info.sample_rate == 0 != RATE
