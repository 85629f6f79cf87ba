"""Trains the caption decoder over grids that the finished stem makes of augmented views, on one GPU; writes CACHE/NAME/last.pt,
which export.py takes. It reads what pack_photos.py packed. train_captions.py does the like over cached features, on a CPU.

First a language model of captions without images (the blank memory); then captioned photos, of Flickr8k and others, one in ten
captions still without its photo; then Flickr8k photos in fours that are said in like words, with the loss of telling which of the
four a caption is likeliest of. An average of the weights (EMA) is what counts. --seconds are shared among the three rounds.

    python train_photo_captions.py --stems FOLDER --image CKPT_OR_BUNDLE --cache DIR [--seconds 110] [--name caption]
"""

import argparse
import copy
import os
import time

import numpy as np
import torch

from caption_figures import bleu4, cider_d
from captioner import Captioner
from checkpoints import image_checkpoint
from text import TextEncoder
from train_captions import GROUP, Decoding, Words, greedy, near_photos
from train_photo import Material
from views import Strength, Views
from whole_stem import WholeStem

LANGUAGE, TOLD_APART = 0.12, 0.28  # of the seconds
LANGUAGE_BATCH = 384
DEV = 400  # photos that are put into words for the figures


def arguments():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("stems", "image"):
        ap.add_argument("--" + name, required=True)
    ap.add_argument("--cache", default=os.path.join(os.path.dirname(__file__), ".cache"))
    ap.add_argument("--name", default="caption")
    ap.add_argument("--seconds", type=float, default=110)
    ap.add_argument("--batch", type=int, default=236, help="Flickr8k photos a step")
    ap.add_argument("--extra", type=int, default=20, help="other captioned photos a step")
    ap.add_argument("--groups", type=int, default=64, help="of four photos, a step of the last round")
    ap.add_argument("--captions", type=int, default=2, help="of a photo's, a step")
    ap.add_argument("--rate", type=float, default=1e-3)
    ap.add_argument("--told-rate", type=float, default=3e-4, help="of the last round")
    ap.add_argument("--decay", type=float, default=0.05)
    ap.add_argument("--drop", type=float, default=0.3)
    ap.add_argument("--smooth", type=float, default=0.1)
    ap.add_argument("--contrast", type=float, default=0.5, help="weight of telling a caption's photo from three like it")
    ap.add_argument("--near", type=int, default=40, help="how many photos are like a photo")
    ap.add_argument("--ema", type=float, default=0.997)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return ap.parse_args()


class Captions(Decoding):
    """State of one run."""

    def __init__(self, a):
        self.a, self.rng, image = a, np.random.default_rng(a.seed), image_checkpoint(a.image)
        path = os.path.join(a.stems, "photo.safetensors")
        self.stem = WholeStem(path, image["stem_rank"]).take(image["stem_average"]).to(a.device).eval().requires_grad_(False)
        text = TextEncoder(a.stems).eval()
        text.add(image["text_average"])
        self.material = Material(os.path.join(a.cache, "packed"), text.to(a.device), a.device, self.stem.size)
        torch.manual_seed(a.seed)
        table = self.material.table
        bank, lines = table["texts"]["bank"], table["texts"]["lines"]
        self.words, said = Words(a.stems, bank, lines), {}
        for photo, caption in zip(table["own"], bank):
            said.setdefault(photo, []).append(caption)
        self.captions = {photo: [c for c in self.words.encode(rows) if c] for photo, rows in said.items()}
        self.flickr = [i for i in range(table["flickr"]) if self.captions.get(i)]
        self.others = [table["flickr"] + int(i) for i in self.material.extra_rows if self.captions.get(table["flickr"] + int(i))]
        self.lines = [c for c in self.words.encode(lines) if c]
        self.views = Views(Strength(0.7, 1.25, 0.35, 0.2, 0.03, 0.0), self.stem.size, a.device)
        grid = -(-self.stem.size // 32)
        self.model = Captioner(self.words.vocab, grid ** 2, 256, 4, 1, 2, 1024, a.drop).to(a.device)
        self.average = copy.deepcopy(self.model).eval()
        self.near = near_photos([self.captions[i] for i in self.flickr], len(self.words.vocab), min(a.near, len(self.flickr) - 1))

    def begin(self):
        """A round's optimiser."""
        self.optimise()
        self.step = 0
        self.model.train()

    def language(self, seconds):
        """One round over the lines, alike lengths together, or as much of it as there is time for; steps and the mean loss."""
        self.begin()
        order = sorted(range(len(self.lines)), key=lambda i: (len(self.lines[i]), self.rng.random()))
        groups = [order[i:i + LANGUAGE_BATCH] for i in range(0, len(order), LANGUAGE_BATCH)]
        start, losses = time.time(), []
        for n, group in enumerate(self.rng.permutation(len(groups))):
            rows = [self.lines[i] for i in groups[group]]
            losses.append(self.loss(self.model.no_memory(len(rows)), rows))
            self.update(losses[-1], self.a.rate * min(1.0, (n + 1) / 50))
            losses[-1] = losses[-1].detach()
            if time.time() - start > seconds:
                break
        return len(losses), torch.stack(losses).mean().item()

    @torch.no_grad()
    def grids(self, which):
        """Grids of views of photos, those of Flickr8k first."""
        m, count = self.material, self.material.table["flickr"]
        near, far = [i for i in which if i < count], [i - count for i in which if i >= count]
        parts = [self.views.make(images[torch.as_tensor(rows, device=self.a.device)])
                 for images, rows in ((m.flickr, near), (m.other, far)) if rows]
        return self.stem(torch.cat(parts), torch.bfloat16)

    def drawn(self, told):
        """Photos of a step: any, or groups of a photo and three like it."""
        rng, pick = self.rng, lambda rows, n: [rows[i] for i in rng.choice(len(rows), min(n, len(rows)), replace=False)]  # noqa: E731
        if not told:
            return pick(self.flickr, self.a.batch) + pick(self.others, self.a.extra)
        seeds = rng.choice(len(self.flickr), min(self.a.groups, len(self.flickr)), replace=False)
        return [self.flickr[j] for i in seeds for j in (i, *rng.choice(self.near[i], GROUP - 1, replace=False))]

    def photos(self, seconds, rate, told):
        """Steps until the seconds are over, half a cosine of them; steps and the mean loss."""
        self.begin()
        a, start, losses = self.a, time.time(), []
        while (share := (time.time() - start) / seconds) < 1:
            which = self.drawn(told)
            grid = self.grids(which)
            with self.half():
                seen = self.model.memory(grid.float()).float()
            of = [self.captions[i] for i in which]
            rows = [lines[k] for lines in of for k in self.rng.choice(len(lines), a.captions, len(lines) < a.captions)]
            loss = self.loss(seen.repeat_interleave(a.captions, 0), rows)
            if told:
                loss = loss + a.contrast * self.told_apart(seen, rows[::a.captions])
            blank = rows[::10]
            loss = loss + 0.1 * self.loss(self.model.no_memory(len(blank)), blank)
            self.update(loss, rate * min((self.step + 1) / 50, 0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * share))))
            losses.append(loss.detach())
        return len(losses), torch.stack(losses).mean().item()

    @torch.no_grad()
    def figures(self):
        """CIDEr-D and BLEU-4 of greedy captions of dev photos."""
        table, memory = self.material.table, []
        for squares in self.material.dev[:DEV].split(100):
            x = squares.permute(0, 3, 1, 2).float()
            memory.append(self.average.memory(self.stem((x - 127) / 128, torch.float32)))
        memory, refs = torch.cat(memory), {}
        for photo, caption in zip(table["dev_own"], table["texts"]["dev"]):
            refs.setdefault(photo, []).append(caption)
        said = [self.words.decode(ids) for part in memory.split(250) for ids in greedy(self.average, part)]
        refs = [refs[i] for i in range(len(said))]
        return f"CIDEr-D {cider_d(said, refs):.3f} BLEU-4 {bleu4(said, refs):.3f} {said[0]!r}"

    def save(self, path):
        torch.save({"average": self.average.state_dict(), "config": self.model.config, "vocab": self.words.vocab, "args": vars(self.a)}, path + ".part")
        os.replace(path + ".part", path)


def main():
    a = arguments()
    folder = os.path.join(a.cache, a.name)
    os.makedirs(folder, exist_ok=True)
    run, start = Captions(a), time.time()
    left = lambda: a.seconds - (time.time() - start)  # noqa: E731
    print(f"{len(run.words.vocab)} words, {len(run.flickr)} and {len(run.others)} photos, {len(run.lines)} lines", flush=True)
    print("language: {} steps, loss {:.3f}".format(*run.language(LANGUAGE * a.seconds)), flush=True)
    print("photos: {} steps, loss {:.3f}".format(*run.photos(max(1.0, left() - TOLD_APART * a.seconds), a.rate, False)), run.figures(), flush=True)
    run.save(os.path.join(folder, "photos.pt"))
    run.model.load_state_dict(run.average.state_dict())
    print("told apart: {} steps, loss {:.3f}".format(*run.photos(max(1.0, left()), a.told_rate, True)), run.figures(), flush=True)
    run.save(os.path.join(folder, "last.pt"))


if __name__ == "__main__":
    main()
