# SPDX-License-Identifier: MIT
#
# Memory is really short in a control group of this machine, on which the daemon runs: a process in
# it is advised to keep less, and one outside is not, though the kernel says of the whole machine
# that tasks wait.
# Reason: what files in the kernel's place say (act.py) is what we think that it says. How it ends,
# and with memory.high: tests/vm/guest/pressure.sh.
"""See the head of the file."""

from support import *

GROUPS, GROUPS_BESIDE = "/sys/fs/cgroup", "/sys/fs/cgroup/unified"
GROUPS_V1 = "/sys/fs/cgroup/memory"
LIMIT, FILE = 48 << 20, 96 << 20
PATIENCE_FOR_PRESSURE_S = 60

# What it reads is gone again when it comes by the next time, and was there not long ago: only then
# the kernel counts that somebody waits for it.
READER = """
import mmap, sys
with open(sys.argv[1], "rb") as file:
    pages = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
while True:
    for at in range(0, len(pages), mmap.PAGESIZE):
        pages[at]
"""
SLEEPER = "import sys; sys.stdin.readline()"


def skip(why):
    print("skipped: %s" % why)
    sys.exit(77)


def write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def enter(*folders):
    for folder in folders:
        write(os.path.join(folder, "cgroup.procs"), str(os.getpid()))


@contextlib.contextmanager
def made(parent):
    """A control group, removed when it is empty."""
    folder = tempfile.mkdtemp(prefix="apex-test-", dir=parent)
    try:
        yield folder
    finally:
        wait_until(lambda: not open(os.path.join(folder, "cgroup.procs")).read(), "it is empty")
        os.rmdir(folder)


@contextlib.contextmanager
def limited():
    """The group that counts who waits, and the one with the limit: where the machine has groups of
    version 1, two."""
    beside = not os.path.exists(GROUPS + "/cgroup.controllers")
    with contextlib.ExitStack() as stack:
        try:
            counts = stack.enter_context(made(GROUPS_BESIDE if beside else GROUPS))
            limits = stack.enter_context(made(GROUPS_V1)) if beside else counts
        except OSError as error:
            skip("no control group can be made: %s" % error)
        limit = os.path.join(limits, "memory.limit_in_bytes" if beside else "memory.high")
        if not os.path.exists(limit) or not os.path.exists(counts + "/memory.pressure"):
            skip("%s has no limit, or nobody counts who waits" % counts)
        write(limit, str(LIMIT))
        yield counts, limits


def average(path):
    with open(path, encoding="ascii") as file:
        return float(re.match(r"some avg10=([0-9.]+)", file.read()).group(1))


def source(daemon, pid):
    found = ask(daemon.dir, "tune", {"pid": pid}).get("processes", [])
    return [o["source"] for p in found for o in p["options"] if o["key"] == "decay_ms"]


def wait_for_pressure(group):
    end = time.monotonic() + PATIENCE_FOR_PRESSURE_S
    while average(group + "/memory.pressure") < 12:
        if time.monotonic() > end:
            skip("this machine reads so fast, or from memory, that nobody waits")
        time.sleep(0.1)


def sleeper(stack, daemon, *groups):
    process = stack.enter_context(running(
        [sys.executable, "-c", SLEEPER], env=preloaded(daemon.dir), stdin=subprocess.PIPE,
        preexec_fn=lambda: enter(*groups)))
    wait_until(lambda: source(daemon, process.pid) == ["process"], "the sleeper is listed")
    return process


def test_group():
    with limited() as (counts, limits), contextlib.ExitStack() as stack, \
            tempfile.NamedTemporaryFile(dir=".") as file, \
            Daemon("--act", "--log-level", "info") as daemon:
        for _ in range(FILE >> 20):
            file.write(os.urandom(1 << 20))
        file.flush()
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        inside, outside = sleeper(stack, daemon, counts), sleeper(stack, daemon)
        for _ in range(2):
            stack.enter_context(running([sys.executable, "-c", READER, file.name],
                                        preexec_fn=lambda: enter(counts, limits)))
        wait_for_pressure(counts)
        wait_until(lambda: source(daemon, inside.pid) == ["pressure"], "the one inside is advised")
        log = daemon.read_log()
        check("process %d: memory is short" % inside.pid in log, "it is logged")
        same(source(daemon, outside.pid), ["process"], "who is outside keeps what it has")
        print("the group waits for %s %%, the machine for %s %%" % (
            average(counts + "/memory.pressure"), average("/proc/pressure/memory")))


if os.geteuid() != 0 or not os.path.exists("/proc/pressure/memory"):
    skip("that takes root, and a kernel that counts who waits for memory")
test_group()
finish()
