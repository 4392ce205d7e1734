"""The tasks on what is still going on: push pictures and sound as they come, pull results."""
from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Union

import numpy as np

from . import _abi, errors
from ._native import Handle, lib, make, microseconds, options
from .arrays import FrameLike, SoundLike, fill_audio, fill_frame
from .model import Model
from .tasks import (OffsetResult, ScanResult, Stretch, offset_options, offset_result, scan_options, scan_result,
                    separator_options, stretch_of)


@dataclass(eq=False)
class StreamResult:
    """One result. Times are the caller's clock, in seconds; arrays are the caller's."""

    index: int
    segment: int  # recordings before its own, which discontinuities ended
    time: float
    newest: float  # latest time that had been pushed: newest - time is how late the result is
    result: Union[ScanResult, OffsetResult, Stretch]


@dataclass(frozen=True)
class StreamState:
    """What went on so far, as in avsound_stream_state."""

    bytes: int
    results: int
    frames: int
    samples: int
    late_frames: int
    late_samples: int
    stand_in_frames: int
    stand_in_samples: int


class Stream(Handle):
    """One task over pictures and sound that are pushed as they come, in pieces of any size. Made by Stream.scan(),
    Stream.offset() or Stream.separate(), with the options of Scan, Offset and Separator, and:

    `rate` frames a second, nominally, as a fraction; `patience` seconds after which what does not come counts as missing (0: 2;
    negative: never); `most_bytes` of what was pushed and not yet used. One thread at a time: others wait.

        stream = avsound.Stream.scan(model, "map", "score", hop=0.5)
        for frame, sound in camera:
            stream.push_frame(frame, time)
            stream.push_sound(sound)
            for found in stream.results():
                print(found.time, found.result.probability)
    """

    def __init__(self, model: Model, task: str, task_options: Any, *, rate: tuple[int, int] = (0, 0), patience: float = 0.0,
                 most_bytes: int = 0) -> None:
        struct = options(_abi.avsound_stream_options, rate_num=rate[0], rate_den=rate[1], most_bytes=most_bytes,
                         patience_us=microseconds(patience))
        setattr(struct, task, ctypes.pointer(task_options))
        parent = model._pointer
        super().__init__(make(_abi.avsound_stream, lib.avsound_stream_create, parent, struct, keeps=(parent,)))

    @classmethod
    def scan(cls, model: Model, *what: str, hop: float = 0.0, threads: int = 0, precision: str = "f32",
             dense: bool = False, **stream: Any) -> Stream:
        """Embeds, scores, localises or classifies: results are ScanResult."""
        return cls(model, "scan", scan_options(what, hop=hop, threads=threads, precision=precision, dense=dense), **stream)

    @classmethod
    def offset(cls, model: Model, *, range: float = 0.0, least_confidence: float = 0.0, window: float = 0.0, threads: int = 0,
               precision: str = "f32", **stream: Any) -> Stream:
        """Measures the offset of the last `window` seconds: results are OffsetResult, without curve and windows."""
        return cls(model, "offset", offset_options(range=range, least_confidence=least_confidence, window=window,
                                                   threads=threads, precision=precision), **stream)

    @classmethod
    def separate(cls, model: Model, *, consistent: bool = False, original_phase: bool = False,
                 on_screen: tuple[float, float, float, float] = (0, 0, 0, 0), threads: int = 0, precision: str = "f32",
                 **stream: Any) -> Stream:
        """Takes the sound apart: results are Stretch."""
        return cls(model, "separator", separator_options(consistent=consistent, original_phase=original_phase,
                                                         threads=threads, on_screen=on_screen, precision=precision), **stream)

    def push_frame(self, picture: FrameLike, time: float | None = None) -> None:
        """Pushes a frame, which is copied, at `time` seconds or the frame's own. Raises AgainError if memory is full: take
        results, then push it again."""
        frame = _abi.avsound_frame()
        kept = fill_frame(frame, picture)
        if time is not None:
            frame.time_us = microseconds(time)
        with self._locked() as stream:
            lib.avsound_stream_push_frame(stream, frame)
        del kept

    def push_sound(self, sound: SoundLike, time: float | None = None) -> None:
        """Pushes sound, likewise; its time is that of the first sample."""
        audio = _abi.avsound_audio()
        kept = fill_audio(audio, sound)
        if time is not None:
            audio.time_us = microseconds(time)
        with self._locked() as stream:
            lib.avsound_stream_push_audio(stream, audio)
        del kept

    def results(self) -> Iterator[StreamResult]:
        """What can be told by now; after flush(), all that is left."""
        while True:
            with self._locked() as stream:
                struct = _abi.avsound_stream_result()
                try:
                    lib.avsound_stream_next(stream, ctypes.byref(struct))
                except (errors.AgainError, errors.EndError):
                    return
                found = StreamResult(struct.index, struct.segment, struct.time_us / 1e6, struct.newest_us / 1e6,
                                     task_result(struct))
            yield found

    def discontinuity(self) -> None:
        """What is pushed from now on begins a recording of its own."""
        with self._locked() as stream:
            lib.avsound_stream_discontinuity(stream)

    def flush(self) -> None:
        """Nothing more will be pushed: results() gives what is left."""
        with self._locked() as stream:
            lib.avsound_stream_flush(stream)

    def reset(self) -> None:
        """The stream is as newly made."""
        with self._locked() as stream:
            lib.avsound_stream_reset(stream)

    @property
    def latency(self) -> float:
        """How late results are at most, in seconds of media; what the computing takes comes on top."""
        with self._locked() as stream:
            return lib.avsound_stream_latency(stream)

    @property
    def state(self) -> StreamState:
        struct = _abi.avsound_stream_state()
        with self._locked() as stream:
            lib.avsound_stream_get_state(stream, ctypes.byref(struct))
        return StreamState(**{name: value for name, value in struct.values().items()
                              if name in StreamState.__dataclass_fields__})

    def cancel(self) -> None:
        """Makes results() in another thread raise CancelledError soon, and until reset()."""
        lib.avsound_stream_cancel(self._pointer)


def task_result(struct: Any) -> ScanResult | OffsetResult | Stretch:
    if struct.scan:
        return scan_result(struct.scan.contents)
    if struct.offset:
        none = np.empty(0)
        return offset_result(struct.offset.contents, [none] * 2, [none] * 3)
    return stretch_of(struct.separation.contents)
