// SPDX-License-Identifier: MIT
//
// apexctl: options that all commands have, then the command, by the table in commands.def.

#include "apexctl/command.h"
#include "apexctl/hint.h"
#include "apexctl/style.h"
#include "apexctl/table.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "unknown"
#endif

static const struct {
    const char *name;
    enum exit_code (*function)(const char *runtime_dir, int argc, char **argv);
    const char *arguments;
    const char *text;
} commands[] = {
#define COMMAND(name, function, arguments, text) {#name, command_##function, arguments, text},
#include "apexctl/commands.def"
};

#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

static void
main_help(void)
{
    puts("Usage: apexctl [--runtime-dir DIR] [-o FORMAT] [--color WHEN] COMMAND [ARGUMENT]...\n"
         "Runs programs on libapex and shows their heaps.\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        printf("  %s %s\n      %s\n", commands[i].name, commands[i].arguments, commands[i].text);
    }
    puts(
        "\n"
        "  --runtime-dir DIR   where apexd serves; else $APEX_RUNTIME_DIR, else /run/apexd,\n"
        "                      else $XDG_RUNTIME_DIR/apexd\n"
        "  -o, --output FORMAT table or json, for commands that are not told themselves\n"
        "  --color WHEN        auto (on a terminal, without NO_COLOR), always or never\n"
        "  --help              print this and exit\n"
        "  --version           print the version and exit\n"
        "\n"
        "Exit codes: 0 done, 1 other failure, 2 wrong usage, 3 no apexd, 4 not allowed, 5 no such\n"
        "process; run and trace end as the program does. See apexctl(1).");
}

static enum exit_code
main_command(const char *runtime_dir, int argc, char **argv)
{
    const char *names[COMMAND_COUNT];

    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, argv[0]) == 0 && argc == 2 && strcmp(argv[1], "--help") == 0) {
            printf("Usage: apexctl %s %s\n%s\n", argv[0], commands[i].arguments, commands[i].text);
            return EXIT_OK;
        }
        if (strcmp(commands[i].name, argv[0]) == 0) {
            return commands[i].function(runtime_dir, argc, argv);
        }
        names[i] = commands[i].name;
    }
    const char *nearest = hint_nearest(argv[0], names, COMMAND_COUNT);
    fprintf(stderr, "apexctl: no such command: %s", argv[0]);
    command_end_with_hint(nearest, "");
    fputs("Try 'apexctl --help'.\n", stderr);
    return EXIT_USAGE;
}

// What could not be written is a failure, whatever the command makes of it.
static enum exit_code
main_end(enum exit_code code)
{
    if (fflush(stdout) == 0 && ferror(stdout) == 0) {
        return code;
    }
    fputs("apexctl: cannot write to standard output\n", stderr);
    return code == EXIT_OK ? EXIT_OTHER : code;
}

int
main(int argc, char **argv)
{
    static const struct option options[] = {
        {"runtime-dir", required_argument, NULL, 'd'}, {"output", required_argument, NULL, 'o'},
        {"color", required_argument, NULL, 'c'},       {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},           {NULL, 0, NULL, 0},
    };
    const char *runtime_dir = NULL;
    int option;

    // The `+` ends our options at the command: what follows is the command's, or the program's.
    while ((option = getopt_long(argc, argv, "+:ho:", options, NULL)) != -1) {
        switch (option) {
        case 'd':
            runtime_dir = optarg;
            break;
        case 'o':
            if (!command_set_output(optarg)) {
                return EXIT_USAGE;
            }
            break;
        case 'c':
            if (!style_set(optarg)) {
                fprintf(stderr, "apexctl: --color takes auto, always or never, not %s\n", optarg);
                return EXIT_USAGE;
            }
            break;
        case 'h':
            main_help();
            return main_end(EXIT_OK);
        case 'v':
            puts("apexctl " PACKAGE_VERSION);
            return main_end(EXIT_OK);
        default:
            command_refuse_option(option, "apexctl", argv, options);
            fputs("Try 'apexctl --help'.\n", stderr);
            return EXIT_USAGE;
        }
    }
    if (optind == argc) {
        fputs("apexctl: what shall it do?\nTry 'apexctl --help'.\n", stderr);
        return EXIT_USAGE;
    }
    table_set_style(style_of(STDOUT_FILENO));
    return main_end(main_command(runtime_dir, argc - optind, argv + optind));
}
