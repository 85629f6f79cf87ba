"""Runs the examples of README.md and writes their real output into it, and renews its picture: readme.py [--check]

An example is a fenced block of `console` whose first line is `$ sensorium ...`. All run in order on one new data folder.
The repository's own path is shown as ~/sensorium, seconds as they were. Needs SENSORIUM_BIN.
"""

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
BLOCK = re.compile(r"```console\n\$ (sensorium [^\n]*(?:\\\n[^\n]*)*)\n.*?```", re.DOTALL)


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


def main():
    with open(PAGE, encoding="utf-8") as file:
        page = file.read()
    with tempfile.TemporaryDirectory() as data:
        renewed = BLOCK.sub(lambda m: f"```console\n$ {m[1]}\n{output(m[1], data)}\n```", page)
        if "--check" not in sys.argv:
            output(f"sensorium search 'flowers in a meadow' --limit 5 --contact-sheet {SHEET}", data)
    if "--check" in sys.argv:
        without_times = [re.sub(r"[\d.]+ s\b", "", text) for text in (page, renewed)]
        sys.exit(0 if without_times[0] == without_times[1] else "README.md shows other output than the command gives")
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write(renewed)


if __name__ == "__main__":
    main()
