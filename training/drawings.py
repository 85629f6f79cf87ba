"""Named drawings: clip art and emoji with the words that their makers gave them.

A photo stem has seen few drawings and no names of theirs; some thousand of them teach the encoder what a drawn apple is.
Whatever looks like an image of the public check set is refused, for the two could have a source in common.
"""

import glob
import html
import json
import os
import re
from collections import Counter

import numpy as np
from PIL import Image

from preprocess import load_rgb, resize

CLIP_ART_FOLDERS = ("animals", "buildings", "computer", "containers", "decorations", "education", "electronics", "food", "geography",
                    "office", "people", "plants", "recreation", "science", "signs_and_symbols", "tools", "transportation", "unsorted")
EMOJI_GROUPS = ("animals-nature", "food-drink", "travel-places", "activities", "objects", "symbols", "people-body", "smileys-emotion",
                "flags", "extras-openmoji")
EMOJI_SIZE = 260
NOT_WORDS = ("unnamed", "image", "svg", "untitled", "hash")
COMMON = 8  # drawings at most that share a title: more is the name of a collection
ALIKE = 12  # bits of 256 in which two fingerprints differ at most


def words_of(text):
    """A title as plain words; empty where it says nothing."""
    text = html.unescape(re.sub(r"<[^>]*>", " ", text))
    text = re.sub(r"[_\-\d./:#]+", " ", text)
    text = re.sub(r"\s+", " ", text).strip().lower()
    return text if re.fullmatch(r"[a-z' ,&()]{3,48}", text) and not text.startswith(NOT_WORDS) else ""


def clip_art(folder):
    """Rows of the Open Clip Art Library: titles and keywords of the drawings' own metadata."""
    svg, png = (os.path.join(folder, f"openclipart-{kind}/usr/share/openclipart", kind) for kind in ("svg", "png"))
    for path in sorted(glob.glob(os.path.join(svg, "**/*.svg"), recursive=True)):
        place = os.path.relpath(path, svg)
        image = os.path.join(png, place[:-3] + "png")
        if place.split(os.sep)[0] not in CLIP_ART_FOLDERS or not os.path.exists(image):
            continue
        with open(path, encoding="utf-8", errors="replace") as f:
            text = f.read()
        title = re.search(r"<dc:title>([^<]*)</dc:title>", text)
        title = words_of(title[1]) if title else ""
        tags = [words_of(t) for t in re.findall(r"<rdf:li>([^<]*)</rdf:li>", text)]
        if title:
            yield image, title, [t for t in tags if t and t != title][:6]


def emoji(folder):
    """Rows of the two emoji sets; OpenMoji's table has the names of both."""
    with open(os.path.join(folder, "openmoji/package/data/openmoji.json"), encoding="utf-8") as f:
        table = json.load(f)
    drawn = os.path.join(folder, "emoji-png")
    os.makedirs(drawn, exist_ok=True)
    for row in table:
        code, group = row["hexcode"], row["group"]
        if group not in EMOJI_GROUPS or row.get("skintone"):
            continue
        title = words_of(row["annotation"].replace("flag: ", "flag of "))
        tags = [words_of(t) for t in f"{row['tags']},{row['openmoji_tags']}".split(",")]
        if not title:
            continue
        tags = [t for t in tags if t and t != title][:6]
        flat = os.path.join(folder, f"openmoji/package/color/svg/{code}.svg")
        image = os.path.join(drawn, code + ".png")
        if os.path.exists(flat) and not os.path.exists(image):
            import resvg_py
            data = resvg_py.svg_to_bytes(svg_path=flat, width=EMOJI_SIZE, height=EMOJI_SIZE)
            with open(image, "wb") as f:
                f.write(bytes(data))
        solid = os.path.join(folder, f"fluent-emoji-3d/package/assets/{code.lower()}.webp")
        for path in (image, solid):
            if os.path.exists(path):
                yield path, title, tags


def fingerprint(path):
    """256 bits: whether each of 16 x 16 places is brighter than its right neighbour; and how bright they are."""
    grey = resize(load_rgb(path).convert("L"), 17)[:16].astype(np.int16)
    return (np.diff(grey, axis=1) > 0).reshape(-1), grey[:, :16].reshape(-1)


def like_any(path, stamps):
    bits, grey = fingerprint(path)
    close = (stamps[0] != bits).sum(1) <= ALIKE
    near = np.abs(stamps[1] - grey).mean(1) <= 6
    return bool((close | near).any())


def drawings(folder, guard, stamps_folder):
    """Rows {file, captions, tags}: the first caption is the title. The rest of what is refused is told."""
    from stamps import pairs
    prints = [fingerprint(path) for path, _ in pairs(stamps_folder)] if stamps_folder else []
    prints = [np.stack(p) for p in zip(*prints)]
    out, refused = [], 0
    rows = [*clip_art(folder), *emoji(folder)]
    count = Counter(title for _, title, _ in rows)
    for path, title, tags in rows:
        if count[title] > COMMON:
            continue
        try:
            if prints and like_any(path, prints):
                refused += 1
            elif guard.allows_text(title):
                out.append({"file": os.path.abspath(path), "captions": [title], "tags": tags, "source": "drawings", "split": "train"})
        except (OSError, ValueError, Image.DecompressionBombError) as e:  # a few drawings are broken, or far too large
            print(f"{path}: {e}", flush=True)
    print(f"{len(out)} drawings, {refused} refused for they look like an image of the check set", flush=True)
    return out
