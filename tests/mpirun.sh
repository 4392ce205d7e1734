#!/bin/sh
# Runs a test program as two processes on this machine: mpirun.sh PROGRAM BUILD_DIR [PROCESSES]. Exits 77 (skipped) where
# there is no mpirun or the build has no MPI plugin.
set -eu
if [ ! -e "$2/libavsound_mpi.so" ]; then
    echo "skipped: built without MPI (package libopenmpi-dev)"
    exit 77
fi
if ! command -v mpirun >/dev/null; then
    echo "skipped: no mpirun (package openmpi-bin)"
    exit 77
fi
# A sanitizer's dlopen does not look where the program says that its libraries are.
export LD_LIBRARY_PATH="$2${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
export ASAN_OPTIONS=detect_leaks=0 # Open MPI keeps a hundred kilobytes to the end
set -- "$1" "${3:-2}"
# Open MPI refuses to run as root, or with more processes than cores, unless told; other MPIs don't know these words.
options=
if mpirun --version 2>&1 | grep -q 'Open MPI'; then
    options="--oversubscribe --allow-run-as-root --bind-to none"
fi
# shellcheck disable=SC2086 # a list of words
exec mpirun $options -n "$2" "$1"
