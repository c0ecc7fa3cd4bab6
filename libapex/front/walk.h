// SPDX-License-Identifier: MIT
//
// A walk over all live objects, for apex_walk, whose contract is in apex.h, and for tests that hold
// the statistics against it.
//
// A chunk is live unless it says that it is free: the mark or the header of a free chunk is there
// from the moment it is freed, whoever freed it and wherever it waits (core/freelist.h), and
// nothing that a program writes into a live one looks like it. So the walk needs no list of what is
// free, asks no thread for anything, and stops none.
//
// Any thread; no lock is held while the caller's function runs.

#ifndef APEX_FRONT_WALK_H
#define APEX_FRONT_WALK_H

#include "apex.h"

void walk_objects(apex_walk_fn *visit, void *context);

#endif
