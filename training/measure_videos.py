"""Whether videos crowd mixed lists: half of the dev photos as photos, the others as parts of videos; captions ask for both.

A video is as good as its best part, and the best of n draws grows with n. Tried: a video's score less a share of the expected
maximum of as many scores of unrelated things (Blom 1958).

    python measure_videos.py --data DATA --bundle ../models/mini --cache DIR
"""

import argparse
import os
from statistics import NormalDist

import numpy as np

from bundle import Bundle
from photos import Photos


def expected_maximum(n):
    """Of n standard normal draws."""
    return NormalDist().inv_cdf((n - 0.375) / (n + 0.25))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "bundle"):
        ap.add_argument("--" + name, required=True)
    ap.add_argument("--cache", default=os.path.join(os.path.dirname(__file__), ".cache"))
    a = ap.parse_args()
    bundle = Bundle(a.bundle)
    dev = Photos(a.cache, "dev", bundle.stem)
    row = next(c for c in bundle.toml["calibration"] if (c["query"], c["content"]) == ("text", "picture"))
    captions = [c for r in dev.rows for c in r["captions"]]
    own = np.repeat(np.arange(len(dev.rows)), [len(r["captions"]) for r in dev.rows])
    scores = (bundle.texts(captions) @ bundle.lower(dev.views[0]).T - row["mean"]) / row["deviation"]
    order = np.random.default_rng(1).permutation(len(dev.rows))
    photos, others = np.split(order, 2)
    print("parts  share  photos' captions: R@1  R@10  videos among ten   videos' captions: R@1  R@10   all: R@1  R@10")
    for parts in (5, 20, 100):
        videos = others.reshape(-1, parts)
        for share in (0.0, 0.25, 0.5, 1.0):
            best = scores[:, videos].max(2) - share * expected_maximum(parts)
            mixed = np.concatenate([scores[:, photos], best], 1)
            place = np.empty(len(dev.rows), int)
            place[photos] = np.arange(len(photos))
            place[videos.ravel()] = len(photos) + np.repeat(np.arange(len(videos)), parts)
            ranks = (mixed >= mixed[np.arange(len(own)), place[own]][:, None]).sum(1)
            is_video = place[own] >= len(photos)
            crowd = (np.argsort(-mixed, 1)[:, :10] >= len(photos)).mean(1)
            figures = [100 * (ranks[w] <= k).mean() for w in (~is_video, is_video, ranks > 0) for k in (1, 10)]
            print(f"{parts:>5}  {share:.2f}  {figures[0]:>21.1f} {figures[1]:>5.1f} {100 * crowd[~is_video].mean():>10.1f}"
                  f" {figures[2]:>28.1f} {figures[3]:>5.1f} {figures[4]:>12.1f} {figures[5]:>5.1f}")


if __name__ == "__main__":
    main()
