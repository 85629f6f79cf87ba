"""Squash or crop?  Photos of every aspect (ImageNet samples, the half that trains nothing but the gate), asked by name.

Each photo is squashed to the square, cropped to its middle, or padded with grey; each gallery is asked by the bare
name of every photo's class. R@1 / R@10 in percent with 95 % intervals; also for the photos longer than 4:3 alone.

    python measure_fit.py --data DATA --bundle ../models/mini --wordnet FOLDER --cache DIR
"""

import argparse
import os

import numpy as np
from PIL import Image

from bundle import Bundle
from figures import interval, recall
from guard import Guard
from names import article, image_labels, image_names, read_wordnet, sample_wnids, unit, wnids
from preprocess import load_rgb, pixels, resize
from stem import onnx_session


def squash(image):
    return image


def crop(image):
    side = min(image.size)
    x, y = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((x, y, x + side, y + side))


def pad(image):
    side = max(image.size)
    square = Image.new("RGB", (side, side), (127, 127, 127))
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return square


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "bundle", "wordnet", "cache"):
        ap.add_argument("--" + name, required=True)
    a = ap.parse_args()
    bundle, guard = Bundle(a.bundle), Guard(a.data)
    session = onnx_session(bundle.stem, os.path.join(a.cache, "stem.onnx"))
    rows = guard.train_rows("imagenet-sample-images")[1::2]
    ids = wnids(image_labels(a.data), read_wordnet(a.wordnet), sample_wnids(a.data))
    own = np.array([ids.index(os.path.basename(r["file"]).split("_")[0]) for r in rows])
    first = [words[0] for words, _ in image_names(a.data, a.wordnet)]
    asked = sorted(set(own.tolist()))
    query = unit(bundle.texts([first[c] for c in asked]) + bundle.texts([article(first[c]) for c in asked]))
    images = [load_rgb(os.path.join(a.data, r["file"])) for r in rows]
    aspect = np.array([max(p.size) / min(p.size) for p in images])
    print(f"{len(rows)} photos, {len(asked)} names, aspect above 1.34: {int((aspect > 1.34).sum())}")
    for fit in (squash, crop, pad):
        grids = np.concatenate([session.run(None, {"pixels": pixels(resize(fit(p), bundle.size))[None]})[0] for p in images])
        scores = query @ bundle.grids(grids).T
        ranks = np.array([(row >= row[own == c].max()).sum() for c, row in zip(asked, scores)])
        long = np.array([(aspect[own == c] > 1.34).all() for c in asked])
        for name, kept in (("all", np.ones(len(asked), bool)), ("long", long)):
            r = recall(ranks[kept])
            low, high = interval(ranks[kept], np.arange(kept.sum()), 10)
            print(f"{fit.__name__:<7}{name:<6}R@1 {100 * r['r1']:.1f}  R@10 {100 * r['r10']:.1f} ({100 * low:.1f}-{100 * high:.1f})")


if __name__ == "__main__":
    main()
