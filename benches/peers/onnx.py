"""Images a second of ONNX Runtime f32 on the towers that training/export_onnx.py wrote, 2 threads, batch 8.

The peer of benches/towers.rs: the same work from decoded pixels, so that both figures come from one run.

    python onnx.py --onnx FOLDER
"""

import argparse
import json
import os
import time

import numpy as np
import onnxruntime as ort

THREADS, BATCH, ROUNDS = 2, 8, 12


def best_rate(path, feeds):
    """Items a second of the best of ROUNDS runs."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.inter_op_num_threads = 1
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    inputs = {i.name: feeds(i) for i in session.get_inputs()}
    session.run(None, inputs)
    best = float("inf")
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        session.run(None, inputs)
        best = min(best, time.perf_counter() - begun)
    return BATCH / best


def feed(spec):
    """Random input of the session's shape, free axes set to the batch or to ten tokens."""
    rng = np.random.default_rng(0)
    shape = [axis if isinstance(axis, int) else (BATCH if n == 0 else 10) for n, axis in enumerate(spec.shape)]
    if "int64" in spec.type:
        return np.ones(shape, np.int64) if "mask" in spec.name else rng.integers(1000, 20000, shape)
    return rng.standard_normal(shape).astype(np.float32)


def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--onnx", required=True)
    folder = ap.parse_args().onnx
    for what, name in (("pictures", "image.onnx"), ("texts_of_ten_tokens", "text.onnx")):
        path = os.path.join(folder, name)
        if not os.path.exists(path):
            print(json.dumps({"bench": "onnxruntime", "what": what, "skipped": f"no {name}"}))
            continue
        print(json.dumps({"bench": "onnxruntime", "what": what, "batch": BATCH, "a_second_best": best_rate(path, feed)}))


if __name__ == "__main__":
    main()
