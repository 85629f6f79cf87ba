"""The text encoder: MiniLM-L6 out of stems/text.safetensors, strings -> unit vectors [n, 384].

Low-rank updates of ours (adapt.py) are added to its matrices where a file of them is named.
Mean over the mask, then L2; at most 256 tokens; padded only to the longest of a batch.
"""

import hashlib
import os

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import nn

from kept import kept, named

HEADS, LAYERS, MAX_TOKENS, EPS = 12, 6, 256, 1e-12


def bias_of(mask):
    """What attention adds for every key: [B, 1, 1, T]."""
    return (mask[:, None, None, :] - 1).float() * 1e9


class TextEncoder(nn.Module):
    """BERT encoder in f32; the int8 word embeddings are widened at load."""

    def __init__(self, stems, updates=""):
        super().__init__()
        self.revision = ""
        sd = load_file(os.path.join(stems, "text.safetensors"))
        scale = sd.pop("embeddings.word_embeddings.scale")
        words = "embeddings.word_embeddings.weight"
        sd[words] = sd[words].float() * scale[:, None]
        for name, value in sd.items():
            self.register_buffer(name.replace(".", "_"), value.float())
        if updates:
            self.add(load_file(updates))
        self.tokenizer = Tokenizer.from_file(os.path.join(stems, "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(MAX_TOKENS)

    def add(self, updates):
        """Adds low-rank updates {text.NAME.up, text.NAME.down} to the matrices NAME.weight, in sixteen bits as the binary keeps them."""
        for key in sorted(k for k in updates if k.endswith(".up")):
            name = key.removeprefix("text.").removesuffix(".up")
            change = updates[key].float() @ updates[f"text.{name}.down"].float()
            setattr(self, (name + ".weight").replace(".", "_"), (self.w(name + ".weight") + change).half().float())
            self.revision = hashlib.sha256((self.revision + name).encode() + change.numpy().tobytes()).hexdigest()

    def w(self, name):
        return getattr(self, name.replace(".", "_"))

    def linear(self, x, name):
        return F.linear(x, self.w(name + ".weight"), self.w(name + ".bias"))

    def norm(self, x, name):
        return F.layer_norm(x, (384,), self.w(name + ".weight"), self.w(name + ".bias"), EPS)

    def layer(self, i, x, bias, drop=0.0):
        """Layer i on states [B, T, 384]; bias [B, 1, 1, T] is 0 where a token stands and very low where none does."""
        p, (b, t, d) = f"encoder.layer.{i}.", x.shape
        q, k, v = (self.linear(x, p + "attention.self." + n).view(b, t, HEADS, -1).transpose(1, 2)
                   for n in ("query", "key", "value"))
        att = F.scaled_dot_product_attention(q, k, v, attn_mask=bias).transpose(1, 2).reshape(b, t, d)
        x = self.norm(x + F.dropout(self.linear(att, p + "attention.output.dense"), drop, self.training),
                      p + "attention.output.LayerNorm")
        h = self.linear(F.gelu(self.linear(x, p + "intermediate.dense")), p + "output.dense")
        return self.norm(x + F.dropout(h, drop, self.training), p + "output.LayerNorm")

    @property
    def device(self):
        """Where the weights lie."""
        return self.w("embeddings.word_embeddings.weight").device

    def lower(self, ids, mask, layers):
        """States [B, T, 384] after the first `layers` layers of ids and mask [B, T] int64."""
        e = "embeddings."
        x = F.embedding(ids, self.w(e + "word_embeddings.weight")) + self.w(e + "token_type_embeddings.weight")[0]
        x = self.norm(x + self.w(e + "position_embeddings.weight")[:ids.shape[1]], e + "LayerNorm")
        for i in range(layers):
            x = self.layer(i, x, bias_of(mask))
        return x

    def upper(self, x, mask, layers, drop=0.0):
        """Unit vectors [B, 384] of states after the first `layers` layers."""
        for i in range(layers, LAYERS):
            x = self.layer(i, x, bias_of(mask), drop)
        mask = mask[:, :, None].float()
        return F.normalize((x * mask).sum(1) / mask.sum(1), dim=-1)

    def forward(self, ids, mask):
        """ids and mask [B, T] int64 -> [B, 384]."""
        return self.upper(self.lower(ids, mask, 0), mask, 0)

    @torch.no_grad()
    def encode(self, texts, batch=64):
        """f32 [n, 384] of strings, batched by length."""
        coded = self.tokenizer.encode_batch(list(texts))
        out = np.zeros((len(coded), 384), np.float32)
        order = sorted(range(len(coded)), key=lambda i: len(coded[i].ids))
        for s in range(0, len(order), batch):
            rows = order[s:s + batch]
            longest = max(len(coded[i].ids) for i in rows)
            ids = torch.zeros(len(rows), longest, dtype=torch.long)
            mask = torch.zeros_like(ids)
            for j, i in enumerate(rows):
                n = len(coded[i].ids)
                ids[j, :n], mask[j, :n] = torch.tensor(coded[i].ids), 1
            out[rows] = self(ids.to(self.device), mask.to(self.device)).cpu().numpy()
        return out

    def cached(self, texts, cache, name):
        """encode, kept in CACHE/text as f16: a file for each encoder and list of texts."""
        path = os.path.join(cache, "text", named(name, self.revision, *texts))
        return kept(path, lambda: self.encode(texts).astype(np.float16)).astype(np.float32)
