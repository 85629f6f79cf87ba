"""Augmented views of images, made on the device: crops with an aspect, mirrored, dimmed, with less colour, with a hole, or
smaller on white with a straight or a soft outline, as drawings and products look."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F

ON_WHITE, CUT_OUT = 1, 2  # smaller on white, straight or with a soft outline
WAVES = (1, 2, 3, 5, 7)  # of a soft outline
LUMA = (0.299, 0.587, 0.114)


@dataclass
class Strength:
    """How far views go. Shares are of images unless said otherwise."""

    crop: float = 0.5  # the least share of an image's area
    aspect: float = 1.33  # of a crop, at most
    whole: float = 0.2  # that are not cropped
    jitter: float = 0.25  # of brightness, colour and contrast
    grey: float = 0.05  # without colour
    cut: float = 0.3  # with a hole


class Views:
    """u8 squares [n, s, s, 3] -> normalised pixels [n, 3, size, size]."""

    def __init__(self, strength, size, device):
        self.strength, self.size, self.device = strength, size, device

    def uniform(self, n, low, high):
        return torch.rand(n, device=self.device) * (high - low) + low

    def make(self, squares, white=None, blur=0.0, bicubic=True):
        """`white` [n]: 0, ON_WHITE or CUT_OUT; `blur`: the share that loses half of its pixels."""
        x = squares.permute(0, 3, 1, 2).float()
        grid, on = self.place(len(x), white)
        x = F.grid_sample(x, grid, mode="bicubic" if bicubic else "bilinear", padding_mode="border", align_corners=False).clamp(0, 255)
        seen = self.outline(grid, white, on) if white is not None else None
        count = int(len(x) * blur)
        if count:
            some = torch.randperm(len(x), device=self.device)[:count]
            x[some] = F.interpolate(F.avg_pool2d(x[some], 2), self.size, mode="bilinear")
        x = self.colour(x)
        if white is not None:
            x = x * seen + 255 * (1 - seen)
        x = (x - 127) / 128
        return self.holes(x) if self.strength.cut else x

    def place(self, n, white):
        """Where each pixel of a view lies in its image, [n, size, size, 2] from -1 to 1; and which views are on white."""
        s, r = self.strength, self.uniform
        area, ratio = r(n, s.crop, 1.0), r(n, -math.log(s.aspect), math.log(s.aspect)).exp()
        w, h = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
        whole = torch.rand(n, device=self.device) < s.whole
        w, h = torch.where(whole, torch.ones_like(w), w), torch.where(whole, torch.ones_like(h), h)
        x, y = r(n, -1, 1) * (1 - w), r(n, -1, 1) * (1 - h)
        on = None
        if white is not None:
            on = white > 0
            wide, high = 1 / r(n, 0.6, 1.0), 1 / r(n, 0.6, 1.0)
            w, h = torch.where(on, wide, w), torch.where(on, high, h)
            x = torch.where(on, r(n, -1, 1) * (w - 1) * 0.7, x)
            y = torch.where(on, r(n, -1, 1) * (h - 1) * 0.7, y)
        flip = torch.where(torch.rand(n, device=self.device) < 0.5, -1.0, 1.0)
        theta = torch.zeros(n, 2, 3, device=self.device)
        theta[:, 0, 0], theta[:, 0, 2], theta[:, 1, 1], theta[:, 1, 2] = w * flip, x, h, y
        return F.affine_grid(theta, (n, 3, self.size, self.size), align_corners=False), on

    def outline(self, grid, white, on):
        """[n, 1, size, size]: how much of each pixel is the image's, and not the white's."""
        n, x, y = len(grid), grid[..., 0], grid[..., 1]
        inside = ((x.abs() <= 1) & (y.abs() <= 1)).float()
        angle, radius = torch.atan2(y, x), (x * x + y * y).sqrt()
        edge = 0.86 + sum(0.05 * torch.randn(n, 1, 1, device=self.device)
                          * torch.cos(k * angle + 6.283 * torch.rand(n, 1, 1, device=self.device)) for k in WAVES)
        soft = torch.sigmoid((edge - radius) / self.uniform(n, 0.01, 0.06)[:, None, None])
        seen = torch.where((white == CUT_OUT)[:, None, None], inside * soft, inside)
        return torch.where(on[:, None, None], seen, torch.ones_like(seen))[:, None]

    def colour(self, x):
        """Another brightness, saturation and contrast of each."""
        n, j = len(x), self.strength.jitter
        x = x * self.uniform(n, 1 - j, 1 + j)[:, None, None, None]
        grey = (x * torch.tensor(LUMA, device=self.device)[None, :, None, None]).sum(1, keepdim=True)
        much = self.uniform(n, 1 - j, 1 + j)
        much = torch.where(torch.rand(n, device=self.device) < self.strength.grey, torch.zeros_like(much), much)[:, None, None, None]
        x = grey + (x - grey) * much
        mean = x.mean((1, 2, 3), keepdim=True)
        return (mean + (x - mean) * self.uniform(n, 1 - j, 1 + j)[:, None, None, None]).clamp(0, 255)

    def holes(self, x):
        """A grey rectangle of 15 to 50 % of each side in some of them."""
        n, size, at = len(x), self.size, torch.arange(self.size, device=self.device)
        w, h = self.uniform(n, 0.15, 0.5) * size, self.uniform(n, 0.15, 0.5) * size
        left, top = self.uniform(n, 0, size) - w / 2, self.uniform(n, 0, size) - h / 2
        columns = (at[None, None] >= left[:, None, None]) & (at[None, None] < (left + w)[:, None, None])
        rows = (at[None, :, None] >= top[:, None, None]) & (at[None, :, None] < (top + h)[:, None, None])
        hole = columns & rows & (torch.rand(n, device=self.device) < self.strength.cut)[:, None, None]
        return x.masked_fill(hole[:, None], 0.0)
