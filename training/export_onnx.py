"""ONNX of models/mini for comparisons; never committed.

image.onnx: pixels [n, 3, S, S], already (x - 127) / 128 -> vector [n, 384], stem and encoder together.
text.onnx:  ids [n, t], mask [n, t] int64 -> vector [n, 384].

    python export_onnx.py --bundle ../models/mini --out FOLDER
"""

import argparse
import os

import torch
from torch import nn

from bundle import Bundle


class Image(nn.Module):
    """Stem, grid, encoder in one graph."""

    def __init__(self, bundle):
        super().__init__()
        self.stem, self.encoder = bundle.stem, bundle.image_encoder

    def forward(self, pixels):
        grid = self.stem(pixels)
        return self.encoder(grid, self.stem.classify(grid.mean(1)))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--bundle", required=True)
    ap.add_argument("--stems", default=None)
    ap.add_argument("--out", required=True)
    a = ap.parse_args()
    os.makedirs(a.out, exist_ok=True)
    b = Bundle(a.bundle, a.stems)
    with torch.no_grad():
        torch.onnx.export(Image(b).eval(), (torch.zeros(2, 3, b.size, b.size),), os.path.join(a.out, "image.onnx"),
                          input_names=["pixels"], output_names=["vector"], opset_version=17, dynamo=False,
                          dynamic_axes={"pixels": {0: "n"}, "vector": {0: "n"}})
        ids = torch.ones(2, 8, dtype=torch.long)
        torch.onnx.export(b.text_encoder, (ids, ids), os.path.join(a.out, "text.onnx"), input_names=["ids", "mask"],
                          output_names=["vector"], opset_version=17, dynamo=False,
                          dynamic_axes={"ids": {0: "n", 1: "t"}, "mask": {0: "n", 1: "t"}, "vector": {0: "n"}})


if __name__ == "__main__":
    main()
