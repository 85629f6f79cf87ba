"""Two small zips of Python's own library for the tests of crates/checkpoint, and a checkpoint of torch: crates/checkpoint/tests/data.

    python golden_zip.py            needs torch

small.zip has `a.txt` stored, `b/c.txt` deflated, a link and a folder; wide.zip the same with 64-bit fields. checkpoint.bin is what
`torch.save` makes of a state dict with every type that is read, a transposed view, two views of one storage, a parameter and
`_metadata`; checkpoint.json its numbers.
"""

import io
import json
import zipfile
from collections import OrderedDict
from pathlib import Path

import torch

OUT = Path(__file__).resolve().parent.parent / "crates/checkpoint/tests/data"


def info(name, method, mode=0o100644):
    made = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
    made.compress_type, made.external_attr = method, mode << 16
    return made


def small(wide):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as zip:
        zip.writestr(info("a.txt", zipfile.ZIP_STORED), b"hello")
        zip.writestr(info("b/", zipfile.ZIP_STORED, 0o040755), b"")
        deflated = info("b/c.txt", zipfile.ZIP_DEFLATED)
        deflated.comment, deflated.extra = b"a remark", b"\x99\x99\x02\x00ab"
        with zip.open(deflated, "w", force_zip64=wide) as file:
            file.write(b"many words " * 500)
        zip.writestr(info("link", zipfile.ZIP_STORED, 0o120777), b"a.txt")
        zip.comment = b"a remark of the whole"
        if wide:
            # As if they did not fit into 32 bits.
            limit, zipfile.ZIP64_LIMIT = zipfile.ZIP64_LIMIT, 1
            zip.close()
            zipfile.ZIP64_LIMIT = limit
    return out.getvalue()


def checkpoint():
    generator = torch.Generator().manual_seed(1)
    random = lambda *shape: torch.randn(shape, generator=generator)
    base = random(4, 3)
    state = OrderedDict(
        plain=random(2, 3), half=random(5).half(), brain=random(5).bfloat16(), double=random(2).double(),
        long=torch.arange(4)[None], int=torch.tensor([7, -7], dtype=torch.int32), short=torch.tensor([-3], dtype=torch.int16),
        char=torch.tensor([-1, 1], dtype=torch.int8), byte=torch.tensor([250], dtype=torch.uint8), bool=torch.tensor([True, False]),
        scalar=torch.tensor(2.5), empty=torch.empty(0, 3), base=base, row=base[1], turned=base.t(),
        parameter=torch.nn.Parameter(random(2)),
    )
    state._metadata = OrderedDict([("", {"version": 1}), ("layer", {"version": 1})])
    return state


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "small.zip").write_bytes(small(False))
    (OUT / "wide.zip").write_bytes(small(True))
    state = checkpoint()
    torch.save(state, OUT / "checkpoint.bin")
    torch.save(state, OUT / "old.bin", _use_new_zipfile_serialization=False)
    numbers = {name: {"shape": list(value.shape), "numbers": value.detach().double().flatten().tolist()} for name, value in state.items()}
    (OUT / "checkpoint.json").write_text(json.dumps(numbers) + "\n")
    for file in sorted(OUT.iterdir()):
        print(file.name, file.stat().st_size)


if __name__ == "__main__":
    main()
