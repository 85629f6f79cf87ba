"""Soundtracks: the dev clips of animal_sounds under a black image, asked as videos by "the sound of a {label}".

    eval_soundtracks.py MANIFEST
"""

import os
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import common


def make(source, target):
    """A video of black images with the audio as it is (FLAC in Matroska)."""
    common.ffmpeg(
        "-i", source, "-f", "lavfi", "-i", "color=black:size=64x64:rate=4", "-map", "1:v", "-map", "0:a",
        "-c:v", "libx264", "-preset", "ultrafast", "-threads", "1", "-c:a", "flac", "-shortest", target,
    )  # fmt: skip


def main():
    manifest = sys.argv[1]
    base = os.path.dirname(os.path.abspath(manifest))
    clips = [r for r in common.rows(manifest) if r["source"] == "animal_sounds"]
    with tempfile.TemporaryDirectory() as work:
        videos = os.path.join(work, "videos")
        os.mkdir(videos)
        labels = {}
        with ThreadPoolExecutor(2) as pool:
            for number, row in enumerate(clips):
                name = f"{number:04}.mkv"
                labels[name] = row["label"]
                pool.submit(make, os.path.join(base, row["file"]), os.path.join(videos, name))
        missing = [name for name in labels if not os.path.isfile(os.path.join(videos, name))]
        if missing:
            sys.exit(f"ffmpeg made no {missing[0]} and {len(missing) - 1} more")
        data = os.path.join(work, "data")
        common.index(data, videos)
        totals, scores = Counter(labels.values()), {}
        for label, total in sorted(totals.items()):
            hits = common.sensorium(
                data, "search", f"the sound of a {label}", "--modality", "video", "--limit", str(len(clips)), "--all"
            )
            found = [labels[os.path.basename(hit["path"])] for hit in hits]
            scores[label] = common.precision(found, label, total)
    common.report(
        "soundtracks", p10=round(common.mean(list(scores.values())), 4), ci=common.interval(list(scores.values())),
        labels={k: round(v, 3) for k, v in scores.items()}, gallery=len(clips),
    )  # fmt: skip


if __name__ == "__main__":
    main()
