# SPDX-License-Identifier: MIT
#
# A real redis-server under load, and a python3 with threads. While they work, `resident` is compared
# with what the kernel says in smaps of the mappings of the heap: 5 %. When they rest, `allocated` is
# compared with a walk over every live object (walker.c, preloaded beside libapex), within the bound
# that apex-stats(7) states.
# Reason: an operator decides by these figures about machines that nobody looks into.
"""See the head of the file."""

import threading

from support import *

HERE = os.path.dirname(os.path.abspath(__file__))
BLOCK, BATCHES, QUARANTINE = 65536, 192 << 10, 512 << 10  # apex-stats(7)
SUPERBLOCK = 4 << 20

# Redis, by hand: enough of its protocol to set and delete keys.


class Redis:
    def __init__(self, folder, environment):
        server = shutil.which("redis-server") or shutil.which("redis-check-rdb")
        link = os.path.join(folder, "redis-server")
        os.symlink(server, link)
        self.path = os.path.join(folder, "socket")
        self.process = subprocess.Popen(
            [link, "--port", "0", "--unixsocket", self.path, "--save", "", "--appendonly", "no",
             "--dir", folder], env=environment, stdout=subprocess.DEVNULL)
        wait_until(lambda: os.path.exists(self.path), "redis-server serves")
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(self.path)
        self.stream = self.socket.makefile("rb")

    def send(self, commands):
        """Many at once; each has an answer of one line."""
        parts = []
        for command in commands:
            parts.append(b"*%d\r\n" % len(command))
            parts += [b"$%d\r\n%s\r\n" % (len(word), word) for word in command]
        self.socket.sendall(b"".join(parts))
        for _ in commands:
            answer = self.stream.readline()
            if not answer.startswith((b"+OK", b":")):
                check(False, "redis says %r" % answer)

    def work(self, round_):
        """Sets keys of many sizes, and deletes a third of what was there."""
        first = round_ * 2000 % 60000
        self.send([(b"SET", b"key:%d" % k, b"v" * (k * 37 % 1500)) for k in range(first, first + 2000)])
        self.send([(b"DEL", b"key:%d" % (k * 31 % 60000)) for k in range(first, first + 700)])

    def close(self):
        self.stream.close()
        self.socket.close()


# Threads that fill and empty lists, until the folder in its argument has a file `rest`; then the
# program waits for its end.
PYTHON = r"""
import os, random, sys, threading, time
keep = {}
def work(seed):
    choose = random.Random(seed)
    mine = keep.setdefault(seed, {})
    while not os.path.exists(sys.argv[1]):
        for n in range(300):
            key = choose.randrange(8000)
            if mine.pop(key, None) is None:
                mine[key] = bytearray(choose.randrange(3000) if key % 100 else 3 << 20)
        other = keep.get((seed + 1) % 4, {})
        for key in list(other)[:30]:
            other.pop(key, None)
        time.sleep(0.001)
threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
for t in threads: t.start()
for t in threads: t.join()
print("rest", flush=True)
time.sleep(100000)
"""


def build_walker(folder):
    out = os.path.join(folder, "walker.so")
    subprocess.run([*os.environ.get("APEX_CC", "cc").split(), "-O2", "-Wall", "-fPIC", "-shared", "-I",
                    os.path.join(SOURCE, "libapex"), "-o", out, os.path.join(HERE, "walker.c"),
                    "-lpthread"], check=True)
    return out


def leaves_of(daemon, pid):
    result = ask(daemon.dir, "ctl", {"pid": pid})
    return {leaf["name"]: leaf["value"] for leaf in result.get("leaves", [])}


def heap_ranges(daemon, pid):
    """Of superblocks and large objects; empty when the map is in the middle of a change."""
    found = ask(daemon.dir, "map", {"pid": pid})
    if "next" in found or len(found["superblocks"]) != found["superblocks_held"]:
        return []
    return ([(s["base"], s["base"] + SUPERBLOCK) for s in found["superblocks"]] +
            [(l["base"], l["base"] + l["bytes"]) for l in found["large"]])


def smaps_resident(pid, ranges):
    """Bytes in core of all mappings that touch one of the ranges."""
    total = 0
    inside = False
    for line in open("/proc/%d/smaps" % pid, encoding="utf-8"):
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            first, last = (int(n, 16) for n in line.split()[0].split("-"))
            inside = any(first < end and start < last for start, end in ranges)
        elif inside and line.startswith("Rss:"):
            total += int(line.split()[1]) << 10
    return total


def compare_resident(daemon, pid, name):
    """Within 5 %, ten times over; the program works on, so the two are not of one moment."""
    def near():
        wanted = smaps_resident(pid, heap_ranges(daemon, pid))
        found = leaves_of(daemon, pid)["stats.resident"]
        seen.append((found, wanted))
        return wanted > 0 and abs(found - wanted) * 20 <= wanted
    seen = []
    for _ in range(10):
        if not wait_until(near, "resident of %s within 5 %%" % name):
            print("resident and smaps:", seen[-5:])
            return
        time.sleep(0.25)  # what was read of a page is handed out for 0.2 s
    found, wanted = seen[-1]
    print("%s: resident %.1f MiB, smaps %.1f MiB, %+.2f %%, %d looks for 10 that agree" %
          (name, found / 2**20, wanted / 2**20, (found - wanted) * 100 / wanted, len(seen)))


def compare_allocated(daemon, pid, name, file):
    time.sleep(0.5)  # longer than a page is handed out for
    before = leaves_of(daemon, pid)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(file)
    os.kill(pid, signal.SIGUSR2)
    if not wait_until(lambda: os.path.exists(file) and open(file, encoding="utf-8").read().endswith("\n"),
                      name + " is walked"):
        return
    _, objects, granted, usable = (int(n) for n in open(file, encoding="utf-8").read().split())
    classes = sum(1 for leaf, value in before.items() if leaf.endswith(".gained") and value != 0)
    waits = QUARANTINE if "hardened" in name else 0
    bound = before["stats.threads"] * (classes * BLOCK + BATCHES + waits) + before["stats.active"] // 8
    off = before["stats.allocated"] - granted
    print("%s: allocated %.2f MiB, walk %.2f MiB in %d objects, off by %+.2f %%, bound %.2f MiB" %
          (name, before["stats.allocated"] / 2**20, granted / 2**20, objects, off * 100 / granted,
           bound / 2**20))
    check(abs(off) <= bound, "allocated of %s is off by %d, bound %d" % (name, off, bound))
    check(objects > 10000 and usable <= granted, "objects of " + name)
    check(granted <= before["stats.active"] + BLOCK, "active holds what is allocated")


def environment_of(daemon, folder, library, file):
    environment = preloaded(daemon.dir, WALKER_FILE=file)
    environment["LD_PRELOAD"] = library + ":" + os.path.join(folder, "walker.so")
    return environment


def test_redis(daemon, folder, library, name):
    file = os.path.join(folder, "redis.walk")
    redis = Redis(folder, environment_of(daemon, folder, library, file))
    pid = redis.process.pid
    stop = threading.Event()

    def load():
        round_ = 0
        while not stop.is_set():
            redis.work(round_)
            round_ += 1

    worker = threading.Thread(target=load)
    try:
        wait_until(lambda: pid in listed(daemon.dir), "redis is listed")
        worker.start()
        wait_until(lambda: leaves_of(daemon, pid).get("stats.allocated", 0) > 30 << 20, "redis is loaded")
        compare_resident(daemon, pid, "redis-server" + name)
        stop.set()
        worker.join()
        compare_allocated(daemon, pid, "redis-server" + name, file)
    finally:
        stop.set()
        redis.process.kill()
        redis.process.wait()
        redis.close()


def test_python(daemon, folder, library, name):
    file = os.path.join(folder, "python.walk")
    rest = os.path.join(folder, "rest")
    with running([sys.executable, "-c", PYTHON, rest], stdout=subprocess.PIPE, text=True,
                 env=environment_of(daemon, folder, library, file)) as program:
        wait_until(lambda: program.pid in listed(daemon.dir), "python3 is listed")
        wait_until(lambda: leaves_of(daemon, program.pid).get("stats.allocated", 0) > 20 << 20,
                   "python3 has grown")
        compare_resident(daemon, program.pid, "python3" + name)
        open(rest, "w", encoding="utf-8").close()
        same(program.stdout.readline(), "rest\n", "python3 rests")
        compare_allocated(daemon, program.pid, "python3" + name, file)
        program.stdout.close()


for path, word in ((LIBRARY, ""), (LIBRARY.replace("libapex.so", "libapex-hardened.so"), ", hardened")):
    with Daemon() as it, tempfile.TemporaryDirectory(prefix="apex-truth-") as place:
        build_walker(place)
        if shutil.which("redis-server") or shutil.which("redis-check-rdb"):
            test_redis(it, place, path, word)
        else:
            check(False, "no redis-server here")
        test_python(it, place, path, word)
finish()
