#!/bin/sh
# Holds the built libraries against what is frozen: check.sh WHAT BUILD_DIR
#   layout    offsets of public structs and values of public constants (layout.c compiles)
#   symbols   each shared library exports exactly what its .symbols file lists, under its public version node; the contract
#             tests call each of them; what else libavsound exports is what libavsound_train needs of its inside
#   archive   what the static libraries leave visible starts with avsn_ or avsound_
#   diff      abidiff against the .abi files finds nothing; exits 77 (skipped) without abidiff or debug information
#   refresh   rewrites the .symbols and .abi files from the build
set -eu
what=$1
build=$2
here=$(cd "$(dirname "$0")" && pwd)
include=$(cd "$here/../../include" && pwd)
libraries="libavsound libavsound_train"
advice="If the change is meant: sh tests/abi/check.sh refresh BUILD_DIR, and a line under \"ABI\" in CHANGELOG.md."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Names with their version nodes, of the library $1; those of nodes called PRIVATE bind only libraries of one version.
exported() {
    nm -D --defined-only --with-symbol-versions "$build/$1.so" | awk '$2 != "A" { print $3 }' | LC_ALL=C sort
}

public() {
    exported "$1" | grep -v '@@AVSOUND_PRIVATE_' || true
}

has_debug_information() {
    readelf -S --wide "$build/libavsound.so" | grep -q ' \.debug_info'
}

# Without what libavsound shows libavsound_train alone, and without the place where this build happened to stand.
write_description() {
    abidw --headers-dir "$include/avsound" --drop-private-types --no-corpus-path --no-comp-dir-path --no-show-locs \
        --no-elf-needed --exported-interfaces-only --type-id-style hash --out-file "$work/whole.abi" "$build/$1.so"
    awk '/<elf-symbol name=.avsn_/ { next }
         /<function-decl name=.avsn_/ { inside = !/\/>$/; next }
         inside { inside = !/<\/function-decl>/; next }
         { gsub(/path=.[^ ]*\/lib\//, "path='"'"'lib/"); print }' "$work/whole.abi" >"$2"
}

check_symbols() {
    public "$1" >"$work/$1.symbols"
    if ! diff -u "$here/$1.symbols" "$work/$1.symbols"; then
        echo "The exported symbols (+) are not those of tests/abi/$1.symbols (-). $advice"
        exit 1
    fi
    sed 's/@.*//' "$here/$1.symbols" | while read -r name; do
        grep -q "\<$name(" "$here"/../contract/*.c || {
            echo "$name is called by no test in tests/contract"
            exit 1
        }
    done
}

check_private() {
    exported libavsound | sed -n 's/@@AVSOUND_PRIVATE_.*//p' >"$work/offered"
    nm -D --undefined-only "$build/libavsound_train.so" | awk '{ print $2 }' | sed -n 's/^\(avsn_[^@]*\).*/\1/p' |
        LC_ALL=C sort >"$work/used"
    if ! diff -u "$work/used" "$work/offered"; then
        echo "AVSN_SHARED marks what libavsound_train does not use (+)."
        exit 1
    fi
}

check_description() {
    # Description against description: abidiff's own options for hiding what is private hide changed public structs too.
    write_description "$1" "$work/$1.abi"
    if ! abidiff "$here/$1.abi" "$work/$1.abi"; then
        echo "The binary interface is not that of tests/abi/$1.abi. $advice"
        exit 1
    fi
    # A comparison that no longer sees types would pass for ever.
    sed "s/layout-offset-in-bits='64'/layout-offset-in-bits='72'/" "$work/$1.abi" >"$work/changed.abi"
    if abidiff "$work/$1.abi" "$work/changed.abi" >/dev/null; then
        echo "abidiff overlooks fields that moved"
        exit 1
    fi
}

case $what in
layout)
    "${CC:-cc}" -std=c11 -Wall -Wextra -Wpedantic -Werror -I"$include" -fsyntax-only "$here/layout.c"
    ;;
symbols)
    for library in $libraries; do
        check_symbols "$library"
    done
    check_private
    ;;
archive)
    for library in $libraries; do
        nm --extern-only --defined-only "$build/$library.a" 2>/dev/null |
            awk 'NF == 3 && $3 !~ /^(avsn|avsound)_/ { print $3 }' | LC_ALL=C sort -u >"$work/strangers.txt"
        if [ -s "$work/strangers.txt" ]; then
            echo "$library.a shows names that could clash with a program's own; make them static or prefix them avsn_:"
            cat "$work/strangers.txt"
            exit 1
        fi
    done
    ;;
diff)
    if ! command -v abidiff >/dev/null || ! has_debug_information; then
        echo "skipped: needs abidiff (package abigail-tools) and a library built with -g"
        exit 77
    fi
    for library in $libraries; do
        check_description "$library"
    done
    ;;
refresh)
    has_debug_information || {
        echo "$build/libavsound.so was built without -g" >&2
        exit 1
    }
    for library in $libraries; do
        public "$library" >"$here/$library.symbols"
        write_description "$library" "$here/$library.abi"
    done
    ;;
*)
    echo "check.sh: unknown check $what" >&2
    exit 2
    ;;
esac
