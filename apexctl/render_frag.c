// SPDX-License-Identifier: MIT
//
// Totals, classes and advice of `frag`; see render_frag.h.

#include "apexctl/render_frag.h"

#include "apexctl/table.h"
#include "apexctl/value.h"

#include <inttypes.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static void
frag_totals(FILE *out, const cJSON *totals)
{
    static const struct {
        const char *field;
        const char *name;
        const char *text;
    } rows[] = {
        {"held_bytes", "held", "all that may be in core"},
        {"live_bytes", "live", "objects up to 1 MiB"},
        {"large_bytes", "large", "larger objects"},
        {"internal_bytes_estimated", "internal", "of live: not asked for, an estimate"},
        {"free_bytes", "external", "free objects in blocks in use"},
        {"loss_bytes", "block ends", "too short for an object"},
        {"idle_bytes", "idle", "empty blocks that threads keep"},
        {"large_cached_bytes", "large cache", "freed large objects, kept"},
        {"dirty_bytes", "dirty", "free blocks that may have pages"},
        {"metadata_bytes", "metadata", "bookkeeping"},
        {"retained_bytes", "retained", "free addresses, no memory behind them"},
    };
    static const char *const titles[] = {"<WHERE", "BYTES", "SHARE", "<WHAT"};
    double held = (double)value_u64(totals, "held_bytes");
    char share[16];
    struct table t;

    table_init(&t, titles, COUNT(titles));
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint64_t bytes = value_u64(totals, rows[i].field);
        bool in_core = strcmp(rows[i].field, "retained_bytes") != 0;
        snprintf(share, sizeof share, "%.1f %%", held > 0 ? 100 * (double)bytes / held : 0.0);
        table_text(&t, rows[i].name);
        table_bytes(&t, bytes);
        table_text(&t, in_core ? share : "");
        table_text(&t, rows[i].text);
    }
    table_print(&t, out);
}

static void
frag_classes(FILE *out, const cJSON *classes)
{
    static const char *const titles[] = {"CLASS",    "BLOCKS",     "LIVE", "BYTES",
                                         "INTERNAL", "EXTERNAL", "IDLE"};
    const cJSON *item;
    struct table t;

    if (cJSON_GetArraySize(classes) == 0) {
        return;
    }
    fputc('\n', out);
    table_init(&t, titles, COUNT(titles));
    cJSON_ArrayForEach(item, classes)
    {
        table_number(&t, value_u64(item, "size_bytes"));
        table_number(&t, value_u64(item, "blocks"));
        table_number(&t, value_u64(item, "live"));
        table_bytes(&t, value_u64(item, "live_bytes"));
        table_bytes(&t, value_u64(item, "internal_bytes_estimated"));
        table_bytes(&t, value_u64(item, "free_bytes"));
        table_bytes(&t, value_u64(item, "idle_bytes"));
    }
    table_print(&t, out);
}

static void
frag_advice(FILE *out, const cJSON *advice)
{
    const cJSON *item;
    char bytes[TABLE_CELL_BYTES];

    if (cJSON_GetArraySize(advice) == 0) {
        fputs("\nNo kind of waste is a twentieth of what is held.\n", out);
        return;
    }
    cJSON_ArrayForEach(item, advice)
    {
        fprintf(out, "\nUp to %s:\n",
                table_format_bytes(value_u64(item, "saves_bytes_max"), bytes));
        table_paragraph(out, 2, value_text(item, "text"));
        if (value_text(item, "command")[0] != '\0') {
            table_paragraph(out, 2, value_text(item, "command"));
        }
    }
}

void
render_frag(FILE *out, const cJSON *result)
{
    uint64_t hidden = value_u64(result, "superblocks_hidden");

    for (const char *c = value_text(result, "comm"); *c != '\0'; c++) {
        fputc((unsigned char)*c < 0x20 || *c == 0x7f ? '?' : *c, out);
    }
    fprintf(out, " (pid %" PRIu64 ")\n\n", value_u64(result, "pid"));
    frag_totals(out, cJSON_GetObjectItemCaseSensitive(result, "totals"));
    frag_classes(out, cJSON_GetObjectItemCaseSensitive(result, "classes"));
    if (hidden != 0) {
        fprintf(out, "\n%" PRIu64 " superblocks are beyond the page of the process.\n", hidden);
    }
    frag_advice(out, cJSON_GetObjectItemCaseSensitive(result, "advice"));
}
