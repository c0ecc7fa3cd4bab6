// SPDX-License-Identifier: MIT
//
// The hardened profile's malloc and free: those of front/alloc.h, with each object sealed into its
// chunk (core/seal.h) and each freed chunk sent through quarantine. The fast profile calls none of
// this.
//
// Any thread, any time. errno changes only when an allocation fails.

#ifndef APEX_FRONT_SEALED_H
#define APEX_FRONT_SEALED_H

#include "core/seal.h"

#include <stdbool.h>
#include <stddef.h>

// The object reads as zero if PROFILE_ZERO. NULL with ENOMEM. `align` any power of two.
void *sealed_alloc(size_t size, enum seal_kind kind);
void *sealed_aligned(size_t size, size_t align, enum seal_kind kind);
void *sealed_calloc(size_t count, size_t size);

// NULL is fine.
void sealed_free(void *p, struct seal_claim claim);

void *sealed_realloc(void *p, size_t size);

// What was asked for; 0 for NULL.
size_t sealed_size(const void *p);

#endif
