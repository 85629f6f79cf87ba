"""Trains a small caption decoder over the audio encoder's tokens; writes CACHE/NAME/last.pt after every epoch.

First a language model of AudioCaps captions without audio, then audio clips with words: phrases of their labels, captions that the
teacher's classes bind to them (bind_captions.py), the teacher's surest class, and "A and B" of two audio clips at once. The encoder
stays as it is. Measured on dev: how often a caption names the animal; and on held-out packages: how often the vector of a
caption is nearest to its clip's label among all labels there.

    python train_audio_captions.py --data DATA --stems FOLDER --bundle ../models/mini --cache DIR [--audio CKPT] [--epochs 12]
"""

import argparse
import copy
import os
import re
import time
from collections import Counter

import numpy as np
import torch

from bind_captions import Captions
from captioner import EOS, Captioner
from export import audio_encoder
from heard import said, table
from names import article
from preprocess import FRAME, FRAMES_MAX, HOP, log_mel, padded_frames, windows
from audios import Labels, Audios, guarded
from text import TextEncoder
from train_audio import HELD, MEL_MEAN, MEL_STD, Crops, mels
from train_captions import Decoding, Words, greedy

PLACES = FRAMES_MAX // 16 * 4


def arguments():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "stems", "bundle"):
        ap.add_argument("--" + name, required=True)
    ap.add_argument("--audio", default="", help="checkpoint of train_audio.py; else the bundle's encoder")
    ap.add_argument("--cache", default=os.path.join(os.path.dirname(__file__), ".cache"))
    ap.add_argument("--name", default="sound_caption")
    ap.add_argument("--epochs", type=int, default=12)
    ap.add_argument("--steps", type=int, default=200, help="an epoch")
    ap.add_argument("--batch", type=int, default=64)
    ap.add_argument("--lines", type=int, default=30000, help="captions of the language model's round")
    ap.add_argument("--captions", type=int, default=4000, help="of AudioCaps, to be bound")
    ap.add_argument("--rate", type=float, default=8e-4)
    ap.add_argument("--d", type=int, default=192)
    ap.add_argument("--encoder", type=int, default=0)
    ap.add_argument("--layers", type=int, default=2)
    ap.add_argument("--ffn", type=int, default=512)
    ap.add_argument("--drop", type=float, default=0.2)
    ap.add_argument("--smooth", type=float, default=0.1)
    ap.add_argument("--ema", type=float, default=0.995)
    ap.add_argument("--seed", type=int, default=1)
    return ap.parse_args()


def class_phrase(name):
    """What a class of the teacher is called in a caption: its first name, counted where that is one thing."""
    first = re.split(r", | \(", name.lower())[0]
    return first if first.endswith(("ing", "s", "music")) else article(first)


class Material:
    """Audio clips with what may be said of them."""

    def __init__(self, a):
        self.guard, self.audios = guarded(a.data, a.cache)
        text = TextEncoder(a.stems, os.path.join(a.bundle, "weights/text.safetensors")).eval()
        self.text, self.labels = text, Labels(a.data, text, a.cache, self.guard)
        self.crops = Crops(self.audios, self.labels, a.seed, 4.0)
        self.held = self.audios.labelled(HELD)
        self.crops.leave_out(self.held)
        bound = Captions(a.data, self.guard, text, self.labels, self.audios, a.captions, a.seed, a.cache)
        self.lines, self.bound = bound.lines, bound.of
        self.phrases = {word: self.told(phrases) for word, (_, phrases) in table(self.labels.display).items()}
        self.classes = [class_phrase(name) for name in self.labels.display]
        self.wide = sorted(set(self.guard.train_lines("text/audiocaps_train_en.txt.gz")))

    @staticmethod
    def told(phrases):
        """Phrases of a label that could stand alone, those that say what happens first and three times as often."""
        own = [p for p in phrases if not p.startswith("the sound of") and " " in p] or phrases[:1]
        acting = [p for p in own if "ing" in p or p.split()[-1].endswith("s")]
        return acting * 3 + own

    def words(self, i, score, rng):
        """A text that may be said of audio clip i, or None."""
        word = self.labels.word(self.audios.rows[i])
        if self.bound[i] and rng.random() < (0.5 if word else 0.85):
            return self.lines[int(rng.choice(self.bound[i]))]
        if word:
            return str(rng.choice(self.phrases[word]))
        return self.classes[int(score.argmax())] if score.max() > 0.35 else None

    def batch(self, count, rng):
        """Log-mels [n, T, 64] of crops, and a text of each; a fifth are two audio clips at once."""
        drawn = []
        while len(drawn) < count:
            i, samples, score, _ = self.crops.crop(int(rng.choice(len(self.crops.p), p=self.crops.p)))
            words = self.words(i, score, rng)
            if words:
                drawn.append((samples, words))
        frames = min(FRAMES_MAX, padded_frames(max(len(s) for s, _ in drawn)))
        size = (frames - 1) * HOP + FRAME
        x, texts = np.zeros((count, size), np.float32), []
        for n, (samples, words) in enumerate(drawn):
            both = [(samples, words)]
            if rng.random() < 0.2:
                other, second = drawn[int(rng.integers(count))]
                if second != words and " and " not in words + second:
                    both.append((other * rng.uniform(0.5, 1.0), second))
            for part, _ in both:
                part = part[:size]
                at = int(rng.integers(0, size - len(part) + 1))
                x[n, at:at + len(part)] += part
            texts.append(" and ".join(w for _, w in both))
            x[n] *= 10 ** rng.uniform(-1.0, 0) / max(1e-3, np.abs(x[n]).max())
            x[n] += rng.standard_normal(size).astype(np.float32) * 10 ** rng.uniform(-4.5, -2.5)
        return mels(torch.from_numpy(x)), texts


class Trainer(Decoding):
    """State of one run."""

    def __init__(self, a):
        torch.manual_seed(a.seed)
        a.device = "cpu"  # where the encoder and what it hears lie
        self.a, self.rng, self.material = a, np.random.default_rng(a.seed), Material(a)
        self.encoder = audio_encoder(a.audio or a.bundle)[0]
        m = self.material
        said_of = [*m.lines, *m.classes, *(p for ps in m.phrases.values() for p in ps)] * 2
        self.words = Words(a.stems, said_of, m.wide)
        features = self.encoder.config["d"]
        self.model = Captioner(self.words.vocab, PLACES, a.d, 4, a.encoder, a.layers, a.ffn, a.drop, features)
        self.average = copy.deepcopy(self.model).eval()
        self.optimiser = torch.optim.AdamW(self.model.parameters(), lr=a.rate, betas=(0.9, 0.98), weight_decay=0.02)
        self.step, self.epoch, self.total = 0, -1, a.epochs * a.steps

    def language(self):
        """A round over captions without audio."""
        lines = [c for c in self.words.encode(self.material.wide) if c]
        lines = sorted((lines[i] for i in self.rng.permutation(len(lines))[:self.a.lines]), key=len)
        groups = [lines[i:i + 256] for i in range(0, len(lines), 256)]
        losses = []
        for n, group in enumerate(self.rng.permutation(len(groups))):
            rows = groups[group]
            loss = self.loss(self.model.no_memory(len(rows)), rows)
            self.update(loss, self.a.rate * min(1.0, (n + 1) / 50))
            losses.append(loss.item())
        self.step = 0
        return float(np.mean(losses[-20:]))

    def audios(self):
        """An epoch of audio with words."""
        self.model.train()
        total = 0.0
        for _ in range(self.a.steps):
            mel, texts = self.material.batch(self.a.batch, self.rng)
            rows = self.words.encode(texts)
            known = [i for i, row in enumerate(rows) if row]
            with torch.no_grad(), self.half():
                tokens = self.encoder.tokens(mel[known])[:, 1:]
            with self.half():
                memory = self.model.memory(tokens.float()).float()
            rows = [rows[i] for i in known]
            loss = self.loss(memory, rows) + 0.1 * self.loss(self.model.no_memory(len(rows[::10])), rows[::10])
            self.update(loss, self.a.rate * min((self.step + 1) / 50, 0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * self.step / self.total))))
            total += loss.item()
        return total / self.a.steps

    @torch.no_grad()
    def said(self, audios, rows):
        """A caption of the first window of each of these audio clips."""
        out = []
        for i in rows:
            mel = (log_mel(windows(audios.audio(i))[0]) - MEL_MEAN) / MEL_STD
            tokens = self.encoder.tokens(torch.from_numpy(mel)[None].float())[:, 1:]
            out.append(self.words.decode(greedy(self.average, self.average.memory(tokens))[0]))
        return out

    def figures(self):
        """Shares of dev captions that name the animal, and of held-out ones that are nearest to their label; the captions."""
        m, dev = self.material, Audios(self.a.cache, "dev.")
        words = {w: {x for p in ps for x in re.findall(r"[a-z]+", p.lower())} - {"a", "an", "the", "of", "on", "in"}
                 for w, ps in ((w, table(m.labels.display)[w][1]) for w in {r["label"] for r in dev.rows})}
        captions = self.said(dev, range(len(dev.rows)))
        named = np.mean([bool(words[r["label"]] & set(re.findall(r"[a-z]+", c))) for r, c in zip(dev.rows, captions)])
        names = [m.audios.rows[i]["label"] for i in m.held]
        other = self.said(m.audios, m.held)
        kinds = sorted(set(names))
        bank = m.text.encode([said(k)[0] for k in kinds])
        like = (m.text.encode(other) @ bank.T).argmax(1)
        nearest = np.mean([kinds[k] == n for k, n in zip(like, names)])
        return {"named": float(named), "nearest": float(nearest), "kinds": len(kinds)}, captions, other

    def save(self, path):
        torch.save({"model": self.model.state_dict(), "average": self.average.state_dict(), "config": self.model.config,
                    "optimiser": self.optimiser.state_dict(), "step": self.step, "epoch": self.epoch, "args": vars(self.a)}, path + ".part")
        os.replace(path + ".part", path)

    def resume(self, path):
        state = torch.load(path, map_location="cpu", weights_only=False)
        self.model.load_state_dict(state["model"]), self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.epoch = state["step"], state["epoch"]


def main():
    a = arguments()
    folder = os.path.join(a.cache, a.name)
    os.makedirs(folder, exist_ok=True)
    trainer, last = Trainer(a), os.path.join(folder, "last.pt")
    print(f"{len(trainer.words.vocab)} words, {sum(p.numel() for p in trainer.model.parameters())} numbers", flush=True)
    if os.path.exists(last):
        trainer.resume(last)
    if trainer.epoch < 0:
        start = time.time()
        print(f"language loss {trainer.language():.3f} {time.time() - start:.0f} s", flush=True)
        trainer.epoch = 0
    for epoch in range(trainer.epoch, a.epochs):
        start = time.time()
        loss = trainer.audios()
        trainer.epoch = epoch + 1
        found, captions, other = trainer.figures()
        common = Counter(captions).most_common(3)
        print(f"epoch {epoch} loss {loss:.3f} {time.time() - start:.0f} s  " + "  ".join(f"{k} {v:.3f}" for k, v in found.items())
              + f"  {len(set(captions))} of {len(captions)} differ, {common}", flush=True)
        trainer.save(last)
    for audios, rows, texts in ((Audios(a.cache, "dev."), None, captions), (trainer.material.audios, trainer.material.held, other)):
        rows = range(len(audios.rows)) if rows is None else rows
        for i, words in list(zip(rows, texts))[::7]:
            print(f"  {audios.rows[i]['label']}: {words}")


if __name__ == "__main__":
    main()
