"""Trains low-rank updates of the photo stem's last stages together with the image encoder, towards the text encoder as it is;
writes CACHE/NAME/last.pt after every epoch. It starts from what train_joint.py left, or from an earlier run of its own.

Losses: contrast of Flickr8k photos, two mixed at a time, with two captions of each and thousands of others; ImageNet photos,
whole and cut out on white, with the names of their classes; drawings with their titles; class probabilities outside Flickr
stay where the stem had them. An average of the weights (EMA) is what counts; the epoch is chosen on dev and on drawings
whose titles were held out, so the figures lean a little to the good side.

    python train_stem.py --data DATA --stems FOLDER --wordnet FOLDER --cache DIR --joint CKPT_OR_BUNDLE [--epochs 8] [--name stem]
"""

import argparse
import copy
import os

import numpy as np
import torch
import torch.nn.functional as F

from checkpoints import image_checkpoint
from figures import ranks_to_images, ranks_to_texts, recall
from guard import Guard
from names import article, image_names, image_vectors, unit
from photos import Photos, class_of, classifier, deep_of
from steps import Steps
from text import TextEncoder
from encoders import ImageEncoder


def arguments():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "stems", "wordnet", "joint"):
        ap.add_argument("--" + name, required=True)
    ap.add_argument("--cache", default=os.path.join(os.path.dirname(__file__), ".cache"))
    ap.add_argument("--name", default="stem")
    ap.add_argument("--epochs", type=int, default=8)
    ap.add_argument("--batch", type=int, default=384)
    ap.add_argument("--captions", type=int, default=2, help="of the five of a photo, a step")
    ap.add_argument("--others", type=int, default=2048, help="captions of other photos that a photo is told from")
    ap.add_argument("--rate", type=float, default=4e-4)
    ap.add_argument("--stem-rate", type=float, default=4e-4, help="0: the stem stays, and the image encoder alone is trained")
    ap.add_argument("--rank", type=int, default=32)
    ap.add_argument("--decay", type=float, default=0.2)
    ap.add_argument("--drop", type=float, default=0.25)
    ap.add_argument("--token-drop", type=float, default=0.5)
    ap.add_argument("--mix", type=float, default=0.3, help="beta of the mixture of two photos' features")
    ap.add_argument("--share", type=float, default=0.4, help="of the class names in a photo's vector")
    ap.add_argument("--cut-share", type=float, default=0.5, help="the same for things on white and drawings")
    ap.add_argument("--ema", type=float, default=0.99)
    ap.add_argument("--named", type=int, default=48, help="ImageNet photos a batch")
    ap.add_argument("--drawn", type=int, default=96, help="drawings a batch")
    ap.add_argument("--names", type=float, default=0.1, help="weight of the ImageNet loss")
    ap.add_argument("--titles", type=float, default=0.2, help="weight of the drawings' loss")
    ap.add_argument("--keep", type=float, default=0.2, help="weight of the stem's own class probabilities")
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return ap.parse_args()


def soft(logits, target):
    """Cross entropy with targets [n, m], which need not sum to one."""
    return -(logits.log_softmax(1) * target).sum(1) / target.sum(1).clamp_min(1e-6)


class Drawings:
    """Drawings with vectors of their titles; every 15th title is held out for choosing."""

    def __init__(self, cache, text, stem, guard):
        self.photos = Photos(cache, "drawings", stem, guard)
        titles = sorted({r["captions"][0] for r in self.photos.rows})
        at = {t: i for i, t in enumerate(titles)}
        self.title = np.array([at[r["captions"][0]] for r in self.photos.rows])
        self.titles, self.tags = titles, [r["tags"] for r in self.photos.rows]
        said = [text.cached(form, cache, f"drawings.{i}") for i, form in enumerate(
            (titles, [article(t) for t in titles], [f"a drawing of {article(t)}" for t in titles]))]
        self.vectors = torch.from_numpy(np.stack(said))  # [forms, titles, 384]
        held = np.arange(len(titles)) % 15 == 7
        self.train, self.held = np.flatnonzero(~held[self.title]), np.flatnonzero(held[self.title])
        mean = torch.from_numpy(unit(np.mean(said, 0)))
        self.like = (12 * (mean @ mean.t())).softmax(1)  # titles that mean nearly the same are no mistakes
        self.open = torch.from_numpy(~held)

    def loss(self, v, which, scale, rng):
        """v [n, 384] beside all titles that train."""
        vectors = self.vectors[rng.integers(0, 3)].to(v.device)
        target = 0.3 * self.like[self.title[which]] + 0.7 * F.one_hot(torch.from_numpy(self.title[which]), len(self.titles))
        logits = (scale * v @ vectors.t()).masked_fill(~self.open.to(v.device), -1e4)
        return soft(logits, (target * self.open).to(v.device)).mean()


class Trainer(Steps):
    """State of one run: the image encoder, the stem's updates, their averages, the optimiser."""

    warm_up = 15

    def __init__(self, a):
        torch.manual_seed(a.seed)
        self.a, self.rng, guard = a, np.random.default_rng(a.seed), Guard(a.data)
        state = image_checkpoint(a.joint)
        self.joint = state
        self.text = TextEncoder(a.stems).eval()
        self.text.add(state["text_average"])
        c = state["config"]
        self.encoder = ImageEncoder(c["grid"], c["d"], c["heads"], c["layers"], c["ffn"], a.drop, a.token_drop)
        self.encoder.load_state_dict(state["average"])
        self.encoder.class_scale = state["class_scale"]
        names = torch.from_numpy(image_vectors(self.text, image_names(a.data, a.wordnet)))
        self.encoder.names["weight"].data = names
        self.encoder.to(a.device)
        self.weight, self.bias = (x.to(a.device) for x in classifier(a.stems))
        self.deep = deep_of(a.stems, state.get("stem_average"), a.rank).to(a.device)
        if a.stem_rate and self.deep.lower_key:
            raise ValueError("the untouched stem, which the moving one is held against, has another lower part: train_photo.py goes on from these weights")
        self.average, self.deep_average = copy.deepcopy(self.encoder).eval(), copy.deepcopy(self.deep)
        self.scale = torch.nn.Parameter(state["scale"].clone().to(a.device))
        self.flickr, self.imagenet, self.white = (Photos(a.cache, n, self.deep, guard) for n in ("flickr", "imagenet", "white"))
        self.dev, self.drawn = Photos(a.cache, "dev", self.deep), Drawings(a.cache, self.text, self.deep, guard)
        captions = [c for r in self.flickr.rows for c in r["captions"]]
        self.own = np.repeat(np.arange(len(self.flickr.rows)), [len(r["captions"]) for r in self.flickr.rows])
        self.captions_of = [np.flatnonzero(self.own == i) for i in range(len(self.flickr.rows))]
        self.vectors = torch.from_numpy(self.text.cached(captions, a.cache, "flickr.fixed"))
        self.dev_captions = [c for r in self.dev.rows for c in r["captions"]]
        self.dev_own = np.repeat(np.arange(len(self.dev.rows)), [len(r["captions"]) for r in self.dev.rows])
        self.dev_vectors = self.text.cached(self.dev_captions, a.cache, "dev.fixed")
        self.classes = torch.from_numpy(class_of(self.imagenet.rows, a.data, a.wordnet))
        self.networks = [(self.average, self.encoder), (self.deep_average, self.deep)]
        trained = [p for n, p in self.encoder.named_parameters() if p.requires_grad and not n.startswith("gate")]
        self.optimiser = torch.optim.AdamW(
            [{"params": [p for p in trained if p.ndim > 1], "weight_decay": a.decay, "top": a.rate},
             {"params": [p for p in trained if p.ndim <= 1] + [self.scale], "weight_decay": 0.0, "top": a.rate},
             {"params": list(self.deep.parameters()), "weight_decay": 0.05, "top": a.stem_rate}], lr=a.rate, betas=(0.9, 0.98))
        self.photos = len(self.flickr.rows)
        self.steps_an_epoch, self.step, self.best = self.photos // a.batch, 0, 0.0
        self.frozen = deep_of(a.stems).to(a.device) if a.stem_rate else None  # what `strayed` holds the moving stem against

    def half(self):
        return torch.autocast(self.a.device.split(":")[0], torch.bfloat16)

    def vector(self, encoder, grid, share, hidden=None):
        """The whole vector and class logits of grids; share [B, 1] of the class names; `hidden` names classes not to be seen."""
        net, _ = encoder.net(grid)
        logits = seen = grid.mean(1) @ self.weight.t() + self.bias
        if hidden is not None:
            seen = logits.clone()
            rows = torch.nonzero(hidden >= 0)[:, 0]
            seen[rows, hidden[rows]] = -1e4
        return F.normalize((1 - share) * net + share * encoder.named(seen)[1], dim=-1), logits

    def batch(self, which):
        """Lower features of photos, ImageNet samples and drawings, each mirrored by half; and the classes and drawings."""
        rng, n = self.rng, len(self.imagenet.rows)
        named = rng.choice(2 * n, self.a.named, replace=False)
        whole, white = named[named < n], named[named >= n] - n
        drawn = rng.choice(self.drawn.train, self.a.drawn, replace=False)
        parts = [(self.flickr, which), (self.imagenet, whole), (self.white, white), (self.drawn.photos, drawn)]
        lower = torch.cat([p.lower(w, rng.integers(0, 12, len(w))) for p, w in parts if len(w)])
        side = round(lower.shape[2] ** 0.5)
        flip = torch.from_numpy(rng.random(len(lower)) < 0.5)
        lower[flip] = lower[flip].view(-1, lower.shape[1], side, side).flip(-1).flatten(2)
        return lower.to(self.a.device), self.classes[np.concatenate([whole, white])], drawn

    def losses(self, which):
        a, rng, n = self.a, self.rng, len(which)
        lower, classes, drawn = self.batch(which)
        with torch.set_grad_enabled(a.stem_rate > 0), self.half():
            grid = self.deep(lower)
        grid = grid.float()
        part = rng.beta(a.mix, a.mix, n)
        part = torch.from_numpy(np.maximum(part, 1 - part).astype(np.float32)).to(a.device)
        other = torch.from_numpy(rng.permutation(n)).to(a.device)
        mixed = part[:, None, None] * grid[:n] + (1 - part)[:, None, None] * grid[:n][other]
        hidden = torch.cat([torch.full((n,), -1), torch.where(torch.rand(len(classes)) < 0.5, classes, -1), torch.full((len(drawn),), -1)])
        share = torch.cat([torch.full((n, 1), a.share), torch.full((len(hidden) - n, 1), a.cut_share)]).to(a.device)
        v, logits = self.vector(self.encoder, torch.cat([mixed, grid[n:]]), share, hidden.to(a.device))
        scale, m = self.scale.exp().clamp(max=100), len(classes)
        picked = np.concatenate([rng.choice(self.captions_of[i], a.captions, len(self.captions_of[i]) < a.captions) for i in which])
        others = rng.choice(len(self.own), a.others, replace=False)
        others = others[~np.isin(self.own[others], which)]
        right = torch.from_numpy(self.own[picked][None] == np.asarray(which)[:, None]).float().to(a.device)
        target = part[:, None] * right + (1 - part)[:, None] * right[other]
        to_texts = scale * v[:n] @ self.vectors[np.concatenate([picked, others])].to(a.device).t()
        forward = soft(to_texts, F.pad(target, (0, len(others)))).mean()
        back = soft(to_texts[:, :len(picked)].t(), target.t()).mean()
        loss = (forward + back) / 2
        loss = loss + a.names * F.cross_entropy(scale * v[n:n + m] @ self.encoder.names["weight"].t(), classes.to(a.device))
        loss = loss + a.titles * self.drawn.loss(v[n + m:], drawn, scale, rng)
        return loss + a.keep * self.strayed(lower[n:], logits[n:]) if a.stem_rate else loss

    def strayed(self, lower, logits):
        """Cross entropy of class logits [B, 1000] with what the untouched stem gives the same images."""
        with torch.no_grad(), self.half():
            kept = (self.frozen(lower).float().mean(1) @ self.weight.t() + self.bias).softmax(-1)
        return -(logits.log_softmax(-1) * kept).sum(-1).mean()

    @torch.no_grad()
    def images(self, photos, rows, share):
        out = []
        for i in range(0, len(rows), 64):
            lower = photos.lower(rows[i:i + 64], [0] * 64).to(self.a.device)
            with self.half():
                grid = self.deep_average(lower)
            out.append(self.vector(self.average, grid.float(), torch.tensor(share, device=self.a.device))[0].cpu())
        return torch.cat(out).numpy()

    def figures(self):
        image = self.images(self.dev, np.arange(len(self.dev.rows)), self.a.share)
        out = recall(ranks_to_images(self.dev_vectors, image, self.dev_own, self.dev_captions))
        out["i10"] = recall(ranks_to_texts(image, self.dev_vectors, self.dev_own))["r10"]
        d = self.drawn
        image, title = self.images(d.photos, d.held, self.a.cut_share), d.title[d.held]
        own = np.arange(len(title))
        text = d.vectors[1].numpy()[title]
        out["drawn10"] = recall(ranks_to_images(text, image, own, [d.titles[t] for t in title]))["r10"]
        return out

    def save(self, path):
        state = {**self.joint, "tower": self.encoder.state_dict(), "average": self.average.state_dict(),
                 "stem": self.deep.updates(), "stem_average": self.deep_average.updates(), "stem_rank": self.deep.head.down.shape[0],
                 "optimiser": self.optimiser.state_dict(), "scale": self.scale.data, "step": self.step, "best": self.best,
                 "args": vars(self.a)}
        torch.save(state, path + ".part")
        os.replace(path + ".part", path)

    def resume(self, path):
        state = torch.load(path, map_location=self.a.device, weights_only=False)
        self.encoder.load_state_dict(state["tower"])
        self.average.load_state_dict(state["average"])
        self.deep.take(state["stem"]), self.deep_average.take(state["stem_average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.scale.data, self.step, self.best = state["scale"], state["step"], state["best"]


def main():
    a = arguments()
    folder = os.path.join(a.cache, a.name)
    os.makedirs(folder, exist_ok=True)
    trainer, last = Trainer(a), os.path.join(folder, "last.pt")
    if os.path.exists(last):
        trainer.resume(last)
    else:
        print("before", "  ".join(f"{k} {v:.4f}" for k, v in trainer.figures().items()), flush=True)
    for epoch in range(trainer.step // trainer.steps_an_epoch, a.epochs):
        loss, seconds = trainer.epoch()
        figures = trainer.figures()
        print(f"{a.name} epoch {epoch} loss {loss:.3f} scale {trainer.scale.exp().item():.1f} {seconds:.0f} s  "
              + "  ".join(f"{k} {v:.4f}" for k, v in figures.items()), flush=True)
        better = figures["r10"] > trainer.best
        trainer.best = max(figures["r10"], trainer.best)
        trainer.save(last)
        if better:
            trainer.save(os.path.join(folder, "best.pt"))


if __name__ == "__main__":
    main()
