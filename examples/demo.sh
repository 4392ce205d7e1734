#!/bin/sh
# Builds avsound and shows where the sound of a video comes from, whether it is in sync, and what of it comes from on screen:
# sh examples/demo.sh [VIDEO].
# Without VIDEO it makes clips whose truth is known: of two or three things in each of three scenes, one sounds; of two drums that
# are played, one is heard; a frog and a drum whose sound comes late; and a thing that sounds while another does off screen.
# Installs missing Debian packages first.
#   BUILD_DIR   where to build (default: build in the checkout)
#   AVSOUND     an avsound command to use, with avsound-world beside it; nothing is built or installed then
#   OUT         folder for the results (default: BUILD_DIR/demo)
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=${BUILD_DIR:-$root/build}
out=${OUT:-$build/demo}
longest=20 # seconds of a video to look at

say() {
    printf '\n== %s\n' "$*"
}

fail() {
    echo "demo: $*" >&2
    exit 1
}

# Runs a command in silence, and shows what it said if it fails.
quietly() {
    "$@" >"$out/log" 2>&1 || {
        tail -n 30 "$out/log" >&2
        fail "failed: $*"
    }
}

build_command() {
    say "building in $build (a minute or two the first time)"
    sh "$root/tests/packages.sh" build demo
    # A folder that is in use keeps its settings.
    [ -f "$build/build.ninja" ] || quietly cmake -S "$root" -B "$build" -G Ninja -DAVSOUND_TESTS=OFF
    quietly cmake --build "$build" -j 2 --target avsound_command avsound_world
    avsound=$build/examples/avsound
}

find_python() {
    for python in python3 /usr/bin/python3; do
        "$python" -c 'import numpy, PIL' 2>/dev/null && return
    done
    fail "python3 with numpy and Pillow is needed (Debian: python3-numpy python3-pil)"
}

# Six frames of a video on one sheet.
contact_sheet() {
    length=$(ffprobe -v error -show_entries format=duration -of csv=p=0 "$1")
    rate=$(awk -v s="$length" 'BEGIN { print (s > 0.5) ? 6 / s : 25 }')
    ffmpeg -v error -y -i "$1" -vf "fps=$rate:start_time=0,scale=800:-2,tile=2x3:padding=4" -frames:v 1 "$2"
}

# Three scenes of one small world, cut together; which clips, is a matter of taste.
scenes="1 10 16"
seconds=3
make_clip() {
    for scene in $scenes; do
        quietly "$(dirname "$avsound")/avsound-world" --out "$out/world" --first "$scene" --clips 1 --seed 2017 \
            --seconds $seconds --things 2-3 --off-screen 0 --no-source 0 --silent 0.5 --size 480x272 --no-stems --quiet
        printf "file 'world/clip-%06d.mp4'\n" "$scene"
    done >"$out/scenes.txt"
    quietly ffmpeg -v error -y -f concat -i "$out/scenes.txt" -c:v copy -c:a aac "$clip"
}

# Two drums, each with its rhythm, one of them without a sound.
make_drums() {
    quietly "$(dirname "$avsound")/avsound-world" --out "$out/drums" --first 4 --clips 1 --seed 41 --kinds drum --things 1-1 \
        --twins 1 --mimes 1 --silent 0 --off-screen 0 --no-source 0 --size 320x180 --no-stems --quiet
}

# Frog and drum, 180 ms late.
make_late_clip() {
    quietly "$(dirname "$avsound")/avsound-world" --out "$out/late" --first 6 --clips 1 --seed 2018 --seconds 5 --things 1-2 \
        --off-screen 0 --no-source 0 --silent 0 --size 480x272 --no-stems --quiet
    quietly ffmpeg -v error -y -i "$out/late/clip-000006.mp4" -itsoffset 0.18 -i "$out/late/clip-000006.mp4" -map 0:v -map 1:a:0 \
        -c:v copy -c:a aac "$1"
}

# A ball bounces, and off screen a bird sings; beside it what either sounds like alone.
make_mixed_clip() {
    quietly "$(dirname "$avsound")/avsound-world" --out "$out/mixed" --first 12 --clips 1 --seed 2019 --seconds 5 \
        --things 1-1 --off-screen 1 --no-source 0 --silent 0 --size 480x272 --quiet
    cp "$out/mixed/clip-000012.mp4" "$1"
    for track in 1 2; do
        quietly ffmpeg -v error -y -i "$1" -map 0:a:$track -ac 1 "$out/track-$track.wav"
    done
}

# The map at a time (empty or none: where it is highest), a row of text a row: darker characters are higher values. With a scene's truth,
# where what sounds really is; and the value that is drawn as @, 1 by default.
print_map() {
    "$python" - "$@" <<'END'
import json
import sys
import numpy as np
path, moment, truth, full = (sys.argv[1:] + ["", "", "1"][len(sys.argv) - 2:])[:4]
maps, times = np.load(path), np.load(path[:-len("npy")] + "times.npy")
at = int(np.abs(times - float(moment)).argmin()) if moment else int(maps.max((1, 2)).argmax())
cells = maps[at]
row, col = (np.array(np.unravel_index(cells.argmax(), cells.shape)) + 0.5) / cells.shape * 100
print(f"map at {times[at]:.2f} s, {cells.shape[0]} x {cells.shape[1]} cells: "
      f"highest {cells.max():.2f}, {col:.0f} % from the left, {row:.0f} % from the top")
if truth:
    scene = json.load(open(truth))
    frame = round((times[at] % scene["duration"]) * scene["fps"])
    for thing in scene["things"]:
        x0, y0, x1, y1 = (100 * v / s for v, s in zip(thing["boxes"][frame], 2 * (scene["width"], scene["height"])))
        print(f"  {thing['kind']:10} {'sounds' if thing['sounding'] else 'silent'}, "
              f"{x0:.0f}...{x1:.0f} % from the left, {y0:.0f}...{y1:.0f} % from the top")
cells = cells[:, ::-(-cells.shape[1] // 78)]
wide = 2 if cells.shape[1] < 40 else 1
edge = "+" + wide * cells.shape[1] * "-" + "+"
lines = ["".join(wide * " .:-=+*#%@"[min(9, max(0, int(10 * value / float(full))))] for value in line) for line in cells]
print(edge, *(f"|{line}|" for line in lines), edge, sep="\n")
END
}

# localize NAME CLIP [options]: overlay video of the clip, and a contact sheet.
localize() {
    name=$1
    shot=$2
    shift 2
    "$avsound" localize "$shot" --duration $longest --side-by-side -o "$out/$name.mp4" "$@" ||
        fail "avsound localize failed"
    contact_sheet "$out/$name.mp4" "$out/$name.png"
    results="$results
  $out/$name.mp4   each frame beside its map, with the sound
  $out/$name.png   six of them on a sheet"
}

[ $# -le 1 ] || fail "want at most one video: sh examples/demo.sh [VIDEO]"
[ $# -eq 0 ] || [ -f "$1" ] || fail "$1: no such file"
mkdir -p "$out"
results=
if [ -n "${AVSOUND:-}" ]; then
    avsound=$AVSOUND
else
    build_command
fi
find_python

if [ $# -eq 1 ]; then
    clip=$1
    say "$clip: its first $longest seconds"
else
    clip=$out/clip.mp4
    say "making a clip of three scenes, in each of which one thing sounds"
    make_clip
fi
export AVSOUND_MODEL_PATH="$root/models${AVSOUND_MODEL_PATH:+:$AVSOUND_MODEL_PATH}"
say "where does the sound come from? asking the trained network avol-s"
localize overlay "$clip" --model avol-s
"$avsound" localize "$clip" --duration $longest --model avol-s --fps 5 --quiet -o "$out/overlay.npy"
if [ $# -eq 1 ]; then
    print_map "$out/overlay.npy"
else
    middle=$seconds
    for scene in $scenes; do
        print_map "$out/overlay.npy" "$(awk "BEGIN { print $middle - $seconds / 2 }")" \
            "$(printf '%s/world/clip-%06d.json' "$out" "$scene")"
        middle=$((middle + seconds))
    done
fi
say "what moves as it sounds? asking the trained network sync-s"
if [ $# -eq 1 ]; then
    localize motion "$clip" --model sync-s
else
    make_drums
    localize motion "$out/drums/clip-000004.mp4" --model sync-s
    "$avsound" localize "$out/drums/clip-000004.mp4" --model sync-s --fps 5 --quiet -o "$out/motion.npy"
    print_map "$out/motion.npy" "" "$out/drums/clip-000004.json" 0.25
fi
say "is the sound in sync? asking the trained network sync-s"
if [ $# -eq 1 ]; then
    "$avsound" sync "$clip" --duration $longest --curve "$out/sync.png"
else
    make_late_clip "$out/late.mp4"
    "$avsound" sync "$out/late.mp4" --curve "$out/sync.png" --fix "$out/in-sync.mp4" || fail "avsound sync failed"
    results="$results
  $out/late.mp4   a frog and a drum, heard 180 ms late
  $out/in-sync.mp4   the same, put right"
fi
results="$results
  $out/sync.png   how well sound and picture agree at every offset"
say "what of the sound comes from on screen? asking the trained network sep-s"
if [ $# -eq 1 ]; then
    "$avsound" separate "$clip" --duration $longest --consistent --video --picture "$out/separated.png" -o "$out/separated"
else
    make_mixed_clip "$out/mixed.mp4"
    "$avsound" separate "$out/mixed.mp4" --consistent --video --picture "$out/separated.png" \
        --truth "$out/track-1.wav,$out/track-2.wav" -o "$out/separated" || fail "avsound separate failed"
    "$avsound" eval separate -d "$out/mixed" --consistent | grep 'SI-SDR gained'
    results="$results
  $out/mixed.mp4   a ball bounces, and a bird sings that is not to be seen"
fi
results="$results
  $out/separated   the video with the sound from on screen, and with the rest; both as WAV files
  $out/separated.png   what they look like"
cat <<END
avol-s learned from generated clips, and a few real ones; models/avol-s.md says what it can and can't do.
sync-s learned from generated clips and a speaking mouth: models/sync-s.md. sep-s from generated clips: models/sep-s.md.

results:$results

your own video:
  $avsound localize VIDEO --model $root/models/avol-s.safetensors -o overlay.mp4
  $avsound localize VIDEO --model $root/models/sync-s.safetensors -o motion.mp4
  $avsound sync VIDEO --model $root/models/sync-s.safetensors --fix in-sync.mp4
  $avsound separate VIDEO --model $root/models/sep-s.safetensors --video -o separated
END
