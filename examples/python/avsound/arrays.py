"""Pictures and sounds: numpy arrays as the library reads them, without copies where their layout allows."""
from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from . import _abi
from ._native import choice, microseconds

# name: constant, of each plane (bytes a pixel across, halved across, halved down)
FORMATS: dict[str, tuple[int, list[tuple[int, int, int]]]] = {
    "rgb24": (_abi.PIXEL_RGB24, [(3, 0, 0)]),
    "bgr24": (_abi.PIXEL_BGR24, [(3, 0, 0)]),
    "rgba": (_abi.PIXEL_RGBA, [(4, 0, 0)]),
    "bgra": (_abi.PIXEL_BGRA, [(4, 0, 0)]),
    "gray8": (_abi.PIXEL_GRAY8, [(1, 0, 0)]),
    "yuv420p": (_abi.PIXEL_YUV420P, [(1, 0, 0), (1, 1, 1), (1, 1, 1)]),
    "nv12": (_abi.PIXEL_NV12, [(1, 0, 0), (2, 1, 1)]),
    "yuv422p": (_abi.PIXEL_YUV422P, [(1, 0, 0), (1, 1, 0), (1, 1, 0)]),
    "yuyv422": (_abi.PIXEL_YUYV422, [(4, 1, 0)]),
    "yuv444p": (_abi.PIXEL_YUV444P, [(1, 0, 0), (1, 0, 0), (1, 0, 0)]),
}
NAMES = {constant: name for name, (constant, _) in FORMATS.items()}
SAMPLES = {"float32": _abi.SAMPLE_F32, "int16": _abi.SAMPLE_S16, "int32": _abi.SAMPLE_S32, "float64": _abi.SAMPLE_F64}
RANGES = {"default": _abi.RANGE_DEFAULT, "limited": _abi.RANGE_LIMITED, "full": _abi.RANGE_FULL}
MATRICES = {"default": _abi.MATRIX_DEFAULT, "bt601": _abi.MATRIX_BT601, "bt709": _abi.MATRIX_BT709,
            "bt2020": _abi.MATRIX_BT2020}


def plane_shape(format: str, plane: int, width: int, height: int) -> tuple[int, int]:
    """Rows and bytes a row of a plane."""
    pixel, across, down = FORMATS[format][1][plane]
    return (height + down) >> down, pixel * ((width + across) >> across)


@dataclass(eq=False)
class Frame:
    """A picture: `planes` are uint8 arrays [rows][bytes of a row], as many as the pixel format has.

    Rows may lie anywhere in memory (cropped or flipped views do), their bytes must follow each other. An array
    [height][width][3] is a picture without this class.
    """

    planes: Sequence[npt.NDArray[np.uint8]]
    width: int
    height: int
    format: str = "yuv420p"
    range: str = "default"
    matrix: str = "default"
    time: float = 0.0  # seconds

    def rgb(self, out: npt.NDArray[np.uint8] | None = None) -> npt.NDArray[np.uint8]:
        """The picture as an array [height][width][3]. Of rgb24 a view, unless `out` is given."""
        if self.format == "rgb24" and out is None:
            return self.planes[0][:self.height, :3 * self.width].reshape(self.height, self.width, 3)
        from .tasks import draw_map
        return draw_map(self, np.zeros((1, 1), np.float32), alpha=0, out=out)


@dataclass(eq=False)
class Sound:
    """A stretch of sound: `samples` [frames] or [frames][channels] of float32, float64 (nominal -1...1), int16 or int32.

    A transposed array [channels][frames] is read plane by plane, as it lies.
    """

    samples: npt.NDArray[Any]
    rate: int
    time: float = 0.0  # seconds, of the first sample


FrameLike = Union[Frame, npt.NDArray[np.uint8], Any]
SoundLike = Union[Sound, tuple[npt.NDArray[Any], int]]


def frame_of(picture: FrameLike) -> Frame:
    """A Frame, an array [height][width] or [height][width][3 or 4], or a picture of Pillow's."""
    if isinstance(picture, Frame):
        return picture
    if hasattr(picture, "convert") and getattr(picture, "mode", "RGB") not in ("RGB", "RGBA", "L"):
        picture = picture.convert("RGB")
    pixels = np.asarray(picture)
    if pixels.dtype != np.uint8:
        raise TypeError(f"picture of {pixels.dtype}: want uint8")
    if pixels.ndim == 2:
        pixels = pixels[..., np.newaxis]
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4) or not pixels.size:
        raise ValueError(f"picture of shape {np.shape(picture)}: want [height][width] or [height][width][3 or 4]")
    height, width, channels = pixels.shape
    if pixels.strides[2] != 1 or pixels.strides[1] != channels:
        pixels = np.ascontiguousarray(pixels)
    # reshape() would copy rows that lie apart.
    rows = np.lib.stride_tricks.as_strided(pixels, (height, width * channels), (pixels.strides[0], 1), writeable=False)
    return Frame([rows], width, height, {1: "gray8", 3: "rgb24", 4: "rgba"}[channels])


def fill_frame(struct: Any, picture: FrameLike) -> Any:
    """Points an avsound_frame at a picture. The result must live as long as the struct is used."""
    frame = frame_of(picture)
    struct.struct_size = ctypes.sizeof(struct)
    struct.format = choice("pixel format", frame.format, {name: constant for name, (constant, _) in FORMATS.items()})
    struct.width, struct.height, struct.time_us = frame.width, frame.height, microseconds(frame.time)
    struct.range = choice("range", frame.range, RANGES)
    struct.matrix = choice("matrix", frame.matrix, MATRICES)
    count = len(FORMATS[frame.format][1])
    if len(frame.planes) != count:
        raise ValueError(f"{frame.format} with {len(frame.planes)} planes: want {count}")
    kept = []
    for i, plane in enumerate(frame.planes):
        rows, row = plane_shape(frame.format, i, frame.width, frame.height)
        if plane.dtype != np.uint8 or plane.ndim != 2 or plane.shape[0] < rows or plane.shape[1] < row:
            raise ValueError(f"plane {i} of {frame.format} is {plane.dtype} {plane.shape}: want uint8, at least "
                             f"{(rows, row)}")
        if plane.strides[1] != 1:
            plane = np.ascontiguousarray(plane)
        kept.append(plane)
        struct.data[i] = pointer(plane, ctypes.c_uint8)
        struct.stride[i] = plane.strides[0]
    return kept


def read_frame(struct: Any) -> Frame:
    """A copy of a picture that belongs to the library, which soon overwrites it."""
    format = NAMES[struct.format]
    planes: list[npt.NDArray[np.uint8]] = []
    for i in range(len(FORMATS[format][1])):
        rows, row = plane_shape(format, i, struct.width, struct.height)
        stride = struct.stride[i]
        top = ctypes.addressof(struct.data[i].contents)
        lowest = top + min(0, stride * (rows - 1))
        memory = (ctypes.c_uint8 * (abs(stride) * (rows - 1) + row)).from_address(lowest)
        planes.append(np.ndarray((rows, row), np.uint8, memory, top - lowest, (stride, 1)).copy())
    return Frame(planes, struct.width, struct.height, format, list(RANGES)[struct.range], list(MATRICES)[struct.matrix],
                 struct.time_us / 1e6)


def sound_of(sound: SoundLike) -> Sound:
    return sound if isinstance(sound, Sound) else Sound(*sound)


def fill_audio(struct: Any, sound: SoundLike) -> Any:
    """Points an avsound_audio at a sound. The result must live as long as the struct is used."""
    sound = sound_of(sound)
    samples = np.asarray(sound.samples)
    if samples.dtype.name not in SAMPLES or not samples.dtype.isnative:
        raise TypeError(f"sound of {samples.dtype}: want {', '.join(SAMPLES)}")
    if samples.ndim == 1:
        samples = samples[:, np.newaxis]
    if samples.ndim != 2:
        raise ValueError(f"sound of shape {samples.shape}: want [frames] or [frames][channels]")
    struct.struct_size = ctypes.sizeof(struct)
    struct.format, struct.sample_rate = SAMPLES[samples.dtype.name], sound.rate
    struct.frames, struct.channels = samples.shape
    struct.time_us = microseconds(sound.time)
    size = samples.itemsize
    struct.planar = int(samples.strides[0] == size and samples.strides[1] != size * samples.shape[1]
                        and samples.shape[1] > 1)
    if not struct.planar:
        samples = np.ascontiguousarray(samples)
        struct.data = samples.ctypes.data
        return samples
    planes = (ctypes.c_void_p * samples.shape[1])(*(samples[:, c].ctypes.data for c in range(samples.shape[1])))
    struct.planes = ctypes.pointer(ctypes.c_void_p.from_buffer(planes))
    return samples, planes


def read_audio(struct: Any) -> Sound:
    """A copy of a stretch of sound that belongs to the library: float32, interleaved."""
    samples = (ctypes.c_float * (struct.frames * struct.channels)).from_address(struct.data or 0)
    return Sound(np.frombuffer(samples, np.float32).reshape(struct.frames, struct.channels).copy(), struct.sample_rate,
                 struct.time_us / 1e6)


def structs(kind: Any, fill: Any, items: Sequence[Any]) -> tuple[Any, Any]:
    """An array of structs filled from items, and what must live as long."""
    array = (kind * len(items))()
    return array, [fill(struct, item) for struct, item in zip(array, items)]


def copied(pointer: Any, *shape: int) -> npt.NDArray[np.float32] | None:
    """A copy of floats that belong to the library; None for a null pointer."""
    return np.ctypeslib.as_array(pointer, shape).copy() if pointer else None


def view(struct: Any, owner: Any) -> npt.NDArray[np.float32]:
    """A tensor's own memory, read-only. It keeps the object that it belongs to."""
    shape = tuple(struct.shape[:struct.rank])
    memory: Any = (ctypes.c_float * int(np.prod(shape, dtype=np.int64))).from_address(struct.data)
    memory.owner = owner
    array = np.frombuffer(memory, np.float32).reshape(shape)
    array.flags.writeable = False
    return array


def pointer(array: npt.NDArray[Any] | None, kind: Any) -> Any:
    """An array of the right type and layout as a C pointer."""
    return None if array is None else ctypes.pointer(kind.from_address(array.ctypes.data))


def floats(values: npt.ArrayLike, *, dtype: Any = np.float32, ndim: int | None = None, name: str = "array",
           shape: tuple[int, ...] | None = None) -> npt.NDArray[Any]:
    """Values as the library reads them: converted or copied only where they must be."""
    array = np.ascontiguousarray(values, dtype)
    if ndim is not None and array.ndim != ndim:
        raise ValueError(f"{name} has {array.ndim} dimensions: want {ndim}")
    if shape is not None and array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}: want {shape}")
    return array


def room(out: npt.NDArray[Any] | None, shape: tuple[int, ...], dtype: Any) -> npt.NDArray[Any]:
    """Where a result goes: `out`, if it fits exactly, else a new array."""
    if out is None:
        return np.empty(shape, dtype)
    if out.shape != shape or out.dtype != dtype or not out.flags.c_contiguous or not out.flags.writeable:
        raise ValueError(f"out is {out.dtype} {out.shape}: want a writable, contiguous array of {np.dtype(dtype)} {shape}")
    return out
