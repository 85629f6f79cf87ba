#!/bin/bash
# Tools that are run where they are installed and skipped aloud where they are not: building them takes ten minutes.
set -eu

skipped=0
tool() {
    name=$1
    shift
    if command -v "$name" >/dev/null; then
        "$@"
    else
        echo "SKIPPED: $name is not installed" >&2
        skipped=$((skipped + 1))
    fi
}

# Advisories need a database that has to be fetched, so they are looked at apart from the rest.
tool cargo-deny cargo deny --all-features check bans licenses sources
tool typos typos
tool cargo-machete cargo machete
tool shellcheck shellcheck scripts/*.sh .ci/run
echo "$skipped of 4 optional tools skipped"
