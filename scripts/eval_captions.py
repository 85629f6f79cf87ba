"""Captions of the dev photos of Flickr8k by the command: BLEU-4, and CIDEr-D on its scale from 0 to 10.

    eval_captions.py MANIFEST [--beam 3]
    eval_captions.py MANIFEST --card models/mini/MODEL_CARD.md    those of 30 seeded photos into the card, between its marks
"""

import argparse
import json
import os
import random
import subprocess
import sys

import common

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "training"))
from caption_figures import bleu4, cider_d  # noqa: E402

CARD_PHOTOS = 30
CARD_SEED = 20
CARD_BEGIN, CARD_END = "<!-- captions: begin -->", "<!-- captions: end -->"


def captions(photos, beam):
    """What the command says of each photo: path -> (words, confidence)."""
    done = subprocess.run(
        [common.program(), "caption", "--beam", str(beam), "--json", *photos], stdout=subprocess.PIPE, check=True
    )  # fmt: skip
    rows = map(json.loads, done.stdout.decode().splitlines())
    said = {row["path"]: (row["caption"], row["confidence"]) for row in rows}
    missing = [path for path in photos if path not in said]
    if missing:
        sys.exit(f"{len(missing)} photos have no caption, the first: {missing[0]}")
    return said


def between_marks(card, lines):
    """A card with these lines in the place of those between its marks."""
    head, begin, rest = card.partition(CARD_BEGIN)
    _, end, tail = rest.partition(CARD_END)
    if not (begin and end):
        sys.exit(f"the card has no lines {CARD_BEGIN} and {CARD_END}")
    return head + begin + "\n" + "\n".join(lines) + "\n" + end + tail


def write_card(path, photos, beam):
    """Puts captions of seeded photos into the card, by name of file."""
    chosen = sorted(random.Random(CARD_SEED).sample(sorted(photos), min(CARD_PHOTOS, len(photos))))
    said = captions(chosen, beam)
    lines = ["| photo | caption | confidence |", "| --- | --- | --- |"]
    lines += [f"| {os.path.basename(photo)} | {said[photo][0]} | {said[photo][1]:.2f} |" for photo in chosen]
    with open(path, encoding="utf-8") as file:
        card = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(between_marks(card, lines))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("manifest")
    ap.add_argument("--beam", type=int, default=3)
    ap.add_argument("--card", help="a model card that gets the captions of %d photos; nothing is measured" % CARD_PHOTOS)
    a = ap.parse_args()
    base = os.path.dirname(os.path.abspath(a.manifest))
    photos = {os.path.join(base, r["file"]): r["captions"] for r in common.rows(a.manifest) if r["source"] == "flickr8k"}
    if a.card:
        return write_card(a.card, photos, a.beam)
    said = {path: words for path, (words, _) in captions(photos, a.beam).items()}
    pairs = [said[path] for path in photos], list(photos.values())
    figures = {"bleu4": round(bleu4(*pairs), 4), "cider_d": round(cider_d(*pairs), 4)}
    common.report("captions", **figures, photos=len(photos), beam=a.beam, distinct=len(set(said.values())))


if __name__ == "__main__":
    main()
