// SPDX-License-Identifier: MIT
//
// Looks at a process from outside, as the kernel and apexd show it; see doctor_process.h.

#include "apexctl/doctor_process.h"

#include "apexctl/call.h"
#include "apexctl/doctor_numa.h"
#include "apexctl/doctor_program.h"
#include "apexctl/find.h"
#include "apexctl/proc.h"
#include "apexctl/table.h"
#include "apexctl/value.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DIRTY_FLOOR_BYTES (UINT64_C(64) << 20) // less is not worth a word
#define EMPTY_BYTES (UINT64_C(256) << 20)      // the same of blocks that hold little

// What /proc tells of it.
struct process_facts {
    pid_t pid;
    char exe[FIND_PATH_BYTES];
    char library[FIND_PATH_BYTES]; // libapex in it; empty for none
    bool is_secure;                // it has more rights than its caller
    bool is_sandboxed;
    bool other_mounts;
    char *environment;
    size_t environment_bytes;
};

// --- Its heap ------------------------------------------------------------------------------------

static void
process_faults(struct findings *findings, const cJSON *counters)
{
    const cJSON *item;
    bool any = false;

    cJSON_ArrayForEach(item, counters)
    {
        if (item->string != NULL && strncmp(item->string, "fault_", 6) == 0 &&
            cJSON_IsNumber(item) && item->valuedouble > 0) {
            finding_add(findings, FINDING_BAD, "faults",
                        "the program misuses its heap; its standard error says where, "
                        "apexctl run --hardened finds more",
                        "%s: %.0f", item->string, item->valuedouble);
            any = true;
        }
    }
    if (!any) {
        finding_add(findings, FINDING_OK, "faults", NULL, "no misuse of the heap was noticed");
    }
}

static void
process_kernel_failures(struct findings *findings, const cJSON *counters)
{
    uint64_t failures = value_u64(counters, "os_failures_total");
    uint64_t slotless = value_u64(counters, "slotless_threads");

    if (failures > 0) {
        finding_add(findings, FINDING_WARN, "refusals",
                    "look at limits: ulimit -v, the cgroup, vm.max_map_count, overcommit",
                    "the kernel refused %" PRIu64 " calls for memory", failures);
    } else {
        finding_add(findings, FINDING_OK, "refusals", NULL, "the kernel refused nothing");
    }
    if (slotless > 0) {
        finding_add(findings, FINDING_OK, "threads", NULL,
                    "%" PRIu64 " threads have no line of their own in the statistics", slotless);
    }
}

void
doctor_heap(struct findings *findings, const cJSON *process)
{
    const cJSON *heap = cJSON_GetObjectItemCaseSensitive(process, "heap");
    const cJSON *counters = cJSON_GetObjectItemCaseSensitive(process, "counters");
    uint64_t allocated = value_u64(heap, "allocated_bytes");
    uint64_t active = value_u64(heap, "active_bytes");
    uint64_t dirty = value_u64(heap, "dirty_bytes");
    char a[TABLE_CELL_BYTES];
    char b[TABLE_CELL_BYTES];

    process_faults(findings, counters);
    process_kernel_failures(findings, counters);
    bool much = dirty > DIRTY_FLOOR_BYTES && dirty / 2 > active / 4;
    finding_add(findings, much ? FINDING_WARN : FINDING_OK, "dirty",
                much ? "lower decay_ms or dirty_ratio: apexctl tune" : NULL,
                "%s are free and not given back yet, beside %s in use",
                table_format_bytes(dirty, a), table_format_bytes(active, b));
    much = active > EMPTY_BYTES && allocated < active / 2;
    finding_add(findings, much ? FINDING_WARN : FINDING_OK, "filling",
                much ? "the heap has been larger, or holds few objects of many sizes: see its "
                       "classes, apexctl stats PID"
                     : NULL,
                "blocks of %s hold %s of live objects", table_format_bytes(active, b),
                table_format_bytes(allocated, a));
}

// --- Whether it is on libapex --------------------------------------------------------------------

static void
process_read_facts(struct process_facts *f)
{
    char text[PROC_TEXT_BYTES];
    char mine[64];
    char its[64];
    uint64_t mode = 0;

    ssize_t bytes = proc_read_of(f->pid, "auxv", text, sizeof text);
    f->is_secure = bytes > 0 && proc_auxiliary(text, (size_t)bytes, AT_SECURE) != 0;
    f->is_sandboxed = proc_read_of(f->pid, "status", text, sizeof text) > 0 &&
                      proc_field(text, "Seccomp:", &mode) && mode == 2;
    f->other_mounts = proc_link(f->pid, "ns/mnt", its, sizeof its) &&
                      proc_link(getpid(), "ns/mnt", mine, sizeof mine) && strcmp(its, mine) != 0;
    f->environment = proc_read_all(f->pid, "environ", &f->environment_bytes);
}

static const char *
process_variable(const struct process_facts *f, const char *name)
{
    return f->environment == NULL ? NULL
                                  : proc_variable(f->environment, f->environment_bytes, name);
}

// Why it was not loaded.
static void
process_why_not_loaded(struct findings *findings, const struct process_facts *f)
{
    static struct elf_file file;
    const char *preload = process_variable(f, "LD_PRELOAD");
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/exe", (int)f->pid);
    if (elf_file_read(path, &file)) {
        doctor_executable(findings, f->exe, &file);
    }
    if (f->is_secure) {
        finding_add(findings, FINDING_BAD, "rights",
                    "link the program with libapex, or name the library in /etc/ld.so.preload",
                    "it started with more rights than its caller: LD_PRELOAD was ignored");
    } else if (preload == NULL || strstr(preload, "libapex") == NULL) {
        finding_add(findings, FINDING_BAD, "preload", "start it by apexctl run -- PROGRAM",
                    "it was started without libapex in LD_PRELOAD");
    } else {
        finding_add(findings, FINDING_BAD, "preload",
                    "was the file there, and readable for this user? apexctl doctor -- PROGRAM",
                    "LD_PRELOAD names libapex, but it is not loaded: %s", preload);
    }
}

// False when it is not on libapex, as far as can be seen.
static bool
process_is_on_libapex(struct findings *findings, struct process_facts *f)
{
    size_t bytes = 0;
    char *maps = proc_read_all(f->pid, "maps", &bytes);

    if (maps == NULL && errno == ENOENT) {
        finding_add(findings, FINDING_BAD, "process", "look for it: apexctl ps",
                    "there is no process %d", (int)f->pid);
        return false;
    }
    if (maps == NULL) {
        finding_add(findings, FINDING_BAD, "process", "ask as root or as the user it runs as",
                    "process %d may not be looked at: %s", (int)f->pid, strerror(errno));
        return false;
    }
    bool loaded = proc_mapped_file(maps, "libapex", f->library, sizeof f->library);
    free(maps);
    if (!loaded) {
        return true; // it may be linked with libapex.a: the daemon knows
    }
    finding_add(findings, FINDING_OK, "loaded", NULL, "%s", f->library);
    if (strstr(f->library, " (deleted)") != NULL) {
        finding_add(findings, FINDING_WARN, "loaded", "start the program anew to use the new one",
                    "the library has been replaced since it was loaded");
    }
    return true;
}

// --- Whether it is registered --------------------------------------------------------------------

static void
process_why_not_registered(struct findings *findings, const struct process_facts *f)
{
    const char *options = process_variable(f, "APEX_OPTIONS");
    const char *dir = options == NULL ? NULL : strstr(options, "runtime_dir=");

    if (options != NULL &&
        (strstr(options, "register=0") != NULL || strstr(options, "register=no") != NULL ||
         strstr(options, "register=off") != NULL || strstr(options, "register=false") != NULL)) {
        finding_add(findings, FINDING_BAD, "register", "start it without register=0",
                    "it was told not to: APEX_OPTIONS=%s", options);
    } else if (f->is_secure) {
        finding_add(findings, FINDING_BAD, "register", "it is safer so; nothing can be done",
                    "it has more rights than its caller, and such programs do not register");
    } else if (dir != NULL) {
        finding_add(findings, FINDING_BAD, "register",
                    "ask the daemon there: apexctl --runtime-dir DIR",
                    "it looks for its daemon elsewhere: %s", dir);
    } else if (f->is_sandboxed) {
        finding_add(findings, FINDING_BAD, "register",
                    "a sandbox that is entered later is never tried; one that it started in is "
                    "when APEX_OPTIONS=runtime_dir=/run/apexd is set",
                    "it is in a seccomp sandbox");
    } else if (f->other_mounts) {
        finding_add(findings, FINDING_BAD, "register",
                    "mount /run/apexd into the container, and set APEX_OPTIONS=runtime_dir",
                    "it sees other files than we do: perhaps no socket of apexd");
    } else {
        finding_add(
            findings, FINDING_WARN, "register",
            "it looks again while it allocates, at most a minute later; does /etc/apex.conf "
            "say register = 0, does the daemon serve another user?",
            "it is not registered, and no reason is seen");
    }
}

// Asks the daemon about it. EXIT_OK: it is registered, and its heap has been judged.
static enum exit_code
process_ask(struct findings *findings, const char *runtime_dir, pid_t pid)
{
    struct call call;
    struct call_reply reply;
    cJSON *params = cJSON_CreateObject();
    enum exit_code code = call_open_quietly(&call, runtime_dir);

    if (code != EXIT_OK) {
        cJSON_Delete(params);
        finding_add(findings, FINDING_WARN, "daemon",
                    "apexctl doctor without a PID says more about it",
                    "no apexd can be asked about its heap");
        return code;
    }
    call.quiet = true;
    message_add_u64(params, "pid", (uint64_t)pid);
    code = call_ask(&call, METHOD_stats, params, &reply);
    if (code == EXIT_OK) {
        const cJSON *p = cJSON_GetObjectItemCaseSensitive(reply.answer.result, "process");
        finding_add(findings, FINDING_OK, "register", NULL, "it is registered, libapex %s",
                    value_text(p, "version"));
        doctor_heap(findings, p);
        call_reply_free(&reply);
    } else if (code != EXIT_NO_PROCESS) {
        finding_add(findings, FINDING_WARN, "daemon", "ask as root or as the user it runs as", "%s",
                    call.why);
    }
    call_close(&call);
    return code;
}

void
doctor_process(struct findings *findings, const char *runtime_dir, pid_t pid)
{
    struct process_facts facts = {.pid = pid};
    struct doctor_numa numa;

    if (!process_is_on_libapex(findings, &facts)) {
        return;
    }
    proc_link(pid, "exe", facts.exe, sizeof facts.exe);
    process_read_facts(&facts);
    finding_add(findings, FINDING_OK, "process", NULL, "%d is %s", (int)pid, facts.exe);
    doctor_numa_read(&numa, pid);
    doctor_numa_judge(findings, &numa, false);
    enum exit_code code = process_ask(findings, runtime_dir, pid);
    if (code != EXIT_OK && facts.library[0] == '\0') {
        process_why_not_loaded(findings, &facts);
    } else if (code == EXIT_NO_PROCESS) {
        process_why_not_registered(findings, &facts);
    }
    free(facts.environment);
}
