"""Directions by two channels, beside a computation in numpy and sounds whose direction is known."""
import avsound
import numpy as np
import pytest
import stereo_oracle
from conftest import ROOT

DATA = ROOT.parent / "shared" / "data" / "val"
RATES = (8000, 11025, 22050, 44100, 48000, 96000)
rng = np.random.default_rng(5)


def delayed(x, samples):
    """By a number of samples that need not be whole, in the spectrum."""
    turns = np.exp(-2j * np.pi * np.arange(len(x) // 2 + 1) / len(x) * samples)
    return np.fft.irfft(np.fft.rfft(x) * turns, len(x))


def scene(rate, seconds=1.0, right_late=0.0, right_db=0.0, noise=0.01, seed=0):
    """A noise from one place, and a weaker one of each channel's own."""
    r = np.random.default_rng(seed)
    x = 0.1 * r.standard_normal(round(rate * seconds))
    sound = np.stack([x, delayed(x, right_late) * 10 ** (right_db / 20)], 1) + noise * 0.1 * r.standard_normal((len(x), 2))
    return sound.astype(np.float32)


@pytest.fixture(scope="module")
def stereo():
    with avsound.Stereo() as s:
        yield s


@pytest.mark.parametrize("rate", RATES)
def test_delay_is_right_to_a_twentieth_of_a_sample(stereo, rate):
    for seed, late in enumerate((-0.0004, -0.00013, 0.0, 0.00002, 0.0003)):
        found = stereo.measure((scene(rate, right_late=late * rate, noise=0.08, seed=seed), rate))
        assert abs(found.delay_us * 1e-6 - late) * rate < 0.05, (late, found)
        if late == 0:  # so exactly in the middle that it counts as one channel
            assert found.kind == "dual mono" and found.direction == 0
            continue
        assert found.kind == "direction" and found.confidence > 0.8
        assert abs(found.direction + late / 0.0003) < 0.05  # the right one late: from the left


@pytest.mark.parametrize("rate", RATES)
def test_levels_are_right_to_a_tenth_of_a_decibel(stereo, rate):
    for db in (-12.4, -3.0, 1.0, 6.0):
        found = stereo.measure((scene(rate, right_db=db, noise=0.003), rate))
        assert abs(found.level_db - db) < 0.1 and np.abs(found.band_level_db - db).max() < 0.1
        assert found.cues == "level" and np.sign(found.direction) == np.sign(db)
        assert abs(found.direction) < 1.02
    assert abs(stereo.measure((scene(rate, right_db=12.4, noise=0.003), rate)).direction - 1) < 0.02


def check_against_oracle(found, sound, rate):
    want = stereo_oracle.measure(sound, rate)
    assert found.cues == want["cues"]
    for name in ("direction", "confidence", "coherence"):
        assert abs(getattr(found, name) - want[name]) < 0.005, name
    assert abs(found.delay_us - want["delay_us"]) < 0.5
    assert np.abs(found.evidence - want["evidence"]).max() < 0.01
    assert np.abs(found.band_level_db - want["band_level_db"]).max() < 0.01


@pytest.mark.parametrize("rate", RATES)
def test_it_is_the_oracles(stereo, rate):
    for seconds in (0.06, 0.1, 0.5, 1.0):
        for late, db in ((0, 5), (0.0002, 0), (-0.0002, 6), (0.0001, -4)):
            sound = scene(rate, seconds, late * rate, db, noise=0.3, seed=round(1000 * seconds))
            check_against_oracle(stereo.measure((sound, rate)), sound, rate)


def test_windows_of_other_lengths_are_the_oracles():
    for window in (0.1, 0.37, 3.0, 10.0):
        sound = scene(48000, 10.5, -0.0002 * 48000, 6, noise=0.3)
        count = round(window * 48000)
        first = (len(sound) - count) // 2
        with avsound.Stereo(window=window) as stereo:
            check_against_oracle(stereo.measure((sound, 48000)), sound[first:first + count], 48000)


def test_two_places_show_in_the_evidence(stereo):
    low, high = (scene(48000, right_late=late * 48000, right_db=db, noise=0, seed=seed)
                 for seed, (late, db) in enumerate(((0.00018, -7), (-0.00018, 7))))
    spectrum = np.fft.rfft(low, axis=0)
    spectrum[1500:] = 0
    other = np.fft.rfft(high, axis=0)
    other[:1500] = 0
    sound = np.fft.irfft(spectrum, axis=0) + 0.6 * np.fft.irfft(other, axis=0) + 0.0003 * rng.standard_normal(low.shape)
    with avsound.Stereo(cues="level") as by_level:
        evidence = by_level.measure((sound.astype(np.float32), 48000)).evidence
    left, middle, right = evidence[20:30].max(), evidence[60:68].max(), evidence[98:108].max()
    assert left > 2 * middle and right > 2 * middle


def test_what_has_no_direction_is_told(stereo):
    x = scene(48000)
    one = x[:, :1]
    kinds = {"silent": 1e-4 * x, "mono": one, "dual mono": one.repeat(2, 1), "diffuse": rng.standard_normal(x.shape) * 0.1}
    for kind, sound in kinds.items():
        found = stereo.measure((sound.astype(np.float32), 48000))
        assert found.kind == kind and (kind == "diffuse" or (found.confidence == 0 and not found.evidence.any()))
    for scaled in (np.hstack([one, -0.3 * one]), np.hstack([one, 0 * one]),
                   one + 1e-4 * x.std() * rng.standard_normal(x.shape), one + 0.02 * x.std() * rng.standard_normal(x.shape)):
        found = stereo.measure((scaled.astype(np.float32), 48000))
        assert found.kind == "dual mono" and found.copy_db < -25, found
    noisy = one + 0.12 * x.std() * rng.standard_normal(x.shape)
    assert stereo.measure((noisy.astype(np.float32), 48000)).kind == "dual mono"
    noisy[:, 1] *= 10 ** (0.2 / 20)
    assert stereo.measure((noisy.astype(np.float32), 48000)).kind == "direction"  # not so exactly in the middle
    panned = stereo.measure((scene(48000, right_db=3, noise=0.02), 48000))
    assert panned.kind == "direction" and -40 < panned.copy_db < -25  # as near a copy, but not as loud


def test_other_formats_and_more_channels(stereo):
    x = scene(48000, right_late=-9, right_db=5)
    want = stereo.measure((x, 48000))
    for sound in (x.astype(np.float64), np.ascontiguousarray(x.T).T, np.round(x * 32768).astype(np.int16)):
        found = stereo.measure((sound, 48000))
        assert abs(found.direction - want.direction) < 1e-3
    surround = np.zeros((len(x), 6), np.float32)
    surround[:, :2] = x
    assert abs(stereo.measure((surround, 48000)).direction - want.direction) < 1e-3


def test_bad_arguments(stereo):
    with pytest.raises(avsound.InvalidArgumentError, match="window_seconds is 11"):
        avsound.Stereo(window=11)
    with pytest.raises(avsound.InvalidArgumentError, match="255 samples, want at least 256"):
        stereo.measure((scene(48000)[:255], 48000))
    with pytest.raises(avsound.StateError, match="without a file"):
        stereo.at(0)
    with pytest.raises(ValueError, match="cues"):
        avsound.Stereo(cues="ears")


def test_a_file_is_its_samples(tmp_path, stereo):
    import wave
    x = np.concatenate([scene(44100, 2, 5, 4, seed=1), scene(44100, 30, -5, -4, seed=2)])
    x = np.round(x * 32768).astype(np.int16)
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(2), file.setsampwidth(2), file.setframerate(44100), file.writeframes(x.tobytes())
    with avsound.Stereo(tmp_path / "a.wav") as walk:
        for time in (0.5, 0.52, 1.3, 2.0, 31.1):  # the last one is sought
            first = round(time * 44100) - 22050
            found, want = walk.at(time), stereo.measure((x[first:first + 44100], 44100))
            assert found.time == time and abs(found.direction - want.direction) < 1e-4, time
            assert np.abs(found.evidence - want.evidence).max() < 1e-3
        with pytest.raises(avsound.InvalidArgumentError, match="31100000"):
            walk.at(31.0)
        assert walk.at(31.99).kind == "direction"
        with pytest.raises(avsound.EndError):
            walk.at(32.0)


def test_real_clips():
    if not DATA.is_dir():
        pytest.skip(f"{DATA} is not there")
    kinds = set()
    for path in sorted(DATA.glob("*.mp4"))[:20]:
        with avsound.Stereo(path) as walk:
            kinds.add(walk.at(1.5).kind)
    assert "dual mono" in kinds and "direction" in kinds
