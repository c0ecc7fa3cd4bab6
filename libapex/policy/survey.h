// SPDX-License-Identifier: MIT
//
// Where memory really is: asks the kernel on which NUMA nodes a random few pages of the heap are,
// and compares that with their homes. What it finds is added to the books of the nodes (sampled,
// at_home, found). Costs one system call of about 150 us and a walk over the superblocks, and
// touches no page. A page that is not there tells nothing, and is not counted.
//
// On one node there is nothing to ask. Nor is the kernel asked in a sandbox: a filter may answer by
// killing the program, so under one only the program itself may ask.
//
// Any thread that holds no lock.

#ifndef APEX_POLICY_SURVEY_H
#define APEX_POLICY_SURVEY_H

#include <stdbool.h>

// On whose word.
enum survey_asker {
    SURVEY_ADVICE,
    SURVEY_PROGRAM,
};

// Takes a sample of up to OS_PLACE_PAGES_MAX pages. False when another thread does so at this
// moment, or the kernel does not tell.
bool survey_sample(enum survey_asker asker);

// Gives back free memory that is not where it should be: blocks that are free and dirty, and freed
// large objects. What is taken there next is touched anew, by who needs it. False likewise.
bool survey_rehome(enum survey_asker asker);

void survey_fork_child(void);

#endif
