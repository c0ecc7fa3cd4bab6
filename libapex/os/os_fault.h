// SPDX-License-Identifier: MIT
//
// Switches of the fault-injecting twin of os_linux.c: tests make the n-th call of the operating
// system fail, for n = 1, 2, 3…, until a scenario runs through. Only in libapexcore_fault.la. Any
// thread may call; the count is one for all threads.

#ifndef APEX_OS_OS_FAULT_H
#define APEX_OS_OS_FAULT_H

// The n-th call from now on fails, that one only (1 = the next). -1: none fails any more.
void os_fault_after(long n);

// The n-th call from now on fails, and every one after it: memory has run out. -1: it is back.
void os_fault_from(long n);

// Calls that can fail made since one of the two above.
long os_fault_calls(void);

// How many of those were refused.
long os_fault_refused(void);

#endif
