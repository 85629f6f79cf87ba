#!/bin/bash
# Makes dist/: a tar.gz and, where dpkg-deb is, a .deb, which need nothing but ffmpeg and the libraries of any system as new as this one.
#   PROFILE=release   builds with that profile instead of `dist` (whose one unit and LTO take much longer)
#   BUILT=1           takes the binary of the profile as it lies in the target folder
set -eu

cd "$(dirname "$0")/.."
profile=${PROFILE:-dist}
target=${CARGO_TARGET_DIR:-target}/$profile
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
machine=$(uname -m)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH

[ "${BUILT:-}" = 1 ] || cargo build --profile "$profile" --locked -p sensorium-cli --bin sensorium
[ -x "$target/sensorium" ] || {
    echo "$target/sensorium is not there" >&2
    exit 1
}

rm -rf dist
name=sensorium-$version-$machine-linux
tree=dist/$name
doc=$tree/share/doc/sensorium
mkdir -p "$tree/bin" "$doc" "$tree/share/sensorium"
cp "$target/sensorium" "$tree/bin/sensorium"
strip "$tree/bin/sensorium"
cp README.md CHANGELOG.md SECURITY.md NOTICE LICENSE-APACHE LICENSE-MIT docs/CONTRACTS.md docs/OPERATIONS.md "$doc"
cp models/mini/LICENSE "$doc/LICENSE-WEIGHTS"
python3 scripts/third_party.py "$doc/THIRD-PARTY.txt"
cp -r deploy/systemd deploy/prometheus deploy/grafana "$tree/share/sensorium"
for shell in bash:bash-completion/completions/sensorium zsh:zsh/site-functions/_sensorium fish:fish/vendor_completions.d/sensorium.fish; do
    into=$tree/share/${shell#*:}
    mkdir -p "$(dirname "$into")"
    "$tree/bin/sensorium" completions "${shell%%:*}" >"$into"
done
chmod -R u=rwX,go=rX "$tree"
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -C dist -c "$name" | gzip -n >"dist/$name.tar.gz"

if command -v dpkg-deb >/dev/null; then
    scripts/dist_deb.sh "$tree" "$version"
else
    echo "SKIPPED: the .deb, for dpkg-deb is not here" >&2
fi
rm -r "$tree"
(cd dist && sha256sum ./sensorium* >SHA256SUMS && ls -l)
scripts/dist_try.sh "dist/$name.tar.gz"
