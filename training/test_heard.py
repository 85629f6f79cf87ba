"""python3 training/test_heard.py: names of files become labels, and archives give their audio. Needs no data and no packages."""

import io
import os
import struct
import sys
import tempfile
import unittest
import zipfile
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import heard  # noqa: E402
import unpack_audio  # noqa: E402


class Names(unittest.TestCase):
    def test_paths_say_what_is_heard(self):
        for path, expected in [
            ("wesnoth-1.16-data/sounds/horse-die.ogg", "horse"),
            ("0ad-data/inner/audio/actor/fauna/animal/elephant_select1.ogg", "elephant"),
            ("gcompris-qt-data/inner/gcompris/src/activities/instruments/resource/drum_kit.ogg", "drum kit"),
            ("gcompris-qt-data/inner/gcompris/src/activities/instruments/resource/saxophone.ogg", "saxophone"),
            ("lmms-common/usr/share/lmms/samples/instruments/church_organ02.ogg", "church organ"),
            ("scratch/usr/share/scratch/Media/Sounds/Animal/SeaLion.mp3", "sea lion"),
            ("ktuberling-data/usr/share/ktuberling/sounds/de/egypt_camel.ogg", "~speech"),
            ("boswars-data/units/tank.ready.wav", "~speech"),
            ("hydrogen-data/GMRockKit/Splash-Hard.wav", "cymbal"),
            ("supertux-data/sounds/splash.wav", "splash"),
            ("lugaru-data/Sounds/RabbitAttack.ogg", None),
            ("pingus-data/goodidea.wav", None),
        ]:
            self.assertEqual(heard.label(path), expected, path)

    def test_phrases_have_an_article_only_where_one_belongs(self):
        self.assertEqual(heard.said("owl"), ["an owl", "the sound of an owl", "owl"])
        self.assertEqual(heard.said("~rain")[0], "rain")
        self.assertEqual(heard.said("=horses galloping"), ["horses galloping", "the sound of horses galloping"])

    def test_every_rule_and_every_rendered_clip_has_a_row_in_the_table(self):
        listed = {line.split("|")[0].strip() for line in heard.table_lines()}
        classes = {c.strip() for line in heard.table_lines() for c in line.split("|")[1].split(";")} - {""}
        kin = {c.strip() for row in heard.KIN.values() for c in row.split(";")}
        table = heard.table(sorted(classes | kin | {"Musical instrument"}))
        named = {name for _, name in heard.RULES} - {"-", "*"}
        self.assertEqual(named - table.keys(), set())
        self.assertEqual(set(heard.INSTRUMENTS) - table.keys(), set())
        self.assertLessEqual(listed, table.keys())
        self.assertEqual(len(heard.INSTRUMENTS), 128)
        self.assertTrue(all(phrases for _, phrases in table.values()))


    def test_labels_of_the_sets_name_classes_and_labels_that_exist(self):
        kin = [k.strip() for line in heard.table_lines("heard_sets.txt") for k in line.split("|")[1].split(";") if k.strip()]
        classes = {c.strip() for line in heard.table_lines() for c in line.split("|")[1].split(";")} - {""}
        display = sorted(classes | {c.strip() for row in heard.KIN.values() for c in row.split(";")} | {"Musical instrument"}
                         | {k for k in kin if not k.startswith("+")})
        table = heard.set_table(display)
        self.assertGreater(len(table), 200)
        for label, (numbers, base, phrases) in table.items():
            self.assertTrue(numbers or base, label)
            self.assertEqual(phrases[:2], [label, f"the sound of {label}"])
            self.assertLessEqual(set(base), heard.table(display).keys())
        self.assertIn(display.index("Dog"), table["dog barking"][0])


class Archives(unittest.TestCase):
    def unpacked(self, name, content):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, name), "wb") as f:
                f.write(content)
            argv, sys.argv = sys.argv, ["unpack_audio.py", folder]
            try:
                unpack_audio.main()
            finally:
                sys.argv = argv
            found = {}
            for root, _, names in os.walk(folder):
                for path in (os.path.join(root, n) for n in names if n != name):
                    with open(path, "rb") as f:
                        found[os.path.relpath(path, os.path.join(folder, "inner"))] = f.read()
            return found

    def test_a_zip_gives_its_audio_and_no_name_leads_out(self):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for name in ("audio/cow.ogg", "art/cow.png", "../escaped.ogg"):
                archive.writestr(name, name.encode())
        self.assertEqual(self.unpacked("public.zip", out.getvalue()), {"audio/cow.ogg": b"audio/cow.ogg"})

    def test_qt_resources_give_their_audio(self):
        def word(text):
            return struct.pack(">HI", len(text), 0) + text.encode("utf-16-be")

        names = word("sounds") + word("a.wav") + word("b.ogg") + word("c.svg")
        at = [0, len(word("sounds")), len(word("sounds") + word("a.wav")), len(word("sounds") + word("a.wav") + word("b.ogg"))]
        plain, packed = b"plain", struct.pack(">I", 6) + zlib.compress(b"packed")
        data = b"".join(struct.pack(">I", len(x)) + x for x in (plain, packed, b"drawing"))
        places = [0, 4 + len(plain), 8 + len(plain) + len(packed)]
        tree = struct.pack(">IHIIQ", 0, 2, 1, 1, 0)
        tree += struct.pack(">IHIIQ", at[0], 2, 3, 2, 0)
        for name, flags, place in zip(at[1:], (0, 1, 0), places):
            tree += struct.pack(">IHHHIQ", name, flags, 0, 0, place, 0)
        head = 20
        content = b"qres" + struct.pack(">4I", 2, head, head + len(tree), head + len(tree) + len(data)) + tree + data + names
        self.assertEqual(self.unpacked("x.rcc", content), {"sounds/a.wav": b"plain", "sounds/b.ogg": b"packed"})


if __name__ == "__main__":
    unittest.main()
