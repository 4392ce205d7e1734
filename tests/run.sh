#!/bin/sh
# Builds avsound and runs every test: sh tests/run.sh [cmake options].
# Installs missing Debian packages first. The last line is "N passed, N failed, N skipped".
#   BUILD_DIR   where to build (default: build-tests in the checkout)
#   CTEST_ARGS  more arguments for ctest, such as "-R unit"
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=${BUILD_DIR:-$root/build-tests}

sh "$root/tests/packages.sh" build test
launcher=
if command -v ccache >/dev/null; then
    launcher="-DCMAKE_C_COMPILER_LAUNCHER=ccache"
fi
cmake -S "$root" -B "$build" -G Ninja $launcher "$@"
cmake --build "$build" -j 2

# Two tests at a time on two cores: an OpenMP thread that spins at a barrier would take the other test's core.
export OMP_WAIT_POLICY="${OMP_WAIT_POLICY:-passive}"
failed=0
# shellcheck disable=SC2086 # a list of words
(cd "$build" && ctest -j 2 --output-on-failure --output-junit ctest.xml ${CTEST_ARGS:-}) || failed=$?
awk -f "$root/tests/totals.awk" "$build/ctest.xml"
exit "$failed"
