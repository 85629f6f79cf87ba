"""Packs what train_photo.py reads into one folder, CACHE/packed, which a machine with a GPU can be given without the data folder:
images as files or small WebP, texts, and a table. Only rows and texts that passed the guard train; beside them lie the dev photos
and held-out rows, for choosing.

NAME.bin are the images of flickr, dev, other and drawn end to end, NAME.ends.npy where each ends. table.json:

    flickr      how many photos train
    texts       {list: strings}: bank (captions that train), dev, held (captions of held-out rows), coco (captions of no photo here),
                label.N (labels in four wordings), title.N (drawings' titles in two), lines (captions of any photo, for a language model)
    own         the photo of each line of bank: of flickr, then of other
    dev_own, held_own   the same of dev, and of held (rows of other)
    other       [{file, set, split, label (index or -1), class (of ImageNet, or -1), captions (how many)}]; split val and dev2 are held out
    labels, label_trains   labels in order, and whether a training row bears each
    titles, drawn          titles in order, and the title of each drawing

    python pack_photos.py --data DATA --wordnet FOLDER --cache DIR [--drawings FOLDER --stamps FOLDER] [--limit N]
"""

import argparse
import io
import json
import os
import random

import numpy as np
from PIL import Image

from drawings import drawings
from guard import Guard
from names import article
from photos import class_of
from preprocess import load_rgb, resize

SETS = ("coco6k", "coco_few", "imagenet_sample", "vocab", "words", "drawings", "grocery", "travel", "clothing", "backdrops",
        "pascal_sentences", "flickr30k_few")
CAPTIONED_HELD, NAMED_HELD, PLAIN_KEPT = 5, 10, 5  # every n-th captioned coco6k photo, ImageNet photo; of coco6k without captions
COCO_LINES = 20_000
LINES = {"all_image_captions_train_en": 60_000, "coco_captions_en": 30_000}
WORDINGS = ("{bare}", "{one}", "a photo of {one}", "a picture of {one}")
TITLES = ("{one}", "a drawing of {one}")
SIDES = {"coco6k": 256}  # of packed squares
SIDE, DRAWN_SIDE = 288, 192


def set_of(row):
    return row["file"].split("/")[1]


def said(wording, word):
    return wording.format(bare=word, one=article(word))


class Held:
    """Says which rows of a set train, which are kept for choosing, and which are left out, by counting them."""

    def __init__(self):
        self.seen = {}

    def every(self, kind, n):
        self.seen[kind] = self.seen.get(kind, 0) + 1
        return self.seen[kind] % n == 0

    def split(self, name, captions):
        if name == "coco6k" and captions:
            return "val" if self.every("captioned", CAPTIONED_HELD) else "train"
        if name == "coco6k":
            return "train" if self.every("plain", PLAIN_KEPT) else ""
        return "val" if name == "imagenet_sample" and self.every("named", NAMED_HELD) else "train"


def other_rows(guard):
    """Rows of SETS with their captions: those that train or choose, then those of split dev2."""
    with open(os.path.join(guard.data, "text/coco_captions.jsonl"), encoding="utf-8") as f:
        coco = {r["file"]: r["captions"] for r in map(json.loads, f)}
    out, held = [], Held()
    for row in guard.train_rows():
        name = set_of(row)
        if row["file"].startswith("images/") and name in SETS:
            captions = [c for c in row["captions"] or coco.get(row["file"], []) if guard.allows_text(c)]
            split = held.split(name, captions)
            if split:
                out.append({**row, "set": name, "split": split, "captions": captions})
    measured = [r for r in guard.all_rows if r["split"] == "dev2" and r["file"].startswith("images/") and set_of(r) in SETS]
    return out + [{**r, "set": set_of(r)} for r in measured]


def few(rows, limit, key):
    """At most `limit` rows of each kind; all where it is 0."""
    count = {}
    for row in rows:
        count[key(row)] = count.get(key(row), 0) + 1
        if not limit or count[key(row)] <= limit:
            yield row


def table_of(guard, wordnet, flickr, dev, other, drawn, limit):
    """The table, see above."""
    train = [(i, r) for i, r in enumerate(flickr + other) if r["split"] == "train"]
    texts = {"bank": [c for _, r in train for c in r["captions"]], "dev": [c for r in dev for c in r["captions"]],
             "held": [c for r in other if r["split"] != "train" for c in r["captions"]]}
    seen = set(texts["bank"])
    coco = [c for c in dict.fromkeys(guard.train_lines("text/coco_captions_en.txt.gz")) if c not in seen]
    texts["coco"] = sorted(random.Random(1).sample(coco, 4 * limit or COCO_LINES))
    texts["lines"] = [c for name, n in LINES.items() for c in random.Random(2).sample(guard.train_lines(f"text/{name}.txt.gz"), 4 * limit or n)]
    labels = sorted({r["label"].strip() for r in other if r["label"]})
    trained = {r["label"].strip() for r in other if r["label"] and r["split"] == "train"}
    texts |= {f"label.{n}": [said(w, label) for label in labels] for n, w in enumerate(WORDINGS)}
    titles = sorted({r["captions"][0] for r in drawn})
    texts |= {f"title.{n}": [said(w, title) for title in titles] for n, w in enumerate(TITLES)}
    images = [r for r in other if r["set"] == "imagenet_sample"]
    classes = dict(zip([r["file"] for r in images], class_of(images, guard.data, wordnet).tolist()))
    rows = [{"file": r["file"], "set": r["set"], "split": r["split"], "label": labels.index(r["label"].strip()) if r["label"] else -1,
             "class": classes.get(r["file"], -1), "captions": len(r["captions"])} for r in other]
    return {"flickr": len(flickr), "texts": texts, "own": [i for i, r in train for _ in r["captions"]],
            "dev_own": [i for i, r in enumerate(dev) for _ in r["captions"]],
            "held_own": [i for i, r in enumerate(other) if r["split"] != "train" for _ in r["captions"]], "other": rows,
            "labels": labels, "label_trains": [label in trained for label in labels],
            "titles": titles, "drawn": [titles.index(r["captions"][0]) for r in drawn]}


def pack(folder, name, images):
    """Bytes of images end to end, and where each ends."""
    ends = [0]
    with open(os.path.join(folder, name + ".bin"), "wb") as f:
        for image in images:
            ends.append(ends[-1] + f.write(image))
    np.save(os.path.join(folder, name + ".ends.npy"), np.array(ends))
    print(f"{name}: {len(ends) - 1} images, {ends[-1] / 1e6:.0f} MB", flush=True)


def webp(path, side, quality):
    """The image squashed to a square."""
    out = io.BytesIO()
    Image.fromarray(resize(load_rgb(path), side)).save(out, "WEBP", quality=quality, method=4)
    return out.getvalue()


def file_bytes(path):
    with open(path, "rb") as f:
        return f.read()


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "wordnet"):
        ap.add_argument("--" + name, required=True)
    ap.add_argument("--cache", default=os.path.join(os.path.dirname(__file__), ".cache"))
    ap.add_argument("--drawings", default="", help="folder of fetch_drawings.sh")
    ap.add_argument("--stamps", default="", help="the public check set: no drawing may look like one of its images")
    ap.add_argument("--limit", type=int, default=0, help="photos, for a trial: so many of Flickr8k, and of other kinds a 25th each")
    a = ap.parse_args()
    folder = os.path.join(a.cache, "packed")
    os.makedirs(folder, exist_ok=True)
    guard, path = Guard(a.data), lambda r: os.path.join(a.data, r["file"])  # noqa: E731
    flickr, dev = (rows[:a.limit or None] for rows in (guard.train_rows("flickr8k"), guard.eval_rows("flickr8k")))
    other = list(few(other_rows(guard), -(-a.limit // 25), lambda r: (r["set"], r["split"], bool(r["captions"]))))
    drawn = drawings(a.drawings, guard, a.stamps)[:a.limit or None] if a.drawings else []
    with open(os.path.join(folder, "table.json"), "w", encoding="utf-8") as f:
        json.dump(table_of(guard, a.wordnet, flickr, dev, other, drawn, a.limit), f)
    for name, rows in (("flickr", flickr), ("dev", dev)):
        pack(folder, name, (file_bytes(path(r)) for r in rows))
    pack(folder, "other", (webp(path(r), SIDES.get(r["set"], SIDE), 80) for r in other))
    pack(folder, "drawn", (webp(r["file"], DRAWN_SIDE, 72) for r in drawn))


if __name__ == "__main__":
    main()
