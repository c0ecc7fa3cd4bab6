// SPDX-License-Identifier: MIT
//
// apexd: options, then daemon_run().

#include "apexd/daemon.h"
#include "apexd/log.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

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
    "  --http-port N       serve HTTP on port N of the loopback interface, too: totals of the\n"
    "                      host at /metrics, for Prometheus\n"
    "  --foreground        stay in the foreground; it always does\n"
    "  --act               take free memory from idle processes, and have processes keep\n"
    "                      less where memory is short; else it only advises\n"
    "  --pressure FILE     where the kernel tells of memory pressure; with --act\n"
    "  --log-level LEVEL   error, warning (the default), info or debug\n"
    "  --help              print this and exit\n"
    "  --version           print the version and exit\n"
    "\n"
    "SIGHUP has it read the rules again; SIGTERM and SIGINT stop it. See apexd(8).\n";

static bool
main_port(const char *text, unsigned *port)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    *port = (unsigned)value;
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && value >= 1 && value <= 65535;
}

int
main(int argc, char **argv)
{
    static const struct option options[] = {
        {"runtime-dir", required_argument, NULL, 'd'}, {"foreground", no_argument, NULL, 'f'},
        {"config", required_argument, NULL, 'c'},      {"http-port", required_argument, NULL, 'p'},
        {"log-level", required_argument, NULL, 'l'},   {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},           {"act", no_argument, NULL, 'a'},
        {"pressure", required_argument, NULL, 's'},    {NULL, 0, NULL, 0},
    };
    struct daemon_options daemon = {0};
    enum log_level level;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'd':
            daemon.runtime_dir = optarg;
            break;
        case 'c':
            daemon.config = optarg;
            break;
        case 'p':
            if (!main_port(optarg, &daemon.http_port)) {
                fprintf(stderr, "apexd: not a port from 1 to 65535: %s\n", optarg);
                return EXIT_USAGE;
            }
            break;
        case 'a':
            daemon.act = true;
            break;
        case 's':
            daemon.pressure = optarg;
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
    return daemon_run(&daemon);
}
