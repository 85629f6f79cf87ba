#!/bin/sh
# The runs whose mean is the image side of edition three: sh train_photo.sh STEMS START CACHE [SECONDS]
# SECONDS (120) of one GPU each. They set the number of steps, so a rerun gives like weights, not the same.
set -eu
run() {
    name=$1
    shift
    python train_photo.py --stems "$stems" --start "$start" --cache "$cache" --name "$name" --seconds "$seconds" --evals 0 --rank 64 \
        --extra 32 --named 96 --drawn 40 --plain 24 --w-names 0.2 --kept-flickr 64 "$@"
}
stems=$1 start=$2 cache=$3 seconds=${4:-120}
run photo1 --seed 11 --like 0.3 --like-scale 40 --w-keep 0.6 --jitter 0.3 --mix 0.4 --crop 0.4 --aspect 1.5 --rate 3e-4
run photo2 --seed 12 --like 0.3 --like-scale 30 --w-keep 1.0 --mix 0.5 --drop 0.3 --rate 3e-4 --crop 0.4 --aspect 1.5 --token-drop 0.6
run photo3 --seed 13 --like 0.4 --like-scale 30 --rate 2.5e-4 --stem-rate 3e-4 --drop 0.35 --token-drop 0.6 --mix 0.5 --crop 0.35 \
    --aspect 1.5 --jitter 0.35 --grey 0.1 --cut 0.4 --w-keep 1.0
run photo4 --seed 14 --like 0.2 --like-scale 40 --w-keep 0.6 --rate 5e-4 --stem-rate 5e-4 --drop 0.3 --mix 0.4
