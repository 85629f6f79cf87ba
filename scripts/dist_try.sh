#!/bin/bash
# Tries what `make dist` made, as somebody who has nothing of this repository: dist_try.sh TAR
# The tar.gz in an empty folder with an empty environment; the .deb, with CHROOT=1, in a fresh Debian that holds it and its dependencies
# alone, where mmdebstrap is and we are root.
set -eu

tar=$(realpath "$1")
samples=$(realpath samples)
deb=$(find "$(dirname "$tar")" -name '*.deb' -print -quit)
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

# A command that indexes and asks; its program is $1.
use='
set -eu
"$1" version --long
"$1" --data "$2/data" doctor
"$1" --data "$2/data" index "$3" | tail -n 1
"$1" --data "$2/data" search "a dog in the grass" --limit 3 | cut -c 1-120
"$1" --data "$2/data" verify | tail -n 1
'
tar -xzf "$tar" -C "$place"
program=$(find "$place" -path '*/bin/sensorium')
(cd "$place" && env -i PATH=/usr/bin:/bin HOME="$place" sh -c "$use" try "$program" "$place" "$samples")
echo "ok: the tar.gz in an empty folder"

if [ "${CHROOT:-}" != 1 ] || [ -z "$deb" ]; then
    echo "SKIPPED: the .deb in a fresh Debian (CHROOT=1 tries it, as root, with mmdebstrap)" >&2
    exit 0
fi
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
mmdebstrap --variant=minbase --quiet --aptopt='Acquire::Languages "none"' --aptopt='APT::Install-Recommends "false"' \
    --include="$deb" --hook-dir=/usr/share/mmdebstrap/hooks/file-mirror-automount "$suite" "$place/root"
mkdir -p "$place/root/tmp/samples"
cp -r "$samples/." "$place/root/tmp/samples"
mount -t proc proc "$place/root/proc"
trap 'umount "$place/root/proc"; rm -rf "$place"' EXIT
getent=$(chroot "$place/root" getent passwd sensorium)
echo "user: $getent"
run() { chroot "$place/root" env -i PATH=/usr/bin:/bin HOME=/tmp "$@"; }
run sh -c "$use" try /usr/bin/sensorium /tmp /tmp/samples
echo "ok: the .deb in a fresh $suite of $(run dpkg-query -W | wc -l) packages"
