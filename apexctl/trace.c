// SPDX-License-Identifier: MIT
//
// From records to calls; see trace.h.

#define _GNU_SOURCE
#include "apexctl/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define NOWHERE UINT32_MAX

// --- Memory --------------------------------------------------------------------------------------

int
trace_memory(const char *name, size_t bytes, void **map)
{
    int fd = memfd_create(name, MFD_CLOEXEC);

    if (fd < 0) {
        return -1;
    }
    int error = ftruncate(fd, (off_t)bytes) != 0 ? errno : posix_fallocate(fd, 0, (off_t)bytes);
    if (error == 0) {
        *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        error = *map == MAP_FAILED ? errno : 0;
    }
    if (error != 0) {
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

bool
trace_file_open(struct trace_file *file, uint64_t events)
{
    struct timespec now;
    void *map;

    file->bytes = APEX_TRACE_EVENTS_AT + events * sizeof(struct apex_trace_event);
    file->fd = trace_memory("apex-trace", file->bytes, &map);
    if (file->fd < 0) {
        return false;
    }
    file->header = map;
    clock_gettime(CLOCK_MONOTONIC, &now);
    file->header->start_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    file->header->limit = events;
    file->header->magic = APEX_TRACE_MAGIC;
    return true;
}

void
trace_file_close(struct trace_file *file)
{
    munmap(file->header, file->bytes);
    close(file->fd);
}

bool
trace_file_used(const struct trace_file *file)
{
    return file->header->generation != 0;
}

static bool
trace_make(struct trace *trace, size_t count)
{
    void *map;

    *trace = (struct trace){.count = count};
    trace->bytes = (count == 0 ? 1 : count) * sizeof *trace->call;
    trace->fd = trace_memory("apex-calls", trace->bytes, &map);
    trace->call = map;
    return trace->fd >= 0;
}

bool
trace_copy(struct trace *copy, const struct trace *trace)
{
    if (!trace_make(copy, trace->count)) {
        return false;
    }
    memcpy(copy->call, trace->call, trace->count * sizeof *trace->call);
    copy->threads = trace->threads;
    return true;
}

void
trace_free(struct trace *trace)
{
    munmap(trace->call, trace->bytes);
    close(trace->fd);
}

// --- Who ends what -------------------------------------------------------------------------------

// Live objects by their addresses: chains through the calls that made them.
struct match {
    struct trace *trace;
    uint32_t *bucket;
    uint32_t *next;    // by call
    uint32_t *leaving; // by thread: its call of realloc that has not come back
    unsigned bits;
};

static bool
match_open(struct match *match, struct trace *trace, size_t most)
{
    *match = (struct match){.trace = trace, .bits = 8};
    while (match->bits < 24 && (size_t)1 << match->bits < most) {
        match->bits++;
    }
    size_t buckets = (size_t)1 << match->bits;
    match->bucket = malloc(buckets * sizeof *match->bucket);
    match->next = malloc((most + 1) * sizeof *match->next);
    match->leaving = malloc(((size_t)trace->threads + 1) * sizeof *match->leaving);
    if (match->bucket == NULL || match->next == NULL || match->leaving == NULL) {
        return false;
    }
    memset(match->bucket, 0xff, buckets * sizeof *match->bucket);
    memset(match->leaving, 0xff, ((size_t)trace->threads + 1) * sizeof *match->leaving);
    return true;
}

static void
match_close(struct match *match)
{
    free(match->bucket);
    free(match->next);
    free(match->leaving);
}

// The link that leads to the live object at `address`, or to the end of its chain.
static uint32_t *
match_find(struct match *match, uint64_t address)
{
    uint64_t hash = (address >> 4) * UINT64_C(0x9e3779b97f4a7c15);
    uint32_t *link = &match->bucket[hash >> (64 - match->bits)];

    while (*link != NOWHERE && match->trace->call[*link].address != address) {
        link = &match->next[*link];
    }
    return link;
}

// Takes the object at `address` out: the call that made it, or NOWHERE.
static uint32_t
match_take(struct match *match, uint64_t address)
{
    uint32_t *link = match_find(match, address);
    uint32_t found = *link;

    if (found != NOWHERE) {
        *link = match->next[found];
    }
    return found;
}

static struct trace_call *
match_add(struct match *match, enum trace_op op, const struct apex_trace_event *event)
{
    struct trace_call *call = &match->trace->call[match->trace->count++];

    *call = (struct trace_call){
        .time_ns = event->time_ns,
        .address = event->address,
        .requested = event->requested,
        .usable = event->usable,
        .thread = (uint32_t)(event->what >> 32),
        .of = NOWHERE,
        .op = (uint8_t)op,
        .align_log2 = (uint8_t)(event->what >> 8),
    };
    return call;
}

static void
match_birth(struct match *match, enum trace_op op, const struct apex_trace_event *event,
            uint32_t of)
{
    uint32_t *link = match_find(match, event->address);

    // What is there already was freed unseen. It cannot be told when; the new one hides it.
    if (*link != NOWHERE) {
        match->trace->unknown++;
        return;
    }
    uint32_t index = (uint32_t)match->trace->count;
    struct trace_call *call = match_add(match, op, event);
    call->of = of;
    *link = index;
    match->next[index] = NOWHERE;
}

static void
match_death(struct match *match, enum trace_op op, const struct apex_trace_event *event)
{
    uint32_t made = match_take(match, event->address);
    uint32_t thread = (uint32_t)(event->what >> 32);

    if (made == NOWHERE) {
        match->trace->unknown++;
        return;
    }
    if (op == TRACE_LEAVE) {
        match->leaving[thread] = (uint32_t)match->trace->count;
    }
    // Until it comes back it is a free.
    struct trace_call *call = match_add(match, TRACE_FREE, event);
    call->of = made;
}

static void
match_enter(struct match *match, const struct apex_trace_event *event)
{
    uint32_t thread = (uint32_t)(event->what >> 32);
    uint32_t left = match->leaving[thread];
    struct apex_trace_event back = *event;

    match->leaving[thread] = NOWHERE;
    if (event->address == 0 && event->requested == 0) {
        return; // freed by a size of 0
    }
    if (left == NOWHERE) {
        if (event->address != 0) {
            match_birth(match, TRACE_ALLOC, event, NOWHERE);
        }
        return;
    }
    match->trace->call[left].op = TRACE_LEAVE;
    if (event->address != 0) {
        match_birth(match, TRACE_ENTER, event, left);
        return;
    }
    const struct trace_call *was = &match->trace->call[match->trace->call[left].of];
    back.address = was->address;
    back.requested = was->requested;
    back.usable = was->usable;
    match_birth(match, TRACE_STAY, &back, left);
}

static void
match_event(struct match *match, const struct apex_trace_event *event)
{
    static const enum trace_op births[] = {
        [APEX_TRACE_ALLOC] = TRACE_ALLOC,
        [APEX_TRACE_ZEROED] = TRACE_ZEROED,
        [APEX_TRACE_ALIGNED] = TRACE_ALIGNED,
    };

    switch (event->what & 0xff) {
    case APEX_TRACE_ALLOC:
    case APEX_TRACE_ZEROED:
    case APEX_TRACE_ALIGNED:
        match_birth(match, births[event->what & 0xff], event, NOWHERE);
        break;
    case APEX_TRACE_FREE:
        match_death(match, TRACE_FREE, event);
        break;
    case APEX_TRACE_LEAVE:
        match_death(match, TRACE_LEAVE, event);
        break;
    default:
        match_enter(match, event);
    }
}

// Whether a record can be one; its parts are bounded from here on.
static bool
trace_plausible(const struct trace *trace, uint64_t what)
{
    uint64_t op = what & 0xff;
    uint64_t thread = what >> 32;

    return op > APEX_TRACE_NONE && op < APEX_TRACE_OP_COUNT && thread >= 1 &&
           thread <= trace->threads && (what >> 8 & 0xff) < 48;
}

static void
trace_match(struct match *match, const struct trace_file *file, uint64_t count)
{
    const struct apex_trace_event *events =
        (const void *)((const char *)file->header + APEX_TRACE_EVENTS_AT);
    uint32_t generation = file->header->generation & 0xffff;

    for (uint64_t i = 0; i < count; i++) {
        struct apex_trace_event event;
        uint64_t what = __atomic_load_n(&events[i].what, __ATOMIC_ACQUIRE);
        event = events[i];
        event.what = what;
        if ((what >> 16 & 0xffff) != generation || what == 0) {
            match->trace->torn++;
        } else if (!trace_plausible(match->trace, what)) {
            match->trace->unknown++;
        } else {
            match_event(match, &event);
        }
    }
}

bool
trace_read(struct trace *trace, const struct trace_file *file)
{
    uint64_t limit = (file->bytes - APEX_TRACE_EVENTS_AT) / sizeof(struct apex_trace_event);
    uint64_t claimed = file->header->next;
    uint64_t count = claimed < limit ? claimed : limit;
    struct match match;

    if (!trace_make(trace, (size_t)count)) {
        return false;
    }
    trace->count = 0;
    trace->lost = claimed - count;
    trace->others = file->header->others;
    trace->early = file->header->early;
    trace->threads = file->header->threads < count ? file->header->threads : (uint32_t)count;
    bool good = match_open(&match, trace, (size_t)count);
    if (good) {
        trace_match(&match, file, count);
    } else {
        trace_free(trace);
    }
    match_close(&match);
    return good;
}
