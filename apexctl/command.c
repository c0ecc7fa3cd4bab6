// SPDX-License-Identifier: MIT
//
// Options that several commands have; see command.h.

#include "apexctl/command.h"

#include "apexctl/hint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_WATCH = 256, OPTION_INTERVAL, OPTION_COUNT, OPTION_NUMA, OPTION_MATCH };

#define OPTIONS_MAX 32 // of one command, looked at for a hint

bool
command_number(const char *text, unsigned min, unsigned *out)
{
    char *end;

    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || value < min ||
        value > 86400) {
        fprintf(stderr, "apexctl: not a number from %u to 86400: %s\n", min, text);
        return false;
    }
    *out = (unsigned)value;
    return true;
}

bool
command_pid(const char *text, uint64_t *pid)
{
    char *end;

    errno = 0;
    *pid = strtoull(text, &end, 10);
    if (errno != 0 || text[0] < '0' || text[0] > '9' || *end != '\0' || *pid == 0 ||
        *pid > INT32_MAX) {
        fprintf(stderr, "apexctl: not a process number: %s\n", text);
        return false;
    }
    return true;
}

bool
command_output(const char *text, bool *json)
{
    *json = strcmp(text, "json") == 0;
    if (!*json && strcmp(text, "table") != 0) {
        fprintf(stderr, "apexctl: -o takes table or json, not %s\n", text);
        return false;
    }
    return true;
}

static bool json_by_default;

bool
command_set_output(const char *text)
{
    return command_output(text, &json_by_default);
}

bool
command_json_by_default(void)
{
    return json_by_default;
}

// The long option that `argument` may have been meant to be.
static const char *
command_nearest_option(const char *argument, const struct option *options)
{
    const char *names[OPTIONS_MAX];
    char word[64];
    size_t count = 0;

    snprintf(word, sizeof word, "%.*s", (int)strcspn(argument + 2, "="), argument + 2);
    while (count < OPTIONS_MAX && options[count].name != NULL) {
        names[count] = options[count].name;
        count++;
    }
    return hint_nearest(word, names, count);
}

void
command_end_with_hint(const char *nearest, const char *prefix)
{
    if (nearest != NULL) {
        fprintf(stderr, "; did you mean %s%s?", prefix, nearest);
    }
    fputc('\n', stderr);
}

void
command_refuse_option(int option, const char *command, char **argv, const struct option *options)
{
    const char *argument = argv[optind - 1];
    bool is_long = strncmp(argument, "--", 2) == 0;

    if (option == ':') {
        fprintf(stderr, "apexctl: %s wants a value\n", argument);
    } else if (is_long && optopt != 0) {
        fprintf(stderr, "apexctl: %s takes no value\n", argument);
    } else if (is_long) {
        const char *nearest = command_nearest_option(argument, options);
        fprintf(stderr, "apexctl: %s has no option %s", command, argument);
        command_end_with_hint(nearest, "--");
    } else {
        fprintf(stderr, "apexctl: %s has no option -%c\n", command, optopt);
    }
}

enum exit_code
command_unexpected(const char *argument)
{
    fprintf(stderr, "apexctl: unexpected argument: %s\n", argument);
    return EXIT_USAGE;
}

bool
command_view_parse(struct command_view *view, bool is_stats, int argc, char **argv, int *first)
{
    static const struct option options[] = {
        {"output", required_argument, NULL, 'o'},
        {"watch", no_argument, NULL, OPTION_WATCH},
        {"interval", required_argument, NULL, OPTION_INTERVAL},
        {"count", required_argument, NULL, OPTION_COUNT},
        {"numa", no_argument, NULL, OPTION_NUMA},
        {"match", required_argument, NULL, OPTION_MATCH},
        {NULL, 0, NULL, 0},
    };
    int option;
    bool good = true;
    bool paced = false;

    *view = (struct command_view){.json = json_by_default, .interval_s = 2};
    optind = 0; // begin anew: main() has used getopt already
    while (good && (option = getopt_long(argc, argv, ":o:", options, NULL)) != -1) {
        switch (option) {
        case 'o':
            good = command_output(optarg, &view->json);
            break;
        case OPTION_WATCH:
            view->watch = true;
            break;
        case OPTION_INTERVAL:
            paced = good = command_number(optarg, 1, &view->interval_s);
            break;
        case OPTION_COUNT:
            paced = good = command_number(optarg, 1, &view->count);
            break;
        case OPTION_NUMA:
            view->numa = true;
            break;
        case OPTION_MATCH:
            view->match = optarg;
            break;
        default:
            command_refuse_option(option, argv[0], argv, options);
            good = false;
        }
    }
    if (good && !view->watch && paced) {
        fputs("apexctl: --interval and --count go with --watch\n", stderr);
        good = false;
    }
    if (good && !is_stats && (view->watch || view->numa || view->match != NULL)) {
        fprintf(stderr, "apexctl: %s cannot %s\n", argv[0],
                view->watch ? "--watch" : view->numa ? "--numa" : "--match");
        good = false;
    }
    *first = optind;
    return good;
}
