"""Arithmetic of the bench. Plain Python, tested by scripts/test_bench_index.py."""

import math
import random

NOISY = 0.15  # how far the calibration kernel may vary within a round
ROUNDS = 2000  # of the bootstrap
TIE = 1e-6  # cosines closer than this are equal


def frontier(points):
    """Of (recall, qps) pairs those that no other beats in both, by rising recall."""
    best = []
    for recall, qps in sorted(points, key=lambda p: (-p[0], -p[1])):
        if not best or qps > best[-1][1]:
            best.append((recall, qps))
    return best[::-1]


def qps_at(points, recall):
    """Queries a second at this recall: log QPS between the two neighbours of a grid, `None` where it is not reached.

    Nothing is extrapolated: a grid that begins above the recall gives the QPS of its first point.
    """
    curve = frontier(points)
    if not curve or curve[-1][0] < recall:
        return None
    for (r0, q0), (r1, q1) in zip(curve, curve[1:]):
        if r0 < recall <= r1:
            share = (recall - r0) / (r1 - r0)
            return math.exp(math.log(q0) * (1 - share) + math.log(q1) * share)
    return curve[0][1]


def bracket(points, recall):
    """Indexes of the settings between which `qps_at` interpolates; empty where the recall is not reached.

    `points` are (recall, qps) in the order of the grid.
    """
    curve = frontier(points)
    if not curve or curve[-1][0] < recall:
        return []
    above = next(p for p in curve if p[0] >= recall)
    below = [p for p in curve if p[0] < recall][-1:]
    return sorted(points.index(p) for p in [*below, above])


def median(values):
    """The middle one, or the mean of the middle two."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def interval(values, seed=0):
    """95 % interval of the median by bootstrap."""
    rng = random.Random(seed)
    medians = sorted(median(rng.choices(values, k=len(values))) for _ in range(ROUNDS))
    return medians[int(0.025 * (ROUNDS - 1))], medians[int(0.975 * (ROUNDS - 1))]


def paired(ours, theirs):
    """Ratios of the rounds in which both sides have a figure."""
    return [a / b for a, b in zip(ours, theirs, strict=True) if a is not None and b is not None]


def compare(ours, theirs):
    """The median of paired ratios with its interval; `None` where no round has both."""
    ratios = paired(ours, theirs)
    if not ratios:
        return None
    low, high = interval(ratios)
    return {"ratio": median(ratios), "low": low, "high": high, "rounds": len(ratios)}


def best_of(sides, names):
    """The name among `names` whose median over rounds is highest; `None` where none has a figure."""
    medians = {n: median(sides[n]) for n in names if sides.get(n) and None not in sides[n]}
    return max(medians, key=medians.get) if medians else None


def spread(values):
    """How much more the slowest took than the fastest."""
    return max(values) / min(values) - 1


def recall(scores, kth, k=10):
    """Share of the k nearest that were found: of each query the scores of its hits, no hit twice, and the k-th true score.

    A hit that is as near as the k-th true one counts, whichever of equal vectors the truth names.
    """
    return sum(min(k, sum(s >= t - TIE for s in row)) for row, t in zip(scores, kth, strict=True)) / (k * len(kth))
