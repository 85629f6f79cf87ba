#!/bin/bash
# Makes dist/sensorium_VERSION_ARCH.deb of what dist.sh has laid out: dist_deb.sh TREE VERSION
set -eu

tree=$1 version=$2
arch=$(dpkg --print-architecture)
root=dist/deb
rm -rf "$root"
mkdir -p "$root/DEBIAN" "$root/usr" "$root/usr/lib/systemd/system" "$root/usr/lib/sysusers.d" "$root/etc/default"
cp -r "$tree/bin" "$tree/share" "$root/usr"
rm -r "$root/usr/share/sensorium/systemd"
mkdir -p "$root/usr/share/zsh/vendor-completions"
mv "$root/usr/share/zsh/site-functions/_sensorium" "$root/usr/share/zsh/vendor-completions"
rmdir "$root/usr/share/zsh/site-functions"
install -m 644 deploy/systemd/sensorium.service "$root/usr/lib/systemd/system"
install -m 644 deploy/systemd/sensorium.sysusers "$root/usr/lib/sysusers.d/sensorium.conf"
install -m 644 deploy/systemd/sensorium.default "$root/etc/default/sensorium"
install -m 755 deploy/debian/postinst deploy/debian/prerm deploy/debian/postrm "$root/DEBIAN"
echo /etc/default/sensorium >"$root/DEBIAN/conffiles"

# Debian's name for NOTICE and licences; the whole texts lie beside it.
doc=$root/usr/share/doc/sensorium
{
    cat NOTICE
    printf '\nThe full texts lie in this folder: LICENSE-APACHE, LICENSE-MIT, LICENSE-WEIGHTS, THIRD-PARTY.txt.\n'
} >"$doc/copyright"
gzip -9n "$doc/THIRD-PARTY.txt"
gzip -9nc CHANGELOG.md >"$doc/changelog.gz"
rm "$doc/CHANGELOG.md"

# The libraries that it links, by the versions of their symbols.
if command -v dpkg-shlibdeps >/dev/null; then
    mkdir -p "$root.shlibs/debian"
    printf 'Source: sensorium\n\nPackage: sensorium\nArchitecture: any\n' >"$root.shlibs/debian/control"
    program=$(realpath "$root/usr/bin/sensorium")
    libraries=$(cd "$root.shlibs" && dpkg-shlibdeps -O "$program" 2>/dev/null | sed -n 's/^shlibs:Depends=//p')
    rm -r "$root.shlibs"
else
    glibc=$(objdump -T "$root/usr/bin/sensorium" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -n 1)
    libraries="libc6 (>= ${glibc#GLIBC_}), libgcc-s1, libstdc++6"
fi
(cd "$root" && find usr etc -type f -print0 | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
cat >"$root/DEBIAN/control" <<CONTROL
Package: sensorium
Version: $version
Architecture: $arch
Maintainer: The Sensorium authors <https://github.com/sensorium-db/sensorium>
Installed-Size: $(du -ks --exclude=DEBIAN "$root" | cut -f 1)
Depends: ffmpeg, $libraries
Section: database
Priority: optional
Homepage: https://github.com/sensorium-db/sensorium
Description: search of images, videos, audio and texts by meaning
 A database that finds media by what is in them: text, images, videos and audio become vectors
 in one space, and a query in any of these forms finds all of them. One program: a command, a
 server with gRPC, HTTP and a page, and the models that they need. Nothing is sent anywhere.
CONTROL
find "$root" -type d -exec chmod 755 {} +
find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
dpkg-deb --root-owner-group -Zgzip --build "$root" "dist/sensorium_${version}_$arch.deb" >/dev/null
rm -r "$root"
