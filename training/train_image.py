"""Trains the image tower by contrast with frozen text vectors; writes CACHE/image/last.pt after every epoch.

Stage 1, `net`: Flickr8k photos, two mixed at a time, against all five captions of each of the batch; every second
ImageNet photo against its class's names; and the stem's 1,000 class prototypes through the pooled path. An average of
the weights (EMA) is what counts.
Stage 2, `gate`: see train_gate.py.

    python train_image.py --data DATA --stems FOLDER --wordnet FOLDER --cache DIR [--epochs 14] [--name image]
"""

import argparse
import copy
import os
import time

import numpy as np
import torch
import torch.nn.functional as F

from figures import ranks_to_images, recall
from photos import Material
from towers import ImageTower, warm


def arguments():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--data", required=True)
    ap.add_argument("--stems", required=True)
    ap.add_argument("--wordnet", required=True)
    ap.add_argument("--cache", default=os.path.join(os.path.dirname(__file__), ".cache"))
    ap.add_argument("--name", default="image")
    ap.add_argument("--epochs", type=int, default=14)
    ap.add_argument("--batch", type=int, default=384)
    ap.add_argument("--rate", type=float, default=7e-4)
    ap.add_argument("--decay", type=float, default=0.2)
    ap.add_argument("--drop", type=float, default=0.25)
    ap.add_argument("--token-drop", type=float, default=0.5)
    ap.add_argument("--mix", type=float, default=0.3, help="beta of the mixture of two photos' features")
    ap.add_argument("--d", type=int, default=256)
    ap.add_argument("--layers", type=int, default=2)
    ap.add_argument("--ffn", type=int, default=512)
    ap.add_argument("--ema", type=float, default=0.998)
    ap.add_argument("--named", type=int, default=32, help="ImageNet photos a batch")
    ap.add_argument("--names", type=float, default=0.05, help="weight of their loss")
    ap.add_argument("--prototypes", type=float, default=0.05, help="weight of the class prototypes' loss")
    ap.add_argument("--warm", default="", help="bundle folder to start from where no checkpoint is left")
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return ap.parse_args()


def both_ways(v, texts, target, scale):
    """Cross entropy image -> text and text -> image; target [images, texts] says how far each text is an image's own."""
    logits = scale * v @ texts.t()
    forward = -(logits.log_softmax(1) * target).sum(1) / target.sum(1)
    back = -(logits.log_softmax(0) * target).sum(0) / target.sum(0)
    return (forward.mean() + back.mean()) / 2


class Trainer:
    """State of one run: tower, average, optimiser."""

    def __init__(self, a, m):
        torch.manual_seed(a.seed)
        self.a, self.m, self.rng = a, m, np.random.default_rng(a.seed)
        grid = round(m.flickr.views[0].shape[1] ** 0.5)
        self.tower = ImageTower(grid, a.d, 4, a.layers, a.ffn, a.drop, a.token_drop).to(a.device)
        self.tower.names["weight"].data = m.name_vectors.to(a.device)
        self.scale = torch.nn.Parameter(torch.tensor(3.0, device=a.device))
        self.average = copy.deepcopy(self.tower).eval()
        trained = [(n, p) for n, p in self.tower.named_parameters() if p.requires_grad and not n.startswith("gate")]
        groups = [{"params": [p for _, p in trained if p.ndim > 1], "weight_decay": a.decay},
                  {"params": [p for _, p in trained if p.ndim <= 1] + [self.scale], "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, lr=a.rate, betas=(0.9, 0.98))
        self.photos = len(m.flickr.rows)
        self.steps_an_epoch = self.photos // a.batch
        self.step, self.best = 0, {}
        self.captions_of = [np.flatnonzero(m.own == i) for i in range(self.photos)]
        self.captions = m.captions.to(a.device)
        self.named = [i for i in range(len(m.imagenet.rows)) if i % 2 == 0]  # the odd ones are left to train_gate.py
        self.class_names = m.name_vectors.to(a.device)
        self.mean = torch.from_numpy(m.flickr.views[0][:512].astype(np.float32).mean((0, 1))).to(a.device)

    def rate(self):
        total, warm = self.a.epochs * self.steps_an_epoch, 100
        if self.step < warm:
            return self.a.rate * (self.step + 1) / warm
        return self.a.rate * (0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * (self.step - warm) / (total - warm))))

    def prototypes(self, count=256):
        """Contrast of pseudo means (an average photo plus a class's prototype and noise) with the class names."""
        pick = torch.randint(0, 1000, (count,), device=self.a.device).unique()
        row = self.m.weight.to(self.a.device)[pick]
        row = row * (torch.rand(len(pick), 1, device=row.device) * 12 + 4) + torch.randn_like(row) * 0.15
        pseudo = (self.mean * torch.rand(len(pick), 1, device=row.device) + row).clamp_min(0)
        v = F.normalize(self.tower.pooled(pseudo)[1], dim=-1)
        return F.cross_entropy(self.scale.exp() * v @ self.class_names.t(), pick)

    def losses(self, which):
        a, m, rng = self.a, self.m, self.rng
        extra = rng.choice(self.named, a.named)
        grid = torch.cat([m.flickr.grids(which, rng.integers(0, 12, len(which))),
                          m.imagenet.grids(extra, rng.integers(0, 12, len(extra)))]).to(a.device)
        n = len(which)
        share = rng.beta(a.mix, a.mix, n)
        share = torch.from_numpy(np.maximum(share, 1 - share).astype(np.float32)).to(a.device)
        other = torch.from_numpy(rng.permutation(n)).to(a.device)
        own = share[:, None, None] * grid[:n] + (1 - share)[:, None, None] * grid[other]
        v, _ = self.tower.net(torch.cat([own, grid[n:]]))
        scale = self.scale.exp().clamp(max=100)
        picked = np.concatenate([self.captions_of[i] for i in which])
        right = torch.from_numpy(m.own[picked][None] == np.asarray(which)[:, None]).float().to(a.device)
        target = share[:, None] * right + (1 - share)[:, None] * right[other]
        loss = both_ways(v[:n], self.captions[picked], target, scale)
        classes = torch.from_numpy(m.imagenet_class[extra]).to(a.device)
        loss = loss + a.names * F.cross_entropy(scale * v[n:] @ self.class_names.t(), classes)
        return loss + a.prototypes * self.prototypes()

    def epoch(self):
        self.tower.train()
        order, total, start = self.rng.permutation(self.photos), 0.0, time.time()
        for s in range(self.steps_an_epoch):
            for group in self.optimiser.param_groups:
                group["lr"] = self.rate()
            loss = self.losses(order[s * self.a.batch:(s + 1) * self.a.batch])
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.tower.parameters(), 1.0)
            self.optimiser.step()
            self.step += 1
            keep = min(self.a.ema, (1 + self.step) / (20 + self.step))
            with torch.no_grad():
                for e, p in zip(self.average.parameters(), self.tower.parameters()):
                    e.lerp_(p, 1 - keep)
            total += loss.item()
        return total / self.steps_an_epoch, time.time() - start

    @torch.no_grad()
    def vectors(self, photos, view=0, batch=64):
        rows = np.arange(len(photos.rows))
        parts = [self.average.net(photos.grids(rows[i:i + batch], [view] * batch).to(self.a.device))[0].cpu()
                 for i in range(0, len(rows), batch)]
        return torch.cat(parts).numpy()

    def dev(self):
        m = self.m
        return recall(ranks_to_images(m.dev_vectors, self.vectors(m.dev), m.dev_own, m.dev_captions))

    def save(self, path):
        state = {"tower": self.tower.state_dict(), "average": self.average.state_dict(), "config": self.tower.config,
                 "optimiser": self.optimiser.state_dict(), "scale": self.scale.data, "step": self.step, "best": self.best,
                 "args": vars(self.a)}
        torch.save(state, path + ".part")
        os.replace(path + ".part", path)

    def resume(self, path):
        state = torch.load(path, map_location=self.a.device, weights_only=False)
        self.tower.load_state_dict(state["tower"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.scale.data, self.step, self.best = state["scale"], state["step"], state["best"]


def main():
    a = arguments()
    folder = os.path.join(a.cache, a.name)
    os.makedirs(folder, exist_ok=True)
    trainer = Trainer(a, Material(a.data, a.stems, a.cache, a.wordnet))
    last = os.path.join(folder, "last.pt")
    if os.path.exists(last):
        trainer.resume(last)
    elif a.warm:
        for tower in (trainer.tower, trainer.average):
            warm(tower, os.path.join(a.warm, "weights/image.safetensors"), "image.")
    for epoch in range(trainer.step // trainer.steps_an_epoch, a.epochs):
        loss, seconds = trainer.epoch()
        figures = trainer.dev()
        print(f"{a.name} epoch {epoch} loss {loss:.3f} scale {trainer.scale.exp().item():.1f} {seconds:.0f} s  "
              + "  ".join(f"{k} {v:.4f}" for k, v in figures.items()), flush=True)
        better = figures["r10"] > trainer.best.get("r10", 0)
        trainer.best = figures if better else trainer.best
        trainer.save(last)
        if better:
            trainer.save(os.path.join(folder, "best.pt"))


if __name__ == "__main__":
    main()
