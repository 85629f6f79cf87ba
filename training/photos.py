"""What the image training reads: cached lower features of several views, caption vectors, class names and prototypes."""

import json
import os
import tempfile

import numpy as np
import torch
from safetensors import safe_open

from deep import Deep
from guard import Guard
from names import image_labels, image_names, read_wordnet, sample_wnids, wnids
from preprocess import load_rgb, pixels, resize
from stem import PhotoStem, lower_folder, onnx_session
from text import TextEncoder


class Photos:
    """Rows and memory-mapped features of one source; every row passed the guard when it was cached and passes it again.

    `stem` is the network whose lower part made them: a Deep, which makes grids of them, or a PhotoStem, and then only `lower` may
    be asked. FileNotFoundError where the cache has no features by this lower part.
    """

    def __init__(self, cache, name, stem, guard=None):
        folder, self.deep = lower_folder(cache, stem), stem
        try:
            with open(os.path.join(folder, name + ".json")) as f:
                self.rows = json.load(f)
        except FileNotFoundError:
            raise FileNotFoundError(f"{folder} has no {name}: run cache_photos.py, with --updates where the lower part has some") from None
        if guard is not None:
            for row in self.rows:
                if row["source"] != "drawings":
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

    def lower(self, which, views):
        """f32 [n, C, P * P] of these rows, a view for each (taken modulo the number of views)."""
        out = np.stack([self.views[v % len(self.views)][i] for i, v in zip(which, views)])
        return torch.from_numpy(out.astype(np.float32))

    @torch.no_grad()
    def grids(self, which, views, batch=64):
        """f32 [n, G * G, 1280] of these rows, a view for each."""
        which, views, parts = list(which), list(views), []
        for i in range(0, len(which), batch):
            lower = self.lower(which[i:i + batch], views[i:i + batch]).to(self.deep.head.up.device)
            with torch.autocast(lower.device.type, torch.bfloat16):
                parts.append(self.deep(lower).float().cpu())
        return torch.cat(parts)


def classifier(stems):
    """f32 weight [1000, 1280] and bias [1000] of the stem's classifier."""
    with safe_open(os.path.join(stems, "photo.safetensors"), "pt") as f:
        return f.get_tensor("classifier.weight").float(), f.get_tensor("classifier.bias").float()


def whole_grids(stem, paths):
    """f32 [n, G * G, 1280] of image files, squashed, by the whole stem with its updates: nothing cached is read."""
    with tempfile.TemporaryDirectory() as folder:
        session = onnx_session(stem, os.path.join(folder, "stem.onnx"))
        return np.concatenate([session.run(None, {"pixels": pixels(resize(load_rgb(p), stem.size))[None]})[0] for p in paths])


def deep_of(stems, updates=None, rank=1):
    """The stem's last stages over its lower part, with the updates of a checkpoint where there are some."""
    rank = updates["head.down"].shape[0] if updates else rank
    deep = Deep(PhotoStem(os.path.join(stems, "photo.safetensors"), updates, lower_only=True), rank).eval()
    if updates:
        deep.take(updates)
    return deep


class Material:
    """Everything that train_joint.py needs, on the CPU."""

    def __init__(self, data, stems, cache, wordnet):
        guard, self.deep = Guard(data), deep_of(stems)
        self.text = TextEncoder(stems).eval()
        self.flickr, self.imagenet = (Photos(cache, name, self.deep, guard) for name in ("flickr", "imagenet"))
        self.white = Photos(cache, "white", self.deep, guard)
        self.dev = Photos(cache, "dev", self.deep)
        self.captions = [c for r in self.flickr.rows for c in r["captions"]]
        self.own = np.repeat(np.arange(len(self.flickr.rows)), [len(r["captions"]) for r in self.flickr.rows])
        self.dev_captions = [c for r in self.dev.rows for c in r["captions"]]
        self.dev_own = np.repeat(np.arange(len(self.dev.rows)), [len(r["captions"]) for r in self.dev.rows])
        self.dev_vectors = self.text.cached(self.dev_captions, cache, "dev")
        self.names = image_names(data, wordnet)
        self.weight, self.bias = classifier(stems)
        self.imagenet_class = class_of(self.imagenet.rows, data, wordnet)


def class_of(rows, data, wordnet):
    """The ImageNet class of each row, which its file's name begins with."""
    ids = wnids(image_labels(data), read_wordnet(wordnet), sample_wnids(data))
    return np.array([ids.index(os.path.basename(r["file"]).split("_")[0]) for r in rows])
