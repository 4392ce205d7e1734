#!/bin/sh
# Runs the small examples on bundled models, which the library finds by their names, and on a clip that FFmpeg makes:
# run_examples.sh PROGRAMS_DIR. What they print must be what it can only be. Exits 77 (skipped) without the ffmpeg command.
set -eu
programs=$1
unset AVSOUND_MODEL_PATH
command -v ffmpeg >/dev/null || {
    echo "skipped: the ffmpeg command is missing"
    exit 77
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "examples: $*" >&2
    exit 1
}

# Two seconds of one picture, then two of another.
ffmpeg -loglevel error -f lavfi -i "smptebars=size=160x120:rate=5:duration=2" \
    -f lavfi -i "mandelbrot=size=160x120:rate=5:end_pts=10" -f lavfi -i "sine=440:duration=4" \
    -filter_complex "[1:v]trim=end_frame=10,setpts=N/5/TB[b];[0:v][b]concat=n=2[v]" -map "[v]" -map 2:a -t 4 \
    -c:v mpeg4 -q:v 3 -pix_fmt yuv420p "$work/clip.mp4" </dev/null
ffmpeg -loglevel error -i "$work/clip.mp4" -pix_fmt nv12 -f rawvideo "$work/clip.nv12" </dev/null

"$programs/avframe" ave-s "$work/clip.mp4" >"$work/seen"
awk '$3 > 0.98 && $1 < 1.9 { same++ } $3 < 0.9 && $1 > 1.9 { other++ }
     END { exit !(NR == 20 && same == 10 && other == 10) }' "$work/seen" || fail "avframe: $(cat "$work/seen")"

# Between neighbours only the change of pictures shows: frame 10.
"$programs/nv12" ave-s 160 120 <"$work/clip.nv12" >"$work/seen"
awk 'min == "" || $2 < min { min = $2; at = $1 } END { exit !(NR == 19 && at == 10) }' "$work/seen" ||
    fail "nv12: $(cat "$work/seen")"

# Twenty times as fast as it was recorded: every score comes, none later than stated.
"$programs/stream" ave-s "$work/clip.mp4" 20 >"$work/seen"
awk '/^stated/ { stated = $3 } /probability/ { n++; if ($1 != (n - 1) / 4 || $9 > stated + 0.25) bad++ }
     END { exit !(n == 16 && !bad) }' "$work/seen" || fail "stream: $(cat "$work/seen")"

"$programs/embed" ave-s "$work/clip.mp4" >"$work/seen"
awk '{ sum += $1 * $1 } END { exit !(NR >= 64 && sum > 0.999 && sum < 1.001) }' "$work/seen" || fail "embed: no unit vector"

"$programs/localize" avol-s "$work/clip.mp4" "$work/out.mp4" >/dev/null
ffmpeg -loglevel error -i "$work/out.mp4" -f null - </dev/null || fail "localize: its video is broken"

# The one in C++ is built where there is such a compiler.
if [ -x "$programs/similarity" ]; then
    "$programs/similarity" ave-s "$work/clip.mp4" >"$work/seen"
    awk '$1 == NR - 1 && $3 >= -1 && $3 <= 1 { n++ } END { exit !(NR == 4 && n == 4) }' "$work/seen" ||
        fail "similarity: $(cat "$work/seen")"
fi
