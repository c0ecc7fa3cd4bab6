# SPDX-License-Identifier: MIT
#
# A daemon under attack keeps answering: slow readers, floods of connections on either socket, held
# and closed, registrations with everything that is wrong, silence, a page that changes all the
# time, clients that stop in the middle, all of it at once, with few descriptors, and with
# thousands of processes registered. Each attack for SIEGE_SECONDS (1), by another user if root
# runs it, and by the same one. Reason: who may connect may be hostile, and nobody may keep others
# out.
#
# What is checked always: the honest client is answered, and the daemon's memory is bounded. How
# fast depends on the machine, so that is checked only if SIEGE_LIMIT_MS says so (make siege: 100).
"""See the head of the file."""

import support

from support import *

SECONDS = os.environ.get("SIEGE_SECONDS", "1")
LIMIT_MS = float(os.environ.get("SIEGE_LIMIT_MS", "0"))
CROWD = os.environ.get("SIEGE_CROWD", "100")
RSS_KIB_MAX = 64 << 10
SIEGE = os.path.join(BUILD, "tests/daemon/siege")
OTHER = 65534
SANITIZED = bool(os.environ.get("APEX_SANITIZED"))
PRELOAD = os.environ.get("SIEGE_PRELOAD")  # a library for the daemon, libapex say

ATTACKS = [[], ["readers"], ["connects"], ["holds"], ["registers"], ["silent"], ["torn"], ["stopped"],
           ["readers", "connects=1000", "holds=1000", "registers", "silent", "torn", "stopped"]]


def siege(daemon, attacks, text, *options):
    """One attack; what the siege measured."""
    command = [SIEGE, "--dir", daemon.dir, "--pid", str(daemon.process.pid), "--seconds", SECONDS,
               *options, *attacks]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    same(done.returncode, 0, "siege: " + text)
    print("%-22s %s" % (text, done.stdout.strip()), flush=True)
    found = dict(word.split("=", 1) for word in done.stdout.split() if "attack" not in word)
    check(daemon.process.poll() is None, "the daemon lives: " + text)
    if done.returncode != 0:
        return
    answers = int(found["light"]) + int(found["all"])
    check(answers > 0, "honest requests are answered: " + text)
    # One that is not answered comes again; one in ten would be a way to keep people out. Where there
    # are no descriptors left for a moment, some are turned away: fewer than are answered.
    few = "descriptors" in text
    most = answers if few else answers / 10 + 2
    check(int(found["refused"]) <= most, "%s refused: %s" % (found["refused"], text))
    # A sanitizer's own memory has no bound of ours.
    check(SANITIZED or int(found["rss_kib"]) < RSS_KIB_MAX, "%s KiB: %s" % (found["rss_kib"], text))
    if LIMIT_MS:
        # Of requests about no process, then of those about all. The daemon goes through thousands in
        # steps, between which it serves others; whoever asked waits for the last.
        light, of_all = [float(word.split("=")[1]) for word in done.stdout.split() if word.startswith("p99")]
        worst = light if int(found["crowd"]) > 1000 else max(light, of_all)
        check(worst < LIMIT_MS, "p99 of %.1f ms: %s" % (worst, text))


def besiege(text, attacks, environment, *options):
    with Daemon(mode=0o755, environment=environment) as daemon:
        os.chmod(daemon.dir + "/control.sock", 0o666)
        for attack in attacks:
            siege(daemon, attack, text, *options)


def test_few_descriptors(environment):
    wrapper = os.path.join(tempfile.mkdtemp(prefix="apexd-test-"), "apexd")
    with open(wrapper, "w", encoding="utf-8") as script:
        script.write("#!/bin/sh\nulimit -n 64\nexec '%s' \"$@\"\n" % APEXD)
    os.chmod(wrapper, 0o755)
    support.APEXD = wrapper
    with Daemon(mode=0o755, environment=environment) as daemon:
        os.chmod(daemon.dir + "/control.sock", 0o666)
        for attack in (["holds=1000"], ["silent"], ["readers", "registers"]):
            siege(daemon, attack, "64 descriptors")
        memfd = Memfd(Page().bytes())
        wait_until(lambda: register(daemon.dir, [memfd.fd])[0] == "accepted", "a process is accepted")
        memfd.close()
    support.APEXD = APEXD
    shutil.rmtree(os.path.dirname(wrapper))


preload = {"LD_PRELOAD": PRELOAD} if PRELOAD else {}
besiege("same user", ATTACKS, preload)
if os.geteuid() == 0:
    besiege("another user", ATTACKS[1:], preload, "--uid", str(OTHER))
test_few_descriptors(preload)
# A daemon each: one that is full has no place before it has noticed that a crowd has gone.
for siege_attack in ([], ["readers"]):
    besiege("%s processes" % CROWD, [siege_attack], preload, "--crowd", CROWD)
finish()
