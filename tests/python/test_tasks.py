"""Walks over recordings, and drawing."""
import io
import itertools
import pathlib
import threading

import avsound
import numpy as np
import pytest
from conftest import RATE, ffmpeg, make_video, picture


def test_scan_gives_what_a_session_gives(model, session, video):
    """The vector of a frame, found by hand: the one on screen at that time."""
    with model.scan(video, "embed-image", "frame", hop=0.5) as scan:
        assert scan.expected == 4 and scan.info.width == 160
        results = list(scan)
    assert [r.time for r in results] == [0, 0.5, 1, 1.5] and [r.index for r in results] == [0, 1, 2, 3]
    for result in results:
        with avsound.Media(video) as media:
            media.seek(result.time)
            frame = media.read_frame()
        assert np.array_equal(frame.planes[0], result.frame.planes[0])
        vector = session.embed_images([frame])[0]
        assert np.abs(vector - result.embedding_image).max() <= 1e-5 * np.abs(vector).max()
        assert result.map is None and result.embedding_sound is None
    # They are the caller's: later results did not overwrite them.
    assert not np.array_equal(results[0].embedding_image, results[3].embedding_image)


def test_dense_scan_is_near_the_exact_one(model, video):
    def vectors(**options):
        with model.scan(video, "embed-sound", hop=0.08, **options) as scan:
            return {result.time: result.embedding_sound for result in scan}
    exact, dense = vectors(), vectors(dense=True)
    assert list(exact) == list(dense)
    cosines = [exact[time] @ dense[time] / np.linalg.norm(exact[time]) / np.linalg.norm(dense[time]) for time in exact]
    assert min(cosines) > 0.5 and min(cosines) < 1 - 1e-5


def test_scan_is_lazy_and_may_be_left(model, video):
    scan = model.scan(video, "score", hop=0.1)
    first = list(itertools.islice(scan, 3))
    assert [r.time for r in first] == pytest.approx([0, 0.1, 0.2])
    assert next(scan).time == pytest.approx(0.3)
    assert scan.times()["network"] > 0
    scan.close()
    with pytest.raises(ValueError, match="closed"):
        next(scan)


def test_results_outlive_their_scan(model, video):
    with model.scan(video, "map", hop=1) as scan:
        results = list(scan)
    assert all(r.map.min() >= 0 and r.map.max() <= 1 and r.map.ndim == 2 for r in results) and len(results) == 2


def test_scan_takes_the_sound_of_another_file(model, video, tmp_path):
    ffmpeg("-f", "lavfi", "-i", "anullsrc=duration=2", tmp_path / "silence.wav")
    own = list(model.scan(video, "score", hop=1, duration=1))
    other = list(model.scan(video, "score", hop=1, duration=1, sound=tmp_path / "silence.wav"))
    assert own[0].confidence == 1 and other[0].confidence == 0 and len(own) == len(other) == 1


def test_scan_can_be_cancelled_from_another_thread(model, tmp_path):
    scan = model.scan(make_video(tmp_path / "long.mkv", seconds=60), "score")
    next(scan)
    thread = threading.Thread(target=scan.cancel)
    thread.start()
    with pytest.raises(avsound.CancelledError):
        for _ in scan:
            pass
    thread.join()


def test_words_that_no_scan_knows(model, video):
    with pytest.raises(ValueError, match="embed-sound"):
        model.scan(video, "smell")
    with pytest.raises(avsound.StateError):
        avsound.write_picture(video.with_name("still.png"), picture())
        model.scan(video.with_name("still.png"), "embed-sound")


def test_maps_are_laid_over_pictures():
    pixels = picture(1, 40, 60)
    assert np.array_equal(avsound.draw_map(pixels, np.zeros((4, 6))), pixels)
    full = avsound.draw_map(pixels, np.ones((4, 6)), colour="grey", alpha=1)
    assert full.shape == (40, 60, 3) and full.std() == 0
    half = np.zeros((1, 2))
    half[0, 1] = 1
    drawn = avsound.draw_map(pixels, half, colour="jet", alpha=1)
    assert np.array_equal(drawn[:, :15], pixels[:, :15]) and not np.array_equal(drawn[:, 45:], pixels[:, 45:])
    out = np.zeros((40, 60, 3), np.uint8)
    assert avsound.draw_map(pixels, half, colour="jet", alpha=1, out=out) is out and np.array_equal(out, drawn)
    for bad in (dict(colour="mauve"), dict(alpha=2)):
        with pytest.raises(avsound.InvalidArgumentError):
            avsound.draw_map(pixels, half, **bad)


def test_cams_are_drawn_as_their_formula_says():
    """Outermost cells under the outermost pixels; a = min(q, 0.35); (1 - a) picture + a jet(q), truncated."""
    pixels = np.full((5, 5, 3), 100, np.uint8)
    none = avsound.draw_cam(pixels, np.full((2, 2), -1.0))
    assert np.array_equal(none, pixels)
    full = avsound.draw_cam(pixels, np.ones((2, 2)))
    assert np.array_equal(full, np.broadcast_to(full[0, 0], full.shape))
    assert full[0, 0, 1] == 65 and full[0, 0, 2] == 65 and full[0, 0, 0] > 100  # jet(1) is dark red


def test_curves_and_spectrograms_are_drawn(video, tmp_path):
    image = pytest.importorskip("PIL.Image")
    avsound.draw_scores([0, 1, 2], [0.1, 0.9, np.nan], [1, 1, 0], tmp_path / "scores.png", title="matches")
    avsound.draw_spectrograms([video, video], tmp_path / "s.png", titles=["one", "two"], starts=[0, 0.5], duration=1)
    assert image.open(tmp_path / "scores.png").size == (960, 400)
    assert np.asarray(image.open(tmp_path / "s.png")).std() > 10
    with pytest.raises(ValueError, match="titles"):
        avsound.draw_spectrograms([video], tmp_path / "s.png", titles=[])
    with pytest.raises(ValueError, match="probabilities"):
        avsound.draw_scores([0, 1], [0.5], [1, 1], tmp_path / "scores.png")


@pytest.fixture(scope="module")
def sync_model():
    return avsound.Model("sync-s")


def test_delay_that_was_put_in_is_found(sync_model, world, tmp_path):
    """The same recording, its sound 120 ms later: the offset falls by as much."""
    avsound.retime(world[0], tmp_path / "late.mp4", 0.12)
    parts = []
    with sync_model.offset(world[0], range=0.5, least_confidence=-1, window=1) as offset:
        before = offset.measure(parts.append)
        offset.draw(tmp_path / "curve.png")
    after = sync_model.offset(tmp_path / "late.mp4", range=0.5, least_confidence=-1).measure()
    assert after.offset_ms - before.offset_ms == pytest.approx(-120, abs=before.frame_ms)
    assert (tmp_path / "curve.png").stat().st_size > 1000 and len(parts) > 0
    assert before.lags_ms[np.nanargmax(before.scores)] == pytest.approx(before.offset_ms, abs=before.frame_ms)
    assert before.low_ms <= before.offset_ms <= before.high_ms and len(before.window_times) >= 1


def test_silence_cannot_be_measured(sync_model, tmp_path):
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=160x96:rate=25:duration=2", "-f", "lavfi", "-i", "anullsrc=duration=2",
           tmp_path / "silent.mkv")
    found = sync_model.offset(tmp_path / "silent.mkv").measure()
    assert found.verdict == "silent" and found.confidence == 0


def test_measuring_ends_where_progress_says(sync_model, world):
    calls = []
    sync_model.offset(world[0]).measure(lambda part: calls.append(part) or True)
    assert len(calls) == 1


def test_separated_sounds_sum_to_the_mixture(world):
    with avsound.Model("sep-s") as model, model.separate(world[0], consistent=True) as walk:
        assert walk.info.has_audio
        stretches = list(walk)
    on, off, mixture = (np.concatenate([getattr(s, name) for s in stretches]) for name in ("on", "off", "mixture"))
    assert np.abs(on + off - mixture).max() < 1e-3 * np.abs(mixture).max() and mixture.std() > 0
    rate = stretches[0].rate
    assert [s.sample for s in stretches] == list(np.cumsum([0, *(len(s.on) for s in stretches)])[:-1])
    with avsound.Media(world[0], rate=rate, channels=1) as media:
        heard = np.concatenate([s.samples[:, 0] for s in media.sounds()])
    length = min(len(heard), len(mixture))
    assert length > 3.5 * rate != RATE
    assert np.corrcoef(heard[:length], mixture[:length])[0, 1] > 0.99


def test_models_that_cannot(model, world):
    with pytest.raises(avsound.UnsupportedError):
        model.separate(world[0])
    with pytest.raises(avsound.UnsupportedError):
        model.offset(world[0])


def sources_of(path):
    """The same recording as bytes, as a file object, as a descriptor."""
    with open(path, "rb") as file:
        yield path.read_bytes()
        yield file
        yield file.fileno()


def test_walks_read_from_memory_files_and_descriptors(model, video):
    video = pathlib.Path(video)
    own = [(r.probability, r.map.tobytes()) for r in model.scan(video, "score", "map", hop=0.5)]
    for source in sources_of(video):
        assert [(r.probability, r.map.tobytes()) for r in model.scan(source, "score", "map", hop=0.5, threads=1)] == own
    silent = model.scan(video, "score", hop=1, duration=1, sound=io.BytesIO(video.read_bytes()))
    assert [r.probability for r in silent] == [r.probability for r in model.scan(video, "score", hop=1, duration=1)]
    with avsound.Model.create("sync-net", {"width": 0.0625}, seed=3) as network:
        own = network.offset(video, threads=1).measure()
        for source in sources_of(video):
            assert np.array_equal(network.offset(source, threads=1).measure().scores, own.scores, equal_nan=True)
    with avsound.Model.create("mask-net", {"width": 0.0625, "unet_width": 0.125}, seed=3) as network:
        own = np.concatenate([s.on for s in network.separate(video, threads=1)])
        for source in sources_of(video):
            assert np.array_equal(np.concatenate([s.on for s in network.separate(source, threads=1)]), own)


def test_what_a_file_object_raises_comes_out_of_a_walk(model, video):
    class Failing(io.BytesIO):
        left = 2

        def read(self, size=-1):
            self.left -= 1
            if self.left < 0:
                raise RuntimeError("the archive is gone")
            return super().read(min(size, 4096))

    with pytest.raises(RuntimeError, match="the archive is gone"):
        model.scan(Failing(pathlib.Path(video).read_bytes()), "score")
