"""Small image and text towers of random weights, exported to ONNX as photo servers lay them out, and what their reference classes
compute: tests/golden/onnx. The Rust code is tested against these; no weight of anybody's training is in them.

    python golden_onnx.py           needs torch, torchvision, transformers, open_clip_torch, onnx, onnxruntime, pillow

    open-clip    open_clip's CLIP: any number at once, int32 tokens filled up, the shorter side and a crop
    masked       an image tower of 16-bit floats whose numbers lie beside it, a text tower with a mask, one at a time, squashed images
    odd          files of some hundred bytes each that do not fit, or take long

The first two hold golden.safetensors, with

    image.NAME.pixels     u8 [size, size, 3] of samples/images/NAME, as the reference brings it to its size, of the first
    image.NAME.vector     [dim], not normalized
    text.N.ids            i64
    text.N.vector         [dim], not normalized
    __metadata__          texts, versions

and vectors.json, {"files": {NAME: vector}, "texts": {TEXT: vector}}. Vectors are those of torch; what ONNX Runtime for Python makes of
the files is compared with them here.
"""

import json
import shutil
import warnings
from pathlib import Path

import numpy
import onnx
import onnxruntime
import open_clip
import torch
import transformers
from golden_vit import FILES, ROOT, TEXTS, clip_tokenizer, gemma_tokenizer, randomize, sample, write_json
from onnx import TensorProto, helper, numpy_helper
from open_clip.transform import PreprocessCfg, image_transform_v2
from safetensors.torch import save_file
from transformers import BertConfig, BertModel

OUT = ROOT / "tests/golden/onnx"
D, HEADS, FFN, LAYERS, DIM, SIZE, PATCH, TOKENS = 16, 2, 24, 1, 12, 32, 8, 20


def folder_of(name):
    folder = OUT / name
    shutil.rmtree(folder, ignore_errors=True)
    for tower in ("visual", "textual"):
        (folder / tower).mkdir(parents=True)
    return folder


class Call(torch.nn.Module):
    """A function of a model, to export."""

    def __init__(self, model, call):
        super().__init__()
        self.model, self.call = model, call

    def forward(self, *inputs):
        return self.call(self.model, *inputs)


def export(module, inputs, path, names, any_number):
    axes = {name: {0: "batch"} for name in [*names, "embedding"]} if any_number else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module.eval(), inputs, str(path), input_names=names, output_names=["embedding"], dynamic_axes=axes,
                          opset_version=17, dynamo=False)
    shrink(path, [*names, "embedding"])


def shrink(path, kept):
    """Constants folded, as exports of photo servers are, and what is between by numbers and not by names of Python's."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(path)
    onnxruntime.InferenceSession(onnx.load(path).SerializeToString(), options, providers=["CPUExecutionProvider"])
    model = onnx.load(path)
    numbers = {}

    def short(name):
        return name if not name or name in kept else numbers.setdefault(name, f"v{len(numbers)}")

    for tensor in model.graph.initializer:
        tensor.name = short(tensor.name)
    for node in model.graph.node:
        node.ClearField("name"), node.ClearField("doc_string"), node.ClearField("metadata_props")
        node.input[:], node.output[:] = map(short, node.input), map(short, node.output)
    model.graph.ClearField("value_info")
    onnx.save(model, path)


def ran(path, names, inputs):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, dict(zip(names, inputs)))[0]


def close(ours, reference, least):
    a, b = (numpy.asarray(v, dtype=numpy.float64).reshape(-1) for v in (ours, reference))
    cosine = a @ b / numpy.sqrt((a @ a) * (b @ b))
    assert cosine >= least, cosine


class Golden(dict):
    def images(self, transform, encode, path, name, half=False):
        plain = torch.nn.Sequential()
        for file in FILES:
            pixels = transform(sample(file))[None]
            if file == FILES[0]:
                self[f"image.{file}.pixels"] = self.bytes_of(transform, file)
            with torch.no_grad():
                self[f"image.{file}.vector"] = encode(plain(pixels)).reshape(-1).clone()
            given = pixels.numpy().astype(numpy.float16 if half else numpy.float32)
            close(ran(path, [name], [given]), self[f"image.{file}.vector"], 0.9999 if half else 0.999999)

    def bytes_of(self, transform, file):
        """An image as it is before it becomes numbers."""
        image = sample(file)
        for step in transform.transforms:
            if "ToTensor" in type(step).__name__:
                break
            image = step(image)
        return torch.from_numpy(numpy.asarray(image).copy())

    def texts(self, ids, encode, path, names, masks=None):
        for number, row in enumerate(ids):
            row = torch.tensor([row])
            given = [row] if masks is None else [row, torch.tensor([masks[number]])]
            self[f"text.{number}.ids"] = row[0]
            with torch.no_grad():
                self[f"text.{number}.vector"] = encode(*given).reshape(-1).clone()
            kind = numpy.int32 if masks is None else numpy.int64
            close(ran(path, names, [g.numpy().astype(kind) for g in given]), self[f"text.{number}.vector"], 0.999999)

    def save(self, folder):
        versions = {m.__name__: m.__version__ for m in (torch, transformers, open_clip, onnx, onnxruntime)}
        metadata = {"texts": json.dumps(TEXTS), "versions": json.dumps(versions)}
        save_file({name: value.contiguous() for name, value in self.items()}, folder / "golden.safetensors", metadata)
        files = {name: self[f"image.{name}.vector"].tolist() for name in FILES}
        texts = {text: self[f"text.{n}.vector"].tolist() for n, text in enumerate(TEXTS)}
        write_json(folder / "vectors.json", {"files": files, "texts": texts})


def preprocess(folder, **changes):
    """open_clip's words for it, and its own steps by them."""
    own = {"size": [SIZE, SIZE], "mode": "RGB", "mean": list(open_clip.OPENAI_DATASET_MEAN), "std": list(open_clip.OPENAI_DATASET_STD),
           "interpolation": "bicubic", "resize_mode": "shortest", "fill_color": 0, **changes}
    write_json(folder / "visual/preprocess_cfg.json", own)
    made = image_transform_v2(PreprocessCfg(**own), is_train=False)
    made.transforms = [crop if type(step).__name__ == "CenterCrop" else step for step in made.transforms]
    return made


def crop(image):
    """The middle, rounded down as photo servers and transformers do; open_clip's own rounds half a pixel to the even one."""
    left, top = (image.width - SIZE) // 2, (image.height - SIZE) // 2
    return image.crop((left, top, left + SIZE, top + SIZE))


def vision():
    return {"image_size": SIZE, "layers": LAYERS, "width": D, "head_width": D // HEADS, "patch_size": PATCH, "mlp_ratio": FFN / D}


def clip():
    folder, tokenizer = folder_of("open-clip"), clip_tokenizer()
    text = {"context_length": TOKENS, "vocab_size": len(tokenizer), "width": D, "heads": HEADS, "layers": LAYERS, "mlp_ratio": FFN / D}
    config = {"embed_dim": DIM, "vision_cfg": vision(), "text_cfg": text}
    model = randomize(open_clip.model.CLIP(**config, quick_gelu=True), 21)
    write_json(folder / "config.json", config)
    tokenizer.backend_tokenizer.save(str(folder / "textual/tokenizer.json"))
    write_json(folder / "textual/tokenizer_config.json", {"pad_token": "!", "tokenizer_class": "CLIPTokenizer"})
    image, texts = folder / "visual/model.onnx", folder / "textual/model.onnx"
    export(Call(model, lambda m, x: m.encode_image(x)), (torch.zeros(1, 3, SIZE, SIZE),), image, ["image"], True)
    export(Call(model, lambda m, x: m.encode_text(x)), (torch.zeros(1, TOKENS, dtype=torch.int32),), texts, ["text"], True)
    golden = Golden()
    golden.images(preprocess(folder), model.encode_image, image, "image")
    # open_clip takes the highest id as the end, and wants the whole length.
    fill = tokenizer.get_vocab()["!"]
    ids = [tokenizer(text, truncation=True, max_length=TOKENS)["input_ids"] for text in TEXTS]
    golden.texts([row + [fill] * (TOKENS - len(row)) for row in ids], model.encode_text, texts, ["text"])
    golden.save(folder)


def pooled(model, ids, mask):
    """M-CLIP's: the mean of a text's own tokens, projected."""
    states = model.tower(input_ids=ids, attention_mask=mask).last_hidden_state
    return model.project((states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True))


def masked():
    folder, tokenizer = folder_of("masked"), gemma_tokenizer()
    model = torch.nn.Module()
    model.tower = BertModel(BertConfig(vocab_size=tokenizer.get_vocab_size(), hidden_size=D, num_hidden_layers=LAYERS, intermediate_size=FFN,
                                       num_attention_heads=HEADS, max_position_embeddings=TOKENS, type_vocab_size=1,
                                       attn_implementation="eager"), add_pooling_layer=False)
    model.project = torch.nn.Linear(D, DIM)
    model.visual = open_clip.model.CLIP(DIM, vision(), {"context_length": 8, "vocab_size": 8, "width": D, "heads": HEADS, "layers": 1}).visual
    randomize(model, 22)
    write_json(folder / "config.json", {"embed_dim": DIM, "vision_cfg": vision(), "text_cfg": {"context_length": TOKENS}})
    tokenizer.save(str(folder / "textual/tokenizer.json"))
    write_json(folder / "textual/tokenizer_config.json", {"pad_token": {"content": "<pad>"}, "padding_side": "right"})
    image, texts = folder / "visual/model.onnx", folder / "textual/model.onnx"
    export(Call(model, lambda m, x: m.visual(x)), (torch.zeros(1, 3, SIZE, SIZE),), image, ["pixel_values"], False)
    halved(image)
    example = torch.ones(1, TOKENS, dtype=torch.int64)
    export(Call(model, pooled), (example, example), texts, ["input_ids", "attention_mask"], False)
    golden = Golden()
    transform = preprocess(folder, mean=[0.5] * 3, std=[0.5] * 3, interpolation="bilinear", resize_mode="squash")
    golden.images(transform, model.visual, image, "pixel_values", half=True)
    tokenizer.enable_truncation(TOKENS)
    tokenizer.enable_padding(pad_id=0, pad_token="<pad>", length=TOKENS)
    rows = [tokenizer.encode(text) for text in TEXTS]
    golden.texts([row.ids for row in rows], lambda *given: pooled(model, *given), texts, ["input_ids", "attention_mask"],
                 [row.attention_mask for row in rows])
    golden.save(folder)


def halved(path):
    """Input and output of 16 bits, and numbers in a file beside it."""
    model = onnx.load(path)
    graph = model.graph
    for port, outer in ((graph.input[0], "input"), (graph.output[0], "output")):
        own = port.name
        for node in graph.node:
            for names in (node.input, node.output):
                names[:] = [f"{own}.wide" if name == own else name for name in names]
        wide, narrow = f"{own}.wide", own
        if outer == "input":
            graph.node.insert(0, helper.make_node("Cast", [narrow], [wide], to=TensorProto.FLOAT))
        else:
            graph.node.append(helper.make_node("Cast", [wide], [narrow], to=TensorProto.FLOAT16))
        port.type.tensor_type.elem_type = TensorProto.FLOAT16
    path.unlink()
    onnx.save(model, path, save_as_external_data=True, location="model.onnx.data", size_threshold=256)


def small(name, nodes, inputs, outputs, numbers=()):
    graph = helper.make_graph(nodes, "odd", inputs, outputs, numbers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    (OUT / "odd").mkdir(parents=True, exist_ok=True)
    onnx.save(model, OUT / "odd" / f"{name}.onnx")


def odd():
    shutil.rmtree(OUT / "odd", ignore_errors=True)
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, SIZE, SIZE])
    mean = [helper.make_node("GlobalAveragePool", ["image"], ["mean"]), helper.make_node("Flatten", ["mean"], ["flat"])]

    def weight(wide):
        return numpy_helper.from_array(numpy.ones((3, wide), dtype=numpy.float32), "weight")

    # Says nothing of its length, and gives one more number than the space has: the runtime sees it before it runs.
    longer = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", "dim"])
    product = [helper.make_node("MatMul", ["flat", "weight"], ["embedding"])]
    small("longer", mean + product, [image], [longer], [weight(DIM + 1)])
    # The same, where nobody sees it before.
    numbers = [numpy_helper.from_array(numpy.array(value, dtype=kind), name) for name, value, kind in (
        ("zero", 0, numpy.float32), ("length", DIM + 1, numpy.float32), ("one", [1], numpy.int64))]
    late = [helper.make_node("ReduceMean", ["flat"], ["mean_of_all"], keepdims=0), helper.make_node("Mul", ["mean_of_all", "zero"], ["nought"]),
            helper.make_node("Add", ["nought", "length"], ["count"]), helper.make_node("Cast", ["count"], ["whole"], to=TensorProto.INT64),
            helper.make_node("Reshape", ["whole", "one"], ["dim"]), helper.make_node("Concat", ["one", "dim"], ["sizes"], axis=0),
            helper.make_node("Expand", ["mean_of_all", "sizes"], ["embedding"])]
    small("late", mean + late, [image], [longer], numbers)
    # Numbers that are none: the logarithm of what is below 0.
    vector = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", DIM])
    nothing = [helper.make_node("MatMul", ["flat", "weight"], ["product"]), helper.make_node("Abs", ["product"], ["size"]),
               helper.make_node("Neg", ["size"], ["below"]), helper.make_node("Log", ["below"], ["embedding"])]
    small("no-number", mean + nothing, [image], [vector], [weight(DIM)])
    # Products of some seconds, of no weights: each step is short, and they are a graph of their own.
    side, steps = 768, 400
    numbers = [numpy_helper.from_array(numpy.array(value, dtype=kind), name) for name, value, kind in (
        ("sides", [side, side], numpy.int64), ("steps", steps, numpy.int64), ("on", True, bool))]
    square = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [side, side])
    flag = lambda name: helper.make_tensor_value_info(name, TensorProto.BOOL, [])
    body = helper.make_graph([helper.make_node("MatMul", ["x", "x"], ["square"]), helper.make_node("Tanh", ["square"], ["y"]),
                              helper.make_node("Identity", ["go"], ["on_and_on"])], "step",
                             [helper.make_tensor_value_info("step", TensorProto.INT64, []), flag("go"), square("x")],
                             [flag("on_and_on"), square("y")])
    nodes = [helper.make_node("MatMul", ["flat", "weight"], ["narrow"]), helper.make_node("ReduceMean", ["narrow"], ["one"], keepdims=0),
             helper.make_node("Expand", ["one", "sides"], ["first"]), helper.make_node("Loop", ["steps", "on", "first"], ["end"], body=body),
             helper.make_node("ReduceMean", ["end"], ["last"], keepdims=0), helper.make_node("Add", ["narrow", "last"], ["embedding"])]
    small("slow", mean + nodes, [image], [vector], [weight(DIM), *numbers])
    # Numbers in a file of another folder.
    model = onnx.load(OUT / "odd/longer.onnx")
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../secret"
    onnx.save(model, OUT / "odd/elsewhere.onnx")


def main():
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    clip()
    masked()
    odd()


if __name__ == "__main__":
    main()
