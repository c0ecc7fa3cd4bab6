# SPDX-License-Identifier: MIT
#
# The book (docs/book/book.py), made and looked at: names are unique, each link within it has one to
# lead to, it fetches nothing, all documents are in it; a link that leads nowhere stops it. Then in
# headless Chromium: contents, search, light and dark, nothing on the console.
#
#   book.py [--keep FOLDER]     leaves the page and two screenshots there

import collections
import html.parser
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "..", "daemon"))
sys.path.insert(0, os.path.join(here, "..", "..", "docs", "book"))
from chromium import *  # noqa: E402,F403
import pages  # noqa: E402

TOOL = os.path.join(SOURCE, "docs/book/book.py")


class Page(html.parser.HTMLParser):
    """Names and addresses of a page."""

    def __init__(self, text):
        super().__init__()
        self.names, self.addresses = collections.Counter(), []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        for key, value in attributes:
            if key == "id":
                self.names[value] += 1
            elif key in ("href", "src"):
                self.addresses.append((tag, key, value))


def make(top, out):
    made = subprocess.run([sys.executable, "-B", TOOL, top, out], stdout=subprocess.PIPE)
    return made.returncode, made.stdout.decode()


def test_links(page):
    with open(page, encoding="utf-8") as file:
        text = file.read()
    found = Page(text)
    same([n for n, count in found.names.items() if count > 1], [], "names that are there twice")
    same([a for _, _, a in found.addresses if a.startswith("#") and a[1:] not in found.names], [],
         "links that lead nowhere")
    same([a for a in found.addresses if a[0] != "a" and not a[2].startswith("data:")], [],
         "what the page would fetch")
    same([a for _, _, a in found.addresses if not a.startswith(("#", "data:", "https://",
                                                                 "http://"))], [],
         "links that leave the book and are no addresses")
    inside = sum(a.startswith("#") for _, _, a in found.addresses)
    print("%d names, %d links inside" % (len(found.names), inside))
    check(inside > 500, "there are links")
    for document in pages.documents(SOURCE):
        heads = pages.headings(pages.read(SOURCE, document))
        check(heads and "<!-- document %s -->" % document in text, "%s is in the book" % document)


def test_itself(folder):
    """A small tree whose book is right, and three mistakes in it."""
    top = os.path.join(folder, "tree")
    os.makedirs(os.path.join(top, "docs/more"))

    def write(path, text):
        with open(os.path.join(top, path), "w", encoding="utf-8") as file:
            file.write(text)

    write("README.md", "# Front\n[docs](docs/README.md)\n")
    write("docs/README.md", "# Index\n## Part\n- [A](a.md#same), [tool](../tool.c)\n")
    write("docs/a.md", "# A\n## Same\n## Same\n[b](more/b.md) [two](#same-1)\n\n```c\n# no [x](y)\n```\n")
    write("docs/more/b.md", "# B\n## Same\n[a](../a.md)\n")
    write("tool.c", "")
    out = os.path.join(folder, "small.html")
    same(make(top, out)[0], 0, "a small book")
    with open(out, encoding="utf-8") as file:
        text = file.read()
    for name in ("a", "a--same", "a--same-1", "more-b", "more-b--same"):
        check('id="%s"' % name in text, "the name %s" % name)
    for wrong, words in (("[x](gone.md)", "gone.md, which is not there"),
                         ("[x](a.md#gone)", "docs/a.md has no heading gone")):
        write("docs/more/b.md", "# B\n%s\n" % wrong.replace("a.md", "../a.md"))
        code, said = make(top, out)
        check(code == 1 and words in said, "%s stops the book: %r" % (wrong, said))
    write("docs/more/b.md", "# B\n")
    write("docs/alone.md", "# Alone\n")
    check("docs/alone.md: no document leads to it" in make(top, out)[1], "a page that is alone")


def test_browser(folder, page, keep):
    browser = Browser(folder)
    try:
        browser.call("POST", "/url", {"url": "file://" + page + "#architecture--fork"})
        wait_until(lambda: 0 <= browser.run("return document.getElementById('architecture--fork')"
                                            ".getBoundingClientRect().top") < 200,
                   "a link with a name leads to its heading")
        same(browser.run("return document.querySelector('#contents .here').textContent"),
             "Architecture", "the contents say where one is")
        browser.run("location.hash = '#decisions-0004-byte-map'")
        wait_until(lambda: browser.run(
            "const here = document.querySelector('#contents .here');"
            "return here.hash === '#decisions-0004-byte-map' && here.checkVisibility()"),
            "the contents open where one is, below another page, too")
        backs = [browser.run("document.getElementById('theme').click();"
                             "return getComputedStyle(document.body).backgroundColor")
                 for _ in range(2)]
        check(backs[0] != backs[1], "light and dark: %r" % backs)
        hits = browser.run("words.value = 'dekker handshake'; search();"
                           "return [...document.querySelectorAll('#found a')].map((a) => a.hash)")
        check("#memory-ordering--8-the-gate-full-fences-on-both-sides" in hits,
              "search: %r" % hits)
        browser.run("words.value = ''; search()")
        wide = browser.run("return document.documentElement.scrollWidth - innerWidth")
        check(wide <= 0, "nothing is wider than the window: %r" % wide)
        browser.call("POST", "/window/rect", {"width": 500, "height": 900})
        browser.run("location.hash = '#quickstart'")
        wait_until(lambda: [y for y in [browser.run(
            "return document.getElementById('quickstart').getBoundingClientRect().top")]
            if 0 <= y < 200], "in a narrow window, too, a link leads to its heading")
        browser.call("POST", "/window/rect", {"width": 1300, "height": 900})
        browser.check_silence(page)
        if keep:
            browser.screenshot(os.path.join(keep, "book1.png"))
            browser.run("document.getElementById('theme').click(); location.hash = '#security'")
            browser.screenshot(os.path.join(keep, "book2.png"))
    finally:
        browser.close()


def main():
    keep = sys.argv[2] if sys.argv[1:2] == ["--keep"] else None
    skip_without_chromium()
    with tempfile.TemporaryDirectory() as folder:
        test_itself(folder)
        page = os.path.join(keep or folder, "book.html")
        code, said = make(SOURCE, page)
        print(said, end="")
        same(code, 0, "make book")
        if code == 0:
            test_links(page)
            test_browser(folder, page, keep)


main()
finish()
