// SPDX-License-Identifier: MIT
//
// Fills the messages of profile.proto and has protobuf-c pack them, zlib squeeze them.
//
// All that is made here lives until the file is written: it is kept in a list of pieces and given
// back at once.

#include "apexctl/pprof.h"

#include "apexctl/value.h"

#include <apexctl/profile.pb-c.h> // made by protoc-c, in the folder of the build
#include <search.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define VALUES 4

typedef Apex__Profile__Profile pb_profile;
typedef Apex__Profile__ValueType pb_type;
typedef Apex__Profile__Sample pb_sample;
typedef Apex__Profile__Mapping pb_mapping;
typedef Apex__Profile__Location pb_location;
typedef Apex__Profile__Function pb_function;
typedef Apex__Profile__Line pb_line;

struct pprof_piece {
    struct pprof_piece *next;
    max_align_t data[];
};

// Something that has a number: a text, a function by its name, a location by its address.
struct pprof_entry {
    const char *text;
    uint64_t key; // when `text` is NULL
    uint64_t number;
};

struct pprof_array {
    size_t count;
    size_t room;
    void **item;
};

struct pprof {
    const struct profile *profile;
    struct pprof_piece *pieces;
    bool failed;
    void *texts; // trees of tsearch()
    void *functions;
    void *locations;
    struct pprof_array text;
    struct pprof_array function;
    struct pprof_array location;
    struct pprof_array mapping;
    struct pprof_array sample;
};

// --- Memory --------------------------------------------------------------------------------------

// Zeroed; NULL when memory is short, which is remembered.
static void *
pprof_new(struct pprof *f, size_t bytes)
{
    struct pprof_piece *piece = calloc(1, sizeof *piece + bytes);

    if (piece == NULL) {
        f->failed = true;
        return NULL;
    }
    piece->next = f->pieces;
    f->pieces = piece;
    return piece->data;
}

static void
pprof_append(struct pprof *f, struct pprof_array *array, void *item)
{
    if (array->count == array->room) {
        size_t room = array->room == 0 ? 64 : 2 * array->room;
        void **grown = reallocarray(array->item, room, sizeof *grown);
        if (grown == NULL) {
            f->failed = true;
            return;
        }
        array->item = grown;
        array->room = room;
    }
    array->item[array->count++] = item;
}

static int
pprof_compare(const void *left, const void *right)
{
    const struct pprof_entry *a = left;
    const struct pprof_entry *b = right;

    if (a->text != NULL) {
        return strcmp(a->text, b->text);
    }
    return a->key < b->key ? -1 : a->key > b->key;
}

// The entry of this text or key in a tree; its number is 0 when it is new. NULL: no memory.
static struct pprof_entry *
pprof_entry(struct pprof *f, void **tree, const char *text, uint64_t key)
{
    struct pprof_entry wanted = {text, key, 0};
    struct pprof_entry **found = tfind(&wanted, tree, pprof_compare);

    if (found != NULL) {
        return *found;
    }
    struct pprof_entry *entry = pprof_new(f, sizeof *entry);
    if (entry == NULL) {
        return NULL;
    }
    *entry = wanted;
    if (tsearch(entry, tree, pprof_compare) == NULL) {
        f->failed = true;
    }
    return entry;
}

// --- Things with numbers -------------------------------------------------------------------------

static int64_t
pprof_text(struct pprof *f, const char *text)
{
    struct pprof_entry *entry = pprof_entry(f, &f->texts, text, 0);

    if (entry == NULL) {
        return 0;
    }
    if (entry->number == 0) {
        // They come from files and from another process: whoever reads UTF-8 must be able to.
        char *copy = pprof_new(f, strlen(text) + 1);
        for (size_t i = 0; copy != NULL && text[i] != '\0'; i++) {
            copy[i] = text[i] >= 0x20 && text[i] < 0x7f ? text[i] : '?';
        }
        pprof_append(f, &f->text, copy);
        entry->number = f->text.count;
    }
    return (int64_t)entry->number - 1;
}

static uint64_t
pprof_function(struct pprof *f, const struct symbol *symbol)
{
    struct pprof_entry *entry = pprof_entry(f, &f->functions, symbol->name, 0);

    if (entry != NULL && entry->number == 0) {
        pb_function *function = pprof_new(f, sizeof *function);
        if (function == NULL) {
            return 0;
        }
        apex__profile__function__init(function);
        pprof_append(f, &f->function, function);
        entry->number = f->function.count;
        function->id = entry->number;
        function->name = pprof_text(f, symbol->name);
        function->system_name = function->name;
        function->filename = pprof_text(f, symbol->file);
    }
    return entry == NULL ? 0 : entry->number;
}

static void
pprof_name_location(struct pprof *f, pb_location *location)
{
    struct symbol symbol = symbols_find(f->profile->symbols, location->address);

    if (symbol.name[0] == '\0') {
        return;
    }
    pb_line *line = pprof_new(f, sizeof *line);
    location->line = pprof_new(f, sizeof(pb_line *));
    if (line == NULL || location->line == NULL) {
        return;
    }
    apex__profile__line__init(line);
    line->function_id = pprof_function(f, &symbol);
    line->line = symbol.line;
    location->line[0] = line;
    location->n_line = 1;
}

static uint64_t
pprof_mapping_of(const struct pprof *f, uint64_t address)
{
    for (size_t i = 0; i < f->mapping.count; i++) {
        const pb_mapping *m = f->mapping.item[i];
        if (address >= m->memory_start && address < m->memory_limit) {
            return m->id;
        }
    }
    return 0;
}

static uint64_t
pprof_location(struct pprof *f, uint64_t address)
{
    struct pprof_entry *entry = pprof_entry(f, &f->locations, NULL, address);

    if (entry != NULL && entry->number == 0) {
        pb_location *location = pprof_new(f, sizeof *location);
        if (location == NULL) {
            return 0;
        }
        apex__profile__location__init(location);
        pprof_append(f, &f->location, location);
        entry->number = f->location.count;
        location->id = entry->number;
        location->address = address;
        location->mapping_id = pprof_mapping_of(f, address);
        pprof_name_location(f, location);
    }
    return entry == NULL ? 0 : entry->number;
}

static void
pprof_mappings(struct pprof *f)
{
    const cJSON *array = cJSON_GetObjectItemCaseSensitive(f->profile->result, "mappings");
    const cJSON *item;

    cJSON_ArrayForEach(item, array)
    {
        pb_mapping *m = pprof_new(f, sizeof *m);
        char build_id[129];
        if (m == NULL) {
            return;
        }
        apex__profile__mapping__init(m);
        pprof_append(f, &f->mapping, m);
        m->id = f->mapping.count;
        m->memory_start = strtoull(value_text(item, "start"), NULL, 16);
        m->memory_limit = strtoull(value_text(item, "end"), NULL, 16);
        m->file_offset = strtoull(value_text(item, "offset"), NULL, 16);
        m->filename = pprof_text(f, value_text(item, "path"));
        symbols_build_id(f->profile->symbols, m->memory_start, build_id);
        m->build_id = pprof_text(f, build_id);
        m->has_functions = true; // nobody need look for names again
    }
}

static void
pprof_sample(struct pprof *f, const struct profile_stack *s)
{
    pb_sample *sample = pprof_new(f, sizeof *sample);
    uint64_t *locations = pprof_new(f, (s->depth + 1) * sizeof *locations);
    int64_t *values = pprof_new(f, VALUES * sizeof *values);

    if (sample == NULL || locations == NULL || values == NULL) {
        return;
    }
    apex__profile__sample__init(sample);
    for (unsigned i = 0; i < s->depth; i++) {
        locations[i] = pprof_location(f, s->pc[i]);
    }
    values[0] = (int64_t)s->alloc.objects;
    values[1] = (int64_t)s->alloc.bytes;
    values[2] = (int64_t)s->live.objects;
    values[3] = (int64_t)s->live.bytes;
    sample->n_location_id = s->depth;
    sample->location_id = locations;
    sample->n_value = VALUES;
    sample->value = values;
    pprof_append(f, &f->sample, sample);
}

// --- The file ------------------------------------------------------------------------------------

static bool
pprof_squeeze(FILE *out, uint8_t *data, size_t bytes)
{
    z_stream z = {.next_in = data, .avail_in = (uInt)bytes};
    unsigned char buffer[16384];
    int state;

    // 16 more than the window's bits: with the head and tail of gzip.
    if (bytes > UINT32_MAX || deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8,
                                           Z_DEFAULT_STRATEGY) != Z_OK) {
        return false;
    }
    do {
        z.next_out = buffer;
        z.avail_out = sizeof buffer;
        state = deflate(&z, Z_FINISH);
        fwrite(buffer, 1, sizeof buffer - z.avail_out, out);
    } while (state == Z_OK);
    deflateEnd(&z);
    return state == Z_STREAM_END && !ferror(out);
}

static bool
pprof_pack(struct pprof *f, FILE *out)
{
    static const char *const names[VALUES][2] = {{"alloc_objects", "count"},
                                                 {"alloc_space", "bytes"},
                                                 {"inuse_objects", "count"},
                                                 {"inuse_space", "bytes"}};
    pb_profile profile = APEX__PROFILE__PROFILE__INIT;
    pb_type type[VALUES + 1];
    pb_type *types[VALUES];

    for (unsigned i = 0; i < VALUES; i++) {
        apex__profile__value_type__init(&type[i]);
        type[i].type = pprof_text(f, names[i][0]);
        type[i].unit = pprof_text(f, names[i][1]);
        types[i] = &type[i];
    }
    apex__profile__value_type__init(&type[VALUES]);
    type[VALUES].type = pprof_text(f, "space");
    type[VALUES].unit = pprof_text(f, "bytes");
    profile.n_sample_type = VALUES;
    profile.sample_type = types;
    profile.default_sample_type = pprof_text(f, "inuse_space");
    profile.period_type = &type[VALUES];
    profile.period = (int64_t)f->profile->rate_bytes;
    profile.time_nanos = (int64_t)f->profile->time_unix_ms * 1000000;
    profile.duration_nanos = (int64_t)f->profile->duration_ms * 1000000;
    profile.n_sample = f->sample.count;
    profile.sample = (pb_sample **)f->sample.item;
    profile.n_mapping = f->mapping.count;
    profile.mapping = (pb_mapping **)f->mapping.item;
    profile.n_location = f->location.count;
    profile.location = (pb_location **)f->location.item;
    profile.n_function = f->function.count;
    profile.function = (pb_function **)f->function.item;
    profile.n_string_table = f->text.count;
    profile.string_table = (char **)f->text.item;
    if (f->failed) {
        return false;
    }
    size_t bytes = apex__profile__profile__get_packed_size(&profile);
    uint8_t *packed = pprof_new(f, bytes);
    return packed != NULL && apex__profile__profile__pack(&profile, packed) == bytes &&
           pprof_squeeze(out, packed, bytes);
}

static void
pprof_forget(void *entry)
{
    (void)entry; // a piece
}

bool
pprof_write(FILE *out, const struct profile *p)
{
    struct pprof f = {.profile = p};

    pprof_text(&f, ""); // text 0 is empty
    pprof_mappings(&f);
    for (size_t i = 0; i < p->count; i++) {
        pprof_sample(&f, &p->stack[i]);
    }
    bool good = pprof_pack(&f, out);
    tdestroy(f.texts, pprof_forget);
    tdestroy(f.functions, pprof_forget);
    tdestroy(f.locations, pprof_forget);
    free(f.text.item);
    free(f.function.item);
    free(f.location.item);
    free(f.mapping.item);
    free(f.sample.item);
    while (f.pieces != NULL) {
        struct pprof_piece *next = f.pieces->next;
        free(f.pieces);
        f.pieces = next;
    }
    return good;
}
