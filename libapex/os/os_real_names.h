// SPDX-License-Identifier: MIT
//
// Renames every function of os.h and os_place.h that can fail, so that os_linux.c and os_place.c,
// compiled with OS_FAULT_TWIN, leave the plain names to os_fault.c. Nobody else includes this.

#ifndef APEX_OS_OS_REAL_NAMES_H
#define APEX_OS_OS_REAL_NAMES_H

#define os_reserve os_real_reserve
#define os_commit os_real_commit
#define os_decommit os_real_decommit
#define os_hide os_real_hide
#define os_seal os_real_seal
#define os_purge os_real_purge
#define os_lazy os_real_lazy
#define os_resident os_real_resident
#define os_guard os_real_guard
#define os_guard_by_mapping os_real_guard_by_mapping
#define os_unguard os_real_unguard
#define os_release os_real_release
#define os_move os_real_move
#define os_grow os_real_grow
#define os_huge os_real_huge
#define os_read_pieces os_real_read_pieces
#define os_read_file os_real_read_file
#define os_place_prefer os_real_place_prefer
#define os_place_interleave os_real_place_interleave
#define os_place_default os_real_place_default
#define os_place_query os_real_place_query

#endif
