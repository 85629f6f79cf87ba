"""Reference queries, by which cosines are corrected (docs/CONTRACTS.md section 6) -> models/mini/weights/hubs.safetensors.

| tensor | reference queries, all of them for training | correct |
| --- | --- | --- |
| words | captions of Flickr8k, plain COCO lines, nouns of WordNet, by the text encoder | what texts ask of images and videos |
| sounds | names of AudioSet's classes, lines of AudioCaps, by the text encoder | what texts ask of audio |
| seen | photos of Flickr8k, by the image encoder: to be made anew with it | what images ask of texts and audio |

Numbers have four bits, two a byte: U8 [n, 192], 1 to 15 for -7 to 7; a row is brought to length 1 where it is read.

    python hubs.py --data DATA --bundle ../models/mini [--out FILE]

Afterwards `calibrate.py` and `export.py --calibration`. Source: arXiv:2410.24114.
"""

import argparse
import os

import numpy as np

from guard import Guard
from names import audio_names
from preprocess import load_rgb, resize

FILE = "hubs.safetensors"
# (query, content) -> how many of the nearest reference queries count, what their mean cosine counts, which tensor
PAIRS = {("text", "picture"): (16, 0.75, "words"), ("text", "sound"): (32, 0.75, "sounds"),
         ("picture", "text"): (16, 0.5, "seen"), ("picture", "sound"): (16, 0.5, "seen")}
WORDS = (1400, 1000, 700)  # captions, lines, nouns; three times as many gave 0.3 points of R@10 on dev, nouns alone lost 1.3
HEARD, PHOTOS = 600, 600


def chosen(texts, count, rng):
    """`count` of the distinct texts, in order of their choice."""
    texts = sorted(set(texts))
    return [texts[i] for i in rng.permutation(len(texts))[:count]]


def texts(guard):
    """{tensor: strings} that may train."""
    rng = np.random.default_rng(1)
    captions = [c for row in guard.train_rows("flickr8k") for c in row["captions"]]
    lines = guard.train_lines("text/coco_captions_en.txt.gz")
    nouns = [line.split("\t")[1].split(", ")[0] for line in guard.train_lines("text/wordnet_noun_synsets.tsv.gz")]
    words = [t for of, n in zip((captions, lines, nouns), WORDS) for t in chosen(of, n, rng)]
    names = sorted({name for names in audio_names(guard.data) for name in names if guard.allows_text(name)})
    return {"words": words, "sounds": names + chosen(guard.train_lines("text/audiocaps_train_en.txt.gz"), HEARD, rng)}


def seen(bundle, guard):
    """f32 [n, 384] of photos that may train."""
    rows = [row["file"] for row in guard.train_rows("flickr8k")]
    paths = [os.path.join(guard.data, file) for file in chosen(rows, PHOTOS, np.random.default_rng(2))]
    batches = [[resize(load_rgb(p), bundle.size) for p in paths[i:i + 32]] for i in range(0, len(paths), 32)]
    return np.concatenate([bundle.images(squares) for squares in batches])


def packed(vectors):
    """u8 [n, d / 2] of f32 [n, d]."""
    number = (np.round(vectors * (7 / np.abs(vectors).max(1, keepdims=True))) + 8).astype(np.uint8)
    return number[:, ::2] | number[:, 1::2] << 4


def unpacked(stored):
    """Unit vectors f32 [n, d] of u8 [n, d / 2]."""
    number = np.stack([stored & 15, stored >> 4], 2).reshape(len(stored), -1).astype(np.float32) - 8
    return number / np.linalg.norm(number, axis=1, keepdims=True)


def values(points, bank, k, share):
    """What cosines of points [n, d] are lowered by, f32 [n]: share * mean of the k highest cosines with the bank [m, d]."""
    out = []
    for rows in np.array_split(points, max(1, len(points) // 256)):
        out.append(np.sort(rows @ bank.T, axis=1)[:, -k:].mean(1))
    return share * np.concatenate(out)


def banks(folder):
    """{(query, content): (bank f32 [n, d], k, share)} of a bundle's folder; empty where there is none."""
    from safetensors.numpy import load_file
    path = os.path.join(folder, "weights", FILE)
    if not os.path.exists(path):
        return {}
    stored = load_file(path)
    return {pair: (unpacked(stored[tensor]), k, share) for pair, (k, share, tensor) in PAIRS.items()}


def rows(sha256):
    """The rows of bundle.toml."""
    return "".join(f'''[[hubs]]
query = "{query}"
content = "{content}"
k = {k}
share = {share}
file = "weights/{FILE}"
sha256 = "{sha256}"
tensor = "{tensor}"

''' for (query, content), (k, share, tensor) in PAIRS.items())


def main():
    import torch
    from bundle import Bundle
    from export import write
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--data", required=True)
    ap.add_argument("--bundle", required=True)
    ap.add_argument("--out", default="", help=f"default: weights/{FILE} of the bundle")
    a = ap.parse_args()
    bundle, guard = Bundle(a.bundle), Guard(a.data)
    vectors_of = {name: bundle.text_encoder.encode(guard.check_texts(strings)) for name, strings in texts(guard).items()}
    stored = {}
    for name, vectors in (vectors_of | {"seen": seen(bundle, guard)}).items():
        stored[name] = torch.from_numpy(packed(vectors))
        print(name, len(vectors), "mean cosine with what is stored", float((unpacked(packed(vectors)) * vectors).sum(1).mean()))
    print(write(stored, a.out or os.path.join(a.bundle, "weights", FILE)))


if __name__ == "__main__":
    main()
