"""Curves of recall and QPS, and rounds in which all sides take turns.

QPS of one thread are queries by the *processor seconds* of the side's process, all its threads together: on a machine that has
other work, wall time says how long a side waited, not what it needs. Wall time is kept beside it, and a batch on several threads
is told by wall time alone.
"""

import contextlib
import json
import math
import os
import random
import re
import shutil
import subprocess
import sys

from bench_index import figures
from bench_index.data import K
from bench_index.protocol import Failed, Side
from bench_index.systems import OURS, version

TARGETS = (0.95, 0.99)
ENOUGH = 0.997  # a curve ends at this recall
LEAST_S, FEWEST = 0.5, 100  # how long a timed run is in processor seconds, and the fewest queries of one
REPEATS = 3  # of a round, at most, while the kernel calls it noisy
BATCH_THREADS = 2
ISA = ("avx2", "avx512f", "avx512_vnni")


def say(text):
    print(text, file=sys.stderr, flush=True)


def tell(points, name, curve):
    say(f"{points.name}: {name}: " + ", ".join(f"{c['ef']}: {c['recall']:.4f} {c['qps']:.0f}" for c in curve))


class Bench:
    """One data set, asked of several systems. Figures are kept in a file, and a run that was stopped goes on from there."""

    def __init__(self, points, systems, cache, kernel):
        self.set = points
        self.queries = points.queries
        self.cache = cache
        self.kernel = kernel
        self.systems = {s.name: s for s in systems}
        self.path = os.path.join(cache, "results", f"{self.result_name()}.json")
        self.kept = {"set": points.name, "points": points.count, "dim": points.dim, "systems": {}, "rounds": []}
        if os.path.exists(self.path):
            with open(self.path) as file:
                self.kept = json.load(file)
        self.skipped = {}
        self.tries = REPEATS

    def result_name(self):
        return f"{self.set.name}-{self.set.count}"

    def folder(self, system):
        """Where a built index of this set lies."""
        return os.path.join(self.cache, "indexes", self.set.points, system.key)

    def save(self):
        self.kept.update(where())
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        with open(f"{self.path}.part", "w") as file:
            json.dump(self.kept, file, indent=1)
        os.replace(f"{self.path}.part", self.path)

    @contextlib.contextmanager
    def side(self, system):
        """A side with this set's index open, built at need; what building cost is kept."""
        folder = self.folder(system)
        if system.name == OURS:
            drop_older(os.path.dirname(folder), os.path.basename(folder))
        log = os.path.join(self.cache, "logs", f"{system.key}.log")
        if not os.path.exists(os.path.join(folder, "built.json")):
            say(f"{self.set.name}: building {system.name}")
            # In a process of its own: what building leaves in memory is not what serving takes.
            with Side(system.name, system.argv(), log) as builder:
                builder.ask("open", folder=folder, vectors=self.set.vectors())
        with Side(system.name, system.argv(), log) as side:
            yield side, side.ask("open", folder=folder, vectors=self.set.vectors())

    def curves(self):
        """Recall and QPS of every setting, of the systems that have none yet."""
        for system in self.systems.values():
            known = self.kept["systems"].get(system.name)
            if known and known["key"] == system.key:
                continue
            try:
                with self.side(system) as (side, opened):
                    curve = self.figures_of(side, system)
                    found = {"key": system.key, **opened, "memory": side.ask("stats")["memory"], "curve": curve}
            except Failed as error:
                say(f"SKIPPED: {self.set.name}: {error}")
                self.skipped[system.name] = str(error)
                continue
            self.kept["systems"][system.name] = {**found, "version": version(system.package)}
            # Rounds compare systems as they are: of another engine or peer they say nothing.
            self.kept["rounds"] = []
            self.save()

    def figures_of(self, side, system):
        """Recall and QPS of the settings of a grid, up to one that finds nearly all."""
        kth = self.set.truth()
        self.asked(side, system.grid[0])
        curve = []
        for ef in system.grid:
            found = self.asked(side, ef)
            recall = figures.recall(self.set.scores(found["ids"]), kth)
            curve.append({"ef": ef, "recall": recall, "qps": found["qps"], "qps_wall": found["qps_wall"]})
            if recall >= ENOUGH:
                break
        tell(self.set, system.name, curve)
        return curve

    def asked(self, side, ef, command="search", **fields):
        """One run with its QPS, of all queries once unless `fields` say otherwise."""
        fields = {"queries": self.set.asked(self.queries), "k": K, "ef": ef, "repeat": 1, **fields}
        found = side.ask(command, **fields)
        count = fields["queries"]["count"] * fields["repeat"]
        return {**found, "qps": count / max(found["cpu_s"], 1e-9), "qps_wall": count / found["seconds"]}

    def timed(self, side, setting, **fields):
        """A run of about LEAST_S processor seconds or more, of a setting of a curve: a slow one is asked fewer queries, a fast
        one all of them several times. Recall is of all queries."""
        queries = max(FEWEST, min(self.queries, int(setting["qps"] * LEAST_S)))
        repeat = math.ceil(setting["qps"] * LEAST_S / queries)
        return self.asked(side, setting["ef"], queries=self.set.asked(queries), repeat=repeat, **fields)

    def rounds(self, wanted):
        """Rounds until there are so many."""
        there = [self.systems[name] for name in self.kept["systems"] if name in self.systems]
        while len(self.kept["rounds"]) < wanted:
            number = len(self.kept["rounds"])
            tries = []
            while len(tries) < self.tries and (not tries or tries[-1]["noisy"]):
                tries.append(self.round(there, number * REPEATS + len(tries)))
                say(f"{self.set.name}: round {number + 1}, kernel varies by {tries[-1]['spread']:.0%}")
            self.kept["rounds"].append({**min(tries, key=lambda t: t["spread"]), "tries": len(tries)})
            self.save()

    def round(self, systems, seed):
        """Every system once, in an order of its own."""
        order = sorted(systems, key=lambda s: s.name)
        random.Random(seed).shuffle(order)
        load = os.getloadavg()[0]
        kernel = [self.kernel.seconds()]
        turns = {}
        for system in order:
            try:
                with self.side(system) as (side, _):
                    self.asked(side, system.grid[0])
                    turns[system.name] = self.turn(side, system)
            except Failed as error:
                say(f"SKIPPED in this round: {self.set.name}: {error}")
                turns[system.name] = {}
            kernel.append(self.kernel.seconds())
        spread = figures.spread(kernel)
        return {"turns": turns, "spread": spread, "noisy": spread > figures.NOISY, "load": load}

    def turn(self, side, system):
        """Figures of one system: QPS at each target by processor and by wall time, and of a batch at the first."""
        curve = self.kept["systems"][system.name]["curve"]
        points = [(c["recall"], c["qps"]) for c in curve]
        brackets = {target: figures.bracket(points, target) for target in TARGETS}
        timed = {}
        for place in sorted(set().union(*brackets.values())):
            timed[place] = self.timed(side, curve[place])

        def at(target, what):
            return figures.qps_at([(curve[p]["recall"], timed[p][what]) for p in brackets[target]], target)

        batches = []
        for place in brackets[TARGETS[0]]:
            found = self.timed(side, curve[place], command="batch", threads=BATCH_THREADS)
            batches.append((curve[place]["recall"], found["qps_wall"]))
        turn = {f"{what} at {target}": at(target, what) for target in TARGETS for what in ("qps", "qps_wall")}
        return {**turn, f"batch at {TARGETS[0]}": figures.qps_at(batches, TARGETS[0])}


def where():
    """The machine and the commit, kept beside figures."""
    with open("/proc/cpuinfo") as file:
        info = file.read()
    flags = set(re.search(r"^flags\s*: (.*)", info, re.M).group(1).split()) if "flags" in info else set()
    git = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return {
        "machine": f"{re.search(r'model name.*: (.*)', info).group(1)}, {os.cpu_count()} cores",
        "isa": ", ".join(flag for flag in ISA if flag in flags) or "none of " + ", ".join(ISA),
        "commit": git.stdout.strip(),
    }


def drop_older(folder, keep):
    """Removes indexes of the engine as it was."""
    for name in os.listdir(folder) if os.path.isdir(folder) else []:
        if name.startswith(f"{OURS}-") and name != keep:
            shutil.rmtree(os.path.join(folder, name))
