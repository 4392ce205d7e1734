"""Preparing clips and training runs."""
import gc
import threading
import weakref

import avsound
import numpy as np
import pytest
from avsound import train
from conftest import TINY, make_video


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Four prepared clips, a source that is broken, and what prepare() said of each."""
    folder = tmp_path_factory.mktemp("videos")
    for i in range(4):
        make_video(folder / f"clip-{i}.mkv", seconds=2, size=f"{160 + 16 * i}x96")
    (folder / "broken.mp4").write_bytes(b"no video")
    threads, states = set(), []

    def progress(state):
        threads.add(threading.get_ident())
        states.append(state)

    found = train.prepare([folder], folder / "clips", progress=progress, workers=2)
    return folder / "clips", found, states, threads


def begin(clips, folder, **options):
    model = avsound.Model.create("avol-net", TINY, seed=1)
    return train.Trainer(model, clips[0], folder, batch=2, epochs=2, steps_per_epoch=2, threads=1, workers=1, **options)


def test_sources_are_told_of(clips):
    _, found, states, _ = clips
    assert [clip.flags for clip in found if clip.source.endswith("broken.mp4")] == [["broken"]]
    good = [clip for clip in found if clip.file]
    assert len(good) == 4 and all(clip.frames == 50 and clip.video_seconds == pytest.approx(2, abs=0.05) for clip in good)
    assert states[-1].done == states[-1].total == 5
    assert any(state.clip and state.clip.file for state in states)


def test_progress_is_called_from_the_librarys_threads(clips):
    """While the caller waits in the library: it holds no lock of the interpreter's there."""
    assert clips[3] - {threading.main_thread().ident}


def test_preparing_stops_and_goes_on(clips, tmp_path):
    with pytest.raises(avsound.CancelledError):
        train.prepare([clips[0].parent / "clip-0.mkv"], tmp_path / "c", progress=lambda state: True)
    with pytest.raises(ZeroDivisionError):
        train.prepare([clips[0].parent / "clip-1.mkv"], tmp_path / "c", progress=lambda state: 1 / 0)
    with pytest.raises(TypeError, match="short_side"):
        train.prepare([clips[0]], tmp_path / "c", shortside=3)


def test_a_run_from_beginning_to_end(clips, tmp_path):
    states = []
    with begin(clips, tmp_path / "run", progress=states.append, learning_rate=1e-3, augmentation={"hue": 0.1},
               license="CC0-1.0") as trainer:
        trainer.sheet(tmp_path / "sheet.png")
        trainer.run()
        assert trainer.state.step == 4 and trainer.state.epoch == 2
        model = trainer.model()
    steps = [s for s in states if s.event == "step"]
    assert [s.step for s in steps] == [1, 2, 3, 4] and all(np.isfinite(s.loss) for s in steps)
    assert [s.epoch for s in states if s.event == "epoch"] == [1, 2]
    last = avsound.Model(tmp_path / "run" / "last.safetensors")
    assert last.trained and last.metadata["license"] == "CC0-1.0"
    assert all(np.array_equal(model.parameters[name], value) for name, value in last.parameters.items())
    assert (tmp_path / "sheet.png").stat().st_size > 1000


def test_a_run_that_was_stopped_goes_on_to_the_same_weights(clips, tmp_path):
    with pytest.raises(avsound.CancelledError):
        begin(clips, tmp_path / "a", progress=lambda state: state.step == 3).run()
    with train.Trainer.resume(tmp_path / "a") as trainer:
        trainer.run()
        assert trainer.state.step == 4
    begin(clips, tmp_path / "b").run()
    one, other = (avsound.Model(tmp_path / name / "last.safetensors").parameters for name in "ab")
    assert all(np.array_equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_what_progress_raises_stops_the_run_and_comes_out(clips, tmp_path, error):
    def progress(_state):
        raise error

    trainer = begin(clips, tmp_path / "run", progress=progress)
    with pytest.raises(error):
        trainer.run()
    assert (tmp_path / "run" / "checkpoint.safetensors").exists()


def test_a_trainer_that_its_progress_function_knows_is_freed(clips, tmp_path):
    def run():
        known = []
        known.append(begin(clips, tmp_path / "run", progress=lambda state: known[0].state.step == 2))
        with pytest.raises(avsound.CancelledError):
            known[0].run()
        return weakref.ref(known[0]._pointer)

    freed = run()
    gc.collect()
    assert freed() is None


def test_mistakes(clips, tmp_path):
    for options, error in ((dict(objective="guess"), ValueError), (dict(learningrate=1), TypeError),
                           (dict(augmentation={"hues": 1}), TypeError), (dict(objective="lags"), avsound.UnsupportedError)):
        with pytest.raises(error):
            begin(clips, tmp_path / "run", **options)
    with pytest.raises(avsound.FileError):
        train.Trainer.resume(tmp_path / "none")
