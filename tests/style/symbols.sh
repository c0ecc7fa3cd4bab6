#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What libapex gives and what it takes. It exports the names of apex.h and of front/interpose*.c,
# and nothing else: one name too many may shadow a function of somebody's program. And it calls
# nothing of libc that allocates: such a call would come back to libapex in the middle of its work.
#
#   symbols.sh [top of the sources [top of the build]]

. "$(dirname "$0")/lib.sh"
build=${2:-${top_builddir:-.}}
library=$build/libapex/.libs/libapex.so

# The functions that apex.h declares, and the definitions and assembler names of the malloc names.
wanted() {
    sed -n 's/^APEX_API .*[ *]\(apex_[a-z_]*\)(.*/\1/p' "$root/libapex/apex.h"
    cat "$root"/libapex/front/interpose*.c |
        awk '/^APEX_EXPORT/ { getline; sub(/\(.*/, ""); print }'
    cat "$root"/libapex/front/interpose*.c | tr '\n' ' ' |
        grep -oE '(OPERATOR|EXPORT_AS)\("[A-Za-z0-9_]+"' |
        sed 's/.*"\(.*\)"/\1/'
}

[ -f "$library" ] || { echo "FAIL: $library: not there"; exit 1; }
wanted | sort -u >"$scratch/wanted"
# Versions are names of their own, of type A.
nm -D -P --defined-only "$library" | awk '$2 != "A" { sub(/@.*/, "", $1); print $1 }' |
    sort -u >"$scratch/given"
for name in $(comm -13 "$scratch/wanted" "$scratch/given"); do
    complain "exported, but no public name: $name"
done
for name in $(comm -23 "$scratch/wanted" "$scratch/given"); do
    complain "public, but not exported: $name"
done

# Families of libc that allocate, lock or print. fputs and fwrite are absent: malloc_info writes to
# the stream that it is given. So is dlsym, which allocates to say that something is not there:
# __register_atfork calls it, where no work of libapex is under way.
forbidden='^(malloc|calloc|realloc|free|posix_memalign|aligned_alloc|memalign|valloc|strdup|strndup|
|asprintf|vasprintf|printf|fprintf|vfprintf|snprintf|sprintf|dprintf|puts|fopen|fdopen|fclose|
|fread|fflush|getline|open_memstream|opendir|qsort|setlocale|dlopen|backtrace|syslog|atexit|
|pthread_create|getenv|setenv|strerror|perror|localtime|gmtime|time|exit)$'
forbidden=$(echo "$forbidden" | tr -d '\n')
nm -D -P --undefined-only "$library" | sed 's/@.*//; s/ .*//' | sort -u >"$scratch/taken"
for name in $(grep -E "$forbidden" "$scratch/taken"); do
    complain "calls $name, which may allocate or print through stdio"
done

# libc alone (and the loader): a second library would be in every program.
readelf -d "$library" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' >"$scratch/needed"
for name in $(grep -v -e '^libc\.so' -e '^ld-linux' "$scratch/needed"); do
    complain "needs $name"
done
echo "$(wc -l <"$scratch/given") names exported, $(wc -l <"$scratch/taken") taken from libc"
[ "$failures" -eq 0 ]
