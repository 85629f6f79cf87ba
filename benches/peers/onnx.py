"""What benches/encoders.rs measures, by ONNX Runtime f32 on the encoders that training/export_onnx.py wrote, 2 threads.

Prints our figure of the same run (JSON lines of `cargo bench --bench encoders`) beside each of its own, and the ratio.

    python onnx.py --onnx FOLDER --ours FILE
"""

import argparse
import json
import os
import sys
import time

import numpy as np
import onnxruntime as ort

THREADS, ROUNDS, TOKENS = 2, 12, 10
BAR = 0.5  # our share of ONNX Runtime's rate, at least
PEERS = [("images", "image.onnx", 8), ("query_of_ten_tokens", "text.onnx", 1), ("texts_of_ten_tokens", "text.onnx", 8)]


def best_rate(path, batch):
    """Items a second of the best of ROUNDS runs."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.inter_op_num_threads = 1
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    inputs = {i.name: feed(i, batch) for i in session.get_inputs()}
    session.run(None, inputs)
    best = float("inf")
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        session.run(None, inputs)
        best = min(best, time.perf_counter() - begun)
    return batch / best


def feed(spec, batch):
    """Random input of the session's shape, free axes set to the batch or to ten tokens."""
    rng = np.random.default_rng(0)
    shape = [axis if isinstance(axis, int) else (batch if n == 0 else TOKENS) for n, axis in enumerate(spec.shape)]
    if "int64" in spec.type:
        return np.ones(shape, np.int64) if "mask" in spec.name else rng.integers(1000, 20000, shape)
    return rng.standard_normal(shape).astype(np.float32)


def our_rates(path):
    """{(what, batch): items a second} of the lines that the bench printed."""
    with open(path, encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines if line.startswith("{")]
    return {(r["what"], r["batch"]): r["a_second_best"] for r in rows if r["bench"] == "encoders"}


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--onnx", required=True)
    ap.add_argument("--ours", required=True)
    a = ap.parse_args()
    ours = our_rates(a.ours)
    missing = [what for what, _, batch in PEERS if (what, batch) not in ours]
    if missing:
        sys.exit(f"{a.ours} lacks {', '.join(missing)}: benches/encoders.rs and this script name their work alike")
    for what, name, batch in PEERS:
        theirs = best_rate(os.path.join(a.onnx, name), batch)
        ratio = ours[what, batch] / theirs
        print(json.dumps({
            "bench": "beside onnxruntime", "what": what, "batch": batch, "threads": THREADS,
            "ours_a_second": round(ours[what, batch], 2), "onnxruntime_a_second": round(theirs, 2),
            "ratio": round(ratio, 3), "bar": BAR, "met": ratio >= BAR, "onnxruntime": ort.__version__,
        }), flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
