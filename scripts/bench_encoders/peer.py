"""A peer behind a pipe, as crates/embed/examples/encoders_side.rs is on our side: a command a line, an answer a line.

| command | fields | answer |
| --- | --- | --- |
| `load` | `kind` (`onnxruntime`, `openvino`, `torch-bf16`), `path`, `threads` | `version` |
| `encode` | `path` of an array, `count` of its first rows, `vectors` | `seconds` of one call, and the vectors if they are wanted |
"""

import json
import os
import sys
import time

import numpy as np


def onnxruntime(path, threads):
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return ort.__version__, lambda rows: session.run(None, {"input": rows})[0]


def openvino(path, threads):
    import openvino as ov

    core = ov.Core()
    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1}
    model = core.compile_model(core.read_model(path), "CPU", settings)
    return ov.__version__, lambda rows: model([rows])[0]


def torch_bf16(path, threads):
    """`path` is FOLDER/clip#image or FOLDER/clip#text."""
    import torch
    from transformers import CLIPModel

    torch.set_num_threads(threads)
    folder, tower = path.split("#")
    model = CLIPModel.from_pretrained(folder, dtype=torch.bfloat16).eval()

    def run(rows):
        with torch.inference_mode():
            if tower == "image":
                made = model.visual_projection(model.vision_model(torch.from_numpy(rows).bfloat16()).pooler_output)
            else:
                made = model.text_projection(model.text_model(torch.from_numpy(rows)).pooler_output)
            return made.float().numpy()

    return torch.__version__, run


KINDS = {"onnxruntime": onnxruntime, "openvino": openvino, "torch-bf16": torch_bf16}


def main():
    # Libraries print as they please; answers have the pipe for themselves.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    run, arrays = None, {}
    for line in sys.stdin:
        command = json.loads(line)
        try:
            if command["do"] == "load":
                version, run = KINDS[command["kind"]](command["path"], command["threads"])
                answer = {"version": version}
            else:
                path = command["path"]
                if path not in arrays:
                    arrays[path] = np.load(path)
                rows = np.ascontiguousarray(arrays[path][: command["count"]])
                begun = time.perf_counter()
                made = run(rows)
                answer = {"seconds": time.perf_counter() - begun}
                if command["vectors"]:
                    answer["vectors"] = np.asarray(made).tolist()
        except Exception as error:  # noqa: BLE001 - whatever a library raises is the answer
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
