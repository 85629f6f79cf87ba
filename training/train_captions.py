"""Trains the caption decoder; writes CACHE/NAME/last.pt after every epoch.

First a language model of captions without images (the blank memory), then Flickr8k photos with their captions,
one in ten still without its image, so that the blank image stays a fair rival for reranking. Cross entropy with
label smoothing; an average of the weights (EMA) counts; the epoch is chosen by CIDEr-D on dev. With --contrast photos come
in fours that are said in like words, and the decoder learns which of the four a caption is likeliest of.

    python train_captions.py --data DATA --stems FOLDER --cache DIR [--epochs 14] [--name caption]
"""

import argparse
import copy
import os
import time
from collections import Counter

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

from caption_figures import bleu4, cider_d
from captioner import BOS, EOS, MAX_TOKENS, Captioner
from checkpoints import caption_checkpoint, image_checkpoint
from guard import Guard
from photos import Photos, deep_of

CLS, SEP = 101, 102
GROUP = 4  # photos that are told apart


def arguments():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "stems"):
        ap.add_argument("--" + name, required=True)
    ap.add_argument("--cache", default=os.path.join(os.path.dirname(__file__), ".cache"))
    ap.add_argument("--image", default="", help="checkpoint of train_stem.py or a bundle's folder, whose stem the decoder looks at")
    ap.add_argument("--warm", default="", help="checkpoint of an earlier run, or a bundle's folder, to start from, without a language model's round")
    ap.add_argument("--name", default="caption")
    ap.add_argument("--epochs", type=int, default=14)
    ap.add_argument("--lines", type=int, default=60000, help="captions of the language model's round")
    ap.add_argument("--batch", type=int, default=128, help="photos")
    ap.add_argument("--captions", type=int, default=2, help="of the five of a photo, an epoch")
    ap.add_argument("--rate", type=float, default=8e-4)
    ap.add_argument("--decay", type=float, default=0.05)
    ap.add_argument("--drop", type=float, default=0.3)
    ap.add_argument("--smooth", type=float, default=0.1)
    ap.add_argument("--contrast", type=float, default=0.0, help="weight of telling a caption's photo from three like it")
    ap.add_argument("--near", type=int, default=40, help="how many photos are like a photo")
    ap.add_argument("--d", type=int, default=256)
    ap.add_argument("--encoder", type=int, default=1)
    ap.add_argument("--layers", type=int, default=2)
    ap.add_argument("--ffn", type=int, default=1024)
    ap.add_argument("--ema", type=float, default=0.995)
    ap.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    ap.add_argument("--seed", type=int, default=1)
    return ap.parse_args()


class Words:
    """Our vocabulary: 0 begins, 1 ends, then the WordPieces that captions use."""

    def __init__(self, stems, captions, lines):
        self.tokenizer = Tokenizer.from_file(os.path.join(stems, "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        count = Counter(i for ids in self.pieces(captions) for i in ids)
        wide = Counter(i for ids in self.pieces(lines) for i in ids)
        kept = sorted(i for i in count | wide if count[i] >= 2 or wide[i] >= 10)
        self.vocab = [CLS, SEP, *kept]
        self.ours = {piece: n for n, piece in enumerate(self.vocab)}

    def pieces(self, captions):
        """WordPiece ids of captions without a full stop at their end."""
        return [e.ids for e in self.tokenizer.encode_batch([c.strip().rstrip(".").strip() for c in captions], add_special_tokens=False)]

    def encode(self, captions):
        """Our ids of captions, begin and end included; None where a piece is unknown or the caption too long."""
        out = []
        for ids in self.pieces(captions):
            known = [self.ours.get(i) for i in ids]
            out.append([BOS, *known, EOS] if ids and None not in known and len(known) < MAX_TOKENS - 1 else None)
        return out

    def decode(self, ids):
        return self.tokenizer.decode([self.vocab[i] for i in ids])


def padded(rows):
    """(inputs, targets) [B, T] of rows of ids; -100 where nothing is to be said."""
    longest = max(map(len, rows)) - 1
    x, y = np.full((len(rows), longest), EOS), np.full((len(rows), longest), -100)
    for n, row in enumerate(rows):
        x[n, :len(row) - 1], y[n, :len(row) - 1] = row[:-1], row[1:]
    return torch.from_numpy(x), torch.from_numpy(y)


def near_photos(captions, words, count):
    """[n, count] photos whose captions use the most of a photo's rarer words (cosine of TF-IDF)."""
    said = torch.zeros(len(captions), words)
    for i, rows in enumerate(captions):
        for row in rows:
            said[i, row[1:-1]] += 1
    rare = torch.log(len(said) / (said > 0).sum(0).clamp_min(1))
    said = F.normalize(said.sqrt() * rare, dim=1)
    parts = [said[i:i + 500] @ said.t() for i in range(0, len(said), 500)]
    like = torch.cat(parts).fill_diagonal_(-1.0)
    return like.topk(count, 1).indices.numpy()


@torch.no_grad()
def greedy(model, memory, longest=24):
    """Ids of the likeliest words, without repeating a group of three."""
    ids = torch.full((len(memory), 1), BOS, device=memory.device)
    ended = torch.zeros(len(memory), dtype=torch.bool, device=memory.device)
    for _ in range(longest):
        logits = model(memory, ids)[:, -1]
        for row, words in zip(logits, ids.tolist()):
            for i in range(len(words) - 2):
                if words[i:i + 2] == words[-2:]:
                    row[words[i + 2]] = float("-inf")
        best = torch.where(ended, EOS, logits.argmax(1))
        ids = torch.cat([ids, best[:, None]], 1)
        ended |= best == EOS
        if ended.all():
            break
    return [row[1:row.index(EOS)] if EOS in row else row[1:] for row in ids.tolist()]


class Decoding:
    """Steps of a decoder. Who inherits it has: a (device, smooth, ema), model, average, optimiser and step."""

    def optimise(self):
        """A fresh optimiser, of a.rate and a.decay; vectors do not decay."""
        decay = [p for p in self.model.parameters() if p.ndim > 1]
        rest = [p for p in self.model.parameters() if p.ndim <= 1]
        self.optimiser = torch.optim.AdamW([{"params": decay, "weight_decay": self.a.decay}, {"params": rest, "weight_decay": 0.0}],
                                           lr=self.a.rate, betas=(0.9, 0.98))

    def loss(self, memory, rows):
        x, y = (t.to(self.a.device) for t in padded(rows))
        with self.half():
            logits = self.model(memory, x)
        return F.cross_entropy(logits.float().flatten(0, 1), y.flatten(), ignore_index=-100, label_smoothing=self.a.smooth)

    def told_apart(self, memory, rows):
        """Cross entropy of a caption's own photo among the four of its group, by the caption's likelihood: memory [n, M, d]."""
        n = len(rows)
        x, y = (t.to(self.a.device) for t in padded([row for row in rows for _ in range(GROUP)]))
        others = torch.arange(n, device=memory.device).view(-1, 1, GROUP).expand(-1, GROUP, -1).reshape(-1)
        with self.half():
            logits = self.model(memory[others], x)
        each = F.cross_entropy(logits.float().flatten(0, 1), y.flatten(), ignore_index=-100, reduction="none")
        said = -each.view(n, GROUP, -1).sum(-1)
        return F.cross_entropy(said, torch.arange(n, device=said.device) % GROUP)

    def half(self):
        return torch.autocast(self.a.device.split(":")[0], torch.bfloat16)

    def update(self, loss, rate):
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        keep = min(self.a.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for e, p in zip(self.average.parameters(), self.model.parameters()):
                e.lerp_(p, 1 - keep)
        self.step += 1


class Trainer(Decoding):
    """State of one run."""

    def __init__(self, a):
        torch.manual_seed(a.seed)
        self.a, self.rng, guard = a, np.random.default_rng(a.seed), Guard(a.data)
        image = image_checkpoint(a.image) if a.image else {}
        deep = deep_of(a.stems, image.get("stem_average")).to(a.device)
        self.photos, self.dev_photos = Photos(a.cache, "flickr", deep, guard), Photos(a.cache, "dev", deep)
        lines = guard.train_lines("text/all_image_captions_train_en.txt.gz")
        captions = [c for r in self.photos.rows for c in r["captions"]]
        self.words = Words(a.stems, captions, lines)
        self.captions = [[c for c in self.words.encode(r["captions"]) if c] for r in self.photos.rows]
        picked = self.rng.choice(len(lines), min(a.lines, len(lines)), replace=False)
        self.lines = [c for c in self.words.encode([lines[i] for i in picked]) if c]
        self.model = Captioner(self.words.vocab, deep.grid ** 2, a.d, 4, a.encoder, a.layers, a.ffn, a.drop).to(a.device)
        self.average = copy.deepcopy(self.model).eval()
        self.optimise()
        self.near = near_photos(self.captions, len(self.words.vocab), a.near) if a.contrast else None
        self.step, self.epoch, self.best = 0, -1, {}
        self.total = a.epochs * (len(self.photos.rows) // a.batch)

    def order(self):
        """The photos of an epoch: all once; or groups of a photo and three like it."""
        order = self.rng.permutation(len(self.photos.rows))
        if self.near is None:
            return order
        seeds = order[:len(order) // GROUP * GROUP:GROUP]
        return np.concatenate([[i, *self.rng.choice(self.near[i], GROUP - 1, replace=False)] for i in seeds])

    def language(self):
        """One round over the lines, alike lengths together."""
        self.model.train()
        order = sorted(range(len(self.lines)), key=lambda i: (len(self.lines[i]), self.rng.random()))
        groups = [order[i:i + 256] for i in range(0, len(order), 256)]
        total = 0.0
        for n, group in enumerate(self.rng.permutation(len(groups))):
            rows = [self.lines[i] for i in groups[group]]
            loss = self.loss(self.model.no_memory(len(rows)), rows)
            self.update(loss, self.a.rate * min(1.0, (n + 1) / 50))
            total += loss.item()
        self.step = 0
        return total / len(groups)

    def images(self):
        """One epoch over the photos."""
        a, rng = self.a, self.rng
        self.model.train()
        order, total = self.order(), 0.0
        steps = len(order) // a.batch
        for s in range(steps):
            which = [i for i in order[s * a.batch:(s + 1) * a.batch] if self.captions[i]]
            grid = self.photos.grids(which, rng.integers(0, 12, len(which)))
            with self.half():
                seen = self.model.memory(grid.to(a.device)).float()
            memory = seen.repeat_interleave(a.captions, 0)
            rows = [self.captions[i][k] for i in which for k in rng.choice(len(self.captions[i]), a.captions, len(self.captions[i]) < a.captions)]
            loss = self.loss(memory, rows)
            if a.contrast and len(which) % GROUP == 0:
                loss = loss + a.contrast * self.told_apart(seen, rows[::a.captions])
            blank = rows[::10]
            loss = loss + 0.1 * self.loss(self.model.no_memory(len(blank)), blank)
            self.update(loss, a.rate * min((self.step + 1) / 50, 0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * self.step / self.total))))
            total += loss.item()
        return total / steps

    @torch.no_grad()
    def dev(self, count):
        rows = self.dev_photos.rows[:count]
        memory = torch.cat([self.average.memory(self.dev_photos.grids(range(i, min(i + 64, len(rows))), [0] * 64).to(self.a.device))
                            for i in range(0, len(rows), 64)])
        said = [self.words.decode(ids) for i in range(0, len(rows), 250) for ids in greedy(self.average, memory[i:i + 250])]
        refs = [r["captions"] for r in rows]
        return {"cider": cider_d(said, refs), "bleu4": bleu4(said, refs)}, said

    def save(self, path):
        torch.save({"model": self.model.state_dict(), "average": self.average.state_dict(), "config": self.model.config,
                    "vocab": self.words.vocab, "optimiser": self.optimiser.state_dict(), "step": self.step,
                    "epoch": self.epoch, "best": self.best, "args": vars(self.a)}, path + ".part")
        os.replace(path + ".part", path)

    def begin_warm(self, path):
        """Starts from the averaged weights of an earlier run over the same vocabulary."""
        average = caption_checkpoint(path)["average"]
        if average["vocab"].tolist() != self.words.vocab:
            raise ValueError(f"{path} has another vocabulary than these captions")
        self.model.load_state_dict(average), self.average.load_state_dict(average)
        self.epoch = 0

    def resume(self, path):
        state = torch.load(path, map_location=self.a.device, weights_only=False)
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.epoch, self.best = state["step"], state["epoch"], state["best"]


def main():
    a = arguments()
    folder = os.path.join(a.cache, a.name)
    os.makedirs(folder, exist_ok=True)
    trainer, last = Trainer(a), os.path.join(folder, "last.pt")
    print(f"{len(trainer.words.vocab)} words, {sum(map(len, trainer.captions))} captions, {len(trainer.lines)} lines", flush=True)
    if os.path.exists(last):
        trainer.resume(last)
    elif a.warm:
        trainer.begin_warm(a.warm)
    if trainer.epoch < 0:
        start = time.time()
        loss = trainer.language()
        trainer.epoch = 0
        trainer.save(last)
        print(f"language loss {loss:.3f} {time.time() - start:.0f} s", flush=True)
    for epoch in range(trainer.epoch, a.epochs):
        start = time.time()
        loss = trainer.images()
        trainer.epoch = epoch + 1
        figures, said = trainer.dev(300)
        print(f"epoch {epoch} loss {loss:.3f} {time.time() - start:.0f} s  "
              + "  ".join(f"{k} {v:.4f}" for k, v in figures.items()) + f"  {said[0]!r} {said[7]!r}", flush=True)
        better = figures["cider"] > trainer.best.get("cider", 0)
        trainer.best = figures if better else trainer.best
        trainer.save(last)
        if better:
            trainer.save(os.path.join(folder, "best.pt"))


if __name__ == "__main__":
    main()
