"""Which captions of audio may be said of which audio clips: both are read as mixtures of the teacher's classes.

A caption's mixture comes from its words (the likeness of its parts to the class names), an audio clip's from the teacher. There is
no audio clip to the captions of AudioCaps; this is how their words are bound all the same.
"""

import re

import numpy as np
import torch

from names import unit

SURE, LIKE, KEPT = 0.2, 0.55, 12  # a class the teacher hears; a part that names a class; captions kept for an audio clip
TOO_WIDE = {
    "Animal",
    "Music",
    "Vehicle",
    "Sound effect",
    "Inside, small room",
    "Inside, large room or hall",
    "Inside, public space",
    "Outside, urban or manmade",
    "Outside, rural or natural",
    "Silence",
    "Wild animals",
    "Domestic animals, pets",
    "Livestock, farm animals, working animals",
    "Mechanisms",
    "Musical instrument",
    "Noise",
}


def parts(caption):
    """The things that a caption says one after another."""
    return [
        p.strip() for p in re.split(r",| and | while | as | followed by | then | with ", caption.lower()) if len(p.strip()) > 3
    ]


def caption_mixtures(text, captions, classes, cache):
    """f32 [n, 521]: for every part of a caption its likest class, if it is like one."""
    pieces = [parts(c) for c in captions]
    strings = sorted({p for ps in pieces for p in ps})
    like = text.cached(strings, cache, "sound_caption_parts") @ classes.T
    best = [(int(k), float(row[k])) for k, row in zip(like.argmax(1), like)]
    at = {s: i for i, s in enumerate(strings)}
    out = np.zeros((len(captions), len(classes)), np.float32)
    for row, ps in zip(out, pieces):
        for p in ps:
            k, like = best[at[p]]
            if like > LIKE:
                row[k] = max(row[k], like)
            else:
                row[:] = 0  # a caption with a part that no class explains says more than the teacher can confirm
                break
    return out


def bind(scores, mixtures, display, rng):
    """For an audio clip's scores [521] the numbers of at most KEPT captions, drawn from the best; none where the teacher is unsure."""
    q = np.where(scores > SURE, scores, 0).astype(np.float32)
    q[[i for i, d in enumerate(display) if d in TOO_WIDE]] *= 0.3
    if q.max() < SURE:
        return []
    like = mixtures @ unit(q)
    best = np.argsort(-like)[: 4 * KEPT]
    best = best[like[best] > max(0.6, 0.9 * like[best[0]])]
    return rng.permutation(best)[:KEPT].tolist()


class Captions:
    """Captions (`lines`) with their vectors, and for every audio clip the numbers of those that may be said of it."""

    def __init__(self, data, guard, text, labels, audios, count, seed, cache):
        rng = np.random.default_rng(seed)
        lines = sorted(set(guard.train_lines("text/audiocaps_train_en.txt.gz")))
        lines = [lines[i] for i in rng.permutation(len(lines))[:count]]
        mixtures = caption_mixtures(text, lines, labels.classes, cache)
        kept = np.flatnonzero(mixtures.any(1))
        lines, mixtures = [lines[i] for i in kept], unit(mixtures[kept])
        self.lines = lines
        self.vectors = torch.from_numpy(text.cached(lines, cache, "sound_captions"))
        self.of = []
        for row in audios.rows:
            scores = audios.scores[row["patch"] : row["patch"] + row["patches"]].astype(np.float32).mean(0)
            self.of.append(bind(scores, mixtures, labels.display, rng))
        print(f"{len(lines)} captions, said of {sum(map(bool, self.of))} of {len(self.of)} audio clips", flush=True)

    def draw(self, rng, i):
        """The number of a caption of audio clip i, or -1."""
        return int(rng.choice(self.of[i])) if self.of[i] else -1
