"""How well a network does: the functions of avsound/metrics.h over numpy arrays, from libavsound_train.

Results are the structs of that header with its field names; intervals are 95 %. NaN marks what is skipped, an infinity what is
bad.
"""
from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _abi
from ._native import Handle, choice, lib, make, options
from .arrays import floats, pointer
from .cca import CCA as CCA
from .model import Context, pointer_of

F32, F64, I32, I64, U8 = ctypes.c_float, ctypes.c_double, ctypes.c_int32, ctypes.c_int64, ctypes.c_uint8
Doubles = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]


def _row(values: npt.ArrayLike | None, kind: Any, name: str, like: npt.NDArray[Any] | None = None) -> Any:
    """Values as a vector of a C type, as long as another."""
    return None if values is None else floats(values, dtype=np.dtype(kind), ndim=1, name=name,
                                              shape=None if like is None else like.shape)


def _table(values: npt.ArrayLike, name: str, shape: tuple[int, int] | None = None) -> Any:
    return floats(values, ndim=2, name=name, shape=shape)


def wilson_interval(share: float, n: int) -> tuple[float, float]:
    """Wilson's interval of a share."""
    low, high = ctypes.c_double(), ctypes.c_double()
    lib.avsound_wilson_interval(share, n, ctypes.byref(low), ctypes.byref(high))
    return low.value, high.value


def share(items: npt.ArrayLike) -> _abi.avsound_estimate:
    """Share of right answers: 0 wrong, 1 right, 1/2 a tie."""
    items, out = _row(items, F64, "items"), _abi.avsound_estimate()
    lib.avsound_metric_share(pointer(items, F64), len(items), ctypes.byref(out))
    return out


def mean(items: npt.ArrayLike, clips: npt.ArrayLike | None = None, *, seed: int = 0,
         context: Context | None = None) -> _abi.avsound_estimate:
    """Mean with a bootstrap interval over clips: `clips` says which clip an item belongs to."""
    items, out = _row(items, F64, "items"), _abi.avsound_estimate()
    clips = _row(clips, I64, "clips", items)
    lib.avsound_metric_mean(pointer_of(context), pointer(items, F64), pointer(clips, I64), len(items), seed,
                            ctypes.byref(out))
    return out


def avc(positive: npt.ArrayLike, negative: npt.ArrayLike, skip: npt.ArrayLike | None = None, *,
        context: Context | None = None) -> _abi.avsound_avc_result:
    """Correspondence: P of frames with their own sound, and with another clip's."""
    return _paired(lib.avsound_metric_avc, _abi.avsound_avc_result(), positive, negative, skip, context)


def alignment(aligned: npt.ArrayLike, shifted: npt.ArrayLike, skip: npt.ArrayLike | None = None, *,
              context: Context | None = None) -> _abi.avsound_alignment_result:
    """Telling aligned from shifted sound: P(aligned) of clips as they are, and shifted."""
    return _paired(lib.avsound_metric_alignment, _abi.avsound_alignment_result(), aligned, shifted, skip, context)


def _paired(function: Any, out: Any, first: npt.ArrayLike, second: npt.ArrayLike, skip: npt.ArrayLike | None,
            context: Context | None) -> Any:
    first = _row(first, F32, "the first array")
    second, skip = _row(second, F32, "the second array", first), _row(skip, U8, "skip", first)
    function(pointer_of(context), pointer(first, F32), pointer(second, F32), pointer(skip, U8), len(first), ctypes.byref(out))
    return out


def label_distances(nodes: int, edges: npt.ArrayLike, labels: npt.ArrayLike, *,
                    context: Context | None = None) -> npt.NDArray[np.int32]:
    """Edges between labels in a tree: [labels][labels]. `edges` are pairs of child and parent."""
    edges = floats(edges, dtype=np.int32).reshape(-1, 2)
    labels = _row(labels, I32, "labels")
    out = np.empty((len(labels), len(labels)), np.int32)
    lib.avsound_label_distances(pointer_of(context), nodes, pointer(edges, I32), len(edges), pointer(labels, I32),
                                len(labels), pointer(out, I32))
    return out


@dataclass(eq=False)
class Retrieval:
    """What retrieval() found: figures, nDCG of each query (NaN where skipped) and the true counterpart's rank."""

    figures: _abi.avsound_retrieval_result
    ndcg: Doubles
    ranks: npt.NDArray[np.int64]


def retrieval(queries: npt.ArrayLike, database: npt.ArrayLike, *, same_modality: bool = False, depth: int = 0,
              labels: Sequence[Sequence[int]] | None = None, distances: npt.ArrayLike | None = None, seed: int = 0,
              context: Context | None = None) -> Retrieval:
    """Ranks a database for each query: rows i of both belong to clip i. For nDCG, `labels` of each clip are indices into
    `distances`, which label_distances() makes."""
    queries = _table(queries, "queries")
    database = _table(database, "database", queries.shape)
    count, dimension = queries.shape
    struct = options(_abi.avsound_retrieval_options, dimension=dimension, count=count, depth=depth, seed=seed,
                     same_modality=int(same_modality), queries=pointer(queries, F32), database=pointer(database, F32))
    if (labels is None) != (distances is None):
        raise ValueError("labels without distances, or distances without labels")
    if labels is not None and distances is not None:
        if len(labels) != count:
            raise ValueError(f"labels of {len(labels)} clips: want {count}")
        known = floats(distances, dtype=np.int32, ndim=2, name="distances")
        if known.shape[0] != known.shape[1]:
            raise ValueError(f"distances of shape {known.shape}: want a square")
        starts = np.cumsum([0, *map(len, labels)], dtype=np.int64)
        flat = np.array([label for clip in labels for label in clip] or [0], np.int32)
        struct.label_starts, struct.labels = pointer(starts, I64), pointer(flat, I32)
        struct.distances, struct.label_count = pointer(known, I32), len(known)
    out, ndcg, ranks = _abi.avsound_retrieval_result(), np.empty(count), np.empty(count, np.int64)
    lib.avsound_metric_retrieval(pointer_of(context), struct, pointer(ndcg, F64), pointer(ranks, I64), ctypes.byref(out))
    return Retrieval(out, ndcg, ranks)


CIOU = {"half": _abi.CIOU_HALF, "half-or-equal": _abi.CIOU_HALF_OR_EQUAL, "adaptive": _abi.CIOU_ADAPTIVE,
        "fixed": _abi.CIOU_FIXED}
TRUTH = {"union": _abi.TRUTH_UNION, "consensus": _abi.TRUTH_CONSENSUS}


def measure_map(map: npt.ArrayLike, boxes: npt.ArrayLike, width: float, height: float, *, mode: str = "half",
                truth: str = "union", threshold: float = 0.0,
                context: Context | None = None) -> _abi.avsound_map_measure_result:
    """A localisation map against boxes [count][x0, y0, x1, y1] of a frame of that size."""
    map, boxes = _table(map, "map"), floats(boxes, dtype=np.float64).reshape(-1, 4)
    struct = options(_abi.avsound_map_options, rows=map.shape[0], cols=map.shape[1], box_count=len(boxes), width=width,
                     height=height, map=pointer(map, F32), boxes=pointer(boxes, F64) if len(boxes) else None,
                     mode=choice("mode", mode, CIOU), truth=choice("truth", truth, TRUTH), threshold=threshold)
    out = _abi.avsound_map_measure_result()
    lib.avsound_map_measure(pointer_of(context), struct, ctypes.byref(out))
    return out


def ciou(items: npt.ArrayLike) -> _abi.avsound_ciou_result:
    """cIoU over a set."""
    items, out = _row(items, F64, "items"), _abi.avsound_ciou_result()
    lib.avsound_metric_ciou(pointer(items, F64), len(items), ctypes.byref(out))
    return out


def negatives(ciou: npt.ArrayLike, confidence: npt.ArrayLike, positive: npt.ArrayLike, *,
              context: Context | None = None) -> _abi.avsound_negatives_result:
    """Localisation where some clips show nothing that sounds: those whose `positive` is 0."""
    ciou, out = _row(ciou, F64, "ciou"), _abi.avsound_negatives_result()
    confidence, positive = _row(confidence, F64, "confidence", ciou), _row(positive, U8, "positive", ciou)
    lib.avsound_metric_negatives(pointer_of(context), pointer(ciou, F64), pointer(confidence, F64), pointer(positive, U8),
                                 len(ciou), ctypes.byref(out))
    return out


class Separation(Handle):
    """The true sources [sources][samples] of a clip, to hold estimates against. One thread at a time: others wait."""

    def __init__(self, references: npt.ArrayLike, mixture: npt.ArrayLike | None = None, *, taps: int = 0,
                 context: Context | None = None) -> None:
        references = _table(references, "references")
        self._shape = references.shape
        mixture = None if mixture is None else floats(mixture, name="mixture", shape=self._shape[1:])
        struct = options(_abi.avsound_separation_options, sources=self._shape[0], samples=self._shape[1], taps=taps,
                         references=_rows(references), mixture=pointer(mixture, F32))
        parent = pointer_of(context)
        super().__init__(make(_abi.avsound_separation, lib.avsound_separation_create, parent, struct, keeps=(parent,)))

    def measure(self, estimate: npt.ArrayLike, source: int) -> _abi.avsound_separation_result:
        """BSS Eval v3 and SI-SDR of an estimate of a source, in dB."""
        estimate, out = floats(estimate, name="estimate", shape=self._shape[1:]), _abi.avsound_separation_result()
        with self._locked() as separation:
            lib.avsound_separation_measure(separation, pointer(estimate, F32), source, ctypes.byref(out))
        return out

    def order(self, estimates: npt.ArrayLike) -> npt.NDArray[np.int32]:
        """Which estimate is to be measured against each source, for networks whose outputs have no names."""
        estimates, out = _table(estimates, "estimates", self._shape), np.empty(self._shape[0], np.int32)
        with self._locked() as separation:
            lib.avsound_separation_order(separation, _rows(estimates), pointer(out, I32))
        return out


def _rows(table: Floats) -> Any:
    return (ctypes.POINTER(ctypes.c_float) * len(table))(*(pointer(row, F32) for row in table))


def si_sdr(reference: npt.ArrayLike, estimate: npt.ArrayLike) -> float:
    """Scale-invariant SDR in dB."""
    return _decibels_of(lib.avsound_metric_si_sdr, reference, estimate)


def osr(mixture: npt.ArrayLike, on_screen: npt.ArrayLike) -> float:
    """Off-screen suppression in dB, of a clip without on-screen sound."""
    return _decibels_of(lib.avsound_metric_osr, mixture, on_screen)


def _decibels_of(function: Any, first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    first = _row(first, F32, "the first signal")
    second, value = _row(second, F32, "the second signal", first), ctypes.c_double()
    function(pointer(first, F32), pointer(second, F32), len(first), ctypes.byref(value))
    return value.value


def ideal_mask(source: npt.ArrayLike, mixture: npt.ArrayLike, *, context: Context | None = None) -> Floats:
    """What the ideal ratio mask makes of a mixture."""
    source = _row(source, F32, "source")
    mixture, out = _row(mixture, F32, "mixture", source), np.empty_like(source)
    lib.avsound_metric_ideal_mask(pointer_of(context), pointer(source, F32), pointer(mixture, F32), len(source),
                                  pointer(out, F32))
    return out


def decibels(items: npt.ArrayLike, bad: npt.ArrayLike | None = None, clips: npt.ArrayLike | None = None, *, seed: int = 0,
             context: Context | None = None) -> _abi.avsound_decibels_result:
    """Median and clamped mean of figures in dB that may be infinite."""
    items, out = _row(items, F64, "items"), _abi.avsound_decibels_result()
    bad, clips = _row(bad, U8, "bad", items), _row(clips, I64, "clips", items)
    lib.avsound_metric_decibels(pointer_of(context), pointer(items, F64), pointer(bad, U8), pointer(clips, I64), len(items),
                                seed, ctypes.byref(out))
    return out


@dataclass(eq=False)
class Search:
    """What search_offset() found, in frames: the best offset, how far it stands out, and the curve over all of them."""

    offset: float
    confidence: float
    curve: Doubles  # [2 * range + 1], from -range on


def search_offset(video: npt.ArrayLike, audio: npt.ArrayLike, *, measure: str = "distance", range: int = 15, first: int = 0,
                  context: Context | None = None) -> Search:
    """The offset at which features [steps][dimension] of pictures and sound agree best; positive: the sound is early."""
    video, audio = _table(video, "video"), _table(audio, "audio")
    if video.shape[1] != audio.shape[1]:
        raise ValueError(f"features of {video.shape[1]} and {audio.shape[1]} dimensions: want the same")
    names = {"distance": _abi.SYNC_DISTANCE, "similarity": _abi.SYNC_SIMILARITY}
    struct = options(_abi.avsound_sync_search_options, measure=choice("measure", measure, names), range=range,
                     dimension=video.shape[1], video=pointer(video, F32), audio=pointer(audio, F32),
                     video_count=len(video), audio_count=len(audio), video_first=first)
    curve, offset, confidence = np.empty(2 * (range or 15) + 1), ctypes.c_double(), ctypes.c_double()
    lib.avsound_sync_search(pointer_of(context), struct, pointer(curve, F64), ctypes.byref(offset), ctypes.byref(confidence))
    return Search(offset.value, confidence.value, curve)


def sync(truth: npt.ArrayLike, answers: npt.ArrayLike, *, confidence: npt.ArrayLike | None = None,
         undecidable: npt.ArrayLike | None = None, frame_ms: float = 0.0, class_ms: float = 0.0, seed: int = 0,
         context: Context | None = None) -> _abi.avsound_sync_result:
    """Offsets in ms against the truth; an answer of NaN is "cannot tell"."""
    truth = _row(truth, F64, "truth")
    answers, confidence = _row(answers, F64, "answers", truth), _row(confidence, F64, "confidence", truth)
    undecidable = _row(undecidable, U8, "undecidable", truth)
    struct = options(_abi.avsound_sync_options, count=len(truth), truth=pointer(truth, F64), answers=pointer(answers, F64),
                     confidence=pointer(confidence, F64), undecidable=pointer(undecidable, U8), frame_ms=frame_ms,
                     class_ms=class_ms, seed=seed)
    out = _abi.avsound_sync_result()
    lib.avsound_metric_sync(pointer_of(context), struct, ctypes.byref(out))
    return out


def draw_confusion(counts: npt.ArrayLike, names: Sequence[str], path: str | os.PathLike[str], *, title: str | None = None,
                   context: Context | None = None) -> None:
    """Draws what was taken for what as .png or .jpg: counts[i][j] items of class i that were taken for class j."""
    table = np.ascontiguousarray(counts, np.int64)
    if table.shape != (len(names), len(names)):
        raise ValueError(f"counts are {table.shape}: want {len(names)} x {len(names)}, as there are names")
    texts = (ctypes.c_char_p * len(names))(*[name.encode("ascii", "replace") for name in names])
    lib.avsound_confusion_draw(pointer_of(context), pointer(table, I64), texts, len(names),
                               None if title is None else title.encode("ascii", "replace"), os.fsencode(path))
