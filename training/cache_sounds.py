"""Sounds at 16 kHz and what the teacher hears in them, computed once below CACHE/sounds.

samples.npy  i16, all sounds one after another          rows.json  file, label, source, start, length, patch, patches
scores.npy   f16 [patches, 521], a patch is 0.975 s every 0.48 s (YAMNet)      embeds.npy  f16 [patches, 1024]
dev.*        the same for the animal sounds of the dev split, for measuring only

    python cache_sounds.py --data DATA --extra FOLDER --cache DIR
"""

import argparse
import json
import os
import subprocess

import numpy as np

from guard import Guard
from preprocess import RATE

SOURCES = ("animal_sounds", "dirt_samples", "fsdd", "esc10_babycry", "spoken_flickr8k")
SUFFIXES = (".ogg", ".wav", ".flac", ".mp3")
PATCH, HOP, LONGEST = 15600, 7680, 15 * RATE
NEVER = "tuxpaint-stamps"  # the public check set


def decode(path):
    """i16 mono samples at 16 kHz, at most 15 s; empty where ffmpeg fails."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-i", path, "-t", str(LONGEST // RATE), "-ac", "1", "-ar", str(RATE),
               "-f", "s16le", "-"]
    run = subprocess.run(command, capture_output=True, check=False)
    return np.frombuffer(run.stdout[:len(run.stdout) // 2 * 2], np.int16)


class Yamnet:
    """The teacher: scores and the 1024-d mean that its last layer reads."""

    def __init__(self, path, threads=1):
        from ai_edge_litert.interpreter import Interpreter
        self.net = Interpreter(path, num_threads=threads, experimental_preserve_all_tensors=True)
        self.net.allocate_tensors()
        self.input = self.net.get_input_details()[0]["index"]
        outputs = self.net.get_output_details()
        self.output = next(o["index"] for o in outputs if o["shape"][-1] == 521)
        self.mean = next(t["index"] for t in self.net.get_tensor_details()
                         if t["name"].endswith("global_average_pooling2d/Mean"))

    def __call__(self, samples):
        """f32 samples -> scores [p, 521], embeddings [p, 1024]."""
        scores, embeds = [], []
        for start in range(0, max(1, len(samples) - PATCH // 2), HOP):
            part = samples[start:start + PATCH]
            self.net.set_tensor(self.input, np.pad(part, (0, PATCH - len(part)))[None].astype(np.float32))
            self.net.invoke()
            scores.append(self.net.get_tensor(self.output)[0].copy())
            embeds.append(self.net.get_tensor(self.mean)[0].reshape(-1)[:1024].copy())
        return np.stack(scores), np.stack(embeds)


def extra_files(folder):
    """Sound files of the unpacked packages; music and the public check set left out."""
    for root, _, names in sorted(os.walk(folder)):
        if "music" in root.lower() or NEVER in root:
            continue
        for name in sorted(names):
            if name.lower().endswith(SUFFIXES):
                yield os.path.join(root, name)


def write(rows, folder, prefix, yamnet):
    """rows: (absolute path, label, source)."""
    samples, scores, embeds, out, start, patch = [], [], [], [], 0, 0
    for path, label, source in rows:
        s = decode(path)
        if len(s) < 800 or np.abs(s).max() < 50:
            continue
        floats = s.astype(np.float32) / 32768
        score, embed = yamnet(floats / max(0.05, np.abs(floats).max()) * 0.7)
        out.append({"file": os.path.basename(path), "label": label, "source": source, "start": start, "length": len(s),
                    "patch": patch, "patches": len(score)})
        samples.append(s)
        scores.append(score.astype(np.float16))
        embeds.append(embed.astype(np.float16))
        start, patch = start + len(s), patch + len(score)
        if len(out) % 500 == 0:
            print(prefix or "train", len(out), "sounds", flush=True)
    for name, parts in (("samples", samples), ("scores", scores), ("embeds", embeds)):
        np.save(os.path.join(folder, prefix + name + ".npy"), np.concatenate(parts))
    with open(os.path.join(folder, prefix + "rows.json"), "w") as f:
        json.dump(out, f)
    print(f"{prefix or 'train'}: {len(out)} sounds, {start / RATE:.0f} s, {patch} patches", flush=True)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--data", required=True)
    ap.add_argument("--extra", default="", help="folder of fetch_sounds.sh")
    ap.add_argument("--cache", default=os.path.join(os.path.dirname(__file__), ".cache"))
    a = ap.parse_args()
    folder = os.path.join(a.cache, "sounds")
    os.makedirs(folder, exist_ok=True)
    guard = Guard(a.data)
    yamnet = Yamnet(os.path.join(a.data, "teachers/yamnet.tflite"))
    rows = [(os.path.join(a.data, r["file"]), r["label"], r["source"]) for r in guard.eval_rows("animal_sounds")]
    write(rows, folder, "dev.", yamnet)
    rows = [(os.path.join(a.data, r["file"]), r["label"], r["source"]) for r in guard.train_rows(*SOURCES)]
    rows += [(f, None, "extra") for f in (extra_files(a.extra) if a.extra else [])]
    write(rows, folder, "", yamnet)


if __name__ == "__main__":
    main()
