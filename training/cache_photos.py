"""What the stem's lower part makes of every image, computed once: CACHE/lower/SOURCE.V.npy, f16 [images, C, P * P], one
file a view. With --updates, a file of weights that train_photo.py made, it is that lower part, and the folder CACHE/lower.KEY.

View 0 is the whole photo squashed to a square, as at inference. The others are crops of 55 to 100 % of the area
with an aspect between 2:3 and 3:2 of the photo's own, every second one mirrored: users' photos have every aspect,
the training photos come as squares.
`white` holds ImageNet photos cut to a soft shape on a white square, as drawings and products with transparent
surroundings look; `drawings` holds named drawings (drawings.py), view 1 smaller, moved and mirrored.

    python cache_photos.py --data DATA --stems FOLDER --cache DIR [--updates FILE] [--views 4]
        [--drawings FOLDER --stamps FOLDER]
"""

import argparse
import json
import math
import os
import random
import time

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from drawings import drawings
from guard import Guard
from preprocess import load_rgb, pixels, resize
from stem import Lower, PhotoStem, lower_folder, lower_shape, onnx_session

COCO = ("coco2014-train-256px", "coco2014-val-256px")


def box_of(size, rng):
    """A random crop box of the image."""
    w, h = size
    area, ratio = rng.uniform(0.55, 1.0), math.exp(rng.uniform(math.log(2 / 3), math.log(3 / 2)))
    bw, bh = min(1.0, math.sqrt(area * ratio)), min(1.0, math.sqrt(area / ratio))
    x, y = rng.uniform(0, 1 - bw), rng.uniform(0, 1 - bh)
    return (x * w, y * h, (x + bw) * w, (y + bh) * h)


def view_of(path, view, size):
    """u8 [size, size, 3] of one view; the same file and view give the same crop."""
    image = load_rgb(path)
    if view == 0:
        return resize(image, size)
    rng = random.Random(f"{os.path.basename(path)}#{view}")
    box = None if view == 1 else box_of(image.size, rng)
    out = resize(image, size, box)
    return out[:, ::-1] if view % 2 else out


def white_view(path, view, size):
    """u8 [size, size, 3]: a cut-out of the photo's middle on white."""
    image, rng = load_rgb(path), random.Random(f"{os.path.basename(path)}!{view}")
    w, h = image.size
    corners = []
    for i in range(14):
        angle, radius = 2 * math.pi * i / 14, rng.uniform(0.36, 0.5)
        corners.append((w * (0.5 + radius * math.cos(angle)), h * (0.5 + radius * math.sin(angle))))
    mask = Image.new("L", image.size, 0)
    ImageDraw.Draw(mask).polygon(corners, fill=255)
    mask = mask.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 3)))
    cut = Image.composite(image, Image.new("RGB", image.size, (255, 255, 255)), mask)
    inner = (round(size * rng.uniform(0.65, 1.0)), round(size * rng.uniform(0.65, 1.0)))
    canvas = Image.new("RGB", (size, size), (255, 255, 255))
    canvas.paste(cut.resize(inner, Image.Resampling.BICUBIC), ((size - inner[0]) // 2, (size - inner[1]) // 2))
    out = np.asarray(canvas)
    return out[:, ::-1] if rng.random() < 0.5 else out


def drawing_view(path, view, size):
    """u8 [size, size, 3]: a drawing over white, whole or smaller, moved and mirrored."""
    image, rng = load_rgb(path), random.Random(f"{path}?{view}")
    if view == 0:
        return resize(image, size)
    width, height = (round(size * rng.uniform(0.55, 1.0)) for _ in range(2))
    canvas = Image.new("RGB", (size, size), (255, 255, 255))
    canvas.paste(image.resize((width, height), Image.Resampling.BICUBIC), (rng.randint(0, size - width), rng.randint(0, size - height)))
    out = np.asarray(canvas)
    return out[:, ::-1] if view % 2 else out


def cache(files, view, path, session, size, shape, make=view_of, batch=8):
    """Fills one file; an interrupted run goes on where its progress note says."""
    note = path + ".done"
    done = int(open(note).read()) if os.path.exists(note) and os.path.exists(path) else 0
    if done >= len(files):
        return
    mode = "r+" if done else "w+"
    out = np.lib.format.open_memmap(path, mode, np.float16, (len(files), *shape))
    start = time.time()
    for i in range(done, len(files), batch):
        part = np.stack([pixels(make(f, view, size)) for f in files[i:i + batch]])
        out[i:i + len(part)] = session.run(None, {"pixels": part})[0].reshape(len(part), *shape)
        if i // batch % 100 == 99:
            with open(note, "w") as f:
                f.write(str(i + len(part)))
    out.flush()
    with open(note, "w") as f:
        f.write(str(len(files)))
    print(f"{os.path.basename(path)}: {len(files)} photos, {(len(files) - done) / (time.time() - start):.0f} a second", flush=True)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--data", required=True)
    ap.add_argument("--stems", required=True)
    ap.add_argument("--cache", default=os.path.join(os.path.dirname(__file__), ".cache"))
    ap.add_argument("--updates", default="", help="weights/photo.safetensors of a bundle whose lower part shall see the images")
    ap.add_argument("--views", type=int, default=4)
    ap.add_argument("--drawings", default="", help="folder of fetch_drawings.sh")
    ap.add_argument("--stamps", default="", help="the public check set: no drawing may look like one of its images")
    ap.add_argument("--limit", type=int, default=0, help="photos a source, for a quick trial")
    a = ap.parse_args()
    guard = Guard(a.data)
    stem = PhotoStem(os.path.join(a.stems, "photo.safetensors"), a.updates).eval()
    folder, shape = lower_folder(a.cache, stem), lower_shape(stem)
    os.makedirs(folder, exist_ok=True)
    session = onnx_session(Lower(stem), os.path.join(folder, "lower.onnx"), 1)
    sets = {"flickr": guard.train_rows("flickr8k"), "imagenet": guard.train_rows("imagenet-sample-images"),
            "coco": guard.train_rows(*COCO), "white": guard.train_rows("imagenet-sample-images"),
            "dev": guard.eval_rows("flickr8k")}
    jobs = [("dev", 0), ("imagenet", 0), ("white", 0), ("white", 1), ("flickr", 0), ("flickr", 1)]
    if a.drawings:
        sets["drawings"] = drawings(a.drawings, guard, a.stamps)
        jobs += [("drawings", 0), ("drawings", 1)]
    jobs += [("flickr", v) for v in range(2, a.views)] + [("coco", 0)] + [("imagenet", v) for v in range(1, a.views)]
    for name, view in jobs:
        rows = sets[name][:a.limit or None]
        with open(os.path.join(folder, name + ".json"), "w") as f:
            json.dump(rows, f)
        files = [os.path.join(a.data, r["file"]) for r in rows]
        cache(files, view, os.path.join(folder, f"{name}.{view}.npy"), session, stem.size, shape,
              {"white": white_view, "drawings": drawing_view}.get(name, view_of))


if __name__ == "__main__":
    main()
