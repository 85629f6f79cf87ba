#!/bin/sh
# Named drawings, for training only: fetches and unpacks them below a folder, installs nothing.
#   sh fetch_drawings.sh FOLDER
# Open Clip Art Library (public domain), Fluent Emoji (MIT), OpenMoji (CC BY-SA 4.0)
set -eu
mkdir -p "$1"
cd "$1"
for package in openclipart-svg openclipart-png; do
    [ -d "$package" ] && continue
    apt-get download "$package"
    dpkg-deb -x "$package"_*.deb "$package.part"
    mv "$package.part" "$package"
    rm -f "$package"_*.deb
done
for package in @lobehub/fluent-emoji-3d@1.1.0 openmoji@17.0.0; do
    name=$(basename "${package%@*}")
    [ -d "$name" ] && continue
    file=$(npm pack --silent "$package")
    mkdir -p "$name.part"
    tar xzf "$file" -C "$name.part"
    mv "$name.part" "$name"
    rm -f "$file"
done
