# SPDX-License-Identifier: MIT
#
# The methods `map` and `frag`: every number of a page made by hand arrives where it belongs, in one
# part or in many; and for real programs, idle ones too, the map agrees with the books, grows with
# the heap and follows what is freed. Reason: a map that is wrong sends people to look in the wrong
# place, and apexd sweeps memory by it.
"""See the head of the file."""

from support import *

SUPERBLOCK, LARGE = 5, 6
HEADER, CLEAN, DIRTY, CURRENT, ROOM, FULL, IDLE, TAIL = 1, 2, 3, 5, 6, 7, 8, 9
SUPERBLOCK_BYTES, BLOCK_BYTES, BLOCKS = 4 << 20, 64 << 10, 64
NOBODY, ORPHAN = 255, 254
HALF = 128 * 1024 // 255  # live chunks of a block of 1024 with the fill 128


class MapPage(Page):
    """A page with a map: `rows` of (base, flags, node, blocks), `large` of (base, bytes, state)."""

    def __init__(self, rows, large):
        super().__init__(65536)
        self.rows, self.large = rows, large
        self.at = (16384, 16384 + 24 * len(large))
        self.sections += [[LARGE, len(large), 24, self.at[0]], [SUPERBLOCK, len(rows), 272, self.at[1]]]
        self.fields["sections"] = 6
        self.fields["minor"] = 1

    def bytes(self):
        data = bytearray(super().bytes())
        for i, (base, size, state) in enumerate(self.large):
            struct.pack_into("<QQII", data, self.at[0] + 24 * i, base, size, state, 0)
        for i, (base, flags, node, blocks) in enumerate(self.rows):
            struct.pack_into("<QII", data, self.at[1] + 272 * i, base, flags, node)
            for b, block in enumerate(blocks):
                struct.pack_into("<4B", data, self.at[1] + 272 * i + 16 + 4 * b, *block)
        return bytes(data)


def by_hand():
    blocks = [(0, HEADER, NOBODY, 0)] + [(0, CLEAN, NOBODY, 0)] * 63
    blocks[1] = (3, CURRENT, 0, 255)           # full, of 64 bytes
    blocks[2] = (3, ROOM, ORPHAN, 128)         # half
    blocks[3] = (2, FULL, 1, 255)              # of 48 bytes: 65536 = 48 * 1365 + 16
    blocks[4:7] = [(1, IDLE, 0, 0), (0, TAIL, NOBODY, 1), (0, TAIL, NOBODY, 2)]
    blocks[7] = (0, DIRTY, NOBODY, 0)
    rows = [(0x400000 * (i + 8), i % 2, i, blocks) for i in range(5)]
    rows[2] = (0, 0, 0, blocks)  # not in use
    large = [(0x10000000, 1 << 21, 1), (0, 5, 1), (0x20000000, 1 << 22, 2), (0x30000000, 4096, 77)]
    page = MapPage(rows, large)
    # The counters know better than the fill of a block that is half full: ten more are live.
    page.slots = [(1, 101, 0, [(0, 0), (3, 3), (4 * 1365, 0), (4 * 1024 + 7, 7)], 0),
                  (2, 102, 0, [(9, 9), (0, 0), (0, 0), (4 * HALF + 20, 10)], 0),
                  (0, 0, 0, [(0, 0)] * 4, 0)]
    return page


def all_parts(control, pid, count):
    """The whole map in parts of `count` superblocks."""
    whole, start, parts = None, 0, 0
    while start is not None and parts < 1000:
        part = control.ask("map", {"pid": pid, "from": start, "count": count})["result"]
        same(schema_errors(part, schema_of("map")), [], "a part of the map")
        check(len(part["superblocks"]) <= count, "a part is as long as was asked for")
        start = part.get("next")
        if whole is None:
            whole = part
        else:
            whole["superblocks"] += part["superblocks"]
        parts += 1
    return whole, parts


def blocks_of(superblock):
    """(class, state, owner, fill) of each block."""
    return [tuple(bytes.fromhex(superblock["blocks"][i:i + 8])) for i in range(0, 8 * BLOCKS, 8)]


def test_by_hand(daemon):
    page = by_hand()
    memfd = Memfd(page.bytes())
    same(register(daemon.dir, [memfd.fd], hello_message(page_bytes=65536))[0], "accepted", "a page")
    with Control(daemon.dir) as control:
        whole, parts = all_parts(control, os.getpid(), 4096)
        same(parts, 1, "one part is enough")
        in_parts, parts = all_parts(control, os.getpid(), 1)
        same((parts, in_parts["superblocks"]), (4, whole["superblocks"]), "parts make the whole")
        frag = control.ask("frag", {"pid": os.getpid()})["result"]
        for params in ({"pid": os.getpid(), "count": 0}, {"pid": os.getpid(), "count": 4097}, {}):
            same(control.ask("map", params)["error"]["code"], "bad_params", "map of %r" % params)
        same(control.ask("map", {"pid": 1 << 30})["error"]["code"], "no_such_process", "nobody")
        same(control.ask("map", {"pid": os.getpid(), "from": 1 << 40})["result"]["superblocks"], [],
             "a part behind the end")
    same([(s["row"], s["base"], s["huge"], s["node"]) for s in whole["superblocks"]],
         [(i, 0x400000 * (i + 8), i % 2 == 1, i) for i in (0, 1, 3, 4)], "rows")
    for superblock in whole["superblocks"]:
        same(blocks_of(superblock), page.rows[0][3], "blocks")
    same(whole["class_bytes"], [16, 32, 48, 64], "sizes")
    same([whole["states"][s] for s in (HEADER, CLEAN, DIRTY, FULL, TAIL)],
         ["header", "clean", "dirty", "full", "tail"], "names of states")
    same([(l["base"], l["bytes"], l["state"]) for l in whole["large"]],
         [(0x10000000, 1 << 21, "live"), (0x20000000, 1 << 22, "cached"), (0x30000000, 4096, "none")],
         "large objects")
    same([o["slot"] for o in whole["owners"]], [0, 1], "owners")
    same(schema_errors(frag, schema_of("frag")), [], "frag")
    total = frag["totals"]
    of_64 = 4 * (1024 + HALF) + 10
    same([total[k] for k in ("live", "live_bytes", "free_bytes", "loss_bytes", "idle_bytes")],
         [of_64 + 4 * 1365, 64 * of_64 + 4 * 48 * 1365, 64 * (4 * 2048 - of_64), 4 * 16,
          4 * 3 * BLOCK_BYTES], "sums over blocks")
    same((total["dirty_bytes"], total["clean_bytes"], total["large_cached_bytes"]),
         (4 * BLOCK_BYTES, 4 * 56 * BLOCK_BYTES, 1 << 22), "free memory")
    same(total["orphan_free_bytes"], 4 * 64 * (1024 - HALF), "of orphans")
    same({c["size_bytes"]: c["blocks"] for c in frag["classes"]}, {32: 12, 48: 4, 64: 8}, "classes")
    same(total["internal_bytes_max"], 15 * (of_64 + 4 * 1365), "internal, at most")
    same([(a["kind"], a["saves_bytes_max"]) for a in frag["advice"]], [("large_cache", 1 << 22)],
         "advice about what is worth it")
    same(frag["advice"][0]["command"], "apexctl tune %d retain=8m" % os.getpid(), "its command")
    memfd.close()
    wait_until(lambda: not listed(daemon.dir), "the page leaves the list")


def test_without_map(daemon):
    """A program that is older than the map."""
    memfd = Memfd(Page().bytes())
    same(register(daemon.dir, [memfd.fd])[0], "accepted", "an old page")
    whole = ask(daemon.dir, "map", {"pid": os.getpid()})
    same((whole["superblocks"], whole["large"]), ([], []), "an empty map")
    same(schema_errors(ask(daemon.dir, "frag", {"pid": os.getpid()}), schema_of("frag")), [], "frag")
    memfd.close()
    wait_until(lambda: not listed(daemon.dir), "the page leaves the list")


# A program in C would have to be built; ctypes calls the same malloc. It says what it has done, and
# sleeps. Chunks that are not touched cost no memory.
SLEEPER = ("import ctypes, sys, time\n"
           "libc = ctypes.CDLL(None)\n"
           "libc.malloc.restype = ctypes.c_void_p\n"
           "libc.free.argtypes = [ctypes.c_void_p]\n"
           "some = [libc.malloc(%d) for i in range(%d)]\n"
           "for p in some[:%d]: libc.free(p)\n"
           "large = libc.malloc(5 << 20)\n"
           "print('done', flush=True)\n"
           "sys.stdin.read()\n")


def sleeping(directory, size, count, freed):
    return running([sys.executable, "-c", SLEEPER % (size, count, freed)], env=preloaded(directory),
                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def sums(whole):
    """Bytes in use (as the books count), live bytes, and how many blocks are in each state."""
    states, used, live = {}, 0, 0
    for superblock in whole["superblocks"]:
        blocks = blocks_of(superblock)
        same(blocks[0][1], HEADER, "the first block")
        for i, (size_class, state, _, fill) in enumerate(blocks):
            states[state] = states.get(state, 0) + 1
            if state in (CURRENT, ROOM, FULL):
                length = 1
                while i + length < BLOCKS and blocks[i + length][1] == TAIL:
                    length += 1
                size = whole["class_bytes"][size_class]
                live += fill * (length * BLOCK_BYTES // size) // 255 * size
            if state not in (HEADER, CLEAN, DIRTY):
                used += BLOCK_BYTES
    return used, live, states


def compared(daemon, pid):
    """The map of a process, its blocks by state, and what differs between the map and the books."""
    with Control(daemon.dir) as control:
        whole, _ = all_parts(control, pid, 7)
        stats = control.ask("stats", {"pid": pid})["result"]["process"]
    used, live, states = sums(whole)
    counters = stats["counters"]
    cached = sum(l["bytes"] for l in whole["large"] if l["state"] == "cached")
    small = stats["heap"]["allocated_bytes"] - counters["large_bytes"]
    pairs = {"superblocks": (len(whole["superblocks"]), counters["superblocks"]),
             "bytes in use": (used, counters["active_bytes"] - counters["large_bytes"]),
             "dirty blocks": (states.get(DIRTY, 0) * BLOCK_BYTES, counters["dirty_bytes"] - cached),
             "large objects": (sum(l["bytes"] for l in whole["large"] if l["state"] == "live"),
                               counters["large_bytes"])}
    wrong = {text: pair for text, pair in pairs.items() if pair[0] != pair[1]}
    # The fill of a block in use may be a quarter off.
    if abs(live - small) > used / 4 + (1 << 20):
        wrong["live"] = (live, small)
    return whole, states, wrong


def agrees(daemon, pid):
    """The map of a process that sleeps, or is about to, and its books agree."""
    looks = []

    def same_as_books():
        looks.append(compared(daemon, pid))
        return not looks[-1][2]

    wait_until(same_as_books, "the map agrees with the books")
    whole, states, wrong = looks[-1]
    same(wrong, {}, "(map, books)")
    return whole, states


def test_sleeper(daemon):
    """A program that sleeps is drawn without its help, and after it has outgrown its first page."""
    with sleeping(daemon.dir, 600, 20000, 15000) as program:
        same(program.stdout.readline(), b"done\n", "the program")
        wait_until(lambda: program.pid in listed(daemon.dir), "it is listed")
        whole, states = agrees(daemon, program.pid)
        check(any(l["bytes"] >= 5 << 20 and l["state"] == "live" for l in whole["large"]), "a large object")
        check(all(s["base"] % SUPERBLOCK_BYTES == 0 for s in whole["superblocks"]), "bases are aligned")
        check(states.get(FULL, 0) + states.get(ROOM, 0) >= 30, "blocks in use: %r" % states)
    # 600 runs of 1 MiB: four to a superblock of 63 blocks, more superblocks than the first page has.
    with sleeping(daemon.dir, (1 << 20) - 100, 600, 300) as program:
        same(program.stdout.readline(), b"done\n", "the larger program")
        wait_until(lambda: program.pid in listed(daemon.dir), "it is listed")
        # The freed half may be unmapped already, but what is live alone is too much for one page.
        whole, _ = agrees(daemon, program.pid)
        check(len(whole["superblocks"]) >= 300 // 3, "%d superblocks" % len(whole["superblocks"]))
        frag = ask(daemon.dir, "frag", {"pid": program.pid})
        same(frag["superblocks_hidden"], 0, "nothing is hidden")
        same(schema_errors(frag, schema_of("frag")), [], "frag of a real process")
        draws(daemon, program.pid)


def draws(daemon, pid):
    """apexctl draws it in every format, to its output and to a file, and refuses what makes no sense."""
    def run(*arguments):
        return apexctl("map", *arguments, directory=daemon.dir)

    code, text, errors = run(str(pid), "--ascii")
    same((code, errors), (0, ""), "apexctl map")
    lines = [l for l in text.splitlines() if re.match("[0-9a-f]{12}  =", l)]
    check(len(lines) >= 100 and all(len(l) == 14 + BLOCKS for l in lines), "a line for each superblock")
    check("\033" not in text, "no colours in a file")
    code, text, _ = run(str(pid), "-o", "json")
    same((code, schema_errors(json.loads(text), schema_of("map"))), (0, []), "as JSON")
    same(len(json.loads(text)["superblocks"]), len(lines), "superblocks in JSON")
    for name, begin in (("heap.html", "<!DOCTYPE html>"), ("heap.svg", "<svg "), ("heap.json", "{")):
        path = os.path.join(daemon.top, name)
        same(run(str(pid), "--file", path), (0, "", ""), "to a file")
        check(open(path, encoding="utf-8").read().startswith(begin), name + " is what its name says")
    code, text, _ = apexctl("frag", str(pid), directory=daemon.dir)
    check(code == 0 and "external" in text, "apexctl frag")
    code, text, _ = apexctl("frag", str(pid), "-o", "json", directory=daemon.dir)
    same(schema_errors(json.loads(text), schema_of("frag")), [], "frag as JSON")
    for arguments, wanted in (((), 2), (("x",), 2), (("1", "2"), 2), (("1", "--by", "x"), 2),
                              (("1", "-o", "x"), 2), (("999999",), 5),
                              ((str(pid), "--file", "/nowhere/x.svg"), 1)):
        code, text, errors = run(*arguments)
        same((code, text), (wanted, ""), "apexctl map %r" % (arguments,))
        check(errors.startswith("apexctl: "), "says why: %r" % errors)
    same(apexctl("frag", directory=daemon.dir)[0], 2, "apexctl frag without a process")


with Daemon() as it:
    test_by_hand(it)
    test_without_map(it)
    if os.path.exists(LIBRARY):
        test_sleeper(it)
finish()
