"""The sounds: one function each, which returns samples from -1 to 1 at RATE."""

import math
import random

RATE = 16_000


def silence(seconds):
    return [0.0] * int(seconds * RATE)


def tone(seconds, hertz, strength=0.5, attack=0.01, fade=None, partials=((1, 1.0),)):
    """A note; `hertz` is a number or a function of time, `fade` the seconds to a third."""
    out, phase = [], 0.0
    count = int(seconds * RATE)
    for n in range(count):
        t = n / RATE
        phase += 2 * math.pi * (hertz(t) if callable(hertz) else hertz) / RATE
        loud = min(1.0, t / attack) * (math.exp(-t / fade) if fade else min(1.0, (count - n) / (0.02 * RATE)))
        out.append(strength * loud * sum(a * math.sin(k * phase) for k, a in partials))
    return out


def hiss(seconds, rng, low=0.0, high=1.0):
    """Noise between two one-pole filters: `high` near 1 lets treble through, `low` near 1 takes bass away."""
    out, smooth, base = [], 0.0, 0.0
    for _ in range(int(seconds * RATE)):
        smooth += high * (rng.uniform(-1, 1) - smooth)
        base += (1 - low) * 0.2 * (smooth - base) if low else 0.0
        out.append(smooth - base)
    return out


def lay(track, part, start, strength=1.0):
    """Adds a part to a track from a second on."""
    at = int(start * RATE)
    for n, value in enumerate(part):
        if at + n < len(track):
            track[at + n] += strength * value
    return track


def level(samples, peak=0.8):
    top = max(abs(v) for v in samples) or 1.0
    return [v * peak / top for v in samples]


def bird_chirps():
    rng, out = random.Random(1), silence(4)
    at = 0.1
    while at < 3.6:
        base, notes = rng.uniform(3000, 4300), rng.randint(2, 5)
        for _ in range(notes):
            long, bend = rng.uniform(0.05, 0.11), rng.uniform(-14000, 16000)
            lay(out, tone(long, lambda t, b=base, s=bend: b + s * t, 0.6, 0.008, partials=((1, 1.0), (2, 0.15))), at)
            at += long + rng.uniform(0.02, 0.05)
        at += rng.uniform(0.15, 0.4)
    return level(lay(out, hiss(4, rng, high=0.15), 0, 0.01))


def rain():
    rng = random.Random(2)
    out = [0.25 * v for v in hiss(5, rng, low=0.6, high=0.6)]
    for _ in range(900):
        lay(out, tone(0.012, rng.uniform(1500, 6000), rng.uniform(0.05, 0.35), 0.001, 0.003), rng.uniform(0, 4.9))
    return level(out)


def engine():
    rng = random.Random(3)
    body = tone(4, lambda t: 42 + 16 * math.sin(1.3 * t) ** 2, 0.5, 0.2, partials=tuple((k, 1 / k**0.8) for k in range(1, 22)))
    noise = hiss(4, rng, high=0.12)
    return level([b * (0.8 + 0.4 * n) + 0.3 * n for b, n in zip(body, noise)])


def church_bell():
    out = silence(5)
    for start in (0.05, 2.3):
        for ratio, loud, fade in ((0.5, 0.5, 2.2), (1, 1.0, 1.6), (1.2, 0.7, 1.2), (1.5, 0.5, 1.0), (2, 0.6, 0.9), (2.66, 0.35, 0.5), (3.01, 0.3, 0.4), (4.1, 0.2, 0.25)):
            lay(out, tone(2.7, 330 * ratio, loud * 0.3, 0.002, fade), start)
    return level(out)


def siren():
    return level(tone(5, lambda t: 900 + 420 * math.sin(2 * math.pi * 0.4 * t), 0.6, 0.1, partials=((1, 1.0), (2, 0.35), (3, 0.25), (4, 0.1))))


def drum_rhythm():
    rng, out = random.Random(6), silence(4)
    for beat in range(16):
        at = beat * 0.25
        if beat % 4 in (0, 3):
            lay(out, tone(0.3, lambda t: 50 + 110 * math.exp(-t * 28), 1.0, 0.002, 0.1), at)
        if beat % 4 == 2:
            snare = hiss(0.2, rng, high=0.8)
            lay(out, [v * math.exp(-n / RATE / 0.05) for n, v in enumerate(snare)], at, 0.7)
        hat = hiss(0.06, rng, low=0.9)
        lay(out, [v * math.exp(-n / RATE / 0.012) for n, v in enumerate(hat)], at, 0.3)
    return level(out)


def sine_sweep():
    return level(tone(4, lambda t: 100 * 2 ** (t * 1.5), 0.6))


def clock_ticking():
    rng, out = random.Random(8), silence(4)
    for beat in range(8):
        click = [v * math.exp(-n / RATE / 0.004) for n, v in enumerate(hiss(0.03, rng, low=0.7))]
        lay(out, click, 0.1 + 0.5 * beat, 1.0 if beat % 2 else 0.7)
        lay(out, tone(0.05, 2300 if beat % 2 else 1900, 0.35, 0.001, 0.008), 0.1 + 0.5 * beat)
    return level(out)


def ocean_waves():
    rng = random.Random(9)
    noise = hiss(6, rng, high=0.35)
    return level([v * (0.12 + 0.88 * max(0.0, math.sin(2 * math.pi * (n / RATE) / 3 - 0.9)) ** 2) for n, v in enumerate(noise)])


def telephone_ringing():
    out = silence(4)
    for start in (0.1, 2.1):
        for k in range(24):
            lay(out, tone(0.06, 1250 if k % 2 else 1000, 0.6, 0.002, 0.04, partials=((1, 1.0), (2.8, 0.4), (4.1, 0.2))), start + 0.042 * k)
    return level(out)


def thunder():
    rng = random.Random(11)
    noise = hiss(5, rng, high=0.03)
    out = [0.0] * len(noise)
    for start, loud, fade in ((0.2, 1.0, 0.9), (0.7, 0.7, 1.3), (1.6, 0.45, 1.2)):
        at = int(start * RATE)
        for n in range(at, len(noise)):
            t = (n - at) / RATE
            out[n] += noise[n] * loud * min(1.0, t / 0.04) * math.exp(-t / fade)
    crack = hiss(0.5, rng, high=0.5)
    return level(lay(out, [v * math.exp(-n / RATE / 0.12) for n, v in enumerate(crack)], 0.2, 0.12))


def flute_melody():
    rng, out, at = random.Random(12), silence(4.4), 0.1
    for half_steps, long in ((0, 0.4), (2, 0.4), (4, 0.4), (7, 0.8), (4, 0.4), (2, 0.4), (0, 1.1)):
        pitch = 523.25 * 2 ** (half_steps / 12)
        lay(out, tone(long * 0.97, lambda t, p=pitch: p * (1 + 0.006 * math.sin(33 * t)), 0.6, 0.05, partials=((1, 1.0), (2, 0.3), (3, 0.1))), at)
        lay(out, hiss(long * 0.97, rng, low=0.5), at, 0.03)
        at += long
    return level(out)
