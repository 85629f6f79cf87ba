"""What the audio training reads: cached audio, teacher targets, labels as text and as classes of the teacher."""

import json
import os

import numpy as np

from cache_audio import set_of
from guard import Guard
from heard import SETS, set_table, table
from names import audio_labels, audio_names, audio_vectors
from preprocess import RATE

# label of the table in heard.py -> folders of dirt_samples
DRUMS = {"bass drum": "808bd bd clubkick kicklinn popkick hardkick", "snare drum": "808sd sn sd", "hi-hat": "hh hh27 linnhats",
         "cymbal": "808cy cr cc", "=clapping hands": "cp realclaps", "cowbell": "808mc cb", "tabla": "tabla tabla2 tablex",
         "tom drum": "808ht 808lt 808mt ht lt mt", "saxophone": "sax", "guitar": "gtr", "sitar": "sitar",
         "bass guitar": "bass bass1 bass2 bass3 jungbass jvbass", "plucked strings": "pluck", "trumpet": "trump",
         "crow": "crow", "insect": "insect", "~wind": "wind", "synthesizer": "juno moog arp arpy rave fm psr"}
NEAR = 0.75  # cosine from which a text of the bank is too like a right one to count as wrong


class Audios:
    """Rows and arrays of one prefix ("" trains, "dev." and "dev2." measure)."""

    def __init__(self, cache, prefix=""):
        folder = os.path.join(cache, "sounds", prefix)
        with open(folder + "rows.json") as f:
            self.rows = json.load(f)
        self.samples, self.scores, self.embeds = (np.load(folder + n + ".npy", mmap_mode=None if n != "samples" else "r")
                                                  for n in ("samples", "scores", "embeds"))

    def audio(self, i):
        """f32 samples of a row."""
        r = self.rows[i]
        return self.samples[r["start"]:r["start"] + r["length"]].astype(np.float32) / 32768

    def labelled(self, packages):
        """Numbers of the labelled clips of these packages."""
        return [i for i, r in enumerate(self.rows) if r["source"] == "extra" and r["label"] and r["file"].split("/")[0] in packages]

    def means(self):
        """Unit mean embedding of every row [n, 1024]."""
        x = np.stack([self.embeds[r["patch"]:r["patch"] + r["patches"]].astype(np.float32).mean(0) for r in self.rows])
        return x / np.linalg.norm(x, axis=1, keepdims=True)

    def teacher(self, i, begin, end):
        """Mean scores [521] and embedding [1024] of the patches within these samples."""
        r = self.rows[i]
        first = min(r["patches"] - 1, max(0, round((begin - 3900) / 7680)))
        last = min(r["patches"], max(first + 1, round((end - 7800) / 7680) + 1))
        part = slice(r["patch"] + first, r["patch"] + last)
        return self.scores[part].astype(np.float32).mean(0), self.embeds[part].astype(np.float32).mean(0)


class Labels:
    """The bank of texts: 521 class names first, then every label's phrases; and which rows are whose positives."""

    def __init__(self, data, text, cache, guard=None):
        self.classes = audio_vectors(text, audio_names(data))
        self.display = audio_labels(data)
        self.folders = {f: word for word, fs in DRUMS.items() for f in fs.split()}
        self.groups, phrases = {}, []
        for word, (classes, said) in table(self.display).items():
            rows = [521 + len(phrases) + i for i in range(len(said))]
            self.groups[word] = (classes, rows)
            phrases += said
        at = {p: 521 + i for i, p in enumerate(phrases)}
        for word, (classes, base, said) in set_table(self.display).items():
            said = [p for p in said if guard is None or guard.allows_text(p)]
            for p in said:
                if p not in at:
                    at[p] = 521 + len(phrases)
                    phrases.append(p)
            rows = [at[p] for p in said] + [row for b in base for row in self.groups[b][1]]
            self.groups["set: " + word] = (classes, list(dict.fromkeys(rows)))
        if guard is not None:
            guard.check_texts(phrases)
        self.bank = np.concatenate([self.classes, text.cached(phrases, cache, "sound_phrases")])
        alike = self.bank @ self.bank.T > NEAR
        self.near = [np.flatnonzero(row) for row in alike]

    def word(self, row):
        """The label of a row, or None where only the teacher knows."""
        if row["source"] in SETS:
            return "set: " + row["label"]
        if row["source"] in ("fsdd", "spoken_flickr8k"):
            return "~speech"
        if row["source"] == "esc10_babycry":
            return "=a baby crying"
        if row["source"] == "dirt_samples":
            return self.folders.get(row["label"])
        return row["label"] if row["label"] in self.groups else None


ALIKE = 0.98  # cosine of mean teacher embeddings from which two audio clips count as the same recording


OTHERS = ("extra", "rendered", "variant")  # sources outside the data folder, which cache_audio.py checked


def guarded(data, cache):
    """Training audio; every row of the data folder passes the guard again, and recordings that dev holds too fall.

    Twelve dev clips of animal_sounds lie under other names in its train rows, sample for sample.
    """
    guard, audios = Guard(data), Audios(cache)
    held = np.concatenate([Audios(cache, prefix).means() for prefix in ("dev.", "dev2.")])
    same = (audios.means() @ held.T).max(1) > ALIKE
    audios.rows = [r for r, out in zip(audios.rows, same) if not out]
    print(f"{int(same.sum())} training clips are too like a held-out one and left out", flush=True)
    allowed = {(set_of(r), os.path.basename(r["file"])) for r in guard.train_rows()}
    for row in audios.rows:
        if row["source"] not in OTHERS and (row["source"], row["file"]) not in allowed:
            raise ValueError(f"{row['file']} must not train")
    return guard, audios


assert RATE == 16000
