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
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RATE_DEFAULT "512k"
#define SETTING_BYTES 64
#define SECONDS_MAX 86400
#define READY_STEPS 100 // for the process to show its profile
#define READY_STEP_NS UINT64_C(100000000)
#define NS_PER_S UINT64_C(1000000000)

enum profile_format { FORMAT_TABLE, FORMAT_JSON, FORMAT_FOLDED, FORMAT_PPROF };

struct profile_request {
    uint64_t pid;
    unsigned seconds; // 0: what there is
    const char *rate;
    const char *file; // NULL: standard output
    enum profile_format format;
    bool leaks;
    sigset_t stops; // signals that end the seconds early
    bool stopped;   // one has come
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

// The daemon knows more, but must not take what follows for another setting.
static bool
profile_take_rate(struct profile_request *r, const char *text)
{
    size_t digits = strspn(text, "0123456789");
    const char *unit = text + digits;
    bool zero = strspn(text, "0") == digits;

    if (zero || (unit[0] != '\0' && (strchr("kKmMgG", unit[0]) == NULL || unit[1] != '\0'))) {
        fprintf(stderr, "apexctl: --rate takes a number of bytes, as 512k, not %s\n", text);
        return false;
    }
    r->rate = text;
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
        return profile_take_rate(r, optarg);
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
    while ((option = getopt_long(argc, argv, ":o:", options, NULL)) != -1) {
        if (option == '?' || option == ':') {
            command_refuse_option(option, argv[0], argv, options);
            return false;
        }
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

// Signals that would leave the profile on are held back, and end the waiting. Those that this
// process was started to ignore (nohup) stay ignored.
static void
profile_hold_signals(sigset_t *stops, sigset_t *old)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action;

    sigemptyset(stops);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (sigaction(numbers[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN) {
            sigaddset(stops, numbers[i]);
        }
    }
    sigprocmask(SIG_BLOCK, stops, old);
}

static void
profile_sleep(struct profile_request *r, uint64_t ns)
{
    struct timespec now;
    siginfo_t info;

    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t end_ns = (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec + ns;
    for (uint64_t now_ns = end_ns - ns; now_ns < end_ns && !r->stopped;
         now_ns = (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec) {
        struct timespec rest = {.tv_sec = (time_t)((end_ns - now_ns) / NS_PER_S),
                                .tv_nsec = (long)((end_ns - now_ns) % NS_PER_S)};
        r->stopped = sigtimedwait(&r->stops, &info, &rest) > 0;
        clock_gettime(CLOCK_MONOTONIC, &now);
    }
}

// Waits until the process samples. It looks for advice a second after it last did, on a slow path.
static enum exit_code
profile_await(struct call *call, struct profile_request *r, struct call_reply *before)
{
    enum exit_code code = profile_ask(call, r->pid, before);

    for (unsigned i = 0; code == EXIT_OK && !profile_runs(before->answer.result); i++) {
        if (i == READY_STEPS || r->stopped) {
            fprintf(stderr, "apexctl: the process has not begun to sample%s\n",
                    r->stopped ? "" : ": it hardly allocates");
            break;
        }
        call_reply_free(before);
        profile_sleep(r, READY_STEP_NS);
        code = profile_ask(call, r->pid, before);
    }
    return code;
}

// Switches the profile on, waits, asks, and leaves it as it was.
static enum exit_code
profile_for_seconds(struct call *call, struct profile_request *r, struct call_reply *before,
                    struct call_reply *after)
{
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
        code = profile_await(call, r, before);
    }
    if (code == EXIT_OK) {
        profile_sleep(r, r->seconds * NS_PER_S);
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
    sigset_t old;

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
        profile_hold_signals(&r.stops, &old);
        code = profile_for_seconds(&call, &r, &before, &reply);
        sigprocmask(SIG_SETMASK, &old, NULL);
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
