# SPDX-License-Identifier: MIT
#
# Acting mode: a daemon with --act takes free memory from a process that sleeps, and leaves what is
# in use as it is; one without does not; where memory is short, processes are advised to keep less,
# and it is taken back afterwards.
# Reason: a process that has gone idle calls nothing, so whoever wants its free memory must come
# from outside, and must never touch what it holds.
"""See the head of the file."""

from support import *

PYTHON = sys.executable
KEPT, FREED = 8 << 20, 24 << 20

# Keeps one object and frees another, which goes into the cache, then calls nothing until it is told.
# Says how many pages are resident: when somebody else looks, it may have been swept.
SLEEPER = """
import sys
kept = bytearray(b"k") * %d
freed = bytearray(b"f") * %d
del freed
print(open("/proc/self/statm").read().split()[1], flush=True)
sys.stdin.readline()
print("intact" if kept.count(b"k") == len(kept) else "damaged", flush=True)
""" % (KEPT, FREED)


def rss_bytes(pid):
    with open("/proc/%d/statm" % pid, encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def swap_bytes():
    with open("/proc/meminfo", encoding="ascii") as file:
        return int(re.search(r"SwapTotal: +(\d+)", file.read()).group(1)) << 10


@contextlib.contextmanager
def sleeper(daemon):
    """The program, and how much of it was resident before it slept. What it freed stays until it is taken."""
    environment = preloaded(daemon.dir)
    environment["APEX_OPTIONS"] += ",decay_ms=600000"
    with running([PYTHON, "-c", SLEEPER], env=environment, stdin=subprocess.PIPE,
                 stdout=subprocess.PIPE, text=True) as program:
        resident = int(program.stdout.readline()) * os.sysconf("SC_PAGE_SIZE")
        wait_until(lambda: program.pid in listed(daemon.dir), "the sleeper is listed")
        yield program, resident
        program.stdin.write("go\n")
        program.stdin.flush()
        same(program.stdout.readline(), "intact\n", "what it kept")


def test_only_when_told():
    with Daemon() as daemon, sleeper(daemon) as (program, before):
        time.sleep(3.5)  # longer than it takes to be idle
        check(rss_bytes(program.pid) > before - FREED // 4, "a daemon that only advises swept")


def test_idle_is_swept():
    with Daemon("--act", "--log-level", "info") as daemon, sleeper(daemon) as (program, resident):
        check(resident > KEPT + FREED, "the freed object is resident at first")
        wait_until(lambda: rss_bytes(program.pid) < resident - FREED // 4 * 3, "it is swept")
        check(rss_bytes(program.pid) > KEPT, "what is in use stays")
        wait_until(lambda: "from process %d, which is idle" % program.pid in daemon.read_log(),
                   "the sweep is logged")


def options(directory, pid):
    processes = ask(directory, "tune", {"pid": pid}).get("processes", [])
    return {o["key"]: (o["wanted"], o["source"]) for p in processes for o in p["options"]}


def test_pressure():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "memory")

        def write(average):
            with open(path + ".new", "w", encoding="ascii") as file:
                file.write("some avg10=%s avg60=0.00 avg300=0.00 total=0\n" % average)
            os.rename(path + ".new", path)

        write("9.99")
        with Daemon("--act", "--pressure", path) as daemon, sleeper(daemon) as (program, _):
            time.sleep(1.5)
            same(options(daemon.dir, program.pid)["decay_ms"][1], "process", "no pressure")
            ask(daemon.dir, "tune", {"pid": program.pid, "set": "decay_ms=10"})
            write("25.00")
            wait_until(lambda: options(daemon.dir, program.pid)["dirty_floor"] ==
                       (1 << 20, "pressure"), "memory is short")
            same(options(daemon.dir, program.pid)["decay_ms"], (10, "tune"), "less than that")
            ask(daemon.dir, "tune", {"pid": program.pid, "reset": "all"})
            wait_until(lambda: options(daemon.dir, program.pid)["decay_ms"] == (50, "pressure"),
                       "nobody says less any more")
            write("0.00")
            wait_until(lambda: options(daemon.dir, program.pid)["decay_ms"][1] == "process",
                       "it is taken back")


test_only_when_told()
if os.geteuid() == 0 and swap_bytes() == 0:
    test_idle_is_swept()
test_pressure()
finish()
