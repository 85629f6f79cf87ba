"""Trains the encoder of German, French and Czech towards the English text encoder, which stays as it is (arXiv:2004.09813);
writes CACHE/NAME/last.pt after every round.

Loss: of each text, its English counterpart's vector among those of the batch and of a bank of others (and the other way
round in the batch), and the cosine to it. First a bag of pieces, which is quick and brings the vocabulary into place, then
the layers on top. Pieces are cut at random (BPE dropout) and left out at random. An average of the weights (EMA) counts.

    python train_languages.py --data DATA --stems FOLDER --text text.safetensors --words FOLDER --wordnet FOLDER
        [--gcompris FOLDER] [--emoji FOLDER] --cache DIR
"""

import argparse
import copy
import json
import os
import time

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

from guard import Guard, PARALLEL, PARALLEL_HELD_LINES, lines
from languages import LANGUAGES, Sources, material
from text import TextEncoder
from encoder_languages import LanguageEncoder, vocabulary


def arguments():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "stems", "text"):
        ap.add_argument("--" + name, required=True)
    Sources.arguments(ap)
    ap.add_argument("--cache", default=os.path.join(os.path.dirname(__file__), ".cache"))
    ap.add_argument("--name", default="languages")
    ap.add_argument("--pieces", type=int, default=16000)
    ap.add_argument("--d", type=int, default=256)
    ap.add_argument("--layers", type=int, default=2)
    ap.add_argument("--ffn", type=int, default=512)
    ap.add_argument("--drop", type=float, default=0.1)
    ap.add_argument("--forget", type=float, default=0.08, help="share of pieces left out")
    ap.add_argument("--pieces-drop", type=float, default=0.08, help="of BPE merges")
    ap.add_argument("--bag", type=int, default=800, help="steps without layers")
    ap.add_argument("--steps", type=int, default=3000, help="steps with layers")
    ap.add_argument("--minutes", type=float, default=0, help="of the steps with layers, instead of a number of them; no resuming")
    ap.add_argument("--batch", type=int, default=384, help="captions a batch")
    ap.add_argument("--rate", type=float, default=1e-3)
    ap.add_argument("--bag-rate", type=float, default=6e-3)
    ap.add_argument("--scale", type=float, default=20.0)
    ap.add_argument("--cosine", type=float, default=2.0, help="weight of the cosine")
    ap.add_argument("--bank", type=int, default=1024)
    ap.add_argument("--ema", type=float, default=0.997)
    ap.add_argument("--every", type=int, default=200, help="steps a round")
    ap.add_argument("--seed", type=int, default=1)
    return ap.parse_args()


def held(data):
    """The 1,000 lines for measuring: {language: [texts]}, English among them."""
    rows = [line.split("\t") for line in lines(os.path.join(data, PARALLEL))[-PARALLEL_HELD_LINES:]]
    return dict(zip(("en", *LANGUAGES), map(list, zip(*rows))))


def recall(queries, gallery, own, depths=(1, 10)):
    """Share of queries whose own row is among the first; rows that are equal to it and stand before it count against it."""
    scores = queries @ gallery.T
    ranks = (scores >= scores[np.arange(len(own)), own][:, None]).sum(1)
    return {f"r{k}": float((ranks <= k).mean()) for k in depths}


class Part:
    """Pairs of one kind and the English vectors' places."""

    def __init__(self, rows, place):
        self.texts = [text for _, text, _ in rows]
        self.target = np.array([place[english] for _, _, english in rows])
        names = np.array([language for language, _, _ in rows])
        self.by = [np.flatnonzero(names == language) for language in LANGUAGES]
        self.order, self.at = [r.copy() for r in self.by], [len(r) for r in self.by]

    def take(self, rng, counts):
        """This many of each language, every one before any comes again."""
        out = []
        for i, count in enumerate(counts):
            if self.at[i] + count > len(self.order[i]):
                rng.shuffle(self.order[i])
                self.at[i] = 0
            out.append(self.order[i][self.at[i]:self.at[i] + count])
            self.at[i] += count
        return np.concatenate(out)


class Trainer:
    def __init__(self, a, folder):
        torch.manual_seed(a.seed)
        self.a, self.rng, guard = a, np.random.default_rng(a.seed), Guard(a.data)
        english = TextEncoder(a.stems, a.text).eval()
        known = {w for w in english.tokenizer.get_vocab() if w.isalpha()}
        found = material(guard, Sources(a), known)
        for rows in found.values():
            guard.check_texts([t for row in rows for t in row[1:] if "joined" not in row])
        texts = sorted({row[2] for rows in found.values() for row in rows})
        print({name: len(rows) for name, rows in found.items()}, len(texts), "English texts to encode", flush=True)
        self.vectors = torch.from_numpy(english.cached(texts, a.cache, "languages"))
        place = {text: i for i, text in enumerate(texts)}
        self.parts = {name: Part(rows, place) for name, rows in found.items()}
        path = os.path.join(folder, "tokenizer.json")
        if not os.path.exists(path):
            own = [r[1] for r in found["captions"]] * 2 + guard.train_lines("text/multi30k_de.txt.gz")
            own += [r[1] for name in ("words", "nouns", "phrases") for r in found[name]]
            own += [r[1] for r in found["sentences"]]
            own += [r[1] for name in ("words", "nouns", "phrases") for r in found[name] if r[0] == "fr"] * 3
            vocabulary(own, a.pieces).save(path)
        with open(path, encoding="utf-8") as f:
            self.text = f.read()
        self.random = Tokenizer.from_str(self.text)
        self.random.model.dropout = a.pieces_drop
        self.encoder = LanguageEncoder(Tokenizer.from_str(self.text), d=a.d, layers=a.layers, ffn=a.ffn, drop=a.drop, forget=a.forget)
        self.average = copy.deepcopy(self.encoder).eval()
        self.held = held(a.data)
        self.held_english = english.encode(self.held["en"])
        self.step, self.ready = 0, []
        print(self.encoder.config, flush=True)
        self.begin(True)

    def begin(self, bag):
        """A new optimiser, for the bag or for all."""
        rate = self.a.bag_rate if bag else self.a.rate
        named = list(self.encoder.named_parameters())
        matrices = [p for n, p in named if p.ndim > 1 and n not in ("words", "pos")]
        others = [p for n, p in named if p.ndim == 1 or n in ("words", "pos")]
        self.optimiser = torch.optim.AdamW([{"params": matrices, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}],
                                           lr=rate, betas=(0.9, 0.98))
        self.top, self.start = rate, time.time()

    def batches(self):
        """Batches of (ids, targets); texts of about one length together."""
        if not self.ready:
            n, texts, target = self.a.batch, [], []
            for name, counts in (("captions", (n // 3,) * 3), ("joined", (3, 3, 3)), ("sentences", (n // 10, n // 10, n // 24)), ("words", (n // 10, n // 16, n // 12)),
                                 ("nouns", (n // 5, n // 5, n // 5)), ("phrases", (n // 8, n // 8, n // 8))):
                part = self.parts[name]
                rows = part.take(self.rng, [c * 6 for c in counts])
                texts += [part.texts[i] for i in rows]
                target.append(part.target[rows])
            target = np.concatenate(target)
            coded = [c.ids[:256] for c in self.random.encode_batch(texts)]
            order = np.array(sorted(range(len(coded)), key=lambda i: len(coded[i])))
            tokens = np.cumsum([len(coded[i]) for i in order])
            cuts = np.searchsorted(tokens, tokens[-1] * np.arange(1, 6) / 6)
            self.ready = [([coded[i] for i in rows], torch.from_numpy(target[rows])) for rows in np.split(order, cuts)]
            self.rng.shuffle(self.ready)
        return self.ready.pop()

    def loss(self, bag):
        a, (coded, target) = self.a, self.batches()
        with torch.autocast("cpu", torch.bfloat16, enabled=not bag):
            v = self.encoder(*self.encoder.batch(coded), bag=bag)
        v = v.float()
        bank = torch.from_numpy(self.rng.integers(0, len(self.vectors), a.bank))
        own, others = self.vectors[target], self.vectors[bank]
        logits = a.scale * v @ torch.cat([own, others]).t()
        near = own @ torch.cat([own, others]).t() > 0.9
        near[:, :len(own)].fill_diagonal_(False)
        logits = logits.masked_fill(near, -1e4)
        right = torch.arange(len(own))
        there, back = F.cross_entropy(logits, right), F.cross_entropy(logits[:, :len(own)].t(), right)
        return there + 0.5 * back + a.cosine * (1 - (v * own).sum(1)).mean()

    def factor(self, bag):
        if bag:
            share = self.step / self.a.bag
        elif self.a.minutes:
            share = min(1.0, (time.time() - self.start) / 60 / self.a.minutes)
        else:
            share = (self.step - self.a.bag) / self.a.steps if self.a.steps else 1.0
        return min(1.0, (self.step % max(1, self.a.bag) + 1) / 100) * (0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * share))), share

    def round(self, bag):
        self.encoder.train()
        total, start = 0.0, time.time()
        for _ in range(self.a.every):
            factor, _ = self.factor(bag)
            for group in self.optimiser.param_groups:
                group["lr"] = self.top * factor
            loss = self.loss(bag)
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.encoder.parameters(), 1.0)
            self.optimiser.step()
            self.step += 1
            keep = min(self.a.ema, (1 + self.step) / (10 + self.step))
            with torch.no_grad():
                for e, p in zip(self.average.parameters(), self.encoder.parameters()):
                    e.lerp_(p, 1 - keep)
            total += loss.item()
        return total / self.a.every, time.time() - start

    def figures(self, bag):
        out = {}
        for language in LANGUAGES:
            self.average.tokenizer.model.dropout = None
            if bag:
                self.average.layers, layers = torch.nn.ModuleList(), self.average.layers
            vectors = self.average.encode(self.held[language])
            if bag:
                self.average.layers = layers
            out[language] = recall(vectors, self.held_english, np.arange(len(vectors)))["r1"]
        return out

    def save(self, path):
        torch.save({"tower": self.encoder.state_dict(), "average": self.average.state_dict(), "config": self.encoder.config,
                    "tokenizer": self.text, "step": self.step, "optimiser": self.optimiser.state_dict(), "args": vars(self.a)}, path + ".part")
        os.replace(path + ".part", path)

    def resume(self, path):
        state = torch.load(path, map_location="cpu", weights_only=False)
        self.encoder.load_state_dict(state["tower"])
        self.average.load_state_dict(state["average"])
        self.step = state["step"]
        if self.step != self.a.bag:
            self.begin(self.step < self.a.bag)
            self.optimiser.load_state_dict(state["optimiser"])


def main():
    a = arguments()
    folder = os.path.join(a.cache, a.name)
    os.makedirs(folder, exist_ok=True)
    trainer, last = Trainer(a, folder), os.path.join(folder, "last.pt")
    if os.path.exists(last):
        trainer.resume(last)
    while True:
        bag = trainer.step < a.bag
        if trainer.step == a.bag:
            trainer.begin(False)
        if not bag and trainer.factor(False)[1] >= 1:
            break
        loss, seconds = trainer.round(bag)
        print(f"step {trainer.step} loss {loss:.3f} {seconds:.0f} s  R@1 " + json.dumps(trainer.figures(bag)), flush=True)
        trainer.save(last)


if __name__ == "__main__":
    main()
