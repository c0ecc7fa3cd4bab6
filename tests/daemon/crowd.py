# SPDX-License-Identifier: MIT
#
# Real programs on libapex, in numbers: CROWD_COMERS of them one after the other, each of which
# registers and exits; then CROWD_ALIVE at once, in steps, with the time that a look at all of them takes, and
# a daemon that is killed among them. The daemon's descriptors and memory must be what they were when all
# are gone, and its service manager must keep nothing. Reason: a leak of a descriptor in ten thousand
# is an end of the daemon on some day.
#
# Times are shown and not judged. `make crowd` asks for 10000 and 1000; siege.py attacks such a crowd.
"""See the head of the file."""

import resource
import statistics

from manager import *
from support import *

COMERS = int(os.environ.get("CROWD_COMERS", "2000"))
ALIVE = int(os.environ.get("CROWD_ALIVE", "100"))
REQUESTS = int(os.environ.get("CROWD_REQUESTS", "4"))
KIB_MAX = 1024  # that memory may have grown by: what an allocator does not give back
STALE_S = 0.25  # after that an answer is made anew


def rss_kib(daemon):
    with open("/proc/%d/status" % daemon.process.pid, encoding="utf-8") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))


def settled(daemon):
    """(descriptors, KiB) of a daemon that has nobody."""
    wait_until(lambda: not listed(daemon.dir), "all are gone")
    wait_until(lambda: not daemon.store, "the manager keeps nothing")
    counts = []

    def at_rest():
        counts.append(daemon.fds())
        return len(counts) > 3 and len(set(counts[-3:])) == 1

    wait_until(at_rest, "connections are closed")
    return counts[-1], rss_kib(daemon)


def same_as_before(before, after, text):
    print("%s: %d descriptors and %d KiB before, %d and %d after" % ((text,) + before + after), flush=True)
    same(after[0], before[0], "descriptors after " + text)
    check(after[1] <= before[1] + KIB_MAX, "%d KiB after %s, %d before" % (after[1], text, before[1]))


def registered(daemon):
    return ask(daemon.dir, "stats")["daemon"]["registered_total"]


def come_and_go(daemon, count):
    """Starts programs until so many have registered. One that is not answered in time does not wait."""
    before = registered(daemon)
    environment = preloaded(daemon.dir)
    began = time.monotonic()
    started = 0
    while registered(daemon) - before < count and started < 10 * count:
        for _ in range(50):
            subprocess.run(["/bin/true"], env=environment, check=True)
        started += 50
    came = registered(daemon) - before
    check(came >= count, "%d of %d have registered" % (came, started))
    print("%d of %d registered and exited, %.1f ms each" % (
        came, started, 1000 * (time.monotonic() - began) / started), flush=True)


def times_of(request):
    """Of a few requests, each of which is answered by a fresh look: median and longest in ms."""
    times = []
    for _ in range(REQUESTS):
        time.sleep(STALE_S)
        begin = time.monotonic()
        request()
        times.append(1000 * (time.monotonic() - begin))
    return "%.1f ms, longest %.1f" % (statistics.median(times), max(times))


def alive_at_once(daemon, count):
    environment = preloaded(daemon.dir)
    with contextlib.ExitStack() as programs:
        started = 0
        for step in sorted({max(count // 10, 1), max(count // 3, 1), count}):
            for _ in range(step - started):
                programs.enter_context(running(["/bin/sleep", "100000"], env=environment))
            started = step
            wait_until(lambda n=step: ask(daemon.dir, "stats")["processes"] == n, "%d are listed" % step)
            same(http(daemon.dir, "/metrics")[0], 200, "/metrics")
            print("%d at once: /metrics %s; stats %s; %d descriptors, %d KiB" % (
                step, times_of(lambda: http(daemon.dir, "/metrics")),
                times_of(lambda: ask(daemon.dir, "stats")), daemon.fds(), rss_kib(daemon)), flush=True)
        wait_until(lambda: len(daemon.store) == 2 * count, "the manager keeps all")
        keys = {p["key"] for p in listed(daemon.dir).values()}
        daemon.kill()
        begin = time.monotonic()
        daemon.start()
        print("%d taken back, %.0f ms from the start" % (count, 1000 * (time.monotonic() - begin)), flush=True)
        same({p["key"] for p in listed(daemon.dir).values()}, keys, "who was taken back")


# Each process costs this one two descriptors, which the manager keeps.
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
with Manager() as it:
    # What it needs once, it has after the first time.
    come_and_go(it, 50)
    first = settled(it)
    come_and_go(it, COMERS)
    same_as_before(first, settled(it), "%d registrations" % COMERS)
    alive_at_once(it, ALIVE)
    first = settled(it)
    alive_at_once(it, ALIVE)
    same_as_before(first, settled(it), "%d at once" % ALIVE)
finish()
