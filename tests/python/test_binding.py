"""The C interface as the package knows it, held against the headers by the C compiler, and against the symbols' list."""
import ctypes
import os
import subprocess
import sys

import pytest
from avsound import _abi
from avsound._struct import Status, Struct
from conftest import ROOT, SCRIPTS

INCLUDE = ROOT / "include"
ADVICE = "python3 examples/python/declare.py include/avsound > examples/python/avsound/_abi.py"
SCALARS = {ctypes.c_int: "int", ctypes.c_uint: "unsigned", ctypes.c_long: "long", ctypes.c_ulong: "unsigned long",
           ctypes.c_ubyte: "unsigned char", ctypes.c_float: "float", ctypes.c_double: "double", ctypes.c_char: "char",
           ctypes.c_char_p: "char *", ctypes.c_void_p: "void *", None: "void", Status: "avsound_status"}


def structs():
    return [kind for kind in vars(_abi).values() if isinstance(kind, type) and issubclass(kind, Struct) and kind is not Struct]


def c_type(kind):
    """The C type that a type of ctypes stands for, without its const."""
    if kind in SCALARS:
        return SCALARS[kind]
    if hasattr(kind, "_length_"):
        return f"{c_type(kind._type_)}[{kind._length_}]"
    if hasattr(kind, "contents"):
        return f"{c_type(kind._type_)} *"
    if hasattr(kind, "_argtypes_"):
        return f"{c_type(kind._restype_)} (*)({', '.join(map(c_type, kind._argtypes_))})"
    return kind.__name__


def assertions(kinds=None, functions=None, constants=None):
    """A C program that compiles only if the headers say the same."""
    yield "#include <stddef.h>\n#include <stdint.h>"
    for header in sorted((INCLUDE / "avsound").glob("*.h")):
        yield f"#include <avsound/{header.name}>"
    for kind in kinds or ():
        name = kind.__name__
        yield f'_Static_assert(sizeof({name}) == {ctypes.sizeof(kind)}, "size of {name}");'
        for field, type_ in kind._fields_:
            offset = getattr(kind, field).offset
            yield f'_Static_assert(offsetof({name}, {field}) == {offset}, "offset of {name}.{field}");'
            yield (f'_Static_assert(__builtin_types_compatible_p(__typeof__((({name} *)0)->{field}), {c_type(type_)}), '
                   f'"type of {name}.{field}");')
    for name, (_, result, parameters) in (functions or {}).items():
        yield f"{c_type(result)} {name}({', '.join(map(c_type, parameters)) or 'void'});"
    for name, value in (constants or {}).items():
        yield f'_Static_assert(AVSOUND_{name} == {value}, "value of AVSOUND_{name}");'


def compiles(tmp_path, lines):
    source = tmp_path / "binding.c"
    source.write_text("\n".join(lines) + "\n")
    # Types are compared without const, which ctypes cannot express.
    done = subprocess.run([os.environ.get("CC", "cc"), "-std=gnu11", "-Werror", "-Dconst=", f"-I{INCLUDE}", "-fsyntax-only",
                           source], capture_output=True, text=True)
    return done.returncode == 0, done.stderr


def test_declarations_are_those_of_the_headers():
    done = subprocess.run([sys.executable, SCRIPTS / "declare.py", INCLUDE / "avsound"], capture_output=True, text=True)
    assert done.returncode == 0, f"declare.py: {done.stderr}"
    assert done.stdout == (SCRIPTS / "avsound" / "_abi.py").read_text(), f"the headers have changed: {ADVICE}"


def test_structs_lie_as_the_compiler_lays_them_out(tmp_path):
    assert len(structs()) > 30
    good, words = compiles(tmp_path, assertions(kinds=structs()))
    assert good, words


def test_functions_take_and_give_what_the_headers_say(tmp_path):
    good, words = compiles(tmp_path, assertions(functions=_abi.FUNCTIONS))
    assert good, words


def test_constants_have_the_headers_values(tmp_path):
    constants = {name: value for name, value in vars(_abi).items() if name.isupper() and isinstance(value, int)}
    assert len(constants) > 80
    good, words = compiles(tmp_path, assertions(constants=constants))
    assert good, words


def test_every_exported_function_is_declared():
    for library, prefix in (("avsound", "libavsound"), ("train", "libavsound_train")):
        symbols = (ROOT / "tests" / "abi" / f"{prefix}.symbols").read_text().split()
        exported = {symbol.split("@")[0] for symbol in symbols}
        assert exported == {name for name, (where, *_) in _abi.FUNCTIONS.items() if where == library}, ADVICE


@pytest.mark.parametrize("wrong", ["size", "offset", "type", "parameters", "count", "result", "value"])
def test_the_compiler_finds_what_differs(tmp_path, wrong):
    class avsound_frame(Struct):
        _fields_ = _abi.avsound_frame._fields_ + ([("extra", ctypes.c_int64)] if wrong == "size" else [])

    fields = list(_abi.avsound_frame._fields_)
    if wrong == "offset":
        fields[2:4] = reversed(fields[2:4])
    elif wrong == "type":
        fields[2] = ("width", ctypes.c_uint32)
    kind = avsound_frame if wrong == "size" else type("avsound_frame", (Struct,), {"_fields_": fields})
    library, result, parameters = _abi.FUNCTIONS["avsound_media_seek"]
    parameters = {"parameters": [parameters[0], ctypes.c_int32], "count": parameters[:1]}.get(wrong, parameters)
    functions = {"avsound_media_seek": (library, ctypes.c_int64 if wrong == "result" else result, parameters)}
    good, _ = compiles(tmp_path, assertions([kind], functions, {"E_END": -8 if wrong != "value" else -9}))
    assert not good
