#!/usr/bin/env python3
"""Adds a model of full size and asks it for a first vector: time and resident memory, beside what its layers take once they are packed.

    bench_add.py PROGRAM [HEADER] [F32|F16] [--sparse] [--runs N]

HEADER is a file of tests/golden/headers (clip-l14.txt). The weights are random numbers, written to a temporary folder, or with --sparse zeros that
no disk has, but for the last layers. Rows of tokens are read from the file when a text asks for them, so that they are no part of what is packed.
"""

import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SIZES = {"F32": 4, "F16": 2, "I64": 8}
LAST = ("projection.weight", "post_layernorm", "final_layer_norm")
TOKENS = ("token_embedding.weight", "word_embeddings.weight")


def tensors(text, dtype):
    for line in text.splitlines():
        if line.startswith(("#", "config ", "preprocessor ")) or not line.strip():
            continue
        kind, shape, name = line.split(" ")
        shape = [] if shape == "-" else [int(side) for side in shape.split("x")]
        found = re.search(r"\{(\d+)-(\d+)\}", name)
        numbers = range(int(found[1]), int(found[2]) + 1) if found else [None]
        for number in numbers:
            one = name if number is None else name.replace(found[0], str(number))
            yield one, dtype if kind in ("F32", "F16") else kind, shape


def block(dtype):
    """A mebibyte of small random numbers."""
    generator = random.Random(1)
    if dtype == "F16":
        # Signs and exponents of about a hundredth, any fraction.
        return b"".join((generator.choice((0x20, 0xA0)) << 8 | generator.getrandbits(10)).to_bytes(2, "little") for _ in range(1 << 19))
    import array
    return array.array("f", (generator.gauss(0, 0.02) for _ in range(1 << 18))).tobytes()


def write(folder, header, dtype, sparse):
    rows, place = {"__metadata__": {"format": "pt"}}, 0
    packed = 0
    for name, kind, shape in tensors(header, dtype):
        count = SIZES[kind]
        for side in shape:
            count *= side
        rows[name] = {"dtype": kind, "shape": shape, "data_offsets": [place, place + count]}
        place += count
        packed += 0 if name.endswith(TOKENS) else count
    head = json.dumps(rows).encode()
    head += b" " * (-len(head) % 8)
    with open(folder / "model.safetensors", "wb") as file:
        file.write(len(head).to_bytes(8, "little") + head)
        if sparse:
            begin = 8 + len(head)
            file.truncate(begin + place)
            for name, row in rows.items():
                # Vectors of zeros are refused: the last layers have numbers.
                if any(part in name for part in LAST):
                    file.seek(begin + row["data_offsets"][0])
                    left, piece = row["data_offsets"][1] - row["data_offsets"][0], block(dtype)
                    while left > 0:
                        file.write(piece[:left])
                        left -= len(piece)
        else:
            piece, left = block(dtype), place
            while left > 0:
                file.write(piece[:left])
                left -= len(piece)
    line = lambda key: next(line[len(key):] for line in header.splitlines() if line.startswith(key))
    (folder / "config.json").write_text(line("config "))
    (folder / "preprocessor_config.json").write_text(line("preprocessor "))
    pieces = [{"SpecialToken": {"id": "<|startoftext|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
              {"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}}]
    mark = lambda token, number: {"id": token, "ids": [number], "tokens": [token]}
    (folder / "tokenizer.json").write_text(json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None, "decoder": None,
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": {"type": "TemplateProcessing", "single": pieces, "pair": pieces, "special_tokens": {
            "<|startoftext|>": mark("<|startoftext|>", 49406), "<|endoftext|>": mark("<|endoftext|>", 49407)}},
        "model": {"type": "WordLevel", "unk_token": "a", "vocab": {"a": 5, "<|startoftext|>": 49406, "<|endoftext|>": 49407}},
    }))
    return packed


def run(data, *args):
    """Seconds and most resident bytes of a command on a data folder; its workers count apart."""
    begun = time.perf_counter()
    environment = {**os.environ, "SENSORIUM_DATA": str(data)}
    process = subprocess.Popen([str(arg) for arg in args], stdout=subprocess.DEVNULL, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{args}: {status}")
    return time.perf_counter() - begun, usage.ru_maxrss * 1024


def main():
    program, *rest = sys.argv[1:]
    sparse = "--sparse" in rest
    runs = int(rest[rest.index("--runs") + 1]) if "--runs" in rest else 3
    name = next((arg for arg in rest if arg.endswith(".txt")), "clip-l14.txt")
    dtype = next((arg for arg in rest if arg in SIZES), "F32")
    header = (ROOT / "tests/golden/headers" / name).read_text()
    mib = lambda count: f"{count / (1 << 20):,.0f} MiB"
    with tempfile.TemporaryDirectory() as place:
        model, data = Path(place) / "model", Path(place) / "data"
        model.mkdir()
        packed = write(model, header, dtype, sparse)
        file = (model / "model.safetensors").stat().st_size
        added = run(data, program, "models", "add", model, "--name", "full", "--unchecked", "--licence", "MIT")
        image = ROOT / "samples/images/red_car.jpg"
        firsts = {"image": [], "text": []}
        for _ in range(runs):
            firsts["image"].append(run(data, program, "embed", "--bundle", "full", image))
            firsts["text"].append(run(data, program, "embed", "--bundle", "full", "a red car"))
        print(f"{name[:-4]} {dtype}{' sparse' if sparse else ''}: a file of {mib(file)}, {mib(packed)} packed")
        print(f"  add: {added[0]:.1f} s, {mib(added[1])} resident, {added[1] / packed:.2f}x packed")
        for what, found in firsts.items():
            seconds, resident = statistics.median(first[0] for first in found), max(first[1] for first in found)
            print(f"  first vector of {what}: {seconds:.2f} s (median of {runs}), {mib(resident)} resident")


if __name__ == "__main__":
    main()
