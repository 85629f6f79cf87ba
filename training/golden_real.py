"""What the reference makes of real media, for `make eval`: the Rust code is compared with it (crates/media/tests/resize_parity.rs,
crates/embed/tests/golden.rs). Needs no torch. Writes outside the repository, as the data may not be copied into it.

images.safetensors  resized.N u8 [S, S, 3]; metadata `files`: the images' paths
audio.safetensors    samples.N f32 (16 kHz mono, by ffmpeg), log_mel.N f32 [T, 64] of the first window
texts.safetensors     ids.N i64; metadata `strings`

    python golden_real.py --data DATA --bundle ../models/mini --out FOLDER
"""

import argparse
import json
import os
import tomllib

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer

from cache_audio import decode
from guard import PARALLEL, Guard, lines
from preprocess import load_rgb, log_mel, resize, windows

IMAGES = (("flickr8k", "dev", 10), ("coco2017-val", "extra", 10))
AUDIOS = (("animal_sounds", "dev", 15), ("spoken_flickr8k", "dev", 5))
CAPTIONS, PARALLEL_LINES = 40, 3


def spread(rows, count):
    """At most `count` rows from the whole list."""
    return rows[::max(1, len(rows) // count)][:count]


def chosen(guard, wanted):
    """Rows of (source, split, count)."""
    return [row for source, split, count in wanted for row in spread(guard.eval_rows(source, split), count)]


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "bundle", "out"):
        ap.add_argument("--" + name, required=True)
    a = ap.parse_args()
    root = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    if os.path.realpath(a.out).startswith(root + os.sep):
        raise SystemExit("golden_real.py writes nothing into the repository: choose another --out")
    os.makedirs(a.out, exist_ok=True)
    with open(os.path.join(a.bundle, "bundle.toml"), "rb") as f:
        encoders = {t["modality"]: t for t in tomllib.load(f)["towers"] if not t.get("languages")}
    data, guard = os.path.abspath(a.data), Guard(a.data)

    files = [os.path.join(data, row["file"]) for row in chosen(guard, IMAGES)]
    size = encoders["image"]["config"]["size"]
    arrays = {f"resized.{n}": np.ascontiguousarray(resize(load_rgb(f), size)) for n, f in enumerate(files)}
    save_file(arrays, os.path.join(a.out, "images.safetensors"), {"files": json.dumps(files)})

    arrays = {}
    for n, row in enumerate(chosen(guard, AUDIOS)):
        samples = windows(decode(os.path.join(data, row["file"])).astype(np.float32) / 32768)[0]
        arrays |= {f"samples.{n}": np.ascontiguousarray(samples), f"log_mel.{n}": log_mel(samples)}
    save_file(arrays, os.path.join(a.out, "audio.safetensors"))

    strings = [row["captions"][0] for row in spread(guard.eval_rows("flickr8k"), CAPTIONS)]
    parallel = os.path.join(data, PARALLEL)
    if os.path.exists(parallel):
        strings += [text for line in lines(parallel)[-PARALLEL_LINES:] for text in line.split("\t")]
    words = encoders["text"]["tokenizer"]
    tokenizer = Tokenizer.from_file(os.path.join(a.bundle, words["file"]))
    tokenizer.no_padding()
    tokenizer.enable_truncation(words["max_tokens"])
    arrays = {f"ids.{n}": np.array(tokenizer.encode(s).ids, np.int64) for n, s in enumerate(strings)}
    save_file(arrays, os.path.join(a.out, "texts.safetensors"), {"strings": json.dumps(strings)})


if __name__ == "__main__":
    main()
