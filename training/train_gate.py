"""How far are class names to be trusted?  CACHE/NAME/best.pt of train_joint.py -> the same with a trained gate.

Photographs of scenes (Flickr8k training photos, coco6k) get the share `--photo`, near the one that the encoders were
trained with; things cut out on white (ImageNet samples) and drawings the share `--cut`. Nothing
else is trained, no text is read, and neither dev photos nor the public check set are seen.

    python train_gate.py --data DATA --stems FOLDER --cache DIR --checkpoint FILE --out FILE
"""

import argparse
import os

import numpy as np
import torch
import torch.nn.functional as F

from checkpoints import image_checkpoint
from guard import Guard
from photos import Photos, classifier, deep_of
from encoders import ImageEncoder, statistics


@torch.no_grad()
def inputs(encoder, stem, photos, rows, view=0, batch=64):
    """What the gate sees of these rows: statistics of the class distribution, LN(mean)."""
    out = []
    for i in range(0, len(rows), batch):
        mean = photos.grids(rows[i:i + batch], [view] * batch).mean(1)
        p, _ = encoder.named(mean @ stem[0].t() + stem[1])
        out.append(torch.cat([statistics(p), encoder.pooled(mean)[0]], -1))
    return torch.cat(out)


@torch.no_grad()
def between(gate, side, end, shares):
    """Makes the gate two levels with a short ramp between them, from where nearly all scenes `end`: clamp(z, 0, 1) is
    ReLU(z) - ReLU(z - 1).

    Shares that wander from image to image cost recall, for vectors with more of the names lie nearer to all names.
    """
    low, high = (float(np.log(s / (1 - s))) for s in shares)
    for layer in gate.values():
        layer.weight.zero_(), layer.bias.zero_()
    gate["fc1"].weight[:2] = side.weight / 2
    gate["fc1"].bias[:2] = (side.bias - end) / 2 + torch.tensor([0.0, -1.0])
    gate["fc2"].weight[0, :2] = torch.tensor([high - low, low - high])
    gate["fc2"].bias.fill_(low)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "stems", "checkpoint", "out"):
        ap.add_argument("--" + name, required=True)
    ap.add_argument("--cache", default=os.path.join(os.path.dirname(__file__), ".cache"))
    ap.add_argument("--photos", type=int, default=2000, help="of each source")
    ap.add_argument("--photo", type=float, default=0.4)
    ap.add_argument("--cut", type=float, default=0.65)
    ap.add_argument("--scenes", type=float, default=0.98, help="of the scenes that have the share --photo and no other")
    ap.add_argument("--steps", type=int, default=300)
    ap.add_argument("--batch", type=int, default=256)
    ap.add_argument("--rate", type=float, default=2e-3)
    ap.add_argument("--decay", type=float, default=0.1)
    ap.add_argument("--seed", type=int, default=0)
    a = ap.parse_args()
    torch.manual_seed(a.seed)
    rng, guard = np.random.default_rng(a.seed), Guard(a.data)
    state = image_checkpoint(a.checkpoint)
    c = state["config"]
    encoder = ImageEncoder(c["grid"], c["d"], c["heads"], c["layers"], c["ffn"]).eval()
    encoder.load_state_dict(state["average"])
    encoder.class_scale, stem = state["class_scale"], classifier(a.stems)
    deep, seen = deep_of(a.stems, state.get("stem_average")), {}
    for source in ("flickr", "coco", "white", "drawings"):
        photos = Photos(a.cache, source, deep, guard)
        seen[source] = inputs(encoder, stem, photos, rng.permutation(len(photos.rows))[:a.photos])
    scenes, cuts = (torch.cat([seen[s] for s in pair]) for pair in (("flickr", "coco"), ("white", "drawings")))

    side = torch.nn.Linear(scenes.shape[1], 1)
    optimiser = torch.optim.AdamW(side.parameters(), lr=a.rate, weight_decay=a.decay)
    wanted = torch.cat([torch.zeros(a.batch), torch.ones(a.batch)])
    for step in range(a.steps):
        some = torch.cat([scenes[torch.randint(len(scenes), (a.batch,))], cuts[torch.randint(len(cuts), (a.batch,))]])
        loss = F.binary_cross_entropy_with_logits(side(F.dropout(some, 0.3))[:, 0], wanted)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        end = side(scenes).quantile(a.scenes)
    between(encoder.gate, side, end, (a.photo, a.cut))
    gate = lambda x: encoder.gate["fc2"](F.relu(encoder.gate["fc1"](x)))[:, 0]  # noqa: E731
    with torch.no_grad():
        for name, rows in seen.items():
            share = gate(rows).sigmoid()
            print(f"{name}: share {share.mean():.3f}, deviation {share.std():.3f}")
    state["average"] = encoder.state_dict()
    torch.save(state, a.out)


if __name__ == "__main__":
    main()
