"""Which sights and sounds belong together: libavsound for Python, on numpy arrays.

    import avsound

    with avsound.Model("avol-s") as model:
        for result in model.scan("video.mp4", "map", "score", hop=0.5):
            print(result.time, result.probability, result.map.argmax())

Objects of the library are classes with close() and `with`; failures are subclasses of AvsoundError that carry the status and
the detail; the GIL is released while the library works. `avsound.metrics` and `avsound.train` hold what libavsound_train has.
The library is found by $AVSOUND_LIBRARY, inside the package, or by the system. docs/python.md tells more.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

from . import errors, metrics, train
from ._native import lib as _lib
from .arrays import Frame, Sound
from .cca import CCA, CCAInfo
from .errors import (AgainError, AvsoundError, BackendError, BufferSizeError, CancelledError, EndError, FileError,
                     FormatError, InternalError, InvalidArgumentError, LimitError, OutOfMemoryError, ShapeError, StateError,
                     UnsupportedError)
from .index import Answer, Index, Indexed, Indexer, IndexFile, IndexInfo
from .media import Media, MediaInfo, Writer, retime, write_picture
from .model import (Context, Localization, Model, Score, Session, architectures, default_context, find_model)
from .stereo import Stereo, StereoResult
from .stream import Stream, StreamResult, StreamState
from .tasks import (Offset, OffsetResult, Scan, ScanResult, Separator, Stretch, draw_cam, draw_map, draw_scores,
                    draw_spectrograms, optical_flow)


def version() -> str:
    """Version of the library in use, such as "0.1.0"."""
    return _lib.avsound_version_string().decode()


if TYPE_CHECKING:
    __version__: str
else:
    def __getattr__(name):
        if name == "__version__":  # asked for, not read here: the library is opened when it is first used
            return version()
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "AgainError", "Answer", "AvsoundError", "BackendError", "BufferSizeError", "CCA", "CCAInfo",
    "CancelledError", "Context", "EndError",
    "FileError", "FormatError", "Frame", "Index", "IndexFile", "IndexInfo", "Indexed", "Indexer", "InternalError",
    "InvalidArgumentError", "LimitError", "Localization",
    "Media", "MediaInfo", "Model", "Offset", "OffsetResult", "OutOfMemoryError", "Scan", "ScanResult", "Score",
    "Separator", "Session", "ShapeError", "Sound", "StateError", "Stereo", "StereoResult", "Stream", "StreamResult",
    "StreamState", "Stretch",
    "UnsupportedError", "Writer", "architectures", "default_context", "draw_cam", "draw_map", "draw_scores",
    "draw_spectrograms", "errors", "find_model", "metrics", "optical_flow", "retime", "train",
    "version", "write_picture",
]
