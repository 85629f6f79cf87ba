"""What the names of files in the unpacked packages say that is heard: a label for a path, phrases and classes for a label.

A table beats a cleaner of names: games call their files after what happens in the game ("horse-die", "LRBark_1"), and a
wrong word teaches more wrong than no word. An audio clip without a rule has no label, only what the teacher hears in it.
"""

import hashlib
import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))


def table_lines(name="heard_labels.txt"):
    with open(os.path.join(HERE, name), encoding="utf-8") as f:
        return [line.rstrip("\n") for line in f if line.strip() and not line.startswith("#")]


SETS = ("orchestra", "snap", "esc50_part", "ambient", "emoji", "typer", "baby")  # folders whose rows bear labels of their own

RULES = [(re.compile(pattern), name) for pattern, name in (l.rsplit(" -> ", 1) for l in table_lines("heard_rules.txt"))]

PROGRAMS = """piano; piano; piano; honky-tonk piano; electric piano; electric piano; harpsichord; clavichord; celesta; glockenspiel;
music box; vibraphone; marimba; xylophone; tubular bells; dulcimer; electric organ; electric organ; electric organ; church organ;
reed organ; accordion; harmonica; tango accordion; acoustic guitar; acoustic guitar; electric guitar; electric guitar;
electric guitar; distorted guitar; distorted guitar; guitar harmonics; double bass; bass guitar; bass guitar; bass guitar;
bass guitar; bass guitar; synthesizer bass; synthesizer bass; violin; viola; cello; double bass; string orchestra; plucked strings;
harp; timpani; string orchestra; string orchestra; synthesizer strings; synthesizer strings; choir; human voice; choir;
orchestra hit; trumpet; trombone; tuba; muted trumpet; French horn; brass band; synthesizer brass; synthesizer brass; saxophone;
saxophone; saxophone; saxophone; oboe; English horn; bassoon; clarinet; piccolo; flute; recorder; pan flute; blown bottle;
shakuhachi; whistle; ocarina; synthesizer; synthesizer; synthesizer; synthesizer; synthesizer; synthesizer; synthesizer;
synthesizer; synthesizer; synthesizer; synthesizer; synthesizer; synthesizer; synthesizer; synthesizer; synthesizer; synthesizer;
synthesizer; synthesizer; synthesizer; synthesizer; synthesizer; synthesizer; synthesizer; sitar; banjo; shamisen; koto; kalimba;
bagpipes; fiddle; shanai; bell; agogo; steel drum; wood block; taiko drum; tom drum; electronic drum; cymbal; guitar fret noise;
=a person breathing; ~waves on a beach; bird; telephone; helicopter; ~applause; gunshot"""
INSTRUMENTS = [p.strip() for p in PROGRAMS.replace("\n", " ").split(";")]
KIN = {
    "piano": "Piano; Keyboard (musical)",
    "electric piano": "Electric piano; Piano",
    "harpsichord": "Harpsichord",
    "clavichord": "Harpsichord",
    "church organ": "Organ",
    "electric organ": "Electronic organ; Organ",
    "reed organ": "Organ",
    "violin": "Violin, fiddle; Bowed string instrument",
    "fiddle": "Violin, fiddle; Bowed string instrument",
    "viola": "Bowed string instrument",
    "cello": "Cello; Bowed string instrument",
    "double bass": "Double bass",
    "string orchestra": "String section; Orchestra",
    "plucked strings": "Pizzicato; Plucked string instrument",
    "acoustic guitar": "Acoustic guitar; Guitar",
    "electric guitar": "Electric guitar; Guitar",
    "distorted guitar": "Electric guitar; Distortion",
    "oboe": "Wind instrument, woodwind instrument",
    "English horn": "Wind instrument, woodwind instrument",
    "bassoon": "Wind instrument, woodwind instrument",
    "piccolo": "Flute; Wind instrument, woodwind instrument",
    "recorder": "Flute; Wind instrument, woodwind instrument",
    "pan flute": "Flute; Wind instrument, woodwind instrument",
    "shakuhachi": "Flute; Wind instrument, woodwind instrument",
    "ocarina": "Flute; Wind instrument, woodwind instrument",
    "blown bottle": "Wind instrument, woodwind instrument",
    "tuba": "Brass instrument",
    "brass band": "Brass instrument",
    "muted trumpet": "Trumpet; Brass instrument",
    "marimba": "Marimba, xylophone; Mallet percussion",
    "xylophone": "Marimba, xylophone; Mallet percussion",
    "celesta": "Glockenspiel",
    "music box": "Glockenspiel",
    "steel drum": "Steelpan",
    "agogo": "Cowbell",
    "taiko drum": "Drum",
    "koto": "Plucked string instrument",
    "shamisen": "Plucked string instrument",
    "kalimba": "Mallet percussion",
    "dulcimer": "Zither",
    "human voice": "Singing; Choir",
    "choir": "Choir; Singing",
    "guitar harmonics": "Guitar",
    "tango accordion": "Accordion",
}
DRUMS = {
    35: "bass drum",
    36: "bass drum",
    37: "wood block",
    38: "snare drum",
    39: "=clapping hands",
    40: "snare drum",
    41: "tom drum",
    42: "hi-hat",
    43: "tom drum",
    44: "hi-hat",
    45: "tom drum",
    46: "hi-hat",
    47: "tom drum",
    48: "tom drum",
    49: "cymbal",
    50: "tom drum",
    51: "cymbal",
    52: "cymbal",
    53: "bell",
    54: "tambourine",
    55: "cymbal",
    56: "cowbell",
    57: "cymbal",
    60: "conga",
    61: "conga",
    62: "conga",
    63: "conga",
    64: "conga",
    67: "agogo",
    68: "agogo",
    69: "maracas",
    70: "maracas",
    71: "whistle",
    72: "whistle",
    75: "wood block",
    76: "wood block",
    77: "wood block",
    80: "triangle",
    81: "triangle",
}

NAMED = {
    "flute_traversiere": "flute",
    "horn": "French horn",
    "drum_kit": "drum kit",
    "organ": "church organ",
    "guitar": "acoustic guitar",
    "bongo": "conga",
    "e_organ": "electric organ",
    "steel_guitar_heavy_distorted": "distorted guitar",
    "violin_pizzicato": "plucked strings",
    "steel_guitar": "electric guitar",
    "steel_guitar_medium_distorted": "distorted guitar",
    "violin_fingered": "violin",
    "violin_double_stop": "violin",
    "steel_guitar_slight_distorted": "distorted guitar",
    "bassslap": "bass guitar",
    "e_piano_accord": "electric piano",
}


def label(path):
    """The label of a path below the folder of packages, or None."""
    path = path.lower()
    for rule, name in RULES:
        found = rule.search(path)
        if found:
            if name == "*":
                word = found.group("i")
                return NAMED.get(word, word.replace("_", " "))
            return None if name == "-" else name
    return None


def thinned(path, share=0.08):
    """False for most of the thousands of spoken files, which say little that is new."""
    return hashlib.sha256(path.encode()).digest()[0] < 256 * share


def plain(name):
    """A label without its mark."""
    return name.lstrip("~=")


def said(name):
    """The usual phrases of a label."""
    word = plain(name)
    if name.startswith("="):
        return [word, f"the sound of {word}"]
    noun = (
        word
        if name.startswith("~") or word.endswith("s") and word not in ("bass",)
        else ("an " if word[0].lower() in "aeiou" else "a ") + word
    )
    return [noun, f"the sound of {noun}", word]


def table(display):
    """{label: ([class numbers], [phrases])} of TABLE and the instruments; `display`: names of the teacher's classes."""
    at = {d: i for i, d in enumerate(display)}
    out = {}
    for line in table_lines():
        name, classes, phrases = (part.strip() for part in line.split("|"))
        own = [d for d in display if d.lower() == plain(name)]
        classes = dict.fromkeys(own + [c.strip() for c in classes.split(";") if c.strip()])
        out[name] = (
            [at[c] for c in classes],
            list(dict.fromkeys(said(name) + [p.strip() for p in phrases.split(";") if p.strip()])),
        )
    for name in dict.fromkeys([*INSTRUMENTS, *DRUMS.values(), *NAMED.values(), "didgeridoo"]):
        if name not in out:
            own = [d for d in display if plain(name).lower() in [p.strip().lower() for p in d.split(",")]]
            classes = dict.fromkeys(own + [c.strip() for c in KIN.get(name, "").split(";") if c.strip()])
            word = said(name)[0]
            out[name] = (
                [at[c] for c in classes] or [at["Musical instrument"]],
                [*said(name), f"somebody plays {word}", f"music played on {word}"],
            )
    return out


def set_table(display):
    """{label of SETS: ([class numbers], [labels of `table` whose phrases are right too], [phrases])} of heard_sets.txt."""
    at, known, out = {d: i for i, d in enumerate(display)}, table(display), {}
    for line in table_lines("heard_sets.txt"):
        name, kin, phrases = (part.strip() for part in line.split("|"))
        kin = [k.strip() for k in kin.split(";") if k.strip()]
        base = [k[1:] for k in kin if k.startswith("+")]
        classes = [c for b in base for c in known[b][0]] + [at[k] for k in kin if not k.startswith("+")]
        noun = ("an " if name[0].lower() in "aeiou" else "a ") + name
        own = [name, f"the sound of {name}", noun, f"the sound of {noun}", *(p.strip() for p in phrases.split(";") if p.strip())]
        out[name] = (list(dict.fromkeys(classes)), base, own)
    return out
