"""Golden arrays from real media, for `make eval` only: writes outside the repository, as the data may not be copied into it.

picture.N.safetensors: resized u8 [S, S, 3], vector; sound.N.safetensors: samples f32 (16 kHz, by ffmpeg), log_mel of
the first window, vectors of all windows. files.json names the sources, relative to DATA.

    python golden_real.py --data DATA --bundle ../models/mini --out FOLDER [--count 20]
"""

import argparse
import json
import os

import numpy as np
from safetensors.numpy import save_file

from bundle import Bundle
from cache_sounds import decode
from guard import Guard
from preprocess import load_rgb, log_mel, resize, windows


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "bundle", "out"):
        ap.add_argument("--" + name, required=True)
    ap.add_argument("--stems", default=None)
    ap.add_argument("--count", type=int, default=20)
    a = ap.parse_args()
    root = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    if os.path.realpath(a.out).startswith(root + os.sep):
        raise SystemExit("golden_real.py writes nothing into the repository: choose another --out")
    os.makedirs(a.out, exist_ok=True)
    bundle, guard, files = Bundle(a.bundle, a.stems), Guard(a.data), {}
    pictures = guard.eval_rows("flickr8k")[:a.count // 2] + guard.eval_rows("coco2017-val", "extra")[:a.count // 2]
    for n, row in enumerate(pictures):
        square = resize(load_rgb(os.path.join(a.data, row["file"])), bundle.size)
        name = f"picture.{n}.safetensors"
        save_file({"resized": np.ascontiguousarray(square), "vector": bundle.pictures([square])[0]}, os.path.join(a.out, name))
        files[name] = row["file"]
    for n, row in enumerate(guard.eval_rows("animal_sounds")[::9][:a.count]):
        samples = decode(os.path.join(a.data, row["file"])).astype(np.float32) / 32768
        name = f"sound.{n}.safetensors"
        save_file({"samples": samples, "log_mel": log_mel(windows(samples)[0]), "vectors": bundle.sounds(samples)},
                  os.path.join(a.out, name))
        files[name] = row["file"]
    with open(os.path.join(a.out, "files.json"), "w", encoding="utf-8") as f:
        json.dump(files, f, indent=1)


if __name__ == "__main__":
    main()
