# SPDX-License-Identifier: MIT
#
# NUMA as the daemon sees it, on machines that hwloc is told of: what `topology` says of them, held
# against golden files; a machine whose nodes come and go while the daemon runs; and where processes
# live, by pages made by hand, hostile ones among them. Reason: machines with one node, as most who
# build this have, show nothing of it. NUMA_UPDATE=1 writes the golden files anew.
"""See the head of the file."""

from support import *

NODE = 8  # the section
USED, MEMORY, CPUS, ALLOWED = 1, 2, 4, 8
ROWS = re.findall(r"^STAT_NODE\((\w+), (\w+), (\w+), \"",
                  open(os.path.join(SOURCE, "libapex/tables/stats.def"), encoding="utf-8").read(), re.M)
NAMES = [name for name, _, _ in ROWS]
ROW_BYTES = 8 + 8 * len(NAMES)

HMAT = os.path.join(SOURCE, "tests/golden/hmat.xml")
FOUR = {"HWLOC_XMLFILE": HMAT}

MACHINES = {
    "desktop": {"HWLOC_SYNTHETIC": "pack:1 [numa(memory=16GB)] l3:1(size=16MB) l2:4(size=1MB) pu:2"},
    "clusters": {"HWLOC_SYNTHETIC": "pack:2 group:2 [numa(memory=16GB)] l3:1(size=32MB) core:2 pu:2"},
    "sparse": {"HWLOC_SYNTHETIC": "numa:2(memory=8GB indexes=3,8) core:2 pu:1"},
    "far": {"HWLOC_SYNTHETIC": "[numa(memory=64GB)] pack:2 [numa(memory=8GB)] core:2 pu:1"},
    "hmat": FOUR,
}


class NodePage(Page):
    """A page that tells of nodes: (node, flags, {name: value}) each; threads are (state, node)."""

    def __init__(self, nodes, threads=()):
        super().__init__(total=16384)
        self.nodes = nodes
        self.sections.append([NODE, max(len(nodes), 1), ROW_BYTES, 8192])
        self.fields["sections"] = 5
        self.fields["minor"] = 2
        for i, (name, kind, unit) in enumerate(ROWS):
            self.schema.append((NODE, 8 + 8 * i, 0 if kind == "counter" else 1, name.encode(),
                                unit.encode()))
        self.sections[3][1] = len(self.schema)
        self.process[0] = min(sum(values.get("mapped", 0) for _, _, values in nodes), (1 << 64) - 1)
        for i, (state, node) in enumerate(threads):
            self.slots[i] = (state, 101 + i, node, [(0, 0)] * 4, 0)

    def bytes(self):
        data = bytearray(super().bytes())
        for i, (node, flags, values) in enumerate(self.nodes):
            struct.pack_into("<II%dQ" % len(NAMES), data, 8192 + i * ROW_BYTES, node, flags,
                             *[values.get(name, 0) for name in NAMES])
        return bytes(data)


# --- Machines ---------------------------------------------------------------------------------------


def golden(name, text):
    path = os.path.join(SOURCE, "tests/golden/topology_%s.txt" % name)
    if os.environ.get("NUMA_UPDATE"):
        open(path, "w", encoding="utf-8").write(text)
    same(text, open(path, encoding="utf-8").read(), "topology of " + name)


def test_machines():
    for name, environment in MACHINES.items():
        with Daemon(environment=environment) as daemon:
            code, out, err = apexctl("topology", directory=daemon.dir)
            same((code, err), (0, ""), "apexctl topology of " + name)
            # The size of a page is that of the machine that this runs on.
            golden(name, re.sub(r"pages of .*", "pages", out))
            result = json.loads(apexctl("topology", "-o", "json", directory=daemon.dir)[1])
            same(schema_errors(result, schema_of("topology")), [], "topology of %s as JSON" % name)
            check(not result["this_system"], "another system: " + name)


def test_too_many():
    with Daemon(environment={"HWLOC_SYNTHETIC": "numa:70 pu:1"}) as daemon:
        result = ask(daemon.dir, "topology")
        same((len(result["nodes"]), result["truncated"]), (64, True), "nodes beyond the bound")


class Machine:
    """Files of the kernel that hwloc reads below a folder: nodes as {number: (processors, MiB)}."""

    def __init__(self, root, nodes):
        self.root = root
        self.environment = {"HWLOC_FSROOT": root, "HWLOC_COMPONENTS": "linux,stop"}
        self.write("proc/sys/kernel/numa_balancing", "1\n")
        self.write("proc/sys/vm/zone_reclaim_mode", "0\n")
        self.set(nodes)

    def write(self, name, text):
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(path + ".new", path)

    def set(self, nodes):
        system = "sys/devices/system/"
        listed_as = lambda numbers: ",".join(map(str, sorted(numbers))) + "\n"
        mask = lambda cpus: "%08x\n" % sum(1 << c for c in cpus)
        cpus = [c for own, _ in nodes.values() for c in own]
        for old in set(os.listdir(os.path.join(self.root, system, "node"))
                       if os.path.isdir(os.path.join(self.root, system, "node")) else []):
            if old.startswith("node") and int(old[4:]) not in nodes:
                shutil.rmtree(os.path.join(self.root, system, "node", old))
        self.write("proc/cpuinfo", "".join("processor\t: %d\n\n" % c for c in cpus))
        self.write("proc/meminfo", "MemTotal: %d kB\n" % (1024 * sum(m for _, m in nodes.values())))
        for package, (number, (own, mib)) in enumerate(sorted(nodes.items())):
            for c in own:
                place = system + "cpu/cpu%d/topology/" % c
                self.write(place + "physical_package_id", "%d\n" % package)
                self.write(place + "core_id", "%d\n" % c)
                self.write(place + "core_cpus", mask([c]))
                self.write(place + "package_cpus", mask(own))
            place = system + "node/node%d/" % number
            self.write(place + "cpumap", mask(own))
            self.write(place + "cpulist", listed_as(own) if own else "\n")
            self.write(place + "distance",
                       " ".join("10" if to == number else "21" for to in sorted(nodes)) + "\n")
            self.write(place + "meminfo", "".join("Node %d %s: %d kB\n" % (number, name, kib) for name, kib in (
                ("MemTotal", mib * 1024), ("MemFree", mib * 512), ("FilePages", mib * 128),
                ("Shmem", mib * 64))))
        for name in ("online", "possible", "present"):
            self.write(system + "cpu/" + name, listed_as(cpus))
        self.write(system + "node/has_memory", listed_as(n for n in nodes if nodes[n][1]))
        self.write(system + "node/has_cpu", listed_as(n for n in nodes if nodes[n][0]))
        self.write(system + "node/possible", listed_as(nodes))
        self.write(system + "node/online", listed_as(nodes))


def node_numbers(daemon):
    return [n["node"] for n in ask(daemon.dir, "topology").get("nodes", [])]


def test_hotplug():
    """Nodes with gaps, without memory and without processors; they come and go."""
    root = tempfile.mkdtemp(prefix="apexd-test-")
    machine = Machine(root, {0: ([0, 1], 1024), 2: ([2, 3], 2048), 5: ([], 4096), 7: ([4], 0)})
    with Daemon(environment=machine.environment) as daemon:
        nodes = {n["node"]: n for n in ask(daemon.dir, "topology")["nodes"]}
        same(sorted(nodes), [0, 2, 5, 7], "numbers with gaps")
        same([nodes[n]["cpu_list"] for n in sorted(nodes)], ["0-1", "2-3", "", "4"], "processors")
        same([nodes[n].get("tier") for n in sorted(nodes)], [0, 0, 1, None], "tiers")
        same(nodes[2]["free_bytes"], (1024 + 256 - 128) << 20, "free: what is free and the files")
        same(ask(daemon.dir, "numa")["host"],
             {"numa_balancing": True, "numad": False, "zone_reclaim": False}, "the kernel's own ways")
        machine.write("run/numad.pid", "77\n")
        machine.write("proc/77/comm", "numad\n")
        machine.write("proc/sys/vm/zone_reclaim_mode", "1\n")
        host = ask(daemon.dir, "numa")["host"]
        same((host["numad"], host["zone_reclaim"]), (True, True), "numad and zone_reclaim_mode")
        machine.write("proc/77/comm", "other\n")
        check(not ask(daemon.dir, "numa")["host"]["numad"], "another process has numad's number")
        machine.set({0: ([0, 1], 1024), 2: ([2, 3], 2048), 5: ([], 4096), 7: ([4], 0), 9: ([], 512)})
        wait_until(lambda: node_numbers(daemon) == [0, 2, 5, 7, 9], "a node comes")
        machine.set({0: ([0, 1], 1024), 2: ([2, 3], 2048)})
        wait_until(lambda: node_numbers(daemon) == [0, 2], "nodes go")
        check("the machine has changed: 2 nodes" in daemon.read_log(), "the log says so")
    shutil.rmtree(root)


# --- Who lives where --------------------------------------------------------------------------------

MIB = 1 << 20
GOOD = [(0, USED | MEMORY | CPUS | ALLOWED,
         {"mapped": 8 * MIB, "active": 5 * MIB, "dirty": MIB, "refills_local": 30, "refills_remote": 10,
          "frees_same": 4, "frees_cross": 12, "sampled": 100, "at_home": 80, "found": 90}),
        (2, USED | MEMORY | CPUS, {"mapped": 4 * MIB, "active": 4 * MIB, "refills_local": 7, "switches": 3,
                                   "sampled": 50, "at_home": 25, "found": 60})]


def test_living():
    with Daemon(environment=FOUR) as daemon:
        memfd = Memfd(NodePage(GOOD, [(1, 0), (2, 0), (1, 2)]).bytes())
        same(register(daemon.dir, [memfd.fd], hello_message(page_bytes=16384))[0], "accepted", "a page")
        pid = os.getpid()
        stats = ask(daemon.dir, "stats", {"pid": pid})
        same(schema_errors(stats, schema_of("stats")), [], "stats of one")
        nodes = {n["node"]: n for n in stats["process"]["nodes"]}
        same((sorted(nodes), nodes[0]["dirty_bytes"], nodes[2]["switches_total"]), ([0, 2], MIB, 3),
             "nodes of one in stats")
        total = ask(daemon.dir, "stats")
        same(schema_errors(total, schema_of("stats")), [], "stats of all")
        same([n["mapped_bytes"] for n in total["nodes"]], [8 * MIB, 0, 4 * MIB, 0], "sums by node")
        topology = ask(daemon.dir, "topology")
        same(schema_errors(topology, schema_of("topology")), [], "topology with one who lives there")
        same([(n["processes"], n["threads"], n["heap_bytes"]) for n in topology["nodes"]],
             [(1, 1, 8 * MIB), (0, 0, 0), (1, 1, 4 * MIB), (0, 0, 0)], "who lives where")
        same(topology["nodes"][0]["residents"],
             [{"pid": pid, "comm": "by-hand", "heap_bytes": 8 * MIB, "threads": 1}], "residents")
        check("by-hand (%d) 8.0 MiB" % pid in apexctl("topology", directory=daemon.dir)[1], "and by name")
        check_pictures(daemon, pid)
        own = 'comm="by-hand",uid="%d"' % os.geteuid()
        check_metrics(daemon, own, 8 * MIB)
        memfd.close()
        gauge = 'apex_node_mapped_bytes{node="0",%s,unit=' % own
        wait_until(lambda: re.search(re.escape(gauge) + '"[^"]*"} 0$', ask(daemon.dir, "metrics")["text"], re.M),
                   "it leaves")
        check_metrics(daemon, own, 0)


def check_metrics(daemon, own, mapped):
    """Samples by node: gauges go with the process, counters stay."""
    values = {name.split(",unit=")[0]: value for name, value in
              samples(ask(daemon.dir, "metrics")["text"]).items()}
    same(values.get('apex_node_mapped_bytes{node="0",' + own), mapped, "a gauge by node")
    same(values.get('apex_node_refills_remote_total{node="0",' + own), 10, "a counter by node")
    same(values.get('apex_node_at_home_total{node="2",' + own), 25, "a counter of another node")
    check('apex_node_mapped_bytes{node="1",' + own not in values, "a node where it never was")


def check_pictures(daemon, pid):
    for params in ({}, {"pid": pid}, {"match": "comm=by-hand"}):
        result = ask(daemon.dir, "numa", params)
        same(schema_errors(result, schema_of("numa")), [], "numa %r" % params)
        same((result["more"], result["hidden"], len(result["processes"])), (0, 0, 1), "all are shown")
        same([(n["home_bytes"], n["refills_remote_total"]) for n in result["nodes"]],
             [(8 * MIB, 10), (0, 0), (4 * MIB, 0), (0, 0)], "sums in numa %r" % params)
        nodes = {n["node"]: n for n in result["processes"][0]["nodes"]}
        same((nodes[0]["frees_cross_total"], nodes[2]["at_home_total"], nodes[2]["threads"]),
             (12, 25, 1), "figures of nodes in numa %r" % params)
        same(sorted(nodes), [0, 2] if not params else [0, 1, 2, 3], "nodes in numa %r" % params)
    one = result["processes"][0]
    same((one["policy"], one["seccomp"]), (policy_of(), seccomp_of()), "what the kernel says")
    check(nodes[0]["allowed"] and not nodes[3]["allowed"], "memory that it may take")
    for error, params in (("no_such_process", {"pid": 1}), ("no_such_process", {"match": "comm=nobody"}),
                          ("bad_params", {"match": "nonsense"}),
                          ("bad_params", {"pid": pid, "match": "comm=by-hand"})):
        with Control(daemon.dir) as control:
            same(control.ask("numa", params).get("error", {}).get("code"), error, "numa %r" % params)
    code, out, err = apexctl("stats", "--numa", str(pid), directory=daemon.dir)
    same((code, err), (0, ""), "apexctl stats --numa PID")
    lines = [line.split() for line in out.splitlines()]
    check(out.startswith("by-hand (pid %d, uid %d)" % (pid, os.geteuid())), "its head: " + out)
    row = [line for line in lines if line[:1] == ["0"]][0]
    same(row[2:], ["1", "8.0", "MiB", "5.0", "MiB", "30", "10", "4", "12", "80", "%", "60", "%"], "a row")
    code, out, err = apexctl("stats", "--numa", directory=daemon.dir)
    check(re.search(r"^ *%d +by-hand +0 +1 +8.0 MiB +5.0 MiB +25 %% +75 %% +80 %%$" % pid, out, re.M),
          "a row of the summary: " + out)
    same(json.loads(apexctl("stats", "--numa", "--match", "comm=by-hand", "-o", "json",
                            directory=daemon.dir)[1])["schema"], "apexd.numa/1", "as JSON")
    for wrong in (["stats", "--match", "comm=x"], ["stats", "--numa", "--match", "comm=x", "1"],
                  ["ps", "--numa"], ["topology", "--match", "comm=x"]):
        same(apexctl(*wrong, directory=daemon.dir)[0], 2, "apexctl %r" % wrong)


def policy_of():
    """The policy of this process, as the first line of its numa_maps has it."""
    try:
        word = open("/proc/self/numa_maps", encoding="utf-8").readline().split()[1]
    except (OSError, IndexError):
        return "unknown"
    return word.split(":")[0] if word.split(":")[0] in ("bind", "interleave") else "default"


def seccomp_of():
    return "\nSeccomp:\t2\n" in open("/proc/self/status", encoding="utf-8").read()


def test_lies():
    """Rows that make no sense, or tell of nodes that the machine does not have, count for nothing."""
    huge = {name: (1 << 64) - 1 for name in NAMES}
    wild = [(0, USED, huge), (0, USED, huge), (1 << 31, USED, huge), (2, 0, huge), (3, USED, huge),
            (1, USED, huge), (77, USED, huge)]
    with Daemon(environment=FOUR) as daemon:
        memfd = Memfd(NodePage(wild, [(1, 0), (1, 99), (1, (1 << 32) - 1)]).bytes())
        same(register(daemon.dir, [memfd.fd], hello_message(page_bytes=16384))[0], "accepted", "lies")
        stats = ask(daemon.dir, "stats", {"pid": os.getpid()})
        same([n["node"] for n in stats["process"]["nodes"]], [0, 3, 77], "rows in order, of the process")
        for method, params in (("stats", {}), ("topology", {}), ("numa", {}), ("numa", {"pid": os.getpid()}),
                               ("metrics", {})):
            same(schema_errors(ask(daemon.dir, method, params), schema_of(method)), [], "lies in " + method)
        check('node="77"' not in ask(daemon.dir, "metrics")["text"], "a made-up node among the metrics")
        topology = ask(daemon.dir, "topology")
        same([n["heap_bytes"] != 0 for n in topology["nodes"]], [True, False, False, True], "rows that count")
        same(sum(n["threads"] for n in topology["nodes"]), 1, "threads on nodes that there are")
        memfd.close()
        for section in ([NODE, 1025, ROW_BYTES, 8192], [NODE, 1, 8, 8192], [NODE, 2, ROW_BYTES, 16384 - ROW_BYTES],
                        [NODE, 1, ROW_BYTES, 8196]):
            page = NodePage(GOOD)
            page.sections[4] = section
            memfd = Memfd(page.bytes())
            same(register(daemon.dir, [memfd.fd], hello_message(page_bytes=16384))[0], "bad_page",
                 "a section of nodes %r" % section)
            memfd.close()


def sample_count(fd):
    """What the advice page has asked for: behind its rows."""
    with contextlib.closing(mmap.mmap(fd, 4096, prot=mmap.PROT_READ)) as page:
        return struct.unpack_from("<Q", page, 128 + 64 * 32)[0]


ASK_S = 10  # between two requests to one process: PLACEMENT_ASK_NS in apexd/placement.h


def test_sampling():
    """A process is asked to look where its pages are: on machines with several nodes only."""
    for environment, wanted in ((FOUR, True), ({"HWLOC_SYNTHETIC": "numa:1 pu:2"}, False)):
        with Daemon(environment=environment) as daemon:
            begin = time.monotonic()
            memfd = Memfd(NodePage(GOOD).bytes())
            _, _, advice = register(daemon.dir, [memfd.fd], hello_message(page_bytes=16384))
            if wanted:
                wait_until(lambda fd=advice[0]: sample_count(fd) == 1, "it is asked")
                beat = beats(advice[0])
                wait_until(lambda fd=advice[0]: beats(fd) >= beat + 3, "three seconds go by")
                check(sample_count(advice[0]) == 1 or time.monotonic() - begin >= ASK_S,
                      "and not at once again")
            else:
                beat = beats(advice[0])
                wait_until(lambda fd=advice[0]: beats(fd) >= beat + 2, "two seconds go by")
                same(sample_count(advice[0]), 0, "with one node there is nothing to ask")
            os.close(advice[0])
            memfd.close()


def superblocks(page, rows):
    """The bytes of a page that has these (address, node) as its superblocks."""
    page.sections.append([5, len(rows), 16 + 256, 12288])
    page.fields["sections"] = 6
    data = bytearray(page.bytes())
    for i, (base, node) in enumerate(rows):
        struct.pack_into("<QII", data, 12288 + i * 272, base, 0, node)
    return bytes(data)


def may_ask(address):
    """Whether the kernel tells here where a page is: a filter may forbid to ask."""
    libc = ctypes.CDLL(None, use_errno=True)
    pages, status = (ctypes.c_void_p * 1)(address), (ctypes.c_int * 1)()
    return libc.syscall(ctypes.c_long(279), ctypes.c_long(os.getpid()), ctypes.c_ulong(1), pages, None, status,
                        ctypes.c_int(0)) == 0 and status[0] == 0


def test_own_sampling():
    """Acting, the daemon asks the kernel itself about a process that does not tell: real memory, which is
    on node 0, of a superblock that belongs there and of one that belongs to node 2; and addresses where
    nothing is."""
    memory = mmap.mmap(-1, 9 * MIB)
    memory.write(b"x" * (9 * MIB))
    base = (ctypes.addressof(ctypes.c_char.from_buffer(memory)) + 4095) & ~4095
    if os.uname().machine != "x86_64" or not may_ask(base):
        print("the kernel does not tell where pages are: not tried")
        return
    rows = [(base, 0), (base + 4 * MIB, 2), (0, 0), (0xffffffff00000000, 0), (4096, 2)]
    for options, wanted in (([], False), (["--act"], True)):
        with Daemon(*options, environment=FOUR) as daemon:
            memfd = Memfd(superblocks(NodePage([(n, f, {"mapped": 4 * MIB}) for n, f, _ in GOOD]), rows))
            _, _, advice = register(daemon.dir, [memfd.fd], hello_message(page_bytes=16384))
            wait_until(lambda fd=advice[0]: sample_count(fd) >= 2, "it is asked twice")
            nodes = ask(daemon.dir, "numa", {"pid": os.getpid()})["processes"][0]["nodes"]
            home, far = nodes[0], nodes[2]
            if wanted:
                check(home["sampled_total"] > 0 and far["sampled_total"] > 0, "pages of both were found")
                same((home["at_home_total"], far["at_home_total"]), (home["sampled_total"], 0), "at home")
                same((home["found_total"], far["found_total"]),
                     (home["sampled_total"] + far["sampled_total"], 0), "all are on node 0")
            else:
                same((home["sampled_total"], far["sampled_total"]), (0, 0), "without --act nobody looks")
            os.close(advice[0])
            memfd.close()


def beats(fd):
    with contextlib.closing(mmap.mmap(fd, 4096, prot=mmap.PROT_READ)) as page:
        return struct.unpack_from("<Q", page, 40)[0]


def test_real(daemon):
    """A program on libapex, on the machine that there is."""
    with running([sys.executable, "-c", BUSY], env=preloaded(daemon.dir)) as program:
        wait_until(lambda: program.pid in listed(daemon.dir), "it registers")
        result = ask(daemon.dir, "numa", {"pid": program.pid})
        same(schema_errors(result, schema_of("numa")), [], "numa of a program")
        one = result["processes"][0]
        check(any(n["allowed"] for n in one["nodes"]), "it may take memory somewhere")
        check(sum(n["cpus_allowed"] for n in one["nodes"]) >= len(os.sched_getaffinity(program.pid)),
              "and run on its processors")
        same(sum(n["threads"] for n in one["nodes"]), 1, "its thread is somewhere")
        check(result["nodes"][0].get("free_bytes", 0) > 0, "a node has free memory")


test_machines()
test_too_many()
test_hotplug()
test_living()
test_lies()
test_sampling()
test_own_sampling()
if os.path.exists(LIBRARY) and os.path.isdir("/sys/devices/system/node/node0"):
    with Daemon() as it:
        test_real(it)
finish()
