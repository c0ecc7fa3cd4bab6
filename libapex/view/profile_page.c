// SPDX-License-Identifier: MIT
//
// Makes, replaces and drops the profile page.

#include "view/profile_page.h"

#include "base/atomic.h"
#include "base/bits.h"
#include "base/compiler.h"
#include "os/os.h"
#include "os/os_page.h"
#include "policy/sampler.h"
#include "view/stats_page.h"

#include <stddef.h>
#include <unistd.h>

static struct apex_profile_page *page; // where it is, was or will be; set once
static uint32_t page_open;             // 1 while what is mapped there is ours to write

static size_t
profile_page_bytes(void)
{
    return bits_align_up(sizeof *page, os_page_bytes());
}

struct apex_profile_page *
profile_page_writable(void)
{
    // Pairs with the release in profile_page_open: who sees the page open sees its address.
    if (load_acquire(&page_open) == 0 || unlikely(stats_page_inherited())) {
        return NULL;
    }
    return page;
}

int
profile_page_open(int *fd, uint64_t *nonce, uint32_t *bytes)
{
    void *mapped;

    *bytes = (uint32_t)profile_page_bytes();
    os_random(nonce, sizeof *nonce);
    int error = os_page_make("apex-profile", *bytes, page, &mapped, fd);
    if (error != 0) {
        profile_page_drop();
        return error;
    }
    if (page == NULL) {
        page = mapped; // once: other threads read it
    }
    page->header = (struct apex_profile_header){
        .magic = APEX_PROFILE_MAGIC,
        .major = APEX_PROFILE_MAJOR,
        .minor = APEX_PROFILE_MINOR,
        .header_bytes = sizeof page->header,
        .total_bytes = *bytes,
        .byte_order = APEX_PROFILE_BYTE_ORDER,
        .nonce = *nonce,
        .pid = (uint32_t)getpid(),
        .stack_count = APEX_PROFILE_STACKS,
        .stack_stride_bytes = sizeof page->stack[0],
        .stack_offset_bytes = offsetof(struct apex_profile_page, stack),
        .live_count = APEX_PROFILE_LIVE,
        .live_stride_bytes = sizeof page->live[0],
        .live_offset_bytes = offsetof(struct apex_profile_page, live),
    };
    // Open first, then copied: what changes meanwhile arrives by itself, or by the copy.
    store_release(&page_open, 1); // pairs with the acquire in profile_page_writable
    sampler_copy(page);
    return 0;
}

void
profile_page_drop(void)
{
    store_relaxed(&page_open, 0);
    if (page != NULL) {
        (void)os_page_discard(page, profile_page_bytes()); // as in stats_page_drop
    }
}
