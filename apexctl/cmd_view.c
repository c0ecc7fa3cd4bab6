// SPDX-License-Identifier: MIT
//
// The commands that ask apexd one thing and show the answer: stats, processes, topology.

#include "apexctl/call.h"
#include "apexctl/command.h"
#include "apexctl/render.h"
#include "apexctl/render_frag.h"
#include "apexctl/render_numa.h"

#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

// One question and how to show its answer.
struct view {
    enum method method;
    uint64_t pid; // 0: none
    void (*render)(FILE *out, const cJSON *result);
    struct command_view options;
    struct call_reply before; // when watching: the last answer, if there was one
};

static enum exit_code
view_show(struct call *call, struct view *view)
{
    struct call_reply reply;
    cJSON *params = NULL;

    if (view->pid != 0 || view->options.match != NULL) {
        params = cJSON_CreateObject();
    }
    if (view->pid != 0) {
        message_add_u64(params, "pid", view->pid);
    }
    if (view->options.match != NULL) {
        cJSON_AddStringToObject(params, "match", view->options.match);
    }
    enum exit_code code = call_ask(call, view->method, params, &reply);
    if (code != EXIT_OK) {
        return code;
    }
    if (view->options.json) {
        call_reply_print(&reply);
    } else if (view->options.watch && view->method == METHOD_stats) {
        render_stats_since(stdout, reply.answer.result, view->before.answer.result);
    } else {
        view->render(stdout, reply.answer.result);
    }
    call_reply_free(&view->before);
    view->before = reply;
    // Whoever reads our output may have gone: then there is nobody left to show it to.
    return fflush(stdout) == 0 ? EXIT_OK : EXIT_OTHER;
}

// Watching asks again each time: one way for all methods that are shown here, and the
// subscriptions, of which there are few, are left to programs.
static enum exit_code
view_run(const char *runtime_dir, struct view *view)
{
    bool screen = view->options.watch && !view->options.json && isatty(STDOUT_FILENO);
    struct call call;
    enum exit_code code = call_open(&call, runtime_dir);

    for (unsigned round = 1; code == EXIT_OK; round++) {
        if (screen) {
            fputs("\033[H\033[2J", stdout); // to the corner, and clear
        } else if (round > 1 && !view->options.json) {
            fputc('\n', stdout);
        }
        code = view_show(&call, view);
        if (!view->options.watch || round == view->options.count || code != EXIT_OK) {
            break;
        }
        struct timespec pause = {.tv_sec = view->options.interval_s};
        nanosleep(&pause, NULL);
    }
    call_reply_free(&view->before);
    call_close(&call);
    return code;
}

enum exit_code
command_stats(const char *runtime_dir, int argc, char **argv)
{
    struct view view = {.method = METHOD_stats, .render = render_stats};
    int first;

    if (!command_view_parse(&view.options, true, argc, argv, &first) ||
        (first < argc && !command_pid(argv[first], &view.pid))) {
        return EXIT_USAGE;
    }
    if (view.options.match != NULL && (!view.options.numa || view.pid != 0)) {
        fprintf(stderr, "apexctl: %s\n",
                view.options.numa ? "say either a number or --match" : "--match goes with --numa");
        return EXIT_USAGE;
    }
    if (view.options.numa) {
        view.method = METHOD_numa;
        view.render = render_numa;
    }
    return first + 1 < argc ? command_unexpected(argv[first + 1]) : view_run(runtime_dir, &view);
}

enum exit_code
command_frag(const char *runtime_dir, int argc, char **argv)
{
    struct view view = {.method = METHOD_frag, .render = render_frag};
    int first;

    if (!command_view_parse(&view.options, false, argc, argv, &first)) {
        return EXIT_USAGE;
    }
    if (first == argc) {
        fputs("apexctl: which process? frag takes its number\n", stderr);
        return EXIT_USAGE;
    }
    if (!command_pid(argv[first], &view.pid)) {
        return EXIT_USAGE;
    }
    return first + 1 < argc ? command_unexpected(argv[first + 1]) : view_run(runtime_dir, &view);
}

enum exit_code
command_processes(const char *runtime_dir, int argc, char **argv)
{
    struct view view = {.method = METHOD_processes, .render = render_processes};
    int first;

    if (!command_view_parse(&view.options, false, argc, argv, &first)) {
        return EXIT_USAGE;
    }
    return first < argc ? command_unexpected(argv[first]) : view_run(runtime_dir, &view);
}

enum exit_code
command_topology(const char *runtime_dir, int argc, char **argv)
{
    struct view view = {.method = METHOD_topology, .render = render_topology};
    int first;

    if (!command_view_parse(&view.options, false, argc, argv, &first)) {
        return EXIT_USAGE;
    }
    return first < argc ? command_unexpected(argv[first]) : view_run(runtime_dir, &view);
}

enum exit_code
command_rules(const char *runtime_dir, int argc, char **argv)
{
    struct view view = {.method = METHOD_rules, .render = render_rules};
    int first;

    if (!command_view_parse(&view.options, false, argc, argv, &first)) {
        return EXIT_USAGE;
    }
    return first < argc ? command_unexpected(argv[first]) : view_run(runtime_dir, &view);
}
