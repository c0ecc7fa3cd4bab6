// SPDX-License-Identifier: MIT
//
// The page, with the calls in place of two of its lines; see trace_html.h.
//
// Numbers are varints: seven bits to a byte, the lowest first, the top bit says that more follow.
// Signed ones are folded: 0, -1, 1, -2, … become 0, 1, 2, 3. A column holds one kind of number for
// all calls, or for all objects, so that neighbours are alike and compress well:
//
//   what each call is (a byte) · its thread · microseconds since the one before (signed)
//   of a call that ends an object, how many calls ago that object was made
//   of each object, in the order in which they are made, bytes requested
//   of each run: place of each object less that of the one before (signed); bytes usable less bytes
//   requested (signed)
//
// A place is the index of the superblock among those of the run, times 2^18, plus the offset in it
// in units of 16 bytes.

#include "apexctl/trace_html.h"

#include "apexctl/page.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "unknown"
#endif

static const char *const html_page[] = {
#include "apexctl/trace_page.def"
};

#define META_LINE "APEX_TRACE_META\n"
#define CALLS_LINE "APEX_TRACE_CALLS\n"

#define SUPERBLOCK_SHIFT 22
#define UNIT_SHIFT 4
#define VARINT_BYTES 10

struct pack {
    unsigned char *data;
    size_t used;
    size_t room;
    bool failed;
};

// Superblocks of a run, by their addresses >> SUPERBLOCK_SHIFT, ascending.
struct tiles {
    uint64_t *base;
    size_t count;
};

// --- Packing -------------------------------------------------------------------------------------

static void
pack_number(struct pack *pack, uint64_t value)
{
    if (pack->room - pack->used < VARINT_BYTES) {
        size_t room = pack->room * 2 + 4096;
        unsigned char *data = pack->failed ? NULL : realloc(pack->data, room);
        if (data == NULL) {
            pack->failed = true;
            return;
        }
        pack->data = data;
        pack->room = room;
    }
    for (; value >= 128; value >>= 7) {
        pack->data[pack->used++] = (unsigned char)(value | 128);
    }
    pack->data[pack->used++] = (unsigned char)value;
}

static void
pack_signed(struct pack *pack, uint64_t value)
{
    pack_number(pack, value << 1 ^ (0 - (value >> 63)));
}

static void
pack_calls(struct pack *pack, const struct trace *trace)
{
    uint64_t before_us = 0;

    for (size_t i = 0; i < trace->count; i++) {
        pack_number(pack, trace->call[i].op);
    }
    for (size_t i = 0; i < trace->count; i++) {
        pack_number(pack, trace->call[i].thread);
    }
    for (size_t i = 0; i < trace->count; i++) {
        uint64_t us = trace->call[i].time_ns / 1000;
        pack_signed(pack, us - before_us);
        before_us = us;
    }
    for (size_t i = 0; i < trace->count; i++) {
        if (!trace_is_birth(&trace->call[i])) {
            pack_number(pack, i - trace->call[i].of);
        }
    }
    for (size_t i = 0; i < trace->count; i++) {
        if (trace_is_birth(&trace->call[i])) {
            pack_number(pack, trace->call[i].requested);
        }
    }
}

static size_t
tiles_find(const struct tiles *tiles, uint64_t base)
{
    size_t low = 0;

    for (size_t high = tiles->count; low < high;) {
        size_t middle = (low + high) / 2;
        if (tiles->base[middle] < base) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void
pack_run(struct pack *pack, const struct trace *trace, const struct tiles *tiles)
{
    uint64_t unit_mask = (UINT64_C(1) << (SUPERBLOCK_SHIFT - UNIT_SHIFT)) - 1;
    uint64_t before = 0;

    for (size_t i = 0; i < trace->count; i++) {
        if (trace_is_birth(&trace->call[i])) {
            uint64_t address = trace->call[i].address;
            uint64_t place = (uint64_t)tiles_find(tiles, address >> SUPERBLOCK_SHIFT)
                                 << (SUPERBLOCK_SHIFT - UNIT_SHIFT) |
                             (address >> UNIT_SHIFT & unit_mask);
            pack_signed(pack, place - before);
            before = place;
        }
    }
    for (size_t i = 0; i < trace->count; i++) {
        if (trace_is_birth(&trace->call[i])) {
            pack_signed(pack, trace->call[i].usable - trace->call[i].requested);
        }
    }
}

// --- Superblocks ---------------------------------------------------------------------------------

static int
tiles_compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;

    return left < right ? -1 : left > right;
}

// False when memory is short. Free tiles->base in either case.
static bool
tiles_collect(struct tiles *tiles, const struct trace *trace)
{
    size_t all = 0;

    *tiles = (struct tiles){.base = malloc((trace->count + 1) * sizeof *tiles->base)};
    if (tiles->base == NULL) {
        return false;
    }
    for (size_t i = 0; i < trace->count; i++) {
        uint64_t base = trace->call[i].address >> SUPERBLOCK_SHIFT;
        if (trace_is_birth(&trace->call[i]) && (all == 0 || tiles->base[all - 1] != base)) {
            tiles->base[all++] = base;
        }
    }
    qsort(tiles->base, all, sizeof *tiles->base, tiles_compare);
    for (size_t i = 0; i < all; i++) {
        if (tiles->count == 0 || tiles->base[tiles->count - 1] != tiles->base[i]) {
            tiles->base[tiles->count++] = tiles->base[i];
        }
    }
    return true;
}

// --- Writing -------------------------------------------------------------------------------------

static void
html_base64(FILE *out, const unsigned char *data, size_t bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < bytes; i += 3) {
        size_t left = bytes - i;
        unsigned word = (unsigned)data[i] << 16 | (left > 1 ? (unsigned)data[i + 1] << 8 : 0) |
                        (left > 2 ? data[i + 2] : 0);
        fputc(digits[word >> 18], out);
        fputc(digits[word >> 12 & 63], out);
        fputc(left > 1 ? digits[word >> 6 & 63] : '=', out);
        fputc(left > 2 ? digits[word & 63] : '=', out);
    }
    fputc('\n', out);
}

static bool
html_calls(FILE *out, const struct pack *pack)
{
    uLongf bytes = compressBound(pack->used);
    unsigned char *data = malloc(bytes);
    bool good = data != NULL && compress2(data, &bytes, pack->data, pack->used, 6) == Z_OK;

    if (good) {
        html_base64(out, data, bytes);
    }
    free(data);
    return good;
}

static void
html_run(FILE *out, const struct trace_run *run, const struct tiles *tiles)
{
    fputs("{\"name\":", out);
    page_string(out, run->name);
    fputs(",\"superblocks\":[", out);
    for (size_t i = 0; i < tiles->count; i++) {
        fprintf(out, "%s\"%" PRIx64 "\"", i == 0 ? "" : ",", tiles->base[i] << SUPERBLOCK_SHIFT);
    }
    fputs("]}", out);
}

static void
html_meta(FILE *out, char **program, const struct trace_run *run, const struct tiles *tiles,
          unsigned runs)
{
    const struct trace *trace = &run[0].trace;
    size_t objects = 0;

    for (size_t i = 0; i < trace->count; i++) {
        objects += trace_is_birth(&trace->call[i]);
    }
    fputs("{\"version\":\"" PACKAGE_VERSION "\",\"program\":[", out);
    for (size_t i = 0; program[i] != NULL; i++) {
        fputs(i == 0 ? "" : ",", out);
        page_string(out, program[i]);
    }
    fprintf(out,
            "],\"calls\":%zu,\"objects\":%zu,\"threads\":%" PRIu32 ",\"lost\":%" PRIu64
            ",\"others\":%" PRIu32 ",\"early\":%" PRIu32 ",\"unknown\":%" PRIu64 ",\"runs\":[",
            trace->count, objects, trace->threads, trace->lost, trace->others, trace->early,
            trace->unknown + trace->torn);
    for (unsigned i = 0; i < runs; i++) {
        fputs(i == 0 ? "" : ",", out);
        html_run(out, &run[i], &tiles[i]);
    }
    fputs("]}\n", out);
}

bool
trace_html(FILE *out, char **program, const struct trace_run *run, unsigned runs)
{
    struct tiles tiles[TRACE_RUNS_MAX] = {{NULL, 0}};
    struct pack pack = {NULL, 0, 0, false};
    bool good = true;

    pack_calls(&pack, &run[0].trace);
    for (unsigned i = 0; good && i < runs; i++) {
        good = tiles_collect(&tiles[i], &run[i].trace);
        if (good) {
            pack_run(&pack, &run[i].trace, &tiles[i]);
        }
    }
    good = good && !pack.failed;
    for (size_t i = 0; good && i < sizeof html_page / sizeof html_page[0]; i++) {
        if (strcmp(html_page[i], META_LINE) == 0) {
            html_meta(out, program, run, tiles, runs);
        } else if (strcmp(html_page[i], CALLS_LINE) == 0) {
            good = html_calls(out, &pack);
        } else {
            fputs(html_page[i], out);
        }
    }
    for (unsigned i = 0; i < runs; i++) {
        free(tiles[i].base);
    }
    free(pack.data);
    return good;
}
