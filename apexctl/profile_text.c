// SPDX-License-Identifier: MIT
//
// From a profile to text; see profile_text.h. Names come from files of strangers: control
// characters are replaced.

#include "apexctl/profile_text.h"

#include "apexctl/table.h"
#include "apexctl/value.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define STACKS_SHOWN 20
#define FRAMES_SHOWN 12

static void
text_clean(FILE *out, const char *text, char also)
{
    for (; *text != '\0'; text++) {
        bool bad = (unsigned char)*text < 0x20 || *text == 0x7f || *text == also;
        fputc(bad ? '?' : *text, out);
    }
}

static const char *
text_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

// The file that is mapped there.
static const char *
text_module(const struct profile *p, uint64_t address)
{
    const cJSON *array = cJSON_GetObjectItemCaseSensitive(p->result, "mappings");
    const cJSON *m;

    cJSON_ArrayForEach(m, array)
    {
        if (address >= strtoull(value_text(m, "start"), NULL, 16) &&
            address < strtoull(value_text(m, "end"), NULL, 16)) {
            return text_base(value_text(m, "path"));
        }
    }
    return "";
}

// --- For people ----------------------------------------------------------------------------------

static void
text_frame(FILE *out, const struct profile *p, uint64_t address)
{
    struct symbol symbol = symbols_find(p->symbols, address);

    fputs("      ", out);
    if (symbol.name[0] == '\0') {
        fprintf(out, "%#" PRIx64, address);
    } else {
        text_clean(out, symbol.name, 0);
    }
    if (symbol.line > 0) {
        fputs("  ", out);
        text_clean(out, text_base(symbol.file), 0);
        fprintf(out, ":%d", symbol.line);
    } else {
        fputs("  ", out);
        text_clean(out, text_module(p, address), 0);
    }
    fputc('\n', out);
}

static void
text_ages(FILE *out, const struct profile_stack *s)
{
    char bytes[TABLE_CELL_BYTES];
    const char *comma = "    age: ";

    for (unsigned i = 0; i < PROFILE_AGES; i++) {
        if (s->age_bytes[i] != 0) {
            fprintf(out, "%s%s %s%s", comma, table_format_bytes(s->age_bytes[i], bytes),
                    i + 1 < PROFILE_AGES ? "up to " : "", profile_age_names[i]);
            comma = ", ";
        }
    }
    fprintf(out, "; the oldest %" PRIu64 " s\n", s->oldest_ms / 1000);
}

static void
text_stack(FILE *out, const struct profile *p, const struct profile_stack *s, bool leaks)
{
    char live[TABLE_CELL_BYTES];
    char all[TABLE_CELL_BYTES];

    fprintf(out, "\n%s live in %" PRIu64 " objects; %s allocated in %" PRIu64 " (%" PRIu64
                 " samples)\n",
            table_format_bytes(s->live.bytes, live), s->live.objects,
            table_format_bytes(s->alloc.bytes, all), s->alloc.objects, s->alloc.samples);
    if (leaks) {
        text_ages(out, s);
    }
    for (unsigned i = 0; i < s->depth && i < FRAMES_SHOWN; i++) {
        text_frame(out, p, s->pc[i]);
    }
    if (s->depth > FRAMES_SHOWN) {
        fprintf(out, "      … %u more\n", s->depth - FRAMES_SHOWN);
    }
    if (s->depth == 0) {
        fputs("      (stacks for which there was no room)\n", out);
    }
}

// Most that is old first: what leaks grows old.
static int
text_compare_leaks(const void *left, const void *right)
{
    const struct profile_stack *a = left;
    const struct profile_stack *b = right;

    for (unsigned i = PROFILE_AGES; i-- > 0;) {
        if (a->age_bytes[i] != b->age_bytes[i]) {
            return a->age_bytes[i] < b->age_bytes[i] ? 1 : -1;
        }
    }
    return 0;
}

void
profile_text_table(FILE *out, struct profile *p, bool leaks)
{
    char rate[TABLE_CELL_BYTES];
    size_t shown = 0;

    text_clean(out, p->comm, 0);
    fprintf(out, " (pid %" PRIu64 "): %" PRIu64 " samples in %.1f s, ", p->pid, p->samples,
            (double)p->duration_ms / 1000);
    if (p->rate_bytes == 0) {
        fputs("off now\n", out);
    } else {
        fprintf(out, "one in %s\n", table_format_bytes(p->rate_bytes, rate));
    }
    if (p->dropped != 0) {
        fprintf(out, "%" PRIu64 " samples found no room: a larger profile_rate takes fewer\n",
                p->dropped);
    }
    if (leaks) {
        qsort(p->stack, p->count, sizeof *p->stack, text_compare_leaks);
    }
    for (size_t i = 0; i < p->count && shown < STACKS_SHOWN; i++) {
        const struct profile_stack *s = &p->stack[i];
        if (s->live.bytes != 0 || (!leaks && s->alloc.bytes != 0)) {
            text_stack(out, p, s, leaks);
            shown++;
        }
    }
    if (shown == STACKS_SHOWN && p->count > shown) {
        fprintf(out, "\n… and %zu more stacks; -o folded and -o pprof have them\n",
                p->count - shown);
    }
}

// --- Folded --------------------------------------------------------------------------------------

void
profile_text_folded(FILE *out, const struct profile *p, bool leaks)
{
    for (size_t i = 0; i < p->count; i++) {
        const struct profile_stack *s = &p->stack[i];
        uint64_t bytes = leaks ? s->live.bytes : s->alloc.bytes;
        if (bytes == 0) {
            continue;
        }
        text_clean(out, p->comm, ';');
        for (unsigned f = s->depth; f-- > 0;) {
            struct symbol symbol = symbols_find(p->symbols, s->pc[f]);
            fputc(';', out);
            if (symbol.name[0] != '\0') {
                text_clean(out, symbol.name, ';');
            } else {
                fputc('[', out);
                text_clean(out, text_module(p, s->pc[f]), ';');
                fputc(']', out);
            }
        }
        fprintf(out, " %" PRIu64 "\n", bytes);
    }
}
