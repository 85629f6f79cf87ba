"""Names, types and shapes of the weights of public models: tests/golden/headers, one file a model, from the reference
classes on torch's meta device, that is without a weight.

    python headers.py                needs torch, transformers, open_clip_torch

What each is made from stands in its first lines. A line is a type, sides joined by x, and a name; `{0-11}` in a name stands
for each of these numbers.
"""

import json
import re
from pathlib import Path

import open_clip
import torch
import transformers
from transformers import ClapConfig, ClapModel, CLIPConfig, CLIPModel, SiglipConfig, SiglipModel

OUT = Path(__file__).resolve().parent.parent / "tests/golden/headers"
TYPES = {torch.float32: "F32", torch.int64: "I64"}
CLIP_VIEW = {"crop_size": {"height": 224, "width": 224}, "do_center_crop": True, "resample": 3,
             "size": {"shortest_edge": 224}}


def lines(tensors):
    """Runs of numbered names as one, by the last number in a name."""
    rows = {}
    for name, (dtype, shape) in tensors.items():
        parts = re.fullmatch(r"(.*)\.(\d+)\.(.*)", name)
        key = f"{parts[1]}.{{}}.{parts[3]}" if parts else name, dtype, shape
        rows.setdefault(key, []).append(int(parts[2]) if parts else None)
    for (name, dtype, shape), numbers in rows.items():
        if len(numbers) > 1 and numbers == list(range(len(numbers))):
            names = [name.replace("{}", f"{{0-{len(numbers) - 1}}}")]
        else:
            names = [name.replace("{}", str(number)) for number in numbers]
        for name in names:
            yield f"{dtype} {'x'.join(map(str, shape)) or '-'} {name}"


def write(name, source, made, config, view, model, extra=()):
    tensors = {key: (TYPES[value.dtype], tuple(value.shape)) for key, value in model.state_dict().items()}
    tensors |= {key: ("I64", shape) for key, shape in extra}
    numbers = sum(value.numel() for value in model.state_dict().values())
    head = [
        f"# {source}: {numbers / 1e6:.1f} million numbers",
        f"# {made}",
        f"config {json.dumps(config)}",
    ]
    if view:
        head.append(f"preprocessor {json.dumps(view)}")
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / f"{name}.txt").write_text("\n".join([*head, *lines(tensors)]) + "\n")
    print(name, f"{numbers / 1e6:.1f}")


def clip(name, source, why, text, vision, dim):
    """openai's files hold two buffers that older releases wrote."""
    config = {"model_type": "clip", "projection_dim": dim, "text_config": text, "vision_config": vision}
    with torch.device("meta"):
        model = CLIPModel(CLIPConfig(**{k: v for k, v in config.items() if k != "model_type"}))
    places = (vision.get("image_size", 224) // vision.get("patch_size", 32)) ** 2 + 1
    extra = [("text_model.embeddings.position_ids", (1, 77)), ("vision_model.embeddings.position_ids", (1, places))]
    made = f"transformers {transformers.__version__}, CLIPModel: {why}; position_ids as the file of the hub has them"
    write(name, source, made, config, CLIP_VIEW, model, extra)


def siglip2(name, source, patch, size):
    text = {"vocab_size": 256000, "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12,
            "num_attention_heads": 12, "max_position_embeddings": 64}
    vision = {"image_size": size, "patch_size": patch}
    config = {"model_type": "siglip", "text_config": text, "vision_config": vision}
    with torch.device("meta"):
        model = SiglipModel(SiglipConfig(text_config=text, vision_config=vision))
    made = (f"transformers {transformers.__version__}, SiglipModel: the class's sizes, with the vocabulary, patch and "
            f"size of open_clip's ViT-B-{patch}-SigLIP2")
    view = {"size": {"height": size, "width": size}, "resample": 2}
    write(name, source, made, config, view, model)


def clap(name, source, why, audio):
    """Buffers are in the files as the classes have them."""
    config = {"model_type": "clap", "projection_dim": 512, "text_config": {}, "audio_config": audio}
    with torch.device("meta"):
        model = ClapModel(ClapConfig(**{k: v for k, v in config.items() if k != "model_type"}))
    made = f"transformers {transformers.__version__}, ClapModel: {why}"
    # LAION-AI/CLAP src/open_clip/model_configs/HTSAT-*.json: fmin 50, fmax 14000; the rest is the class's own.
    hearing = {"feature_extractor_type": "ClapFeatureExtractor", "frequency_min": 50, "truncation": "rand_trunc"}
    write(name, source, made, config, hearing, model)


def of_open_clip(name, source, key):
    config = dict(open_clip.get_model_config(key))
    with torch.device("meta"):
        model = open_clip.model.CLIP(**config)
    made = f"open_clip {open_clip.__version__}, CLIP by its own {key}.json"
    preprocess = {"mean": list(open_clip.OPENAI_DATASET_MEAN), "std": list(open_clip.OPENAI_DATASET_STD)}
    write(name, source, made, {"model_cfg": config, "preprocess_cfg": preprocess}, None, model)


def main():
    transformers.logging.set_verbosity_error()
    clip("clip-b32", "openai/clip-vit-base-patch32", "the class's own defaults, which are this model's",
         {"eos_token_id": 2}, {}, 512)
    clip("clip-l14", "openai/clip-vit-large-patch14", "the sizes of open_clip's ViT-L-14.json",
         {"eos_token_id": 2, "hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12},
         {"hidden_size": 1024, "intermediate_size": 4096, "num_attention_heads": 16, "num_hidden_layers": 24,
          "patch_size": 14}, 768)
    of_open_clip("clip-b32-256-datacomp", "laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K", "ViT-B-32-256")
    siglip2("siglip2-b32", "google/siglip2-base-patch32-256", 32, 256)
    siglip2("siglip2-b16", "google/siglip2-base-patch16-224", 16, 224)
    # microsoft/Cream TinyCLIP/src/open_clip/model_configs/TinyCLIP-ViT-39M-16-Text-19M.json: both towers have a width of 512 and
    # heads of 64, the text tower 6 layers; feed-forwards are four times as wide as everywhere in that code.
    clip("tinyclip-39m", "wkcn/TinyCLIP-ViT-39M-16-Text-19M-YFCC15M",
         "the sizes of microsoft/Cream's TinyCLIP-ViT-39M-16-Text-19M.json",
         {"eos_token_id": 2, "num_hidden_layers": 6},
         {"hidden_size": 512, "intermediate_size": 2048, "num_attention_heads": 8, "patch_size": 16}, 512)
    clap("clap-htsat-unfused", "laion/clap-htsat-unfused", "the class's own defaults, which are this model's", {})
    # LAION-AI/CLAP src/open_clip/htsat.py, create_htsat_model of "base", which transformers' conversion script copies the width, the
    # depths and the projection's inputs of.
    clap("larger-clap-general", "laion/larger_clap_general", "the sizes of LAION-AI/CLAP's HTSAT-base",
         {"patch_embeds_hidden_size": 128, "depths": [2, 2, 12, 2], "hidden_size": 1024})


if __name__ == "__main__":
    main()
