"""models/mini read back into torch: the encoders exactly as the binary runs them, in f32 on the stored weights."""

import os

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from tokenizers import Tokenizer

from captioner import BOS, EOS, of_config
from checkpoints import manifest
from preprocess import log_mel, pixels, windows
from stem import PhotoStem
from text import TextEncoder
from encoder_languages import Detector, unpacked
from encoders import AudioEncoder, ImageEncoder


def fill(encoder, path, prefix):
    """Loads f16 weights; a missing or extra name is an error."""
    stored = {k.removeprefix(prefix): v.float() for k, v in load_file(path).items()}
    encoder.load_state_dict(stored, strict=True)
    return encoder.eval()


class Bundle:
    """All encoders of one bundle folder."""

    def __init__(self, folder, stems=None):
        self.toml = manifest(folder)
        stems = stems or os.path.join(folder, "stems")
        encoders = {t["modality"]: t for t in self.toml["towers"] if not t.get("languages")}
        own = [w["file"] for w in encoders["text"]["weights"] if w["role"] == "own"]
        self.text_encoder = TextEncoder(stems, os.path.join(folder, own[0]) if own else "").eval()
        updates = [w["file"] for w in encoders["image"]["weights"] if w["role"] == "update"]
        self.stem = PhotoStem(os.path.join(stems, "photo.safetensors"), os.path.join(folder, updates[0]) if updates else "").eval()
        c = encoders["image"]["config"]
        image = ImageEncoder(c["grid"], c["d"], c["heads"], c["layers"], c["ffn"])
        self.image_encoder = fill(image, os.path.join(folder, "weights/image.safetensors"), "image.")
        self.image_encoder.class_scale = c["class_scale"]
        c = encoders["audio"]["config"]
        audio = AudioEncoder(c["d"], c["heads"], c["layers"], c["ffn"])
        audio.bn = torch.nn.ModuleList([torch.nn.Identity() for _ in audio.bn])
        self.audio_encoder = fill(audio, os.path.join(folder, "weights/audio.safetensors"), "audio.")
        self.audio_encoder.class_scale = c["class_scale"]
        self.mel_mean, self.mel_std, self.size = c["mel_mean"], c["mel_std"], self.stem.size

        self.other_texts = self.detector = None
        for row in filter(lambda t: t.get("languages"), self.toml["towers"]):
            files = {w["role"]: os.path.join(folder, w["file"]) for w in row["weights"]}
            tokenizer = Tokenizer.from_file(os.path.join(folder, row["tokenizer"]["file"]))
            self.other_texts = unpacked(load_file(files["own"]), "languages.", row["config"], tokenizer)
            self.detector = Detector(load_file(files["detector"]), row["languages"])

        self.captioners = {}
        for row in self.toml.get("generators", []):
            c, path = row["config"], os.path.join(folder, row["weights"][0]["file"])
            vocab = load_file(path)["caption.vocab"]
            self.captioners[row["modality"]] = fill(of_config(c, vocab), path, "caption.")

    def texts(self, strings, languages=None):
        """f32 [n, 384]; of texts in the languages given, else in those that they seem to be in."""
        strings = list(strings)
        if self.other_texts is None:
            return self.text_encoder.encode(strings)
        languages = languages or self.detector.languages_of(strings)
        out = np.zeros((len(strings), 384), np.float32)
        for encoder, rows in ((self.text_encoder, [i for i, l in enumerate(languages) if l == "en"]),
                            (self.other_texts, [i for i, l in enumerate(languages) if l != "en"])):
            if rows:
                out[rows] = encoder.encode([strings[i] for i in rows])
        return out

    @torch.no_grad()
    def grids(self, grids, batch=64):
        """f32 [n, 384] of stem grids [n, G * G, 1280]."""
        out = []
        for i in range(0, len(grids), batch):
            g = torch.from_numpy(np.asarray(grids[i:i + batch], np.float32))
            out.append(self.image_encoder(g, self.stem.classify(g.mean(1))).numpy())
        return np.concatenate(out)

    @torch.no_grad()
    def lower(self, lower, batch=64):
        """f32 [n, 384] of what cache_photos.py keeps, [n, C, P * P]."""
        side, out = round(lower.shape[2] ** 0.5), []
        for i in range(0, len(lower), batch):
            x = torch.from_numpy(np.asarray(lower[i:i + batch], np.float32))
            out.append(self.grids(self.stem.upper(x.view(*x.shape[:2], side, side)).numpy()))
        return np.concatenate(out)

    @torch.no_grad()
    def images(self, squares):
        """f32 [n, 384] of u8 images [S, S, 3]."""
        grids = [self.stem(torch.from_numpy(pixels(u))[None])[0].numpy() for u in squares]
        return self.grids(np.stack(grids))

    @torch.no_grad()
    def window(self, samples):
        """f32 [384] of at most 5 s."""
        mel = torch.from_numpy((log_mel(samples) - self.mel_mean) / self.mel_std)
        return self.audio_encoder(mel[None].float())[0].numpy()

    def audios(self, samples):
        """One row a window."""
        return np.stack([self.window(w) for w in windows(samples)])

    @torch.no_grad()
    def caption_ids(self, square, longest=12):
        """Our token ids of a greedy caption of a u8 image, and log-probabilities of each and of the end."""
        return greedy_ids(self.captioners["image"], self.stem(torch.from_numpy(pixels(square))[None]), longest)

    @torch.no_grad()
    def audio_caption_ids(self, samples, longest=12):
        """The same of f32 samples of at most 5 s."""
        mel = torch.from_numpy((log_mel(samples) - self.mel_mean) / self.mel_std)[None].float()
        return greedy_ids(self.captioners["audio"], self.audio_encoder.tokens(mel)[:, 1:], longest)


@torch.no_grad()
def greedy_ids(captioner, grid, longest):
    """The likeliest ids beside a grid [1, places, features], and log-probabilities of each and of the end."""
    memory, ids = captioner.memory(grid), []
    while True:
        rows = captioner(memory, torch.tensor([[BOS, *ids]]))[0].log_softmax(-1)
        token = int(rows[-1].argmax())
        if token in (BOS, EOS) or len(ids) == longest:
            own = rows[range(len(ids) + 1), [*ids, EOS]]
            return np.array(ids, np.int32), own.numpy().astype(np.float32)
        ids.append(token)


def mean_unit(rows):
    """A video's vector: the mean of its frames', normalised."""
    return F.normalize(torch.from_numpy(rows).mean(0), dim=-1).numpy()
