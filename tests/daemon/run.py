# SPDX-License-Identifier: MIT
#
# apexctl as people use it: run with and without a daemon, exit codes, signals, LD_PRELOAD and options
# that are there already, what it prints as table and as JSON, --watch, words for each error.
# Reason: scripts rely on the exit codes, and `run` must be as good as running the program itself.
"""See the head of the file."""

import pty

from support import *

SHOW = ("import os, sys\n"
        "print(os.environ.get('LD_PRELOAD'), os.environ.get('APEX_OPTIONS'), sys.argv[1:])")


def without_daemon(**more):
    """An environment in which no daemon is found but those that apexctl starts."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("APEX_")}
    environment["XDG_RUNTIME_DIR"] = PLACE
    environment.update(more)
    return environment


def apexds():
    """The daemons that apexctl started on PLACE or /run and that are still there."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            command = open("/proc/%s/cmdline" % pid, "rb").read().split(b"\0")
            parent = open("/proc/%s/stat" % pid, encoding="utf-8").read().rsplit(")", 1)[1].split()[1]
            if command[0] == b"apexd" and b"apexd-run-" in command[-2]:
                found.append((int(pid), int(parent), command[-2].decode()))
    return found


def run(*command, code=0, environment=None, **options):
    done = subprocess.run([APEXCTL, "run"] + list(command), capture_output=True, text=True,
                          env=without_daemon(**(environment or {})), timeout=PATIENCE_S, check=False,
                          **options)
    same(done.returncode, code, "exit code of run %r (%s)" % (command, done.stderr))
    return done


def directory_of(options):
    return re.search(r"runtime_dir=(\S+?)(?:$|[, ])", options or "").group(1)


def test_hardened():
    """--hardened takes the other library; it comes before the program and before --."""
    for more in ([], ["--"]):
        done = run("--hardened", *more, sys.executable, "-c", SHOW, "--hardened")
        check("libapex-hardened.so.0" in done.stdout.split()[0], "library: " + done.stdout)
        check("['--hardened']" in done.stdout, "arguments arrive: " + done.stdout)
    run("--hardened", "--bad", "true", code=2)
    run("--hardened", code=2)


def test_guard_copies():
    """--guard-copies puts its library in front, with --hardened and without, in any order."""
    for options, library in ((["--guard-copies"], "libapex.so.0"),
                             (["--guard-copies", "--hardened"], "libapex-hardened.so.0"),
                             (["--hardened", "--guard-copies", "--"], "libapex-hardened.so.0")):
        done = run(*options, sys.executable, "-c", SHOW)
        same([os.path.basename(path) for path in done.stdout.split()[0].split(":")],
             ["libapex-guard.so.0", library], "libraries of %r" % options)
    copy = ("import ctypes\n"
            "p = ctypes.CDLL(None).malloc; p.restype = ctypes.c_void_p\n"
            "ctypes.memmove(ctypes.create_string_buffer(200), p(100), 101)")
    run("--hardened", sys.executable, "-c", copy)
    done = run("--hardened", "--guard-copies", sys.executable, "-c", copy, code=-signal.SIGABRT)
    check(done.stderr.startswith("libapex: copy out of the bounds of an object"), done.stderr)
    run("--guard-copies", "true", code=1, environment={"APEX_GUARD_LIBRARY": "/nonexistent/lib.so"})


def test_private():
    """No daemon: run starts one, the program is listed there, nothing is left behind."""
    done = run("--", sys.executable, "-c", SHOW, "a b", "-o", "--")
    words = done.stdout.split()
    same(words[0], os.path.realpath(LIBRARY) if "/../" not in words[0] else words[0], "LD_PRELOAD")
    check(os.path.samefile(words[0], LIBRARY), "LD_PRELOAD is the library of this build")
    check("['a b', '-o', '--']" in done.stdout, "arguments arrive: " + done.stdout)
    same(done.stderr, "", "words of run")
    directory = directory_of(words[1])
    check(not os.path.exists(directory), "the directory of the private daemon is gone")
    check(not any(d == directory for _, _, d in apexds()), "the private daemon is gone")
    body = ("import os, subprocess, json, time\n"
            "listed, end = False, time.monotonic() + %d\n"
            "while not listed and time.monotonic() < end:\n"
            "    out = subprocess.run([%r, '-o', 'json', 'processes'], capture_output=True, text=True).stdout\n"
            "    listed = os.getpid() in [p['pid'] for p in json.loads(out)['processes']]\n"
            "    time.sleep(0.01)\n"
            "print(listed)" % (PATIENCE_S / 2, APEXCTL))
    # apexctl finds the private daemon by itself: there is no other.
    if not os.path.exists("/run/apexd/control.sock"):
        same(run(sys.executable, "-c", body).stdout, "True\n", "listed by the private daemon")


def test_codes_and_signals():
    for code in (0, 1, 7, 255):
        run("sh", "-c", "exit %d" % code, code=code)
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV):
        run("sh", "-c", "ulimit -c 0; kill -%d $$" % number, code=-number)
    run("/nonexistent/program", code=127)
    run("/etc/passwd", code=126)
    run(code=2)
    run("--", code=2)
    run("--no-such-option", "true", code=2)
    check("the program runs without it" in run("true", environment={"APEX_DAEMON": "/bin/false"}).stderr,
          "a daemon that does not start")
    run("true", code=1, environment={"APEX_LIBRARY": "/nonexistent/lib.so"})
    run("true", code=3, environment={"APEX_RUNTIME_DIR": "/nonexistent"})
    same(run("sh", "-c", "cat; echo done >&2", input="through\n").stdout, "through\n", "stdin and stdout")


def test_signals_pass():
    """A signal to apexctl reaches the program; what the program makes of it comes back."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
        body = ("import signal, sys, time\n"
                "signal.signal(%d, lambda *_: sys.exit(40))\n"
                "print('ready', flush=True)\n"
                "while True: time.sleep(0.02)" % number)
        with running([APEXCTL, "run", sys.executable, "-c", body], stdout=subprocess.PIPE,
                     env=without_daemon()) as process:
            same(process.stdout.readline(), b"ready\n", "the program starts")
            process.send_signal(number)
            same(process.wait(PATIENCE_S), 40, "exit code after signal %d" % number)
            process.stdout.close()


def test_unwaited():
    """Whoever starts it may leave children to nobody (SIGCHLD ignored), and the program finds that so."""
    body = ("import signal, sys\n"
            "sys.exit(40 + (signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN))")
    for ignored in (False, True):
        old = signal.signal(signal.SIGCHLD, signal.SIG_IGN if ignored else signal.SIG_DFL)
        with running([APEXCTL, "run", sys.executable, "-c", body], env=without_daemon(),
                     restore_signals=False) as process:
            signal.signal(signal.SIGCHLD, old)
            same(process.wait(PATIENCE_S), 40 + ignored, "SIGCHLD ignored: %s" % ignored)


def test_terminal():
    """Ctrl-C on a terminal ends the program, once, and the private daemon with it."""
    body = ("import signal, sys, time\n"
            "count = []\n"
            "signal.signal(signal.SIGINT, lambda *_: count.append(1))\n"
            "print('ready', flush=True)\n"
            "while not count: time.sleep(0.01)\n"
            "time.sleep(0.5)\n"
            "sys.exit(50 + len(count))")
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(APEXCTL, [APEXCTL, "run", sys.executable, "-c", body], without_daemon())
    said = b""
    while b"ready" not in said:
        said += os.read(terminal, 100)
    os.write(terminal, b"\x03")
    same(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 51, "one SIGINT arrives")
    os.close(terminal)


def test_killed():
    """kill -9 of apexctl: the private daemon does not outlive it."""
    with running([APEXCTL, "run", "sleep", "1000"], env=without_daemon(), start_new_session=True) as process:
        daemon = wait_until(lambda: [d for d in apexds() if d[1] == process.pid], "the daemon runs")
        wait_until(lambda: os.path.exists(daemon[0][2] + "/control.sock"), "it serves")
        sleeper = wait_until(lambda: [int(p) for p in open("/proc/%d/task/%d/children" % (
            process.pid, process.pid), encoding="utf-8").read().split() if int(p) != daemon[0][0]],
            "the program runs")
        process.kill()
        process.wait()
        wait_until(lambda: daemon[0][0] not in [d[0] for d in apexds()], "the daemon ends")
        check(not os.path.exists(daemon[0][2]), "and removes its directory")
        os.kill(sleeper[0], signal.SIGKILL)


def test_served(daemon):
    """A daemon serves: run becomes the program, keeps what was preloaded, and starts no second daemon."""
    environment = without_daemon(LD_PRELOAD="libdl.so.2", APEX_OPTIONS="decay_ms=7")
    code, out, error = apexctl("run", "--", sys.executable, "-c",
                               SHOW + "\nprint(os.getppid())", directory=daemon.dir, environment=environment)
    same((code, error), (0, ""), "run with a daemon")
    preload, options = out.split()[:2]
    check(preload.endswith("/libapex.so.0:libdl.so.2"), "LD_PRELOAD: " + preload)
    same(options, "decay_ms=7,runtime_dir=" + daemon.dir, "APEX_OPTIONS")
    same(int(out.split()[-1]), os.getpid(), "apexctl became the program")


def test_relative(daemon):
    """The program is told a name of the directory that is good from everywhere."""
    top, name = os.path.split(daemon.dir)
    for options, environment in ((["--runtime-dir", name], {}), ([], {"APEX_RUNTIME_DIR": name})):
        done = subprocess.run([APEXCTL] + options + ["run", "--", sys.executable, "-c", SHOW], cwd=top,
                              env=without_daemon(**environment), capture_output=True, text=True,
                              timeout=PATIENCE_S, check=False)
        same((done.returncode, done.stderr), (0, ""), "run with a relative directory")
        same(directory_of(done.stdout), os.path.realpath(daemon.dir), "what the program is told")


def test_textfile(daemon):
    """--textfile replaces files, and nothing else."""
    place = tempfile.mkdtemp(prefix="apexd-test-")
    os.mkfifo(place + "/pipe")
    os.symlink("/dev/stdout", place + "/link")
    os.mkdir(place + "/folder")
    for name in ("pipe", "link", "folder"):
        code, _, error = apexctl("metrics", "--textfile", place + "/" + name, directory=daemon.dir)
        check(code == 1 and "it is no plain file" in error, "--textfile %s: %s" % (name, error))
    for _ in range(2):
        same(apexctl("metrics", "--textfile", place + "/it.prom", directory=daemon.dir), (0, "", ""), "--textfile")
    same(sorted(os.listdir(place)), ["folder", "it.prom", "link", "pipe"], "what is there")
    check(os.path.islink(place + "/link"), "a link stays a link")
    shutil.rmtree(place)


def test_views(daemon):
    with running([sys.executable, "-c", BUSY], env=preloaded(daemon.dir)) as program:
        wait_until(lambda: program.pid in listed(daemon.dir), "the program is listed")
        pid = str(program.pid)
        for command in ("ps", "processes"):
            code, out, _ = apexctl(command, directory=daemon.dir)
            lines = out.splitlines()
            same(code, 0, command)
            same(lines[0].split(), ["PID", "UID", "COMMAND", "THREADS", "ALLOCATED", "ACTIVE", "DIRTY",
                                    "RETAINED", "RSS"], "titles of " + command)
            check(any(line.split()[0] == pid for line in lines[1:]), command + " shows the program")
        for arguments, method in ((["stats"], "stats"), (["stats", pid], "stats"),
                                  (["topology"], "topology"), (["ps"], "processes")):
            code, out, _ = apexctl(*arguments, "-o", "json", directory=daemon.dir)
            same(code, 0, "%r as JSON" % arguments)
            same(schema_errors(json.loads(out), schema_of(method)), [], "%r as JSON" % arguments)
            same(out.count("\n"), 1, "JSON is one line")
            same(apexctl("-o", "json", *arguments, directory=daemon.dir)[0], 0, "-o before the command")
            code, out, error = apexctl(*arguments, directory=daemon.dir)
            same((code, error), (0, ""), "%r as a table" % arguments)
            check(not re.search(r"[ \t]$", out, re.M), "no blanks at the end of a line: %r" % arguments)
        # It may have been listed before its first malloc.
        wait_until(lambda: "CLASS" in apexctl("stats", pid, directory=daemon.dir)[1],
                   "the program has objects")
        out = apexctl("stats", pid, directory=daemon.dir)[1]
        check("(pid %s, uid %d)" % (pid, os.geteuid()) in out and "allocated" in out and "CLASS" in out,
              "stats of a process: " + out[:300])
        code, out, _ = apexctl("stats", pid, "--watch", "--interval", "1", "--count", "2",
                               directory=daemon.dir)
        same((code, out.count("(pid %s," % pid)), (0, 2), "two rounds of --watch")
        code, out, _ = apexctl("stats", pid, "--watch", "--interval", "1", "--count", "2", "-o", "json",
                               directory=daemon.dir)
        times = [json.loads(line)["monotonic_ns"] for line in out.splitlines()]
        check(code == 0 and len(times) == 2 and times[0] < times[1], "--watch as JSON")
        with running([APEXCTL, "--runtime-dir", daemon.dir, "stats", pid, "--watch", "--interval", "1"],
                     stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as watch:
            program.kill()
            program.wait()
            same(watch.wait(PATIENCE_S), 5, "--watch ends with its process")
            watch.stderr.close()


def test_errors(daemon):
    for arguments, code in ((["stats", "1"], 5), (["stats", "2147483647"], 5), (["stats", "0"], 2),
                            (["stats", "x"], 2), (["stats", "-1"], 2), (["stats", "1", "2"], 2),
                            (["stats", "99999999999"], 2), (["stats", "--bad"], 2),
                            (["stats", "-o", "xml"], 2), (["stats", "--interval", "0", "--watch"], 2),
                            (["stats", "--count"], 2), (["stats", "--interval", "1"], 2),
                            (["stats", "--count", "2"], 2), (["topology", "1"], 2), (["ps", "1"], 2),
                            (["ps", "--watch"], 2), (["topology", "--watch"], 2), (["nonsense"], 2),
                            ([], 2), (["-o", "xml", "ps"], 2), (["--bad"], 2), (["--help"], 0),
                            (["--version"], 0)):
        found, out, error = apexctl(*arguments, directory=daemon.dir)
        same(found, code, "exit code of apexctl %r" % arguments)
        check(bool(error) == (code != 0) and bool(out) == (code == 0), "words of apexctl %r" % arguments)
    same(apexctl("stats", directory="/nonexistent")[0], 3, "no daemon there")
    help_text = apexctl("--help")[1]
    for command in re.findall(r"^COMMAND\((\w+),", open(os.path.join(
            SOURCE, "apexctl/commands.def"), encoding="utf-8").read(), re.M):
        check(re.search(r"^  %s " % command, help_text, re.M), "help names " + command)
    # Whoever reads our output goes away early.
    done = subprocess.run("'%s' --runtime-dir '%s' stats | head -n 1" % (APEXCTL, daemon.dir), shell=True,
                          capture_output=True, check=False)
    same((done.returncode, done.stderr), (0, b""), "stats | head")
    # A full disk: more than a buffer, which is written before the end, and less.
    for arguments in (["metrics"], ["stats"], ["ps"], ["tune", str(os.getpid())], ["--help"], ["--version"]):
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([APEXCTL, "--runtime-dir", daemon.dir] + arguments, stdout=full,
                                  stderr=subprocess.PIPE, check=False)
        wanted = (5, b"no process with this pid") if arguments[0] == "tune" else (1, b"cannot write to")
        check(done.returncode == wanted[0] and wanted[1] in done.stderr,
              "apexctl %r on a full disk: %r" % (arguments, done))


PLACE = tempfile.mkdtemp(prefix="apexd-test-")
for test in (test_private, test_hardened, test_guard_copies, test_codes_and_signals, test_signals_pass,
             test_unwaited, test_terminal, test_killed):
    test()
    print("%s done" % test.__name__, flush=True)
with Daemon() as it:
    for test in (test_served, test_relative, test_textfile, test_views, test_errors):
        test(it)
        print("%s done" % test.__name__, flush=True)
same(os.listdir(PLACE), [], "what is left behind")
shutil.rmtree(PLACE)
finish()
