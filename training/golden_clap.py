"""Small audio-text models of random weights, as CLAP's are laid out, and what their reference classes compute with them:
tests/golden/clap. The Rust code is tested against these; no weight of anybody's training is in them.

    python golden_clap.py           needs torch, transformers, safetensors

clips.safetensors  N.samples f32 values in F16, clips of one length and shorter, which all variants share
mel.safetensors    FILL.SOUND [8, 64], every 128th frame of samples/sounds/SOUND by ClapFeatureExtractor at 48 kHz (the samples
                   are taken for that rate, whatever theirs is)

One folder a variant: configuration, tokenizer, weights (one file or shards; F32, F16 or BF16; both towers or one), and
golden.safetensors with

    audio.0.states.N      what leaves the patches, each block and each merge
    audio.N.vector        [dim]
    text.N.ids            i64
    text.N.states.N       [tokens, d], of the first two
    text.N.vector         [dim]
    __metadata__          texts, versions

and, of clap-f32, vectors.json, {"texts": {TEXT: vector}}. Storage of 16 bits is loaded in f32 by the reference, as the Rust code does.
"""

import json
import shutil
import wave
from pathlib import Path

import numpy
import torch
import transformers
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import (
    ClapAudioConfig, ClapAudioModelWithProjection, ClapConfig, ClapFeatureExtractor, ClapModel, ClapTextConfig,
    ClapTextModelWithProjection, RobertaTokenizer,
)

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "tests/golden/clap"
RATE, SAMPLES, DIM = 4000, 4000, 12
POSITIONS, MERGES = 26, 30
TEXTS = [
    "the sound of rain", "A Dog's bark: 2 times!", "", "  spaces\tand\nlines  ", "Äpfel, naïve café — 東京 🎈",
    "words " * 30, "a <pad> b",
]
STATES_OF = 2
KEPT_FRAME = 128
SOUNDS = ["bird_chirps.wav", "speech_dog.wav"]
DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
AUDIO = dict(window_size=4, num_mel_bins=8, spec_size=32, patch_size=4, patch_stride=[4, 4], patch_embeds_hidden_size=6,
             depths=[2, 2], num_attention_heads=[2, 4], hidden_size=12, mlp_ratio=1.5, projection_dim=DIM)
TEXT = dict(hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=12,
            max_position_embeddings=POSITIONS, projection_dim=DIM)


def captions():
    lines = (ROOT / "samples/index.jsonl").read_text().splitlines()
    return [text for line in lines for text in json.loads(line).get("captions", [])]


def tokenizer():
    """RoBERTa's own kind over a small vocabulary: marks, bytes, merges learned from captions."""
    learned = Tokenizer(models.BPE())
    learned.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    learned.train_from_iterator(captions(), trainers.BpeTrainer(vocab_size=10_000, show_progress=False))
    merges = [tuple(pair) for pair in json.loads(learned.to_str())["model"]["merges"]][:MERGES]
    pieces = ["<s>", "<pad>", "</s>", "<unk>"] + sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces += [a + b for a, b in merges] + ["<mask>"]
    return RobertaTokenizer(vocab={piece: i for i, piece in enumerate(pieces)}, merges=merges,
                            model_max_length=POSITIONS - 2)


def extractor():
    return ClapFeatureExtractor(feature_size=8, sampling_rate=RATE, hop_length=32, max_length_s=1, fft_window_size=128,
                                frequency_min=50, frequency_max=1900, truncation="rand_trunc", padding="repeatpad")


def clips():
    """A tone that rises, with clicks and noise; and a shorter one. Values of sixteen bits."""
    t = numpy.arange(SAMPLES) / RATE
    random = numpy.random.default_rng(7)
    long = 0.4 * numpy.sin(2 * numpy.pi * (200 + 500 * t) * t) + 0.05 * random.standard_normal(SAMPLES)
    long[::400] += 0.5
    short = 0.3 * numpy.sin(2 * numpy.pi * 900 * t[:1500]) * (t[:1500] * 8 % 1)
    return [torch.from_numpy(clip).half() for clip in (long, short)]


def randomize(model, seed):
    """Numbers large enough that attention chooses and activations bend."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in sorted(model.named_parameters()):
            noise = torch.randn(value.shape, generator=generator)
            if "norm" in name.lower():
                value.copy_(0.2 * noise + (0 if name.endswith("bias") else 1))
            elif value.ndim < 2:
                value.copy_(0.2 * noise)
            elif "embed" in name or "table" in name:
                value.copy_(0.5 * noise)
            else:
                value.copy_(1.5 * noise / value.shape[-1]**0.5)
        for name, value in model.named_buffers():
            if name.endswith("running_mean"):
                value.copy_(-30 + 5 * torch.randn(value.shape, generator=generator))
            if name.endswith("running_var"):
                value.copy_(200 + 50 * torch.rand(value.shape, generator=generator))
    return model.eval()


def rounded(model, dtype):
    """The model on the values that are stored, in f32."""
    return model.to(DTYPES[dtype]).float()


def states(modules, run):
    """What leaves each module in order, and the result."""
    seen = []
    keep = lambda _, __, out: seen.append((out[0] if isinstance(out, tuple) else out).detach().reshape(-1, out[0].shape[-1]).clone())
    hooks = [module.register_forward_hook(keep) for module in modules]
    with torch.no_grad():
        result = run()
    for hook in hooks:
        hook.remove()
    return seen, result.reshape(-1).clone()


def write_json(path, value):
    path.write_text(json.dumps(value, indent=1 if path.name.endswith("config.json") else None) + "\n")


class Golden(dict):
    def audio(self, encoder, encode):
        modules = [encoder.patch_embed]
        for stage in encoder.layers:
            modules += [*stage.blocks, *([stage.downsample] if stage.downsample else [])]
        for number, clip in enumerate(clips()):
            features = extractor()(clip.float().numpy(), sampling_rate=RATE, return_tensors="pt")
            seen, self[f"audio.{number}.vector"] = states(modules, lambda: encode(**features))
            if number == 0:
                self |= {f"audio.0.states.{layer}": state for layer, state in enumerate(seen)}

    def texts(self, model, encode, made):
        for number, text in enumerate(TEXTS):
            ids = torch.tensor([made(text, truncation=True, max_length=POSITIONS - 2)["input_ids"]])
            self[f"text.{number}.ids"] = ids[0]
            run = lambda: encode(input_ids=ids, attention_mask=torch.ones_like(ids))
            seen, self[f"text.{number}.vector"] = states([model.embeddings, *model.encoder.layer], run)
            if number < STATES_OF:
                self |= {f"text.{number}.states.{layer}": state for layer, state in enumerate(seen)}

    def save(self, folder):
        versions = {m.__name__: m.__version__ for m in (torch, transformers)}
        metadata = {"texts": json.dumps(TEXTS), "versions": json.dumps(versions)}
        save_file({name: value.contiguous() for name, value in self.items()}, folder / "golden.safetensors", metadata)
        texts = {text: self[f"text.{n}.vector"].tolist() for n, text in enumerate(TEXTS) if f"text.{n}.vector" in self}
        if folder.name == "clap-f32":
            write_json(folder / "vectors.json", {"texts": texts})


def clap(name, seed, dtype, tower=None, shards=False, trims=()):
    folder = OUT / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    made, golden = tokenizer(), Golden()
    text = dict(TEXT, vocab_size=len(made))
    if tower == "audio":
        model = rounded(randomize(ClapAudioModelWithProjection(ClapAudioConfig(**AUDIO)), seed), dtype)
        golden.audio(model.audio_model.audio_encoder, lambda **x: model(**x).audio_embeds)
    elif tower == "text":
        model = rounded(randomize(ClapTextModelWithProjection(ClapTextConfig(**text)), seed), dtype)
        golden.texts(model.text_model, lambda **x: model(**x).text_embeds, made)
    else:
        config = ClapConfig(text_config=text, audio_config=AUDIO, projection_dim=DIM)
        model = rounded(randomize(ClapModel(config), seed), dtype)
        golden.audio(model.audio_model.audio_encoder, lambda **x: model.get_audio_features(**x).pooler_output)
        golden.texts(model.text_model, lambda **x: model.get_text_features(**x).pooler_output, made)
    model.to(DTYPES[dtype]).save_pretrained(folder, max_shard_size="9KB" if shards else "1GB")
    for path in folder.glob("*.index.json"):
        write_json(path, json.loads(path.read_text()))
    path = folder / "config.json"
    config = json.loads(path.read_text())
    for part, key in trims:
        config[part].pop(key, None)
    write_json(path, config)
    if tower != "audio":
        write_json(folder / "tokenizer.json", json.loads(made.backend_tokenizer.to_str()))
    if tower != "text":
        extractor().save_pretrained(folder)
    golden.save(folder)


def mel():
    """Real sounds as the extractor of the public models takes them."""
    arrays = {}
    for padding, sounds in [("repeatpad", SOUNDS), ("repeat", SOUNDS[:1]), ("pad", SOUNDS[:1])]:
        made = ClapFeatureExtractor(frequency_min=50, truncation="rand_trunc", padding=padding)
        for sound in sounds:
            with wave.open(str(ROOT / "samples/sounds" / sound)) as file:
                assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
                samples = numpy.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768
            frames = made(samples, sampling_rate=48_000, return_tensors="pt")["input_features"][0, 0]
            assert frames.shape == (1001, 64)
            arrays[f"{padding}.{sound}"] = frames[::KEPT_FRAME].float().contiguous()
    save_file(arrays, OUT / "mel.safetensors")


def main():
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    OUT.mkdir(parents=True, exist_ok=True)
    save_file({f"{number}.samples": clip for number, clip in enumerate(clips())}, OUT / "clips.safetensors")
    mel()
    clap("clap-f32", 1, "F32")
    clap("clap-f16-shards", 2, "F16", shards=True)
    # What is as the class has it may be left out of a file.
    trims = [("audio_config", key) for key in ("hidden_act", "layer_norm_eps", "qkv_bias", "enable_fusion", "patch_size")]
    trims += [("text_config", key) for key in ("hidden_act", "layer_norm_eps", "pad_token_id", "bos_token_id")]
    clap("clap-bf16", 3, "BF16", trims=trims)
    clap("clap-audio-only", 4, "BF16", tower="audio")
    clap("clap-text-only", 5, "F16", tower="text")


if __name__ == "__main__":
    main()
