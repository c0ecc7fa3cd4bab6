# SPDX-License-Identifier: MIT
#
# Advice on NUMA through the daemon and apexctl: on one node every process is left alone, with a
# reason; on a machine that hwloc is told to have two, too, as long as nobody has looked at its pages;
# what cannot be applied is refused whole; rules opt processes in. What several nodes bring is tested
# in guests (tests/vm), what each kind says in tests/unit/policy_test.c.
# Reason: most machines have one node, and there the advice must be to do nothing.
"""See the head of the file."""

from support import *

PYTHON = sys.executable


@contextlib.contextmanager
def busy(daemon):
    with running([PYTHON, "-c", BUSY], env=preloaded(daemon.dir)) as program:
        wait_until(lambda: program.pid in listed(daemon.dir), "the program is listed")
        yield program


def error_of(directory, params):
    with Control(directory) as control:
        reply = control.ask("advise", params)
        return reply.get("error", {}).get("code"), reply.get("error", {}).get("message")


def kinds(result):
    return [a["kind"] for p in result["processes"] for a in p["advice"]]


def test_one_node(daemon):
    with busy(daemon) as program:
        result = ask(daemon.dir, "advise", {"pid": program.pid})
        same(schema_errors(result, schema_of("advise")), [], "schema")
        same((len(result["processes"]), result["acting"], result["denied"]), (1, False, 0), "one process")
        advice = {a["kind"]: a for a in result["processes"][0]["advice"]}
        check("one_node" in advice, "it is left alone: %r" % sorted(advice))
        check(all(a["role"] == "leave" and not a["can_apply"] for a in advice.values()),
              "nothing else is advised: %r" % advice)
        check("NUMA node" in advice["one_node"]["why"], "the reason: " + advice["one_node"]["why"])
        same(advice["one_node"]["evidence"]["nodes_allowed"] < 2, True, "the number")
        every = ask(daemon.dir, "advise")
        same(schema_errors(every, schema_of("advise")), [], "schema of all")
        check(program.pid in [p["pid"] for p in every["processes"]], "it is among all")


def test_refused(daemon):
    with busy(daemon) as program:
        pid = program.pid
        for params, words in (
                ({"pid": pid, "match": "comm=x"}, "either pid or match"),
                ({"pid": pid, "apply": True, "revert": True}, "either apply or revert"),
                ({"pid": pid, "kind": "spilled"}, "kind is for apply"),
                ({"pid": pid, "apply": True, "kind": "no_such"}, "no advice of that kind"),
                ({"apply": True}, "say whom to change"),
                ({"revert": True}, "say whom to change"),
                ({"match": "shoe=9"}, "match by comm, exe, uid and cgroup"),
                ({"pid": pid, "apply": True}, "no advice for process %d that can be applied" % pid),
                ({"pid": pid, "apply": True, "kind": "spilled", "dry_run": True}, "can be applied")):
            code, message = error_of(daemon.dir, params)
            same(code, "bad_params", "%r" % params)
            check(words in (message or ""), "%r: %r" % (params, message))
        same(error_of(daemon.dir, {"pid": 1 << 40})[0], "no_such_process", "no such pid")
        same(error_of(daemon.dir, {"match": "comm=nobody"})[0], "no_such_process", "nobody matches")
        same(ask(daemon.dir, "advise", {"pid": pid, "revert": True})["reverted"], 0, "nothing is in force")
        wanted = ask(daemon.dir, "tune", {"pid": pid})["processes"][0]["options"]
        same([o["key"] for o in wanted if o["source"] != "process"], [], "none of these changed anything")


def test_apexctl(daemon):
    with busy(daemon) as program:
        pid = str(program.pid)
        code, out, err = apexctl("advise", pid, directory=daemon.dir)
        same((code, err), (0, ""), "advise PID")
        check("(pid %s)" % pid in out and "leave it alone: it has one node" in out, out)
        code, out, _ = apexctl("advise", directory=daemon.dir)
        check(code == 0 and re.search(r"%s .* one_node " % pid, out), out)
        code, out, _ = apexctl("advise", pid, "-o", "json", directory=daemon.dir)
        same(schema_errors(json.loads(out), schema_of("advise")), [], "-o json")
        code, out, _ = apexctl("advise", pid, "--revert", directory=daemon.dir)
        check(code == 0 and "nothing was in force" in out, out)
        for arguments, words, wanted in (
                (["advise", "x"], "not a process number", 2), (["advise", pid, "x"], "unexpected", 2),
                (["advise", "--apply"], "which process", 2), (["advise", "--no-such"], "no-such", 2),
                (["advise", pid, "--apply", "--revert"], "either --apply or --revert", 2),
                (["advise", pid, "--match", "comm=x"], "either PID or --match", 2),
                (["advise", pid, "--apply"], "can be applied from here", 1),
                (["advise", "2147483647"], "no process with this pid", 5)):
            code, _, err = apexctl(*arguments, directory=daemon.dir)
            same(code, wanted, "exit code of %r" % arguments)
            check(words in err, "%r in %r" % (words, err))


def test_two_nodes_of_text():
    """On a machine that hwloc was told about nobody has looked at pages, and so nothing is done."""
    with Daemon(environment={"HWLOC_SYNTHETIC": "pack:2 numa:1 core:2 pu:1"}) as daemon:
        with busy(daemon) as program:
            result = ask(daemon.dir, "advise", {"pid": program.pid})
            same(schema_errors(result, schema_of("advise")), [], "schema")
            check(not any(a["can_apply"] for p in result["processes"] for a in p["advice"]),
                  "nothing to apply: %r" % kinds(result))
            check(kinds(result), "but a reason")


def test_opted_in():
    top = tempfile.mkdtemp(prefix="apexd-test-")
    path = os.path.join(top, "apexd.json")
    rule = {"match": {"comm": os.path.basename(PYTHON)[:15]}, "options": {}, "numa": "act"}

    def write(one):
        json.dump({"version": 1, "rules": [one]}, open(path, "w", encoding="utf-8"))

    write(rule)
    acted_on = lambda: ask(daemon.dir, "advise", {"pid": program.pid})["processes"][0]["acted_on"]
    with Daemon("--act", "--config", path) as daemon, busy(daemon) as program:
        same(acted_on(), True, "a rule opts it in")
        same(schema_errors(ask(daemon.dir, "rules"), schema_of("rules")), [], "schema of rules")
        check("acts on advice on NUMA" in apexctl("rules", directory=daemon.dir)[1], "rules are shown")
        write(dict(rule, numa="advise"))
        daemon.process.send_signal(signal.SIGHUP)
        wait_until(lambda: not acted_on(), "another takes it out")
        # The options of a rule may go; what it says of NUMA keeps it.
        match = "comm=" + rule["match"]["comm"]
        ask(daemon.dir, "tune", {"match": match, "set": "decay_ms=60", "persist": True})
        ask(daemon.dir, "tune", {"match": match, "reset": "decay_ms", "persist": True})
        same(json.load(open(path, encoding="utf-8"))["rules"], [dict(rule, numa="advise")], "the rule stays")
        write(dict(rule, numa="maybe"))
        daemon.process.send_signal(signal.SIGHUP)
        wait_until(lambda: 'rule 1 has a "numa"' in daemon.read_log(), "what is neither is refused")
    write(rule)
    with Daemon("--config", path) as daemon, busy(daemon) as program:
        same(acted_on(), False, "a daemon that only advises acts on nobody")
    shutil.rmtree(top)


with Daemon() as one_daemon:
    test_one_node(one_daemon)
    test_refused(one_daemon)
    test_apexctl(one_daemon)
test_two_nodes_of_text()
test_opted_in()
finish()
