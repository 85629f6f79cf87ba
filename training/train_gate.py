"""How far are class names to be trusted?  CACHE/NAME/best.pt of train_joint.py -> the same with a trained gate.

Photographs of scenes (Flickr8k training photos, coco6k) get the share `--photo`, near the one that the towers were
trained with; things cut out on white (ImageNet samples) and drawings the share `--cut`. Nothing
else is trained, no text is read, and neither dev photos nor the public check set are seen.

    python train_gate.py --data DATA --stems FOLDER --cache DIR --checkpoint FILE --out FILE
"""

import argparse
import os

import numpy as np
import torch
import torch.nn.functional as F

from guard import Guard
from photos import Photos, classifier, deep_of
from towers import ImageTower, statistics


@torch.no_grad()
def inputs(tower, stem, photos, rows, view=0, batch=64):
    """What the gate sees of these rows: statistics of the class distribution, LN(mean)."""
    out = []
    for i in range(0, len(rows), batch):
        mean = photos.grids(rows[i:i + batch], [view] * batch).mean(1)
        p, _ = tower.named(mean @ stem[0].t() + stem[1])
        out.append(torch.cat([statistics(p), tower.pooled(mean)[0]], -1))
    return torch.cat(out)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "stems", "checkpoint", "out"):
        ap.add_argument("--" + name, required=True)
    ap.add_argument("--cache", default=os.path.join(os.path.dirname(__file__), ".cache"))
    ap.add_argument("--photos", type=int, default=800, help="of each source")
    ap.add_argument("--photo", type=float, default=0.35)
    ap.add_argument("--cut", type=float, default=0.65)
    ap.add_argument("--steps", type=int, default=300)
    ap.add_argument("--batch", type=int, default=256)
    ap.add_argument("--rate", type=float, default=2e-3)
    ap.add_argument("--decay", type=float, default=0.3)
    ap.add_argument("--seed", type=int, default=0)
    a = ap.parse_args()
    torch.manual_seed(a.seed)
    rng, guard = np.random.default_rng(a.seed), Guard(a.data)
    state = torch.load(a.checkpoint, map_location="cpu", weights_only=False)
    c = state["config"]
    tower = ImageTower(c["grid"], c["d"], c["heads"], c["layers"], c["ffn"]).eval()
    tower.load_state_dict(state["average"])
    tower.class_scale, stem = state["class_scale"], classifier(a.stems)
    deep, seen = deep_of(a.stems, state.get("stem_average")), {}
    for source in ("flickr", "coco", "white", "drawings"):
        photos = Photos(a.cache, source, guard, deep)
        seen[source] = inputs(tower, stem, photos, rng.permutation(len(photos.rows))[:a.photos])
    scenes, cuts = (torch.cat([seen[s] for s in pair]) for pair in (("flickr", "coco"), ("white", "drawings")))

    for layer in tower.gate.values():
        layer.reset_parameters()
    torch.nn.init.constant_(tower.gate["fc2"].bias, float(np.log(a.cut / (1 - a.cut))))
    gate = lambda x: tower.gate["fc2"](F.relu(tower.gate["fc1"](x)))[:, 0]  # noqa: E731
    optimiser = torch.optim.AdamW(tower.gate.parameters(), lr=a.rate, weight_decay=a.decay)
    wanted = torch.cat([torch.full((a.batch,), a.photo), torch.full((a.batch,), a.cut)])
    for step in range(a.steps):
        some = torch.cat([scenes[torch.randint(len(scenes), (a.batch,))], cuts[torch.randint(len(cuts), (a.batch,))]])
        loss = F.binary_cross_entropy_with_logits(gate(F.dropout(some, 0.3)), wanted)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        for name, rows in seen.items():
            share = gate(rows).sigmoid()
            print(f"{name}: share {share.mean():.3f}, deviation {share.std():.3f}")
    state["average"] = tower.state_dict()
    torch.save(state, a.out)


if __name__ == "__main__":
    main()
