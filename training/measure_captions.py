"""What captions as data do to text -> image: the dev photos of Flickr8k asked by their captions, by what they show, by what
the decoder says of them, and by the best of both with a caption's score lowered.

    measure_captions.py MANIFEST [--work DIR]        SENSORIUM_BIN names the command; DIR keeps what it made
"""

import argparse
import json
import os
import subprocess
import tempfile
import tomllib

import numpy as np

from hubs import banks, values

HERE = os.path.dirname(os.path.abspath(__file__))
LOWERED = [0, 1, 2, 3, 3.5, 4, 5]
ADDED = [0.05, 0.1, 0.15, 0.2, 0.3, 0.4]


def run(*arguments):
    done = subprocess.run([os.environ["SENSORIUM_BIN"], *arguments, "--json"], stdout=subprocess.PIPE, check=True)
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


def vectors(work, name):
    """Vectors of a folder's files by the name of the file without suffix; files of equal bytes share one."""
    data = os.path.join(work, f"data-{name}")
    run("index", os.path.join(work, name), "--data", data)
    found = {}
    for asset in run("get", "--filter", "name exists", "--vectors", "--data", data):
        for path in asset["paths"]:
            found[os.path.splitext(os.path.basename(path))[0]] = np.float32(asset["points"][0]["vector"])
    return found


def write(work, photos, captions):
    for name in ("photos", "said", "asked"):
        os.makedirs(os.path.join(work, name), exist_ok=True)

    def text(folder, name, words):
        with open(os.path.join(work, folder, name + ".txt"), "w", encoding="utf-8") as file:
            file.write(words)

    for at, (path, queries) in enumerate(photos):
        link = os.path.join(work, "photos", f"{at:04}{os.path.splitext(path)[1]}")
        if not os.path.lexists(link):
            os.symlink(path, link)
        text("said", f"{at:04}", captions[path])
        for number, query in enumerate(queries):
            text("asked", f"{at:04}_{number}", query)


def measure(work):
    shown, said, asked = (vectors(work, name) for name in ("photos", "said", "asked"))
    names, queries = sorted(shown), sorted(asked)
    own = np.array([names.index(query[:4]) for query in queries])
    folder = os.path.join(HERE, "..", "models", "mini")
    with open(os.path.join(folder, "bundle.toml"), "rb") as file:
        pair = {(row["query"], row["content"]): row for row in tomllib.load(file)["calibration"]}
    hubs = banks(folder)

    def scores(of, content):
        """Of texts with this content, corrected where the bundle corrects them."""
        row, points = pair["text", content], np.stack([of[n] for n in names])
        cosine = np.stack([asked[q] for q in queries]) @ points.T
        if ("text", content) not in hubs:
            return (cosine - row["mean"]) / row["deviation"]
        lowered = values(points, *hubs["text", content])
        return (cosine - lowered - row["corrected_mean"]) / row["corrected_deviation"]

    def recall(table):
        mine = table[np.arange(len(own)), own]
        rank = (table >= mine[:, None]).sum(1)
        return {f"r{k}": round(float((rank <= k).mean()), 4) for k in (1, 5, 10)}

    image, caption = scores(shown, "picture"), scores(said, "text")
    print(json.dumps({"images": recall(image), "captions": recall(caption), "queries": len(queries)}))
    for lowered in LOWERED:
        print(json.dumps({"best of both, captions lowered by": lowered, **recall(np.maximum(image, caption - lowered))}))
    for weight in ADDED:
        print(json.dumps({"captions added with weight": weight, **recall(image + weight * caption)}))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("manifest")
    ap.add_argument("--work")
    a = ap.parse_args()
    base = os.path.dirname(os.path.abspath(a.manifest))
    with open(a.manifest, encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    photos = [
        (os.path.join(base, r["file"]), r["captions"]) for r in rows if r["split"] == "dev" and r["source"] == "flickr8k"
    ]
    with tempfile.TemporaryDirectory() as temporary:
        work = os.path.abspath(a.work or temporary)
        said = {row["path"]: row["caption"] for row in run("caption", *(path for path, _ in photos))}
        write(work, photos, said)
        measure(work)


if __name__ == "__main__":
    main()
