"""Reading and writing of files: frames and samples with their times."""
from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any, BinaryIO, Union

import numpy as np

from . import _abi, errors
from ._native import Callbacks, Handle, Input, Progress, callback_type, lib, make, microseconds, options, path as encoded_path
from .arrays import Frame, FrameLike, Sound, fill_frame, read_audio, read_frame
from .model import Context, PathLike, pointer_of

Buffer = Union[bytes, bytearray, memoryview, np.ndarray]
SourceLike = Union[PathLike, int, Buffer, BinaryIO]

@dataclass(frozen=True)
class MediaInfo:
    """What is known of a file, as in avsound_media_info. Times in microseconds, -1 if unknown."""

    has_video: int
    has_audio: int
    width: int
    height: int
    coded_width: int
    coded_height: int
    rotation: int
    sar_num: int
    sar_den: int
    rate_num: int
    rate_den: int
    pixel_bits: int
    sample_rate: int
    channels: int
    still: int
    duration_us: int
    video_start_us: int
    audio_start_us: int
    video_duration_us: int
    audio_duration_us: int
    bit_rate: int
    container: str
    video_codec: str
    audio_codec: str
    pixel_format: str

    @property
    def duration(self) -> float | None:
        """Seconds of the whole file; None if unknown."""
        return None if self.duration_us < 0 else self.duration_us / 1e6

    @property
    def rate(self) -> float | None:
        """Average frames a second; None if unknown or a still picture."""
        return self.rate_num / self.rate_den if self.rate_num else None


def media_info(function: Any, pointer: Any) -> MediaInfo:
    info = _abi.avsound_media_info()
    function(pointer, ctypes.byref(info))
    values = info.values()
    return MediaInfo(**{field.name: values[field.name] for field in fields(MediaInfo)})


class Source:
    """Where a recording is: `struct` as the library takes it, of a path, a file's descriptor, the bytes of a file, or a binary file
    object that can seek. It must live as long as what reads it."""

    def __init__(self, source: SourceLike) -> None:
        self.input: Input | None = None
        self.struct = _abi.avsound_source()
        if isinstance(source, (str, os.PathLike)):
            self.struct.kind, self.struct.name = _abi.SOURCE_PATH, encoded_path(source)
        elif isinstance(source, int):
            self.struct.kind, self.struct.fd = _abi.SOURCE_FD, source
        elif hasattr(source, "read"):
            self.input = Input(source, str(getattr(source, "name", "input")))
            self.struct.kind, self.struct.io = _abi.SOURCE_IO, ctypes.pointer(self.input.struct)
        else:
            self._memory = np.frombuffer(source, np.uint8)
            self.struct.kind, self.struct.data, self.struct.size = (_abi.SOURCE_MEMORY, self._memory.ctypes.data,
                                                                    self._memory.size)


class Reader(Handle):
    """What walks that read recordings have in common: what Python's file objects raise comes out of the call."""

    def __init__(self, kind: Any, function: Callable, parent: Any, struct: Any, source: SourceLike,
                 sound: SourceLike | None = None) -> None:
        sources = [Source(one) for one in (source, sound) if one is not None]
        self._inputs = [one.input for one in sources if one.input]
        if sound is not None:
            struct.audio_source = ctypes.pointer(sources[1].struct)
        with self._reraised():
            super().__init__(make(kind, function, parent, sources[0].struct, struct, keeps=(parent, *sources)))

    @contextlib.contextmanager
    def _reraised(self) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for one in self._inputs:
                stack.enter_context(one.reraised())
            yield

    def _locked(self) -> Any:
        return self._locked_and_reraised() if self._inputs else super()._locked()

    @contextlib.contextmanager
    def _locked_and_reraised(self) -> Iterator[Any]:
        with super()._locked() as pointer, self._reraised():
            yield pointer


class Media(Handle):
    """An opened file. Frames come upright with square pixels, sound at `rate` and with `channels` (0: the file's own).

    `source` is a path, a file's descriptor, the bytes of a file, or a binary file object that can seek; `name` opens details of
    errors where it is no path. frames() and sounds() are iterators that hold one frame or stretch at a time, so any length
    will do. One thread at a time: others wait.
    """

    def __init__(self, source: SourceLike, *, name: str | None = None, rate: int = 0,
                 channels: int = 0, video: bool = True, sound: bool = True, track: int = 0, threads: int = 0,
                 context: Context | None = None) -> None:
        struct = options(_abi.avsound_media_options, decode_threads=threads, audio_rate=rate, audio_channels=channels,
                         ignore_video=int(not video), ignore_audio=int(not sound), audio_track=track)
        self._input = Callbacks()
        function, arguments, kept = self._source(source, name)
        parent = pointer_of(context)
        with self._input.reraised():
            super().__init__(make(_abi.avsound_media, function, parent, *arguments, struct, keeps=(parent, kept)))

    def _source(self, source: Any, name: str | None) -> tuple[Any, tuple, Any]:
        """The function that opens it, its arguments, and what must live as long as the media."""
        named = None if name is None else name.encode("utf-8", "surrogateescape")
        if isinstance(source, (str, os.PathLike)):
            return lib.avsound_media_open, (encoded_path(source),), None
        if isinstance(source, int):
            return lib.avsound_media_open_fd, (source, named), None
        if hasattr(source, "read"):
            self._input = Input(source, name or str(getattr(source, "name", "input")))
            return lib.avsound_media_open_io, (self._input.struct,), self._input
        memory = np.frombuffer(source, np.uint8)
        return lib.avsound_media_open_memory, (memory.ctypes.data, memory.size, named), memory

    @contextlib.contextmanager
    def _locked(self) -> Iterator[Any]:
        with super()._locked() as media, self._input.reraised():
            yield media

    @property
    def info(self) -> MediaInfo:
        with self._locked() as media:
            return media_info(lib.avsound_media_get_info, media)

    def read_frame(self) -> Frame | None:
        """The next frame in presentation order; None after the last."""
        return self._read(lib.avsound_media_read_frame, _abi.avsound_frame(), read_frame)

    def read_sound(self) -> Sound | None:
        """The next stretch of sound, float32; None after the last."""
        return self._read(lib.avsound_media_read_audio, _abi.avsound_audio(), read_audio)

    def _read(self, function: Any, struct: Any, read: Callable) -> Any:
        with self._locked() as media:
            try:
                function(media, ctypes.byref(struct))
            except errors.EndError:
                return None
            return read(struct)

    def frames(self) -> Iterator[Frame]:
        """The frames from here on."""
        return iter(self.read_frame, None)

    def sounds(self) -> Iterator[Sound]:
        """The sound from here on, stretch by stretch."""
        return iter(self.read_sound, None)

    def seek(self, seconds: float) -> None:
        """Goes to the frame on screen at a time, and the first sample at or after it."""
        with self._locked() as media:
            lib.avsound_media_seek(media, microseconds(seconds))


class Writer(Handle):
    """A video file being written: it appears when the `with` block ends without an exception, or at finish()."""

    def __init__(self, path: PathLike, width: int, height: int, *, rate: tuple[int, int] = (0, 0), quality: int = 0,
                 threads: int = 0, sound: PathLike | None = None, sound_start: float = 0.0, sound_duration: float = 0.0,
                 context: Context | None = None) -> None:
        struct = options(_abi.avsound_writer_options, width=width, height=height, rate_num=rate[0], rate_den=rate[1],
                         quality=quality, threads=threads, audio_path=None if sound is None else encoded_path(sound),
                         audio_start_us=microseconds(sound_start), audio_duration_us=microseconds(sound_duration))
        parent = pointer_of(context)
        super().__init__(make(_abi.avsound_writer, lib.avsound_writer_create, parent, encoded_path(path), struct,
                              keeps=(parent,)))

    def write(self, picture: FrameLike, time: float | None = None) -> None:
        """Encodes a frame, at `time` seconds or the frame's own; times must rise."""
        frame = _abi.avsound_frame()
        kept = fill_frame(frame, picture)
        if time is not None:
            frame.time_us = microseconds(time)
        with self._locked() as writer:
            lib.avsound_writer_write_frame(writer, frame)
        del kept

    def finish(self) -> None:
        """Gives the file its name, and closes the writer."""
        with self._locked() as writer:
            lib.avsound_writer_finish(writer)
        self.close()

    def __exit__(self, *exception: object) -> None:
        if exception[0] is None and not self.closed:
            self.finish()
        self.close()


def write_picture(path: PathLike, picture: FrameLike, *, context: Context | None = None) -> None:
    """Writes a picture as .png or .jpg."""
    frame = _abi.avsound_frame()
    kept = fill_frame(frame, picture)
    lib.avsound_picture_write(pointer_of(context), encoded_path(path), frame)
    del kept


def retime(path: PathLike, out_path: PathLike, delay: float, *, progress: Callable[[float], object] | None = None,
           context: Context | None = None) -> None:
    """Copies a file with its sound `delay` seconds later, negative: earlier. Nothing is encoded anew. `progress` is called
    with the part done, 0...1; if its result is true, the work stops with CancelledError."""
    struct = options(_abi.avsound_retime_options, audio_delay_us=microseconds(delay))
    watched = Progress(callback_type(_abi.avsound_retime_options, "progress"), progress)
    struct.progress = watched.callback
    with watched.reraised():
        lib.avsound_media_retime(pointer_of(context), encoded_path(path), encoded_path(out_path), struct)
