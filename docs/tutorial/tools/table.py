# SPDX-License-Identifier: MIT
#
# The parts of docs/TUTORIAL.md between marks: a table of the phases, and their pictures. All of it
# is measured; only the counts of lines are compared where no command may run.

import os
import re
import subprocess

import chapter
import source

PARTS = ["table", "pictures"]
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


def pictures(drawn):
    """The lines for (number, picture) of all phases; equal ones that follow each other are one."""
    lines = []
    first = 0
    for at, (number, picture) in enumerate(drawn):
        if at + 1 < len(drawn) and drawn[at + 1][1] == picture:
            continue
        names = [ROMAN[one] for one, _ in drawn[first:at + 1]]
        name = ("Phase " if len(names) == 1 else "Phases ") + " and ".join(names)
        lines += ["", f"{name}:", "", "```text"] + picture + ["```"]
        first = at + 1
    return lines + [""]


def make(checker, scratch):
    """The lines between the marks, for each part."""
    rows = ["", "| | phase | lines of code | its test, under the phase before, says | score |",
            "|---|---|---|---|---|"]
    drawn = []
    before = None
    for number in source.phases():
        name, file = title(number)
        folder = os.path.join(scratch, f"table{number:02}")
        source.start(number, folder, 99)
        checker.make(folder, "all")
        message = fails_with(checker, number, folder, before)
        shown_failure(number, message)
        rows.append(f"| {ROMAN[number]} | [{name}](tutorial/{file}) | "
                    f"{source.code_lines(number)} | {message} | {score(number)} |")
        drawn.append((number, checker.make(folder, "picture")[0].rstrip("\n").split("\n")))
        before = folder
    return {"table": rows + [""], "pictures": pictures(drawn)}


def part(lines, name):
    """(index behind the first mark, index of the second)."""
    try:
        return lines.index(f"<!-- begin of the {name} -->") + 1, \
            lines.index(f"<!-- end of the {name} -->")
    except ValueError:
        raise source.Wrong("docs/TUTORIAL.md", f"the marks of the {name} are not there") from None


def check_lines(checker, lines):
    """The quick part: every phase has its row, and the lines are counted right."""
    counts = {found[1]: int(found[2]) for found in map(ROW.match, lines) if found}
    for number in source.phases():
        counted = source.code_lines(number)
        if counts.get(ROMAN[number]) != counted:
            checker.complain("docs/TUTORIAL.md", f"phase {ROMAN[number]} has {counted} lines of "
                             f"code, the table says {counts.get(ROMAN[number])}")


def check_part(checker, lines, name, wanted):
    """The first line that differs is what is wrong."""
    first, end = part(lines, name)
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


def check(checker, scratch, quick):
    lines = source.lines_of(page())
    if quick and not checker.update:
        first, end = part(lines, "table")
        check_lines(checker, lines[first:end])
        return
    wanted = make(checker, scratch)
    for name in PARTS:
        if checker.update:
            first, end = part(lines, name)
            lines[first:end] = wanted[name]
        else:
            check_part(checker, lines, name, wanted[name])
    if checker.update:
        with open(page(), "w", encoding="utf-8") as file:
            file.write("\n".join(lines))
