# SPDX-License-Identifier: MIT
#
# What the daemon answers: every method against its schema, every error with its code, values of a
# page whose contents are known, framing, and how the daemon starts, stops and refuses to start.
# Reason: others build on these answers. Uses no libapex, so it also runs against a sanitized daemon.
"""See the head of the file."""

import stat

from support import *

METHODS = re.findall(r"^METHOD\((\w+),",
                     open(os.path.join(SOURCE, "apexd/proto/methods.def"), encoding="utf-8").read(),
                     re.M)
# Methods that cannot be called without parameters.
NEED_A_PROCESS = re.findall(r"^PARAM\((\w+), \w+, \w+, true,",
                            open(os.path.join(SOURCE, "apexd/proto/methods.def"),
                                 encoding="utf-8").read(), re.M)

# Held against their schemas by tests of their own.
NEEDS_A_PROCESS = ("tune",)


def test_schema_checker():
    """The checker itself must be able to fail."""
    schema = schema_of("topology")
    good = {"schema": "apexd.topology/1", "boot_id": "", "ts_unix_ms": 1, "monotonic_ns": 1,
            "packages": 1, "cores": 1, "cpus": 1, "memory_bytes": 1, "page_bytes": 4096,
            "this_system": True, "truncated": False, "caches": [], "package_list": [],
            "nodes": []}
    same(schema_errors(good, schema), [], "a good topology")
    for change in ({"packages": -1}, {"packages": "1"}, {"packages": True}, {"packages": 1.5},
                   {"schema": "x"}, {"news": 1}, {"cpus": 1 << 65}, {"nodes": [{"node": 1}]},
                   {"caches": {}}, {"this_system": 1}):
        check(schema_errors(dict(good, **change), schema), "the checker accepts %r" % change)
    del good["cores"]
    check(schema_errors(good, schema), "the checker accepts a topology without cores")


def test_methods(daemon):
    check(len(METHODS) >= 4, "methods are found in methods.def")
    with Control(daemon.dir) as control:
        for number, method in enumerate(METHODS):
            if method in NEED_A_PROCESS:
                continue
            reply = control.ask(method, {}, number)
            if method in NEEDS_A_PROCESS:
                same(reply["error"]["code"], "bad_params", method + " without a process")
                continue
            same((reply.get("v"), reply.get("id")), (1, number), "envelope of " + method)
            same(schema_errors(reply.get("result"), schema_of(method)), [], "result of " + method)
        hello = control.ask("hello")["result"]
    same(sorted(m["name"] for m in hello["methods"]), sorted(METHODS), "methods that hello names")
    same(hello["pid"], daemon.process.pid, "pid in hello")
    same(hello["runtime_dir"], daemon.dir, "runtime_dir in hello")


def test_page_by_hand(daemon):
    """Every number of a page must arrive where it belongs."""
    memfd = Memfd(Page().bytes())
    status, nonce, advice = register(daemon.dir, [memfd.fd])
    same((status, nonce, len(advice)), ("accepted", 0x1122334455667788, 1), "registration by hand")
    with Control(daemon.dir) as control:
        result = control.ask("stats", {"pid": os.getpid()})["result"]
        total = control.ask("stats")["result"]
    same(schema_errors(result, schema_of("stats")), [], "stats of one")
    same(schema_errors(total, schema_of("stats")), [], "stats of all")
    process = result["process"]
    same((process["pid"], process["uid"], process["comm"], process["version"], process["threads"]),
         (os.getpid(), os.geteuid(), "by-hand", "9.9", 1), "identity")
    start = open("/proc/self/stat", encoding="utf-8").read().rsplit(")", 1)[1].split()[19]
    same(process["key"], "%d:%s" % (os.getpid(), start), "key")
    same(process["counters"], {"mapped_bytes": 1 << 20, "purge_calls_total": 5}, "counters")
    same(process["thread_counters"], {"slow_allocs_total": 7}, "thread counters")
    same(process["classes"], [{"size_bytes": 16, "live": 0, "gained_total": 12, "lost_total": 12},
                              {"size_bytes": 32, "live": 1, "gained_total": 1, "lost_total": 0},
                              {"size_bytes": 48, "live": 0, "gained_total": 7, "lost_total": 7}],
         "classes, summed over threads before they are subtracted")
    same(process["heap"]["allocated_bytes"], 32, "allocated")
    same(process["heap"]["mapped_bytes"], 1 << 20, "mapped")
    same([(t["slot"], t["tid"], t["live"], t["live_bytes"]) for t in process["thread_list"]],
         [(0, 101, True, 6 * 16 + 7 * 48), (1, 102, False, 32)], "threads")
    same((total["processes"], total["threads"], total["heap"]["allocated_bytes"]), (1, 1, 32), "totals")
    for flag, wanted in ((True, [process["counters"], process["thread_counters"]]), (False, [None] * 2)):
        result = ask(daemon.dir, "processes", {"counters": flag})
        same(schema_errors(result, schema_of("processes")), [], "processes with counters: %r" % flag)
        one = result["processes"][0]
        same([one.get("counters"), one.get("thread_counters")], wanted, "counters: %r" % flag)
    check_advice(advice[0])
    # An update shows, and a stranger's text cannot carry control characters or broken UTF-8.
    struct.pack_into("<Q", memfd.map, 384, 1 << 21)
    wait_until(lambda: ask(daemon.dir, "stats")["counters"]["mapped_bytes"] == 1 << 21, "the update")
    memfd.close()
    wait_until(lambda: not listed(daemon.dir), "a page that is given up leaves the list")
    page = Page()
    page.fields["comm"] = b"\x1b[31m\xff\xc3\xa4\"\\"
    memfd = Memfd(page.bytes())
    same(register(daemon.dir, [memfd.fd])[0], "accepted", "a page with a wild name")
    same(listed(daemon.dir)[os.getpid()]["comm"], "?[31m?\u00e4\"\\", "a wild name")
    memfd.close()


def check_advice(fd):
    """The advice page lives, can be read, and cannot be written."""
    page = mmap.mmap(fd, 4096, prot=mmap.PROT_READ)
    same(page[:8], b"APEXADV\0", "magic of the advice page")
    major, _, total = struct.unpack_from("<HHI", page, 8)
    same((major, total), (1, 128 + 64 * 32 + 24 + 64 * 4), "version and size of the advice page")
    same(struct.unpack_from("<Q", page, 16)[0], 0x1122334455667788, "nonce of the advice page")
    same(struct.unpack_from("<I", page, 36)[0], 1, "state of the advice page")
    first = struct.unpack_from("<Q", page, 40)[0]
    wait_until(lambda: struct.unpack_from("<Q", page, 40)[0] > first, "the heartbeat grows")
    for attempt in (lambda: mmap.mmap(fd, 4096), lambda: os.pwrite(fd, b"x", 0),
                    lambda: os.ftruncate(fd, 0), lambda: os.ftruncate(fd, 8192)):
        try:
            attempt()
            check(False, "the advice page can be changed")
        except OSError:
            pass
    page.close()
    os.close(fd)


def test_errors(daemon):
    wrong = [
        (b"garbage", "bad_request"), (b"", "bad_request"), (b"[]", "bad_request"),
        (b"{}", "bad_version"), (b'{"v":1}', "bad_request"), (b'{"v":2,"method":"stats"}', "bad_version"),
        (b'{"v":1,"method":"stats"} {}', "bad_request"), (b'{"v":1,"method":"none"}', "unknown_method"),
        (b'{"v":1,"method":7}', "bad_request"), (b'{"v":1,"id":{},"method":"stats"}', "bad_request"),
        (b'{"v":1,"id":-1,"method":"stats"}', "bad_request"),
        (b'{"v":1,"id":1.5,"method":"stats"}', "bad_request"),
        (b'{"v":1,"method":"stats","params":[]}', "bad_params"),
        (b'{"v":1,"method":"stats","params":{"pid":"1"}}', "bad_params"),
        (b'{"v":1,"method":"stats","params":{"pid":-1}}', "bad_params"),
        (b'{"v":1,"method":"stats","params":{"pid":1e300}}', "bad_params"),
        (b'{"v":1,"method":"stats","params":{"pid":1,"pid":2}}', "bad_params"),
        (b'{"v":1,"method":"stats","params":{"Pid":1}}', "bad_params"),
        (b'{"v":1,"method":"topology","params":{"pid":1}}', "bad_params"),
        (b'{"v":1,"method":"stats","params":{"pid":0}}', "no_such_process"),
        (b'{"v":1,"method":"stats","params":{"pid":1099511627776}}', "no_such_process"),
        (b'{"v":1,"method":"sta\0ts"}', "bad_request"), (b"\xff\xfe\x00", "bad_request"),
        (b"[" * 4000, "bad_request"),
    ]
    with Control(daemon.dir) as control:
        for line, code in wrong:
            reply = control.ask_raw(line) or {}
            same(reply.get("error", {}).get("code"), code, "answer to %r" % line[:60])
        same(control.ask_raw(b'{"v":1,"id":"a b","method":"hello"}').get("id"), "a b", "id that is text")
        check("id" not in control.ask_raw(b'{"v":1,"method":"hello"}'), "no id without one")
        # Several lines in one write, and one line in many.
        control.send(b'{"v":1,"id":1,"method":"hello"}\n{"v":1,"id":2,"method":"hello"}\n')
        same([json.loads(control.line())["id"] for _ in range(2)], [1, 2], "two lines in one write")
        for byte in b'{"v":1,"id":3,"method":"hello"}\r\n':
            control.send(bytes([byte]))
        same(json.loads(control.line())["id"], 3, "one line byte by byte")


def test_files(daemon):
    """Modes of the sockets, a second daemon, sockets that were left behind, the end."""
    for name, mode in (("register.sock", 0o666), ("control.sock", 0o660)):
        found = os.stat(os.path.join(daemon.dir, name))
        check(stat.S_ISSOCK(found.st_mode), name + " is a socket")
        same(stat.S_IMODE(found.st_mode), mode, "mode of " + name)
    second = subprocess.run([APEXD, "--runtime-dir", daemon.dir], stderr=subprocess.PIPE, check=False)
    same(second.returncode, 1, "exit code of a second daemon")
    check(b"another apexd (pid %d) serves" % daemon.process.pid in second.stderr,
          "words of a second daemon: %r" % second.stderr)
    check(daemon.answers(), "the first daemon goes on")
    daemon.kill()
    check(os.path.exists(daemon.dir + "/control.sock"), "a killed daemon leaves its sockets")
    daemon.start()
    check(daemon.answers(), "a daemon replaces left-over sockets")
    same(daemon.stop(), 0, "exit code after SIGTERM")
    same(os.listdir(daemon.dir), [], "what a stopped daemon leaves")
    daemon.start()
    daemon.process.send_signal(signal.SIGINT)
    same(daemon.process.wait(PATIENCE_S), 0, "exit code after SIGINT")
    own = os.path.join(daemon.top, "own")
    process = subprocess.Popen([APEXD, "--runtime-dir", own])
    wait_until(lambda: os.path.exists(own + "/control.sock"), "a directory is made")
    same(stat.S_IMODE(os.stat(own).st_mode), 0o755 if os.geteuid() == 0 else 0o700, "its mode")
    process.terminate()
    process.wait(PATIENCE_S)
    check(not os.path.exists(own), "a directory that the daemon made goes with it")
    os.chmod(daemon.dir, 0o777)
    third = subprocess.run([APEXD, "--runtime-dir", daemon.dir], stderr=subprocess.PIPE, check=False)
    check(third.returncode == 1 and b"written by others" in third.stderr, "an open directory is refused")
    os.chmod(daemon.dir, 0o700)
    daemon.start()


def test_early_signal():
    """A signal in the middle of the start leaves nothing behind."""
    top = tempfile.mkdtemp(prefix="apexd-test-")
    for i in range(20):
        process = subprocess.Popen([APEXD, "--runtime-dir", top + "/run"])
        while not os.path.exists(top + "/run/register.sock") and process.poll() is None:
            pass
        process.terminate()
        same(process.wait(PATIENCE_S), 0, "exit code after an early signal")
        same(os.listdir(top), [], "what is left after an early signal, round %d" % i)
    shutil.rmtree(top)


def test_port_in_use():
    """A daemon that cannot have its port leaves nothing behind."""
    top = tempfile.mkdtemp(prefix="apexd-test-")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        done = subprocess.run([APEXD, "--runtime-dir", top + "/run", "--config", "", "--http-port",
                               str(other.getsockname()[1])], capture_output=True, check=False, timeout=PATIENCE_S)
    check(done.returncode == 1 and b"cannot listen" in done.stderr, "a port in use: %r" % done)
    same(os.listdir(top), [], "what is left")
    shutil.rmtree(top)


def test_usage():
    for arguments, code in ((["--help"], 0), (["--version"], 0), (["--no-such"], 2), (["extra"], 2),
                            (["--log-level", "loud"], 2), (["--runtime-dir"], 2),
                            (["--runtime-dir", "/nonexistent/a/b"], 1),
                            (["--runtime-dir", "/" + "x" * 200], 1)):
        done = subprocess.run([APEXD] + arguments, capture_output=True, check=False, timeout=PATIENCE_S)
        same(done.returncode, code, "exit code of apexd %r" % arguments)
        check(done.stderr if code else done.stdout, "apexd %r says something" % arguments)
    environment = {k: v for k, v in os.environ.items() if k != "XDG_RUNTIME_DIR"}
    if os.geteuid() != 0:
        done = subprocess.run([APEXD], env=environment, capture_output=True, check=False)
        check(done.returncode == 1 and b"--runtime-dir" in done.stderr, "no XDG_RUNTIME_DIR")


def test_notify():
    """READY=1 to NOTIFY_SOCKET, and STOPPING=1; sockets by LISTEN_FDS."""
    top = tempfile.mkdtemp(prefix="apexd-test-")
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.settimeout(PATIENCE_S)
    manager.bind(top + "/notify")
    control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    control.bind(top + "/elsewhere.sock")
    control.listen(8)
    # LISTEN_PID is the pid of the daemon itself: the shell becomes it.
    process = subprocess.Popen(
        ["/bin/sh", "-c", 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" --runtime-dir "$1" 3<&"$2"', APEXD,
         top, str(control.fileno())],
        env=dict(os.environ, NOTIFY_SOCKET=top + "/notify"), pass_fds=[control.fileno()])
    check(b"READY=1" in manager.recv(4096).split(b"\n"), "READY=1 comes first")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.connect(top + "/elsewhere.sock")
        s.sendall(b'{"v":1,"id":5,"method":"hello"}\n')
        same(json.loads(s.makefile().readline())["id"], 5, "answer on a socket that was passed")
    same(sorted(os.listdir(top)), ["elsewhere.sock", "http.sock", "notify", "register.sock"], "sockets with LISTEN_FDS")
    process.terminate()
    same(manager.recv(4096), b"STOPPING=1", "STOPPING=1 at the end")
    same(process.wait(PATIENCE_S), 0, "exit code")
    check(os.path.exists(top + "/elsewhere.sock"), "a socket that was passed stays")
    control.close()
    manager.close()
    shutil.rmtree(top)


test_schema_checker()
test_usage()
test_port_in_use()
test_early_signal()
test_notify()
with Daemon() as it:
    test_methods(it)
    test_page_by_hand(it)
    test_errors(it)
    test_files(it)
finish()
