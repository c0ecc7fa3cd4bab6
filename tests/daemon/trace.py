# SPDX-License-Identifier: MIT
#
# apexctl trace: what a program does with its heap, as text that is checked call by call; threads,
# children, exec, a program that kills itself, a limit; the program's exit code and signal; the same
# calls under other options; words for each error. Reason: the recorder takes malloc's names, and a
# picture of a heap is believed.
"""See the head of the file."""

from support import *

# One object of each kind, with sizes that nothing else has.
CALLS = ("import ctypes, os, sys\n"
         "libc = ctypes.CDLL(None)\n"
         "for name in ('malloc', 'realloc', 'calloc', 'memalign'):\n"
         "    getattr(libc, name).restype = ctypes.c_void_p\n"
         "libc.free.argtypes = [ctypes.c_void_p]\n"
         "libc.realloc.argtypes = [ctypes.c_void_p, ctypes.c_size_t]\n"
         "p = libc.malloc(40961)\n"
         "p = libc.realloc(p, 81921)\n"
         "libc.free(p)\n"
         "libc.free(libc.calloc(1, 40963))\n"
         "libc.memalign(4096, 40965)\n")

place = tempfile.mkdtemp(prefix="apex-trace-")


def trace(*arguments, code=0, says="", **more):
    """Runs apexctl trace in `place`; what it said."""
    done = apexctl("trace", *arguments, cwd=place, environment=more)
    same(done[0], code, "exit code of trace %r (%s)" % (arguments, done[2]))
    check(re.search(says, done[2]), "trace %r says %r: %r" % (arguments, says, done[2]))
    return done


def calls(name="apex-trace.txt"):
    """The calls of a trace as text: number, time, thread, what, address, and one or two numbers."""
    rows = []
    for line in open(os.path.join(place, name), encoding="utf-8"):
        if not line.startswith("#"):
            word = line.split()
            rows.append([int(word[0]), int(word[1]), int(word[2]), word[3], int(word[4], 16)] +
                        [int(w) for w in word[5:]])
    return rows


def check_whole(rows):
    """Every object is made at an address that is free, and ended at the one where it is."""
    live = {}
    for number, row in enumerate(rows):
        same(row[0], number, "number of a call")
        if row[3] in ("free", "leave"):
            same(live.pop(row[4], None), row[5], "call %d ends" % number)
        else:
            check(row[4] not in live, "call %d makes an object where one is" % number)
            check(row[6] >= row[5], "call %d is given what it asked for" % number)
            live[row[4]] = number


def made(rows, size):
    return [row for row in rows if row[3] not in ("free", "leave") and row[5] == size]


def test_calls():
    trace("-o", "text", "--", sys.executable, "-c", CALLS)
    rows = calls()
    check_whole(rows)
    for size, what in ((40961, "malloc"), (81921, "enter"), (40963, "calloc"), (40965, "aligned")):
        found = made(rows, size)
        same([row[3] for row in found], [what], "calls of %d bytes" % size)
    check(made(rows, 40965)[0][4] % 4096 == 0, "it is aligned")
    ended = {row[5]: row[3] for row in rows if row[3] in ("free", "leave")}
    same(ended.get(made(rows, 40961)[0][0]), "leave", "realloc takes the object out")
    same(ended.get(made(rows, 81921)[0][0]), "free", "and it is freed")
    check(made(rows, 40965)[0][0] not in ended, "one is never freed")
    trace("--hardened", "--output=text", "--file=hard.txt", sys.executable, "-c", CALLS)
    same(made(calls("hard.txt"), 40961)[0][6], 40961, "usable bytes in the hardened library")


def test_threads_and_children():
    code = ("import os, threading\n" + CALLS +
            "def work():\n"
            "    for i in range(300): libc.free(libc.malloc(50001))\n"
            "threads = [threading.Thread(target=work) for i in range(3)]\n"
            "for t in threads: t.start()\n"
            "for t in threads: t.join()\n"
            "if os.fork() == 0:\n"
            "    libc.free(libc.malloc(50003))\n"
            "    os._exit(0)\n"
            "os.wait()\n"
            "os.system('true; true')\n")
    trace("-o", "text", sys.executable, "-c", code, says="1 process that the program started")
    rows = calls()
    check_whole(rows)
    same(len(made(rows, 50001)), 900, "calls of threads")
    same(len({row[2] for row in made(rows, 50001)}), 3, "threads")
    same(made(rows, 50003), [], "calls of a child")
    # A program that becomes another is that one.
    trace("-o", "text", "env", "WORD=1", sys.executable, "-c", CALLS)
    same(calls()[0][0], 0, "calls after an exec")
    same(len(made(calls(), 40961)), 1, "and they are of the second program")


def test_ends():
    """The program's end is ours, and what it did until then is there."""
    trace("-o", "text", sys.executable, "-c", CALLS + "sys.exit(7)", code=7)
    same(len(made(calls(), 40961)), 1, "calls before an exit")
    trace("-o", "text", sys.executable, "-c", CALLS + "os.kill(os.getpid(), 9)", code=-9)
    same(len(made(calls(), 40961)), 1, "calls before a kill")
    trace("-o", "text", "--events", "100", sys.executable, "-c", CALLS,
          says=r"\d+ calls that came later are not in it; see --events")
    same(len(calls()), 100, "calls with a limit")
    for program, code in (("/nonexistent/program", 127), ("/etc/passwd", 126)):
        error = trace("--file", "none.html", program, code=code, says="cannot run " + program)[2]
        same(error.count("\n"), 1, "one line says so: " + error)
        check(not os.path.exists(os.path.join(place, "none.html")), "no file of nothing")
    open(os.path.join(place, "old.html"), "w", encoding="utf-8").write("old")
    trace("--file", "old.html", "/nonexistent/program", code=127)
    same(open(os.path.join(place, "old.html"), encoding="utf-8").read(), "old", "what was there stays")


def test_policies():
    """The page has a run for each; the calls are the same, the addresses are not."""
    trace("--policy", "hardened", "--policy", "lean=decay_ms=0", "--file", "page.html", "--",
          sys.executable, "-c", CALLS)
    page = open(os.path.join(place, "page.html"), encoding="utf-8").read()
    meta = json.loads(re.search(r'id="meta">\n(.*)\n</script>', page).group(1))
    same([run["name"] for run in meta["runs"]], ["recorded", "hardened", "lean=decay_ms=0"], "runs")
    check(meta["runs"][0]["superblocks"] != meta["runs"][1]["superblocks"], "and superblocks of their own")
    check(meta["calls"] > meta["objects"] > 0, "calls and objects")
    same(meta["program"][0], sys.executable, "the program")
    # Threads are there again, and end.
    code = ("import threading\n"
            "for i in range(40):\n"
            "    t = threading.Thread(target=lambda: [bytes(3000) for j in range(50)])\n"
            "    t.start()\n"
            "    t.join()\n")
    trace("--policy", "again=retain=0", sys.executable, "-c", code, says="of 4[0-9] threads",
          PYTHONMALLOC="malloc")


def test_errors():
    for arguments, words in (
            ((), "trace what"),
            (("--events", "0", "true"), "--events takes a number from 1 to 10000000, not 0"),
            (("--events=1x", "true"), "not 1x"),
            (("--policy", "fast", "true"), "--policy takes NAME=OPTIONS or hardened, not fast"),
            (("--policy", "=x", "true"), "--policy takes NAME=OPTIONS"),
            (("--policy", "x=decai_ms=0", "true"), "x=decai_ms=0: decai_ms=0 (no such option); did you mean"),
            (("--policy", "hardened", "--policy", "x=decay_ms=soon", "true"), "decay_ms=soon (expected"),
            (("-o", "json", "true"), "-o takes html or text, not json"),
            (("-o", "text", "--policy", "hardened", "true"), "--policy wants -o html"),
            (("--event=3x", "true"), "--events takes"),
            (("--polcy", "true"), "did you mean --policy?"),
            (("--policy",) + ("hardened",) + ("--policy", "hardened") * 3 + ("true",),
             "no more than 3 policies")):
        trace(*arguments, code=2, says=re.escape(words))
    trace("--file", "/nonexistent/x", "true", code=1, says="cannot write /nonexistent/x")
    trace("true", code=1, says="libapex-trace.so.0 is not found", APEX_TRACE_LIBRARY="/nonexistent")
    trace("--policy", "hardened", "true", code=1, says="apex-replay is not found",
          APEX_REPLAY="/nonexistent")


try:
    test_calls()
    test_threads_and_children()
    test_ends()
    test_policies()
    test_errors()
finally:
    shutil.rmtree(place)
finish()
