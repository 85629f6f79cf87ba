"""Pixels and log-mels as the encoders take them; the Rust code is tested against these functions."""

import numpy as np
from PIL import Image

RATE, FRAME, HOP, FFT, MELS = 16000, 400, 160, 512, 64
LOW_HZ, HIGH_HZ, LOG_OFFSET = 125.0, 7500.0, 1e-3
FRAME_MULTIPLE, FRAMES_MIN, FRAMES_MAX = 16, 32, 496
WINDOW = 80000  # samples of one window of 5 s


def load_rgb(path):
    """Image as RGB with transparent pixels over white."""
    image = Image.open(path)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def resize(image, size, box=None):
    """u8 [size, size, 3]: the image (or its box) squashed to a square, Pillow's antialiased bicubic (a = -0.5)."""
    return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC, box=box))


def pixels(u8):
    """f32 [3, S, S] from u8 [S, S, 3]."""
    return ((u8.astype(np.float32) - 127.0) / 128.0).transpose(2, 0, 1)


def hertz_to_mel(hz):
    return 1127.0 * np.log(1.0 + np.asarray(hz, np.float64) / 700.0)


def mel_matrix():
    """[257, 64] as tf.signal.linear_to_mel_weight_matrix makes it: triangles in mel, DC bin zero."""
    bins = hertz_to_mel(np.linspace(0, RATE / 2, FFT // 2 + 1)[1:])[:, None]
    edges = np.linspace(hertz_to_mel(LOW_HZ), hertz_to_mel(HIGH_HZ), MELS + 2)
    low, mid, high = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (bins - low) / (mid - low), (high - bins) / (high - mid)
    return np.pad(np.maximum(0.0, np.minimum(rising, falling)), [[1, 0], [0, 0]]).astype(np.float32)


MEL = mel_matrix()
HANN = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)).astype(np.float32)


def frames_of(samples):
    """Frames that this many samples give without padding."""
    return max(0, (samples - FRAME) // HOP + 1)


def padded_frames(samples):
    """Frame count of a window after padding: the next multiple of 16 within 32..496."""
    up = -(-frames_of(samples) // FRAME_MULTIPLE) * FRAME_MULTIPLE
    return min(max(up, FRAMES_MIN), FRAMES_MAX)


def log_mel(samples):
    """f32 [T, 64] of f32 mono samples at 16 kHz, at most 5 s of them; zero-padded to padded_frames."""
    samples = np.asarray(samples, np.float32)[:WINDOW]
    count = padded_frames(len(samples))
    need = (count - 1) * HOP + FRAME
    samples = np.pad(samples, (0, max(0, need - len(samples))))[:need]
    framed = np.lib.stride_tricks.sliding_window_view(samples, FRAME)[::HOP] * HANN
    spectrum = np.abs(np.fft.rfft(framed, FFT)).astype(np.float32)
    return np.log(spectrum @ MEL + LOG_OFFSET)


def windows(samples, hop=40000):
    """Windows of 5 s every 2.5 s; an audio clip of at most 5 s is one window, a tail is covered by one more."""
    if len(samples) <= WINDOW:
        return [samples]
    starts = list(range(0, len(samples) - WINDOW + 1, hop))
    if starts[-1] + WINDOW < len(samples):
        starts.append(starts[-1] + hop)
    return [samples[s:s + WINDOW] for s in starts]
