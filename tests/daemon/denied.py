# SPDX-License-Identifier: MIT
#
# Who may see what: another user sees totals and topology, but no single process that is not their
# own; who cannot open the socket sees nothing, and apexctl says so with exit code 4. Reason: the
# figures of a process are its user's business. As root the other user is `nobody`; a user who is
# not root can only play both parts, so then the part that needs two users is proven by the kernel's
# mode bits alone.
"""See the head of the file."""

from support import *

OTHER = 65534


def as_other(code, *arguments):
    """Runs Python code as nobody; what it prints."""
    here = os.path.dirname(os.path.abspath(__file__))
    body = "import os, sys; sys.path.insert(0, sys.argv[1])\nfrom support import *\nos.setgroups([])\n" \
           "os.setresgid(%d, %d, %d)\nos.setresuid(%d, %d, %d)\n" % ((OTHER,) * 6) + code
    done = subprocess.run([sys.executable, "-c", body, here] + list(arguments), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False, timeout=PATIENCE_S * 5)
    same(done.stderr, "", "errors of the other user")
    return done.stdout


APEXCTL_CODE = ("done = subprocess.run(sys.argv[3:], capture_output=True, text=True)\n"
                "print(done.returncode, done.stderr)")


def for_other(daemon, program):
    """A copy that the other user can run: the build may be in a folder that is closed to them."""
    copy = os.path.join(daemon.top, os.path.basename(program))
    if not os.path.exists(copy):
        shutil.copy(program, copy)
        os.chmod(copy, 0o755)
    return copy


def test_other_user(daemon):
    apexctl_copy = for_other(daemon, APEXCTL)
    memfd = Memfd(Page().bytes())
    same(register(daemon.dir, [memfd.fd])[0], "accepted", "a process of ours")
    out = as_other("print('denied') if not os.access(sys.argv[2] + '/control.sock', os.W_OK) else None",
                   daemon.dir)
    same(out, "denied\n", "control.sock is not for everybody")
    out = as_other("print('denied') if not os.access(sys.argv[2] + '/http.sock', os.W_OK) else None",
                   daemon.dir)
    same(out, "denied\n", "http.sock is not for everybody")
    out = as_other(APEXCTL_CODE, daemon.dir, apexctl_copy, "--runtime-dir", daemon.dir, "stats")
    check(out.startswith("4 apexctl: not allowed"), "apexctl of another user: %r" % out)
    # As a member of the group apex would find it.
    os.chmod(daemon.dir + "/control.sock", 0o666)
    out = json.loads(as_other(
        "memfd = Memfd(Page().bytes())\n"
        "status = register(sys.argv[2], [memfd.fd])[0]\n"
        "with Control(sys.argv[2]) as c:\n"
        "    print(json.dumps([status, os.getpid(), c.ask('stats'), c.ask('processes'), c.ask('topology'),\n"
        "        c.ask('stats', {'pid': int(sys.argv[3])}), c.ask('map', {'pid': int(sys.argv[3])}),\n"
        "        c.ask('frag', {'pid': int(sys.argv[3])}), c.ask('advise', {'pid': int(sys.argv[3])}),\n"
        "        c.ask('advise'), c.ask('stats', {'pid': os.getpid()}),\n"
        "        c.ask('numa', {'pid': int(sys.argv[3])}), c.ask('numa')]))", daemon.dir, str(os.getpid())))
    (status, pid, stats, processes, topology, ours, our_map, our_frag, our_advice, advice, own, our_numa,
     numa) = out
    same(status, "accepted", "a process of another user registers")
    same(stats["result"]["processes"], 2, "totals are of all")
    same(schema_errors(topology["result"], schema_of("topology")), [], "topology")
    same([p["pid"] for p in processes["result"]["processes"]], [pid], "the list is of their own")
    same(processes["result"]["hidden"], 1, "and says how many are not shown")
    same(ours.get("error", {}).get("code"), "denied", "a process of root")
    same(our_map.get("error", {}).get("code"), "denied", "its addresses")
    same(our_frag.get("error", {}).get("code"), "denied", "its waste")
    same(our_advice.get("error", {}).get("code"), "denied", "what it is advised")
    same(([p["pid"] for p in advice["result"]["processes"]], advice["result"]["denied"]), ([pid], 1),
         "advice is for their own")
    same(our_numa.get("error", {}).get("code"), "denied", "its nodes")
    same(([p["pid"] for p in numa["result"]["processes"]], numa["result"]["hidden"]), ([pid], 1),
         "the nodes of their own, and that there is another")
    check(os.getpid() not in [r["pid"] for n in topology["result"]["nodes"] for r in n["residents"]],
          "a process of root among those who live on nodes")
    same(own["result"]["process"]["uid"], OTHER, "their own process")
    wait_until(lambda: pid not in listed(daemon.dir), "their process has left the list")
    # By HTTP the same: a row of their own, the rest in one; one process of root not at all.
    os.chmod(daemon.dir + "/http.sock", 0o666)
    out = json.loads(as_other(
        "page = Page()\n"
        "page.fields['comm'] = b'theirs'\n"
        "memfd = Memfd(page.bytes())\n"
        "status = register(sys.argv[2], [memfd.fd])[0]\n"
        "print(json.dumps([http(sys.argv[2], p) for p in (\n"
        "    '/metrics', '/metrics?per_process', '/v1/stats?pid=' + sys.argv[3], '/v1/rules')]))",
        daemon.dir, str(os.getpid())))
    for status, _, text in out[:2]:
        values = samples(text)
        rows = {k: v for k, v in values.items() if k.startswith("apex_heap_mapped_bytes{")}
        same(sorted(k.split('"')[1] for k in rows if rows[k]), ["other", "theirs"], "rows they see")
        same(sum(rows.values()), 2 << 20, "and the sum over them")
        check('uid="%d"' % os.geteuid() not in text, "rows of processes that are not theirs")
    same([status for status, _, _ in out[2:]], [403, 403], "a process of root, and the rules, by HTTP")
    out = as_other(APEXCTL_CODE, daemon.dir, apexctl_copy, "--runtime-dir", daemon.dir, "stats",
                   str(os.getpid()))
    check(out.startswith("4 apexctl: only root"), "apexctl stats of a process of root: %r" % out)
    for arguments in (["tune", str(os.getpid()), "decay_ms=1"], ["tune", str(os.getpid())],
                      ["tune", "--match", "comm=by-hand", "--purge"]):
        out = as_other(APEXCTL_CODE, daemon.dir, apexctl_copy, "--runtime-dir", daemon.dir, *arguments)
        check(out.startswith("4 apexctl: only root and the user of a process may see or change"),
              "apexctl %r of a process of root: %r" % (arguments, out))
    out = as_other(APEXCTL_CODE, daemon.dir, apexctl_copy, "--runtime-dir", daemon.dir, "tune", "--match",
                   "comm=nobody", "decay_ms=1", "--persist")
    check(out.startswith("4 apexctl: only root and the user of the daemon make rules"), "a rule: %r" % out)
    out = as_other(APEXCTL_CODE, daemon.dir, apexctl_copy, "--runtime-dir", daemon.dir, "rules")
    check(out.startswith("4 apexctl: only root and the user of the daemon may see"), "the rules: %r" % out)
    memfd.close()


def test_places(daemon):
    """A user's own daemon, where everybody looks for it: $XDG_RUNTIME_DIR/apexd."""
    programs = [for_other(daemon, p) for p in (APEXD, APEXCTL, LIBRARY)]
    place = tempfile.mkdtemp(prefix="apexd-test-")
    os.chown(place, OTHER, OTHER)
    out = json.loads(as_other(
        "os.environ['XDG_RUNTIME_DIR'] = sys.argv[2]\n"
        "apexd, apexctl, library = sys.argv[3:6]\n"
        "daemon = subprocess.Popen([apexd])\n"
        "wait_until(lambda: os.path.exists(sys.argv[2] + '/apexd/control.sock'), 'it serves')\n"
        "mode = os.stat(sys.argv[2] + '/apexd').st_mode & 0o7777\n"
        "program = subprocess.Popen(['sleep', '1000'], env=dict(os.environ, LD_PRELOAD=library))\n"
        "found = wait_until(lambda: ('(pid %d,' % program.pid) in subprocess.run("
        "[apexctl, 'stats', str(program.pid)], capture_output=True, text=True).stdout, 'listed')\n"
        "program.kill()\n"
        "program.wait()\n"
        "daemon.terminate()\n"
        "print(json.dumps([mode, found, daemon.wait(), os.listdir(sys.argv[2])]))", place, *programs))
    same(out, [0o700, True, 0, []], "mode, listed, exit code, what is left")
    os.rmdir(place)


def test_quota(daemon):
    """One user cannot fill the list; root still gets in."""
    limit = int(re.search(r"ROSTER_CLIENTS_OF_UID_MAX (\d+)", open(
        os.path.join(SOURCE, "apexd/roster.h"), encoding="utf-8").read()).group(1))
    os.chmod(daemon.dir + "/control.sock", 0o666)
    out = json.loads(as_other(
        "ready, go = os.pipe(), os.pipe()\n"
        "words = {}\n"
        "for i in range(int(sys.argv[3]) + 5):\n"
        "    pid = os.fork()\n"
        "    if pid == 0:\n"
        "        memfd = Memfd(Page().bytes())\n"
        "        word = register(sys.argv[2], [memfd.fd])[0]\n"
        "        os.write(ready[1], (word + '\\n').encode())\n"
        "        os.close(go[1])\n"
        "        os.read(go[0], 1)\n"
        "        os._exit(0)\n"
        "    word = b''\n"
        "    while not word.endswith(b'\\n'):\n"
        "        word += os.read(ready[0], 1)\n"
        "    words[word.decode().strip()] = words.get(word.decode().strip(), 0) + 1\n"
        "memfd = Memfd(Page().bytes())\n"
        "os.close(go[1])\n"
        "for i in range(int(sys.argv[3]) + 5):\n"
        "    os.wait()\n"
        "print(json.dumps(words))", daemon.dir, str(limit)))
    same(out, {"accepted": limit, "over_quota": 5}, "registrations of one user")
    memfd = Memfd(Page().bytes())
    same(register(daemon.dir, [memfd.fd])[0], "accepted", "root afterwards")
    memfd.close()
    wait_until(lambda: not listed(daemon.dir), "all have left the list")


def test_modes(daemon):
    """Without a second user: what the kernel checks, and what apexctl makes of its answer."""
    os.chmod(daemon.dir + "/control.sock", 0)
    same(apexctl("stats", directory=daemon.dir)[0], 4, "apexctl without the right to connect")


# A directory that others may pass through, as /run/apexd is.
with Daemon(mode=0o755) as it:
    if os.geteuid() == 0:
        test_other_user(it)
        test_quota(it)
        # Not where a sanitizer has taken the library's place, or a daemon of this machine would be found.
        if os.path.exists(LIBRARY) and not os.path.exists("/run/apexd/control.sock"):
            test_places(it)
    else:
        test_modes(it)
finish()
