"""Tests of what the scripts compute, and of samples/ against its manifest. Plain Python."""

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import bars
import card
import common
import eval_captions
import eval_labels
import eval_moments
import eval_summaries
import readme
import show_hits
import stamps

SAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "samples")


class Figures(unittest.TestCase):
    def test_overlap_is_intersection_over_union(self):
        self.assertEqual(common.overlap((0, 1000), (0, 1000)), 1.0)
        self.assertEqual(common.overlap((0, 1000), (500, 1500)), 500 / 1500)
        self.assertEqual(common.overlap((0, 1000), (2000, 3000)), 0.0)

    def test_precision_looks_at_no_more_than_there_are(self):
        self.assertEqual(common.precision(["cat", "dog", "cat"], "cat", 2), 0.5)
        self.assertEqual(common.precision(["cat"] * 20, "cat", 15), 1.0)

    def test_interval_holds_the_mean(self):
        low, high = common.interval([0.0, 1.0] * 50)
        self.assertTrue(0.35 < low < 0.5 < high < 0.65)

    def test_the_plan_of_moments_is_seeded_and_its_labels_differ(self):
        rows = [{"source": "flickr8k", "captions": ["c"], "file": f"{n}.jpg"} for n in range(20)]
        rows += [{"source": "animal_sounds", "label": f"animal{n % 5}", "file": f"{n}.ogg"} for n in range(20)]
        first, second = (list(eval_moments.plan(rows, 3, 3, 7)) for _ in range(2))
        self.assertEqual(first, second)
        self.assertEqual(len(first), 6)
        for _, files, seconds, asked, _ in first:
            self.assertEqual(len(files), len(seconds))
            self.assertTrue(0 <= asked < len(files))

    def test_lines_between_marks_are_replaced_and_the_rest_stays(self):
        begin, end = eval_captions.CARD_BEGIN, eval_captions.CARD_END
        card = f"a\n{begin}\nold\n{end}\nb\n"
        self.assertEqual(eval_captions.between_marks(card, ["x", "y"]), f"a\n{begin}\nx\ny\n{end}\nb\n")
        with self.assertRaises(SystemExit):
            eval_captions.between_marks("a\nb\n", ["x"])

    def test_an_example_holds_if_only_times_and_the_last_digit_of_scores_differ(self):
        shown = "1  3.2  image  samples/images/daisies.jpg\n57 indexed in 2.6 s"
        self.assertEqual(readme.differing(shown, shown.replace("3.2", "3.3").replace("2.6 s", "9.1 s")), [])
        self.assertEqual(len(readme.differing(shown, shown.replace("3.2", "3.4"))), 1)
        self.assertEqual(len(readme.differing(shown, shown.replace("daisies", "beach"))), 1)
        self.assertEqual(len(readme.differing(shown, shown + "\n2  1.0  image  samples/images/beach.jpg")), 1)

    def test_a_storyboard_is_judged_by_its_cut_and_by_what_it_shows(self):
        def judge(*spans):
            return eval_summaries.judge([{"start_ms": a, "end_ms": b} for a, b in spans], 3000)

        self.assertEqual(judge((0, 3250), (3250, 6000)), (True, True))
        self.assertEqual(judge((0, 3750), (3750, 6000)), (False, False))
        self.assertEqual(judge((0, 6000)), (False, False))
        self.assertEqual(judge((0, 3000)), (False, False))
        self.assertEqual(judge((0, 1500), (1500, 3000), (3000, 6000)), (True, True))


class Bars(unittest.TestCase):
    def run_bars(self, *results):
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
            file.writelines(json.dumps(result) + "\n" for result in results)
            file.flush()
            script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bars.py")
            run = subprocess.run([sys.executable, script, file.name], stdout=subprocess.PIPE, check=False)
        return run.returncode, run.stdout.decode()

    def test_bars_are_reached_from_below_and_limits_from_above(self):
        good = {"text_to_image": {"r1": 0.5, "r10": 0.8, "ci": {"r1": [0.4, 0.6]}}}, {"pixels": {"worst": 1}}
        code, text = self.run_bars(*good)
        count = len(bars.BARS) + len(bars.LIMITS)
        self.assertEqual((code, text.splitlines()[-1]), (0, f"3 bars met, 0 missed, {count - 3} skipped"))
        code, text = self.run_bars(*good, {"tokens": {"wrong": 1}}, {"moments": {"right": 0.1, "ci": [0, 1]}})
        self.assertEqual((code, text.splitlines()[-1]), (1, f"3 bars met, 2 missed, {count - 5} skipped"))
        self.assertIn("ABOVE THE LIMIT", text)
        self.assertIn("BELOW THE BAR", text)

    def test_reading_again_is_judged_by_what_it_adds(self):
        for r1, code in ((0.279, 1), (0.28, 0)):
            self.assertEqual(self.run_bars({"rerank": {"r1": r1, "r1_before": 0.26}})[0], code)


class Card(unittest.TestCase):
    TABLE = ("| figure | first, aaa | bbb | 95 % |\n| --- | --- | --- | --- |\n| text -> image, R@1 | 20.3 | 22.4 | 20.7-24.3 |\n"
             "| captions, BLEU-4 | - | 19.2 | - |\n| text -> audio, p10 | 85.0 | 86.0 | 76.8-97.2 |\n")  # fmt: skip
    RESULTS = (
        {"text_to_image": {"r1": 0.3, "r5": 0.5, "ci": {"r1": [0.28, 0.32], "r5": [0.4, 0.6]}}, "bundle": "mini@ccc"},
        {"moments": {"right": 0.9, "ci": [0.85, 0.95], "clips": 7}}, {"captions": {"bleu4": 0.1921, "cider_d": 0.5}},
    )  # fmt: skip

    def run_card(self, text, *flags):
        """What the script prints, its status, and the card afterwards."""
        with tempfile.TemporaryDirectory() as folder:
            paths = [os.path.join(folder, name) for name in ("results.jsonl", "CARD.md")]
            with open(paths[0], "w", encoding="utf-8") as file:
                file.writelines(json.dumps(result) + "\n" for result in self.RESULTS)
            with open(paths[1], "w", encoding="utf-8") as file:
                file.write(text)
            script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "card.py")
            run = subprocess.run([sys.executable, script, *paths, *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
            with open(paths[1], encoding="utf-8") as file:
                return run.stdout.decode(), run.returncode, file.read()

    def whole(self):
        return f"# Card\n{card.BEGIN}\n{self.TABLE}{card.END}\nthe end\n"

    def test_without_update_the_card_stays_and_what_moved_is_said(self):
        said, code, text = self.run_card(self.whole())
        self.assertEqual((code, text), (0, self.whole()))
        lines = {line[:20].rstrip(): line for line in said.splitlines()}
        self.assertIn("MOVED", lines["text -> image, R@1"])
        self.assertNotIn("MOVED", lines["captions, BLEU-4"])
        self.assertIn("1 of 5 figures moved", said)
        self.assertIn("of revision bbb, these of ccc", said)

    def test_an_update_writes_what_was_measured_and_leaves_the_rest(self):
        said, code, text = self.run_card(self.whole(), "--update")
        self.assertEqual(code, 0, said)
        before, table, after = card.split(text)
        self.assertEqual((before, after), (f"# Card\n{card.BEGIN}", f"{card.END}\nthe end\n"))
        earlier, revision, rows = card.parse(table)
        self.assertEqual((earlier, revision), (["first, aaa"], "ccc"))
        self.assertEqual(rows["text -> image, R@1"], ("20.3", "30.0", "28.0-32.0"))
        self.assertEqual(rows["text -> image, R@5"], ("-", "50.0", "40.0-60.0"))
        self.assertEqual(rows["text -> audio, p10"], ("85.0", "86.0", "76.8-97.2"), "not measured: as it was")
        self.assertEqual(rows["moments (IoU at least 0.5)"], ("-", "90.0", "85.0-95.0"))
        self.assertEqual(rows["captions, CIDEr-D (0 to 10)"], ("-", "0.500", "-"))
        names = [name for name, *_ in card.names()]
        self.assertEqual(list(rows), [name for name in names if name in rows], "in the table's own order")
        self.assertIn("0 of 5 figures moved", self.run_card(text)[0])

    def test_every_earlier_edition_keeps_its_column(self):
        table = ("| figure | first, aaa | second, bbb | ccc | 95 % |\n| --- | --- | --- | --- | --- |\n"
                 "| text -> image, R@1 | 20.3 | 22.4 | - | - |\n")  # fmt: skip
        said, code, text = self.run_card(f"{card.BEGIN}\n{table}{card.END}\n", "--update")
        self.assertEqual(code, 0, said)
        earlier, revision, rows = card.parse(card.split(text)[1])
        self.assertEqual((earlier, revision), (["first, aaa", "second, bbb"], "ccc"))
        self.assertEqual(rows["text -> image, R@1"], ("20.3", "22.4", "30.0", "28.0-32.0"))
        self.assertEqual(rows["text -> image, R@5"], ("-", "-", "50.0", "40.0-60.0"))

    def test_public_figures_have_rows_of_their_own(self):
        found = card.measured(card.public({"text_to_image": {"r1": 0.2}, "bundle": "mini@ccc"}))
        self.assertEqual(found, {"stamps, text -> image, R@1": ("20.0", "-")})

    def test_a_card_without_its_table_is_an_error_that_names_the_markers(self):
        for text in ("# Card\n", f"{card.END}\n{card.BEGIN}\n"):
            said, code, after = self.run_card(text, "--update")
            self.assertNotEqual(code, 0, said)
            self.assertEqual(after, text)

    def test_the_model_card_s_table_has_only_known_rows(self):
        path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "models", "mini", "MODEL_CARD.md")
        with open(path, encoding="utf-8") as file:
            _, table, _ = card.split(file.read())
        rows = card.parse(table)[2]
        self.assertEqual(len(rows), len(table) - 2, "every row has a cell for each column and a name of its own")
        self.assertLessEqual(rows.keys(), {name for name, *_ in card.names()})

    def test_moved_means_outside_the_interval_or_unequal_without_one(self):
        self.assertTrue(card.moved("20.0", "30.0", "28.0-32.0"))
        self.assertFalse(card.moved("28.0", "30.0", "28.0-32.0"))
        self.assertTrue(card.moved("19.1", "19.2", "-"))
        self.assertFalse(card.moved("-", "19.2", "-"))


class Shown(unittest.TestCase):
    def test_a_hit_shows_its_moment_and_description(self):
        moment = {"start_ms": 1000, "end_ms": 62_500, "peak_ms": 2000, "tracks": ["video"]}
        hit = {"rank": 1, "score": 3.5, "modality": "video", "path": "/a/b.mp4", "asset": "x", "moment": moment}
        text = show_hits.line({**hit, "payload": {"description": "a dog"}})
        for part in ("3.50", "b.mp4", "00:01.0-01:02.5 video", "a dog"):
            self.assertIn(part, text)


class Stamps(unittest.TestCase):
    def test_images_and_effects_are_listed_and_the_rest_is_not(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("a/cow.png", "a/cow.ogg", "a/cow_desc.ogg", "a/cow_desc_fr.ogg", "a/bare.png", "symbols/x.png"):
                os.makedirs(os.path.join(folder, os.path.dirname(name)), exist_ok=True)
                open(os.path.join(folder, name), "wb").close()
            for name in ("a/cow.txt", "symbols/x.txt"):
                with open(os.path.join(folder, name), "w", encoding="utf-8") as note:
                    note.write("A cow.\nde.utf8=Eine Kuh.\n")
            found = stamps.media(folder)
        self.assertEqual([(f, k) for f, k, _ in found], [("a/cow.ogg", "audio"), ("a/cow.png", "image")])
        self.assertEqual(found[0][2], {"en": "A cow.", "de": "Eine Kuh."})

    def test_a_bare_name_is_the_description_s_beginning_or_the_stem(self):
        for file, description, name in (
            ("a/apple_green.png", "A green apple.", "green apple"), ("a/tux.png", "Tux\u2014the Linux mascot!", "tux"),
            ("a/stop.png", "A \u201cStop\u201d sign. Stop here.", "stop sign"), ("a/7spoke256.png", "A wheel! Put it.", "wheel"),
            ("a/cementMixer.png", "A colorful toy cement truck.", "cement mixer"), ("a/x.png", "An", ""),
            ("a/f22_raptor-2.png", "\u2013 Because", "raptor"), ("a/stoplight_01_red.png", "The red light means stop.", "stoplight red"),
        ):  # fmt: skip
            self.assertEqual(stamps.bare_name(file, description), name, description)

    def test_the_manifest_of_names_asks_by_them(self):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in (("cow.png", ""), ("cow.txt", "A cow.\nde.utf8=Eine Kuh.\n")):
                with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                    file.write(text)
            said = io.StringIO()
            with contextlib.redirect_stdout(said):
                stamps.manifest(folder, stamps.NAMES)
        self.assertEqual(json.loads(said.getvalue())["captions"], ["cow"])


class Labels(unittest.TestCase):
    def test_each_folder_is_a_source_of_its_own(self):
        rows = [{"file": f"images/{folder}/1.jpg", "label": "dog", "source": "one"} for folder in ("vocab", "drawings")]
        found = eval_labels.regrouped(rows, "/data")
        self.assertEqual([row["source"] for row in found], ["vocab", "drawings"])
        self.assertEqual(found[0]["file"], "/data/images/vocab/1.jpg")
        self.assertEqual(found[0]["label"], "dog")

    def test_sets_stand_beside_the_whole_and_gaps_are_what_bare_names_lose(self):
        def figures(bare, labels):
            shares = {f"{form}_{k}": share for form, share in (("bare", bare), ("sentence", 0.9)) for k in ("r1", "r5", "r10")}
            return {**shares, "labels": labels, "gallery": 2 * labels}

        task = {**figures(0.8, 4), "sources": {"vocab": figures(0.86, 3), "words": figures(0.94, 1)}}
        found = eval_labels.flattened({"label_to_image": task, "bundle": "mini@1", "seconds": 2.0})
        self.assertEqual(list(found), ["dev2_label_to_image", "dev2_vocab", "dev2_words", "dev2_vocab_words"])
        gaps = [found[name]["gap_r10"] for name in found]
        self.assertEqual(gaps, [0.1, 0.04, -0.04, 0.02])
        self.assertEqual([found["dev2_vocab_words"][name] for name in ("bare_r1", "labels", "gallery")], [0.88, 4, 8])
        self.assertNotIn("sources", found["dev2_label_to_image"])

    def test_every_row_of_the_card_about_labels_is_a_figure_of_the_program(self):
        path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "crates", "cli", "src", "eval", "tasks")
        for task in ("label_to_image", "label_to_audio"):
            with open(os.path.join(path, f"{task}.rs"), encoding="utf-8") as file:
                code = file.read()
            named = [figure for name, key, figure, *_ in card.names() if name.startswith(task.replace("_to_", " -> "))]
            self.assertTrue(named)
            for figure in named:
                self.assertIn(f'"{figure}"', code)


class Samples(unittest.TestCase):
    def test_every_sample_has_a_row_and_every_row_a_sample(self):
        with open(os.path.join(SAMPLES, "index.jsonl"), encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines]
        listed = [row["file"] for row in rows]
        folders = ("images", "sounds", "clips", "texts")
        present = sorted(f"{folder}/{name}" for folder in folders for name in os.listdir(os.path.join(SAMPLES, folder)))
        self.assertEqual(sorted(listed), present)
        for row in rows:
            self.assertTrue(row["description"], row["file"])
            self.assertEqual((row["source"], row["split"]), ("samples", "dev"))
            self.assertLessEqual({"captions", "label"}, row.keys())


if __name__ == "__main__":
    unittest.main()
