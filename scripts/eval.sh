#!/bin/bash
# The quality bars on the data folder: eval.sh DATA
#
# Environment: SENSORIUM_BIN (set by make), VIDEOS and AUDIOS (how many clips the moments suite makes; 150 and 50),
# LENIENT=1 (a figure below its bar is only said aloud; hostile media and preprocessing still fail the run), UPDATE=1 (the
# figures are written into the model card's table).
set -eu

data=$1
manifest=$data/index.jsonl
: "${SENSORIUM_BIN:?set by make eval}"
if [ ! -f "$manifest" ]; then
    echo "SKIPPED: $manifest is not here, so nothing was evaluated; name the folder by make eval DATA=..." >&2
    echo "0 passed, 0 failed, 8 skipped"
    exit 0
fi

results=$(mktemp)
trap 'rm -f "$results"' EXIT
failed=0 passed=0 skipped=0
suite() {
    name=$1
    shift
    begun=$SECONDS
    echo "--- $name"
    status=0
    "$@" >"$results.part" || status=$?
    case $status in
        0) passed=$((passed + 1)) ;;
        77)
            echo "SKIPPED: $name, for the reason above" >&2
            skipped=$((skipped + 1))
            ;;
        *) failed=$((failed + 1)) ;;
    esac
    cat "$results.part"
    cat "$results.part" >>"$results"
    rm -f "$results.part"
    echo "--- $name: $((SECONDS - begun)) s"
}

suite "preprocessing" scripts/eval_preprocessing.sh "$data"
suite "colour" scripts/eval_colour.sh
suite "retrieval" "$SENSORIUM_BIN" eval --manifest "$manifest" --json
suite "labels" python3 scripts/eval_labels.py "$manifest"
suite "soundtracks" python3 scripts/eval_soundtracks.py "$manifest"
suite "moments" python3 scripts/eval_moments.py "$manifest" --videos "${VIDEOS:-150}" --audios "${AUDIOS:-50}"
suite "languages" python3 scripts/eval_languages.py "$data/text/multi30k_parallel_train_en_de_fr_cs.tsv.gz"
suite "captions" python3 scripts/eval_captions.py "$manifest"
suite "summaries" python3 scripts/eval_summaries.py "$manifest"
suite "streams" python3 scripts/eval_stream.py
if [ -d "$data/malformed" ]; then
    suite "hostile media" python3 scripts/eval_hostile.py "$data/malformed"
else
    echo "SKIPPED: hostile media, for $data/malformed is not here" >&2
    skipped=$((skipped + 1))
fi

lenient=()
[ "${LENIENT:-0}" = 0 ] || lenient=(--lenient)
if python3 scripts/bars.py "$results" "${lenient[@]}"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
update=()
[ "${UPDATE:-0}" = 0 ] || update=(--update)
python3 scripts/card.py "$results" models/mini/MODEL_CARD.md "${update[@]}"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
