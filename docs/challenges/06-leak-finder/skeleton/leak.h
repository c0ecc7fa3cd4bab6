// SPDX-License-Identifier: MIT
//
// Which objects were allocated after a mark and are still live. A library that is preloaded before
// libapex.

#ifndef LEAK_H
#define LEAK_H

#include <stddef.h>

#define LEAK_API __attribute__((visibility("default")))

// Whatever is live now is known, and what was known before is not any more. No other thread may
// allocate or free meanwhile.
LEAK_API void leak_mark(void);

// Calls `row` once for each size of which live objects are not known, the most bytes first, and of
// two with as many bytes the larger size. `bytes` is malloc_usable_size() of each object. Returns
// the number of objects. No other thread may allocate or free meanwhile.
typedef void leak_row(size_t bytes, size_t count, void *context);
LEAK_API size_t leak_report(leak_row *row, void *context);

#endif
