"""Summaries: clips of two dev photos, 2 to 6 s each, still or under a slow pan. Right is a storyboard whose cut lies
within 0.5 s of the true one and that shows both shots: each row on one side of the cut, and each side has a row.

    eval_summaries.py MANIFEST [--clips 60] [--seed 11]
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import common

RATE = 25  # frames a second
SIDE = (320, 240)
NEAR_MS = 500
# How each moves over an image half as large again as the clip: from the first corner to the second, in shares of the room.
PANS = [((0.0, 0.5), (0.5, 0.5)), ((0.5, 0.5), (0.0, 0.5)), ((0.5, 0.0), (0.5, 0.5)), ((0.2, 0.2), (0.6, 0.6))]


def shot(rng, photo):
    """A photo with its seconds and the way the clip moves over it, or None for a still."""
    return photo["file"], round(rng.uniform(2.0, 6.0), 2), rng.choice(PANS) if rng.random() < 0.5 else None


def plan(rows, clips, seed):
    """(name, two shots) of every clip."""
    rng = random.Random(seed)
    photos = [r for r in rows if r["source"] == "flickr8k"]
    for number in range(clips):
        yield f"clip{number:02}.mp4", [shot(rng, photo) for photo in rng.sample(photos, 2)]


def join(base, shots, target):
    inputs, chain = [], ""
    width, height = SIDE
    for number, (file, seconds, pan) in enumerate(shots):
        inputs += ["-loop", "1", "-framerate", str(RATE), "-t", str(seconds), "-i", os.path.join(base, file)]
        if pan is None:
            chain += f"[{number}:v]scale={width}:{height}"
        else:
            (x0, y0), (x1, y1) = pan
            x, y = (f"(iw-ow)*({a}+({b - a})*t/{seconds})" for a, b in ((x0, x1), (y0, y1)))
            chain += f"[{number}:v]scale={width * 3 // 2}:{height * 3 // 2},crop={width}:{height}:'{x}':'{y}'"
        chain += f",setsar=1,format=yuv420p[v{number}];"
    chain += "".join(f"[v{n}]" for n in range(len(shots))) + f"concat=n={len(shots)}:v=1:a=0[out]"
    common.ffmpeg(
        *inputs, "-filter_complex", chain, "-map", "[out]", "-c:v", "libx264", "-preset", "ultrafast", "-crf", "23",
        "-threads", "1", target,
    )  # fmt: skip


def judge(rows, cut):
    """Whether the cut is found, and whether both shots are shown."""
    edges = [edge for row in rows for edge in (row["start_ms"], row["end_ms"])]
    inner = [edge for edge in edges if min(edges) < edge < max(edges)]
    found = any(abs(edge - cut) <= NEAR_MS for edge in inner)
    before = [row for row in rows if row["end_ms"] <= cut + NEAR_MS]
    after = [row for row in rows if row["start_ms"] >= cut - NEAR_MS]
    return found, bool(before) and bool(after) and len(before) + len(after) == len(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest")
    parser.add_argument("--clips", type=int, default=60)
    parser.add_argument("--seed", type=int, default=11)
    options = parser.parse_args()
    base = os.path.dirname(os.path.abspath(options.manifest))
    clips = list(plan(common.rows(options.manifest), options.clips, options.seed))
    if not clips:
        sys.exit("no clip was asked for")

    with tempfile.TemporaryDirectory() as work:
        paths = [os.path.join(work, name) for name, _ in clips]
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda made: join(base, made[0][1], made[1]), zip(clips, paths)))
        done = subprocess.run(
            [common.program(), "summarize", *paths, "--json"], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, check=True
        )  # fmt: skip
        told = {row["path"]: row["shots"] for row in map(json.loads, done.stdout.decode().splitlines())}
    right, found, shown, wrong = [], [], [], []
    for (name, shots), path in zip(clips, paths):
        cut = round(shots[0][1] * 1000)
        at, both = judge(told[path], cut)
        found.append(float(at))
        shown.append(float(both))
        right.append(float(at and both))
        if not (at and both):
            spans = [(row["start_ms"], row["end_ms"]) for row in told[path]]
            wrong.append(f"{name}: cut at {cut}, told {spans}")
    for line in wrong:
        print(line, file=sys.stderr)
    common.report(
        "summaries", right=round(common.mean(right), 4), ci=common.interval(right), clips=len(right),
        cut=round(common.mean(found), 4), both=round(common.mean(shown), 4), seed=options.seed,
    )  # fmt: skip


if __name__ == "__main__":
    main()
