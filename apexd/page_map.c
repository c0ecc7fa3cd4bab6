// SPDX-License-Identifier: MIT
//
// Reads pages of strangers; see page_map.h for the rules. In short: file first (kind, seals,
// size), then header, then table, and after that nothing of the page decides where we read.

#include "apexd/page_map.h"

#include "apexd/saturate.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

#define IDENTITY_TRIES_MAX 100 // for a name that is being changed while we read it
#define PAGE_BYTES 4096u
#define ADDRESS_MAX (UINT64_C(1) << 48) // of programs on AArch64; half as many on x86-64
#define NODE_VALUES_AT 8u      // in the row of a node: after its number and flags
#define NODE_NUMBER_MAX 1023u  // that a kernel gives to a node
#define SLOTS_AHEAD 2u         // of the number of threads that is published

const struct page_node_field page_node_field[PAGE_NODE_VALUES] = {
#define STAT_NODE(name, kind, unit, text) {PAGE_NODE_IS_##kind, #name, #unit, text},
#define PAGE_NODE_IS_counter false
#define PAGE_NODE_IS_gauge true
#include "libapex/tables/stats.def"
#undef PAGE_NODE_IS_counter
#undef PAGE_NODE_IS_gauge
};

void
page_map_copy(void *to, const unsigned char *from, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += sizeof(uint64_t)) {
        uint64_t word =
            __atomic_load_n((const uint64_t *)(const void *)(from + i), __ATOMIC_RELAXED);
        memcpy((unsigned char *)to + i, &word, sizeof word);
    }
}

static uint64_t
page_map_word(const unsigned char *from)
{
    return __atomic_load_n((const uint64_t *)(const void *)from, __ATOMIC_RELAXED);
}

static uint32_t
page_map_half(const unsigned char *from)
{
    return __atomic_load_n((const uint32_t *)(const void *)from, __ATOMIC_RELAXED);
}

// The file itself: plain memory that nobody can resize, punch holes into or leave unallocated.
static enum apex_hello_status
page_map_check_file(int fd, size_t *bytes)
{
    const int needed = F_SEAL_SHRINK | F_SEAL_GROW;
    struct stat status;
    struct statfs system;
    int seals = fcntl(fd, F_GET_SEALS);

    // Seals exist for memfds only, those of huge pages included, where a page that cannot be
    // had is a SIGBUS for the reader.
    if (seals < 0 || fstatfs(fd, &system) != 0 || system.f_type != TMPFS_MAGIC) {
        return APEX_HELLO_BAD_FD;
    }
    if ((seals & needed) != needed || (seals & (F_SEAL_FUTURE_WRITE | F_SEAL_WRITE)) == 0) {
        return APEX_HELLO_BAD_SEALS;
    }
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        return APEX_HELLO_BAD_FD;
    }
    if (status.st_size < (off_t)PAGE_MAP_BYTES_MIN || status.st_size > (off_t)PAGE_MAP_BYTES_MAX) {
        return APEX_HELLO_BAD_SIZE;
    }
    // Reading a hole would allocate the page, and charge us for it.
    if ((uint64_t)status.st_blocks * 512 < (uint64_t)status.st_size) {
        return APEX_HELLO_BAD_SIZE;
    }
    *bytes = (size_t)status.st_size;
    return APEX_HELLO_ACCEPTED;
}

// A descriptor of our own for the same file. The lock of the process lives on the descriptor it
// passed: were we to keep that one, the lock would never end.
static int
page_map_reopen(int fd)
{
    char path[32];

    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
}

enum apex_hello_status
page_map_file(int fd, const unsigned char **base, size_t *bytes, int *own_fd)
{
    enum apex_hello_status status = page_map_check_file(fd, bytes);

    *own_fd = -1;
    if (status == APEX_HELLO_ACCEPTED) {
        *own_fd = page_map_reopen(fd);
        status = *own_fd < 0 ? APEX_HELLO_BAD_FD : APEX_HELLO_ACCEPTED;
    }
    close(fd);
    if (status != APEX_HELLO_ACCEPTED) {
        return status;
    }
    void *mapped = mmap(NULL, *bytes, PROT_READ, MAP_SHARED, *own_fd, 0);
    if (mapped == MAP_FAILED) {
        close(*own_fd);
        *own_fd = -1;
        return APEX_HELLO_INTERNAL;
    }
    *base = mapped;
    return APEX_HELLO_ACCEPTED;
}

enum apex_hello_status
page_map_open(struct page_map *map, int fd, uint64_t nonce)
{
    memset(map, 0, sizeof *map);
    enum apex_hello_status status = page_map_file(fd, &map->base, &map->bytes, &map->fd);
    if (status != APEX_HELLO_ACCEPTED) {
        return status;
    }
    status = page_map_parse(map);
    if (status == APEX_HELLO_ACCEPTED && map->nonce != nonce) {
        status = APEX_HELLO_BAD_PAGE;
    }
    if (status == APEX_HELLO_ACCEPTED && !page_map_leased(map)) {
        status = APEX_HELLO_NO_LEASE;
    }
    if (status != APEX_HELLO_ACCEPTED) {
        page_map_close(map);
    }
    return status;
}

// One entry of the table: elements large enough, aligned, few enough, and all inside.
static bool
page_map_section_fits(const struct page_map *map, const struct apex_stats_section *s,
                      uint32_t stride_min, uint32_t count_max)
{
    uint64_t end = (uint64_t)s->offset_bytes + (uint64_t)s->count * s->stride_bytes;

    return s->count >= 1 && s->count <= count_max && s->stride_bytes >= stride_min &&
           s->stride_bytes % 8 == 0 && s->offset_bytes % 8 == 0 && end <= map->bytes;
}

// Takes over the sections we know. A type that comes twice is a lie, one we do not know is news.
static bool
page_map_sections(struct page_map *map, const struct apex_stats_header *h,
                  struct apex_stats_section *schema)
{
    const uint32_t slot_min =
        offsetof(struct apex_stats_thread, class) + sizeof(struct apex_stats_class);
    const uint32_t node_min = NODE_VALUES_AT + sizeof(uint64_t);

    memset(schema, 0, sizeof *schema);
    for (uint32_t i = 0; i < h->sections; i++) {
        const struct apex_stats_section *s = &h->section[i];
        struct apex_stats_section *place = NULL;
        bool fits = false;
        switch (s->type) {
        case APEX_SECTION_PROCESS:
            place = &map->process;
            fits = page_map_section_fits(map, s, 8, 1);
            break;
        case APEX_SECTION_CLASS_SIZE:
            place = &map->class_size;
            fits = page_map_section_fits(map, s, 8, 1024);
            break;
        case APEX_SECTION_THREAD:
            place = &map->thread;
            fits = page_map_section_fits(map, s, slot_min, PAGE_MAP_SLOTS_MAX);
            break;
        case APEX_SECTION_SUPERBLOCK:
            place = &map->superblock;
            fits = page_map_section_fits(map, s, sizeof(struct apex_stats_superblock),
                                         PAGE_MAP_BYTES_MAX);
            break;
        case APEX_SECTION_LARGE:
            place = &map->large;
            fits =
                page_map_section_fits(map, s, sizeof(struct apex_stats_large), PAGE_MAP_BYTES_MAX);
            break;
        case APEX_SECTION_SCHEMA:
            place = schema;
            fits = page_map_section_fits(map, s, sizeof(struct apex_stats_schema), 1024);
            break;
        case APEX_SECTION_OPTION:
            place = &map->option;
            fits = page_map_section_fits(map, s, sizeof(struct apex_stats_option), 1024);
            break;
        case APEX_SECTION_NODE:
            place = &map->node;
            fits = page_map_section_fits(map, s, node_min, 1024);
            break;
        default:
            continue;
        }
        if (!fits || place->count != 0) {
            return false;
        }
        *place = *s;
    }
    return map->process.count == 1 && map->class_size.count != 0 && map->thread.count != 0;
}

// `more` is one more character that may be in it, besides letters, digits and `_`.
static bool
page_map_is_text(const char *name, size_t capacity, char more)
{
    size_t length = strnlen(name, capacity);

    if (length == 0 || length == capacity) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        char c = name[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == more)) {
            return false;
        }
    }
    return true;
}

static bool
page_map_is_name(const char *name, size_t capacity)
{
    return page_map_is_text(name, capacity, '_');
}

// Whether the last of `count` fields is among those before it.
static bool
page_map_is_known(const struct page_field *field, unsigned count)
{
    const struct page_field *last = &field[count - 1];

    for (unsigned i = 0; i + 1 < count; i++) {
        if (field[i].section == last->section && strcmp(field[i].name, last->name) == 0) {
            return true;
        }
    }
    return false;
}

// Where a value of nodes is. One that has another kind or unit than we know is another value.
static void
page_map_node_field(struct page_map *map, const struct apex_stats_schema *row)
{
    for (unsigned i = 0; i < PAGE_NODE_VALUES; i++) {
        const struct page_node_field *field = &page_node_field[i];
        if (strcmp(row->name, field->name) == 0 && strcmp(row->unit, field->unit) == 0 &&
            (row->kind == APEX_STAT_GAUGE) == field->is_gauge &&
            row->offset_bytes >= NODE_VALUES_AT) {
            map->node_offset[i] = row->offset_bytes;
        }
    }
}

static bool
page_map_is_started(const struct apex_stats_schema *row)
{
    return row->section == APEX_SECTION_PROCESS && row->kind == APEX_STAT_COUNTER &&
           strcmp(row->name, "threads_started") == 0;
}

// Reads the names of the fields. A row that makes no sense is left out: it costs its maker one
// value. False when memory is short.
static bool
page_map_schema(struct page_map *map, const struct apex_stats_section *schema)
{
    struct page_field field[PAGE_MAP_FIELDS_MAX];
    struct apex_stats_schema row;
    unsigned count = 0;

    memset(field, 0, sizeof field);

    for (uint32_t i = 0; i < schema->count; i++) {
        page_map_copy(&row, map->base + schema->offset_bytes + (size_t)i * schema->stride_bytes,
                      sizeof row);
        uint32_t stride = row.section == APEX_SECTION_PROCESS  ? map->process.stride_bytes
                          : row.section == APEX_SECTION_THREAD ? map->thread.stride_bytes
                          : row.section == APEX_SECTION_NODE   ? map->node.stride_bytes
                                                               : 0;
        if (stride < 8 || row.offset_bytes > stride - 8 || row.offset_bytes % 8 != 0 ||
            !page_map_is_name(row.name, sizeof row.name) ||
            !page_map_is_name(row.unit, sizeof row.unit)) {
            continue;
        }
        if (row.section == APEX_SECTION_NODE) {
            page_map_node_field(map, &row);
            continue;
        }
        if (page_map_is_started(&row)) {
            map->started_offset = row.offset_bytes;
        }
        if (count == PAGE_MAP_FIELDS_MAX) {
            continue;
        }
        field[count].section = row.section;
        field[count].offset_bytes = row.offset_bytes;
        field[count].is_gauge = row.kind == APEX_STAT_GAUGE;
        memcpy(field[count].name, row.name, sizeof field[count].name);
        memcpy(field[count].unit, row.unit, sizeof field[count].unit);
        count += page_map_is_known(field, count + 1) ? 0 : 1;
    }
    map->field = page_fields_share(field, count);
    map->field_count = map->field == NULL ? 0 : count;
    return map->field != NULL;
}

// Copies the header when its identity is at rest.
static bool
page_map_header(const struct page_map *map, struct apex_stats_header *h)
{
    const unsigned char *sequence = map->base + offsetof(struct apex_stats_header, sequence);

    for (unsigned i = 0; i < IDENTITY_TRIES_MAX; i++) {
        // The acquire pairs with the release that ends a change of identity, the fence with the
        // one that begins it.
        uint32_t before =
            __atomic_load_n((const uint32_t *)(const void *)sequence, __ATOMIC_ACQUIRE);
        page_map_copy(h, map->base, sizeof *h);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (before % 2 == 0 && page_map_half(sequence) == before) {
            return true;
        }
    }
    return false;
}

enum apex_hello_status
page_map_parse(struct page_map *map)
{
    struct apex_stats_header h;
    struct apex_stats_section schema;

    if (map->bytes < sizeof h) {
        return APEX_HELLO_BAD_SIZE;
    }
    if (!page_map_header(map, &h) || h.magic != APEX_STATS_MAGIC) {
        return APEX_HELLO_BAD_PAGE;
    }
    if (h.major != APEX_STATS_MAJOR || h.byte_order != APEX_STATS_BYTE_ORDER) {
        return APEX_HELLO_BAD_VERSION;
    }
    if (h.total_bytes != map->bytes) {
        return APEX_HELLO_BAD_SIZE;
    }
    if (h.header_bytes < sizeof h || h.sections > APEX_STATS_SECTIONS_MAX ||
        h.state == APEX_STATS_INIT || !page_map_sections(map, &h, &schema)) {
        return APEX_HELLO_BAD_PAGE;
    }
    map->nonce = h.nonce;
    map->peer_pid = h.pid;
    memcpy(map->comm, h.comm, sizeof map->comm);
    memcpy(map->version, h.version, sizeof map->version);
    return page_map_schema(map, &schema) ? APEX_HELLO_ACCEPTED : APEX_HELLO_INTERNAL;
}

void
page_map_forget(struct page_map *map)
{
    page_fields_release(map->field);
    map->field = NULL;
    map->field_count = 0;
}

bool
page_map_leased(const struct page_map *map)
{
    if (flock(map->fd, LOCK_EX | LOCK_NB) == 0) {
        flock(map->fd, LOCK_UN);
        return false;
    }
    return errno == EWOULDBLOCK;
}

static const unsigned char *
page_map_slot(const struct page_map *map, unsigned index)
{
    return map->base + map->thread.offset_bytes + (size_t)index * map->thread.stride_bytes;
}

// Slots are given in rising order, and used again when their thread has exited. A thread has its
// slot a moment before it is counted.
unsigned
page_map_slots(const struct page_map *map)
{
    const unsigned char *started = map->base + map->process.offset_bytes + map->started_offset;
    uint64_t used =
        saturate_add(map->started_offset == 0 ? UINT64_MAX : page_map_word(started), SLOTS_AHEAD);

    return used < map->thread.count ? (unsigned)used : map->thread.count;
}

// Classes that both the table of sizes and a slot have room for.
static unsigned
page_map_class_count(const struct page_map *map)
{
    uint32_t room =
        (map->thread.stride_bytes - (uint32_t)offsetof(struct apex_stats_thread, class)) /
        (uint32_t)sizeof(struct apex_stats_class);
    uint32_t count = map->class_size.count < room ? map->class_size.count : room;
    return count < PAGE_MAP_CLASSES_MAX ? count : PAGE_MAP_CLASSES_MAX;
}

// Losses before gains: a chunk that comes and goes in between is then missing from both or
// counts as live for this once, and the difference does not fall below zero.
static void
page_map_class(const unsigned char *slot, unsigned index, uint64_t *gained, uint64_t *lost)
{
    const unsigned char *at =
        slot + offsetof(struct apex_stats_thread, class) + index * sizeof(struct apex_stats_class);

    *lost = page_map_word(at + offsetof(struct apex_stats_class, live_lost));
    *gained = page_map_word(at + offsetof(struct apex_stats_class, live_gained));
}

static void
page_map_sum_slot(const struct page_map *map, unsigned index, struct page_snapshot *out)
{
    const unsigned char *slot = page_map_slot(map, index);
    uint32_t state = page_map_half(slot + offsetof(struct apex_stats_thread, state));
    uint64_t gained;
    uint64_t lost;

    // Nobody has ever had it: there are zeroes, and most slots of most processes are like that. The
    // last one is shared by those who have none of their own.
    if (state == APEX_SLOT_FREE && index != map->thread.count - 1) {
        return;
    }
    out->threads_live += state == APEX_SLOT_LIVE ? 1 : 0;
    for (unsigned i = 0; i < map->field_count; i++) {
        if (map->field[i].section == APEX_SECTION_THREAD) {
            out->value[i] =
                saturate_add(out->value[i], page_map_word(slot + map->field[i].offset_bytes));
        }
    }
    for (unsigned i = 0; i < out->class_count; i++) {
        page_map_class(slot, i, &gained, &lost);
        out->class[i].gained = saturate_add(out->class[i].gained, gained);
        out->class[i].lost = saturate_add(out->class[i].lost, lost);
    }
}

void
page_map_snapshot(const struct page_map *map, struct page_snapshot *out)
{
    const unsigned char *process = map->base + map->process.offset_bytes;
    const unsigned char *sizes = map->base + map->class_size.offset_bytes;

    memset(out, 0, sizeof *out);
    out->published_ns = page_map_word(map->base + offsetof(struct apex_stats_header, published_ns));
    out->class_count = page_map_class_count(map);
    for (unsigned i = 0; i < map->field_count; i++) {
        if (map->field[i].section == APEX_SECTION_PROCESS) {
            out->value[i] = page_map_word(process + map->field[i].offset_bytes);
        }
    }
    unsigned slots = page_map_slots(map);
    for (unsigned i = 0; i < slots; i++) {
        page_map_sum_slot(map, i, out);
    }
    for (unsigned i = 0; i < out->class_count; i++) {
        struct page_class *c = &out->class[i];
        c->size_bytes = page_map_word(sizes + (size_t)i * map->class_size.stride_bytes);
        uint64_t live = saturate_times(saturate_less(c->gained, c->lost), c->size_bytes);
        out->small_bytes = saturate_add(out->small_bytes, live);
    }
}

void
page_map_thread(const struct page_map *map, unsigned index, struct page_thread *out)
{
    const unsigned char *slot = page_map_slot(map, index);
    const unsigned char *sizes = map->base + map->class_size.offset_bytes;
    unsigned classes = page_map_class_count(map);
    uint64_t gained;
    uint64_t lost;

    memset(out, 0, sizeof *out);
    out->state = page_map_half(slot + offsetof(struct apex_stats_thread, state));
    out->tid = page_map_half(slot + offsetof(struct apex_stats_thread, tid));
    out->node = page_map_half(slot + offsetof(struct apex_stats_thread, node));
    for (unsigned i = 0; i < map->field_count; i++) {
        if (map->field[i].section == APEX_SECTION_THREAD) {
            out->value[i] = page_map_word(slot + map->field[i].offset_bytes);
        }
    }
    for (unsigned i = 0; i < classes; i++) {
        page_map_class(slot, i, &gained, &lost);
        uint64_t size = page_map_word(sizes + (size_t)i * map->class_size.stride_bytes);
        uint64_t live = saturate_times(saturate_less(gained, lost), size);
        out->live_bytes = saturate_add(out->live_bytes, live);
    }
}

unsigned
page_map_nodes(const struct page_map *map, struct page_node out[PAGE_MAP_NODES_MAX])
{
    unsigned count = 0;

    for (uint32_t i = 0; i < map->node.count && count < PAGE_MAP_NODES_MAX; i++) {
        const unsigned char *row =
            map->base + map->node.offset_bytes + (size_t)i * map->node.stride_bytes;
        struct page_node *node = &out[count];
        node->node = page_map_half(row + offsetof(struct apex_stats_node, node));
        node->flags = page_map_half(row + offsetof(struct apex_stats_node, flags));
        if ((node->flags & APEX_NODE_USED) == 0 || node->node > NODE_NUMBER_MAX ||
            (count > 0 && node->node <= out[count - 1].node)) {
            continue;
        }
        for (unsigned v = 0; v < PAGE_NODE_VALUES; v++) {
            uint32_t offset = map->node_offset[v];
            node->value[v] = offset == 0 ? 0 : page_map_word(row + offset);
        }
        count++;
    }
    return count;
}

bool
page_map_thread_node(const struct page_map *map, unsigned index, uint32_t *node)
{
    const unsigned char *slot = page_map_slot(map, index);

    *node = page_map_half(slot + offsetof(struct apex_stats_thread, node));
    return page_map_half(slot + offsetof(struct apex_stats_thread, state)) == APEX_SLOT_LIVE;
}

static bool
page_map_option(const struct apex_stats_option *row, struct page_option *out)
{
    if (!page_map_is_name(row->key, sizeof row->key) ||
        !page_map_is_text(row->unit, sizeof row->unit, '|') || row->type > APEX_OPTION_NODE ||
        row->min > row->max) {
        return false;
    }
    memcpy(out->key, row->key, sizeof out->key);
    memcpy(out->unit, row->unit, sizeof out->unit);
    out->type = (enum apex_option_type)row->type;
    out->live = row->live == 1 && out->type != APEX_OPTION_PATH;
    out->min = row->min;
    out->max = row->max;
    out->initial = row->initial;
    out->own = row->own;
    out->value = row->value;
    return true;
}

unsigned
page_map_options(const struct page_map *map, struct page_option out[PAGE_MAP_OPTIONS_MAX])
{
    struct apex_stats_option row;
    unsigned count = 0;

    for (uint32_t i = 0; i < map->option.count && count < PAGE_MAP_OPTIONS_MAX; i++) {
        const unsigned char *at =
            map->base + map->option.offset_bytes + (size_t)i * map->option.stride_bytes;
        page_map_copy(&row, at, sizeof row);
        count += page_map_option(&row, &out[count]) ? 1 : 0;
    }
    return count;
}

bool
page_map_superblock(const struct page_map *map, uint32_t index, struct apex_stats_superblock *out)
{
    const unsigned char *row =
        map->base + map->superblock.offset_bytes + (size_t)index * map->superblock.stride_bytes;

    if (page_map_word(row + offsetof(struct apex_stats_superblock, base)) == 0) {
        return false;
    }
    page_map_copy(out, row, sizeof *out);
    return out->base != 0;
}

bool
page_map_large(const struct page_map *map, uint32_t index, struct apex_stats_large *out)
{
    const unsigned char *row =
        map->base + map->large.offset_bytes + (size_t)index * map->large.stride_bytes;

    page_map_copy(out, row, sizeof *out);
    return out->base != 0 && out->state != APEX_LARGE_NONE;
}

bool
page_map_is_span(uint64_t base, uint64_t bytes)
{
    return base % PAGE_MAP_SUPERBLOCK_BYTES == 0 && base < ADDRESS_MAX && bytes < ADDRESS_MAX &&
           bytes % PAGE_BYTES == 0;
}

uint64_t
page_map_class_bytes(const struct page_map *map, unsigned class)
{
    return class < map->class_size.count
               ? page_map_word(map->base + map->class_size.offset_bytes +
                               (size_t)class * map->class_size.stride_bytes)
               : 0;
}

uint64_t
page_map_value(const struct page_map *map, const struct page_snapshot *s, const char *name)
{
    for (unsigned i = 0; i < map->field_count; i++) {
        if (map->field[i].section == APEX_SECTION_PROCESS &&
            strcmp(map->field[i].name, name) == 0) {
            return s->value[i];
        }
    }
    return 0;
}

void
page_map_rest(const struct page_map *map)
{
    (void)madvise((void *)(uintptr_t)map->base, map->bytes, MADV_DONTNEED);
}

void
page_map_close(struct page_map *map)
{
    if (map->base != NULL) {
        munmap((void *)(uintptr_t)map->base, map->bytes);
    }
    if (map->fd >= 0) {
        close(map->fd);
    }
    page_map_forget(map);
    memset(map, 0, sizeof *map);
    map->fd = -1;
}
