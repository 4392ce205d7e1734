"""An archive's pictures and sounds as vectors in an index on disk, to search one sense with the other."""
from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _abi, errors
from ._native import PRECISIONS, Handle, choice, lib, make, options, path as encoded_path
from .arrays import floats, pointer
from .cca import CCA
from .model import Context, Model, PathLike, default_context

MODALITIES = {"image": _abi.INDEX_IMAGE, "sound": _abi.INDEX_SOUND}
OUTCOMES = {_abi.INDEXED_NEW: "new", _abi.INDEXED_KEPT: "kept", _abi.INDEXED_PARTLY: "partly", _abi.INDEXED_FAILED: "failed"}
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Indexed:
    """What became of a file."""

    outcome: str  # "new", "kept", "partly" (damaged: what came before the damage was taken in), "failed"
    images: int  # items added
    sounds: int
    error: str | None  # of "partly" and "failed"


class Indexer(Handle):
    """Whoever writes an index: there is one at a time. Leaving a `with` puts on disk what is not yet there.

    `modalities` of "image" and "sound", none for both, `hop` in seconds: in an index that is there already, its own.

        with avsound.Model("ave-s") as model, avsound.Indexer("library.db", model) as indexer:
            for file in files:
                indexer.add(file)
    """

    def __init__(self, path: PathLike, model: Model | None = None, *, modalities: tuple[str, ...] = (), hop: float = 0.0,
                 threads: int = 0, precision: str = "f32", context: Context | None = None) -> None:
        bits = 0
        for word in modalities:
            bits |= choice("modality", word, MODALITIES)
        struct = options(_abi.avsound_indexer_options, modalities=bits, hop_seconds=hop, threads=threads,
                         precision=choice("precision", precision, PRECISIONS))
        parent = (context or default_context())._pointer
        held = None if model is None else model._pointer
        super().__init__(make(_abi.avsound_indexer, lib.avsound_indexer_create, parent, held, encoded_path(path), struct,
                              keeps=(parent, held)))

    def __exit__(self, *exception: object) -> None:
        try:
            self.commit()
        finally:
            self.close()

    def add(self, path: PathLike) -> Indexed:
        """Takes a file in, unless it is there as it is."""
        result = _abi.avsound_indexed()
        with self._locked() as indexer:
            lib.avsound_indexer_add(indexer, encoded_path(path), ctypes.byref(result))
            error = None if result.error is None else result.error.decode("utf-8", "replace")
        return Indexed(OUTCOMES[result.outcome], result.images, result.sounds, error)

    def is_current(self, path: PathLike) -> bool:
        """Whether add() would keep what is there."""
        current = ctypes.c_int32()
        with self._locked() as indexer:
            lib.avsound_indexer_is_current(indexer, encoded_path(path), ctypes.byref(current))
        return bool(current.value)

    def merge(self, path: PathLike) -> int:
        """Takes in all files of another index; how many."""
        return self._counted(lib.avsound_indexer_merge, encoded_path(path))

    def prune(self) -> int:
        """Forgets files that are no longer there; how many."""
        return self._counted(lib.avsound_indexer_prune)

    def _counted(self, function: Any, *arguments: Any) -> int:
        files = ctypes.c_int64()
        with self._locked() as indexer:
            function(indexer, *arguments, ctypes.byref(files))
        return files.value

    def commit(self) -> None:
        """Puts on disk what is not yet there."""
        with self._locked() as indexer:
            lib.avsound_indexer_commit(indexer)

    def cancel(self) -> None:
        """Makes add() in another thread, and every later one, raise CancelledError."""
        lib.avsound_indexer_cancel(self._pointer)


@dataclass(frozen=True)
class IndexInfo:
    """What is known of an index."""

    modalities: tuple[str, ...]
    aligned: bool  # pictures and sounds can be compared with each other
    image_dimension: int
    sound_dimension: int
    hop_seconds: float
    files: int
    failed: int
    images: int
    sounds: int
    arch: str
    model: str  # SHA-256


@dataclass(frozen=True)
class IndexFile:
    """A file of an index, as it was when it was read."""

    path: str
    error: str | None
    size: int
    mtime_ns: int


@dataclass(frozen=True)
class Answer:
    """An item that was found."""

    path: str
    time: float  # seconds
    score: float  # cosine
    item: int
    file: int


class Index(Handle):
    """An index as it was when it was opened: `len()` is its number of files, iterating gives them as IndexFile.

        with avsound.Index("library.db") as index:
            for answers in index.search(session.embed_images([picture]), "image", "sound", k=5):
                print([(a.path, a.time, a.score) for a in answers])
    """

    def __init__(self, path: PathLike, *, context: Context | None = None) -> None:
        parent = (context or default_context())._pointer
        super().__init__(make(_abi.avsound_index, lib.avsound_index_open, parent, encoded_path(path), keeps=(parent,)))
        self._replaced: dict[str, int] = {}  # dimensions
        self._rounded: set[str] = set()

    @property
    def info(self) -> IndexInfo:
        found = _abi.avsound_index_info()
        with self._locked() as index:
            lib.avsound_index_get_info(index, ctypes.byref(found))
            values = found.values()
        values.update(modalities=tuple(name for name, bit in MODALITIES.items() if found.modalities & bit),
                      aligned=bool(found.aligned), arch=found.arch.decode(), model=found.model.decode())
        return IndexInfo(**values)

    def check_model(self, model: Model) -> None:
        """Raises StateError if it was another model that made the vectors."""
        with self._locked() as index:
            lib.avsound_index_check_model(index, model._pointer)

    def __len__(self) -> int:
        return self.info.files

    def __getitem__(self, number: int) -> IndexFile:
        found = _abi.avsound_index_file()
        with self._locked() as index:
            try:
                lib.avsound_index_get_file(index, number, ctypes.byref(found))
            except errors.InvalidArgumentError as refused:
                raise IndexError(refused.detail) from None
            return IndexFile(found.path.decode("utf-8", "surrogateescape"),
                             None if found.error is None else found.error.decode("utf-8", "replace"), found.size, found.mtime_ns)

    def __iter__(self) -> Iterator[IndexFile]:
        return (self[i] for i in range(len(self)))

    def item(self, modality: str, number: int) -> tuple[int, float, Floats]:
        """Its file's number, its seconds, and a copy of its vector."""
        found = _abi.avsound_index_item()
        with self._locked() as index:
            lib.avsound_index_get_item(index, choice("modality", modality, MODALITIES), number, ctypes.byref(found))
            return found.file, found.time_us / 1e6, np.ctypeslib.as_array(found.vector, (found.dimension,)).copy()

    def search(self, queries: npt.ArrayLike, query: str, want: str, *, k: int = 10, per_file: int = 0, threads: int = 0,
               shortlist: int = 0) -> list[list[Answer]]:
        """The k nearest items of modality `want` to each of the embeddings [count][dimension] of modality `query`. With a
        `shortlist` so many are compared exactly, those nearest by vectors rounded to 8 bits, which the first such search makes."""
        vectors = np.atleast_2d(floats(queries))
        items, scores = np.empty((len(vectors), k), np.int64), np.empty((len(vectors), k), np.float32)
        struct = options(_abi.avsound_index_search_options, query=choice("modality", query, MODALITIES), k=k,
                         want=choice("modality", want, MODALITIES), per_file=per_file, threads=threads, shortlist=shortlist)
        info = self.info
        wanted = self._replaced.get(want, info.image_dimension if want == "image" else info.sound_dimension)
        if vectors.ndim != 2 or vectors.shape[1] != wanted:
            raise ValueError(f"queries have the shape {vectors.shape}: this index's vectors are of {wanted} numbers")
        with self._locked() as index:
            if shortlist and want not in self._rounded:
                lib.avsound_index_round_vectors(index, MODALITIES[want])
                self._rounded.add(want)
            lib.avsound_index_search(index, struct, pointer(vectors, ctypes.c_float), len(vectors),
                                     pointer(items, ctypes.c_int64), pointer(scores, ctypes.c_float))
        return [[self._answer(want, int(i), float(s)) for i, s in zip(*row) if i >= 0] for row in zip(items, scores)]

    def _answer(self, modality: str, item: int, score: float) -> Answer:
        file, time, _ = self.item(modality, item)
        return Answer(self[file].path, time, score, item, file)

    def replace_vectors(self, modality: str, vectors: npt.ArrayLike) -> None:
        """Searches these [items][dimension] from now on instead of the index's own: projections of them, say."""
        array, info = floats(vectors), self.info
        count = info.images if modality == "image" else info.sounds
        if array.ndim != 2 or len(array) != count:
            raise ValueError(f"vectors have the shape {array.shape}: want {count} rows")
        with self._locked() as index:
            lib.avsound_index_replace_vectors(index, choice("modality", modality, MODALITIES), pointer(array, ctypes.c_float),
                                              array.shape[1])
        self._replaced[modality] = array.shape[1]
        self._rounded.discard(modality)

    def fit_cca(self, *, components: int = 0, regularisation: float = 0.0, pairs: int = 0) -> CCA:
        """A space in which its pictures and sounds can be compared, fitted on those of one file and time: `pairs` of them at
        most, 100,000 by default."""
        struct = options(_abi.avsound_cca_options, components=components, regularisation=regularisation, count=pairs)
        with self._locked() as index:
            return CCA._of(make(_abi.avsound_cca, lib.avsound_index_fit_cca, index, struct, shared=True))

    def use_cca(self, cca: CCA | None) -> None:
        """Searches projections from now on, with queries that cca.apply() has projected; None: its own vectors again."""
        with self._locked() as index:
            lib.avsound_index_use_cca(index, None if cca is None else cca._pointer)
        self._replaced = {} if cca is None else dict.fromkeys(MODALITIES, cca.info.components)
        self._rounded.clear()
