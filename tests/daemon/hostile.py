# SPDX-License-Identifier: MIT
#
# Peers that mean harm, on both sockets: pages that can be pulled away, tables that lie, writes that
# tear, floods, silence, slowness. Reason: register.sock is open to everybody, and the daemon may run
# as root. After each the daemon must answer, and hold no descriptor more than before. Uses no
# libapex, so it also runs against a sanitized daemon.
"""See the head of the file."""

import random
import threading

from support import *

REPLY_DEADLINE_MS = 5000  # apexd/server.h
CONNECTIONS_MAX = int(re.search(r"SERVER_CONNECTIONS_MAX (\d+)", open(
    os.path.join(SOURCE, "apexd/server.h"), encoding="utf-8").read()).group(1))


def refused(daemon, memfd, wanted, text, message=None, fds=None):
    """A registration must be refused with this word, and leave nothing behind."""
    status, _, advice = register(daemon.dir, [memfd.fd] if fds is None else fds, message)
    same(status, wanted, text)
    same(advice, [], "advice with " + text)
    check(os.getpid() not in listed(daemon.dir), "not listed: " + text)
    if memfd is not None:
        memfd.close()


def test_files(daemon):
    """Descriptors that are not a page nobody can take away."""
    data = Page().bytes()
    for seals in range(16 + 16):
        # FUTURE_WRITE and WRITE both keep holes from being punched.
        enough = seals & 6 == 6 and seals & 24 != 0
        if not enough and seals & SEAL_WRITE == 0:
            refused(daemon, Memfd(data, seals=seals), "bad_seals", "seals %d" % seals)
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        status = register(daemon.dir, [file.fileno()])[0]
        # A tmpfs, which the folder for temporary files may be, knows seals as a memfd does.
        check(status in ("bad_fd", "bad_seals"), "a regular file: %s" % status)
    with tempfile.TemporaryFile(dir="/dev/shm") as file:
        file.write(data)
        file.flush()
        status = register(daemon.dir, [file.fileno()])[0]
        check(status in ("bad_fd", "bad_seals"), "a file of a tmpfs: %s" % status)
    ends = os.pipe()
    refused(daemon, None, "bad_fd", "a pipe", fds=[ends[0]])
    for end in ends:
        os.close(end)
    fd = os.open("/", os.O_RDONLY)
    refused(daemon, None, "bad_fd", "a directory", fds=[fd])
    os.close(fd)
    with socket.socket(socket.AF_UNIX) as s:
        refused(daemon, None, "bad_fd", "a socket", fds=[s.fileno()])
    refused(daemon, Memfd(b"", size=0), "bad_size", "an empty memfd")
    refused(daemon, Memfd(data[:4095], size=4095), "bad_size", "a memfd below 4 KiB")
    refused(daemon, Memfd(b"", size=8192), "bad_size", "a memfd that is all hole")
    refused(daemon, Memfd(b"", size=1 << 40), "bad_size", "a sparse memfd of 1 TiB")
    refused(daemon, Memfd(bytes((16 << 20) + 4096)), "bad_size", "a memfd above 16 MiB")
    memfd = Memfd(data)
    mode = os.fstat(memfd.fd).st_mode
    os.fchmod(memfd.fd, 0)
    status = register(daemon.dir, [memfd.fd])[0]
    same(status, "accepted" if os.geteuid() == 0 else "bad_fd", "a memfd of mode 0")
    os.fchmod(memfd.fd, mode & 0o777)
    memfd.close()
    wait_until(lambda: not listed(daemon.dir), "it leaves the list")
    try:
        huge = os.memfd_create("apex-huge", os.MFD_ALLOW_SEALING | os.MFD_HUGETLB)
    except OSError:
        huge = -1  # a kernel without huge pages has nothing to defend against
    if huge >= 0:
        os.ftruncate(huge, 2 << 20)
        fcntl.fcntl(huge, F_ADD_SEALS, ALL_SEALS)
        refused(daemon, None, "bad_fd", "a memfd of huge pages", fds=[huge])
        os.close(huge)
    refused(daemon, Memfd(data, lease=False), "no_lease", "a page without a lease")


def test_messages(daemon):
    data = Page().bytes()
    wrong = [(hello_message(magic=b"APEXSHM\0"), "bad_message"), (hello_message(major=2), "bad_version"),
             (hello_message()[:31], "bad_message"), (hello_message(size=31), "bad_message"),
             (b"x", "bad_message"), (b"", None), (bytes(32), "bad_message"), (b"\xff" * 60000, "bad_message"),
             (hello_message(nonce=1), "bad_page")]
    for message, word in wrong:
        if word is not None:
            refused(daemon, Memfd(data), word, "message %r" % message[:40], message=message)
    memfd = Memfd(data)
    same(register(daemon.dir, [])[0], "bad_message", "no descriptor")
    same(register(daemon.dir, [memfd.fd] * 2)[0], "bad_message", "two descriptors")
    same(register(daemon.dir, [memfd.fd] * 253)[0], "bad_message", "253 descriptors")
    # A longer message is one of a later minor version.
    same(register(daemon.dir, [memfd.fd], hello_message(size=48) + bytes(16))[0], "accepted", "news")
    memfd.close()
    wait_until(lambda: not listed(daemon.dir), "it leaves the list")


def lies():
    """Pages that lie, each with the word that must answer it."""
    def page(word, change):
        p = Page()
        change(p)
        return word, p

    def field(word, name, value):
        return page(word, lambda p: p.fields.__setitem__(name, value))

    def section(i, j, value, word="bad_page"):
        return page(word, lambda p: p.sections[i].__setitem__(j, value))

    yield field("bad_page", "magic", b"APEXSHM\1")
    yield field("bad_version", "major", 2)
    yield field("bad_version", "major", 0)
    yield field("bad_version", "byte_order", 0x04030201)
    yield field("bad_page", "header_bytes", 375)
    yield field("bad_page", "state", 0)
    yield field("bad_page", "sequence", 1)
    yield field("bad_page", "sections", 17)
    yield field("bad_page", "sections", 0xFFFFFFFF)
    yield field("bad_page", "sections", 0)
    yield field("bad_page", "nonce", 3)
    for total in (0, 8191, 8193, 4096, 0xFFFFFFFF):
        yield field("bad_size", "total_bytes", total)
    for i in range(4):
        for count in (0, 0xFFFFFFFF, 1 << 20):
            yield section(i, 1, count)
        for stride in (0, 7, 0xFFFFFFFF, 0xFFFFFFF8, 1 << 31):
            yield section(i, 2, stride)
        for offset in (1, 8192, 8188, 0xFFFFFFFF, 0xFFFFFFF8):
            yield section(i, 3, offset)
    yield section(0, 1, 2)
    for i in range(3):
        yield section(i, 0, 99)  # a section that must be there is missing
    yield page("bad_page", lambda p: (p.sections.append([PROCESS, 1, 16, 384]),
                                      p.fields.__setitem__("sections", 5)))
    # count * stride wraps around 32 bits to something that would fit.
    yield page("bad_page", lambda p: p.sections.__setitem__(1, [CLASS_SIZE, 1 << 9, 1 << 23, 400]))


def test_lies(daemon):
    for word, page in lies():
        refused(daemon, Memfd(page.bytes()), word,
                "%r %r" % (page.sections, {k: v for k, v in page.fields.items()
                                           if v != Page().fields[k]}))


def test_harmless(daemon):
    """Odd, but no lie: rows that make no sense are left out, sections we do not know are skipped."""
    page = Page()
    page.sections.insert(0, [99, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF])
    page.fields["sections"] = 5
    page.process = [(1 << 64) - 1] * 2
    page.class_size = [(1 << 64) - 1, 0, 1 << 63, 3]
    page.slots = [(1, 1, 0xFFFFFFFF, [((1 << 64) - 1, 0)] * 4, (1 << 64) - 1)] * 3
    page.schema = [(PROCESS, 16, 1, b"outside", b"bytes"), (THREAD, 4, 0, b"Upper", b"count"),
                   (PROCESS, 0, 7, b"x" * 32, b"bytes")]
    memfd = Memfd(page.bytes())
    same(register(daemon.dir, [memfd.fd])[0], "accepted", "an odd page")
    with Control(daemon.dir) as control:
        for params in ({}, {"pid": os.getpid()}):
            result = control.ask("stats", params)["result"]
            same(schema_errors(result, schema_of("stats")), [], "stats of an odd page")
            # A sum that does not fit stays at the end of the scale.
            heap = result.get("process", result)["heap"]
            same(heap["allocated_bytes"], (1 << 64) - 1, "a sum that does not fit")
        same(result["process"]["counters"], {}, "rows that make no sense")
    code, out, _ = apexctl("stats", str(os.getpid()), directory=daemon.dir)
    check(code == 0 and "16 EiB" in out.replace("16.0", "16"), "apexctl shows an odd page")
    memfd.close()
    wait_until(lambda: not listed(daemon.dir), "it leaves the list")


def test_torn(daemon):
    """The whole page is overwritten at random while it is read."""
    memfd = Memfd(Page().bytes())
    same(register(daemon.dir, [memfd.fd])[0], "accepted", "a page before it goes wild")
    done = threading.Event()
    generator = random.Random(4711)

    def scribble():
        while not done.is_set():
            at = generator.randrange(0, 8192 - 64)
            memfd.map[at:at + 64] = generator.randbytes(64)

    writer = threading.Thread(target=scribble)
    writer.start()
    with Control(daemon.dir) as control:
        for _ in range(300):
            for params in ({}, {"pid": os.getpid()}):
                reply = control.ask("stats", params)
                same(schema_errors(reply["result"], schema_of("stats")), [], "stats of a wild page")
        # Registering such a page again may be refused, but must be answered.
        for _ in range(50):
            check(register(daemon.dir, [memfd.fd])[0] in ("accepted", "bad_page", "bad_version",
                                                          "bad_size"), "a wild page is answered")
    done.set()
    writer.join()
    memfd.close()
    wait_until(lambda: not listed(daemon.dir), "it leaves the list")


def test_gone(daemon):
    """Who has ended before it was looked at is no refusal: its page without a lock, its silence."""
    def rejected():
        return ask(daemon.dir, "stats")["daemon"]["rejected_total"]

    before = rejected()
    fds = daemon.fds()
    memfd = Memfd(Page().bytes(), lease=False)
    daemon.process.send_signal(signal.SIGSTOP)
    for message in (hello_message(), None, hello_message()):
        with connect_register(daemon.dir) as s:
            if message is not None:
                socket.send_fds(s, [message], [memfd.fd])
    daemon.process.send_signal(signal.SIGCONT)
    refused(daemon, memfd, "no_lease", "one that stays for the answer")
    wait_until(lambda: daemon.fds() <= fds, "the connections end")
    after = rejected()
    same({k: after[k] - before[k] for k in after if after[k] != before[k]}, {"no_lease": 1},
         "refusals counted beside three who left")


def test_silence(daemon):
    """Connections to register.sock that say nothing do not keep others out."""
    silent = []
    for _ in range(300):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        with contextlib.suppress(BlockingIOError):
            s.connect(daemon.dir + "/register.sock")
        silent.append(s)
    memfd = Memfd(Page().bytes())

    def accepted():
        with contextlib.suppress(OSError):
            return register(daemon.dir, [memfd.fd])[0] == "accepted"
        return False

    wait_until(accepted, "a process is accepted among silent ones")
    memfd.close()
    for s in silent[:100]:
        # Silence ends in a second.
        s.settimeout(PATIENCE_S)
        with contextlib.suppress(ConnectionResetError, OSError):
            same(s.recv(64), b"", "a silent connection is closed")
    for s in silent:
        s.close()
    wait_until(lambda: not listed(daemon.dir), "it leaves the list")


def test_flood(daemon):
    """Descriptors sent in heaps, and registered processes by the thousand."""
    fds = [os.open("/dev/null", os.O_RDONLY) for _ in range(200)]
    held = []
    for _ in range(60):
        s = connect_register(daemon.dir)
        s.setblocking(False)
        with contextlib.suppress(OSError):
            for _ in range(4):
                socket.send_fds(s, [b"x"], fds)
        held.append(s)
    for s in held:
        s.close()
    for fd in fds:
        os.close(fd)
    memfd = Memfd(Page().bytes())
    for i in range(2000):
        if register(daemon.dir, [memfd.fd])[0] != "accepted":
            check(False, "registration %d of one process" % i)
            break
    same(len(listed(daemon.dir)), 1, "one process is listed once")
    memfd.close()
    wait_until(lambda: not listed(daemon.dir), "it leaves the list")


def test_long_lines(daemon):
    padded = b'{"v":1,"method":"hello"' + b" " * (8191 - 24) + b"}"
    with Control(daemon.dir) as control:
        same(len(padded), 8191, "length of the longest line")
        check("result" in control.ask_raw(padded), "a line of 8192 bytes is answered")
    for data in (b"x" * 8192, b"x" * 100000, b'{"v":1,"id":1,' + b" " * 8192 + b'"method":"hello"}\n'):
        with Control(daemon.dir) as control:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                control.send(data)
            reply = json.loads(control.line() or b"{}")
            same(reply.get("error", {}).get("code"), "bad_request", "a line of %d bytes" % len(data))
            same(control.line(), b"", "then the connection ends")
    with Control(daemon.dir) as control:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            control.send(random.Random(7).randbytes(1 << 20))
        while control.line():
            pass


def test_slow(daemon):
    """Half a request, and an answer nobody reads, end after the deadline; others are served meanwhile."""
    half = Control(daemon.dir)
    half.send(b'{"v":1,"id":1')
    slow = Control(daemon.dir)
    slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.socket.setblocking(False)
    request = b'{"v":1,"method":"hello"}\n'
    sent = 0
    with contextlib.suppress(BlockingIOError, BrokenPipeError):
        while True:
            sent += slow.socket.send(request * 100)
    check(sent > 0, "requests are sent")
    check(daemon.answers(), "others are served while one does not read")
    same(half.line(), b"", "half a request ends")
    slow.socket.settimeout(PATIENCE_S)
    wait_until(lambda: "does not read its answer" in daemon.read_log(), "the slow reader is dropped")
    check("does not finish its line" in daemon.read_log(), "half a request is dropped")
    half.close()
    slow.close()
    # A trickle does not extend the deadline.
    trickle = Control(daemon.dir)
    begin = time.monotonic()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        while time.monotonic() < begin + PATIENCE_S:
            trickle.send(b" ")
            time.sleep(0.05)
    took = time.monotonic() - begin
    # The daemon counts from when its loop woke up, which may be a while before it came to us.
    check(REPLY_DEADLINE_MS / 1000 * 0.8 <= took < PATIENCE_S, "a trickle ends after %.1f s" % took)
    trickle.close()


def test_crowd(daemon):
    """Whoever comes is served: of those who have been, the one that has waited longest goes for it."""
    crowd = []
    for _ in range(CONNECTIONS_MAX):
        control = Control(daemon.dir)
        check("result" in (control.ask("hello") or {}), "one of many is served")
        crowd.append(control)
    check("result" in crowd[0].ask("stats"), "the first of many is still served")
    with Control(daemon.dir) as control:
        check("result" in control.ask("hello"), "one more is served")
    reply = json.loads(crowd[1].line() or b"{}")
    same(reply.get("error", {}).get("code"), "too_busy", "who has waited longest is told")
    same(crowd[1].line(), b"", "and closed")
    check("result" in crowd[0].ask("stats"), "who has just asked stays")
    # Those who never ask do not come before those who do.
    silent = [Control(daemon.dir) for _ in range(CONNECTIONS_MAX)]
    check("result" in (crowd[-1].ask("hello") or {}), "who was served stays when others are silent")
    for control in silent + crowd:
        control.close()
    wait_until(daemon.answers, "there is room again")


def test_hang(daemon):
    """A daemon that hangs behind a full queue does not make apexctl hang; one that wakes up serves all."""
    daemon.process.send_signal(signal.SIGSTOP)
    queue = []
    with contextlib.suppress(BlockingIOError):
        while True:
            queue.append(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK))
            queue[-1].connect(os.path.join(daemon.dir, "control.sock"))
    code, _, error = apexctl("stats", directory=daemon.dir)
    same((code, error), (3, "apexctl: no apexd serves %s\n" % daemon.dir), "apexctl and a full queue")
    timer = threading.Timer(0.2, lambda: daemon.process.send_signal(signal.SIGCONT))
    timer.start()
    check(daemon.answers(), "who waits in a full queue is served")
    timer.join()
    for s in queue:
        s.close()


def test_readers(daemon):
    """Connections that do not read their answers do not keep others out."""
    request = b'{"v":1,"method":"hello"}\n' * 100
    slow = []
    for _ in range(CONNECTIONS_MAX + 40):
        control = Control(daemon.dir)
        control.socket.setblocking(False)
        with contextlib.suppress(OSError):
            while True:
                control.socket.send(request)
        slow.append(control)
    for _ in range(50):
        with Control(daemon.dir) as control:
            check("result" in (control.ask("stats") or {}), "served among slow readers")
    for control in slow:
        control.close()


TESTS = [test_files, test_messages, test_lies, test_harmless, test_torn, test_gone, test_silence,
         test_flood, test_long_lines, test_slow, test_crowd, test_hang, test_readers]

with Daemon() as it:
    register(it.dir, [])
    before = it.fds()
    for test in TESTS:
        test(it)
        check(it.process.poll() is None and it.answers(), "the daemon lives after " + test.__name__)
        wait_until(lambda: it.fds() <= before, "descriptors after %s" % test.__name__)
        print("%-14s %s" % (test.__name__, "ok"), flush=True)
    rejected = ask(it.dir, "stats")["daemon"]["rejected_total"]
    for reason in ("bad_message", "bad_version", "bad_fd", "bad_seals", "bad_size", "bad_page", "no_lease"):
        check(rejected[reason] > 0, "refusals are counted: " + reason)
finish()
