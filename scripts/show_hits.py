"""Shows the JSON lines of `sensorium search` as a short table with each hit's description (from standard input).

    sensorium search ... --json | show_hits.py [--first path]
"""

import json
import os
import sys


def clock(ms):
    minutes, rest = divmod(ms, 60_000)
    return f"{minutes:02}:{rest / 1000:04.1f}"


def describe(payload):
    """The description that came with the file, else its first caption, title or nothing."""
    captions = payload.get("captions") or []
    return payload.get("description") or (captions[0] if captions else payload.get("title") or "")


def line(hit):
    payload = hit["payload"] or {}
    score = "     -" if hit["score"] is None else f"{hit['score']:6.2f}"
    name = os.path.basename(hit["path"] or payload.get("name") or hit["asset"])
    moment = hit["moment"]
    span = f"{clock(moment['start_ms'])}-{clock(moment['end_ms'])} {'+'.join(moment['tracks'])}" if moment else ""
    text = describe(payload)
    return f"  {hit['rank']:>2} {score}  {hit['modality']:<6} {name[:30]:<30} {span:<22} {text[:70]}".rstrip()


def main():
    hits = [json.loads(text) for text in sys.stdin if text.strip()]
    if sys.argv[1:] == ["--first", "path"]:
        print(hits[0]["path"] if hits else "")
        return
    if not hits:
        print("  (no hit)")
    for hit in hits:
        print(line(hit))


if __name__ == "__main__":
    main()
