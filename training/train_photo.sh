#!/bin/sh
# The runs whose mean is the image side of edition three, from edition two's weights: sh train_photo.sh STEMS START CACHE
# Ten minutes of one GPU. Seconds set the number of steps, so a rerun gives like weights, not the same.
#   python soup.py ... --checkpoints CACHE/photo2/last.pt CACHE/photo3/best.pt CACHE/photo{4,5,6}/last.pt
set -eu
stems=$1 start=$2 cache=$3
run() {
    name=$1
    shift
    python train_photo.py --stems "$stems" --start "$start" --cache "$cache" --name "$name" --rank 64 "$@"
}
common="--evals 0 --extra 32 --named 96 --drawn 48 --plain 32 --w-names 0.2"
run photo2 --seconds 115 --evals 4 --like 0.2
run photo3 --seconds 200 --evals 6 --like 0.4 --like-scale 30 --rate 2.5e-4 --stem-rate 2.5e-4 --drop 0.35 --token-drop 0.6 --mix 0.5 --crop 0.4 \
    --aspect 1.5 --jitter 0.35 --grey 0.1 --cut 0.4 --w-keep 1.0 --kept-flickr 96 --extra 32 --named 96 --drawn 48 --plain 32 --w-names 0.2
# shellcheck disable=SC2086 # several options
run photo4 --seconds 78 $common --seed 2 --like 0.3 --like-scale 40 --w-keep 0.6 --jitter 0.3
# shellcheck disable=SC2086
run photo5 --seconds 63 $common --seed 3 --like 0.3 --like-scale 30 --w-keep 1.0 --mix 0.5 --drop 0.3 --rate 3e-4 --crop 0.4 --aspect 1.5
# shellcheck disable=SC2086
run photo6 --seconds 58 $common --seed 4 --like 0.2 --like-scale 40 --w-keep 0.6 --rate 5e-4 --stem-rate 5e-4
