#!/bin/sh
# Fails where a public function, type, field or constant has no documentation, or one that doxygen cannot read.
# Exits 77 (skipped) without doxygen.
set -eu
cd "$(dirname "$0")/.."
command -v doxygen >/dev/null || {
    echo "skipped: needs doxygen"
    exit 77
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Doxygen passes over a header without this word in silence.
grep -L '@file' include/avsound/*.h | sed 's/$/: has no @file/' >"$work/found"
{
    cat docs/Doxyfile
    printf 'OUTPUT_DIRECTORY = %s\nWARN_LOGFILE = %s\n' "$work" "$work/warnings"
} | doxygen - >/dev/null

# "int32_t rows, cols; /**< ... */" documents both fields to a reader, but only the last to doxygen.
while IFS=: read -r file line text; do
    case $text in
    *"(variable) of struct"*"is not documented."*)
        sed -n "${line}p" "$file" | grep -q ',.*;.*/\*\*<' && continue
        ;;
    esac
    echo "${file#"$PWD"/}:$line:$text" >>"$work/found"
done <"$work/warnings"

if [ -s "$work/found" ]; then
    cat "$work/found"
    exit 1
fi
