// SPDX-License-Identifier: MIT
//
// Advice on NUMA as text; see render_advise.h.

#include "apexctl/render_advise.h"

#include "apexctl/table.h"
#include "apexctl/value.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define LINE_BYTES 1024
#define INDENT 2
#define HANGING 4

// A line that is made of parts. What does not fit is left out.
struct line {
    size_t used;
    char text[LINE_BYTES];
};

static void advise_add(struct line *line, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
advise_add(struct line *line, const char *format, ...)
{
    va_list arguments;
    size_t room = sizeof line->text - line->used;

    va_start(arguments, format);
    int length = vsnprintf(line->text + line->used, room, format, arguments);
    va_end(arguments);
    line->used += length < 0 ? 0 : (size_t)length < room ? (size_t)length : room - 1;
}

static bool
advise_is_true(const cJSON *object, const char *name)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static bool
advise_is_leave(const cJSON *advice)
{
    return strcmp(value_text(advice, "role"), "leave") == 0;
}

// --- One process ---------------------------------------------------------------------------------

static void
advise_numbers(FILE *out, const cJSON *advice)
{
    const cJSON *item;
    char bytes[TABLE_CELL_BYTES];
    struct line line = {.used = 0};

    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(advice, "evidence"))
    {
        uint64_t value = value_u64(cJSON_GetObjectItemCaseSensitive(advice, "evidence"),
                                   item->string);
        advise_add(&line, "%s%s ", line.used == 0 ? "numbers: " : ", ", item->string);
        if (strstr(item->string, "_bytes") != NULL) {
            advise_add(&line, "%s", table_format_bytes(value, bytes));
        } else {
            advise_add(&line, "%" PRIu64, value);
        }
    }
    table_paragraph(out, HANGING, line.text);
}

static void
advise_changes(FILE *out, const cJSON *advice)
{
    const cJSON *item;
    struct line line = {.used = 0};

    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(advice, "options"))
    {
        bool known = advise_is_true(item, "known");
        advise_add(&line, "%s%s", line.used == 0 ? "changes: " : ", ", value_text(item, "key"));
        if (known) {
            advise_add(&line, " from %s to %s", value_text(item, "value_text"),
                     value_text(item, "wanted_text"));
        } else {
            advise_add(&line, " to %" PRIu64 ", which its libapex does not have",
                     value_u64(item, "wanted"));
        }
    }
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(advice, "weights"))
    {
        advise_add(&line, ", node %" PRIu64 " with weight %" PRIu64, value_u64(item, "node"),
                 value_u64(item, "weight"));
    }
    if (advise_is_true(advice, "rehome")) {
        advise_add(&line, "%s", line.used == 0 ? "changes: memory that is not at home is given back"
                                             : "; memory that is not at home is given back");
    }
    table_paragraph(out, HANGING, line.text);
}

// What is to be done by hand, line by line.
static void
advise_by_hand(FILE *out, const char *text)
{
    if (text[0] == '\0') {
        return;
    }
    fputs("    by hand:\n", out);
    while (*text != '\0') {
        struct line line = {.used = 0};
        size_t length = strcspn(text, "\n");
        advise_add(&line, "%.*s", (int)length, text);
        table_paragraph(out, HANGING + INDENT, line.text);
        text += length + (text[length] == '\n' ? 1 : 0);
    }
}

static void
advise_one(FILE *out, uint64_t pid, const cJSON *advice)
{
    const char *held_by = value_text(advice, "held_by");
    struct line line = {.used = 0};

    advise_add(&line, "%s: %s", value_text(advice, "kind"), value_text(advice, "what"));
    fputc('\n', out);
    table_paragraph(out, INDENT, line.text);
    table_paragraph(out, HANGING, value_text(advice, "why"));
    advise_numbers(out, advice);
    if (advise_is_leave(advice)) {
        return;
    }
    fprintf(out, "    confidence: %s, seen %" PRIu64 " times over %" PRIu64 " s\n",
            value_text(advice, "confidence"), value_u64(advice, "seen"),
            value_u64(advice, "seen_ms") / 1000);
    advise_changes(out, advice);
    advise_by_hand(out, value_text(advice, "by_hand"));
    line = (struct line){.used = 0};
    advise_add(&line, "expected: %s", value_text(advice, "expected"));
    table_paragraph(out, HANGING, line.text);
    line = (struct line){.used = 0};
    advise_add(&line, "to take it back: %s", value_text(advice, "revert"));
    table_paragraph(out, HANGING, line.text);
    if (held_by[0] != '\0') {
        fprintf(out, "    not done because of %s, below\n", held_by);
    } else if (advise_is_true(advice, "can_apply")) {
        fprintf(out, "    to do it: apexctl advise %" PRIu64 " --apply=%s\n", pid,
                value_text(advice, "kind"));
    }
}

static void
advise_in_force(FILE *out, uint64_t pid, const cJSON *force)
{
    uint64_t before = value_u64(force, "before_permille");
    uint64_t now = value_u64(force, "now_permille");
    uint64_t moved = value_u64(force, "moved_pages");
    struct line line = {.used = 0};

    if (force == NULL) {
        return;
    }
    advise_add(&line,
             "in force: %s, by %s, for %" PRIu64 " s: %" PRIu64 ".%" PRIu64
             " %% in place before, %" PRIu64 ".%" PRIu64 " %% now: %s",
             value_text(force, "kind"), value_text(force, "by"),
             value_u64(force, "since_ms") / 1000, before / 10, before % 10, now / 10, now % 10,
             value_text(force, "verdict"));
    fputc('\n', out);
    table_paragraph(out, INDENT, line.text);
    if (moved != 0 || advise_is_true(force, "moving")) {
        fprintf(out, "    %" PRIu64 " pages moved, %" PRIu64 " did not%s\n", moved,
                value_u64(force, "refused_pages"),
                advise_is_true(force, "moving") ? ", and more to come" : "");
    }
    fprintf(out, "    to take it back: apexctl advise %" PRIu64 " --revert\n", pid);
}

static void
advise_process(FILE *out, const cJSON *process)
{
    uint64_t pid = value_u64(process, "pid");
    char bytes[TABLE_CELL_BYTES];
    const cJSON *advice;
    struct line line = {.used = 0};

    advise_add(&line, "%s (pid %" PRIu64 "): %s in core, looked at %" PRIu64 " s ago%s",
             value_text(process, "comm"), pid,
             table_format_bytes(value_u64(process, "rss_bytes"), bytes),
             value_u64(process, "picture_ms") / 1000,
             advise_is_true(process, "acted_on") ? "; acting mode follows advice" : "");
    table_paragraph(out, 0, line.text);
    advise_in_force(out, pid, cJSON_GetObjectItemCaseSensitive(process, "in_force"));
    cJSON_ArrayForEach(advice, cJSON_GetObjectItemCaseSensitive(process, "advice"))
    {
        advise_one(out, pid, advice);
    }
}

// --- Several -------------------------------------------------------------------------------------

static void
advise_table(FILE *out, const cJSON *processes)
{
    static const char *const titles[] = {"PID", "<COMMAND", "<KIND", "<CONFIDENCE", "<WHAT"};
    const cJSON *process;
    const cJSON *advice;
    struct table t;

    table_init(&t, titles, COUNT(titles));
    cJSON_ArrayForEach(process, processes)
    {
        cJSON_ArrayForEach(advice, cJSON_GetObjectItemCaseSensitive(process, "advice"))
        {
            table_number(&t, value_u64(process, "pid"));
            table_text(&t, value_text(process, "comm"));
            table_text(&t, value_text(advice, "kind"));
            table_text(&t, advise_is_leave(advice) ? "" : value_text(advice, "confidence"));
            table_text(&t, value_text(advice, "what"));
        }
    }
    table_print(&t, out);
}

void
render_advise(FILE *out, const cJSON *result, bool whole)
{
    const cJSON *processes = cJSON_GetObjectItemCaseSensitive(result, "processes");
    const cJSON *process;
    uint64_t others = value_u64(result, "denied") + value_u64(result, "left_out");

    if (cJSON_GetArraySize(processes) == 0) {
        fputs("no process of yours is registered\n", out);
    } else if (!whole) {
        advise_table(out, processes);
    } else {
        cJSON_ArrayForEach(process, processes)
        {
            if (process != processes->child) {
                fputc('\n', out);
            }
            advise_process(out, process);
        }
    }
    if (others != 0) {
        fprintf(out, "%" PRIu64 " more, of other users or left out\n", others);
    }
}
