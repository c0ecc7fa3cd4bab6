// SPDX-License-Identifier: MIT
//
// apexctl profile: shows the heap profile of a process, or switches one on for some seconds first.

#include "apexctl/call.h"
#include "apexctl/command.h"
#include "apexctl/pprof.h"
#include "apexctl/profile.h"
#include "apexctl/profile_text.h"
#include "apexctl/value.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RATE_DEFAULT "512k"
#define SETTING_BYTES 64
#define SECONDS_MAX 86400
#define READY_STEPS 100 // of a tenth of a second, for the process to show its profile

enum profile_format { FORMAT_TABLE, FORMAT_JSON, FORMAT_FOLDED, FORMAT_PPROF };

struct profile_request {
    uint64_t pid;
    unsigned seconds; // 0: what there is
    const char *rate;
    const char *file; // NULL: standard output
    enum profile_format format;
    bool leaks;
};

// --- The command line ----------------------------------------------------------------------------

static bool
profile_take_format(struct profile_request *r, const char *text)
{
    static const char *const words[] = {"table", "json", "folded", "pprof"};

    for (unsigned i = 0; i < 4; i++) {
        if (strcmp(text, words[i]) == 0) {
            r->format = (enum profile_format)i;
            return true;
        }
    }
    fprintf(stderr, "apexctl: -o takes table, json, folded or pprof, not %s\n", text);
    return false;
}

static bool
profile_take_seconds(struct profile_request *r, const char *text)
{
    char *end;

    errno = 0;
    unsigned long seconds = strtoul(text, &end, 10);
    if (errno != 0 || text[0] < '0' || text[0] > '9' || *end != '\0' || seconds == 0 ||
        seconds > SECONDS_MAX) {
        fprintf(stderr, "apexctl: not a number of seconds from 1 to %d: %s\n", SECONDS_MAX, text);
        return false;
    }
    r->seconds = (unsigned)seconds;
    return true;
}

static bool
profile_take_option(struct profile_request *r, int option)
{
    switch (option) {
    case 'o':
        return profile_take_format(r, optarg);
    case 's':
        return profile_take_seconds(r, optarg);
    case 'f':
        r->file = optarg;
        return true;
    case 'r':
        r->rate = optarg;
        return true;
    case 'l':
        r->leaks = true;
        return true;
    default:
        return false;
    }
}

static bool
profile_parse(struct profile_request *r, int argc, char **argv)
{
    static const struct option options[] = {
        {"output", required_argument, NULL, 'o'}, {"seconds", required_argument, NULL, 's'},
        {"file", required_argument, NULL, 'f'},   {"rate", required_argument, NULL, 'r'},
        {"leaks", no_argument, NULL, 'l'},        {NULL, 0, NULL, 0},
    };
    int option;

    *r = (struct profile_request){
        .rate = RATE_DEFAULT,
        .format = command_json_by_default() ? FORMAT_JSON : FORMAT_TABLE,
    };
    optind = 0; // begin anew: main() has used getopt already
    while ((option = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
        if (!profile_take_option(r, option)) {
            return false;
        }
    }
    if (optind + 1 != argc) {
        fputs("apexctl: profile wants the number of one process\n", stderr);
        return false;
    }
    if (r->format == FORMAT_PPROF && r->file == NULL && isatty(STDOUT_FILENO)) {
        fputs("apexctl: a pprof file is not for terminals: say --file NAME\n", stderr);
        return false;
    }
    return command_pid(argv[optind], &r->pid);
}

// --- Asking --------------------------------------------------------------------------------------

static enum exit_code
profile_ask(struct call *call, uint64_t pid, struct call_reply *reply)
{
    cJSON *params = cJSON_CreateObject();

    message_add_u64(params, "pid", pid);
    return call_ask(call, METHOD_profile, params, reply);
}

// Asks the daemon to have the process change its rate; NULL: back to its own.
static enum exit_code
profile_set_rate(struct call *call, uint64_t pid, const char *rate)
{
    char setting[SETTING_BYTES];
    struct call_reply reply;
    cJSON *params = cJSON_CreateObject();

    message_add_u64(params, "pid", pid);
    if (rate == NULL) {
        cJSON_AddStringToObject(params, "reset", "profile_rate");
    } else {
        snprintf(setting, sizeof setting, "profile_rate=%s", rate);
        cJSON_AddStringToObject(params, "set", setting);
    }
    enum exit_code code = call_ask(call, METHOD_tune, params, &reply);
    if (code == EXIT_OK) {
        call_reply_free(&reply);
    }
    return code;
}

static bool
profile_runs(const cJSON *result)
{
    return value_u64(result, "rate_bytes") != 0;
}

// Waits until the process samples. It looks for advice a second after it last did, on a slow path.
static enum exit_code
profile_await(struct call *call, uint64_t pid, struct call_reply *before)
{
    const struct timespec step = {.tv_nsec = 100000000};
    enum exit_code code = profile_ask(call, pid, before);

    for (unsigned i = 0; code == EXIT_OK && !profile_runs(before->answer.result); i++) {
        if (i == READY_STEPS) {
            fputs("apexctl: the process has not begun to sample: it hardly allocates\n", stderr);
            break;
        }
        call_reply_free(before);
        nanosleep(&step, NULL);
        code = profile_ask(call, pid, before);
    }
    return code;
}

// Switches the profile on, waits, asks, and leaves it as it was.
static enum exit_code
profile_for_seconds(struct call *call, const struct profile_request *r, struct call_reply *before,
                    struct call_reply *after)
{
    struct timespec pause = {.tv_sec = r->seconds};
    enum exit_code code = profile_ask(call, r->pid, before);

    if (code != EXIT_OK) {
        return code;
    }
    bool ran = profile_runs(before->answer.result);
    if (!ran) {
        call_reply_free(before);
        code = profile_set_rate(call, r->pid, r->rate);
        if (code != EXIT_OK) {
            return code;
        }
        code = profile_await(call, r->pid, before);
    }
    if (code == EXIT_OK) {
        nanosleep(&pause, NULL);
        code = profile_ask(call, r->pid, after);
        if (code != EXIT_OK) {
            call_reply_free(before);
        }
    }
    if (!ran && code != EXIT_NO_PROCESS) {
        enum exit_code back = profile_set_rate(call, r->pid, NULL);
        code = code == EXIT_OK && back != EXIT_NO_PROCESS && back != EXIT_OK ? back : code;
    }
    return code;
}

// --- Showing -------------------------------------------------------------------------------------

static bool
profile_show(FILE *out, const struct profile_request *r, const struct call_reply *reply,
             const cJSON *before)
{
    struct profile p;
    bool good = true;

    if (r->format == FORMAT_JSON) {
        fwrite(reply->raw, 1, reply->raw_bytes, out);
        fputc('\n', out);
        return true;
    }
    if (!profile_open(&p, reply->answer.result)) {
        return false;
    }
    if (before != NULL) {
        profile_since(&p, before);
    }
    if (r->format == FORMAT_PPROF) {
        good = pprof_write(out, &p);
    } else if (r->format == FORMAT_FOLDED) {
        profile_text_folded(out, &p, r->leaks);
    } else {
        profile_text_table(out, &p, r->leaks);
    }
    profile_close(&p);
    return good;
}

static enum exit_code
profile_output(const struct profile_request *r, const struct call_reply *reply,
               const cJSON *before)
{
    const cJSON *profiled = cJSON_GetObjectItemCaseSensitive(reply->answer.result, "profiled");

    if (!cJSON_IsTrue(profiled) && r->format != FORMAT_JSON) {
        fprintf(stderr,
                "apexctl: process %" PRIu64 " has no heap profile. To make one:\n"
                "  apexctl profile %" PRIu64 " --seconds 10\n",
                r->pid, r->pid);
        return EXIT_OTHER;
    }
    FILE *out = r->file == NULL ? stdout : fopen(r->file, "we");
    if (out == NULL) {
        fprintf(stderr, "apexctl: cannot write %s: %s\n", r->file, strerror(errno));
        return EXIT_OTHER;
    }
    bool good = profile_show(out, r, reply, before);
    good = (r->file == NULL ? fflush(out) : fclose(out)) == 0 && good;
    if (!good && r->file != NULL) {
        fprintf(stderr, "apexctl: cannot write %s\n", r->file);
    }
    return good ? EXIT_OK : EXIT_OTHER;
}

enum exit_code
command_profile(const char *runtime_dir, int argc, char **argv)
{
    struct profile_request r;
    struct call call;
    struct call_reply before;
    struct call_reply reply;

    if (!profile_parse(&r, argc, argv)) {
        return EXIT_USAGE;
    }
    enum exit_code code = call_open(&call, runtime_dir);
    if (code != EXIT_OK) {
        return code;
    }
    if (r.seconds == 0) {
        code = profile_ask(&call, r.pid, &reply);
    } else {
        code = profile_for_seconds(&call, &r, &before, &reply);
    }
    if (code == EXIT_OK) {
        code = profile_output(&r, &reply, r.seconds == 0 ? NULL : before.answer.result);
        call_reply_free(&reply);
        if (r.seconds != 0) {
            call_reply_free(&before);
        }
    }
    call_close(&call);
    return code;
}
