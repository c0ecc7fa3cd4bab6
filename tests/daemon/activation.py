# SPDX-License-Identifier: MIT
#
# apexd under a service manager: one of our own, which passes listening sockets (LISTEN_FDS), hears what
# the daemon tells (NOTIFY_SOCKET) and keeps its descriptors (FDSTORE). Processes survive a daemon that
# is killed, with their page, their key and what was asked of them by hand, and do not register again.
# What was kept but is not true any more is let go of, whatever somebody has made of it meanwhile.
# Reason: this is what `systemctl restart apexd` promises; systemd itself is tests/vm's business.
"""See the head of the file."""

from manager import *
from support import *

PYTHON = sys.executable
RECORD = struct.Struct("<QiIIIQQII")  # struct advice_record in apexd/advice.h, without its rows
RECORD_AT = 4096
KEEP_S = 2  # who is younger is not kept: ROSTER_KEEP_NS in apexd/roster.h


@contextlib.contextmanager
def by_hand(daemon, data=None):
    """A process that has registered a page and does nothing more, but gives it up on SIGUSR1: its pid."""
    memfd = Memfd(Page().bytes() if data is None else data)
    ready, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        word, _, _ = register(daemon.dir, [memfd.fd])
        signal.signal(signal.SIGUSR1, lambda *_: memfd.close())
        os.write(told, (word or "none").encode())
        while True:
            signal.pause()
    same(os.read(ready, 100), b"accepted", "a registration by hand")
    os.close(ready)
    os.close(told)
    # The child's mapping holds the lock that is its lease; ours would do so, too.
    os.close(memfd.fd)
    memfd.map.close()
    try:
        yield pid
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def option(directory, pid, key):
    processes = ask(directory, "tune", {"pid": pid}).get("processes", [])
    return next((o for p in processes for o in p["options"] if o["key"] == key), {})


def pages_of(pid):
    """The memfds that a process has mapped, by inode."""
    return sorted(line.split()[4] + line.split()[1] for line in open("/proc/%d/maps" % pid, encoding="utf-8")
                  if "/memfd:apex" in line)


def test_sockets(daemon):
    """What is passed is served, what the daemon tells is heard, and nothing of it is taken away."""
    same(sorted(os.listdir(daemon.dir)), ["control.sock", "http.sock", "register.sock"], "the directory")
    inodes = [os.stat(os.path.join(daemon.dir, n)).st_ino for n in sorted(os.listdir(daemon.dir))]
    check("room for" in (daemon.last("STATUS") or ""), "STATUS: %r" % daemon.last("STATUS"))
    wait_until(lambda: sum("WATCHDOG" in lines for lines in daemon.told) > 3, "the watchdog is fed")
    same(http(daemon.dir, "/healthz")[0], 200, "http.sock")
    with by_hand(daemon) as pid:
        check(pid in listed(daemon.dir), "register.sock")
        wait_until(lambda: daemon.last("STATUS").startswith("1 processes"), "STATUS counts it")
    ready = daemon.ready
    daemon.process.send_signal(signal.SIGHUP)
    wait_until(lambda: daemon.ready > ready and daemon.last("RELOADING") == "1", "a reload is told")
    check(int(daemon.last("MONOTONIC_USEC")) > 0, "and when")
    same(daemon.stop(), 0, "exit code")
    wait_until(lambda: daemon.last("STOPPING") == "1", "STOPPING=1")
    same([os.stat(os.path.join(daemon.dir, n)).st_ino for n in sorted(os.listdir(daemon.dir))], inodes,
         "the manager's sockets stay")
    with connect_register(daemon.dir):  # stands in the queue
        daemon.start()
    wait_until(lambda: not listed(daemon.dir), "an empty list")


def test_survives(daemon):
    """A real program: one page, one key, one registration, and the value that was asked for by hand."""
    with running([PYTHON, "-c", BUSY], env=preloaded(daemon.dir)) as program:
        wait_until(lambda: program.pid in listed(daemon.dir), "the program is listed")
        ask(daemon.dir, "tune", {"pid": program.pid, "set": "decay_ms=77"})
        wait_until(lambda: option(daemon.dir, program.pid, "decay_ms").get("value") == 77, "it is tuned")
        wait_until(lambda: len(daemon.store) == 2, "the manager keeps it")
        before, pages = listed(daemon.dir)[program.pid], pages_of(program.pid)
        same(len(pages), 2, "pages of the program")
        for how in ("kill", "stop", "kill"):
            getattr(daemon, how)()
            daemon.start()
            after = listed(daemon.dir).get(program.pid, {})
            same(after.get("key"), before["key"], "key after " + how)
            check(after.get("registered_ms", 0) >= before["registered_ms"], "age after " + how)
            same(ask(daemon.dir, "stats")["daemon"]["registered_total"], 0, "registrations after " + how)
            asked = option(daemon.dir, program.pid, "decay_ms")
            same((asked.get("source"), asked.get("wanted"), asked.get("value")), ("tune", 77, 77),
                 "what was asked for after " + how)
            same(option(daemon.dir, program.pid, "retain").get("source"), "rule", "the rule after " + how)
            same(pages_of(program.pid), pages, "pages after " + how)
            before = after
        # The statistics go on, and so does advice, longer than a process believes a dead daemon.
        frees = ask(daemon.dir, "stats", {"pid": program.pid})["process"]["thread_counters"]["slow_frees_total"]
        wait_until(lambda: record_of(next(fd for _, fd in daemon.store if is_written(fd)))[4] == 0,
                   "the daemon has not died of it")
        same(pages_of(program.pid), pages, "pages after the time to live")
        check(ask(daemon.dir, "stats", {"pid": program.pid})["process"]["thread_counters"]
              ["slow_frees_total"] > frees, "statistics go on")
        ask(daemon.dir, "tune", {"pid": program.pid, "reset": "all"})
        wait_until(lambda: option(daemon.dir, program.pid, "decay_ms").get("value") != 77, "advice goes on")
        daemon.kill()
        daemon.start()
        same(option(daemon.dir, program.pid, "decay_ms").get("source"), "process", "what was taken back")
        daemon.kill()
    daemon.start()
    same(listed(daemon.dir), {}, "who died while there was no daemon")
    wait_until(lambda: not daemon.store, "nothing is kept of it")


def test_profile(daemon):
    """The profile of a program survives, too, whether it came before or after the rest was kept."""
    for pause in (0, 4):
        environment = preloaded(daemon.dir)
        environment["APEX_OPTIONS"] += "" if pause else ",profile_rate=4096"
        with running([PYTHON, "-c", BUSY], env=environment) as program:
            wait_until(lambda: program.pid in listed(daemon.dir), "the program is listed")
            if pause:
                wait_until(lambda: len(daemon.store) == 2, "the manager keeps it")
                ask(daemon.dir, "tune", {"pid": program.pid, "set": "profile_rate=4096"})
            wait_until(lambda: len(daemon.store) == 3, "the manager keeps the profile")
            daemon.kill()
            daemon.start()
            result = ask(daemon.dir, "profile", {"pid": program.pid})
            check(result.get("profiled") and result.get("stacks"), "the profile is there: %r" % result.keys())
        wait_until(lambda: not daemon.store, "nothing is kept of it")


def test_advice_is_read_only(daemon):
    """The page that the next daemon can write cannot be written by the process that it is for."""
    memfd = Memfd(Page().bytes())
    word, _, fds = register(daemon.dir, [memfd.fd])
    same((word, len(fds)), ("accepted", 1), "a registration")
    try:
        mmap.mmap(fds[0], 4096, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
        check(False, "mapped for writing")
    except PermissionError:
        pass
    same(os.pread(fds[0], 8, 0), b"APEXADV\0", "it can be read")
    pid = os.fork()
    if pid == 0:
        if os.geteuid() == 0:
            os.setuid(65534)
        refused = 0
        for attempt in (lambda: os.open("/proc/self/fd/%d" % fds[0], os.O_RDWR), lambda: os.ftruncate(fds[0], 0),
                        lambda: os.pwrite(fds[0], b"x", 0), lambda: fcntl.fcntl(fds[0], F_ADD_SEALS, SEAL_WRITE)):
            try:
                attempt()
            except OSError:
                refused += 1
        os._exit(refused)
    same(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 4, "attempts that are refused")
    os.close(fds[0])
    memfd.close()
    wait_until(lambda: not listed(daemon.dir), "an empty list")


def test_young(daemon):
    """Who has just come costs the manager nothing, but is handed over when the daemon stops in order."""
    begin = time.monotonic()
    with by_hand(daemon) as pid:
        check(not daemon.store or time.monotonic() - begin >= KEEP_S, "nobody is kept at once")
        daemon.stop()
        wait_until(lambda: len(daemon.store) == 2, "handed over")
        daemon.start()
        check(pid in listed(daemon.dir), "taken back")
    wait_until(lambda: not daemon.store, "nothing is kept of it")


def test_poison(daemon):
    """Of a process of whom daemons die soon after they have taken it back, the third has enough."""
    with by_hand(daemon) as pid:
        wait_until(lambda: len(daemon.store) == 2, "the manager keeps it")
        for _ in range(2):
            daemon.kill()
            daemon.start()
            check(pid in listed(daemon.dir), "taken back")
        daemon.kill()
        daemon.start()
        check(pid not in listed(daemon.dir), "left out")
        wait_until(lambda: not daemon.store, "and let go of")


def is_written(fd):
    return fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDWR


def record_of(fd):
    return list(RECORD.unpack(os.pread(fd, RECORD.size, RECORD_AT)))


def change(fd, index, value):
    record = record_of(fd)
    record[index] = value
    os.pwrite(fd, RECORD.pack(*record), RECORD_AT)


def other_advice(size=8192, seals=SEAL_SEAL | SEAL_SHRINK | SEAL_GROW, mode=0, flags=os.O_RDWR):
    """A memfd that is nearly one of the daemon's."""
    def make(set_):
        data = os.pread(set_["advice"], 8192, 0).ljust(size, b"\0")[:size]
        fd = os.memfd_create("apex-advice", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.write(fd, data)
        fcntl.fcntl(fd, F_ADD_SEALS, seals)
        again = os.open("/proc/self/fd/%d" % fd, flags)
        os.fchmod(fd, mode)
        os.dup2(again, set_["advice"])
        os.close(fd)
        os.close(again)
    return make


def other_page(**more):
    """Another page in place of the one that was kept."""
    def make(set_):
        memfd = Memfd(more.pop("data", None) or Page().bytes(), **more)
        again = os.open("/proc/self/fd/%d" % memfd.fd, os.O_RDONLY)
        os.dup2(again, set_["page"])
        os.close(again)
        set_["keep"] = memfd
    return make


def wrong_magic():
    page = Page()
    page.fields["magic"] = b"NOTAPAGE"
    return page.bytes()


def put(which, path, flags=os.O_RDWR):
    def make(set_):
        fd = os.open(path, flags)
        os.dup2(fd, set_[which])
        os.close(fd)
    return make


def leave_out(which):
    return lambda set_: set_["out"].append(which)


# Each takes what was kept of one process, and makes something of it.
HOSTILE = {
    "no advice": leave_out("advice"),
    "no page": leave_out("page"),
    "an advice page of another size": other_advice(size=4096),
    "a long advice page": other_advice(size=1 << 16),
    "an advice page that could be resized": other_advice(seals=SEAL_SEAL | SEAL_GROW),
    "an advice page that cannot be written": other_advice(seals=ALL_SEALS),
    "an advice page that others can open": other_advice(mode=0o666),
    "an advice page without a magic": lambda s: os.pwrite(s["advice"], bytes(8), 0),
    "an advice page that said goodbye": lambda s: os.pwrite(s["advice"], struct.pack("<I", 2), 36),
    "a record without a magic": lambda s: change(s["advice"], 0, 7),
    "a record of nobody": lambda s: change(s["advice"], 1, 0),
    "a record of a group": lambda s: change(s["advice"], 1, -1),
    "a record of another process": lambda s: change(s["advice"], 1, os.getpid()),
    "a record of a process that there is not": lambda s: change(s["advice"], 1, 1 << 30),
    "a record of another time": lambda s: change(s["advice"], 5, 12345),
    "a record without a time": lambda s: change(s["advice"], 5, 0),
    "another nonce": lambda s: os.pwrite(s["advice"], bytes(8), 16),
    "a page that is none": other_page(data=wrong_magic()),
    "a page without seals": other_page(seals=0),
    "a page with a hole": other_page(data=Page().bytes(), size=1 << 20),
    "a page that nobody holds": other_page(lease=False),
    "a file in place of the page": put("page", "/etc/passwd", os.O_RDONLY),
    "a device in place of the page": put("page", "/dev/zero", os.O_RDONLY),
    "a directory in place of the page": put("page", "/", os.O_RDONLY),
    "a device in place of the advice": put("advice", "/dev/null"),
    "the page twice": lambda s: os.dup2(s["page"], s["advice"]),
    "the advice twice": lambda s: os.dup2(s["advice"], s["page"]),
}

# These are the process's own, or can be put right.
HARMLESS = {
    "nothing": lambda s: None,
    "more rows than there are": lambda s: change(s["advice"], 8, 1 << 31),
    "killed while rows changed": lambda s: (change(s["advice"], 7, 1), change(s["advice"], 8, 3)),
    "killed while advice changed": lambda s: os.pwrite(s["advice"], struct.pack("<I", 3), 32),
    "rows of garbage": lambda s: (os.pwrite(s["advice"], b"\xff" * 2048, RECORD_AT + RECORD.size),
                                  change(s["advice"], 8, 64)),
    "a record of the future": lambda s: change(s["advice"], 6, (1 << 64) - 1),
}


def tamper(daemon, which, make):
    """Does to what was kept of one process what `make` says."""
    kinds = {"advice" if is_written(fd) else "page": fd
             for name, fd in daemon.store if name == which}
    same(sorted(kinds), ["advice", "page"], "what is kept of one process")
    kinds["out"] = []
    make(kinds)
    for kind in kinds["out"]:
        daemon.store = [e for e in daemon.store if e[1] != kinds[kind]]
        os.close(kinds[kind])
    return kinds.get("keep")


def strange_things(daemon):
    """What no daemon of ours has put there."""
    ends = os.pipe()
    pair = socket.socketpair()
    more = [("stored", ends[0]), ("p1x", ends[1]), ("pffffffff", pair[0].detach()), ("p0", pair[1].detach()),
            ("p00000001", os.open("/", os.O_RDONLY)), ("p123456789", os.open("/dev/null", os.O_RDWR)),
            ("", os.memfd_create("x")), ("x" * 255, os.eventfd(0)), ("p-1", os.open("/dev/zero", os.O_RDWR)),
            ("control.sock", socket.socket().detach())]
    daemon.store += [[name, fd] for name, fd in more]


def test_hostile(daemon):
    """Whatever was kept: the daemon starts, takes back who is true, and lets go of all else."""
    cases = list(HOSTILE.items()) + list(HARMLESS.items())
    with contextlib.ExitStack() as stack:
        pids = []
        for number in range(len(cases)):
            pids.append(stack.enter_context(by_hand(daemon)))
            wait_until(lambda n=number: len(daemon.store) == 2 * (n + 1), "it is kept") if number < 1 else None
        wait_until(lambda: len(daemon.store) == 2 * len(cases), "all are kept")
        with daemon.lock:
            of_pid = {record_of(fd)[1]: name for name, fd in daemon.store
                      if is_written(fd)}
        daemon.kill()
        # What the manager hears from now on comes from the next daemon.
        kept = [tamper(daemon, of_pid[pid], make) for pid, (_, make) in zip(pids, cases)]
        strange_things(daemon)
        daemon.start()
        there = listed(daemon.dir)
        for pid, (text, _) in zip(pids, cases):
            same(pid in there, text in HARMLESS, "taken back: " + text)
        same(len(there), len(HARMLESS), "nobody else is there")
        wait_until(lambda: {name for name in daemon.names() if name}
                   == {of_pid[pid] for pid, (text, _) in zip(pids, cases) if text in HARMLESS},
                   "the manager keeps those and nothing else")
        fds = daemon.fds()
        check(fds < 60 + 3 * len(HARMLESS), "%d descriptors" % fds)
        for memfd in filter(None, kept):
            memfd.close()
    wait_until(lambda: not listed(daemon.dir), "all are gone")
    wait_until(lambda: not [name for name in daemon.names() if name], "nothing is kept")


def is_free(page):
    try:
        fcntl.flock(page, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False


def test_lock_of_the_dead(daemon):
    """A daemon is killed while it probes the lock of a page: its lock is not taken for the process's."""
    with by_hand(daemon) as pid:
        wait_until(lambda: len(daemon.store) == 2, "the manager keeps it")
        daemon.kill()
        page = next(fd for _, fd in daemon.store if not is_written(fd))
        check(not is_free(page), "the process holds its page")
        os.kill(pid, signal.SIGUSR1)
        wait_until(lambda: is_free(page), "the process gives it up, and lives")
        daemon.start()
        same(pid in listed(daemon.dir), False, "a process that has given its page up")
        wait_until(lambda: not daemon.store, "nothing is kept of it")



with Manager() as it:
    test_sockets(it)
    print("test_sockets done", flush=True)
rules_file = tempfile.mkdtemp(prefix="apexd-test-") + "/rules"
with open(rules_file, "w", encoding="utf-8") as opened:
    json.dump({"version": 1, "rules": [{"match": {"uid": os.geteuid()}, "options": {"retain": "5m"}}]}, opened)
with Manager("--config", rules_file) as it:
    test_survives(it)
    print("test_survives done", flush=True)
shutil.rmtree(os.path.dirname(rules_file))
with Manager() as it:
    for test in (test_profile, test_advice_is_read_only, test_young, test_poison, test_lock_of_the_dead, test_hostile):
        test(it)
        print("%s done" % test.__name__, flush=True)
finish()
