#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# The bench driver: runs the workloads of bench/suite.def under all allocators, round after round,
# and reports. `make bench` starts it; bench/README.md says how to read what it prints.
"""Measures allocators on the workloads of bench/suite.def."""

import argparse
import datetime
import os
import random
import signal
import sys
import tempfile
import time

import compare
import machine
import noise
import peers
import report_html
import report_table
import results as results_file
import runner
import suite

HERE = os.path.dirname(os.path.abspath(__file__))
SEEDS = 1 << 31
# The longest that --quick goes on, so that `make bench-quick` ends within three minutes.
QUICK_LIMIT_S = 150

USAGE = """\
run.py [option...]              measure, and report
run.py report RESULTS.json      report again from a file, into its folder
run.py compare A.json B.json    one allocator before and after (run.py compare --help)"""


class TimeOver(Exception):
    """The limit of --limit is reached."""


def at_least(minimum, kind):
    """An argparse type: a number from minimum on."""

    def convert(text):
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or value < minimum:
            raise argparse.ArgumentTypeError(f"not a number from {minimum} on: '{text}'")
        return value

    return convert


def parser():
    """The command line for measuring."""
    made = argparse.ArgumentParser(prog="run.py", usage=USAGE, description=__doc__)
    add = made.add_argument
    add("--rounds", type=at_least(1, int), metavar="N", help="rounds (5; with --quick 1)")
    add("--quick", action="store_true", help="small arguments: to see that it works, not to judge")
    add("--only", metavar="REGEX", help="only workloads whose name fits")
    add("--group", metavar="G[,G]", help="only workloads of groups: " + ", ".join(suite.GROUPS))
    add("--peers", metavar="NAME[,NAME]", help="only these, the base and the focus; or: none")
    add("--base", default="glibc", metavar="NAME", help="ratios are to this one (glibc)")
    add("--focus", default="apex", metavar="NAME", help="the one that is compared with all (apex)")
    add("--output", default="bench-results", metavar="DIR", help="reports go here (bench-results)")
    add("--seed", type=at_least(0, int), metavar="S", help="for the order of runs (by chance)")
    add("--pin", action="store_true", help="bind workloads of one thread to the last CPU")
    add("--limit", type=at_least(1, float), metavar="SECONDS", help="stop measuring after")
    add("--attempts", type=at_least(1, int), metavar="N", help="of a noisy run (3; --quick 1)")
    add("--list", action="store_true", help="name workloads and allocators, measure nothing")
    # For tests of the driver, and for other suites.
    add("--suite", default=os.path.join(HERE, "../suite.def"), metavar="FILE", help="the workloads")
    return made


def all_peers(build):
    """Every allocator that is there, and the names of packaged ones that are not."""
    packaged, missing = peers.packaged()
    own = [
        peers.Peer(name, os.path.join(build, "libapex/.libs", library))
        for name, library in (("apex", "libapex.so.0"), ("hardened", "libapex-hardened.so.0"))
    ]
    own = [peer for peer in own if os.path.exists(peer.path)]
    added = peers.parse_peers(os.environ.get("BENCH_PEERS", ""))
    return [peers.Peer("glibc")] + own + packaged + added, missing


def describe_peer(peer):
    """An allocator as it goes into the results."""
    return {
        "name": peer.name,
        "path": peer.path,
        "environment": list(peer.environment),
        "version": peers.version_of(peer),
    }


def new_results(options, chosen, allocators):
    """Results without a sample."""
    return {
        "schema": results_file.SCHEMA,
        "machine": machine.describe(),
        "allocators": [describe_peer(peer) for peer in allocators],
        "base": options.base,
        "focus": options.focus,
        "seed": options.seed,
        "quick": options.quick,
        "pinned": options.pin,
        "rounds": options.rounds,
        "rounds_done": 0,
        "complete": False,
        "workloads": [
            {
                "name": workload.name,
                "group": workload.group,
                "threads": workload.threads,
                "command": workload.command,
                "quick": workload.quick,
                "source": workload.source,
            }
            for workload in chosen
        ],
        "samples": [],
    }


def say(text):
    """Progress goes to stderr, the report to stdout."""
    print(text, file=sys.stderr, flush=True)


def record(results, workload, peer, number, samples):
    """Adds the samples of one run and says what went wrong with it."""
    for sample in samples:
        results["samples"].append(
            dict(workload=workload.name, allocator=peer.name, round=number, **sample)
        )
        if sample["kept"] and sample["status"] != "ok":
            say(f"  {workload.name} under {peer.name}: {sample['status']}")


def one_round(results, number, order, place, options, deadline):
    """Every workload under every allocator once: workloads in random order, and, for each, the
    allocators in random order next to each other, so that whatever drifts hits all alike."""
    chosen, allocators, broken = order
    chance = random.Random(f"{options.seed}/{number}")
    shuffled = chance.sample(chosen, len(chosen))
    for index, workload in enumerate(shuffled, 1):
        if workload.group == "count" and number > 1:
            continue  # exact: once is enough
        started = time.monotonic()
        for peer in chance.sample(allocators, len(allocators)):
            if deadline is not None and time.monotonic() > deadline:
                raise TimeOver()
            if workload.name in broken:
                samples = [{"status": broken[workload.name], "metrics": {}, "kept": True}]
                samples[0].update(noisy=False, foreign_share=0.0)
            else:
                samples = runner.measure(workload, peer, place, options.attempts)
            record(results, workload, peer, number, samples)
        step = f"round {number}/{options.rounds} {index}/{len(shuffled)}"
        say(f"{step} {workload.name} {time.monotonic() - started:.1f} s")


def prepare_all(chosen, place):
    """Lets scripts prepare. Maps the names of those that could not to the reason."""
    broken = {}
    for workload in chosen:
        trouble = runner.prepare(workload, place)
        if trouble is not None:
            say(f"  FAILED: {workload.name}: {trouble}")
            broken[workload.name] = trouble
    return broken


def measure(results, chosen, allocators, place, options):
    """All rounds. Saves after each, and also when it is stopped."""
    path = os.path.join(options.output, "results.json")
    started = time.monotonic()
    deadline = None if options.limit is None else started + options.limit
    try:
        broken = prepare_all(chosen, place)
        for number in range(1, options.rounds + 1):
            one_round(results, number, (chosen, allocators, broken), place, options, deadline)
            results["rounds_done"] = number
            results_file.save(results, path)
        results["complete"] = True
    except TimeOver:
        say(f"time is over ({options.limit:.0f} s): what is measured is reported")
    except KeyboardInterrupt:
        say("interrupted: what is measured is reported")
        results["interrupted"] = True
    finally:
        results["seconds"] = round(time.monotonic() - started, 1)
        results_file.save(results, path)


def report(results, folder):
    """Prints the table and writes table.txt, plots and report.html."""
    text = report_table.text(results)
    with open(os.path.join(folder, "table.txt"), "w", encoding="utf-8") as file:
        file.write(text)
    page = os.path.join(folder, "report.html")
    report_html.write(results, folder, page)
    print(text)
    print(f"report: {page}")


def settle(options):
    """Fills in what depends on other options."""
    if options.rounds is None:
        options.rounds = 1 if options.quick else 5
    if options.attempts is None:
        options.attempts = 1 if options.quick else noise.ATTEMPTS
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(SEEDS)
    if options.limit is None and options.quick:
        options.limit = QUICK_LIMIT_S


def choose(options, build):
    """The workloads and allocators to run. Raises SuiteError or PeerError."""
    with open(options.suite, encoding="utf-8") as file:
        workloads = suite.parse(file.read(), os.path.basename(options.suite))
    chosen = suite.choose(workloads, options.only, options.group)
    everyone, missing = all_peers(build)
    for name in missing:
        say(f"not installed, left out: {name} (./bootstrap --packages-only bench installs it)")
    allocators = peers.select(everyone, options.peers, (options.base, options.focus))
    for name in (options.base, options.focus):
        if name not in [peer.name for peer in allocators]:
            raise peers.PeerError(f"there is no allocator '{name}'; has it been built?")
    return chosen, allocators


def list_all(chosen, allocators):
    """What --list prints."""
    for workload in chosen:
        print(f"{workload.name:24} {workload.group:10} {workload.threads:3}  {workload.source}")
    for peer in allocators:
        print(f"{peer.name:24} {peer.path or '-'} {' '.join(peer.environment)}")


def measure_main(arguments, build):
    """Measures and reports. Returns the exit code: 1 if a run failed, 130 after Ctrl-C."""
    options = parser().parse_args(arguments)
    settle(options)
    chosen, allocators = choose(options, build)
    if options.list:
        list_all(chosen, allocators)
        return 0
    for peer in allocators:
        peers.loads(peer)
    data = os.path.join(build, "bench/data")
    os.makedirs(options.output, exist_ok=True)
    os.makedirs(data, exist_ok=True)
    say(f"{len(chosen)} workloads, {', '.join(peer.name for peer in allocators)}; {options.rounds} "
        f"rounds, seed {options.seed}")
    results = new_results(options, chosen, allocators)
    with tempfile.TemporaryDirectory(prefix="apex-bench.") as scratch:
        place = runner.Place(
            build=os.path.join(build, "bench"),
            source=os.path.abspath(os.path.join(HERE, "..")),
            data=data,
            scratch=scratch,
            quick=options.quick,
            pinned_cpu=max(os.sched_getaffinity(0)) if options.pin else None,
        )
        measure(results, chosen, allocators, place, options)
    report(results, options.output)
    if results.get("interrupted"):
        return 130
    statuses = [sample["status"] for sample in results["samples"]]
    return 1 if any(s != "ok" and not s.startswith(runner.SKIPPED) for s in statuses) else 0


def report_main(arguments):
    """Reports from a file."""
    made = argparse.ArgumentParser(prog="run.py report", description="Reports again.")
    made.add_argument("results", metavar="RESULTS.json")
    options = made.parse_args(arguments)
    report(results_file.load(options.results), os.path.dirname(options.results) or ".")
    return 0


def interrupt(_number, _frame):
    """SIGTERM and SIGHUP end like Ctrl-C: with the results that there are."""
    raise KeyboardInterrupt


def main(arguments):
    """Returns the exit code; 2 for input that makes no sense."""
    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGHUP, interrupt)
    build = os.path.abspath(os.environ.get("top_builddir", os.path.join(HERE, "../..")))
    try:
        if arguments[:1] == ["compare"]:
            return compare.main(arguments[1:])
        if arguments[:1] == ["report"]:
            return report_main(arguments[1:])
        return measure_main(arguments, build)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0  # whoever read the output had read enough
    except (suite.SuiteError, peers.PeerError, results_file.ResultsError, OSError) as error:
        say(f"run.py: {error}")
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
