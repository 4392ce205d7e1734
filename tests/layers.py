"""Reads the #includes of lib/ against lib/LAYERS: which module may include which, and which outside headers.

Usage: layers.py [ROOT]. Prints every offence as file:line and exits 1 if there is one.
"""
import pathlib
import re
import sys

C_LIBRARY = set("""assert ctype errno fenv float inttypes limits locale math setjmp signal stdalign stdarg stdatomic
    stdbool stddef stdint stdio stdlib stdnoreturn string strings tgmath time wchar wctype dirent dlfcn fcntl link pthread sched
    unistd omp cpuid immintrin xmmintrin""".split())
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def read_table(path):
    """Module -> (modules it may include, outside headers it may include); each may only name modules above it."""
    table = {}
    for line in path.read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        module, modules, outside = (field.split() for field in line.split(":"))
        unknown = set(modules) - set(table)
        if unknown:
            sys.exit(f"{path}: {module[0]} includes {', '.join(sorted(unknown))}, not defined above it")
        table[module[0]] = (modules, outside)
    return table


def offence(header, quoted, module, table):
    """Why `module` (None outside lib/) must not include `header`; None if it may."""
    top = header.split("/")[0]
    if header.startswith("avsound/"):
        return None
    if quoted and top in table and "/" in header:
        if module is None:
            return f"only lib/ and tests/ may look inside lib/{top}"
        return None if top == module or top in table[module][0] else f"{module} may not include {top}"
    if module is None or re.sub(r"\.h$", "", header) in C_LIBRARY or top == "sys":
        return None
    for allowed in table[module][1]:
        if header == allowed or allowed.endswith("/") and header.startswith(allowed):
            return None
    return f"{module} may not include <{header}>"


def check(root):
    table = read_table(root / "lib" / "LAYERS")
    count = 0
    for folder in ("lib", "include", "examples"):
        for path in sorted((root / folder).rglob("*.[ch]")):
            relative = path.relative_to(root)
            module = relative.parts[1] if folder == "lib" else None
            if folder == "lib" and module not in table:
                print(f"{relative}: lib/LAYERS has no module {module}")
                count += 1
                continue
            for number, line in enumerate(path.read_text().splitlines(), 1):
                found = INCLUDE.match(line)
                why = found and offence(found[2], found[1] == '"', module, table)
                if why:
                    print(f"{relative}:{number}: {why}")
                    count += 1
    return count


if __name__ == "__main__":
    sys.exit(1 if check(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")) else 0)
