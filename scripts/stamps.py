"""Lists what the package tuxpaint-stamps-default holds: images and sound effects with their descriptions.

    stamps.py manifest FOLDER LANGUAGE > index.jsonl    rows for `sensorium eval`, files relative to FOLDER; the LANGUAGE
                                                        "names" asks by bare English names
    stamps.py beside FILE                               lines "LANGUAGE FIGURES" -> R@10 over that of English, of each language
                                                        that the bundle of SENSORIUM_BIN has an encoder for; then the figures
                                                        of the line "names", as name_to_image and name_to_audio
    stamps.py link FOLDER TARGET                        links the media into TARGET and writes TARGET/meta.jsonl

Left out: symbols/ (letters and signs) and the thousands of spoken descriptions (NAME_desc*.ogg).

A bare name is the English description up to its first mark, without quotes and a leading article, in small letters: "A green
apple." is "green apple". Where no word or more than three are left, it is the file's stem: its words of two letters and more,
which figures, signs and a capital after a small letter part ("xing_ped.png" is "xing ped").
"""

import json
import os
import re
import sys

IMAGES, AUDIOS = (".png",), (".ogg", ".wav")
NAMES = "names"
ARTICLES = ("a", "an", "the", "some")
LONGEST_NAME = 3


def descriptions(path):
    """English and other descriptions from NAME.txt: {"en": .., "de": ..}."""
    with open(path, encoding="utf-8", errors="replace") as lines:
        text = [line.strip() for line in lines]
    found = {"en": text[0]} if text and text[0] else {}
    for line in text[1:]:
        name, equals, value = line.partition("=")
        if equals and name.endswith(".utf8") and value.strip():
            found[name[: -len(".utf8")]] = value.strip()
    return found


def media(folder):
    """(file relative to the folder, kind, descriptions) of every image and every sound effect, in order."""
    found = []
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if f != "symbols")
        present = set(names)
        for name in names:
            stem, suffix = os.path.splitext(name)
            note = f"{stem}.txt"
            if note not in present:
                continue
            if suffix in IMAGES:
                kind = "image"
            elif suffix in AUDIOS and (f"{stem}.png" in present or f"{stem}.svg" in present):
                kind = "audio"
            else:
                continue
            texts = descriptions(os.path.join(root, note))
            if "en" in texts:
                found.append((os.path.relpath(os.path.join(root, name), folder), kind, texts))
    return sorted(found)


def bare_name(file, description):
    """What somebody types who looks for a stamp."""
    words = re.split(r"[.,:;!?()\u2013\u2014\u2026]", re.sub(r"[\"\u201c\u201d]", "", description))[0].lower().split()
    if words[:1] and words[0] in ARTICLES:
        words = words[1:]
    if not 0 < len(words) <= LONGEST_NAME:
        stem = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", os.path.splitext(os.path.basename(file))[0])
        words = [word.lower() for word in re.findall(r"[^\W\d_]{2,}", stem)]
    return " ".join(words)


def manifest(folder, language):
    for file, kind, texts in media(folder):
        name = bare_name(file, texts["en"])
        texts = {**texts, **({NAMES: name} if name else {})}
        captions = [texts[language]] if language in texts else []
        source = "stamps" if kind == "audio" else "stamps_images"
        row = {"file": file, "captions": captions, "label": None, "source": source, "split": "dev"}
        print(json.dumps(row, ensure_ascii=False))


def link(folder, target):
    os.makedirs(target, exist_ok=True)
    with open(os.path.join(target, "meta.jsonl"), "w", encoding="utf-8") as meta:
        for file, _, texts in media(folder):
            place = os.path.join(target, file)
            os.makedirs(os.path.dirname(place), exist_ok=True)
            if not os.path.lexists(place):
                os.symlink(os.path.abspath(os.path.join(folder, file)), place)
            meta.write(json.dumps({"file": file, "description": texts["en"]}, ensure_ascii=False) + "\n")


def beside(file):
    from eval_languages import languages  # it asks the command under test

    with open(file, encoding="utf-8") as lines:
        rows = [line.split(" ", 1) for line in lines]
    found = {language: json.loads(figures) for language, figures in rows}
    recall = {language: figures["text_to_image"]["r10"] for language, figures in found.items()}
    ratios = {language: round(recall[language] / recall["en"], 3) for language in sorted(languages() & set(recall))}
    print(json.dumps({"beside_english": ratios}))
    if NAMES in found:
        named = {"name_to_image": found[NAMES]["text_to_image"], "name_to_audio": found[NAMES]["caption_to_audio"]}
        print(json.dumps(named))


if __name__ == "__main__":
    if sys.argv[1:2] == ["manifest"] and len(sys.argv) == 4:
        manifest(sys.argv[2], sys.argv[3])
    elif sys.argv[1:2] == ["link"] and len(sys.argv) == 4:
        link(sys.argv[2], sys.argv[3])
    elif sys.argv[1:2] == ["beside"] and len(sys.argv) == 3:
        beside(sys.argv[2])
    else:
        sys.exit(__doc__)
