"""Walks over whole recordings, and drawing of what they find."""
from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _abi, errors
from ._native import PRECISIONS, Handle, choice, lib, make, microseconds, options, path as encoded_path
from .arrays import Frame, FrameLike, copied, fill_frame, floats, pointer, read_frame, room
from .media import MediaInfo, Reader, SourceLike, media_info
from .model import Context, Model, PathLike, pointer_of

WHAT = {"embed-image": _abi.SCAN_EMBED_IMAGE, "embed-sound": _abi.SCAN_EMBED_AUDIO, "score": _abi.SCAN_SCORE,
        "map": _abi.SCAN_MAP, "frame": _abi.SCAN_FRAME, "classes": _abi.SCAN_CLASSES}
Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


class Walk(Reader):
    """What scans and separations have in common: they are iterators over results, in order, in bounded memory."""

    _prefix: str  # of the functions
    _result: str  # name of the struct

    def _read(self, result: Any) -> Any:
        raise NotImplementedError

    def __iter__(self):
        return self

    def __next__(self):
        kind = getattr(_abi, self._result)
        with self._locked() as walk:
            result = kind()
            try:
                getattr(lib, self._prefix + "_next")(walk, ctypes.byref(result))
            except errors.EndError:
                raise StopIteration from None
            return self._read(result)

    @property
    def info(self) -> MediaInfo:
        """What is known of the file."""
        with self._locked() as walk:
            return media_info(getattr(lib, self._prefix + "_get_info"), walk)

    @property
    def expected(self) -> int | None:
        """Number of results to expect; None if the file does not tell."""
        with self._locked() as walk:
            count = getattr(lib, self._prefix + "_expected")(walk)
        return None if count < 0 else count

    def cancel(self) -> None:
        """Makes a step in progress in another thread, or else the next one, raise CancelledError. After that it can only be
        closed."""
        getattr(lib, self._prefix + "_cancel")(self._pointer)


@dataclass(eq=False)
class ScanResult:
    """One result of a scan. What was not asked for, or cannot be had, is None. Arrays are the caller's."""

    index: int
    time: float  # seconds: of the frame, of the grid, or of a stretch's middle
    probability: float
    confidence: float
    rms: float  # level of the sound, full scale 1
    embedding_image: Floats | None  # [dimension]
    embedding_sound: Floats | None  # [dimension]
    map: Floats | None  # [rows][cols], 0...1 over the whole frame
    cam: Floats | None  # [rows][cols], of networks of clips: the class activation map
    classes: Floats | None  # [class_count], in the order of Model.classes
    frame: Frame | None
    seen: float  # of networks of clips: seconds that the network saw at once
    padded: bool  # of networks of clips: the recording is shorter than that


def scan_options(what: Sequence[str], *, hop: float = 0.0, start: float = 0.0, duration: float = 0.0, threads: int = 0,
                 precision: str = "f32", layer: str | None = None, grid: tuple[int, int] = (0, 0), centred: bool = True,
                 dense: bool = False) -> Any:
    bits = 0
    for word in what or ("score",):
        bits |= choice("scan for", word, WHAT)
    return options(_abi.avsound_scan_options, what=bits, threads=threads, hop_seconds=hop,
                   precision=choice("precision", precision, PRECISIONS), start_us=microseconds(start),
                   duration_us=microseconds(duration), layer=layer,
                   grid_rows=grid[0], grid_cols=grid[1], sound_begins=int(not centred), dense=dense)


def scan_result(struct: Any) -> ScanResult:
    return ScanResult(struct.index, struct.time_us / 1e6, struct.probability, struct.confidence, struct.rms,
                      copied(struct.embedding_image, struct.dimension), copied(struct.embedding_audio, struct.dimension),
                      copied(struct.map, struct.rows, struct.cols), copied(struct.cam, struct.rows, struct.cols),
                      copied(struct.classes, struct.class_count),
                      read_frame(struct.frame.contents) if struct.frame else None, struct.seen_us / 1e6,
                      bool(struct.padded))


class Scan(Walk):
    """A walk over a recording: an iterator over ScanResult.

    `what` are words out of "embed-image", "embed-sound", "score", "map", "frame" and "classes"; `hop` seconds between results
    (0: one a frame); `start` and `duration` in seconds (0: to the end); `sound` another source to take the sound from. `layer` is
    embedded instead of the network's embedding, its map pooled to `grid` (rows, columns) by maxima; not `centred`, a result's
    sound begins at its time. `dense`: sounds that overlap share the network's work, which is faster where results are dense,
    and not quite the same.
    Nothing of one file is held longer than needed, so any length will do:

        with model.scan("long.mp4", "score", hop=1) as scan:
            for result in scan:
                print(result.time, result.probability)
    """

    _prefix, _result = "avsound_scan", "avsound_scan_result"

    def __init__(self, model: Model, source: SourceLike, *what: str, hop: float = 0.0, start: float = 0.0, duration: float = 0.0,
                 threads: int = 0, precision: str = "f32", sound: SourceLike | None = None, layer: str | None = None,
                 grid: tuple[int, int] = (0, 0), centred: bool = True, dense: bool = False) -> None:
        struct = scan_options(what, hop=hop, start=start, duration=duration, threads=threads, precision=precision,
                              layer=layer, grid=grid, centred=centred, dense=dense)
        super().__init__(_abi.avsound_scan, lib.avsound_scan_create_source, model._pointer, struct, source, sound)

    def _read(self, result: Any) -> ScanResult:
        return scan_result(result)

    def times(self) -> dict[str, float]:
        """Where the time went so far, in seconds summed over the scan's threads."""
        times = _abi.avsound_scan_times()
        with self._locked() as scan:
            lib.avsound_scan_get_times(scan, ctypes.byref(times))
        return times.values()


VERDICTS = {_abi.OFFSET_MEASURED: "measured", _abi.OFFSET_SILENT: "silent", _abi.OFFSET_STILL: "still",
            _abi.OFFSET_SHORT: "short", _abi.OFFSET_EDGE: "edge", _abi.OFFSET_UNSURE: "unsure"}
NOTES = {_abi.OFFSET_PADDED: "padded", _abi.OFFSET_PARTLY: "partly", _abi.OFFSET_SLOW: "slow", _abi.OFFSET_DRIFTS: "drifts"}


@dataclass(eq=False)
class OffsetResult:
    """By how much picture and sound are out of time. Milliseconds; positive: the sound is early, delay it by so much."""

    verdict: str  # "measured", or why it cannot be told: "silent", "still", "short", "edge", "unsure"
    notes: list[str]  # "padded", "partly", "slow", "drifts"
    offset_ms: float  # NaN for none
    low_ms: float  # 95 % interval
    high_ms: float
    confidence: float
    likelihood: float
    agreement: float
    drift: float  # ms a minute, NaN where it is not known
    drift_low: float
    drift_high: float
    seconds: float
    compared_seconds: float
    frame_ms: float
    lags_ms: Doubles  # the curve: offsets tried,
    scores: Doubles  # and how well picture and sound agree there
    window_times: Doubles  # offsets over time: seconds,
    window_offsets_ms: Doubles  # ms, NaN for none,
    window_likelihoods: Doubles


def offset_options(*, threads: int = 0, precision: str = "f32", range: float = 0.0, least_confidence: float = 0.0,
                   window: float = 0.0, start: float = 0.0, duration: float = 0.0) -> Any:
    return options(_abi.avsound_offset_options, threads=threads, precision=choice("precision", precision, PRECISIONS),
                   range_seconds=range, least_confidence=least_confidence, window_seconds=window,
                   start_us=microseconds(start), duration_us=microseconds(duration))


def offset_result(found: Any, curve: Sequence[Doubles], windows: Sequence[Doubles]) -> OffsetResult:
    values = found.values()
    del values["windows"]
    values["verdict"] = VERDICTS.get(found.verdict, str(found.verdict))
    values["notes"] = [name for bit, name in NOTES.items() if found.notes & bit]
    return OffsetResult(**values, lags_ms=curve[0], scores=curve[1], window_times=windows[0], window_offsets_ms=windows[1],
                        window_likelihoods=windows[2])


class Offset(Reader):
    """The measurement of a recording's offset, by a model of sync-net. Options as in avsound_offset_options, times in seconds.

    An iterator over the part done, 0...1 (None where the file does not tell its length); measure() does all of it.
    """

    def __init__(self, model: Model, source: SourceLike, *, threads: int = 0, precision: str = "f32", range: float = 0.0,
                 least_confidence: float = 0.0, window: float = 0.0, start: float = 0.0, duration: float = 0.0) -> None:
        struct = offset_options(threads=threads, precision=precision, range=range, least_confidence=least_confidence,
                                window=window, start=start, duration=duration)
        super().__init__(_abi.avsound_offset, lib.avsound_offset_create_source, model._pointer, struct, source)

    def __iter__(self) -> Iterator[float | None]:
        return self

    def __next__(self) -> float | None:
        part = ctypes.c_double()
        with self._locked() as offset:
            try:
                lib.avsound_offset_next(offset, ctypes.byref(part))
            except errors.EndError:
                raise StopIteration from None
        return None if part.value < 0 else part.value

    def measure(self, progress: Callable[[float | None], object] | None = None) -> OffsetResult:
        """Reads to the end. A true result of `progress`, called with the part done, ends it there."""
        for part in self:
            if progress is not None and progress(part):
                break
        return self.result()

    def result(self) -> OffsetResult:
        """What was found; before the end, of what was read so far."""
        with self._locked() as offset:
            found = _abi.avsound_offset_result()
            lib.avsound_offset_get_result(offset, ctypes.byref(found))
            curve = arrays_of(lib.avsound_offset_get_curve, offset, 2)
            windows = arrays_of(lib.avsound_offset_get_windows, offset, 3)
        return offset_result(found, curve, windows)

    def draw(self, path: PathLike) -> None:
        """Draws what result() last found: the curve, and the offsets over time. .png or .jpg."""
        with self._locked() as offset:
            lib.avsound_offset_draw(offset, encoded_path(path))

    def cancel(self) -> None:
        """Makes a step in progress in another thread, or else the next one, raise CancelledError."""
        lib.avsound_offset_cancel(self._pointer)


def arrays_of(function: Any, pointer_: Any, number: int) -> list[Doubles]:
    """What functions give that fill several arrays of one length."""
    count = ctypes.c_size_t()
    function(pointer_, *[None] * number, ctypes.byref(count))
    found = [np.empty(count.value) for _ in range(number)]
    if count.value:
        function(pointer_, *(pointer(array, ctypes.c_double) for array in found), ctypes.byref(count))
    return found


@dataclass(eq=False)
class Stretch:
    """A stretch of separated sound. They follow each other without seams; arrays are the caller's."""

    index: int
    time: float  # seconds, of the first sample
    sample: int  # its number
    rate: int
    on: Floats  # what comes from on screen
    off: Floats  # the rest
    mixture: Floats
    rms: float
    padded: bool


def separator_options(*, compat: bool = False, consistent: bool = False, original_phase: bool = False, threads: int = 0,
                      precision: str = "f32", start: float = 0.0, duration: float = 0.0,
                      on_screen: tuple[float, float, float, float] = (0, 0, 0, 0)) -> Any:
    flags = (compat * _abi.SEPARATE_COMPAT | consistent * _abi.SEPARATE_CONSISTENT
             | original_phase * _abi.SEPARATE_ORIGINAL_PHASE)
    left, top, right, bottom = on_screen
    return options(_abi.avsound_separator_options, flags=flags, threads=threads, start_us=microseconds(start),
                   precision=choice("precision", precision, PRECISIONS), duration_us=microseconds(duration), left=left,
                   top=top, right=right, bottom=bottom)


def stretch_of(struct: Any) -> Stretch:
    on, off, mixture = (np.ctypeslib.as_array(p, (struct.samples,)).copy() for p in (struct.on, struct.off, struct.mixture))
    return Stretch(struct.index, struct.time_us / 1e6, struct.sample, struct.sample_rate, on, off, mixture, struct.rms,
                   bool(struct.padded))


class Separator(Walk):
    """A walk that takes a recording's sound apart: an iterator over Stretch, by a model of a separator or a mask-net.

    `compat`, `consistent` and `original_phase` are the AVSOUND_SEPARATE_ constants; `on_screen` is (left, top, right, bottom),
    in shares of the picture, of what counts as on screen; `sound` another source whose sound is separated.
    """

    _prefix, _result = "avsound_separator", "avsound_separator_result"

    def __init__(self, model: Model, source: SourceLike, *, compat: bool = False, consistent: bool = False,
                 original_phase: bool = False, threads: int = 0, precision: str = "f32", start: float = 0.0,
                 duration: float = 0.0, on_screen: tuple[float, float, float, float] = (0, 0, 0, 0),
                 sound: SourceLike | None = None) -> None:
        struct = separator_options(compat=compat, consistent=consistent, original_phase=original_phase, threads=threads,
                                   precision=precision, start=start, duration=duration, on_screen=on_screen)
        super().__init__(_abi.avsound_separator, lib.avsound_separator_create_source, model._pointer, struct, source, sound)

    def _read(self, result: Any) -> Stretch:
        return stretch_of(result)


def optical_flow(first: FrameLike, second: FrameLike, *, levels: int = 0, warps: int = 0, iterations: int = 0,
                 attachment: float = 0.0, tightness: float = 0.0, out: Floats | None = None,
                 context: Context | None = None) -> Floats:
    """Where what the first picture shows lies in the second: planes dx, dy [2][height][width], in pixels right and down. TV-L1;
    0 means the library's default."""
    frames = _abi.avsound_frame(), _abi.avsound_frame()
    kept = [fill_frame(frame, picture) for frame, picture in zip(frames, (first, second))]
    struct = options(_abi.avsound_flow_options, levels=levels, warps=warps, iterations=iterations, attachment=attachment,
                     tightness=tightness)
    size = ctypes.c_size_t()
    lib.avsound_optical_flow(pointer_of(context), *frames, struct, None, ctypes.byref(size))
    out = room(out, (2, frames[0].height, frames[0].width), np.float32)
    lib.avsound_optical_flow(pointer_of(context), *frames, struct, pointer(out, ctypes.c_float), ctypes.byref(size))
    del kept
    return out


def draw_map(picture: FrameLike, map: npt.ArrayLike, *, colour: str = "jet", alpha: float = 0.6,
             out: npt.NDArray[np.uint8] | None = None, context: Context | None = None) -> npt.NDArray[np.uint8]:
    """Lays a map over a picture: [height][width][3]. `colour` is "jet", "inferno" or "grey"; `alpha` the opacity where the map
    is 1."""
    return _draw(picture, map, out, lambda *arguments: lib.avsound_draw_map(
        pointer_of(context), *arguments[:4], colour.encode(), alpha, *arguments[4:]))


def draw_cam(picture: FrameLike, map: npt.ArrayLike, *, out: npt.NDArray[np.uint8] | None = None,
             context: Context | None = None) -> npt.NDArray[np.uint8]:
    """Lays a map of a network of clips over a picture, as the released program of Owens and Efros does."""
    return _draw(picture, map, out, lambda *arguments: lib.avsound_draw_cam(pointer_of(context), *arguments))


def _draw(picture: FrameLike, map: npt.ArrayLike, out: Any, function: Callable) -> npt.NDArray[np.uint8]:
    frame = _abi.avsound_frame()
    kept = fill_frame(frame, picture)
    cells = floats(map, ndim=2, name="map")
    out = room(out, (frame.height, frame.width, 3), np.uint8)
    function(frame, pointer(cells, ctypes.c_float), *cells.shape, pointer(out, ctypes.c_uint8), 3 * frame.width)
    del kept
    return out


def draw_spectrograms(paths: Sequence[PathLike], picture: PathLike, *, titles: Sequence[str] | None = None,
                      starts: Sequence[float] | None = None, duration: float = 0.0, rate: int = 0,
                      context: Context | None = None) -> None:
    """Draws spectrograms of the sounds of files one above the other, into a .png or .jpg file."""
    for name, values in (("titles", titles), ("starts", starts)):
        if values is not None and len(values) != len(paths):
            raise ValueError(f"{len(values)} {name} for {len(paths)} files")
    struct = options(_abi.avsound_spectrograms_options, count=len(paths), duration_us=microseconds(duration),
                     sample_rate=rate, paths=strings([encoded_path(p) for p in paths]))
    if titles is not None:
        struct.titles = strings([title.encode() for title in titles])
    if starts is not None:
        struct.starts_us = (ctypes.c_int64 * len(starts))(*map(microseconds, starts))
    lib.avsound_spectrograms_draw(pointer_of(context), struct, encoded_path(picture))


def strings(values: Sequence[bytes]) -> Any:
    return (ctypes.c_char_p * len(values))(*values)


def draw_scores(times: npt.ArrayLike, probabilities: npt.ArrayLike, confidences: npt.ArrayLike, picture: PathLike, *,
                title: str | None = None, context: Context | None = None) -> None:
    """Draws scores over time, as a scan delivers them, into a .png or .jpg file."""
    times = floats(times, dtype=np.float64, ndim=1, name="times")
    others = [floats(values, dtype=np.float64, name=name, shape=times.shape)
              for name, values in (("probabilities", probabilities), ("confidences", confidences))]
    scores = _abi.avsound_scores(count=len(times), title=title.encode() if title is not None else None)
    scores.times_s, scores.probabilities, scores.confidences = (pointer(a, ctypes.c_double) for a in (times, *others))
    lib.avsound_scores_draw(pointer_of(context), scores, encoded_path(picture))
