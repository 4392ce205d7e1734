"""layers.py finds an upward include, a foreign header and an unknown module, and lets what is allowed pass."""
import pathlib
import subprocess
import sys
import tempfile

LAYERS = "base : : \ngraph : base : \nop : base graph : dnnl.h libfft/\n"
ALLOWED = {
    "lib/base/a.c": '#include "base/a.h"\n#include <stdint.h>\n#include <sys/mman.h>\n',
    "lib/op/b.c": '#include "graph/g.h"\n#include <dnnl.h>\n#include <libfft/tx.h>\n#include <avsound/base.h>\n',
    "examples/e.c": '#include <avsound/avsound.h>\n#include <ncurses.h>\n#include "e.h"\n',
}
REFUSED = {
    "lib/base/up.c": ('#include <stdio.h>\n#include "graph/g.h"\n', "lib/base/up.c:2: base may not include graph"),
    "lib/graph/outside.c": ("#include <dnnl.h>\n", "lib/graph/outside.c:1: graph may not include <dnnl.h>"),
    "lib/other/c.c": ("", "lib/other/c.c: lib/LAYERS has no module other"),
    "examples/inside.c": ('#  include "op/op.h"\n', "examples/inside.c:1: only lib/ and tests/ may look inside lib/op"),
}


def run(files):
    script = pathlib.Path(__file__).with_name("layers.py")
    with tempfile.TemporaryDirectory() as folder:
        for name, text in {"lib/LAYERS": LAYERS, **files}.items():
            path = pathlib.Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        done = subprocess.run([sys.executable, script, folder], capture_output=True, text=True)
        return done.returncode, (done.stdout + done.stderr).strip()


assert run(ALLOWED) == (0, ""), run(ALLOWED)
for name, (text, message) in REFUSED.items():
    code, output = run({**ALLOWED, name: text})
    assert code == 1 and output == message, (name, code, output)
code, output = run({"lib/LAYERS": "base : graph : \ngraph : : \n"})
assert code == 1 and "not defined above it" in output, (code, output)
