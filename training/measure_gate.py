"""What share of the class names is best, if it is the same for every image: the dev photos by their captions, the held-out
images of the named sets by "a photo of a LABEL" or their captions, each set a gallery of its own. Beside them the bundle's gate.

R@1 / R@5 / R@10, text -> image, in percent. `export.py --share` sets the gate to a constant.

    python measure_gate.py --data DATA --bundle ../models/mini [--shares 0.4 0.45 0.5]
"""

import argparse
import os

import numpy as np
import torch
import torch.nn.functional as F

from bundle import Bundle
from figures import ranks_to_images, recall
from guard import Guard
from names import article
from photos import whole_grids


def asked(row):
    """The texts that ask for an image."""
    return [f"a photo of {article(row['label'])}"] if row["label"] else row["captions"]


@torch.no_grad()
def parts(bundle, paths, batch=50):
    """Trained and named unit vectors [n, 384] of images, and the gate's share [n, 1]."""
    grids, out = torch.from_numpy(whole_grids(bundle.stem, paths)), []
    for grid in grids.split(batch):
        net, features = bundle.image_encoder.net(grid)
        p, named = bundle.image_encoder.named(bundle.stem.classify(grid.mean(1)))
        out.append((net, named, bundle.image_encoder.share(p, features)))
    return [torch.cat(x) for x in zip(*out)]


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "bundle"):
        ap.add_argument("--" + name, required=True)
    ap.add_argument("--shares", type=float, nargs="+", default=[0.35, 0.4, 0.45, 0.5, 0.55, 0.6])
    a = ap.parse_args()
    bundle, guard = Bundle(a.bundle), Guard(a.data)
    sets = {"flickr8k": guard.eval_rows("flickr8k")}
    for row in guard.all_rows:
        if row["split"] == "dev2" and row["file"].startswith("images/") and (row["captions"] or row["label"]):
            sets.setdefault(row["file"].split("/")[1], []).append(row)
    print("set".ljust(18), "images", *(f"{s:>21}" for s in (*a.shares, "gate")), flush=True)
    for name, rows in sets.items():
        net, named, gate = parts(bundle, [os.path.join(a.data, r["file"]) for r in rows])
        texts = [t for r in rows for t in asked(r)]
        own = np.repeat(np.arange(len(rows)), [len(asked(r)) for r in rows])
        vectors, line = bundle.texts(texts, ["en"] * len(texts)), []
        for share in (*a.shares, gate):
            image = F.normalize((1 - share) * net + share * named, dim=-1).numpy()
            found = recall(ranks_to_images(vectors, image, own, texts))
            line.append(" / ".join(f"{100 * found[k]:.1f}" for k in ("r1", "r5", "r10")))
        print(name.ljust(18), f"{len(rows):>6}", *(f"{x:>21}" for x in line), flush=True)


if __name__ == "__main__":
    main()
