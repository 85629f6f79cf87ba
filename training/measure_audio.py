"""Figures of audio encoders, each an audio.safetensors or a checkpoint of train_audio.py: labels of the dev animals and of dev2,
stills of the dev clips -> animals, and with --stamps the public check set. For measuring only.

    python measure_audio.py --data DATA --bundle ../models/mini --cache DIR [--stamps FOLDER] ENCODER ENCODER ... [--mean FILE]

--mean writes the mean of the encoders, checkpoints of runs that began alike (arXiv:2203.05482), and measures it too.

FILE@0.3 stands for an encoder with 0.3 as its share of the class names. dev2: labels bare and as "the sound of a LABEL", each asked of its own source's dev2 rows, as `sensorium eval` does it, and
(`pool`) of all of them.
"""

import argparse
import json
import os

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn

from bundle import Bundle
from cache_audio import decode, set_of
from figures import precision_by_label, ranks_to_images, recall
from guard import Guard
from kept import kept
from names import article
from preprocess import load_rgb, log_mel, resize, windows
from encoders import AudioEncoder

MEL_MEAN, MEL_STD = -4.0, 2.5


def encoder_of(path, heads=4):
    """An encoder for inference; FILE@0.3 is it with that share of the class names."""
    path, _, share = path.partition("@")
    if path.endswith(".safetensors"):
        stored = {k.removeprefix("audio."): v.float() for k, v in load_file(path).items()}
        state = None
    else:
        state = torch.load(path, map_location="cpu", weights_only=False)
        stored = {k: v.float() if v.dtype.is_floating_point else v for k, v in state["average"].items()}
    layers = 1 + max(int(k.split(".")[1]) for k in stored if k.startswith("layers."))
    encoder = AudioEncoder(stored["cls"].shape[0], heads, layers, stored["layers.0.mlp.fc1.weight"].shape[0])
    if state is None:
        encoder.bn = nn.ModuleList([nn.Identity() for _ in encoder.bn])
    encoder.load_state_dict(stored)
    if share:
        encoder.level(float(share))
    return encoder.eval()


class Heard:
    """Log-mels of the windows of audio."""

    def __init__(self, paths, cache, name):
        def make():
            parts = [[log_mel(w).astype(np.float16) for w in windows(decode(p).astype(np.float32) / 32768)] for p in paths]
            out = np.empty(len(parts), object)
            out[:] = parts
            return out
        path = os.path.join(cache, "measure", name)
        if not os.path.exists(path + ".npy"):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            np.save(path, make(), allow_pickle=True)
        self.mels = np.load(path + ".npy", allow_pickle=True)

    @torch.no_grad()
    def vectors(self, encoder):
        """[windows, 384] of every audio clip."""
        return [torch.cat([encoder((torch.from_numpy(m.astype(np.float32))[None] - MEL_MEAN) / MEL_STD) for m in mels]).numpy()
                for mels in self.mels]


def mean_of(paths, out):
    """Writes a checkpoint with the mean weights of checkpoints."""
    states = [torch.load(path, map_location="cpu", weights_only=False) for path in paths]
    average = {k: torch.stack([s["average"][k].float() for s in states]).mean(0) if v.dtype.is_floating_point else v
               for k, v in states[0]["average"].items()}
    torch.save({**{k: states[0][k] for k in ("config", "mel_mean", "mel_std")}, "average": average}, out)


def best(heard, query):
    """[texts, clips]: the best window counts."""
    return np.stack([(h @ query.T).max(0) for h in heard], 1)


def p10(scores, words, labels):
    found = precision_by_label(dict(zip(words, scores)), labels)
    return float(np.mean([p for p, _ in found.values()]))


class Measure:
    def __init__(self, a):
        guard, self.bundle = Guard(a.data), Bundle(a.bundle, a.stems or None)
        text = self.bundle.text_encoder.encode
        self.rows = guard.eval_rows("animal_sounds")
        self.rows2 = [r for r in guard.all_rows if r["split"] == "dev2" and set_of(r)]
        self.animals = Heard([os.path.join(a.data, r["file"]) for r in self.rows], a.cache, "animals")
        self.dev2 = Heard([os.path.join(a.data, r["file"]) for r in self.rows2], a.cache, "dev2")
        self.labels, self.labels2 = [r["label"] for r in self.rows], [r["label"] for r in self.rows2]
        self.words, self.words2 = sorted(set(self.labels)), sorted(set(self.labels2))
        self.query = text([f"the sound of a {w}" for w in self.words])
        self.forms2 = {"bare": text(self.words2), "sentence": text([f"the sound of {article(w)}" for w in self.words2])}
        stills = sorted({(r["still"], r["label"]) for r in guard.all_rows if r.get("split") == "dev" and r.get("still") and r.get("label")})
        size = self.bundle.size
        self.stills = kept(os.path.join(a.cache, "measure", "stills." + self.bundle.toml["revision"]), lambda: self.bundle.images(
            [resize(load_rgb(os.path.join(a.data, s)), size) for s, _ in stills]))
        self.still_labels = [l for _, l in stills]
        self.stamps = None
        if a.stamps:
            from stamps import pairs
            found = pairs(a.stamps, (".ogg", ".wav"))
            self.stamps, self.captions = Heard([p for p, _ in found], a.cache, "stamps"), [c for _, c in found]
            self.caption_vectors = text(self.captions)

    def __call__(self, encoder):
        heard = self.animals.vectors(encoder)
        out = {"animals": p10(best(heard, self.query), self.words, self.labels)}
        by_label = {}
        for row, label in zip(best(heard, self.stills), self.still_labels):
            by_label.setdefault(label, []).append(precision_by_label({label: row}, self.labels)[label][0])
        out["image"] = float(np.mean([np.mean(v) for v in by_label.values()]))
        heard = self.dev2.vectors(encoder)
        sources = np.array([r["source"] for r in self.rows2])
        for form, query in self.forms2.items():
            scores, per = best(heard, query), []
            out[f"dev2 {form} pool"] = p10(scores, self.words2, self.labels2)
            for s in sorted(set(sources)):
                at = np.flatnonzero(sources == s)
                labels = [self.labels2[i] for i in at]
                own = [n for n, w in enumerate(self.words2) if w in labels]
                found = precision_by_label({self.words2[n]: scores[n][at] for n in own}, labels)
                per += [p for p, _ in found.values()]
            out[f"dev2 {form}"] = float(np.mean(per))
        if self.stamps:
            scores = best(self.stamps.vectors(encoder), self.caption_vectors)
            count = len(self.captions)
            ranks = ranks_to_images(np.eye(count, dtype=np.float32), scores.T, np.arange(count), self.captions)
            found = recall(ranks)
            out |= {f"stamps R@{k}": found[f"r{k}"] for k in (1, 5, 10)}
        return out


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--data", required=True)
    ap.add_argument("--bundle", required=True)
    ap.add_argument("--stems", default="")
    ap.add_argument("--cache", default=os.path.join(os.path.dirname(__file__), ".cache"))
    ap.add_argument("--stamps", default="")
    ap.add_argument("--out", default="")
    ap.add_argument("--mean", default="")
    ap.add_argument("encoders", nargs="+")
    a = ap.parse_args()
    if a.mean:
        mean_of(a.encoders, a.mean)
    measure, all_figures = Measure(a), {}
    for path in [*a.encoders, *([a.mean] if a.mean else [])]:
        all_figures[path] = measure(encoder_of(path))
        print(path, "  ".join(f"{k} {100 * v:.1f}" for k, v in all_figures[path].items()), flush=True)
    if a.out:
        with open(a.out, "w", encoding="utf-8") as f:
            json.dump(all_figures, f, indent=1)


if __name__ == "__main__":
    main()
