#!/usr/bin/env python3
"""Writes spectrogram.safetensors: log-spectrograms by the definition, in double precision, with numpy alone.

tests/unit/dsp/test_golden.c makes the same signal and compares. Usage: spectrogram.py [output]
"""
import json
import math
import os
import struct
import sys

import numpy

RATE = 48000
LENGTH = 9600
SECOND = 48000


def signal(length=LENGTH):
    """A chirp from 200 Hz, 20 kHz higher after 0.2 s, under white noise from a linear congruential generator, in 16-bit steps."""
    state = 12345
    samples = numpy.empty(length)
    for n in range(length):
        state = (state * 1664525 + 1013904223) % 2**32
        noise = (state >> 16) % 4096 - 2048
        t = n / RATE
        chirp = math.floor(12000 * math.sin(2 * math.pi * (200 * t + 50000 * t * t)) + 0.5)
        samples[n] = (chirp + noise) / 32768
    return samples


def spectra(samples, columns, offset, window, hop, fft):
    """Magnitudes [columns][fft / 2 + 1]; what lies outside the signal is zero."""
    shape = 0.5 - 0.5 * numpy.cos(2 * numpy.pi * numpy.arange(window) / window)
    around = numpy.zeros(columns * hop + window)
    padded = numpy.concatenate([around, samples, around])
    starts = len(around) + offset + hop * numpy.arange(columns)
    frames = numpy.stack([padded[s:s + window] * shape for s in starts])
    return numpy.abs(numpy.fft.rfft(frames, fft)), shape.sum()


def decibels(values):
    return 10 * numpy.log10(numpy.maximum(values, 1e-10))


def slaney_mel(hz):
    return hz * 3 / 200 if hz < 1000 else 15 + 27 * math.log(hz / 1000) / math.log(6.4)


def slaney_hz(mel):
    return mel * 200 / 3 if mel < 15 else 1000 * 6.4 ** ((mel - 15) / 27)


def mel_filters(bands, fft):
    """[bands][fft / 2 + 1] from 0 to RATE / 2, by walking every bin of every band."""
    edges = [slaney_hz(m) for m in numpy.linspace(0, slaney_mel(RATE / 2), bands + 2)]
    filters = numpy.zeros((bands, fft // 2 + 1))
    for band in range(bands):
        low, centre, high = edges[band:band + 3]
        for k in range(fft // 2 + 1):
            hz = k * RATE / fft
            if low < hz <= centre:
                filters[band, k] = (hz - low) / (centre - low)
            elif centre < hz < high:
                filters[band, k] = (high - hz) / (high - centre)
        filters[band] *= 2 / (high - low)
    return filters


def avc():
    """Power over the window's sum squared: the correspondence networks. Starts 6 columns before the signal."""
    magnitude, total = spectra(signal(), 48, -120 - 6 * 240, 480, 240, 512)
    return {"avc": decibels(magnitude**2 / total**2), "avc.peak": numpy.array([magnitude.max() / total, 0])}


def openl3(name, columns, window, bands):
    """Magnitude, mel bands if any, relative to the largest value, cut off at -80 dB."""
    magnitude, _ = spectra(signal(), columns, 0, window, 242, window)
    level = decibels(magnitude @ mel_filters(bands, window).T if bands else magnitude)
    return {name: numpy.maximum(level - level.max(), -80), name + ".peak": numpy.array([magnitude.max(), level.max()])}


def tone(length):
    """One second's other extreme: a tone, and beside it nothing but its own rounding to 32-bit floats."""
    return (0.5 * numpy.sin(2 * numpy.pi * 1000 * numpy.arange(length) / RATE)).astype("<f4").astype(float)


def alone(name, samples, columns, window, bands):
    """A second that stands alone, as OpenL3 hears it: zeros behind it. Columns in steps of seven, and the last nine."""
    magnitude = spectra(samples[:SECOND], columns, 0, window, 242, window)[0]
    level = decibels(magnitude @ mel_filters(bands, window).T if bands else magnitude)
    kept = sorted({*range(0, columns, 7), *range(columns - 9, columns)})
    return {name: numpy.maximum(level - level.max(), -80)[kept], name + ".columns": numpy.array(kept)}


def seconds():
    for name, columns, window, bands in (("linear", 197, 512, 0), ("mel128", 199, 2048, 128), ("mel256", 199, 2048, 256)):
        # more than the second, so that what follows it would be noticed
        yield from alone(f"second.{name}", signal(SECOND + 4096), columns, window, bands).items()
        yield from alone(f"tone.{name}", tone(SECOND + 4096), columns, window, bands).items()


def save(path, tensors):
    header, data = {}, b""
    for name, value in sorted(tensors.items()):
        raw = numpy.ascontiguousarray(value, dtype="<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


# Tensors are [columns][bins]; beside each, in ".peak", the largest |X| and the level that was subtracted.
if __name__ == "__main__":
    here = os.path.dirname(os.path.abspath(__file__))
    save(sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "spectrogram.safetensors"), {
        **avc(),
        **openl3("openl3.linear", 44, 512, 0),
        **openl3("openl3.mel128", 44, 2048, 128),
        **openl3("openl3.mel256", 44, 2048, 256),
        **dict(seconds()),
    })
