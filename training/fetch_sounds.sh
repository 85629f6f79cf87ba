#!/bin/sh
# Sounds that Debian packages hold, for training only: fetches and unpacks them below a folder, installs nothing.
#   sh fetch_sounds.sh FOLDER
set -eu
mkdir -p "$1"
cd "$1"
for package in wordnet-base wesnoth-1.16-data unknown-horizons lincity-ng-data sonic-pi-samples minetest-data \
    openclonk-data colobot-common-sounds freedroidrpg-data; do
    [ -d "$package" ] && continue
    apt-get download "$package"
    dpkg-deb -x "$package"_*.deb "$package.part"
    mv "$package.part" "$package"
    rm -f "$package"_*.deb
done
