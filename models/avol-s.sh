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

"$world" --out world-train --clips 2400 --seed 100 --no-stems
"$world" --out world-val --clips 250 --seed 9001 --no-stems
"$avsound" prepare world-train -o clips-train
"$avsound" prepare world-val -o clips-val

# begin RUN OPTIONS...: a run, or what is left of it.
begin() {
    run=$1
    shift
    if [ -f "$run/checkpoint.safetensors" ]; then
        "$avsound" train --resume -o "$run"
    else
        "$avsound" train clips-train --val clips-val -o "$run" --objective contrastive --batch 64 --clip 10 --ema 0.998 \
            --augment crop-min=0.7,crop-max=1 --val-draws 2 --schedule cosine --steps-per-epoch 150 "$@"
    fi
}

# Pictures of 160 pixels and 64 mel bands every 10 ms: a quarter of the paper's work a pair, at a quarter of its width.
config='{"width": 0.25, "image": {"width": 160, "height": 160, "short_side": 183},
         "audio": {"window": 1024, "fft": 1024, "hop": 480, "columns": 100, "offset": -272,
                   "mel_bands": 64, "mel_low": 40, "mel_high": 16000}}'
begin first --arch avol-net --config "$config" --epochs 40 --lr 1e-3 --warmup 100 --seed 1
# The bundled weights left the first run after 18 of its 40 epochs.
begin second --init first/best.safetensors --epochs 8 --lr 5e-4 --warmup 30 --seed 2 \
    --license Apache-2.0 --source "2,355 clips of avsound-world --seed 100"
echo "$folder/second/best.safetensors"
