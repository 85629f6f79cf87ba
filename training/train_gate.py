"""Stage 2 of the image tower: when are class names to be trusted?  CACHE/NAME/best.pt -> CACHE/NAME/final.pt.

Everything but the gate is frozen. Its hidden units only lower its answer, so a picture unlike anything that training
saw gets the one share that the bias says: shares that differ from picture to picture make scores incomparable. Flickr8k training photos must still find their captions, ImageNet photos (whole and
cut out on white) their class's bare name among 1,000 names and the captions; dev photos only measure.

    python train_gate.py --data DATA --stems FOLDER --wordnet FOLDER --cache DIR --checkpoint FILE --out FILE
"""

import argparse
import os

import numpy as np
import torch
import torch.nn.functional as F

from figures import ranks_to_images, ranks_to_texts, recall
from names import article
from photos import Material
from towers import ImageTower, statistics


def parts(tower, stem_weight, photos, rows, views, batch=64):
    """Net vectors, features and logits [n, ...] of these rows and views, computed once."""
    out = []
    with torch.no_grad():
        for i in range(0, len(rows), batch):
            g = photos.grids(rows[i:i + batch], views[i:i + batch])
            net, features = tower.net(g)
            out.append((net, features, g.mean(1) @ stem_weight[0].t() + stem_weight[1]))
    return [torch.cat(o) for o in zip(*out)]


def kept(path, make):
    """What make() gives, kept beside the checkpoint; delete the files after a new stage 1."""
    if not os.path.exists(path):
        torch.save(make(), path)
    return torch.load(path)


def mixed(tower, net, features, logits, g=None):
    """The tower's output; g overrides the gate."""
    p, named = tower.named(logits)
    if g is None:
        g = tower.gate["fc2"](F.relu(tower.gate["fc1"](torch.cat([statistics(p), features], -1)))).sigmoid()
    return F.normalize((1 - g) * net + g * named, dim=-1), g


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "stems", "wordnet", "checkpoint", "out"):
        ap.add_argument("--" + name, required=True)
    ap.add_argument("--cache", default=os.path.join(os.path.dirname(__file__), ".cache"))
    ap.add_argument("--photos", type=int, default=1000, help="Flickr8k photos used")
    ap.add_argument("--steps", type=int, default=400)
    ap.add_argument("--even", type=float, default=0.5, help="weight of the shares' variance within a source")
    ap.add_argument("--batch", type=int, default=320)
    ap.add_argument("--rate", type=float, default=2e-3)
    ap.add_argument("--decay", type=float, default=0.3)
    ap.add_argument("--class-scale", type=float, default=1.5)
    ap.add_argument("--flickr", type=float, default=1.0, help="weight of the Flickr8k loss")
    ap.add_argument("--seed", type=int, default=1)
    a = ap.parse_args()
    torch.manual_seed(a.seed)
    rng = np.random.default_rng(a.seed)
    m = Material(a.data, a.stems, a.cache, a.wordnet)
    state = torch.load(a.checkpoint, map_location="cpu", weights_only=False)
    weights = state.get("average", state.get("model"))
    c = state["config"]
    tower = ImageTower(c["grid"], c["d"], c["heads"], c["layers"], c["ffn"]).eval()
    tower.load_state_dict(weights)
    tower.names["weight"].data, tower.class_scale = m.name_vectors, a.class_scale
    stem = (m.weight, m.bias)

    rows = rng.choice(len(m.flickr.rows), a.photos, replace=False)
    flickr = kept(a.out + ".flickr", lambda: parts(tower, stem, m.flickr, rows, rng.integers(0, 4, len(rows))))
    held = [i for i in range(len(m.imagenet.rows)) if i % 2]  # the net never trains on these
    twice = np.array(held * 2)
    named = kept(a.out + ".named", lambda: parts(tower, stem, m.imagenet, twice, np.repeat([0, 2], len(held))))
    if m.white is not None:
        white = kept(a.out + ".white", lambda: parts(tower, stem, m.white, twice, np.repeat([0, 1], len(held))))
        named, twice = [torch.cat(x) for x in zip(named, white)], np.concatenate([twice, twice])
    classes = torch.from_numpy(m.imagenet_class[twice])
    hidden = named[2].clone()  # the same photos as if their class were unknown, as most of the world's things are
    hidden[torch.arange(len(classes)), classes] = -1e4
    named = [torch.cat([named[0]] * 2), torch.cat([named[1]] * 2), torch.cat([named[2], hidden])]
    classes = torch.cat([classes] * 2)
    first = [words[0] for words, _ in m.names]
    bare = torch.from_numpy(m.text.cached(first + [article(w) for w in first], a.cache, "bare_names"))
    bare = F.normalize(bare[:1000] + bare[1000:], dim=-1)
    chosen = np.concatenate([rng.choice(np.flatnonzero(m.own == i), 1) for i in rows])
    captions = m.captions[chosen]
    bank = torch.cat([bare, captions])

    torch.nn.init.constant_(tower.gate["fc2"].weight, -0.4)
    torch.nn.init.constant_(tower.gate["fc2"].bias, 0.8)
    tower.gate["fc1"].weight.data *= 0.5
    optimiser = torch.optim.AdamW(tower.gate.parameters(), lr=a.rate, weight_decay=a.decay)
    for step in range(a.steps):
        i, j = torch.from_numpy(rng.choice(len(rows), a.batch)).unique(), torch.from_numpy(rng.choice(len(classes), a.batch))
        own, g1 = mixed(tower, flickr[0][i], F.dropout(flickr[1][i], 0.5), flickr[2][i])
        other, g2 = mixed(tower, named[0][j], F.dropout(named[1][j], 0.5), named[2][j])
        mine, order = captions[i], torch.arange(len(i))
        loss = a.flickr * (F.cross_entropy(20 * own @ captions.t(), i) + F.cross_entropy(20 * mine @ own.t(), order))
        loss = loss + 0.5 * F.cross_entropy(20 * other @ bank.t(), classes[j])
        # a name finds its photos among all photos, so the gate may not favour some of them by its own whim
        scores = 20 * bare[classes[j]] @ torch.cat([other, own]).t()
        same = classes[j][:, None] == torch.cat([classes[j], torch.full((len(own),), -1)])[None]
        right = scores.masked_fill(~same, float("-inf")).logsumexp(1)
        loss = loss + 0.5 * (scores.logsumexp(1) - right).mean()
        loss = loss + a.even * (torch.logit(g1, 1e-4).var() + torch.logit(g2, 1e-4).var())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        tower.gate["fc2"].weight.data.clamp_(max=0)
        if step % 100 == 99:
            spread = f"{g1.mean():.3f} +- {g1.std():.3f}, ImageNet {g2.mean():.3f} +- {g2.std():.3f}"
            print(f"step {step} loss {loss.item():.3f} Flickr8k {spread}", flush=True)
    print(f"gate: Flickr8k {g1.mean():.3f}, ImageNet and cut-outs {g2.mean():.3f}, loss {loss.item():.3f}")

    every = np.arange(len(m.dev.rows))
    dev = kept(a.out + ".dev", lambda: parts(tower, stem, m.dev, every, 0 * every))
    with torch.no_grad():
        for label, g in (("net", 0.0), ("0.15", 0.15), ("0.3", 0.3), ("gate", None)):
            v, used = mixed(tower, *dev, g)
            v = v.numpy()
            print(label, recall(ranks_to_images(m.dev_vectors, v, m.dev_own, m.dev_captions)),
                  "image to text", recall(ranks_to_texts(v, m.dev_vectors, m.dev_own)), float(torch.as_tensor(used).mean()))
    torch.save({"average": tower.state_dict(), "config": tower.config, "class_scale": a.class_scale}, a.out)


if __name__ == "__main__":
    main()
