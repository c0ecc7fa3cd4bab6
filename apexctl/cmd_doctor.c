// SPDX-License-Identifier: MIT
//
// apexctl doctor: says in words what is wrong with this host, a program or a process, and what to
// do. It needs no daemon, for that may be what is wrong.

#include "apexctl/command.h"
#include "apexctl/doctor_host.h"
#include "apexctl/doctor_process.h"
#include "apexctl/doctor_program.h"
#include "apexctl/doctor_setup.h"
#include "apexctl/probe.h"
#include "apexctl/style.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static enum exit_code
doctor_show(struct findings *findings, bool json)
{
    enum exit_code code = finding_worst(findings) == FINDING_BAD ? EXIT_OTHER : EXIT_OK;

    if (!json) {
        finding_print(findings, style_of(STDOUT_FILENO).colours, stdout);
    } else if (!finding_print_json(findings, stdout)) {
        fputs("apexctl: short of memory\n", stderr);
        code = EXIT_OTHER;
    }
    finding_free(findings);
    return fflush(stdout) == 0 ? code : EXIT_OTHER;
}

enum exit_code
command_doctor(const char *runtime_dir, int argc, char **argv)
{
    struct findings findings = {.list = NULL};
    struct command_view options;
    uint64_t pid = 0;
    int first;

    if (argc == 2 && strcmp(argv[1], PROBE_ARGUMENT) == 0) {
        return (enum exit_code)probe_answer();
    }
    if (!command_view_parse(&options, false, argc, argv, &first)) {
        return EXIT_USAGE;
    }
    bool program = first > 1 && strcmp(argv[first - 1], "--") == 0;
    if (!program && first < argc && !command_pid(argv[first], &pid)) {
        fputs("apexctl: for a program: apexctl doctor -- PROGRAM\n", stderr);
        return EXIT_USAGE;
    }
    if (program && first == argc) {
        fputs("apexctl: doctor of which program? apexctl doctor -- PROGRAM\n", stderr);
        return EXIT_USAGE;
    }
    if (!program && first + 1 < argc) {
        return command_unexpected(argv[first + 1]);
    }
    if (program) {
        doctor_program(&findings, argv[first]);
    } else if (pid != 0) {
        doctor_process(&findings, runtime_dir, (pid_t)pid);
    } else {
        doctor_library(&findings);
        doctor_daemon(&findings, runtime_dir);
        doctor_host(&findings);
    }
    return doctor_show(&findings, options.json);
}
