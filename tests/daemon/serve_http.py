# SPDX-License-Identifier: MIT
#
# apexd's http.sock and its loopback port: what each path answers, to whom and in which format; the
# figures of a page made by hand, from which no counter falls when its process goes; connections
# that are slow, many, wrong or cut off; sockets that a manager passes. Reason: a monitoring system
# asks day and night, and on the port anybody of this host may. Needs no libapex, so it also runs
# against a sanitized daemon.
"""See the head of the file."""

import stat

from support import *

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
# What a Prometheus of 2023 sends.
ACCEPT = ("application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"
          "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1")


def test_paths(daemon, port):
    for where in (daemon.dir, port):
        for method in ("hello", "stats", "processes", "topology", "numa", "metrics"):
            status, headers, body = http(where, "/v1/" + method)
            same((status, headers["content-type"]), (200, "application/json"), method)
            same(schema_errors(json.loads(body), schema_of(method)), [], method + " by HTTP")
        # Each method that wants a process is known, and none that changes something is. By the port
        # nobody learns which processes there are.
        missing = (403, "denied") if where == port else (404, "no_such_process")
        for query in ["%s?pid=1" % method for method in ("map", "frag", "ctl", "profile", "stats", "numa")] + [
                "numa?match=comm=no-such-thing"]:
            status, _, body = http(where, "/v1/" + query)
            same((status, json.loads(body)["error"]["code"]), missing, query)
        same(http(where, "/v1/rules")[0], 403 if where == port else 200, "rules")
        same(http(where, "/healthz")[::2], (200, "ok\n"), "/healthz")
        same(http(where, "/metrics")[1]["content-type"], PROMETHEUS, "type when none is asked for")
        for path, status, code in (
                ("/", 404, "unknown_method"), ("/v1/", 404, "unknown_method"),
                ("/v1/tune", 404, "unknown_method"), ("/v1/tune?pid=1&purge", 404, "unknown_method"),
                ("/v1/stats/", 404, "unknown_method"), ("/metrics/", 404, "unknown_method"), ("/v1/stats?pid=", 400, "bad_params"),
                ("/v1/stats?pid=-1", 400, "bad_params"), ("/v1/stats?pid=1&pid=2", 400, "bad_params"),
                ("/v1/stats?pid=99999999999999999999999", 400, "bad_params"),
                ("/v1/stats?Pid=1", 400, "bad_params"), ("/v1/stats?%00", 400, "bad_params"),
                ("/metrics?per_process=maybe", 400, "bad_params"), ("/metrics?x", 400, "bad_params"),
                ("/v1/stats?a&b&c&d&e&f&g&h&i", 400, "bad_params")):
            found, headers, body = http(where, path)
            same((found, json.loads(body)["error"]["code"]), (status, code), "answer to " + path)
            same(headers["content-type"], "application/json", "type of an error")
        status, headers, body = http(where, "/metrics", method="HEAD")
        check(status == 200 and body == "" and int(headers["content-length"]) > 1000, "HEAD")
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "NONE"):
            status, headers, _ = http(where, "/metrics", method=method)
            same((status, headers.get("allow")), (405, "GET, HEAD"), method)
    # A name that some page on the web has given to 127.0.0.1.
    for host, status in (("evil.example", 403), ("localhost.evil.example", 403), ("127.0.0.1", 200),
                         ("LOCALHOST:%d" % port, 200), ("[::1]:1", 200), ("", 403)):
        same(http(port, "/metrics", {"Host": host})[0], status, "for the name %r" % host)
    same(http(daemon.dir, "/metrics", {"Host": "evil.example"})[0], 200, "any name on the socket")


def test_formats(port):
    status, headers, body = http(port, "/metrics", {"Accept": ACCEPT})
    same((status, headers["content-type"]), (200, OPENMETRICS), "what Prometheus gets")
    check(body.endswith("\n# EOF\n") and body.count("# EOF") == 1, "the end of OpenMetrics")
    check("\n# TYPE apex_purged_bytes counter\n" in body, "a family without _total")
    check("\n# UNIT apex_heap_allocated_bytes bytes\n" in body, "a unit")
    text = http(port, "/metrics")[2]
    check("# EOF" not in text and "\n# TYPE apex_purged_bytes_total counter\n" in text, "0.0.4")
    same(samples(body).keys(), samples(text).keys(), "the same samples in both formats")
    for line in body.splitlines():
        check(re.fullmatch(r"# (HELP|TYPE|UNIT) \S+ .+|# EOF|[a-z_]+(\{[^{}]*\})? [0-9.]+", line),
              "a strange line: " + line)


def figures(where, path="/metrics"):
    """The text of now: what was made in the last 0.2 s may be handed out again."""
    time.sleep(0.25)
    return http(where, path)[2]


def test_figures(daemon, port):
    """A page made by hand: its values, its labels, and what stays when it goes."""
    own = 'comm="by-hand",uid="%d",unit=' % os.geteuid()

    def value(text, name, labels=""):
        found = [v for k, v in samples(text).items()
                 if k.startswith(name + ("{" if labels else "")) and labels in k]
        return found[0] if len(found) == 1 else found

    before = samples(figures(port))
    page = Page()
    page.schema[1] = (PROCESS, 8, 0, b"fault_double_free", b"count")
    memfd = Memfd(page.bytes())
    same(register(daemon.dir, [memfd.fd])[0], "accepted", "registration")
    text = figures(daemon.dir)
    same(value(text, "apex_heap_allocated_bytes", own), 32, "allocated")
    same(value(text, "apex_heap_mapped_bytes", own), 1 << 20, "mapped")
    same(value(text, "apex_slow_allocs_total", own), 7, "a counter of threads")
    same(value(text, "apex_faults_total", 'kind="double_free",' + own), 5, "faults")
    same(value(text, "apex_heap_mapped_bytes", 'comm="other"'), 0, "the others")
    same((value(text, "apex_processes", own), value(text, "apex_threads", own)), (1, 1), "counts")
    # The port says nothing of who they are.
    text = figures(port, "/metrics?per_process=1")
    check("by-hand" not in text and "comm=" not in text and "pid=" not in text, "names on the port")
    same(value(text, "apex_heap_mapped_bytes"), 1 << 20, "mapped, of the host")
    same(json.loads(http(port, "/v1/processes")[2])["processes"], [], "processes on the port")
    status, _, body = http(port, "/v1/stats?pid=%d" % os.getpid())
    same((status, json.loads(body)["error"]["code"]), (403, "denied"), "one process on the port")
    body = json.loads(http(daemon.dir, "/v1/stats?pid=%d" % os.getpid())[2])
    same(body["process"]["comm"], "by-hand", "one process on the socket")
    # One row each, if asked for.
    for flag in ("per_process", "per_process=1", "per_process=true"):
        text = figures(daemon.dir, "/metrics?" + flag)
        same(value(text, "apex_slow_allocs_total", 'pid="%d"' % os.getpid()), 7, flag)
    check("pid=" not in http(daemon.dir, "/metrics?per_process=0")[2], "per_process=0")
    # Its last words count, even those that nobody had read yet.
    struct.pack_into("<Q", memfd.map, 512 + page.sections[2][2] - 8, 1000)
    memfd.close()
    wait_until(lambda: not listed(daemon.dir), "the page is gone")
    text = figures(daemon.dir)
    same(value(text, "apex_slow_allocs_total", own), 1004, "a counter of those that were")
    same(value(text, "apex_heap_mapped_bytes", own), 0, "a gauge of those that were")
    same(value(text, "apex_processes_registered_total", own), 1, "how many were")
    after = samples(figures(port))
    for name in before:
        check("_total" not in name or after[name] >= before[name], "a counter fell: " + name)


def test_strange_names(daemon):
    page = Page()
    page.fields["comm"] = b"a\"b\\\n\xff{}\xc3\xa4"
    memfd = Memfd(page.bytes())
    same(register(daemon.dir, [memfd.fd])[0], "accepted", "a page with a wild name")
    text = figures(daemon.dir)
    check('{comm="a\\"b\\\\??{}\u00e4",uid=' in text, "a wild name in a label")
    memfd.close()
    wait_until(lambda: not listed(daemon.dir), "the page is gone")


def closed(s):
    """Whether the daemon has ended the connection."""
    try:
        return s.recv(4096) == b""
    except (ConnectionResetError, BrokenPipeError):
        return True
    except BlockingIOError:
        return False


def test_slow(daemon, port, fds):
    """Those who send or read slowly are closed in time, and keep nobody out meanwhile."""
    for where in (daemon.dir, port):
        slow = []
        for i in range(100):
            s = http_connect(where)
            with contextlib.suppress(OSError):
                s.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * (i % 3))
            slow.append(s)
            if i % 20 == 19:
                same(http(where, "/healthz")[0], 200, "an answer besides %d slow ones" % (i + 1))
        for s in slow:
            s.setblocking(False)
        # One of them goes on sending: that does not help it.
        def over():
            with contextlib.suppress(OSError):
                slow[-1].sendall(b"X: y\r\n")
            return all(closed(s) for s in slow)
        wait_until(over, "slow ones are closed")
        for s in slow:
            s.close()
    check("it takes too long" in daemon.read_log(), "the log tells of those who took too long")
    check("others wait, and it is the oldest that does not" in daemon.read_log(), "and of the oldest")
    wait_until(lambda: daemon.fds() <= fds, "their descriptors are closed")


def test_wrong(daemon, port):
    for where in (daemon.dir, port):
        for data in (b"\0" * 100 + b"\n", b"garbage\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"{\"v\":1}\n",
                     b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
                     b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n" + b"X: " + b"y" * 20000 +
                     b"\r\n\r\n", b"GET /metrics?" + b"a&" * 3000 + b" HTTP/1.1\r\n\r\n",
                     b"POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n",
                     b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz"):
            with http_connect(where) as s:
                with contextlib.suppress(OSError):
                    s.sendall(data)
                    s.shutdown(socket.SHUT_WR)
                    answer = s.makefile("rb").read()
                    check(not answer.startswith(b"HTTP/1.1 200") or b"chunked" in data,
                          "answer to %r: %r" % (data[:40], answer[:80]))
            same(http(where, "/healthz")[0], 200, "an answer after %r" % data[:40])
        # Gone before it has read, many times.
        for _ in range(200):
            with http_connect(where) as s:
                s.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        same(http(where, "/healthz")[0], 200, "an answer after those who left")


def test_port_taken(daemon, port):
    top = tempfile.mkdtemp(prefix="apexd-test-")
    second = subprocess.run([APEXD, "--runtime-dir", top + "/run", "--http-port", str(port)],
                            stderr=subprocess.PIPE, check=False, timeout=PATIENCE_S)
    same(second.returncode, 1, "exit code when the port is taken")
    check(b"cannot listen on 127.0.0.1:%d" % port in second.stderr, "words: %r" % second.stderr)
    shutil.rmtree(top)
    for wrong in ("0", "65536", "-1", "80x", ""):
        done = subprocess.run([APEXD, "--http-port", wrong], stderr=subprocess.PIPE, check=False,
                              timeout=PATIENCE_S)
        check(done.returncode == 2 and b"not a port" in done.stderr, "port %r" % wrong)
    same(stat.S_IMODE(os.stat(daemon.dir + "/http.sock").st_mode), 0o660, "mode of http.sock")
    local = {line.split()[1] for name in ("tcp", "tcp6") if os.path.exists("/proc/net/" + name)
             for line in open("/proc/net/" + name, encoding="ascii")}
    local = {a.split(":")[0] for a in local if a.endswith(":%04X" % port)}
    check(local <= {"0100007F", "00000000000000000000000001000000"}, "addresses: %r" % local)


def test_passed_sockets():
    """http.sock by LISTEN_FDS: known by its path or by the name that the manager gives it."""
    for path, names in (("http.sock", ""), ("elsewhere", "control:http.sock")):
        top = tempfile.mkdtemp(prefix="apexd-test-")
        sockets = []
        for name in ("other.sock", path):
            sockets.append(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            sockets[-1].bind(top + "/" + name)
            sockets[-1].listen(8)
        environment = dict(os.environ, LISTEN_FDNAMES=names) if names else dict(os.environ)
        process = subprocess.Popen(
            ["/bin/sh", "-c", 'LISTEN_PID=$$ LISTEN_FDS=2 exec "$0" --runtime-dir "$1" 3<&"$2" 4<&"$3"',
             APEXD, top] + [str(s.fileno()) for s in sockets], env=environment,
            pass_fds=[s.fileno() for s in sockets])
        same(http(top + "/" + path, "/healthz")[0], 200, "an answer on a socket that was passed")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.connect(top + "/other.sock")
            s.sendall(b'{"v":1,"id":5,"method":"hello"}\n')
            same(json.loads(s.makefile().readline())["id"], 5, "the other one is for control")
        process.terminate()
        same(process.wait(PATIENCE_S), 0, "exit code")
        check(os.path.exists(top + "/" + path), "a socket that was passed stays")
        for s in sockets:
            s.close()
        shutil.rmtree(top)


def test_apexctl(daemon):
    """apexctl metrics: the same text, and a file that is replaced at one stroke."""
    memfd = Memfd(Page().bytes())
    same(register(daemon.dir, [memfd.fd])[0], "accepted", "registration")
    time.sleep(0.25)
    code, out, err = apexctl("metrics", directory=daemon.dir)
    same((code, err), (0, ""), "apexctl metrics")
    same(samples(out).keys(), samples(http(daemon.dir, "/metrics")[2]).keys(), "its samples")
    check("pid=" in apexctl("metrics", "--per-process", directory=daemon.dir)[1], "--per-process")
    check(apexctl("metrics", "--openmetrics", directory=daemon.dir)[1].endswith("# EOF\n"),
          "--openmetrics")
    result = json.loads(apexctl("metrics", "-o", "json", directory=daemon.dir)[1])
    same(schema_errors(result, schema_of("metrics")), [], "-o json")
    folder = os.path.join(daemon.top, "textfile")
    path = os.path.join(folder, "apex.prom")
    same(apexctl("metrics", "--textfile", path, directory=daemon.dir)[0], 1, "a folder that is not there")
    os.mkdir(folder)
    # Whoever has the old file open keeps it whole.
    open(path, "w", encoding="utf-8").write("old")
    with open(path, encoding="utf-8") as old:
        same(apexctl("metrics", "--textfile", path, directory=daemon.dir), (0, "", ""), "--textfile")
        same(old.read(), "old", "the file that was there")
    same(samples(open(path, encoding="utf-8").read()).keys(), samples(out).keys(), "the file's samples")
    same(stat.S_IMODE(os.stat(path).st_mode), 0o644, "its mode")
    same(os.listdir(folder), ["apex.prom"], "what is left beside it")
    for wrong in (["--textfile", path, "-o", "json"], ["--textfile", path, "--openmetrics"], ["x"],
                  ["--textfile"], ["--no-such"]):
        same(apexctl("metrics", *wrong, directory=daemon.dir)[0], 2, "exit code of metrics %r" % wrong)
    before = os.stat(path).st_ino
    same(apexctl("metrics", "--textfile", path, directory=folder)[0], 3, "exit code without apexd")
    same(os.stat(path).st_ino, before, "the file without apexd")
    memfd.close()


def main():
    port, = free_ports(1)
    with Daemon("--http-port", str(port)) as daemon:
        fds = daemon.fds()
        test_paths(daemon, port)
        test_formats(port)
        test_figures(daemon, port)
        test_strange_names(daemon)
        test_apexctl(daemon)
        test_wrong(daemon, port)
        test_slow(daemon, port, fds)
        test_port_taken(daemon, port)
        same(daemon.stop(), 0, "exit code after SIGTERM")
        same(os.listdir(daemon.dir), [], "what a stopped daemon leaves")
        daemon.start()
        same(http(port, "/healthz")[0], 200, "the port, again at once")
    test_passed_sockets()
    finish()


main()
