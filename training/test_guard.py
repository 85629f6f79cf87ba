"""python3 training/test_guard.py: held-out rows and texts are refused. Needs no data and no packages."""

import gzip
import json
import os
import struct
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from guard import PARALLEL, PARALLEL_HELD_LINES, Guard, HeldAudios, Refused, normal  # noqa: E402

ROWS = [
    {"file": "a.jpg", "captions": ["A dog runs .", "A CAT sleeps!"], "source": "flickr8k", "split": "train"},
    {"file": "b.jpg", "captions": ["a cat sleeps"], "source": "flickr8k", "split": "dev"},
    {"file": "c.jpg", "captions": [], "source": "imagenet", "split": "held"},
    {"file": "d.jpg", "captions": [], "source": "coco", "split": "extra"},
    {"file": "moo.ogg", "captions": [], "label": "cow", "source": "animals", "split": "train"},
    {"file": "clip.mp4", "captions": ["a cow making a sound"], "audio_file": "moo.ogg", "still": "e.jpg",
     "source": "derived", "split": "dev"},
    {"file": "e.jpg", "captions": [], "source": "imagenet", "split": "train"},
    {"file": "f.jpg", "captions": ["camera", "a boat on the lake"], "source": "words", "split": "dev2"},
]


def ogg(serial, *pages):
    """An Ogg stream: its serial number and (pretended) checksums differ from packing to packing."""
    out = b""
    for number, page in enumerate(pages):
        lacing = bytes([255] * (len(page) // 255) + [len(page) % 255])
        out += b"OggS" + struct.pack("<BBqIIIB", 0, 0, number, serial, number, serial ^ 0xABCD, len(lacing)) + lacing + page
    return out


class GuardTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        root = self.folder.name
        os.mkdir(os.path.join(root, "text"))
        with open(os.path.join(root, "index.jsonl"), "w", encoding="utf-8") as f:
            f.writelines(json.dumps(r) + "\n" for r in ROWS)
        with gzip.open(os.path.join(root, PARALLEL), "wt", encoding="utf-8") as f:
            f.write("an early line\teine frühe Zeile\tune ligne\třádek\n")
            f.writelines(f"english {i}\tdeutsch {i}\tfrançais {i}\tčesky {i}\n" for i in range(PARALLEL_HELD_LINES))
        with gzip.open(os.path.join(root, "text/de.txt.gz"), "wt", encoding="utf-8") as f:
            f.write("Deutsch, 7!\neine andere Zeile\nA cat sleeps ...\n")
        self.guard = Guard(root)

    def tearDown(self):
        self.folder.cleanup()

    def test_only_train_rows_pass(self):
        self.assertEqual([r["file"] for r in self.guard.train_rows()], ["a.jpg"])
        for row in ROWS[1:]:
            with self.assertRaises(Refused):
                self.guard.check_row(row)
        self.guard.check_row(ROWS[0])

    def test_words_of_dev2_are_free_and_its_sentences_are_not(self):
        self.assertTrue(self.guard.allows_text("Camera"))
        self.assertFalse(self.guard.allows_text("A boat on the lake."))

    def test_copies_of_dev2_files_are_refused(self):
        for name in ("f.jpg", "g.jpg"):
            with open(os.path.join(self.folder.name, name), "wb") as f:
                f.write(b"the same")
        row = {"file": "g.jpg", "captions": [], "source": "coco", "split": "train"}
        self.assertFalse(Guard(self.folder.name).allows_row(row))

    def test_audio_and_stills_of_dev_clips_are_refused(self):
        self.assertFalse(self.guard.allows_row(ROWS[4]))
        self.assertFalse(self.guard.allows_row(ROWS[6]))

    def write(self, name, data):
        with open(os.path.join(self.folder.name, name), "wb") as f:
            f.write(data)

    def test_copies_of_what_dev_shows_and_plays_are_refused_under_any_name(self):
        packets = b"\x01vorbis" + bytes(range(256)) * 3, b"the sound"
        self.write("moo.ogg", ogg(7, *packets))
        self.write("b.jpg", b"pixels")
        for name, data, allowed in [("copy.ogg", ogg(7, *packets), False), ("packed_again.ogg", ogg(8, *packets), False),
                                    ("other.ogg", ogg(7, packets[0], b"another sound"), True),
                                    ("cut.ogg", ogg(7, *packets)[:-1], True), ("header.ogg", ogg(7, b"")[:20], True),
                                    ("copy.jpg", b"pixels", False), ("other.jpg", b"others", True)]:
            self.write(name, data)
            row = {"file": name, "source": "animals", "split": "train"}
            self.assertEqual(Guard(self.folder.name).allows_row(row), allowed, name)
            if not allowed:
                with self.assertRaises(Refused):
                    Guard(self.folder.name).check_row(row)

    def test_audio_of_the_check_set_is_refused_by_content_and_by_what_is_heard(self):
        path = lambda name: os.path.join(self.folder.name, name)  # noqa: E731
        self.write("stamp.ogg", ogg(1, b"a quack", b"and its end"))
        self.write("again.ogg", ogg(2, b"a quack", b"and its end"))
        self.write("other.ogg", ogg(2, b"another quack"))
        heard = [[1.0, 0.0, 0.2], [0.0, 1.0, 0.1], [0.3, 0.3, 1.0]]
        held = HeldAudios([path("stamp.ogg"), path("absent.ogg")], [[[9.0, 9.0, 0.0]], heard])
        unlike = [[-1.0, 0.5, 0.1], [0.5, -1.0, 0.1]]
        self.assertTrue(held.refuses(path("again.ogg"), unlike))
        self.assertFalse(held.refuses(path("other.ogg"), unlike))
        self.assertFalse(held.refuses(path("absent2.ogg"), unlike))
        louder = [[3 * x for x in frame] for frame in heard[1:]]
        self.assertTrue(held.refuses(path("other.ogg"), louder))
        self.assertTrue(held.refuses(path("other.ogg"), [louder[0], unlike[0]]))
        self.assertFalse(held.refuses(path("other.ogg"), [louder[0], *unlike]))
        # Half of the frames in one recording and half in another is no copy of either.
        self.assertFalse(held.refuses(path("other.ogg"), [louder[0], [1.0, 1.0, 0.0], unlike[0]]))

    def test_twins_are_found_however_loud_a_frame_is(self):
        found = HeldAudios([], [[[0.0, 5.0]], [[7.0, 0.0]]]).cosines([2.0, 0.0])
        self.assertEqual(found, [0.0, 1.0])
        self.assertEqual(HeldAudios([], [[[1.0, 0.0]]]).cosines([0.0, 0.0]), [0.0])

    def test_files_that_are_absent_are_no_copies_of_each_other(self):
        self.assertEqual(len(self.guard.bad_contents), 0)
        self.assertTrue(self.guard.allows_row({"file": "absent.ogg", "split": "train"}))

    def test_captions_equal_to_dev_captions_fall(self):
        self.assertEqual(self.guard.train_rows("flickr8k")[0]["captions"], ["A dog runs ."])
        with self.assertRaises(Refused):
            self.guard.check_texts(["A dog runs .", "a Cat, sleeps ."])

    def test_last_lines_of_the_parallel_file_fall_in_every_language(self):
        for text in ("English 0", "deutsch 999", "FRANÇAIS 500.", "česky  3"):
            self.assertFalse(self.guard.allows_text(text), text)
        self.assertTrue(self.guard.allows_text("eine frühe Zeile"))
        self.assertEqual(self.guard.train_lines("text/de.txt.gz"), ["eine andere Zeile"])
        self.assertEqual(len(self.guard.train_lines(PARALLEL)), 1)

    def test_comparison_ignores_case_spaces_and_punctuation(self):
        self.assertEqual(normal("A dog's ball , on-grass ."), normal("a DOGS ball on grass"))
        self.assertNotEqual(normal("a dog"), normal("a dig"))


if __name__ == "__main__":
    unittest.main()
