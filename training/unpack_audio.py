"""Takes the audio out of the archives that games keep them in (zip, pk3, Qt resources), into `inner` beside them.

python3 unpack_audio.py FOLDER        an unpacked package; plain Python
"""

import os
import struct
import sys
import zipfile
import zlib

SUFFIXES = (".ogg", ".wav", ".flac", ".mp3")


def of_zip(path):
    """(name, bytes) of the audio in a zip."""
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.lower().endswith(SUFFIXES):
                yield name, archive.read(name)


def of_rcc(path, suffixes=SUFFIXES):
    """(name, bytes) of the audio (or others) in a file of Qt resources (qresource.cpp: a tree of nodes, names in UTF-16)."""
    with open(path, "rb") as f:
        data = f.read()
    if data[:4] != b"qres":
        return
    version, tree, contents, names = struct.unpack(">4I", data[4:20])
    size = 22 if version >= 2 else 14

    def walk(node, folder):
        at = tree + node * size
        name_at, flags = struct.unpack(">IH", data[at : at + 6])
        count = struct.unpack(">H", data[names + name_at : names + name_at + 2])[0]
        name = data[names + name_at + 6 : names + name_at + 6 + 2 * count].decode("utf-16-be") if node else ""
        place = os.path.join(folder, name)
        if flags & 2:
            children, first = struct.unpack(">II", data[at + 6 : at + 14])
            for child in range(first, first + children):
                yield from walk(child, place)
        elif name.lower().endswith(suffixes) and not flags & 4:
            begin = contents + struct.unpack(">I", data[at + 10 : at + 14])[0]
            length = struct.unpack(">I", data[begin : begin + 4])[0]
            content = data[begin + 4 : begin + 4 + length]
            yield place, zlib.decompress(content[4:]) if flags & 1 else content

    yield from walk(0, "")


def main():
    package = sys.argv[1]
    target = os.path.realpath(os.path.join(package, "inner"))
    for root, _, names in os.walk(package):
        for name in names:
            kind = {".zip": of_zip, ".pk3": of_zip, ".rcc": of_rcc}.get(os.path.splitext(name)[1].lower())
            for inner, content in kind(os.path.join(root, name)) if kind else ():
                place = os.path.realpath(os.path.join(target, inner.lstrip("/")))
                if place.startswith(target + os.sep):  # no name leads out of the folder
                    os.makedirs(os.path.dirname(place), exist_ok=True)
                    with open(place, "wb") as f:
                        f.write(content)


if __name__ == "__main__":
    main()
