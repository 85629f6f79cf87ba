"""Trains the audio encoder from random weights or (--warm) a bundle's; writes CACHE/AUDIO/last.pt after every round.

Losses on random crops, gains, speeds, noises and sums of two audio clips: the teacher's class distribution (labels weigh half where
there are any), the teacher's embedding, contrast of the trained vector with the texts of labels (a sum of two audio clips has
both as positives), with captions of AudioCaps that the teacher's classes bind to an audio clip (bind_captions.py), and towards the
mean vector of earlier encoders (--distil), whose text encoder must be the same.

    python train_audio.py --data DATA --stems FOLDER --cache DIR [--minutes 30]
    python train_audio.py --pack FOLDER --cache DIR --device cuda      a pack of pack_audio.py on a machine without the data

On CUDA (or with --on-device) batches are made on the device (device_crops.py), else by numpy.
"""

import argparse
import copy
import os
import time

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn

from bind_captions import Captions
from device_crops import DeviceCrops
from figures import precision_by_label, ranks_to_images, recall
from heard import said
from preprocess import FFT, FRAME, FRAMES_MAX, HANN, HOP, LOG_OFFSET, MEL, WINDOW, log_mel, padded_frames, windows
from audios import Labels, Audios, guarded
from text import TextEncoder
from encoders import AudioEncoder, warm

MEL_MEAN, MEL_STD = -4.0, 2.5
HELD = ["gcompris-qt-data", "supertuxkart-data"]  # packages that measure instead of training


def mels(samples):
    """Normalised log-mels [B, T, 64] of [B, n] samples: the batched twin of preprocess.log_mel."""
    frames = samples.unfold(1, FRAME, HOP) * torch.from_numpy(HANN)
    return (torch.log(torch.fft.rfft(frames, FFT).abs() @ torch.from_numpy(MEL) + LOG_OFFSET) - MEL_MEAN) / MEL_STD


def arguments():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--data", default="")
    ap.add_argument("--stems", default="")
    ap.add_argument("--pack", default="", help="folder of pack_audio.py instead of --data and --stems; measures nothing")
    ap.add_argument("--on-device", action="store_true", help="make batches on the device also where it is a CPU")
    ap.add_argument("--distil", nargs="*", default=[], help="audio.safetensors of earlier editions with the same text encoder")
    ap.add_argument("--distil-weight", type=float, default=1.0)
    ap.add_argument("--average", type=float, default=0.995, help="share of the mean weights that a step leaves")
    ap.add_argument("--text", default="", help="low-rank updates of the text encoder: models/mini/weights/text.safetensors")
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
                    help="packages whose labelled clips do not train but measure")
    ap.add_argument("--warm", default="", help="bundle folder to start from where no checkpoint is left")
    ap.add_argument("--every", type=float, default=200, help="seconds from one measuring and writing to the next")
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return ap.parse_args()


class Crops:
    """Draws augmented batches."""

    WEIGHT = {"animal_sounds": 5.0, "esc10_babycry": 3.0, "extra": 1.0, "rendered": 0.7, "variant": 0.7, "dirt_samples": 0.6,
              "fsdd": 0.1, "spoken_flickr8k": 0.4, "orchestra": 2.0, "snap": 4.0, "esc50_part": 5.0, "ambient": 4.0, "emoji": 5.0,
              "typer": 5.0, "baby": 3.0}
    VARIANTS = 4000  # more of them weigh no more than so many

    def __init__(self, audios, labels, seed, longest, captions=None):
        self.audios, self.labels, self.longest, self.captions = audios, labels, int(longest * 16000), captions
        self.rng = np.random.default_rng(seed)
        words = [labels.word(r) for r in audios.rows]
        count = {}
        for r, w in zip(audios.rows, words):
            count[r["source"], w] = count.get((r["source"], w), 0) + 1
        self.p = np.array([self.weight(r, w, count[r["source"], w]) for r, w in zip(audios.rows, words)])
        self.p /= self.p.sum()

    def leave_out(self, rows):
        """Never draws these again."""
        self.p[rows] = 0
        self.p /= self.p.sum()

    def weight(self, row, word, count):
        """Rare labels more often, but no audio clip more than four times as often as its source's share."""
        base = self.WEIGHT[row["source"]]
        if row["source"] == "variant":
            return base * min(1.0, self.VARIANTS / count)
        if row["source"] == "animal_sounds":
            return base * min(4.0, (60 / count) ** 0.5)
        return base * (min(4.0, (40 / count) ** 0.5) if word and row["source"] in ("extra", "rendered") else 1.0)

    def crop(self, i):
        """Samples of a random part, and the teacher's scores and embedding there."""
        rng, s = self.rng, self.audios.audio(i)
        limit = WINDOW if rng.random() < 0.08 else int(self.longest * rng.uniform(0.45, 1.0))
        begin = int(rng.integers(0, max(1, len(s) - limit + 1)))
        score, embed = self.audios.teacher(i, begin, begin + min(limit, len(s)))
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
        word = self.labels.word(self.audios.rows[i])
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
        mel = clean = mels(torch.from_numpy(x))
        tilt = torch.from_numpy(rng.standard_normal((len(part), 1, 4)).astype(np.float32) * 0.25)
        mel = mel + F.interpolate(tilt, size=64, mode="linear", align_corners=True)
        for n in range(len(part)):
            if rng.random() < 0.4:
                f, t = int(rng.integers(0, 56)), int(rng.integers(0, max(1, frames - 12)))
                mel[n, :, f:f + int(rng.integers(1, 9))] = mel[n].mean()
                mel[n, t:t + int(rng.integers(1, 1 + frames // 8)), :] = mel[n].mean()
        return (mel, clean, torch.from_numpy(q), torch.from_numpy(e), torch.from_numpy(right), torch.from_numpy(free & ~right),
                torch.from_numpy(np.array(spoken)))


def contrast(v, bank, right, free, scale):
    """Each right text against all that are neither right nor free."""
    logits = scale * v @ bank.t()
    wrong = logits.masked_fill(right | free, -1e4).logsumexp(1, keepdim=True)
    share = right / right.sum(1, keepdim=True).clamp_min(1)
    return (F.softplus(wrong - logits) * share).sum() / len(v)


def caption_contrast(v, spoken, vectors, scale, alike=0.6):
    """Each audio clip's caption against the other clips' captions, those of like words left out; both ways."""
    told = spoken >= 0
    t = vectors[spoken.clamp_min(0)]
    own = torch.eye(len(v), dtype=torch.bool, device=v.device)
    other = ((t @ t.t() > alike) | ~told[:, None] | ~told) & ~own
    logits = (scale * v @ t.t()).masked_fill(other, -1e4)
    each = -(logits.log_softmax(1).diagonal() + logits.log_softmax(0).diagonal()) / 2
    return (each * told).sum() / told.sum().clamp_min(1)


@torch.no_grad()
def wake_norms(encoder, mel):
    """Sets the batch norms, which export folds away, to what leaves a batch [B, T, 64] as it is."""
    x = mel[:, None]
    for conv, bn in zip(encoder.stem, encoder.bn):
        x = conv(x)
        mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
        for kept, value in ((bn.running_mean, mean), (bn.running_var, var), (bn.bias, mean), (bn.weight, (var + bn.eps).sqrt())):
            kept.copy_(value)
        x = F.relu(x)


@torch.no_grad()
def vectors(encoder, audios, rows):
    """For each row trained vectors and class-name vectors of its windows."""
    out = []
    for i in rows:
        parts = [(log_mel(w) - MEL_MEAN) / MEL_STD for w in windows(audios.audio(i))]
        outs = [encoder.parts(torch.from_numpy(p)[None].float()) for p in parts]
        out.append((torch.cat([o[0] for o in outs]), torch.cat([encoder.named(o[1])[1] for o in outs])))
    return out


@torch.no_grad()
def held_figures(encoder, audios, rows, query, shares=(0.0, 0.2, 0.4, 0.6, 0.8)):
    """R@10 of labels' first phrases among the held-out labelled clips, for shares of the class names."""
    encoder.eval()
    found = vectors(encoder, audios, rows)
    names = [audios.rows[i]["label"] for i in rows]
    text, out = np.stack([query[n] for n in names]), {}
    for g in shares:
        best = np.stack([(F.normalize((1 - g) * n + g * c, dim=-1).numpy() @ text.T).max(0) for n, c in found])
        ranks = ranks_to_images(np.eye(len(rows), dtype=np.float32), best, np.arange(len(rows)), names)
        out[g] = recall(ranks)["r10"]
    return out


@torch.no_grad()
def dev_figures(encoder, dev, query, gate=None):
    """p10 over the labels with the trained vector, the class names, and a fixed mixture of both."""
    encoder.eval()
    labels = [r["label"] for r in dev.rows]
    nets, names = zip(*vectors(encoder, dev, range(len(dev.rows))))
    out = {}
    for key, g in (("net", 0.0), ("half", 0.5), ("names", 1.0)):
        scores = {l: np.array([float((F.normalize((1 - g) * n + g * c, dim=-1) @ t).max()) for n, c in zip(nets, names)])
                  for l, t in query.items()}
        found = precision_by_label(scores, labels)
        out[key] = float(np.mean([p for p, _ in found.values()]))
    return out


class Earlier:
    """Mean unit vectors of earlier encoders; the targets of --distil."""

    def __init__(self, paths, config, device):
        self.encoders = []
        for path in paths:
            encoder = AudioEncoder(config["d"], config["heads"], config["layers"], config["ffn"])
            encoder.bn = nn.ModuleList([nn.Identity() for _ in encoder.bn])
            encoder.load_state_dict({k.removeprefix("audio."): v.float() for k, v in load_file(path).items()})
            self.encoders.append(encoder.to(device).eval().requires_grad_(False))

    @torch.no_grad()
    def __call__(self, mel):
        return F.normalize(sum(encoder(mel).float() for encoder in self.encoders), dim=-1)


def material(a):
    """Audio, labels and captions of the cache; and what measures them, from an encoder to a string and figures."""
    guard, audios = guarded(a.data, a.cache)
    text = TextEncoder(a.stems, a.text).eval()
    labels, dev, dev2 = Labels(a.data, text, a.cache, guard), Audios(a.cache, "dev."), Audios(a.cache, "dev2.")
    words = sorted({r["label"] for r in dev.rows})
    query = dict(zip(words, torch.from_numpy(text.encode([f"the sound of a {w}" for w in words]))))
    held = audios.labelled(a.hold)
    held_words = sorted({audios.rows[i]["label"] for i in held})
    held_query = dict(zip(held_words, text.encode([said(w)[0] for w in held_words]))) if held else {}
    words2 = sorted({r["label"] for r in dev2.rows})
    query2 = dict(zip(words2, torch.from_numpy(text.encode([f"the sound of a {w}" for w in words2]))))
    captions = Captions(a.data, guard, text, labels, audios, a.captions, a.seed, a.cache) if a.captions else None

    def measure(encoder):
        figures = dev_figures(encoder, dev, query)
        others = {"dev2 p10": dev_figures(encoder, dev2, query2),
                  "held-out packages R@10": held_figures(encoder, audios, held, held_query) if held else {}}
        said = lambda f: " ".join(f"{k} {v:.3f}" for k, v in f.items())  # noqa: E731
        return f"p10 {said(figures)} " + " ".join(f"{name} {said(f)}" for name, f in others.items()), figures

    return audios, labels, captions, held, measure


def main():
    a = arguments()
    torch.manual_seed(a.seed)
    folder = os.path.join(a.cache, a.name)
    os.makedirs(folder, exist_ok=True)
    if a.pack:
        from pack_audio import packed
        audios, labels, captions, held, measure = *packed(a.pack), [], lambda _: ("", {})
    else:
        audios, labels, captions, held, measure = material(a)
    crops = Crops(audios, labels, a.seed, a.longest, captions)
    crops.leave_out(held)
    if a.pack or a.on_device or a.device.startswith("cuda"):
        crops = DeviceCrops(crops, a.seed, a.device, MEL_MEAN, MEL_STD)
        torch.set_float32_matmul_precision("high")
    encoder = AudioEncoder(a.d, 4, a.layers, a.ffn).to(a.device)
    encoder.names["weight"].data = torch.from_numpy(labels.classes).to(a.device)
    nn.init.constant_(encoder.gate["fc2"].bias, float(np.log(a.share / (1 - a.share))))
    project = nn.Linear(a.d, 1024).to(a.device)
    scale = nn.Parameter(torch.tensor(2.7, device=a.device))
    average = copy.deepcopy(encoder)
    parameters = [p for n, p in encoder.named_parameters() if p.requires_grad and not n.startswith("gate")]
    optimiser = torch.optim.AdamW([*parameters, *project.parameters(), scale], lr=a.rate, weight_decay=0.03, betas=(0.9, 0.98),
                                  fused=a.device.startswith("cuda"))
    earlier = Earlier(a.distil, encoder.config, a.device) if a.distil else None
    spoken_vectors = captions.vectors.to(a.device) if captions else None
    bank = torch.from_numpy(labels.bank).to(a.device)
    last, spent, step = os.path.join(folder, "last.pt"), 0.0, 0
    if os.path.exists(last):
        s = torch.load(last, map_location=a.device, weights_only=False)
        encoder.load_state_dict(s["tower"]), average.load_state_dict(s["average"]), project.load_state_dict(s["project"])
        optimiser.load_state_dict(s["optimiser"])
        scale.data, spent, step = s["scale"], s["spent"], s["step"]
    elif a.warm:
        mel = next(iter(crops.batches(a.batch)))[0].to(a.device)
        for one in (encoder, average):
            warm(one, os.path.join(a.warm, "weights/audio.safetensors"), "audio.")
            wake_norms(one, mel)
    for one in (encoder, average):  # the names follow the text encoder, also where a checkpoint began with another; so does the share
        one.names["weight"].data = torch.from_numpy(labels.classes).to(a.device)
        nn.init.constant_(one.gate["fc2"].bias, float(np.log(a.share / (1 - a.share))))
    total, shown, sums = a.minutes * 60, time.time(), torch.zeros(5, device=a.device)
    pairs = None
    while spent < total:
        start = time.time()
        encoder.train()
        for batch in crops.batches(a.batch):
            mel, clean, q, e, right, free, spoken = (x.to(a.device) for x in batch)
            for group in optimiser.param_groups:
                group["lr"] = a.rate * min(1, (step + 1) / 60) * (0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * min(1, spent / total))))
            # Products of 16 bits: the step takes two thirds of the time on a CPU that has them.
            with torch.autocast(torch.device(a.device).type, torch.bfloat16):
                v, logits, features = (x.float() for x in encoder.parts(mel))
                target = earlier(clean) if earlier else None
            heard = (e.abs().sum(1) > 0).float()
            alike = F.cosine_similarity(project(features), e, dim=1)
            losses = [-(q * logits.log_softmax(1)).sum(1).mean(),
                      contrast(v, bank, right, free, scale.exp().clamp(max=60)),
                      1 - (alike * heard).sum() / heard.sum().clamp_min(1),
                      caption_contrast(v, spoken, spoken_vectors, scale.exp().clamp(max=60)) if captions else v.sum() * 0,
                      1 - (F.normalize((1 - a.share) * v + a.share * encoder.named(logits)[1], dim=-1) * target).sum(1).mean()
                      if earlier else v.sum() * 0]
            optimiser.zero_grad(set_to_none=True)
            (losses[0] + losses[1] + 2 * losses[2] + 0.3 * losses[3] + a.distil_weight * losses[4]).backward()
            nn.utils.clip_grad_norm_(encoder.parameters(), 3.0)
            optimiser.step()
            step += 1
            keep = min(a.average, (1 + step) / (10 + step))
            with torch.no_grad():
                if pairs is None:
                    both = [*zip(average.state_dict().values(), encoder.state_dict().values())]
                    pairs = [list(x) for x in zip(*(p for p in both if p[0].dtype.is_floating_point))]
                torch._foreach_lerp_(*pairs, 1 - keep)
                sums += torch.stack(losses)
        if a.device.startswith("cuda"):
            torch.cuda.synchronize()
        spent += time.time() - start
        if time.time() - shown > a.every or spent >= total:
            said, figures = measure(average)
            losses = (sums / max(1, step - getattr(main, "at", 0))).cpu().numpy().round(3)
            print(f"{a.name} step {step} {spent:.0f} s scale {scale.exp().item():.1f} classes/contrast/embedding/captions/earlier {losses} {said}",
                  flush=True)
            main.at, shown = step, time.time()
            sums.zero_()
            torch.save({"tower": encoder.state_dict(), "average": average.state_dict(), "project": project.state_dict(),
                        "optimiser": optimiser.state_dict(), "scale": scale.data, "spent": spent, "step": step,
                        "config": encoder.config, "mel_mean": MEL_MEAN, "mel_std": MEL_STD, "figures": figures}, last + ".part")
            os.replace(last + ".part", last)


if __name__ == "__main__":
    main()
