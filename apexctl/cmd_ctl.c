// SPDX-License-Identifier: MIT
//
// The command `ctl`: which leaves apex_ctl() has, from the table that libapex is made of, and what
// those of a running process say, from apexd.

#include "apexctl/call.h"
#include "apexctl/command.h"
#include "apexctl/render.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ctl_row {
    const char *name;
    const char *type;
    const char *access;
    const char *unit;
    const char *text;
};

static const struct ctl_row ctl_rows[] = {
#define CTL(name, source, type, access, argument, unit, text) {name, #type, #access, unit, text},
#include "libapex/tables/ctl.def"
};

#define CTL_ROW_COUNT (sizeof ctl_rows / sizeof ctl_rows[0])

// The words of the table as people read them.
static const char *
ctl_word(const char *word)
{
    static const char *const words[][2] = {{"READ", "read"},     {"READ_WRITE", "read, write"},
                                           {"ACTION", "action"}, {"NUMBER", "number"},
                                           {"TEXT", "text"},     {"NONE", "none"}};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i][0], word) == 0) {
            return words[i][1];
        }
    }
    return word;
}

static cJSON *
ctl_list_json(void)
{
    cJSON *object = cJSON_CreateObject();
    cJSON *array = cJSON_AddStringToObject(object, "schema", "apexctl.ctl/1") == NULL
                       ? NULL
                       : cJSON_AddArrayToObject(object, "leaves");

    for (size_t i = 0; i < CTL_ROW_COUNT && array != NULL; i++) {
        const struct ctl_row *row = &ctl_rows[i];
        cJSON *leaf = cJSON_CreateObject();
        if (cJSON_AddStringToObject(leaf, "name", row->name) == NULL ||
            cJSON_AddStringToObject(leaf, "type", ctl_word(row->type)) == NULL ||
            cJSON_AddStringToObject(leaf, "access", ctl_word(row->access)) == NULL ||
            cJSON_AddStringToObject(leaf, "unit", row->unit) == NULL ||
            cJSON_AddStringToObject(leaf, "text", row->text) == NULL ||
            !cJSON_AddItemToArray(array, leaf)) {
            cJSON_Delete(leaf);
            array = NULL;
        }
    }
    if (array == NULL) {
        cJSON_Delete(object);
        return NULL;
    }
    return object;
}

static enum exit_code
ctl_list(bool json)
{
    if (json) {
        cJSON *object = ctl_list_json();
        char *text = object == NULL ? NULL : cJSON_PrintUnformatted(object);
        cJSON_Delete(object);
        if (text == NULL) {
            fputs("apexctl: out of memory\n", stderr);
            return EXIT_OTHER;
        }
        puts(text);
        free(text);
        return fflush(stdout) == 0 ? EXIT_OK : EXIT_OTHER;
    }
    printf("%-32s %-11s %-16s %s\n", "NAME", "ACCESS", "UNIT", "MEANING");
    for (size_t i = 0; i < CTL_ROW_COUNT; i++) {
        const struct ctl_row *row = &ctl_rows[i];
        printf("%-32s %-11s %-16s %s\n", row->name, ctl_word(row->access), row->unit, row->text);
    }
    return fflush(stdout) == 0 ? EXIT_OK : EXIT_OTHER;
}

// Asks for one leaf, or all when `name` is NULL. As JSON the answer is printed as it came; else its
// leaves go to the end of `all`.
static enum exit_code
ctl_ask(struct call *call, uint64_t pid, const char *name, bool json, cJSON *all)
{
    struct call_reply reply;
    cJSON *params = cJSON_CreateObject();

    if (!message_add_u64(params, "pid", pid) ||
        (name != NULL && cJSON_AddStringToObject(params, "name", name) == NULL)) {
        cJSON_Delete(params);
        fputs("apexctl: out of memory\n", stderr);
        return EXIT_OTHER;
    }
    enum exit_code code = call_ask(call, METHOD_ctl, params, &reply);
    if (code != EXIT_OK) {
        if (name != NULL && code == EXIT_OTHER) {
            fprintf(stderr, "apexctl: %s cannot be read\n", name);
        }
        return code;
    }
    if (json) {
        call_reply_print(&reply);
    } else {
        cJSON *leaves = cJSON_GetObjectItemCaseSensitive(reply.answer.result, "leaves");
        cJSON *leaf;
        while ((leaf = cJSON_DetachItemFromArray(leaves, 0)) != NULL) {
            cJSON_AddItemToArray(all, leaf);
        }
    }
    call_reply_free(&reply);
    return EXIT_OK;
}

static enum exit_code
ctl_read(const char *runtime_dir, uint64_t pid, char **names, int count, bool json)
{
    struct call call;
    cJSON *result = cJSON_CreateObject();
    cJSON *all = cJSON_AddArrayToObject(result, "leaves");
    enum exit_code code = call_open(&call, runtime_dir);

    for (int i = 0; code == EXIT_OK && i < (count == 0 ? 1 : count); i++) {
        code = ctl_ask(&call, pid, count == 0 ? NULL : names[i], json, all);
    }
    if (code == EXIT_OK && !json) {
        render_ctl(stdout, result);
    }
    cJSON_Delete(result);
    call_close(&call);
    return code != EXIT_OK ? code : fflush(stdout) == 0 ? EXIT_OK : EXIT_OTHER;
}

// Takes `--list` out of the arguments.
static bool
ctl_take_list(int *argc, char **argv)
{
    bool found = false;
    int kept = 1;

    for (int i = 1; i < *argc; i++) {
        if (strcmp(argv[i], "--list") == 0) {
            found = true;
        } else {
            argv[kept++] = argv[i];
        }
    }
    argv[kept] = NULL;
    *argc = kept;
    return found;
}

enum exit_code
command_ctl(const char *runtime_dir, int argc, char **argv)
{
    bool list = ctl_take_list(&argc, argv);
    struct command_view view;
    uint64_t pid;
    int first;

    if (!command_view_parse(&view, false, argc, argv, &first)) {
        return EXIT_USAGE;
    }
    if (list) {
        return first < argc ? command_unexpected(argv[first]) : ctl_list(view.json);
    }
    if (first == argc) {
        fputs("apexctl: ctl wants a process number, or --list\n", stderr);
        return EXIT_USAGE;
    }
    if (!command_pid(argv[first], &pid)) {
        return EXIT_USAGE;
    }
    return ctl_read(runtime_dir, pid, &argv[first + 1], argc - first - 1, view.json);
}
