"""Retrieval figures as the project's `eval` counts them; ties count against us."""

import numpy as np

from guard import normal


def ranks_to_images(text, image, own, captions):
    """Rank (1 is best) of the best right photo for every text.

    text [n, d], image [m, d], own [n]: index of the text's photo, captions: its strings; photos that bear the
    same caption are right as well.
    """
    bearers = {}
    for i, c in zip(own, captions):
        bearers.setdefault(normal(c), set()).add(int(i))
    scores = text @ image.T
    ranks = np.empty(len(text), int)
    for n, row in enumerate(scores):
        right = np.fromiter(bearers[normal(captions[n])], int)
        best = row[right].max()
        ranks[n] = (row >= best).sum() - (row[right] >= best).sum() + 1
    return ranks


def ranks_to_texts(image, text, own):
    """Rank of the best of its own captions for every photo."""
    own = np.asarray(own)
    scores = image @ text.T
    ranks = np.empty(len(image), int)
    for n, row in enumerate(scores):
        best = row[own == n].max()
        ranks[n] = (row[own != n] >= best).sum() + 1
    return ranks


def recall(ranks, ks=(1, 5, 10)):
    """{r1, r5, r10, median_rank} with shares from 0 to 1."""
    out = {f"r{k}": float((ranks <= k).mean()) for k in ks}
    return {**out, "median_rank": float(np.median(ranks))}


def interval(ranks, groups, k, draws=1000, seed=0):
    """95 % bootstrap interval of R@k over groups (photos)."""
    rng = np.random.default_rng(seed)
    hit, groups = (np.asarray(ranks) <= k).astype(float), np.asarray(groups)
    ids = np.unique(groups, return_inverse=True)[1]
    total, count = np.bincount(ids, hit), np.bincount(ids)
    picks = rng.integers(0, len(total), (draws, len(total)))
    return np.percentile(total[picks].sum(1) / count[picks].sum(1), [2.5, 97.5]).tolist()


def precision_by_label(scores, labels):
    """p10 and average precision of every label: scores {label: [clips]}, labels [clips]."""
    out = {}
    for label, row in scores.items():
        right = np.asarray([l == label for l in labels])
        order = np.lexsort((right, -row))  # ties: wrong ones first
        hits = right[order]
        n = min(10, int(right.sum()))
        precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
        out[label] = (float(hits[:n].mean()), float((precision * hits).sum() / right.sum()))
    return out
