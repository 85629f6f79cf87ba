#!/bin/bash
# One test card in every format, whose vectors must be alike: eval_colour.sh
# Exit code 77: the writers cannot run here (said aloud), so nothing was compared.
set -eu

: "${SENSORIUM_BIN:?set by make eval}"
environment=${CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sensorium}/eval-venv
# The environment of the preprocessing suite, so that it is made once.
scripts/venv.sh "$environment" training/requirements.txt numpy pillow safetensors tokenizers -- --no-deps || exit 77
exec "$environment/bin/python" scripts/eval_colour.py samples/images/red_car.jpg
