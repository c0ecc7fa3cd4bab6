# SPDX-License-Identifier: MIT
#
# How fast the page of `apexctl trace` is, in headless Chromium: records a program with so many calls,
# opens the page a few times, and prints when the heap is first drawn, when the curves are there, how long a frame
# takes while the slider moves over all of the trace, and what is on the console. Run by
# `make bench-trace`. Exit code 1 when the heap is never drawn within a second, when there are less
# than 30 frames a second, or when the console says anything.
#
#   trace.py [--events N] [--runs N] [--keep FOLDER]
"""See the head of the file."""

import argparse
import os
import sys

sys.path.insert(0, os.path.join(os.environ.get("top_srcdir", "."), "tests/daemon"))
from chromium import *  # pylint: disable=wrong-import-position

FIRST_MS, FRAMES = 1000, 30
SECONDS, OPENINGS = 5, 5

# Objects of many sizes, most of which die young: as of a program that reads, thinks and writes.
PROGRAM = ("import random\n"
           "random.seed(7)\n"
           "old, young = [], []\n"
           "for i in range(38500):\n"
           "    young.append(bytes(int(random.expovariate(1 / 300))))\n"
           "    old.append({i: str(i)})\n"
           "    if len(young) > 3000: del young[random.randrange(3000)]\n"
           "    if len(old) > 30000: old = random.sample(old, 15000)\n")

# Moves the slider as a hand would, there and back, once for each frame.
SLIDE = ("const done = arguments[0], slider = document.getElementById('now'), times = [], took = [];"
         "let begin = 0;"
         "const plain = draw;"
         "draw = () => { const t = performance.now(); plain(); took.push(performance.now() - t); };"
         "function step(t) {"
         "  begin = begin || t; times.push(t);"
         "  if (t - begin > %d000) { done([times, took]); return; }"
         "  const x = (t - begin) / 2000;"
         "  slider.value = N * Math.abs(x %% 2 - 1);"
         "  slider.dispatchEvent(new Event('input'));"
         "  requestAnimationFrame(step); }"
         "requestAnimationFrame(step);" % SECONDS)


def slide(browser):
    """Frames a second, the longest time between two frames, and the longest drawing."""
    browser.call("POST", "/timeouts", {"script": 1000 * PATIENCE_S})
    times, took = browser.call("POST", "/execute/async", {"script": SLIDE, "args": []})
    gaps = [b - a for a, b in zip(times, times[1:])]
    return 1000 * len(gaps) / (times[-1] - times[0]), max(gaps), sum(took) / len(took), max(took)


def open_page(browser, page):
    """Opens the page; milliseconds from then until the heap is drawn."""
    browser.call("POST", "/url", {"url": "file://" + page})
    ready = wait_until(lambda: browser.run("return document.documentElement.dataset.ready"), "it draws")
    first = int(browser.run("return document.documentElement.dataset.renderMs"))
    paint = browser.run("return performance.getEntriesByName('first-contentful-paint').map("
                        "(e) => Math.round(e.startTime))")
    print("title and controls %s ms, heap %d ms, curves %s ms after opening"
          % (paint[0] if paint else "?", first, ready))
    return first


def measure(browser, page, keep):
    first = min(open_page(browser, page) for _ in range(OPENINGS))  # others use this machine, too
    for by in ("class", "thread", "age"):
        browser.run("setBy('%s')" % by)
        frames, gap, mean, longest = slide(browser)
        print("slider, colours by %-6s  %5.1f frames a second, longest gap %3.0f ms; drawing %4.1f ms, "
              "longest %4.1f ms" % (by, frames, gap, mean, longest))
        check(frames >= FRAMES, "%d frames a second" % FRAMES)
    check(first < FIRST_MS, "the heap is drawn within a second, at best")
    for theme in ("dark", "light"):
        browser.run("document.documentElement.dataset.theme = '%s'; setBy('class'); go(N * 0.8)" % theme)
        wait_until(lambda: browser.run("return !pending"), "it is drawn")
        if keep:
            browser.screenshot(os.path.join(keep, "trace_%s.png" % theme))
    browser.check_silence(page)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=1000000)
    parser.add_argument("--runs", type=int, choices=(1, 2, 3), default=1)
    parser.add_argument("--keep")
    options = parser.parse_args()
    top = tempfile.mkdtemp(prefix="apex-bench-")
    page = os.path.join(top, "trace.html")
    policies = ["--policy", "hardened", "--policy", "small=retain=0"][:2 * (options.runs - 1)]
    try:
        code, _, said = apexctl("trace", "--events", str(options.events), *policies, "--file", page, "--",
                                sys.executable, "-c", PROGRAM, environment={"PYTHONMALLOC": "malloc"})
        same(code, 0, "apexctl trace: " + said)
        print(said.strip().replace(page, "trace.html").replace("apexctl: ", ""))
        print("%.1f MB of HTML, %d run%s" % (os.path.getsize(page) / 1e6, options.runs,
                                             "s" if options.runs > 1 else ""))
        browser = Browser(top)
        try:
            measure(browser, page, options.keep)
        finally:
            browser.close()
        if options.keep:
            shutil.copy(page, options.keep)
    finally:
        shutil.rmtree(top, ignore_errors=True)


skip_without_chromium()
main()
finish()
