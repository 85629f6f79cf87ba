#!/bin/bash
# Long runs: tests marked ignored, then ROUNDS (default 10) rounds of kills and of mutated media.
set -eu

: "${SENSORIUM_BIN:?set by make stress}"
rounds=${ROUNDS:-10}

# Those called real_… compare media that `make eval` names.
cargo test --release --workspace --locked -- --ignored --skip real_
for round in $(seq "$rounds"); do
    echo "--- round $round of $rounds"
    cargo test --release --locked -p sensorium-tests --test durability --test hostile
done
