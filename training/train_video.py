"""A temporal Transformer over frame vectors, beside their mean: trained on clips made of training photos, measured on clips
made of dev photos. The bundle takes it only if it beats the mean (model card).

A clip is one shot (a photo's views, one after another, as a pan or a zoom shows them) or two, cut after each other; its text
is a caption, or two with words of order. The encoder's vector is the mean moved by what the Transformer adds.

    python train_video.py --data DATA --bundle ../models/mini --cache DIR [--epochs 12]
"""

import argparse
import os

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from bundle import Bundle
from cache_photos import cache
from figures import ranks_to_images, recall
from guard import Guard
from kept import kept
from photos import Photos
from stem import Lower, lower_folder, lower_shape, onnx_session
from encoders import Layer

FRAMES = 10  # of a part, at most
ORDER = ("{0} Then {1}", "first {0} then {1}", "{0} and after that {1}", "{1} after {0}", "{0} before {1}")


class TemporalEncoder(nn.Module):
    """[B, T, 384] unit frame vectors and [B, T] mask -> [B, 384] unit vectors."""

    def __init__(self, dim=384, d=256, heads=4, layers=2, ffn=512, drop=0.1):
        super().__init__()
        self.into, self.out = nn.Linear(dim, d), nn.Linear(d, dim)
        self.place = nn.Parameter(torch.randn(FRAMES, d) * 0.02)
        self.layers = nn.ModuleList([Layer(d, heads, ffn, drop) for _ in range(layers)])
        self.norm = nn.LayerNorm(d)
        nn.init.zeros_(self.out.weight), nn.init.zeros_(self.out.bias)

    def forward(self, frames, mask):
        share = (mask / mask.sum(1, keepdim=True))[..., None]
        mean = F.normalize((frames * share).sum(1), dim=-1)
        x = (self.into(frames) + self.place[:frames.shape[1]]) * mask[..., None]
        for layer in self.layers:
            x = layer(x) * mask[..., None]
        return F.normalize(mean + self.out((self.norm(x) * share).sum(1)), dim=-1)


def views(a, photos, bundle):
    """[photos, views, 384] unit vectors of the cached views; kept, for they take a quarter of an hour."""
    path = os.path.join(a.cache, f"video.{bundle.toml['revision']}")
    return kept(path, lambda: np.stack([bundle.lower(view) for view in photos.views], 1))


def dev_views(a, bundle, count):
    """The same of dev photos, whose other views only this measuring needs."""
    rows, stem = Guard(a.data).eval_rows("flickr8k"), bundle.stem
    folder = lower_folder(a.cache, stem)
    session, out = onnx_session(Lower(stem), os.path.join(folder, "lower.onnx"), 1), []
    for v in range(count):
        path = os.path.join(folder, f"dev.{v}.npy" if v == 0 else f"dev_view.{v}.npy")
        cache([os.path.join(a.data, r["file"]) for r in rows], v, path, session, stem.size, lower_shape(stem))
        out.append(bundle.lower(np.load(path, mmap_mode="r")))
    return rows, np.stack(out, 1)


class Clips:
    """Photos' views and captions as clips of one or two shots."""

    def __init__(self, seen, captions, bundle, rng, pairs):
        self.seen, self.rng = torch.from_numpy(seen), rng
        self.captions, count = [c for row in captions for c in row], [len(row) for row in captions]
        self.own, self.first = np.repeat(np.arange(len(count)), count), np.cumsum([0, *count])  # photo of a caption, its first
        self.one = torch.from_numpy(bundle.texts(self.captions))
        self.pairs = np.stack([rng.permutation(len(captions)) for _ in range(2 * -(-pairs // len(captions)))], 1).reshape(-1, 2)[:pairs]
        self.pairs = self.pairs[self.pairs[:, 0] != self.pairs[:, 1]]
        self.said = [ORDER[n % len(ORDER)].format(*(captions[i][n % len(captions[i])] for i in pair)) for n, pair in enumerate(self.pairs)]
        self.two = torch.from_numpy(bundle.texts(self.said))

    def shot(self, i, frames):
        """[frames, 384] of a photo: its views in a random order, again and again."""
        order = self.rng.permutation(self.seen.shape[1])
        return self.seen[i, [order[k % len(order)] for k in range(frames)]]

    def clip(self, shots):
        """[FRAMES, 384] and mask of shots after each other."""
        lengths = [int(self.rng.integers(1, FRAMES // len(shots) + 1)) for _ in shots]
        frames = torch.cat([self.shot(i, n) for i, n in zip(shots, lengths)])
        out, mask = torch.zeros(FRAMES, 384), torch.zeros(FRAMES)
        out[:len(frames)], mask[:len(frames)] = frames, 1
        return out, mask

    def singles(self, which):
        frames, mask = zip(*(self.clip([i]) for i in which))
        text = self.one[torch.from_numpy(self.rng.integers(self.first[which], self.first[np.asarray(which) + 1]))]
        return torch.stack(frames), torch.stack(mask), text

    def doubles(self, which, turned=False):
        frames, mask = zip(*(self.clip(self.pairs[n][::-1] if turned else self.pairs[n]) for n in which))
        return torch.stack(frames), torch.stack(mask), self.two[torch.as_tensor(which)]


def contrast(v, text, scale, wrong=None):
    """Both ways; `wrong` [n, 384] are clips in the other order, which no text describes."""
    right, logits = torch.arange(len(v)), scale * text @ v.t()
    there = torch.cat([logits, scale * text @ wrong.t()], 1) if wrong is not None else logits
    return (F.cross_entropy(there, right) + F.cross_entropy(logits.t(), right)) / 2


@torch.no_grad()
def figures(name, encode, held):
    """Captions ask one-shot clips; ordered pairs ask two-shot clips, with the same clips turned among them."""
    held.rng = np.random.default_rng(5)
    frames, mask, _ = held.singles(np.arange(len(held.seen)))
    one = recall(ranks_to_images(held.one.numpy(), encode(frames, mask).numpy(), held.own, held.captions))
    which = np.arange(len(held.pairs))
    ahead, turned = (encode(*held.doubles(which, way)[:2]).numpy() for way in (False, True))
    two = recall(ranks_to_images(held.two.numpy(), np.concatenate([ahead, turned]), which, held.said))
    text = held.two.numpy()
    order = float(((text * ahead).sum(1) > (text * turned).sum(1)).mean())
    print(f"{name:<10} one shot R@1 {one['r1']:.3f} R@10 {one['r10']:.3f}   two shots R@1 {two['r1']:.3f} R@10 {two['r10']:.3f}   "
          f"right order {order:.3f}", flush=True)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "bundle"):
        ap.add_argument("--" + name, required=True)
    ap.add_argument("--cache", default=os.path.join(os.path.dirname(__file__), ".cache"))
    ap.add_argument("--epochs", type=int, default=12)
    ap.add_argument("--rate", type=float, default=5e-4)
    ap.add_argument("--seed", type=int, default=1)
    a = ap.parse_args()
    torch.manual_seed(a.seed)
    bundle, guard = Bundle(a.bundle), Guard(a.data)
    photos = Photos(a.cache, "flickr", bundle.stem, guard)
    rows, seen = dev_views(a, bundle, len(photos.views))
    held = Clips(seen, [r["captions"] for r in rows], bundle, np.random.default_rng(4), 500)
    trained = Clips(views(a, photos, bundle), [r["captions"] for r in photos.rows], bundle, np.random.default_rng(a.seed), 6000)
    encoder, scale = TemporalEncoder(), 30.0
    optimiser = torch.optim.AdamW(encoder.parameters(), lr=a.rate, weight_decay=0.05)
    figures("mean", lambda f, m: F.normalize((f * m[..., None]).sum(1), dim=-1), held)
    for epoch in range(a.epochs):
        encoder.train()
        for group in optimiser.param_groups:
            group["lr"] = a.rate * 0.5 * (1 + np.cos(np.pi * epoch / a.epochs))
        ones, twos = trained.rng.permutation(len(trained.seen)), trained.rng.permutation(len(trained.pairs))
        for s in range(0, min(len(ones), len(twos)) - 192, 192):
            f, m, t = trained.singles(ones[s:s + 192])
            loss = contrast(encoder(f, m), t, scale)
            f, m, t = trained.doubles(twos[s:s + 192])
            wrong, wrong_mask, _ = trained.doubles(twos[s:s + 192], True)
            loss = loss + contrast(encoder(f, m), t, scale, encoder(wrong, wrong_mask))
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
            optimiser.step()
        encoder.eval()
        figures(f"epoch {epoch}", encoder, held)


if __name__ == "__main__":
    main()
