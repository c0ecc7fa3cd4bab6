# SPDX-License-Identifier: MIT
#
# Completions of apexctl in real shells: bash, which everybody has; with --others zsh and fish, too. They
# are made of the tables, so the test asks the tables what must be offered. Reason: a script that is made
# by a script is read by nobody.
#
#   complete.py [--others]
"""See the head of the file."""

from terminal import *

SCRIPTS = os.path.join(BUILD, "apexctl/completion")
ROWS = re.findall(r"^COMMAND\((\w+),.*?,\s*((?:\"[^\"]*\"\s*)+),",
                  open(os.path.join(SOURCE, "apexctl/commands.def"), encoding="utf-8").read(), re.M | re.S)
COMMANDS = {name: re.sub(r"\"\s*\"", "", arguments).strip('"\n ') for name, arguments in ROWS}
LIVE = re.findall(r"OPTION\(\w+, \"(\w+)\", [^\"]*\"[^\"]*\",\s+LIVE",
                  open(os.path.join(SOURCE, "libapex/tables/options.def"), encoding="utf-8").read())

BASH = r"""
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_apexctl
printf '%s\n' "${COMPREPLY[@]}"
"""


def environment(directory):
    return dict(os.environ, APEX_RUNTIME_DIR=directory, LC_ALL="C.UTF-8",
                PATH=os.path.dirname(APEXCTL) + ":" + os.environ["PATH"])


def in_bash(directory, *words):
    done = subprocess.run(["bash", "--norc", "-c", BASH, "-", SCRIPTS + "/bash/apexctl", "apexctl"]
                          + list(words), capture_output=True, text=True, env=environment(directory),
                          timeout=PATIENCE_S, check=False)
    same(done.stderr, "", "stderr of bash for %r" % (words,))
    return set(done.stdout.split())


def in_fish(directory, *words):
    with tempfile.TemporaryDirectory() as home:
        line = " ".join(("apexctl",) + words)
        done = subprocess.run(["fish", "--no-config", "-c", "source $argv[1]; complete -C $argv[2]",
                               SCRIPTS + "/fish/apexctl.fish", line], capture_output=True, text=True,
                              env=dict(environment(directory), HOME=home), timeout=PATIENCE_S,
                              check=False)
    same(done.stderr, "", "stderr of fish for %r" % (words,))
    return {found.split("\t")[0] for found in done.stdout.splitlines()}


def in_zsh(directory, *words):
    """What an interactive zsh lists after Tab, twice."""
    with tempfile.TemporaryDirectory() as home:
        with open(os.path.join(home, ".zshrc"), "w", encoding="utf-8") as rc:
            rc.write("fpath=(%s $fpath)\nautoload -U compinit; compinit -u -D\nPS1='ready> '\n"
                     "LISTMAX=10000\nzstyle ':completion:*' menu no\nunsetopt always_last_prompt\n"
                     "setopt auto_list no_list_ambiguous\nstty -echo\n" % (SCRIPTS + "/zsh"))
        variables = dict(environment(directory), HOME=home, ZDOTDIR=home)
        with Terminal(["zsh", "-i"], columns=200, rows=60, environment=variables) as t:
            t.wait(r"^ready>$", "a prompt of zsh")
            t.type(" ".join(("apexctl",) + words) + "\t\t")

            def settled():
                before = t.screen.text()
                t.read(0.5)
                return t.screen.text() == before and len(before.split()) > len(words) + 2

            wait_until(settled, "zsh answers")
            # A list may have been held up in the middle: what is said now comes behind all of it.
            found = set(t.screen.text().split())
            t.type("\x15echo END''ED\n")
            t.wait(r"^ENDED$", "zsh goes on")
            return found | set(t.screen.text().split())


def options_of(arguments):
    found = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", arguments))
    return found | ({"--output"} if "-o" in found else set())


def test_tables(directory, ask):
    """Every command and every option of it is offered, and no other."""
    check(len(COMMANDS) >= 8 and len(LIVE) >= 4, "rows are found in the tables")
    check(set(COMMANDS) <= ask(directory, ""), "commands: %r" % ask(directory, ""))
    help_text = apexctl("--help")[1]
    wanted = set(re.findall(r"^  (--[a-z-]+)", help_text, re.M))
    found = ask(directory, "-")
    check(wanted <= found, "options of all commands: %r, not %r" % (found, wanted))
    for command, arguments in COMMANDS.items():
        wanted = options_of(arguments)
        found = {word for word in ask(directory, command, "-") if word.startswith("-") and word != "-"}
        same(found, wanted, "options of " + command) if wanted else None


def test_values(directory, ask, pid):
    check({"table", "json"} <= ask(directory, "stats", "-o", ""), "formats")
    check("slow" in ask(directory, "top", "--sort", ""), "columns of top")
    check(pid in ask(directory, "stats", ""), "processes: %r" % ask(directory, "stats", ""))
    offered = ask(directory, "tune", pid, "")
    known = {word.split("=")[0] for word in offered if "=" in word}
    same(known, set(LIVE), "settings, in %r" % offered)


def test_bash(directory, pid):
    test_tables(directory, in_bash)
    test_values(directory, in_bash, pid)
    same(in_bash(directory, "top", "--sort", "r"), {"rss", "retained", "remote"}, "what begins with r")
    same(in_bash(directory, "st"), {"stats"}, "what begins with st")
    same(in_bash(directory, "-o", "json", "st"), {"stats"}, "behind an option of all commands")
    same(in_bash(directory, "tune", pid, "thp", "="), {"off", "auto", "always"}, "words of thp")
    same(in_bash(directory, "tune", pid, "thp", "=", "a"), {"auto", "always"}, "thp=a")
    check(set(LIVE) <= in_bash(directory, "tune", pid, "--reset", "="), "options to reset")
    check("sleep" in in_bash(directory, "run", "slee"), "programs")
    check("sleep" in in_bash(directory, "run", "--hardened", "--", "slee"), "programs behind --")
    check("sleep" in in_bash(directory, "doctor", "--", "slee"), "programs for doctor")
    check(pid in in_bash(directory, "doctor", ""), "processes for doctor")
    same(in_bash(directory, "processes", ""), set(), "nothing to add")
    same(in_bash("/nonexistent", "stats", ""), set(), "no daemon, no processes")
    same(in_bash(directory, "--runtime-dir", "/nonexistent", "stats", ""), set(), "none of that daemon")


if __name__ == "__main__":
    with Daemon() as apexd:
        memfd_of_mine = Memfd(Page().bytes())
        register(apexd.dir, [memfd_of_mine.fd])
        number = str(os.getpid())
        if sys.argv[1:] == ["--others"]:
            for shell in (in_fish, in_zsh):
                test_tables(apexd.dir, shell)
                test_values(apexd.dir, shell, number)
        else:
            test_bash(apexd.dir, number)
        memfd_of_mine.close()
    finish()
