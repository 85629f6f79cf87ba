#!/bin/bash
# Encoders of CLIP's size beside ONNX Runtime, OpenVINO and PyTorch: bench_encoders.sh [OPTION...], see
# scripts/bench_encoders/__main__.py. Needs SENSORIUM_BENCH_ENCODERS, which the Makefile sets. ENCODERS_PYTHON names a python
# that has the packages of scripts/bench_encoders/requirements.txt; without it they are installed once: 6 GB of disk.
set -euo pipefail

: "${SENSORIUM_BENCH_ENCODERS:?set by make bench-encoders}"
cache=${CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sensorium}
python=${ENCODERS_PYTHON:-}
if [ -z "$python" ]; then
    venv=$cache/bench-encoders-venv
    scripts/venv.sh "$venv" scripts/bench_encoders/requirements.txt numpy onnx onnxruntime openvino torch transformers
    python=$venv/bin/python
fi
export PYTHONPATH=$PWD/scripts
exec "$python" -W ignore -m bench_encoders --side "$SENSORIUM_BENCH_ENCODERS" --folder "$cache/bench-encoders" "$@"
