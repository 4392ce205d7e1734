"""What structs of the C interface have in common."""
import ctypes
from typing import Any


class Status(ctypes.c_int32):
    """Marks the functions whose result is a status."""


class Struct(ctypes.Structure):
    """A struct that knows its size, as the library wants it told, and can be printed."""

    def __init__(self, **values: Any) -> None:
        unknown = set(values) - {name for name, _ in self._fields_}
        if unknown:
            raise TypeError(f"{type(self).__name__} has no {', '.join(sorted(unknown))}")
        super().__init__(**values)
        self.struct_size = ctypes.sizeof(self)

    def values(self) -> dict[str, Any]:
        """The fields that hold numbers and strings, as Python's: arrays are lists, bytes are decoded."""
        found = {}
        for name, kind in self._fields_:
            value = getattr(self, name)
            if isinstance(value, bytes):
                value = value.decode("utf-8", "replace")
            elif isinstance(value, ctypes.Array) and issubclass(kind._type_, ctypes._SimpleCData):
                value = list(value)
            if isinstance(value, (int, float, str, list)) and name != "struct_size" and not name.startswith("reserved"):
                found[name] = value
        return found

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.values().items())})"
