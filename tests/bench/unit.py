# SPDX-License-Identifier: MIT
#
# Unit tests of the bench driver: statistics, the noise rule, and everything that is parsed. Reason:
# a report that computes a mean wrongly looks as trustworthy as one that does not.
"""Tests of bench/driver."""

import os
import sys
import unittest

SOURCE = os.environ.get("top_srcdir", ".")
sys.path.insert(0, os.path.join(SOURCE, "bench/driver"))

# pylint: disable=wrong-import-position
import compare
import noise
import peers
import plots
import protocol
import report_html
import report_table
import runner
import stats
import suite

QUIET = "cpu  100 0 50 1000 7 0 0 0 0 0"


def sample(workload, allocator, wall_s, **other):
    """A good sample."""
    made = dict(workload=workload, allocator=allocator, round=1, status="ok", kept=True,
                noisy=False, foreign_share=0.0, wall_s=wall_s, user_s=wall_s, system_s=0.0,
                peak_rss_bytes=1 << 20, minor_faults=10, major_faults=0, metrics={})
    made.update(other)
    return made


def results(samples, groups=None):
    """Results with these samples, all allocators and workloads in them."""
    names = list(dict.fromkeys(s["workload"] for s in samples))
    allocators = list(dict.fromkeys(s["allocator"] for s in samples))
    return {
        "machine": {"date": "today", "processor": "p", "kernel": "k", "cpus": "2"},
        "allocators": [{"name": name, "version": "1", "path": None, "environment": []}
                       for name in allocators],
        "base": "glibc", "focus": "apex", "seed": 1, "quick": False, "rounds": 1, "rounds_done": 1,
        "complete": True,
        "workloads": [{"name": name, "group": (groups or {}).get(name, "micro"), "threads": 1,
                       "command": "c", "quick": "q", "source": "<own>"} for name in names],
        "samples": samples,
    }


class Statistics(unittest.TestCase):
    """Medians, means, ratios."""

    def test_median_and_quartiles(self):
        self.assertEqual(stats.median([3, 1, 2]), 2)
        self.assertEqual(stats.median([4, 1, 2, 3]), 2.5)
        self.assertEqual(stats.median([7]), 7)
        spread = stats.spread([5, 1, 2, 3, 4])
        self.assertEqual((spread.low, spread.quarter, spread.three_quarters, spread.high),
                         (1, 2, 4, 5))
        self.assertAlmostEqual(spread.relative(), 4 / 3)

    def test_geometric_mean(self):
        self.assertIsNone(stats.geometric_mean([]))
        self.assertAlmostEqual(stats.geometric_mean([2, 8]), 4)
        self.assertAlmostEqual(stats.geometric_mean([0.5, 2]), 1)

    def test_ratio_turns_rates(self):
        rate = stats.Row("r", "w", "micro", "time", "Mops/s", "higher",
                         {"glibc": [10.0], "apex": [20.0], "none": [0.0]})
        self.assertAlmostEqual(rate.ratio("apex", "glibc"), 0.5)
        self.assertIsNone(rate.ratio("none", "glibc"))
        self.assertIsNone(rate.ratio("missing", "glibc"))
        self.assertEqual(rate.best(["glibc", "apex", "missing"]), "apex")

    def test_rows(self):
        metrics = {"p99": {"value": 5.0, "unit": "ns", "direction": "lower"},
                   "time": {"value": 2.0, "unit": "ns", "direction": "lower"},
                   "live": {"value": 1.5, "unit": "ratio", "direction": "lower"}}
        found = stats.rows(results([
            sample("a", "glibc", 1.0), sample("a", "glibc", 9.0, kept=False),
            sample("a", "apex", 1.0, status="exit code 1"),
            sample("b", "glibc", 1.0, metrics=metrics)]))
        named = {(row.measure, row.name): row for row in found}
        self.assertEqual(named["time", "a"].samples, {"glibc": [1.0]})
        self.assertEqual(named["time", "b"].samples, {"glibc": [2.0]})
        self.assertEqual(named["time", "b.p99"].samples, {"glibc": [5.0]})
        self.assertEqual(named["memory", "b.live"].samples, {"glibc": [1.5]})
        self.assertEqual(named["rss", "b"].samples, {"glibc": [1 << 20]})

    def test_summary_and_limits(self):
        samples = [sample("a", "glibc", 1.0), sample("a", "apex", 0.5), sample("a", "x", 0.4),
                   sample("b", "glibc", 1.0), sample("b", "apex", 2.0), sample("b", "x", 4.0),
                   sample("c", "glibc", 1.0), sample("c", "apex", 100.0)]
        found = stats.rows(results(samples, {"c": "latency"}))
        means = {(m, s): v for m, s, v in stats.summary(found, ["glibc", "apex", "x"], "glibc")}
        self.assertAlmostEqual(means["time", "suite"]["apex"][0], 1.0)  # without latency
        self.assertAlmostEqual(means["time", "latency"]["apex"][0], 100.0)
        self.assertAlmostEqual(means["time", "suite"]["x"][0], 1.6 ** 0.5)
        against = stats.against(found, "time", "apex", ["glibc", "x"])
        self.assertAlmostEqual(against["x"][0], (1.25 * 0.5) ** 0.5)
        self.assertAlmostEqual(against["best peer of each row"][0], (1.25 * 2.0) ** 0.5)
        self.assertEqual([row.name for row, _ratio, _peer in
                          stats.above(found, "time", "apex", ["glibc", "x"], 1.25)], ["c", "b"])

    def test_compare(self):
        before = stats.rows(results([sample("a", "apex", t) for t in (1.0, 1.1)]))[0]
        for times, verdict in (((0.5, 0.6), "better"), ((1.05, 0.9), ""), ((2.0, 3.0), "worse"),
                               ((0.5,), "")):
            after = stats.rows(results([sample("a", "apex", t) for t in times]))[0]
            self.assertEqual(compare.compare_row(before, after, "apex", "apex")[1], verdict)


class Noise(unittest.TestCase):
    """The rule for noisy runs."""

    def test_busy_ticks(self):
        self.assertEqual(noise.busy_ticks(QUIET), 150)
        self.assertEqual(noise.busy_ticks("cpu 1 2 4 8 16 32 64 128 256 512"), 1 + 2 + 4 + 224)
        for bad in ("cpu0 1 2 3 4 5 6 7 8", "cpu 1 2", ""):
            self.assertRaises(ValueError, noise.busy_ticks, bad)

    def test_foreign_share(self):
        after = "cpu  220 0 60 1000 7 0 0 0 0 0"  # 1.3 s of CPU in 1 s
        self.assertAlmostEqual(noise.foreign_share(QUIET, after, 100, 1.0, 1.0), 0.3)
        self.assertEqual(noise.foreign_share(QUIET, QUIET, 100, 1.0, 1.0), 0.0)
        self.assertEqual(noise.foreign_share(QUIET, after, 100, 1.0, 0.0), 0.0)

    def test_limits(self):
        self.assertEqual(noise.limit(1, 2), 0.5)
        self.assertEqual(noise.limit(2, 2), 0.12)
        self.assertEqual(noise.limit(8, 2), 0.12)
        self.assertEqual(noise.limit(2, 64), 0.5)
        self.assertTrue(noise.is_noisy(0.55, 1, 2, 1.0, 100))
        self.assertFalse(noise.is_noisy(0.45, 1, 2, 1.0, 100))
        self.assertTrue(noise.is_noisy(0.15, 2, 2, 1.0, 100))
        self.assertFalse(noise.is_noisy(0.6, 1, 2, 0.1, 100))  # a tick more than half of 0.1 s

    def test_quietest(self):
        self.assertEqual(noise.quietest([(True, 0.9), (False, 0.1), (False, 0.0)]), 1)
        self.assertEqual(noise.quietest([(True, 0.9), (True, 0.6), (True, 0.7)]), 1)


class Parsing(unittest.TestCase):
    """Everything that is read."""

    def test_suite(self):
        text = "# c\n\na | micro | 2 | @B@/x 1 'b c' | 9 | own\n"
        text += "b | program | 1 | @S@/p.sh \\\n  1 | | own\n"
        first, second = suite.parse(text)
        self.assertEqual((first.name, first.group, first.threads), ("a", "micro", 2))
        self.assertEqual(first.arguments(False, "/b", "/s"), ["/b/x", "1", "b c"])
        self.assertEqual(first.arguments(True, "/b", "/s"), ["/b/x", "9"])
        self.assertEqual(second.arguments(False, "/b", "/s"), ["/s/p.sh", "1"])
        self.assertTrue(second.is_script() and not first.is_script())

    def test_bad_suites(self):
        for line, said in (
            ("a | micro | 1 | x | 1", "5 fields"),
            ("A | micro | 1 | x | 1 | own", "no name"),
            ("a | none | 1 | x | 1 | own", "no group"),
            ("a | micro | 0 | x | 1 | own", "threads"),
            ("a | micro | 1 | | 1 | own", "command is missing"),
            ("a | micro | 1 | x ' | 1 | own", "quotation"),
            ("a | micro | 1 | x | 1 |", "source"),
            ("a | micro | 1 | x | 1 | own\n" * 2, "f:2: a is there already"),
            ("# nothing", "no workload"),
        ):
            with self.assertRaisesRegex(suite.SuiteError, said):
                suite.parse(line, "f")

    def test_choose(self):
        both = suite.parse("a-1 | micro | 1 | x | | own\nb | scale | 1 | x | | own")
        self.assertEqual([w.name for w in suite.choose(both, "^a")], ["a-1"])
        self.assertEqual([w.name for w in suite.choose(both, None, "scale,memory")], ["b"])
        for only, group in (("(", None), (None, "none"), ("zzz", None)):
            self.assertRaises(suite.SuiteError, suite.choose, both, only, group)

    def test_metrics(self):
        found = protocol.parse_metrics("hi\nmetric p99.9 12.5 ns lower\nmetric r 3 Mops/s higher")
        self.assertEqual(found["p99.9"], {"value": 12.5, "unit": "ns", "direction": "lower"})
        self.assertEqual(found["r"]["direction"], "higher")
        for bad in ("metric a 1 ns", "metric a x ns lower", "metric a nan ns lower",
                    "metric a 1 ns up", "metric a -1 ns lower", "metric a/b 1 ns lower",
                    "metric a 1 ns lower\nmetric a 2 ns lower"):
            self.assertRaises(protocol.ProtocolError, protocol.parse_metrics, bad)
        kinds = [protocol.kind_of(unit) for unit in ("ns", "Mops/s", "ratio", "instructions")]
        self.assertEqual(kinds, ["time", "time", "memory", "other"])

    def test_peers(self):
        first, second = peers.parse_peers(" a=/x.so  b=/y.so,V=1=2,W= ")
        self.assertEqual((first.name, first.path, first.environment), ("a", "/x.so", ()))
        self.assertEqual(second.environment, ("V=1=2", "W="))
        for bad in ("a", "=x", "a=", "a/b=x", "a=x,V", "a=x,1=2"):
            self.assertRaises(peers.PeerError, peers.parse_peers, bad)
        self.assertEqual(peers.select([first, second], "b", ()), [second])
        self.assertEqual(peers.select([first, second], "none", ("a",)), [first])
        self.assertRaises(peers.PeerError, peers.select, [first], "zzz", ())
        self.assertRaises(peers.PeerError, peers.select, [first, first], None, ())

    def test_measure(self):
        values = runner.parse_measure("wall_ns 5\nexit 0\nsignal 0\nbefore " + QUIET + "\n")
        self.assertEqual((values["wall_ns"], values["before"]), (5, QUIET))
        self.assertEqual(runner.outcome(values, "", 1), "ok")
        self.assertEqual(runner.outcome({"signal": 11, "exit": -1}, "", 1), "killed by SIGSEGV")
        self.assertEqual(runner.outcome({"signal": 0, "exit": 3}, " why\n", 1), "exit code 3: why")
        self.assertEqual(runner.outcome({"signal": 0, "exit": 77}, "no", 1), "skipped: no")
        self.assertIn("did not end", runner.outcome(None, "", 1))


class Reports(unittest.TestCase):
    """What is made of results."""

    SAMPLES = [sample("a", "glibc", 1.0), sample("a", "apex", 0.5), sample("b-<1>", "glibc", 1.0),
               sample("b-<1>", "apex", 1.0, status="killed by SIGABRT")]

    def test_table(self):
        text = report_table.text(results(self.SAMPLES))
        self.assertRegex(text, r"\na +1 s +1\.000 +0\.500\*")
        self.assertIn("FAILED: b-<1> under apex, 1 x: killed by SIGABRT", text)
        self.assertEqual(report_table.quantity(3 << 20, "bytes"), "3 MiB")

    def test_html_is_whole(self):
        page = report_html.page(results(self.SAMPLES), [("n", "t", "<svg></svg>")], None)
        self.assertIn("b-&lt;1&gt;", page)
        self.assertNotIn("b-<1>", page)
        self.assertEqual(page.count("<table"), page.count("</table>"))
        self.assertEqual(page.count("<table"), page.count("<caption>"))
        for outside in ("http:", "https:", "src=", "<script", "<link"):
            self.assertNotIn(outside, page)

    def test_plots_adapt(self):
        svg = plots.adapt("<?xml?><svg a='b'><title>Gnuplot</title><g id=\"x\" stroke='black'/>"
                          "<use href='#x'/></svg>", "n", "Time & more")
        self.assertIn('id="n-x"', svg)
        self.assertIn("'#n-x'", svg)
        self.assertIn("currentColor", svg)
        self.assertIn("Time &amp; more", svg)

    def test_series(self):
        rows = [stats.Row(f"scale-heap.ns-{n}", "scale-heap", "scale", "time", "ns", "lower", {})
                for n in ("1m", "16m", "1g", "512k")]
        (key, points), = plots.series_of(rows).items()
        self.assertEqual(key, ("scale-heap.ns", "ns"))
        self.assertEqual([number for number, _row in points], [1 << 19, 1 << 20, 1 << 24, 1 << 30])


if __name__ == "__main__":
    unittest.main()
