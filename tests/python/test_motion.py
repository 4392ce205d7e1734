"""Networks that see the frames around a picture: of files as by hand."""
import avsound
import numpy as np
import pytest
from conftest import hum, make_video

TINY = {"width": 0.0625, "image": {"width": 64, "height": 64, "short_side": 72}}


@pytest.fixture(params=["ave-net-mf", "ave-net-of"])
def motion(request):
    return avsound.Model.create(request.param, TINY, seed=1)


@pytest.fixture(scope="module")
def frames(video):
    with avsound.Media(video) as media:
        return list(media.frames())


def around(model, frames, middle):
    """A run of frames; the ends stand still."""
    reach = model.frames // 2
    return [frames[min(max(k, 0), len(frames) - 1)] for k in range(middle - reach, middle + reach + 1)]


def test_scan_sees_what_a_session_sees(motion, frames, video):
    """At the ends, where frames are missing; between frames; where stretches overlap, and where they do not."""
    session = motion.session()
    for hop in (0.04, 0.3, 1.1):
        results = list(motion.scan(video, "embed-image", "score", hop=hop))
        assert len(results) == np.ceil(2 / hop - 1e-6)
        for result in results[::7] if hop < 0.1 else results:
            vector, = session.embed_images(around(motion, frames, int(result.time * 25 + 0.5)))
            assert np.array_equal(vector, result.embedding_image), (hop, result.time)
            assert 0 < result.probability < 1 and result.confidence == 1


def test_scan_from_the_middle_sees_what_was_before(motion, video):
    whole = {round(r.time * 25): r.embedding_image for r in motion.scan(video, "embed-image")}
    later = list(motion.scan(video, "embed-image", start=1, duration=0.2))
    assert [round(r.time * 25) for r in later] == [25, 26, 27, 28, 29] and sorted(whole) == list(range(50))
    for result in later:
        assert np.array_equal(whole[round(result.time * 25)], result.embedding_image)


def test_motion_matters_and_a_run_is_wanted(motion, frames):
    session = motion.session()
    run = around(motion, frames, 25)
    vectors = session.embed_images(run + [run[len(run) // 2]] * len(run))
    assert vectors.shape == (2, 128) and np.abs(vectors[0] - vectors[1]).max() > 1e-3
    assert 0 < session.score(run, (hum(), 48000)).probability < 1
    with pytest.raises(ValueError, match=f"want runs of {motion.frames}"):
        session.embed_images(run[1:])
    with pytest.raises(ValueError, match=f"want {motion.frames}"):
        session.score(run[1:], (hum(), 48000))


def test_a_session_that_saw_others_before_sees_the_same(motion, frames):
    """Flow is not computed anew where pictures are those of the call before: also after a call that failed on the way."""
    session, a, b = motion.session(), around(motion, frames, 20), around(motion, frames, 23)
    middle = len(a) // 2
    mixed = a[:middle] + b[middle:]
    wanted = [motion.session().embed_images(run)[0] for run in (a, b, mixed)]
    for run, want in ((a, 0), (a, 0), (mixed, 2), (b, 1), (a, 0), (mixed, 2)):
        assert np.array_equal(session.embed_images(run)[0], wanted[want])
    with pytest.raises(avsound.LimitError):
        session.embed_images(b[:middle] + [np.zeros((1, 60000, 3), np.uint8)] + b[middle + 1:])
    assert np.array_equal(session.embed_images(mixed)[0], wanted[2])
    assert np.array_equal(session.embed_images(b + a)[1], wanted[0])


def test_a_stream_is_a_scan(motion, video):
    want = list(motion.scan(video, "score", hop=0.2))
    stream = avsound.Stream.scan(motion, "score", hop=0.2)
    got = []
    with avsound.Media(video) as media, avsound.Media(video) as sounds:
        pieces = list(sounds.sounds())
        for frame in media.frames():
            stream.push_frame(frame)
            while pieces and pieces[0].time <= frame.time:
                stream.push_sound(pieces.pop(0))
            got += [found.result for found in stream.results()]
        for piece in pieces:
            stream.push_sound(piece)
    stream.flush()
    got += [found.result for found in stream.results()]
    assert [r.time for r in got] == [r.time for r in want]
    assert np.allclose([r.probability for r in got], [r.probability for r in want], atol=1e-5)


def test_what_these_networks_do_not_do(motion, video, frames):
    with pytest.raises(avsound.UnsupportedError, match="delivers none"):
        motion.scan(video, "score", "frame")
    with pytest.raises(avsound.UnsupportedError, match="has no map"):
        motion.scan(video, "map")


def test_a_short_clip(motion, tmp_path):
    found = list(motion.scan(make_video(tmp_path / "short.mkv", seconds=0.2), "embed-image", "score", hop=0.1))
    assert [r.time for r in found] == [0, 0.1] and all(np.isfinite(r.embedding_image).all() for r in found)
