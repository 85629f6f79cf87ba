"""Low-rank updates of the text encoder's last layers: ours, added to the public weights when a bundle is loaded.

An update of a matrix W [out, in] is up [out, r] @ down [r, in], stored as text.NAME.{up,down}. Below the first
adapted layer nothing changes, so the states there are computed once and kept (`States`).
"""

import os

import numpy as np
import torch
from torch import nn

from kept import kept, named
from text import LAYERS, TextEncoder

MATRICES = ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense",
            "intermediate.dense", "output.dense")


class Adapted(TextEncoder):
    """MiniLM whose layers from `first` on carry updates of this rank; they begin at zero."""

    def __init__(self, stems, first=3, rank=48, drop=0.1):
        super().__init__(stems)
        self.first, self.rank, self.drop = first, rank, drop
        self.down, self.up = nn.ParameterDict(), nn.ParameterDict()
        for i in range(first, LAYERS):
            for name in MATRICES:
                key = f"{i}.{name}"
                out, width = self.w(f"encoder.layer.{key}.weight").shape
                self.down[key.replace(".", "_")] = nn.Parameter(torch.randn(rank, width) / width ** 0.5)
                self.up[key.replace(".", "_")] = nn.Parameter(torch.zeros(out, rank))

    def linear(self, x, name):
        weight = self.w(name + ".weight")
        key = name.removeprefix("encoder.layer.").replace(".", "_")
        if key in self.up:
            weight = weight + self.up[key] @ self.down[key]
        return nn.functional.linear(x, weight, self.w(name + ".bias"))

    def updates(self):
        """{name in weights/text.safetensors: f16 array}."""
        out = {}
        for i in range(self.first, LAYERS):
            for name in MATRICES:
                for part, values in (("up", self.up), ("down", self.down)):
                    out[f"text.encoder.layer.{i}.{name}.{part}"] = values[f"{i}.{name}".replace(".", "_")].detach().half().cpu().contiguous()
        return out

    def take(self, updates):
        """Loads what updates() gave."""
        for i in range(self.first, LAYERS):
            for name in MATRICES:
                for part, values in (("up", self.up), ("down", self.down)):
                    values[f"{i}.{name}".replace(".", "_")].data.copy_(updates[f"text.encoder.layer.{i}.{name}.{part}"].float())
        return self


class States:
    """States below the first adapted layer, of a list of texts: f16 [tokens, 384] end to end, kept in CACHE/text."""

    def __init__(self, encoder, texts, cache, name):
        coded = [c.ids for c in encoder.tokenizer.encode_batch(list(texts))]
        self.ends = np.cumsum([0] + [len(c) for c in coded])
        path = os.path.join(cache, "text", named(name + ".states", str(encoder.first), *texts))
        self.states = kept(path, lambda: self.compute(encoder, coded, self.ends))

    @staticmethod
    @torch.no_grad()
    def compute(encoder, coded, ends, batch=128):
        states = np.zeros((ends[-1], 384), np.float16)
        order = sorted(range(len(coded)), key=lambda i: len(coded[i]))
        for s in range(0, len(order), batch):
            rows = order[s:s + batch]
            ids = torch.zeros(len(rows), len(coded[rows[-1]]), dtype=torch.long)
            mask = torch.zeros_like(ids)
            for j, i in enumerate(rows):
                ids[j, :len(coded[i])], mask[j, :len(coded[i])] = torch.tensor(coded[i]), 1
            x = encoder.lower(ids.to(encoder.device), mask.to(encoder.device), encoder.first).cpu().numpy()
            for j, i in enumerate(rows):
                states[ends[i]:ends[i + 1]] = x[j, :len(coded[i])]
        return states

    def __len__(self):
        return len(self.ends) - 1

    def vectors(self, encoder, which, chunk=192):
        """Unit vectors [n, 384] of these texts by the encoder's adapted layers, chunks of like lengths."""
        which = np.asarray(which)
        lengths = self.ends[which + 1] - self.ends[which]
        order, parts = np.argsort(lengths, kind="stable"), []
        for s in range(0, len(order), chunk):
            rows = order[s:s + chunk]
            longest = int(lengths[rows[-1]])
            x, mask = np.zeros((len(rows), longest, 384), np.float16), np.zeros((len(rows), longest), np.int64)
            for j, r in enumerate(rows):
                begin, n = self.ends[which[r]], lengths[r]
                x[j, :n], mask[j, :n] = self.states[begin:begin + n], 1
            x, mask = torch.from_numpy(x).to(encoder.device).float(), torch.from_numpy(mask).to(encoder.device)
            parts.append(encoder.upper(x, mask, encoder.first, encoder.drop))
        back = torch.from_numpy(np.argsort(order, kind="stable")).to(encoder.device)
        return torch.cat(parts)[back]

    def all(self, encoder, chunk=192):
        """f32 array of every text, without gradients."""
        was = encoder.training
        encoder.eval()
        with torch.no_grad():
            out = self.vectors(encoder, np.arange(len(self)), chunk).cpu().numpy()
        encoder.train(was)
        return out
