#!/bin/bash
# The benches of benches/, then the Python peers in a virtual environment of the cache folder.
# Needs SENSORIUM_BIN; without $DATA the benches that need photos say so and are skipped.
set -eu

: "${SENSORIUM_BIN:?set by make bench}"
peers=${CACHE:-$HOME/.cache/sensorium}/bench-venv

cargo bench --profile release --locked -p sensorium-benches

if [ ! -x "$peers/bin/python" ]; then
    python3 -m venv "$peers"
    "$peers/bin/pip" install --quiet -r benches/peers/requirements.txt
fi
onnx=${CACHE:-$HOME/.cache/sensorium}/onnx
if [ -f training/export_onnx.py ] && [ -d "$onnx" ]; then
    "$peers/bin/python" benches/peers/onnx.py --onnx "$onnx"
else
    echo "SKIPPED: ONNX Runtime beside the towers; 'python training/export_onnx.py --out $onnx' makes what it needs" >&2
fi
