"""Captions of the dev photos of Flickr8k by the command: BLEU-4, and CIDEr-D on its scale from 0 to 10.

    eval_captions.py MANIFEST [--beam 3]
"""

import argparse
import json
import os
import subprocess
import sys

import common

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "training"))
from caption_figures import bleu4, cider_d  # noqa: E402


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("manifest")
    ap.add_argument("--beam", type=int, default=3)
    a = ap.parse_args()
    base = os.path.dirname(os.path.abspath(a.manifest))
    photos = {os.path.join(base, r["file"]): r["captions"] for r in common.rows(a.manifest) if r["source"] == "flickr8k"}
    done = subprocess.run(
        [common.program(), "caption", "--beam", str(a.beam), "--json", *photos], stdout=subprocess.PIPE, check=True
    )  # fmt: skip
    said = {row["path"]: row["caption"] for row in map(json.loads, done.stdout.decode().splitlines())}
    missing = [path for path in photos if path not in said]
    if missing:
        sys.exit(f"{len(missing)} photos have no caption, the first: {missing[0]}")
    pairs = [said[path] for path in photos], list(photos.values())
    figures = {"bleu4": round(bleu4(*pairs), 4), "cider_d": round(cider_d(*pairs), 4)}
    common.report("captions", **figures, photos=len(photos), beam=a.beam, distinct=len(set(said.values())))


if __name__ == "__main__":
    main()
