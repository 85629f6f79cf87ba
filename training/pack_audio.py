"""Packs what the audio training reads for a machine with a GPU and without the data: guarded audio as quantised log-mels
(mel_store.py), what the teacher heard, labels, captions, vectors of texts. `train_audio.py --pack FOLDER` reads it.

    python pack_audio.py --data DATA --stems FOLDER --text FILE --cache DIR --out FOLDER [--longest 5]

Variants stay behind: sums and speeds are made anew for every batch. Of scores the largest KEPT are packed, of embeddings their
PRINCIPAL largest directions.
"""

import argparse
import json
import os

import numpy as np
import torch

from mel_store import MelStore, squeezed, unsqueezed

KEPT, PRINCIPAL = 16, 128


def principal(x, count):
    """i8 coordinates [n, count] of rows, what one of them is worth [count], the directions [count, d] and the mean."""
    mean = x.mean(0)
    centred = x - mean
    values, directions = np.linalg.eigh(centred.T @ centred / len(x))
    directions = directions[:, ::-1][:, :count].T
    at = centred @ directions.T
    unit = np.abs(at).max(0) / 127
    return np.round(at / unit).astype(np.int8), unit, directions, mean, float(values[::-1][:count].sum() / values.sum())


def flat(lists):
    """All numbers one after another, and how many each list has."""
    return np.concatenate([np.asarray(x, np.int32) for x in lists]), np.array([len(x) for x in lists], np.int32)


def pack(a):
    """Writes the folder."""
    from bind_captions import Captions
    from audios import Labels, guarded
    from text import TextEncoder
    guard, audios = guarded(a.data, a.cache)
    audios.rows = [r for r in audios.rows if r["source"] != "variant"]
    text = TextEncoder(a.stems, a.text).eval()
    labels = Labels(a.data, text, a.cache, guard)
    captions = Captions(a.data, guard, text, labels, audios, a.captions, 1, a.cache)
    os.makedirs(a.out, exist_ok=True)
    store = MelStore.of_audios(audios, a.longest)
    squeezed(store.frames, os.path.join(a.out, "mels"))
    patch = np.concatenate([np.arange(r["patch"], r["patch"] + r["patches"]) for r in audios.rows])
    scores = audios.scores[patch].astype(np.float32)
    top = np.argsort(-scores, 1)[:, :KEPT]
    at, unit, directions, mean, share = principal(audios.embeds[patch].astype(np.float32), PRINCIPAL)
    arrays = {}
    for name, lists in (("classes", [c for c, _ in labels.groups.values()]), ("phrases", [p for _, p in labels.groups.values()]),
                        ("said", captions.of)):
        arrays[name], arrays[name + "_count"] = flat(lists)
    np.savez_compressed(os.path.join(a.out, "arrays.npz"), counts=store.counts.astype(np.int32), peaks=store.peaks,
                        top=top.astype(np.uint16), best=np.round(np.take_along_axis(scores, top, 1) * 255).astype(np.uint8),
                        embeds=at, unit=unit.astype(np.float32), directions=directions.astype(np.float16), mean=mean.astype(np.float32),
                        bank=labels.bank.astype(np.float16), names=labels.classes,
                        spoken=captions.vectors.numpy().astype(np.float16), **arrays)
    with open(os.path.join(a.out, "rows.json"), "w", encoding="utf-8") as f:
        json.dump({"words": list(labels.groups), "rows": [[r["source"], labels.word(r), r["patches"]] for r in audios.rows]}, f)
    size = sum(os.path.getsize(os.path.join(a.out, n)) for n in os.listdir(a.out))
    print(f"{len(audios.rows)} audio clips, {store.counts.sum() / 100:.0f} s, {size / 2 ** 20:.1f} MiB; the directions kept hold {share:.3f} "
          "of the embeddings' variance", flush=True)


class Packed:
    """Stands for Audios, Labels and Captions of a pack."""

    def word(self, row):
        return row["label"]


def packed(folder):
    """Audios (with their MelStore as `mels`), labels and captions of a pack."""
    from audios import NEAR
    with open(os.path.join(folder, "rows.json"), encoding="utf-8") as f:
        kept = json.load(f)
    z = dict(np.load(os.path.join(folder, "arrays.npz")))
    lists = lambda name: np.split(z[name], np.cumsum(z[name + "_count"])[:-1])  # noqa: E731
    audios, labels, captions = Packed(), Packed(), Packed()
    last = np.cumsum([n for _, _, n in kept["rows"]])
    audios.rows = [{"source": s, "label": w, "patch": int(p) - n, "patches": n} for (s, w, n), p in zip(kept["rows"], last)]
    audios.mels = MelStore(unsqueezed(os.path.join(folder, "mels")), z["peaks"], z["counts"])
    audios.scores = np.zeros((len(z["top"]), 521), np.float16)
    np.put_along_axis(audios.scores, z["top"].astype(np.int64), (z["best"] / 255).astype(np.float16), 1)
    audios.embeds = ((z["embeds"] * z["unit"]) @ z["directions"].astype(np.float32) + z["mean"]).astype(np.float16)
    labels.bank, labels.classes = z["bank"].astype(np.float32), z["names"]
    labels.near = [np.flatnonzero(row) for row in labels.bank @ labels.bank.T > NEAR]
    labels.groups = dict(zip(kept["words"], zip(lists("classes"), lists("phrases"))))
    captions.of, captions.vectors = lists("said"), torch.from_numpy(z["spoken"].astype(np.float32))
    return audios, labels, captions


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "stems", "text", "out"):
        ap.add_argument("--" + name, required=True)
    ap.add_argument("--cache", default=os.path.join(os.path.dirname(__file__), ".cache"))
    ap.add_argument("--longest", type=float, default=5, help="seconds kept of an audio clip")
    ap.add_argument("--captions", type=int, default=4000)
    pack(ap.parse_args())


if __name__ == "__main__":
    main()
