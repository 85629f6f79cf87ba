"""The two encoders of ours. Every parameter's name is its name in image.safetensors and audio.safetensors.

Image: grid [B, G * G, 1280] and class logits [B, 1000] of the stem -> unit vectors [B, 384].
Audio: normalised log-mel [B, T, 64], T a multiple of 16 -> unit vectors [B, 384].
Both mix a trained vector with the mean of class-name vectors weighted by class probability; a gate decides how much.
"""

import math

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn

DIM = 384
FEATURES, CLASSES, AUDIO_CLASSES = 1280, 1000, 521
GATE = 16


class Attention(nn.Module):
    """Multi-head self-attention, [B, T, d] -> [B, T, d]; a causal one sees no later token."""

    def __init__(self, d, heads, causal=False):
        super().__init__()
        self.heads, self.causal = heads, causal
        self.qkv, self.out = nn.Linear(d, 3 * d), nn.Linear(d, d)

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        return self.out(F.scaled_dot_product_attention(q, k, v, is_causal=self.causal).transpose(1, 2).reshape(b, t, d))


class Layer(nn.Module):
    """Pre-norm residual block: attention, then a two-layer perceptron with tanh-GELU."""

    def __init__(self, d, heads, ffn, drop):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.attn = Attention(d, heads)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(d, ffn), "fc2": nn.Linear(ffn, d)})
        self.drop = nn.Dropout(drop)

    def forward(self, x):
        x = x + self.drop(self.attn(self.norm1(x)))
        h = F.gelu(self.mlp["fc1"](self.norm2(x)), approximate="tanh")
        return x + self.drop(self.mlp["fc2"](h))


def statistics(p):
    """[B, 3]: largest probability, entropy over that of the uniform, sum of squares."""
    entropy = -(p * p.clamp_min(1e-12).log()).sum(-1) / math.log(p.shape[-1])
    return torch.stack([p.amax(-1), entropy, (p * p).sum(-1)], -1)


class Named(nn.Module):
    """The class-name branch and its gate, shared by both encoders."""

    def __init__(self, classes, features):
        super().__init__()
        self.names = nn.ParameterDict({"weight": nn.Parameter(torch.zeros(classes, DIM), requires_grad=False)})
        self.gate = nn.ModuleDict({"fc1": nn.Linear(3 + features, GATE), "fc2": nn.Linear(GATE, 1)})
        nn.init.zeros_(self.gate["fc2"].weight)
        nn.init.constant_(self.gate["fc2"].bias, -2.0)
        self.class_scale = 1.0

    def named(self, logits):
        """Class probabilities and the unit mean of the names' vectors."""
        p = (logits * self.class_scale).softmax(-1)
        return p, F.normalize(p @ self.names["weight"], dim=-1)

    def share(self, p, features):
        """[B, 1]: how far the class names are to be trusted."""
        x = torch.cat([statistics(p), features], -1)
        return self.gate["fc2"](F.relu(self.gate["fc1"](x))).sigmoid()

    @torch.no_grad()
    def level(self, share):
        """Makes the gate a constant."""
        for value in self.gate.parameters():
            value.zero_()
        self.gate["fc2"].bias.fill_(math.log(share / (1 - share)))


class ImageEncoder(Named):
    """cls token and G * G grid tokens through the Transformer, beside a linear map of the grid's mean."""

    def __init__(self, grid=9, d=256, heads=4, layers=2, ffn=512, drop=0.1, token_drop=0.5):
        super().__init__(CLASSES, FEATURES)
        self.config = {"grid": grid, "d": d, "heads": heads, "layers": layers, "ffn": ffn}
        self.token_drop = token_drop
        self.in_norm, self.in_proj = nn.LayerNorm(FEATURES), nn.Linear(FEATURES, d)
        self.pos = nn.Parameter(torch.randn(grid * grid + 1, d) * 0.02)
        self.cls = nn.Parameter(torch.randn(d) * 0.02)
        self.layers = nn.ModuleList([Layer(d, heads, ffn, drop) for _ in range(layers)])
        self.out_norm, self.out_proj = nn.LayerNorm(d), nn.Linear(d, DIM)
        self.pool_norm, self.pool_proj = nn.LayerNorm(FEATURES), nn.Linear(FEATURES, DIM)
        self.drop = nn.Dropout(drop)

    def pooled(self, mean):
        """LN(mean), and its map into the space (not normalised)."""
        features = self.pool_norm(mean)
        return features, self.pool_proj(self.drop(features))

    def net(self, grid):
        """The trained vector without class names, and LN(mean). In training a share of the tokens is left out."""
        features, pooled = self.pooled(grid.mean(1))
        pos = self.pos[1:]
        if self.training and self.token_drop:
            count = grid.shape[1]
            keep = torch.randperm(count, device=grid.device)[:max(1, round(count * (1 - self.token_drop)))]
            grid, pos = grid[:, keep], pos[keep]
        x = self.drop(self.in_proj(self.in_norm(grid))) + pos
        x = torch.cat([(self.cls + self.pos[0]).expand(x.shape[0], 1, -1), x], 1)
        for layer in self.layers:
            x = layer(x)
        return F.normalize(self.out_proj(self.out_norm(x[:, 0])) + pooled, dim=-1), features

    def forward(self, grid, logits):
        net, features = self.net(grid)
        p, named = self.named(logits)
        g = self.share(p, features)
        return F.normalize((1 - g) * net + g * named, dim=-1)


class AudioEncoder(Named):
    """Four stride-2 convolutions over [T, 64], T / 16 * 4 tokens, Transformer; class logits come from the cls token."""

    CHANNELS = (32, 64, 128)

    def __init__(self, d=192, heads=4, layers=4, ffn=384, drop=0.1):
        super().__init__(AUDIO_CLASSES, d)
        self.config = {"d": d, "heads": heads, "layers": layers, "ffn": ffn}
        sizes = [1, *self.CHANNELS, d]
        self.stem = nn.ModuleList([nn.Conv2d(a, b, 3, 2, 1) for a, b in zip(sizes, sizes[1:])])
        self.bn = nn.ModuleList([nn.BatchNorm2d(b) for b in sizes[1:]])  # folded into stem at export
        self.freq_pos = nn.Parameter(torch.randn(4, d) * 0.02)
        self.time_pos = nn.Parameter(torch.randn(31, d) * 0.02)
        self.cls = nn.Parameter(torch.randn(d) * 0.02)
        self.layers = nn.ModuleList([Layer(d, heads, ffn, drop) for _ in range(layers)])
        self.out_norm, self.out_proj = nn.LayerNorm(d), nn.Linear(d, DIM)
        self.class_proj = nn.Linear(d, AUDIO_CLASSES)

    def tokens(self, mel):
        """What the last layer leaves, [B, 1 + T / 16 * 4, d], cls first, of normalised log-mels [B, T, 64]."""
        x = mel[:, None]
        for conv, bn in zip(self.stem, self.bn):
            x = F.relu(bn(conv(x)))
        b, d, t, f = x.shape
        x = x.permute(0, 2, 3, 1) + self.freq_pos + self.time_pos[:t, None]
        x = torch.cat([self.cls.expand(b, 1, -1), x.reshape(b, t * f, d)], 1)
        for layer in self.layers:
            x = layer(x)
        return x

    def parts(self, mel):
        """Trained unit vector, class logits, LN(cls)."""
        features = self.out_norm(self.tokens(mel)[:, 0])
        return F.normalize(self.out_proj(features), dim=-1), self.class_proj(features), features

    def forward(self, mel):
        net, logits, features = self.parts(mel)
        p, named = self.named(logits)
        g = self.share(p, features)
        return F.normalize((1 - g) * net + g * named, dim=-1)

    def fold(self):
        """Moves the batch norms into the convolutions; for inference only."""
        for conv, bn in zip(self.stem, self.bn):
            scale = bn.weight / (bn.running_var + bn.eps).sqrt()
            conv.weight.data *= scale.view(-1, 1, 1, 1)
            conv.bias.data = (conv.bias - bn.running_mean) * scale + bn.bias
        self.bn = nn.ModuleList([nn.Identity() for _ in self.bn])
        return self


def warm(encoder, path, prefix):
    """Starts an encoder from exported weights; batch norms, which export folds away, begin anew."""
    stored = {k.removeprefix(prefix): v.float() for k, v in load_file(path).items()}
    missing, extra = encoder.load_state_dict(stored, strict=False)
    if extra or [m for m in missing if not m.startswith("bn.")]:
        raise ValueError(f"{path} does not fit: missing {missing}, extra {extra}")
    return encoder
