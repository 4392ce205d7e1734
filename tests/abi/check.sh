#!/bin/sh
# Holds a built library against what is frozen: check.sh WHAT BUILD_DIR
#   layout    offsets of public structs and values of public constants (layout.c compiles)
#   symbols   the shared library exports exactly symbols.txt, all under the version node AVSOUND_0, and the
#             contract tests call each of them
#   archive   what the static library leaves visible starts with avsn_ or avsound_
#   diff      abidiff against libavsound.abi finds nothing; exits 77 (skipped) without abidiff or debug information
#   refresh   rewrites symbols.txt and libavsound.abi from the build
set -eu
what=$1
build=$2
here=$(cd "$(dirname "$0")" && pwd)
include=$(cd "$here/../../include" && pwd)
library=$build/libavsound.so
advice="If the change is meant: sh tests/abi/check.sh refresh BUILD_DIR, and a line under \"ABI\" in CHANGELOG.md."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

exported() {
    nm -D --defined-only --with-symbol-versions "$library" | awk '$2 != "A" { print $3 }' | LC_ALL=C sort
}

has_debug_information() {
    readelf -S --wide "$library" | grep -q ' \.debug_info'
}

write_description() {
    abidw --headers-dir "$include/avsound" --drop-private-types --no-corpus-path --no-comp-dir-path --no-show-locs \
        --no-elf-needed --exported-interfaces-only --type-id-style hash --out-file "$1" "$library"
    sed -i "s,path='[^']*/lib/,path='lib/," "$1" # not where this build happened to stand
}

case $what in
layout)
    "${CC:-cc}" -std=c11 -Wall -Wextra -Wpedantic -Werror -I"$include" -fsyntax-only "$here/layout.c"
    ;;
symbols)
    exported >"$work/symbols.txt"
    if ! diff -u "$here/symbols.txt" "$work/symbols.txt"; then
        echo "The exported symbols (+) are not those of tests/abi/symbols.txt (-). $advice"
        exit 1
    fi
    sed 's/@.*//' "$here/symbols.txt" | while read -r name; do
        grep -q "\<$name(" "$here"/../contract/*.c || {
            echo "$name is called by no test in tests/contract"
            exit 1
        }
    done
    ;;
archive)
    nm --extern-only --defined-only "$build/libavsound.a" 2>/dev/null |
        awk 'NF == 3 && $3 !~ /^(avsn|avsound)_/ { print $3 }' | LC_ALL=C sort -u >"$work/strangers.txt"
    if [ -s "$work/strangers.txt" ]; then
        echo "libavsound.a shows names that could clash with a program's own; make them static or prefix them avsn_:"
        cat "$work/strangers.txt"
        exit 1
    fi
    ;;
diff)
    if ! command -v abidiff >/dev/null || ! has_debug_information; then
        echo "skipped: needs abidiff (package abigail-tools) and a library built with -g"
        exit 77
    fi
    # Description against description: abidiff's own options for hiding what is private hide changed public structs too.
    write_description "$work/libavsound.abi"
    if ! abidiff "$here/libavsound.abi" "$work/libavsound.abi"; then
        echo "The binary interface is not that of tests/abi/libavsound.abi. $advice"
        exit 1
    fi
    # A comparison that no longer sees types would pass for ever.
    sed "s/layout-offset-in-bits='64'/layout-offset-in-bits='72'/" "$work/libavsound.abi" >"$work/changed.abi"
    if abidiff "$work/libavsound.abi" "$work/changed.abi" >/dev/null; then
        echo "abidiff overlooks fields that moved"
        exit 1
    fi
    ;;
refresh)
    has_debug_information || {
        echo "$library was built without -g" >&2
        exit 1
    }
    exported >"$here/symbols.txt"
    write_description "$here/libavsound.abi"
    ;;
*)
    echo "check.sh: unknown check $what" >&2
    exit 2
    ;;
esac
