"""The one door through which training rows and texts come.

Refused: every row whose split is not `train`, every audio clip that a dev clip plays and every still that it shows
(whatever its own row says), every file that is a copy of one of these under another name, and every text that equals a caption of dev or dev2 or one of the last 1,000 lines of the
parallel file in any of its languages. Texts are compared without case, spaces and punctuation, files by their bytes,
Ogg files by what their pages carry: the same recording, packed twice, has other page headers.

Plain Python without dependencies, so that `make test` can run it anywhere.
"""

import gzip
import hashlib
import json
import os
import unicodedata

PARALLEL = "text/multi30k_parallel_train_en_de_fr_cs.tsv.gz"
PARALLEL_HELD_LINES = 1000
FORBIDDEN_SPLITS = ("dev", "dev2", "held")


class Refused(ValueError):
    """Raised when a script asks for a row, file or text that must not train."""


def normal(text):
    """The form in which texts are compared: letters and digits only, lower case."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in folded if c.isalnum())


def lines(path):
    """Lines of a text file, gzipped or not, without their ends."""
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8") as handle:
        return [line.rstrip("\r\n") for line in handle]


def content(path):
    """Hash of a file that its copies share; None where no file is.

    Ogg: each page has 27 bytes of header (the serial number of the stream and a checksum among them, which differ from
    packing to packing), a count of segments, their lengths, then what it carries.
    """
    try:
        with open(path, "rb") as handle:
            data = handle.read()
    except OSError:
        return None
    carried, at = hashlib.sha256(), 0
    while data[at:at + 4] == b"OggS" and at + 27 <= len(data):
        begin = at + 27 + data[at + 26]
        at = begin + sum(data[at + 27:begin])
        carried.update(data[begin:at])
    carried.update(data[at:])
    return carried.digest()


class HeldAudios:
    """Recordings that must not train under any name: the public check set's and those that dev clips play.

    Refused is a file of the same content, and an audio clip of whose frames (what the teacher makes of half a second) at least
    half have a twin among the frames of one held-out recording: the same audio, cut, packed or made louder.
    """

    ALIKE, SHARE = 0.98, 0.5  # cosine of twins; share of the frames

    def __init__(self, files, recordings):
        """Paths, and for each recording its frames: lists of numbers, or numpy arrays where it matters how long it takes."""
        self.contents = {content(f) for f in files} - {None}
        self.frames = [frame for recording in recordings for frame in recording]
        self.of = [n for n, recording in enumerate(recordings) for _ in recording]
        self.matrix = None

    def cosines(self, frame):
        """Of a frame with every held-out frame."""
        if hasattr(frame, "dot"):
            if self.matrix is None:
                import numpy
                self.matrix = numpy.stack(self.frames)
                self.matrix /= numpy.linalg.norm(self.matrix, axis=1, keepdims=True).clip(1e-9)
            return (self.matrix.dot(frame) / max(1e-9, float(frame.dot(frame)) ** 0.5)).tolist()
        size = lambda x: max(1e-9, sum(a * a for a in x) ** 0.5)  # noqa: E731
        return [sum(a * b for a, b in zip(frame, held)) / size(frame) / size(held) for held in self.frames]

    def refuses(self, file, frames):
        """True for a copy of a held-out recording."""
        if content(file) in self.contents:
            return True
        twins = {}
        for frame in frames:
            for n in {n for n, c in zip(self.of, self.cosines(frame)) if c > self.ALIKE}:
                twins[n] = twins.get(n, 0) + 1
        return any(count >= self.SHARE * len(frames) for count in twins.values())


class Guard:
    """Reads the manifest once and hands out only what may train."""

    def __init__(self, data, manifest="index.jsonl", parallel=PARALLEL):
        self.data = data
        self.all_rows = [json.loads(l) for l in lines(os.path.join(data, manifest)) if l.strip()]
        self.bad_files, self.bad_texts = set(), set()
        for row in self.all_rows:
            if row.get("split") in FORBIDDEN_SPLITS:
                self.bad_files.update(row[k] for k in ("file", "audio_file", "still") if row.get(k))
                # dev2 has words for captions ("camera"), which nobody can keep out of other texts: its sentences count.
                self.bad_texts.update(normal(c) for c in row.get("captions") or [] if row["split"] != "dev2" or len(c.split()) > 2)
        path = os.path.join(data, parallel)
        if os.path.exists(path):
            for line in lines(path)[-PARALLEL_HELD_LINES:]:
                self.bad_texts.update(normal(t) for t in line.split("\t"))
        self.bad_texts.discard("")
        self.contents = {}
        self.bad_contents = {self.content(f) for f in self.bad_files} - {None}

    def allows_text(self, text):
        """False for a text that equals a held-out one."""
        return normal(text) not in self.bad_texts

    def content(self, file):
        """`content` of a file of the data folder, which is read once."""
        if file not in self.contents:
            self.contents[file] = content(os.path.join(self.data, file))
        return self.contents[file]

    def allows_row(self, row):
        """False for a row of another split than train or a file that a dev or held row shows or plays, or a copy of one."""
        if row.get("split") != "train":
            return False
        files = [row[k] for k in ("file", "audio_file", "still") if row.get(k)]
        return not any(f in self.bad_files or self.content(f) in self.bad_contents for f in files)

    def check_row(self, row):
        """The row, or Refused."""
        if not self.allows_row(row):
            raise Refused(f"{row.get('file')}: split {row.get('split')}, or shown or played by a held-out row: must not train")
        return row

    def check_texts(self, texts):
        """The texts, or Refused at the first that equals a held-out one."""
        for text in texts:
            if not self.allows_text(text):
                raise Refused(f"held-out text must not train: {text!r}")
        return texts

    def train_rows(self, *sources):
        """Rows that may train, of these sources (all where none is named), without held-out captions."""
        found = []
        for row in self.all_rows:
            if self.allows_row(row) and (not sources or row["source"] in sources):
                kept = [c for c in row.get("captions") or [] if self.allows_text(c)]
                found.append({**row, "captions": kept})
        return found

    def train_lines(self, name):
        """Lines of a text file below `text/` that may train; a line of several columns falls if one of them does."""
        return [line for line in lines(os.path.join(self.data, name))
                if line and all(self.allows_text(t) for t in line.split("\t"))]

    def eval_rows(self, source, split="dev"):
        """Rows for measuring only; nothing that trains may call this."""
        return [r for r in self.all_rows if r["source"] == source and r["split"] == split]
