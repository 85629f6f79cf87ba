"""The last stages of the photo stem with low-rank updates, laid out for training on a CPU.

A convolution of 1x1 is one product over all places of all images when channels come first, [C, B * P], and a depthwise
one is a small product for each channel when its taps are written out as a matrix of places, [C, P, P']; torch's own
depthwise convolution is several times slower. Only the updates are trained: W' = W + up @ down (arXiv:2106.09685).
Updates of the lower part, below these stages, are the stem's own and stay as they are.
"""

import torch
import torch.nn.functional as F
from torch import nn

from stem import PhotoStem


def places(taps, size, kernel, stride):
    """[C, size * size, out * out] of depthwise taps [kernel * kernel, C] with TensorFlow's SAME padding."""
    out = -(-size // stride)
    before = max((out - 1) * stride + kernel - size, 0) // 2
    matrix = torch.zeros(taps.shape[1], size * size, out * out)
    for y in range(out):
        for x in range(out):
            for tap in range(kernel * kernel):
                row, column = y * stride - before + tap // kernel, x * stride - before + tap % kernel
                if 0 <= row < size and 0 <= column < size:
                    matrix[:, row * size + column, y * out + x] = taps[tap]
    return matrix


class Point(nn.Module):
    """A 1x1 convolution over [C, N] with a low-rank update."""

    def __init__(self, weight, bias, rank):
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias[:, None])
        self.down = nn.Parameter(torch.randn(rank, weight.shape[1]) / weight.shape[1] ** 0.5)
        self.up = nn.Parameter(torch.zeros(weight.shape[0], rank))

    def forward(self, x):
        return torch.addmm(self.bias, self.weight, x) + self.up @ (self.down @ x)


class Block(nn.Module):
    def __init__(self, stem, index, size, rank):
        super().__init__()
        kernel, stride = stem.blocks[index]
        self.expand = Point(*stem.w(f"blocks.{index}.expand"), rank)
        taps, bias = stem.w(f"blocks.{index}.dw")
        self.register_buffer("taps", places(taps, size, kernel, stride))
        self.register_buffer("bias", bias[:, None, None])
        self.project = Point(*stem.w(f"blocks.{index}.project"), rank)
        self.adds = stride == 1 and self.project.weight.shape[0] == self.expand.weight.shape[1]

    def forward(self, x):
        """[C, B, P] -> [C', B, P']."""
        c, b, p = x.shape
        inner = F.relu6(self.expand(x.reshape(c, b * p))).view(-1, b, p)
        inner = F.relu6(torch.baddbmm(self.bias, inner, self.taps))
        inner = self.project(inner.reshape(inner.shape[0], -1)).view(-1, b, inner.shape[2])
        return x + inner if self.adds else inner


class Deep(nn.Module):
    """What the stem's lower part leaves, f32 [B, C, P] -> the grid [B, G * G, 1280]."""

    def __init__(self, stem: PhotoStem, rank):
        super().__init__()
        self.lower_updates, self.lower_key = stem.lower_updates, stem.lower_key
        self.grid = -(-stem.size // 32)
        size, blocks = 2 * self.grid - 1, {}
        for index in range(stem.split, len(stem.blocks)):
            blocks[str(index)] = Block(stem, index, size, rank)
            size = -(-size // stem.blocks[index][1])
        self.blocks = nn.ModuleDict(blocks)
        self.head = Point(*stem.w("head"), rank)

    def forward(self, lower):
        x = lower.transpose(0, 1).contiguous()
        for block in self.blocks.values():
            x = block(x)
        c, b, p = x.shape
        return F.relu6(self.head(x.reshape(c, b * p))).view(-1, b, p).permute(1, 2, 0)

    def points(self):
        """(name in photo.safetensors, layer) of everything that is updated."""
        for index, block in self.blocks.items():
            yield f"blocks.{index}.expand", block.expand
            yield f"blocks.{index}.project", block.project
        yield "head", self.head

    def updates(self):
        """{name.down / name.up: f32} of the whole stem, as export.py stores them."""
        own = {f"{name}.{part}": getattr(layer, part).detach().clone() for name, layer in self.points() for part in ("down", "up")}
        return {k: v.float() for k, v in self.lower_updates.items()} | own

    @torch.no_grad()
    def take(self, updates):
        """Loads what updates() gave, of this rank or a lower one.

        Raises ValueError where they are of another lower part than the one that stands below, or of unknown matrices: the
        features that are read here would be those of a network that does not exist.
        """
        rest = dict(updates)
        for name, layer in self.points():
            down, up = rest.pop(name + ".down"), rest.pop(name + ".up")
            layer.up.zero_()
            layer.down[:len(down)], layer.up[:, :len(down)] = down.to(layer.down), up.to(layer.up)
        if rest.keys() != self.lower_updates.keys() or any(not torch.equal(v.half().cpu(), self.lower_updates[k]) for k, v in rest.items()):
            raise ValueError(f"updates below block {min(map(int, self.blocks))} are not those of the stem below: {sorted(rest)[:3]} ...")
