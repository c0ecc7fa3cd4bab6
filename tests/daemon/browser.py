# SPDX-License-Identifier: MIT
#
# `apexctl map -o html` of a program with a heap of 1 GiB, opened in headless Chromium: it draws,
# without an error on the console and without asking for any other file; the wheel zooms, the pointer
# finds blocks whose addresses are those of the map, a click on a class chooses its blocks, dark is
# darker than light. Reason: the page is a program of its own, and only a browser can run it.
#
#   browser.py [--keep FOLDER]     leaves the page and a screenshot there
"""See the head of the file."""

from chromium import *
from support import *

SUPERBLOCK_BYTES = 4 << 20

# Runs that are not touched cost no memory; small objects of several sizes are drawn in detail.
PROGRAM = ("import ctypes, sys\n"
           "libc = ctypes.CDLL(None)\n"
           "libc.malloc.restype = ctypes.c_void_p\n"
           "libc.free.argtypes = [ctypes.c_void_p]\n"
           "small = [libc.malloc(16 << (i % 9)) for i in range(40000)]\n"
           "for p in small[::3]: libc.free(p)\n"
           "runs = [libc.malloc((1 << 20) - 100) for i in range(1024)]\n"
           "large = libc.malloc(5 << 20)\n"
           "print('done', flush=True)\n"
           "sys.stdin.read()\n")


ZOOM = "return parseFloat(document.getElementById('zoom').textContent)"
TIP = "const t = document.getElementById('tip'); return t.hidden ? '' : t.textContent"
# Where the middle of a block of the chosen kind is in the window.
PLACE = ("for (let i = 0; i < heap.n; i++) if (%s) { const p = placeOf(i), r = canvas.getBoundingClientRect();"
         "return [i, Math.round(r.x + (p.x + 0.5 - view.x) * view.scale),"
         "        Math.round(r.y + (p.y + 0.5 - view.y) * view.scale)]; } return null")


def test_page(browser, page, whole):
    browser.call("POST", "/url", {"url": "file://" + page})
    ms = wait_until(lambda: browser.run("return document.documentElement.dataset.renderMs"), "it draws")
    print("drawn %s ms after the page was asked for, %d superblocks" % (ms, len(whole["superblocks"])))
    check(browser.colours()[0] > 20, "the map has colours")
    check("python" in browser.run("return document.title"), "the title says what it is of")
    same(browser.run("return data.superblocks.map((s) => parseInt(s.base, 16))"),
         sorted(s["base"] for s in whole["superblocks"]), "superblocks on the page")
    same(browser.run(ZOOM), 1, "at first all of it is seen")


def test_hover_and_zoom(browser):
    for kind, words in (("inUse(i) && heap.run[i] > 1", ["block 1 of a run of", "owner: thread"]),
                        ("inUse(i) && heap.run[i] === 1 && heap.fill[i] < 240", ["objects of", "live"]),
                        ("heap.state[i] === HEADER", ["descriptors"])):
        index, x, y = browser.run(PLACE % kind)
        browser.hover(x, y)
        tip = browser.run(TIP)
        for word in words:
            check(word in tip, "the tooltip of block %d says %r: %r" % (index, word, tip))
        base = browser.run("return parseInt(data.superblocks[Math.floor(%d / 64)].base, 16)" % index)
        check(tip.startswith(hex(base + index % 64 * 65536)), "and its address: %r" % tip)
    for _ in range(12):
        _, x, y = browser.run(PLACE % "inUse(i) && heap.run[i] === 1 && capacityOf(i) > 1")
        browser.act("wheel", {"type": "scroll", "x": x, "y": y, "deltaX": 0, "deltaY": -400,
                              "duration": 0, "origin": "viewport"})
    check(browser.run(ZOOM) > 20, "the wheel zooms")
    check(browser.run("return view.scale") > 100, "so far that chunks are drawn")
    check(browser.colours()[0] > 4, "and there is something to see")


def test_controls(browser):
    browser.run("document.getElementById('fit').click()")
    same(browser.run(ZOOM), 1, "all of it again")
    before = browser.colours()
    browser.run("document.querySelector('#classes tbody tr').click()")
    wait_until(lambda: browser.colours() != before, "the blocks of a class stand out")
    browser.run("document.getElementById('next').click()")
    check(browser.run("return heap.cls[cursor] === chosenClass"), "the next block is one of the class")
    browser.run("document.getElementById('clear').click()")
    for by in ("class", "owner", "state", "fill"):
        browser.run("const s = document.getElementById('by'); s.value = '%s';"
                    "s.dispatchEvent(new Event('change'))" % by)
        check(browser.run("return document.querySelectorAll('#legend li').length") >= 5, "legend by " + by)
    theme = browser.run("return document.documentElement.dataset.theme")
    browser.run("document.getElementById('theme').click()")
    check(browser.run("return document.documentElement.dataset.theme") != theme, "light and dark")


def main():
    keep = sys.argv[2] if sys.argv[1:2] == ["--keep"] else None
    with Daemon() as daemon:
        page = os.path.join(daemon.top, "heap.html")
        with running([sys.executable, "-c", PROGRAM], env=preloaded(daemon.dir), stdin=subprocess.PIPE,
                     stdout=subprocess.PIPE) as program:
            same(program.stdout.readline(), b"done\n", "the program")
            wait_until(lambda: program.pid in listed(daemon.dir), "it is listed")
            same(apexctl("map", str(program.pid), "--file", page, directory=daemon.dir), (0, "", ""),
                 "apexctl map")
            whole = json.loads(apexctl("map", str(program.pid), "-o", "json", directory=daemon.dir)[1])
        check(len(whole["superblocks"]) * SUPERBLOCK_BYTES >= 1 << 30, "a heap of 1 GiB")
        browser = Browser(daemon.top)
        try:
            test_page(browser, page, whole)
            test_hover_and_zoom(browser)
            test_controls(browser)
            browser.check_silence(page)
            if keep:
                shutil.copy(page, keep)
                browser.screenshot(os.path.join(keep, "heap.png"))
        finally:
            browser.close()


skip_without_chromium()
main()
finish()
