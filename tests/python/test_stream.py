"""Streams: what they give of pushed pieces is what walks give of the file."""
import avsound
import numpy as np
import pytest


def pieces(path, seed=1):
    """A file's frames and its sound in pieces of any size, in the order of their times."""
    rng = np.random.default_rng(seed)
    with avsound.Media(path) as media:
        frames = list(media.frames())
        samples = np.concatenate([s.samples for s in media.sounds()])
        rate = media.info.sample_rate
    cuts = np.unique([0, *rng.integers(1, len(samples), 20), len(samples)])
    sounds = [avsound.Sound(samples[a:b], rate, a / rate) for a, b in zip(cuts, cuts[1:])]
    return sorted([*frames, *sounds], key=lambda piece: piece.time)


def push(stream, piece):
    if isinstance(piece, avsound.Frame):
        stream.push_frame(piece)
    else:
        stream.push_sound(piece)


def run(stream, all_pieces):
    found = []
    for piece in all_pieces:
        push(stream, piece)
        found.extend(stream.results())
    stream.flush()
    return [*found, *stream.results()]


def test_results_are_those_of_the_file(model, video):
    want = list(model.scan(video, "map", "score", "embed-sound", "frame", hop=0.25))
    with avsound.Stream.scan(model, "map", "score", "embed-sound", "frame", hop=0.25, patience=-1) as stream:
        assert stream.latency > 0
        found = run(stream, pieces(video))
        state = stream.state
    assert [r.index for r in found] == list(range(len(want))) and {r.segment for r in found} == {0}
    for one, other in zip(found, want):
        assert one.time == pytest.approx(other.time) and one.newest >= 0
        assert np.abs(one.result.map - other.map).max() < 1e-4
        assert one.result.probability == pytest.approx(other.probability, abs=1e-4)
        assert np.abs(one.result.embedding_sound - other.embedding_sound).max() < 1e-3 * np.abs(other.embedding_sound).max()
        assert np.array_equal(one.result.frame.planes[0], other.frame.planes[0])
    assert (state.frames, state.results, state.late_frames) == (50, len(want), 0)


def test_separated_sound_is_that_of_the_file(world):
    with avsound.Model("sep-s") as model:
        want = np.concatenate([s.on for s in model.separate(world[0])])
        found = run(avsound.Stream.separate(model, patience=-1), pieces(world[0]))
    on = np.concatenate([r.result.on for r in found])
    assert len(on) == pytest.approx(len(want), abs=2)
    length = min(len(on), len(want))
    assert np.abs(on[:length] - want[:length]).max() < 1e-3 * np.abs(want).max()


def test_offsets_are_told_as_it_goes(world):
    model = avsound.Model("sync-s")
    found = run(avsound.Stream.offset(model, range=0.5, window=2, least_confidence=-1, patience=-1), pieces(world[0]))
    assert found and all(-500 <= r.result.offset_ms <= 500 and len(r.result.lags_ms) == 0 for r in found)


def test_a_full_stream_says_so(model, video):
    """Frames alone, which wait for their sound."""
    frames = [piece for piece in pieces(video) if isinstance(piece, avsound.Frame)]
    stream = avsound.Stream.scan(model, "score", patience=-1, most_bytes=200000)
    with pytest.raises((avsound.AgainError, avsound.LimitError)):
        for frame in frames:
            stream.push_frame(frame)
    assert 0 < stream.state.bytes < 300000


def test_recordings_follow_each_other(model, video):
    stream, parts = avsound.Stream.scan(model, "score", hop=0.5, patience=-1), pieces(video)
    found = []
    for segment in range(2):
        for piece in parts:
            push(stream, piece)
            found.extend(stream.results())
        stream.discontinuity()
    stream.flush()
    found.extend(stream.results())
    assert [(r.segment, r.time) for r in found] == [(s, t) for s in range(2) for t in (0, 0.5, 1, 1.5)]
    stream.reset()
    assert stream.state.results == 0 and [r.time for r in run(stream, parts)] == [0, 0.5, 1, 1.5]


def test_cancelled_until_reset(model, video):
    stream, parts = avsound.Stream.scan(model, "score", hop=0.5, patience=-1), pieces(video)
    for piece in parts:
        push(stream, piece)
    stream.cancel()
    with pytest.raises(avsound.CancelledError):
        list(stream.results())
    stream.reset()
    assert len(run(stream, parts)) == 4


def test_mistakes(model):
    for task in (avsound.Stream.offset, avsound.Stream.separate):
        with pytest.raises(avsound.UnsupportedError):
            task(model)
    with pytest.raises(TypeError, match="patient"):
        avsound.Stream.scan(model, patient=1)
    stream = avsound.Stream.scan(model)
    stream.flush()
    with pytest.raises(avsound.StateError):
        stream.push_sound((np.zeros(100, np.float32), 48000))
