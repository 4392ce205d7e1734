#!/bin/sh
# Runs cmake with the generator, launcher of compilers and flags of another build, so that ccache has what that one compiled:
# like_build.sh BUILD OPTION...
set -eu
cache=$1/CMakeCache.txt
shift

cached() {
    sed -n "s/^$1:[A-Z]*=//p" "$cache"
}

cmake --no-warn-unused-cli -G "$(cached CMAKE_GENERATOR)" -DCMAKE_C_FLAGS="$(cached CMAKE_C_FLAGS)" \
    -DCMAKE_C_COMPILER_LAUNCHER="$(cached CMAKE_C_COMPILER_LAUNCHER)" -DAVSOUND_WERROR="$(cached AVSOUND_WERROR)" "$@"
