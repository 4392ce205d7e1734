"""Finds libavsound, calls it, and keeps what it makes: each C object is freed once, when nothing needs it any more."""
from __future__ import annotations

import contextlib
import ctypes
import os
import pathlib
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from . import _abi, errors
from ._struct import Status

FILES = {"avsound": f"libavsound.so.{_abi.SOVERSION}", "train": f"libavsound_train.so.{_abi.SOVERSION}"}


def candidates(file: str) -> Iterator[str]:
    """Where a library may be, best first: $AVSOUND_LIBRARY (a folder, or libavsound.so itself), the package, the system."""
    named = os.environ.get("AVSOUND_LIBRARY")
    if named:
        place = pathlib.Path(named)
        yield str(place / file if place.is_dir() else place.with_name(file))
        return
    inside = pathlib.Path(__file__).with_name("lib") / file
    if inside.exists():
        yield str(inside)
    yield file


class Library:
    """The functions of both libraries as attributes. Statuses become exceptions; the GIL is released during a call.

    Libraries are opened and functions bound when they are first used, so that training may be missing, and a function
    that only a later library has is an error of whoever calls it.
    """

    def __init__(self) -> None:
        self._open: dict[str, ctypes.CDLL] = {}
        self._lock = threading.Lock()

    def _library(self, name: str) -> ctypes.CDLL:
        if name not in self._open:
            if name != "avsound":
                self._library("avsound")  # which the other needs, from the same place
            self._open[name] = self._load(FILES[name])
        return self._open[name]

    def _load(self, file: str) -> ctypes.CDLL:
        reasons = []
        for path in candidates(file):
            try:
                return ctypes.CDLL(path)
            except OSError as reason:
                reasons.append(str(reason))
        raise ImportError(f"{file} was not found: {'; '.join(reasons)}. Install libavsound, or set AVSOUND_LIBRARY")

    def __getattr__(self, name: str) -> Any:
        if name not in _abi.FUNCTIONS:
            raise AttributeError(name)
        library, result, parameters = _abi.FUNCTIONS[name]
        with self._lock:
            try:
                function = getattr(self._library(library), name)
            except AttributeError:
                raise errors.UnsupportedError(_abi.E_UNSUPPORTED, "AVSOUND_E_UNSUPPORTED",
                                              f"the installed library has no {name}") from None
        function.argtypes = parameters
        function.restype = result
        if result is Status:
            function.restype = ctypes.c_int32
            function.errcheck = check
        setattr(self, name, function)
        return function


def check(status: int, _function: Any = None, _arguments: Any = None) -> int:
    if status < 0:
        detail = lib.avsound_error_detail().decode("utf-8", "replace")  # before any other call
        raise errors.error(status, lib.avsound_status_name(status).decode(), detail)
    return status


lib = Library()


def _release(free: Callable[[Any], None], pointer: Any, lock: threading.RLock | None, keeps: tuple) -> None:
    # At the interpreter's end another thread may still be in a call: its object is left to the process.
    if lock is None or lock.acquire(blocking=False):
        free(pointer)


def own(pointer: Any, free: Callable[[Any], None], *keeps: Any, shared: bool = False) -> Any:
    """Makes a pointer the owner of its C object, which is freed when the last Python object that holds the pointer is gone: a
    call in progress and arrays that look into the object included. `keeps` are what it needs until then: its parent, and
    functions that it calls. What is not shared between threads gets a lock."""
    pointer.keeps, pointer.lock = keeps, None if shared else threading.RLock()
    raw = ctypes.pointer(type(pointer.contents).from_address(ctypes.addressof(pointer.contents)))
    # What is shared may be in use by any thread at the interpreter's end, and runs none of its own.
    weakref.finalize(pointer, _release, free, raw, pointer.lock, keeps).atexit = not shared
    return pointer


class Handle:
    """What the classes that stand for C objects have in common: `with`, close(), and one thread at a time."""

    def __init__(self, pointer: Any) -> None:
        self._held: Any = pointer

    @property
    def closed(self) -> bool:
        return self._held is None

    def close(self) -> None:
        """Lets go of the C object. It is freed at once, unless a call in another thread or an array still needs it."""
        self._held = None

    @property
    def _pointer(self) -> Any:
        pointer = self._held
        if pointer is None:
            raise ValueError(f"this {type(self).__name__} is closed")
        return pointer

    @contextlib.contextmanager
    def _locked(self) -> Iterator[Any]:
        """The C object for a call that no other thread may disturb: they wait."""
        pointer = self._pointer
        with pointer.lock:
            yield pointer

    def __enter__(self):
        self._pointer  # raises where it is closed
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()


def make(kind: Any, function: Callable, *arguments: Any, keeps: tuple = (), shared: bool = False) -> Any:
    """Calls a function whose last parameter receives a new object, and owns that."""
    pointer = ctypes.POINTER(kind)()
    free = getattr(lib, kind.__name__ + "_free")
    function(*arguments, ctypes.byref(pointer))
    return own(pointer, free, *keeps, shared=shared)


def options(kind: Any, **values: Any) -> Any:
    """A struct of options with the library's defaults, and those of `values` that are not None."""
    struct = kind()
    getattr(lib, kind.__name__ + "_init")(struct, ctypes.sizeof(struct))
    names = {name for name, _ in kind._fields_} - {"struct_size", "user_data"}
    for name, value in values.items():
        if name not in names or name.startswith("reserved"):
            raise TypeError(f"no option {name}; there are {', '.join(sorted(n for n in names if 'reserved' not in n))}")
        if value is not None:
            setattr(struct, name, encoded(value))
    return struct


def encoded(value: Any) -> Any:
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    return value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value


def path(value: str | os.PathLike) -> bytes:
    return os.fsencode(value)


def choice(kind: str, name: str, names: dict[str, int]) -> int:
    """The constant behind a name, such as "bf16"."""
    if name not in names:
        raise ValueError(f"{kind} {name!r}: want one of {', '.join(names)}")
    return names[name]


def microseconds(seconds: float) -> int:
    return round(seconds * 1_000_000)


def callback_type(struct: Any, field: str) -> Any:
    """What makes a C function for a field out of a Python function."""
    return dict(struct._fields_)[field]


PRECISIONS = {"f32": _abi.PRECISION_F32, "bf16": _abi.PRECISION_BF16, "auto": _abi.PRECISION_AUTO}


class Callbacks:
    """Python functions that the library calls. What they raise cannot fly through it: it is kept, and comes out of reraised()
    when the call is over."""

    def __init__(self) -> None:
        self._raised: BaseException | None = None

    def _guarded(self, function: Callable[..., int], failed: int) -> Callable[..., int]:
        def guarded(*arguments: Any) -> int:
            try:
                return function(*arguments)
            except BaseException as raised:  # Ctrl-C too
                self._raised = raised
                return failed

        return guarded

    @contextlib.contextmanager
    def reraised(self) -> Iterator[None]:
        self._raised = None
        try:
            yield
        except errors.AvsoundError:
            if self._raised is None:
                raise
        if self._raised is not None:
            raised, self._raised = self._raised, None
            raise raised


class Progress(Callbacks):
    """A Python function as a C progress function: what it returns, if it is true, asks to stop."""

    def __init__(self, kind: Any, function: Callable[[Any], Any] | None, read: Callable[[Any], Any] = lambda value: value):
        super().__init__()
        self.callback = kind(self._guarded(lambda value, _: int(bool(function and function(read(value)))), 1))


class Input(Callbacks):
    """A binary file object of Python's as the library reads it."""

    def __init__(self, file: Any, name: str) -> None:
        super().__init__()
        self.struct = _abi.avsound_io(size=file.seek(0, os.SEEK_END), name=name.encode("utf-8", "surrogateescape"))
        self.struct.read = callback_type(_abi.avsound_io, "read")(
            self._guarded(lambda *where: self._read(file, *where), -1))
        self.struct.seek = callback_type(_abi.avsound_io, "seek")(
            self._guarded(lambda position, _: int(file.seek(position) != position), -1))

    @staticmethod
    def _read(file: Any, buffer: int, size: int, _user_data: Any) -> int:
        data = file.read(size)
        ctypes.memmove(buffer, data, len(data))
        return len(data)
