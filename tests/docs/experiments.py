# SPDX-License-Identifier: MIT
#
# Plays the pages of docs/experiments in a copy of the sources, each by itself, with the tools of
# the tutorial (docs/tutorial/tools/chapter.py): every command in the order of the text, with what
# it prints; every fence of code is what its symbols are; every fence of a patch is in the patch
# that is named above it:
#
#   <!-- patch FILE -->
#
#   experiments.py check|update TOP BUILD [PAGE…]
#
# `update` writes what is printed into the pages.

import os
import re
import shutil
import sys
import tempfile
from concurrent import futures

FOLDERS = ["libapex", "apexd", "apexctl", "bench", "docs", "man", "tests"]
BUILT = ("*.o", "*.lo", "*.la", "*.a", "*.so*", "*.log", "*.trs", ".libs", ".deps", "__pycache__",
         "build")
PATCH = re.compile(r"^<!-- patch (\S+) -->$")
PARTS = ["Before you begin", "Steps", "See it work", "See it fail"]


class Player:
    def __init__(self, top, build, update):
        self.top = top
        self.build = build
        self.update = update
        self.failures = 0

    def complain(self, where, text):
        print(f"FAIL: {where}: {text}", flush=True)
        self.failures += 1

    def home(self, scratch, page):
        """A home with the sources in ~/apexalloc, and the build where `make` has it."""
        home = os.path.join(scratch, page)
        tree = os.path.join(home, "apexalloc")
        for folder in FOLDERS:
            shutil.copytree(os.path.join(self.top, folder), os.path.join(tree, folder),
                            ignore=shutil.ignore_patterns(*BUILT))
        for folder, _, names in os.walk(tree):
            for path in [folder] + [os.path.join(folder, name) for name in names]:
                os.chmod(path, os.stat(path).st_mode | 0o200)
        os.symlink(self.build, os.path.join(tree, "build"))
        return home

    def parts(self, document):
        titles = [title for level, title, _ in document.sections if level == 2]
        if document.path.endswith("README.md"):
            return
        if [title for title in titles if title in PARTS] != PARTS:
            self.complain(document.name, "its parts are not " + ", ".join(PARTS))
        if "By the end you can" not in "\n".join(document.lines):
            self.complain(document.name, "does not say what one can do by its end")

    def patches(self, document):
        """Every line of a fence of a patch follows in the patch as it does in the page."""
        for fence in document.fences:
            mark = PATCH.match(document.lines[fence.line - 3])
            if fence.language == "diff" and mark is None:
                self.complain(f"{document.name}:{fence.line}", "names no patch above it")
            elif mark is not None:
                whole = source.read(os.path.join(self.top, mark[1]))
                if "\n" + "\n".join(fence.body) + "\n" not in whole:
                    self.complain(f"{document.name}:{fence.line}", f"{mark[1]} has no such lines")

    def code(self, document):
        changes = []
        for fence in document.fences:
            if fence.kind != "code":
                continue
            where = f"{document.name}:{fence.line}"
            wanted = chapter.code_of(fence, 0, where)
            if wanted != fence.body and not self.update:
                at, old, new = chapter.first_difference(fence, wanted)
                self.complain(f"{document.name}:{at}",
                              f"`{old.strip()}`, but {fence.words} has `{new.strip()}`")
            changes.append((fence, wanted))
        if self.update:
            document.replace(changes)

    def commands(self, document, home):
        shell = chapter.Shell(home)
        shell.folder = os.path.join(home, "apexalloc")
        for name in ("APEX_CC", "PKG_CONFIG_PATH"):
            if name in os.environ:
                shell.environment[name] = os.environ[name]
        changes = []
        for fence in document.fences:
            if fence.language != "console":
                continue
            said = chapter.play(fence, shell, f"{document.name}:{fence.line}")
            if chapter.same(fence, fence.body, said):
                continue
            if self.update:
                changes.append((fence, said))
                continue
            at, old, new = chapter.first_difference(fence, said)
            self.complain(f"{document.name}:{at}", f"`{old}`, but it prints `{new}`")
        document.replace(changes)

    def page(self, scratch, name):
        document = chapter.Document(os.path.join(self.top, "docs", "experiments", name))
        try:
            self.parts(document)
            self.patches(document)
            self.code(document)
            document = chapter.Document(document.path)
            self.commands(document, self.home(scratch, name))
        except source.Wrong as wrong:
            self.complain(*str(wrong).split(": ", 1))

    def archive(self):
        """Every file of both folders is in the archive."""
        listed = source.read(os.path.join(self.top, "docs", "local.mk")) + \
            source.read(os.path.join(self.top, "tests", "local.mk"))
        for folder in ("docs/experiments", "docs/examples"):
            for at, folders, names in os.walk(os.path.join(self.top, folder)):
                folders[:] = [name for name in folders if name not in (".libs", ".deps")]
                for name in names:
                    path = os.path.relpath(os.path.join(at, name), self.top)
                    base = re.escape(re.sub(r"\.c$", "", path))
                    if name.endswith((".c", ".h", ".md", ".sh", ".py", ".patch", ".def")) and \
                            not re.search(rf"\s{base}(\.c)?(\s|$)", listed):
                        self.complain(path, "not in docs/local.mk")


def main(verb, top, build, *pages):
    player = Player(os.path.abspath(top), os.path.abspath(build), verb == "update")
    pages = pages or sorted(name for name in
                            os.listdir(os.path.join(top, "docs", "experiments"))
                            if name.endswith(".md"))
    with tempfile.TemporaryDirectory() as scratch:
        with futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for one in [pool.submit(player.page, scratch, name) for name in pages]:
                one.result()
    player.archive()
    print(f"{len(pages)} pages, {player.failures} failures")
    return 1 if player.failures else 0


if __name__ == "__main__":
    sys.path.insert(0, os.path.join(sys.argv[2], "docs", "tutorial", "tools"))
    import chapter
    import source
    sys.exit(main(*sys.argv[1:]))
