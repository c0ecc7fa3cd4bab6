# SPDX-License-Identifier: MIT
#
# The heap profile of a program with a leak: what the daemon answers, what apexctl makes of it, and that
# a reader of pprof files who knows nothing of our code finds the function that leaks. Switched on from
# the start, and from outside. Through a restart of the daemon.
# Reason: a profile that names the wrong function is worse than none.
"""See the head of the file."""

import gzip

from support import *

LEAKY = os.path.join(BUILD, "tests/daemon/leaky")
LEAKED = 50000 * 1000


def environment(daemon, options, library=LIBRARY):
    made = dict(os.environ, LD_PRELOAD=library)
    made["APEX_OPTIONS"] = "runtime_dir=%s%s" % (daemon.dir, options)
    return made


def profile(daemon, program):
    return ask(daemon.dir, "profile", {"pid": program.pid})


def leaking(result):
    """The stack with most live."""
    return max(result.get("stacks", []), key=lambda s: s["live"]["bytes"], default=None)


def leaked(daemon, program):
    """The profile when it shows all that is leaked: a second without anything new in the stack that leaks."""
    result = profile(daemon, program)
    stack = leaking(result)
    done = (stack and stack["live"]["bytes"] > LEAKED / 2
            and stack["live_bytes_by_age"]["1s"] == 0)
    return result if done else None


# --- A reader of pprof files ------------------------------------------------------------------------
# By the wire format of protocol buffers and the published numbers of profile.proto's fields.


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7f) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def message(data):
    """Field number: the list of its values, whole numbers or bytes."""
    fields, at = {}, 0
    while at < len(data):
        tag, at = varint(data, at)
        if tag & 7 == 0:
            value, at = varint(data, at)
        elif tag & 7 == 2:
            length, at = varint(data, at)
            value, at = data[at:at + length], at + length
        else:
            raise ValueError("wire type %d" % (tag & 7))
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def packed(values):
    found = []
    for value in values:
        if isinstance(value, int):
            found.append(value)
        else:
            at = 0
            while at < len(value):
                number, at = varint(value, at)
                found.append(number)
    return found


class Pprof:
    """A profile as its file tells it."""

    def __init__(self, path):
        fields = message(gzip.open(path).read())
        self.texts = [t.decode() for t in fields[6]]
        self.types = [(self.text(t, 1), self.text(t, 2)) for t in map(message, fields[1])]
        functions = {f[1][0]: self.text(f, 2) for f in map(message, fields[5])}
        self.mappings = {m[1][0]: m for m in map(message, fields[3])}
        self.locations = {}
        for location in map(message, fields[4]):
            lines = [functions[message(line)[1][0]] for line in location.get(4, [])]
            self.locations[location[1][0]] = (lines, location.get(2, [0])[0], location[3][0])
        self.samples = [(packed(s.get(1, [])), packed(s[2])) for s in map(message, fields[2])]
        self.period = fields.get(12, [0])[0]

    def text(self, fields, number):
        return self.texts[fields.get(number, [0])[0]]

    def top(self, kind):
        """The innermost named function with most of this kind, and how much."""
        at = [t[0] for t in self.types].index(kind)
        sums = {}
        for locations, values in self.samples:
            names = [n for l in locations for n in self.locations[l][0]]
            name = names[0] if names else ""
            sums[name] = sums.get(name, 0) + values[at]
        return max(sums.items(), key=lambda item: item[1])


# --- The tests --------------------------------------------------------------------------------------


def close_to(value, wanted, text):
    """780 samples: seven standard deviations are a quarter."""
    check(wanted * 0.75 < value < wanted * 1.25, "%s: %d, not about %d" % (text, value, wanted))


def test_names(daemon, program, folder):
    """Every form names the functions."""
    code, table, _ = apexctl("profile", str(program.pid), directory=daemon.dir)
    same(code, 0, "exit code of the table")
    check("leak_here" in table and "leaky.c:" in table, "the table names function and line: " + table)
    code, leaks, _ = apexctl("profile", str(program.pid), "--leaks", directory=daemon.dir)
    check("leak_here" in leaks and "age:" in leaks and "clean_here" not in leaks.split("live in")[1],
          "the leak comes first, with its age: " + leaks)
    code, folded, _ = apexctl("profile", str(program.pid), "-o", "folded", directory=daemon.dir)
    values = dict(line.rsplit(" ", 1) for line in folded.splitlines())
    by_end = {}
    for stack, value in values.items():
        check(stack.startswith("leaky;"), "folded begins with the program: " + stack)
        by_end[stack.rsplit(";", 1)[1]] = by_end.get(stack.rsplit(";", 1)[1], 0) + int(value)
    close_to(by_end.get("leak_here", 0), LEAKED, "folded bytes of leak_here")
    check(any(";main;leak_here" in stack for stack in values), "folded has callers: %r" % values)
    path = os.path.join(folder, "heap.pb.gz")
    code, _, error = apexctl("profile", str(program.pid), "-o", "pprof", "--file", path,
                             directory=daemon.dir)
    same((code, error), (0, ""), "pprof is written")
    read = Pprof(path)
    same(read.types, [("alloc_objects", "count"), ("alloc_space", "bytes"), ("inuse_objects", "count"),
                      ("inuse_space", "bytes")], "sample types")
    same(read.period, 65536, "period")
    name, value = read.top("inuse_space")
    same(name, "leak_here", "what is in use, says an independent reader,")
    close_to(value, LEAKED, "its bytes")
    close_to(read.top("inuse_objects")[1], 50000, "its objects")
    same(read.top("alloc_space")[0], "clean_here", "what is allocated most")
    for _, mapping, address in read.locations.values():
        if mapping:
            m = read.mappings[mapping]
            check(m[2][0] <= address < m[3][0], "a location lies in its mapping")
    files = [read.text(m, 5) for m in read.mappings.values()]
    check(any(f.endswith("leaky") for f in files), "the program is among the mappings: %r" % files)
    check(any(re.fullmatch("[0-9a-f]{16,}", read.text(m, 6)) for m in read.mappings.values()),
          "build-ids are there")


def test_from_start(daemon, folder, library):
    with running([LEAKY], env=environment(daemon, ",profile_rate=64k", library),
                 stdout=subprocess.PIPE) as program:
        same(program.stdout.readline(), b"leaked\n", "the program")
        result = wait_until(lambda: leaked(daemon, program), "50 MB are leaked")
        same(schema_errors(result, schema_of("profile")), [], "schema of profile")
        stack = leaking(result)
        close_to(stack["live"]["bytes"], LEAKED, "live bytes")
        close_to(stack["live"]["objects"], 50000, "live objects")
        close_to(sum(stack["live_bytes_by_age"].values()), LEAKED, "bytes by age")
        others = [s["live"]["samples"] for s in result["stacks"] if s is not stack]
        check(sum(others) < 20, "nothing else is live: %r" % others)
        same(result["dropped_live"], 0, "dropped")
        check(any(m["path"].endswith("leaky") for m in result["mappings"]), "mappings")
        test_names(daemon, program, folder)
        daemon.kill()
        daemon.start()
        again = wait_until(lambda: leaked(daemon, program), "the profile is shown to a new daemon")
        same(leaking(again)["live"], stack["live"], "and says the same")
        program.stdout.close()


def test_stopped(daemon, program, number):
    """Who is stopped shows what there is, and leaves no profile on behind them."""
    with running([APEXCTL, "--runtime-dir", daemon.dir, "profile", str(program.pid), "--seconds", "86400",
                  "--rate", "64k"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as profiling:
        wait_until(lambda: profile(daemon, program)["rate_bytes"] != 0, "it is on")
        profiling.send_signal(number)
        out, error = profiling.communicate(timeout=PATIENCE_S)
        same((profiling.returncode, error), (0, b""), "the end by signal %d" % number)
        check(b"(pid %d)" % program.pid in out, "what there is: %r" % out)
    wait_until(lambda: profile(daemon, program)["rate_bytes"] == 0, "it is off again")


def test_from_outside(daemon):
    with running([LEAKY], env=environment(daemon, ""), stdout=subprocess.DEVNULL) as program:
        wait_until(lambda: program.pid in listed(daemon.dir), "the program is listed")
        same(profile(daemon, program).get("profiled"), False, "there is no profile yet")
        same(schema_errors(profile(daemon, program), schema_of("profile")), [], "schema without one")
        code, out, error = apexctl("profile", str(program.pid), directory=daemon.dir)
        same((code, out), (1, ""), "apexctl without a profile")
        check("--seconds" in error, "it says how to make one: " + error)
        code, out, error = apexctl("profile", str(program.pid), "--seconds", "1", "--rate", "64k",
                                   directory=daemon.dir)
        same((code, error), (0, ""), "a profile of a second")
        check("clean_here" in out, "it has names: " + out)
        wait_until(lambda: profile(daemon, program)["rate_bytes"] == 0, "it is off again")
        before = profile(daemon, program)["samples"]
        time.sleep(0.2)
        same(profile(daemon, program)["samples"], before, "and takes no samples")
        for number in (signal.SIGINT, signal.SIGTERM):
            test_stopped(daemon, program, number)


def test_wrong_use(daemon):
    for arguments, code in ((["profile"], 2), (["profile", "x"], 2), (["profile", "1", "2"], 2),
                            (["profile", "1", "-o", "xml"], 2), (["profile", "1", "--seconds", "0"], 2),
                            (["profile", "1", "--seconds", "1x"], 2), (["profile", "1"], 5),
                            (["profile", "1", "--rate", "1k,heap_limit=1"], 2),
                            (["profile", "1", "--rate", "0"], 2), (["profile", "1", "--rate", ""], 2),
                            (["profile", "1", "--rate", "512k"], 5), (["profile", "1", "--rat"], 2),
                            (["profile", "1", "--no-such"], 2)):
        found, _, error = apexctl(*arguments, directory=daemon.dir)
        same(found, code, "exit code of %r" % arguments)
        check(error.startswith("apexctl: "), "words of %r: %s" % (arguments, error))


with Daemon() as it:
    test_wrong_use(it)
    test_from_outside(it)
    test_from_start(it, it.top, LIBRARY)
    test_from_start(it, it.top, LIBRARY.replace("libapex.so", "libapex-hardened.so"))
finish()
