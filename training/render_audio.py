"""Sounds whose words are known, made here: CACHE/rendered/LABEL/NUMBER.wav (16 kHz; a label's mark and spaces as in heard.py).

Named instruments and percussion of a General MIDI soundfont (fluidsynth), voices in many languages (espeak-ng), and tones, sweeps,
noises, rhythms, alarms, engines and the like from a few lines of arithmetic. Every part may be missing; seeds are fixed.

    python render_audio.py --data DATA --packages FOLDER --cache DIR [--only instruments voices arithmetic]
"""

import argparse
import os
import shutil
import struct
import subprocess
import tempfile
import wave

import numpy as np

from guard import PARALLEL, Guard
from heard import DRUMS, INSTRUMENTS
from preprocess import RATE
from synth import kinds

SECONDS, TICKS = 4.0, 480  # of a clip; ticks a second (a beat is 480 ticks and lasts a second)
VOICES = {
    "en-us": "English",
    "en-gb": "English",
    "de": "German",
    "fr-fr": "French",
    "cs": "Czech",
    "es": "Spanish",
    "it": "Italian",
    "ru": "Russian",
    "pl": "Polish",
    "nl": "Dutch",
    "sv": "Swedish",
    "pt": "Portuguese",
    "tr": "Turkish",
    "hu": "Hungarian",
    "fi": "Finnish",
    "el": "Greek",
    "ro": "Romanian",
    "ja": "Japanese",
    "cmn": "Chinese",
    "hi": "Hindi",
    "ar": "Arabic",
}
WORDS = {
    "es": "uno dos tres cuatro cinco seis siete ocho",
    "it": "uno due tre quattro cinque sei sette otto",
    "ru": "один два три четыре пять шесть",
    "pl": "jeden dwa trzy cztery pięć sześć",
    "nl": "een twee drie vier vijf zes",
    "sv": "ett två tre fyra fem sex",
    "pt": "um dois três quatro cinco",
    "tr": "bir iki üç dört beş altı",
    "hu": "egy kettő három négy öt",
    "fi": "yksi kaksi kolme neljä viisi",
    "el": "ένα δύο τρία τέσσερα πέντε",
    "ro": "unu doi trei patru cinci șase",
    "ja": "いち に さん し ご ろく",
    "cmn": "一 二 三 四 五 六",
    "hi": "एक दो तीन चार पांच",
    "ar": "واحد اثنان ثلاثة أربعة خمسة",
}


class Shelf:
    """Writes clips, numbered per label."""

    def __init__(self, folder):
        self.folder, self.count = folder, {}

    def put(self, label, samples):
        """f32 samples at 16 kHz; silence is left out."""
        peak = np.abs(samples).max() if len(samples) else 0
        if peak < 1e-4:
            return
        self.count[label] = self.count.get(label, 0) + 1
        place = os.path.join(self.folder, label)
        os.makedirs(place, exist_ok=True)
        with wave.open(os.path.join(place, f"{self.count[label]:04}.wav"), "wb") as out:
            out.setnchannels(1), out.setsampwidth(2), out.setframerate(RATE)
            out.writeframes((samples / peak * 26000).astype("<i2").tobytes())


def length(value):
    """A MIDI variable-length number."""
    out = [value & 127]
    while value := value >> 7:
        out.append(128 | value & 127)
    return bytes(reversed(out))


def midi(events):
    """A file of one track: events [(tick, bytes)]."""
    body, now = b"\x00\xff\x51\x03\x0f\x42\x40", 0
    for tick, data in sorted(events, key=lambda e: e[0]):
        body += length(tick - now) + data
        now = tick
    body += b"\x00\xff\x2f\x00"
    return b"MThd" + struct.pack(">IHHH", 6, 0, 1, TICKS) + b"MTrk" + struct.pack(">I", len(body)) + body


def notes(rng, style, low):
    """[(begin in s, length in s, key)] of one clip."""
    scale = np.array([0, 2, 4, 5, 7, 9, 11, 12]) if rng.random() < 0.6 else np.array([0, 2, 3, 5, 7, 8, 10, 12])
    key = low + int(rng.integers(0, 18))
    if style == 0:
        return [(0.1, 3.0, key)]
    if style == 1:
        return [(0.1 + 0.02 * i, 3.0, key + k) for i, k in enumerate((0, 4 if rng.random() < 0.5 else 3, 7))]
    step = float(rng.choice([0.2, 0.3, 0.45, 0.7]))
    at, place, out = 0.05, int(rng.integers(0, 8)), []
    while at < SECONDS - 0.5:
        place = int(np.clip(place + rng.integers(-2, 3), 0, 7))
        out.append((at, step * rng.uniform(0.6, 1.1), key + int(scale[place])))
        at += step * float(rng.choice([1, 1, 1, 2]))
    return out


def instruments(shelf, soundfont, rng, clips=7):
    """Programs 0 to 127 and the drums of channel 10, some of each a file for fluidsynth."""
    jobs = [(label, program, c % 3 if c < 3 else 2) for program, label in enumerate(INSTRUMENTS) for c in range(clips)]
    jobs += [(label, -key, c) for key, label in DRUMS.items() for c in range(4)]
    for first in range(0, len(jobs), 60):
        part, events = jobs[first : first + 60], []
        for n, (label, program, style) in enumerate(part):
            begin = n * (SECONDS + 1.5)
            force = int(rng.integers(70, 120))
            if program >= 0:
                low = 36 if "bass" in label or label in ("tuba", "timpani", "cello", "bassoon", "trombone") else 52
                played, channel = notes(rng, style, low), 0
                events.append((int((begin - 0.02 if n else begin) * TICKS), bytes([0xC0, program])))
            else:
                step = float(rng.choice([0.25, 0.5, 0.75]))
                played, channel = [(0.1 + i * step, 0.2, -program) for i in range(1 if style == 0 else int(3.4 / step))], 9
            for at, long, key in played:
                on, off = int((begin + at) * TICKS), int((begin + at + long) * TICKS)
                events += [(on, bytes([0x90 | channel, key, force])), (off, bytes([0x80 | channel, key, 0]))]
        with tempfile.TemporaryDirectory() as folder:
            song, out = os.path.join(folder, "song.mid"), os.path.join(folder, "song.wav")
            with open(song, "wb") as f:
                f.write(midi(events))
            subprocess.run(
                ["fluidsynth", "-ni", "-q", "-r", "48000", "-F", out, soundfont, song], check=True, stdout=subprocess.DEVNULL
            )
            audio = heard(out)
        for n, (label, _, _) in enumerate(part):
            begin = int(n * (SECONDS + 1.5) * RATE)
            shelf.put(label, audio[begin : begin + int((SECONDS + 0.4) * RATE)])


def heard(path):
    """f32 samples of a file at 16 kHz."""
    run = subprocess.run(
        ["ffmpeg", "-nostdin", "-v", "error", "-i", path, "-ac", "1", "-ar", str(RATE), "-f", "f32le", "-"],
        capture_output=True,
        check=True,
    )
    return np.frombuffer(run.stdout, np.float32)


def voices(shelf, data, rng, clips=14):
    """Sentences of the parallel training texts in their languages, numbers in the others; men, women, and the bare synthesiser."""
    guard = Guard(data)
    lines = [line.split("\t") for line in guard.train_lines(PARALLEL)[:4000]]
    column = {"en-us": 0, "en-gb": 0, "de": 1, "fr-fr": 2, "cs": 3}
    with tempfile.TemporaryDirectory() as folder:
        for voice, language in VOICES.items():
            for c in range(clips if voice in column else clips // 2):
                text = lines[int(rng.integers(len(lines)))][column[voice]] if voice in column else WORDS[voice]
                kind, out = ("m1", "m3", "m7", "f2", "f3", "f4", "")[c % 7], os.path.join(folder, "voice.wav")
                command = [
                    "espeak-ng",
                    "-v",
                    voice + ("+" + kind if kind else ""),
                    "-s",
                    str(int(rng.integers(120, 200))),
                    "-p",
                    str(int(rng.integers(25, 75))),
                    "-w",
                    out,
                    text,
                ]
                if subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode:
                    continue
                label = (
                    f"=a person speaking {language}"
                    if c % 2
                    else {"m": "=a man speaking", "f": "=a woman speaking"}.get(kind[:1], "=a computer voice")
                )
                shelf.put(label, heard(out)[: int(5 * RATE)])


def arithmetic(shelf, rng, clips=12):
    """Kinds of sounds of a few lines each."""
    for label, make in kinds():
        for _ in range(clips):
            shelf.put(label, make(rng, int(SECONDS * RATE)))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--data", required=True)
    ap.add_argument("--packages", required=True, help="folder of fetch_audio.sh")
    ap.add_argument("--cache", default=os.path.join(os.path.dirname(__file__), ".cache"))
    ap.add_argument("--only", nargs="*", default=["instruments", "voices", "arithmetic"])
    a = ap.parse_args()
    shelf = Shelf(os.path.join(a.cache, "rendered"))
    soundfont = os.path.join(a.packages, "fluid-soundfont-gm/usr/share/sounds/sf2/FluidR3_GM.sf2")
    if "arithmetic" in a.only:
        arithmetic(shelf, np.random.default_rng(1))
    if "voices" in a.only and shutil.which("espeak-ng"):
        voices(shelf, a.data, np.random.default_rng(2))
    if "instruments" in a.only and shutil.which("fluidsynth") and os.path.exists(soundfont):
        instruments(shelf, soundfont, np.random.default_rng(3))
    print(sum(shelf.count.values()), "clips of", len(shelf.count), "labels", flush=True)


if __name__ == "__main__":
    main()
