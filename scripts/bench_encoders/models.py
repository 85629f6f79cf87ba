"""CLIP ViT-B/32 of random weights: the reference class's, once as the hub lays it out and once as ONNX, and what goes in.

    FOLDER/clip/            config.json, model.safetensors, tokenizer.json, ..: what `sensorium models add` takes
    FOLDER/image.onnx       pixels [n, 3, 224, 224] -> vector [n, 512]
    FOLDER/text.onnx        ids [n, t] -> vector [n, 512]
    FOLDER/*.int8.onnx      the same with dynamic int8 products, weights by channel
    FOLDER/pixels.u8        8 images of 224 x 224 RGB bytes, and pixels.npy, what the reference's processor makes of them
    FOLDER/ids.N.npy        a text of N tokens, as our tokenizer reads `TEXTS`
    FOLDER/clip.pt          the reference class itself, for PyTorch
"""

import json
import os
import shutil

import numpy as np

SIDE, BATCH = 224, 8
BEGIN, END, WORD = 49_406, 49_407, 5
LENGTHS = (12, 77)


def text_of(tokens):
    """A text that becomes so many tokens: a word each, and the two marks."""
    return " ".join(["a"] * (tokens - 2))


def ids_of(tokens, padded=None):
    ids = [BEGIN, *[WORD] * (tokens - 2), END]
    return np.array([ids + [END] * ((padded or tokens) - tokens)], np.int64)


def tokenizer():
    """Words alone, between CLIP's marks: how a text is cut is not what is measured."""
    begin, end = "<|startoftext|>", "<|endoftext|>"
    marks = [{"SpecialToken": {"id": begin, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
             {"SpecialToken": {"id": end, "type_id": 0}}]
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
        "pre_tokenizer": {"type": "Whitespace"}, "decoder": None,
        "post_processor": {
            "type": "TemplateProcessing", "single": marks, "pair": marks,
            "special_tokens": {begin: {"id": begin, "ids": [BEGIN], "tokens": [begin]},
                               end: {"id": end, "ids": [END], "tokens": [end]}}},
        "model": {"type": "WordLevel", "unk_token": "a", "vocab": {"<pad>": 0, "a": WORD, begin: BEGIN, end: END}},
    }  # fmt: skip


def write(folder):
    """Writes all of it, whole or not at all."""
    part = folder + ".part"
    shutil.rmtree(part, ignore_errors=True)
    os.makedirs(part)
    _write(part)
    shutil.rmtree(folder, ignore_errors=True)
    os.rename(part, folder)


def _write(folder):
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from transformers import CLIPConfig, CLIPModel

    class Tower(torch.nn.Module):
        def __init__(self, body, projection):
            super().__init__()
            self.body, self.projection = body, projection

        def forward(self, x):
            return self.projection(self.body(x).pooler_output)

    torch.manual_seed(1)
    config = CLIPConfig()
    config.text_config.eos_token_id = END
    model = CLIPModel(config).eval()
    hub = os.path.join(folder, "clip")
    model.save_pretrained(hub)
    mean, deviation = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
    view = {"crop_size": SIDE, "do_center_crop": True, "do_normalize": True, "do_resize": True, "image_mean": mean,
            "image_std": deviation, "resample": 3, "size": SIDE}  # fmt: skip
    for name, value in [("preprocessor_config.json", view), ("tokenizer.json", tokenizer()), ("tokenizer_config.json", {})]:
        with open(os.path.join(hub, name), "w", encoding="utf-8") as file:
            json.dump(value, file)

    rng = np.random.default_rng(2)
    # Coarse blocks and noise, so that patches differ.
    blocks = rng.integers(0, 216, (BATCH, SIDE // 16, SIDE // 16, 3)).repeat(16, 1).repeat(16, 2)
    images = (blocks + rng.integers(0, 40, blocks.shape)).astype(np.uint8)
    images.tofile(os.path.join(folder, "pixels.u8"))
    pixels = ((images / 255 - mean) / deviation).astype(np.float32).transpose(0, 3, 1, 2).copy()
    np.save(os.path.join(folder, "pixels.npy"), pixels)
    for length in LENGTHS:
        np.save(os.path.join(folder, f"ids.{length}.npy"), ids_of(length))
    np.save(os.path.join(folder, "ids.12in77.npy"), ids_of(12, 77))

    with torch.no_grad():
        torch.onnx.export(Tower(model.vision_model, model.visual_projection), (torch.from_numpy(pixels[:2]),), os.path.join(folder, "image.onnx"),
                          input_names=["input"], output_names=["vector"], opset_version=17, dynamo=False,
                          dynamic_axes={"input": {0: "n"}, "vector": {0: "n"}})  # fmt: skip
        torch.onnx.export(Tower(model.text_model, model.text_projection), (torch.from_numpy(ids_of(12)),), os.path.join(folder, "text.onnx"),
                          input_names=["input"], output_names=["vector"], opset_version=17, dynamo=False,
                          dynamic_axes={"input": {0: "n", 1: "t"}, "vector": {0: "n"}})  # fmt: skip
    for name in ("image", "text"):
        quantize_dynamic(os.path.join(folder, f"{name}.onnx"), os.path.join(folder, f"{name}.int8.onnx"), per_channel=True,
                         reduce_range=True, weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul", "Gemm"])  # fmt: skip
