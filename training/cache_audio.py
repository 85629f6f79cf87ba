"""Audio at 16 kHz and what the teacher hears in it, computed once below CACHE/sounds.

samples.npy  i16, all audio clips one after another          rows.json  file, label, source, start, length, patch, patches
scores.npy   f16 [patches, 521], a patch is 0.975 s every 0.48 s (YAMNet)      embeds.npy  f16 [patches, 1024]
dev.*        the same for the animal sounds of the dev split, for measuring only; dev2.* for those of the sets added later

Beside the data folder's: audio of unpacked packages with what their names say (heard.py), those of render_audio.py below
CACHE/rendered, and variants of all of these, pitched, mixed and filtered, of which the teacher says what they are.
With --stamps, the audio of the public check set is heard too, so that no copy of one gets in.

    python cache_audio.py --data DATA --extra FOLDER... --cache DIR [--stamps FOLDER] [--jobs 2]
"""

import argparse
import itertools
import json
import multiprocessing
import os
import subprocess
import tempfile

import numpy as np

from guard import Guard, HeldAudios
from heard import SETS
from heard import label as heard_label
from heard import thinned
from preprocess import RATE

SOURCES = ("animal_sounds", "dirt_samples", "fsdd", "esc10_babycry", "spoken_flickr8k", *SETS)
SUFFIXES = (".ogg", ".wav", ".flac", ".mp3")
PATCH, HOP, LONGEST = 15600, 7680, 15 * RATE
NEVER = "tuxpaint-stamps"  # the public check set


def decode(path):
    """i16 mono samples at 16 kHz, at most 15 s; empty where ffmpeg fails."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-i", path, "-t", str(LONGEST // RATE), "-ac", "1", "-ar", str(RATE),
               "-f", "s16le", "-"]
    run = subprocess.run(command, capture_output=True, check=False)
    return np.frombuffer(run.stdout[:len(run.stdout) // 2 * 2], np.int16)


def decode_all(paths):
    """`decode` of every path by one call of ffmpeg, whose start takes longer than that of a short clip; one by one where one of them fails."""
    with tempfile.TemporaryDirectory() as folder:
        outs = [os.path.join(folder, str(n)) for n in range(len(paths))]
        command = ["ffmpeg", "-nostdin", "-v", "error"]
        for path in paths:
            command += ["-i", path]
        for n, out in enumerate(outs):
            command += ["-map", f"{n}:a:0", "-t", str(LONGEST // RATE), "-ac", "1", "-ar", str(RATE), "-f", "s16le", out]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            return [decode(path) for path in paths]
        return [np.fromfile(out, np.int16) for out in outs]


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


def set_of(row):
    """The folder of a manifest's row below `audio/`, "" for other media: which set an audio clip belongs to."""
    parts = row["file"].split("/")
    return parts[1] if parts[0] == "audio" else ""


def manifest_rows(data, rows):
    """(path, label, set, name) of rows of the manifest."""
    return [(os.path.join(data, r["file"]), r["label"], set_of(r), os.path.basename(r["file"])) for r in rows]


def audio_files(folder):
    """Paths of audio files below a folder."""
    return sorted(os.path.join(root, n) for root, _, names in os.walk(folder) for n in names if n.lower().endswith(SUFFIXES))


def extra_rows(folder):
    """(path, label, source, name) of the unpacked packages; music and the public check set left out, speech thinned."""
    for path in audio_files(folder):
        name = os.path.relpath(path, folder)
        if NEVER in path or "/music" in os.path.dirname(name).lower():
            continue
        label = heard_label(name)
        if label != "~speech" or thinned(name):
            yield path, label, "extra", name


def rendered_rows(folder):
    """(path, label, source, name) of render_audio.py: the folder's name is the label."""
    return [(path, os.path.basename(os.path.dirname(path)), "rendered", os.path.relpath(path, folder)) for path in audio_files(folder)]


class Listeners:
    """Decodes audio and asks the teacher in processes of their own; the answers come in the order of the paths."""

    def __init__(self, teacher, jobs):
        self.pool = multiprocessing.Pool(jobs, self.start, (teacher,))

    @staticmethod
    def start(teacher):
        Listeners.yamnet = Yamnet(teacher)

    @staticmethod
    def files(paths):
        return [Listeners.samples(samples) for samples in decode_all(paths)]

    @staticmethod
    def samples(samples):
        return (samples, *heard(samples, Listeners.yamnet))

    def __call__(self, paths, at_once=24):
        """(samples, scores, embeddings) of every path."""
        return itertools.chain.from_iterable(self.pool.imap(self.files, [paths[n:n + at_once] for n in range(0, len(paths), at_once)]))

    def made(self, audios):
        """The same of samples."""
        return self.pool.imap(self.samples, audios, 4)


def held_audios(paths, listeners, recordings):
    """What must not get in: these files, what the teacher hears in them, and in these recordings."""
    frames = [embed for _, _, embed in listeners(paths)]
    return HeldAudios(paths, [f for f in frames if f is not None] + recordings)


def heard(samples, yamnet):
    """Scores and embeddings of i16 samples, or two None where there is nothing to hear."""
    if len(samples) < 800 or np.abs(samples).max() < 50:
        return None, None
    floats = samples.astype(np.float32) / 32768
    return yamnet(floats / max(0.05, np.abs(floats).max()) * 0.7)


def variant(rng, audios):
    """Another audio clip made of one or two: pitched by up to an octave and a half in all, filtered, with another beneath."""
    def pitched(s):
        speed = 2 ** rng.uniform(-0.75, 0.75)
        at = np.arange(0, len(s) - 1, speed)
        return np.interp(at, np.arange(len(s)), s)[:5 * RATE]
    x = pitched(audios[int(rng.integers(len(audios)))].astype(np.float32))
    x /= max(1, np.abs(x).max())
    if rng.random() < 0.5:
        y = pitched(audios[int(rng.integers(len(audios)))].astype(np.float32))
        y = np.resize(y, len(x)) if len(y) < len(x) and rng.random() < 0.5 else np.pad(y, (0, max(0, len(x) - len(y))))[:len(x)]
        x = x + rng.uniform(0.1, 1.0) * y / max(1, np.abs(y).max())
    if rng.random() < 0.5:
        spectrum, hz = np.fft.rfft(x), np.fft.rfftfreq(len(x), 1 / RATE)
        x = np.fft.irfft(spectrum / (1 + (hz / rng.uniform(1000, 8000)) ** 2) + 0.1 * spectrum, len(x))
    return (x / max(1e-6, np.abs(x).max()) * 26000).astype(np.int16)


class Shelf:
    """Collects rows and arrays of one prefix."""

    def __init__(self, folder, prefix, held=None):
        self.folder, self.prefix, self.held = folder, prefix, held
        self.rows, self.parts, self.start, self.patch, self.refused = [], ([], [], []), 0, 0, {}

    def add(self, heard, name, label, source, path=""):
        """An audio clip with what the teacher hears; silence and copies of what is held out are left out."""
        samples, score, embed = heard
        if score is None:
            return
        if self.held and self.held.refuses(path, embed):
            self.refused[source] = self.refused.get(source, 0) + 1
            return
        self.rows.append({"file": name, "label": label, "source": source, "start": self.start, "length": len(samples),
                          "patch": self.patch, "patches": len(score)})
        for part, one in zip(self.parts, (samples, score.astype(np.float16), embed.astype(np.float16))):
            part.append(one)
        self.start, self.patch = self.start + len(samples), self.patch + len(score)
        if len(self.rows) % 500 == 0:
            print(self.prefix or "train", len(self.rows), "audio clips", flush=True)

    def write(self):
        for name, part in zip(("samples", "scores", "embeds"), self.parts):
            np.save(os.path.join(self.folder, self.prefix + name + ".npy"), np.concatenate(part))
        with open(os.path.join(self.folder, self.prefix + "rows.json"), "w") as f:
            json.dump(self.rows, f)
        print(f"{self.prefix or 'train'}: {len(self.rows)} audio clips, {self.start / RATE:.0f} s, {self.patch} patches, refused as copies of "
              f"held-out ones: {self.refused}", flush=True)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--data", required=True)
    ap.add_argument("--extra", nargs="*", default=[], help="folders of fetch_audio.sh")
    ap.add_argument("--stamps", default="", help="folder of the unpacked check set, whose audio is refused")
    ap.add_argument("--variants", type=int, default=4000)
    ap.add_argument("--jobs", type=int, default=1, help="processes that decode and ask the teacher")
    ap.add_argument("--cache", default=os.path.join(os.path.dirname(__file__), ".cache"))
    a = ap.parse_args()
    folder = os.path.join(a.cache, "sounds")
    os.makedirs(folder, exist_ok=True)
    guard, listeners = Guard(a.data), Listeners(os.path.join(a.data, "teachers/yamnet.tflite"), a.jobs)
    measure = []
    for prefix, rows in (("dev.", guard.eval_rows("animal_sounds")),
                         ("dev2.", [r for r in guard.all_rows if r["split"] == "dev2" and set_of(r)])):
        rows = manifest_rows(a.data, rows)
        measure.append(Shelf(folder, prefix))
        for (path, label, source, name), heard_there in zip(rows, listeners([r[0] for r in rows])):
            measure[-1].add(heard_there, name, label, source)
        measure[-1].write()
    stamps = audio_files(a.stamps) if a.stamps else []
    stamps = [p for p in stamps if "_desc" not in os.path.basename(p)]
    held = held_audios(stamps, listeners, [embed.astype(np.float32) for shelf in measure for embed in shelf.parts[2]])
    rows = manifest_rows(a.data, [r for r in guard.train_rows() if set_of(r) in SOURCES])
    rows += [row for extra in a.extra for row in extra_rows(extra)] + rendered_rows(os.path.join(a.cache, "rendered"))
    shelf = Shelf(folder, "", held)
    for (path, label, source, name), heard_there in zip(rows, listeners([r[0] for r in rows])):
        shelf.add(heard_there, name, label, source, path)
    rng, audios = np.random.default_rng(0), [s for s, r in zip(shelf.parts[0], shelf.rows) if r["source"] not in ("fsdd", "spoken_flickr8k")]
    for n, heard_there in enumerate(listeners.made(variant(rng, audios) for _ in range(a.variants))):
        shelf.add(heard_there, f"variant {n}", None, "variant")
    shelf.write()


if __name__ == "__main__":
    main()
