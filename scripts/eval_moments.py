"""Moments: videos of 6 dev photos (2 to 6 s each) and audio of 4 dev clips of different labels (each looped to 10 s),
asked within the clip by one part's caption or label. Right is a best moment that overlaps the part by IoU 0.5.

    eval_moments.py MANIFEST [--videos 150] [--audios 50] [--seed 7]
"""

import argparse
import os
import random
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import common

RATE = 6  # frames a second


def join_photos(photos, seconds, target):
    inputs, chain = [], ""
    for number, (photo, long) in enumerate(zip(photos, seconds)):
        inputs += ["-loop", "1", "-framerate", str(RATE), "-t", str(long), "-i", photo]
        chain += f"[{number}:v]scale=256:256,setsar=1,format=yuv420p[v{number}];"
    chain += "".join(f"[v{n}]" for n in range(len(photos))) + f"concat=n={len(photos)}:v=1:a=0[out]"
    common.ffmpeg(
        *inputs, "-filter_complex", chain, "-map", "[out]", "-c:v", "libx264", "-preset", "ultrafast", "-crf", "20",
        "-threads", "1", target,
    )  # fmt: skip


def join_audios(audios, target):
    inputs, chain = [], ""
    for number, audio in enumerate(audios):
        inputs += ["-i", audio]
        chain += f"[{number}:a]aformat=sample_rates=16000:channel_layouts=mono,aloop=loop=-1:size=16000000,atrim=0:10,asetpts=N/SR/TB[a{number}];"
    chain += "".join(f"[a{n}]" for n in range(len(audios))) + f"concat=n={len(audios)}:v=0:a=1[out]"
    common.ffmpeg(*inputs, "-filter_complex", chain, "-map", "[out]", target)


def plan(rows, videos, audios, seed):
    """(name, files, seconds of each, which part is asked for, question) of every clip."""
    rng = random.Random(seed)
    photos = [r for r in rows if r["source"] == "flickr8k" and r["captions"]]
    by_label = {}
    for row in rows:
        if row["source"] == "animal_sounds":
            by_label.setdefault(row["label"], []).append(row)
    for number in range(videos):
        parts = rng.sample(photos, 6)
        asked = rng.randrange(6)
        seconds = [rng.randint(2, 6) for _ in parts]
        yield f"video{number:03}.mp4", [p["file"] for p in parts], seconds, asked, rng.choice(parts[asked]["captions"])
    for number in range(audios):
        labels = rng.sample(sorted(by_label), 4)
        asked = rng.randrange(4)
        files = [rng.choice(by_label[label])["file"] for label in labels]
        yield f"audio{number:03}.wav", files, [10] * 4, asked, f"the sound of a {labels[asked]}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest")
    parser.add_argument("--videos", type=int, default=150)
    parser.add_argument("--audios", type=int, default=50)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    base = os.path.dirname(os.path.abspath(options.manifest))
    clips = list(plan(common.rows(options.manifest), options.videos, options.audios, options.seed))

    with tempfile.TemporaryDirectory() as work:
        folder = os.path.join(work, "clips")
        os.mkdir(folder)
        with ThreadPoolExecutor(2) as pool:
            jobs = []
            for name, files, seconds, _, _ in clips:
                paths, target = [os.path.join(base, f) for f in files], os.path.join(folder, name)
                if name.startswith("video"):
                    jobs.append(pool.submit(join_photos, paths, seconds, target))
                else:
                    jobs.append(pool.submit(join_audios, paths, target))
            for job in jobs:
                job.result()
        data = os.path.join(work, "data")
        common.index(data, folder)
        right = {"video": [], "audio": []}
        for name, _, seconds, asked, question in clips:
            hits = common.sensorium(
                data, "search", f"text:{question}", "--filter", f'name = "{name}"', "--limit", "1", "--all"
            )
            start = 1000 * sum(seconds[:asked])
            part = (start, start + 1000 * seconds[asked])
            moment = hits[0]["moment"] if hits else None
            hit = bool(moment) and common.overlap((moment["start_ms"], moment["end_ms"]), part) >= 0.5
            right["video" if name.startswith("video") else "audio"].append(float(hit))
    every = right["video"] + right["audio"]
    if not every:
        sys.exit("no clip was asked for")
    common.report(
        "moments", right=round(common.mean(every), 4), ci=common.interval(every), clips=len(every),
        videos=round(common.mean(right["video"]), 4), audios=round(common.mean(right["audio"]), 4), seed=options.seed,
    )  # fmt: skip


if __name__ == "__main__":
    main()
