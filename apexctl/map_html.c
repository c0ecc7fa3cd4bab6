// SPDX-License-Identifier: MIT
//
// The page, with the map in place of one of its lines; see map_html.h.

#include "apexctl/map_html.h"

#include "apexctl/page.h"

#include <inttypes.h>
#include <string.h>

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "unknown"
#endif

static const char *const map_page[] = {
#include "apexctl/map_page.def"
};

// The line of the page that the map takes the place of.
#define DATA_LINE "APEX_MAP_DATA\n"

static void
html_numbers(FILE *out, const char *name, const uint64_t *numbers, size_t count)
{
    fprintf(out, ",\"%s\":[", name);
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "%s%" PRIu64, i == 0 ? "" : ",", numbers[i]);
    }
    fputc(']', out);
}

static void
html_owners(FILE *out, const struct map *map)
{
    const char *separator = "";

    fputs(",\"owners\":{", out);
    for (unsigned i = 0; i < MAP_OWNERS_MAX; i++) {
        if (map->owner_tid[i] != 0) {
            fprintf(out, "%s\"%u\":{\"tid\":%" PRIu64 ",\"live\":%s}", separator, i,
                    map->owner_tid[i], map->owner_live[i] ? "true" : "false");
            separator = ",";
        }
    }
    fputc('}', out);
}

// Ten digits for each block: class, state, owner, fill, and its place in the run; the length of the
// run follows from that.
static void
html_superblock(FILE *out, const struct map_superblock *sb)
{
    fprintf(out, "{\"base\":\"%012" PRIx64 "\",\"node\":%" PRIu64 ",\"huge\":%s,\"blocks\":\"",
            sb->base, sb->node, sb->huge ? "true" : "false");
    for (unsigned i = 0; i < MAP_BLOCKS; i++) {
        const struct map_block *b = &sb->block[i];
        fprintf(out, "%02x%02x%02x%02x%02x", b->class, b->state, b->owner, b->fill, b->place);
    }
    fputs("\"}", out);
}

static void
html_data(FILE *out, const struct map *map)
{
    fputs("{\"comm\":", out);
    page_string(out, map->comm);
    fprintf(out,
            ",\"pid\":%" PRIu64 ",\"version\":\"" PACKAGE_VERSION "\",\"block_bytes\":%" PRIu64
            ",\"superblocks_held\":%" PRIu64 ",\"large_held\":%" PRIu64,
            map->pid, map->block_bytes, map->superblocks_held, map->large_held);
    html_numbers(out, "class_bytes", map->class_bytes, map->class_count);
    html_owners(out, map);
    fputs(",\"superblocks\":[", out);
    for (size_t i = 0; i < map->count; i++) {
        fputs(i == 0 ? "\n" : ",\n", out);
        html_superblock(out, &map->superblock[i]);
    }
    fputs("],\"large\":[", out);
    for (size_t i = 0; i < map->large_count; i++) {
        const struct map_large *l = &map->large[i];
        fprintf(out, "%s\n{\"base\":\"%012" PRIx64 "\",\"bytes\":%" PRIu64 ",\"state\":\"%s\"}",
                i == 0 ? "" : ",", l->base, l->bytes,
                l->live ? "live" : l->pages ? "cached" : "parked");
    }
    fputs("]}\n", out);
}

void
map_html(FILE *out, const struct map *map)
{
    for (size_t i = 0; i < sizeof map_page / sizeof map_page[0]; i++) {
        if (strcmp(map_page[i], DATA_LINE) == 0) {
            html_data(out, map);
        } else {
            fputs(map_page[i], out);
        }
    }
}
