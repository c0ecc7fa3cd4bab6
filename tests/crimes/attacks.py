#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# Tries every crime on glibc, on both libraries and on other allocators, and prints what became of
# it, as tables for the documents:
#
#   A  stopped: the program died of its crime before it went on
#   L  stopped later, at the end of the process at the latest
#   P  without effect
#   -  went unnoticed
#   n  could not be committed: the allocator has no such function, or no such place
#   t  went on for too long
#
#   attacks.py [--every] [--check FILE] [NAME=LIBRARY[,VARIABLE=VALUE]]…
#
# Counts by class of crimes; with --every also the letters of each crime, one for each size.
# --check: tries only the hardened library, and compares with its column of letters in FILE.
"""Runs the attack corpus under one allocator after the other."""

import argparse
import os
import re
import resource
import subprocess
import sys

TREE = os.environ.get("top_srcdir", ".")
BUILD = os.environ.get("top_builddir", ".")
sys.path.insert(0, f"{TREE}/bench/driver")

import peers  # noqa: E402  (the bench driver's own)

SIZES = ("8", "4096", "262144")
SECONDS_MAX = 60

# First that fits. What a crime does is in its file.
CLASSES = (
    ("reading out of bounds", r".*_read_.*"),
    ("writing past the end, jumping", r"overflow_.*jump_.*"),
    ("writing past the end", r"(exit_)?overflow.*"),
    ("writing before the start, jumping", r"underflow_.*jump_.*"),
    ("writing before the start", r"(exit_)?underflow.*"),
    ("objects of no bytes", r".*_empty(_(calloc|new|aligned))?"),
    ("reading after free", r"(read|reuse)_after_.*"),
    ("writing after free", r"(exit_)?write_after_.*"),
    ("double free", r"double_free.*"),
    ("free of the inside of an object", r"(interior|misaligned)_.*"),
    ("free of what is no object", r"(foreign|unallocated)_.*"),
    ("contents of freed objects in new ones", r"stale_.*"),
    ("free of another kind or size", r"(kind|size)_.*"),
    ("forged headers, links and canaries", r"(header|link|canary)_.*"),
    ("prediction of addresses", r"predict_.*"),
)

# They wait for something that only libapex does.
OWN = r"corrupt_list_.*|double_free_after_reuse|double_free_recycled_block"


class Crime:
    """A program, and the arguments it is run with."""

    def __init__(self, folder, name):
        self.name = name
        self.program = f"{BUILD}/tests/crimes/{folder}{name}"
        with open(f"{TREE}/tests/crimes/{folder}{name}.c", encoding="utf-8") as source:
            sized = "crime_size(" in source.read()
        self.arguments = [[size] for size in SIZES] if sized else [[]]
        self.title = next((t for t, form in CLASSES if re.fullmatch(form, name)), None)
        if self.title is None:
            sys.exit(f"attacks.py: {name} belongs to no class")


def crimes():
    """All of them, in the order of the classes. Of two with one name the one with sizes."""
    found = {}
    for folder in ("", "hardened/"):
        for file in os.listdir(f"{TREE}/tests/crimes/{folder}"):
            name, suffix = os.path.splitext(file)
            if suffix == ".c" and (folder or not re.fullmatch(OWN, name)):
                found[name] = Crime(folder, name)
    titles = [title for title, _ in CLASSES]
    return sorted(found.values(), key=lambda crime: (titles.index(crime.title), crime.name))


def letter_of(status, said):
    """What an exit status and the program's words mean."""
    if "not offered" in said:
        return "n"
    spoken = "the crime " in said
    if status != 0:
        return "L" if spoken else "A"
    return "P" if "the crime had no effect" in said else "-"


def attempt(crime, arguments, peer):
    """Commits one crime under one allocator. Its letter."""
    # The operators of C++ have to come from somewhere where the allocator has none.
    preload = " ".join(filter(None, (peer.path, "libstdc++.so.6")))
    environment = {k: v for k, v in os.environ.items() if k != "APEX_OPTIONS"}
    environment.update(LD_PRELOAD=preload)
    environment.update(word.split("=", 1) for word in peer.environment)
    try:
        done = subprocess.run(
            [crime.program] + arguments,
            env=environment,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS_MAX,
            check=False,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)),
        )
    except subprocess.TimeoutExpired:
        return "t"
    return letter_of(done.returncode, done.stdout)


def letters(crime, peer):
    """One letter for each size."""
    return "".join(attempt(crime, arguments, peer) for arguments in crime.arguments)


def row(cells):
    """A row of a table."""
    print("| " + " | ".join(cells) + " |")


def print_every(everyone, table):
    """A row for each crime, and a title for each class."""
    row(["crime"] + [peer.name for peer in everyone])
    row(["---"] * (len(everyone) + 1))
    title = None
    for crime, cells in table:
        if crime.title != title:
            title = crime.title
            row([f"**{title}**"] + [""] * len(everyone))
        row([f"`{crime.name}`"] + cells)


def print_classes(everyone, table):
    """How many of each class were stopped or without effect."""
    row(["class of crimes", "runs"] + [peer.name for peer in everyone])
    row(["---"] * (len(everyone) + 2))
    for title in [title for title, _ in CLASSES] + ["all"]:
        members = [cells for crime, cells in table if title in (crime.title, "all")]
        sums = [
            str(sum(len(re.findall("[ALP]", cells[i])) for cells in members))
            for i in range(len(everyone))
        ]
        row([title, str(sum(len(cells[0]) for cells in members))] + sums)


def check(path, hardened):
    """Compares the column `hardened` of a document. True if it is as the document says."""
    with open(path, encoding="utf-8") as file:
        rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in file if "|" in line]
    header = next((cells for cells in rows if cells[0] == "crime"), ["crime"])
    if "hardened" not in header:
        sys.exit(f"attacks.py: {path} has no such table")
    column = header.index("hardened")
    documented = {cells[0].strip("`"): cells[column] for cells in rows if cells[0][:1] == "`"}
    seen = {crime.name: letters(crime, hardened) for crime in crimes()}
    for name in sorted(seen.keys() | documented.keys()):
        if seen.get(name) != documented.get(name):
            print(f"FAIL: {name}: {seen.get(name)}, {path} says {documented.get(name)}")
    print(f"{len(seen)} crimes")
    return seen == documented


def main():
    """Tables, or a comparison."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--every", action="store_true")
    parser.add_argument("--check")
    parser.add_argument("peer", nargs="*")
    given = parser.parse_args()
    libraries = f"{BUILD}/libapex/.libs"
    hardened = peers.Peer("hardened", f"{libraries}/libapex-hardened.so.0")
    if given.check:
        peers.loads(hardened)
        sys.exit(0 if check(given.check, hardened) else 1)
    everyone = [hardened, peers.Peer("fast", f"{libraries}/libapex.so.0"), peers.Peer("glibc")]
    everyone += [peers.parse_peer(word) for word in given.peer]
    for peer in everyone:
        peers.loads(peer)
        print(f"{peer.name}: {peers.version_of(peer)}", file=sys.stderr)
    table = [(crime, [letters(crime, peer) for peer in everyone]) for crime in crimes()]
    if given.every:
        print_every(everyone, table)
        print()
    print_classes(everyone, table)


if __name__ == "__main__":
    try:
        main()
    except peers.PeerError as error:
        sys.exit(f"attacks.py: {error}")
