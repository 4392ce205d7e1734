"""Contexts, models and sessions."""
from __future__ import annotations

import ctypes
import json
import os
import pathlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Union

import numpy as np
import numpy.typing as npt

from . import _abi
from ._native import PRECISIONS, Handle, Input, callback_type, choice, lib, make, options, path as encoded_path
from .arrays import FrameLike, SoundLike, fill_audio, fill_frame, floats, pointer, room, structs, view

if TYPE_CHECKING:
    from .media import SourceLike
    from .tasks import Offset, Scan, Separator

PathLike = Union[str, os.PathLike]


class Context(Handle):
    """Parent of models and media: limits, and a function that hears what the library has to say.

    `log(level, message)` may be called from any thread; levels are "error", "warning", "info" and "debug", and messages
    above `log_level` are not made. What it raises goes to sys.unraisablehook. Limits as in avsound_context_options, such as
    max_pixels. Any number of threads may use a context.
    """

    def __init__(self, *, log: Callable[[str, str], object] | None = None, log_level: str = "warning",
                 **limits: int) -> None:
        if unknown := set(limits) - {name for name, _ in _abi.avsound_context_options._fields_ if name[:4] == "max_"}:
            raise TypeError(f"no limit {', '.join(sorted(unknown))}")
        struct = options(_abi.avsound_context_options, log_level=choice("log level", log_level, LEVELS), **limits)
        keeps: tuple = ()
        if log is not None:
            struct.log = callback_type(_abi.avsound_context_options, "log")(
                lambda level, message, _: log(NAMES_OF_LEVELS.get(level, str(level)), message.decode("utf-8", "replace")))
            keeps = (struct,)
        super().__init__(make(_abi.avsound_context, lib.avsound_context_create, struct, keeps=keeps, shared=True))


LEVELS = {"error": _abi.LOG_ERROR, "warning": _abi.LOG_WARNING, "info": _abi.LOG_INFO, "debug": _abi.LOG_DEBUG}
NAMES_OF_LEVELS = {level: name for name, level in LEVELS.items()}

_default: Context | None = None
_default_lock = threading.Lock()


def default_context() -> Context:
    """The context of all that is not given another."""
    global _default
    with _default_lock:
        if _default is None or _default.closed:
            _default = Context()
        return _default


def pointer_of(context: Context | None) -> Any:
    return (context or default_context())._pointer


def find_model(name: PathLike, *, context: Context | None = None) -> pathlib.Path:
    """The file of a model by its path, or by its name, such as "avol-s", as the library finds it."""
    parent, size = pointer_of(context), ctypes.c_size_t()
    lib.avsound_model_find(parent, encoded_path(name), None, size)
    text = ctypes.create_string_buffer(size.value)
    lib.avsound_model_find(parent, encoded_path(name), text, size)
    return pathlib.Path(os.fsdecode(text.value))


def architectures() -> list[str]:
    """Names of the networks that Model.create() makes."""
    return [lib.avsound_arch_name(i).decode() for i in range(lib.avsound_arch_count())]


class Model(Handle):
    """An architecture with its weights: immutable, for any number of threads.

    `Model("avol-s")` loads a model by its name or path; Model.create() makes one with weights from a seed.
    """

    def __init__(self, name: PathLike, *, context: Context | None = None) -> None:
        parent = pointer_of(context)
        super().__init__(make(_abi.avsound_model, lib.avsound_model_load, parent, encoded_path(name),
                              keeps=(parent,), shared=True))

    @classmethod
    def _of(cls, pointer: Any) -> Model:
        model = cls.__new__(cls)
        Handle.__init__(model, pointer)
        return model

    @classmethod
    def create(cls, arch: str, config: Mapping[str, Any] | None = None, *, seed: int = 0,
               context: Context | None = None) -> Model:
        """A network with weights drawn from a seed, which says of itself that it is untrained."""
        parent = pointer_of(context)
        return cls._of(make(_abi.avsound_model, lib.avsound_model_create, parent, arch.encode(), as_json(config), seed,
                            keeps=(parent,), shared=True))

    @classmethod
    def create_from(cls, other: Model, arch: str | None = None, config: Mapping[str, Any] | None = None, *, seed: int = 0,
                    anew: Sequence[str] = ()) -> tuple[Model, int]:
        """A network with another's weights where the names agree; tensors with one of the words of `anew` in their names begin
        anew. Gives it with how many tensors were copied."""
        taken, parent = ctypes.c_int32(), other._pointer
        made = make(_abi.avsound_model, lambda *last: lib.avsound_model_create_from(
            parent, arch.encode() if arch else None, as_json(config), seed, ",".join(anew).encode() or None,
            ctypes.byref(taken), *last), keeps=(parent,), shared=True)
        return cls._of(made), taken.value

    @classmethod
    def from_bytes(cls, data: Any, *, context: Context | None = None) -> Model:
        """A model file in memory: bytes, or whatever else has a buffer."""
        parent, memory = pointer_of(context), np.frombuffer(data, np.uint8)
        return cls._of(make(_abi.avsound_model, lib.avsound_model_load_memory, parent, memory.ctypes.data, memory.size,
                            keeps=(parent,), shared=True))

    @classmethod
    def from_file(cls, file: int | BinaryIO, *, name: str | None = None, context: Context | None = None) -> Model:
        """A model file by its descriptor, or from a binary file object that can seek; `name` opens details of errors."""
        parent = pointer_of(context)
        if isinstance(file, int):
            return cls._of(make(_abi.avsound_model, lib.avsound_model_load_fd, parent, file, name.encode() if name else None,
                                keeps=(parent,), shared=True))
        source = Input(file, name or str(getattr(file, "name", "input")))
        with source.reraised():
            return cls._of(make(_abi.avsound_model, lib.avsound_model_load_io, parent, source.struct, keeps=(parent,),
                                shared=True))

    @staticmethod
    def verify(name: PathLike, *, context: Context | None = None) -> None:
        """Compares a model file's data with the hash in its metadata; raises FormatError if they differ."""
        lib.avsound_model_verify(pointer_of(context), encoded_path(name))

    def save(self, path: PathLike) -> None:
        """Writes a model file, whole or not at all."""
        lib.avsound_model_save(self._pointer, encoded_path(path))

    @property
    def arch(self) -> str:
        return lib.avsound_model_arch(self._pointer).decode()

    @property
    def config(self) -> dict[str, Any]:
        """The complete configuration, front ends included."""
        return json.loads(lib.avsound_model_config(self._pointer))

    @property
    def frames(self) -> int:
        """Pictures that Session.embed_images() and score() take for one: 1, or as many as a network that sees motion sees at once,
        25 a second; 0 of networks of clips."""
        return lib.avsound_model_frames(self._pointer)

    @property
    def trained(self) -> bool:
        return bool(lib.avsound_model_is_trained(self._pointer))

    @property
    def metadata(self) -> dict[str, str]:
        """All of the file's metadata: "license", "source", "avsound.arch", ..."""
        model = self._pointer
        keys = (lib.avsound_model_metadata_key(model, i) for i in range(lib.avsound_model_metadata_count(model)))
        return {key.decode(): lib.avsound_model_metadata(model, key).decode("utf-8", "replace") for key in keys}

    @property
    def classes(self) -> list[str]:
        """What a network that recognises can tell apart; empty for others."""
        return json.loads(self.metadata.get("avsound.classes", "[]"))

    @property
    def parameters(self) -> dict[str, npt.NDArray[np.float32]]:
        """The weights by their names: read-only views into the model, which they keep."""
        model, found = self._pointer, {}
        for i in range(lib.avsound_model_parameter_count(model)):
            name, tensor = ctypes.c_char_p(), _abi.avsound_tensor()
            lib.avsound_model_get_parameter(model, i, ctypes.byref(name), ctypes.byref(tensor))
            found[(name.value or b"").decode()] = view(tensor, model)
        return found

    def session(self, **arguments: Any) -> Session:
        """Session(self, ...)."""
        return Session(self, **arguments)

    def scan(self, source: SourceLike, *what: str, **arguments: Any) -> Scan:
        """Scan(self, source, ...)."""
        from .tasks import Scan
        return Scan(self, source, *what, **arguments)

    def offset(self, source: SourceLike, **arguments: Any) -> Offset:
        """Offset(self, source, ...)."""
        from .tasks import Offset
        return Offset(self, source, **arguments)

    def separate(self, source: SourceLike, **arguments: Any) -> Separator:
        """Separator(self, source, ...)."""
        from .tasks import Separator
        return Separator(self, source, **arguments)

    def spectrogram(self, sound: SoundLike) -> npt.NDArray[np.float32]:
        """[bins][columns] of a sound, as the model's front end computes it."""
        audio = _abi.avsound_audio()
        kept = fill_audio(audio, sound)
        size, bins, columns = ctypes.c_size_t(), ctypes.c_int32(), ctypes.c_int64()
        shape = ctypes.byref(size), ctypes.byref(bins), ctypes.byref(columns)
        lib.avsound_spectrogram(self._pointer, audio, None, *shape)
        out = np.empty(size.value, np.float32)
        lib.avsound_spectrogram(self._pointer, audio, pointer(out, ctypes.c_float), *shape)
        del kept
        return out.reshape(bins.value, columns.value)


def as_json(config: Mapping[str, Any] | None) -> bytes | None:
    return None if config is None else json.dumps(config).encode()


@dataclass(frozen=True)
class Score:
    """Do a picture and a sound belong together? `confidence` is 0 where there is nothing to see or to hear."""

    probability: float
    confidence: float


@dataclass(eq=False)
class Localization:
    """Where in a picture its sound comes from: `map` [rows][cols] of 0...1 over the whole picture, and the score."""

    map: npt.NDArray[np.float32]
    probability: float
    confidence: float


class Session(Handle):
    """A model made ready for one set of shapes and one precision. One thread at a time: others wait.

    `threads` compute; `precision` is "f32", "bf16" or "auto"; `batch` items a run; `outputs` names what is wanted (a layer's
    name, such as "vision.conv4_2", is an output too); 0 and None are the model's own.
    """

    def __init__(self, model: Model, *, threads: int = 0, precision: str = "f32", batch: int = 0, width: int = 0,
                 height: int = 0, outputs: Sequence[str] | None = None, frames: int = 0, samples: int = 0) -> None:
        struct = options(_abi.avsound_session_options, threads=threads, batch=batch, width=width, height=height,
                         precision=choice("precision", precision, PRECISIONS), frames=frames, samples=samples,
                         outputs=None if outputs is None else ",".join(outputs))
        parent = model._pointer
        self._run = max(model.frames, 1)
        super().__init__(make(_abi.avsound_session, lib.avsound_session_create, parent, struct, keeps=(parent,)))

    @property
    def inputs(self) -> dict[str, tuple[int, ...]]:
        """Shapes by name."""
        found = {}
        with self._locked() as session:
            for i in range(lib.avsound_session_input_count(session)):
                name, tensor = ctypes.c_char_p(), _abi.avsound_tensor()
                lib.avsound_session_input(session, i, ctypes.byref(name), ctypes.byref(tensor))
                found[(name.value or b"").decode()] = tuple(tensor.shape[:tensor.rank])
        return found

    @property
    def outputs(self) -> list[str]:
        with self._locked() as session:
            return [lib.avsound_session_output_name(session, i).decode()
                    for i in range(lib.avsound_session_output_count(session))]

    def set_input(self, name: str, values: npt.ArrayLike) -> None:
        """Copies an input in: 32-bit floats of exactly the input's shape, as the model's front end makes them."""
        array = floats(values)
        if array.ndim > _abi.MAX_RANK:
            raise ValueError(f"{name} has {array.ndim} dimensions: want at most {_abi.MAX_RANK}")
        tensor = _abi.avsound_tensor(dtype=_abi.DTYPE_F32, rank=array.ndim, data=array.ctypes.data)
        tensor.shape[:array.ndim] = array.shape
        with self._locked() as session:
            lib.avsound_session_set_input(session, name.encode(), tensor)

    def run(self, inputs: Mapping[str, npt.ArrayLike] | None = None) -> dict[str, npt.NDArray[np.float32]]:
        """Sets inputs, runs the network, and gives all outputs by their names. For one without a copy: output()."""
        with self._locked() as session:
            for name, values in (inputs or {}).items():
                self.set_input(name, values)
            lib.avsound_session_run(session)
            return {name: self.output(name) for name in self.outputs}

    def output(self, name: str, *, copy: bool = True) -> npt.NDArray[np.float32]:
        """An output of the last run. Without a copy it is the session's own memory, which the next run overwrites; it stays
        readable even when the session is closed."""
        tensor = _abi.avsound_tensor()
        with self._locked() as session:
            lib.avsound_session_get_output(session, name.encode(), ctypes.byref(tensor))
            array = view(tensor, session)
            return array.copy() if copy else array

    def embed_images(self, pictures: Sequence[FrameLike], out: npt.NDArray[np.float32] | None = None
                     ) -> npt.NDArray[np.float32]:
        """Vectors [count][dimension] of pictures of any size; of a network that sees motion, of runs of Model.frames pictures,
        those of one after those of another."""
        if len(pictures) % self._run:
            raise ValueError(f"{len(pictures)} pictures: want runs of {self._run}")
        return self._embed(lib.avsound_embed_image, *structs(_abi.avsound_frame, fill_frame, pictures), out, self._run)

    def embed_sounds(self, sounds: Sequence[SoundLike], out: npt.NDArray[np.float32] | None = None
                     ) -> npt.NDArray[np.float32]:
        """Vectors [count][dimension] of sounds of any rate: of each, the middle stretch of the model's length."""
        return self._embed(lib.avsound_embed_audio, *structs(_abi.avsound_audio, fill_audio, sounds), out)

    def _embed(self, function: Any, items: Any, _kept: Any, out: npt.NDArray[np.float32] | None, run: int = 1) -> Any:
        count, size = len(items) // run, ctypes.c_size_t()
        with self._locked() as session:
            function(session, items, len(items), None, ctypes.byref(size))
            out = room(out, (count, size.value // max(count, 1)), np.float32)
            function(session, items, len(items), pointer(out, ctypes.c_float), ctypes.byref(size))
        return out

    def score(self, picture: FrameLike | Sequence[FrameLike], sound: SoundLike) -> Score:
        """Does this sound belong to this picture? Of a network that sees motion, to this run of Model.frames pictures?"""
        pictures: Any = [picture] if self._run == 1 else picture
        if len(pictures) != self._run:
            raise ValueError(f"{len(pictures)} pictures: want {self._run}")
        frames, frames_kept = structs(_abi.avsound_frame, fill_frame, pictures)
        audio, score = _abi.avsound_audio(), _abi.avsound_score()
        kept = frames_kept, fill_audio(audio, sound)
        with self._locked() as session:
            lib.avsound_correspondence_frames(session, frames, self._run, audio, ctypes.byref(score))
        del kept
        return Score(score.probability, score.confidence)

    def localize(self, picture: FrameLike, sound: SoundLike) -> Localization:
        """Where in this picture is what makes this sound? Pictures of another shape than the last make the session plan anew."""
        frame, audio, score = _abi.avsound_frame(), _abi.avsound_audio(), _abi.avsound_score()
        kept = fill_frame(frame, picture), fill_audio(audio, sound)
        size, rows, cols = ctypes.c_size_t(), ctypes.c_int32(), ctypes.c_int32()
        shape = ctypes.byref(size), ctypes.byref(rows), ctypes.byref(cols)
        with self._locked() as session:
            lib.avsound_localize(session, frame, audio, None, *shape, None)
            out = np.empty(size.value, np.float32)
            lib.avsound_localize(session, frame, audio, pointer(out, ctypes.c_float), *shape, ctypes.byref(score))
        del kept
        return Localization(out.reshape(rows.value, cols.value), score.probability, score.confidence)

    @property
    def precision(self) -> str:
        """In use: "f32" or "bf16"."""
        with self._locked() as session:
            found = lib.avsound_session_precision(session)
        return {constant: name for name, constant in PRECISIONS.items()}[found]

    @property
    def memory(self) -> int:
        """Bytes of the session's own buffers; packed weights, which sessions share, are not counted."""
        with self._locked() as session:
            return lib.avsound_session_memory(session)

    def describe(self) -> str:
        """The plan, step by step, for people."""
        size = ctypes.c_size_t()
        with self._locked() as session:
            lib.avsound_session_describe(session, None, ctypes.byref(size))
            text = ctypes.create_string_buffer(size.value)
            lib.avsound_session_describe(session, text, ctypes.byref(size))
        return text.value.decode()

    def cancel(self) -> None:
        """Makes a call in progress in another thread, or else the next one, raise CancelledError."""
        lib.avsound_session_cancel(self._pointer)
