#!/bin/sh
# Sounds that Debian packages hold, for training only: fetches and unpacks them below a folder, installs nothing (2.5 GB to
# fetch, half of it 0ad-data). A package that cannot be had is left out.
#   sh fetch_audio.sh FOLDER
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
cd "$1"
for package in wordnet-base fluid-soundfont-gm wesnoth-1.16-data unknown-horizons lincity-ng-data sonic-pi-samples minetest-data \
    openclonk-data colobot-common-sounds freedroidrpg-data scratch gcompris-qt-data widelands-data megaglest-data 0ad-data \
    ufoai-sound supertuxkart-data lugaru-data flare-game freedink-data endless-sky-data starfighter-data 7kaa-data opencity-data \
    ri-li-data naev-data supertux-data pingus-data warmux-data hedgewars-data heroes-sound-effects planetblupi-common boswars-data \
    pysiogame lmms-common hydrogen-data ktuberling-data klettres-data asterisk-core-sounds-en-wav oxygen-sounds tuxtype-data \
    xmoto-data extremetuxracer-data ardour-data; do
    [ -d "$package" ] && continue
    apt-get -o APT::Sandbox::User=root download "$package" || continue
    dpkg-deb -x "$package"_*.deb "$package.part"
    rm -f "$package"_*.deb
    python3 "$here/unpack_audio.py" "$package.part"
    mv "$package.part" "$package"
done
