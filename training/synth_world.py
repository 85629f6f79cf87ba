"""Weather, water, fire, steps, hands, shots: most of them noise. Each takes (rng, n) and gives n samples at 16 kHz."""

import numpy as np

from synth import RATE, decay, harmonics, noise, scattered, seconds, sine, slow, strikes


def heart(rng, n):
    step = 60 / rng.uniform(55, 110)
    times = np.concatenate([[t, t + 0.28 * step] for t in np.arange(0.1, n / RATE, step)])
    return strikes(rng, n, times, lambda k: sine(55 * (1 - 0.2 * (k % 2)), 2400) * decay(2400, 0.035) * (1 - 0.35 * (k % 2)))


def rain(rng, n):
    drops = strikes(
        rng,
        n,
        scattered(rng, n, rng.uniform(60, 500)),
        lambda k: noise(rng, 200, 1500, 7500) * decay(200, 0.002) * rng.uniform(0.1, 1),
    )
    return drops + rng.uniform(0.2, 0.6) * noise(rng, n, 400, 7500, 0.5)


def wind(rng, n):
    centre = slow(rng, n, 0.7)
    bands = [noise(rng, n, 80 * 2**k, 240 * 2**k) * np.exp(-((centre * 3 - k) ** 2)) for k in range(4)]
    return sum(bands) * (0.3 + slow(rng, n, 0.5))


def surf(rng, n):
    wave = 0.15 + np.clip(np.sin(2 * np.pi * seconds(n) / rng.uniform(3, 7) + rng.uniform(0, 6)), 0, 1) ** 1.5
    return noise(rng, n, 60, 6500, 1.0) * wave


def stream(rng, n):
    plops = strikes(
        rng,
        n,
        scattered(rng, n, rng.uniform(20, 60)),
        lambda k: sine(rng.uniform(400, 1600) * (1 + np.arange(900) / 1500), 900) * decay(900, 0.01) * rng.uniform(0.1, 0.6),
    )
    return plops + 0.5 * noise(rng, n, 300, 5000, 0.8) * slow(rng, n, 6, 0.5)


def waterfall(rng, n):
    return noise(rng, n, 60, 7500, rng.uniform(0.3, 1.0)) * slow(rng, n, 4, 0.8)


def drips(rng, n):
    return strikes(
        rng,
        n,
        scattered(rng, n, rng.uniform(0.8, 2.5)),
        lambda k: sine(rng.uniform(700, 1500) * (1 + np.arange(2500) / 2500), 2500) * decay(2500, 0.02),
    )


def bubbles(rng, n):
    return strikes(
        rng,
        n,
        scattered(rng, n, rng.uniform(6, 25)),
        lambda k: sine(rng.uniform(250, 700) * (1 + np.arange(1500) / 1500), 1500) * decay(1500, 0.02) * rng.uniform(0.3, 1),
    )


def crackle(rng, n):
    pops = strikes(
        rng,
        n,
        scattered(rng, n, rng.uniform(8, 40)),
        lambda k: noise(rng, 160, 800, 7500) * decay(160, 0.0015) * rng.uniform(0.1, 1) ** 2,
    )
    return pops + rng.uniform(0.02, 0.12) * noise(rng, n, 40, 1500, 1.5) * slow(rng, n, 3, 0.4)


def thunder(rng, n):
    return noise(rng, n, 25, 900, 1.8) * decay(n, rng.uniform(0.5, 1.2)) * slow(rng, n, 6, 0.2) + 0.3 * noise(
        rng, n, 200, 5000
    ) * decay(n, 0.06)


def blast(rng, n):
    return np.tanh(3 * noise(rng, n, 25, 3000, 1.2) * decay(n, rng.uniform(0.15, 0.6))) + 0.5 * noise(
        rng, n, 500, 7000
    ) * decay(n, 0.02)


def shots(rng, n):
    return strikes(
        rng, n, scattered(rng, n, 0.8), lambda k: noise(rng, 6000, 80, 7500, 0.5) * decay(6000, rng.uniform(0.02, 0.05))
    )


def burst(rng, n):
    step = 1 / rng.uniform(7, 14)
    return strikes(
        rng,
        n,
        np.arange(0.1, n / RATE * rng.uniform(0.4, 1), step),
        lambda k: noise(rng, 1600, 80, 7500, 0.5) * decay(1600, 0.012),
    )


def steps(rng, n):
    step = rng.uniform(0.28, 0.7)
    return strikes(
        rng, n, np.arange(0.1, n / RATE, step), lambda k: noise(rng, 1800, 60, rng.uniform(800, 4000), 1) * decay(1800, 0.02)
    )


def hooves(rng, n):
    beat, hz = rng.uniform(0.4, 0.8), rng.uniform(500, 1100)
    times = np.concatenate([[t, t + beat * 0.22, t + beat * 0.5] for t in np.arange(0.05, n / RATE, beat)])
    return strikes(
        rng, n, times, lambda k: (noise(rng, 900, 300, 3500) + sine(hz * rng.uniform(0.9, 1.1), 900)) * decay(900, 0.012)
    )


def claps(rng, n):
    return strikes(
        rng,
        n,
        scattered(rng, n, rng.uniform(60, 250)),
        lambda k: noise(rng, 500, 700, 5500) * decay(500, 0.006) * rng.uniform(0.2, 1),
    )


def buzzing(rng, n):
    hz = rng.uniform(160, 260) * (1 + 0.08 * slow(rng, n, 4))
    return harmonics(hz, n, rng, 16, 0.7) * slow(rng, n, 1.5, 0.3)


def chirring(rng, n):
    hz, rate = rng.uniform(2800, 5500), rng.uniform(14, 60)
    return (
        sine(hz, n) * np.clip(np.sin(2 * np.pi * rate * seconds(n)), 0, 1) * (np.mod(seconds(n), rng.uniform(0.3, 1.2)) < 0.6)
    )


def hiss(rng, n):
    return noise(rng, n, 20, 7900)


def static(rng, n):
    return noise(rng, n, 300, 5000) * slow(rng, n, 12, 0.3) + 0.3 * strikes(
        rng, n, scattered(rng, n, 20), lambda k: noise(rng, 80, 500, 7000)
    )


def steam(rng, n):
    return noise(rng, n, 1800, 7900) * slow(rng, n, 1, 0.4)


def laser(rng, n):
    return strikes(
        rng,
        n,
        np.arange(0.05, n / RATE, rng.uniform(0.25, 0.9)),
        lambda k: np.tanh(2 * sine(rng.uniform(2500, 4500) * decay(4000, 0.06), 4000)) * decay(4000, 0.08),
    )


def popping(rng, n):
    rocket = strikes(rng, n, scattered(rng, n, 0.7), lambda k: sine(np.linspace(700, 2500, 8000), 8000) * 0.3)
    return rocket + strikes(
        rng,
        n,
        scattered(rng, n, rng.uniform(2, 8)),
        lambda k: noise(rng, 9000, 60, 6000, 0.8) * decay(9000, rng.uniform(0.02, 0.1)) * rng.uniform(0.3, 1),
    )


def keyboard(rng, n):
    return strikes(
        rng,
        n,
        scattered(rng, n, rng.uniform(5, 9)),
        lambda k: noise(rng, 700, 700, 6500) * decay(700, 0.005) * rng.uniform(0.4, 1),
    )


def shaking(rng, n):
    return strikes(
        rng, n, np.arange(0.05, n / RATE, rng.uniform(0.12, 0.3)), lambda k: noise(rng, 1200, 2500, 7900) * np.hanning(1200)
    )


def falling_coins(rng, n):
    part = lambda k: sum(sine(rng.uniform(3000, 7000), 5000) * decay(5000, 0.05) for _ in range(3)) * rng.uniform(0.3, 1)
    return strikes(rng, n, scattered(rng, n, rng.uniform(3, 9)), part)


def blades(rng, n):
    part = lambda k: (
        noise(rng, 3000, 1500, 7900) * np.hanning(3000)
        + sum(sine(rng.uniform(2500, 6500), 3000) * decay(3000, 0.04) for _ in range(3)) * 0.3
    )
    return strikes(rng, n, np.arange(0.1, n / RATE, rng.uniform(0.5, 1.0)), part)


KINDS = [
    ("heartbeat", heart),
    ("~rain", rain),
    ("~wind", wind),
    ("~waves on a beach", surf),
    ("~a river", stream),
    ("waterfall", waterfall),
    ("drop of water", drips),
    ("~bubbles", bubbles),
    ("~fire", crackle),
    ("~thunder", thunder),
    ("explosion", blast),
    ("gunshot", shots),
    ("machine gun", burst),
    ("~footsteps", steps),
    ("=horses galloping", hooves),
    ("~applause", claps),
    ("bee", buzzing),
    ("cricket", chirring),
    ("~hiss of noise", hiss),
    ("~static", static),
    ("~steam", steam),
    ("laser", laser),
    ("~fireworks", popping),
    ("=a person typing", keyboard),
    ("maracas", shaking),
    ("~coins", falling_coins),
    ("sword", blades),
]
