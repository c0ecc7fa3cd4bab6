#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# Makes one HTML page of all documents, which needs no other file and no network: `make book`.
# pandoc reads the Markdown and writes the HTML; between the two each heading gets a name of its own
# in the whole book, and each link leads there. What is not part of the book (sources, pages of the
# manual) is shown by its path in the tree. Fails when a link leads nowhere.
#
#   book.py TOP OUT.html

import base64
import html
import json
import mimetypes
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pages  # noqa: E402

MARK = "<!-- document %s -->"
MARKED = re.compile(r"<!-- document (\S+) -->\s*$")


def pandoc(source, text, target):
    made = subprocess.run(["pandoc", "-f", source, "-t", target, "--wrap=none"], check=True,
                          input=text.encode(), stdout=subprocess.PIPE)
    return made.stdout.decode()


class Book:
    """Documents in order, with the names of their headings in the book."""

    def __init__(self, top):
        self.top = top
        self.order, self.lost = pages.order(top)
        self.text = {d: pages.read(top, d) for d in self.order}
        self.headings = {d: pages.headings(self.text[d]) for d in self.order}
        self.names = {}
        for document in self.order:
            for i, (_, _, slug) in enumerate(self.headings[document]):
                name = self.name(document)
                self.names[document, slug] = name if i == 0 else name + "--" + slug
        self.faults = ["%s: no document leads to it" % d for d in self.lost]

    @staticmethod
    def name(document):
        """What a document is called in the book's addresses."""
        if document == pages.INDEX:
            return "documents"
        return re.sub(r"^docs/|\.md$", "", document).replace("/", "-").lower()

    def title(self, document):
        return pages.plain(self.headings[document][0][1]) if self.headings[document] else document

    # Links.

    def place(self, document, link):
        """Where a link leads: an address in the book, one outside, or a path that is only shown."""
        target = pages.target_of(document, link)
        if target is None:
            return link, None
        path, anchor = target
        folder = os.path.join(path, "README.md")
        path = folder if folder in self.text else path
        if path in self.text:
            name = self.names.get((path, anchor)) if anchor else self.name(path)
            if name:
                return "#" + name, None
            self.faults.append("%s: %s has no heading %s" % (document, path, anchor))
        elif not os.path.exists(os.path.join(self.top, path)):
            self.faults.append("%s: links to %s, which is not there" % (document, link))
        return None, path

    def picture(self, document, link):
        """An image as part of the page."""
        path = os.path.join(self.top, pages.target_of(document, link)[0])
        kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
        with open(path, "rb") as file:
            return "data:%s;base64,%s" % (kind, base64.b64encode(file.read()).decode())

    def inlines(self, document, node):
        """Links and images below a node of pandoc's tree, changed in place."""
        if isinstance(node, list):
            for item in node:
                self.inlines(document, item)
        elif isinstance(node, dict):
            kind = node.get("t")
            if kind == "Link":
                address, path = self.place(document, node["c"][2][0])
                if path:
                    node["t"] = "Span"
                    node["c"] = [["", ["elsewhere"], [["title", path]]], node["c"][1]]
                else:
                    node["c"][2][0] = address
            elif kind == "Image":
                node["c"][2][0] = self.picture(document, node["c"][2][0])
            self.inlines(document, node.get("c"))

    # The page.

    def tree(self):
        """pandoc's tree of all documents, each in a division of its own."""
        text = "\n\n".join(MARK % d + "\n\n" + self.text[d] for d in self.order)
        tree = json.loads(pandoc("gfm-gfm_auto_identifiers", text, "json"))
        parts, document = [], None
        for block in tree["blocks"]:
            mark = block["t"] == "RawBlock" and MARKED.match(block["c"][1])
            if mark:
                document, left = mark.group(1), iter(self.headings[mark.group(1)])
                # The comment stays: pandoc gives the name of a heading that is first to the division.
                parts.append({"t": "Div", "c": [["", ["document"], []], [block]]})
                continue
            if block["t"] == "RawBlock" and block["c"][1].startswith("<!--"):
                continue
            if block["t"] == "Header":
                block["c"][1] = [self.names[document, next(left)[2]], [], []]
            self.inlines(document, block)
            parts[-1]["c"][1].append(block)
        tree["blocks"] = parts
        return tree

    def parts(self):
        """(title, documents) of each part: the headings of the index and what they link to."""
        index, where = self.text.get(pages.INDEX, ""), {}
        sections = [(number, pages.plain(line[3:])) for number, line, fence in pages.lines(index)
                    if fence is None and line.startswith("## ")]
        for number, link, _ in pages.links(index):
            target = pages.target_of(pages.INDEX, link)
            if target and target[0] in self.text:
                above = [t for n, t in sections if n < number]
                where.setdefault(target[0], above[-1] if above else "")
        found, title = [], ""
        for document in self.order:
            title = where.get(document, title) if document not in (pages.FRONT, pages.INDEX) else ""
            if not found or found[-1][0] != title:
                found.append((title, []))
            found[-1][1].append(document)
        return found

    def entry(self, document, below):
        """A document in the list at the side, with its headings and the documents below it."""
        out = ['<details><summary><a href="#%s">%s</a></summary><ul>' % (
            self.name(document), html.escape(self.title(document)))]
        out += ['<li><a href="#%s">%s</a></li>' % (self.names[document, slug],
                                                 html.escape(pages.plain(heading)))
                for level, heading, slug in self.headings[document][1:] if level == 2]
        for one in below:
            out += ["<li>"] + self.entry(one, []) + ["</li>"]
        return out + ["</ul></details>"]

    def contents(self):
        """The list at the side. What lies in the folder of a README that comes before is below it:
        thirty decisions would hide what comes behind them."""
        out = []
        for title, documents in self.parts():
            out.append("<h2>%s</h2>" % html.escape(title) if title else "")
            tops = []
            for document in documents:
                leader = tops[-1][0] if tops else pages.FRONT
                if leader not in (pages.FRONT, pages.INDEX) and leader.endswith("/README.md") and \
                        document.startswith(leader[:-len("README.md")]):
                    tops[-1][1].append(document)
                else:
                    tops.append((document, []))
            for document, below in tops:
                out += self.entry(document, below)
        return "\n".join(out)

    def page(self):
        body = pandoc("json", json.dumps(self.tree()), "html5")
        template = pages.read(os.path.dirname(os.path.abspath(__file__)), "book.html")
        return template.replace("<!-- contents -->", self.contents()).replace("<!-- body -->", body)


def main(top, out):
    book = Book(top)
    page = book.page()
    for fault in book.faults:
        print("FAIL: " + fault)
    if book.faults:
        return 1
    with open(out, "w", encoding="utf-8") as file:
        file.write(page)
    print("%s: %d documents, %d KiB" % (out, len(book.order), len(page.encode()) // 1024))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
