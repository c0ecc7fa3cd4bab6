# SPDX-License-Identifier: MIT
#
# The page of apexctl trace in headless Chromium: what it says is live, at any moment and going back
# and forth, is what the calls in it say when they are read by another reader; slider, keys, curve,
# pointer and colours do what they should; nothing on the console, nothing fetched. Reason: the page
# is a program of its own, and only a browser can run it.
#
#   trace_page.py [--keep FOLDER]     leaves the page and a screenshot there
"""See the head of the file."""

import zlib

from chromium import *
from support import *

# More calls than lie between two of the page's lists of live objects; in two threads.
PROGRAM = ("import ctypes, threading\n"
           "libc = ctypes.CDLL(None)\n"
           "libc.malloc.restype = libc.realloc.restype = ctypes.c_void_p\n"
           "libc.free.argtypes = [ctypes.c_void_p]\n"
           "libc.realloc.argtypes = [ctypes.c_void_p, ctypes.c_size_t]\n"
           "def work():\n"
           "    live = []\n"
           "    for i in range(45000):\n"
           "        live.append(libc.malloc(16 + i % 900))\n"
           "        if i % 3: libc.free(live.pop(i % len(live)))\n"
           "        if i % 9 == 0: live[0] = libc.realloc(live[0], i)\n"
           "thread = threading.Thread(target=work)\n"
           "thread.start()\n"
           "thread.join()\n"
           "work()\n"
           "libc.malloc(5 << 20)\n")
LAST_BIRTH = 4


class Trace:
    """The calls of a page, read as trace_html.c says that they are written."""

    def __init__(self, page):
        text = open(page, encoding="utf-8").read()
        self.meta = json.loads(re.search(r'id="meta">\n(.*)\n</script>', text).group(1))
        packed = base64.b64decode(re.search(r'id="calls">\n(.*)\n</script>', text).group(1))
        numbers = self.numbers(zlib.decompress(packed))
        count, objects = self.meta["calls"], self.meta["objects"]
        self.op = [next(numbers) for _ in range(count)]
        self.thread = [next(numbers) for _ in range(count)]
        times = [next(numbers) for _ in range(count)]
        self.end = sum(self.unfold(t) for t in times)
        self.ends = []  # (call, the call that made the object)
        for call, op in enumerate(self.op):
            if op > LAST_BIRTH:
                self.ends.append((call, call - next(numbers)))
        self.born = [call for call, op in enumerate(self.op) if op <= LAST_BIRTH]
        self.asked = [next(numbers) for _ in range(objects)]
        self.runs = []
        for run in self.meta["runs"]:
            places, place = [], 0
            for _ in range(objects):
                place += self.unfold(next(numbers))
                places.append(int(run["superblocks"][place >> 18], 16) + (place & 0x3ffff) * 16)
            self.runs.append((places, [a + self.unfold(next(numbers)) for a in self.asked]))
        same(list(numbers), [], "bytes behind the last column")

    @staticmethod
    def numbers(data):
        value = shift = 0
        for byte in data:
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                yield value
                value = shift = 0

    @staticmethod
    def unfold(value):
        return -(value + 1) // 2 if value % 2 else value // 2

    def live(self, now):
        """Indexes of the objects that are live when `now` calls are done."""
        made = {call: index for index, call in enumerate(self.born) if call < now}
        for call, of in self.ends:
            if call < now:
                del made[of]
        return sorted(made.values())


LIVE = "go(%d); draw(); return Array.from(ids.slice(0, live)).sort((a, b) => a - b)"
FIGURES = "return trace.runs.map((run) => run.figures.map((f) => f.textContent))"
BASES = ("return trace.runs.map((run) => Array.from(ids.slice(0, live)).map((o) => "
         "parseInt(run.superblocks[run.tile[o]], 16) + run.unit[o] * 16))")


def press(browser, key):
    browser.act("key", {"type": "keyDown", "value": key}, {"type": "keyUp", "value": key})


RIGHT, LEFT, END, HOME = "\ue014", "\ue012", "\ue010", "\ue011"


def test_live(browser, trace):
    count = trace.meta["calls"]
    check(count > 2 * 65536 + 1000, "calls enough: %d" % count)
    check(trace.meta["threads"] >= 2 and max(trace.thread) == trace.meta["threads"], "threads")
    for now in (count // 2, 3, 65535, 65536, 65537, count, 131072, count - 1, 0):
        wanted = trace.live(now)
        same(browser.run(LIVE % now) == wanted, True, "live objects after %d calls" % now)
        figures = browser.run(FIGURES)
        same([int(f[0]) for f in figures], [len(wanted)] * 2, "their number after %d calls" % now)
    now = count * 2 // 3
    wanted = trace.live(now)
    browser.run(LIVE % now)
    order = browser.run("return Array.from(ids.slice(0, live))")
    for run, bases in enumerate(browser.run(BASES)):
        same(bases == [trace.runs[run][0][o] for o in order], True, "addresses of run %d" % run)
    held = set()
    for o in wanted:
        base, usable = trace.runs[0][0][o], trace.runs[0][1][o]
        held.update(range(base >> 16, (base + max(1, usable) - 1 >> 16) + 1))
    blocks = browser.run("drawn++; return drawHeap(trace.runs[0]).blocks / 65536")
    same(blocks, len(held), "blocks that hold them")


def test_hands(browser, trace):
    count = trace.meta["calls"]
    press(browser, HOME)
    same(browser.run("return now"), 0, "Home")
    press(browser, RIGHT)
    press(browser, RIGHT)
    press(browser, LEFT)
    same(browser.run("return now"), 1, "arrows")
    press(browser, END)
    same(browser.run("return [now, document.getElementById('now').value]"), [count, str(count)], "End")
    browser.run("const s = document.getElementById('now'); s.value = 777; s.dispatchEvent(new Event('input'))")
    wait_until(lambda: "call 777 of" in browser.run("return document.getElementById('where').textContent"),
               "the slider moves it")
    press(browser, " ")
    wait_until(lambda: browser.run("return now") > 777, "space plays")
    press(browser, " ")
    stopped = browser.run("return [now, playing]")
    same(browser.run("return [now, playing]"), [stopped[0], False], "space stops")
    x, y, wide = browser.run("const r = trace.runs[1].plot.getBoundingClientRect(); return [r.x, r.y, r.width]")
    browser.act("pointer", {"type": "pointerMove", "duration": 0, "x": round(x + wide / 2), "y": round(y + 20)},
                {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0})
    check(abs(browser.run("return now") - count / 2) < count / 50, "a click on the curve")


# Where the last live object of a run is in the window.
PLACE = ("const run = trace.runs[0], o = ids[live - 1], at = run.unit[o] * UNIT, b = at >> 16, "
         "t = run.tile[o], r = run.canvas.getBoundingClientRect(); "
         "const x = (t % columns) * PITCH + b % 8 + (at % PAGE + run.usable[o] / 2) / PAGE;"
         "const y = Math.floor(t / columns) * PITCH + (b >> 3) + ((at & 65535) >> 12) / 16 + 1 / 32;"
         "return [run.superblocks[t], at, r.x + (x - view.x) * view.scale, r.y + (y - view.y) * view.scale]")


def test_look(browser, trace):
    browser.run("go(5000); draw(); fit()")
    browser.run("zoomBy(1, 0, 0)")
    for _ in range(8):
        base, at, x, y = browser.run(PLACE)
        browser.run("const r = trace.runs[0].canvas.getBoundingClientRect();"
                    "zoomBy(2, %f - r.x, %f - r.y); draw()" % (x, y))
    base, at, x, y = browser.run(PLACE)
    browser.hover(round(x), round(y))
    tip = browser.run("return document.getElementById('tip').textContent")
    check(tip.startswith("0x%x\n" % (int(base, 16) + at)), "the pointer finds an object: %r" % tip)
    check("asked for" in tip and "by thread" in tip, "and says what it is: %r" % tip)
    press(browser, "0")
    browser.run("go(%d)" % (trace.meta["calls"] * 2 // 3))
    canvas = "trace.runs[0].canvas"
    seen = {}
    for by in ("class", "thread", "age"):
        browser.run("setBy('%s'); draw()" % by)
        seen[by] = browser.colours(canvas)
        check(browser.run("return document.querySelectorAll('#legend li').length") >= 2, "legend by " + by)
    check(seen["class"][0] > 10, "sizes have colours: %r" % seen)
    check(seen["thread"][0] >= 5, "threads have colours: %r" % seen)
    check(seen["age"] != seen["thread"], "so have ages: %r" % seen)
    press(browser, "c")
    same(browser.run("return by"), "class", "c goes to the next colours")
    bright = {}
    for _ in range(2):
        bright[browser.run("return document.documentElement.dataset.theme")] = browser.colours(canvas)[1]
        press(browser, "t")
        wait_until(lambda: browser.run("return !pending"), "it is drawn")
    check(bright["dark"] < bright["light"], "dark is darker: %r" % bright)
    check(browser.run("return trace.runs[1].plot.width") > 100, "curves are drawn")


def main():
    keep = sys.argv[2] if sys.argv[1:2] == ["--keep"] else None
    top = tempfile.mkdtemp(prefix="apex-trace-")
    page = os.path.join(top, "trace.html")
    try:
        same(apexctl("trace", "--policy", "hardened", "--file", page, sys.executable, "-c", PROGRAM)[0], 0,
             "apexctl trace")
        trace = Trace(page)
        browser = Browser(top)
        try:
            browser.call("POST", "/url", {"url": "file://" + page})
            wait_until(lambda: browser.run("return document.documentElement.dataset.ready"), "it draws")
            test_live(browser, trace)
            test_hands(browser, trace)
            test_look(browser, trace)
            browser.check_silence(page)
            if keep:
                shutil.copy(page, keep)
                browser.screenshot(os.path.join(keep, "trace_page.png"))
        finally:
            browser.close()
    finally:
        shutil.rmtree(top, ignore_errors=True)


skip_without_chromium()
main()
finish()
