// SPDX-License-Identifier: MIT
//
// apexd: options, then daemon_run().

#include "apexd/daemon.h"
#include "apexd/log.h"

#include <getopt.h>
#include <stdio.h>

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "unknown"
#endif

enum { EXIT_USAGE = 2 };

static const char usage[] =
    "Usage: apexd [OPTION]...\n"
    "Lists the processes that run on libapex and answers questions about their heaps.\n"
    "\n"
    "  --runtime-dir DIR   where the sockets are; /run/apexd for root,\n"
    "                      $XDG_RUNTIME_DIR/apexd for others\n"
    "  --config FILE       rules for options of processes; /etc/apex/apexd.json for root,\n"
    "                      none for others; '' for none\n"
    "  --foreground        stay in the foreground; it always does\n"
    "  --log-level LEVEL   error, warning (the default), info or debug\n"
    "  --help              print this and exit\n"
    "  --version           print the version and exit\n"
    "\n"
    "SIGHUP has it read the rules again; SIGTERM and SIGINT stop it. See apexd(8).\n";

int
main(int argc, char **argv)
{
    static const struct option options[] = {
        {"runtime-dir", required_argument, NULL, 'd'}, {"foreground", no_argument, NULL, 'f'},
        {"config", required_argument, NULL, 'c'},
        {"log-level", required_argument, NULL, 'l'},   {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},           {NULL, 0, NULL, 0},
    };
    const char *runtime_dir = NULL;
    const char *config = NULL;
    enum log_level level;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'd':
            runtime_dir = optarg;
            break;
        case 'c':
            config = optarg;
            break;
        case 'f':
            break;
        case 'l':
            if (!log_level_of(optarg, &level)) {
                fprintf(stderr, "apexd: no such log level: %s\n", optarg);
                return EXIT_USAGE;
            }
            log_set_level(level);
            break;
        case 'h':
            fputs(usage, stdout);
            return 0;
        case 'v':
            puts("apexd " PACKAGE_VERSION);
            return 0;
        default:
            fputs("Try 'apexd --help'.\n", stderr);
            return EXIT_USAGE;
        }
    }
    if (optind != argc) {
        fprintf(stderr, "apexd: unexpected argument: %s\nTry 'apexd --help'.\n", argv[optind]);
        return EXIT_USAGE;
    }
    return daemon_run(runtime_dir, config);
}
