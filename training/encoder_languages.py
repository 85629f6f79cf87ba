"""The encoder of German, French and Czech, and what tells these languages from English.

The encoder: strings -> unit vectors [n, 384]. Pieces of a vocabulary of our own (lower case, accents left out), a pre-norm
Transformer, the mean over all pieces, the mark at the beginning included, without a norm before it, so that a piece may
count much or little. From the last position of the table on all pieces share that position. Parameters' names are those of
languages.safetensors.
"""

import functools

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from torch import nn

from encoders import DIM, Layer

MAX_LETTERS, MAX_WORDS = 24, 64  # that the detector looks at
MAX_TOKENS, BEGIN, UNKNOWN = 256, "[CLS]", "[UNK]"


def vocabulary(texts, size):
    """A tokenizer of byte-pair pieces trained on these texts."""
    tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN, continuing_subword_prefix="##", fuse_unk=True))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True, strip_accents=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=size, special_tokens=[BEGIN, UNKNOWN], continuing_subword_prefix="##", limit_alphabet=80, show_progress=False))
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{BEGIN} $A", special_tokens=[(BEGIN, 0)])
    return tokenizer


class LanguageEncoder(nn.Module):
    """`tokenizer` makes the pieces; `drop` and `forget` (share of pieces left out) count in training only."""

    def __init__(self, tokenizer, d=256, heads=4, layers=3, ffn=768, positions=64, drop=0.1, forget=0.1, dim=DIM):
        super().__init__()
        self.tokenizer, self.forget = tokenizer, forget
        self.heads = heads
        self.config = {"d": d, "heads": heads, "layers": layers, "ffn": ffn, "positions": positions,
                       "vocab": tokenizer.get_vocab_size()}
        self.words = nn.Parameter(torch.randn(self.config["vocab"], d) * 0.05)
        self.pos = nn.Parameter(torch.randn(positions, d) * (0.005 if layers else 0.0))
        self.layers = nn.ModuleList([Layer(d, heads, ffn, drop) for _ in range(layers)])
        for layer in self.layers:
            for last in (layer.attn.out, layer.mlp["fc2"]):
                nn.init.zeros_(last.weight)
        self.out_proj = nn.Linear(d, dim)
        self.drop = nn.Dropout(drop)

    def layer(self, layer, x, bias):
        """`Layer` with a mask: bias [B, 1, 1, T]."""
        b, t, d = x.shape
        q, k, v = layer.attn.qkv(layer.norm1(x)).view(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=bias).transpose(1, 2).reshape(b, t, d)
        x = x + layer.drop(layer.attn.out(mixed))
        return x + layer.drop(layer.mlp["fc2"](F.gelu(layer.mlp["fc1"](layer.norm2(x)), approximate="tanh")))

    def forward(self, ids, mask, bag=False):
        """ids and mask [B, T] int64 -> [B, 384]; a bag has no layers."""
        if self.training and self.forget:
            kept = mask * (torch.rand(mask.shape, device=mask.device) >= self.forget)
            kept[:, 0] = 1
            mask = kept
        x = F.embedding(ids, self.words)
        if not bag:
            x = self.drop(x + self.pos[torch.arange(ids.shape[1]).clamp(max=len(self.pos) - 1)])
            bias = (mask[:, None, None, :] - 1).float() * 1e9
            for layer in self.layers:
                x = self.layer(layer, x, bias)
        mask = mask[:, :, None].float()
        return F.normalize(self.out_proj((x.float() * mask).sum(1) / mask.sum(1)), dim=-1)

    def batch(self, coded):
        """ids and mask of lists of ids."""
        longest = max(len(ids) for ids in coded)
        ids = torch.zeros(len(coded), longest, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for j, row in enumerate(coded):
            ids[j, :len(row)], mask[j, :len(row)] = torch.tensor(row), 1
        return ids, mask

    @torch.no_grad()
    def encode(self, texts, batch=128):
        """f32 [n, 384] of strings, batched by length; at most 256 pieces of each."""
        coded = [c.ids[:MAX_TOKENS] for c in self.tokenizer.encode_batch(list(texts))]
        out, order = np.zeros((len(coded), self.out_proj.out_features), np.float32), sorted(range(len(coded)), key=lambda i: len(coded[i]))
        for s in range(0, len(order), batch):
            rows = order[s:s + batch]
            out[rows] = self(*self.batch([coded[i] for i in rows])).numpy()
        return out


def of_checkpoint(state):
    """The encoder that train_languages.py left, for inference."""
    c = state["config"]
    encoder = LanguageEncoder(Tokenizer.from_str(state["tokenizer"]), c["d"], c["heads"], c["layers"], c["ffn"], c["positions"])
    encoder.load_state_dict(state["average"])
    return encoder.eval()


def packed(encoder, prefix):
    """Parameters as they are stored: the words as int8 rows with a scale each, other matrices f16, vectors f32."""
    out = {prefix + name: (value.half() if value.ndim > 1 else value.float()).contiguous()
           for name, value in encoder.state_dict().items() if name != "words"}
    scale = encoder.words.detach().abs().amax(1).clamp_min(1e-8) / 127
    out[prefix + "words.scale"] = scale.contiguous()
    out[prefix + "words.weight"] = (encoder.words.detach() / scale[:, None]).round().clamp(-127, 127).to(torch.int8).contiguous()
    return out


def unpacked(stored, prefix, config, tokenizer):
    """The encoder of a file, for inference."""
    state = {name.removeprefix(prefix): value for name, value in stored.items()}
    state["words"] = state.pop("words.weight").float() * state.pop("words.scale")[:, None]
    encoder = LanguageEncoder(tokenizer, config["d"], config["heads"], config["layers"], config["ffn"], len(state["pos"]),
                          dim=len(state["out_proj.bias"]))
    encoder.load_state_dict({name: value.float() for name, value in state.items()}, strict=True)
    return encoder.eval()


@functools.cache
def of_word(word):
    """FNV-1a of the pieces of a word: two to five letters of it, and the whole."""
    out, word = [], "<" + "".join(c.lower() for c in word)[:MAX_LETTERS] + ">"
    for piece in [word[i:i + n] for n in range(2, 6) for i in range(len(word) - n + 1)] + ([word] if len(word) > 5 else []):
        value = 0x811c9dc5
        for byte in piece.encode():
            value = (value ^ byte) * 0x01000193 & 0xffffffff
        out.append(value)
    return out


def pieces(text):
    """The hashed pieces of a text's words, which are its runs of letters."""
    runs = "".join(c if c.isalpha() else " " for c in text).split()
    return [value for word in runs[:MAX_WORDS] for value in of_word(word)]


def scores(weight, bias, texts):
    """[n, languages]: sums over pieces, divided by the root of their number, plus bias; English for no pieces."""
    out = np.zeros((len(texts), len(bias)), np.float32)
    out[:, 0] = 1
    for i, text in enumerate(texts):
        rows = pieces(text)
        if rows:
            out[i] = weight[np.array(rows) % len(weight)].sum(0) / np.sqrt(len(rows)) + bias
    return out


class Detector:
    """The language of texts, as crates/embed/src/detector.rs tells it."""

    def __init__(self, stored, languages):
        self.languages = ["en", *languages]
        self.weight = stored["detector.weight"].numpy() * stored["detector.scale"].numpy()
        self.bias = stored["detector.bias"].numpy()

    def languages_of(self, texts):
        return [self.languages[i] for i in scores(self.weight, self.bias, texts).argmax(1)]
