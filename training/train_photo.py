"""Trains low-rank updates of the whole photo stem with the image encoder, end to end with augmentation, towards the text encoder as
it is; writes CACHE/NAME/last.pt, and best.pt where dev figures are asked for. Meant for one GPU of 80 GB; without CUDA it runs
too, slowly. It reads what pack_photos.py packed, and starts from a checkpoint or a bundle. Runs of several seeds and strengths
are averaged by soup.py; train_photo.sh has those that are shipped.

A step sees Flickr8k photos, other captioned photos, labelled images, plain photos and drawings. Losses: contrast of captioned
photos, two of a kind mixed at a time, with all captions that train (photos that are not Flickr8k's with captions of no photo
here as well), of which captions of like meaning have a part of the target; labels in four wordings, both ways; ImageNet's with
the names of their classes; drawings with their titles; class probabilities outside Flickr stay near the untouched stem's. An
average of the weights (EMA) is what counts.

    python train_photo.py --stems FOLDER --start CKPT_OR_BUNDLE --cache DIR --name NAME [--seconds 150 | --steps N] [...]
"""

import argparse
import copy
import io
import json
import math
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from checkpoints import image_checkpoint
from figures import ranks_to_images, ranks_to_texts, recall
from kept import kept, named
from text import TextEncoder
from encoders import ImageEncoder
from train_stem import soft
from views import CUT_OUT, ON_WHITE, Strength, Views
from whole_stem import WholeStem

FLICKR_SIDE, OTHER_SIDE, DRAWN_SIDE = 144, 288, 192  # of the squares that views are cut from
WARM_UP = 100  # steps
OWN = 0.7  # of a label's or title's target; the rest goes to those of like meaning
LABEL_LIKE, TITLE_LIKE = 20, 12  # how sharply meaning tells labels and titles
HELD_TITLES = 15  # every title of so many is held out
LOW_SHARE, WIDE_SHARE = 0.35, 0.3  # of the class names in labelled images and drawings: from the first, over the second
TRIAL, TIMED = 4, 12  # steps that are run before --seconds becomes a number of steps: not timed, and timed
OVER = 25  # seconds after which a run that takes longer than it should ends


def arguments():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("stems", "start"):
        ap.add_argument("--" + name, required=True)
    ap.add_argument("--cache", default=os.path.join(os.path.dirname(__file__), ".cache"))
    ap.add_argument("--name", default="photo")
    ap.add_argument("--seconds", type=float, default=150, help="from which the number of steps follows, by a short measurement")
    ap.add_argument("--steps", type=int, default=0, help="instead of --seconds")
    ap.add_argument("--evals", type=int, default=5, help="how often dev is asked")
    ap.add_argument("--flickr", type=int, default=384, help="Flickr8k photos a step")
    ap.add_argument("--extra", type=int, default=48, help="other captioned photos a step")
    ap.add_argument("--named", type=int, default=112, help="labelled images a step")
    ap.add_argument("--plain", type=int, default=40, help="coco6k photos a step that no text belongs to")
    ap.add_argument("--drawn", type=int, default=64, help="drawings a step")
    ap.add_argument("--rate", type=float, default=4e-4)
    ap.add_argument("--stem-rate", type=float, default=4e-4)
    ap.add_argument("--rank", type=int, default=32)
    ap.add_argument("--decay", type=float, default=0.2)
    ap.add_argument("--stem-decay", type=float, default=0.05)
    ap.add_argument("--drop", type=float, default=0.25)
    ap.add_argument("--token-drop", type=float, default=0.5)
    ap.add_argument("--mix", type=float, default=0.3, help="beta of the mixture of two photos' features")
    ap.add_argument("--share", type=float, default=0.4, help="of the class names in a captioned photo's vector")
    ap.add_argument("--ema", type=float, default=0.998)
    ap.add_argument("--captions", type=int, default=2, help="of the five of a photo, a step")
    ap.add_argument("--like", type=float, default=0.0, help="part of the target that goes to captions of like meaning")
    ap.add_argument("--like-scale", type=float, default=40, help="how sharply meaning tells captions")
    for f in fields(Strength):
        ap.add_argument("--" + f.name, type=float, default=f.default, help="of views, see views.py")
    ap.add_argument("--w-extra", type=float, default=0.3, help="weight of other captioned photos")
    ap.add_argument("--w-label", type=float, default=0.2, help="weight of image -> label")
    ap.add_argument("--w-back", type=float, default=0.2, help="weight of label -> image")
    ap.add_argument("--w-names", type=float, default=0.1, help="weight of the names of ImageNet's classes")
    ap.add_argument("--w-titles", type=float, default=0.2, help="weight of the drawings' loss")
    ap.add_argument("--w-keep", type=float, default=0.3, help="weight of the stem's own class probabilities")
    ap.add_argument("--kept-flickr", type=int, default=0, help="Flickr8k photos a step that keep them too")
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return ap.parse_args()


def squares(folder, name, side):
    """u8 [n, side, side, 3] of packed images, decoded once and kept beside them."""
    def make():
        ends = np.load(os.path.join(folder, name + ".ends.npy"))
        with open(os.path.join(folder, name + ".bin"), "rb") as f:
            images = f.read()
        out = np.empty((len(ends) - 1, side, side, 3), np.uint8)

        def one(i):
            image = Image.open(io.BytesIO(images[ends[i]:ends[i + 1]])).convert("RGB")
            out[i] = np.asarray(image if image.size == (side, side) else image.resize((side, side), Image.Resampling.BICUBIC))

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(one, range(len(out)), chunksize=64))
        return out

    return torch.from_numpy(kept(os.path.join(folder, f"{name}.{side}"), make))


class Material:
    """What pack_photos.py packed, on the device, with vectors of its texts."""

    def __init__(self, folder, text, device, size):
        with open(os.path.join(folder, "table.json"), encoding="utf-8") as f:
            self.table = json.load(f)
        self.flickr, self.dev, self.other, self.drawn = (
            squares(folder, name, side).to(device)
            for name, side in (("flickr", FLICKR_SIDE), ("dev", size), ("other", OTHER_SIDE), ("drawn", DRAWN_SIDE)))

        def vectors(name):
            lines = self.table["texts"][name]
            path = os.path.join(folder, named("text." + name, text.revision, *lines))
            return torch.from_numpy(kept(path, lambda: text.encode(lines, 512))).to(device)

        self.bank, self.coco, self.dev_text, self.held_text = (vectors(n) for n in ("bank", "coco", "dev", "held"))
        self.own = torch.tensor(self.table["own"], device=device)
        self.captions_of = {}
        for line, photo in enumerate(self.table["own"]):
            self.captions_of.setdefault(photo, []).append(line)
        rows = self.table["other"]
        self.label, self.classes = np.array([r["label"] for r in rows]), np.array([r["class"] for r in rows])
        self.sets = np.array([r["set"] for r in rows])
        captions, train = np.array([r["captions"] for r in rows]), np.array([r["split"] == "train" for r in rows])
        self.extra_rows, self.named_rows = np.flatnonzero(train & (captions > 0)), np.flatnonzero(train & (self.label >= 0))
        self.plain_rows, self.held_rows = np.flatnonzero(train & (self.sets == "coco6k")), np.flatnonzero(~train)
        self.labels = torch.stack([vectors(name) for name in self.table["texts"] if name.startswith("label.")])
        self.label_trains = torch.tensor(self.table["label_trains"], device=device)
        mean = F.normalize(self.labels.mean(0), dim=-1)
        self.label_like = (LABEL_LIKE * mean @ mean.t()).masked_fill(~self.label_trains[None], -1e4).softmax(1)
        self.titles = torch.stack([vectors(name) for name in self.table["texts"] if name.startswith("title.")])
        self.title = torch.tensor(self.table["drawn"], dtype=torch.long, device=device)
        self.title_held = torch.arange(len(self.table["titles"]), device=device) % HELD_TITLES == 7
        mean = F.normalize(self.titles.mean(0), dim=-1)
        self.title_like = (TITLE_LIKE * mean @ mean.t()).softmax(1)
        held = self.title_held[self.title].cpu().numpy()
        self.drawn_train, self.drawn_held = np.flatnonzero(~held), np.flatnonzero(held)


@dataclass
class Batch:
    """Rows of a step, in the order of its images: those of `flickr`, of `other` three times, of `drawn`."""

    flickr: np.ndarray
    extra: np.ndarray
    named: np.ndarray
    plain: np.ndarray
    drawn: np.ndarray

    @property
    def captioned(self):
        return len(self.flickr) + len(self.extra)


class Trainer:
    """State of one run: the stem's updates, the image encoder, their averages, the optimiser."""

    def __init__(self, a):
        torch.manual_seed(a.seed)
        self.a, self.rng, self.start = a, np.random.default_rng(a.seed), image_checkpoint(a.start)
        stem = os.path.join(a.stems, "photo.safetensors")
        updates, c = self.start.get("stem_average", {}), self.start["config"]
        self.frozen = WholeStem(stem, 1).to(a.device).eval().requires_grad_(False)
        rank = max(a.rank, self.start.get("stem_rank", 1))
        self.stem = WholeStem(stem, rank).take(updates).to(a.device)
        self.encoder = ImageEncoder(c["grid"], c["d"], c["heads"], c["layers"], c["ffn"], a.drop, a.token_drop)
        self.encoder.load_state_dict(self.start["average"])
        self.encoder.class_scale = self.start["class_scale"]
        self.encoder.to(a.device)
        self.scale = torch.nn.Parameter(self.start["scale"].clone().float().to(a.device))
        self.stem_average, self.average = copy.deepcopy(self.stem).eval(), copy.deepcopy(self.encoder).eval()
        self.views = Views(Strength(**{f.name: getattr(a, f.name) for f in fields(Strength)}), self.stem.size, a.device)
        text = TextEncoder(a.stems).eval()
        text.add(self.start["text_average"])
        self.material = Material(os.path.join(a.cache, "packed"), text.to(a.device), a.device, self.stem.size)
        self.groups(a)
        self.step, self.order, self.at = 0, np.zeros(0, int), 0

    def groups(self, a):
        """The optimiser, and the weights that averages follow; the gate and the names stay."""
        trained = [p for n, p in self.encoder.named_parameters() if p.requires_grad and not n.startswith("gate")]
        groups = [{"params": [p for p in trained if p.ndim > 1], "weight_decay": a.decay, "top": a.rate},
                  {"params": [p for p in trained if p.ndim <= 1] + [self.scale], "weight_decay": 0.0, "top": a.rate},
                  {"params": list(self.stem.parameters()), "weight_decay": a.stem_decay, "top": a.stem_rate}]
        self.parameters = [p for g in groups for p in g["params"]]
        self.optimiser = torch.optim.AdamW(groups, lr=a.rate, betas=(0.9, 0.98), fused=a.device.startswith("cuda"))
        pairs = [(e, p) for e, p in zip([*self.stem_average.parameters(), *self.average.parameters()],
                                        [*self.stem.parameters(), *self.encoder.parameters()]) if p.requires_grad]
        self.averages, self.followed = map(list, zip(*pairs))

    def to(self, x):
        return torch.as_tensor(x, device=self.a.device)

    def draw(self):
        """A batch; Flickr8k photos come once an epoch."""
        a, m, rng = self.a, self.material, self.rng
        if self.at + a.flickr > len(self.order):
            self.order, self.at = rng.permutation(len(m.flickr)), 0
        flickr = self.order[self.at:self.at + a.flickr]
        self.at += a.flickr
        return Batch(flickr, *(rng.choice(rows, n, replace=False)
                               for rows, n in ((m.extra_rows, a.extra), (m.named_rows, a.named), (m.plain_rows, a.plain))), np.zeros(0, int))

    @torch.no_grad()
    def images(self, batch):
        """Views of a batch whose drawings are drawn here; some ImageNet photos are cut out, some labelled images stand on white."""
        a, m, rng = self.a, self.material, self.rng
        r, photo = rng.random(len(batch.named)), m.sets[batch.named] == "imagenet_sample"
        white = np.zeros(len(batch.extra) + len(batch.named) + len(batch.plain), np.float32)
        white[len(batch.extra):][:len(batch.named)] = np.where(r < 0.12, ON_WHITE, np.where((r < 0.3) & photo, CUT_OUT, 0))
        rows = np.concatenate([batch.extra, batch.named, batch.plain])
        parts = [self.views.make(m.flickr[self.to(batch.flickr)]), self.views.make(m.other[self.to(rows)], self.to(white), 0.3, False)]
        if a.drawn:
            batch.drawn = rng.choice(m.drawn_train, a.drawn, replace=False)
            white = self.to(rng.random(a.drawn) < 0.7)
            parts.append(self.views.make(m.drawn[self.to(batch.drawn)], white, 0.0, False))
        return torch.cat(parts)

    def vector(self, grid, share, hidden):
        """Whole vectors of grids; share [n, 1] of the class names, hidden [n]: a class that is not to be seen, or -1."""
        net, logits = self.encoder.net(grid)[0], self.stem.classify(grid)
        rows = torch.nonzero(hidden >= 0)[:, 0]
        logits[rows, hidden[rows]] = -1e4
        with torch.autocast(self.a.device.split(":")[0], enabled=False):
            return F.normalize((1 - share) * net.float() + share * self.encoder.named(logits.float())[1], dim=-1)

    def losses(self):
        """The loss of a step."""
        a, batch = self.a, self.draw()
        x = self.images(batch)
        grid = self.stem(x, torch.bfloat16)
        with torch.autocast(a.device.split(":")[0], torch.bfloat16):
            v, part, other = self.mixed(grid, batch)
            with torch.autocast(a.device.split(":")[0], enabled=False):
                c, m = batch.captioned, len(batch.named)
                scale = self.scale.float().exp().clamp(max=100)
                loss = self.captions(scale, v[:c], part, other, batch) + self.labels(scale, v[c:c + m], batch.named)
                if len(batch.drawn):
                    loss = loss + a.w_titles * self.drawings(scale, v[c + m:], batch.drawn)
            first = len(batch.flickr) - a.kept_flickr
            return loss + a.w_keep * self.strayed(x[first:], grid[first:]) if a.w_keep else loss

    def mixed(self, grid, batch):
        """Vectors of captioned photos, of which two are mixed, of labelled images and of drawings; the first one's part, and which
        is the second.
        """
        a, m, rng = self.a, self.material, self.rng
        n, c, named_count, drawn_count = len(batch.flickr), batch.captioned, len(batch.named), len(batch.drawn)
        part = rng.beta(a.mix, a.mix, c)
        part = self.to(np.maximum(part, 1 - part).astype(np.float32))
        other = self.to(np.concatenate([rng.permutation(n), n + rng.permutation(c - n)]))
        p = part[:, None, None].to(grid.dtype)
        rest = [grid[c:c + named_count], grid[c + named_count + len(batch.plain):]]
        hidden = np.concatenate([np.full(c, -1), np.where(rng.random(named_count) < 0.5, m.classes[batch.named], -1), np.full(drawn_count, -1)])
        share = torch.cat([torch.full((c, 1), a.share, device=a.device),
                           torch.rand(named_count + drawn_count, 1, device=a.device) * WIDE_SHARE + LOW_SHARE])
        mixed = torch.cat([p * grid[:c] + (1 - p) * grid[:c][other], *rest])
        return self.vector(mixed, share, self.to(hidden)), part, other

    def captions(self, scale, v, part, other, batch):
        """Captioned photos with captions, both ways."""
        a, m, rng, n = self.a, self.material, self.rng, len(batch.flickr)
        ids = self.to(np.concatenate([batch.flickr, m.table["flickr"] + batch.extra]))
        right = (m.own[None] == ids[:, None]).float()
        right = right / right.sum(1, keepdim=True).clamp_min(1)
        mean = F.normalize(right @ m.bank, dim=-1)
        if a.like:
            right = (1 - a.like) * right + a.like * (a.like_scale * mean @ m.bank.t()).softmax(1)
        target, logits = part[:, None] * right + (1 - part)[:, None] * right[other], scale * v @ m.bank.t()
        forward = soft(logits[:n], target[:n]).mean()
        wide = torch.cat([logits[n:], scale * v[n:] @ m.coco.t()], 1)
        forward_extra = soft(wide, F.pad(target[n:], (0, len(m.coco)))).mean()

        of = [m.captions_of[i] for i in ids.tolist()]
        picked = self.to(np.concatenate([rng.choice(lines, a.captions, len(lines) < a.captions) for lines in of]))
        own = (m.own[picked][None] == ids[:, None]).float()
        if a.like:
            own = (1 - a.like) * own + a.like * (a.like_scale * mean @ m.bank[picked].t()).softmax(0)
        target = part[:, None] * own + (1 - part)[:, None] * own[other]
        back = soft((scale * v @ m.bank[picked].t()).t(), target.t())
        back, back_extra = back[:n * a.captions].mean(), back[n * a.captions:].mean()
        return (forward + back) / 2 + a.w_extra * (forward_extra + back_extra) / 2

    def labels(self, scale, v, rows):
        """Labelled images with all labels that train and back, and with the names of the classes of those that have one."""
        a, m = self.a, self.material
        label, said = self.to(m.label[rows]), m.labels[int(self.rng.integers(0, len(m.labels)))]
        target = (1 - OWN) * m.label_like[label] + OWN * F.one_hot(label, said.shape[0])
        loss = a.w_label * soft((scale * v @ said.t()).masked_fill(~m.label_trains[None], -1e4), target).mean()
        same = m.label_like[label][:, label] * (1 - OWN) + OWN * (label[:, None] == label[None]).float()
        loss = loss + a.w_back * soft(scale * said[label] @ v.t(), same).mean()
        known = self.to(m.classes[rows])
        which = torch.nonzero(known >= 0)[:, 0]
        if len(which):
            loss = loss + a.w_names * F.cross_entropy(scale * v[which] @ self.encoder.names["weight"].t(), known[which])
        return loss

    def drawings(self, scale, v, rows):
        """Drawings with all titles that train."""
        m = self.material
        title, said = m.title[self.to(rows)], m.titles[int(self.rng.integers(0, len(m.titles)))]
        target = ((1 - OWN) * m.title_like[title] + OWN * F.one_hot(title, len(said))) * ~m.title_held
        return soft((scale * v @ said.t()).masked_fill(m.title_held[None], -1e4), target).mean()

    def strayed(self, x, grid):
        """Cross entropy of class probabilities with what the untouched stem gives the same images."""
        with torch.no_grad():
            kept_here = self.frozen.classify(self.frozen(x, torch.bfloat16)).softmax(-1)
        return -(self.stem.classify(grid).log_softmax(-1) * kept_here).sum(-1).mean()

    def one(self, total):
        """A step of `total`: warm-up, then half a cosine down to a hundredth."""
        factor = min(1.0, (self.step + 1) / WARM_UP) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(self.step / max(total, 1), 1))))
        for group in self.optimiser.param_groups:
            group["lr"] = group["top"] * factor
        self.stem.train(), self.encoder.train()
        loss = self.losses()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0, foreach=True)
        self.optimiser.step()
        self.step += 1
        with torch.no_grad():
            torch._foreach_lerp_(self.averages, self.followed, 1 - min(self.a.ema, (1 + self.step) / (10 + self.step)))
        return loss.detach()

    @torch.no_grad()
    def seen(self, images, batch=250):
        """Trained and named unit vectors of u8 squares by the averages, as at inference."""
        parts, size = [], self.stem.size
        for i in range(0, len(images), batch):
            x = images[i:i + batch].permute(0, 3, 1, 2).float()
            if x.shape[3] != size:
                x = F.interpolate(x, size, mode="bicubic", antialias=True).round().clamp(0, 255)
            grid = self.stem_average((x - 127) / 128, torch.float32)
            parts.append((self.average.net(grid)[0], self.average.named(self.stem_average.classify(grid))[1]))
        return [torch.cat(x).cpu() for x in zip(*parts)]

    def figures(self):
        """Text -> image: {set: (R@1, R@5, R@10)} of dev, of the held-out rows of each set by captions and labels, each among all of
        these, and of drawings by titles that were held out; in percent.
        """
        m, t = self.material, self.material.table
        mix = lambda pair, s: F.normalize((1 - s) * pair[0] + s * pair[1], dim=-1).numpy()  # noqa: E731
        short = lambda ranks: tuple(round(100 * recall(ranks)[k], 1) for k in ("r1", "r5", "r10"))  # noqa: E731
        image, text, own = mix(self.seen(m.dev), self.a.share), m.dev_text.cpu().numpy(), np.array(t["dev_own"])
        out = {"dev": short(ranks_to_images(text, image, own, t["texts"]["dev"])), "dev, to texts": short(ranks_to_texts(image, text, own))}
        if len(m.held_rows):
            image, place = mix(self.seen(m.other[self.to(m.held_rows)]), 0.5), {int(r): i for i, r in enumerate(m.held_rows)}
            asked = [(text, place[r], m.sets[r], c) for text, r, c in zip(m.held_text.cpu().numpy(), t["held_own"], t["texts"]["held"])]
            asked += [(m.labels[2, m.label[r]].cpu().numpy(), place[r], m.sets[r], t["labels"][m.label[r]]) for r in map(int, m.held_rows) if m.label[r] >= 0]
            texts, own, sets, said = zip(*asked)
            ranks, sets = ranks_to_images(np.stack(texts), image, np.array(own), said), np.array(sets)
            out |= {name: short(ranks[sets == name]) for name in dict.fromkeys(sets)}
        if len(m.drawn_held):
            image, title = mix(self.seen(m.drawn[self.to(m.drawn_held)]), 0.65), m.title[self.to(m.drawn_held)]
            ranks = ranks_to_images(m.titles[0][title].cpu().numpy(), image, np.arange(len(title)), [t["titles"][i] for i in title.tolist()])
            out["held titles"] = short(ranks)
        return out

    def save(self, path):
        cpu = lambda state: {k: v.detach().cpu().clone() for k, v in state.items()}  # noqa: E731
        kept_keys = ("config", "class_scale", "text_average")
        state = {**{k: self.start[k] for k in kept_keys}, "average": cpu(self.average.state_dict()), "stem_average": self.stem_average.updates(),
                 "stem_rank": self.stem.head.down.shape[0], "scale": self.scale.detach().cpu(), "step": self.step, "args": vars(self.a)}
        torch.save(state, path + ".part")
        os.replace(path + ".part", path)


def steps_of(trainer, a, begun):
    """How many steps there is time for, after some that are timed."""
    wait = torch.cuda.synchronize if a.device.startswith("cuda") else (lambda: None)
    for _ in range(TRIAL):
        trainer.one(100_000)
    wait()
    start = time.time()
    for _ in range(TIMED):
        trainer.one(100_000)
    wait()
    each = (time.time() - start) / TIMED
    total = trainer.step + int((a.seconds - (time.time() - begun) - 2 - 1.5 * a.evals) / each)
    print(f"{1000 * each:.0f} ms a step, so {total} steps", flush=True)
    return total


def show(what, figures):
    print(what, "  ".join(f"{k} {'/'.join(map(str, v))}" for k, v in figures.items()), flush=True)


def main():
    a, begun = arguments(), time.time()
    folder = os.path.join(a.cache, a.name)
    os.makedirs(folder, exist_ok=True)
    trainer, best = Trainer(a), 0.0
    m = trainer.material
    print(f"{len(m.flickr)} photos, {len(m.bank)} captions, {len(m.extra_rows)} other captioned photos, {len(m.named_rows)} labelled images, "
          f"{len(m.plain_rows)} plain photos, {len(m.drawn)} drawings, {time.time() - begun:.0f} s", flush=True)
    if a.evals:
        show("before", trainer.figures())
    total = a.steps or steps_of(trainer, a, begun)
    marks = [round(total * (i + 1) / a.evals) for i in range(a.evals)]
    losses, start = [], time.time()
    while trainer.step < total:
        losses.append(trainer.one(total))
        if trainer.step in marks:
            loss, each, figures = torch.stack(losses).mean().item(), (time.time() - start) / len(losses), trainer.figures()
            epoch = trainer.step * a.flickr / len(m.flickr)
            show(f"step {trainer.step} epoch {epoch:.0f} loss {loss:.3f} scale {trainer.scale.exp().item():.1f} {1000 * each:.0f} ms ", figures)
            if figures["dev"][2] > best:
                best = figures["dev"][2]
                trainer.save(os.path.join(folder, "best.pt"))
            losses, start = [], time.time()
        if not a.steps and time.time() - begun > a.seconds + OVER:
            print("out of time at step", trainer.step, flush=True)
            break
    trainer.save(os.path.join(folder, "last.pt"))


if __name__ == "__main__":
    main()
