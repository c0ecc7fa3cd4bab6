// SPDX-License-Identifier: MIT
//
// A good stats page for the fuzzer to begin with; and what the page of a client must not do to the
// answers about it.

#ifndef TESTS_FUZZ_DAEMON_PAGE_SEED_H
#define TESTS_FUZZ_DAEMON_PAGE_SEED_H

#include "apexd/methods.h"

#include <stdint.h>

#define PAGE_SEED_BYTES 8192
#define PAGE_SEED_NONCE UINT64_C(0x1122334455667788)

// Fills PAGE_SEED_BYTES; `variant` 0 to 2: plain, with all counters at their end, with the
// sections of a newer library.
void page_seed_fill(unsigned char *page, unsigned variant);

// Asks `line` of the methods as the server would, for root, and holds the answer against what a
// client takes apart. The caller says whether a result is owed.
void page_seed_ask(struct methods *m, const char *line, bool must_be_result);

#endif
