"""What was measured, as tables and plots: docs/performance.md between its marks, and docs/bench-index/. Plain Python."""

import glob
import json
import os
import sys

from bench_index import figures, plot
from bench_index.systems import DATABASES, LIBRARIES, OURS, RABITQ, UNSYNCED

PAGE = "docs/performance.md"
PLOTS = "docs/bench-index"
BEGIN, END = "<!-- bench-index: begin -->", "<!-- bench-index: end -->"
TARGETS = ("0.95", "0.99")
BARS = {"clustered": 1.0}  # of the libraries without rabitqlib; 1.5 elsewhere
BAR, BAR_RABITQ = 1.5, 1.0
WHOLE = 200_000  # crops that encode.rs makes unless told otherwise
BEAMS = (10, 16, 32, 64, 128, 256, 512, 1024)
# Figures of databases: key, heading, whether more is better.
DATABASE_FIGURES = (
    ("no filter", "QPS at 0.95", True), ("filter of 10 %", "10 % filter", True), ("filter of 1 %", "1 % filter", True),
    ("writes_a_second", "points written a second", True), ("reopen_s", "reopen to first answer, s", False),
    ("disk_bytes_a_point", "disk, bytes a point", False),
)  # fmt: skip


def write(cache, update):
    """Prints the report, or writes it into the page."""
    results = []
    for path in sorted(glob.glob(os.path.join(cache, "results", "*.json"))):
        with open(path) as file:
            results.append((os.path.basename(path), json.load(file)))
    if not results:
        sys.exit("nothing was measured yet")
    parts = []
    for name, kept in results:
        if name.startswith("databases-"):
            parts += [databases(kept)] if kept["rounds"] else []
            continue
        if kept["rounds"]:
            parts.append(libraries(kept, update))
        if kept["set"] not in ("spectrum", "clustered"):
            parts.append(hardness(kept))
    text = "\n".join(parts)
    if not update:
        print(text)
        return
    with open(PAGE) as file:
        page = file.read()
    if page.count(BEGIN) != 1 or page.count(END) != 1:
        sys.exit(f"{PAGE} needs the marks {BEGIN} and {END}, once each")
    before, after = page.split(BEGIN)[0], page.split(END)[1]
    with open(PAGE, "w") as file:
        file.write(f"{before}{BEGIN}\n{text}{END}{after}")


def heading(kept, what):
    return f"### {what}: {kept['set']}, {kept['points']:,} x {kept['dim']}\n"


def origin(kept):
    """Where and how quietly it was measured."""
    rounds = kept["rounds"]
    words = f"{kept['machine']} ({kept['isa']}), commit {kept['commit']}"
    if not rounds:
        return f"{words}.\n"
    noisy = sum(r["noisy"] for r in rounds)
    worst = max(r["spread"] for r in rounds)
    load = figures.median([r["load"] for r in rounds])
    shared = "the machine was shared" if load > 1 else "the machine was else idle"
    return (
        f"{words}; {shared} (load {load:.1f} as rounds began), {len(rounds)} rounds, "
        f"**{noisy} of them noisy** (the kernel varied by up to {worst:.0%}), each measured "
        f"{max(r['tries'] for r in rounds)} times at most.\n"
    )


def series(kept, name, what):
    """A figure of a system in every round."""
    return [r["turns"].get(name, {}).get(what) for r in kept["rounds"]]


def number(value):
    if value is None:
        return "not reached"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def middle(values):
    there = [v for v in values if v is not None]
    return number(figures.median(there)) if there else "not reached"


def ratio(found):
    return f"{found['ratio']:.2f} ({found['low']:.2f} to {found['high']:.2f})" if found else "-"


def row(cells):
    return "| " + " | ".join(cells) + " |"


def table(head, rows):
    return "\n".join([row(head), row(["---"] * len(head)), *map(row, rows), ""])


def in_rounds(kept):
    """The same without systems that no round asked: their curves are of an earlier run."""
    asked = {name for turn in kept["rounds"] for name in turn["turns"]}
    return {**kept, "systems": {name: system for name, system in kept["systems"].items() if name in asked}}


def libraries(kept, update):
    kept = in_rounds(kept)
    names = [s.name for s in (*LIBRARIES, *RABITQ) if s.name in kept["systems"]]
    rows = []
    for name in [OURS, *names]:
        system = kept["systems"][name]
        cells = [f"**{name}**" if name == OURS else f"{name} {system['version']}"]
        for target in TARGETS:
            mine, its = (series(kept, who, f"qps at {target}") for who in (OURS, name))
            cells += [middle(its), "" if name == OURS else ratio(figures.compare(mine, its))]
        mine, its = (series(kept, who, "qps_wall at 0.95") for who in (OURS, name))
        cells += ["" if name == OURS else ratio(figures.compare(mine, its))]
        cells += [middle(series(kept, name, "batch at 0.95")), number(system["built"]["build_cpu_s"])]
        cells += [number(system["memory"]["rss"] / kept["points"])]
        rows.append(cells)
    head = ["", "QPS at 0.95", "ours / it", "QPS at 0.99", "ours / it", "ours / it by wall time at 0.95",
            "batch on 2 threads at 0.95", "build, CPU s", "resident bytes a point"]  # fmt: skip
    drawn = {n: [(c["recall"], c["qps"]) for c in kept["systems"][n]["curve"]] for n in [OURS, *names]}
    file = f"{PLOTS}/{kept['set']}-{kept['points']}.svg"
    if update:
        os.makedirs(PLOTS, exist_ok=True)
        with open(file, "w") as out:
            out.write(plot.svg(f"{kept['set']}, {kept['points']:,} x {kept['dim']}", drawn))
    image = f"![QPS by recall, {kept['set']}]({os.path.relpath(file, os.path.dirname(PAGE))})\n"
    return "\n".join([heading(kept, "Libraries"), origin(kept), table(head, rows), verdicts(kept), image])


def met_or_not(kept, met):
    """In words; a bar that is met in rounds of which most were noisy is to be measured again."""
    if not met:
        return "**not met**"
    return "met, in noise" if 2 * sum(r["noisy"] for r in kept["rounds"]) > len(kept["rounds"]) else "met"


def verdicts(kept):
    """The bars, one line each."""
    lines = []
    rabitq = [s.name for s in RABITQ]
    missing = [s.name for s in (*LIBRARIES, *RABITQ) if s.name not in kept["systems"]]
    of_those = " that were measured" if missing else ""
    if missing:
        lines.append(f"- **not measured: {', '.join(missing)}**; what follows is beside the rest")
    for target in TARGETS:
        what = f"qps at {target}"
        sides = {n: series(kept, n, what) for n in kept["systems"]}
        for bar, names, word in (
            (BARS.get(kept["set"], BAR), [s.name for s in LIBRARIES], "the libraries without rabitqlib"),
            (BAR_RABITQ, [s.name for s in LIBRARIES] + rabitq, "all libraries"),
        ):
            best = figures.best_of(sides, names)
            if best is None:
                lines.append(f"- recall {target}: none of {word}{of_those} reaches it")
                continue
            found = figures.compare(sides[OURS], sides[best])
            if found is None:
                lines.append(f"- recall {target}, best of {word}: {best}; ours does not reach it: **not met**")
                continue
            met = met_or_not(kept, found["low"] >= bar)
            lines.append(f"- recall {target}, best of {word}{of_those}: {best}; ours / it {ratio(found)}, bar {bar}: {met}")
    reach = [n for n, s in kept["systems"].items() if n != OURS and max(c["recall"] for c in s["curve"]) >= 0.99]
    if reach:
        cost = {n: kept["systems"][n]["built"]["build_cpu_s"] for n in [OURS, *reach]}
        least = min(reach, key=cost.get)
        met = met_or_not(kept, cost[OURS] <= cost[least])
        lines.append(
            f"- build: {cost[OURS]:.0f} CPU s, the fastest that reaches 0.99{', of those measured' if missing else ''} ({least}) {cost[least]:.0f}: "
            f"{cost[OURS] / cost[least]:.2f} times, bar 1.0: {met}"
        )
    return "\n".join([*lines, ""])


def hardness(kept):
    """Recall by beam, of the engine and of hnswlib."""
    names = [n for n in (OURS, "hnswlib M16") if n in kept["systems"]]
    curves = {n: {c["ef"]: c["recall"] for c in kept["systems"][n]["curve"]} for n in names}
    rows = [[name, *(f"{curves[name][ef]:.3f}" if ef in curves[name] else "" for ef in BEAMS)] for name in names]
    head = ["recall@10 at ef", *map(str, BEAMS)]
    part = kept["set"].endswith("-images") and kept["points"] < WHOLE
    words = [f"A part of the {WHOLE:,} crops: their encoding had not ended.\n"] if part else []
    return "\n".join([heading(kept, "How hard"), origin({**kept, "rounds": []}), *words, table(head, rows)])


def databases(kept):
    names = [OURS, *(s.name for s in DATABASES if s.name in kept["systems"])]
    rows, lines = [], []
    for name in names:
        version = kept["systems"][name]["version"]
        cells = [f"**{name}**" if name == OURS else f"{name} {version}"]
        values = {key: middle(series(kept, name, key)) for key, _, _ in DATABASE_FIGURES}
        if name in UNSYNCED:
            values["writes_a_second"] = "not synced"
        rows.append([*cells, *values.values()])
    for key, word, more in DATABASE_FIGURES:
        sides = {n: series(kept, n, key) for n in names}
        if not more:
            sides = {n: [None if v is None else 1 / v for v in values] for n, values in sides.items()}
        best = figures.best_of(sides, names[1:])
        found = figures.compare(sides[OURS], sides[best]) if best else None
        if best and not found:
            lines.append(f"- {word}: best {best}; ours does not reach it: **not met**")
        elif found:
            met = met_or_not(kept, found["low"] > 1)
            lines.append(f"- {word}: best {best}; ours is {ratio(found)} times as good: {met}")
    head = ["", *(word for _, word, _ in DATABASE_FIGURES)]
    return "\n".join([heading(kept, "Databases"), origin(kept), table(head, rows), "\n".join([*lines, ""])])
