# SPDX-License-Identifier: MIT
#
# The bench driver from its command line to its report, on workloads that take no time: programs and
# scripts get their allocator, failures are told, the seed fixes the order, and an interrupted run
# leaves its results and nothing else. Reason: an hour of measuring must not be lost to a driver
# that was only tried by hand.
"""End-to-end test of bench/driver/run.py."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

SOURCE = os.path.abspath(os.environ.get("top_srcdir", "."))
DRIVER = os.path.join(SOURCE, "bench/driver/run.py")
PATIENCE_S = 60
sys.path.insert(0, os.path.dirname(DRIVER))

import peers  # pylint: disable=wrong-import-position

# Stands for an allocator: any library that can be loaded.
LIBRARY = peers.library_path("libm.so.6")

SUITE = r"""
told | micro | 1 | /bin/sh -c 'echo metric time 5 ns lower; echo metric loaded ${#LD_PRELOAD} \
x lower' | -c 'echo metric time 5 ns lower' | test
timed | published | 2 | /bin/true | | test
script | program | 1 | {folder}/script.sh one | two | test
fails | memory | 1 | /bin/sh -c 'echo what happened >&2; exit 3' | -c 'exit 3' | test
crashes | memory | 1 | /bin/sh -c 'kill -SEGV $$' | -c 'kill -SEGV $$' | test
skips | count | 1 | /bin/sh -c 'echo not here >&2; exit 77' | -c 'exit 77' | test
lies | scale | 1 | /bin/echo metric time fast ns lower | metric | test
sleeps | latency | 1 | /bin/sleep 600 | 600 | test
leaves | micro | 1 | /bin/sh -c 'sleep 600 & echo $! >$BENCH_DATA/left' | | test
"""

SCRIPT = r"""
if [ "$BENCH_STEP" = prepare ]; then
    echo x >>"$BENCH_DATA/prepared"
    exit 0
fi
[ -z "${LD_PRELOAD:-}" ] || exit 9
echo "metric preload ${#BENCH_PRELOAD} x lower"
echo "metric prepared $(grep -c x "$BENCH_DATA/prepared") x lower"
echo "metric peak_rss 12345 bytes lower"
echo "metric variable ${#BENCH_TEST_VARIABLE} x lower"
"""


class Driver(unittest.TestCase):
    """Each test has a folder with a suite of its own."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="apex-bench-test.")
        self.addCleanup(subprocess.run, ["rm", "-rf", self.folder], check=True)
        self.output = os.path.join(self.folder, "out")
        for name, text in (("suite.def", SUITE.replace("{folder}", self.folder)),
                           ("script.sh", SCRIPT)):
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
                file.write(text)
        # The build tree is read only through `measure`; data goes into a tree of the test's own.
        build = os.path.join(os.path.abspath(os.environ.get("top_builddir", ".")), "bench/driver")
        os.makedirs(os.path.join(self.folder, "build/bench"))
        os.symlink(build, os.path.join(self.folder, "build/bench/driver"))
        self.environment = dict(
            os.environ,
            top_builddir=os.path.join(self.folder, "build"),
            BENCH_PEERS=f"other={LIBRARY},BENCH_TEST_VARIABLE=1234567",
            APEX_CC="cc",
        )

    def command(self, *arguments):
        """The command line of a run on the test's suite, glibc and the other."""
        return [sys.executable, "-B", DRIVER, "--suite", os.path.join(self.folder, "suite.def"),
                "--focus", "other", "--peers", "none", "--output", self.output, *arguments]

    def run_driver(self, command):
        """The finished driver."""
        return subprocess.run(command, env=self.environment, capture_output=True, text=True,
                              timeout=PATIENCE_S, check=False)

    def results(self):
        """What it wrote."""
        with open(os.path.join(self.output, "results.json"), encoding="utf-8") as file:
            return json.load(file)

    def kept(self, workload, allocator):
        """The kept samples of one workload under one allocator."""
        return [s for s in self.results()["samples"]
                if (s["workload"], s["allocator"], s["kept"]) == (workload, allocator, True)]

    def test_measures(self):
        done = self.run_driver(self.command("--only", "told|timed|script", "--rounds", "2",
                                            "--seed", "7"))
        self.assertEqual(done.returncode, 0, done.stderr)
        results = self.results()
        self.assertTrue(results["complete"])
        self.assertEqual([a["name"] for a in results["allocators"]], ["glibc", "other"])
        for workload in ("told", "timed", "script"):
            for allocator in ("glibc", "other"):
                self.assertEqual(len(self.kept(workload, allocator)), 2)
        self.assertEqual(self.kept("told", "glibc")[0]["metrics"]["loaded"]["value"], 0)
        self.assertEqual(self.kept("told", "other")[0]["metrics"]["loaded"]["value"], len(LIBRARY))
        said = self.kept("script", "other")[0]
        self.assertEqual(said["metrics"]["preload"]["value"], len(LIBRARY))
        self.assertEqual(said["metrics"]["prepared"]["value"], 1)
        self.assertEqual(said["metrics"]["variable"]["value"], 7)
        self.assertEqual(said["peak_rss_bytes"], 12345)
        self.assertEqual(self.kept("script", "glibc")[0]["metrics"]["variable"]["value"], 0)
        # /bin/true needs far less than the python that started it. A sanitizer would need more.
        if not os.environ.get("APEX_SANITIZED"):
            self.assertLess(self.kept("timed", "glibc")[0]["peak_rss_bytes"], 6 << 20)
        self.assertRegex(done.stdout, r"\ntold +5 ns +1\.000")
        self.assertIn("complete: 2 of 2 rounds", done.stdout)
        with open(os.path.join(self.output, "report.html"), encoding="utf-8") as file:
            self.assertIn("</html>", file.read())

    def test_seed_fixes_the_order(self):
        orders = []
        for seed in ("1", "1", "2", "3"):
            self.run_driver(self.command("--only", "told|timed|script", "--quick", "--rounds", "3",
                                         "--seed", seed, "--attempts", "1"))
            orders.append([(s["workload"], s["allocator"]) for s in self.results()["samples"]])
        self.assertEqual(orders[0], orders[1])
        self.assertTrue(orders[0] != orders[2] or orders[0] != orders[3])

    def test_tells_failures(self):
        done = self.run_driver(self.command("--only", "fails|crashes|skips|lies|timed",
                                            "--rounds", "1"))
        self.assertEqual(done.returncode, 1)
        for said in ("FAILED: fails under glibc, 1 x: exit code 3: what happened",
                     "FAILED: crashes under other, 1 x: killed by SIGSEGV",
                     "\nskips under other, 1 x: skipped: not here",
                     "FAILED: lies under glibc, 1 x: no value"):
            self.assertIn(said, done.stdout)
        self.assertTrue(self.results()["complete"])
        done = self.run_driver(self.command("--only", "skips"))
        self.assertEqual(done.returncode, 0)

    def test_interrupted(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            command = self.command("--only", "sleeps|timed", "--rounds", "3", "--seed", "1")
            with subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True) as driver:
                sleeper = self.wait_for_sleeper(driver.pid)
                driver.send_signal(number)
                out, err = driver.communicate(timeout=PATIENCE_S)
            self.assertEqual(driver.returncode, 130, err)
            self.assertIn("NOT COMPLETE", out)
            self.assertFalse(self.results()["complete"])
            self.wait_until(lambda pid=sleeper: not os.path.exists(f"/proc/{pid}"))

    def test_ends_what_a_run_leaves(self):
        self.run_driver(self.command("--only", "leaves", "--rounds", "1", "--attempts", "1"))
        with open(os.path.join(self.folder, "build/bench/data/left"), encoding="utf-8") as file:
            left = int(file.read())
        self.wait_until(lambda: not os.path.exists(f"/proc/{left}"))

    def wait_until(self, claim):
        """Repeats until the claim holds."""
        limit = time.monotonic() + PATIENCE_S
        while not claim():
            self.assertLess(time.monotonic(), limit)
            time.sleep(0.01)

    def wait_for_sleeper(self, driver):
        """The id of the process `sleep` that the driver's child starts."""
        found = []

        def look():
            for pid in os.listdir("/proc"):
                try:
                    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                        name, parent = file.read().split(") ")[0], 0
                    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
                        parent = [line.split()[1] for line in file if line.startswith("PPid")][0]
                    with open(f"/proc/{parent}/status", encoding="utf-8") as file:
                        above = [line.split()[1] for line in file if line.startswith("PPid")][0]
                except (OSError, IndexError):
                    continue
                if name.endswith("(sleep") and above == str(driver):
                    found.append(int(pid))
            return found

        self.wait_until(look)
        return found[0]

    def test_limit(self):
        done = self.run_driver(self.command("--only", "timed|told", "--limit", "1", "--rounds",
                                            "100000"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("NOT COMPLETE", done.stdout)

    def test_compare_and_report(self):
        self.run_driver(self.command("--only", "told|timed", "--rounds", "2"))
        path = os.path.join(self.output, "results.json")
        run = [sys.executable, "-B", DRIVER]
        done = self.run_driver(run + ["compare", path, path, "--with", "glibc"])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"\ntold +5 ns +5 ns +1\.000")
        os.remove(os.path.join(self.output, "report.html"))
        done = self.run_driver(run + ["report", path])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(os.path.exists(os.path.join(self.output, "report.html")))

    def test_bad_input(self):
        for arguments, said in ((["--rounds", "0"], "not a number from 1 on"),
                                (["--only", "("], "--only ("),
                                (["--group", "none"], "--group none"),
                                (["--peers", "nobody"], "no allocator 'nobody'"),
                                (["--base", "nobody"], "no allocator 'nobody'"),
                                (["--suite", "/nowhere"], "No such file"),
                                (["--what"], "unrecognized")):
            done = self.run_driver(self.command(*arguments))
            self.assertEqual(done.returncode, 2, arguments)
            self.assertIn(said, done.stderr)
        for peer, said in (("a", "not name=path.so"), ("a=/nowhere.so", "is not there"),
                           (f"other={DRIVER}", "cannot be loaded")):
            self.environment["BENCH_PEERS"] = peer
            done = self.run_driver(self.command("--focus", peer.split("=")[0]))
            self.assertEqual(done.returncode, 2)
            self.assertIn(said, done.stderr)
        for path in ("/nowhere", DRIVER):
            done = self.run_driver([sys.executable, "-B", DRIVER, "report", path])
            self.assertEqual(done.returncode, 2)
            self.assertIn(path, done.stderr)


if __name__ == "__main__":
    unittest.main()
