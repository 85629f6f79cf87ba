#!/bin/bash
# Runs a command and prints its seconds: step.sh LABEL COMMAND [ARGUMENT...]
set -eu

label=$1
shift
printf '==> %s\n' "$label"
begun=$SECONDS
status=0
"$@" || status=$?
if [ "$status" -eq 0 ]; then
    printf '==> %s: done in %d s\n' "$label" $((SECONDS - begun))
else
    printf '==> %s: FAILED with status %d after %d s\n' "$label" "$status" $((SECONDS - begun)) >&2
fi
exit "$status"
