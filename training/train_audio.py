"""Trains the audio tower from random weights; writes CACHE/AUDIO/last.pt after every round.

Losses on random crops, gains, speeds, noises and sums of two sounds: the teacher's class distribution (labels weigh half where
there are any), the teacher's embedding, contrast of the trained vector with the texts of labels (a sum of two sounds has
both as positives), and with captions of AudioCaps that the teacher's classes bind to a sound (bind_captions.py).

    python train_audio.py --data DATA --stems FOLDER --cache DIR [--minutes 30]
"""

import argparse
import copy
import os
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from bind_captions import Captions
from figures import precision_by_label, ranks_to_images, recall
from heard import said
from preprocess import FFT, FRAME, FRAMES_MAX, HANN, HOP, LOG_OFFSET, MEL, WINDOW, log_mel, padded_frames, windows
from sounds import Labels, Sounds, guarded
from text import TextTower
from towers import AudioTower, warm

MEL_MEAN, MEL_STD = -4.0, 2.5
HELD = ["gcompris-qt-data", "supertuxkart-data"]  # packages that measure instead of training


def mels(samples):
    """Normalised log-mels [B, T, 64] of [B, n] samples: the batched twin of preprocess.log_mel."""
    frames = samples.unfold(1, FRAME, HOP) * torch.from_numpy(HANN)
    return (torch.log(torch.fft.rfft(frames, FFT).abs() @ torch.from_numpy(MEL) + LOG_OFFSET) - MEL_MEAN) / MEL_STD


def arguments():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--data", required=True)
    ap.add_argument("--stems", required=True)
    ap.add_argument("--text", default="", help="low-rank updates of the text tower: models/mini/weights/text.safetensors")
    ap.add_argument("--cache", default=os.path.join(os.path.dirname(__file__), ".cache"))
    ap.add_argument("--name", default="audio")
    ap.add_argument("--minutes", type=float, default=30, help="the schedule ends after so much time of training")
    ap.add_argument("--batch", type=int, default=64)
    ap.add_argument("--rate", type=float, default=1.2e-3)
    ap.add_argument("--d", type=int, default=192)
    ap.add_argument("--layers", type=int, default=3)
    ap.add_argument("--ffn", type=int, default=384)
    ap.add_argument("--share", type=float, default=0.4, help="share of the class names: the gate is a constant so far")
    ap.add_argument("--longest", type=float, default=2.2, help="seconds of most crops")
    ap.add_argument("--captions", type=int, default=4000, help="how many captions of AudioCaps are bound; 0: none")
    ap.add_argument("--hold", nargs="*", default=HELD,
                    help="packages whose labelled sounds do not train but measure")
    ap.add_argument("--warm", default="", help="bundle folder to start from where no checkpoint is left")
    ap.add_argument("--every", type=float, default=200, help="seconds from one measuring and writing to the next")
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return ap.parse_args()


class Crops:
    """Draws augmented batches."""

    WEIGHT = {"animal_sounds": 5.0, "esc10_babycry": 3.0, "extra": 1.0, "rendered": 0.7, "variant": 0.7, "dirt_samples": 0.6,
              "fsdd": 0.1, "spoken_flickr8k": 0.4}

    def __init__(self, sounds, labels, seed, longest, captions=None):
        self.sounds, self.labels, self.longest, self.captions = sounds, labels, int(longest * 16000), captions
        self.rng = np.random.default_rng(seed)
        words = [labels.word(r) for r in sounds.rows]
        count = {}
        for r, w in zip(sounds.rows, words):
            count[r["source"], w] = count.get((r["source"], w), 0) + 1
        self.p = np.array([self.weight(r, w, count[r["source"], w]) for r, w in zip(sounds.rows, words)])
        self.p /= self.p.sum()

    def leave_out(self, rows):
        """Never draws these again."""
        self.p[rows] = 0
        self.p /= self.p.sum()

    def weight(self, row, word, count):
        """Rare labels more often, but no sound more than four times as often as its source's share."""
        base = self.WEIGHT[row["source"]]
        if row["source"] == "animal_sounds":
            return base * min(4.0, (60 / count) ** 0.5)
        return base * (min(4.0, (40 / count) ** 0.5) if word and row["source"] in ("extra", "rendered") else 1.0)

    def crop(self, i):
        """Samples of a random part, and the teacher's scores and embedding there."""
        rng, s = self.rng, self.sounds.sound(i)
        limit = WINDOW if rng.random() < 0.08 else int(self.longest * rng.uniform(0.45, 1.0))
        begin = int(rng.integers(0, max(1, len(s) - limit + 1)))
        score, embed = self.sounds.teacher(i, begin, begin + min(limit, len(s)))
        part = s[begin:begin + limit]
        peak = np.abs(part).max()
        if peak < 1e-3:
            return self.crop(int(rng.choice(len(self.p), p=self.p)))
        if rng.random() < 0.4 and len(part) > 1000:
            speed = rng.uniform(0.88, 1.14)
            part = np.interp(np.arange(0, len(part) - 1, speed), np.arange(len(part)), part).astype(np.float32)
        return i, part / peak, score, embed

    def target(self, i, score):
        """Class distribution [521] and the label's word, or the teacher's surest class as a word."""
        q = np.where(score > 0.03, score, 0)
        total = q.sum()
        q = q / total if total > 0 else np.full(521, 1 / 521)
        word = self.labels.word(self.sounds.rows[i])
        classes = self.labels.groups[word][0] if word else []
        if classes:
            known = np.zeros(521)
            known[classes] = 1 / len(classes)
            q = 0.4 * q + 0.6 * known
        return q.astype(np.float32), word, int(score.argmax()) if score.max() > 0.35 else None

    def positives(self, word, top):
        """Rows of the bank that are right, and rows that are neither right nor wrong."""
        if word:
            classes, phrases = self.labels.groups[word]
            near = np.concatenate([self.labels.near[k] for k in phrases])
            return phrases, [*classes, *near, *([top] if top is not None else [])]
        return ([top], self.labels.near[top]) if top is not None else ([], [])

    def batches(self, batch, count=4):
        """`count` batches of like lengths."""
        drawn = sorted((self.crop(int(i)) for i in self.rng.choice(len(self.p), batch * count, p=self.p)), key=lambda c: len(c[1]))
        parts = [drawn[k * batch:(k + 1) * batch] for k in range(count)]
        self.rng.shuffle(parts)
        return [self.collate(p) for p in parts]

    def collate(self, part):
        rng, bank = self.rng, len(self.labels.bank)
        frames = min(FRAMES_MAX, padded_frames(max(len(c[1]) for c in part)))
        size = (frames - 1) * HOP + FRAME
        x = np.zeros((len(part), size), np.float32)
        q, e = np.zeros((len(part), 521), np.float32), np.zeros((len(part), 1024), np.float32)
        right, free = np.zeros((len(part), bank), bool), np.zeros((len(part), bank), bool)
        spoken = []
        for n, (i, s, score, embed) in enumerate(part):
            mixed = [(i, s, score, 1.0)]
            if rng.random() < 0.3:
                j, other, second, _ = part[int(rng.integers(len(part)))]
                mixed.append((j, other, second, rng.uniform(0.3, 1.0)))
            for i2, s2, score2, gain in mixed:
                s2 = s2[:size]
                at = int(rng.integers(0, size - len(s2) + 1))
                x[n, at:at + len(s2)] += gain * s2
                q2, word, top = self.target(i2, score2)
                q[n] += gain * q2
                yes, neither = self.positives(word, top)
                right[n, yes], free[n, neither] = True, True
            q[n] /= q[n].sum()
            e[n] = embed if len(mixed) == 1 else 0
            spoken.append(self.captions.draw(rng, i) if self.captions and len(mixed) == 1 else -1)
            x[n] *= 10 ** rng.uniform(-1.3, 0) / max(1e-3, np.abs(x[n]).max())
            if rng.random() < 0.6:
                x[n] += rng.standard_normal(size).astype(np.float32) * 10 ** rng.uniform(-4.5, -2)
        mel = mels(torch.from_numpy(x))
        tilt = torch.from_numpy(rng.standard_normal((len(part), 1, 4)).astype(np.float32) * 0.25)
        mel = mel + F.interpolate(tilt, size=64, mode="linear", align_corners=True)
        for n in range(len(part)):
            if rng.random() < 0.4:
                f, t = int(rng.integers(0, 56)), int(rng.integers(0, max(1, frames - 12)))
                mel[n, :, f:f + int(rng.integers(1, 9))] = mel[n].mean()
                mel[n, t:t + int(rng.integers(1, 1 + frames // 8)), :] = mel[n].mean()
        return mel, torch.from_numpy(q), torch.from_numpy(e), torch.from_numpy(right), torch.from_numpy(free & ~right), np.array(spoken)


def contrast(v, bank, right, free, scale):
    """Each right text against all that are neither right nor free."""
    logits = scale * v @ bank.t()
    wrong = logits.masked_fill(right | free, float("-inf")).logsumexp(1)
    rows, cols = right.nonzero(as_tuple=True)
    if len(rows) == 0:
        return logits.sum() * 0
    each = F.softplus(wrong[rows] - logits[rows, cols])
    share = 1 / right.sum(1).clamp_min(1).float()
    return (each * share[rows]).sum() / len(v)


def caption_contrast(v, spoken, vectors, scale, alike=0.6):
    """Each sound's caption against the other sounds' captions, those of like words left out; both ways."""
    rows = np.flatnonzero(spoken >= 0)
    if len(rows) < 2:
        return v.sum() * 0
    t = vectors[spoken[rows]].to(v.device)
    other = (t @ t.t() > alike) & ~torch.eye(len(rows), dtype=torch.bool, device=v.device)
    logits = (scale * v[rows] @ t.t()).masked_fill(other, float("-inf"))
    own = torch.arange(len(rows), device=v.device)
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits.t(), own)) / 2


@torch.no_grad()
def wake_norms(tower, mel):
    """Sets the batch norms, which export folds away, to what leaves a batch [B, T, 64] as it is."""
    x = mel[:, None]
    for conv, bn in zip(tower.stem, tower.bn):
        x = conv(x)
        mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
        for kept, value in ((bn.running_mean, mean), (bn.running_var, var), (bn.bias, mean), (bn.weight, (var + bn.eps).sqrt())):
            kept.copy_(value)
        x = F.relu(x)


@torch.no_grad()
def vectors(tower, sounds, rows):
    """For each row trained vectors and class-name vectors of its windows."""
    out = []
    for i in rows:
        parts = [(log_mel(w) - MEL_MEAN) / MEL_STD for w in windows(sounds.sound(i))]
        outs = [tower.parts(torch.from_numpy(p)[None].float()) for p in parts]
        out.append((torch.cat([o[0] for o in outs]), torch.cat([tower.named(o[1])[1] for o in outs])))
    return out


@torch.no_grad()
def held_figures(tower, sounds, rows, query, shares=(0.0, 0.2, 0.4, 0.6, 0.8)):
    """R@10 of labels' first phrases among the held-out labelled sounds, for shares of the class names."""
    tower.eval()
    found = vectors(tower, sounds, rows)
    names = [sounds.rows[i]["label"] for i in rows]
    text, out = np.stack([query[n] for n in names]), {}
    for g in shares:
        best = np.stack([(F.normalize((1 - g) * n + g * c, dim=-1).numpy() @ text.T).max(0) for n, c in found])
        ranks = ranks_to_images(np.eye(len(rows), dtype=np.float32), best, np.arange(len(rows)), names)
        out[g] = recall(ranks)["r10"]
    return out


@torch.no_grad()
def dev_figures(tower, dev, query, gate=None):
    """p10 over the labels with the trained vector, the class names, and a fixed mixture of both."""
    tower.eval()
    labels = [r["label"] for r in dev.rows]
    nets, names = zip(*vectors(tower, dev, range(len(dev.rows))))
    out = {}
    for key, g in (("net", 0.0), ("half", 0.5), ("names", 1.0)):
        scores = {l: np.array([float((F.normalize((1 - g) * n + g * c, dim=-1) @ t).max()) for n, c in zip(nets, names)])
                  for l, t in query.items()}
        found = precision_by_label(scores, labels)
        out[key] = float(np.mean([p for p, _ in found.values()]))
    return out


def main():
    a = arguments()
    torch.manual_seed(a.seed)
    folder = os.path.join(a.cache, a.name)
    os.makedirs(folder, exist_ok=True)
    guard, sounds = guarded(a.data, a.cache)
    text = TextTower(a.stems, a.text).eval()
    labels, dev = Labels(a.data, text, a.cache, guard), Sounds(a.cache, "dev.")
    words = sorted({r["label"] for r in dev.rows})
    query = dict(zip(words, torch.from_numpy(text.encode([f"the sound of a {w}" for w in words]))))
    held = sounds.labelled(a.hold)
    held_words = sorted({sounds.rows[i]["label"] for i in held})
    held_query = dict(zip(held_words, text.encode([said(w)[0] for w in held_words]))) if held else {}
    captions = Captions(a.data, guard, text, labels, sounds, a.captions, a.seed, a.cache) if a.captions else None
    crops = Crops(sounds, labels, a.seed, a.longest, captions)
    crops.leave_out(held)
    tower = AudioTower(a.d, 4, a.layers, a.ffn).to(a.device)
    tower.names["weight"].data = torch.from_numpy(labels.classes).to(a.device)
    nn.init.constant_(tower.gate["fc2"].bias, float(np.log(a.share / (1 - a.share))))
    project = nn.Linear(a.d, 1024).to(a.device)
    scale = nn.Parameter(torch.tensor(2.7, device=a.device))
    average = copy.deepcopy(tower)
    parameters = [p for n, p in tower.named_parameters() if p.requires_grad and not n.startswith("gate")]
    optimiser = torch.optim.AdamW([*parameters, *project.parameters(), scale], lr=a.rate, weight_decay=0.03, betas=(0.9, 0.98))
    bank = torch.from_numpy(labels.bank).to(a.device)
    last, spent, step = os.path.join(folder, "last.pt"), 0.0, 0
    if os.path.exists(last):
        s = torch.load(last, map_location=a.device, weights_only=False)
        tower.load_state_dict(s["tower"]), average.load_state_dict(s["average"]), project.load_state_dict(s["project"])
        optimiser.load_state_dict(s["optimiser"])
        scale.data, spent, step = s["scale"], s["spent"], s["step"]
    elif a.warm:
        mel = crops.batches(a.batch)[0][0].to(a.device)
        for one in (tower, average):
            warm(one, os.path.join(a.warm, "weights/audio.safetensors"), "audio.")
            wake_norms(one, mel)
    for one in (tower, average):  # the names follow the text tower, also where a checkpoint began with another; so does the share
        one.names["weight"].data = torch.from_numpy(labels.classes).to(a.device)
        nn.init.constant_(one.gate["fc2"].bias, float(np.log(a.share / (1 - a.share))))
    total, shown, sums = a.minutes * 60, time.time(), np.zeros(4)
    while spent < total:
        start = time.time()
        tower.train()
        for mel, q, e, right, free, spoken in crops.batches(a.batch):
            for group in optimiser.param_groups:
                group["lr"] = a.rate * min(1, (step + 1) / 60) * (0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * min(1, spent / total))))
            # Products of 16 bits: the step takes two thirds of the time on a CPU that has them.
            with torch.autocast(torch.device(a.device).type, torch.bfloat16):
                v, logits, features = (x.float() for x in tower.parts(mel.to(a.device)))
            heard = e.abs().sum(1) > 0
            losses = [-(q.to(a.device) * logits.log_softmax(1)).sum(1).mean(),
                      contrast(v, bank, right.to(a.device), free.to(a.device), scale.exp().clamp(max=60)),
                      1 - F.cosine_similarity(project(features[heard]), e[heard].to(a.device), dim=1).mean(),
                      caption_contrast(v, spoken, captions.vectors, scale.exp().clamp(max=60)) if captions else v.sum() * 0]
            optimiser.zero_grad(set_to_none=True)
            (losses[0] + losses[1] + 2 * losses[2] + 0.3 * losses[3]).backward()
            nn.utils.clip_grad_norm_(tower.parameters(), 3.0)
            optimiser.step()
            step += 1
            keep = min(0.995, (1 + step) / (10 + step))
            with torch.no_grad():
                for x, y in zip(average.state_dict().values(), tower.state_dict().values()):
                    x.copy_(y) if not x.dtype.is_floating_point else x.lerp_(y, 1 - keep)
            sums += [float(l.detach()) for l in losses]
        spent += time.time() - start
        if time.time() - shown > a.every or spent >= total:
            figures = dev_figures(average, dev, query)
            print(f"{a.name} step {step} {spent:.0f} s scale {scale.exp().item():.1f} classes/contrast/embedding/captions "
                  f"{(sums / max(1, step - getattr(main, 'at', 0))).round(3)} p10 "
                  + " ".join(f"{k} {v:.3f}" for k, v in figures.items()) + " held-out packages R@10 by share of names "
                  + " ".join(f"{k} {v:.3f}" for k, v in (held_figures(average, sounds, held, held_query) if held else {}).items()), flush=True)
            main.at, sums, shown = step, np.zeros(4), time.time()
            torch.save({"tower": tower.state_dict(), "average": average.state_dict(), "project": project.state_dict(),
                        "optimiser": optimiser.state_dict(), "scale": scale.data, "spent": spent, "step": step,
                        "config": tower.config, "mel_mean": MEL_MEAN, "mel_std": MEL_STD, "figures": figures}, last + ".part")
            os.replace(last + ".part", last)


if __name__ == "__main__":
    main()
