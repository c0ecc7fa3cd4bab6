# SPDX-License-Identifier: MIT
#
# apexctl doctor: a host that is well; each thing that can be wrong, made wrong; programs that LD_PRELOAD
# does not reach; processes that are not registered, and why. Reason: people call it when they are lost
# already, so it must neither miss what is wrong nor call for help where nothing is.
"""See the head of the file."""

from support import *

PYTHON = os.path.realpath(sys.executable)
SLEEP = ["sleep", "1000"]


def doctor(*arguments, directory=None, code=None, **options):
    """The findings, as (level, subject, text)."""
    found, out, err = apexctl("doctor", "-o", "json", *arguments, directory=directory, **options)
    same(err, "", "stderr of doctor %r" % (arguments,))
    result = json.loads(out)
    same(result["schema"], "apexctl.doctor/1", "schema")
    worst = [f["level"] for f in result["findings"]]
    same(result["worst"], max(worst, key=["ok", "warn", "bad"].index), "the worst of them")
    same(found, 1 if "bad" in worst else 0, "exit code of doctor %r" % (arguments,))
    if code is not None and found != code:
        check(False, "doctor %r: %s" % (arguments, out))
    for finding in result["findings"]:
        check(finding["level"] == "ok" or "advice" in finding or "loader" == finding["subject"],
              "advice for %r" % finding)
    return [(f["level"], f["subject"], f["text"]) for f in result["findings"]]


def expect(findings, level, subject, pattern):
    check(any(f[0] == level and f[1] == subject and re.search(pattern, f[2]) for f in findings),
          "%s %s: /%s/ in %s" % (level, subject, pattern, "\n".join(map(str, findings))))


def test_host(daemon):
    found = doctor(directory=daemon.dir, code=0)
    expect(found, "ok", "library", r"libapex\.so\.0$")
    expect(found, "ok", "preload", r"version ")
    expect(found, "ok", "daemon", "apexd .* serves " + re.escape(daemon.dir))
    expect(found, "ok", "register", "register.sock")
    expect(found, "ok", "processes", "^0 are registered")
    expect(found, "ok", "seals", "can register")
    for subject in ("thp", "maps", "guards", "overcommit", "seccomp", "nofile", "session", "kernel"):
        check(subject in [f[1] for f in found], "it says something of " + subject)
    code, out, err = apexctl("doctor", directory=daemon.dir)
    same((code, err), (0, ""), "doctor in words")
    check(all(re.match(r"(ok|warn)  ", line) for line in out.splitlines()), "lines: " + out)
    check("\x1b" not in out, "no colours in a pipe")


def test_library(directory):
    wrong = [("/nonexistent/libapex.so", "library", "is not found")]
    text = os.path.join(directory, "libtext.so")
    open(text, "w", encoding="utf-8").write("no library")
    wrong.append((text, "library", "no library for this machine"))
    spaced = os.path.join(directory, "a space.so")
    shutil.copy(LIBRARY, spaced)
    wrong.append((spaced, "library", "space"))
    cut = os.path.join(directory, "cut.so")
    data = open(LIBRARY, "rb").read()
    open(cut, "wb").write(data[:4096])
    wrong.append((cut, "preload", "does not load"))
    for path, subject, words in wrong:
        found = doctor(code=1, environment={"APEX_LIBRARY": path})
        expect(found, "bad", subject, words)
    found = doctor(environment={"APEX_DAEMON": "/nonexistent"})
    expect(found, "warn", "found", "apexd is at none")


def test_options():
    for options, words in (("decay_m=3", "decay_m=3 .*did you mean decay_ms?"),
                           ("retain=1g,decay_ms=600001", r"decay_ms=600001 \(expected 0 to 600000 ms"),
                           ("thp=on", r"expected off\|auto\|always"), ("xyzzy=1", "no such option")):
        found = doctor(code=1, environment={"APEX_OPTIONS": options})
        expect(found, "bad", "options", "^APEX_OPTIONS: ignored: .*" + words)
        same(len([f for f in found if f[0] == "bad"]), 1, "one thing is wrong with " + options)
    expect(doctor(environment={"APEX_OPTIONS": "decay_ms=5"}), "ok", "options", "APEX_OPTIONS is under")


def test_no_daemon(directory):
    found = doctor(directory="/nonexistent", code=0)
    expect(found, "warn", "daemon", "no apexd serves /nonexistent")
    left = os.path.join(directory, "left")
    os.mkdir(left)
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(os.path.join(left, "control.sock"))
    found = doctor(directory=left, code=0)
    expect(found, "warn", "daemon", "left over")


def test_rejected(daemon):
    memfd = Memfd(Page().bytes(), seals=0)
    register(daemon.dir, [memfd.fd])
    memfd.close()
    expect(doctor(directory=daemon.dir), "warn", "rejected", "1 registrations were refused: bad_seals")


def test_programs(directory):
    expect(doctor("--", PYTHON, code=0), "ok", "loader", "libapex first")
    script = os.path.join(directory, "script")
    for line in ("#!" + PYTHON, "#! /usr/bin/env " + PYTHON, "#!/usr/bin/env -S %s -B" % PYTHON):
        open(script, "w", encoding="utf-8").write(line + "\nprint()\n")
        os.chmod(script, 0o755)
        found = doctor("--", script, "--help", code=0)
        expect(found, "ok", "script", re.escape(PYTHON))
        expect(found, "ok", "program", "^" + re.escape(PYTHON))
    source = os.path.join(directory, "x.c")
    open(source, "w", encoding="utf-8").write(
        "#include <stddef.h>\nvoid *malloc(size_t n){(void)n;return 0;}\nint main(void){return 0;}\n")
    compiler = os.environ.get("APEX_CC", "cc").split()
    own, static = os.path.join(directory, "own"), os.path.join(directory, "static")
    subprocess.run(compiler + ["-rdynamic", "-o", own, source], check=True)
    expect(doctor("--", own, code=1), "bad", "program", "malloc built in")
    open(source, "w", encoding="utf-8").write("int main(void){return 0;}\n")
    subprocess.run(compiler + ["-static", "-o", static, source], check=True)
    expect(doctor("--", static, code=1), "bad", "program", "is static")
    setgid = os.path.join(directory, "setgid")
    shutil.copy(PYTHON, setgid)
    os.chmod(setgid, 0o2755)
    expect(doctor("--", setgid, code=1), "bad", "rights", "set-gid")
    other = bytearray(open(static, "rb").read())
    other[18:20] = b"\xf3\x00"  # e_machine: RISC-V
    open(static, "wb").write(other)
    expect(doctor("--", static, code=1), "bad", "program", "another machine")
    expect(doctor("--", "/etc/passwd", code=1), "bad", "program", "neither")
    expect(doctor("--", "no-such-program", code=1), "bad", "program", "not found")
    # A name that would talk to the terminal: ESC, CSI as one character and as one byte, and what is no UTF-8.
    evil = os.path.join(directory.encode(), b"a\x1b\xc2\x9b\x9b\xff\xc3\xa4")
    shutil.copy(PYTHON, evil)
    for more in ([], ["-o", "json"]):
        done = subprocess.run([APEXCTL, "doctor"] + more + ["--", evil], capture_output=True, check=False)
        check("a?????\u00e4" in done.stdout.decode(errors="replace"), "a name with control characters: %r" % done)


def test_processes(daemon):
    with running([PYTHON, "-c", BUSY], env=preloaded(daemon.dir)) as p:
        wait_until(lambda: p.pid in listed(daemon.dir), "it is listed")
        found = doctor(str(p.pid), directory=daemon.dir, code=0)
        expect(found, "ok", "loaded", "libapex")
        expect(found, "ok", "register", "is registered")
        expect(found, "ok", "faults", "no misuse")
        expect(doctor(str(p.pid), directory="/nonexistent", code=0), "warn", "daemon", "no apexd")
    environment = preloaded(daemon.dir)
    environment["APEX_OPTIONS"] += ",register=0"
    with running(SLEEP, env=environment) as p:
        wait_until(lambda: "libapex" in open("/proc/%d/maps" % p.pid, encoding="utf-8").read(), "loaded")
        expect(doctor(str(p.pid), directory=daemon.dir, code=1), "bad", "register", "told not to")
    with running(SLEEP, env=preloaded("/nonexistent")) as p:
        wait_until(lambda: "libapex" in open("/proc/%d/maps" % p.pid, encoding="utf-8").read(), "loaded")
        expect(doctor(str(p.pid), directory=daemon.dir, code=1), "bad", "register", "elsewhere")
    with running(SLEEP) as p:
        wait_until(lambda: os.readlink("/proc/%d/exe" % p.pid) != PYTHON, "exec")
        expect(doctor(str(p.pid), directory=daemon.dir, code=1), "bad", "preload", "started without")
    expect(doctor(str(p.pid), code=1), "bad", "process", "there is no process")
    # Faults that were only reported.
    twice = ("import ctypes, time\nf = ctypes.CDLL(None)\nf.malloc.restype = ctypes.c_void_p\n"
             "p = ctypes.c_void_p(f.malloc(100))\nf.free(p)\nf.free(p)\n") + BUSY
    with running([PYTHON, "-c", twice], env=preloaded(daemon.dir, APEX_TEST="1"),
                 stderr=subprocess.DEVNULL) as p:
        same(p.wait(PATIENCE_S), -signal.SIGABRT, "a double free ends it")
    environment = preloaded(daemon.dir)
    environment["APEX_OPTIONS"] += ",fault=report"
    with running([PYTHON, "-c", twice], env=environment, stderr=subprocess.DEVNULL) as p:
        wait_until(lambda: any(f[0] == "bad" and f[1] == "faults"
                               for f in doctor(str(p.pid), directory=daemon.dir)), "faults are told")


def test_usage():
    for arguments, words in ((["python3"], "apexctl doctor -- PROGRAM"), (["--"], "which program"),
                             (["1", "2"], "unexpected argument: 2"), (["0"], "not a process number"),
                             (["--wtach"], "did you mean --watch?"), (["-o", "xml"], "table or json")):
        code, out, err = apexctl("doctor", *arguments)
        same((code, out), (2, ""), "exit code of doctor %r" % arguments)
        check(words in err, "doctor %r says: %s" % (arguments, err))


if __name__ == "__main__":
    place = tempfile.mkdtemp(prefix="apexctl-test-")
    try:
        with Daemon() as apexd:
            test_host(apexd)
            test_rejected(apexd)
            test_processes(apexd)
        test_library(place)
        test_options()
        test_no_daemon(place)
        test_programs(place)
        test_usage()
    finally:
        shutil.rmtree(place)
    finish()
