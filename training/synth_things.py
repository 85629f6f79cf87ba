"""Tones, signals, bells, engines, tools. Each takes (rng, n) and gives n samples at 16 kHz."""

import numpy as np

from synth import RATE, decay, harmonics, noise, scattered, seconds, sine, slow, strikes


def tone(rng, n):
    return sine(rng.uniform(150, 4000), n)


def sweep(rng, n):
    a, b = np.sort(rng.uniform(150, 5000, 2)) if rng.random() < 0.6 else -np.sort(-rng.uniform(150, 5000, 2))
    return sine(a * (b / a) ** (np.arange(n) / n), n)


def beeps(rng, n):
    step, hz, long = rng.uniform(0.25, 1.0), rng.uniform(500, 3000), rng.uniform(0.05, 0.25)
    m = int(long * RATE)
    return strikes(
        rng,
        n,
        np.arange(0.05, n / RATE, step),
        lambda k: sine(hz, m) * np.minimum(1, np.minimum(np.arange(m), m - np.arange(m)) / 80),
    )


def alarm(rng, n):
    a, b, rate = rng.uniform(600, 1200), rng.uniform(1300, 2800), rng.uniform(1.5, 8)
    hz = np.where(np.sin(2 * np.pi * rate * seconds(n)) > 0, a, b if rng.random() < 0.5 else a)
    gate = 1.0 if rng.random() < 0.5 else (np.sin(2 * np.pi * rate / 2 * seconds(n)) > -0.2)
    return np.tanh(2 * sine(hz, n)) * gate


def siren(rng, n):
    low, high, rate = rng.uniform(450, 700), rng.uniform(1000, 1700), rng.choice([0.2, 0.4, 3.0, 5.0])
    if rng.random() < 0.35:  # two tones
        hz = np.where(
            np.sin(2 * np.pi * rng.uniform(0.5, 1.0) * seconds(n)) > 0, 440 * rng.uniform(0.9, 1.1), 585 * rng.uniform(0.9, 1.1)
        )
    else:
        hz = low + (high - low) * (0.5 - 0.5 * np.cos(2 * np.pi * rate * seconds(n) + rng.uniform(0, 6)))
    return harmonics(hz, n, rng, 5, 1.2) + 0.05 * noise(rng, n, 100, 6000, 1)


def ringing(rng, n):
    """A telephone: an old bell or two tones, on and off."""
    on = np.mod(seconds(n) + rng.uniform(0, 1), rng.uniform(1.5, 3.0)) < rng.uniform(0.8, 1.4)
    if rng.random() < 0.5:
        bell = strikes(
            rng,
            n,
            np.arange(0, n / RATE, 0.045),
            lambda k: (sine(2100 + 400 * (k % 2), 3000) + 0.6 * sine(3800, 3000)) * decay(3000, 0.03),
        )
        return bell * on
    return (
        (sine(rng.uniform(400, 1200), n) + sine(rng.uniform(450, 1500), n))
        * on
        * (0.5 + 0.5 * np.sign(np.sin(2 * np.pi * 20 * seconds(n))))
    )


def dial(rng, n):
    return sine(350 * rng.uniform(0.95, 1.05), n) + sine(440 * rng.uniform(0.95, 1.05), n)


def morse(rng, n):
    unit, hz, out, at = rng.uniform(0.05, 0.1), rng.uniform(500, 1000), np.zeros(n), 0
    while at < n:
        m = int(unit * RATE * (1 if rng.random() < 0.5 else 3))
        out[at : at + m] = sine(hz, m)[: len(out[at : at + m])]
        at += m + int(unit * RATE * (1 if rng.random() < 0.7 else 3))
    return out


def whistle(rng, n):
    hz = (
        rng.uniform(900, 2600) * 2 ** (0.5 * (slow(rng, n, 3) - 0.5))
        if rng.random() < 0.6
        else 2300 * rng.uniform(0.9, 1.2) * (1 + 0.04 * np.sin(2 * np.pi * 25 * seconds(n)))
    )
    return (sine(hz, n) + 0.15 * noise(rng, n, 1500, 5000)) * (slow(rng, n, 2) > 0.25)


def ticking(rng, n):
    step, hz = rng.choice([0.2, 0.25, 0.5, 1.0]), rng.uniform(1500, 4500)
    return strikes(
        rng,
        n,
        np.arange(0.05, n / RATE, step),
        lambda k: (noise(rng, 500, 800, 7000) + sine(hz * (1 + 0.2 * (k % 2)), 500)) * decay(500, 0.004),
    )


def motor(rng, n, hz):
    pulse = np.clip(sine(hz, n), 0, 1) ** 6
    return np.convolve(
        pulse * (1 + 0.3 * rng.standard_normal(n)), decay(500, 0.004) * sine(rng.uniform(90, 220), 500), "same"
    ) + 0.02 * noise(rng, n, 100, 4000, 1)


def engine(rng, n):
    return motor(rng, n, rng.uniform(18, 50) * (1 + 0.05 * slow(rng, n, 3)))


def motorbike(rng, n):
    return motor(rng, n, rng.uniform(35, 70) * 2 ** (1.2 * slow(rng, n, 0.8)))


def propeller(rng, n):
    return harmonics(rng.uniform(70, 130) * (1 + 0.03 * slow(rng, n, 1)), n, rng, 18, 0.6) * (
        0.8 + 0.2 * np.sin(2 * np.pi * 11 * seconds(n))
    ) + 0.3 * noise(rng, n, 100, 3000, 1)


def rotor(rng, n):
    rate = rng.uniform(9, 17)
    return noise(rng, n, 40, 1800, 1.0) * np.clip(np.sin(2 * np.pi * rate * seconds(n)), 0, 1) ** 2 + 0.15 * noise(
        rng, n, 300, 4000, 0.5
    )


def jet(rng, n):
    return noise(rng, n, 100, 7000, 0.6) + 0.3 * sine(rng.uniform(2000, 4500) * (1 + 0.05 * slow(rng, n, 0.5)), n)


def vacuum(rng, n):
    return noise(rng, n, 150, 7000, 0.6) + 0.25 * harmonics(rng.uniform(200, 420), n, rng, 10, 0.7)


def washing(rng, n):
    turn = 0.5 + 0.5 * np.sin(2 * np.pi * rng.uniform(0.5, 1.2) * seconds(n))
    return noise(rng, n, 40, 2500, 1.2) * (0.3 + turn) + 0.3 * harmonics(100, n, rng, 6, 1) * turn


def drill(rng, n):
    step = 1 / rng.uniform(14, 28)
    return strikes(
        rng, n, np.arange(0, n / RATE, step), lambda k: noise(rng, 700, 150, 7000) * decay(700, 0.008)
    ) + 0.2 * motor(rng, n, 40)


def sawing(rng, n):
    stroke = np.abs(np.sin(np.pi * rng.uniform(1.5, 3.5) * seconds(n)))
    return noise(rng, n, 700, 6500) * stroke * (0.6 + 0.4 * np.sign(sine(rng.uniform(60, 140), n)))


def hammering(rng, n):
    hz = rng.uniform(600, 2500)
    return strikes(
        rng,
        n,
        np.arange(0.1, n / RATE, rng.uniform(0.35, 0.9)),
        lambda k: noise(rng, 1500, 200, 6000) * decay(1500, 0.01) + 0.4 * sine(hz, 1500) * decay(1500, 0.02),
    )


def smith(rng, n):
    hz = rng.uniform(1200, 2800)
    part = lambda k: (
        sum(sine(hz * r, 8000) * decay(8000, 0.12 / r) for r in (1, 1.52, 2.41))
        + noise(rng, 8000, 500, 7000) * decay(8000, 0.006)
    )
    return strikes(rng, n, np.arange(0.1, n / RATE, rng.uniform(0.4, 1.0)), part)


def bells(rng, n):
    hz = rng.uniform(150, 700)
    part = lambda k: sum(
        sine(hz * r, n) * a * decay(n, 1.2 / r)
        for r, a in ((0.5, 0.6), (1, 1), (1.2, 0.6), (1.5, 0.5), (2, 0.8), (2.7, 0.3), (4.1, 0.2))
    )
    return strikes(rng, n, np.arange(0.05, n / RATE, rng.uniform(0.9, 2.5)), part)


def tinkle(rng, n):
    keys = rng.uniform(1200, 4500, 6)
    return strikes(
        rng,
        n,
        scattered(rng, n, rng.uniform(2, 6)),
        lambda k: (
            (sine(rng.choice(keys), 16000) + 0.3 * sine(rng.choice(keys) * 1.9, 16000))
            * decay(16000, 0.25)
            * rng.uniform(0.3, 1)
        ),
    )


def train(rng, n):
    beat = rng.uniform(0.5, 1.1)
    times = np.concatenate([[t, t + 0.12, t + 0.3 * beat, t + 0.3 * beat + 0.12] for t in np.arange(0.05, n / RATE, beat)])
    return strikes(rng, n, times, lambda k: noise(rng, 1500, 80, 3000, 0.5) * decay(1500, 0.02)) + 0.35 * noise(
        rng, n, 40, 1500, 1.2
    )


def locomotive(rng, n):
    rate = rng.uniform(2, 6)
    out = noise(rng, n, 150, 6000, 0.5) * np.clip(np.sin(2 * np.pi * rate * seconds(n)), 0, 1) ** 1.5
    return out + (harmonics(rng.uniform(400, 600), n, rng, 6, 0.8) * 0.3 * (slow(rng, n, 0.6) > 0.55))


def horn(rng, n):
    hz = rng.uniform(300, 480)
    return np.tanh(2 * (sine(hz, n) + sine(hz * rng.uniform(1.2, 1.3), n))) * (slow(rng, n, 1.5) > 0.35)


KINDS = [
    ("tone", tone),
    ("~chirps", sweep),
    ("beep", beeps),
    ("alarm", alarm),
    ("siren", siren),
    ("telephone", ringing),
    ("~a dial tone", dial),
    ("~morse code", morse),
    ("whistle", whistle),
    ("clock", ticking),
    ("engine", engine),
    ("motorcycle", motorbike),
    ("aeroplane", propeller),
    ("helicopter", rotor),
    ("jet plane", jet),
    ("~a vacuum cleaner", vacuum),
    ("~a washing machine", washing),
    ("jackhammer", drill),
    ("saw", sawing),
    ("hammer", hammering),
    ("anvil", smith),
    ("bell", bells),
    ("wind chime", tinkle),
    ("train", train),
    ("steam train", locomotive),
    ("car horn", horn),
]
