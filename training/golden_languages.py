"""A tiny encoder of other languages and a tiny detector, of random weights, and what PyTorch computes with them, which the
Rust code is tested against: crates/embed/tests/data/languages.safetensors. Names and types are those of weights/.

    python golden_languages.py
"""

import json
import os

import numpy as np
import torch
from safetensors.torch import save_file

from golden import OTHER_STRINGS
from encoder_languages import Detector, LanguageEncoder, packed, unpacked, vocabulary

WIDTH, HEADS, LAYERS, FFN, POSITIONS, SPACE, PIECES, ROWS = 16, 2, 2, 32, 6, 32, 90, 512
LANGUAGES = ["de", "fr", "cs"]


@torch.no_grad()
def main():
    torch.manual_seed(11)
    tokenizer = vocabulary(OTHER_STRINGS, PIECES)
    encoder = LanguageEncoder(tokenizer, WIDTH, HEADS, LAYERS, FFN, POSITIONS, dim=SPACE).eval()
    for name, value in encoder.named_parameters():
        scale = 0.3 if value.ndim == 1 else 0.6
        value.data = value.data * ("norm" in name and value.ndim == 1) + scale * torch.randn_like(value)
    out = packed(encoder, "languages.")
    encoder = unpacked(out, "languages.", encoder.config, tokenizer)
    out["detector.weight"] = torch.randint(-127, 128, (ROWS, 1 + len(LANGUAGES)), dtype=torch.int8)
    out["detector.scale"] = torch.rand(1 + len(LANGUAGES)) * 0.01 + 0.01
    out["detector.bias"] = torch.randn(1 + len(LANGUAGES)) * 0.2
    detector = Detector(out, LANGUAGES)
    told = detector.languages_of(OTHER_STRINGS)
    print(dict(zip(OTHER_STRINGS, told)), encoder.config)
    out["golden.vectors"] = torch.from_numpy(encoder.encode(OTHER_STRINGS))
    out["golden.told"] = torch.from_numpy(np.array([detector.languages.index(l) for l in told], np.int32))
    here = os.path.dirname(os.path.abspath(__file__))
    path = os.path.join(here, "../crates/embed/tests/data/languages.safetensors")
    save_file({k: v.contiguous() for k, v in out.items()}, path,
              {"golden": json.dumps({"strings": OTHER_STRINGS, "tokenizer": tokenizer.to_str()})})
    os.chmod(path, 0o644)
    print(os.path.getsize(path), "bytes")


if __name__ == "__main__":
    main()
