# SPDX-License-Identifier: MIT
#
# The part of docs/TUTORIAL.md between its two marks: a table of the phases and their pictures. All
# of it is measured; only the counts of lines are compared where no command may run.

import os
import re
import subprocess

import chapter
import source

BEGIN = "<!-- begin of the table -->"
END = "<!-- end of the table -->"
ROMAN = ["", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X"]
# From phase VII on chance decides where in a block an object lies, and what leaves quarantine. The
# chapters before hold their pictures exactly.
CHANCE = re.compile(r"\|[#. ]+\|(?= +\d+ bytes)|\d+(?= of \d+ live)")
ROW = re.compile(r"^\| (\w+) \|.*?\| (\d+) \|")


def page():
    return os.path.join(source.ROOT, "docs", "TUTORIAL.md")


def title(number):
    """The chapter's title without its number, and its file."""
    for name in sorted(os.listdir(source.TUTORIAL)):
        if name.startswith(f"{number:02}-") and name.endswith(".md"):
            first = source.lines_of(os.path.join(source.TUTORIAL, name))[0]
            wanted = f"# Phase {ROMAN[number]}: "
            if not first.startswith(wanted):
                raise source.Wrong(f"docs/tutorial/{name}:1", f"does not begin with `{wanted}`")
            return first[len(wanted):], name
    raise source.Wrong(f"docs/tutorial/phase{number:02}", "has no chapter")


def fails_with(checker, number, folder, before):
    """What the test of a phase says under the phase before it: its line FAIL."""
    test = f"phase{number:02}"
    checker.make(folder, f"build/{test}")
    environment = {**os.environ}
    environment.pop("LD_PRELOAD", None)
    if before:
        environment["LD_PRELOAD"] = os.path.join(before, "build", "libtiny.so")
    done = subprocess.run([os.path.join(folder, "build", test)], cwd=folder, env=environment,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", check=False)
    found = re.findall(r"^FAIL: (.*)$", done.stdout, flags=re.M)
    if done.returncode == 0 or not found:
        raise source.Wrong(f"docs/tutorial/{test}/tests/{test}.c",
                           f"does not fail under the phase before: {done.stdout}")
    return found[-1]


def fences_of(number, section):
    document = chapter.Document(os.path.join(source.TUTORIAL, title(number)[1]))
    return document.name, [fence for fence in document.fences if fence.section == section]


def score(number):
    """As the chapter has it, whose commands have been played: to count takes seconds."""
    name, fences = fences_of(number, "Measure")
    for line in (line for fence in fences for line in fence.body):
        found = re.match(r"score +(\d+) +(\d+)$", line)
        if found:
            return f"{found[1]} (glibc {found[2]})"
    raise source.Wrong(name, "shows no score in `Measure`")


def shown_failure(number, message):
    """The chapter must show the message where it says so."""
    name, fences = fences_of(number, "See it fail")
    if not any(message in line for fence in fences for line in fence.body):
        raise source.Wrong(name, f"does not show, in `See it fail`, the line {message}")


def make(checker, scratch):
    """The lines between the marks."""
    rows = ["| | phase | lines of code | its test, under the phase before, says | score |",
            "|---|---|---|---|---|"]
    pictures = []
    before = None
    for number in source.phases():
        name, file = title(number)
        folder = os.path.join(scratch, f"table{number:02}")
        source.start(number, folder, 99)
        checker.make(folder, "all")
        message = fails_with(checker, number, folder, before)
        shown_failure(number, message)
        rows.append(f"| {ROMAN[number]} | [{name}](tutorial/{file}) | {source.code_lines(number)} | "
                    f"{message} | {score(number)} |")
        drawn = checker.make(folder, "picture")[0].rstrip("\n").split("\n")
        pictures += ["", f"Phase {ROMAN[number]}:", "", "```text"] + drawn + ["```"]
        before = folder
    return [""] + rows + [""] + ["The heap after the same calls (`make picture`), phase by phase."] \
        + pictures + [""]


def part(lines):
    """(index behind the first mark, index of the second)."""
    try:
        return lines.index(BEGIN) + 1, lines.index(END)
    except ValueError:
        raise source.Wrong("docs/TUTORIAL.md", "the marks of the table are not there") from None


def check_lines(checker, lines):
    """The quick part: every phase has its row, and the lines are counted right."""
    counts = {found[1]: int(found[2]) for found in map(ROW.match, lines) if found}
    for number in source.phases():
        counted = source.code_lines(number)
        if counts.get(ROMAN[number]) != counted:
            checker.complain("docs/TUTORIAL.md", f"phase {ROMAN[number]} has {counted} lines of "
                             f"code, the table says {counts.get(ROMAN[number])}")


def check(checker, scratch, quick):
    lines = source.lines_of(page())
    first, end = part(lines)
    if quick and not checker.update:
        check_lines(checker, lines[first:end])
        return
    wanted = make(checker, scratch)
    if checker.update:
        lines[first:end] = wanted
        with open(page(), "w", encoding="utf-8") as file:
            file.write("\n".join(lines))
        return
    lines = [CHANCE.sub("…", line) for line in lines]
    wanted = [CHANCE.sub("…", line) for line in wanted]
    if chapter.near("\n".join(lines[first:end]), "\n".join(wanted), 5):
        return
    for at in range(max(end - first, len(wanted))):
        old = lines[first + at] if at < end - first else "(nothing)"
        new = wanted[at] if at < len(wanted) else "(nothing)"
        if old != new:
            checker.complain(f"docs/TUTORIAL.md:{first + at + 1}", f"`{old}`, but it is `{new}`")
            return
