"""Where a sound comes from by its two channels."""
from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _abi
from ._native import Handle, choice, lib, make, microseconds, options, path as encoded_path
from .arrays import SoundLike, fill_audio
from .model import Context, PathLike, pointer_of

KINDS = {_abi.STEREO_DIRECTION: "direction", _abi.STEREO_SILENT: "silent", _abi.STEREO_MONO: "mono",
         _abi.STEREO_DUAL_MONO: "dual mono", _abi.STEREO_DIFFUSE: "diffuse"}
CUES = {"auto": 0, "level": _abi.STEREO_LEVEL, "delay": _abi.STEREO_DELAY, "both": _abi.STEREO_LEVEL | _abi.STEREO_DELAY}


@dataclass(eq=False)
class StereoResult:
    """What was found in a window of sound; as in avsound_stereo_result. Arrays are the caller's."""

    time: float  # seconds, of the window's middle
    kind: str  # "direction", "silent", "mono", "dual mono" or "diffuse"
    cues: str  # "level", "delay" or "both"; "none"
    direction: float  # -1 left edge, 0 middle, 1 right edge
    confidence: float
    coherence: float
    delay_us: float  # positive: the right channel is late
    level_db: float  # positive: the right channel is louder
    copy_db: float
    rms: float
    evidence: npt.NDArray[np.float32]  # from the left edge to the right one
    band_hz: npt.NDArray[np.float32]  # where the bands begin, and the last one ends
    band_level_db: npt.NDArray[np.float32]


def stereo_result(found: Any) -> StereoResult:
    names = {value: "none" if name == "auto" else name for name, value in CUES.items()}
    evidence, hertz, levels = (np.ctypeslib.as_array(values, (count,)).copy() for values, count in (
        (found.evidence, _abi.STEREO_CELLS), (found.band_hz, _abi.STEREO_BANDS + 1),
        (found.band_level_db, _abi.STEREO_BANDS)))
    return StereoResult(found.time_us / 1e6, KINDS[found.kind], names[found.cues], found.direction, found.confidence,
                        found.coherence, found.delay_us, found.level_db, found.copy_db, found.rms,
                        evidence, hertz, levels)


class Stereo(Handle):
    """Measures directions by two channels, of a file or, without a path, of sounds in memory. Options as in
    avsound_stereo_options; `cues` is "auto", "level", "delay" or "both", `window` in seconds."""

    def __init__(self, path: PathLike | None = None, *, cues: str = "auto", window: float = 0.0, edge_delay_us: float = 0.0,
                 edge_level_db: float = 0.0, context: Context | None = None) -> None:
        struct = options(_abi.avsound_stereo_options, cues=choice("cues", cues, CUES), window_seconds=window,
                         edge_delay_us=edge_delay_us, edge_level_db=edge_level_db)
        parent = pointer_of(context)
        super().__init__(make(_abi.avsound_stereo, lib.avsound_stereo_create, parent,
                              None if path is None else encoded_path(path), struct, keeps=(parent,)))

    def at(self, time: float) -> StereoResult:
        """Of the file's window around a time in seconds, no earlier than that of the call before. EndError behind the end."""
        with self._locked() as stereo:
            found = _abi.avsound_stereo_result()
            lib.avsound_stereo_at(stereo, microseconds(time), ctypes.byref(found))
            return stereo_result(found)

    def measure(self, sound: SoundLike) -> StereoResult:
        """Of a sound in memory: the window in its middle, or all of a shorter one."""
        struct = _abi.avsound_audio()
        kept = fill_audio(struct, sound)
        with self._locked() as stereo:
            found = _abi.avsound_stereo_result()
            lib.avsound_stereo_measure(stereo, struct, ctypes.byref(found))
            del kept
            return stereo_result(found)
