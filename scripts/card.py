"""The figures of an evaluation beside those of the model card: card.py RESULTS.jsonl MODEL_CARD.md [--public] [--update]

Prints every figure with its interval, the card's and the previous edition's, and says which moved: the card's lies outside
the interval (or differs at all, where there is none). --update writes what was measured into the card's table, between its
two markers, under the bundle's revision; figures that were not measured and earlier editions' columns stay as they are.
--public reads the object of `make eval-public`, whose figures have rows of their own.
"""

import json
import sys

BEGIN, END = "<!-- figures: written by `make eval UPDATE=1` -->", "<!-- end of figures -->"
HEAD = "figure"
UNKNOWN = "-"
RECALL = (("R@1", "r1"), ("R@5", "r5"), ("R@10", "r10"))
PAIRS = (("text -> image", "text_image"), ("text -> audio", "text_audio"), ("image -> audio", "image_audio"))
CUT = (("right among the first ten", "precision"), ("right ones kept", "right"), ("wrong ones kept", "wrong"))
FORMS = (("bare", "bare"), ("plural", "plural"), ("in a sentence", "sentence"))
# Sets of images whose labels have rows of their own; the others have fewer labels, and stand in the row of all.
LABELLED = (("vocab", "dev2_vocab"), ("words", "dev2_words"), ("all image sets", "dev2_label_to_image"))
WORDS = (("man", "woman"), ("woman", "man"), ("boy", "girl"), ("girl", "boy"), ("young", "old"), ("old", "young"))


def names():
    """(row's name, task, figure, factor, decimals) of the table, in order."""
    for title, task in (("text -> image", "text_to_image"), ("image -> text", "image_to_text"), ("text -> video", "text_to_video")):
        yield from ((f"{title}, {k}", task, figure, 100, 1) for k, figure in RECALL)
    for title, task in (("text -> audio", "text_to_audio"), ("image -> audio", "image_to_audio")):
        yield f"{title}, p10", task, "p10", 100, 1
        yield f"{title}, mean average precision", task, "map", 100, 1
    yield "soundtracks under a black image, p10", "soundtracks", "p10", 100, 1
    yield "moments (IoU at least 0.5)", "moments", "right", 100, 1
    yield from ((f"text -> image, the best 50 read again (rerank), {k}", "rerank", figure, 100, 1) for k, figure in RECALL)
    yield "summaries: cut found, both shots shown", "summaries", "right", 100, 1
    yield "captions, BLEU-4", "captions", "bleu4", 100, 1
    yield "captions, CIDEr-D (0 to 10)", "captions", "cider_d", 1, 3
    for title, task in LABELLED:
        yield from ((f"label -> image, {title}, {form}, {k}", task, f"{key}_{figure}", 100, 1)
                    for form, key in FORMS for k, figure in (("R@1", "r1"), ("R@10", "r10")))  # fmt: skip
    yield from ((f"label -> audio, all audio sets, {form}, {k}", "dev2_label_to_audio", f"{key}_{figure}", 100, 1)
                for form, key in FORMS for k, figure in (("R@1", "r1"), ("p10", "p10")))  # fmt: skip
    for title, pair in PAIRS:
        yield from ((f"score of at least 3, {title}: {k}", "calibration", f"{pair}_{figure}", 100, 2 if figure == "wrong" else 1)
                    for k, figure in CUT)  # fmt: skip
    for word, other in WORDS:
        yield f"captions with \"{word}\", R@10", "bias", f"{word}_r10", 100, 1
        yield f"captions with \"{word}\", photos of \"{word}\" among ten", "bias", f"{word}_share10", 100, 1
        yield f"captions with \"{word}\", photos of \"{other}\" alone among ten", "bias", f"{word}_other10", 100, 1
    yield from ((f"stamps, text -> image, {k}", "public_text_to_image", figure, 100, 1) for k, figure in RECALL)
    yield from ((f"stamps, caption -> audio, {k}", "public_caption_to_audio", figure, 100, 1) for k, figure in RECALL)
    yield from ((f"stamps, bare name -> image, {k}", "public_name_to_image", figure, 100, 1) for k, figure in RECALL)
    yield from ((f"stamps, bare name -> audio, {k}", "public_name_to_audio", figure, 100, 1) for k, figure in RECALL)


def measured(results):
    """{row's name: (value, interval or None)} as written in the card."""
    found = {}
    for name, task, figure, factor, decimals in names():
        value = results.get(task, {}).get(figure)
        if value is None:
            continue
        interval = results[task].get("ci")
        interval = interval.get(figure) if isinstance(interval, dict) else interval if figure in ("right", "p10") else None
        shown = f"{value * factor:.{decimals}f}"
        found[name] = shown, "-".join(f"{x * factor:.{decimals}f}" for x in interval) if interval else UNKNOWN
    return found


def read(path):
    """The results of every suite in one object."""
    results = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            results.update(json.loads(line))
    return results


def public(results):
    """The figures of the check set under names of their own."""
    kept = {f"public_{task}": figures for task, figures in results.items() if isinstance(figures, dict)}
    return {**kept, "bundle": results.get("bundle", "")}


def split(card):
    """The card before its table, the table's lines, and the card behind it."""
    if card.count(BEGIN) != 1 or card.count(END) != 1 or card.index(BEGIN) > card.index(END):
        raise ValueError(f"the model card needs one table between the lines {BEGIN!r} and {END!r}")
    before, rest = card.split(BEGIN)
    table, after = rest.split(END)
    return before + BEGIN, table.strip().splitlines(), END + after


def cells(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def parse(table):
    """([earlier editions], this revision, {row's name: (a value of each of them, this one's, interval)})."""
    if len(table) < 2:
        return ["previous"], "", {}
    head = cells(table[0])
    rows = {row[0]: tuple(row[1:]) for row in map(cells, table[2:]) if len(row) == len(head)}
    return head[1:-2], head[-2], rows


def updated(earlier, rows, found):
    """The rows with what was measured, in the order of `names`."""
    out = {}
    for name, *_ in names():
        if name in rows or name in found:
            *values, this, interval = rows.get(name, (UNKNOWN,) * (len(earlier) + 2))
            out[name] = *values, *found.get(name, (this, interval))
    return out


def render(earlier, revision, rows):
    lines = [f"| {HEAD} | {' | '.join(earlier)} | {revision} | 95 % |", "| --- " * (len(earlier) + 3) + "|"]
    return lines + [f"| {name} | {' | '.join(row)} |" for name, row in rows.items()]


def moved(card, value, interval):
    """Whether a card's figure is not what was measured, beyond chance."""
    if card == UNKNOWN:
        return False
    if interval == UNKNOWN:
        return card != value
    low, high = map(float, interval.split("-"))
    return not low <= float(card) <= high


def main():
    flags = [a for a in sys.argv[1:] if a.startswith("--")]
    results, path = (a for a in sys.argv[1:] if not a.startswith("--"))
    results = read(results)
    found = measured(public(results) if "--public" in flags else results)
    revision = results.get("bundle", "").partition("@")[2]
    with open(path, encoding="utf-8") as f:
        card = f.read()
    try:
        before, table, after = split(card)
    except ValueError as problem:
        sys.exit(f"{path}: {problem}")
    earlier, this, rows = parse(table)
    print(f"{'figure':<64}{'measured':>9}{'95 %':>14}{'card':>8}{'previous':>10}")
    changed = 0
    for name, (value, interval) in found.items():
        *_, old, current, _ = rows.get(name, (UNKNOWN, UNKNOWN, UNKNOWN))
        far = moved(current, value, interval)
        changed += far
        print(f"{name:<64}{value:>9}{interval:>14}{current:>8}{old:>10}{'  MOVED' if far else ''}")
    if revision and this and revision != this:
        print(f"the card's figures are of revision {this}, these of {revision}")
    print(f"{changed} of {len(found)} figures moved by more than their interval")
    if "--update" in flags:
        lines = render(earlier, revision or this, updated(earlier, rows, found))
        with open(path, "w", encoding="utf-8") as f:
            f.write("\n".join([before, *lines, after]))
        print(f"{path}: {len(found)} figures written; look at `git diff` before it is committed")
    elif changed:
        print("`UPDATE=1` writes them into the model card")


if __name__ == "__main__":
    main()
