// SPDX-License-Identifier: MIT
//
// Looks at the host; see doctor_host.h. Features are tried rather than guessed from a version:
// kernels are patched, and sandboxes refuse what the kernel could do.

#include "apexctl/doctor_host.h"

#include "apexctl/doctor_numa.h"
#include "apexctl/proc.h"
#include "libapex/abi/stats_page.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102 // Linux 6.13
#endif

#define MAPS_WANTED 65530      // the kernel's own default
#define DESCRIPTORS_WANTED 256 // below that, programs run out of them by themselves

#define SUPERBLOCK_BYTES (APEX_STATS_SUPERBLOCK_BLOCKS * (unsigned long)APEX_STATS_BLOCK_BYTES)
#define GUARD_BYTES 4096 // of the hardened library, which makes none where a page is larger

static void
host_kernel(struct findings *findings)
{
    struct utsname name;

    uname(&name);
    finding_add(findings, FINDING_OK, "kernel", NULL, "%s %s on %s", name.sysname, name.release,
                name.machine);
}

static void
host_seals(struct findings *findings)
{
    int fd = memfd_create("apexctl-doctor", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    bool good = fd >= 0 && ftruncate(fd, 4096) == 0 &&
                fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE) == 0;
    int error = errno;

    if (good) {
        finding_add(findings, FINDING_OK, "seals", NULL,
                    "memory can be shared and sealed, so programs can register");
    } else {
        finding_add(findings, FINDING_BAD, "seals",
                    "it takes Linux 5.1 or later, and a sandbox that lets memfd_create through",
                    "memory cannot be sealed (%s): no program can register", strerror(error));
    }
    if (fd >= 0) {
        close(fd);
    }
}

// Bytes of a huge page, 0 if nobody says. They grow with the page: 2 MiB, 32 MiB, 512 MiB for 4, 16
// and 64 KiB.
static unsigned long
host_huge_page_bytes(void)
{
    char text[PROC_TEXT_BYTES];
    bool known =
        proc_read("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", text, sizeof text) > 0;
    return known ? strtoul(text, NULL, 10) : 0;
}

static void
host_huge_pages(struct findings *findings)
{
    char text[PROC_TEXT_BYTES];
    unsigned long bytes = host_huge_page_bytes();

    if (proc_read("/sys/kernel/mm/transparent_hugepage/enabled", text, sizeof text) <= 0) {
        finding_add(findings, FINDING_WARN, "thp",
                    "nothing is lost but speed of large heaps; the option thp has no effect",
                    "the kernel has no transparent huge pages, or does not say");
    } else if (strstr(text, "[never]") != NULL) {
        finding_add(findings, FINDING_WARN, "thp",
                    "echo madvise >/sys/kernel/mm/transparent_hugepage/enabled, as root, makes "
                    "large heaps faster",
                    "transparent huge pages are switched off; the option thp has no effect");
    } else if (bytes > SUPERBLOCK_BYTES) {
        finding_add(findings, FINDING_WARN, "thp",
                    "nothing is lost but speed of large heaps; kernels with pages of 4 KiB have "
                    "huge pages of 2 MiB",
                    "a huge page has %lu MiB, more than a superblock; the option thp has hardly "
                    "any effect",
                    bytes >> 20);
    } else {
        finding_add(findings, FINDING_OK, "thp", NULL, "transparent huge pages: %s",
                    strstr(text, "[always]") != NULL ? "always" : "where a program asks for them");
    }
}

static void
host_maps(struct findings *findings)
{
    char text[PROC_TEXT_BYTES];
    unsigned long maps = proc_read("/proc/sys/vm/max_map_count", text, sizeof text) > 0
                             ? strtoul(text, NULL, 10)
                             : 0;

    if (maps != 0 && maps < MAPS_WANTED) {
        finding_add(findings, FINDING_WARN, "maps",
                    "sysctl vm.max_map_count=262144; the hardened library needs many for its guard "
                    "pages",
                    "a process may have only %lu mappings", maps);
    } else {
        finding_add(findings, FINDING_OK, "maps", NULL, "a process may have %lu mappings", maps);
    }
}

static void
host_guards(struct findings *findings)
{
    size_t bytes = (size_t)sysconf(_SC_PAGESIZE);

    if (bytes > GUARD_BYTES) {
        finding_add(findings, FINDING_WARN, "guards",
                    "what runs off its block is found when it is freed, not at once; a kernel with "
                    "pages of 4 KiB has guards",
                    "a page has %zu KiB: the hardened library makes no guard pages", bytes >> 10);
        return;
    }
    void *page = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bool guards = page != MAP_FAILED && madvise(page, bytes, MADV_GUARD_INSTALL) == 0;
    finding_add(findings, FINDING_OK, "guards", NULL, "%s",
                guards
                    ? "guard pages cost no mappings (MADV_GUARD_INSTALL)"
                    : "each guard page of the hardened library costs mappings, so there are few");
    if (page != MAP_FAILED) {
        munmap(page, bytes);
    }
}

static void
host_overcommit(struct findings *findings)
{
    char text[PROC_TEXT_BYTES];

    if (proc_read("/proc/sys/vm/overcommit_memory", text, sizeof text) > 0 && text[0] == '2') {
        finding_add(findings, FINDING_WARN, "overcommit",
                    "malloc may return NULL though memory is free: see CommitLimit and "
                    "Committed_AS in /proc/meminfo, raise vm.overcommit_ratio, lower retain",
                    "the kernel promises no more memory than it has (vm.overcommit_memory=2)");
    } else {
        finding_add(findings, FINDING_OK, "overcommit", NULL,
                    "memory may be promised beyond what there is (vm.overcommit_memory=%c)",
                    text[0] == '\0' ? '?' : text[0]);
    }
}

static void
host_sandbox(struct findings *findings)
{
    char text[PROC_TEXT_BYTES];
    uint64_t mode = 0;

    if (proc_read("/proc/self/status", text, sizeof text) > 0 &&
        proc_field(text, "Seccomp:", &mode) && mode != 0) {
        finding_add(findings, FINDING_WARN, "seccomp",
                    "programs in it register only when they are told where: "
                    "APEX_OPTIONS=runtime_dir=/run/apexd",
                    "this session is in a seccomp sandbox");
    } else {
        finding_add(findings, FINDING_OK, "seccomp", NULL, "this session is in no sandbox");
    }
    if (proc_read("/proc/sys/kernel/yama/ptrace_scope", text, sizeof text) > 0) {
        finding_add(findings, FINDING_OK, "yama", NULL,
                    "ptrace_scope is %c; apexd and apexctl trace nobody", text[0]);
    }
}

static void
host_limits(struct findings *findings)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < DESCRIPTORS_WANTED) {
        finding_add(findings, FINDING_WARN, "nofile",
                    "ulimit -n 1024; a program needs three free ones for a moment to register, "
                    "apexd one for each program",
                    "programs of this session may open only %" PRIu64 " files",
                    (uint64_t)limit.rlim_cur);
    } else {
        finding_add(findings, FINDING_OK, "nofile", NULL, "%" PRIu64 " open files are allowed",
                    (uint64_t)limit.rlim_cur);
    }
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        finding_add(findings, FINDING_WARN, "ulimit -v",
                    "libapex holds more address space than memory; use heap_limit or a cgroup "
                    "instead",
                    "address space is limited to %" PRIu64 " MiB", (uint64_t)limit.rlim_cur >> 20);
    }
}

static void
host_session(struct findings *findings)
{
    const char *folder = getenv("XDG_RUNTIME_DIR");
    struct stat status;

    if (folder == NULL || folder[0] == '\0') {
        finding_add(findings, geteuid() == 0 ? FINDING_OK : FINDING_WARN, "session",
                    geteuid() == 0 ? NULL
                                   : "log in in the usual way, or set it to a folder of yours "
                                     "that nobody else may write to",
                    "XDG_RUNTIME_DIR is not set%s",
                    geteuid() == 0 ? ", which root does not need"
                                   : ": an apexd of yours has no usual place");
    } else if (stat(folder, &status) != 0 || !S_ISDIR(status.st_mode)) {
        finding_add(findings, FINDING_WARN, "session", "log in anew, or make the folder",
                    "XDG_RUNTIME_DIR is %s, which is no folder", folder);
    } else if (status.st_uid != geteuid() || (status.st_mode & 022) != 0) {
        finding_add(findings, FINDING_WARN, "session",
                    "after su or sudo it may be another user's; unset it",
                    "XDG_RUNTIME_DIR is %s, which is not yours alone", folder);
    } else {
        finding_add(findings, FINDING_OK, "session", NULL, "XDG_RUNTIME_DIR is %s", folder);
    }
}

static void
host_numa(struct findings *findings)
{
    struct doctor_numa facts;

    doctor_numa_read(&facts, 0);
    doctor_numa_judge(findings, &facts, true);
}

void
doctor_host(struct findings *findings)
{
    host_kernel(findings);
    host_seals(findings);
    host_huge_pages(findings);
    host_maps(findings);
    host_guards(findings);
    host_overcommit(findings);
    host_sandbox(findings);
    host_limits(findings);
    host_session(findings);
    host_numa(findings);
}
