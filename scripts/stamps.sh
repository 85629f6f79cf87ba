#!/bin/bash
# Fetches the Debian package tuxpaint-stamps-default into a folder and unpacks it there, without installing it:
# stamps.sh FOLDER. The package is under GPL-2; nothing of it becomes part of Sensorium.
set -eu

folder=$1
stamps=$folder/usr/share/tuxpaint/stamps
if [ -d "$stamps" ]; then
    exit 0
fi
for tool in apt-get dpkg-deb; do
    command -v "$tool" >/dev/null || {
        echo "$tool is not here, so tuxpaint-stamps-default cannot be fetched" >&2
        exit 1
    }
done
part=$folder.part
rm -rf "$part"
mkdir -p "$part"
cd "$part"
# apt drops to its own user, which cannot write into a home folder: the sandbox is not needed for a download.
echo "fetching tuxpaint-stamps-default (161 MB)" >&2
if ! apt-get -o APT::Sandbox::User=root -qq download tuxpaint-stamps-default >&2; then
    echo "apt-get could not fetch tuxpaint-stamps-default ('apt-get update' may help)" >&2
    rm -rf "$part"
    exit 1
fi
dpkg-deb -x ./*.deb .
rm -f ./*.deb
cd - >/dev/null
rm -rf "$folder"
mv "$part" "$folder"
