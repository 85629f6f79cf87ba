"""What the sounds of synth_world.py and synth_things.py are made of: a few lines of arithmetic each."""

import numpy as np

RATE = 16000


def seconds(n):
    return np.arange(n) / RATE


def sine(hz, n):
    """A sine whose frequency may vary: a number or n of them."""
    return np.sin(2 * np.pi * np.cumsum(np.broadcast_to(hz, n)) / RATE)


def harmonics(hz, n, rng, count=12, fall=1.0):
    return sum(sine(np.asarray(hz) * k, n) * k**-fall * rng.uniform(0.5, 1) for k in range(1, count + 1))


def noise(rng, n, low, high, slope=0.0):
    """Noise between two frequencies; `slope` 1 is pink-like, 2 brown-like."""
    spectrum, hz = np.fft.rfft(rng.standard_normal(n)), np.fft.rfftfreq(n, 1 / RATE)
    spectrum *= ((hz > low) & (hz < high)) / np.maximum(hz, 30) ** (slope / 2)
    x = np.fft.irfft(spectrum, n)
    return x / max(1e-9, np.abs(x).max())


def slow(rng, n, hz, low=0.0):
    """A random curve between `low` and 1 with about `hz` bends a second."""
    knots = rng.random(max(3, int(n / RATE * hz) + 2))
    return low + (1 - low) * np.interp(np.arange(n), np.linspace(0, n, len(knots)), knots)


def decay(n, half):
    return 0.5 ** (seconds(n) / half)


def strikes(rng, n, times, make):
    """The sum of make(k) begun at each of the times."""
    out = np.zeros(n)
    for k, t in enumerate(times):
        at = int(t * RATE)
        part = make(k)[: max(0, n - at)]
        out[at : at + len(part)] += part
    return out


def scattered(rng, n, rate):
    return np.sort(rng.uniform(0, n / RATE, max(1, rng.poisson(rate * n / RATE))))


def kinds():
    """[(label of heard.py, function of (rng, n) -> n samples at 16 kHz)]."""
    import synth_things
    import synth_world

    return synth_world.KINDS + synth_things.KINDS
