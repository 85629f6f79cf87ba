#!/bin/bash
# Indexes real media and asks a dozen questions: demo.sh [FOLDER]
#
# Without a folder: the images and sound effects of the Debian package tuxpaint-stamps-default (fetched into the cache
# folder; without it the samples alone) together with samples/. With one: that folder.
set -eu

: "${SENSORIUM_BIN:?set by make demo}"
folder=${1:-}
cache=${CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sensorium}
data=$cache/demo/data
asked=0 empty=0

rm -rf "$data"
mkdir -p "$cache/demo"

ask() {
    echo
    printf 'sensorium search'
    for word in "$@"; do
        case $word in
            *[!A-Za-z0-9_./,:+-]*) printf " '%s'" "$word" ;;
            *) printf ' %s' "$word" ;;
        esac
    done
    echo
    hits=$("$SENSORIUM_BIN" search "$@" --limit 5 --data "$data" --json)
    asked=$((asked + 1))
    [ -n "$hits" ] || empty=$((empty + 1))
    printf '%s\n' "$hits" | python3 scripts/show_hits.py
}

index() {
    "$SENSORIUM_BIN" index "$@" --data "$data"
}

if [ -n "$folder" ]; then
    index "$folder"
    for question in "people outdoors" "a dog" "a car on a street" "water" "food on a table" "mountains" "a building" "music"; do
        ask "$question"
    done
    ask "somebody talking" --modality audio
    ask "something that moves" --modality video
    like=$("$SENSORIUM_BIN" search "a picture" --modality image --limit 1 --data "$data" --json | python3 scripts/show_hits.py --first path)
    if [ -n "$like" ]; then
        ask "$like"
        ask "2:winter" + "$like"
    fi
else
    if scripts/stamps.sh "$cache/stamps"; then
        media=$cache/demo/stamps
        rm -rf "$media"
        python3 scripts/stamps.py link "$cache/stamps/usr/share/tuxpaint/stamps" "$media"
        index "$media" --meta "$media/meta.jsonl"
    else
        echo "Going on with samples/ alone." >&2
    fi
    index samples/images samples/sounds samples/clips samples/texts --meta samples/index.jsonl

    echo
    echo "--- asked in text"
    ask "a dog"
    ask "a boat on the water"
    ask "something sweet to eat"
    ask "a bird singing" --modality audio,video
    ask "the sound of a cow" --modality audio
    ask "a frog croaking" --modality audio
    ask "the rules of a ball game"
    ask "a car on the road" --modality video
    ask "a day at the sea" --filter 'camera = "Paintbox 1" and captured_at >= "2020-01-01"'
    echo
    echo "--- asked by an image, an audio clip and a video"
    ask ./samples/images/red_car.jpg
    ask ./samples/sounds/bird_chirps.wav
    ask ./samples/clips/garden.webm
    echo
    echo "--- mixed"
    ask "2:a dog" + ./samples/images/beach.jpg
    ask 2:./samples/images/fruit_bowl.jpg - banana
fi

echo
"$SENSORIUM_BIN" stats --data "$data"
echo "$asked questions asked, $empty without an answer. The database stays in $data:"
echo "  $SENSORIUM_BIN search \"your own words\" --data $data"
[ "$empty" -eq 0 ]
