"""Texts across languages: the last lines of the parallel captions, which nothing is trained on. The German, French and
Czech line each looks for the English line among all of them, and is told to be in its language by the program itself.

    eval_languages.py PARALLEL.tsv.gz [--last 1000]

Columns of the file: English, German, French, Czech. Ends with 77 where the bundle has no encoder for these languages.
"""

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile

import common

LANGUAGES = ("de", "fr", "cs")


def languages():
    """The languages that the bundle has an encoder for, beside English."""
    done = subprocess.run([common.program(), "models", "info", "--json"], stdout=subprocess.PIPE, check=True)
    encoders = json.loads(done.stdout.decode())["encoders"]
    return {language for encoder in encoders for language in encoder.get("languages", [])}


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("parallel")
    ap.add_argument("--last", type=int, default=1000)
    a = ap.parse_args()
    missing = set(LANGUAGES) - languages()
    if missing:
        print(f"the bundle has no encoder for {', '.join(sorted(missing))}", file=sys.stderr)
        sys.exit(77)
    with gzip.open(a.parallel, "rt", encoding="utf-8") as file:
        lines = [line.rstrip("\n").split("\t") for line in file][-a.last :]
    with tempfile.TemporaryDirectory() as folder:
        for number, (english, *_) in enumerate(lines):
            with open(os.path.join(folder, f"{number:05}.txt"), "w", encoding="utf-8") as text:
                text.write(english)
        for column, language in enumerate(LANGUAGES, 1):
            manifest = os.path.join(folder, f"index.{language}.jsonl")
            with open(manifest, "w", encoding="utf-8") as rows:
                for number, line in enumerate(lines):
                    row = {"file": f"{number:05}.txt", "captions": [line[column]], "split": "dev"}
                    rows.write(json.dumps(row, ensure_ascii=False) + "\n")
            done = subprocess.run(
                [common.program(), "eval", "--manifest", manifest, "--task", "text_to_text", "--json"],
                stdout=subprocess.PIPE, check=True,
            )  # fmt: skip
            figures = json.loads(done.stdout.decode())["text_to_text"]
            common.report(f"text_to_text_{language}", **figures)


if __name__ == "__main__":
    main()
