"""Audio as quantised log-mels (u8 [frames, 64]), all that the audio encoder ever sees of it: 1.7 kB a second when packed.

Every audio clip is brought to a peak of 1 first. A value v means a log-mel of log(LOG_OFFSET) + STEP * v; half a step is 0.1 of what
the encoder's normalisation leaves of a standard deviation. Beside them the peak of every BLOCK frames, as a square root in u8.
"""

import lzma
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from preprocess import FFT, FRAME, HANN, HOP, LOG_OFFSET, MEL, RATE

STEP, BLOCK = 0.5, 10
FLOOR = float(np.log(LOG_OFFSET))


def stored(samples):
    """u8 [frames, 64] and u8 [blocks] of i16 samples; a frame begins every HOP samples, the last ones run into silence."""
    x = samples.astype(np.float32) / max(1, int(np.abs(samples.astype(np.int32)).max()))
    count = -(-len(x) // HOP)
    x = np.pad(x, (0, count * HOP + FRAME - HOP - len(x)))
    frames = np.lib.stride_tricks.sliding_window_view(x, FRAME)[::HOP] * HANN
    mel = np.log(np.abs(np.fft.rfft(frames, FFT)).astype(np.float32) @ MEL + LOG_OFFSET)
    blocks = -(-count // BLOCK)
    peaks = np.abs(np.pad(x, (0, max(0, blocks * BLOCK * HOP - len(x))))[:blocks * BLOCK * HOP]).reshape(blocks, -1).max(1)
    return np.round((mel - FLOOR) / STEP).clip(0, 255).astype(np.uint8), np.ceil(255 * np.sqrt(peaks)).astype(np.uint8)


class MelStore:
    """frames u8 [n, 64], peaks u8, and of each audio clip its first frame, its count of frames and its first block."""

    def __init__(self, frames, peaks, counts):
        self.frames, self.peaks, self.counts = frames, peaks, np.asarray(counts, np.int64)
        blocks = -(-self.counts // BLOCK)
        self.first, self.block = np.cumsum(self.counts) - self.counts, np.cumsum(blocks) - blocks

    @classmethod
    def of_audios(cls, audios, longest=15.0):
        """Of cached audio, at most `longest` seconds of each."""
        parts = [stored(audios.samples[r["start"]:r["start"] + min(r["length"], int(longest * RATE))]) for r in audios.rows]
        return cls(np.concatenate([f for f, _ in parts]), np.concatenate([p for _, p in parts]), [len(f) for f, _ in parts])


def squeezed(frames, path, chunks=16, jobs=2):
    """Writes PATH.0.xz, PATH.1.xz, ... of differences from frame to frame."""
    parts = np.array_split(np.concatenate([frames[:1], frames[1:] - frames[:-1]]), chunks)

    def one(n):
        with open(f"{path}.{n}.xz", "wb") as f:
            f.write(lzma.compress(parts[n].tobytes(), preset=6))
    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(one, range(chunks)))


def unsqueezed(path, chunks=16):
    """What `squeezed` was given."""
    def one(n):
        with open(f"{path}.{n}.xz", "rb") as f:
            return np.frombuffer(lzma.decompress(f.read()), np.uint8)
    with ThreadPoolExecutor(chunks) as pool:
        return np.concatenate(list(pool.map(one, range(chunks)))).reshape(-1, 64).cumsum(0, dtype=np.uint8)
