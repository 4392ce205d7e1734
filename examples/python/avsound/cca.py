"""A space in which vectors can be compared that were never meant to be: canonical correlation analysis."""
from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _abi
from ._native import Handle, choice, lib, make, options, path as encoded_path
from .arrays import floats, pointer
from .model import Context, Model, PathLike, pointer_of

F32 = ctypes.c_float


@dataclass(frozen=True)
class CCAInfo:
    """What is known of a fit."""

    components: int
    dimension_x: int  # of an index x are pictures, y sounds
    dimension_y: int
    pairs: int
    arch: str | None  # of the model that made the vectors; None: not known
    model: str | None  # SHA-256


class CCA(Handle):
    """Canonical correlation analysis of pairs x[i], y[i]; Index.fit_cca() makes one, too. Immutable, for any number of threads."""

    def __init__(self, x: npt.ArrayLike, y: npt.ArrayLike, *, components: int = 0, regularisation: float = 0.0,
                 context: Context | None = None) -> None:
        x, y = floats(x, ndim=2, name="x"), floats(y, ndim=2, name="y")
        if len(x) != len(y):
            raise ValueError(f"{len(x)} vectors x, {len(y)} vectors y: want as many")
        struct = options(_abi.avsound_cca_options, components=components, dimension_x=x.shape[1], dimension_y=y.shape[1],
                         count=len(x), x=pointer(x, F32), y=pointer(y, F32), regularisation=regularisation)
        parent = pointer_of(context)
        super().__init__(make(_abi.avsound_cca, lib.avsound_cca_fit, parent, struct, keeps=(parent,), shared=True))

    @classmethod
    def _of(cls, held: Any) -> CCA:
        cca = cls.__new__(cls)
        Handle.__init__(cca, held)
        return cca

    @classmethod
    def load(cls, path: PathLike, *, context: Context | None = None) -> CCA:
        """A file of save(), or of `avsound cca`."""
        parent = pointer_of(context)
        return cls._of(make(_abi.avsound_cca, lib.avsound_cca_load, parent, encoded_path(path), keeps=(parent,), shared=True))

    def save(self, path: PathLike) -> None:
        """Writes a file, complete or not at all."""
        lib.avsound_cca_save(self._pointer, encoded_path(path))

    @property
    def info(self) -> CCAInfo:
        found = _abi.avsound_cca_info()
        lib.avsound_cca_get_info(self._pointer, ctypes.byref(found))
        arch, model = (None if text is None else text.decode() for text in (found.arch, found.model))
        return CCAInfo(found.components, found.dimension_x, found.dimension_y, found.pairs, arch, model)

    def check_model(self, model: Model) -> None:
        """Raises StateError if it was fitted on another model's vectors."""
        lib.avsound_cca_check_model(self._pointer, model._pointer)

    @property
    def correlations(self) -> npt.NDArray[np.float64]:
        """Of each component, descending."""
        cca = self._pointer
        return np.array([lib.avsound_cca_correlation(cca, i) for i in range(lib.avsound_cca_components(cca))])

    def apply(self, vectors: npt.ArrayLike, side: str = "x") -> npt.NDArray[np.float32]:
        """Projects vectors like x, or pictures', or like y, or sounds', and L2-normalises them: [count][components]."""
        index, info, cca = choice("side", side, {"x": 0, "y": 1, "image": 0, "sound": 1}), self.info, self._pointer
        vectors = floats(vectors, ndim=2, name="vectors")
        wanted = info.dimension_y if index else info.dimension_x
        if vectors.shape[1] != wanted:
            raise ValueError(f"vectors of {vectors.shape[1]} dimensions: want {wanted}")
        out = np.empty((len(vectors), info.components), np.float32)
        lib.avsound_cca_apply(cca, index, pointer(vectors, F32), len(vectors), pointer(out, F32))
        return out
