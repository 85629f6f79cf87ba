"""EfficientNet-Lite with folded batch norm, read from photo.safetensors (see stems.py).

Pixels [B, 3, S, S], already (x - 127) / 128, give a grid [B, G * G, 1280] and class logits [B, 1000].
The stem has two parts: what its `lower` part makes of images is kept in the cache (cache_photos.py), in a folder that is
named for the updates in that part, so that nothing is ever read which another network made.
"""

import hashlib
import os

import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn

from stems import plan


def same(x, kernel, stride):
    """TensorFlow's SAME padding: the odd row and column go to the bottom and the right."""
    size = int(x.shape[-1])  # a constant to the ONNX tracer
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return F.pad(x, (total // 2, total - total // 2) * 2)


class PhotoStem(nn.Module):
    """The stem as buffers in f32, with low-rank updates of ours where there are some.

    `updates` is their file, or {NAME.up, NAME.down} with `photo.` before the names or not; they are taken in sixteen bits, as
    a file holds them. With `lower_only` those above the lower part are left to who trains them (deep.py).
    """

    def __init__(self, path, updates="", lower_only=False):
        super().__init__()
        with safe_open(path, "pt") as f:
            meta = f.metadata()
            weights = {k: f.get_tensor(k).float() for k in f.keys()}
        self.variant, self.size = meta["variant"], int(meta["size"])
        self.blocks = plan(self.variant)
        own = load_file(updates) if updates and isinstance(updates, str) else updates or {}
        own = {k.removeprefix("photo."): v.detach().half().cpu() for k, v in own.items()}
        self.lower_updates = {k: v for k, v in own.items() if self.is_lower(k)}
        own = self.lower_updates if lower_only else own
        for name in (n.removesuffix(".up") for n in own if n.endswith(".up")):
            weights[name + ".weight"] += own[name + ".up"].float() @ own[name + ".down"].float()
        for name, value in weights.items():
            self.register_buffer(name.replace(".", "_"), value)

    def w(self, name):
        """Weight and bias of one convolution."""
        name = name.replace(".", "_")
        return getattr(self, name + "_weight"), getattr(self, name + "_bias")

    def point(self, x, name):
        """1x1 convolution."""
        weight, bias = self.w(name)
        return F.conv2d(x, weight[:, :, None, None], bias)

    @property
    def split(self):
        """The first block of the last stage but one: before it stands the lower part, which train_stem.py leaves as it is and
        train_photo.py trains.
        """
        return max(i for i, (_, stride) in enumerate(self.blocks) if stride == 2)

    def is_lower(self, name):
        """Whether a weight or update of this name belongs to the lower part."""
        return name.startswith("blocks.") and int(name.split(".")[1]) < self.split

    @property
    def lower_key(self):
        """What names this lower part: a hash of its updates, empty without any."""
        made_of = b"".join(k.encode() + v.contiguous().numpy().tobytes() for k, v in sorted(self.lower_updates.items()))
        return hashlib.sha256(made_of).hexdigest()[:12] if made_of else ""

    def forward(self, x):
        return self.upper(self.lower(x))

    def lower(self, x):
        """Pixels -> what block `split` reads, [B, C, 2G - 1, 2G - 1]."""
        weight, bias = self.w("stem")
        return self.run(F.conv2d(same(x, 3, 2), weight, bias, stride=2).clamp(0, 6), 0, self.split)

    def upper(self, x):
        """The rest of the stem: the grid."""
        x = self.run(x, self.split, len(self.blocks))
        return self.point(x, "head").clamp(0, 6).flatten(2).transpose(1, 2)

    def run(self, x, begin, end):
        """Blocks begin .. end."""
        for i in range(begin, end):
            (kernel, stride), name, inner = self.blocks[i], f"blocks.{i}.", x
            if hasattr(self, f"blocks_{i}_expand_weight"):
                inner = self.point(inner, name + "expand").clamp(0, 6)
            weight, bias = self.w(name + "dw")
            channels = weight.shape[1]
            taps = weight.t().reshape(channels, 1, kernel, kernel)
            inner = F.conv2d(same(inner, kernel, stride), taps, bias, stride=stride, groups=channels).clamp(0, 6)
            inner = self.point(inner, name + "project")
            x = x + inner if stride == 1 and int(inner.shape[1]) == int(x.shape[1]) else inner
        return x

    def classify(self, mean):
        """Logits of the 1,000 ImageNet classes from the mean of a grid [B, 1280]."""
        weight, bias = self.w("classifier")
        return mean @ weight.t() + bias


class Lower(nn.Module):
    """The lower part of a stem as a network of its own."""

    def __init__(self, stem):
        super().__init__()
        self.stem, self.size = stem, stem.size

    def forward(self, x):
        return self.stem.lower(x)


def lower_shape(stem):
    """(C, P * P) of what the lower part leaves."""
    side = 2 * -(-stem.size // 32) - 1
    return int(stem.w(f"blocks.{stem.split}.expand")[0].shape[1]), side * side


def lower_folder(cache, stem):
    """Where the features stand that this stem's lower part makes (of a PhotoStem or a Deep): CACHE/lower for the public one,
    CACHE/lower.KEY for one with updates.
    """
    return os.path.join(cache, "lower" + (f".{stem.lower_key}" if stem.lower_key else ""))


def onnx_session(stem, path, threads=2):
    """ONNX Runtime over the stem, which runs its depthwise convolutions 3 to 5 times faster than torch."""
    import onnxruntime
    dummy = torch.zeros(2, 3, stem.size, stem.size)
    torch.onnx.export(stem, (dummy,), path, input_names=["pixels"], output_names=["grid"], opset_version=17,
                      dynamic_axes={"pixels": {0: "n"}, "grid": {0: "n"}}, dynamo=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # a waiting thread would take a busy machine's time
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
