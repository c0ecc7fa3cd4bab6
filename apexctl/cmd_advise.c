// SPDX-License-Identifier: MIT
//
// apexctl advise: shows advice on NUMA for running processes, has the daemon follow it, and takes
// it back.

#include "apexctl/call.h"
#include "apexctl/command.h"
#include "apexctl/render_advise.h"
#include "apexctl/value.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

struct advise_request {
    uint64_t pid;      // 0: by `match`, or all
    const char *match; // NULL: by `pid`, or all
    const char *kind;  // with apply; NULL: the first that can be applied
    bool apply;
    bool revert;
    bool dry_run;
    bool json;
};

static bool
advise_take_option(struct advise_request *r, int option)
{
    switch (option) {
    case 'o':
        return command_output(optarg, &r->json);
    case 'm':
        r->match = optarg;
        return true;
    case 'a':
        r->apply = true;
        r->kind = optarg;
        return true;
    case 'r':
        r->revert = true;
        return true;
    case 'n':
        r->dry_run = true;
        return true;
    default:
        return false;
    }
}

static bool
advise_check(const struct advise_request *r)
{
    const char *wrong = r->apply && r->revert                   ? "either --apply or --revert"
                        : r->pid != 0 && r->match != NULL       ? "either PID or --match"
                        : (r->apply || r->revert) && r->pid == 0 && r->match == NULL
                            ? "which process? Say its number, or --match comm=NAME"
                            : NULL;

    if (wrong != NULL) {
        fprintf(stderr, "apexctl: %s\n", wrong);
    }
    return wrong == NULL;
}

static bool
advise_parse(struct advise_request *r, int argc, char **argv)
{
    static const struct option options[] = {
        {"output", required_argument, NULL, 'o'}, {"match", required_argument, NULL, 'm'},
        {"apply", optional_argument, NULL, 'a'},  {"revert", no_argument, NULL, 'r'},
        {"dry-run", no_argument, NULL, 'n'},      {NULL, 0, NULL, 0},
    };
    int option;

    *r = (struct advise_request){.json = command_json_by_default()};
    optind = 0; // begin anew: main() has used getopt already
    while ((option = getopt_long(argc, argv, ":o:", options, NULL)) != -1) {
        if (option == '?' || option == ':') {
            command_refuse_option(option, argv[0], argv, options);
            return false;
        }
        if (!advise_take_option(r, option)) {
            return false;
        }
    }
    if (optind < argc && !command_pid(argv[optind++], &r->pid)) {
        return false;
    }
    if (optind < argc) {
        command_unexpected(argv[optind]);
        return false;
    }
    return advise_check(r);
}

static cJSON *
advise_params(const struct advise_request *r)
{
    cJSON *params = cJSON_CreateObject();

    if (r->pid != 0) {
        message_add_u64(params, "pid", r->pid);
    }
    if (r->match != NULL) {
        cJSON_AddStringToObject(params, "match", r->match);
    }
    if (r->apply) {
        cJSON_AddTrueToObject(params, "apply");
    }
    if (r->kind != NULL) {
        cJSON_AddStringToObject(params, "kind", r->kind);
    }
    if (r->revert) {
        cJSON_AddTrueToObject(params, "revert");
    }
    if (r->dry_run) {
        cJSON_AddTrueToObject(params, "dry_run");
    }
    return params;
}

// What the request has done. The advice above it is what was before.
static void
advise_tell(const struct advise_request *r, const cJSON *result)
{
    const char *word = r->apply ? "applied" : "reverted";
    uint64_t count = value_u64(result, word);

    if (!r->apply && !r->revert) {
        return;
    }
    if (r->dry_run) {
        printf("\nwould be %s for %" PRIu64 "; nothing was done: this was a dry run\n", word,
               count);
        return;
    }
    if (count == 0) {
        puts(r->apply ? "\nnothing was applied" : "\nnothing was in force");
        return;
    }
    printf("\n%s for %" PRIu64 "\n", word, count);
    if (r->apply && r->pid != 0) {
        printf("whether it helps: apexctl advise %" PRIu64 ", half a minute from now\n"
               "to take it back: apexctl advise %" PRIu64 " --revert\n",
               r->pid, r->pid);
    } else if (r->apply) {
        printf("to take it back: apexctl advise --match %s --revert\n", r->match);
    }
}

static enum exit_code
advise_ask(struct call *call, const struct advise_request *r)
{
    struct call_reply reply;
    enum exit_code code = call_ask(call, METHOD_advise, advise_params(r), &reply);

    if (code != EXIT_OK) {
        return code;
    }
    if (r->json) {
        call_reply_print(&reply);
    } else {
        render_advise(stdout, reply.answer.result, r->pid != 0 || r->match != NULL);
        advise_tell(r, reply.answer.result);
    }
    call_reply_free(&reply);
    return fflush(stdout) == 0 ? EXIT_OK : EXIT_OTHER;
}

enum exit_code
command_advise(const char *runtime_dir, int argc, char **argv)
{
    struct advise_request r;
    struct call call;

    if (!advise_parse(&r, argc, argv)) {
        return EXIT_USAGE;
    }
    enum exit_code code = call_open(&call, runtime_dir);
    if (code == EXIT_OK) {
        code = advise_ask(&call, &r);
        call_close(&call);
    }
    return code;
}
