"""A side of the bench behind a pipe: a command a line, an answer a line, both JSON. Plain Python.

| command | fields | answer |
| --- | --- | --- |
| `open` | `folder`, `vectors` | `built` (what building cost, now or then), `open_s` |
| `search` | `queries`, `k`, `ef`, `below`, `repeat` | `seconds` and `cpu_s` of all, `ids` |
| `batch` | `queries`, `k`, `ef`, `threads`, `repeat` | the same, all queries in one call |
| `ingest` | `folder`, `vectors`, `batch` | `seconds`, `cpu_s`: so many durably at a time |
| `stats` | | `memory` (`rss`, `rss_anon`) |

`vectors` and `queries` are `path`, `dim`, `from`, `count` of a file of little-endian f32. `below` is a filter: the group of a
vector (`data.groups`) is below this of 1,000.
"""

import contextlib
import json
import os
import selectors
import subprocess
import time

DEADLINE_S = 3600


class Failed(Exception):
    """A side that answered an error, ended, or took too long."""


class Side:
    """A process that answers commands."""

    def __init__(self, name, argv, log, env=None):
        self.name = name
        self.log = log
        os.makedirs(os.path.dirname(log), exist_ok=True)
        with open(log, "ab") as errors:
            self.process = subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env={**os.environ, **(env or {})}
            )
        self.ready = selectors.DefaultSelector()
        self.ready.register(self.process.stdout, selectors.EVENT_READ)
        self.left = b""

    def ask(self, do, deadline_s=DEADLINE_S, **fields):
        """Sends a command and waits for its answer."""
        try:
            self.process.stdin.write(json.dumps({"do": do, **fields}).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Failed(f"{self.name} has ended: {self.tail()}") from None
        end = time.monotonic() + deadline_s
        while b"\n" not in self.left:
            if not self.ready.select(max(0, end - time.monotonic())):
                self.close()
                raise Failed(f"{self.name}: no answer to {do} within {deadline_s} s")
            piece = os.read(self.process.stdout.fileno(), 1 << 20)
            if not piece:
                raise Failed(f"{self.name} ended in {do} with status {self.process.wait()}: {self.tail()}")
            self.left += piece
        line, self.left = self.left.split(b"\n", 1)
        answer = json.loads(line)
        if "error" in answer:
            raise Failed(f"{self.name}: {do}: {answer['error']}")
        return answer

    def tail(self):
        """The last words of its standard error."""
        with open(self.log, errors="replace") as lines:
            return " / ".join(lines.read().splitlines()[-3:])

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        self.ready.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
