"""The command line of `make bench-index`; scripts/bench_index.sh sets the environment.

    python -m bench_index libraries [--sets spectrum,clustered,...] [--points N] [--rounds 7] [--only NAMES]
    python -m bench_index hardness  [--points N]
    python -m bench_index databases [--points N]
    python -m bench_index report    [--update]
"""

import argparse
import os
import re
import sys

SETS = "captions-images,images-images,spectrum,clustered"
HARDNESS_SETS = "captions-images,images-images,labels-audio"
SYNTHETIC_POINTS = 100_000
ROUNDS = 7


def revision():
    """The default bundle's."""
    with open("models/mini/bundle.toml") as file:
        return re.search(r'^revision = "(.*)"', file.read(), re.M).group(1)


def loaded(names, points, cache):
    from bench_index import data

    for name in names.split(","):
        count = points or (SYNTHETIC_POINTS if name in data.SYNTHETIC else None)
        found = data.load(name, count, cache, revision())
        if found:
            yield found


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("what", choices=["libraries", "hardness", "databases", "report"])
    ap.add_argument("--sets")
    ap.add_argument("--points", type=int, help="points of each set; 1000000 for the large spectrum")
    ap.add_argument("--rounds", type=int, default=ROUNDS)
    ap.add_argument("--tries", type=int, help="times that a noisy round is measured at most; 1 where others wait for the machine")
    ap.add_argument("--only", help="systems by name, separated by commas; the engine always")
    ap.add_argument("--update", action="store_true", help="write docs/performance.md instead of printing")
    a = ap.parse_args()
    cache = os.environ["BENCH_INDEX_CACHE"]
    if a.what == "report":
        from bench_index import report

        return report.write(cache, a.update)
    from bench_index import dbmeasure, kernel, measure, systems

    if a.what == "databases":
        return dbmeasure.run(list(loaded(a.sets or "spectrum", a.points, cache)), cache, a)
    peers = [systems.ENGINE]
    if a.what == "hardness":
        peers += [s for s in systems.LIBRARIES if s.name == "hnswlib M16"]
    else:
        only = a.only.split(",") if a.only else None
        peers += [s for s in (*systems.LIBRARIES, *systems.RABITQ) if not only or s.name in only]
    sets = a.sets or (HARDNESS_SETS if a.what == "hardness" else SETS)
    skipped = {}
    for points in loaded(sets, a.points, cache):
        bench = measure.Bench(points, peers, cache, kernel.Kernel())
        bench.tries = a.tries or bench.tries
        bench.curves()
        if a.what == "libraries":
            bench.rounds(a.rounds)
        skipped.update(bench.skipped)
    if skipped:
        sys.exit("SKIPPED: " + "; ".join(f"{name}: {why}" for name, why in skipped.items()))


if __name__ == "__main__":
    main()
