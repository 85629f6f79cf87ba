"""What the image training reads: cached grids of several views, caption vectors, class names and prototypes."""

import json
import os

import numpy as np
import torch
from safetensors import safe_open

from guard import Guard
from names import image_labels, image_names, read_wordnet, sample_wnids, wnids
from text import TextTower


class Photos:
    """Rows and memory-mapped grids of one source; every row passed the guard when it was cached and passes it again."""

    def __init__(self, cache, name, guard=None):
        folder = os.path.join(cache, "grids")
        with open(os.path.join(folder, name + ".json")) as f:
            self.rows = json.load(f)
        if guard is not None:
            for row in self.rows:
                guard.check_row(row)
                guard.check_texts(row["captions"])
        self.views = []
        while self.complete(os.path.join(folder, f"{name}.{len(self.views)}.npy")):
            self.views.append(np.load(os.path.join(folder, f"{name}.{len(self.views)}.npy"), mmap_mode="r"))

    def complete(self, path):
        if not os.path.exists(path + ".done"):
            return False
        with open(path + ".done") as f:
            return f.read() == str(len(self.rows))

    def grids(self, which, views):
        """f32 [n, G * G, 1280] of these rows, a view for each (taken modulo the number of views)."""
        out = np.stack([self.views[v % len(self.views)][i] for i, v in zip(which, views)])
        return torch.from_numpy(out.astype(np.float32))


def classifier(stems):
    """f32 weight [1000, 1280] and bias [1000] of the stem's classifier."""
    with safe_open(os.path.join(stems, "photo.safetensors"), "pt") as f:
        return f.get_tensor("classifier.weight").float(), f.get_tensor("classifier.bias").float()


class Material:
    """Everything that train_joint.py needs, on the CPU."""

    def __init__(self, data, stems, cache, wordnet):
        guard = Guard(data)
        self.text = TextTower(stems).eval()
        self.flickr, self.imagenet = Photos(cache, "flickr", guard), Photos(cache, "imagenet", guard)
        self.white = Photos(cache, "white", guard) if os.path.exists(os.path.join(cache, "grids/white.json")) else None
        self.dev = Photos(cache, "dev")
        self.captions = [c for r in self.flickr.rows for c in r["captions"]]
        self.own = np.repeat(np.arange(len(self.flickr.rows)), [len(r["captions"]) for r in self.flickr.rows])
        self.dev_captions = [c for r in self.dev.rows for c in r["captions"]]
        self.dev_own = np.repeat(np.arange(len(self.dev.rows)), [len(r["captions"]) for r in self.dev.rows])
        self.dev_vectors = self.text.cached(self.dev_captions, cache, "dev")
        self.names = image_names(data, wordnet)
        self.weight, self.bias = classifier(stems)
        ids = wnids(image_labels(data), read_wordnet(wordnet), sample_wnids(data))
        self.imagenet_class = np.array([ids.index(os.path.basename(r["file"]).split("_")[0]) for r in self.imagenet.rows])
