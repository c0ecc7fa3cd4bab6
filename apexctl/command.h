// SPDX-License-Identifier: MIT
//
// What main.c and the commands share. A command gets its arguments as main() would: argv[0] is
// its name.

#ifndef APEXCTL_COMMAND_H
#define APEXCTL_COMMAND_H

#include "apexctl/exit.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

#define COMMAND(name, function, arguments, text) \
    enum exit_code command_##function(const char *runtime_dir, int argc, char **argv);
#include "apexctl/commands.def"

// The options of the commands that ask and show.
struct command_view {
    bool json;
    bool watch;
    unsigned interval_s;
    unsigned count; // of rounds when watching; 0 without end
    bool numa;         // of `stats` alone, as the next
    const char *match; // NULL: not by match
};

// `table` or `json`, for commands that are not told themselves. False after a line on stderr.
bool command_set_output(const char *text);

// Whether the word after -o says JSON. False after a line on stderr: it is neither of the two.
bool command_output(const char *text, bool *json);

// The format that stands before the command, for those that parse their own options.
bool command_json_by_default(void);

// The number of a process. False after a line on stderr.
bool command_pid(const char *text, uint64_t *pid);

// A whole number from `min` to 86400. False after a line on stderr.
bool command_number(const char *text, unsigned min, unsigned *out);

// Ends a line on stderr: with the question whether `prefix` and `nearest` was meant, or, when that
// is NULL, without.
void command_end_with_hint(const char *nearest, const char *prefix);

// Says on stderr what is wrong with the option at which getopt_long() has just stopped by `?` or
// `:` (it must have been told to be silent by a `:` at the start of its short options), and which
// one may have been meant.
void command_refuse_option(int option, const char *command, char **argv,
                           const struct option *options);

// The same of an argument that is one too many.
enum exit_code command_unexpected(const char *argument);

// Takes the options out of argv; `*first` is the first argument that is none. `is_stats`: whether
// the command knows --watch, --numa and --match. False after a line on stderr.
bool command_view_parse(struct command_view *view, bool is_stats, int argc, char **argv,
                        int *first);

#endif
