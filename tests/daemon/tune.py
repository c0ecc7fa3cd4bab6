# SPDX-License-Identifier: MIT
#
# Options of running programs, changed from outside: real programs on libapex take a change and go back
# when it is taken back, when the daemon stops and when it is killed; a request with one mistake changes
# nothing; rules reach those that come later, survive a restart, and leave the rest of their file alone.
# Reason: this is the one way in which somebody else reaches into a program.
"""See the head of the file."""

from support import *

PYTHON = sys.executable


def options(directory, pid):
    """The options of one process, by key."""
    processes = ask(directory, "tune", {"pid": pid}).get("processes", [])
    return {o["key"]: o for p in processes for o in p["options"]}


def in_force(directory, pid, key, value):
    return wait_until(lambda: options(directory, pid).get(key, {}).get("value") == value,
                      "%s becomes %r" % (key, value))


def error_of(directory, params):
    with Control(directory) as control:
        reply = control.ask("tune", params)
        return reply.get("error", {}).get("code"), reply.get("error", {}).get("message")


@contextlib.contextmanager
def busy(daemon, **more):
    environment = preloaded(daemon.dir)
    environment["APEX_OPTIONS"] += more.get("options", "")
    with running([PYTHON, "-c", more.get("code", BUSY)], env=environment) as program:
        wait_until(lambda: program.pid in listed(daemon.dir), "the program is listed")
        yield program


def test_change_and_back(daemon):
    with busy(daemon, options=",decay_ms=777") as program:
        before = options(daemon.dir, program.pid)
        same((before["decay_ms"]["value"], before["decay_ms"]["source"], before["decay_ms"]["live"]),
             (777, "process", True), "what the process wants itself")
        result = ask(daemon.dir, "tune", {"pid": program.pid, "set": "decay_ms=50,thp=off,retain=1m"})
        same(schema_errors(result, schema_of("tune")), [], "schema")
        same({o["key"]: (o["old_text"], o["wanted_text"]) for o in result["processes"][0]["options"]
              if o["changed"]},
             {"decay_ms": ("777", "50"), "thp": ("auto", "off"), "retain": ("64m", "1m")}, "old and new")
        in_force(daemon.dir, program.pid, "decay_ms", 50)
        in_force(daemon.dir, program.pid, "thp", 0)
        same(options(daemon.dir, program.pid)["decay_ms"]["own"], 777, "is not forgotten")
        same(options(daemon.dir, program.pid)["retain"]["source"], "tune", "who wants it")
        # One is taken back, then the rest.
        ask(daemon.dir, "tune", {"pid": program.pid, "reset": "thp"})
        in_force(daemon.dir, program.pid, "thp", 1)
        same(options(daemon.dir, program.pid)["decay_ms"]["value"], 50, "the others stay")
        ask(daemon.dir, "tune", {"pid": program.pid, "reset": "all"})
        in_force(daemon.dir, program.pid, "decay_ms", 777)
        counters = ask(daemon.dir, "stats", {"pid": program.pid})["process"]["counters"]
        same(counters["advice_rejected_total"], 0, "nothing was refused")
        check(counters["advice_applied_total"] >= 3, "changes are counted")


# Tries to allocate 50 MiB, and what a program allocates; each may fail. Writes into the file PATH how
# many attempts have failed, and how many rounds there were.
LIMITED = """
import time
failed = rounds = 0
def tell():
    open(PATH, "w").write("%d %d" % (failed, rounds))
while True:
    for attempt in (lambda: bytes(50 << 20), lambda: [bytes(700 + i) for i in range(200)], tell):
        try:
            attempt()
        except MemoryError:
            failed += 1
    rounds += 1
    time.sleep(0.005)
"""


def test_limit(daemon):
    """A limit on the heap makes a program's next allocation fail, and no longer does afterwards."""
    path = daemon.top + "/failed"
    open(path, "w", encoding="utf-8").close()

    def told():
        numbers = open(path, encoding="utf-8").read().split()
        return [int(n) for n in numbers] if len(numbers) == 2 else None

    def after(rounds):
        begin = wait_until(told, "numbers")[1]
        return wait_until(lambda: (told() or [0, 0])[1] >= begin + rounds and told(), "it goes on")[0]

    with busy(daemon, code=LIMITED.replace("PATH", repr(path))) as program:
        same(after(2), 0, "attempts that fail without a limit")
        ask(daemon.dir, "tune", {"pid": program.pid, "set": "heap_limit=40m"})
        wait_until(lambda: (told() or [0])[0] > 0, "an allocation fails")
        ask(daemon.dir, "tune", {"pid": program.pid, "reset": "heap_limit"})
        in_force(daemon.dir, program.pid, "heap_limit", 0)
        failed = after(2)
        same(after(10), failed, "attempts that have failed, since they may again")


def test_thp_in_smaps(daemon):
    """thp=always and thp=off reach the mappings that are there."""
    flags = lambda pid: [line.split()[1:] for line in open("/proc/%d/smaps" % pid, encoding="utf-8")
                         if line.startswith("VmFlags")]
    code = "keep = [bytes(3000 + i) for i in range(20000)]\n" + BUSY.replace("keep", "more")
    with busy(daemon, code=code) as program:
        ask(daemon.dir, "tune", {"pid": program.pid, "set": "thp=always"})
        in_force(daemon.dir, program.pid, "thp", 2)
        # The superblocks of 60 MiB; the address space that is reserved for more stays as it is.
        wait_until(lambda: any("hg" in f for f in flags(program.pid)), "superblocks ask for huge pages")
        ask(daemon.dir, "tune", {"pid": program.pid, "set": "thp=off"})
        in_force(daemon.dir, program.pid, "thp", 0)
        wait_until(lambda: not any("hg" in f for f in flags(program.pid)), "none asks any more")


def test_purge(daemon):
    code = "keep = [bytes(100000) for i in range(200)]\ndel keep\n" + BUSY
    with busy(daemon, code=code, options=",decay_ms=600000") as program:
        counter = lambda: ask(daemon.dir, "stats", {"pid": program.pid})["process"]["counters"]["purged_bytes_total"]
        before = counter()
        result = ask(daemon.dir, "tune", {"pid": program.pid, "purge": True})
        same(result["purged"], True, "purged")
        wait_until(lambda: counter() > before, "memory is given back")


def test_all_or_none(daemon):
    with busy(daemon) as program:
        pid = program.pid
        for params, words in (
                ({}, "either pid or match"),
                ({"pid": pid, "match": "comm=x"}, "either pid or match"),
                ({"pid": pid, "set": "decay_ms=1,no_such=2"}, "no such option: no_such"),
                ({"pid": pid, "set": "decay_ms=600001"}, "decay_ms takes 0 to 600000 ms, not 600001"),
                ({"pid": pid, "set": "decay_ms=-1"}, "not -1"),
                ({"pid": pid, "set": "thp=maybe"}, "thp takes off|auto|always, not maybe"),
                ({"pid": pid, "set": "register=0"}, "register is read when the process starts"),
                ({"pid": pid, "set": "decay_ms"}, "a setting is key=value"),
                ({"pid": pid, "set": ","}, "nothing is set"),
                ({"pid": pid, "set": "retain=99999999999999999999"}, "retain takes"),
                ({"pid": pid, "set": "\x1b[2J=1"}, "no such option: ?[2J"),
                ({"pid": pid, "set": "decay_ms=1", "reset": "all"}, "either set or reset"),
                ({"pid": pid, "set": "decay_ms=1", "persist": True}, "say match, not pid"),
                ({"match": "shoe=9", "set": "decay_ms=1"}, "match by comm, exe, uid and cgroup"),
                ({"match": "uid=root", "set": "decay_ms=1"}, "a uid is a number"),
                ({"match": "comm", "set": "decay_ms=1"}, "a match is key=value"),
                ({"pid": pid, "purge": 1}, "not true or false"),
                ({"pid": pid, "set": "x" * 5000}, "longer than")):
            code, message = error_of(daemon.dir, params)
            same(code, "bad_params", "%r" % params)
            check(words in (message or ""), "%r: %r" % (params, message))
        same(error_of(daemon.dir, {"pid": 1 << 40})[0], "no_such_process", "no such pid")
        same(error_of(daemon.dir, {"match": "comm=nobody", "set": "decay_ms=1"})[0], "no_such_process",
             "nobody matches")
        same([o["key"] for o in options(daemon.dir, pid).values() if o["source"] != "process"], [],
             "none of these changed anything")
        result = ask(daemon.dir, "tune", {"pid": pid, "set": "decay_ms=5", "dry_run": True})
        same(result["dry_run"], True, "dry run")
        same(options(daemon.dir, pid)["decay_ms"]["source"], "process", "a dry run changes nothing")


# As BUSY, and writes into the file PATH what is in force.
TELLS = BUSY.replace("while True:", """import ctypes
value, size = ctypes.c_uint64(), ctypes.c_size_t(8)
while True:
    ctypes.CDLL(None).apex_ctl(b"option.decay_ms", ctypes.byref(value), ctypes.byref(size), None,
                               ctypes.c_size_t(0))
    open(PATH, "w").write("%d\\n" % value.value)""")


def test_daemon_goes(daemon):
    """What a daemon advised ends with it, however it ends; its successor knows nothing of it."""
    path = daemon.top + "/decay_ms"
    open(path, "w", encoding="utf-8").close()
    read = lambda: open(path, encoding="utf-8").read()
    with busy(daemon, options=",decay_ms=777", code=TELLS.replace("PATH", repr(path))) as program:
        for end in (daemon.stop, daemon.kill):
            ask(daemon.dir, "tune", {"pid": program.pid, "set": "decay_ms=50"})
            in_force(daemon.dir, program.pid, "decay_ms", 50)
            wait_until(lambda: read() == "50\n", "the program itself says so")
            end()
            wait_until(lambda: read() == "777\n", "it goes back while there is no daemon")
            daemon.start()
            in_force(daemon.dir, program.pid, "decay_ms", 777)
            same(options(daemon.dir, program.pid)["decay_ms"]["source"], "process", "nobody's wish")


def test_match(daemon):
    with busy(daemon) as one, busy(daemon) as two:
        match = "comm=%s,uid=%d,exe=%s" % (os.path.basename(PYTHON)[:15], os.geteuid(),
                                           os.path.realpath("/proc/%d/exe" % one.pid))
        result = ask(daemon.dir, "tune", {"match": match, "set": "decay_ms=60"})
        same(sorted(p["pid"] for p in result["processes"]), sorted([one.pid, two.pid]), "both match")
        for program in (one, two):
            in_force(daemon.dir, program.pid, "decay_ms", 60)
        same(error_of(daemon.dir, {"match": match + "x"})[0], "no_such_process", "another path")
        groups = open("/proc/%d/cgroup" % one.pid, encoding="utf-8").read()
        found = re.search(r"^0::(/.*)$", groups, re.M)
        if found:
            result = ask(daemon.dir, "tune", {"match": "cgroup=" + found.group(1)})
            check(len(result["processes"]) == 2, "the same control group")
            same(error_of(daemon.dir, {"match": "cgroup=/no/such"})[0], "no_such_process", "another group")


def test_many(daemon):
    """Of very many the change is for all, and the answer about some: it would be tens of megabytes."""
    told = int(re.search(r"REPLY_TOLD_MAX (\d+)", open(
        os.path.join(SOURCE, "apexd/reply.h"), encoding="utf-8").read()).group(1))
    environment = preloaded(daemon.dir)
    with contextlib.ExitStack() as programs:
        for _ in range(told + 2):
            programs.enter_context(running(["/bin/sleep", "100000"], env=environment))
        wait_until(lambda: len(listed(daemon.dir)) == told + 2, "all are listed")
        result = ask(daemon.dir, "tune", {"match": "comm=sleep", "set": "decay_ms=50"})
        same(schema_errors(result, schema_of("tune")), [], "schema")
        same((len(result["processes"]), result["left_out"]), (told, 2), "told of, and left out")
        pids = listed(daemon.dir)
        same({options(daemon.dir, pid)["decay_ms"]["wanted"] for pid in pids}, {50}, "asked of all")
        code, out, error = apexctl("tune", "--match", "comm=sleep", "--reset", "--dry-run", directory=daemon.dir)
        same((code, error), (0, ""), "apexctl with very many")
        check("2 more processes are not shown, and treated the same" in out, "it says so: %r" % out[-200:])


def test_rules():
    top = tempfile.mkdtemp(prefix="apexd-test-")
    path = os.path.join(top, "apex", "apexd.json")  # a folder that is made when it must be
    comm = os.path.basename(PYTHON)[:15]
    read = lambda: json.load(open(path, encoding="utf-8"))
    with Daemon("--config", path) as daemon:
        result = ask(daemon.dir, "rules")
        same((result["path"], result["rules"]), (path, []), "no file, no rules")
        # A rule may be made before there is anybody to follow it.
        with busy(daemon) as program:
            result = ask(daemon.dir, "tune", {"match": "comm=" + comm, "set": "decay_ms=60", "persist": True})
            same(result["persisted"], True, "it is kept")
            in_force(daemon.dir, program.pid, "decay_ms", 60)
        same(schema_errors(ask(daemon.dir, "rules"), schema_of("rules")), [], "schema of rules")
        same(read()["rules"], [{"match": {"comm": comm}, "options": {"decay_ms": "60"}}], "the file")
        with busy(daemon) as program:
            in_force(daemon.dir, program.pid, "decay_ms", 60)
            same(options(daemon.dir, program.pid)["decay_ms"]["source"], "rule", "by rule")
            # A person goes before a rule, and back.
            ask(daemon.dir, "tune", {"pid": program.pid, "set": "decay_ms=70"})
            in_force(daemon.dir, program.pid, "decay_ms", 70)
            # The file is edited, and read again.
            changed = dict(read(), comment="ours")
            changed["rules"][0].update(options={"decay_ms": 65, "thp": "off", "no_such": "1"}, nmua="act")
            json.dump(changed, open(path, "w", encoding="utf-8"))
            daemon.process.send_signal(signal.SIGHUP)
            in_force(daemon.dir, program.pid, "thp", 0)
            same(options(daemon.dir, program.pid)["decay_ms"]["wanted"], 70, "the person's wish stands")
            wait_until(lambda: "no such option: no_such" in daemon.read_log(), "a wrong row is told")
            for member in ('no member "comment" of the file', 'no member "nmua" of a rule'):
                check(member in daemon.read_log(), member)
            check('"options"' not in daemon.read_log(), "only of what it does not know")
            # A file that makes no sense changes nothing.
            open(path, "w", encoding="utf-8").write('{"version": 1,\n"rules": [}\n')
            daemon.process.send_signal(signal.SIGHUP)
            wait_until(lambda: "line 2: this is no JSON" in daemon.read_log(), "the line is named")
            same(options(daemon.dir, program.pid)["thp"]["source"], "rule", "the rules stay")
            json.dump(changed, open(path, "w", encoding="utf-8"))
            ask(daemon.dir, "tune", {"match": "comm=" + comm, "reset": "thp,decay_ms", "persist": True})
            in_force(daemon.dir, program.pid, "thp", 1)
            same((read()["comment"], read()["rules"]),
                 ("ours", [{"match": {"comm": comm}, "options": {"no_such": "1"}, "nmua": "act"}]),
                 "what else is in the file stays")
        with busy(daemon) as program:
            # As a person does it, and takes it back as they were told; the file is kept elsewhere.
            os.rename(path, top + "/kept.json")
            os.symlink(top + "/kept.json", path)
            code, out, _ = apexctl("tune", "--match", "comm=" + comm, "decay_ms=61", "thp=off,retain=1m",
                                   "--persist", directory=daemon.dir)
            same((code, read()["rules"][0]["options"]),
                 (0, {"no_such": "1", "decay_ms": "61", "thp": "off", "retain": "1m"}), "--persist")
            check(os.path.islink(path), "a link stays one")
            back = re.search(r"^to take it back: apexctl (.*)$", out, re.M).group(1).split()
            same((apexctl(*back, directory=daemon.dir)[0], read()["rules"][0]["options"]),
                 (0, {"no_such": "1"}), "taken back by %s" % back)
    for text, words in (('{"rules": []}', '"version" is not 1'), ("[]", '"version" is not 1'), ("", "line 1"),
                        ('{"version": 1, "rules": {}}', '"rules" is no array'),
                        ('{"version": 1, "rules": [{"options": {}}]}', 'rule 1 needs "match"'),
                        ('{"version": 1, "rules": [{"match": {"shoe": "9"}, "options": {}}]}',
                         "rule 1 can match by")):
        open(path, "w", encoding="utf-8").write(text)
        refuses(path, words)
    open(path, "w", encoding="utf-8").write('{"version": 1}')
    os.chmod(path, 0o666)
    refuses(path, "somebody else may write to it")
    os.unlink(path)
    os.mkfifo(path)
    refuses(path, "it is no plain file")
    shutil.rmtree(top)


def refuses(path, words):
    """apexd does not start with such a file."""
    done = subprocess.run([APEXD, "--runtime-dir", os.path.dirname(path), "--config", path],
                          capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    same(done.returncode, 1, "exit code with rules that make no sense")
    check(words in done.stderr, "%r in %r" % (words, done.stderr))


def test_apexctl(daemon):
    with busy(daemon) as program:
        pid = str(program.pid)
        code, out, err = apexctl("tune", pid, directory=daemon.dir)
        same((code, err), (0, ""), "tune PID")
        check("decay_ms" in out and "runtime_dir" in out, "all options are shown: " + out)
        code, out, err = apexctl("tune", pid, "decay_ms=50", "thp=off", directory=daemon.dir)
        same((code, err), (0, ""), "tune PID key=value")
        for words in ("decay_ms", "500", "50", "auto", "off", "in force", "apexctl tune %s --reset" % pid):
            check(words in out, "%s in %s" % (words, out))
        code, out, _ = apexctl("tune", pid, "--reset=thp", "--dry-run", directory=daemon.dir)
        check(code == 0 and "dry run" in out, out)
        code, out, _ = apexctl("tune", pid, "--reset", "-o", "json", directory=daemon.dir)
        same(schema_errors(json.loads(out), schema_of("tune")), [], "-o json")
        same(apexctl("tune", pid, "--purge", directory=daemon.dir)[0], 0, "--purge")
        for arguments, words, wanted in (
                (["tune"], "which process", 2), (["tune", "x"], "not a process number", 2),
                (["tune", pid, "decay_ms"], "OPTION=VALUE", 2), (["tune", pid, "--no-such"], "", 2),
                (["tune", pid, "decay_ms=banana"], "not banana", 1),
                (["tune", "2147483647", "decay_ms=1"], "no process with this pid", 5),
                (["tune", "--match", "comm=nobody", "decay_ms=1"], "no process that matches", 5),
                (["tune", "--match", "comm=x", "decay_ms=1", "--persist"], "--config", 1)):
            code, _, err = apexctl(*arguments, directory=daemon.dir)
            same(code, wanted, "exit code of %r" % arguments)
            check(words in err, "%r in %r" % (words, err))
        code, out, _ = apexctl("rules", directory=daemon.dir)
        same((code, out), (0, "this apexd has no file of rules\n"), "rules without a file")


def asked(daemon, pid, *arguments):
    """apexctl tune, which waits for a process that never looks; it has been told."""
    waiting = subprocess.Popen([APEXCTL, "--runtime-dir", daemon.dir, "tune", str(pid), "decay_ms=5",
                                *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: options(daemon.dir, pid)["decay_ms"]["source"] == "tune", "apexctl has asked")
    return waiting


@contextlib.contextmanager
def asleep(daemon):
    code = "import sys; print('up', flush=True); sys.stdin.read()"
    with running([PYTHON, "-c", code], env=preloaded(daemon.dir), stdin=subprocess.PIPE,
                 stdout=subprocess.PIPE) as program:
        same(program.stdout.readline(), b"up\n", "the sleeper")
        wait_until(lambda: program.pid in listed(daemon.dir), "it is listed")
        yield program


def test_waiting():
    """What apexctl says when nobody is left to wait for, and when it is refused."""
    with Daemon() as daemon:
        with asleep(daemon) as program:
            waiting = asked(daemon, program.pid)
            program.kill()
            out, err = waiting.communicate(timeout=PATIENCE_S)
            same(waiting.returncode, 5, "exit code when the process goes")
            check("in force" not in out and "no process with this pid" in err, out + err)
        for arguments in ((), ("-o", "json")):
            with asleep(daemon) as program:
                waiting = asked(daemon, program.pid, *arguments)
                daemon.kill()
                out, err = waiting.communicate(timeout=PATIENCE_S)
                check(waiting.returncode not in (0, 5), "exit code when the daemon goes")
                check("in force" not in out and err.startswith("apexctl: "), out + err)
                daemon.start()
        with busy(daemon) as program:
            pid = str(program.pid)
            code, out, err = apexctl("tune", pid, "decay_ms=61", "-o", "json", directory=daemon.dir)
            same((code, err), (0, ""), "as JSON")
            option = {o["key"]: o for o in json.loads(out)["processes"][0]["options"]}["decay_ms"]
            same((option["value"], option["wanted"], option["source"]), (61, 61, "tune"), "after the wait")
            # Node 63 is not there: the process strikes it out, and apexctl says whose doing it is.
            for arguments in ((), ("-o", "json")):
                code, out, err = apexctl("tune", pid, "numa_home=63", *arguments, directory=daemon.dir)
                same(code, 1, "exit code of what is refused")
                check("has read it and does otherwise" in err and "not in force yet" not in out, out + err)


with Daemon() as one_daemon:
    test_change_and_back(one_daemon)
    test_limit(one_daemon)
    test_thp_in_smaps(one_daemon)
    test_purge(one_daemon)
    test_all_or_none(one_daemon)
    test_daemon_goes(one_daemon)
    test_match(one_daemon)
    test_many(one_daemon)
    test_apexctl(one_daemon)
test_rules()
test_waiting()
finish()
