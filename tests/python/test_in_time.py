"""Where and whether sound and pictures are in time: what a sync-net's scan says, against the network written out in numpy."""
import subprocess
import wave

import numpy as np
import pytest

import avsound
from conftest import ffmpeg

SIZE, RATE, FRAMES, LAGS, REACH = 128, 16000, 44, 3, 10
CONFIG = {"width": 0.0625, "lags": LAGS, "clip": {"frames": REACH}, "image": {"width": SIZE, "height": SIZE, "short_side": SIZE}}


def bank(bands=40, low=60, high=7600, fft=512):
    """Triangles of area 1 on Slaney's scale, from its definition."""
    to_mel = lambda f: f * 3 / 200 if f < 1000 else 15 + 27 * np.log(f / 1000) / np.log(6.4)
    to_hz = lambda m: m * 200 / 3 if m < 15 else 1000 * 6.4 ** ((m - 15) / 27)
    edges = [to_hz(m) for m in np.linspace(to_mel(low), to_mel(high), bands + 2)]
    f = np.arange(fft // 2 + 1) * RATE / fft
    return np.array([np.clip(np.minimum((f - a) / (b - a), (c - f) / (c - b)), 0, None) * 2 / (c - a)
                     for a, b, c in zip(edges, edges[1:], edges[2:])])


def spectrogram(samples, columns):
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    padded = np.concatenate([np.zeros(120), samples, np.zeros(600)])
    frames = np.array([padded[160 * j:160 * j + 400] for j in range(columns)]) * window / window.sum()
    level = 10 * np.log10(np.maximum(np.abs(np.fft.rfft(frames, 512)) ** 2 @ bank().T, 1e-10))
    return (level.T + 75) / 20


def convolve(x, weight, stride, pad):
    """(C, space...) by the definition, one place of the kernel at a time."""
    x = np.pad(x, [(0, 0), *((p, p) for p in pad)])
    kernel = weight.shape[2:]
    size = [(n - k) // s + 1 for n, k, s in zip(x.shape[1:], kernel, stride)]
    out = 0
    for at in np.ndindex(*kernel):
        part = x[(slice(None), *(slice(a, a + s * (n - 1) + 1, s) for a, s, n in zip(at, stride, size)))]
        out = out + np.tensordot(weight[(slice(None), slice(None), *at)], part, 1)
    return out


class Network:
    def __init__(self, parameters):
        self.p = {name: np.asarray(value, np.float64) for name, value in parameters.items()}

    def layer(self, x, name, stride, pad):
        y = convolve(x, self.p[name + ".weight"], stride, pad)
        column = lambda key: self.p[f"{name}.bn.{key}"].reshape(-1, *[1] * (y.ndim - 1))
        y = (y - column("running_mean")) / np.sqrt(column("running_var") + 1e-5) * column("weight") + column("bias")
        return np.maximum(y, 0)

    def last(self, x, name):
        y = convolve(x, self.p[name + ".weight"], [1] * (x.ndim - 1), [0] * (x.ndim - 1))
        y = y + self.p[name + ".bias"].reshape(-1, *[1] * (y.ndim - 1))
        return y / np.sqrt(1 + (y ** 2).sum(0))

    def see(self, x):
        """Vectors of the whole picture (128, T) and of its cells (128, T, h, w)."""
        for k, pad in enumerate(((0, 1, 1), (0, 1, 1), (0, 1, 1), (0, 1, 1)), 1):
            x = self.layer(x, f"video.conv{k}", (1, 2, 2), pad)
        ends = [self.last(self.layer(v, "video.conv5", (1, 1, 1), (0, 0, 0)), "video.conv6")
                for v in (x.max((2, 3), keepdims=True), x)]
        return ends[0][:, :, 0, 0], ends[1]

    def hear(self, x):
        for k, (stride, pad) in enumerate((((2, 1), (1, 0)), ((2, 2), (1, 0)), ((2, 1), (1, 0)), ((1, 1), (0, 0)), ((1, 1), (0, 0))), 1):
            x = self.layer(x, f"audio.conv{k}", stride, pad)
        return self.last(x, "audio.conv6")[:, 0]


def expected(network, pictures, samples):
    """Class activations and probabilities of every frame, from the definitions in docs/alignment.md."""
    x = ((pictures / 255 - 0.43) / 0.24).transpose(3, 0, 1, 2)
    video, cells = network.see(x)
    audio = network.hear(spectrogram(samples, 4 * FRAMES)[None])
    steps, most = range(audio.shape[1]), 2 * LAGS
    scale = float(network.p["lags.weight"][0])
    rows = []
    for t in range(video.shape[1]):
        near = [j for j in steps if abs(j - 2 * t) <= 1]
        around = [j for j in steps if abs(j - 2 * t) <= most]
        own = audio[:, near].mean(1) - audio[:, around].mean(1)
        products = {2 * t - j: video[:, t] @ audio[:, j] for j in around}
        rows.append((np.tensordot(own, cells[:, t], 1), products))
    maps, probabilities = [], []
    for frame in range(FRAMES):
        weights = {t: 0.5 + 0.5 * np.cos(np.pi * abs(t + 4 - frame) / (REACH + 1)) for t in range(len(rows))
                   if abs(t + 4 - frame) <= REACH}
        maps.append(sum(w * rows[t][0] for t, w in weights.items()) / sum(weights.values()))
        score = {lag: sum(w * rows[t][1][lag] for t, w in weights.items() if lag in rows[t][1])
                 / sum(w for t, w in weights.items() if lag in rows[t][1])
                 for lag in {lag for t in weights for lag in rows[t][1]}}
        likely = {lag: np.exp(scale * s) for lag, s in score.items()}
        probabilities.append(sum(p for lag, p in likely.items() if abs(lag) <= 2) / sum(likely.values()))
    return np.array(maps), np.array(probabilities), scale


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Squares that change at random and noise in bursts, without loss: what is decoded is what was written."""
    folder = tmp_path_factory.mktemp("film")
    rng = np.random.default_rng(5)
    pictures = rng.integers(0, 256, (FRAMES, SIZE // 16, SIZE // 16, 3), np.uint8).repeat(16, 1).repeat(16, 2)
    samples = (rng.normal(0, 3000, FRAMES * 640) * np.repeat(rng.integers(0, 2, FRAMES), 640)).astype("<i2")
    with wave.open(str(folder / "sound.wav"), "wb") as out:
        out.setparams((1, 2, RATE, 0, "NONE", ""))
        out.writeframes(samples.tobytes())
    (folder / "pictures").write_bytes(pictures.tobytes())
    ffmpeg("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{SIZE}x{SIZE}", "-r", 25, "-i", folder / "pictures", "-i", folder / "sound.wav",
           "-c:v", "ffv1", "-pix_fmt", "bgr0", "-c:a", "pcm_s16le", folder / "film.mkv")
    return folder / "film.mkv", pictures, samples / 32768


@pytest.fixture(scope="module")
def sync():
    return avsound.Model.create("sync-net", CONFIG, seed=3)


def test_maps_and_probabilities(film, sync):
    path, pictures, samples = film
    maps, probabilities, scale = expected(Network(sync.parameters), pictures, samples)
    assert np.abs(maps).max() > 1e-3 and np.ptp(probabilities) > 1e-3
    with sync.scan(path, "map", "score", threads=1) as scan:
        for index, result in enumerate(scan):
            np.testing.assert_allclose(result.cam, maps[index], atol=2e-4 * np.abs(maps).max())
            np.testing.assert_allclose(result.map, np.tanh(np.maximum(scale * result.cam, 0) / 2), atol=1e-6)
            assert abs(result.probability - probabilities[index]) < 1e-4
            assert not result.padded and result.confidence > 0
    assert index == FRAMES - 1


def test_scores_alone_are_the_same(film, sync):
    with sync.scan(film[0], "map", "score", threads=1) as scan:
        every = {round(25 * r.time): (r.probability, r.confidence) for r in scan}
    with sync.scan(film[0], "score", hop=0.2, threads=1) as scan:
        for r in scan:
            assert (r.probability, r.confidence) == every[round(25 * r.time)]
            assert r.map is None and r.cam is None


def test_nothing_else_is_told(film, sync):
    for what in "embed-image", "embed-sound", "classes":
        with pytest.raises(avsound.UnsupportedError):
            sync.scan(film[0], what)
