// SPDX-License-Identifier: MIT
//
// Looks at NUMA; see doctor_numa.h. Works without apexd: what it finds is wrong before any memory
// has moved.

#include "apexctl/doctor_numa.h"

#include "apexctl/proc.h"

#include <errno.h>
#include <linux/mempolicy.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NODES_PATH "/sys/devices/system/node/"
#define CPUS_MAX 8192u
#define STATUS_BYTES 32768 // of /proc/PID/status: its lists may be long
#define LIST_BYTES 128

// --- Sets ----------------------------------------------------------------------------------------

// Sets the bits that a list names, of `count` at most.
static void
numa_parse(uint64_t *bits, unsigned long count, const char *text)
{
    memset(bits, 0, count / 8);
    while (*text >= '0' && *text <= '9') {
        char *end;
        unsigned long first = strtoul(text, &end, 10);
        unsigned long last = *end == '-' ? strtoul(end + 1, &end, 10) : first;
        for (unsigned long i = first; i <= last && i < count; i++) {
            bits[i / 64] |= UINT64_C(1) << i % 64;
        }
        text = *end == ',' ? end + 1 : end;
    }
}

void
doctor_nodes_parse(struct doctor_nodes *set, const char *text)
{
    numa_parse(set->bits, DOCTOR_NODES_MAX, text);
}

static bool
numa_has(const struct doctor_nodes *set, unsigned node)
{
    return (set->bits[node / 64] >> node % 64 & 1) != 0;
}

static unsigned
numa_count(const struct doctor_nodes *set)
{
    unsigned count = 0;

    for (unsigned i = 0; i < DOCTOR_NODES_MAX / 64; i++) {
        count += (unsigned)__builtin_popcountll(set->bits[i]);
    }
    return count;
}

// What is in `a` and, as `in` says, in `b` or not.
static struct doctor_nodes
numa_common(const struct doctor_nodes *a, const struct doctor_nodes *b, bool in)
{
    struct doctor_nodes common;

    for (unsigned i = 0; i < DOCTOR_NODES_MAX / 64; i++) {
        common.bits[i] = a->bits[i] & (in ? b->bits[i] : ~b->bits[i]);
    }
    return common;
}

// "0,1,3"; a list that is too long is cut off.
static const char *
numa_list(const struct doctor_nodes *set, char out[LIST_BYTES])
{
    size_t used = 0;

    out[0] = '\0';
    for (unsigned i = 0; i < DOCTOR_NODES_MAX; i++) {
        if (numa_has(set, i) && used + 10 < LIST_BYTES) {
            used += (size_t)snprintf(out + used, LIST_BYTES - used, "%s%u", used == 0 ? "" : ",",
                                     i);
        }
    }
    return out;
}

// --- Reading -------------------------------------------------------------------------------------

static void
numa_read_nodes(struct doctor_nodes *set, const char *path)
{
    char text[PROC_TEXT_BYTES];

    doctor_nodes_parse(set, proc_read(path, text, sizeof text) > 0 ? text : "0");
}

static bool
numa_is_set(const char *path)
{
    char text[64];
    return proc_read(path, text, sizeof text) > 0 && strtoul(text, NULL, 10) != 0;
}

// The list behind a name in a status; empty when it is not there.
static const char *
numa_status(const char *status, const char *name)
{
    const char *at = strstr(status, name);

    at = at == NULL ? "" : at + strlen(name);
    return at + strspn(at, " \t");
}

// The nodes of the processors that the process may run on.
static void
numa_read_runs(struct doctor_numa *f, const char *status)
{
    static uint64_t allowed[CPUS_MAX / 64];
    static uint64_t here[CPUS_MAX / 64];
    char path[64];
    char text[PROC_TEXT_BYTES];

    memset(&f->runs, 0, sizeof f->runs);
    numa_parse(allowed, CPUS_MAX, numa_status(status, "Cpus_allowed_list:"));
    for (unsigned node = 0; node < DOCTOR_NODES_MAX; node++) {
        snprintf(path, sizeof path, NODES_PATH "node%u/cpulist", node);
        if (!numa_has(&f->cpus, node) || proc_read(path, text, sizeof text) <= 0) {
            continue;
        }
        bool runs = false;
        numa_parse(here, CPUS_MAX, text);
        for (unsigned i = 0; i < CPUS_MAX / 64; i++) {
            runs = runs || (allowed[i] & here[i]) != 0;
        }
        f->runs.bits[node / 64] |= (uint64_t)runs << node % 64;
    }
}

// The number of the package that the first processor of a list is in; false when it is not told.
static bool
numa_read_package(const char *cpus, unsigned long *package)
{
    char path[96];
    char text[64];

    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%lu/topology/physical_package_id",
             strtoul(cpus, NULL, 10));
    if (proc_read(path, text, sizeof text) <= 0) {
        return false;
    }
    *package = strtoul(text, NULL, 10);
    return *package < DOCTOR_NODES_MAX;
}

static unsigned
numa_count_packages(const struct doctor_nodes *cpus)
{
    struct doctor_nodes seen = {{0}};
    unsigned long package;
    char path[64];
    char text[PROC_TEXT_BYTES];

    for (unsigned node = 0; node < DOCTOR_NODES_MAX; node++) {
        snprintf(path, sizeof path, NODES_PATH "node%u/cpulist", node);
        if (numa_has(cpus, node) && proc_read(path, text, sizeof text) > 0 &&
            numa_read_package(text, &package)) {
            seen.bits[package / 64] |= UINT64_C(1) << package % 64;
        }
    }
    return numa_count(&seen);
}

// It leaves its number where daemons do.
static bool
numa_runs_numad(void)
{
    char text[64];
    char comm[64];

    return proc_read("/run/numad.pid", text, sizeof text) > 0 &&
           proc_read_of((pid_t)strtol(text, NULL, 10), "comm", comm, sizeof comm) > 0 &&
           strcmp(comm, "numad\n") == 0;
}

// Whether this session may ask for memory of a node, as sandboxes refuse.
static int
numa_try_bind(void)
{
    unsigned long nodes[DOCTOR_NODES_MAX / (8 * sizeof(unsigned long))] = {1};
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED) {
        return 0;
    }
    long done = syscall(SYS_mbind, page, 4096ul, MPOL_PREFERRED, nodes, DOCTOR_NODES_MAX + 1ul, 0u);
    int error = done == 0 ? 0 : errno;
    munmap(page, 4096);
    return error == EPERM || error == ENOSYS ? error : 0; // another: node 0 is not ours to have
}

void
doctor_numa_read(struct doctor_numa *f, pid_t pid)
{
    static char status[STATUS_BYTES];

    memset(f, 0, sizeof *f);
    numa_read_nodes(&f->online, NODES_PATH "online");
    numa_read_nodes(&f->memory, NODES_PATH "has_memory");
    numa_read_nodes(&f->cpus, NODES_PATH "has_cpu");
    if (proc_read_of(pid == 0 ? getpid() : pid, "status", status, sizeof status) <= 0) {
        status[0] = '\0';
    }
    doctor_nodes_parse(&f->takes, numa_status(status, "Mems_allowed_list:"));
    numa_read_runs(f, status);
    f->packages = numa_count_packages(&f->cpus);
    f->balancing = numa_is_set("/proc/sys/kernel/numa_balancing");
    f->zone_reclaim = numa_is_set("/proc/sys/vm/zone_reclaim_mode");
    f->numad = numa_runs_numad();
    f->bind_error = pid == 0 ? numa_try_bind() : 0;
}

// --- Judging -------------------------------------------------------------------------------------

static void
numa_judge_nodes(struct findings *findings, const struct doctor_numa *f)
{
    struct doctor_nodes far = numa_common(&f->memory, &f->cpus, false);
    struct doctor_nodes bare = numa_common(&f->online, &f->memory, false);
    char list[LIST_BYTES];

    finding_add(findings, FINDING_OK, "numa", NULL, "%u NUMA nodes: %s", numa_count(&f->online),
                numa_list(&f->online, list));
    if (f->packages != 0 && numa_count(&f->cpus) > f->packages) {
        finding_add(findings, FINDING_OK, "numa", NULL,
                    "%u nodes with processors on %u package%s: the firmware splits packages (SNC, "
                    "NPS), so a node has a part of a package's memory and cores",
                    numa_count(&f->cpus), f->packages, f->packages == 1 ? "" : "s");
    }
    if (numa_count(&far) != 0) {
        finding_add(findings, FINDING_OK, "numa", NULL,
                    "memory only, no processors: node %s; libapex uses it when told to",
                    numa_list(&far, list));
    }
    if (numa_count(&bare) != 0) {
        finding_add(findings, FINDING_WARN, "numa",
                    "check how the memory modules are placed: what runs there has none near by",
                    "no memory: node %s", numa_list(&bare, list));
    }
}

static void
numa_judge_kernel(struct findings *findings, const struct doctor_numa *f)
{
    if (f->zone_reclaim) {
        finding_add(findings, FINDING_WARN, "numa", "sysctl vm.zone_reclaim_mode=0",
                    "the kernel reclaims a full node, with stalls, rather than use another");
    }
    if (f->balancing) {
        finding_add(findings, FINDING_OK, "numa", NULL,
                    "the kernel moves pages by itself (kernel.numa_balancing): apexd does not");
    }
    if (f->numad) {
        finding_add(findings, FINDING_OK, "numa", NULL,
                    "numad moves processes, so apexd moves no memory");
    }
    if (f->bind_error != 0) {
        finding_add(findings, FINDING_WARN, "numa",
                    "let mbind through, or leave placing to apexd --act on the host",
                    "a sandbox refuses to ask for memory of a node (%s): numa_home and numa_large "
                    "have no effect in it",
                    strerror(f->bind_error));
    }
}

static void
numa_judge_sets(struct findings *findings, const struct doctor_numa *f, bool of_host)
{
    struct doctor_nodes near = numa_common(&f->runs, &f->takes, true);
    struct doctor_nodes wanted = numa_common(&f->runs, &f->memory, true);
    char runs[LIST_BYTES];
    char takes[LIST_BYTES];

    numa_list(&f->runs, runs);
    numa_list(&f->takes, takes);
    if (numa_count(&near) == 0 && numa_count(&wanted) != 0 && numa_count(&f->takes) != 0) {
        finding_add(findings, FINDING_WARN, "cpuset",
                    "set cpuset.mems (AllowedMemoryNodes=) to the nodes of its processors",
                    "%s may run on node %s and use memory of node %s only: all of it is remote",
                    of_host ? "this session" : "it", runs, takes);
    } else if (runs[0] != '\0' && takes[0] != '\0') {
        finding_add(findings, FINDING_OK, "cpuset", NULL,
                    "%s may run on node %s and use memory of node %s",
                    of_host ? "this session" : "it", runs, takes);
    }
}

void
doctor_numa_judge(struct findings *findings, const struct doctor_numa *facts, bool of_host)
{
    if (numa_count(&facts->online) < 2) {
        if (of_host) {
            finding_add(findings, FINDING_OK, "numa", NULL,
                        "one NUMA node: all memory is equally near");
        }
        return;
    }
    if (of_host) {
        numa_judge_nodes(findings, facts);
        numa_judge_kernel(findings, facts);
    }
    numa_judge_sets(findings, facts, of_host);
}
