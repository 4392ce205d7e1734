#!/bin/sh
# How the models in this folder were trained: sh models/recipe.sh NAME FOLDER [AVSOUND]. NAME is avol-s or ave-s, which share
# their clips. Some two hours on two cores with AMX; may be interrupted and started again. AVSOUND: the command, with
# avsound-world beside it; default: build/examples/avsound.
set -eu
name=$1
folder=$2
root=$(cd "$(dirname "$0")/.." && pwd)
avsound=${3:-$root/build/examples/avsound}
world=$(dirname "$avsound")/avsound-world

# Much less work a pair than in the paper: a quarter of its width, small pictures, 64 mel bands every 10 ms.
case $name in
avol-s) network=avol-net side=160 short=183 epochs=30 vary=,flip-vertical=0.5 ;;
ave-s) network=ave-net side=112 short=128 epochs=20 vary= ;;
*) echo "recipe.sh: $name is neither avol-s nor ave-s" >&2 && exit 2 ;;
esac
config="{\"width\": 0.25, \"image\": {\"width\": $side, \"height\": $side, \"short_side\": $short},
         \"audio\": {\"window\": 1024, \"fft\": 1024, \"hop\": 480, \"columns\": 100, \"offset\": -272,
                   \"mel_bands\": 64, \"mel_low\": 40, \"mel_high\": 16000}}"

mkdir -p "$folder"
cd "$folder"
# Many short clips show more things than few long ones.
"$world" --out world-long --clips 2400 --seed 100 --no-stems
"$world" --out world-short --clips 5000 --seconds 2 --seed 300 --no-stems
"$world" --out world-val --clips 250 --seed 9001 --no-stems
for part in long short val; do
    "$avsound" prepare "world-$part" -o "clips-$part"
done
printf 'clips-long\nclips-short\n' >clips.txt

if [ -f "$name/checkpoint.safetensors" ]; then
    "$avsound" train --resume -o "$name"
else
    "$avsound" train clips.txt --val clips-val -o "$name" --arch "$network" --config "$config" --objective contrastive --batch 64 \
        --lr 1e-3 --warmup 100 --schedule cosine --epochs "$epochs" --steps-per-epoch 150 --clip 10 --ema 0.998 \
        --augment "crop-min=0.7,crop-max=1$vary" --val-draws 2 --seed 1 \
        --license Apache-2.0 --source "7,267 clips of avsound-world, seeds 100 and 300"
fi
echo "$folder/$name/best.safetensors"
