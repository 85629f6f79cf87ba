#!/bin/bash
# The index beside libraries and databases: bench_index.sh [COMMAND [OPTION...]], see scripts/bench_index/__main__.py.
# Without a command all of them, then the report. `bench_index.sh encode` makes the vectors of real media first, an hour or
# two of one core; it goes on where it was stopped. Needs SENSORIUM_BIN and SENSORIUM_BENCH_INDEX, which the Makefile sets.
set -euo pipefail

: "${SENSORIUM_BENCH_INDEX:?set by make bench-index}"
cache=${CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sensorium}
export BENCH_INDEX_CACHE=$cache/bench-index
venv=$cache/bench-index-venv
pins=scripts/bench_index/requirements.txt

if [ "${1:-}" = encode ]; then
    shift
    data=${DATA:-../shared/data}
    [ -f "$data/index.jsonl" ] || {
        echo "SKIPPED: no data at $data: the sets of real media are left out" >&2
        exit 0
    }
    exec "$SENSORIUM_BENCH_INDEX" encode --data "$data" --out "$BENCH_INDEX_CACHE" "$@"
fi

scripts/venv.sh "$venv" "$pins" numpy
# One by one: a peer that cannot be installed here is left out, and said aloud. hnswlib has no wheel and is built.
while IFS= read -r pin; do
    [ -e "$venv/has-$pin" ] || {
        if "$venv/bin/python" -m pip install --quiet --only-binary :all: --no-binary hnswlib "$pin" >&2; then
            touch "$venv/has-$pin"
        else
            echo "SKIPPED: pip could not install $pin" >&2
        fi
    }
done <"$pins"

# One thread a side, unless a command says otherwise.
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 PYTHONPATH=$PWD/scripts
bench() { "$venv/bin/python" -m bench_index "$@"; }
if [ "$#" -gt 0 ]; then
    bench "$@"
    exit
fi
status=0
bench hardness || status=$?
bench libraries || status=$?
bench databases || status=$?
bench report
exit "$status"
