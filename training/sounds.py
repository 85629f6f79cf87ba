"""What the audio training reads: cached sounds, teacher targets, labels as text and as classes of the teacher."""

import json
import os

import numpy as np

from guard import Guard
from names import sound_labels, sound_names, sound_vectors
from preprocess import RATE

# label -> (classes of the teacher, phrases). The phrases are texts of a positive pair.
SPOKEN = (["Speech"], ["a person speaking", "someone talking", "the sound of speech", "a voice"])
ANIMALS = {
    "dog": (["Dog", "Bark"], ["a dog barking"]), "cat": (["Cat", "Meow"], ["a cat meowing"]),
    "bird": (["Bird", "Bird vocalization, bird call, bird song"], ["a bird singing", "birds chirping"]),
    "cow": (["Cattle, bovinae", "Moo"], ["a cow mooing"]), "lion": (["Roaring cats (lions, tigers)", "Roar"], ["a lion roaring"]),
    "frog": (["Frog", "Croak"], ["a frog croaking"]), "chicken": (["Chicken, rooster", "Cluck"], ["a hen clucking", "a rooster"]),
    "donkey": ([], ["a donkey braying"]), "monkey": ([], ["a monkey screeching"]), "sheep": (["Sheep", "Bleat"], ["a sheep bleating"]),
}
DRUMS = {"bass drum": "808bd bd clubkick kicklinn popkick hardkick", "snare drum": "808sd sn sd", "hi-hat": "hh hh27 linnhats",
         "cymbal": "808cy cr cc", "hand clap": "cp realclaps", "cowbell": "808mc cb", "tabla": "tabla tabla2 tablex",
         "tom drum": "808ht 808lt 808mt ht lt mt", "saxophone": "sax", "guitar": "gtr", "sitar": "sitar",
         "bass guitar": "bass bass1 bass2 bass3 jungbass jvbass", "plucked string": "pluck", "trumpet": "trump",
         "crow": "crow", "insect": "insect", "wind": "wind", "synthesizer": "juno moog arp arpy rave fm psr"}


class Sounds:
    """Rows and arrays of one prefix ("" trains, "dev." measures)."""

    def __init__(self, cache, prefix=""):
        folder = os.path.join(cache, "sounds", prefix)
        with open(folder + "rows.json") as f:
            self.rows = json.load(f)
        self.samples, self.scores, self.embeds = (np.load(folder + n + ".npy", mmap_mode=None if n != "samples" else "r")
                                                  for n in ("samples", "scores", "embeds"))

    def sound(self, i):
        """f32 samples of a row."""
        r = self.rows[i]
        return self.samples[r["start"]:r["start"] + r["length"]].astype(np.float32) / 32768

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
        self.classes = sound_vectors(text, sound_names(data))
        self.display = sound_labels(data)
        groups = {k: (c, [f"the sound of a {k}", f"a {k}", f"{k} sounds", *p]) for k, (c, p) in ANIMALS.items()}
        groups["speech"] = SPOKEN
        groups["baby cry"] = (["Baby cry, infant cry", "Crying, sobbing"], ["a baby crying", "the sound of a crying baby"])
        self.folders = {f: word for word, fs in DRUMS.items() for f in fs.split()}
        for word in DRUMS:
            found = [d for d in self.display if d.lower() == word or word in [p.strip().lower() for p in d.split(",")]]
            groups[word] = (found, [f"the sound of a {word}", word])
        self.groups, phrases = {}, []
        for word, (classes, said) in groups.items():
            rows = [521 + len(phrases) + i for i in range(len(said))]
            self.groups[word] = ([self.display.index(c) for c in classes], rows)
            phrases += said
        if guard is not None:
            guard.check_texts(phrases)
        self.bank = np.concatenate([self.classes, text.cached(phrases, cache, "sound_phrases")])

    def word(self, row):
        """The label of a row, or None where only the teacher knows."""
        if row["source"] in ("fsdd", "spoken_flickr8k"):
            return "speech"
        if row["source"] == "dirt_samples":
            return self.folders.get(row["label"])
        return row["label"] if row["label"] in self.groups else None


ALIKE = 0.98  # cosine of mean teacher embeddings from which two sounds count as the same recording


def guarded(data, cache):
    """Training sounds; every row of the data folder passes the guard again, and recordings that dev holds too fall.

    Twelve dev clips of animal_sounds lie under other names in its train rows, sample for sample.
    """
    guard, sounds, dev = Guard(data), Sounds(cache), Sounds(cache, "dev.")
    same = (sounds.means() @ dev.means().T).max(1) > ALIKE
    sounds.rows = [r for r, out in zip(sounds.rows, same) if not out]
    print(f"{int(same.sum())} training sounds are too like a dev sound and left out", flush=True)
    allowed = {(r["source"], os.path.basename(r["file"])) for r in guard.train_rows()}
    for row in sounds.rows:
        if row["source"] != "extra" and (row["source"], row["file"]) not in allowed:
            raise ValueError(f"{row['file']} must not train")
    return guard, sounds


assert RATE == 16000
