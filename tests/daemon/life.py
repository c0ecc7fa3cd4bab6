# SPDX-License-Identifier: MIT
#
# A real program on libapex and the daemon, through what happens to both: start, fork, exec, exit,
# kill -9 and restart of the daemon, a daemon that comes late, one that is stopped, one that lies.
# Reason: the program must not notice, and the list must be true.
"""See the head of the file."""

import threading

from support import *

PYTHON = sys.executable


def value(directory, pid, name):
    return ask(directory, "stats", {"pid": pid}).get("process", {}).get("counters", {}).get(name, 0)


def open_fds(pid):
    found = []
    for fd in os.listdir("/proc/%d/fd" % pid):
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            found.append(os.readlink("/proc/%d/fd/%s" % (pid, fd)))
    return found


def keeps_no_descriptor(pid):
    """In the middle of registering it has some; a moment later it must have none."""
    wait_until(lambda: not any("memfd" in f or "socket" in f for f in open_fds(pid)),
               "no descriptor is kept")


def pages_of(pid):
    return [line for line in open("/proc/%d/maps" % pid, encoding="utf-8") if "memfd:apex" in line]


def test_start(daemon):
    """A program is listed from its start, with its name, and keeps no descriptor."""
    with running([PYTHON, "-c", "large = bytes(300 << 20)\n" + BUSY],
                 env=preloaded(daemon.dir)) as program:
        process = wait_until(lambda: listed(daemon.dir).get(program.pid), "the program is listed")
        same(process["comm"], os.path.basename(PYTHON)[:15], "comm")
        wait_until(lambda: listed(daemon.dir)[program.pid]["heap"]["allocated_bytes"] >= 300 << 20,
                   "a large object is seen")
        check(listed(daemon.dir)[program.pid]["heap"]["allocated_bytes"] < 400 << 20, "and nothing else")
        keeps_no_descriptor(program.pid)
        wait_until(lambda: sorted(p.split()[1] for p in pages_of(program.pid)) == ["r--s", "rw-s"],
                   "the two pages and their rights")
        same(ask(daemon.dir, "stats", {"pid": program.pid})["process"]["rss_bytes"] > 0, True, "rss")
        check(schema_errors(ask(daemon.dir, "stats", {"pid": program.pid}), schema_of("stats")) == [],
              "schema of a real process")
    wait_until(lambda: program.pid not in listed(daemon.dir), "it leaves the list at its end")


def test_all_statistics(daemon):
    """Each row of stats.def arrives under its own name: mapped, active, dirty, retained, metadata,
    superblocks, large, large_objects, large_allocs, large_frees, orphan_blocks, purged, purge_calls,
    os_failures, threads_started, threads_exited, slotless_threads,
    fault_double_free, fault_interior_free, fault_misaligned_free, fault_foreign_free,
    fault_unallocated_free, fault_corrupt_list, fault_corrupt_header, fault_overflow,
    fault_write_after_free, fault_kind_mismatch, fault_size_mismatch,
    fault_out_of_bounds, fault_use_after_free;
    slow_allocs, slow_frees,
    blocks_taken, blocks_returned, blocks_adopted, remote_sent, remote_batches, remote_received;
    resident, os_calls, idle, slow_ns, sampled_requested, sampled_granted."""
    rows = re.findall(r"^STAT_(PROCESS|THREAD)\((\w+), (\w+), (\w+),",
                      open(os.path.join(SOURCE, "libapex/tables/stats.def"), encoding="utf-8").read(), re.M)
    check(len(rows) >= 25, "rows are found in stats.def")
    with running([PYTHON, "-c", BUSY], env=preloaded(daemon.dir)) as program:
        wait_until(lambda: program.pid in listed(daemon.dir), "the program is listed")
        wait_until(lambda: value(daemon.dir, program.pid, "mapped_bytes") > 1 << 20, "it grows")
        process = ask(daemon.dir, "stats", {"pid": program.pid})["process"]
        for scope, name, kind, unit in rows:
            key = name + ("" if unit == "count" else "_" + unit) + ("_total" if kind == "counter" else "")
            values = process["counters" if scope == "PROCESS" else "thread_counters"]
            check(key in values, "%s arrives as %s" % (name, key))
        same(len(process["counters"]) + len(process["thread_counters"]), len(rows), "and no more")
        for key in ("mapped_bytes", "active_bytes", "metadata_bytes", "superblocks"):
            check(process["counters"][key] > 0, key + " is not 0")
        same(process["counters"]["threads_started_total"], 1, "threads_started")
        check(process["thread_counters"]["slow_allocs_total"] > 0, "slow_allocs is not 0")
        check(process["thread_counters"]["blocks_taken_total"] > 0, "blocks_taken is not 0")


def test_faults_are_counted(daemon):
    """With fault=report a double free is counted where apexctl can see it, and the program lives on."""
    crime = ("import ctypes\n"
             "libc = ctypes.CDLL(None)\n"
             "libc.malloc.restype = ctypes.c_void_p\n"
             "libc.free.argtypes = [ctypes.c_void_p]\n"
             "p = libc.malloc(40)\n"
             "libc.free(p)\n"
             "libc.free(p)\n") + BUSY
    environment = preloaded(daemon.dir)
    environment["APEX_OPTIONS"] += ",fault=report"
    with running([PYTHON, "-c", crime], env=environment, stderr=subprocess.DEVNULL) as program:
        wait_until(lambda: program.pid in listed(daemon.dir), "the program is listed")
        wait_until(lambda: ask(daemon.dir, "stats", {"pid": program.pid})["process"]["counters"]
                   ["fault_double_free_total"] == 1, "the double free is counted")
        counters = ask(daemon.dir, "stats", {"pid": program.pid})["process"]["counters"]
        same(sum(v for k, v in counters.items() if k.startswith("fault_")), 1, "and nothing else")


def test_fork(daemon):
    """A child is listed under its own pid with its own page; the parent's page stays the parent's."""
    program = ("import os, sys\n"
               "if os.fork() == 0:\n"
               "    open(sys.argv[1], 'w').write(str(os.getpid()))\n") + BUSY
    name = os.path.join(daemon.top, "child")
    with running([PYTHON, "-c", program, name], env=preloaded(daemon.dir), start_new_session=True) as parent:
        child = int(wait_until(lambda: os.path.exists(name) and open(name, encoding="utf-8").read(),
                               "the child runs"))
        wait_until(lambda: {parent.pid, child} <= set(listed(daemon.dir)), "parent and child are listed")
        inodes = [{line.split()[4] for line in pages_of(pid)} for pid in (parent.pid, child)]
        check(inodes[0] and inodes[1] and not inodes[0] & inodes[1], "no page is shared: %r" % inodes)
        parent.kill()
        parent.wait()
        wait_until(lambda: set(listed(daemon.dir)) == {child}, "only the child is left")
        os.kill(child, signal.SIGKILL)
        wait_until(lambda: not listed(daemon.dir), "the list is empty")
    os.unlink(name)


def test_raw_clone(daemon):
    """The child of a bare clone(), of which no fork handler knows, drops its parent's page as well."""
    program = ("import ctypes, os, sys\n"
               "libc = ctypes.CDLL(None)\n"
               "if libc.syscall(57 if os.uname().machine == 'x86_64' else 220, 17, 0, 0, 0, 0) == 0:\n"
               "    open(sys.argv[1], 'w').write(str(libc.syscall(39 if os.uname().machine =="
               " 'x86_64' else 172)))\n") + BUSY
    name = os.path.join(daemon.top, "child")
    with running([PYTHON, "-c", program, name], env=preloaded(daemon.dir)) as parent:
        wait_until(lambda: parent.pid in listed(daemon.dir), "the parent is listed")
        child = int(wait_until(lambda: os.path.exists(name) and open(name, encoding="utf-8").read(),
                               "the child runs"))
        wait_until(lambda: {parent.pid, child} <= set(listed(daemon.dir)), "parent and child are listed")
        inodes = [{line.split()[4] for line in pages_of(pid)} for pid in (parent.pid, child)]
        check(inodes[0] and inodes[1] and not inodes[0] & inodes[1], "no page is shared: %r" % inodes)
        os.kill(child, signal.SIGKILL)
    wait_until(lambda: not listed(daemon.dir), "the list is empty")
    os.unlink(name)


def test_exec(daemon):
    """exec keeps the pid but not the page: gone when the new program has no libapex, new when it has."""
    for clean, comm in ((True, None), (False, "sleep")):
        body = "import os, sys; sys.stdin.readline(); os.execve('/bin/sleep', ['sleep', '1000'], %s)" % (
            "{}" if clean else "os.environ")
        with running([PYTHON, "-c", body], env=preloaded(daemon.dir), stdin=subprocess.PIPE) as program:
            wait_until(lambda: program.pid in listed(daemon.dir), "the program is listed")
            program.stdin.write(b"\n")
            program.stdin.close()
            wait_until(lambda: listed(daemon.dir).get(program.pid, {}).get("comm") == comm,
                       "after exec it is listed as %s" % comm)
            check(program.poll() is None, "the process lives")
        wait_until(lambda: not listed(daemon.dir), "the list is empty")


def test_restart(daemon):
    """The daemon is killed and comes back; the program is listed again, its counters as they were."""
    with running([PYTHON, "-c", BUSY], env=preloaded(daemon.dir)) as program:
        wait_until(lambda: program.pid in listed(daemon.dir), "the program is listed")
        wait_until(lambda: value(daemon.dir, program.pid, "superblocks"), "it has superblocks")
        for how, pause in (("kill", 0), ("stop", 0), ("kill", 4)):
            getattr(daemon, how)()
            time.sleep(pause)
            daemon.start()
            begin = time.monotonic()
            wait_until(lambda: program.pid in listed(daemon.dir), "listed again after " + how)
            print("listed %.1f s after %s and %d s of absence" % (time.monotonic() - begin, how, pause))
            check(value(daemon.dir, program.pid, "superblocks") > 0, "the fresh page is full")
            same(value(daemon.dir, program.pid, "threads_started_total"), 1, "threads_started")
            wait_until(lambda: len(pages_of(program.pid)) == 2, "two pages after " + how)
            check(program.poll() is None, "the program lives after " + how)
        keeps_no_descriptor(program.pid)
    wait_until(lambda: not listed(daemon.dir), "the list is empty")


def test_late(daemon):
    """A program that is older than the daemon is found."""
    daemon.stop()
    with running([PYTHON, "-c", BUSY], env=preloaded(daemon.dir)) as program:
        wait_until(lambda: open("/proc/%d/maps" % program.pid, encoding="utf-8").read().count("libapex"),
                   "the program runs")
        time.sleep(0.3)
        daemon.start()
        wait_until(lambda: program.pid in listed(daemon.dir), "listed by a daemon that came late")


def test_stopped(daemon):
    """A daemon that hangs (SIGSTOP) costs a program nothing but a moment."""
    os.kill(daemon.process.pid, signal.SIGSTOP)
    done = subprocess.run([PYTHON, "-c", "print(sum(len(bytes(i)) for i in range(1000)))"],
                          env=preloaded(daemon.dir), capture_output=True, timeout=PATIENCE_S, check=False)
    same((done.returncode, done.stdout, done.stderr), (0, b"499500\n", b""), "beside a daemon that hangs")
    os.kill(daemon.process.pid, signal.SIGCONT)
    wait_until(daemon.answers, "the daemon goes on")


@contextlib.contextmanager
def false_daemon(behave):
    """Its directory: there it listens on register.sock, and answers everybody as `behave` does.

    A process waits a moment for its answer, and comes again when that is too late.
    """
    directory = tempfile.mkdtemp(prefix="apexd-test-")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(os.path.join(directory, "register.sock"))
    listener.listen(8)

    def serve():
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:  # it is shut down
                return
            with peer, contextlib.suppress(OSError):
                data, fds, _, _ = socket.recv_fds(peer, 256, 4)
                behave(peer, HELLO.unpack(data)[4] if len(data) == HELLO.size else 0)
                for fd in fds:
                    os.close(fd)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield directory
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        listener.close()
        shutil.rmtree(directory)


def ack(nonce, status=0, magic=ACK_MAGIC, major=1):
    return ACK.pack(magic, major, 0, ACK.size, nonce, status, 4096)


def advice(nonce, seals=ALL_SEALS, size=4096, magic=b"APEXADV\0"):
    fd = os.memfd_create("advice", os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, size)
    os.pwrite(fd, struct.pack("<8sHHIQQIIQQII", magic, 1, 0, 64, nonce, 1, 0, 1, 1, 0, 3000, 0)[:size], 0)
    fcntl.fcntl(fd, F_ADD_SEALS, seals)
    return fd


def test_false_daemons():
    """Whatever answers, the program must run on, and keep no descriptor."""
    def send(data, *fds):
        return lambda peer, nonce: socket.send_fds(peer, [data(nonce)], [f(nonce) for f in fds])

    def unsealed(nonce):
        return advice(nonce, seals=0)

    def pulled_away(peer, nonce):
        fd = unsealed(nonce)
        socket.send_fds(peer, [ack(nonce)], [fd])
        os.ftruncate(fd, 0)
        os.close(fd)

    behaviours = {
        "hangs up": lambda peer, nonce: None,
        "garbage": lambda peer, nonce: peer.send(b"\xff" * 32),
        "a short answer": lambda peer, nonce: peer.send(b"x"),
        "a long answer": lambda peer, nonce: peer.send(ack(nonce) + bytes(4000)),
        "another nonce": send(lambda n: ack(n + 1), advice),
        "no advice": send(ack),
        "a refusal with advice": send(lambda n: ack(n, 9), advice),
        "unsealed advice": send(ack, unsealed),
        "advice pulled away": pulled_away,
        "short advice": send(ack, lambda n: advice(n, size=100)),
        "a pipe for advice": send(ack, lambda n: os.pipe()[0]),
        "advice for another": send(ack, lambda n: advice(n + 1)),
        "advice of another kind": send(ack, lambda n: advice(n, magic=b"APEXSHM\0")),
        "four descriptors": send(ack, advice, advice, advice, advice),
    }
    body = ("import os\n"
            "keep = [bytes(900) for i in range(20000)]\n"
            "print([os.readlink('/proc/self/fd/' + f) for f in os.listdir('/proc/self/fd')"
            " if os.path.exists('/proc/self/fd/' + f)])")
    for name, behave in behaviours.items():
        with false_daemon(behave) as directory:
            done = subprocess.run([PYTHON, "-c", body], env=preloaded(directory), capture_output=True,
                                  stdin=subprocess.DEVNULL, timeout=PATIENCE_S, check=False)
        same((done.returncode, done.stderr), (0, b""), "a daemon that sends: " + name)
        check(b"memfd" not in done.stdout and b"socket" not in done.stdout,
              "descriptors after %s: %r" % (name, done.stdout))


ADVICE_END = 128 + 64 * 32  # of the rows; requests and weights follow


def absurd(page, turn):
    """Writes what no daemon would, another absurdity each turn."""
    step = turn % 7
    rows = weights = 0
    struct.pack_into("<Q", page, 48, 10 + turn)  # epoch
    if step == 0:  # a node that is not there, and a number that is none of a node
        struct.pack_into("<24sQ24sQ", page, 128, b"numa_home", 1000, b"numa_home", 2**64 - 1)
        rows = 2
    elif step == 1:  # shares of nothing
        struct.pack_into("<4H", page, ADVICE_END + 24, 0, 0, 0, 0)
        weights = 2
    elif step == 2:
        struct.pack_into("<4H", page, ADVICE_END + 24, 0, 1, 999, 1)
        weights = 2
    elif step == 3:
        weights = 2**32 - 1
    elif step == 4:
        rows = 2**32 - 1
    elif step == 5:
        struct.pack_into("<Q", page, 48, 1)  # back in time
    page[ADVICE_END:ADVICE_END + 16] = os.urandom(16)  # requests without end
    struct.pack_into("<I", page, ADVICE_END + 16, weights)
    struct.pack_into("<I", page, 60, rows)
    struct.pack_into("<I", page, 32, 1 if step == 6 else 2 * turn)  # always being changed
    struct.pack_into("<Q", page, 40, 2 + turn)  # heartbeat


# Runs until it has refused enough, then says whether its options are its own.
REFUSES = """
import ctypes, time
ctl = ctypes.CDLL(None).apex_ctl
def ask(name):
    value, size = ctypes.c_uint64(), ctypes.c_size_t(8)
    assert ctl(name, ctypes.byref(value), ctypes.byref(size), None, ctypes.c_size_t(0)) == 0
    return value.value
while ask(b'stats.advice_rejected') < 10:
    keep = [bytes(900 + 100 * i) for i in range(500)]
    time.sleep(0.01)
print(ask(b'option.numa_home'), ask(b'option.numa_large'), ask(b'option.decay_ms'))
"""


def test_absurd_advice():
    """A daemon that makes no sense: the program runs on, and counts what it refuses."""
    pages = []

    def behave(peer, nonce):
        fd = os.memfd_create("advice", os.MFD_ALLOW_SEALING)
        os.ftruncate(fd, 4096)
        page = mmap.mmap(fd, 4096)
        struct.pack_into("<8sHHIQQIIQQII", page, 0, b"APEXADV\0", 1, 2, ADVICE_END + 24 + 64 * 4,
                         nonce, 1, 0, 1, 1, 0, 3000, 0)
        fcntl.fcntl(fd, F_ADD_SEALS, ALL_SEALS)
        socket.send_fds(peer, [ack(nonce)], [fd])
        os.close(fd)
        pages.append(page)

    with false_daemon(behave) as directory, \
            running([PYTHON, "-c", REFUSES], env=preloaded(directory),
                    stdout=subprocess.PIPE) as program:
        wait_until(lambda: pages, "it has the page")
        turn = 1

        def ended():
            nonlocal turn
            absurd(pages[-1], turn)  # that of its last registration
            turn += 1
            time.sleep(0.7)
            return program.poll() is not None

        wait_until(ended, "it has refused ten absurdities")
        same((program.returncode, program.stdout.read()), (0, b"1024 0 500\n"),
             "options under absurd advice")


# Forbids socket() on pain of death, then says so and goes on.
SANDBOX = ("import ctypes, os, struct, sys\n"
           "number = 41 if os.uname().machine == 'x86_64' else 198\n"
           "code = b''.join(struct.pack('HBBI', *f) for f in ((0x20, 0, 0, 0), (0x15, 0, 1, number),\n"
           "    (0x06, 0, 0, 0x80000000), (0x06, 0, 0, 0x7fff0000)))\n"
           "keep_code = ctypes.create_string_buffer(code)\n"
           "program = ctypes.create_string_buffer(struct.pack('HxxxxxxP', 4, "
           "ctypes.addressof(keep_code)))\n"
           "libc = ctypes.CDLL(None, use_errno=True)\n"
           "sys.stdin.readline()\n"
           "assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program, 0, 0) == 0\n"
           "print('sandboxed', flush=True)\n")


def test_sandbox(daemon):
    """A program that has locked itself in is not killed for looking for the daemon."""
    with running([PYTHON, "-c", SANDBOX + BUSY], env=preloaded(daemon.dir), stdin=subprocess.PIPE,
                 stdout=subprocess.PIPE) as program, \
            running([PYTHON, "-c", BUSY], env=preloaded(daemon.dir)) as witness:
        wait_until(lambda: {program.pid, witness.pid} <= set(listed(daemon.dir)), "both are listed")
        program.stdin.write(b"\n")
        program.stdin.close()
        same(program.stdout.readline(), b"sandboxed\n", "the sandbox stands")
        daemon.kill()
        daemon.start()
        wait_until(lambda: witness.pid in listed(daemon.dir), "the other one is listed again")
        # By now the first has looked as well: they do so at the same time.
        time.sleep(3)
        same(program.poll(), None, "the program lives")
        check(program.pid not in listed(daemon.dir), "it does not register from its sandbox")
        program.stdout.close()
    # A sandbox that was there at the start, and a daemon that somebody has named: that is meant.
    allow = SANDBOX.replace("sys.stdin.readline()\n", "").replace("0x80000000", "0x7fff0000").replace(
        "print('sandboxed', flush=True)", "os.execv(sys.executable, [sys.executable, '-c', sys.argv[1]])")
    with running([PYTHON, "-c", allow, BUSY], env=preloaded(daemon.dir)) as program:
        wait_until(lambda: b"-c\0import sys, time" in open("/proc/%d/cmdline" % program.pid, "rb").read(),
                   "the program runs in its sandbox")
        wait_until(lambda: program.pid in listed(daemon.dir), "it registers from a sandbox of old")


def test_off(daemon):
    """`register=off`: nobody registers. (AT_SECURE: tests/abi/secure.sh.)"""
    environment = preloaded(daemon.dir)
    environment["APEX_OPTIONS"] += ",register=off"
    with running([PYTHON, "-c", BUSY], env=environment) as program:
        wait_until(lambda: open("/proc/%d/maps" % program.pid, encoding="utf-8").read().count("libapex"),
                   "the program runs")
        time.sleep(1.5)
        check(program.pid not in listed(daemon.dir), "register=off is obeyed")


def test_watching_itself(daemon):
    """apexd under libapex serves others, lists no page of its own, and does not wait for itself."""
    daemon.stop()
    daemon.environment = preloaded(daemon.dir)
    daemon.start()
    with running([PYTHON, "-c", BUSY], env=preloaded(daemon.dir)) as program:
        wait_until(lambda: program.pid in listed(daemon.dir), "a program is listed")
        for _ in range(2000):
            ask(daemon.dir, "stats", {"pid": program.pid})
        check(daemon.process.pid not in listed(daemon.dir), "apexd does not list itself")
    daemon.stop()
    daemon.environment = dict(os.environ)
    daemon.start()


TESTS = [test_start, test_all_statistics, test_fork, test_raw_clone, test_exec, test_restart, test_late,
         test_stopped, test_sandbox, test_off, test_watching_itself]

test_false_daemons()
test_absurd_advice()
print("test_false_daemons ok", flush=True)
with Daemon() as it:
    for test in TESTS:
        test(it)
        check(it.process.poll() is None and it.answers(), "the daemon lives after " + test.__name__)
        print("%s done" % test.__name__, flush=True)
finish()
