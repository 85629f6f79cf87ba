"""Arrays that the Rust code is tested against, from synthetic media made here: models/mini/golden/*.safetensors
and models/mini/selftest.safetensors. Every file says its inputs, so that a test needs nothing else.

    python golden.py --bundle ../models/mini [--stems FOLDER]
"""

import argparse
import json
import os

import numpy as np
from PIL import Image
from safetensors.numpy import save_file

from bundle import Bundle
from preprocess import RATE, log_mel, pixels, resize, windows

OTHER_STRINGS = ["Zwei Hunde spielen im Schnee.", "une pomme rouge", "L'été, près de la côte", "červené jablko leží na stole", "",
                 "Donaudampfschifffahrtsgesellschaft \U0001f436 犬 3,5 km/h", "příliš žluťoučký kůň " * 30,
                 "a dog runs on the beach", "12:30", "chat"]
STRINGS = ["a dog runs on the beach", "the sound of a cow", "Zwei Hunde spielen im Schnee.", "",
           "naïve café — 3.5 km/h, ½ price!", "\U0001f436 犬 unbelievably-long " + "antidisestablishmentarianism " * 3]


def gradient(width, height):
    """u8 [height, width, 3]: colour gradients, a disc and stripes."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    red = 255 * x / max(1, width - 1)
    green = 255 * y / max(1, height - 1)
    blue = 127.5 + 127.5 * np.sin(x / 5.0 + y / 11.0)
    image = np.stack([red, green, blue], -1)
    disc = (x - width * 0.4) ** 2 + (y - height * 0.55) ** 2 < (0.22 * min(width, height)) ** 2
    image[disc] = (240, 200, 30)
    return np.round(image).astype(np.uint8)


def chirp(seconds, seed=7):
    """f32 samples at 16 kHz: a rising tone with a tremolo and a little noise."""
    t = np.arange(int(seconds * RATE)) / RATE
    tone = np.sin(2 * np.pi * (300 * t + 200 * t * t)) * (0.6 + 0.4 * np.sin(2 * np.pi * 6 * t))
    noise = np.random.default_rng(seed).standard_normal(len(t)) * 0.02
    return (0.4 * tone + noise).astype(np.float32)


def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--bundle", required=True)
    ap.add_argument("--stems", default=None)
    a = ap.parse_args()
    b = Bundle(a.bundle, a.stems)
    folder = os.path.join(a.bundle, "golden")
    os.makedirs(folder, exist_ok=True)
    square = gradient(b.size, b.size)
    texts = b.toml["selftest"]["text"]
    one = chirp(1.0)
    selftest = {"text.vectors": b.text_encoder.encode(texts), "image.pixels": square, "image.vector": b.images([square])[0],
                "audio.samples": one, "audio.vector": b.window(one)}
    if "image" in b.captioners:
        selftest["caption.ids"], selftest["caption.log_probs"] = b.caption_ids(square)
    if "audio" in b.captioners:
        selftest["sound_caption.ids"], selftest["sound_caption.log_probs"] = b.audio_caption_ids(one)
    if b.other_texts is not None:
        selftest["languages.vectors"] = b.other_texts.encode(b.toml["selftest"]["languages"])
        told = [b.detector.languages.index(l) for l in b.detector.languages_of(OTHER_STRINGS)]
        tensors = {"vectors": b.other_texts.encode(OTHER_STRINGS), "told": np.array(told, np.int64)}
        for i, s in enumerate(OTHER_STRINGS):
            tensors[f"ids.{i}"] = np.array(b.other_texts.tokenizer.encode(s).ids[:256], np.int64)
        save_file(tensors, os.path.join(folder, "languages.safetensors"), {"strings": json.dumps(OTHER_STRINGS)})
    save_file(selftest, os.path.join(a.bundle, "selftest.safetensors"))

    import torch
    wide = gradient(97, 61)
    resized = resize(Image.fromarray(wide), b.size)
    with torch.no_grad():
        grid = b.stem(torch.from_numpy(pixels(resized))[None])
        mean = grid.mean(1)
        net, _ = b.image_encoder.net(grid)
        logits = b.stem.classify(mean)
    save_file({"source": wide, "resized": resized, "grid": grid[0, ::8].contiguous().numpy(), "mean": mean[0].numpy(),
               "logits": logits[0].numpy(), "net": net[0].numpy(), "vector": b.images([resized])[0]},
              os.path.join(folder, "image.safetensors"))
    large = gradient(640, 427)
    save_file({"resized": resize(Image.fromarray(large), b.size)}, os.path.join(folder, "resize_large.safetensors"))

    long = chirp(6.0)
    mel = log_mel(one)
    save_file({"samples": one, "log_mel": mel, "vector": b.window(one), "long_seconds": np.array([6.0], np.float32),
               "tiny.samples": one[:500], "tiny.log_mel": log_mel(one[:500]), "tiny.vector": b.window(one[:500]),
               "long.samples": long, "long.vectors": np.stack([b.window(w) for w in windows(long)])},
              os.path.join(folder, "audio.safetensors"))

    tensors = {"vectors": b.text_encoder.encode(STRINGS)}
    for i, s in enumerate(STRINGS):
        tensors[f"ids.{i}"] = np.array(b.text_encoder.tokenizer.encode(s).ids, np.int64)
    save_file(tensors, os.path.join(folder, "text.safetensors"), {"strings": json.dumps(STRINGS)})
    for root, _, names in os.walk(a.bundle):
        for name in names:
            if name.endswith(".safetensors") and "stems" not in root:
                os.chmod(os.path.join(root, name), 0o644)


if __name__ == "__main__":
    main()
