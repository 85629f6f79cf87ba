"""Checkpoints of the image encoder and of the caption decoder, from a run's file or from a bundle's folder: training goes on
where only the bundle is left. What a bundle does not hold (the optimiser, the weights before averaging) begins anew."""

import os
import tomllib

import torch
from safetensors.torch import load_file

LOG_SCALE = 3.1  # of the logits, about where train_joint.py arrives from 3.0


def manifest(folder):
    """The table of FOLDER/bundle.toml; {} where there is none yet."""
    path = os.path.join(folder, "bundle.toml")
    if not os.path.exists(path):
        return {}
    with open(path, "rb") as f:
        return tomllib.load(f)


def table_of(folder, kind, modality):
    """The row of bundle.toml of this kind and modality, English where there are several; None without one."""
    return next((r for r in manifest(folder).get(kind, []) if r["modality"] == modality and not r.get("languages")), None)


def weights_of(folder, name, prefix=""):
    """{name: tensor} of weights/NAME.safetensors without the prefix; numbers in f32, {} where the file is not there."""
    path = os.path.join(folder, "weights", name + ".safetensors")
    stored = load_file(path) if os.path.exists(path) else {}
    return {k.removeprefix(prefix): v.float() if v.is_floating_point() else v for k, v in stored.items()}


def image_checkpoint(path):
    """What train_joint.py, train_stem.py, train_photo.py and train_gate.py write, of their file or of a bundle's folder."""
    if not os.path.isdir(path):
        return torch.load(path, map_location="cpu", weights_only=False)
    config = table_of(path, "towers", "image")["config"]
    stem = weights_of(path, "photo", "photo.")
    state = {"config": {k: config[k] for k in ("grid", "d", "heads", "layers", "ffn")}, "class_scale": config["class_scale"],
             "average": weights_of(path, "image", "image."), "scale": torch.tensor(LOG_SCALE),
             "text_average": load_file(os.path.join(path, "weights/text.safetensors"))}
    return state | ({"stem_average": stem, "stem_rank": stem["head.down"].shape[0]} if stem else {})


def caption_checkpoint(path, modality="image"):
    """The config and averaged weights of train_captions.py or train_audio_captions.py, of their file or of a bundle's folder."""
    if not os.path.isdir(path):
        return torch.load(path, map_location="cpu", weights_only=False)
    row = table_of(path, "generators", modality)
    config, name = row["config"], os.path.basename(row["weights"][0]["file"]).removesuffix(".safetensors")
    average = weights_of(path, name, "caption.")
    config = {k: v for k, v in config.items() if k != "norm_eps"} | {"vocab": len(average["vocab"])}  # weights put there by hand may know other words
    return {"config": config, "average": average}
