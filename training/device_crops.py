"""Augmented batches made on the device from stored log-mels (mel_store.py): what `Crops` of train_audio.py draws, cuts, mixes and
filters. Magnitudes of two audio clips add as their squares, as they do on average; noise is added as the mels of true noise are;
another speed takes other frames and moves the bands.
"""

import numpy as np
import torch
import torch.nn.functional as F

from mel_store import BLOCK, FLOOR, STEP, MelStore
from preprocess import FFT, FRAME, FRAME_MULTIPLE, FRAMES_MAX, FRAMES_MIN, HANN, HOP, LOG_OFFSET, MEL, hertz_to_mel

PATCHES = 11  # of the teacher, at most in one window of 5 s
EDGES = hertz_to_mel(np.array([125.0, 7500.0]))


class DeviceCrops:
    """Draws batches. `crops`: the numpy twin, whose shares of the audio and whose labels count."""

    def __init__(self, crops, seed, device, mel_mean, mel_std, mixed=0.35):
        self.device, self.longest, self.mean, self.std, self.mixed = device, crops.longest // HOP, mel_mean, mel_std, mixed
        self.random = torch.Generator(device).manual_seed(seed)
        self.rng = np.random.default_rng(seed)
        audios, labels = crops.audios, crops.labels
        on = lambda x: torch.from_numpy(np.array(x)).to(device)  # noqa: E731
        mels = getattr(audios, "mels", None) or MelStore.of_audios(audios)
        self.frames, self.peaks = on(mels.frames), on(mels.peaks)
        self.first, self.count, self.block = on(mels.first), on(mels.counts), on(mels.block)
        self.scores, self.embeds = on(audios.scores), on(audios.embeds)
        self.patch, self.patches = (on([r[k] for r in audios.rows]) for k in ("patch", "patches"))
        self.p = on(crops.p.astype(np.float32))
        g = torch.Generator(device).manual_seed(0)
        white = torch.randn(60 * 16000, generator=g, device=device).unfold(0, FRAME, HOP) * on(HANN)
        self.noise = torch.fft.rfft(white, FFT).abs() @ on(MEL)
        centres = np.linspace(*EDGES, MEL.shape[1] + 2)[1:-1]
        self.hertz, self.low, self.wide = on((700 * (np.exp(centres / 1127) - 1)).astype(np.float32)), float(centres[0]), float(centres[1] - centres[0])
        words = list(labels.groups)
        number = {w: n for n, w in enumerate(words)}
        self.group = on([number.get(labels.word(r), -1) for r in audios.rows])
        bank = len(labels.bank)
        known, right, free = np.zeros((len(words), 521), np.float32), np.zeros((len(words), bank), bool), np.zeros((len(words), bank), bool)
        for n, word in enumerate(words):
            classes, phrases = labels.groups[word]
            known[n, classes] = 1 / max(1, len(classes))
            right[n, phrases] = True
            free[n, np.concatenate([np.asarray(classes, int), *(labels.near[k] for k in phrases)])] = True
        near = np.zeros((521, bank), bool)
        for n in range(521):
            near[n, labels.near[n]] = True
        self.known, self.right, self.free, self.near = on(known), on(right), on(free), on(near)
        self.told = on(known.sum(1) > 0)
        self.spoken = None
        if crops.captions:
            said = [list(c) for c in crops.captions.of]
            table = np.full((len(audios.rows), max(1, max(map(len, said)))), -1)
            for row, c in zip(table, said):
                row[:len(c)] = c
            self.spoken, self.spoken_count = on(table), on([len(c) for c in said])

    def uniform(self, count, low=0.0, high=1.0):
        return torch.rand(count, generator=self.random, device=self.device) * (high - low) + low

    def batches(self, batch, count=8):
        """`count` batches of like lengths."""
        n = batch * count
        rows = torch.multinomial(self.p, n, True, generator=self.random)
        length = self.count[rows]
        limit = torch.where(self.uniform(n) < 0.08, torch.full_like(length, FRAMES_MAX), (self.longest * self.uniform(n, 0.45, 1.0)).long())
        limit = torch.minimum(limit, length)
        begin = (self.uniform(n) * (length - limit + 1)).long().clamp_min(0)
        begin = torch.minimum(begin, length - limit)
        speed = torch.where((self.uniform(n) < 0.4) & (limit > 6), self.uniform(n, 0.88, 1.14), torch.ones(n, device=self.device))
        long = (limit / speed).long().clamp(1, FRAMES_MAX)
        order = torch.argsort(long)
        sizes = [max(FRAMES_MIN, -(-s // FRAME_MULTIPLE) * FRAME_MULTIPLE) for s in long[order][batch - 1::batch].tolist()]
        parts = [(order[k * batch:(k + 1) * batch], min(FRAMES_MAX, size)) for k, size in enumerate(sizes)]
        self.rng.shuffle(parts)
        for at, size in parts:
            yield self.collate(rows[at], begin[at], limit[at], speed[at], long[at], size)

    def heard(self, rows, begin, limit):
        """Mean scores and embeddings of the teacher's patches within the crop."""
        begin, limit = begin * HOP, limit * HOP
        first = torch.minimum(((begin - 3900) / 7680).round().long().clamp_min(0), self.patches[rows] - 1)
        last = torch.minimum(torch.maximum(((begin + limit - 7800) / 7680).round().long() + 1, first + 1), self.patches[rows])
        at = first[:, None] + torch.arange(PATCHES, device=self.device)
        inside = (at < last[:, None]).float()[:, :, None]
        at = self.patch[rows][:, None] + torch.minimum(at, last[:, None] - 1)
        weight = inside / inside.sum(1, keepdim=True)
        return (self.scores[at].float() * weight).sum(1), (self.embeds[at].float() * weight).sum(1)

    def cut(self, rows, begin, limit, speed, long, size):
        """Magnitudes [B, size, 64] of each crop at its speed, its peak at 1, somewhere in silence; and whether it is loud enough."""
        at = (self.uniform(len(rows)) * (size - long + 1).clamp_min(1)).long()
        t = torch.arange(size, device=self.device)[None] - at[:, None]
        inside = (t >= 0) & (t < long[:, None])
        place = torch.minimum((t.clamp_min(0) * speed[:, None]).long(), (limit - 1)[:, None])
        x = self.frames[(self.first[rows] + begin)[:, None] + place]
        # Band of hertz f at this speed is what f / speed was.
        band = ((1127 * torch.log(1 + self.hertz[None] / speed[:, None] / 700) - self.low) / self.wide).clamp(0, 63)
        low = band.long().clamp_max(62)
        part = (band - low)[:, None].expand(-1, size, -1)
        low = low[:, None].expand(-1, size, -1)
        below, above = x.gather(2, low).float(), x.gather(2, low + 1).float()
        m = ((below + (above - below) * part) * STEP + FLOOR).exp() - LOG_OFFSET
        block = torch.arange(1 + FRAMES_MAX // BLOCK, device=self.device)
        here = torch.minimum((begin // BLOCK)[:, None] + block, ((begin + limit - 1) // BLOCK)[:, None])
        peak = (self.peaks[self.block[rows][:, None] + here].float().amax(1) / 255) ** 2
        return m * inside[:, :, None] / peak.clamp_min(0.01)[:, None, None], peak > 0.01

    def targets(self, rows, score):
        """Class distribution, right and free texts."""
        q = torch.where(score > 0.03, score, 0)
        total = q.sum(1, keepdim=True)
        q = torch.where(total > 0, q / total.clamp_min(1e-9), torch.full_like(q, 1 / 521))
        group = self.group[rows]
        named = (group >= 0)[:, None]
        group = group.clamp_min(0)
        q = torch.where(named & self.told[group][:, None], 0.4 * q + 0.6 * self.known[group], q)
        best, top = score.max(1)
        sure = (best > 0.35)[:, None]
        of_top = F.one_hot(top, self.right.shape[1]).bool() & sure
        right = torch.where(named, self.right[group], of_top)
        free = torch.where(named, self.free[group] | of_top, self.near[top] & sure)
        return q, right, free

    def collate(self, rows, begin, limit, speed, long, size):
        """(mels, mels before masks and tilt, classes, embeddings, right, free, captions) of one batch."""
        count = len(rows)
        m, loud = self.cut(rows, begin, limit, speed, long, size)
        score, embed = self.heard(rows, begin, limit)
        q, right, free = self.targets(rows, score)
        right, free = right & loud[:, None], free | ~loud[:, None]
        # Sums of two, the other one of the same batch.
        other = torch.randperm(count, generator=self.random, device=self.device)
        mixed = (self.uniform(count) < self.mixed) & (other != torch.arange(count, device=self.device))
        gain = (self.uniform(count, 0.3, 1.0) * mixed)[:, None]
        m = m ** 2 + (gain[:, :, None] * torch.roll(m[other], int(self.rng.integers(size // 4 + 1)), 1)) ** 2
        q = (q + gain * q[other]) / (1 + gain)
        right, free = right | (right[other] & mixed[:, None]), free | (free[other] & mixed[:, None])
        embed = embed * ~mixed[:, None]
        spoken = torch.full((count,), -1, device=self.device)
        if self.spoken is not None:
            n = self.spoken_count[rows]
            drawn = self.spoken[rows].gather(1, (self.uniform(count) * n).long().clamp_max((n - 1).clamp_min(0))[:, None])[:, 0]
            spoken = torch.where(mixed | (n == 0), spoken, drawn)
        level = 10 ** self.uniform(count, -1.3, 0) / (1 + gain[:, 0] / 2)
        noise = 10 ** self.uniform(count, -4.5, -2) * (self.uniform(count) < 0.6)
        at = (self.uniform(count) * (len(self.noise) - size)).long()[:, None] + torch.arange(size, device=self.device)
        m = (m * level[:, None, None] ** 2 + (self.noise[at] * noise[:, None, None]) ** 2).sqrt()
        clean = ((m + LOG_OFFSET).log() - self.mean) / self.std
        tilt = torch.randn((count, 1, 4), generator=self.random, device=self.device) * 0.25
        mel = clean + F.interpolate(tilt, size=64, mode="linear", align_corners=True)
        masked, mean = (self.uniform(count) < 0.4)[:, None, None], mel.mean((1, 2), keepdim=True)
        for axis, most in ((64, 8), (size, size // 8)):
            wide, at = self.uniform(count, 1, most + 1).long(), torch.arange(axis, device=self.device)
            first = (self.uniform(count) * (axis - wide)).long()
            gone = (at >= first[:, None]) & (at < (first + wide)[:, None])
            mel = torch.where(masked & (gone[:, None, :] if axis == 64 else gone[:, :, None]), mean, mel)
        return mel, clean, q, embed, right, free & ~right, spoken
