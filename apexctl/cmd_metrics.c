// SPDX-License-Identifier: MIT
//
// apexctl metrics: what apexd has for Prometheus, on standard output or in a file for the textfile
// collector of node_exporter, for Prometheus cannot ask a Unix socket itself.

#include "apexctl/call.h"
#include "apexctl/command.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct metrics_options {
    const char *textfile; // NULL: standard output
    bool per_process;
    bool openmetrics;
    bool json;
};

static bool
metrics_parse(struct metrics_options *o, int argc, char **argv)
{
    static const struct option options[] = {
        {"output", required_argument, NULL, 'o'},
        {"textfile", required_argument, NULL, 't'},
        {"per-process", no_argument, NULL, 'p'},
        {"openmetrics", no_argument, NULL, 'O'},
        {NULL, 0, NULL, 0},
    };
    int option;

    *o = (struct metrics_options){.json = command_json_by_default()};
    optind = 0; // begin anew: main() has used getopt already
    while ((option = getopt_long(argc, argv, ":o:", options, NULL)) != -1) {
        switch (option) {
        case 'o':
            if (!command_output(optarg, &o->json)) {
                return false;
            }
            break;
        case 't':
            o->textfile = optarg;
            break;
        case 'p':
            o->per_process = true;
            break;
        case 'O':
            o->openmetrics = true;
            break;
        default:
            command_refuse_option(option, argv[0], argv, options);
            return false;
        }
    }
    if (optind != argc) {
        fprintf(stderr, "apexctl: unexpected argument: %s\n", argv[optind]);
        return false;
    }
    if (o->textfile != NULL && (o->json || o->openmetrics)) {
        fputs("apexctl: node_exporter reads only the older format: --textfile goes without -o json "
              "and --openmetrics\n",
              stderr);
        return false;
    }
    return true;
}

static enum exit_code
metrics_failed(const char *what, const char *path)
{
    fprintf(stderr, "apexctl: cannot %s %s: %s\n", what, path, strerror(errno));
    return EXIT_OTHER;
}

static bool
metrics_write(int fd, const char *text)
{
    size_t rest = strlen(text);

    while (rest > 0) {
        ssize_t written = write(fd, text, rest);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return false;
        }
        text += written;
        rest -= (size_t)written;
    }
    return true;
}

// Whoever reads the file finds the old text or the new one: it is written under another name, which
// does not end as the collector's files do, and then renamed. What a power cut leaves is of no use,
// so nothing is synced.
static enum exit_code
metrics_replace(const char *path, const char *text)
{
    static const char end[] = ".XXXXXX";
    struct stat status;
    char *temporary = malloc(strlen(path) + sizeof end);

    if (temporary == NULL) {
        fputs("apexctl: short of memory\n", stderr);
        return EXIT_OTHER;
    }
    // Root would lose a device or /dev/stdout by it.
    if (lstat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
        fprintf(stderr, "apexctl: cannot replace %s: it is no plain file\n", path);
        free(temporary);
        return EXIT_OTHER;
    }
    strcpy(temporary, path);
    strcat(temporary, end);
    int fd = mkostemp(temporary, O_CLOEXEC);
    enum exit_code code = EXIT_OK;
    if (fd < 0) {
        code = metrics_failed("write", path);
        free(temporary);
        return code;
    }
    // node_exporter is somebody else.
    if (!metrics_write(fd, text) || fchmod(fd, 0644) != 0) {
        code = metrics_failed("write", path);
        close(fd);
    } else if (close(fd) != 0 || rename(temporary, path) != 0) {
        code = metrics_failed("write", path);
    }
    if (code != EXIT_OK) {
        unlink(temporary);
    }
    free(temporary);
    return code;
}

static enum exit_code
metrics_show(const struct metrics_options *o, const struct call_reply *reply)
{
    const cJSON *text = cJSON_GetObjectItemCaseSensitive(reply->answer.result, "text");

    if (!cJSON_IsString(text)) {
        fputs("apexctl: the answer has no text\n", stderr);
        return EXIT_OTHER;
    }
    if (o->textfile != NULL) {
        return metrics_replace(o->textfile, text->valuestring);
    }
    if (o->json) {
        call_reply_print(reply);
    } else {
        fputs(text->valuestring, stdout);
    }
    return fflush(stdout) == 0 ? EXIT_OK : EXIT_OTHER;
}

enum exit_code
command_metrics(const char *runtime_dir, int argc, char **argv)
{
    struct metrics_options options;
    struct call call;
    struct call_reply reply;

    if (!metrics_parse(&options, argc, argv)) {
        return EXIT_USAGE;
    }
    enum exit_code code = call_open(&call, runtime_dir);
    if (code != EXIT_OK) {
        return code;
    }
    cJSON *params = cJSON_CreateObject();
    cJSON_AddBoolToObject(params, "per_process", options.per_process);
    cJSON_AddBoolToObject(params, "openmetrics", options.openmetrics);
    code = call_ask(&call, METHOD_metrics, params, &reply);
    if (code == EXIT_OK) {
        code = metrics_show(&options, &reply);
        call_reply_free(&reply);
    }
    call_close(&call);
    return code;
}
