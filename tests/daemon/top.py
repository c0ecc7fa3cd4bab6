# SPDX-License-Identifier: MIT
#
# apexctl top as people use it: on a terminal with ncurses, on one that ncurses does not know, with keys,
# in every size; the daemon goes and comes back; signals. And without a terminal: tables and JSON.
# Reason: a program that owns the screen must give it back whatever happens. The processes are pages by
# hand, so it needs no libapex and numbers are known.
"""See the head of the file."""

import threading

from terminal import *


class Process:
    """A child that has registered a page by hand: its pid is its own, its numbers are ours."""

    def __init__(self, directory, comm, mapped):
        self.ready, ready = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            page = Page()
            page.fields["comm"] = comm
            page.process[0] = mapped
            memfd = Memfd(page.bytes())
            status, _, _ = register(directory, [memfd.fd])
            os.write(ready, b"+" if status == "accepted" else b"-")
            slow = 0
            while True:  # counts slow allocations, 100 at a time
                slow += 100
                struct.pack_into("<Q", memfd.map, 512 + 16 + 96 * 16, slow)
                time.sleep(0.05)
        os.close(ready)
        same(os.read(self.ready, 1), b"+", "registration of " + repr(comm))

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.ready)


@contextlib.contextmanager
def processes(directory, *names):
    started = [Process(directory, name, 1 << 20 << i) for i, name in enumerate(names)]
    try:
        yield started
    finally:
        for process in started:
            process.kill()


def top(daemon, *arguments, **options):
    command = [APEXCTL, "--runtime-dir", daemon.dir, "top"] + list(arguments)
    return Terminal(command, **options)


def test_keys(daemon, term):
    """What the keys do, on a terminal of this name."""
    with processes(daemon.dir, b"first", b"second", b"third"), \
            top(daemon, "--interval", "0.2", term=term) as t:
        t.wait(r"^apexctl top \d\d:\d\d:\d\d  3 processes", "the head")
        t.wait(r"COMMAND .*SLOW/S", "titles")
        t.wait(r"first .* [1-9]\d*(\.\d)? ", "a rate is reckoned")
        lines = t.screen.lines()
        same(len([line for line in lines if re.search(r"(first|second|third)  ", line)]), 3, "rows")
        check(lines[-1].startswith("q quit"), "the foot is at the bottom: " + repr(lines[-1]))
        t.type("N")
        t.wait(r"first(.*\n)+.*second(.*\n)+.*third", "sorted by name")
        t.type("r")
        t.wait(r"third(.*\n)+.*second(.*\n)+.*first", "the other way round")
        t.type("/sec\n")
        t.wait(r"only: sec  \(1 of 3\)", "the filter")
        t.wait_without(r"third", "others are not shown")
        t.type("\x1b")
        t.wait(r"third", "all are shown again")
        t.type("+")
        t.wait(r"every 0\.5 s", "a longer interval")
        t.type("p")
        t.wait(r"paused", "paused")
        t.type("ph")
        t.wait(r"this page", "help")
        t.type("q")
        t.wait(r"COMMAND", "back from help")
        t.type(b"\x1b[B\r")
        t.wait(r"second \(pid \d+, uid \d+\), libapex 9\.9", "details of the second")
        t.wait(r"^HEAP", "its heap")
        t.type("q")
        t.wait(r"COMMAND", "back from the details")
        t.type("q")
        same(t.end(), 0, "exit code")
        t.check_restored("after q on " + term)


def test_sizes(daemon):
    """No size breaks it; after each change the last line is the foot and the first the head."""
    with processes(daemon.dir, b"one", b"two"), top(daemon, "--interval", "0.2") as t:
        t.wait(r"COMMAND", "the list")
        for columns, rows in ((200, 50), (40, 10), (20, 5), (7, 2), (1, 1), (132, 24), (80, 300)):
            t.resize(columns, rows)
            if columns >= 20:
                t.wait(r"PID .*ALLOCATED" if columns < 60 else r"PID COMMAND +ALLOCATED",
                       "the list at %dx%d" % (columns, rows))
            else:
                t.read(0.3)
            check(t.process.poll() is None, "still there at %dx%d" % (columns, rows))
        t.resize(80, 24)
        t.wait(r"\Aapexctl top .*\n(.*\n){22}q quit", "all 24 lines")
        t.type("q")
        same(t.end(), 0, "exit code after changes of size")


def test_daemon_goes(daemon):
    """Killed and started again: it says so, and goes on. In the list and in the details."""
    with top(daemon, "--interval", "0.2") as t:
        for keys in ("", b"\r"):
            with processes(daemon.dir, b"longlived"):
                t.wait(r"longlived", "the process is shown")
                t.type(keys)
                t.wait(r"\(pid " if keys else r"COMMAND", "the view")
                daemon.kill()
                t.wait(r"no apexd at .*trying again", "it says that there is no daemon")
                t.wait_without(r"longlived", "nothing of the past is shown")
                if keys:  # a daemon that does not know the process would end the details itself
                    t.wait(r"^q back", "still the details")
                    t.type("q")
                    t.wait(r"^q quit", "the list")
                daemon.start()
        with processes(daemon.dir, b"later"):
            t.wait(r"later", "it finds the new daemon")
            # A daemon that does not answer is none, and does not hold the keys up for ever.
            daemon.process.send_signal(signal.SIGSTOP)
            t.wait(r"no apexd", "a daemon that is stopped")
            daemon.process.send_signal(signal.SIGCONT)
            t.wait(r"later", "it goes on")
        t.type("q")
        same(t.end(), 0, "exit code when the daemon has gone in between")
        t.check_restored("after daemons have gone")


def test_signals(daemon):
    """The terminal is given back, whatever ends the program; SIGTSTP gives it back for a while."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGINT, signal.SIGSEGV,
                   signal.SIGABRT):
        for term in ("xterm", "nobody-knows-this"):
            with top(daemon, term=term) as t:
                t.wait(r"COMMAND", "the list")
                check(t.screen.other, "it is on the other screen")
                t.process.send_signal(number)
                same(t.end(), 0 if number == signal.SIGINT else -number, "end by %s" % number.name)
                t.check_restored("after %s on %s" % (number.name, term))
    with top(daemon) as t:
        t.wait(r"COMMAND", "the list")
        t.type(b"\x03")
        same(t.end(), 0, "end by Ctrl-C")
        t.check_restored("after Ctrl-C")
    with top(daemon, "--count", "2", "--interval", "0.2") as t:
        same(t.end(), 0, "end after two rounds")
        t.check_restored("after two rounds")
    with top(daemon) as t:
        t.wait(r"COMMAND", "the list")
        t.process.send_signal(signal.SIGTSTP)
        stopped = os.waitid(os.P_PID, t.process.pid, os.WSTOPPED)
        same(stopped.si_status, signal.SIGSTOP, "it stops")
        t.drain()
        t.check_restored("while it is stopped")
        t.process.send_signal(signal.SIGCONT)
        t.wait(r"COMMAND", "back again")
        check(t.screen.other, "on the other screen again")
        t.type("q")
        same(t.end(), 0, "exit code after a stop")


def test_colours(daemon):
    """Colour only where it is welcome."""
    for environment, wanted in (({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True)):
        for term in ("xterm", "nobody-knows-this"):
            with processes(daemon.dir, b"one"), top(daemon, term=term, environment=environment) as t:
                t.wait(r"one ", "the list")
                t.type("q")
                t.end()
                colour = re.search(rb"\x1b\[(\d+;)*3[0-7](;\d+)*m", t.screen.bytes)
                same(bool(colour), wanted, "colour on %s with %r" % (term, environment))
    with top(daemon, "--count", "1", term="dumb") as t:
        same(t.end(), 0, "on a dumb terminal")
        check(b"\x1b" not in t.screen.bytes and b"COMMAND" in t.screen.bytes, "plain on a dumb one")


def test_batch(daemon):
    with processes(daemon.dir, b"alpha", b"beta"):
        def rated():
            """Two tables. Between them a process may have had no time to count: then it is asked again."""
            code, out, err = apexctl("top", "--count", "2", "--interval", "0.3", directory=daemon.dir)
            same((code, err), (0, ""), "batch without a terminal")
            tables = out.split("\n\n")
            same([len(table.strip().split("\n")) for table in tables], [3, 3], "two tables")
            check(re.search(r"alpha .* - ", tables[0]), "no rates at first: " + out)
            rates = [float(rate) for rate in re.findall(r"(?:alpha|beta) .* 1 +([\d.]+) ", tables[1])]
            return len(rates) == 2 and all(rate > 0 for rate in rates)

        wait_until(rated, "rates, the second time")
        code, out, _ = apexctl("top", "-b", "--count", "1", "--sort", "name", "--filter", "ALPHA",
                               directory=daemon.dir)
        same((code, len(out.splitlines())), (0, 2), "filtered")
        code, out, _ = apexctl("top", "-o", "json", "--count", "2", "--interval", "0.3",
                               directory=daemon.dir)
        rounds = [json.loads(line) for line in out.splitlines()]
        same([r["schema"] for r in rounds], ["apexctl.top/1"] * 2, "schema")
        same([[p["slow_allocs_per_s"] is None for p in r["processes"]] for r in rounds],
             [[True, True], [False, False]], "rates in JSON")
        same(sorted(p["comm"] for p in rounds[0]["processes"]), ["alpha", "beta"], "names in JSON")
    with top(daemon, "--batch", "--count", "1") as t:
        same(t.end(), 0, "batch on a terminal")
        check(b"\x1b[?1049h" not in t.screen.bytes, "no screen is taken")


def serve_old(listener, asked):
    """A daemon that does not know the parameter `counters`: one connection, until it ends."""
    connection, _ = listener.accept()
    with connection, connection.makefile("rwb") as stream:
        for line in stream:
            request = json.loads(line)
            asked.append(request.get("params"))
            reply = {"v": 1, "id": request["id"]}
            if request.get("params"):
                reply["error"] = {"code": "bad_params", "message": "there is no such parameter"}
            else:
                reply["result"] = {"monotonic_ns": 1, "hidden": 0, "processes": [
                    {"key": "5:5", "pid": 5, "comm": "old", "heap": {"allocated_bytes": 1024}}]}
            stream.write(json.dumps(reply).encode() + b"\n")
            stream.flush()


def test_old_daemon():
    """It has no counters to tell: no rates, no complaint, and it is asked for them but once."""
    asked = []
    with tempfile.TemporaryDirectory() as place, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.join(place, "control.sock"))
        listener.listen()
        thread = threading.Thread(target=serve_old, args=(listener, asked), daemon=True)
        thread.start()
        code, out, err = apexctl("top", "--count", "2", "--interval", "0.1", directory=place)
        same((code, err, out.count("1.0 KiB")), (0, "", 2), "top of an old daemon")
        same(asked, [{"counters": True}, None, None], "what it was asked")
        thread.join(PATIENCE_S)


def serve_slow(listener, rounds):
    """A daemon whose one process takes a change only after so many looks."""
    connection, _ = listener.accept()
    with connection, connection.makefile("rwb") as stream:
        for line in stream:
            rounds -= 1
            value = {"key": "decay_ms", "type": "ms", "value": 5 if rounds < 0 else 9, "wanted": 5}
            result = {"processes": [{"key": "5:5", "pid": 5, "comm": "slow", "options": [value],
                                     "changes": [value]}]}
            reply = {"v": 1, "id": json.loads(line)["id"], "result": result}
            stream.write(json.dumps(reply).encode() + b"\n")
            stream.flush()


def test_progress():
    """What takes long is told on a terminal, in a line that goes away, and nowhere else."""
    for wait in (1, 12):
        for stderr_too in (True, False):
            with tempfile.TemporaryDirectory() as place, socket.socket(socket.AF_UNIX) as listener:
                listener.bind(os.path.join(place, "control.sock"))
                listener.listen()
                threading.Thread(target=serve_slow, args=(listener, wait), daemon=True).start()
                command = [APEXCTL, "--runtime-dir", place, "tune", "5", "decay_ms=5"]
                if not stderr_too:
                    command = ["sh", "-c", 'exec "$@" 2>/dev/null', "-"] + command
                with Terminal(command) as t:
                    t.end()
                    same(b"waiting for" in t.screen.bytes, wait > 5 and stderr_too, "progress")
                    check("waiting for" not in t.screen.text(), "the line has gone: " + t.screen.text())


def test_tables(daemon):
    """The tables of the other commands: their style and width are the terminal's, or as they are told."""
    control = [APEXCTL, "--runtime-dir", daemon.dir]
    with processes(daemon.dir, b"one"):
        for options, environment, titles in (([], {}, True), (["--color", "never"], {}, False),
                                             ([], {"NO_COLOR": "1"}, True), ([], {"TERM": "dumb"}, False),
                                             (["--color", "always"], {"TERM": "dumb"}, True)):
            with Terminal(control + options + ["ps"], environment=environment,
                          term=environment.get("TERM", "xterm")) as t:
                same(t.end(), 0, "ps on a terminal")
                same(b"\x1b[1;4m" in t.screen.bytes, titles, "titles with %r %r" % (options, environment))
                check("one" in t.screen.text(), "the table")
        with Terminal(control + ["ps"], columns=40) as t:
            t.end()
            check(all(len(line) <= 40 for line in t.screen.bytes.decode().splitlines()[1:]), "cut to 40")
            check("no room for" in t.screen.text(), "it says so: " + t.screen.text())
        with Terminal(control + ["doctor"], environment={"NO_COLOR": ""}) as t:
            t.end()
            check(b"\x1b[32mok" in t.screen.bytes, "doctor in colours")
        same(apexctl("--color", "always", "ps", directory=daemon.dir)[1].startswith("\x1b[1;4m"), True,
             "style in a pipe when told so")
        check("\x1b" not in apexctl("ps", directory=daemon.dir)[1], "none otherwise")

        def changed():
            code, out, _ = apexctl("stats", "--watch", "--interval", "1", "--count", "2",
                                   directory=daemon.dir)
            same((code, out.count("A SECOND")), (0, 3), "changes in the second round: " + out)
            return re.search(r"slow_allocs_total +\d+ +\+\d", out)

        wait_until(changed, "slow allocations a second")
    same(apexctl("--color", "blue", "ps")[0], 2, "no such colour")
    for command in ("stats", "top", "doctor"):
        code, out, _ = apexctl(command, "--help")
        check(code == 0 and out.startswith("Usage: apexctl " + command), "help of " + command)


def test_usage(daemon):
    for arguments, words in ((["--srot", "rss"], "did you mean --sort?"),
                             (["--sort", "rs"], "did you mean rss?"),
                             (["--sort", "colour"], "cannot sort by colour\n"),
                             (["--interval", "0"], "0.1 to 86400"), (["--count", "0"], "1 to 86400"),
                             (["--count"], "--count wants a value"), (["--batch=1"], "takes no value"),
                             (["extra"], "unexpected argument: extra"), (["-x"], "no option -x")):
        code, out, err = apexctl("top", *arguments, directory=daemon.dir)
        same((code, out), (2, ""), "exit code of top %r" % arguments)
        check(words in err, "top %r says: %s" % (arguments, err))
    for word, meant in (("tpo", "top"), ("stat", "stats"), ("toplogy", "topology")):
        check("did you mean %s?" % meant in apexctl(word)[2], "a hint for " + word)
    code, _, err = apexctl("run", "--hardend", "true")
    check(code == 2 and "did you mean --hardened?" in err, "a hint for an option of run: " + err)
    same(apexctl("top", directory="/nonexistent")[0], 3, "no daemon at the start")


if __name__ == "__main__":
    with Daemon() as apexd:
        test_keys(apexd, "xterm")
        test_keys(apexd, "vt100")
        test_keys(apexd, "nobody-knows-this")
        test_sizes(apexd)
        test_signals(apexd)
        test_colours(apexd)
        test_batch(apexd)
        test_tables(apexd)
        test_usage(apexd)
        test_daemon_goes(apexd)
    test_old_daemon()
    test_progress()
    finish()
