# SPDX-License-Identifier: MIT
#
# What the documents are, in which order they are read, and where their headings and links lead.
# The book is made by it (book.py), and the test of links holds documents against it
# (tests/docs/links.py). Nothing is listed here: docs/README.md has the order.

import os
import re

INDEX = "docs/README.md"
FRONT = "README.md"

FENCE = re.compile(r"^ {0,3}(```+|~~~+)")
HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*\s*$")
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]*(?:\([^()\s]*\)[^()\s]*)*)\)")
CODE = re.compile(r"(`+)(.+?)\1", re.S)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read()


def documents(root):
    """All documents of the book: README.md and what is in docs/, as sorted paths from the root."""
    found = [FRONT] if os.path.exists(os.path.join(root, FRONT)) else []
    for folder, folders, files in os.walk(os.path.join(root, "docs")):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        found += [os.path.relpath(os.path.join(folder, f), root)
                  for f in files if f.endswith(".md")]
    return sorted(found)


def lines(text):
    """(number, line, fence) of each line; fence is the language of the fence it is in, or None.

    A text that is indented by four after an empty line is a fence without language.
    """
    mark, language, blank, indented = None, None, True, False
    for number, line in enumerate(text.split("\n"), 1):
        fence = FENCE.match(line)
        if mark:
            yield number, line, language
            if fence and line.strip().startswith(mark) and not line.strip().strip(mark[0]):
                mark = None
        elif fence:
            mark, language = fence.group(1), line.strip().strip("`~").strip()
            yield number, line, language
        else:
            indented = line.startswith("    ") and (blank or indented) and bool(line.strip())
            yield number, line, "" if indented else None
            blank = not line.strip()


def prose(text):
    """The text with all that is in fences blanked, line for line."""
    return "\n".join(line if fence is None else "" for _, line, fence in lines(text))


def plain(heading):
    """What a reader sees of a heading."""
    return re.sub(r"[`*]", "", LINK.sub(lambda m: m.group(2), heading))


def slug(heading):
    """The name of a heading in a link, as GitHub makes it."""
    return re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", plain(heading).lower()))


class Slugs:
    """Names of the headings of one document: the second of a name gets -1, and so on."""

    def __init__(self):
        self.seen = {}

    def take(self, heading):
        name = slug(heading)
        count = self.seen[name] = self.seen.get(name, -1) + 1
        return "%s-%d" % (name, count) if count else name


def headings(text):
    """(level, text, name) of each heading."""
    slugs, found = Slugs(), []
    for line in prose(text).split("\n"):
        heading = HEADING.match(line)
        if heading:
            found.append((len(heading.group(1)), heading.group(2), slugs.take(heading.group(2))))
    return found


def links(text):
    """(number of the line, target, is an image) of each link of the prose."""
    text = prose(text)
    bare = CODE.sub(lambda m: re.sub(r"[^\n]", "x", m.group(0)), text)
    return [(bare.count("\n", 0, m.start(3)) + 1, text[m.start(3):m.end(3)], bool(m.group(1)))
            for m in LINK.finditer(bare)]


def target_of(document, link):
    """(path from the root, anchor) of a link within the tree; None for one that leads outside."""
    if re.match(r"[a-z][a-z0-9+.-]*:", link):
        return None
    path, _, anchor = link.partition("#")
    where = os.path.normpath(os.path.join(os.path.dirname(document), path)) if path else document
    return where, anchor


def owns(leader, document):
    """Whether a document is one of the pages that another one is the beginning of: the README of
    its folder, or a page beside the folder that has its name (TUTORIAL.md, tutorial/)."""
    folder = os.path.dirname(document)
    if os.path.basename(leader) == "README.md":
        return leader not in (FRONT, INDEX) and folder == os.path.dirname(leader)
    return folder == os.path.splitext(leader)[0].lower()


def order(root):
    """All documents in the order of reading: README.md, the index, what the index links to in its
    order; and each other one behind the page that owns it, else behind the first that leads to it.
    And what none leads to."""
    every = documents(root)
    leads = {d: [t[0] for _, link, _ in links(read(root, d)) for t in [target_of(d, link)] if t]
             for d in every}
    chosen = [d for d in (FRONT, INDEX) if d in every]
    chosen += [d for d in dict.fromkeys(leads.get(INDEX, [])) if d in every and d not in chosen]
    for accepts in (owns, lambda leader, document: leader != FRONT):
        at = 0
        while at < len(chosen):
            more = [d for d in dict.fromkeys(leads[chosen[at]])
                    if d in every and d not in chosen and accepts(chosen[at], d)]
            chosen[at + 1:at + 1] = more
            at += 1
    return chosen, [d for d in every if d not in chosen]
