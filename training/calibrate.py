"""Mean and deviation of the cosine of 10,000 unrelated pairs for each pair of query and content -> a JSON for export.py;
also of its corrected cosines, where the bundle's folder has reference queries for the pair (hubs.py).

Images: Flickr8k training photos and coco6k; audio: training clips of every source; texts: half training captions
of photos, half of AudioCaps (texts only), as queries name both things seen and things heard. Pairs are random, but two
audio of one word (two voices, two barks) are related and left out: a fifth of random pairs of clips would be such.

    python calibrate.py --data DATA --bundle ../models/mini --cache DIR --out FILE.json
"""

import argparse
import json
import os

import numpy as np

from bundle import Bundle
from cache_photos import COCO
from guard import Guard
from hubs import banks, values
from photos import whole_grids
from preprocess import windows
from audios import guarded

PAIRS = 10_000


def kind(audios, i):
    """What an audio clip is: speech, its label, or the teacher's surest class where it has none."""
    row = audios.rows[i]
    if row["source"] in ("fsdd", "spoken_flickr8k"):
        return "speech"
    return row["label"] if row["source"] != "extra" else str(audios.teacher(i, 0, row["length"])[0].argmax())


def pool(bundle, a, rng):
    """{text, image, audio: unit rows}, and the kind of every audio clip."""
    guard = Guard(a.data)
    flickr, coco = guard.train_rows("flickr8k"), guard.train_rows(*COCO)
    some = [rows[i] for rows in (flickr, coco) for i in np.sort(rng.choice(len(rows), a.images // 2, replace=False))]
    images = bundle.grids(whole_grids(bundle.stem, [os.path.join(a.data, r["file"]) for r in some]))
    _, audios = guarded(a.data, a.cache)
    by_source = {}
    for i, row in enumerate(audios.rows):
        by_source.setdefault(row["source"], []).append(i)
    each = a.audios // len(by_source)
    chosen = [i for rows in by_source.values() for i in rng.permutation(rows)[:each]]
    heard = np.stack([bundle.window(windows(audios.audio(i))[0]) for i in chosen])
    kinds = np.array([kind(audios, i) for i in chosen])
    captions = [c for r in flickr for c in r["captions"]]
    audiocaps = guard.train_lines("text/audiocaps_train_en.txt.gz")
    texts = [t for source in (captions, audiocaps) for t in rng.choice(source, a.texts // 2, replace=False)]
    return {"text": bundle.texts(texts), "picture": images, "sound": heard}, kinds


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "bundle", "out"):
        ap.add_argument("--" + name, required=True)
    ap.add_argument("--cache", default=os.path.join(os.path.dirname(__file__), ".cache"))
    ap.add_argument("--images", type=int, default=2000)
    ap.add_argument("--audios", type=int, default=800)
    ap.add_argument("--texts", type=int, default=2000)
    a = ap.parse_args()
    rng = np.random.default_rng(1)
    (pools, kinds), out, hubs = pool(Bundle(a.bundle), a, rng), [], banks(a.bundle)
    for query, left in pools.items():
        for content, right in pools.items():
            i, j = rng.integers(0, len(left), 2 * PAIRS), rng.integers(0, len(right), 2 * PAIRS)
            unrelated = np.ones(len(i), bool)
            if query == content:
                unrelated = kinds[i] != kinds[j] if query == "sound" else i != j
            keep = np.flatnonzero(unrelated)[:PAIRS]
            cosine = (left[i[keep]] * right[j[keep]]).sum(1)
            out.append({"query": query, "content": content, "mean": float(cosine.mean()), "deviation": float(cosine.std())})
            if (query, content) in hubs:
                cosine = cosine - values(right, *hubs[query, content])[j[keep]]
                out[-1] |= {"corrected_mean": float(cosine.mean()), "corrected_deviation": float(cosine.std())}
                print("corrected", round(out[-1]["corrected_mean"], 4), round(out[-1]["corrected_deviation"], 4), end=" ")
            high = (cosine >= cosine.mean() + 3 * cosine.std()).mean()
            print(query, content, round(out[-1]["mean"], 4), round(out[-1]["deviation"], 4), f"{100 * high:.2f} % score 3 or more")
    with open(a.out, "w", encoding="utf-8") as f:
        json.dump(out, f, indent=1)


if __name__ == "__main__":
    main()
