"""Trains what tells German, French and Czech from English; writes weights for crates/embed/src/detector.rs.

A linear map of hashed pieces of words (arXiv:1607.01759), on captions cut at random, on words and on phrases, with and
without their accents. Then the bias of English is raised until hardly an English text is lost: the other encoder must
never see a text that the English one reads.

    python train_detector.py --data DATA --stems FOLDER --words FOLDER --wordnet FOLDER
        [--gcompris FOLDER] [--emoji FOLDER] --out detector.safetensors
"""

import argparse
import os
import re
import unicodedata

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file

from guard import Guard
from languages import LANGUAGES, Sources, article, captions, counts, phrases, words
from text import TextEncoder
from encoder_languages import pieces, scores
from train_languages import held

ROWS = 1 << 15
LOST, LOST_WORDS = 0.0005, 0.005  # of English captions, and of nouns with an article, at most


def bare(text):
    """Without accents, as many type it."""
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


def cut(text, rng):
    """One to eight words of a text, or all of it."""
    parts = text.split()
    if rng.random() < 0.3 or len(parts) < 2:
        return text
    n = rng.integers(1, 9)
    at = rng.integers(0, max(1, len(parts) - n + 1))
    return " ".join(parts[at:at + n])


def batches(rows, labels, rng, size=512):
    order = rng.permutation(len(rows))
    for s in range(0, len(order) - size, size):
        picked = order[s:s + size]
        offsets = np.cumsum([0] + [len(rows[i]) for i in picked[:-1]])
        lengths = np.array([len(rows[i]) for i in picked], np.float32)
        yield (torch.from_numpy(np.concatenate([rows[i] for i in picked])), torch.from_numpy(offsets),
               torch.from_numpy(lengths).sqrt()[:, None], torch.from_numpy(labels[picked]))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "stems", "out"):
        ap.add_argument("--" + name, required=True)
    Sources.arguments(ap)
    ap.add_argument("--epochs", type=int, default=3)
    a = ap.parse_args()
    guard, rng, sources = Guard(a.data), np.random.default_rng(0), Sources(a)
    torch.manual_seed(0)
    known = {w for w in TextEncoder(a.stems).tokenizer.get_vocab() if w.isalpha()}
    often, things = counts(guard)
    dictionary = words(sources, guard, known)
    common = [r for r in dictionary
              if r[2].casefold() in sources.nouns or all(often[w] > 1 for w in re.findall(r"\w+", r[2].casefold()))]
    held_words, trained = [r for r in common if hash_share(r[2]) < 0.03], [r for r in common if hash_share(r[2]) >= 0.03]
    # One word alone: things that English captions often name stay English, whatever else the word may mean.
    named = {w for w, n in things.items() if n >= 3 and w in sources.nouns}
    elsewhere = {r[1].casefold() for r in dictionary}
    trained = [r for r in trained if r[1].casefold() not in named]
    lines = captions(guard)
    english = guard.train_lines("text/all_image_captions_train_en.txt.gz")
    english = [english[i] for i in rng.permutation(len(english))]
    texts = [(r[0], cut(r[1], rng)) for r in lines] + [("en", cut(t, rng)) for t in english[:80000]]
    texts += [("en", cut(t, rng)) for t in guard.train_lines("text/audiocaps_train_en.txt.gz")[:20000]]
    texts += [("en", w) for w in sorted(named)] * 12 + [("en", w) for w, n in often.items() if n >= 20 and w not in elsewhere] * 3
    by = {language: [r for r in trained if r[0] == language] for language in LANGUAGES}
    for language in LANGUAGES:
        texts += [(language, by[language][i][1]) for i in rng.integers(0, len(by[language]), 25000)]
    texts += [("en", trained[i][2].removeprefix("to ")) for i in rng.integers(0, len(trained), 50000)]
    nouns = [n.strip() for line in guard.train_lines("text/wordnet_noun_synsets.tsv.gz") for n in line.split("\t")[1].split(",")]
    texts += [("en", (noun, article(noun))[rng.integers(2)]) for noun in nouns[::2] if noun]
    place = {r[2] for r in held_words}
    rows = phrases([r for r in trained if r[2] not in place], {w for w, n in things.items() if n >= 3 and 4 * n > often[w]}, guard, rng, 1, 1)
    texts += [(r[0], r[1]) for r in rows] + [("en", r[2]) for r in rows[::3]]
    texts += [(language, bare(text)) for language, text in texts[::3] if language != "en"]
    codes = ("en", *LANGUAGES)
    labels = np.array([codes.index(language) for language, _ in texts])
    coded = [np.array(pieces(text) or [0]) % ROWS for _, text in texts]
    print(len(texts), np.bincount(labels), flush=True)

    bag, bias = torch.nn.EmbeddingBag(ROWS, len(codes), mode="sum"), torch.nn.Parameter(torch.zeros(len(codes)))
    torch.nn.init.zeros_(bag.weight)
    optimiser = torch.optim.Adam([bag.weight, bias], lr=0.05)
    for epoch in range(a.epochs):
        total, n = 0.0, 0
        for group in optimiser.param_groups:
            group["lr"] = 0.05 * 0.3 ** epoch
        for rows, offsets, root, right in batches(coded, labels, rng):
            loss = F.cross_entropy(bag(rows, offsets) / root + bias, right) + 1e-6 * bag.weight.square().sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total, n = total + loss.item(), n + 1
        print("epoch", epoch, total / n, flush=True)
    weight = bag.weight.detach().numpy()
    scale = np.abs(weight).max(0) / 127
    stored = np.clip(np.round(weight / scale), -127, 127).astype(np.int8)
    weight, bias = stored * scale, bias.detach().numpy().copy()

    found = scores(weight, bias, english[100000:120000])
    more = scores(weight, bias, [article(noun) for noun in nouns[1::8] if noun])
    bias[0] += max(0.0, *(float(np.quantile(f[:, 1:].max(1) - f[:, 0], 1 - lost)) for f, lost in ((found, LOST), (more, LOST_WORDS))))
    save_file({"detector.weight": stored, "detector.scale": scale.astype(np.float32), "detector.bias": bias.astype(np.float32)}, a.out)
    os.chmod(a.out, 0o644)
    print("bias", bias)

    def said(name, language, strings):
        right = scores(weight, bias, strings).argmax(1)
        other = (right > 0) != (language != "en")
        print(f"{name:<28} {language}  {len(strings):>6}  wrong encoder {other.mean():.4f}  wrong language {(right != codes.index(language)).mean():.4f}")

    lines = held(a.data)
    dev = [c for r in guard.eval_rows("flickr8k") for c in r["captions"]]
    said("dev captions", "en", dev)
    for language in codes:
        said("held lines", language, lines[language])
    for n in (3, 2, 1):
        for language in codes:
            said(f"{n} words of held lines", language, [" ".join(t.split()[i % max(1, len(t.split()) - n):][:n]) for i, t in enumerate(lines[language])])
    said("things of captions", "en", sorted(named))
    said("words not trained on", "en", sorted({r[2].removeprefix("to ") for r in held_words}))
    for language in LANGUAGES:
        said("words not trained on", language, sorted({r[1] for r in held_words if r[0] == language}))
        said("the same without accents", language, sorted({bare(r[1]) for r in held_words if r[0] == language}))


def hash_share(text):
    """A share between 0 and 1 that depends on the text alone."""
    return (pieces(text) or [0])[0] * 2654435761 % 2**32 / 2**32


if __name__ == "__main__":
    main()
