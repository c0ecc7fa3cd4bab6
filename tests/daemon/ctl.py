# SPDX-License-Identifier: MIT
#
# apexctl ctl and the method behind it on a real program, held against what the program says of
# itself by apex_ctl() and apex_stats_print(), which it finds in the library that is preloaded.
# Reason: a leaf must mean the same inside and outside.
"""See the head of the file."""

from support import *

# A program that answers questions on its standard input: a name is answered by the number,
# `json` by apex_stats_print, `publish` settles its figures, `end` ends it.
ASK_ITSELF = r"""
import ctypes, sys
apex = ctypes.CDLL(None)
WRITE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
objects = [bytes(n * 37 % 5000) for n in range(20000)]
large = bytes(40 << 20)
print("ready", flush=True)
for line in sys.stdin:
    name = line.strip()
    if name == "end":
        break
    if name == "json":
        pieces = []
        take = WRITE(lambda context, text, length: pieces.append(ctypes.string_at(text, length)))
        apex.apex_stats_print(take, None, 1)
        print(b"".join(pieces).decode().strip(), flush=True)
    elif name == "publish":
        print(apex.apex_ctl(b"stats.publish", None, None, None, ctypes.c_size_t(0)), flush=True)
    else:
        value, length = ctypes.c_uint64(0), ctypes.c_size_t(8)
        error = apex.apex_ctl(name.encode(), ctypes.byref(value), ctypes.byref(length), None,
                              ctypes.c_size_t(0))
        print(error, value.value, flush=True)
"""


def question(program, text):
    program.stdin.write(text + "\n")
    program.stdin.flush()
    return program.stdout.readline().strip()


def inside(program, name):
    error, value = question(program, name).split()
    same(error, "0", name)
    return int(value)


def rows_of_table():
    """The names that ctl.def and the tables in it make, but for those of classes and threads."""
    found = []
    for file, pattern, form in (("options.def", r'^OPTION\(\w+, "(\w+)"', "option.%s"),
                                ("stats.def", r"^STAT_(?:PROCESS|THREAD)\((\w+),", "stats.%s")):
        text = open(os.path.join(SOURCE, "libapex/tables", file), encoding="utf-8").read()
        found += [form % name for name in re.findall(pattern, text, re.M)]
    return found


def test_list():
    """Needs no daemon."""
    code, out, error = apexctl("ctl", "--list", environment=dict(os.environ, APEX_RUNTIME_DIR="/nowhere"))
    same((code, error), (0, ""), "ctl --list")
    names = [line.split()[0] for line in out.splitlines()]
    same(names[0], "NAME", "title")
    check(not [n for n in rows_of_table() if n not in names], "every row is a leaf: %r" % names)
    for name in ("version", "trim", "purge", "thread.flush", "stats.publish", "class.<i>.live",
                 "opt.decay_ms", "stats.allocated"):
        check(name in names, "ctl --list shows " + name)
    code, out, _ = apexctl("ctl", "--list", "-o", "json")
    listed_json = json.loads(out)
    same((code, listed_json["schema"]), (0, "apexctl.ctl/1"), "ctl --list as JSON")
    same([leaf["name"] for leaf in listed_json["leaves"]], names[1:], "the same leaves as JSON")
    by_name = {leaf["name"]: leaf for leaf in listed_json["leaves"]}
    same(by_name["option.decay_ms"]["access"], "read, write", "access of a LIVE option")
    same(by_name["opt.decay_ms"]["access"], "read", "access of its start value")
    same(by_name["trim"]["access"], "action", "access of an action")


def test_process(daemon, program):
    wait_until(lambda: program.pid in listed(daemon.dir), "the program is listed")
    same(question(program, "publish"), "0", "stats.publish")
    wait_until(lambda: leaves(daemon, program).get("stats.allocated", 0) > 40 << 20, "objects are seen")
    result = ask(daemon.dir, "ctl", {"pid": program.pid})
    same(schema_errors(result, schema_of("ctl")), [], "schema of ctl")
    outside = leaves(daemon, program)
    paths = ("option.runtime_dir",)
    check(not [n for n in rows_of_table() if n not in outside and n not in paths],
          "every row can be read from outside: %r" % sorted(outside))
    for name in ("stats.mapped", "stats.large", "stats.large_objects", "option.decay_ms", "option.thp",
                 "stats.threads", "class.5.size"):
        same(outside[name], inside(program, name), name + " inside and outside")
    # Printing the answer allocates, but not much.
    far = abs(outside["stats.allocated"] - inside(program, "stats.allocated"))
    check(far < 1 << 20, "stats.allocated inside and outside: off by %d" % far)
    one = ask(daemon.dir, "ctl", {"pid": program.pid, "name": "stats.large"})["leaves"]
    same(one, [{"name": "stats.large", "value": outside["stats.large"], "unit": "bytes"}], "one leaf")


def leaves(daemon, program):
    result = ask(daemon.dir, "ctl", {"pid": program.pid})
    return {leaf["name"]: leaf["value"] for leaf in result.get("leaves", [])}


def test_command(daemon, program):
    pid = str(program.pid)
    code, out, error = apexctl("ctl", pid, "stats.large", "option.decay_ms", directory=daemon.dir)
    same((code, error), (0, ""), "ctl with names")
    same([line.split()[0] for line in out.splitlines()], ["NAME", "stats.large", "option.decay_ms"],
         "rows in their order")
    same(out.splitlines()[2].split()[1:], ["500", "ms"], "value and unit")
    code, out, error = apexctl("ctl", pid, directory=daemon.dir)
    same((code, error), (0, ""), "ctl without names")
    check(len(out.splitlines()) > 50, "all leaves")
    code, out, _ = apexctl("ctl", pid, "stats.large", "stats.active", "-o", "json", directory=daemon.dir)
    same((code, out.count("\n")), (0, 2), "one line of JSON for each name")
    for line in out.splitlines():
        same(schema_errors(json.loads(line), schema_of("ctl")), [], "ctl as JSON")
    for arguments, wanted in (((pid, "stats.nothing"), 1), ((pid, "stats.large", "thread.live"), 1),
                              (("1",), 5), ((), 2), (("x",), 2), (("--list", "1"), 2),
                              ((pid, "--watch"), 2)):
        code, _, error = apexctl("ctl", *arguments, directory=daemon.dir)
        same(code, wanted, "ctl %s" % " ".join(arguments))
        check(error.startswith("apexctl: "), "a word on stderr: %r" % error)


def test_print(program):
    printed = json.loads(question(program, "json"))
    same(printed["schema"], "libapex.stats/1", "schema of what is printed")
    same(printed["pid"], program.pid, "pid")
    names = [n.partition(".")[2] for n in rows_of_table()]
    everything = {**printed["counters"], **printed["thread_counters"], **printed["options"]}
    check(not [n for n in names if n not in everything and n != "runtime_dir"], "all rows are printed")
    same(printed["options"]["decay_ms"], 500, "an option")
    small = sum(c["size_bytes"] * c["live"] for c in printed["classes"])
    same(small + printed["counters"]["large"], printed["allocated_bytes"], "classes add up")


def test_at_exit():
    """With the option, and not without; also when the program has closed its stderr."""
    for options, code in (("register=0", ""), ("register=0,stats_at_exit=1", ""),
                          ("register=0,stats_at_exit=1", "import os; os.close(2)")):
        environment = dict(os.environ, LD_PRELOAD=LIBRARY, APEX_OPTIONS=options)
        end = subprocess.run([sys.executable, "-c", code], env=environment, stderr=subprocess.PIPE,
                             check=False, timeout=PATIENCE_S)
        lines = end.stderr.decode().splitlines()
        same(end.returncode, 0, options)
        if "stats_at_exit" not in options:
            same(lines, [], "nothing is printed unasked")
            continue
        check(len(lines) > 40 and all(line.startswith("libapex: ") for line in lines),
              "what is printed at exit: %r" % lines[:3])
        check(any(re.fullmatch(r"libapex: mapped bytes = [1-9]\d+", line) for line in lines), "a figure")


test_list()
test_at_exit()
with Daemon() as it:
    with running([sys.executable, "-c", ASK_ITSELF], env=preloaded(it.dir), stdin=subprocess.PIPE,
                 stdout=subprocess.PIPE, text=True) as asked:
        same(asked.stdout.readline().strip(), "ready", "the program runs")
        test_process(it, asked)
        test_command(it, asked)
        test_print(asked)
        asked.stdin.write("end\n")
        asked.stdin.close()
        same(asked.wait(PATIENCE_S), 0, "exit code of the program")
        asked.stdout.close()
finish()
