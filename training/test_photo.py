"""Checks of the photo stem's training: the three networks that stand for one stem agree, features of another lower part are
refused, and train_photo.py takes a few steps on 50 photos. A minute of an idle machine; needs requirements.txt, the stems, and
for the last test the data folder (DATA) and WordNet (WORDNET, a folder of the Debian package), which is skipped without them.

    DATA=../../shared/data WORDNET=.cache/packages/wordnet-base python test_photo.py
"""

import os
import subprocess
import sys
import tempfile
import unittest

import torch

from checkpoints import caption_checkpoint, image_checkpoint
from deep import Deep
from photos import Photos, deep_of
from soup import mean_updates
from stem import PhotoStem, lower_folder
from whole_stem import WholeStem

HERE = os.path.dirname(os.path.abspath(__file__))
BUNDLE = os.environ.get("BUNDLE", os.path.join(HERE, "../models/mini"))
STEMS = os.path.join(BUNDLE, "stems")
PHOTO = os.path.join(STEMS, "photo.safetensors")
DATA, WORDNET = os.environ.get("DATA", ""), os.environ.get("WORDNET", "")
MATRICES = 42


def updates(seed, scale=0.05):
    """Updates of all matrices, of rank 64 and below, as a file holds them."""
    torch.manual_seed(seed)
    out = {}
    for name, layer in WholeStem(PHOTO, 1).points():
        outputs, inputs = layer.weight.shape
        rank = min(64, outputs, inputs)
        out[name + ".up"] = (scale * torch.randn(outputs, rank) / rank ** 0.5).half()
        out[name + ".down"] = (torch.randn(rank, inputs) / inputs ** 0.5).half()
    return out


class Networks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.own = updates(1)
        cls.stem = PhotoStem(PHOTO, cls.own).eval()
        cls.pixels = torch.randn(2, 3, cls.stem.size, cls.stem.size)
        with torch.no_grad():
            cls.grid = cls.stem(cls.pixels)

    def near(self, grid):
        # Activations lie within 0..6, and differ by the order of f32 sums.
        self.assertLess(float((grid - self.grid).abs().max()), 2e-3)

    @torch.no_grad()
    def test_the_network_for_a_gpu_is_the_stem(self):
        self.assertEqual(len(self.own), 2 * MATRICES)
        self.near(WholeStem(PHOTO, 64).take(self.own)(self.pixels, torch.float32))
        public = WholeStem(PHOTO, 64)(self.pixels, torch.float32)
        self.assertGreater(float((public - self.grid).abs().max()), 0.1, "the updates change the grid, so likeness says something")

    @torch.no_grad()
    def test_the_last_stages_stand_on_the_lower_part_with_its_updates(self):
        deep = deep_of(STEMS, self.own)
        self.near(deep(self.stem.lower(self.pixels).flatten(2)))
        self.assertEqual(deep.lower_key, self.stem.lower_key)
        again = deep.updates()
        self.assertEqual(again.keys(), self.own.keys())
        self.assertTrue(all(torch.equal(again[k].half(), v) for k, v in self.own.items()))

    def test_updates_of_another_lower_part_are_refused(self):
        public, other = PhotoStem(PHOTO), PhotoStem(PHOTO, updates(2), lower_only=True)
        for stem in (public, other):
            with self.assertRaisesRegex(ValueError, "below block"):
                Deep(stem, 64).take(self.own)

    def test_features_of_another_lower_part_are_not_found(self):
        upper = {k: v for k, v in self.own.items() if not PhotoStem(PHOTO).is_lower(k)}
        self.assertEqual(PhotoStem(PHOTO, upper).lower_key, "", "the lower part is the public one")
        with tempfile.TemporaryDirectory() as cache:
            os.mkdir(lower_folder(cache, PhotoStem(PHOTO, upper)))
            with open(os.path.join(cache, "lower", "dev.json"), "w", encoding="utf-8") as f:
                f.write("[]")
            self.assertEqual(Photos(cache, "dev", PhotoStem(PHOTO, upper)).rows, [])
            with self.assertRaisesRegex(FileNotFoundError, "--updates"):
                Photos(cache, "dev", self.stem)

    def test_the_mean_of_updates_is_the_mean_of_their_products(self):
        some = {k: v for k, v in self.own.items() if k.startswith(("head.", "blocks.20."))}
        rest = {k: v for k, v in updates(2).items() if k.startswith("blocks.20.")}
        mean = mean_updates([some, rest], 128)
        product = lambda u, name: u[name + ".up"].float() @ u[name + ".down"].float()  # noqa: E731
        for name, parts in (("head", [some]), ("blocks.20.project", [some, rest])):
            expected = sum(product(p, name) for p in parts) / 2
            self.assertLess(float((product(mean, name) - expected).abs().max()), 1e-4, name)
        mean = mean_updates([some, rest], 128, [3.0, 1.0])
        expected = (3 * product(some, "blocks.20.project") + product(rest, "blocks.20.project")) / 4
        self.assertLess(float((product(mean, "blocks.20.project") - expected).abs().max()), 1e-4)


class Steps(unittest.TestCase):
    @unittest.skipUnless(DATA and WORDNET, "DATA and WORDNET are not named")
    def test_a_few_steps_on_fifty_photos_move_every_update_and_leave_gate_and_names(self):
        with tempfile.TemporaryDirectory() as cache:
            self.run_script("pack_photos.py", "--data", DATA, "--wordnet", WORDNET, "--cache", cache, "--limit", "50")
            said = self.run_script("train_photo.py", "--stems", STEMS, "--start", BUNDLE, "--cache", cache, "--steps", "3", "--evals", "1", "--flickr", "8",
                                   "--extra", "2", "--named", "4", "--plain", "2", "--drawn", "0", "--rank", "64", "--like", "0.3")
            self.assertRegex(said, r"step 3 epoch \d+ loss \d+\.\d+ .*dev \d")
            image = os.path.join(cache, "photo/last.pt")
            before, after = image_checkpoint(BUNDLE), image_checkpoint(image)
            said = self.run_script("train_photo_captions.py", "--stems", STEMS, "--image", image, "--cache", cache, "--seconds", "5",
                                   "--batch", "8", "--extra", "2", "--groups", "2")
            self.assertRegex(said, r"told apart: \d+ steps, loss \d.*CIDEr-D \d")
            caption = caption_checkpoint(os.path.join(cache, "caption/last.pt"))
            self.assertEqual(len(caption["average"]["words"]), caption["config"]["vocab"])
        moved = [k for k, v in after["stem_average"].items() if k.endswith(".up") and (v != 0).any() and not self.same(v, before["stem_average"].get(k))]
        self.assertEqual(len(moved), MATRICES)
        self.assertFalse(torch.equal(after["average"]["out_proj.weight"], before["average"]["out_proj.weight"]))
        for name in ("names.weight", "gate.fc2.bias", "gate.fc1.weight"):
            self.assertTrue(torch.equal(after["average"][name], before["average"][name]), name)
        self.assertEqual(len(PhotoStem(PHOTO, after["stem_average"]).lower_key), 12)

    def same(self, value, old):
        """Whether an update is what it was, the columns that a higher rank adds aside."""
        return old is not None and torch.equal(value[:, :old.shape[1]], old)

    def run_script(self, name, *args):
        run = subprocess.run([sys.executable, os.path.join(HERE, name), *args], capture_output=True, text=True, check=False)
        self.assertEqual(run.returncode, 0, run.stderr[-2000:])
        return run.stdout


if __name__ == "__main__":
    unittest.main()
