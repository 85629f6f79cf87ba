#!/bin/bash
# Pixels, log-mels and token ids of real media, compared with the reference in training/: eval_preprocessing.sh DATA
# Puts one JSON line a kind out. Exit code 77: the reference cannot run here (said aloud), so nothing was compared.
set -eu

: "${SENSORIUM_BIN:?set by make eval}"
data=$1
environment=${CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sensorium}/eval-venv
# Without what these depend on, which is only for downloads from hubs.
scripts/venv.sh "$environment" training/requirements.txt numpy pillow safetensors tokenizers -- --no-deps || exit 77

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$environment/bin/python" training/golden_real.py --data "$data" --bundle models/mini --out "$work"
status=0
SENSORIUM_PARITY=$work cargo test --release --workspace --locked --no-fail-fast --test resize_parity --test golden \
    -- --ignored real_ >&2 || status=1
for kind in pixels log_mels tokens; do
    if [ -f "$work/$kind.json" ]; then cat "$work/$kind.json"; else status=1; fi
done
exit "$status"
