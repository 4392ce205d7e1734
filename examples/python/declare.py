#!/usr/bin/env python3
"""Writes avsound/_abi.py, what the package knows of the C interface, from the public headers.

    declare.py include/avsound > examples/python/avsound/_abi.py

The headers are plain enough to be read line by line: constants, structs of plain fields, opaque types and functions. What
is anything else is refused rather than guessed. tests/python/test_binding.py holds the result against the C compiler.
"""
import ctypes
import pathlib
import re
import sys

SCALARS = {"int32_t": "c_int32", "uint32_t": "c_uint32", "int64_t": "c_int64", "uint64_t": "c_uint64", "uint8_t": "c_uint8",
           "int": "c_int", "size_t": "c_size_t", "float": "c_float", "double": "c_double", "char": "c_char",
           "avsound_status": "Status"}
HEADER = '''"""The C interface as ctypes sees it. Written by declare.py from the headers: change those, then run it again."""
{}
from typing import Any

from ._struct import Status, Struct
'''


class Refused(Exception):
    """A declaration that this script does not understand."""


def without_comments(text):
    text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.S)
    return re.sub(r"^\s*#\s*(?!define AVSOUND_\w+ +-?\d+\s*$).*(?:\\\n.*)*$", "", text, flags=re.M)


class Interface:
    """All that the headers declare; each after those that it includes."""

    def __init__(self):
        self.done = set()
        self.constants, self.opaque, self.callbacks, self.structs, self.functions = {}, [], {}, {}, {}

    def read(self, header):
        if header in self.done:
            return
        self.done.add(header)
        text = header.read_text()
        for name in re.findall(r"^#include <avsound/(\w+\.h)>", text, re.M):
            self.read(header.with_name(name))
        text = without_comments(text)
        library = "train" if header.stem in ("train", "metrics") else "avsound"
        for name, value in re.findall(r"#define (AVSOUND_\w+) +(-?\d+)", text):
            self.constants[name] = int(value)
        text = re.sub(r"^\s*#.*$", "", text, flags=re.M)
        text = re.sub(r'extern "C" \{', "", text)
        for statement in re.findall(r"(?:[^;{}]|\{[^{}]*\})+;", text):
            self.statement(" ".join(statement[:-1].split()), library)

    def statement(self, text, library):
        if match := re.fullmatch(r"enum \{(.*)\}", text):
            self.enumeration(match[1])
        elif match := re.fullmatch(r"typedef struct (\w+) \1", text):
            self.opaque.append(match[1])
        elif match := re.fullmatch(r"typedef (.*?)\(\*(\w+)\)\((.*)\)", text):
            self.callbacks[match[2]] = self.callback(match[1], match[3])
        elif match := re.fullmatch(r"typedef struct (\w+) \{(.*)\} \1", text):
            self.structs[match[1]] = [field for line in match[2].split(";") if line.strip() for field in self.fields(line)]
        elif match := re.fullmatch(r"AVSOUND_API (?:AVSOUND_CHECK )?(.*?)(avsound_\w+)\((.*)\)", text):
            self.functions[match[2]] = (library, self.result(match[1]), self.parameters(match[3]))
        elif text != "typedef int32_t avsound_status":
            raise Refused(text)

    def enumeration(self, body):
        for item in filter(None, map(str.strip, body.split(","))):
            match = re.fullmatch(r"(AVSOUND_\w+) = (-?\d+)", item)
            if not match:
                raise Refused(item)
            self.constants[match[1]] = int(match[2])

    def callback(self, result, parameters):
        return f"CFUNCTYPE({', '.join([self.result(result), *self.parameters(parameters)])})"

    def fields(self, line):
        line = line.strip()
        if match := re.fullmatch(r"(.*?)\(\*(\w+)\)\((.*)\)", line):
            return [(match[2], self.callback(match[1], match[3]))]
        base, *_ = re.match(r"((?:const )?\w+(?: \*const)?)", line).groups()
        found = []
        for declarator in line[len(base):].split(","):
            match = re.fullmatch(r"\s*((?:\*(?: ?const )?)*)\s*(\w+)((?:\[\w+\])?)\s*", declarator)
            if not match:
                raise Refused(line)
            kind = self.type(base, base.count("*") + match[1].count("*"))
            found.append((match[2], kind + self.count(match[3])))
        return found

    def count(self, brackets):
        if not brackets:
            return ""
        inside = brackets[1:-1]
        return f" * {self.constants[inside] if inside in self.constants else int(inside)}"

    def result(self, text):
        return self.type(text.strip(), text.count("*"))

    def parameters(self, text):
        if text.strip() == "void":
            return []
        return [self.type(re.sub(r"\w+$", "", one.strip()), one.count("*")) for one in text.split(",")]

    def type(self, text, stars):
        """What ctypes calls a C type."""
        base = re.sub(r"\bconst\b|\bstruct\b|\*", " ", text).strip()
        if base == "void":
            known, stars = ("c_void_p", stars - 1) if stars else ("None", 0)
        elif base == "char" and stars:
            known, stars = "c_char_p", stars - 1
        elif base in SCALARS or base in self.structs or base in self.opaque or base in self.callbacks:
            known = SCALARS.get(base, base)
        else:
            raise Refused(f"{text}: unknown type")
        return "POINTER(" * stars + known + ")" * stars


def wrapped(opening, words, closing, indent, width=120):
    lines, line = [], opening
    for i, word in enumerate(words):
        word += ", " if i + 1 < len(words) else closing
        if len((line + word).rstrip()) > width:
            lines.append(line.rstrip())
            line = " " * indent
        line += word
    return "\n".join([*lines, line])


def annotation(kind):
    """What reading such a field gives."""
    if kind in ("c_float", "c_double"):
        return "float"
    if kind == "c_char_p" or kind.startswith("c_char * "):
        return "bytes"
    return "int" if kind in SCALARS.values() else "Any"


def render(interface):
    body = "\n".join(declarations(interface))
    names = sorted(set(re.findall(r"\b(?:c_\w+|[A-Z]\w+)\b", body)) & set(dir(ctypes)))
    return HEADER.format(wrapped("from ctypes import (", names, ")", 20)) + "\n" + body


def declarations(interface):
    for name, value in interface.constants.items():
        yield f"{name.removeprefix('AVSOUND_')} = {value}"
    for name in interface.opaque:
        yield f"\n\nclass {name}(Structure):\n    pass"
    if interface.callbacks:
        yield "\n\n" + "\n".join(f"{name} = {kind}" for name, kind in interface.callbacks.items())
    for name, fields in interface.structs.items():
        yield f"\n\nclass {name}(Struct):"
        yield "\n".join(f"    {field}: {annotation(kind)}" for field, kind in fields)
        yield wrapped("    _fields_ = [", [f'("{field}", {kind})' for field, kind in fields], "]", 16)
    yield "\n\n# name: library, result, parameters\nFUNCTIONS = {"
    for name, (library, result, parameters) in interface.functions.items():
        yield wrapped(f'    "{name}": ("{library}", {result}, [', [*parameters] or [""], "]),", 8)
    yield "}"


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    interface = Interface()
    for header in sorted(pathlib.Path(sys.argv[1]).glob("*.h")):
        interface.read(header)
    print(render(interface))
    return 0


if __name__ == "__main__":
    sys.exit(main())
