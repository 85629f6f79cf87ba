"""Colour: one test card, and a photo, as files of every format, written by Pillow. Asked by a PNG of the pixels that a file
was written from (over white, after that format's own greying or palette), each file must answer with nearly its vector.

The card has grain. Without any, what the encoders see of its flat patches is the codecs' own noise: a JPEG of quality 100,
whose values differ by 0.3 of 255, then has a cosine of 0.95.

    eval_colour.py PHOTO
"""

import os
import random
import sys
import tempfile

import common

from PIL import Image, ImageChops, ImageOps, features

WIDTH, HEIGHT = 240, 160
GRAIN = 32  # deviation, of 255
QUALITY = 95
PATCHES = ("red", "lime", "blue", "yellow", "cyan", "magenta", "#78461e", "#c8a08c")
PROFILE = b"".join(b"\xff\xe2\xff\xffICC_PROFILE\0" + bytes([at, 9]) + b"\xee" * 65519 for at in range(1, 10))


def card():
    """Patches of strong colours above, greys and smooth changes below."""
    image = Image.new("RGB", (WIDTH, HEIGHT))
    for at, colour in enumerate(PATCHES):
        image.paste(colour, (at * 30, 0, at * 30 + 30, 60))
        image.paste((at * 36,) * 3, (at * 30, 60, at * 30 + 30, 80))
    across = Image.linear_gradient("L").rotate(90).resize((WIDTH, 80))
    down = Image.linear_gradient("L").resize((WIDTH, 80))
    image.paste(Image.merge("RGB", (across, down, ImageOps.invert(across))), (0, 80))
    rng = random.Random(0)
    levels = (min(255, max(0, round(rng.gauss(128, GRAIN)))) for _ in range(WIDTH * HEIGHT))
    grain = Image.frombytes("L", image.size, bytes(levels))
    return ImageChops.add(image, Image.merge("RGB", (grain,) * 3), offset=-128)


def opacity(size):
    """More and more to the right, and nothing in a corner."""
    alpha = Image.linear_gradient("L").rotate(90).resize(size)
    alpha.paste(0, (0, 0, size[0] // 6, size[1] // 4))
    return alpha


def move_marker(path, arrange):
    """Writes a JPEG anew: `arrange` puts its Adobe marker and the segments before its scan in order."""
    with open(path, "rb") as file:
        jpeg = file.read()
    segments, at = [], 2
    while jpeg[at + 1] != 0xDA:
        length = 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
        segments.append(jpeg[at : at + length])
        at += length
    adobe = b"".join(s for s in segments if s[1] == 0xEE)
    others = b"".join(s for s in segments if s[1] != 0xEE)
    with open(path, "wb") as file:
        file.write(jpeg[:2] + arrange(adobe, others) + jpeg[at:])


def write(image, folder):
    """Writes every file into folders, each beside `asked.png`; returns the folders."""
    made = []

    def group(name, pixels):
        path = os.path.join(folder, name)
        os.makedirs(path)
        pixels.convert("RGB").save(os.path.join(path, "asked.png"))
        made.append(path)
        return lambda file: os.path.join(path, file)

    at = group("plain", image)
    for name in ("a.jpg", "a.webp", "a.tiff", "a.bmp", "a.ppm"):
        image.save(at(name), quality=QUALITY)
    image.save(at("lossless.webp"), lossless=True)
    if features.check("avif"):
        image.save(at("a.avif"), quality=QUALITY, subsampling="4:4:4")
    else:
        print("SKIPPED: this Pillow writes no AVIF", file=sys.stderr)
    inks = image.convert("CMYK")
    inks.save(at("inks.tiff"))
    for name, arrange in (
        ("first.jpg", lambda adobe, others: adobe + others),
        ("late.jpg", lambda adobe, others: PROFILE + others + adobe),
        ("bare.jpg", lambda _, others: others),
    ):
        inks.save(at(name), quality=QUALITY, subsampling=0)
        move_marker(at(name), arrange)
    ImageChops.invert(inks).save(at("straight.jpg"), quality=QUALITY, subsampling=0)
    move_marker(at("straight.jpg"), lambda _, others: others)
    zeros = image.convert("RGBA")
    zeros.putalpha(0)
    for name in ("zeros.png", "zeros.webp", "zeros.tiff", "zeros.bmp"):
        zeros.save(at(name), **({"lossless": True, "exact": True} if name.endswith("webp") else {}))

    at = group("grey", image.convert("L"))
    for name in ("a.jpg", "a.tiff", "a.webp"):
        image.convert("L").save(at(name), quality=QUALITY)
    image.convert("L").convert("I;16").point(lambda level: level * 257).save(at("wide.png"))

    few = image.quantize(128)
    at = group("few colours", few)
    for name in ("a.png", "a.gif", "a.tiff", "a.bmp"):
        few.save(at(name))

    clear = image.convert("RGBA")
    clear.putalpha(opacity(image.size))
    white = Image.new("RGBA", image.size, "white")
    at = group("clear", Image.alpha_composite(white, clear))
    for name in ("a.png", "a.webp", "a.tiff", "a.avif"):
        if not name.endswith("avif") or features.check("avif"):
            clear.save(at(name), quality=QUALITY)
    return made


def main():
    images = {"card": card(), "photo": Image.open(sys.argv[1]).convert("RGB")}
    least, count = {}, 0
    with tempfile.TemporaryDirectory() as work:
        for name, image in images.items():
            for folder in write(image, os.path.join(work, "files", name)):
                data = os.path.join(work, "data", name, os.path.basename(folder))
                common.index(data, folder)
                hits = common.sensorium(data, "search", os.path.join(folder, "asked.png"), "--limit", "100")
                files = len(os.listdir(folder))
                if len(hits) != files:
                    sys.exit(f"{files} files, but {len(hits)} answers: {folder}")
                for hit in hits:
                    count += 1
                    least[f"{name}, {os.path.relpath(hit['path'], os.path.dirname(folder))}"] = hit["cosine"]
    for file, cosine in sorted(least.items(), key=lambda item: item[1])[:5]:
        print(f"{cosine:.4f} {file}", file=sys.stderr)
    common.report("colour", cosine=min(least.values()), files=count)


if __name__ == "__main__":
    main()
