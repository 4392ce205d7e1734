"""Contexts, models and sessions: what they give, who owns what, and what goes wrong."""
import gc
import io
import json
import os
import pickle
import shutil
import subprocess
import sys
import threading
import weakref

import avsound
import numpy as np
import pytest
from avsound import errors
from conftest import RATE, ROOT, SCRIPTS, TINY, hum, picture


def test_version_is_that_of_the_headers():
    words = (ROOT / "include/avsound/version.h").read_text().split()
    parts = [words[words.index(f"AVSOUND_VERSION_{part}") + 1] for part in ("MAJOR", "MINOR", "PATCH")]
    assert avsound.version() == avsound.__version__ == ".".join(parts)
    with pytest.raises(AttributeError, match="__author__"):
        avsound.__author__


def test_model_tells_what_it_is(model):
    assert "avol-net" in avsound.architectures()
    assert model.arch == "avol-net" and not model.trained
    assert model.config["width"] == TINY["width"] and model.classes == []
    assert model.metadata["avsound.arch"] == "avol-net"


def test_same_seed_same_weights(model):
    weights = model.parameters
    again = avsound.Model.create("avol-net", TINY, seed=1).parameters
    other = avsound.Model.create("avol-net", TINY, seed=2).parameters
    assert list(weights) == sorted(weights)
    assert all(np.array_equal(weights[name], again[name]) for name in weights)
    assert any(not np.array_equal(weights[name], other[name]) for name in weights)


def test_saved_model_is_read_by_name_path_and_bytes(model, tmp_path, monkeypatch):
    model.save(tmp_path / "mine.safetensors")
    avsound.Model.verify(tmp_path / "mine.safetensors")
    monkeypatch.setenv("AVSOUND_MODEL_PATH", f"/absent:{tmp_path}")
    assert avsound.find_model("mine") == tmp_path / "mine.safetensors"
    data = (tmp_path / "mine.safetensors").read_bytes()
    with open(tmp_path / "mine.safetensors", "rb") as file:
        opened = avsound.Model.from_file(file.fileno()), avsound.Model.from_file(file)
    for again in (*opened, avsound.Model.from_file(io.BytesIO(data)), avsound.Model("mine"),
                  avsound.Model(str(tmp_path / "mine.safetensors")), avsound.Model.from_bytes(data),
                  avsound.Model.from_bytes(np.frombuffer(data, np.uint8))):
        assert all(np.array_equal(again.parameters[name], value) for name, value in model.parameters.items())


def test_model_of_no_name(tmp_path):
    with pytest.raises(avsound.FileError, match="nothing-such: no such model.*avsound/models"):
        avsound.Model("nothing-such")
    for call in (avsound.Model, avsound.find_model):
        with pytest.raises(OSError, match="absent.safetensors"):
            call(tmp_path / "absent.safetensors")


def test_weights_are_those_of_the_file(model, tmp_path):
    """The file is read here, byte by byte."""
    model.save(tmp_path / "m.safetensors")
    raw = (tmp_path / "m.safetensors").read_bytes()
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:8 + size])
    for name, array in model.parameters.items():
        first, last = header[name]["data_offsets"]
        want = np.frombuffer(raw[8 + size + first:8 + size + last], "<f4").reshape(header[name]["shape"])
        assert np.array_equal(array, want)


def test_weights_go_over_to_another_model(model):
    other, taken = avsound.Model.create_from(model, config={**TINY, "conv1_stride": 1}, seed=9, anew=["conv4_2"])
    assert 0 < taken < len(model.parameters)
    assert np.array_equal(other.parameters["vision.conv1_1.weight"], model.parameters["vision.conv1_1.weight"])
    assert not np.array_equal(other.parameters["vision.conv4_2.weight"], model.parameters["vision.conv4_2.weight"])


def test_run_gives_outputs_of_the_shapes_told(session):
    inputs = {name: np.random.default_rng(1).standard_normal(shape) for name, shape in session.inputs.items()}
    found = session.run(inputs)
    assert list(found) == session.outputs
    assert found["embedding.image"].shape == (1, 128) and all(np.isfinite(a).all() for a in found.values())
    assert session.memory > 0 and session.precision == "f32" and "conv" in session.describe()


def test_layers_are_outputs_too(model):
    with model.session(outputs=["vision.conv4_2", "score"]) as session:
        assert session.outputs == ["vision.conv4_2", "score"]


def test_embeddings_go_into_the_array_given(session):
    out = np.zeros((2, 128), np.float32)
    assert session.embed_images([picture(1), picture(2)], out=out) is out
    assert np.array_equal(out[1], session.embed_images([picture(2)])[0]) and out[0].any()
    for bad in (np.zeros((2, 127), np.float32), np.zeros((2, 128)), np.zeros((128, 2), np.float32).T):
        with pytest.raises(ValueError, match="out is"):
            session.embed_images([picture(1), picture(2)], out=bad)


def test_sounds_are_read_as_they_lie(session):
    stereo = np.concatenate([hum(), 0.5 * hum()[::-1]], 1)
    want = session.embed_sounds([(stereo, RATE)])
    planar = np.ascontiguousarray(stereo.T).T
    for same in (planar, stereo.astype(np.float64), np.repeat(stereo, 2, 0)[::2]):
        assert np.array_equal(session.embed_sounds([(same, RATE)]), want)
    whole = (stereo * 32768).astype(np.int16)
    assert np.array_equal(session.embed_sounds([(whole, RATE)]),
                          session.embed_sounds([((whole / 32768).astype(np.float32), RATE)]))


def test_pictures_are_read_as_they_lie(session):
    wide = picture(3, 100, 300)
    for odd in (wide[10:90, 40:200], wide[::-1], wide[:, ::2], wide[..., ::-1]):
        assert np.array_equal(session.embed_images([odd]), session.embed_images([np.ascontiguousarray(odd)]))
    grey = np.repeat(wide[..., :1], 3, 2)
    difference = session.embed_images([wide[..., 0]]) - session.embed_images([grey])
    assert np.abs(difference).max() < 0.01  # the two are scaled by other paths, in whole numbers
    bgr = avsound.Frame([np.ascontiguousarray(wide[..., ::-1]).reshape(100, 900)], 300, 100, "bgr24")
    assert np.array_equal(session.embed_images([bgr]), session.embed_images([wide]))


def test_strided_pictures_are_not_copied():
    from avsound import _abi, arrays
    wide, frame = picture(3, 100, 300), _abi.avsound_frame()
    kept = arrays.fill_frame(frame, wide[10:90, 40:200])
    assert np.shares_memory(kept[0], wide) and frame.stride[0] == 900
    kept = arrays.fill_frame(frame, wide[::-1])
    assert np.shares_memory(kept[0], wide) and frame.stride[0] == -900
    audio, planes = _abi.avsound_audio(), np.zeros((2, 100), np.float32)
    arrays.fill_audio(audio, (planes.T, RATE))
    assert audio.planar == 1 and audio.planes[1] - audio.planes[0] == 400


def test_pillow_pictures_are_pictures(session):
    image = pytest.importorskip("PIL.Image")
    pixels = picture(4)
    assert np.array_equal(session.embed_images([image.fromarray(pixels)]), session.embed_images([pixels]))
    few = image.fromarray(pixels).quantize(16)  # indices into a palette
    assert np.array_equal(session.embed_images([few]), session.embed_images([np.asarray(few.convert("RGB"))]))


@pytest.mark.parametrize("bad, error", [
    (np.zeros((9, 9, 3)), TypeError), (np.zeros((9, 9, 2), np.uint8), ValueError), (np.zeros(9, np.uint8), ValueError),
    (np.zeros((0, 9, 3), np.uint8), ValueError), ("picture.png", TypeError),
    (avsound.Frame([np.zeros((9, 9), np.uint8)], 10, 9, "gray8"), ValueError),
    (avsound.Frame([np.zeros((9, 9), np.uint8)], 9, 10, "gray8"), ValueError),
    (avsound.Frame([np.zeros((9, 9), np.uint8)], 9, 9, "nv12"), ValueError),
    (avsound.Frame([np.zeros((9, 9), np.uint8)], 9, 9, "yuv411p"), ValueError),
])
def test_what_is_no_picture_is_refused(session, bad, error):
    with pytest.raises(error):
        session.embed_images([bad])


@pytest.mark.parametrize("bad, error", [
    ((np.zeros(9, np.uint8), RATE), TypeError), ((np.zeros((3, 3, 3), np.float32), RATE), ValueError),
    ((np.zeros(9, np.float32), 0), errors.InvalidArgumentError), ((np.zeros(9, ">f4"), RATE), TypeError),
])
def test_what_is_no_sound_is_refused(session, bad, error):
    with pytest.raises(error):
        session.embed_sounds([bad])


def test_localisation_points_at_what_sounds(handmade):
    """Red hums, in a network of which that is known: a red thing to the left, a blue one to the right."""
    scene = np.full((240, 320, 3), 128, np.uint8)
    scene[60:180, 40:120] = (220, 20, 20)
    scene[60:180, 200:280] = (20, 20, 220)
    with avsound.Model(handmade).session() as session:
        found = session.localize(scene, (hum(), RATE))
        score = session.score(scene, (hum(), RATE))
    rows, cols = found.map.shape
    row, col = np.unravel_index(found.map.argmax(), found.map.shape)
    assert 40 <= (col + 0.5) / cols * 320 <= 120 and 60 <= (row + 0.5) / rows * 240 <= 180
    assert found.map[:, cols // 2:].max() < 0.1 < 0.9 < found.map.max()
    assert found.confidence == score.confidence == 1 and score.probability > 0.5


def test_silence_has_no_confidence(session):
    assert session.score(picture(), (np.zeros(RATE, np.float32), RATE)).confidence == 0


def test_spectrogram_has_a_tone_where_it_is(model):
    columns = model.spectrogram((hum(), RATE))
    bins = model.session().inputs["spectrogram"][2]
    assert columns.shape[0] == bins and columns.shape[1] > 100
    front = model.config["audio"]
    expected = 880 / (front["sample_rate"] / 2) * (bins - 1)
    assert abs(columns.mean(1).argmax() - expected) <= 1


# ---- who owns what ----


def test_arrays_outlive_what_they_came_from():
    context = avsound.Context()
    model = avsound.Model.create("avol-net", TINY, seed=1, context=context)
    session = model.session()
    weights, kept = model.parameters, {name: a.copy() for name, a in model.parameters.items()}
    session.run({name: np.ones(shape) for name, shape in session.inputs.items()})
    view, copy = session.output("embedding.image", copy=False), session.output("embedding.image")
    for thing in (context, model, session):
        thing.close()
    del thing, context, model, session
    gc.collect()
    assert np.array_equal(view, copy)
    assert all(np.array_equal(weights[name], kept[name]) for name in kept)
    for array in (view, weights["vision.conv1_1.weight"]):
        with pytest.raises(ValueError):
            array[...] = 0


def test_memory_goes_with_the_last_that_needs_it(model):
    session = model.session()
    session.run({name: np.ones(shape) for name, shape in session.inputs.items()})
    view, freed = session.output("score", copy=False)[0], weakref.ref(session._pointer)
    session.close()
    assert freed() is not None
    del view
    assert freed() is None


def test_a_view_sees_the_next_run(session):
    session.run({name: np.ones(shape) for name, shape in session.inputs.items()})
    view = session.output("embedding.image", copy=False)
    before = view.copy()
    session.run({"image": np.full(session.inputs["image"], -1)})
    assert not np.array_equal(view, before) and np.array_equal(view, session.output("embedding.image"))


def test_closed_things_say_so(model):
    session = model.session()
    with session:
        pass
    session.close()
    assert session.closed
    with pytest.raises(ValueError, match="this Session is closed"):
        session.describe()
    with pytest.raises(ValueError, match="closed"), session:
        pass
    context = avsound.Context()
    context.close()
    with pytest.raises(ValueError, match="this Context is closed"):
        avsound.Model.create("avol-net", TINY, context=context)


def test_functions_are_kept_while_the_library_may_call_them(tmp_path):
    heard = []
    context = avsound.Context(log=lambda level, message: heard.append((level, message)), log_level="debug")
    model = avsound.Model.create("avol-net", TINY, context=context)
    context.close()
    del context
    gc.collect()
    with pytest.raises(avsound.AvsoundError):
        model.scan(tmp_path / "absent.mp4")
    model.session().close()  # whatever this logs must find its function


def test_nothing_is_freed_under_a_thread_at_the_end():
    """The interpreter ends while a thread is in the library."""
    program = ("import threading, avsound, numpy as np\n"
               "s = avsound.Model.create('avol-net', {'width': 0.0625}).session()\n"
               "x = {n: np.ones(shape) for n, shape in s.inputs.items()}\n"
               "started = threading.Event()\n"
               "def work():\n"
               "    while True:\n"
               "        s.run(x); started.set()\n"
               "threading.Thread(target=work, daemon=True).start()\n"
               "started.wait()\n")
    done = subprocess.run([sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": str(SCRIPTS)}, timeout=300)
    assert done.returncode == 0


# ---- failures ----


def test_failures_carry_status_name_and_detail(tmp_path):
    (tmp_path / "noise.safetensors").write_bytes(bytes(range(256)) * 40)
    with pytest.raises(avsound.FormatError) as caught:
        avsound.Model(tmp_path / "noise.safetensors")
    assert caught.value.status == -4 and caught.value.name == "AVSOUND_E_FORMAT"
    assert "noise.safetensors" in caught.value.detail == str(caught.value)
    assert isinstance(caught.value, ValueError)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (type(again), again.status, again.detail) == (avsound.FormatError, -4, caught.value.detail)


@pytest.mark.parametrize("call, error", [
    (lambda m: avsound.Model.create("no-net"), avsound.InvalidArgumentError),
    (lambda m: avsound.Model.create("avol-net", {"width": -1}), ValueError),
    (lambda m: m.save("/absent/m.safetensors"), OSError),
    (lambda m: m.session().run(), avsound.StateError),
    (lambda m: m.session().set_input("image", np.ones((1, 3, 5, 5))), avsound.ShapeError),
    (lambda m: m.session().set_input("image", np.ones((1,) * 9)), ValueError),
    (lambda m: m.session().set_input("smell", np.ones(1)), avsound.InvalidArgumentError),
    (lambda m: m.session(precision="f16"), ValueError),
    (lambda m: m.session(colour=1), TypeError),
    (lambda m: m.separate("absent.mp4"), avsound.AvsoundError),
    (lambda m: avsound.Context(max_smell=1), TypeError),
    (lambda m: avsound.Context(log_level="loud"), ValueError),
    (lambda m: avsound.Media("/absent.mp4"), avsound.FileError),
])
def test_mistakes_have_their_class(model, call, error):
    with pytest.raises(error):
        call(model)


def test_every_status_has_a_class_and_a_name():
    from avsound import _abi
    statuses = {value for name, value in vars(_abi).items() if name.startswith("E_")}
    assert set(errors.CLASSES) == statuses and len(set(errors.CLASSES.values())) == len(statuses)
    assert type(errors.error(-57, "AVSOUND_E_?", "new")) is avsound.AvsoundError
    assert all(issubclass(kind, avsound.AvsoundError) for kind in errors.CLASSES.values())


def test_limits_are_kept(model):
    with avsound.Context(max_model_bytes=1000) as small, pytest.raises(avsound.LimitError):
        avsound.Model("avol-s", context=small)


def test_a_function_the_library_lacks(monkeypatch):
    from avsound import _abi, _native
    monkeypatch.setitem(_abi.FUNCTIONS, "avsound_from_tomorrow", ("avsound", None, []))
    with pytest.raises(avsound.UnsupportedError, match="avsound_from_tomorrow"):
        _native.lib.avsound_from_tomorrow()


def test_library_that_is_not_there(tmp_path):
    env = {**os.environ, "PYTHONPATH": str(SCRIPTS), "AVSOUND_LIBRARY": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", "import avsound; avsound.version()"], env=env, capture_output=True, text=True)
    assert done.returncode == 1 and f"{tmp_path}/libavsound.so.0" in done.stderr and "AVSOUND_LIBRARY" in done.stderr


# ---- threads ----


def test_threads_share_a_model_and_take_turns_at_a_session(model):
    shared, pictures = model.session(), [picture(i) for i in range(4)]
    want = [shared.embed_images([p]) for p in pictures]
    wrong = []

    def work(own):
        for _ in range(3):
            for p, w in zip(pictures, want):
                if not np.array_equal(own.embed_images([p]), w):
                    wrong.append(p)

    threads = [threading.Thread(target=work, args=(s,)) for s in (shared, shared, model.session())]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_cancel_from_another_thread(session):
    inputs, caught = {name: np.ones(shape) for name, shape in session.inputs.items()}, []
    started = threading.Event()

    def work():
        try:
            while True:
                session.run(inputs)
                started.set()
        except avsound.CancelledError as error:
            caught.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    started.wait()
    session.cancel()
    thread.join()
    assert caught[0].status == -10
    session.run(inputs)


def test_closing_under_a_call_waits_for_it(model):
    """The C object must stay until the call in the other thread is over."""
    session = model.session()
    inputs, ended = {name: np.ones(shape) for name, shape in session.inputs.items()}, []
    started = threading.Event()

    def work():
        try:
            while True:
                session.run(inputs)
                started.set()
        except ValueError as error:
            ended.append(str(error))

    thread = threading.Thread(target=work)
    thread.start()
    started.wait()
    session.close()
    thread.join()
    assert ended == ["this Session is closed"]


def test_scripts_beside_the_package_still_stand_alone(tmp_path):
    for script in ("convert.py", "bundle.py", "keras_file.py", "handmade.py"):
        shutil.copy(SCRIPTS / script, tmp_path)
    subprocess.run([sys.executable, tmp_path / "handmade.py", tmp_path / "m.safetensors"], check=True)
    assert avsound.Model(tmp_path / "m.safetensors").arch == "avol-net"
