"""The caption decoder, with the names of weights/caption.safetensors and sound_caption.safetensors: tokens -> words.

Memory: grid [B, G * G, 1280] of the photo stem -> LN, linear, positions, encoder layers -> [B, G * G, d]. Of audio, the
audio encoder's tokens [B, T / 16 * 4, 192] instead of a grid, with as many of the positions as there are tokens.
Decoder: token ids of a small vocabulary [B, T] -> logits [B, T, V]; masked self-attention, cross-attention, pre-norm.
The "blank image" is a memory of one learned token: what the words say without an image (a language model).
"""

import torch
import torch.nn.functional as F
from torch import nn

from encoders import FEATURES, Attention, Layer

BOS, EOS = 0, 1
MAX_TOKENS = 40


class Cross(nn.Module):
    """Multi-head attention of words over image tokens, [B, T, d] and [B, M, d] -> [B, T, d]."""

    def __init__(self, d, heads):
        super().__init__()
        self.heads = heads
        self.q, self.kv, self.out = nn.Linear(d, d), nn.Linear(d, 2 * d), nn.Linear(d, d)

    def forward(self, x, memory):
        b, t, d = x.shape
        q = self.q(x).view(b, t, self.heads, -1).transpose(1, 2)
        k, v = self.kv(memory).view(b, memory.shape[1], 2, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        return self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, t, d))


class DecoderLayer(nn.Module):
    """Pre-norm: masked self-attention, cross-attention, perceptron with tanh-GELU."""

    def __init__(self, d, heads, ffn, drop):
        super().__init__()
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(d), nn.LayerNorm(d), nn.LayerNorm(d)
        self.attn, self.cross = Attention(d, heads, causal=True), Cross(d, heads)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(d, ffn), "fc2": nn.Linear(ffn, d)})
        self.drop = nn.Dropout(drop)

    def forward(self, x, memory):
        x = x + self.drop(self.attn(self.norm1(x)))
        x = x + self.drop(self.cross(self.norm2(x), memory))
        h = F.gelu(self.mlp["fc1"](self.norm3(x)), approximate="tanh")
        return x + self.drop(self.mlp["fc2"](h))


class Captioner(nn.Module):
    """`vocab` [V] maps our ids to ids of the text encoder's WordPiece tokenizer; 0 begins a sentence, 1 ends it."""

    def __init__(self, vocab, places=81, d=256, heads=4, encoder=1, layers=3, ffn=1024, drop=0.1, features=FEATURES):
        super().__init__()
        self.config = {"places": places, "features": features, "d": d, "heads": heads, "encoder": encoder, "layers": layers,
                       "ffn": ffn, "vocab": len(vocab), "max_tokens": MAX_TOKENS}
        self.register_buffer("vocab", torch.as_tensor(vocab, dtype=torch.int32))
        self.in_norm, self.in_proj = nn.LayerNorm(features), nn.Linear(features, d)
        self.pos = nn.Parameter(torch.randn(places, d) * 0.02)
        self.encoder = nn.ModuleList([Layer(d, heads, ffn, drop) for _ in range(encoder)])
        self.mem_norm = nn.LayerNorm(d)
        self.blank = nn.Parameter(torch.randn(1, d) * 0.02)
        self.words = nn.Parameter(torch.randn(len(vocab), d) * 0.05)
        self.text_pos = nn.Parameter(torch.randn(MAX_TOKENS, d) * 0.02)
        self.layers = nn.ModuleList([DecoderLayer(d, heads, ffn, drop) for _ in range(layers)])
        self.out_norm = nn.LayerNorm(d)
        self.out_bias = nn.Parameter(torch.zeros(len(vocab)))
        self.drop = nn.Dropout(drop)

    def memory(self, grid):
        """Image tokens [B, G * G, d] of the stem's grid; or audio tokens."""
        x = self.drop(self.in_proj(self.in_norm(grid))) + self.pos[:grid.shape[1]]
        for layer in self.encoder:
            x = layer(x)
        return self.mem_norm(x)

    def no_memory(self, count):
        """The blank image's memory [count, 1, d]."""
        return self.blank.expand(count, 1, -1)

    def forward(self, memory, ids):
        """Logits [B, T, V] of the word after each of ids [B, T]."""
        x = self.drop(self.words[ids] + self.text_pos[:ids.shape[1]])
        for layer in self.layers:
            x = layer(x, memory)
        return self.out_norm(x) @ self.words.t() + self.out_bias


def of_config(config, vocab, drop=0.1):
    """The decoder of a checkpoint's or a bundle's config."""
    c = config
    return Captioner(vocab, c["places"], c["d"], c["heads"], c["encoder"], c["layers"], c["ffn"], drop, c["features"])
