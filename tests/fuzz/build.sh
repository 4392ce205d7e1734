#!/bin/sh
# Builds the fuzzers with clang: build.sh BUILD_DIR. One then runs for as long as one likes, at low priority:
#
#   nice -n 15 BUILD_DIR/fuzz_media -max_len=4096 -timeout=20 -rss_limit_mb=2048 NEW_FILES tests/fuzz/media
#
# What it finds becomes a file of tests/fuzz/NAME, which the tests unit.fuzz.* then replay for ever, under sanitizers in CI.
set -eu
build=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
sanitizers=address,undefined
cmake -S "$root" -B "$build" -DCMAKE_C_COMPILER=clang -DAVSOUND_SANITIZE=$sanitizers,fuzzer-no-link -DAVSOUND_EXAMPLES=OFF >/dev/null
cmake --build "$build" --target avsound_static avsound_train_static
libraries=$(pkg-config --libs libavformat libavcodec libavutil libswscale libswresample jansson sqlite3)
for source in "$root"/tests/fuzz/fuzz_*.c; do
    name=$(basename "$source" .c)
    # shellcheck disable=SC2086 # a list of words
    clang -std=c11 -D_GNU_SOURCE -g -O1 -fsanitize=fuzzer,$sanitizers -fno-sanitize-recover=all -I"$root/include" -I"$root/lib" "$source" \
        "$build/libavsound_train.a" "$build/libavsound.a" $libraries -ldnnl -fopenmp -lm -ldl -o "$build/$name"
done
