# SPDX-License-Identifier: MIT
#
# Whose turn it is when many want an answer about all processes: who asks for the same gets the same
# answer, and of the others nobody waits for one who had an answer while he had none. Reason: such
# an answer takes long where there are thousands of processes, and who asks for it again and again,
# over many connections, must not keep others out; nor may it be of any length.
#
# The daemon is stopped while the requests are sent, so that it finds all of them at once, and what
# is compared is the order in which it answered, not how long that took.
"""See the head of the file."""

import collections
import threading

from support import *

TOLD_MAX = int(re.search(r"REPLY_TOLD_MAX (\d+)", open(
    os.path.join(SOURCE, "apexd/reply.h"), encoding="utf-8").read()).group(1))
PROCESSES = TOLD_MAX + 2  # and more than AT_ONCE_MAX of apexd/answers.c
STALE_S = 0.25  # after that an answer is made anew
NOBODY = 65534

# Requests about all processes of which no two are the same; the last are for any user.
REQUESTS = [("numa", {"match": match}) for match in (
    "comm=siege", "uid=%d" % os.geteuid(), "comm=siege,uid=%d" % os.geteuid(),
    "uid=%d,comm=siege" % os.geteuid())] + [
        ("numa", {}), ("stats", {}), ("topology", {}), ("metrics", {})]


@contextlib.contextmanager
def stopped(daemon):
    daemon.process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, daemon.process.pid, os.WSTOPPED)
    try:
        yield
    finally:
        daemon.process.send_signal(signal.SIGCONT)


def send(control, request):
    method, params = request
    control.send(json.dumps({"v": 1, "id": 1, "method": method, "params": params}).encode() + b"\n")


def made_ns(control):
    """When the answer that comes next was made."""
    return json.loads(control.line())["result"]["monotonic_ns"]


def connect_as(daemon, uid):
    os.seteuid(uid)
    try:
        return Control(daemon.dir)
    finally:
        os.seteuid(0)


def test_same(daemon):
    """Parameters in the same words: one answer for all. In other words: another one."""
    def one_for_all():
        time.sleep(STALE_S)
        with Control(daemon.dir) as a, Control(daemon.dir) as b, Control(daemon.dir) as c:
            with stopped(daemon):
                send(a, ("processes", {"counters": True}))
                send(b, ("processes", {"counters": True}))
                send(c, ("processes", {}))
            lines = [json.loads(control.line())["result"] for control in (a, b, c)]
        check("counters" in lines[0]["processes"][0] and "counters" not in lines[2]["processes"][0],
              "each gets what was asked for")
        return lines[0] == lines[1] != lines[2]

    # A machine that stands still between the two gives them two.
    wait_until(one_for_all, "the same request has the same answer")


def test_newcomer(daemon):
    """Who has had no answer yet comes before those who have had one."""
    with contextlib.ExitStack() as stack:
        old = [stack.enter_context(Control(daemon.dir)) for _ in REQUESTS[1:]]
        for control, request in zip(old, REQUESTS[1:]):
            send(control, request)
            made_ns(control)
        time.sleep(STALE_S)
        with stopped(daemon):
            for control, request in zip(old, REQUESTS[1:]):
                send(control, request)
            new = stack.enter_context(Control(daemon.dir))
            send(new, REQUESTS[0])
        order = sorted([(made_ns(control), False) for control in old] + [(made_ns(new), True)])
        # It is let in while the first of them, or the second, is being answered.
        check(True in [is_new for _, is_new in order[:4]], "a newcomer comes before those who had their turn")


def test_stays(daemon):
    """Nor do newcomers for ever come before one that had an answer, and asks again."""
    passed_max = int(re.search(r"SERVER_PASSED_MAX (\d+)", open(
        os.path.join(SOURCE, "apexd/server.h"), encoding="utf-8").read()).group(1))
    time.sleep(STALE_S)  # or its first answer would be one that was made for others
    with contextlib.ExitStack() as stack:
        stays = stack.enter_context(Control(daemon.dir))
        send(stays, REQUESTS[0])
        made_ns(stays)
        new = [stack.enter_context(Control(daemon.dir)) for _ in REQUESTS[1:]]
        for control in new:
            check("result" in control.ask("hello"), "let in")
        time.sleep(STALE_S)
        with stopped(daemon):
            send(stays, REQUESTS[0])
            for control, request in zip(new, REQUESTS[1:]):
                send(control, request)
        stays_ns = made_ns(stays)
        before = [control for control in new if made_ns(control) < stays_ns]
        check(len(before) <= passed_max, "%d newcomers come first" % len(before))


def test_light(daemon):
    """What takes no time comes before what may: that is done one at a time."""
    pid = min(listed(daemon.dir))
    with contextlib.ExitStack() as stack:
        old = [stack.enter_context(Control(daemon.dir)) for _ in REQUESTS]
        for control in old:
            check("result" in control.ask("hello"), "let in")
        with stopped(daemon):
            for control, method in zip(old, ("map", "frag") * len(REQUESTS)):
                send(control, (method, {"pid": pid}))
            new = stack.enter_context(Control(daemon.dir))
            send(new, ("hello", {}))
        new_ns = made_ns(new)
        before = [control for control in old if made_ns(control) < new_ns]
        check(len(before) < 4, "%d maps come before a hello" % len(before))


def test_users(daemon):
    """The connections of one user do not come before that of another who has waited longer."""
    with contextlib.ExitStack() as stack:
        mine = stack.enter_context(Control(daemon.dir))
        send(mine, REQUESTS[0])
        made_ns(mine)
        first = stack.enter_context(connect_as(daemon, NOBODY))
        send(first, REQUESTS[-1])
        made_ns(first)
        others = [stack.enter_context(connect_as(daemon, NOBODY)) for _ in range(3)]
        for control in others:
            check("result" in control.ask("hello"), "let in")
        time.sleep(STALE_S)
        with stopped(daemon):
            for control, request in zip(others, REQUESTS[-4:]):
                send(control, request)
            send(mine, REQUESTS[0])
        mine_ns = made_ns(mine)
        before = [control for control in others if made_ns(control) < mine_ns]
        check(len(before) <= 1, "%d connections of another user come first" % len(before))


def get(stack, daemon, path, end=b"\r\n"):
    s = stack.enter_context(http_connect(daemon.dir))
    s.sendall(b"GET %s HTTP/1.1\r\nHost: localhost\r\n%s" % (path, end))
    return s


def body(s):
    return json.loads(s.makefile("rb").read().split(b"\r\n\r\n", 1)[1])


def shared_kib(daemon):
    """Of pages of the processes that the daemon has in core."""
    with open("/proc/%d/status" % daemon.process.pid, encoding="utf-8") as file:
        return int(re.search(r"RssShmem:\s+(\d+)", file.read()).group(1))


def test_http(daemon):
    """The same by HTTP: it waits for its turn, and one answer is for both sockets. One may go meanwhile."""
    def one_for_all():
        time.sleep(STALE_S)
        with contextlib.ExitStack() as stack:
            control = stack.enter_context(Control(daemon.dir))
            with stopped(daemon):
                send(control, ("processes", {"counters": True}))
                asked = [get(stack, daemon, b"/v1/processes?counters=1") for _ in range(3)]
                asked.pop().close()
                bodied = get(stack, daemon, b"/v1/stats", b"Content-Length: 3\r\n\r\nabc")
            line = json.loads(control.line())["result"]
            same(body(bodied)["processes"], PROCESSES, "with a body that nobody wants")
            return all(body(s) == line for s in asked)

    wait_until(one_for_all, "the same request has the same answer on both sockets")
    # Who waits for its turn is not thrown out for those who ask nothing.
    time.sleep(STALE_S)
    with contextlib.ExitStack() as stack:
        with stopped(daemon):
            waits = get(stack, daemon, b"/v1/stats")
            for _ in range(30):
                stack.enter_context(http_connect(daemon.dir))
        same(body(waits)["processes"], PROCESSES, "in a crowd of silent ones")
    # A look in steps lets go of the pages.
    time.sleep(STALE_S)
    ask(daemon.dir, "stats")
    before = shared_kib(daemon)
    time.sleep(STALE_S)
    same(http(daemon.dir, "/v1/stats")[0], 200, "stats by HTTP")
    check(shared_kib(daemon) <= before + 4 * PROCESSES // 2,
          "%d KiB of pages after HTTP, %d before" % (shared_kib(daemon), before))


def test_http_flood(daemon):
    """Nor is one thrown out that waits, or was just answered, while silent ones come all the time."""
    flooding, over = threading.Event(), threading.Event()

    def flood():
        held = collections.deque()
        while not over.is_set():
            flooding.wait()
            with contextlib.suppress(OSError):
                held.append(http_connect(daemon.dir))
            while len(held) > 40 or (held and over.is_set()):
                held.popleft().close()

    thread = threading.Thread(target=flood, daemon=True)
    thread.start()
    answered = 0
    paths = (b"/v1/stats", b"/v1/topology", b"/v1/processes?counters=1", b"/v1/numa")
    for _ in range(10):
        time.sleep(STALE_S)
        with contextlib.ExitStack() as stack:
            with stopped(daemon):
                asked = [get(stack, daemon, path) for path in paths]
                flooding.set()
            for s in asked:
                with contextlib.suppress(ConnectionResetError):
                    answered += s.makefile("rb").readline().startswith(b"HTTP/1.1 200")
            flooding.clear()
    over.set()
    flooding.set()
    thread.join()
    same(answered, 10 * len(paths), "answers beside silent ones")


def test_end(daemon):
    """The daemon ends while some wait."""
    with contextlib.ExitStack() as stack:
        waiting = [get(stack, daemon, b"/v1/processes?counters=1", b"") for _ in range(3)]
        check(daemon.answers(), "it has let them in")
        time.sleep(STALE_S)
        with stopped(daemon):
            for s in waiting:
                s.sendall(b"\r\n")
            for request in REQUESTS:
                send(stack.enter_context(Control(daemon.dir)), request)
            daemon.process.send_signal(signal.SIGTERM)
        same(daemon.process.wait(PATIENCE_S), 0, "exit code of apexd with %d waiting" % len(waiting))


def test_length(daemon):
    """Advice about very many: some are told of, and the others counted."""
    for params in ({}, {"match": "comm=siege"}, {"match": "comm=siege", "revert": True, "dry_run": True}):
        result = ask(daemon.dir, "advise", params)
        same((len(result["processes"]), result["left_out"]), (TOLD_MAX, 2), "told of, with %s" % params)


with Daemon(mode=0o755) as it:
    os.chmod(os.path.join(it.dir, "control.sock"), 0o666)
    crowd = subprocess.Popen([os.path.join(BUILD, "tests/daemon/siege"), "--dir", it.dir, "--pid",
                              str(it.process.pid), "--seconds", "100000", "--crowd", str(PROCESSES)],
                             stdout=subprocess.DEVNULL)
    wait_until(lambda: ask(it.dir, "stats")["processes"] == PROCESSES, "a crowd")
    crowd.send_signal(signal.SIGSTOP)  # or it would take turns itself
    try:
        for test in [test_same, test_newcomer, test_stays, test_light, test_length, test_http, test_http_flood] + (
                [test_users] if os.geteuid() == 0 else []) + [test_end]:
            test(it)
    finally:
        crowd.kill()
        crowd.wait()
finish()
