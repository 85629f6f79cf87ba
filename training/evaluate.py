"""The figures of the model card, from models/mini through the same path as the binary; dev rows measure, nothing trains.

    python evaluate.py --data DATA --bundle ../models/mini [--cache DIR] [--stamps FOLDER] [--out figures.json]
"""

import argparse
import json
import os

import numpy as np

from figures import interval, precision_by_label, ranks_to_images, ranks_to_texts, recall
from bundle import Bundle
from cache_audio import decode
from guard import Guard
from photos import whole_grids
from stem import lower_folder

K = (1, 5, 10)


def with_intervals(ranks, groups):
    return {**recall(ranks), "ci": {f"r{k}": interval(ranks, groups, k) for k in K}}


def photos(bundle, a, guard):
    """text_to_image and image_to_text on the dev photos."""
    rows = guard.eval_rows("flickr8k")
    kept = os.path.join(lower_folder(a.cache, bundle.stem), "dev.0.npy") if a.cache else ""
    if kept and os.path.exists(kept):
        image = bundle.lower(np.load(kept, mmap_mode="r"))
    else:
        image = bundle.grids(whole_grids(bundle.stem, [os.path.join(a.data, r["file"]) for r in rows]))
    captions = [c for r in rows for c in r["captions"]]
    own = np.repeat(np.arange(len(rows)), [len(r["captions"]) for r in rows])
    text = bundle.texts(captions)
    return {"text_to_image": with_intervals(ranks_to_images(text, image, own, captions), own),
            "image_to_text": with_intervals(ranks_to_texts(image, text, own), np.arange(len(rows)))}


def audios(bundle, a, guard):
    """text_to_audio on the dev animal sounds: the best window of a clip counts."""
    rows = guard.eval_rows("animal_sounds")
    heard = [bundle.audios(decode(os.path.join(a.data, r["file"])).astype(np.float32) / 32768) for r in rows]
    labels = [r["label"] for r in rows]
    words = sorted(set(labels))
    query = bundle.texts([f"the sound of a {w}" for w in words])
    scores = {w: np.array([(h @ q).max() for h in heard]) for w, q in zip(words, query)}
    found = precision_by_label(scores, labels)
    rng, draws = np.random.default_rng(0), []
    for _ in range(500):
        pick = rng.integers(0, len(rows), len(rows))
        some = [labels[i] for i in pick]
        again = precision_by_label({w: s[pick] for w, s in scores.items() if w in some}, some)
        draws.append(np.mean([p for p, _ in again.values()]))
    return {"p10": float(np.mean([p for p, _ in found.values()])), "map": float(np.mean([m for _, m in found.values()])),
            "ci": {"p10": np.percentile(draws, [2.5, 97.5]).tolist()}, "labels": len(words), "gallery": len(rows),
            "by_label": {w: p for w, (p, _) in found.items()}}


def stamps(bundle, a):
    """The public check set (see stamps.py)."""
    from stamps import lower, pairs
    found = pairs(a.stamps)
    captions, own = [c for _, c in found], np.arange(len(found))
    image = bundle.lower(lower(bundle, found, a.cache))
    return {"images": len(found), **with_intervals(ranks_to_images(bundle.texts(captions), image, own, captions), own)}


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--data", required=True)
    ap.add_argument("--bundle", required=True)
    ap.add_argument("--cache", default="")
    ap.add_argument("--stamps", default="")
    ap.add_argument("--out", default="")
    a = ap.parse_args()
    bundle, guard = Bundle(a.bundle), Guard(a.data)
    out = {"bundle": f'{bundle.toml["id"]}@{bundle.toml["revision"]}', **photos(bundle, a, guard),
           "text_to_audio": audios(bundle, a, guard)}
    if a.stamps:
        from stamps import audio_ranks
        out["stamps"] = stamps(bundle, a)
        ranks = audio_ranks(bundle, a.stamps)
        out["stamps_audio"] = {"clips": len(ranks), **with_intervals(ranks, np.arange(len(ranks)))}
    print(json.dumps(out, indent=1))
    if a.out:
        with open(a.out, "w", encoding="utf-8") as f:
            json.dump(out, f, indent=1)


if __name__ == "__main__":
    main()
