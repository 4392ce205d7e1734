#!/bin/sh
# How models/avol-s.safetensors was trained: sh models/avol-s.sh FOLDER [AVSOUND]. Some two hours on two cores with AMX; may be
# interrupted and started again. AVSOUND: the command, with avsound-world beside it; default: build/examples/avsound.
set -eu
folder=$1
root=$(cd "$(dirname "$0")/.." && pwd)
avsound=${2:-$root/build/examples/avsound}
world=$(dirname "$avsound")/avsound-world
mkdir -p "$folder"
cd "$folder"

# Many short clips show more things than few long ones.
"$world" --out world-long --clips 2400 --seed 100 --no-stems
"$world" --out world-short --clips 5000 --seconds 2 --seed 300 --no-stems
"$world" --out world-val --clips 250 --seed 9001 --no-stems
for name in long short val; do
    "$avsound" prepare "world-$name" -o "clips-$name"
done
printf 'clips-long\nclips-short\n' >clips.txt

if [ -f run/checkpoint.safetensors ]; then
    "$avsound" train --resume -o run
else
    # Pictures of 160 pixels and 64 mel bands every 10 ms: a quarter of the paper's work a pair, at a quarter of its width.
    "$avsound" train clips.txt --val clips-val -o run --arch avol-net --config '{"width": 0.25,
        "image": {"width": 160, "height": 160, "short_side": 183},
        "audio": {"window": 1024, "fft": 1024, "hop": 480, "columns": 100, "offset": -272,
                  "mel_bands": 64, "mel_low": 40, "mel_high": 16000}}' \
        --objective contrastive --batch 64 --lr 1e-3 --warmup 100 --schedule cosine --epochs 30 --steps-per-epoch 150 \
        --clip 10 --ema 0.998 --augment crop-min=0.7,crop-max=1,flip-vertical=0.5 --val-draws 2 --seed 1 \
        --license Apache-2.0 --source "7,267 clips of avsound-world, seeds 100 and 300"
fi
echo "$folder/run/best.safetensors"
