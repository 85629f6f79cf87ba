"""A tiny caption decoder of random weights and what PyTorch computes with it, which the Rust code is tested against:
crates/embed/tests/data/caption.safetensors. The weights have the names, shapes and types of weights/caption.safetensors.

    python golden_caption.py
"""

import os

import torch
from safetensors.torch import save_file

from captioner import BOS, EOS, MAX_TOKENS, Captioner
from export import stored
from encoders import FEATURES

VOCAB, GRID, WIDTH, HEADS, FFN, ENCODER, LAYERS = 24, 3, 16, 2, 32, 1, 2
NO_REPEAT, BEAM, PENALTY, LONGEST = 3, 3, 0.7, 12
TEXT = [5, 7, 5, 2, 9]
SEED, ENDS = 10, 2.0


def tiny():
    """The decoder on its stored weights. Numbers are larger than at the start of a training, so that words differ and end."""
    torch.manual_seed(SEED)
    model = Captioner(list(range(100, 100 + VOCAB)), GRID * GRID, WIDTH, HEADS, ENCODER, LAYERS, FFN).eval()
    for name, value in model.named_parameters():
        scale = 0.3 if value.ndim == 1 else 0.6 if value.shape[-1] <= FFN else 0.05
        value.data = value.data * ("norm" in name and value.ndim == 1) + scale * torch.randn_like(value)
    model.out_bias.data[EOS] += ENDS
    weights = stored(model, "caption.")
    model.load_state_dict({k.removeprefix("caption."): v for k, v in weights.items()})
    return model.float(), weights


def features():
    """A grid [1, G * G, 1280] from a rule that the test repeats."""
    i = torch.arange(GRID * GRID * FEATURES, dtype=torch.int64)
    return ((i * 7919 % 1000).float() / 250 - 2).view(1, GRID * GRID, FEATURES)


def log_probs(model, memory, words):
    """Log-probabilities [V] of what follows these words."""
    return model(memory, torch.tensor([[BOS, *words]]))[0, -1].log_softmax(-1)


def blocked(words, row):
    """The same with -inf where a token may not come: the beginning, an end at once, a repeated run."""
    row = row.clone()
    row[BOS] = -torch.inf
    if not words:
        row[EOS] = -torch.inf
    begun = words[len(words) - NO_REPEAT + 1:]
    for i in range(len(words) - NO_REPEAT + 1):
        if len(words) >= NO_REPEAT and words[i:i + NO_REPEAT - 1] == begun:
            row[words[i + NO_REPEAT - 1]] = -torch.inf
    return row


def greedy(model, memory):
    words = []
    while len(words) < LONGEST:
        token = int(blocked(words, log_probs(model, memory, words)).argmax())
        if token == EOS:
            break
        words.append(token)
    return words


def beam(model, memory):
    """Words of the worthiest of BEAM captions; an end counts among the best BEAM tokens of its step."""
    growing, done = [([], 0.0)], []
    for _ in range(LONGEST):
        after = []
        for words, total in growing:
            row = blocked(words, log_probs(model, memory, words))
            after += [(total + float(row[t]), words, t) for t in range(VOCAB) if row[t] > -torch.inf]
        after.sort(key=lambda x: -x[0])
        done += [(s / (len(w) + 1) ** PENALTY, w) for s, w, t in after[:BEAM] if t == EOS]
        growing = [(w + [t], s) for s, w, t in after[:2 * BEAM] if t != EOS][:BEAM]
        if len(done) >= BEAM:
            growing = []
            break
    done += [(s / len(w) ** PENALTY, w) for w, s in growing]
    return max(done, key=lambda x: x[0])[1]


@torch.no_grad()
def main():
    model, weights = tiny()
    memory = model.memory(features())
    text = torch.tensor([[BOS, *TEXT]])
    out = dict(weights)
    out["golden.text"] = torch.tensor(TEXT, dtype=torch.int32)
    out["golden.memory_logits"] = model(memory, text)[0]
    out["golden.blank_logits"] = model(model.no_memory(1), text)[0]
    out["golden.greedy"] = torch.tensor(greedy(model, memory), dtype=torch.int32)
    out["golden.beam"] = torch.tensor(beam(model, memory), dtype=torch.int32)
    print("greedy", out["golden.greedy"].tolist(), "beam", out["golden.beam"].tolist(), "of at most", MAX_TOKENS)
    here = os.path.dirname(os.path.abspath(__file__))
    path = os.path.join(here, "../crates/embed/tests/data/caption.safetensors")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    save_file({k: v.contiguous() for k, v in out.items()}, path)
    os.chmod(path, 0o644)
    print(os.path.getsize(path), "bytes")


if __name__ == "__main__":
    main()
