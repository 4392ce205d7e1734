#!/bin/sh
# What a stranger does with the packages: compiles an example by pkg-config and runs it on an installed model, calls the
# command, imports the Python package. use_packages.sh WORK_DIR ROOT; ROOT is empty where they are installed for good.
set -eu
work=$1
root=$2
cd "$work"

fail() {
    echo "packages: $*" >&2
    exit 1
}

libraries=$(dirname "$(find "$root/usr/lib" -name libavsound.so.0)")
if [ -n "$root" ]; then
    export LD_LIBRARY_PATH="$libraries" PKG_CONFIG_PATH="$libraries/pkgconfig"
    export PYTHONPATH="$root/usr/lib/python3/dist-packages"
fi
avsound=$root/usr/bin/avsound
avsound_world=$root/usr/bin/avsound-world
export OMP_WAIT_POLICY=passive

"$avsound_world" --out clips --clips 1 --seconds 2 --size 160x96 --no-stems --quiet
# shellcheck disable=SC2046 # lists of words
"${CC:-cc}" -Wall -Wextra -Werror localize.c -o localize $(pkg-config --cflags --libs avsound)
models=$(pkg-config --variable=modelsdir avsound)
./localize "$models/avol-s.safetensors" clips/clip-000000.mp4 overlay.mp4
[ -s overlay.mp4 ] || fail "localize made nothing"
"$avsound" score clips/clip-000000.mp4 --json | grep -q '"trained": true' || fail "the command does not find its model"
/usr/bin/python3 -c "
import avsound
from avsound import metrics
assert avsound.find_model('avol-s').samefile('$models/avol-s.safetensors'), avsound.find_model('avol-s')
assert not avsound.__file__.startswith('$work') or '$root', avsound.__file__
assert metrics.share([1]).value == 1
with avsound.Model('avol-s') as model:
    results = list(model.scan('clips/clip-000000.mp4', 'map', 'score', hop=1))
assert len(results) == 2 and results[0].map.max() > 0
"
