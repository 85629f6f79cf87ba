#!/bin/bash
# The benches of benches/, then ONNX Runtime on the same encoders, in virtual environments of the cache folder.
# Needs SENSORIUM_BIN; without $DATA the benches that need photos say so and are skipped.
#
# The encoders as ONNX are made once a bundle and kept. Making them needs PyTorch: EXPORT_PYTHON names a python that has
# the packages of training/requirements.txt; without it PyTorch is installed for this alone and removed again.
set -euo pipefail

: "${SENSORIUM_BIN:?set by make bench}"
cache=${CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sensorium}
revision=$(sed -n 's/^revision = "\(.*\)"/\1/p' models/mini/bundle.toml)
onnx=$cache/onnx/${revision:?models/mini/bundle.toml names no revision}
packages="numpy onnx pillow safetensors tokenizers torch"

# Writes the encoders into $onnx, whole or not at all.
export_onnx() {
    python=${EXPORT_PYTHON:-}
    temporary=
    if [ -z "$python" ]; then
        temporary=$cache/export-venv
        python=$temporary/bin/python
        echo "installing PyTorch to write the encoders as ONNX, once: up to 3 GB to fetch and 6 GB of disk, removed afterwards;" \
            "EXPORT_PYTHON names a python that has it already"
        # shellcheck disable=SC2086 # a list
        scripts/venv.sh "$temporary" training/requirements.txt $packages || return 1
    fi
    rm -rf "$onnx.part"
    status=0
    "$python" -W ignore training/export_onnx.py --bundle models/mini --out "$onnx.part" || status=1
    [ -z "$temporary" ] || rm -rf "$temporary"
    [ "$status" -eq 0 ] && rm -rf "$onnx" && mv "$onnx.part" "$onnx"
}

ours=$(mktemp)
trap 'rm -f "$ours"' EXIT
cargo bench --profile release --locked -p sensorium-benches --bench images --bench videos --bench graph --bench columns --bench churn --bench cancel --bench captions --bench service
# Before the measurement of both, so that nothing comes between them.
ready=1
[ -d "$onnx" ] || export_onnx || ready=0
scripts/venv.sh "$cache/bench-venv" training/requirements.txt numpy onnxruntime || ready=0
cargo bench --profile release --locked -p sensorium-benches --bench encoders | tee "$ours"
if [ "$ready" -eq 1 ]; then
    "$cache/bench-venv/bin/python" benches/peers/onnx.py --onnx "$onnx" --ours "$ours"
else
    echo "SKIPPED: ONNX Runtime beside the encoders, for the reason above" >&2
fi
