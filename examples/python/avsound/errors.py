"""Failures: a class for each status, all of them AvsoundError."""
from __future__ import annotations

from . import _abi


class AvsoundError(Exception):
    """A call that failed. str() is the detail: the thing, the value found, the value wanted.

    `status` is the number of avsound/base.h, `name` its constant, `detail` what the library said. Where Python has a class
    for such a failure, the subclass is one of those too: a file that is not there is an OSError.
    """

    def __init__(self, status: int, name: str = "", detail: str = "") -> None:
        super().__init__(detail or name or f"status {status}")
        self.status, self.name, self.detail = status, name, detail

    def __reduce__(self):
        return type(self), (self.status, self.name, self.detail)


class InvalidArgumentError(AvsoundError, ValueError):
    """A caller's mistake: out of range, an unknown name, a number that is not finite."""


class OutOfMemoryError(AvsoundError, MemoryError):
    """The allocator refused."""


class FileError(AvsoundError, OSError):
    """A file could not be opened, read, written or renamed."""


class FormatError(AvsoundError, ValueError):
    """A file's content is not what its format demands. What was delivered before the damage stands."""


class UnsupportedError(AvsoundError):
    """Valid, but not to be had in this build, on this processor or from this model."""


class ShapeError(AvsoundError, ValueError):
    """An array's shape is not the one wanted, or too large."""


class StateError(AvsoundError):
    """The call came at the wrong time, or the file has no such stream."""


class EndError(AvsoundError):
    """No more frames, samples or results. Iterators end instead of raising it."""


class BackendError(AvsoundError):
    """A library underneath (oneDNN, FFmpeg) failed."""


class CancelledError(AvsoundError):
    """Stopped by cancel(), or by a progress function."""


class BufferSizeError(AvsoundError):
    """A buffer was too small. The package asks for sizes first, so nobody should see this."""


class LimitError(AvsoundError):
    """A limit of the context was exceeded."""


class AgainError(AvsoundError):
    """A stream holds as much as it may: take results, then push again. Iterators over results end instead of raising it."""


class InternalError(AvsoundError):
    """A defect of the library."""


CLASSES: dict[int, type[AvsoundError]] = {
    _abi.E_INVALID_ARGUMENT: InvalidArgumentError,
    _abi.E_NO_MEMORY: OutOfMemoryError,
    _abi.E_IO: FileError,
    _abi.E_FORMAT: FormatError,
    _abi.E_UNSUPPORTED: UnsupportedError,
    _abi.E_SHAPE: ShapeError,
    _abi.E_STATE: StateError,
    _abi.E_END: EndError,
    _abi.E_BACKEND: BackendError,
    _abi.E_CANCELLED: CancelledError,
    _abi.E_BUFFER_SIZE: BufferSizeError,
    _abi.E_LIMIT: LimitError,
    _abi.E_AGAIN: AgainError,
    _abi.E_INTERNAL: InternalError,
}


def error(status: int, name: str, detail: str) -> AvsoundError:
    """The exception for a status; AvsoundError itself for one that a later library has added."""
    return CLASSES.get(status, AvsoundError)(status, name, detail)
