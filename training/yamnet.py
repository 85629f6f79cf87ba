"""The audio tower's teacher (YAMNet) in torch, for machines with a GPU: patches of 0.975 s -> scores and the 1024-d mean before them.

    python yamnet.py --data DATA --out yamnet.safetensors      converts the .tflite and compares both on noise and tones
"""

import argparse
import os
import re

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

from preprocess import FFT, FRAME, HANN, HOP, LOG_OFFSET, MEL

STRIDES = (2, 1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)  # of layer 1 and of the depth-wise parts of layers 2 to 14


def converted(path):
    """{layerN.depth.weight, .bias, layerN.point.weight, .bias, layer1.weight, .bias, dense.weight, .bias} of the .tflite."""
    from ai_edge_litert.interpreter import Interpreter
    net = Interpreter(path)
    net.allocate_tensors()
    out = {}
    for t in net.get_tensor_details():
        found = re.search(r"layer(\d+)/(?:(depthwise|pointwise)_)?conv", t["name"])
        dense = "yamnet_frames/dense" in t["name"]
        if not (found or dense) or "Relu" in t["name"] or t["shape"].tolist() == [1, 521]:
            continue
        scale = t["quantization"][0]
        if found and t["dtype"] is np.float32 and f"layer{found[1]}.depth.weight" in out and len(t["shape"]) == 4:
            continue  # the interpreter's own widened copy
        value = net.get_tensor(t["index"]).astype(np.float32) * (scale or 1)
        kind = {"depthwise": ".depth", "pointwise": ".point", None: ""}[found[2]] if found else ""
        name = f"layer{found[1]}{kind}" if found else "dense"
        if value.ndim == 4:
            # [out, 3, 3, in], [out, 1, 1, in] and for the depth-wise [1, 3, 3, channels]
            value = value.transpose(3, 0, 1, 2) if kind == ".depth" else value.transpose(0, 3, 1, 2)
        out[f"{name}.{'bias' if value.ndim == 1 else 'weight'}"] = torch.from_numpy(value.copy())
    return out


class Yamnet(nn.Module):
    """f32 samples [B, 15600] -> scores [B, 521], embeddings [B, 1024]."""

    def __init__(self, weights):
        super().__init__()
        for name, value in (load_file(weights) if isinstance(weights, str) else weights).items():
            self.register_buffer(name.replace(".", "_"), value.float())
        self.register_buffer("hann", torch.from_numpy(HANN))
        self.register_buffer("mel", torch.from_numpy(MEL))

    def conv(self, x, name, stride=1, groups=1):
        """A convolution padded as TensorFlow's SAME, then ReLU."""
        weight = getattr(self, name + "_weight")
        if weight.shape[-1] == 3:
            sides = []
            for n in (x.shape[3], x.shape[2]):
                total = max(0, (-(-n // stride) - 1) * stride + 3 - n)
                sides += [total // 2, total - total // 2]
            x = F.pad(x, sides)
        return F.relu(F.conv2d(x, weight, getattr(self, name + "_bias"), stride, groups=groups))

    @torch.no_grad()
    def forward(self, samples):
        frames = samples.unfold(1, FRAME, HOP) * self.hann
        x = torch.log(torch.fft.rfft(frames, FFT).abs() @ self.mel + LOG_OFFSET)[:, None]
        x = self.conv(x, "layer1", STRIDES[0])
        for n, stride in enumerate(STRIDES[1:], 2):
            x = self.conv(x, f"layer{n}_depth", stride, x.shape[1])
            x = self.conv(x, f"layer{n}_point")
        x = x.mean((2, 3))
        return (x @ self.dense_weight.t() + self.dense_bias).sigmoid(), x


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--data", required=True)
    ap.add_argument("--out", required=True)
    a = ap.parse_args()
    path = os.path.join(a.data, "teachers/yamnet.tflite")
    weights = converted(path)
    save_file({k: v.half() if k.endswith("weight") else v for k, v in weights.items()}, a.out)
    from cache_sounds import PATCH
    from cache_sounds import Yamnet as Reference
    rng, t = np.random.default_rng(0), np.arange(PATCH) / 16000
    for x in (rng.standard_normal(PATCH) * 0.1, np.sin(2 * np.pi * 440 * t) * 0.5, np.sign(np.sin(2 * np.pi * 3 * t)) * rng.standard_normal(PATCH) * 0.2):
        x = x.astype(np.float32)
        (score, embed), (s, e) = Reference(path)(x), Yamnet(a.out)(torch.from_numpy(x)[None])
        print(f"largest difference of scores {np.abs(score[0] - s[0].numpy()).max():.3f}, cosine of embeddings "
              f"{float(F.cosine_similarity(torch.from_numpy(embed), e)[0]):.4f}")


if __name__ == "__main__":
    main()
