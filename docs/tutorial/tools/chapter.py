# SPDX-License-Identifier: MIT
#
# A document as a list of headings and fences, and what a fence must hold. Above a fence may stand
#
#   <!-- code FILE:SYMBOL … -->              these definitions; FILE is of the phase, of
#                                            docs/tutorial, or of the tree
#   <!-- run: fails, near 10 %, vary REGEX -->
#                                            for a fence of commands (console): the last one fails;
#                                            numbers may be so far off; what REGEX finds may be
#                                            anything
#
# Fences of commands run in the order of the text, each `$ ` line in a shell of its own that begins
# where the one before ended.

import os
import re
import subprocess

import source

MARK = re.compile(r"^<!-- (code|run):? ?(.*) -->$")
NUMBER = re.compile(r"\d+(?:\.\d+)?")
ADDRESS = re.compile(r"0x[0-9a-f]{5,16}")
TIMEOUT_S = 900


class Fence:
    def __init__(self, line, language, kind, words):
        self.line = line  # of its first line of contents, from 1
        self.language = language
        self.kind = kind
        self.words = words
        self.body = []
        self.section = ""
        self.step = None

    def end(self):
        return self.line + len(self.body)


class Document:
    """`sections` are (level, title, line); `fences` know the section and the step they are in."""

    def __init__(self, path):
        self.path = path
        self.name = source.relative(path)
        self.lines = source.lines_of(path)
        self.sections = []
        self.fences = []
        self.parse()

    def parse(self):
        fence, mark, step, section = None, None, None, ""
        for at, line in enumerate(self.lines, 1):
            if fence is not None:
                if line == "```":
                    fence = None
                else:
                    fence.body.append(line)
                continue
            heading = re.match(r"(#+) (.*)$", line)
            if heading:
                self.sections.append((len(heading[1]), heading[2], at))
                if len(heading[1]) == 2:
                    section, step = heading[2], None
                found = re.match(r"Step (\d+)\b", heading[2])
                if found:
                    step = int(found[1])
            if line.startswith("```"):
                kind, words = mark if mark else ("", "")
                fence = Fence(at + 1, line[3:], kind, words)
                fence.section, fence.step = section, step
                self.fences.append(fence)
            mark = MARK.match(line)
            mark = (mark[1], mark[2]) if mark else None
        if fence is not None:
            raise source.Wrong(f"{self.name}:{fence.line}", "a fence does not end")

    def replace(self, changes):
        """Writes new contents of fences, a list of (fence, lines), into the file."""
        for fence, body in sorted(changes, key=lambda change: -change[0].line):
            self.lines[fence.line - 1:fence.end() - 1] = body
        with open(self.path, "w", encoding="utf-8") as file:
            file.write("\n".join(self.lines))


# --- Code -----------------------------------------------------------------------------------------


def resolve(name, number):
    folders = [source.phase_folder(number)] if number else []
    for folder in folders + [source.TUTORIAL, source.ROOT]:
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            return path
    return None


def quotes(fence, number, where):
    """(path, symbol) of everything that a fence of code shows. Without `where` only what is there."""
    found = []
    for word in fence.words.split():
        name, _, symbol = word.rpartition(":")
        path = resolve(name, number)
        if path is not None:
            found.append((path, symbol))
        elif where:
            raise source.Wrong(where, f"there is no file {name}")
    return found


def code_of(fence, number, where):
    """What a fence of code must hold: the definitions, parted by empty lines."""
    out = []
    for path, symbol in quotes(fence, number, where):
        try:
            out += source.cut(path, symbol) + [""]
        except source.Wrong as wrong:
            raise source.Wrong(where, str(wrong)) from None
    return out[:-1]


# --- Commands -------------------------------------------------------------------------------------


class Shell:
    """Runs commands one by one in a home of its own, with nothing of the caller's environment."""

    def __init__(self, home):
        self.home = home
        self.folder = home
        self.environment = {"HOME": home, "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8",
                            "TERM": "dumb", "USER": "you", "COLUMNS": "100"}

    def run(self, command):
        """(output, exit code). The folder it ends in is where the next one begins."""
        note = os.path.join(self.home, ".folder")
        script = f"{command}\nended=$?\npwd >'{note}'\nexit $ended"
        try:
            done = subprocess.run(["bash", "-c", script], cwd=self.folder, env=self.environment,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=TIMEOUT_S, check=False)
            text, code = done.stdout.decode("utf-8", "replace"), done.returncode
        except subprocess.TimeoutExpired:
            text, code = f"still running after {TIMEOUT_S} s\n", 124
        if os.path.exists(note):
            self.folder = source.read(note).strip()
        return text.replace(self.home, "/home/you"), code


def commands(fence):
    """The commands of a fence: `$ ` begins one, `> ` goes on."""
    found = []
    for line in fence.body:
        if line.startswith("$ "):
            found.append(line[2:])
        elif line.startswith("> ") and found:
            found[-1] += "\n" + line[2:]
    return found


def play(fence, shell, where):
    """What a fence of commands must hold: its commands with what they print."""
    out = []
    code = 0
    wanted = commands(fence)
    if not wanted:
        raise source.Wrong(where, "no command in a fence of commands")
    for at, command in enumerate(wanted):
        text, code = shell.run(command)
        first, *rest = command.split("\n")
        out += ["$ " + first] + ["> " + line for line in rest]
        out += [line.rstrip() for line in text.split("\n")[:-1]]
        last = at == len(wanted) - 1
        if (code != 0) != (last and "fails" in options(fence)):
            raise source.Wrong(where, f"`{command}` ends with {code} and says:\n{text}")
    return out


def options(fence):
    """{"fails": "", "near": "10", "vary": REGEX}, as far as they are there."""
    if fence.kind != "run":
        return {}
    found = {}
    for word in fence.words.split(", "):
        key, _, value = word.partition(" ")
        found[key] = value.replace(" %", "")
    return found


def same(fence, old, new):
    """True if a captured output says the same but for what it may differ in."""
    allowed = options(fence)

    def plain(lines):
        text = ADDRESS.sub("0x…", "\n".join(lines))
        if "vary" in allowed:
            text = re.sub(allowed["vary"], "…", text)
        return text

    old_text, new_text = plain(old), plain(new)
    if old_text == new_text:
        return True
    if "near" not in allowed:
        return False
    return near(old_text, new_text, float(allowed["near"]))


def near(old_text, new_text, percent):
    """The same words, and numbers that differ by at most so much, or by 2."""
    if re.sub(r"\s+", " ", NUMBER.sub("0", old_text)) != \
            re.sub(r"\s+", " ", NUMBER.sub("0", new_text)):
        return False
    pairs = zip(map(float, NUMBER.findall(old_text)), map(float, NUMBER.findall(new_text)))
    return all(abs(a - b) <= max(2, percent / 100 * max(a, b)) for a, b in pairs)


def first_difference(fence, wanted):
    """(line of the document, what stands there, what should)."""
    for at in range(max(len(fence.body), len(wanted))):
        old = fence.body[at] if at < len(fence.body) else "(nothing)"
        new = wanted[at] if at < len(wanted) else "(nothing)"
        if old != new:
            return fence.line + at, old, new
    return fence.line, "", ""
