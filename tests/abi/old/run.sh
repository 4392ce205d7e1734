#!/bin/sh
# Programs compiled with the first headers of this soname, which lie beside this file, run with a build's library and do what
# those compiled today do: run.sh BUILD_DIR. The address sanitizer in the programs sees a struct of theirs overrun. Exits 77
# (skipped) without the ffmpeg command.
set -eu
build=$1
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../../..
command -v ffmpeg >/dev/null || {
    echo "skipped: the ffmpeg command is missing"
    exit 77
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

ffmpeg -loglevel error -f lavfi -i "testsrc2=size=160x120:rate=10:duration=2" -f lavfi -i "sine=440:duration=2" -c:v mpeg4 \
    -q:v 3 "$work/clip.mp4" </dev/null
for age in old new; do
    headers=$root/include
    [ $age = new ] || headers=$here
    for program in embed localize; do
        ${CC:-cc} -std=c11 -Wall -Werror -fsanitize=address -I "$headers" "$root/examples/$program.c" \
            -o "$work/$program-$age" -L "$build" -lavsound -Wl,-rpath,"$build" -lm
    done
    "$work/embed-$age" "$root/models/ave-s.safetensors" "$work/clip.mp4" >"$work/vectors-$age"
    "$work/localize-$age" "$root/models/avol-s.safetensors" "$work/clip.mp4" "$work/overlay-$age.mp4" >"$work/log-$age"
done
[ -s "$work/vectors-old" ]
cmp "$work/vectors-old" "$work/vectors-new"
cmp "$work/log-old" "$work/log-new"
cmp "$work/overlay-old.mp4" "$work/overlay-new.mp4"
