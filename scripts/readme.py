"""Runs the examples of README.md and writes their real output into it, and renews its image: readme.py [--check]

An example is a fenced block of `console` whose first line is `$ sensorium ...`. All run in order on one new data folder.
The repository's own path is shown as ~/sensorium, seconds as they were. With --check nothing is written, and lines that differ fail: scores
may differ by 0.1, as the rounding of another processor makes them. Needs SENSORIUM_BIN.
"""

import itertools
import os
import re
import shlex
import subprocess
import sys
import tempfile

import common

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAGE = os.path.join(ROOT, "README.md")
SHEET = "docs/contact-sheet.png"
BLOCK = re.compile(r"```console\n\$ (sensorium [^\n]*(?:\\\n[^\n]*)*)\n(.*?)\n```", re.DOTALL)
SCORE = re.compile(r"-?\d+\.\d")


def output(command, data):
    """What the command prints on a terminal of 120 columns without colour."""
    words = shlex.split(command.replace("\\\n", " "))
    environment = {**os.environ, "SENSORIUM_DATA": data, "NO_COLOR": "1", "COLUMNS": "120"}
    environment.pop("SENSORIUM_BUNDLE", None)
    done = subprocess.run(
        [common.program(), *words[1:]], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL, check=True,
    )  # fmt: skip
    return done.stdout.decode().replace(ROOT, "~/sensorium").rstrip("\n")


def agrees(shown, given):
    """Whether two lines are the same but for seconds taken, and scores (numbers of one decimal) by at most 0.1."""
    shown, given = (re.sub(r"[\d.]+ s\b", "", line).split() for line in (shown, given))
    return len(shown) == len(given) and all(
        a == b or (SCORE.fullmatch(a) and SCORE.fullmatch(b) and abs(float(a) - float(b)) < 0.11) for a, b in zip(shown, given)
    )


def differing(shown, given):
    """Lines of an example that no longer hold, as `shown -> given`."""
    pairs = itertools.zip_longest(shown.split("\n"), given.split("\n"), fillvalue="")
    return [f"{shown!r} -> {given!r}" for shown, given in pairs if not agrees(shown, given)]


def main():
    with open(PAGE, encoding="utf-8") as file:
        page = file.read()
    with tempfile.TemporaryDirectory() as data:
        if "--check" in sys.argv:
            wrong = [line for m in BLOCK.finditer(page) for line in differing(m[2], output(m[1], data))]
            sys.exit("\n".join(["README.md shows other output than the command gives; `make readme` writes it anew:", *wrong]) if wrong else 0)
        renewed = BLOCK.sub(lambda m: f"```console\n$ {m[1]}\n{output(m[1], data)}\n```", page)
        output(f"sensorium search 'flowers in a meadow' --limit 5 --contact-sheet {SHEET}", data)
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write(renewed)


if __name__ == "__main__":
    main()
