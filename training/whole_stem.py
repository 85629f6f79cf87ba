"""The whole photo stem in channels-last with low-rank updates on every 1x1 convolution, for training on a GPU.

Depthwise taps do not move, so relu6, depthwise, bias and relu6 are one kernel of Triton forwards; backwards cuDNN's gradient is
faster than a kernel of our own was (122 to 132 ms a step against 165). Without CUDA the same is done by torch. deep.py is the
like for a CPU, of the last stages alone.
"""

import torch
import torch.nn.functional as F
from safetensors import safe_open
from torch import nn

from stems import plan

try:
    import triton
    import triton.language as tl
except ImportError:
    triton = None

PLACES, CHANNELS = 64, 32  # what one program of the kernel makes
SUMMED_APART, PLACES_APART = 40_000_000, 200  # numbers at most, places at least, where a weight's gradient is summed image by image

if triton:
    @triton.jit
    def depthwise_kernel(x, taps, bias, y, count, height, width, out_height, out_width, channels, before,
                         STRIDE: tl.constexpr, KERNEL: tl.constexpr, PLACES: tl.constexpr, CHANNELS: tl.constexpr):
        place = tl.program_id(0) * PLACES + tl.arange(0, PLACES)
        channel = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
        column, row, image = place % out_width, place // out_width % out_height, place // out_width // out_height
        total = tl.zeros((PLACES, CHANNELS), tl.float32)
        for i in tl.static_range(KERNEL):
            y_in = row * STRIDE - before + i
            for j in tl.static_range(KERNEL):
                x_in = column * STRIDE - before + j
                inside = (place < count) & (y_in >= 0) & (y_in < height) & (x_in >= 0) & (x_in < width)
                at = ((image * height + y_in) * width + x_in).to(tl.int64) * channels
                value = tl.load(x + at[:, None] + channel[None, :], mask=inside[:, None] & (channel < channels)[None, :], other=0.0)
                tap = tl.load(taps + (i * KERNEL + j) * channels + channel, mask=channel < channels, other=0.0)
                total += tl.minimum(tl.maximum(value.to(tl.float32), 0.0), 6.0) * tap[None, :]
        total += tl.load(bias + channel, mask=channel < channels, other=0.0)[None, :]
        total = tl.minimum(tl.maximum(total, 0.0), 6.0)
        at = place.to(tl.int64) * channels
        tl.store(y + at[:, None] + channel[None, :], total.to(y.dtype.element_ty), mask=(place < count)[:, None] & (channel < channels)[None, :])


def padding(size, kernel, stride):
    """Rows before and behind, as TensorFlow's SAME has them."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def filters(taps, kernel, dtype):
    """Depthwise taps [kernel * kernel, C] as torch wants them, [C, 1, kernel, kernel]."""
    return taps.t().reshape(taps.shape[1], 1, kernel, kernel).to(dtype)


def depthwise(x, taps, bias, kernel, stride):
    """x [B, H, W, C] before relu6 -> [B, H', W', C] after the second; by torch, which knows the gradient."""
    before, after = padding(x.shape[1], kernel, stride)
    h = F.pad(F.relu6(x).permute(0, 3, 1, 2), (before, after, before, after))
    h = F.conv2d(h, filters(taps, kernel, x.dtype), bias.to(x.dtype), stride=stride, groups=x.shape[3])
    return F.relu6(h).permute(0, 2, 3, 1).contiguous()


class FusedDepthwise(torch.autograd.Function):
    """The same by one kernel of Triton."""

    @staticmethod
    def forward(ctx, x, taps, bias, kernel, stride):
        b, h, w, c = x.shape
        rows, columns, before = -(-h // stride), -(-w // stride), padding(h, kernel, stride)[0]
        y = torch.empty(b, rows, columns, c, dtype=x.dtype, device=x.device)
        count = b * rows * columns
        depthwise_kernel[(triton.cdiv(count, PLACES), triton.cdiv(c, CHANNELS))](
            x, taps, bias, y, count, h, w, rows, columns, c, before, stride, kernel, PLACES, CHANNELS, num_warps=4)
        ctx.save_for_backward(x, y, taps)
        ctx.sizes = kernel, stride
        return y

    @staticmethod
    def backward(ctx, g):
        x, y, taps = ctx.saved_tensors
        kernel, stride = ctx.sizes
        b, h, w, c = x.shape
        before, after = padding(h, kernel, stride)
        g = torch.ops.aten.hardtanh_backward(g.contiguous(), y, 0.0, 6.0).permute(0, 3, 1, 2)
        like, pad = (x, before) if before == after else (x.new_empty(b, h + before + after, w + before + after, c), 0)
        gx = torch.ops.aten.convolution_backward(g, like.permute(0, 3, 1, 2), filters(taps, kernel, x.dtype), None, [stride] * 2, [pad] * 2,
                                                 [1, 1], False, [0, 0], c, [True, False, False])[0].permute(0, 2, 3, 1)
        if before != after:
            gx = gx[:, before:before + h, before:before + w]
        return torch.ops.aten.hardtanh_backward(gx.contiguous(), x, 0.0, 6.0), None, None, None, None


class Product(torch.autograd.Function):
    """x [B, H, W, C] times w [O, C] plus b, in x's type; the gradient of w in f32, summed over the images where that is small."""

    @staticmethod
    def forward(ctx, x, w, b):
        half = w.to(x.dtype)
        ctx.save_for_backward(x, half)
        out = torch.addmm(b.to(x.dtype), x.view(-1, x.shape[3]), half.t())
        return out.view(*x.shape[:3], half.shape[0])

    @staticmethod
    def backward(ctx, g):
        x, half = ctx.saved_tensors
        g = g.contiguous()
        (b, h, w, c), o = x.shape, half.shape[0]
        gx = (g.view(-1, o) @ half).view_as(x) if ctx.needs_input_grad[0] else None
        if b * o * c <= SUMMED_APART and h * w > PLACES_APART:
            gw = torch.bmm(g.view(b, h * w, o).transpose(1, 2), x.view(b, h * w, c)).float().sum(0)
        else:
            gw = (g.view(-1, o).t() @ x.view(-1, c)).float()
        return gx, gw, None


class Point(nn.Module):
    """A 1x1 convolution over [B, H, W, C] with a low-rank update, which begins at nothing."""

    def __init__(self, weight, bias, rank):
        super().__init__()
        self.register_buffer("weight", weight.clone())
        self.register_buffer("bias", bias.clone())
        self.down = nn.Parameter(torch.randn(rank, weight.shape[1]) / weight.shape[1] ** 0.5)
        self.up = nn.Parameter(torch.zeros(weight.shape[0], rank))

    def forward(self, x):
        with torch.autocast(x.device.type, enabled=False):
            return Product.apply(x, self.weight + self.up @ self.down, self.bias)


class Block(nn.Module):
    def __init__(self, weights, index, kernel, stride, rank):
        super().__init__()
        w = lambda name: (weights[f"blocks.{index}.{name}.weight"], weights[f"blocks.{index}.{name}.bias"])  # noqa: E731
        self.kernel, self.stride = kernel, stride
        self.expand = Point(*w("expand"), rank) if f"blocks.{index}.expand.weight" in weights else None
        taps, bias = w("dw")
        self.register_buffer("taps", taps.clone())
        self.register_buffer("bias", bias.clone())
        self.project = Point(*w("project"), rank)

    def forward(self, x):
        inner = self.expand(x) if self.expand is not None else x
        through = FusedDepthwise.apply if inner.is_cuda and triton else depthwise
        inner = self.project(through(inner, self.taps, self.bias, self.kernel, self.stride))
        return x + inner if self.stride == 1 and inner.shape[3] == x.shape[3] else inner


class WholeStem(nn.Module):
    """photo.safetensors (see stems.py) with updates of one rank."""

    def __init__(self, path, rank):
        super().__init__()
        with safe_open(path, "pt") as f:
            variant, self.size = f.metadata()["variant"], int(f.metadata()["size"])
            weights = {k: f.get_tensor(k).float() for k in f.keys()}
        self.register_buffer("stem_weight", weights["stem.weight"].contiguous(memory_format=torch.channels_last))
        self.register_buffer("stem_bias", weights["stem.bias"])
        self.blocks = nn.ModuleList([Block(weights, i, k, s, rank) for i, (k, s) in enumerate(plan(variant))])
        self.head = Point(weights["head.weight"], weights["head.bias"], rank)
        self.register_buffer("class_weight", weights["classifier.weight"])
        self.register_buffer("class_bias", weights["classifier.bias"])

    def forward(self, x, dtype=torch.bfloat16):
        """Pixels f32 [B, 3, S, S], normalised -> the grid [B, G * G, 1280] in `dtype`."""
        with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
            before, after = padding(x.shape[3], 3, 2)
            x = F.pad(x.to(dtype).contiguous(memory_format=torch.channels_last), (before, after, before, after))
            x = F.conv2d(x, self.stem_weight.to(dtype), self.stem_bias.to(dtype), stride=2)
            x = F.relu6(x).permute(0, 2, 3, 1).contiguous()
        for block in self.blocks:
            x = block(x)
        return F.relu6(self.head(x)).flatten(1, 2)

    def classify(self, grid):
        """Class logits f32 [B, 1000] of a grid."""
        with torch.autocast(grid.device.type, enabled=False):
            return grid.float().mean(1) @ self.class_weight.t() + self.class_bias

    def points(self):
        """(name in photo.safetensors, layer) of everything that is updated."""
        for i, block in enumerate(self.blocks):
            if block.expand is not None:
                yield f"blocks.{i}.expand", block.expand
            yield f"blocks.{i}.project", block.project
        yield "head", self.head

    def updates(self):
        """{NAME.down, NAME.up: f32} as checkpoints hold them."""
        return {f"{name}.{part}": getattr(layer, part).detach().cpu().clone() for name, layer in self.points() for part in ("down", "up")}

    @torch.no_grad()
    def take(self, updates):
        """Loads updates of this rank or a lower one; a matrix without one stays as it is."""
        for name, layer in self.points():
            if name + ".up" in updates:
                rank = updates[name + ".up"].shape[1]
                layer.up[:, :rank], layer.down[:rank] = updates[name + ".up"].float(), updates[name + ".down"].float()
        return self
