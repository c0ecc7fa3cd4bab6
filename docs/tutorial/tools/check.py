# SPDX-License-Identifier: MIT
#
# Holds the chapters against the phases. In the quick part no command runs:
#
#   every fence of code is what its symbols are in the source
#   every gap of the sources is shown in the step it belongs to, at most 30 lines a fence
#   every chapter has its parts, and every function that it names is there
#   the phases are in the archive, and the table of docs/TUTORIAL.md counts the lines right
#
# The whole builds and runs:
#
#   each phase passes its test and all before it; the phase before fails as the chapter shows
#   a student's way: from the skeleton on, step by step, every command in the order of the text
#   every answer compiles without a warning and passes the tests of its phase
#   real programs run

import os
import re
import subprocess
import tempfile
from concurrent import futures

import chapter
import source
import table

STEP_LINES_MAX = 30
PARTS = ["Before you begin", "Predict", "See it fail", "Build it", "Checkpoint", "Measure",
         "The heap, drawn", "Exercises", "In the real code", "Further reading"]
LEVELS = ["easy", "medium", "design"]


def chapter_path(number):
    for name in sorted(os.listdir(source.TUTORIAL)):
        if name.startswith(f"{number:02}-") and name.endswith(".md"):
            return os.path.join(source.TUTORIAL, name)
    raise source.Wrong(f"docs/tutorial/phase{number:02}", "has no chapter")


class Checker:
    def __init__(self, update):
        self.update = update
        self.complaints = []

    def complain(self, where, text):
        self.say(f"{where}: {text}")

    def say(self, text):
        print(f"FAIL: {text}", flush=True)
        self.complaints.append(text)

    def attempt(self, action, *words):
        """Runs a check; what it finds wrong is counted, and its result is None."""
        try:
            return action(*words)
        except source.Wrong as wrong:
            self.say(str(wrong))
            return None

    # --- What needs no command --------------------------------------------------------------------

    def code(self, document, number):
        changes = []
        for fence in document.fences:
            if fence.kind != "code":
                continue
            where = f"{document.name}:{fence.line}"
            wanted = self.attempt(chapter.code_of, fence, number, where)
            if wanted is None or wanted == fence.body:
                continue
            if self.update:
                changes.append((fence, wanted))
                continue
            at, old, new = chapter.first_difference(fence, wanted)
            self.complain(f"{document.name}:{at}",
                          f"`{old.strip()}`, but {fence.words} has `{new.strip()}`")
        document.replace(changes)

    def steps(self, document, number):
        """Each gap lies in a definition that its step shows."""
        shown = {}
        for fence in document.fences:
            if fence.kind == "code" and fence.step is not None:
                where = f"{document.name}:{fence.line}"
                lines = sum(1 for line in fence.body if not line.startswith("//"))
                if lines > STEP_LINES_MAX:
                    self.complain(where, f"{lines} lines in a step, more than {STEP_LINES_MAX}")
                # A name that leads nowhere has been complained about with the code.
                for path, symbol in chapter.quotes(fence, number, None):
                    shown.setdefault(fence.step, []).append((path, symbol))
        for name in source.phase_files(number):
            path = os.path.join(source.phase_folder(number), name)
            lines = source.lines_of(path)
            for step, first, end in source.gaps(path) if source.is_new(number, name) else []:
                places = [source.find(lines, symbol) for at, symbol in shown.get(step, [])
                          if os.path.samefile(at, path)]
                if not any(place and place[0] <= first and end <= place[2] for place in places):
                    self.complain(f"{source.relative(path)}:{first + 1}",
                                  f"{document.name} does not show this in its step {step}")

    def parts(self, document):
        titles = [title for level, title, _ in document.sections if level == 2]
        if [title for title in titles if title in PARTS] != PARTS:
            self.complain(document.name, "its parts are not " + ", ".join(PARTS))
        text = "\n".join(document.lines)
        if "By the end you can" not in text:
            self.complain(document.name, "does not say what one can do by its end")
        for level in LEVELS:
            if f"({level})" not in text:
                self.complain(document.name, f"has no {level} exercise")

    def names(self, document, number):
        """`name()` in the prose is called or defined in this phase, or the one before."""
        text = ""
        for phase in (number - 1, number):
            if phase in source.phases():
                for folder, _, names in os.walk(source.phase_folder(phase), followlinks=True):
                    text += "".join(source.read(os.path.join(folder, name)) for name in names
                                    if name.endswith((".c", ".h")))
        for path in source.answers(number):
            text += source.read(path)
        inside = False
        for at, line in enumerate(document.lines, 1):
            inside ^= line.startswith("```")
            for name in [] if inside else re.findall(r"`(\w+)\(\)`", line):
                if not re.search(rf"\b{name}\b", text):
                    self.complain(f"{document.name}:{at}", f"nothing here is called {name}()")

    def archive(self):
        """Every file of the tutorial is in docs/local.mk."""
        listed = source.read(os.path.join(source.ROOT, "docs", "local.mk"))
        for folder, folders, names in os.walk(source.TUTORIAL):
            folders[:] = [name for name in folders if name not in ("build", "__pycache__")]
            for name in names:
                path = source.relative(os.path.join(folder, name))
                if not re.search(rf"\s{re.escape(path)}(\s|$)", listed):
                    self.complain(path, "not in docs/local.mk")

    # --- What runs --------------------------------------------------------------------------------

    def make(self, folder, *words):
        """The output of a make there, with warnings as errors, and whether it went well."""
        environment = {key: value for key, value in os.environ.items()
                       if key not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "LD_PRELOAD")}
        done = subprocess.run(["make", "-s", "-C", folder, *words], env=environment, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, errors="replace", check=False)
        return done.stdout, done.returncode == 0

    def build(self, folder, what):
        text, good = self.make(folder, "all", "check")
        if not good:
            self.complain(what, f"does not build and pass its tests:\n{text}")
        elif "warning" in text:
            self.complain(what, f"does not build without a warning:\n{text}")
        return good

    def answers(self, number, scratch):
        for path in source.answers(number):
            folder = os.path.join(scratch, os.path.basename(path)[:-2])
            source.start(number, folder, 99)
            self.attempt(source.apply_answer, path, folder)
            self.build(folder, source.relative(path))

    def states(self, number, scratch):
        """What a student has after each step compiles."""
        folder = os.path.join(scratch, f"states{number:02}")
        for step in range(0, source.steps(number)[-1]):
            source.start(number, folder, step)
            # All that the compiler checks, and nothing that it makes: half of the time.
            text, good = self.make(folder, "all", "CFLAGS=-std=gnu11 -D_GNU_SOURCE -Wall "
                                   "-Wextra -Wno-unused -fsyntax-only")
            if not good:
                self.complain(f"docs/tutorial/phase{number:02}",
                              f"does not compile after step {step}:\n{text}")

    def play(self, document, number, home):
        """Every command of a document; before those of a step, its code is written for the
        student."""
        shell = chapter.Shell(home)
        shell.folder = os.path.join(home, "apexalloc")
        # What glibc does is counted once for all chapters (lab/score.sh).
        shell.environment["TINY_GLIBC"] = os.path.join(os.path.dirname(home), "glibc")
        changes = []
        for fence in document.fences:
            where = f"{document.name}:{fence.line}"
            if fence.kind == "code" and fence.step is not None:
                source.start(number, os.path.join(home, f"tiny{number}"), fence.step)
            if fence.language != "console":
                continue
            said = self.attempt(chapter.play, fence, shell, where)
            if said is None:
                break
            if chapter.same(fence, fence.body, said):
                continue
            if self.update:
                changes.append((fence, said))
                continue
            at, old, new = chapter.first_difference(fence, said)
            self.complain(f"{document.name}:{at}", f"`{old}`, but it prints `{new}`")
        document.replace(changes)


def clone(home):
    """What of a clone the tutorial needs, where the chapters have it: ~/apexalloc."""
    target = os.path.join(home, "apexalloc", "docs", "tutorial")
    source.copy_tree(source.TUTORIAL, target)
    os.chmod(os.path.join(target, "tutorial"), 0o755)


def check_chapter(checker, number, scratch, quick):
    document = checker.attempt(lambda: chapter.Document(chapter_path(number)))
    if document is None:
        return
    checker.code(document, number)
    document = chapter.Document(document.path)
    checker.steps(document, number)
    checker.parts(document)
    checker.names(document, number)
    if quick:
        return
    folder = os.path.join(scratch, f"phase{number:02}")
    source.start(number, folder, 99)
    checker.build(folder, f"docs/tutorial/phase{number:02}")
    checker.states(number, scratch)
    checker.answers(number, scratch)
    home = os.path.join(scratch, f"home{number:02}")
    clone(home)
    checker.play(document, number, home)


def run(numbers, update, quick):
    """0 if everything holds. With `update` the documents are made to hold."""
    checker = Checker(update)
    with tempfile.TemporaryDirectory() as scratch:
        # Chapters know nothing of each other, and nearly all the time goes to their commands.
        with futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            begun = [pool.submit(check_chapter, checker, number, scratch, quick)
                     for number in numbers]
            for one in begun:
                one.result()
        checker.archive()
        if not quick:
            home = os.path.join(scratch, "home")
            clone(home)
            checker.play(chapter.Document(table.page()), 0, home)
        checker.attempt(table.check, checker, scratch, quick)
    print(f"{len(numbers)} phases, {len(checker.complaints)} failures")
    return 1 if checker.complaints else 0
