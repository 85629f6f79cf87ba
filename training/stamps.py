"""The public check set: images and sound effects of the Debian package tuxpaint-stamps-default outside symbols/ that have
an English description. For measuring only; nothing that trains may read it.

    python stamps.py --stamps FOLDER --bundle ../models/mini [--cache DIR]
"""

import argparse
import os

import numpy as np

from bundle import Bundle
from figures import interval, ranks_to_images, recall
from kept import kept
from preprocess import load_rgb, pixels, resize
from stem import Lower, lower_folder, lower_shape, onnx_session


def pairs(folder, suffixes=(".png",)):
    """(path, English first line) of images, or of the effects beside them, in order of path."""
    out = []
    for root, _, names in os.walk(folder):
        if "symbols" in root.split(os.sep):
            continue
        for name in names:
            note = os.path.join(root, name[:-4] + ".txt")
            pictured = any(os.path.exists(note[:-4] + s) for s in (".png", ".svg"))
            if name.endswith(suffixes) and os.path.exists(note) and pictured:
                with open(note, encoding="utf-8", errors="replace") as f:
                    line = f.readline().strip()
                if line:
                    out.append((os.path.join(root, name), line))
    return sorted(out)


def squares(found, size):
    """u8 images, squashed to the encoder's size, transparent pixels over white."""
    return [resize(load_rgb(path), size) for path, _ in found]


def lower(bundle, found, cache):
    """f16 lower features of all images, kept beside those of the photos by the same lower part."""
    def make():
        session = onnx_session(Lower(bundle.stem), os.path.join(cache or ".", "stamps.onnx"))
        parts = [session.run(None, {"pixels": pixels(s)[None]})[0] for s in squares(found, bundle.size)]
        return np.concatenate(parts).astype(np.float16).reshape(len(found), *lower_shape(bundle.stem))

    return kept(os.path.join(lower_folder(cache, bundle.stem), "stamps"), make) if cache else make()


def audio_ranks(bundle, folder):
    """Rank of the best effect with its caption for the caption of every sound effect."""
    from cache_audio import decode
    found = pairs(folder, (".ogg", ".wav"))
    captions, text = [c for _, c in found], bundle.texts([c for _, c in found])
    heard = [bundle.audios(decode(path).astype(np.float32) / 32768) for path, _ in found]
    best = np.stack([(windows @ text.T).max(0) for windows in heard])
    return ranks_to_images(np.eye(len(found), dtype=np.float32), best, np.arange(len(found)), captions)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--stamps", required=True)
    ap.add_argument("--bundle", required=True)
    ap.add_argument("--stems", default=None)
    ap.add_argument("--cache", default="")
    a = ap.parse_args()
    b, found = Bundle(a.bundle, a.stems), pairs(a.stamps)
    captions, own = [c for _, c in found], np.arange(len(found))
    ranks = ranks_to_images(b.texts(captions), b.lower(lower(b, found, a.cache)), own, captions)
    print(len(found), "images", recall(ranks), "R@10 95 %:", interval(ranks, own, 10))
    ranks = audio_ranks(b, a.stamps)
    print(len(ranks), "sound effects", recall(ranks), "R@10 95 %:", interval(ranks, np.arange(len(ranks)), 10))


if __name__ == "__main__":
    main()
