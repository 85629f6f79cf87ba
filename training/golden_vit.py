"""Small image-text models of random weights, as public ones are laid out, and what their reference classes compute with
them: tests/golden/vit. The Rust code is tested against these; no weight of anybody's training is in them.

    python golden_vit.py            needs torch, transformers, open_clip_torch, safetensors, pillow

One folder a variant: configuration, tokenizer, weights (one file or shards; F32, F16 or BF16; the names of transformers,
open_clip or timm; both towers or one), and golden.safetensors with

    pixels                u8 [size, size, 3]  an image at the model's size
    image.states          [layers + 1, rows, d]
    image.vector          [dim], not normalized
    text.N.ids            i64
    text.N.states         [layers + 1, tokens, d], of the first two
    text.N.vector         [dim], not normalized
    file.NAME.vector      [dim] of samples/images/NAME, by the reference's processor
    __metadata__          texts, versions

and vectors.json, {"files": {NAME: vector}, "texts": {TEXT: vector}}

Storage of 16 bits is loaded in f32 by the reference, as the Rust code does. With --tokens FOLDER it writes instead a
tokenizer of CLIP's own vocabulary, which open_clip carries, and the ids of 2,000 texts for `SENSORIUM_TOKENS`.
"""

import argparse
import json
import shutil
from pathlib import Path

import numpy
import open_clip
import torch
import transformers
from PIL import Image, ImageOps
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPTextConfig, CLIPTextModelWithProjection, CLIPTokenizer,
    CLIPVisionConfig, CLIPVisionModelWithProjection, SiglipConfig, SiglipImageProcessorPil, SiglipModel,
)

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "tests/golden/vit"
D, HEADS, FFN, LAYERS, DIM, SIZE, PATCH = 16, 2, 24, 2, 12, 32, 8
CLIP_TOKENS, SIGLIP_TOKENS = 20, 16
MERGES = 60
TEXTS = [
    "a red car on a road", "A Dog's LIFE: 2 photos!", "", "  spaces\tand\nlines  ", "Äpfel, naïve café — 東京 🎈",
    "words " * 30,
]
STATES_OF = 2
FILES = ["red_car.jpg", "balloons.png", "palm_sunset.jpg"]
DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


def captions():
    lines = (ROOT / "samples/index.jsonl").read_text().splitlines()
    return [text for line in lines for text in json.loads(line).get("captions", [])]


def bytes_of_bpe():
    """The 256 letters that stand for bytes, in the order of GPT-2."""
    return sorted(pre_tokenizers.ByteLevel.alphabet())


def clip_tokenizer():
    """CLIP's own kind over a small vocabulary: bytes, bytes that end a word, merges learned from captions, two marks."""
    learned = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    learned.normalizer = normalizers.Lowercase()
    learned.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    learned.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), learned.pre_tokenizer])
    trainer = trainers.BpeTrainer(vocab_size=10_000, end_of_word_suffix="</w>", show_progress=False)
    learned.train_from_iterator(captions(), trainer)
    merges = [tuple(pair) for pair in json.loads(learned.to_str())["model"]["merges"]][:MERGES]
    pieces = bytes_of_bpe()
    pieces = pieces + [piece + "</w>" for piece in pieces] + [a + b for a, b in merges]
    pieces += ["<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={piece: i for i, piece in enumerate(pieces)}, merges=merges,
                         model_max_length=CLIP_TOKENS)


def gemma_tokenizer():
    """Gemma's kind: spaces are letters, unknown letters fall back to bytes; it does not bring texts to small letters."""
    learned = Tokenizer(models.BPE())
    learned.normalizer = normalizers.Sequence([normalizers.Lowercase(), normalizers.Replace(" ", "▁")])
    learned.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    learned.train_from_iterator(captions(), trainers.BpeTrainer(vocab_size=10_000, show_progress=False))
    state = json.loads(learned.to_str())["model"]
    merges = [tuple(pair) for pair in state["merges"]][:MERGES]
    letters = sorted({letter for piece in state["vocab"] for letter in piece} | set("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    pieces = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    pieces += letters + [a + b for a, b in merges]
    made = Tokenizer(models.BPE({piece: i for i, piece in enumerate(pieces)}, merges, fuse_unk=True,
                                unk_token="<unk>", byte_fallback=True))
    made.normalizer = normalizers.Replace(" ", "▁")
    made.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    made.post_processor = processors.TemplateProcessing("$A <eos>", special_tokens=[("<eos>", 1)])
    made.add_special_tokens(pieces[:5])
    return made


def randomize(model, seed):
    """Numbers large enough that attention chooses and activations bend."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in sorted(model.named_parameters()):
            noise = torch.randn(value.shape, generator=generator)
            if "norm" in name or "ln_" in name:
                value.copy_(0.2 * noise + (0 if name.endswith("bias") else 1))
            elif value.ndim < 2:
                value.copy_(0.2 * noise)
            elif "embed" in name or "positional" in name or "latent" in name or "probe" in name:
                value.copy_(0.5 * noise)
            else:
                fan = value[0].numel() if value.ndim > 2 else value.shape[-1]
                value.copy_(1.5 * noise / fan**0.5)
    return model.eval()


def rounded(model, dtype):
    """The model on the values that are stored, in f32."""
    return model.to(DTYPES[dtype]).float()


def pixels():
    """An image [SIZE, SIZE, 3] u8: a gradient, a disc, noise."""
    y, x = numpy.mgrid[0:SIZE, 0:SIZE]
    image = numpy.stack([x * 7, y * 7, (x + y) * 3], -1) % 256
    image[(x - 20) ** 2 + (y - 9) ** 2 < 40] = [250, 30, 60]
    noise = numpy.random.default_rng(5).integers(0, 40, image.shape)
    return numpy.clip(image + noise, 0, 255).astype(numpy.uint8)


def normalized(image, processor):
    """[1, 3, SIZE, SIZE] of an image at its size."""
    x = torch.from_numpy(image).permute(2, 0, 1)[None].double() / 255
    mean, std = (torch.tensor(v).double()[None, :, None, None] for v in (processor.image_mean, processor.image_std))
    return ((x - mean) / std).float()


def states(blocks, run):
    """What goes into the first block and leaves each, and the result."""
    seen, hooks = [], []
    flat = lambda x: (x[0] if isinstance(x, tuple) else x).detach().reshape(-1, D).clone()
    first = lambda _, args, kwargs: seen.append(flat(args[0] if args else kwargs["hidden_states"]))
    hooks.append(blocks[0].register_forward_pre_hook(first, with_kwargs=True))
    hooks += [block.register_forward_hook(lambda _, __, out: seen.append(flat(out))) for block in blocks]
    with torch.no_grad():
        result = run()
    for hook in hooks:
        hook.remove()
    return torch.stack(seen), result.reshape(-1).clone()


def pooled(out):
    return out.pooler_output if hasattr(out, "pooler_output") else out


def sample(name):
    """A sample, upright, as the reference's `load_image` gives it."""
    with Image.open(ROOT / "samples/images" / name) as file:
        return ImageOps.exif_transpose(file).convert("RGB")


class Golden(dict):
    def image(self, blocks, encode, processor):
        self["pixels"] = torch.from_numpy(pixels())
        self["image.states"], self["image.vector"] = states(blocks, lambda: encode(normalized(pixels(), processor)))
        for name in FILES:
            x = processor(sample(name), return_tensors="pt")["pixel_values"]
            with torch.no_grad():
                self[f"file.{name}.vector"] = encode(x).reshape(-1).clone()

    def texts(self, blocks, encode, ids):
        for number, row in enumerate(ids):
            row = torch.tensor([row])
            self[f"text.{number}.ids"] = row[0]
            seen, self[f"text.{number}.vector"] = states(blocks, lambda: encode(row))
            if number < STATES_OF:
                self[f"text.{number}.states"] = seen

    def save(self, folder):
        versions = {m.__name__: m.__version__ for m in (torch, transformers, open_clip)}
        metadata = {"texts": json.dumps(TEXTS), "versions": json.dumps(versions)}
        save_file({name: value.contiguous() for name, value in self.items()}, folder / "golden.safetensors", metadata)
        # The same of texts and files for tests of the command.
        files = {name: self[f"file.{name}.vector"].tolist() for name in FILES if f"file.{name}.vector" in self}
        texts = {text: self[f"text.{n}.vector"].tolist() for n, text in enumerate(TEXTS) if f"text.{n}.vector" in self}
        write_json(folder / "vectors.json", {"files": files, "texts": texts})


def folder_of(name):
    folder = OUT / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def clip_processor():
    return CLIPImageProcessorPil(size={"shortest_edge": SIZE}, crop_size={"height": SIZE, "width": SIZE})


def siglip_processor(resample):
    return SiglipImageProcessorPil(size={"height": SIZE, "width": SIZE}, resample=resample)


def write_json(path, value):
    path.write_text(json.dumps(value, indent=None if path.name == "vectors.json" else 1) + "\n")


def processor_file(folder, processor, kind):
    """As the hub's files are, which have the older class's name."""
    value = {k: v for k, v in json.loads(processor.to_json_string()).items() if v is not None}
    value.pop("data_format", None)
    value["image_processor_type"] = kind
    write_json(folder / "preprocessor_config.json", value)


def save_weights(model, folder, dtype, shards=False, extra=None):
    """The weights as `save_pretrained` writes them, in a type, in one file or several."""
    model.to(DTYPES[dtype]).save_pretrained(folder, max_shard_size="14KB" if shards else "1GB")
    model.float()
    if extra:
        tensors = load_file(folder / "model.safetensors")
        save_file({**tensors, **extra}, folder / "model.safetensors", {"format": "pt"})


def trim(folder, change):
    path = folder / "config.json"
    config = json.loads(path.read_text())
    change(config)
    write_json(path, config)


def clip_configs(act, end, vocabulary):
    text = dict(vocab_size=vocabulary, hidden_size=D, intermediate_size=FFN, num_hidden_layers=LAYERS, projection_dim=DIM,
                num_attention_heads=HEADS, max_position_embeddings=CLIP_TOKENS, hidden_act=act, eos_token_id=end,
                bos_token_id=vocabulary - 2)
    vision = dict(hidden_size=D, intermediate_size=FFN, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
                  image_size=SIZE, patch_size=PATCH, hidden_act=act, projection_dim=DIM)
    return text, vision


def clip(name, seed, dtype, act, legacy_end=False, **options):
    folder, tokenizer, processor = folder_of(name), clip_tokenizer(), clip_processor()
    vocabulary = len(tokenizer)
    text, vision = clip_configs(act, 2 if legacy_end else vocabulary - 1, vocabulary)
    config = CLIPConfig(text_config=text, vision_config=vision, projection_dim=DIM)
    model = rounded(randomize(CLIPModel(config), seed), dtype)
    save_weights(model, folder, dtype, **options)
    tokenizer.save_pretrained(folder)
    processor_file(folder, processor, "CLIPImageProcessor")
    golden = Golden()
    golden.image(model.vision_model.encoder.layers, lambda x: pooled(model.get_image_features(pixel_values=x)), processor)
    ids = [tokenizer(text, truncation=True, max_length=CLIP_TOKENS)["input_ids"] for text in TEXTS]
    golden.texts(model.text_model.encoder.layers, lambda x: pooled(model.get_text_features(input_ids=x)), ids)
    golden.save(folder)
    return folder


def one_tower(name, seed, kind):
    folder, tokenizer, processor = folder_of(name), clip_tokenizer(), clip_processor()
    text, vision = clip_configs("quick_gelu", len(tokenizer) - 1, len(tokenizer))
    golden = Golden()
    if kind == "image":
        model = rounded(randomize(CLIPVisionModelWithProjection(CLIPVisionConfig(**vision)), seed), "F32")
        golden.image(model.vision_model.encoder.layers, lambda x: model(pixel_values=x).image_embeds, processor)
        processor_file(folder, processor, "CLIPImageProcessor")
    else:
        model = rounded(randomize(CLIPTextModelWithProjection(CLIPTextConfig(**text)), seed), "F32")
        ids = [tokenizer(text, truncation=True, max_length=CLIP_TOKENS)["input_ids"] for text in TEXTS]
        golden.texts(model.text_model.encoder.layers, lambda x: model(input_ids=x).text_embeds, ids)
    save_weights(model, folder, "F32")
    golden.save(folder)


def siglip(name, seed, dtype, resample, side, **options):
    folder, tokenizer, processor = folder_of(name), gemma_tokenizer(), siglip_processor(resample)
    vocabulary = tokenizer.get_vocab_size()
    text = dict(vocab_size=vocabulary, hidden_size=D, intermediate_size=FFN, num_hidden_layers=LAYERS,
                num_attention_heads=HEADS, max_position_embeddings=SIGLIP_TOKENS)
    vision = dict(hidden_size=D, intermediate_size=FFN, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
                  image_size=SIZE, patch_size=PATCH)
    model = rounded(randomize(SiglipModel(SiglipConfig(text_config=text, vision_config=vision)), seed), dtype)
    save_weights(model, folder, dtype, **options)
    # What is as the class has it is left out of the hub's files of this family.
    left_out = ["hidden_act", "layer_norm_eps", "attention_dropout", "num_channels", "projection_size", "vision_use_head"]
    trim(folder, lambda c: [c[part].pop(key, None) for part in ("text_config", "vision_config") for key in left_out])
    tokenizer.save(str(folder / "tokenizer.json"))
    write_json(folder / "tokenizer_config.json", {
        "tokenizer_class": "GemmaTokenizer", "pad_token": "<pad>", "eos_token": "<eos>", "padding_side": side,
        "model_max_length": SIGLIP_TOKENS, "add_bos_token": False, "add_eos_token": True,
    })
    processor_file(folder, processor, "SiglipImageProcessor")
    golden = Golden()
    golden.image(model.vision_model.encoder.layers, lambda x: pooled(model.get_image_features(pixel_values=x)), processor)
    golden.texts(model.text_model.encoder.layers, lambda x: pooled(model.get_text_features(input_ids=x)),
                 siglip_ids(tokenizer, side))
    golden.save(folder)


def siglip_ids(tokenizer, side):
    """As `Siglip2Tokenizer` does: small letters before the file's own rule, cut and filled up to the length."""
    reference = Tokenizer.from_str(tokenizer.to_str())
    reference.normalizer = normalizers.Sequence([normalizers.Lowercase(), reference.normalizer])
    reference.enable_truncation(SIGLIP_TOKENS)
    reference.enable_padding(direction=side, pad_id=0, pad_token="<pad>", length=SIGLIP_TOKENS)
    return [reference.encode(text).ids for text in TEXTS]


def open_clip_folder(name, seed, dtype, model, config, processor, tokenizer, ids):
    """A folder as open_clip pushes to the hub: open_clip_config.json and open_clip_model.safetensors."""
    folder = folder_of(name)
    model = rounded(randomize(model, seed), dtype)
    weights = {key: value.detach().to(DTYPES[dtype]).contiguous() for key, value in model.state_dict().items()}
    save_file(weights, folder / "open_clip_model.safetensors", {"format": "pt"})
    write_json(folder / "open_clip_config.json", config)
    tokenizer(folder)
    golden = Golden()
    visual = model.visual.trunk.blocks if hasattr(model.visual, "trunk") else model.visual.transformer.resblocks
    text = model.text.transformer.resblocks if hasattr(model, "text") else model.transformer.resblocks
    golden.image(visual, model.encode_image, processor)
    golden.texts(text, model.encode_text, ids)
    golden.save(folder)


def open_clip_clip(name, seed, dtype):
    tokenizer = clip_tokenizer()
    vocabulary = len(tokenizer)
    vision = {"image_size": SIZE, "layers": LAYERS, "width": D, "head_width": D // HEADS, "patch_size": PATCH,
              "mlp_ratio": FFN / D}
    text = {"context_length": CLIP_TOKENS, "vocab_size": vocabulary, "width": D, "heads": HEADS, "layers": LAYERS,
            "mlp_ratio": FFN / D}
    config = {"embed_dim": DIM, "vision_cfg": vision, "text_cfg": text}
    processor = clip_processor()
    preprocess = {"mean": list(processor.image_mean), "std": list(processor.image_std)}
    ids = [tokenizer(text, truncation=True, max_length=CLIP_TOKENS)["input_ids"] for text in TEXTS]
    # open_clip takes the highest id as the end, and wants the whole length.
    padded = [row + [0] * (CLIP_TOKENS - len(row)) for row in ids]
    model = open_clip.model.CLIP(**config)
    open_clip_folder(name, seed, dtype, model, {"model_cfg": config, "preprocess_cfg": preprocess}, processor,
                     tokenizer.save_pretrained, padded)


def open_clip_siglip(name, seed, dtype):
    import timm  # noqa: F401, open_clip's towers of this kind are timm's
    tokenizer = gemma_tokenizer()
    text = {"context_length": SIGLIP_TOKENS, "vocab_size": tokenizer.get_vocab_size(), "width": D, "heads": HEADS,
            "layers": LAYERS, "mlp_ratio": FFN / D, "no_causal_mask": True, "proj_bias": True, "pool_type": "last",
            "norm_kwargs": {"eps": 1e-6}, "act_kwargs": {"approximate": "tanh"},
            "hf_tokenizer_name": "timm/ViT-B-32-SigLIP2-256"}
    vision = {"image_size": SIZE, "timm_model_name": "vit_base_patch32_siglip_256", "timm_model_pretrained": False,
              "timm_pool": "map", "timm_proj": "none"}
    config = {"embed_dim": D, "init_logit_bias": -10, "custom_text": True, "vision_cfg": vision, "text_cfg": text}
    # timm's model of that name at our sizes.
    small = dict(img_size=SIZE, embed_dim=D, depth=LAYERS, num_heads=HEADS, mlp_ratio=FFN / D, patch_size=PATCH)
    create = timm.create_model
    try:
        timm.create_model = lambda name, *args, **kwargs: create(name, *args, **{**kwargs, **small})
        model = open_clip.model.CustomTextCLIP(**{k: v for k, v in config.items() if k != "custom_text"})
    finally:
        timm.create_model = create
    processor = siglip_processor(3)
    preprocess = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "squash"}
    # The sizes of a tower of timm stand in its name alone, and no name has ours: the test knows them.
    write = {"model_cfg": config, "preprocess_cfg": preprocess}

    def save(folder):
        tokenizer.save(str(folder / "tokenizer.json"))
        write_json(folder / "tokenizer_config.json", {
            "tokenizer_class": "GemmaTokenizer", "pad_token": "<pad>", "padding_side": "right",
        })

    open_clip_folder(name, seed, dtype, model, write, processor, save, siglip_ids(tokenizer, "right"))


def views():
    """Real images as the processors bring them to a size, before they become numbers: views.safetensors."""
    arrays = {}
    kept = dict(do_rescale=False, do_normalize=False)
    makers = {
        "shortest": CLIPImageProcessorPil(size={"shortest_edge": 40}, crop_size={"height": 40, "width": 40}, **kept),
        "cropped": CLIPImageProcessorPil(size={"shortest_edge": 48}, crop_size={"height": 40, "width": 40}, **kept),
        "bilinear": SiglipImageProcessorPil(size={"height": 40, "width": 40}, resample=2, **kept),
        "bicubic": SiglipImageProcessorPil(size={"height": 40, "width": 40}, resample=3, **kept),
        "lanczos": SiglipImageProcessorPil(size={"height": 40, "width": 40}, resample=1, **kept),
    }
    for file in FILES:
        for name, maker in makers.items():
            pixels = maker(sample(file), return_tensors="np")["pixel_values"][0]
            arrays[f"{name}.{file}"] = torch.from_numpy(pixels.transpose(1, 2, 0).astype(numpy.uint8).copy())
    save_file(arrays, OUT / "views.safetensors")


def tokens(folder):
    """CLIP's own vocabulary, and its ids for 2,000 texts by transformers and by open_clip, which must agree."""
    import gzip
    path = Path(open_clip.__file__).parent / "bpe_simple_vocab_16e6.txt.gz"
    lines = gzip.open(path).read().decode().split("\n")[1:49152 - 256 - 2 + 1]
    own = open_clip.tokenizer.SimpleTokenizer()
    marked = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}
    vocabulary = {marked.get(piece, piece): number for piece, number in own.encoder.items()}
    made = CLIPTokenizer(vocab=vocabulary, merges=[tuple(line.split()) for line in lines], model_max_length=77)
    folder.mkdir(parents=True, exist_ok=True)
    made.backend_tokenizer.save(str(folder / "tokenizer.json"))
    words = sorted({word for text in captions() for word in text.split()}) + TEXTS
    marks = ["", "!", "?", "'s", " - ", "…", " ÄÖÜß", " 12.5", " 東京", "🎈", "<b>", "  ", "\n", " & ", "#x"]
    random = numpy.random.default_rng(1)
    texts = captions() + TEXTS
    while len(texts) < 2000:
        chosen = [words[i] + marks[random.integers(len(marks))] for i in random.integers(len(words), size=random.integers(1, 30))]
        texts.append(" ".join(chosen))
    ids = [made(text, truncation=True, max_length=77)["input_ids"] for text in texts[:2000]]
    differ = sum(row != [t for t in own(text)[0].tolist()][:len(row)] for row, text in zip(ids, texts))
    print(f"{len(ids)} texts; {differ} have other ids by open_clip, which cleans HTML and mends mojibake first")
    write_json(folder / "ids.json", {"texts": texts[:2000], "ids": ids})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tokens", type=Path)
    options = parser.parse_args()
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    if options.tokens:
        return tokens(options.tokens)
    OUT.mkdir(parents=True, exist_ok=True)
    # Older releases wrote these buffers, and openai's files still hold them.
    buffers = {"text_model.embeddings.position_ids": torch.arange(CLIP_TOKENS)[None],
               "vision_model.embeddings.position_ids": torch.arange((SIZE // PATCH) ** 2 + 1)[None]}
    clip("clip-f32", 1, "F32", "quick_gelu", extra=buffers)
    clip("clip-f16-shards", 2, "F16", "gelu", legacy_end=True, shards=True)
    folder = clip("clip-bf16", 3, "BF16", "quick_gelu")
    trim(folder, lambda c: [c[p].pop(k) for p in ("text_config", "vision_config") for k in ("hidden_act", "layer_norm_eps")])
    one_tower("clip-image-only", 4, "image")
    one_tower("clip-text-only", 5, "text")
    siglip("siglip2-f32-shards", 6, "F32", 2, "right", shards=True)
    siglip("siglip2-bf16", 7, "BF16", 3, "left")
    open_clip_clip("open-clip-f32", 8, "F32")
    open_clip_siglip("open-clip-siglip-f16", 9, "F16")
    open_clip_clip("open-clip-bf16", 10, "BF16")
    siglip("siglip2-f16", 11, "F16", 3, "right")
    views()


if __name__ == "__main__":
    main()
