// SPDX-License-Identifier: MIT
//
// apexctl tune: shows the options of running processes, changes them and takes changes back. The
// daemon parses the values: it knows, by the process's own list, what each process can do.

#include "apexctl/call.h"
#include "apexctl/command.h"
#include "apexctl/render.h"
#include "apexctl/style.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SETTINGS_BYTES_MAX 4096
#define WAIT_STEP_MS 100
#define WAIT_SILENT_STEPS 5
#define WAIT_STEPS 100 // most look within two seconds (docs/protocol.md, "When a process looks")
#define REFUSED_STEPS 3 // it says that it has read the advice a moment before it shows the options

struct tune_request {
    uint64_t pid;      // 0: by `match`
    const char *match; // NULL: by `pid`
    char set[SETTINGS_BYTES_MAX];
    const char *reset; // NULL: none
    bool purge;
    bool dry_run;
    bool persist;
    bool wait;
    bool json;
};

// --- The command line ----------------------------------------------------------------------------

static bool
tune_take_option(struct tune_request *r, int option)
{
    switch (option) {
    case 'o':
        return command_output(optarg, &r->json);
    case 'm':
        r->match = optarg;
        return true;
    case 'r':
        r->reset = optarg == NULL ? "all" : optarg;
        return true;
    case 'p':
        r->purge = true;
        return true;
    case 'n':
        r->dry_run = true;
        return true;
    case 'P':
        r->persist = true;
        return true;
    case 'w':
        r->wait = false;
        return true;
    default:
        return false;
    }
}

// Puts the arguments `key=value` into one list.
static bool
tune_take_settings(struct tune_request *r, int argc, char **argv, int first)
{
    size_t used = 0;

    for (int i = first; i < argc; i++) {
        if (strchr(argv[i], '=') == NULL) {
            fprintf(stderr, "apexctl: unexpected argument: %s (a setting is OPTION=VALUE)\n",
                    argv[i]);
            return false;
        }
        int length =
            snprintf(r->set + used, sizeof r->set - used, "%s%s", used == 0 ? "" : ",", argv[i]);
        if (length < 0 || (size_t)length >= sizeof r->set - used) {
            fputs("apexctl: too many settings\n", stderr);
            return false;
        }
        used += (size_t)length;
    }
    return true;
}

static bool
tune_parse(struct tune_request *r, int argc, char **argv)
{
    static const struct option options[] = {
        {"output", required_argument, NULL, 'o'}, {"match", required_argument, NULL, 'm'},
        {"reset", optional_argument, NULL, 'r'},  {"purge", no_argument, NULL, 'p'},
        {"dry-run", no_argument, NULL, 'n'},      {"persist", no_argument, NULL, 'P'},
        {"no-wait", no_argument, NULL, 'w'},      {NULL, 0, NULL, 0},
    };
    int option;

    *r = (struct tune_request){.wait = true, .json = command_json_by_default()};
    optind = 0; // begin anew: main() has used getopt already
    while ((option = getopt_long(argc, argv, ":o:", options, NULL)) != -1) {
        if (option == '?' || option == ':') {
            command_refuse_option(option, argv[0], argv, options);
            return false;
        }
        if (!tune_take_option(r, option)) {
            return false;
        }
    }
    int first = optind;
    if (r->match == NULL) {
        if (first == argc) {
            fputs("apexctl: which process? Say its number, or --match comm=NAME\n", stderr);
            return false;
        }
        if (!command_pid(argv[first++], &r->pid)) {
            return false;
        }
    }
    return tune_take_settings(r, argc, argv, first);
}

// --- Asking --------------------------------------------------------------------------------------

static cJSON *
tune_params(const struct tune_request *r)
{
    cJSON *params = cJSON_CreateObject();

    if (r->pid != 0) {
        message_add_u64(params, "pid", r->pid);
    } else {
        cJSON_AddStringToObject(params, "match", r->match);
    }
    if (r->set[0] != '\0') {
        cJSON_AddStringToObject(params, "set", r->set);
    }
    if (r->reset != NULL) {
        cJSON_AddStringToObject(params, "reset", r->reset);
    }
    if (r->purge) {
        cJSON_AddTrueToObject(params, "purge");
    }
    if (r->dry_run) {
        cJSON_AddTrueToObject(params, "dry_run");
    }
    if (r->persist) {
        cJSON_AddTrueToObject(params, "persist");
    }
    return params;
}

static bool
tune_changes(const struct tune_request *r)
{
    return r->set[0] != '\0' || r->reset != NULL;
}

// How far the processes are with what was asked of them.
enum tune_state {
    TUNE_IN_FORCE,
    TUNE_WAITING, // one of them has not read it yet
    TUNE_REFUSED, // all have, and an option of one is not what it shall be
};

static bool
tune_process_obeys(const cJSON *process)
{
    const cJSON *option;

    cJSON_ArrayForEach(option, cJSON_GetObjectItemCaseSensitive(process, "options"))
    {
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(option, "value");
        const cJSON *wanted = cJSON_GetObjectItemCaseSensitive(option, "wanted");
        if (!cJSON_Compare(value, wanted, true)) {
            return false;
        }
    }
    return true;
}

static enum tune_state
tune_state(const cJSON *result)
{
    enum tune_state state = TUNE_IN_FORCE;
    const cJSON *process;

    cJSON_ArrayForEach(process, cJSON_GetObjectItemCaseSensitive(result, "processes"))
    {
        bool taken = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(process, "taken"));
        if (!tune_process_obeys(process)) {
            state = taken && state != TUNE_WAITING ? TUNE_REFUSED : TUNE_WAITING;
        }
    }
    return state;
}

// Waits until the processes have taken what was asked of them, and leaves the last answer in
// `reply`. Not EXIT_OK, with an empty reply, when nobody can say: they, or the daemon, are gone.
static enum exit_code
tune_wait(struct call *call, const struct tune_request *r, struct call_reply *reply,
          enum tune_state *state)
{
    const struct timespec pause = {.tv_nsec = WAIT_STEP_MS * 1000000L};
    const struct tune_request look = {.pid = r->pid, .match = r->match};
    enum exit_code code = EXIT_OK;
    unsigned refused = 0;

    for (unsigned i = 0; i < WAIT_STEPS && code == EXIT_OK; i++) {
        if (i == WAIT_SILENT_STEPS) {
            style_progress("waiting for the processes to take the change");
        }
        call_reply_free(reply);
        code = call_ask(call, METHOD_tune, tune_params(&look), reply);
        *state = code == EXIT_OK ? tune_state(reply->answer.result) : TUNE_WAITING;
        refused = *state == TUNE_REFUSED ? refused + 1 : 0;
        if (*state == TUNE_IN_FORCE || refused == REFUSED_STEPS) {
            break;
        }
        nanosleep(&pause, NULL);
    }
    style_progress(NULL);
    return code;
}

// The names alone of what was set, as --reset takes them.
static void
tune_tell_names(const char *set)
{
    for (const char *entry = set; *entry != '\0'; entry += *entry == ',') {
        printf("%s%.*s", entry == set ? "" : ",", (int)strcspn(entry, "=,"), entry);
        entry += strcspn(entry, ",");
    }
}

static void
tune_tell_way_back(const struct tune_request *r)
{
    if (r->pid != 0) {
        printf("to take it back: apexctl tune %" PRIu64 " --reset\n", r->pid);
    } else if (!r->persist) {
        printf("to take it back: apexctl tune --match %s --reset\n", r->match);
    } else {
        // A rule is only rid of what is named.
        printf("to take it back: apexctl tune --match %s --persist --reset=", r->match);
        tune_tell_names(r->set);
        putchar('\n');
    }
}

static void
tune_tell(const struct tune_request *r, const cJSON *result)
{
    render_tune(stdout, result, !tune_changes(r));
    if (r->dry_run) {
        puts("nothing was done: this was a dry run");
        return;
    }
    if (r->purge) {
        puts("asked to give free memory back");
    }
    if (r->persist) {
        puts(r->reset == NULL ? "and so for processes to come" : "and no longer for those to come");
    }
    if (r->set[0] != '\0') {
        tune_tell_way_back(r);
    }
}

// Waits, and tells what came of it.
static enum exit_code
tune_follow(struct call *call, const struct tune_request *r, struct call_reply *reply)
{
    enum tune_state state;
    enum exit_code code = tune_wait(call, r, reply, &state);

    if (code == EXIT_OK && state == TUNE_REFUSED) {
        fputs("apexctl: not in force: a process has read it and does otherwise; apexctl tune shows "
              "its options\n",
              stderr);
        return EXIT_OTHER;
    }
    if (code == EXIT_OK && !r->json) {
        puts(state == TUNE_IN_FORCE
                 ? "in force"
                 : "not in force yet: a process that hardly allocates seldom looks");
    }
    return code;
}

// In words, what was done is told before the wait: whoever has to wait, or gets an error, knows
// that much. In JSON there is one answer, the last.
static enum exit_code
tune_ask(struct call *call, const struct tune_request *r)
{
    struct call_reply reply;
    enum exit_code code = call_ask(call, METHOD_tune, tune_params(r), &reply);

    if (code != EXIT_OK) {
        return code;
    }
    if (!r->json) {
        tune_tell(r, reply.answer.result);
        fflush(stdout);
    }
    const cJSON *processes = cJSON_GetObjectItemCaseSensitive(reply.answer.result, "processes");
    if (tune_changes(r) && r->wait && !r->dry_run && cJSON_GetArraySize(processes) > 0) {
        code = tune_follow(call, r, &reply);
    }
    if (reply.line != NULL && r->json) {
        call_reply_print(&reply);
    }
    call_reply_free(&reply);
    return fflush(stdout) == 0 ? code : EXIT_OTHER;
}

enum exit_code
command_tune(const char *runtime_dir, int argc, char **argv)
{
    struct tune_request r;
    struct call call;

    if (!tune_parse(&r, argc, argv)) {
        return EXIT_USAGE;
    }
    enum exit_code code = call_open(&call, runtime_dir);
    if (code == EXIT_OK) {
        code = tune_ask(&call, &r);
        call_close(&call);
    }
    return code;
}
