"""What the encoder of German, French and Czech learns from: pairs (language, text, English text), all through the guard.

Captions: the parallel file without its last 1,000 lines. Words, so that single nouns work: the Ding dictionary (Debian's
trans-de-en), FreeDict's (dict-freedict-*; French also by way of Dutch), the words of GCompris, and the names of emoji
(CLDR). Sentences: translations of games' texts. Phrases: nouns with articles, adjectives and frames around them, in the grammar of each language as far as a table
of this size goes.
"""

import base64
import collections
import gettext
import gzip
import json
import os
import re

import numpy as np

from guard import PARALLEL
from unpack_audio import of_rcc

LANGUAGES = ("de", "fr", "cs")
FREEDICT = {"de": "deu", "fr": "fra", "cs": "ces"}
# Files of WordNet's lexicographers whose nouns can be seen or heard.
CONCRETE = {"05": "animal", "06": "artifact", "08": "body", "13": "food", "17": "object", "18": "person", "19": "phenomenon",
            "20": "plant", "27": "substance"}
PLACES = re.compile(r"[%<>{}|\\_$#=\n]|\(s\)|&\w")
NOTES = re.compile(r"\{[^}]*\}|\[[^\]]*\]|\([^)]*\)|<[^>]*>|/[^/]*/")
# English, then German (the stem before -er, -e, -es), French (masculine, feminine, before the noun?), Czech (stem and kind)
ADJECTIVES = """red rot rouge rouge - červen ý|blue blau bleu bleue - modr ý|green grün vert verte - zelen ý
yellow gelb jaune jaune - žlut ý|white weiß blanc blanche - bíl ý|black schwarz noir noire - čern ý
brown braun marron marron - hněd ý|grey grau gris grise - šed ý|orange orangefarben orange orange - oranžov ý
pink rosafarben rose rose - růžov ý|purple lila violet violette - fialov ý|golden golden doré dorée - zlat ý
small klein petit petite + mal ý|big groß grand grande + velk ý|large groß grand grande + velk ý
little klein petit petite + mal ý|old alt vieux vieille + star ý|new neu nouveau nouvelle + nov ý|young jung jeune jeune + mlad ý
beautiful schön beau belle + krásn ý|long lang long longue + dlouh ý|short kurz court courte - krátk ý
round rund rond ronde - kulat ý|wooden hölzern en~bois en~bois - dřevěn ý|dark dunkl sombre sombre - tmav ý
bright hell clair claire - světl ý|striped gestreift rayé rayée - pruhovan ý|funny lustig drôle drôle - legračn í
empty leer vide vide - prázdn ý|full voll plein pleine - pln ý|open offen ouvert ouverte - otevřen ý|wild wild sauvage sauvage - divok ý"""
ENDINGS = {"m": ("ein", "er"), "f": ("eine", "e"), "n": ("ein", "es")}
CZECH = {"ý": {"m": "ý", "f": "á", "n": "é"}, "í": {"m": "í", "f": "í", "n": "í"}}
# Frames around a noun with its article (a) or without (n).
FRAMES = {
    "de": [("Foto: {a}", "a photo of {e}"), ("ein Bild von {n}", "a picture of {b}"), ("das ist {a}", "this is {e}"),
           ("das Geräusch von {n}", "the sound of {b}"), ("{n} auf weißem Grund", "{e} on a white background"), ("viele Bilder: {n}", "pictures of {b}")],
    "fr": [("photo : {a}", "a photo of {e}"), ("une image de {n}", "a picture of {b}"), ("c'est {a}", "this is {e}"),
           ("le bruit de {n}", "the sound of {b}"), ("{a} sur fond blanc", "{e} on a white background"), ("dessin de {n}", "a drawing of {b}")],
    "cs": [("fotografie: {n}", "a photo of {e}"), ("obrázek: {n}", "a picture of {b}"), ("to je {n}", "this is {e}"),
           ("zvuk: {n}", "the sound of {b}"), ("{n} na bílém pozadí", "{e} on a white background"), ("kresba: {n}", "a drawing of {b}")],
}


def plain(text):
    """Without grammar notes and with single spaces."""
    return re.sub(r"\s+", " ", NOTES.sub(" ", text)).strip(" ;,.")


def ding(path):
    """(German, English, gender or "") of the Ding dictionary."""
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            left, mark, right = line.rstrip("\n").partition(" :: ")
            if line.startswith("#") or not mark:
                continue
            left, right = left.split(" | "), right.split(" | ")
            if len(left) != len(right):
                continue
            for german, english in zip(left, right):
                english = [e for e in (plain(e) for e in english.split(";")) if e][:2]
                for g in german.split(";")[:3]:
                    gender = re.search(r"\{(m|f|n|pl)\}", g)
                    for e in english:
                        yield plain(g), e, gender.group(1) if gender else ""


def freedict(folder, name):
    """(headword, translation, gender or "") of a dictionary of dictd's format."""
    base = os.path.join(folder, f"dict-freedict-{name}", "usr/share/dictd", f"freedict-{name}")
    with gzip.open(base + ".dict.dz") as f:
        data = f.read()
    number = lambda s: int.from_bytes(base64.b64decode(s.rjust(8, "A") + "===="), "big")  # noqa: E731
    with open(base + ".index", encoding="utf-8") as lines:
        spans = sorted({(number(l.split("\t")[1]), number(l.rstrip("\n").split("\t")[2])) for l in lines if l.count("\t") >= 2})
    for at, size in spans:
        head, *rest = data[at:at + size].decode("utf-8", "replace").split("\n")
        gender = "m" if "masc" in head else "f" if "fem" in head else ""
        for line in rest[:6]:
            if ":" in line or not line.strip():
                continue
            for word in plain(re.sub(r"^\s*\d+\.", "", line)).split(",")[:3]:
                yield plain(head), word.strip(), gender


def cldr(folder):
    """(language, text, English) of emoji: their names, and keywords where both languages have as many."""
    def read(language):
        found = {}
        for part in ("annotations", "annotationsDerived"):
            path = os.path.join(folder, part, language, "annotations.json")
            if os.path.exists(path):
                with open(path, encoding="utf-8") as f:
                    found.update(json.load(f)[part]["annotations"])
        return found
    english = read("en")
    for language in LANGUAGES:
        for sign, row in read(language).items():
            if sign in english and row.get("tts") and english[sign].get("tts") and "skin tone" not in english[sign]["tts"][0]:
                yield language, row["tts"][0], english[sign]["tts"][0]


def by_dutch(folder, nouns):
    """(French, English, gender) of concrete nouns, by way of their Dutch words."""
    english = collections.defaultdict(set)
    for dutch, word, _ in freedict(folder, "nld-eng"):
        if word.casefold() in nouns:
            english[dutch.casefold()].add(word)
    for french, dutch, gender in freedict(folder, "fra-nld"):
        for word in sorted(english.get(dutch.casefold(), ())):
            yield french, word, gender


def gcompris(package):
    """(language, text, English, gender) of the words of its language activity."""
    path = next(os.path.join(r, "lang.rcc") for r, _, fs in os.walk(package) if "lang.rcc" in fs)
    files = {os.path.basename(name): json.loads(content) for name, content in of_rcc(path, (".json",))}
    english = files["content-en.json"]
    genders = {"der": "m", "die": "f", "das": "n", "un": "m", "une": "f", "le": "m", "la": "f"}
    for language in LANGUAGES:
        for key, text in files[f"content-{language}.json"].items():
            if text and english.get(key):
                first, _, rest = text.partition(" ")
                gender = genders.get(first.lower(), "")
                yield language, rest if gender and rest else text, english[key], gender if rest else ""


def translations(folders):
    """(language, text, English) of compiled translations (gettext) below folders, without those that have places to fill."""
    for path in sorted(os.path.join(r, f) for folder in folders for r, _, fs in os.walk(folder) for f in fs if f.endswith(".mo")):
        language = os.path.basename(os.path.dirname(os.path.dirname(path)))[:2]
        if language in LANGUAGES and os.path.basename(os.path.dirname(path)) == "LC_MESSAGES":
            with open(path, "rb") as f:
                rows = gettext.GNUTranslations(f)._catalog  # pylint: disable=protected-access
            for english, text in rows.items():
                english = english[0] if isinstance(english, tuple) else english.rpartition("\x04")[2]
                if english and text and english != text and not PLACES.search(english + text):
                    yield language, plain(text), plain(english)


def concrete(folder):
    """Nouns of WordNet whose most frequent sense can be seen or heard (data.noun and index.noun below a folder)."""
    path = next(r for r, _, fs in os.walk(folder) if "data.noun" in fs)
    with open(os.path.join(path, "data.noun"), encoding="latin-1") as f:
        kinds = {line[:8]: line[9:11] for line in f if not line.startswith("  ")}
    with open(os.path.join(path, "index.noun"), encoding="latin-1") as f:
        rows = [line.split() for line in f if not line.startswith("  ")]
    return {row[0].replace("_", " ") for row in rows if kinds[row[6 + int(row[3])]] in CONCRETE}


def words(sources, guard, known):
    """[(language, text, English, gender)] of all dictionaries; every English word must be one of `known`, or a concrete noun."""
    folder, nouns = sources.words, sources.nouns
    rows = [("de", *r) for r in ding(os.path.join(folder, "trans-de-en/usr/share/trans/de-en"))]
    for language, code in FREEDICT.items():
        if language != "de":  # the German one is Ding again
            rows += [(language, *r) for r in freedict(folder, f"{code}-eng")]
            rows += [(language, f, e, "") for e, f, _ in freedict(folder, f"eng-{code}")]
    rows += [("fr", *r) for r in by_dutch(folder, nouns)]
    if sources.gcompris:
        rows += gcompris(sources.gcompris)
    rows += [(*r, "") for r in sources.translations]
    if sources.emoji:
        rows += [(*r, "") for r in cldr(sources.emoji)]
    seen, out = set(), []
    for language, text, english, gender in rows:
        key = (language, text.casefold(), english.casefold())
        fits = 0 < len(text) <= 60 and len(text.split()) <= 5 and len(english.split()) <= 4 and not re.search(r"[/|<>{}\[\]()=…~\d]", text + english)
        of_use = english.casefold() in nouns or all(w in known for w in re.findall(r"\w+", english.casefold()))
        if fits and key not in seen and of_use and re.search(r"\w", english):
            if guard.allows_text(text) and guard.allows_text(english):
                seen.add(key)
                out.append((language, text, english, gender))
    return out


def gender_of(language, text, gender):
    """The gender for articles and adjectives; Czech and French tell by the word's end, most often."""
    if gender or language == "de":
        return gender
    if language == "fr":
        return "f" if text.endswith(("e", "ion", "té")) and not text.endswith(("age", "isme", "oire", "ège")) else "m"
    return "f" if text[-1] in "aě" or text.endswith(("ost", "ce", "eň")) else "n" if text[-1] in "oeí" else "m"


def article(english):
    return ("an " if english[0].lower() in "aeiou" else "a ") + english


def described(language, noun, gender, row):
    """A noun with its article and an adjective."""
    _, german, masculine, feminine, before, stem, kind = row
    if language == "de":
        return f"{ENDINGS[gender][0]} {german}{ENDINGS[gender][1]} {noun}"
    if language == "fr":
        a = (feminine if gender == "f" else masculine).replace("~", " ")
        one = "une" if gender == "f" else "un"
        return f"{one} {a} {noun}" if before == "+" else f"{one} {noun} {a}"
    return f"{stem}{CZECH[kind][gender]} {noun}"


def phrases(rows, common, guard, rng, adjectives=1, frames=1):
    """[(language, text, English)] around the nouns of `words` whose English is one of `common`."""
    table = [line.split() for line in ADJECTIVES.replace("\n", "|").split("|")]
    out = []
    for language, text, english, gender in rows:
        gender = gender_of(language, text, gender)
        if gender not in ("m", "f", "n") or english.casefold() not in common or len(text.split()) > 2 or english.startswith("to "):
            continue
        one = {"de": ENDINGS[gender][0] + " ", "fr": "une " if gender == "f" else "un ", "cs": ""}[language]
        out.append((language, one + text, article(english)))
        for i in rng.choice(len(table), adjectives, replace=False):
            out.append((language, described(language, text, gender, table[i]), article(f"{table[i][0]} {english}")))
        for i in rng.choice(len(FRAMES[language]), frames, replace=False):
            frame, meaning = FRAMES[language][i]
            out.append((language, frame.format(a=one + text, n=text), meaning.format(e=article(english), b=english)))
    return [(l, t, e) for l, t, e in out if guard.allows_text(t) and guard.allows_text(e)]


def captions(guard):
    """[(language, text, English)] of the parallel lines that may train, in order."""
    out = []
    for line in guard.train_lines(PARALLEL):
        english, *others = line.split("\t")
        out += [(language, text, english) for language, text in zip(LANGUAGES, others) if text]
    return out


def sentences(sources, guard):
    """[(language, text, English)] of translated sentences and longer names."""
    fits = lambda text: 2 < len(text.split()) <= 40  # noqa: E731
    return [r for r in sources.translations if fits(r[1]) and fits(r[2]) and guard.allows_text(r[1]) and guard.allows_text(r[2])]


def joined(rows, rng, count):
    """Two to four captions of one language after each other, as longer texts have them."""
    by = {language: [r for r in rows if r[0] == language] for language in LANGUAGES}
    out = []
    for _ in range(count):
        own = by[LANGUAGES[rng.integers(3)]]
        picked = [own[i] for i in rng.integers(0, len(own), rng.integers(2, 5))]
        out.append((picked[0][0], " ".join(r[1] for r in picked), " ".join(r[2] for r in picked)))
    return out


def counts(guard):
    """How often each word stands in the English captions, and how often where a thing stands: "a WORD in"."""
    found, things = collections.Counter(), collections.Counter()
    thing = re.compile(r"\b(?:an?|the|two|of) (?:\w+ )?(\w+)(?= (?:on|in|with|is|are|and|at|of|to|near|behind|as|while)\b|[.,]|$)")
    for name in ("text/all_image_captions_train_en.txt.gz", "text/audiocaps_train_en.txt.gz"):
        for line in guard.train_lines(name):
            found.update(re.findall(r"[a-z]+", line.lower()))
            things.update(thing.findall(line.lower()))
    return found, things


class Sources:
    """Folders of dictionaries, as the options of both trainings name them."""

    def __init__(self, a):
        self.words, self.emoji, self.gcompris, self.nouns = a.words, a.emoji, a.gcompris, concrete(a.wordnet)
        self.translations = sorted(set(translations(a.translations)))

    @staticmethod
    def arguments(ap):
        ap.add_argument("--words", required=True, help="folder of the unpacked packages trans-de-en and dict-freedict-*")
        ap.add_argument("--wordnet", required=True, help="folder of the unpacked package wordnet-base")
        ap.add_argument("--gcompris", default="", help="folder of the unpacked package gcompris-qt-data")
        ap.add_argument("--translations", nargs="*", default=[], help="folders of packages with .mo files: cataclysm-dda-data, widelands-data")
        ap.add_argument("--emoji", default="", help="folder of annotations/LANGUAGE/annotations.json of CLDR")


def material(data_guard, sources, known, seed=0):
    """All pairs: {"captions", "joined", "sentences", "words", "nouns", "phrases"} -> [(language, text, English)]."""
    rng = np.random.default_rng(seed)
    lines, (often, things) = captions(data_guard), counts(data_guard)
    found = words(sources, data_guard, known)
    # Of words that no caption has, concrete nouns and one in twenty of the others.
    seen = lambda r: all(often[w] > 1 for w in re.findall(r"\w+", r[2].casefold()))  # noqa: E731
    nouns = [r for r in found if r[2].casefold() in sources.nouns]
    rows = [r for r in found if r[2].casefold() not in sources.nouns and (seen(r) or rng.random() < 0.05)]
    common = {w for w, n in things.items() if n >= 3 and 4 * n > often[w]}
    return {"captions": lines, "joined": joined(lines, rng, 2500), "sentences": sentences(sources, data_guard),
            "words": [r[:3] for r in rows], "nouns": [r[:3] for r in nouns],
            "phrases": phrases(rows + nouns, common, data_guard, rng)
            + phrases([r for r in nouns if r[2].casefold() not in common], sources.nouns, data_guard, rng, 0, 0)}
