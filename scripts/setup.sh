#!/bin/bash
# Installs the Debian packages named as arguments where they are missing, and says how to get Rust where it is.
set -eu

missing=()
if command -v dpkg-query >/dev/null; then
    for package in "$@"; do
        # shellcheck disable=SC2016 # the dollar is dpkg's
        state=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
        [ "$state" = "install ok installed" ] || missing+=("$package")
    done
fi

if ! command -v apt-get >/dev/null; then
    echo "apt-get is not here. These must be installed by other means: $*" >&2
elif [ "${#missing[@]}" -gt 0 ]; then
    root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || {
            echo "Missing Debian packages, and neither root nor sudo to install them: ${missing[*]}" >&2
            exit 1
        }
        root=(sudo)
    fi
    echo "installing ${missing[*]}"
    "${root[@]}" apt-get update -qq
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

if ! command -v cargo >/dev/null; then
    echo "cargo is not on the PATH. Sensorium needs Rust 1.95.0: install rustup (https://rustup.rs), then run" \
        "'rustup toolchain install 1.95.0 --component clippy,rustfmt'." >&2
    exit 1
fi
