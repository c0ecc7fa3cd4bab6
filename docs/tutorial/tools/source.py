# SPDX-License-Identifier: MIT
#
# The sources of the phases: definitions cut out by their symbol, gaps for the student, answers laid
# over a solution. It stands on one rule of the house: a definition begins in column 0 and ends
# there.

import os
import re

TUTORIAL = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(os.path.dirname(TUTORIAL))

GAP_BEGIN = re.compile(r"^( *)// BEGIN STEP (\d+): ?(.*)$")
GAP_END = re.compile(r"^ *// END STEP (\d+)$")


class Wrong(Exception):
    """What a document or a source has wrong: `where` is file:line."""

    def __init__(self, where, text):
        super().__init__(f"{where}: {text}")


def relative(path):
    return os.path.relpath(path, ROOT)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def lines_of(path):
    return read(path).split("\n")


def is_marker(line):
    return GAP_BEGIN.match(line) or GAP_END.match(line)


def phases():
    """Numbers of the phases that are there."""
    return sorted(int(name[5:]) for name in os.listdir(TUTORIAL)
                  if re.fullmatch(r"phase\d\d", name))


def phase_folder(number):
    return os.path.join(TUTORIAL, f"phase{number:02}")


def phase_files(number):
    """The files of a phase without its tests, by name."""
    folder = phase_folder(number)
    return sorted(name for name in os.listdir(folder)
                  if name == "Makefile" or name.endswith((".c", ".h")))


def is_new(number, name):
    """False for a file that a phase takes over unchanged: its steps were those of an earlier phase.
    By contents, since an archive has no links."""
    before = os.path.join(phase_folder(number - 1), name)
    return not os.path.exists(before) or \
        read(before) != read(os.path.join(phase_folder(number), name))


# --- Definitions ----------------------------------------------------------------------------------


def definition_end(lines, at, symbol):
    """Index behind the definition of `symbol` whose name stands in line `at`; None if there is none.

    A function's name stands in column 0, other names behind words in column 0.
    """
    line = lines[at]
    name = re.escape(symbol)
    if re.match(rf"{name}\(", line):
        wanted = r"^}$"
    elif re.match(rf"(struct|enum|union) {name} {{$", line) or \
            re.match(rf"[A-Za-z_][^(]*\b{name}(\[[^\]]*\])* = {{$", line):
        wanted = r"^};$|};$"
    elif re.match(rf"#define {name}\b", line):
        wanted = r"[^\\]$"
    elif re.match(rf"[A-Za-z_][^=(]*(\(\w+ \*\))?[^=(]*\b{name}\b(\[[^\]]*\])*( = .*)?;", line) or \
            re.match(rf"[A-Za-z_].*\b{name}\(", line):
        wanted = r";( *//.*)?$"
    else:
        return None
    for end in range(at, len(lines)):
        if re.search(wanted, lines[end]):
            return end + 1
    return None


def find(lines, symbol):
    """(first, name, end) of a definition: with the comment above it, at its name, behind it. A
    function's body goes before its prototype."""
    heads = [at for at, line in enumerate(lines) if line.startswith(symbol + "(")]
    for at in heads + list(range(len(lines))):
        end = definition_end(lines, at, symbol)
        if end is None:
            continue
        first = at
        if re.match(rf"{re.escape(symbol)}\(", lines[at]):
            first -= 1  # the type of its result
        while first > 0 and lines[first - 1].startswith(("//", "template")):
            first -= 1
        return first, at, end
    return None


def cut(path, symbol):
    """The lines of a definition as the reader sees them: without the marks of the gaps."""
    lines = lines_of(path)
    found = find(lines, symbol)
    if found is None:
        raise Wrong(relative(path), f"does not define {symbol}")
    return [line for line in lines[found[0]:found[2]] if not is_marker(line)]


def gaps(path):
    """(step, first line, line behind) of each gap of a file."""
    found = []
    for at, line in enumerate(lines_of(path)):
        begin, end = GAP_BEGIN.match(line), GAP_END.match(line)
        if begin:
            if found and found[-1][2] is None:
                raise Wrong(f"{relative(path)}:{at + 1}", "a step begins inside another")
            found.append([int(begin[2]), at, None])
        elif end:
            if not found or found[-1][2] is not None or found[-1][0] != int(end[1]):
                raise Wrong(f"{relative(path)}:{at + 1}", "a step ends that has not begun")
            found[-1][2] = at + 1
    if found and found[-1][2] is None:
        raise Wrong(f"{relative(path)}:{found[-1][1] + 1}", "a step does not end")
    return found


def with_gaps(text, through):
    """A source in which the steps up to `through` are done, and the others are for the student."""
    out = []
    inside = False
    for line in text.split("\n"):
        begin, end = GAP_BEGIN.match(line), GAP_END.match(line)
        if begin and int(begin[2]) > through:
            inside = True
            out.append(f"{begin[1]}// Step {begin[2]} is yours to write.")
            if begin[3]:
                out.append(begin[1] + begin[3])
        elif end:
            inside = False
        elif not begin and not inside:
            out.append(line)
    return "\n".join(out)


def steps(number):
    """The numbers of the steps that a phase leaves to the student."""
    return sorted({step for name in phase_files(number) if is_new(number, name)
                   for step, _, _ in gaps(os.path.join(phase_folder(number), name))})


# --- A folder for the student ---------------------------------------------------------------------


def write_if_new(path, text):
    """Leaves a file that is right already as old as it is: make looks at that."""
    if not os.path.exists(path) or read(path) != text:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


def copy_tree(old, new):
    """The files of a folder, which may be one that nobody can write to."""
    for folder, folders, names in os.walk(old):
        folders[:] = [name for name in folders if name not in ("build", "__pycache__")]
        target = os.path.join(new, os.path.relpath(folder, old))
        os.makedirs(target, exist_ok=True)
        for name in names:
            write_if_new(os.path.join(target, name), read(os.path.join(folder, name)))


def start(number, folder, through):
    """Makes `folder` the student's: phase `number` with the steps up to `through` done, the driver,
    and the tests of this phase and all before it."""
    os.makedirs(os.path.join(folder, "tests"), exist_ok=True)
    for name in phase_files(number):
        text = read(os.path.join(phase_folder(number), name))
        done = through if is_new(number, name) else 99
        write_if_new(os.path.join(folder, name), with_gaps(text, done))
    for earlier in range(1, number + 1):
        tests = os.path.join(phase_folder(earlier), "tests")
        for name in os.listdir(tests):
            write_if_new(os.path.join(folder, "tests", name), read(os.path.join(tests, name)))
    copy_tree(os.path.join(TUTORIAL, "lab"), os.path.join(folder, "lab"))


# --- Answers --------------------------------------------------------------------------------------


def answers(number):
    """Paths of the answers to the exercises of a phase: answers/01-easy.c and so on."""
    folder = os.path.join(TUTORIAL, "answers")
    return sorted(os.path.join(folder, name) for name in os.listdir(folder)
                  if re.fullmatch(rf"{number:02}-[a-z]+\.c", name))


def definitions(lines):
    """The symbols that a piece of source defines, in order."""
    found = []
    for at, line in enumerate(lines):
        name = re.match(r"([A-Za-z_]\w*)\(", line) or re.match(r"#define (\w+)", line) or \
            re.match(r"(?:struct|enum|union) (\w+) {$", line) or \
            re.match(r"[A-Za-z_][^=(]*?\b(\w+)(?:\[[^\]]*\])*(?: = .*)?;$", line) or \
            re.match(r"[A-Za-z_][^=(]*?\b(\w+)\(.*;$", line) or \
            re.match(r"[A-Za-z_][^=(]*?\b(\w+)(?:\[[^\]]*\])* = {$", line)
        if name and definition_end(lines, at, name[1]):
            found.append(name[1])
    return found


def lay_over(text, answer):
    """A source in which the definitions of `answer` stand in place of those of the same names. New
    ones come in front of the next that replaces one, includes behind the last include."""
    lines = text.split("\n")
    waiting = [line for line in answer if line.startswith("#include")]
    if waiting:
        last = max(at for at, line in enumerate(lines) if line.startswith("#include"))
        lines[last + 1:last + 1] = waiting
    waiting = []
    for symbol in definitions(answer):
        first, _, end = find(answer, symbol)
        waiting += answer[first:end] + [""]
        place = find(lines, symbol)
        if place:
            lines[place[0]:place[2]] = waiting[:-1]
            waiting = []
    return "\n".join(lines + waiting)


def apply_answer(path, folder):
    """Lays an answer over the solution in `folder`. `// IN file` says what the part below is for."""
    if not os.path.isdir(folder):
        raise Wrong(folder, "there is no such folder; `tutorial solution N FOLDER` makes one")
    parts = re.split(r"^// IN (\S+)$", read(path), flags=re.M)
    for name, text in zip(parts[1::2], parts[2::2]):
        target = os.path.join(folder, name)
        if not os.path.exists(target):
            raise Wrong(relative(path), f"is for {name}, which the phase does not have")
        write_if_new(target, lay_over(read(target), text.split("\n")))


def code_lines(number):
    """Lines of a phase that are neither blank nor comment nor mark."""
    count = 0
    for name in phase_files(number):
        if name.endswith((".c", ".h")):
            lines = lines_of(os.path.join(phase_folder(number), name))
            count += sum(1 for line in lines if line.strip() and not line.strip().startswith("//"))
    return count
