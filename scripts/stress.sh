#!/bin/bash
# Long runs: tests marked ignored, then ROUNDS (default 10) rounds of kills, of mutated media, of random steps against
# a model, of 100 random damages to files of a database, of 20 power losses and of 50 kills between two steps of writing, each with
# another seed, which is printed. The last are built apart, with places to be killed at.
set -eu

: "${SENSORIUM_BIN:?set by make stress}"
rounds=${ROUNDS:-10}

# Those called real_… compare media that `make eval` names.
cargo test --release --workspace --locked -- --ignored --skip real_
for round in $(seq "$rounds"); do
    SENSORIUM_TEST_SEED=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')
    export SENSORIUM_TEST_SEED
    echo "--- round $round of $rounds, seed $SENSORIUM_TEST_SEED"
    cargo test --release --locked -p sensorium-tests --test durability --test hostile
    SENSORIUM_TEST_ROUNDS=100 cargo test --release --locked -p sensorium-index --test model --test damage
    cargo test --release --locked -p sensorium-index --test faults
    cargo test --release --locked -p sensorium-index --features failpoints --test faults kill::
done
