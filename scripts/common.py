"""What the evaluation scripts share: calling the command, and figures with their intervals. Plain Python."""

import json
import os
import random
import subprocess
import sys


def program():
    """The command under test, from SENSORIUM_BIN, which the Makefile sets."""
    path = os.environ.get("SENSORIUM_BIN", "")
    if not os.path.isfile(path):
        sys.exit("SENSORIUM_BIN names no file: run this by make")
    return path


def sensorium(data, *arguments):
    """Runs a command on a data folder and returns its JSON lines."""
    done = subprocess.run(
        [program(), *arguments, "--data", data, "--json"], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, check=True
    )
    return [json.loads(line) for line in done.stdout.decode().splitlines() if line.strip()]


def index(data, folder):
    """Indexes a folder; every file must become an asset."""
    events = sensorium(data, "index", folder)
    failed = [e for e in events if e["event"] == "asset" and e["state"] == "failed"]
    if failed:
        sys.exit(f"{len(failed)} files failed, the first: {failed[0]}")
    return events[-1]


def rows(manifest, split="dev"):
    """The rows of a manifest that belong to a split, in order of file."""
    with open(manifest, encoding="utf-8") as lines:
        found = [json.loads(line) for line in lines if line.strip()]
    return sorted((r for r in found if r["split"] == split), key=lambda r: r["file"])


def ffmpeg(*arguments):
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *arguments], check=True)


def overlap(a, b):
    """Intersection over union of two spans (start, end)."""
    both = max(0, min(a[1], b[1]) - max(a[0], b[0]))
    either = (a[1] - a[0]) + (b[1] - b[0]) - both
    return both / either if either > 0 else 0.0


def precision(labels, wanted, total):
    """Share of `wanted` among the first min(10, total) labels."""
    k = min(10, total)
    return sum(1 for label in labels[:k] if label == wanted) / k


def mean(values):
    return sum(values) / len(values) if values else 0.0


def interval(values, rounds=1000, seed=0):
    """95 % interval of the mean by bootstrap."""
    rng = random.Random(seed)
    means = sorted(mean(rng.choices(values, k=len(values))) for _ in range(rounds)) if values else [0.0]
    return [round(means[int(0.025 * (len(means) - 1))], 4), round(means[int(0.975 * (len(means) - 1))], 4)]


def report(name, **figures):
    """One JSON object on standard output."""
    print(json.dumps({name: figures}), flush=True)
