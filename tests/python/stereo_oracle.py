"""Directions by two channels in numpy and double precision, from docs/stereo.md: a witness for the library's."""
import numpy as np

CELLS, BANDS = 128, 12
PLACES = (np.arange(192) - 95.5) * 2 / CELLS


def spectra(channel, points):
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(points) / points)
    starts = range(0, len(channel) - points + 1, points // 2)
    return np.array([np.fft.rfft(channel[s:s + points] * window) for s in starts])


def peak(curve):
    k = int(curve.argmax())
    if k in (0, len(curve) - 1):
        return PLACES[k], curve[k]
    bend = curve[k - 1] - 2 * curve[k] + curve[k + 1]
    return PLACES[k] + (0.5 * (curve[k - 1] - curve[k + 1]) / bend if bend < 0 else 0) * 2 / CELLS, curve[k]


def points_for(rate, samples):
    return max(2 ** int(np.floor(np.log2(min(0.05 * rate, samples / 8)))), 32)


def coherence_of(ll, rr, cross, frames, counted):
    power = ll + rr
    found = np.where((power > 1e-6 * power[counted].max()) & (ll * rr > 0), np.abs(cross) ** 2 / np.maximum(ll * rr, 1e-300), 0)
    bias = 1 / frames if frames > 1 else 0
    return np.clip((found - bias) / (1 - bias), 0, 1)


def measure(sound, rate, edge_delay=300e-6, edge_level=12.4):
    """`sound` [samples][2] is one window."""
    points = points_for(rate, len(sound))
    left, right = (spectra(sound[:, c].astype(np.float64), points) for c in (0, 1))
    ll, rr, cross = (np.abs(left) ** 2).sum(0), (np.abs(right) ** 2).sum(0), (left * right.conj()).sum(0)
    hertz = np.arange(len(ll)) * rate / points
    heard = (hertz >= 100) & (hertz > 0) & (hertz < min(20000, 0.45 * rate))
    timed = heard & (hertz < 5000)
    coherence = coherence_of(ll, rr, cross, len(left), heard)
    turns = np.exp(2j * np.pi * PLACES[:, None] * edge_delay * hertz[timed])
    phases = coherence[timed] * cross[timed] / np.maximum(np.abs(cross[timed]), 1e-300)
    delay = np.maximum((turns * phases).real.sum(1) / coherence[timed].sum(), 0)
    share = 4 / np.pi * np.arctan(10 ** (edge_level / 20)) - 1
    places = (4 / np.pi * np.arctan2(2 * np.abs(cross), ll - rr)[heard] / 2 - 1) / share
    weights = (coherence * np.sqrt(ll + rr))[heard]
    level = (weights * np.exp(-0.5 * ((PLACES[:, None] - places) / 0.1) ** 2)).sum(1) / weights.sum()
    by_delay, by_level = peak(delay)[0], peak(level)[0]
    if abs(by_delay) < abs(by_level) / 4:
        cues, curve = "level", level
    elif abs(by_level) < abs(by_delay) / 4:
        cues, curve = "delay", delay
    else:
        cues, curve = "both", np.sqrt(level * delay)
    share = (coherence * (ll + rr))[heard].sum() / (ll + rr)[heard].sum()
    direction, height = peak(curve)
    edges = 100 * (min(16000, 0.45 * rate) / 100) ** (np.arange(BANDS + 1) / BANDS)
    firsts = np.ceil(edges * points / rate).astype(int)
    bands = [slice(a, max(b, a + 1)) for a, b in zip(firsts[:-1], firsts[1:])]
    return dict(direction=direction, confidence=share * min(height, 1), coherence=share, delay_us=-by_delay * edge_delay * 1e6,
                cues=cues, evidence=share * np.minimum(curve[32:160], 1),
                band_level_db=np.array([10 * np.log10(rr[b].sum() / ll[b].sum()) for b in bands]))
