"""Tests of the arithmetic and the report of scripts/bench_index/. Plain Python."""

import json
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from bench_index import figures, plot, protocol, report, systems

ECHO = """
import sys, json
for line in sys.stdin:
    ask = json.loads(line)
    if ask["do"] == "end":
        sys.exit("it was told to end")
    if ask["do"] != "wait":
        print(json.dumps({"error": "no"} if ask["do"] == "fail" else ask), flush=True)
"""


class Curves(unittest.TestCase):
    def test_qps_is_interpolated_in_its_logarithm(self):
        self.assertAlmostEqual(figures.qps_at([(0.9, 1000.0), (1.0, 10.0)], 0.95), 100.0)
        self.assertAlmostEqual(figures.qps_at([(0.9, 1000.0), (0.95, 400.0), (1.0, 10.0)], 0.95), 400.0)

    def test_a_recall_beyond_the_grid_is_not_reached_and_one_below_it_is_not_extrapolated(self):
        self.assertIsNone(figures.qps_at([(0.9, 1000.0), (0.97, 100.0)], 0.98))
        self.assertIsNone(figures.qps_at([], 0.5))
        self.assertEqual(figures.qps_at([(0.9, 1000.0), (0.97, 100.0)], 0.5), 1000.0)

    def test_a_setting_that_is_slower_and_worse_counts_for_nothing(self):
        points = [(0.9, 1000.0), (0.92, 10.0), (0.94, 800.0), (0.99, 50.0)]
        self.assertEqual(figures.frontier(points), [(0.9, 1000.0), (0.94, 800.0), (0.99, 50.0)])
        self.assertEqual(figures.bracket(points, 0.93), [0, 2])
        self.assertEqual(figures.bracket(points, 0.95), [2, 3])
        self.assertEqual(figures.bracket(points, 0.5), [0])
        self.assertEqual(figures.bracket(points, 0.999), [])

    def test_recall_counts_ties_and_each_place_once(self):
        self.assertEqual(figures.recall([[0.9, 0.8], [0.9, 0.7]], [0.8, 0.8], k=2), 0.75)
        self.assertEqual(figures.recall([[0.8, 0.8, 0.8]], [0.8], k=2), 1.0)


class Rounds(unittest.TestCase):
    def test_the_median_of_paired_ratios_ignores_what_slows_both(self):
        slowed = [1.0, 3.0, 1.0, 2.0, 1.0, 1.0, 5.0]
        ours, theirs = [300 / s for s in slowed], [100 / s for s in slowed]
        found = figures.compare(ours, theirs)
        for key in ("ratio", "low", "high"):
            self.assertAlmostEqual(found[key], 3.0)

    def test_the_interval_holds_the_median_and_widens_with_the_values(self):
        low, high = figures.interval([1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6])
        self.assertTrue(1.0 <= low < 1.3 < high <= 1.6)
        narrow = figures.interval([1.29, 1.295, 1.3, 1.3, 1.3, 1.305, 1.31])
        self.assertLess(narrow[1] - narrow[0], high - low)

    def test_rounds_without_a_figure_make_no_pair(self):
        self.assertEqual(figures.paired([2.0, None, 4.0], [1.0, 1.0, None]), [2.0])
        self.assertIsNone(figures.compare([None], [1.0]))

    def test_the_best_side_has_a_figure_in_every_round(self):
        sides = {"a": [1.0, 2.0, 3.0], "b": [9.0, None, 9.0], "c": [2.0, 2.0, 2.5]}
        self.assertEqual(figures.best_of({**sides, "d": [0.5] * 3}, ["a", "b", "d"]), "a")
        self.assertIsNone(figures.best_of(sides, ["b"]))
        self.assertIsNone(figures.best_of({"a": []}, ["a"]))

    def test_spread_is_of_the_slowest_to_the_fastest(self):
        self.assertAlmostEqual(figures.spread([1.0, 1.15, 1.1]), 0.15)


class Pipe(unittest.TestCase):
    def side(self, folder):
        return protocol.Side("echo", [sys.executable, "-c", ECHO], os.path.join(folder, "logs", "echo.log"))

    def test_answers_errors_and_ends_are_told_apart(self):
        with tempfile.TemporaryDirectory() as folder, self.side(folder) as side:
            self.assertEqual(side.ask("search", k=10), {"do": "search", "k": 10})
            with self.assertRaisesRegex(protocol.Failed, "echo: fail: no"):
                side.ask("fail")
            with self.assertRaisesRegex(protocol.Failed, "status 1: it was told to end"):
                side.ask("end")

    def test_a_side_that_does_not_answer_is_ended(self):
        with tempfile.TemporaryDirectory() as folder, self.side(folder) as side:
            with self.assertRaisesRegex(protocol.Failed, "no answer to wait"):
                side.ask("wait", deadline_s=0.2)
            self.assertIsNotNone(side.process.poll())


class Report(unittest.TestCase):
    def kept(self, ours, theirs):
        """Seven rounds of the engine and one library."""
        names = {systems.OURS: ours, "hnswlib M16": theirs}
        turn = {n: {f"{w} at {t}": q for t, q in at.items() for w in ("qps", "qps_wall", "batch")} for n, at in names.items()}
        one = {"built": {"build_cpu_s": 2.0}, "memory": {"rss": 1000}, "version": "1", "curve": [{"ef": 10, "recall": 0.995, "qps": 5.0}]}
        rounds = [{"turns": turn, "spread": 0.2, "noisy": True, "load": 2.0, "tries": 3}] * 7
        return {"set": "spectrum", "points": 100, "dim": 2, "machine": "m", "isa": "i", "commit": "c",
                "systems": {n: dict(one) for n in names}, "rounds": rounds}  # fmt: skip

    def test_a_bar_is_met_by_the_lower_bound_and_noise_is_said(self):
        text = report.libraries(self.kept({"0.95": 160.0, "0.99": 149.0}, {"0.95": 100.0, "0.99": 100.0}), False)
        self.assertIn("hnswlib M16; ours / it 1.60 (1.60 to 1.60), bar 1.5: met, in noise", text)
        self.assertIn("**not measured: hnswlib M32, usearch f32,", text)
        self.assertIn("ours / it 1.49 (1.49 to 1.49), bar 1.5: **not met**", text)
        self.assertIn("**7 of them noisy**", text)
        self.assertIn("the machine was shared", text)

    def test_a_recall_that_is_not_reached_is_an_answer(self):
        text = report.libraries(self.kept({"0.95": 160.0, "0.99": None}, {"0.95": None, "0.99": 100.0}), False)
        self.assertIn("none of the libraries without rabitqlib that were measured reaches it", text)
        self.assertIn("ours does not reach it: **not met**", text)
        self.assertIn("not reached", text)

    def test_what_is_less_is_better_where_seconds_and_bytes_are_told(self):
        names = {systems.OURS: 1.0, "zvec": 2.0}
        figure = {key: None for key, _, _ in report.DATABASE_FIGURES}
        turns = {n: {**figure, "reopen_s": s} for n, s in names.items()}
        kept = {"set": "spectrum", "points": 1, "dim": 2, "machine": "m", "isa": "i", "commit": "c",
                "systems": {n: {"version": "1"} for n in names},
                "rounds": [{"turns": turns, "spread": 0.0, "noisy": False, "load": 0.0, "tries": 1}] * 7}  # fmt: skip
        text = report.databases(kept)
        self.assertIn("reopen to first answer, s: best zvec; ours is 2.00 (2.00 to 2.00) times as good: met", text)

    def test_the_page_keeps_what_stands_around_the_marks(self):
        with tempfile.TemporaryDirectory() as folder:
            here = os.getcwd()
            try:
                os.chdir(folder)
                os.makedirs("docs")
                os.makedirs("cache/results")
                with open(report.PAGE, "w") as page:
                    page.write(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
                with open("cache/results/spectrum-100.json", "w") as file:
                    json.dump(self.kept({"0.95": 2.0, "0.99": 2.0}, {"0.95": 1.0, "0.99": 1.0}), file)
                report.write("cache", True)
                with open(report.PAGE) as page:
                    text = page.read()
                self.assertTrue(text.startswith("before\n") and text.endswith("after\n"))
                self.assertNotIn("old", text)
                self.assertTrue(os.path.exists("docs/bench-index/spectrum-100.svg"))
            finally:
                os.chdir(here)


class Plot(unittest.TestCase):
    def test_more_recall_lies_further_right_within_the_plot(self):
        places = [plot.across(r) for r in (0.0, 0.5, 0.9, 0.99, 1.0)]
        self.assertEqual(places, sorted(places))
        self.assertEqual((places[0], places[-1]), (0.0, 1.0))
        self.assertEqual(plot.svg("nothing", {"a": []}), "")


class Systems(unittest.TestCase):
    def test_every_package_is_pinned_and_every_name_is_its_own(self):
        everything = (*systems.LIBRARIES, *systems.RABITQ, *systems.DATABASES)
        self.assertLessEqual({s.package for s in everything}, set(systems.pins()))
        self.assertEqual(len({s.name for s in everything}), len(everything))

    def test_the_key_of_an_index_changes_with_its_settings(self):
        a, b = (systems.of("x", "hnswlib", "hnswlib", m=m, ef_construct=200) for m in (16, 17))
        self.assertNotEqual(a.key, b.key)
        self.assertRegex(systems.ENGINE.key, "^sensorium-[0-9a-f]{12}$")


if __name__ == "__main__":
    unittest.main()
