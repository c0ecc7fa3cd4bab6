# SPDX-License-Identifier: MIT
#
# Subscriptions: lines come by the clock until the client closes, tell who came and went, end with their
# process, and wait for nobody: who does not read misses lines, is told how many, and costs no memory.
# Reason: a client that stops in the middle must not hold the daemon up, nor grow it. Uses no libapex,
# so it also runs against a sanitized daemon.
"""See the head of the file."""

from support import *

LIMIT = int(re.search(r"SERVER_SUBSCRIPTIONS_OF_UID_MAX (\d+)", open(
    os.path.join(SOURCE, "apexd/server.h"), encoding="utf-8").read()).group(1))


def event(control, number=1):
    """The next line, held against the schema."""
    reply = json.loads(control.line() or b"{}")
    same(reply.get("id"), number, "id of an event: %r" % (reply,))
    result = reply.get("result", {})
    same(schema_errors(result, schema_of("subscribe")), [], "an event")
    if "stats" in result:
        same(schema_errors(result["stats"], schema_of("stats")), [], "stats in an event")
    return result


def subscribe(control, **params):
    reply = control.ask("subscribe", dict({"interval_ms": 100}, **params))
    result = reply.get("result", {})
    same(schema_errors(result, schema_of("subscribe")), [], "how it begins")
    same((result.get("event"), result.get("topic")), ("begin", params["topic"]), "how it begins")


def test_errors(daemon):
    with Control(daemon.dir) as control:
        for params in ({}, {"topic": "weather"}, {"topic": 1}, {"topic": "stats", "interval_ms": 99},
                       {"topic": "stats", "interval_ms": 3600001}, {"topic": "processes", "pid": 1}):
            same(control.ask("subscribe", params)["error"]["code"], "bad_params", repr(params))
        reply = control.ask("subscribe", {"topic": "stats", "pid": 1})
        same(reply["error"]["code"], "no_such_process", "a process that is not there")
        check("result" in control.ask("hello"), "the connection goes on after errors")
        subscribe(control, topic="stats")
        control.send(b'{"v":1,"method":"hello"}\n')
        reply = {}
        while "error" not in reply:
            line = control.line()
            if not line:
                break
            reply = json.loads(line)
        same(reply.get("error", {}).get("code"), "bad_request", "a question in between")
        same(control.line(), b"", "ends it")


def test_processes(daemon):
    with Control(daemon.dir) as control:
        subscribe(control, topic="processes")
        first = event(control)
        same((first["event"], first["sequence"], first["appeared"], first["known"]),
             ("processes", 1, [], 0), "nobody is there")
        memfd = Memfd(Page().bytes())
        same(register(daemon.dir, [memfd.fd])[0], "accepted", "a process")
        come = wait_until(lambda: event(control)["appeared"], "it appears")
        same((len(come), come[0]["pid"], come[0]["comm"]), (1, os.getpid(), "by-hand"), "who it is")
        same(event(control)["appeared"], [], "it appears once")
        memfd.close()
        gone = wait_until(lambda: event(control)["exited"], "it goes")
        same(gone, [come[0]["key"]], "which has gone")


def test_stats(daemon):
    memfd = Memfd(Page().bytes())
    same(register(daemon.dir, [memfd.fd])[0], "accepted", "a process")
    with Control(daemon.dir) as control, Control(daemon.dir) as all_of_them:
        subscribe(control, topic="stats", pid=os.getpid())
        subscribe(all_of_them, topic="stats")
        same(event(control)["stats"]["process"]["pid"], os.getpid(), "stats of one")
        same(event(all_of_them)["stats"]["processes"], 1, "stats of all")
        second = event(control)
        same((second["sequence"], second["dropped"]), (2, 0), "one after the other")
        memfd.close()
        wait_until(lambda: event(control)["event"] == "exited", "the process is gone")
        same(control.line(), b"", "and the subscription with it")
        wait_until(lambda: event(all_of_them)["stats"]["processes"] == 0, "the other goes on")


def test_slow(daemon):
    """Who does not read misses lines, and is told."""
    pause = 4
    dropped = 0
    with Control(daemon.dir) as control:
        # Most of what the kernel keeps for us is filled with other answers first.
        for _ in range(20):
            control.send(b'{"v":1,"method":"hello"}\n')
        control.send(b'{"v":1,"id":1,"method":"subscribe","params":{"topic":"stats","interval_ms":100}}\n')
        end = time.monotonic() + 10 * PATIENCE_S
        while dropped == 0 and time.monotonic() < end:
            time.sleep(pause)
            check(daemon.answers(), "others are served meanwhile")
            pause *= 2
            last = 0
            # To the end of what has come: the line after it tells what was left out.
            begin = time.monotonic()
            while dropped == 0 and time.monotonic() - begin < 2:
                reply = json.loads(control.line() or b"{}")["result"]
                if reply["schema"] == "apexd.subscribe/1" and reply["event"] != "begin":
                    same(reply["sequence"], last + 1 if last else reply["sequence"], "in order")
                    last, dropped = reply["sequence"], reply["dropped"]
        check(dropped > 0, "lines are left out")


def test_many(daemon):
    held = [Control(daemon.dir) for _ in range(LIMIT)]
    for control in held:
        subscribe(control, topic="stats")
    with Control(daemon.dir) as control:
        reply = control.ask("subscribe", {"topic": "stats"})
        same(reply["error"]["code"], "too_busy", "one more than a user may have")
        check("result" in control.ask("stats"), "other requests are answered")
        held.pop().close()
        wait_until(lambda: "result" in control.ask("subscribe", {"topic": "stats"}), "room again")
    for control in held:
        control.close()


with Daemon() as it:
    before = it.fds()
    for test in (test_errors, test_processes, test_stats, test_slow, test_many):
        test(it)
        print("%-14s done" % test.__name__, flush=True)
        wait_until(lambda: it.fds() <= before, "descriptors after %s" % test.__name__)
finish()
