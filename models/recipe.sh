#!/bin/sh
# How the models in this folder were trained: sh models/recipe.sh NAME FOLDER TABLE.csv [AVSOUND]. NAME is avol-s or ave-s, which
# share their clips. TABLE.csv lists real clips: columns file (relative to it), category, group. Some three hours on two cores with
# AMX; may be interrupted and started again. AVSOUND: the command, with avsound-world beside it; default: build/examples/avsound.
# Or NAME is sync-s, TABLE.csv then a list of videos of a mouth that speaks, a line each, and it takes 40 minutes. Or NAME is
# sep-s, with such a list too: three hours; its eyes begin with those of sync-s.
set -eu
name=$1
folder=$2
root=$(cd "$(dirname "$0")/.." && pwd)
table=$(realpath "$3")
avsound=${4:-$root/build/examples/avsound}
world=$(dirname "$avsound")/avsound-world

# sync-s has seen generated things, and a mouth; last the mouth more often, whose lags are harder to tell.
sync_s() {
    "$world" --out world-sync --clips 1200 --seed 100 --no-stems
    "$avsound" prepare world-sync -o clips-world --short-side 96
    "$avsound" prepare "$table" -o clips-mouth --short-side 96
    python3 "$root/models/sync.py" clips-mouth clips-world world-sync
    vary=paper,crop-min=0.8,crop-max=1,brightness=0.3,contrast=0.3,saturation=0.5,grey=0.2,gain-db=10,tilt-db=8,noise-db=-40
    vary=$vary,frequency-masks=1,frequency-mask=8
    learn_lags sync-first sync-fit.txt --arch sync-net --schedule constant --seed 1
    learn_lags sync-s sync-mouth.txt --init sync-first/last.safetensors --schedule cosine --seed 2
    echo "$folder/sync-s/last.safetensors"
}

# learn_lags OUT CLIPS OPTION...: begins, or goes on with, a run.
learn_lags() {
    out=$1
    clips=$2
    shift 2
    if [ -f "$out/checkpoint.safetensors" ]; then
        "$avsound" train --resume -o "$out"
    else
        "$avsound" train "$clips" --val sync-dev.txt -o "$out" "$@" --objective lags --batch 8 --lr 1.5e-3 --warmup 50 --epochs 30 \
            --steps-per-epoch 100 --clip 5 --ema 0.995 --precision f32 --val-draws 1 --augment "$vary" --license Apache-2.0 \
            --source "videos of one speaker's mouth, MIT-licensed, and clips of avsound-world, seed 100"
    fi
}

# sep-s has seen generated things whose sounds belong to their pictures, and a mouth, each over another's sound.
sep_s() {
    "$world" --out world-long --clips 2400 --seed 100 --no-stems
    "$world" --out world-short --clips 5000 --seconds 2 --seed 300 --no-stems
    "$world" --out world-val --clips 250 --seed 9001 --no-stems
    for part in long short val; do
        python3 "$root/models/sep.py" "world-$part" >"videos-$part.txt"
        "$avsound" prepare "videos-$part.txt" -o "clips-sep-$part" --short-side 80
    done
    "$avsound" prepare "$table" -o clips-mouth --short-side 96
    printf 'clips-sep-long\nclips-sep-short\nclips-mouth\n' >clips-sep.txt
    if [ -f sep-s/checkpoint.safetensors ]; then
        "$avsound" train --resume -o sep-s
    else
        "$avsound" train clips-sep.txt --val clips-sep-val -o sep-s --arch mask-net --objective separate \
            --init "$root/models/sync-s.safetensors" --batch 8 --lr 1e-3 --schedule cosine --warmup 100 --epochs 60 \
            --steps-per-epoch 250 --clip 5 --ema 0.998 --statistics-momentum 0.05 --val-draws 1 --augment crop-min=0.8,crop-max=1,gain-db=12 --seed 1 \
            --license Apache-2.0 --source "clips of avsound-world, seeds 100 and 300, and videos of one speaker's mouth, MIT-licensed"
    fi
    echo "$folder/sep-s/last.safetensors"
}

# Much less work a pair than in the paper: a quarter of its width, small pictures, 64 mel bands every 10 ms.
case $name in
sync-s) mkdir -p "$folder" && cd "$folder" && sync_s && exit ;;
sep-s) mkdir -p "$folder" && cd "$folder" && sep_s && exit ;;
avol-s) network=avol-net side=160 short=183 epochs=30 vary=,flip-vertical=0.5 generated=0.9 real=0.1 tuned=12 seeds=1 ;;
ave-s) network=ave-net side=112 short=128 epochs=20 vary='' generated=0.6 real=0.1333 tuned=18 seeds='1 2 3' ;;
*) echo "recipe.sh: $name is neither avol-s, ave-s, sync-s nor sep-s" >&2 && exit 2 ;;
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

# learn OUT OPTION...: begins, or goes on with, a run.
learn() {
    out=$1
    shift
    if [ -f "$out/checkpoint.safetensors" ]; then
        "$avsound" train --resume -o "$out"
    else
        "$avsound" train "$@" -o "$out" --objective contrastive --batch 64 --schedule cosine --clip 10 --license Apache-2.0
    fi
}

learn "$name" clips.txt --val clips-val --arch "$network" --config "$config" --lr 1e-3 --warmup 100 --epochs "$epochs" \
    --steps-per-epoch 150 --ema 0.998 --augment "crop-min=0.7,crop-max=1$vary" --val-draws 2 --seed 1 \
    --source "7,267 clips of avsound-world, seeds 100 and 300"

# What real clips make of it, and its average with that. The shares were chosen by clips-dev and clips-val.
python3 "$root/models/split.py" "$table" files-fit.txt files-dev.txt --share 0.8 --seed 1 --strata category
for part in fit dev; do
    "$avsound" prepare "files-$part.txt" -o "clips-$part"
done
tuned_models=
for seed in $seeds; do
    learn "$name-real-$seed" clips-fit --val clips-dev --init "$name/best.safetensors" --lr 5e-4 --warmup 50 --epochs "$tuned" \
        --steps-per-epoch 50 --augment strong --val-draws 4 --seed "$seed"
    tuned_models="$tuned_models $real=$name-real-$seed/last.safetensors"
done
# shellcheck disable=SC2086 # a list of words
python3 "$root/models/average.py" "$name.safetensors" "$generated=$name/best.safetensors" $tuned_models \
    --source "7,267 clips of avsound-world, seeds 100 and 300, and 196 real clips"
echo "$folder/$name.safetensors"
