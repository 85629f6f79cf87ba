#!/bin/bash
# The browser tests of the page (web/tests): installs Chromium where apt-get may, and the two locked npm packages, then
# runs them on the built binary. Without Chromium or npm they are skipped, loudly; --present installs no Debian package.
# PAGE_SERVER=stub asks the stub alone.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
tests=$here/../web/tests

find_chromium() {
    local name
    for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome; do
        [ -n "$name" ] && command -v "$name" && return 0
    done
    return 1
}

skip() {
    printf '\n*** page tests SKIPPED: %s\n\n' "$1" >&2
    exit 0
}

install=yes
[ "${1:-}" = --present ] && install=no

if [ $install = yes ] && ! find_chromium >/dev/null; then
    "$here/setup.sh" chromium || true
fi
CHROMIUM=$(find_chromium) || skip "there is no Chromium here; apt-get install chromium, or name one in CHROMIUM"
export CHROMIUM
if [ $install = yes ] && { ! command -v node >/dev/null || ! command -v npm >/dev/null; }; then
    "$here/setup.sh" nodejs npm || true
fi
command -v npm >/dev/null || skip "there is no npm here"
[ "$(node --version | sed -E 's/^v([0-9]+).*/\1/')" -ge 20 ] || skip "node is $(node --version), and 20 or later is needed"

if ! cmp -s "$tests/package-lock.json" "$tests/node_modules/.for-lock"; then
    (cd "$tests" && npm ci --no-audit --no-fund --ignore-scripts) || skip "npm ci did not get the locked packages"
    cp "$tests/package-lock.json" "$tests/node_modules/.for-lock"
fi
# One after another: each starts a browser and a server.
cd "$tests"
exec node --test --test-concurrency=1 ./*.test.mjs
