"""A peer's side of the pipe: `python -m bench_index.peer NAME SETTINGS_JSON`. Commands stand in protocol.py."""

import json
import os
import shutil
import sys
import time

import numpy as np

from bench_index import databases, peers

BUILT = "built.json"


def rows(of):
    """The vectors that a command names."""
    offset = of["from"] * of["dim"] * 4
    return np.fromfile(of["path"], "<f4", of["count"] * of["dim"], offset=offset).reshape(of["count"], of["dim"])


def memory():
    with open("/proc/self/status") as status:
        lines = dict(line.split(":", 1) for line in status)
    return {name: int(lines[key].split()[0]) * 1024 for name, key in (("rss", "VmRSS"), ("rss_anon", "RssAnon"))}


class Answers:
    """One method a command."""

    def __init__(self, library):
        self.library = library

    def open(self, folder, vectors):
        note = os.path.join(folder, BUILT)
        if not os.path.exists(note):
            shutil.rmtree(folder, ignore_errors=True)
            os.makedirs(folder)
            points = rows(vectors)
            begun, cpu = time.perf_counter(), time.process_time()
            self.library.build(points, folder)
            built = {"build_s": time.perf_counter() - begun, "build_cpu_s": time.process_time() - cpu}
            with open(note, "w") as file:
                json.dump(built, file)
            self.library.close()
        with open(note) as file:
            built = json.load(file)
        begun = time.perf_counter()
        self.library.open(folder, vectors["dim"], vectors["count"], lambda: rows(vectors))
        return {"built": built, "open_s": time.perf_counter() - begun}

    def search(self, queries, k, ef, below=None, repeat=1):
        asked = rows(queries)
        self.library.set_ef(ef)
        begun, cpu = time.perf_counter(), time.process_time()
        for _ in range(repeat):
            found = self.library.search(asked, k, ef, below)
        return self.answer(begun, cpu, found)

    def batch(self, queries, k, ef, threads, repeat=1):
        asked = rows(queries)
        self.library.set_ef(ef)
        begun, cpu = time.perf_counter(), time.process_time()
        for _ in range(repeat):
            found = self.library.batch(asked, k, ef, threads)
        return self.answer(begun, cpu, found)

    @staticmethod
    def answer(begun, cpu, found):
        times = {"seconds": time.perf_counter() - begun, "cpu_s": time.process_time() - cpu}
        return {**times, "ids": [[int(n) for n in row] for row in found]}

    def ingest(self, folder, vectors, batch):
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        points = rows(vectors)
        self.library.create(folder, vectors["dim"])
        begun, cpu = time.perf_counter(), time.process_time()
        for start in range(0, len(points), batch):
            self.library.write(start, points[start : start + batch])
        return {"seconds": time.perf_counter() - begun, "cpu_s": time.process_time() - cpu}

    def stats(self):
        return {"memory": memory()}


def main():
    name, settings = sys.argv[1], json.loads(sys.argv[2])
    # What a library prints must not come between answers.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    library = {**peers.LIBRARIES, **databases.DATABASES}[name](**settings)
    answers = Answers(library)
    for line in sys.stdin:
        command = json.loads(line)
        try:
            reply = getattr(answers, command.pop("do"))(**command)
        except Exception as error:  # whatever a library throws is the answer
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), file=out, flush=True)


if __name__ == "__main__":
    main()
