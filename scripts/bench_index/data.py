"""Data sets: points, queries and exact answers, made once and kept in the cache.

| name | what |
| --- | --- |
| `spectrum` | standard normal times i^-0.5 along the i-th axis, rotated, unit; 256 dimensions |
| `clustered` | 1,000 unit centres, each point one of them plus normal noise of 0.05 an axis, unit; 128 dimensions |
| `captions-images` | crops of photos, asked by human captions of photos, by the default bundle |
| `images-images` | the same, asked by whole photos that gave no crop |
| `labels-audio` | windows of audio, asked by labels |
"""

import dataclasses
import hashlib
import json
import os
import sys

import numpy as np

K = 10
QUERIES = 1000
CLUSTERS, NOISE = 1000, 0.05
GROUPS = 1000
FILTERS = (100, 10)  # of GROUPS: 10 % and 1 %
REAL = {
    "captions-images": ("images", "captions-bench"),
    "images-images": ("images", "images-bench"),
    "labels-audio": ("audio", "labels-bench"),
}
SYNTHETIC = {"spectrum": 256, "clustered": 128}


@dataclasses.dataclass
class Set:
    """Points to search, queries to ask, and the folder of their exact answers."""

    name: str
    points: str  # names the points alone: indexes are kept by it
    dim: int
    count: int
    points_path: str
    queries_path: str
    queries: int
    folder: str

    def vectors(self, count=None):
        """The points as the protocol names them."""
        return {"path": self.points_path, "dim": self.dim, "from": 0, "count": count or self.count}

    def asked(self, count=None):
        """The queries as the protocol names them."""
        return {"path": self.queries_path, "dim": self.dim, "from": 0, "count": min(count or self.queries, self.queries)}

    def truth(self, below=None):
        """The score of the K-th nearest of each query, exactly; of the points of groups below `below` only."""
        path = os.path.join(self.folder, f"truth-{self.name}-{self.count}-{below or 'all'}.npy")
        if not os.path.exists(path):
            rows = np.arange(self.count) if below is None else np.flatnonzero(groups(self.count) < below)
            whole(path, lambda part: np.save(part, kth_scores(self.rows(), rows, self.query_rows())))
        return np.load(path).tolist()

    def rows(self):
        return np.memmap(self.points_path, "<f4", "r", shape=(self.count, self.dim))

    def query_rows(self):
        return np.fromfile(self.queries_path, "<f4", self.queries * self.dim).reshape(self.queries, self.dim)

    def scores(self, found, below=None):
        """The scores of hits, given by number, of the first queries; no hit twice, and none that the filter leaves out."""
        rows, queries = self.rows(), self.query_rows()
        allowed = np.ones(self.count, bool) if below is None else groups(self.count) < below
        return [(rows[sorted(n for n in set(ids) if allowed[n])] @ query).tolist() for ids, query in zip(found, queries)]


def groups(count):
    """The group of each point, as `store.rs` of the engine's side gives it."""
    mixed = np.arange(count, dtype=np.uint64) * np.uint64(0x9E37_79B9_7F4A_7C15)
    return (mixed >> np.uint64(32)) % np.uint64(GROUPS)


def kth_scores(points, rows, queries, chunk=20_000):
    """The K-th largest product of each query with these rows of the points."""
    best = np.empty((len(queries), 0), np.float32)
    for start in range(0, len(rows), chunk):
        best = np.hstack([best, queries @ np.asarray(points[rows[start : start + chunk]]).T])
        best = -np.sort(-best, axis=1)[:, :K]
    return best[:, -1]


def whole(path, write):
    """Writes a file whole or not at all."""
    stem, suffix = os.path.splitext(path)
    part = f"{stem}.part{suffix}"
    write(part)
    os.replace(part, path)


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype("<f4")


def spectrum(rng, dim):
    """A function that draws rows."""
    rotation, _ = np.linalg.qr(rng.standard_normal((dim, dim)))
    scales = np.arange(1, dim + 1) ** -0.5
    return lambda count: unit((rng.standard_normal((count, dim)) * scales) @ rotation)


def clustered(rng, dim):
    """A function that draws rows."""
    centres = unit(rng.standard_normal((CLUSTERS, dim)))
    return lambda count: unit(
        centres[rng.integers(0, CLUSTERS, count)] + NOISE * rng.standard_normal((count, dim))
    )


def synthetic(name, count, cache):
    dim = SYNTHETIC[name]
    points = f"{name}-{count}x{dim}"
    folder = os.path.join(cache, "data", points)
    paths = [os.path.join(folder, f) for f in ("points.f32", "queries.f32")]
    if not all(map(os.path.exists, paths)):
        os.makedirs(folder, exist_ok=True)
        draw = {"spectrum": spectrum, "clustered": clustered}[name](np.random.default_rng(20261126), dim)
        queries = draw(QUERIES)

        def write(part):
            with open(part, "wb") as out:
                for start in range(0, count, 50_000):
                    draw(min(50_000, count - start)).tofile(out)

        whole(paths[1], queries.tofile)
        whole(paths[0], write)
    return Set(name, points, dim, count, *paths, QUERIES, folder)


def real(name, count, cache, revision):
    """Vectors of the default bundle; `None`, said aloud, where they were not encoded."""
    points, queries = REAL[name]
    folder = os.path.join(cache, revision)
    path = os.path.join(folder, f"{points}.f32")
    asked = os.path.join(folder, f"{queries}.f32")
    if not os.path.exists(path) and os.path.exists(part := os.path.join(folder, f"{points}.part")):
        path = part
        print(f"NOT WHOLE: {name}: the encoding of {points} has not ended, what is there is used", file=sys.stderr)
    if not (os.path.exists(path) and os.path.exists(asked)):
        print(f"SKIPPED: {name}: {folder} lacks {points} or {queries}; `bench_index.sh encode` makes them", file=sys.stderr)
        return None
    dim = 384
    meta = os.path.join(folder, "meta.json")
    if os.path.exists(meta):
        with open(meta) as file:
            dim = json.load(file)["dim"]
    there = os.path.getsize(path) // (4 * dim)
    # A growing file is cut to a round number, so that what is measured has a name.
    count = min(count or there, there)
    if path.endswith(".part"):
        count -= count % 10_000
    if not count:
        print(f"SKIPPED: {name}: {path} holds too few vectors", file=sys.stderr)
        return None
    queries_there = min(QUERIES, os.path.getsize(asked) // (4 * dim))
    return Set(name, f"{points}-{revision}-{count}x{dim}", dim, count, path, asked, queries_there, folder)


def load(name, count, cache, revision):
    """A data set by its name."""
    return synthetic(name, count, cache) if name in SYNTHETIC else real(name, count, cache, revision)


def digest(paths):
    """A short name for the content of files."""
    sha = hashlib.sha256()
    for path in sorted(paths):
        sha.update(path.encode())
        with open(path, "rb") as file:
            sha.update(file.read())
    return sha.hexdigest()[:12]
