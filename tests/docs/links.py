# SPDX-License-Identifier: MIT
#
# Whether what the documents name is there: see links.sh, which calls it and tests it.
#
#   links.py TOP      prints FAIL: document:line: … for each name that leads nowhere

import os
import re
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "..", "..", "docs", "book"))
import pages  # noqa: E402

FOLDERS = ("libapex", "apexd", "apexctl", "tests", "bench", "man", "docs")
SOURCES = (".c", ".h", ".def", ".json", ".awk", ".py", ".sh", ".mk", ".html", ".yml", ".in", ".ac",
           ".am", ".cc", ".map", ".rules", ".proto", ".pml", ".vm", "")
FILE = re.compile(r"[\w./-]+\.(?:c|cc|h|def|sh|py|md|mk|awk|vm|pml|yml|json|html|am|ac|in|service|"
                  r"socket|trace)$")
# What automake brings, and what GNU make and configure know.
TARGETS = {"all", "check", "clean", "dist", "distcheck", "distclean", "install", "uninstall"}
VARIABLES = {"CC", "CXX", "CFLAGS", "LDFLAGS", "DESTDIR", "TESTS", "MAKEFLAGS", "V", "VERBOSE"}
# Words of the form key=value that are of other programs: the kernel, systemd, chromium.
FOREIGN = {"numa", "transparent_hugepage", "vm", "comm", "exe", "uid", "unit", "cgroup", "node",
           "kind", "reason", "outcome", "pid", "disable_cpu_apicid", "size"}


class Tree:
    """What there is to be named."""

    def __init__(self, top):
        self.top = top
        self.files, self.ends = set(), set()
        for folder, folders, files in os.walk(top):
            folders[:] = [f for f in folders if folder != top
                          or not f.startswith(("build", "debug", ".", "autom4te"))]
            path = os.path.relpath(folder, top)
            self.add(path)
            for name in files:
                self.add(os.path.join(path, name))
        for root in (".ci/run", ".clang-format"):
            if os.path.exists(os.path.join(top, root)):
                self.add(root)
        text = self.text_of_sources()
        self.words = set(re.findall(r"\b(?:apexd?_\w+|APEX_\w+)", text))
        self.made = set(re.findall(r"[\w-]+\.[a-z]+", text))
        self.options = set(re.findall(r'^OPTION\(\w+, "(\w+)"', self.table("options"), re.M))
        self.leaves = set(re.findall(r"\w+", "".join(self.table(t) for t in
                                                     ("ctl", "options", "stats"))))
        self.stems = {self.stem(w) for w in re.findall(r"\w+", self.table("stats"))}
        self.commands = {m[0]: set(re.findall(r"--?[a-z][a-z-]*", m[1])) for m in re.findall(
            r'^COMMAND\((\w+), \w+,((?:\s*"[^\n]*",?)+)', self.read("apexctl/commands.def"), re.M)}
        self.globals = set(re.findall(r"--?[a-z][a-z-]*",
                                      self.read("apexctl/completion.awk").split("global,")[0]))
        self.daemon = {"--" + n for n in re.findall(r'\{"([a-z-]+)"', self.read("apexd/main.c"))}
        self.make_files = "".join(self.read(f) for f in sorted(self.files)
                                  if f.endswith((".mk", "Makefile.am", "GNUmakefile")))
        self.targets = set(re.findall(r"^([a-z][a-z-]*) *:", self.make_files, re.M)) | TARGETS
        phases = "".join(self.read(f) for f in sorted(self.files)
                         if re.search(r"docs/tutorial/.*Makefile$", f))
        self.phase_targets = set(re.findall(r"^([a-z][a-z-]*) *:", phases, re.M)) | TARGETS

    def add(self, path):
        path = os.path.normpath(path)
        self.files.add(path)
        parts = path.split("/")
        self.ends |= {"/".join(parts[i:]) for i in range(len(parts))}

    def read(self, path):
        try:
            return pages.read(self.top, path)
        except (OSError, UnicodeDecodeError):
            return ""

    def table(self, name):
        return self.read("libapex/tables/%s.def" % name)

    def text_of_sources(self):
        return "\n".join(self.read(f) for f in sorted(self.files)
                         if f.startswith(("libapex/", "apexd/", "apexctl/", "tests/", "bench/"))
                         and not f.startswith("tests/docs/")
                         and os.path.splitext(f)[1] in SOURCES
                         and os.path.isfile(os.path.join(self.top, f)))

    @staticmethod
    def stem(word):
        return re.sub(r"(_(bytes|total|seconds|ns|ms|count))+$", "", word)

    def has_word(self, word):
        """Whether the sources have it; a word that ends in _ is a beginning."""
        if word.endswith("_"):
            return any(w.startswith(word) for w in self.words)
        stem = self.stem(word)
        return word in self.words or any(
            stem.startswith(p) and stem[len(p):] in self.stems for p in ("apex_", "apex_node_"))

    def has_file(self, path, document):
        around = os.path.normpath(os.path.join(os.path.dirname(document), path))
        path = os.path.normpath(path)
        return any(p in self.ends for p in (path, path + ".c", re.sub(r"log$", "c", path))) or \
            around in self.files or path in self.made or \
            re.search(r"(^|\s)%s(\s|$)" % re.escape(path), self.make_files)


class Document:
    """One document and what is wrong with it."""

    def __init__(self, tree, path, anchors):
        self.tree, self.path, self.anchors = tree, path, anchors
        self.text = tree.read(path)
        self.faults = []
        self.roff = path.startswith("man/")
        if self.roff:
            self.text = re.sub(r"\\f.", "", re.sub(r'^\.(\\"|TH).*', "", self.text, flags=re.M)) \
                .replace(r"\-", "-").replace(r"\&", "")
        self.tutorial = "tutorial" in path.lower()

    def say(self, number, what):
        self.faults.append("%s:%d: %s" % (self.path, number, what))

    def check(self):
        if self.roff:
            for number, line in enumerate(self.text.split("\n"), 1):
                self.names(number, line)
                if line.startswith("apexctl "):
                    self.commands(number, line)
            return self.faults
        for number, link, _ in pages.links(self.text):
            self.link(number, link)
        for match in re.finditer(r"<(https?:[^>\s]*)>", pages.prose(self.text)):
            self.link(pages.prose(self.text).count("\n", 0, match.start()) + 1, match.group(1))
        self.fenced = "\n".join(l for _, l, fence in pages.lines(self.text) if fence is not None)
        for number, line, fence in pages.lines(self.text):
            self.names(number, line)
            if fence is not None:
                self.commands(number, re.sub(r"^(\s|\$ |# )*", "", line))
        prose = pages.prose(self.text)
        for match in pages.CODE.finditer(prose):
            self.code(prose.count("\n", 0, match.start()) + 1, " ".join(match.group(2).split()))
        for match in re.finditer(r"\b[Oo]ptions?\s+`([a-z_]+)`", prose):
            if match.group(1) not in self.tree.options:
                self.say(prose.count("\n", 0, match.start()) + 1,
                         "names the option %s, which is not there" % match.group(1))
        return self.faults

    def link(self, number, link):
        if re.match(r"[a-z]+:", link):
            if not re.fullmatch(r"https?://[\w-]+(\.[\w-]+)+(:\d+)?(/[^\s<>\"`]*)?", link) or \
                    link.endswith((".", ",")):
                self.say(number, "links to %s, which is no address" % link)
            return
        path, anchor = pages.target_of(self.path, link)
        if path not in self.tree.files:
            self.say(number, "links to %s, which is not there" % link)
        elif anchor and path.endswith(".md") and anchor not in self.anchors(path):
            self.say(number, "links to %s, and %s has no such heading" % (link, path))

    def names(self, number, line):
        """Names that are recognised wherever they stand."""
        for word in re.findall(r"(?<![\w./-])(?:apexd?_[a-z0-9_]+|APEX_[A-Z_0-9]+)", line):
            if not self.tree.has_word(word):
                self.say(number, "names %s, which no source has" % word)
        for name, section in re.findall(r"(?<![\w./-])((?:lib)?apex[\w.-]*)`? ?\(([1-8])\)", line):
            if "man/%s.%s" % (name, section) not in self.tree.files:
                self.say(number, "refers to %s(%s), and there is no such page" % (name, section))
        for settings in re.findall(r"\bAPEX_OPTIONS=[\"']?([a-z_0-9=,.]*)", line):
            self.settings(number, settings)
        for leaf in re.findall(r'\bapex_ctl\("([a-z0-9_.]+)"', line):
            if not set(leaf.split(".")[1:]) <= self.tree.leaves:
                self.say(number, "names the leaf %s, which is not there" % leaf)

    def settings(self, number, text):
        for key in re.findall(r"(?:^|,)([a-z_0-9]+)=", text):
            if key not in self.tree.options:
                self.say(number, "sets the option %s, which is not there" % key)

    def code(self, number, text):
        """What stands between backquotes."""
        self.commands(number, text)
        first = text.split(" ")[0]
        if re.fullmatch(r"[a-z_]+=[\w%.-]*", text) and text.split("=")[0] not in FOREIGN:
            self.settings(number, text)
        if re.search(r"NN|[A-Z]{4,}\.[a-z]+$|^[/~.$]|\*", first):
            return
        in_tree = re.match(r"(%s)/[\w./-]+$" % "|".join(FOLDERS), first)
        is_file = text == first and FILE.match(first)
        if (in_tree or is_file) and not self.tree.has_file(first, self.path) and \
                os.path.basename(first) not in self.fenced:
            self.say(number, "quotes %s, which is not there" % first)

    def commands(self, number, text):
        for piece in re.split(r"&&|\|\||[;|`]|\$\(", text):
            words = re.sub(r"(\S)\s{3,}.*", r"\1", piece.strip()).replace("sudo ", "").split()
            while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
                words = words[1:]
            if words[:1] == ["make"]:
                self.make(number, words[1:])
            elif words[:1] == ["apexctl"]:
                self.apexctl(number, words[1:])
            elif words[:1] == ["apexd"]:
                for word in words[1:]:
                    option = re.match(r"--[a-z-]+", word)
                    if option and option.group(0) not in self.tree.daemon:
                        self.say(number, "apexd has no option %s" % option.group(0))

    def make(self, number, words):
        skip = inside = False
        for word in words:
            quotes = word.count('"') + word.count("'")
            if skip or inside:
                skip, inside = False, inside != bool(quotes % 2)
            elif word in ("-C", "-f", "-j"):
                skip = True
            elif word.startswith(("#", ">", "2>")):
                break
            elif re.match(r"[A-Za-z_]+=", word):
                name = word.split("=")[0]
                inside = bool(quotes % 2)
                if name not in VARIABLES and not re.search(r"\b%s\b" % name, self.tree.make_files):
                    self.say(number, "make knows no variable %s" % name)
            elif re.fullmatch(r"[a-z][a-z-]*", word):
                known = self.tree.phase_targets if self.tutorial else set()
                if word not in self.tree.targets | known:
                    self.say(number, "there is no target %s for make" % word)

    def apexctl(self, number, words):
        while words and words[0].startswith("-"):
            words = words[2 if words[0] in ("--runtime-dir", "-o", "--output", "--color") else 1:]
        if not words or not re.fullmatch(r"[a-z]+", words[0]):
            return
        name = words[0]
        if name == "help":
            return
        if name not in self.tree.commands:
            self.say(number, "apexctl has no command %s" % name)
            return
        for word in words[1:]:
            if word == "--" or word.startswith("#"):
                break
            option = re.match(r"--?[a-z][a-z-]*", word)
            if option and option.group(0) not in self.tree.commands[name] | self.tree.globals:
                self.say(number, "apexctl %s has no option %s" % (name, option.group(0)))
            if name == "tune" and re.match(r"[a-z_]+=", word) and word.split("=")[0] not in FOREIGN:
                self.settings(number, word)


def main(top):
    tree = Tree(top)
    names = pages.documents(top)
    names += sorted(f for f in tree.files if re.match(
        r"(libapex|apexd|apexctl|tests|bench)/(.*/)?[\w.-]+\.md$|man/[\w.-]+\.[1-8]$", f))
    known = {}

    def anchors(path):
        if path not in known:
            known[path] = {name for _, _, name in pages.headings(tree.read(path))}
        return known[path]

    faults = []
    for name in names:
        faults += Document(tree, name, anchors).check()
    if os.path.exists(os.path.join(top, pages.INDEX)):
        faults += ["%s: no document of the book leads to it" % d for d in pages.order(top)[1]]
    for fault in faults:
        print("FAIL: " + fault)
    print("%d documents" % len(names))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
