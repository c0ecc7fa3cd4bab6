// SPDX-License-Identifier: MIT
//
// apexctl trace: runs a program on libapex with the recorder in front, has the calls made again
// under other options if asked, and writes what came of it: a page for a browser, or text. Needs no
// apexd. Ends as the program does.

#include "apexctl/command.h"
#include "apexctl/launch.h"
#include "apexctl/probe.h"
#include "apexctl/trace.h"
#include "apexctl/trace_html.h"
#include "apexctl/trace_text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define EVENTS_USUAL 1000000

enum { OPTION_HARDENED = 256, OPTION_EVENTS, OPTION_POLICY, OPTION_FILE };

struct trace_options {
    bool hardened;
    bool text;
    uint64_t events;
    const char *file;
    unsigned policy_count;
    const char *policy[TRACE_RUNS_MAX - 1]; // NAME=OPTIONS, or `hardened`
    int first;                              // of argv: the program
};

struct trace_paths {
    char heap[FIND_PATH_BYTES];
    char recorder[FIND_PATH_BYTES];
};

// --- What is asked -------------------------------------------------------------------------------

static bool
trace_option_events(struct trace_options *options, const char *text)
{
    char *end;

    errno = 0;
    options->events = strtoull(text, &end, 10);
    if (errno != 0 || text[0] < '0' || text[0] > '9' || *end != '\0' || options->events == 0 ||
        options->events > APEX_TRACE_EVENTS_MAX) {
        fprintf(stderr, "apexctl: --events takes a number from 1 to %d, not %s\n",
                APEX_TRACE_EVENTS_MAX, text);
        return false;
    }
    return true;
}

static bool
trace_option_policy(struct trace_options *options, const char *text)
{
    const char *sign = strchr(text, '=');

    if (strcmp(text, "hardened") != 0 && (sign == NULL || sign == text)) {
        fprintf(stderr, "apexctl: --policy takes NAME=OPTIONS or hardened, not %s\n", text);
        return false;
    }
    if (options->policy_count == TRACE_RUNS_MAX - 1) {
        fprintf(stderr, "apexctl: no more than %d policies\n", TRACE_RUNS_MAX - 1);
        return false;
    }
    options->policy[options->policy_count++] = text;
    return true;
}

static bool
trace_option(struct trace_options *options, int option, const char *text)
{
    switch (option) {
    case OPTION_HARDENED:
        options->hardened = true;
        return true;
    case OPTION_EVENTS:
        return trace_option_events(options, text);
    case OPTION_POLICY:
        return trace_option_policy(options, text);
    case OPTION_FILE:
        options->file = text;
        return true;
    default: // -o
        options->text = strcmp(text, "text") == 0;
        if (!options->text && strcmp(text, "html") != 0) {
            fprintf(stderr, "apexctl: -o takes html or text, not %s\n", text);
            return false;
        }
        return true;
    }
}

static bool
trace_parse(struct trace_options *options, int argc, char **argv)
{
    static const struct option long_options[] = {
        {"hardened", no_argument, NULL, OPTION_HARDENED},
        {"events", required_argument, NULL, OPTION_EVENTS},
        {"policy", required_argument, NULL, OPTION_POLICY},
        {"output", required_argument, NULL, 'o'},
        {"file", required_argument, NULL, OPTION_FILE},
        {NULL, 0, NULL, 0},
    };
    int option;

    *options = (struct trace_options){.events = EVENTS_USUAL};
    optind = 0; // begin anew: main() has used getopt already
    // The `+` ends our options at the program.
    while ((option = getopt_long(argc, argv, "+:o:", long_options, NULL)) != -1) {
        if (option == '?' || option == ':') {
            command_refuse_option(option, "trace", argv, long_options);
            return false;
        }
        if (!trace_option(options, option, optarg)) {
            return false;
        }
    }
    if (optind == argc) {
        fputs("apexctl: trace what? apexctl trace -- PROGRAM [ARGUMENT]...\n", stderr);
        return false;
    }
    if (options->text && options->policy_count != 0) {
        fputs("apexctl: --policy wants -o html\n", stderr);
        return false;
    }
    if (options->file == NULL) {
        options->file = options->text ? "apex-trace.txt" : "apex-trace.html";
    }
    options->first = optind;
    return true;
}

// A picture drawn under other options than its name says would mislead: refuses entries that the
// library would ignore, before the program has run for nothing. False after lines on stderr.
static bool
trace_policies_sound(const struct trace_options *options, const char *library)
{
    static struct probe probe;
    char entry[PROBE_ENTRY_BYTES];
    unsigned of_file = 0; // /etc/apex.conf
    bool sound = true;

    if (options->policy_count == 0) {
        return true;
    }
    probe_run(&probe, library, NULL);
    while (probe_refused(&probe, entry)) {
        of_file++;
    }
    for (unsigned i = 0; i < options->policy_count; i++) {
        const char *sign = strchr(options->policy[i], '=');
        if (sign == NULL) {
            continue; // hardened
        }
        probe_run(&probe, library, sign + 1);
        probe_pass_over(&probe, of_file);
        while (probe_refused(&probe, entry)) {
            fprintf(stderr, "apexctl: --policy %s: %s\n", options->policy[i], entry);
            sound = false;
        }
    }
    return sound;
}

// --- Running the program -------------------------------------------------------------------------

// In the child.
static enum exit_code
trace_exec(const struct trace_paths *paths, int fd, pid_t parent, char **program)
{
    char name[64];

    // By the parent's descriptor: it is there as long as somebody waits, and only then.
    snprintf(name, sizeof name, "/proc/%d/fd/%d", (int)parent, fd);
    if (!launch_extend("LD_PRELOAD", paths->heap, ':', true) ||
        !launch_extend("LD_PRELOAD", paths->recorder, ':', true) ||
        setenv(APEX_TRACE_VARIABLE, name, 1) != 0) {
        fputs("apexctl: short of memory\n", stderr);
        return EXIT_OTHER;
    }
    return launch_exec(program);
}

// Returns the program's status as of waitpid(); -1 after a line on stderr.
static int
trace_run(const struct trace_paths *paths, const struct trace_file *file, char **program)
{
    pid_t parent = getpid();
    sigset_t signals;
    sigset_t old;

    launch_hold(&signals, &old);
    pid_t pid = fork();
    if (pid == 0) {
        sigprocmask(SIG_SETMASK, &old, NULL);
        _exit(trace_exec(paths, file->fd, parent, program));
    }
    int status = pid < 0 ? -1 : launch_attend(pid, &signals);
    sigprocmask(SIG_SETMASK, &old, NULL);
    if (pid < 0) {
        fprintf(stderr, "apexctl: cannot fork: %s\n", strerror(errno));
    }
    return status;
}

// --- The same calls again ------------------------------------------------------------------------

// In the child.
static void
trace_replay_exec(const char *replayer, const char *library, const char *options, int fd)
{
    char number[16];

    snprintf(number, sizeof number, "%d", fd);
    if (fcntl(fd, F_SETFD, 0) == 0 && setenv("LD_PRELOAD", library, 1) == 0 &&
        (options == NULL || launch_extend("APEX_OPTIONS", options, ',', false)) &&
        launch_extend("APEX_OPTIONS", "register=0", ',', false)) {
        execl(replayer, replayer, number, (char *)NULL);
    }
    fprintf(stderr, "apexctl: cannot run %s: %s\n", replayer, strerror(errno));
}

// Has the calls in `trace` made under a policy. False after a line on stderr.
static bool
trace_replay(const struct trace *trace, const char *policy, const char *usual_library)
{
    bool hardened = strcmp(policy, "hardened") == 0;
    char library[FIND_PATH_BYTES];
    char replayer[FIND_PATH_BYTES];
    sigset_t signals;
    sigset_t old;

    snprintf(library, sizeof library, "%s", usual_library);
    if (!launch_find_library(FIND_REPLAY, replayer) ||
        (hardened && !launch_find_library(FIND_HARDENED, library))) {
        return false;
    }
    launch_hold(&signals, &old);
    pid_t pid = fork();
    if (pid == 0) {
        sigprocmask(SIG_SETMASK, &old, NULL);
        trace_replay_exec(replayer, library, hardened ? NULL : strchr(policy, '=') + 1, trace->fd);
        _exit(EXIT_OTHER);
    }
    int status = pid < 0 ? -1 : launch_attend(pid, &signals);
    sigprocmask(SIG_SETMASK, &old, NULL);
    if (status != 0) {
        fprintf(stderr, "apexctl: the calls could not be made under %s\n", policy);
    }
    return status == 0;
}

// Fills in the runs behind the first. False after a line on stderr.
static bool
trace_replay_all(const struct trace_options *options, const struct trace_paths *paths,
                 struct trace_run *run)
{
    bool good = true;

    for (unsigned i = 0; good && i < options->policy_count; i++) {
        struct trace_run *other = &run[i + 1];
        other->name = options->policy[i];
        if (!trace_copy(&other->trace, &run[0].trace)) {
            fprintf(stderr, "apexctl: no memory for the calls: %s\n", strerror(errno));
            return false;
        }
        good = trace_replay(&other->trace, other->name, paths->heap);
    }
    return good;
}

// --- What came of it -----------------------------------------------------------------------------

// Whether the file can be written, found out before the program has run for nothing. `*made`: it
// was not there before.
static bool
trace_can_write(const char *name, bool *made)
{
    *made = access(name, F_OK) != 0;
    FILE *out = fopen(name, "ae");

    if (out == NULL) {
        fprintf(stderr, "apexctl: cannot write %s: %s\n", name, strerror(errno));
        return false;
    }
    fclose(out);
    return true;
}

static bool
trace_write(const struct trace_options *options, char **argv, const struct trace_run *run)
{
    FILE *out = fopen(options->file, "we");
    unsigned runs = options->policy_count + 1;

    if (out == NULL) {
        fprintf(stderr, "apexctl: cannot write %s: %s\n", options->file, strerror(errno));
        return false;
    }
    bool good = true;
    if (options->text) {
        trace_text(out, &run[0].trace);
    } else {
        good = trace_html(out, argv + options->first, run, runs);
    }
    bool written = fflush(out) == 0 && ferror(out) == 0;
    written = fclose(out) == 0 && written;
    if (!good || !written) {
        fprintf(stderr, "apexctl: %s %s\n", good ? "cannot write" : "short of memory for",
                options->file);
    }
    return good && written;
}

static void
trace_say(const struct trace_options *options, const struct trace *trace)
{
    fprintf(stderr, "apexctl: %s: %zu calls of %" PRIu32 " thread%s\n", options->file, trace->count,
            trace->threads, trace->threads == 1 ? "" : "s");
    if (trace->lost != 0) {
        fprintf(stderr, "apexctl: %" PRIu64 " calls that came later are not in it; see --events\n",
                trace->lost);
    }
    if (trace->others != 0) {
        fprintf(stderr, "apexctl: %" PRIu32 " process%s that the program started %s not in it\n",
                trace->others, trace->others == 1 ? "" : "es", trace->others == 1 ? "is" : "are");
    }
    if (trace->unknown + trace->torn != 0) {
        fprintf(stderr, "apexctl: %" PRIu64 " records made no sense and are left out\n",
                trace->unknown + trace->torn);
    }
}

static bool
trace_finish(const struct trace_options *options, const struct trace_paths *paths, char **argv,
             const struct trace_file *file)
{
    struct trace_run run[TRACE_RUNS_MAX] = {{.name = "recorded"}};

    if (!trace_read(&run[0].trace, file)) {
        fprintf(stderr, "apexctl: no memory for the calls: %s\n", strerror(errno));
        return false;
    }
    bool good = trace_replay_all(options, paths, run) && trace_write(options, argv, run);
    if (good) {
        trace_say(options, &run[0].trace);
    }
    for (unsigned i = 0; i < TRACE_RUNS_MAX; i++) {
        if (run[i].trace.call != NULL) {
            trace_free(&run[i].trace);
        }
    }
    return good;
}

// Nothing was recorded. One that could not be run has been told of already.
static void
trace_say_nothing(const struct trace_options *options, const char *program, int status, bool made)
{
    int code = status != -1 && WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    bool told = status == -1 || code == EXIT_NOT_RUNNABLE || code == EXIT_NOT_FOUND;

    if (!told) {
        fprintf(stderr,
                "apexctl: nothing was recorded: %s has not loaded libapex-trace. Is it static, or "
                "has it more rights than you? Try apexctl doctor -- %s\n",
                program, program);
    }
    if (made) {
        unlink(options->file);
    }
}

enum exit_code
command_trace(const char *runtime_dir, int argc, char **argv)
{
    struct trace_options options;
    struct trace_paths paths;
    struct trace_file file;
    bool made;

    (void)runtime_dir; // it asks no daemon
    if (!trace_parse(&options, argc, argv)) {
        return EXIT_USAGE;
    }
    if (!launch_find_library(options.hardened ? FIND_HARDENED : FIND_FAST, paths.heap) ||
        !launch_find_library(FIND_RECORDER, paths.recorder)) {
        return EXIT_OTHER;
    }
    if (!trace_policies_sound(&options, paths.heap)) {
        return EXIT_USAGE;
    }
    if (!trace_can_write(options.file, &made)) {
        return EXIT_OTHER;
    }
    if (!trace_file_open(&file, options.events)) {
        fprintf(stderr, "apexctl: no memory for %" PRIu64 " events: %s\n", options.events,
                strerror(errno));
        return EXIT_OTHER;
    }
    int status = trace_run(&paths, &file, argv + options.first);
    bool good = status != -1 && trace_file_used(&file);
    if (good) {
        good = trace_finish(&options, &paths, argv, &file);
    } else {
        trace_say_nothing(&options, argv[options.first], status, made);
    }
    trace_file_close(&file);
    // The program's own end matters more to those who wait for it.
    return status > 0 ? launch_end(status) : good ? EXIT_OK : EXIT_OTHER;
}
