"""Encoders beside the runtimes that people would take instead: both sides by turns in one run, same inputs, same threads.

    python -m bench_encoders --side PROGRAM --folder FOLDER [--rounds N] [--threads 1 2] [--rows image.1 ..] [--peers ..]

A figure is the median over rounds of their time by ours, with the least and the most; a round's time of a side is the
best of its calls, for other work on the machine only ever makes calls slower. `--before` is another build of ours. Vectors are compared first: what is as fast but something else does not count. Prints a line of
JSON a row, then a table.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

import numpy as np

from bench_index.protocol import Failed, Side

from . import models

# Seconds of calls of a side in a round, and between two sides: threads of a pool wait spinning for a while.
ROUND_S, PAUSE_S = 0.4, 0.05
# Cosine of ours and the reference's vectors, at least, where both compute in f32.
LEAST_COSINE = 0.9999
INT8 = "sensorium int8"
OURS = ("sensorium", INT8, "before")
ISAS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimd")


class Row:
    """Work of one shape: what our side is told, and what the peers are."""

    def __init__(self, tower, ours, array, count, bars=None):
        self.tower, self.ours, self.array, self.count, self.bars = tower, ours, array, count, bars or {}


IMAGE_BARS = {"onnxruntime f32": 1.0, "onnxruntime int8": 1.2, "openvino int8": 1.0, "torch bf16": 1.0}
TEXT_BARS = {"onnxruntime f32": 1.2}


def rows():
    texts = lambda tokens: {"do": "texts", "texts": [models.text_of(tokens)]}
    images = lambda count: {"do": "images", "path": "pixels.u8", "side": models.SIDE, "count": count}
    return {
        "image.1": Row("image", images(1), "pixels.npy", 1, IMAGE_BARS),
        "image.8": Row("image", images(8), "pixels.npy", 8, IMAGE_BARS),
        "text.12": Row("text", texts(12), "ids.12.npy", 1, TEXT_BARS),
        "text.12in77": Row("text", texts(12), "ids.12in77.npy", 1),
        "text.77": Row("text", texts(77), "ids.77.npy", 1),
    }


def peers(folder):
    file = lambda name: os.path.join(folder, name)
    return {
        "onnxruntime f32": lambda tower: ("onnxruntime", file(f"{tower}.onnx")),
        "onnxruntime int8": lambda tower: ("onnxruntime", file(f"{tower}.int8.onnx")),
        "openvino f32": lambda tower: ("openvino", file(f"{tower}.onnx")),
        "openvino int8": lambda tower: ("openvino", file(f"{tower}.int8.onnx")),
        "torch bf16": lambda tower: ("torch-bf16", file(f"clip#{tower}")),
    }


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        lines = dict(line.split(":", 1) for line in file.read().split("\n\n")[0].splitlines() if ":" in line)
    lines = {key.strip(): value.strip() for key, value in lines.items()}
    flags = lines.get("flags", lines.get("Features", "")).split()
    return {
        "machine": f"{lines.get('model name', 'unknown processor')}, {os.cpu_count()} cores",
        "isa": [isa for isa in ISAS if isa in flags],
        "load": round(os.getloadavg()[0], 1),
        "commit": subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip(),
    }  # fmt: skip


def seconds(side, command):
    """The best of the calls of one round."""
    taken, end = [], time.monotonic() + ROUND_S
    while not taken or time.monotonic() < end:
        taken.append(side.ask(**command, vectors=False)["seconds"])
    time.sleep(PAUSE_S)
    return min(taken)


def cosine(ours, theirs):
    ours, theirs = np.array(ours), np.array(theirs)
    return float(((ours * theirs).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)).min())


def bar_of(row, threads, peer):
    """What is asked for beside a peer: on two threads, of f32 and, for images, of int8."""
    return row.bars.get(peer) if threads == 2 else None


def measure(a, name, row, threads, sides):
    ours = {**row.ours, **({"path": os.path.join(a.folder, row.ours["path"])} if "path" in row.ours else {})}
    theirs = {"do": "encode", "path": os.path.join(a.folder, row.array), "count": row.count}
    commands = {peer: ours if peer in OURS else theirs for peer in sides}
    vectors = {peer: side.ask(**commands[peer], vectors=True)["vectors"] for peer, side in sides.items()}
    near = {peer: cosine(vectors["sensorium"], made) for peer, made in vectors.items() if peer != "sensorium"}
    for peer, value in near.items():
        if peer.endswith("f32") and value < LEAST_COSINE:
            sys.exit(f"{name}: the vectors of {peer} and ours have a cosine of {value}")
    times = {peer: [] for peer in sides}
    for number in range(a.rounds):
        order = list(sides) if number % 2 == 0 else list(sides)[::-1]
        for peer in order:
            times[peer].append(seconds(sides[peer], commands[peer]))
    # Peers that round numbers are those of our int8; each other side is that of f32.
    for peer in near:
        own = INT8 if peer.endswith(("int8", "bf16")) and peer != INT8 and INT8 in sides else "sensorium"
        ratios = sorted(theirs / ours for theirs, ours in zip(times[peer], times[own]))
        yield {
            "what": name, "threads": threads, "own": own, "peer": peer, "ratio": round(statistics.median(ratios), 3),
            "least": round(ratios[0], 3), "most": round(ratios[-1], 3), "rounds": a.rounds,
            "bar": bar_of(row, threads, peer), "ours_ms": round(1e3 * statistics.median(times[own]), 2),
            "theirs_ms": round(1e3 * statistics.median(times[peer]), 2), "cosine": round(near[peer], 6),
        }  # fmt: skip


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--side", required=True, help="encoders_side, built")
    ap.add_argument("--before", help="encoders_side of an earlier commit")
    ap.add_argument("--folder", required=True, help="where the models lie, or are written to")
    ap.add_argument("--rounds", type=int, default=9)
    ap.add_argument("--threads", type=int, nargs="+", default=[2, 1])
    ap.add_argument("--rows", nargs="+", default=list(rows()), choices=list(rows()))
    ap.add_argument("--peers", nargs="+", default=list(peers("")), choices=list(peers("")))
    a = ap.parse_args()
    if not os.path.isdir(a.folder):
        models.write(a.folder)
    named, log, found = peers(a.folder), os.path.join(a.folder, "log"), []
    here = machine()
    print(json.dumps(here), flush=True)
    for threads in a.threads:
        for tower in ("image", "text"):
            wanted = {name: row for name, row in rows().items() if name in a.rows and row.tower == tower}
            if not wanted:
                continue
            argv = [sys.executable, "-W", "ignore", "-m", "bench_encoders.peer"]
            limits = {"OMP_NUM_THREADS": str(threads)}
            programs = {"sensorium": a.side, INT8: a.side, **({"before": a.before} if a.before else {})}
            sides = {name: Side(name, [program], log) for name, program in programs.items()}
            try:
                for name, side in sides.items():
                    form = {"int8": True} if name == INT8 else {}
                    side.ask("load", bundle=os.path.join(a.folder, "clip"), threads=threads, **form)
                for peer in a.peers:
                    kind, path = named[peer](tower)
                    side = Side(peer, argv, log, limits)
                    try:
                        side.ask("load", kind=kind, path=path, threads=threads)
                        sides[peer] = side
                    except Failed as failed:
                        print(f"SKIPPED: {failed}", file=sys.stderr)
                        side.close()
                for name, row in wanted.items():
                    for line in measure(a, name, row, threads, sides):
                        found.append(line)
                        print(json.dumps(line), flush=True)
            finally:
                for side in sides.values():
                    side.close()
    table(here, found)


def table(here, found):
    print(f"\n{here['machine']} ({', '.join(here['isa'])}), commit {here['commit']}\n")
    print("| what | threads | ours | ms | peer | its ms | its time by ours | bar |\n| --- | --- | --- | --- | --- | --- | --- | --- |")
    for line in found:
        bar = line["bar"]
        met = "" if bar is None else f"{bar} " + ("met" if line["ratio"] >= bar else "**not met**")
        print("| {what} | {threads} | {own} | {ours_ms} | {peer} | {theirs_ms} | {ratio:.2f} ({least:.2f} to {most:.2f}) | ".format(**line) + met + " |")
    for own in ("sensorium", INT8):
        lone = {line["threads"]: line["ours_ms"] for line in found if line["what"] == "image.1" and line["own"] == own}
        if 1 in lone and 2 in lone:
            bar = " (bar 1.7)" if own == "sensorium" else ""
            print(f"\n{own}: a lone image on two threads is {lone[1] / lone[2]:.2f} times as fast as on one{bar}")


if __name__ == "__main__":
    main()
