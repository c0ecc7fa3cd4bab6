// SPDX-License-Identifier: MIT
//
// Looks at library, options and daemon; see doctor_setup.h.

#include "apexctl/doctor_setup.h"

#include "apexctl/call.h"
#include "apexctl/elf_file.h"
#include "apexctl/find.h"
#include "apexctl/probe.h"
#include "apexctl/proc.h"
#include "apexctl/value.h"
#include "libapex/abi/hello.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "unknown"
#endif

// --- The library ---------------------------------------------------------------------------------

// The entries that the library has refused. `where` they stand; how many.
static unsigned
setup_refused(struct findings *findings, struct probe *probe, const char *where)
{
    unsigned refused = 0;
    char entry[PROBE_ENTRY_BYTES];

    while (probe_refused(probe, entry)) {
        finding_add(findings, FINDING_BAD, "options", "see apex-options(7)", "%s: ignored: %s",
                    where, entry);
        refused++;
    }
    return refused;
}

static void
setup_options(struct findings *findings, const char *library, struct probe *probe)
{
    const char *variable = getenv("APEX_OPTIONS");
    bool has_file = access("/etc/apex.conf", F_OK) == 0;
    unsigned refused = setup_refused(findings, probe, "/etc/apex.conf");

    if (has_file && access("/etc/apex.conf", R_OK) != 0) {
        finding_add(findings, FINDING_BAD, "options", "chmod 644 /etc/apex.conf",
                    "/etc/apex.conf cannot be read by programs of this user");
    } else if (refused == 0) {
        finding_add(findings, FINDING_OK, "options", NULL, "/etc/apex.conf %s",
                    has_file ? "is understood" : "is not there; defaults apply");
    }
    if (variable == NULL || variable[0] == '\0') {
        return;
    }
    probe_run(probe, library, variable);
    // What the file brought comes first, and was told already.
    probe_pass_over(probe, refused);
    if (setup_refused(findings, probe, "APEX_OPTIONS") == 0) {
        finding_add(findings, FINDING_OK, "options", NULL, "APEX_OPTIONS is understood: %s",
                    variable);
    }
}

static void
setup_preload(struct findings *findings, const char *library)
{
    static struct probe probe;

    bool ran = probe_run(&probe, library, NULL);
    if (ran && strcmp(probe.version, PACKAGE_VERSION) == 0) {
        finding_add(findings, FINDING_OK, "preload", NULL, "LD_PRELOAD loads version %s of it",
                    probe.version);
    } else if (ran && probe.version[0] != '\0') {
        finding_add(findings, FINDING_WARN, "version",
                    "install library, daemon and apexctl from one release",
                    "the library is version %s, apexctl is %s", probe.version, PACKAGE_VERSION);
    } else {
        const char *reason = probe_line(&probe, "ERROR: ld.so: ");
        finding_add(findings, FINDING_BAD, "preload",
                    "is it a whole file, for this machine and this libc?",
                    "LD_PRELOAD does not load the library%s%s", reason == NULL ? "" : ": ",
                    reason == NULL ? "" : reason);
        return;
    }
    setup_options(findings, library, &probe);
}

static void
setup_others(struct findings *findings)
{
    static const enum find_what others[] = {FIND_HARDENED, FIND_GUARD, FIND_DAEMON};
    char path[FIND_PATH_BYTES];

    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (find_file(others[i], path)) {
            finding_add(findings, FINDING_OK, "found", NULL, "%s", path);
        } else {
            finding_add(findings, FINDING_WARN, "found",
                        others[i] == FIND_DAEMON ? "apexctl run starts none of its own then"
                                                 : "the option of apexctl run for it fails then",
                        "%s is at none of the usual places, and %s names none",
                        find_name(others[i]), find_variable(others[i]));
        }
    }
}

void
doctor_library(struct findings *findings)
{
    char path[FIND_PATH_BYTES];
    static struct elf_file file;
    const char *preload = getenv("LD_PRELOAD");

    if (!find_file(FIND_FAST, path)) {
        finding_add(findings, FINDING_BAD, "library",
                    "install libapex, or say where it is: APEX_LIBRARY=/path/libapex.so.0",
                    "%s is not found", find_name(FIND_FAST));
    } else if (!elf_file_read(path, &file) || !file.is_elf || !file.is_ours) {
        finding_add(findings, FINDING_BAD, "library", "install the one for this machine",
                    "%s is no library for this machine", path);
    } else if (strpbrk(path, " :") != NULL) {
        finding_add(findings, FINDING_BAD, "library", "move it",
                    "%s: LD_PRELOAD cannot name a path with a space or a colon", path);
    } else {
        finding_add(findings, FINDING_OK, "library", NULL, "%s", path);
        setup_preload(findings, path);
    }
    if (preload != NULL && preload[0] != '\0') {
        finding_add(findings, FINDING_OK, "preload", NULL, "in this session LD_PRELOAD is %s",
                    preload);
    }
    setup_others(findings);
}

// --- The daemon ----------------------------------------------------------------------------------

// What is at a place where no daemon answers.
static void
setup_place(struct findings *findings, const char *dir)
{
    char path[CALL_PATH_BYTES + 32];
    struct stat status;

    snprintf(path, sizeof path, "%s/%s", dir, APEX_CONTROL_SOCKET);
    if (stat(dir, &status) != 0) {
        return;
    }
    if (status.st_uid != 0 && status.st_uid != geteuid()) {
        finding_add(findings, FINDING_WARN, "daemon",
                    "a daemon of another user serves only that user's programs",
                    "%s belongs to user %u", dir, (unsigned)status.st_uid);
    } else if (stat(path, &status) == 0) {
        finding_add(findings, FINDING_WARN, "daemon",
                    "harmless: the next apexd takes its place; systemctl start apexd",
                    "%s is left over from a daemon that has gone", path);
    }
}

static void
setup_no_daemon(struct findings *findings, const char *runtime_dir, enum exit_code code)
{
    char dir[CALL_PATH_BYTES];
    char places[CALL_PATH_BYTES * 3] = "";

    if (code == EXIT_DENIED) {
        finding_add(findings, FINDING_BAD, "daemon",
                    "become a member of the group apex (adduser NAME apex) and log in anew, or ask "
                    "as root",
                    "apexd is there, but this user may not ask it");
        return;
    }
    for (unsigned i = 0; call_place(runtime_dir, i, dir); i++) {
        snprintf(places + strlen(places), sizeof places - strlen(places), "%s%s",
                 i == 0 ? "" : " and ", dir);
        setup_place(findings, dir);
    }
    finding_add(findings, FINDING_WARN, "daemon",
                "programs run as well without it; to see their heaps: systemctl start apexd, or "
                "apexd &",
                "no apexd serves %s", places);
}

// Programs register at a socket of its own, which everybody must be able to open.
static void
setup_register_socket(struct findings *findings, const char *dir)
{
    char path[CALL_PATH_BYTES + 32];

    snprintf(path, sizeof path, "%s/%s", dir, APEX_REGISTER_SOCKET);
    if (access(path, W_OK) == 0) {
        finding_add(findings, FINDING_OK, "register", NULL, "programs of this user may use %s",
                    path);
    } else {
        finding_add(findings, FINDING_BAD, "register",
                    "start apexd anew; is a folder above it closed to others?",
                    "programs of this user cannot open %s: %s", path, strerror(errno));
    }
}

// Registrations that the daemon has refused since it started.
static void
setup_rejected(struct findings *findings, struct call *call)
{
    struct call_reply reply;
    const cJSON *item;

    if (call_ask(call, METHOD_stats, NULL, &reply) != EXIT_OK) {
        return;
    }
    const cJSON *daemon = cJSON_GetObjectItemCaseSensitive(reply.answer.result, "daemon");
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(daemon, "rejected_total"))
    {
        if (item->string != NULL && cJSON_IsNumber(item) && item->valuedouble > 0) {
            finding_add(findings, FINDING_WARN, "rejected",
                        "apexd --log-level info says who; docs/protocol.md explains the word",
                        "%.0f registrations were refused: %s", item->valuedouble, item->string);
        }
    }
    finding_add(findings, FINDING_OK, "processes", NULL, "%" PRIu64 " are registered",
                value_u64(reply.answer.result, "processes"));
    call_reply_free(&reply);
}

void
doctor_daemon(struct findings *findings, const char *runtime_dir)
{
    struct call call;
    struct call_reply reply;
    enum exit_code code = call_open_quietly(&call, runtime_dir);

    if (code != EXIT_OK) {
        setup_no_daemon(findings, runtime_dir, code);
        return;
    }
    call.quiet = true;
    code = call_ask(&call, METHOD_hello, NULL, &reply);
    if (code != EXIT_OK) {
        finding_add(findings, FINDING_BAD, "daemon", "look at its log; start it anew", "%s",
                    call.why);
        call_close(&call);
        return;
    }
    const char *version = value_text(reply.answer.result, "version");
    finding_add(findings, FINDING_OK, "daemon", NULL,
                "apexd %s serves %s, process %" PRIu64 " of user %" PRIu64, version, call.dir,
                value_u64(reply.answer.result, "pid"), value_u64(reply.answer.result, "uid"));
    if (strcmp(version, PACKAGE_VERSION) != 0) {
        finding_add(findings, FINDING_WARN, "version",
                    "install library, daemon and apexctl from one release, and start apexd anew",
                    "apexd is version %s, apexctl is %s", version, PACKAGE_VERSION);
    }
    call_reply_free(&reply);
    setup_register_socket(findings, call.dir);
    setup_rejected(findings, &call);
    call_close(&call);
}
