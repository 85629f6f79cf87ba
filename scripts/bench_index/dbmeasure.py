"""What is asked of databases that run in process: filtered QPS, durable writes, reopening, disk.

QPS at recall 0.95 are by processor time, as libraries' are; writes and reopening are waited for, so they are by wall time.
"""

import os
import sys

from bench_index import figures, measure, systems
from bench_index.data import FILTERS, GROUPS, K
from bench_index.kernel import Kernel

QUERIES = 200
TARGET = 0.95
GRID = (10, 20, 40, 80, 160, 320, 640)
INGEST, BATCH = 10_240, 256


def label(below):
    return "no filter" if below is None else f"filter of {100 * below // GROUPS} %"


class Bench(measure.Bench):
    """A data set asked of databases."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.queries = QUERIES

    def result_name(self):
        return f"databases-{super().result_name()}"

    def figures_of(self, side, system):
        """Recall and QPS for each filter."""
        return {label(below): self.curve(side, system, below) for below in (None, *FILTERS)}

    def curve(self, side, system, below):
        kth = self.set.truth(below)[: self.queries]
        self.asked(side, GRID[0], below=below)
        curve = []
        for ef in GRID:
            found = self.asked(side, ef, below=below)
            recall = figures.recall(self.set.scores(found["ids"], below), kth)
            curve.append({"ef": ef, "recall": recall, "qps": found["qps"], "qps_wall": found["qps_wall"]})
            if recall >= TARGET:
                break
        measure.tell(self.set, f"{system.name}, {label(below)}", curve)
        return curve

    def turn(self, side, system):
        """Every figure once; of disk and reopening the state that building left."""
        folder = self.folder(system)
        turn = {"disk_bytes_a_point": size(folder) / self.set.count}
        for below in (None, *FILTERS):
            curve = self.kept["systems"][system.name]["curve"][label(below)]
            places = figures.bracket([(c["recall"], c["qps"]) for c in curve], TARGET)
            timed = [self.timed(side, curve[p], below=below) for p in places]
            points = [(curve[p]["recall"], t["qps"]) for p, t in zip(places, timed)]
            turn[label(below)] = figures.qps_at(points, TARGET)
        side.close()
        with self.side(system) as (fresh, opened):
            first = fresh.ask("search", queries=self.set.asked(1), k=K, ef=GRID[0])
            turn["reopen_s"] = opened["open_s"] + first["seconds"]
            if system.name in systems.UNSYNCED:
                return turn
            count = min(INGEST, self.set.count)
            wrote = fresh.ask("ingest", folder=f"{folder}-ingest", vectors=self.set.vectors(count), batch=BATCH)
            turn["writes_a_second"] = count / wrote["seconds"]
        return turn


def size(folder):
    """Bytes of the blocks below a folder."""
    return sum(os.lstat(os.path.join(d, f)).st_blocks * 512 for d, _, files in os.walk(folder) for f in files)


def run(sets, cache, a):
    """`a` is the command line."""
    wanted = [systems.ENGINE, *(s for s in systems.DATABASES if not a.only or s.name in a.only.split(","))]
    skipped = {}
    for points in sets:
        bench = Bench(points, wanted, cache, Kernel())
        bench.tries = a.tries or bench.tries
        bench.curves()
        bench.rounds(a.rounds)
        skipped.update(bench.skipped)
    if skipped:
        sys.exit("SKIPPED: " + "; ".join(f"{name}: {why}" for name, why in skipped.items()))

