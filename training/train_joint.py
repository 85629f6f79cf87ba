"""Trains the image encoder and the text encoder's low-rank updates together; writes CACHE/NAME/last.pt after every epoch.

The image's whole vector is trained, class names included at a constant share, so that the trained part learns what
the names leave open. Losses: contrast of Flickr8k photos, two mixed at a time, with two captions of each; ImageNet
photos, whole and cut out on white, with the names of their classes (half of them with their own class hidden);
captions of one photo with each other; texts outside Flickr stay where frozen MiniLM puts them. An average of the
weights (EMA) is what counts; the epoch is chosen on dev, so the figures lean a little to the good side.

    python train_joint.py --data DATA --stems FOLDER --wordnet FOLDER --cache DIR [--epochs 12] [--name joint]
"""

import argparse
import copy
import os

import numpy as np
import torch
import torch.nn.functional as F

from adapt import Adapted, States
from checkpoints import image_checkpoint
from figures import ranks_to_images, ranks_to_texts, recall
from guard import Guard
from names import image_vectors
from photos import Material
from steps import Steps
from encoders import ImageEncoder


def arguments():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "stems", "wordnet"):
        ap.add_argument("--" + name, required=True)
    ap.add_argument("--cache", default=os.path.join(os.path.dirname(__file__), ".cache"))
    ap.add_argument("--name", default="joint")
    ap.add_argument("--epochs", type=int, default=12)
    ap.add_argument("--batch", type=int, default=384)
    ap.add_argument("--captions", type=int, default=2, help="of the five of a photo, a step")
    ap.add_argument("--rate", type=float, default=7e-4)
    ap.add_argument("--text-rate", type=float, default=4e-4)
    ap.add_argument("--decay", type=float, default=0.2)
    ap.add_argument("--drop", type=float, default=0.25)
    ap.add_argument("--token-drop", type=float, default=0.5)
    ap.add_argument("--mix", type=float, default=0.3, help="beta of the mixture of two photos' features")
    ap.add_argument("--share", type=float, default=0.4, help="of the class names in an image's vector")
    ap.add_argument("--class-scale", type=float, default=1.5)
    ap.add_argument("--d", type=int, default=256)
    ap.add_argument("--layers", type=int, default=2)
    ap.add_argument("--ffn", type=int, default=512)
    ap.add_argument("--first", type=int, default=3, help="first text layer with updates; 6 leaves the text encoder alone")
    ap.add_argument("--rank", type=int, default=48)
    ap.add_argument("--ema", type=float, default=0.99)
    ap.add_argument("--named", type=int, default=32, help="ImageNet photos a batch")
    ap.add_argument("--names", type=float, default=0.1, help="weight of their loss")
    ap.add_argument("--pairs", type=float, default=0.1, help="weight of caption with caption")
    ap.add_argument("--keep", type=float, default=4.0, help="weight of staying near frozen MiniLM outside Flickr")
    ap.add_argument("--warm", default="", help="bundle folder to start from where no checkpoint is left")
    ap.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    ap.add_argument("--seed", type=int, default=1)
    return ap.parse_args()


def both_ways(v, texts, target, scale):
    """Cross entropy image -> text and text -> image; target [images, texts] says how far each text is an image's own."""
    logits = scale * v @ texts.t()
    forward = -(logits.log_softmax(1) * target).sum(1) / target.sum(1)
    back = -(logits.log_softmax(0) * target).sum(0) / target.sum(0).clamp_min(1e-6)
    return (forward.mean() + back.mean()) / 2


class Outside:
    """Texts that have nothing to do with Flickr, and where frozen MiniLM puts them."""

    def __init__(self, encoder, text, data, cache, count=4000):
        guard, rng = Guard(data), np.random.default_rng(0)
        words = [line.split("\t")[1] for line in guard.train_lines("text/wordnet_noun_synsets.tsv.gz")]
        texts = [*rng.choice(guard.train_lines("text/audiocaps_train_en.txt.gz")[1000:], count, replace=False),
                 *rng.choice(words[::2], count, replace=False)]  # measure_text.py asks the others
        self.states = States(encoder, texts, cache, "outside")
        self.frozen = torch.from_numpy(text.cached(texts, cache, "outside")).to(encoder.device)

    def loss(self, encoder, rng, count=96):
        which = rng.choice(len(self.frozen), count, replace=False)
        return (1 - (self.states.vectors(encoder, which) * self.frozen[which]).sum(1)).mean()


class Trainer(Steps):
    """State of one run: both encoders, their averages, the optimiser."""

    def __init__(self, a):
        torch.manual_seed(a.seed)
        self.a, self.rng = a, np.random.default_rng(a.seed)
        self.m = m = Material(a.data, a.stems, a.cache, a.wordnet)
        self.weight, self.bias = m.weight.to(a.device), m.bias.to(a.device)
        self.text = Adapted(a.stems, a.first, a.rank).to(a.device)
        self.encoder = ImageEncoder(m.deep.grid, a.d, 4, a.layers, a.ffn, a.drop, a.token_drop).to(a.device)
        self.encoder.class_scale = a.class_scale
        torch.nn.init.zeros_(self.encoder.gate["fc2"].weight)
        torch.nn.init.constant_(self.encoder.gate["fc2"].bias, float(np.log(a.share / (1 - a.share))))
        self.scale = torch.nn.Parameter(torch.tensor(3.0, device=a.device))
        self.average, self.text_average = copy.deepcopy(self.encoder).eval(), copy.deepcopy(self.text).eval()
        self.states = States(self.text, m.captions, a.cache, "flickr")
        self.dev_states = States(self.text, m.dev_captions, a.cache, "dev")
        self.outside = Outside(self.text, m.text, a.data, a.cache)
        self.networks = [(self.average, self.encoder), (self.text_average, self.text)]
        trained = [p for n, p in self.encoder.named_parameters() if p.requires_grad and not n.startswith("gate")]
        self.optimiser = torch.optim.AdamW(
            [{"params": [p for p in trained if p.ndim > 1], "weight_decay": a.decay, "top": a.rate},
             {"params": [p for p in trained if p.ndim <= 1] + [self.scale], "weight_decay": 0.0, "top": a.rate},
             {"params": list(self.text.parameters()), "weight_decay": 0.01, "top": a.text_rate}], lr=a.rate, betas=(0.9, 0.98))
        self.photos = len(m.flickr.rows)
        self.steps_an_epoch = self.photos // a.batch
        self.step, self.best = 0, {}
        self.captions_of = [np.flatnonzero(m.own == i) for i in range(self.photos)]
        self.classes = torch.from_numpy(np.concatenate([m.imagenet_class] * 2))
        self.imagenet = len(m.imagenet.rows)

    def rename(self):
        """The class names' vectors by the text encoder as it is now."""
        vectors = torch.from_numpy(image_vectors(self.text_average, self.m.names)).to(self.a.device)
        self.encoder.names["weight"].data, self.average.names["weight"].data = vectors, vectors

    def vector(self, encoder, grid, hidden=None):
        """The whole vector; `hidden` [B] names a class that the stem must not see, -1 for none."""
        net, _ = encoder.net(grid)
        logits = grid.mean(1) @ self.weight.t() + self.bias
        if hidden is not None:
            rows = torch.nonzero(hidden >= 0)[:, 0]
            logits[rows, hidden[rows]] = -1e4
        return F.normalize((1 - self.a.share) * net + self.a.share * encoder.named(logits)[1], dim=-1)

    def named_grids(self, which, views):
        m, n = self.m, self.imagenet
        whole, white = which[which < n], which[which >= n] - n
        parts = [p.grids(w, v) for p, w, v in ((m.imagenet, whole, views[:len(whole)]), (m.white, white, views[len(whole):])) if len(w)]
        return torch.cat(parts), np.concatenate([whole, white + n])

    def losses(self, which):
        a, m, rng = self.a, self.m, self.rng
        n = len(which)
        grid = m.flickr.grids(which, rng.integers(0, 12, n)).to(a.device)
        share = rng.beta(a.mix, a.mix, n)
        share = torch.from_numpy(np.maximum(share, 1 - share).astype(np.float32)).to(a.device)
        other = torch.from_numpy(rng.permutation(n)).to(a.device)
        grid = share[:, None, None] * grid + (1 - share)[:, None, None] * grid[other]
        extra, order = self.named_grids(rng.choice(2 * self.imagenet, a.named, replace=False), rng.integers(0, 12, a.named))
        classes = self.classes[order]
        hidden = torch.cat([torch.full((n,), -1), torch.where(torch.rand(a.named) < 0.5, classes, -1)]).to(a.device)
        classes = classes.to(a.device)
        v = self.vector(self.encoder, torch.cat([grid, extra.to(a.device)]), hidden)
        scale = self.scale.exp().clamp(max=100)
        picked = np.concatenate([rng.choice(self.captions_of[i], a.captions, len(self.captions_of[i]) < a.captions) for i in which])
        texts = self.states.vectors(self.text, picked)
        right = torch.from_numpy(m.own[picked][None] == np.asarray(which)[:, None]).float().to(a.device)
        loss = both_ways(v[:n], texts, share[:, None] * right + (1 - share)[:, None] * right[other], scale)
        loss = loss + a.names * F.cross_entropy(scale * v[n:] @ self.encoder.names["weight"].t(), classes)
        if a.pairs and a.captions > 1:
            loss = loss + a.pairs * both_ways(texts[0::a.captions], texts[1::a.captions], torch.eye(n, device=a.device), torch.tensor(20.0, device=a.device))
        return loss + a.keep * self.outside.loss(self.text, rng) if a.first < 6 else loss

    @torch.no_grad()
    def dev(self):
        m = self.m
        rows = np.arange(len(m.dev.rows))
        image = torch.cat([self.vector(self.average, m.dev.grids(rows[i:i + 64], [0] * 64).to(self.a.device)).cpu()
                           for i in range(0, len(rows), 64)]).numpy()
        text = self.dev_states.all(self.text_average)
        out = recall(ranks_to_images(text, image, m.dev_own, m.dev_captions))
        out["i10"] = recall(ranks_to_texts(image, text, m.dev_own))["r10"]
        out["kept"] = float((text * m.dev_vectors).sum(1).mean())
        return out

    def save(self, path):
        state = {"tower": self.encoder.state_dict(), "average": self.average.state_dict(), "config": self.encoder.config,
                 "text": self.text.updates(), "text_average": self.text_average.updates(), "first": self.a.first,
                 "rank": self.a.rank, "optimiser": self.optimiser.state_dict(), "scale": self.scale.data,
                 "step": self.step, "best": self.best, "class_scale": self.a.class_scale, "args": vars(self.a)}
        torch.save(state, path + ".part")
        os.replace(path + ".part", path)

    def begin_warm(self, folder):
        """Starts from the weights of a bundle."""
        state = image_checkpoint(folder)
        for encoder, text in ((self.encoder, self.text), (self.average, self.text_average)):
            encoder.load_state_dict(state["average"])
            text.take(state["text_average"])

    def resume(self, path):
        state = torch.load(path, map_location=self.a.device, weights_only=False)
        self.encoder.load_state_dict(state["tower"])
        self.average.load_state_dict(state["average"])
        self.text.take(state["text"]), self.text_average.take(state["text_average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.scale.data, self.step, self.best = state["scale"], state["step"], state["best"]


def main():
    a = arguments()
    folder = os.path.join(a.cache, a.name)
    os.makedirs(folder, exist_ok=True)
    trainer = Trainer(a)
    last = os.path.join(folder, "last.pt")
    if os.path.exists(last):
        trainer.resume(last)
    elif a.warm:
        trainer.begin_warm(a.warm)
    for epoch in range(trainer.step // trainer.steps_an_epoch, a.epochs):
        trainer.rename()
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
