"""Makes every file of samples/ and its manifest index.jsonl. Nothing in here was photographed or recorded.

    python samples/make.py

Needs Pillow, ffmpeg and espeak-ng. The results are committed; run it only to change them.
"""

import json
import os
import struct
import subprocess
import sys
import wave

from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "maker"))

import noises  # noqa: E402
import scenes  # noqa: E402
from content import CLIPS, IMAGES, AUDIOS, SPEECH, TEXTS  # noqa: E402

QUIET = ["ffmpeg", "-nostdin", "-v", "error", "-y"]
EXACT = ["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact"]
CODECS = {
    "wav": ["-c:a", "pcm_s16le"],
    "flac": ["-c:a", "flac", "-sample_fmt", "s16"],
    "mp3": ["-c:a", "libmp3lame", "-b:a", "48k"],
    "ogg": ["-c:a", "libvorbis", "-q:a", "2"],
    "opus": ["-c:a", "libopus", "-b:a", "24k"],
    "m4a": ["-c:a", "aac", "-b:a", "48k"],
}
VIDEO_CODECS = {
    "mp4": ["-c:v", "libx264", "-crf", "30", "-pix_fmt", "yuv420p", "-threads", "1", "-c:a", "aac", "-b:a", "40k", "-movflags", "+faststart"],
    "webm": ["-c:v", "libvpx", "-b:v", "220k", "-threads", "1", "-c:a", "libvorbis", "-q:a", "1"],
    "mkv": ["-c:v", "libx264", "-crf", "30", "-pix_fmt", "yuv420p", "-threads", "1", "-c:a", "libopus", "-b:a", "24k"],
    "avi": ["-c:v", "mpeg4", "-q:v", "9", "-threads", "1", "-c:a", "libmp3lame", "-b:a", "40k"],
}


def path(*parts):
    return os.path.join(HERE, *parts)


def run(*command):
    subprocess.run(command, check=True)


def exif(facts):
    """EXIF of an image: orientation, camera, time and place, as far as given."""
    out = Image.Exif()
    for tag, name in ((0x0112, "orientation"), (0x010F, "maker"), (0x0110, "camera")):
        if name in facts:
            out[tag] = facts[name]
    if "time" in facts:
        out.get_ifd(0x8769)[0x9003] = facts["time"]
    if "place" in facts:
        lat, lon = facts["place"]
        place = out.get_ifd(0x8825)
        place[1], place[2] = "N" if lat >= 0 else "S", degrees(abs(lat))
        place[3], place[4] = "E" if lon >= 0 else "W", degrees(abs(lon))
    return out


def degrees(value):
    return (float(int(value)), float(int(value * 60) % 60), round(value * 3600 % 60, 2))


def make_image(name, scene, facts):
    canvas = getattr(scenes, scene)()
    suffix = name.rsplit(".", 1)[1]
    image = canvas.finish(grain=3.0 if suffix in ("jpg", "webp") else 0.0)
    if "height" in facts:
        image = image.resize((round(image.width * facts["height"] / image.height), facts["height"]), Image.Resampling.LANCZOS)
    if "colours" in facts:
        image = image.quantize(facts["colours"], dither=Image.Dither.NONE)
        if suffix == "tiff":  # few colours still, so that it stays small, but not as a palette
            image = image.convert("RGB")
    if facts.get("orientation") == 6:  # stored lying on its side: turn it a quarter clockwise to see it upright
        image = image.transpose(Image.Transpose.ROTATE_90)
    options = {"jpg": {"quality": 82, "exif": exif(facts)}, "webp": {"quality": 78}, "png": {"optimize": True}, "tiff": {"compression": "tiff_lzw"}}
    image.save(path("images", name), **options.get(suffix, {}))


def write_wav(file, samples):
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(noises.RATE)
        out.writeframes(b"".join(struct.pack("<h", int(max(-1.0, min(1.0, v)) * 32767)) for v in samples))


def encode(source, name):
    target = path("sounds", name)
    run(*QUIET, "-i", source, "-ac", "1", "-ar", str(noises.RATE if not name.endswith("opus") else 24000), *CODECS[name.rsplit(".", 1)[1]], *EXACT, target)


def make_clip(name, shots, audio, work):
    """Joins shots, each a still that is panned over, zoomed into or held, and lays a soundtrack under them."""
    suffix = name.rsplit(".", 1)[1]
    width, height, rate = (160, 120, 8) if suffix == "gif" else (320, 240, 12)
    inputs, chain = [], []
    for number, (scene, seconds, move) in enumerate(shots):
        still = os.path.join(work, f"{scene}.png")
        if not os.path.exists(still):
            getattr(scenes, scene)().finish(grain=0.0).save(still)
        inputs += ["-loop", "1", "-framerate", str(rate), "-t", str(seconds), "-i", still]
        fill = f"scale={width * 2}:{height * 2}:force_original_aspect_ratio=increase"
        far = f"t/{seconds}"
        moves = {
            "pan": f"{fill},crop={width * 2 - 120}:{height * 2 - 90}:'(iw-ow)*{far}':'(ih-oh)/2',scale={width}:{height}",
            "tilt": f"{fill},crop={width * 2 - 120}:{height * 2 - 90}:'(iw-ow)/2':'(ih-oh)*(1-{far})',scale={width}:{height}",
            "zoom": f"{fill},crop={width * 2}:{height * 2},scale=w='{width}*(1+0.3*{far})':h=-2:eval=frame,crop={width}:{height}",
            "hold": f"{fill},crop={width * 2}:{height * 2},scale={width}:{height}",
        }
        chain.append(f"[{number}:v]{moves[move]},setsar=1,fps={rate}[v{number}]")
    chain.append("".join(f"[v{n}]" for n in range(len(shots))) + f"concat=n={len(shots)}:v=1:a=0[video]")
    if suffix == "gif":
        chain.append("[video]split[a][b];[a]palettegen=max_colors=48[p];[b][p]paletteuse=dither=none[out]")
        run(*QUIET, *inputs, "-filter_complex", ";".join(chain), "-map", "[out]", *EXACT, path("clips", name))
        return
    track = os.path.join(work, "track.wav")
    samples = []
    for part in audio:
        samples += getattr(noises, part)() if part else []
    seconds = sum(shot[1] for shot in shots)
    wanted = int(seconds * noises.RATE)
    write_wav(track, (samples * (wanted // len(samples) + 1))[:wanted])
    run(*QUIET, *inputs, "-i", track, "-filter_complex", ";".join(chain), "-map", "[video]", "-map", f"{len(shots)}:a", "-t", str(seconds), *VIDEO_CODECS[suffix], *EXACT, path("clips", name))


def main():
    import tempfile

    for folder in ("images", "sounds", "clips", "texts"):
        os.makedirs(path(folder), exist_ok=True)
        for old in os.listdir(path(folder)):
            os.remove(path(folder, old))
    rows = []

    def row(file, captions, label=None, **more):
        rows.append({"file": file, "captions": captions, "label": label, "source": "samples", "split": "dev", **more})

    with tempfile.TemporaryDirectory() as work:
        for name, scene, label, captions, facts in IMAGES:
            make_image(name, scene, facts)
            row(f"images/{name}", captions, label, description=captions[0])
        for name, maker, label, captions in AUDIOS:
            samples = getattr(noises, maker)()
            write_wav(os.path.join(work, "audio.wav"), samples)
            encode(os.path.join(work, "audio.wav"), name)
            row(f"sounds/{name}", captions, label, description=captions[0], seconds=round(len(samples) / noises.RATE, 3))
        for name, voice, words in SPEECH:
            spoken = os.path.join(work, "speech.wav")
            run("espeak-ng", "-v", voice, "-s", "150", "-w", spoken, words)
            encode(spoken, name)
            with wave.open(spoken) as audio:
                seconds = round(audio.getnframes() / audio.getframerate(), 3)
            row(f"sounds/{name}", [f"a voice says: {words}"], "speech", description=f'a voice says "{words}"', seconds=seconds)
        for name, shots, audio, captions in CLIPS:
            make_clip(name, shots, audio, work)
            row(f"clips/{name}", captions, None, description=captions[0])
        for name, title, body in TEXTS:
            with open(path("texts", name), "w", encoding="utf-8") as file:
                file.write(body)
            row(f"texts/{name}", [], None, description=title)

    with open(path("index.jsonl"), "w", encoding="utf-8") as file:
        for entry in rows:
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")
    total = sum(os.path.getsize(path(r["file"])) for r in rows)
    print(f"{len(rows)} samples, {total / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
