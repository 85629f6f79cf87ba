"""The mean of the weights of runs that began alike and went on by seeds of their own (model soups, arXiv:2203.05482).

Checkpoints of train_stem.py or train_photo.py -> one of the same form. The image encoder's weights are averaged as they are; of
the stem's updates the products up @ down, of which the largest directions are kept; where all are equal they stay. Prints dev
figures of each and of the mean, at a constant share of the class names.

    python soup.py --data DATA --stems FOLDER --cache DIR --out FILE --checkpoints FILE FILE ... [--weights 5 1 ...] [--share 0.4]
"""

import argparse
import os

import numpy as np
import torch
import torch.nn.functional as F

from checkpoints import image_checkpoint
from figures import ranks_to_images, ranks_to_texts, recall
from guard import Guard
from photos import whole_grids
from stem import PhotoStem
from text import TextEncoder
from encoders import ImageEncoder


def shares(weights):
    """Weights that sum to one."""
    return [w / sum(weights) for w in weights]


def mean_updates(all_updates, rank, weights=None):
    """{name.down, name.up} of the mean product, its largest `rank` directions; equal ones as they are. Who has no update of a
    matrix has nothing there.
    """
    first, out, lost = all_updates[0], {}, []
    parts = shares(weights or [1.0] * len(all_updates))
    if all(torch.equal(u[key], value) for u in all_updates for key, value in first.items()):
        return first
    for name in sorted({key.rsplit(".", 1)[0] for u in all_updates for key in u}):
        product = sum(p * (u[name + ".up"].float() @ u[name + ".down"].float()) for p, u in zip(parts, all_updates) if name + ".up" in u)
        u, s, v = torch.linalg.svd(product, full_matrices=False)
        root = s[:rank].sqrt()
        out[name + ".down"], out[name + ".up"] = root[:, None] * v[:rank], u[:, :rank] * root
        lost.append(float((s[rank:] ** 2).sum() / (s ** 2).sum()))
    print(f"rank {rank}: {100 * np.mean(lost):.1f} % of the updates' energy is lost", flush=True)
    return out


def mean_state(states, weights=None):
    """Each tensor's mean; whole numbers as the first has them."""
    parts = shares(weights or [1.0] * len(states))
    return {k: sum(p * s[k].float() for p, s in zip(parts, states)) if v.dtype.is_floating_point else v for k, v in states[0].items()}


@torch.no_grad()
def figures(state, stems, files, captions, own, text, share):
    """Dev figures with a constant share of the class names, by the whole stem of this state."""
    c = state["config"]
    encoder = ImageEncoder(c["grid"], c["d"], c["heads"], c["layers"], c["ffn"])
    encoder.load_state_dict(state["average"])
    encoder.class_scale = state["class_scale"]
    encoder.eval()
    stem, parts = PhotoStem(os.path.join(stems, "photo.safetensors"), state["stem_average"]).eval(), []
    for grid in torch.from_numpy(whole_grids(stem, files)).split(64):
        named = encoder.named(stem.classify(grid.mean(1)))[1]
        parts.append(F.normalize((1 - share) * encoder.net(grid)[0] + share * named, dim=-1))
    image = torch.cat(parts).numpy()
    to_images, to_texts = recall(ranks_to_images(text, image, own, captions)), recall(ranks_to_texts(image, text, own))
    return {**{k: to_images[k] for k in ("r1", "r5", "r10")}, "i1": to_texts["r1"], "i10": to_texts["r10"]}


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "stems", "out"):
        ap.add_argument("--" + name, required=True)
    ap.add_argument("--checkpoints", nargs="+", required=True)
    ap.add_argument("--cache", default=os.path.join(os.path.dirname(__file__), ".cache"))
    ap.add_argument("--weights", type=float, nargs="*", help="of the checkpoints in the mean; equal where none are named")
    ap.add_argument("--share", type=float, default=0.4, help="of the class names, in the figures")
    ap.add_argument("--rank", type=int, default=64, help="of the mean of the stem's updates")
    a = ap.parse_args()
    if a.weights and len(a.weights) != len(a.checkpoints):
        ap.error("--weights are as many as --checkpoints")
    states = [image_checkpoint(path) for path in a.checkpoints]
    stem = mean_updates([s["stem_average"] for s in states], a.rank, a.weights)
    mean = {**states[0], "average": mean_state([s["average"] for s in states], a.weights),
            "stem_average": stem, "stem_rank": stem["head.down"].shape[0],
            "scale": torch.stack([s["scale"] for s in states]).mean()}
    mean.pop("optimiser", None)
    encoder = TextEncoder(a.stems).eval()
    encoder.add(mean["text_average"])
    torch.save(mean, a.out)
    dev = Guard(a.data).eval_rows("flickr8k")
    files, captions = [os.path.join(a.data, r["file"]) for r in dev], [c for r in dev for c in r["captions"]]
    own, text = np.repeat(np.arange(len(dev)), [len(r["captions"]) for r in dev]), encoder.cached(captions, a.cache, "dev.fixed")
    for name, state in [*zip(a.checkpoints, states), ("mean", mean)]:
        found = figures(state, a.stems, files, captions, own, text, a.share)
        print(name, "  ".join(f"{k} {100 * v:.2f}" for k, v in found.items()), flush=True)


if __name__ == "__main__":
    main()
