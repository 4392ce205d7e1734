#!/bin/sh
# Each public header compiles alone as C99, C11 and C++11, without a warning, and no public struct has a hole:
# check.sh INCLUDE_DIR [CC [CXX]].
set -eu
include=$1
cc=${2:-cc}
cxx=${3:-c++}
warnings="-Wall -Wextra -Wpedantic -Werror"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for header in "$include"/avsound/*.h; do
    # Twice, for the include guard; the typedef because ISO C forbids an empty file (version.h holds only macros).
    printf '#include <avsound/%s>\n#include <avsound/%s>\ntypedef int complete;\n' "${header##*/}" "${header##*/}" \
        >"$work/alone.c"
    cp "$work/alone.c" "$work/alone.cpp"
    for standard in c99 c11; do
        # shellcheck disable=SC2086 # a list of words
        "$cc" -std=$standard $warnings -I"$include" -fsyntax-only "$work/alone.c"
    done
    # shellcheck disable=SC2086
    "$cxx" -std=c++11 $warnings -I"$include" -fsyntax-only "$work/alone.cpp"
done

# A field added where an old struct had a hole would read garbage from old callers.
printf '#include <avsound/avsound.h>\ntypedef int complete;\n' >"$work/holes.c"
# shellcheck disable=SC2086
"$cc" -std=c11 $warnings -Wpadded -I"$include" -fsyntax-only "$work/holes.c"
