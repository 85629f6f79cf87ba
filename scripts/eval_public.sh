#!/bin/bash
# The check that anyone can repeat: images and sound effects of the Debian package tuxpaint-stamps-default, asked by
# their descriptions in English, German, French and Czech, and by their bare English names. Nothing in it was trained on.
set -eu

: "${SENSORIUM_BIN:?set by make eval-public}"
cache=${CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sensorium}
scripts/stamps.sh "$cache/stamps"
folder=$cache/stamps/usr/share/tuxpaint/stamps

results=$(mktemp)
trap 'rm -f "$results" "$results.all"' EXIT
for language in en de fr cs names; do
    python3 scripts/stamps.py manifest "$folder" "$language" >"$folder/index.$language.jsonl"
    figures=$("$SENSORIUM_BIN" eval --manifest "$folder/index.$language.jsonl" --json)
    printf '{"language":"%s","figures":%s}\n' "$language" "$figures"
    [ "$language" != en ] || printf '%s\n' "$figures" >"$results"
    printf '%s %s\n' "$language" "$figures" >>"$results.all"
done
python3 scripts/stamps.py beside "$results.all" | tee -a "$results"
lenient=()
[ "${LENIENT:-0}" = 0 ] || lenient=(--lenient)
status=0
python3 scripts/bars.py "$results" --public "${lenient[@]}" || status=$?
update=()
[ "${UPDATE:-0}" = 0 ] || update=(--update)
python3 scripts/card.py "$results" models/mini/MODEL_CARD.md --public "${update[@]}"
exit "$status"
