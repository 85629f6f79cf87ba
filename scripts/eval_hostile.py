"""Hostile media: a folder of broken and odd files through `sensorium index`.

Every file must be indexed or recorded with its reason, in time, with the memory of the whole process tree below 1 GiB.

    eval_hostile.py FOLDER [--seconds 600]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter

import common

LIMIT = 1 << 30


def tree(root):
    """The process and all its descendants."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as stat:
                    parents[int(name)] = int(stat.read().rsplit(")", 1)[1].split()[1])
            except (OSError, IndexError, ValueError):
                continue
    found = {root}
    while True:
        more = {child for child, parent in parents.items() if parent in found} - found
        if not more:
            return found
        found |= more


def memory(pid):
    """Bytes of a process, pages that it shares counted by its share."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as rollup:
            for line in rollup:
                if line.startswith("Pss:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def watch(pid, stop, peak):
    while not stop.wait(0.05):
        peak[0] = max(peak[0], sum(memory(p) for p in tree(pid)))


def files_below(folder):
    return {os.path.join(root, name) for root, _, names in os.walk(folder, followlinks=True) for name in names}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--seconds", type=int, default=600)
    options = parser.parse_args()
    folder = os.path.abspath(options.folder)
    expected, problems = files_below(folder), []

    with tempfile.TemporaryDirectory() as data:
        begun, peak, stop = time.monotonic(), [0], threading.Event()
        process = subprocess.Popen(
            [common.program(), "index", folder, "--data", data, "--json"], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
        )
        watcher = threading.Thread(target=watch, args=(process.pid, stop, peak))
        watcher.start()
        try:
            output, _ = process.communicate(timeout=options.seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
            problems.append(f"not done after {options.seconds} s")
        stop.set()
        watcher.join()
        seconds = time.monotonic() - begun
        if process.returncode != 0:
            problems.append(f"exit status {process.returncode}")
        events = [json.loads(line) for line in output.decode().splitlines() if line.strip()]
        assets = [event for event in events if event["event"] == "asset"]
        seen = Counter(event["path"] for event in assets)
        lost = sorted(path for path in expected if path.encode("utf-8", "surrogateescape").decode("utf-8", "replace") not in seen)
        if lost:
            problems.append(f"{len(lost)} files without an event, the first: {lost[0]}")
        twice = [path for path, count in seen.items() if count > 1]
        if twice:
            problems.append(f"{len(twice)} files with two events, the first: {twice[0]}")
        mute = [e["path"] for e in assets if e["state"] not in ("indexed", "unchanged") and not e["reason"]]
        if mute:
            problems.append(f"{len(mute)} failures without a reason, the first: {mute[0]}")
        if peak[0] >= LIMIT:
            problems.append(f"peak memory {peak[0] >> 20} MiB")
        check = subprocess.run([common.program(), "verify", "--data", data, "--json"], stdout=subprocess.PIPE, check=False)
        if check.returncode != 0:
            problems.append("verify found problems afterwards")
    states = Counter(event["state"] for event in assets)
    common.report(
        "hostile", files=len(expected), states=dict(states), peak_mib=peak[0] >> 20, seconds=round(seconds, 1), problems=problems
    )
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
