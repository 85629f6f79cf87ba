"""Labels as people type them: the dev2 rows, each label bare, in the plural and in a sentence, by `sensorium eval`.

    eval_labels.py MANIFEST

A `source` of the manifest may fill several folders, and a folder hold several of them. A set is a folder here, as the bars
name it (vocab, words): the rows are asked from a manifest of their own in which each folder is a source. Reports
dev2_label_to_image and dev2_label_to_audio over all sets, dev2_SET of each, dev2_vocab_words over these two, and for each the
gap by which bare names stay behind the sentence. Ends with 77 where the manifest has no such rows.
"""

import json
import os
import subprocess
import sys
import tempfile

import common

SPLIT = "dev2"
TASKS = ("label_to_image", "label_to_audio")
FORMS = ("bare", "plural", "sentence")
POOLED = ("vocab", "words")


def regrouped(rows, base):
    """The rows with absolute files, each with the name of its folder as its source."""
    return [
        {**row, "file": os.path.join(base, row["file"]), "source": os.path.basename(os.path.dirname(row["file"]))}
        for row in rows
    ]


def with_gaps(figures):
    """Figures with gap_K = sentence_K - bare_K for each K; positive where the bare name finds less."""
    gaps = {f"gap_{k}": round(figures[f"sentence_{k}"] - figures[f"bare_{k}"], 6) for k in ("r1", "r5", "r10")}
    return {**figures, **gaps}


def pooled(sets):
    """Figures over the labels of several sets, without intervals."""
    labels = sum(figures["labels"] for figures in sets)
    shares = [name for name in sets[0] if name.partition("_")[0] in FORMS]
    found = {name: round(sum(s[name] * s["labels"] for s in sets) / labels, 6) for name in shares}
    return {**found, "labels": labels, "gallery": sum(figures["gallery"] for figures in sets)}


def flattened(results):
    """{name: figures} of the program's object: what is over all sets, then each set."""
    found = {}
    for task in (task for task in TASKS if task in results):
        together = dict(results[task])
        sets = together.pop("sources")
        found[f"{SPLIT}_{task}"] = with_gaps(together)
        found.update({f"{SPLIT}_{name}": with_gaps(figures) for name, figures in sets.items()})
        if sets.keys() >= set(POOLED):
            found[f"{SPLIT}_{'_'.join(POOLED)}"] = with_gaps(pooled([sets[name] for name in POOLED]))
    return found


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    manifest = sys.argv[1]
    rows = common.rows(manifest, SPLIT)
    if not rows:
        print(f"{manifest} has no rows of {SPLIT}", file=sys.stderr)
        sys.exit(77)
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
        for row in regrouped(rows, os.path.dirname(os.path.abspath(manifest))):
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
        file.flush()
        tasks = [word for task in TASKS for word in ("--task", task)]
        done = subprocess.run(
            [common.program(), "eval", "--manifest", file.name, "--split", SPLIT, *tasks, "--json"],
            stdout=subprocess.PIPE, check=True,
        )  # fmt: skip
    for name, figures in flattened(json.loads(done.stdout.decode())).items():
        common.report(name, **figures)


if __name__ == "__main__":
    main()
