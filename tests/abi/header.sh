#!/bin/sh
# SPDX-License-Identifier: MIT
#
# apex.h in every dialect of C and C++ that programs still use, without a warning at the strictest
# level; and its attributes do their work: the compiler sees a result that is thrown away, memory
# freed by the wrong function, and an access beyond the size that was asked for.

. "$(dirname "$0")/../preload/lib.sh"

cat >"$work/all.h" <<'END'
#include <apex.h>
#include <stddef.h>

static int
count_object(const struct apex_object *object, void *context)
{
    *(size_t *)context += object->usable_bytes;
    return 0;
}

static void
count_text(void *context, const char *text, size_t length)
{
    *(size_t *)context += length;
    (void)text;
}

static int
use_everything(void)
{
    struct apex_stats stats;
    struct apex_ctl_leaf leaf;
    size_t mib[APEX_CTL_MIB_MAX];
    size_t count = APEX_CTL_MIB_MAX;
    uint64_t value = 0;
    size_t length = 0;
    size_t bytes = sizeof value;
    void *list[12];
    size_t usable = 0;
    unsigned i;
    int good = 1;

    list[0] = apex_malloc(10);
    list[1] = apex_calloc(10, 10);
    list[2] = apex_realloc(apex_malloc(1), 100);
    list[3] = apex_reallocarray(NULL, 10, 10);
    list[4] = apex_aligned_alloc(64, 100);
    list[5] = apex_memalign(64, 100);
    good = good && apex_posix_memalign(&list[6], 64, 100) == 0;
    list[7] = apex_valloc(100);
    list[8] = apex_pvalloc(100);
    apex_free_sized(apex_malloc(10), 10);
    apex_free_aligned_sized(apex_aligned_alloc(64, 64), 64, 64);
    for (i = 0; i < 9; i++) {
        good = good && list[i] != NULL;
        usable += apex_malloc_usable_size(list[i]);
        apex_free(list[i]);
    }
    stats.size_bytes = sizeof stats;
    good = good && apex_stats_get(&stats) == 0 && stats.mapped_bytes > 0;
    (void)apex_malloc_trim(0);
    good = good && apex_stats_print(&count_text, &length, APEX_PRINT_JSON) == 0 && length > 500;
    good = good && apex_walk(&count_object, &length) == 0;
    leaf.size_bytes = sizeof leaf;
    good = good && apex_ctl_leaf_get(0, &leaf) == 0 && leaf.type == APEX_CTL_TEXT;
    good = good && apex_ctl_name_to_mib("stats.metadata", mib, &count) == 0 && count == 1;
    good = good && apex_ctl_by_mib(mib, count, &value, &bytes, NULL, 0) == 0 && value > 0;
    good = good && apex_ctl("trim", NULL, NULL, NULL, 0) == 0;
    return good && usable > 500 && apex_version()[0] != '\0' ? 0 : 1;
}

int
main(void)
{
    return use_everything();
}
END

# dialect COMPILER LANGUAGE STANDARD
dialect()
{
    "$1" -x "$2" -std="$3" -Wall -Wextra -Wpedantic -Wshadow -Wundef -Werror \
        -I"$top_srcdir/libapex" -o "$work/all" "$work/all.h" -x none \
        -L"$top_builddir/libapex/.libs" -lapex \
        -Wl,-rpath,"$top_builddir/libapex/.libs" ||
        fail "apex.h in $3 with $1"
    "$work/all" || fail "apex.h in $3 with $1: exit code $?"
}

for standard in c99 gnu99 c11 c17 gnu2x; do
    dialect "$APEX_CC" c $standard
done
for standard in c++98 c++11 c++17 gnu++20; do
    dialect "$APEX_CXX" c++ $standard
done

# warns NAME LINE…: the line gets a warning of that name. gcc alone knows them all.
warns()
{
    warning=$1
    shift
    {
        printf '#include <apex.h>\nvoid *sink;\nvoid f(void);\n'
        printf 'void f(void)\n{\n%s\n}\n' "$*"
    } >"$work/w.c"
    "$APEX_CC" -O2 -Wall -Wextra -I"$top_srcdir/libapex" -c -o "$work/w.o" "$work/w.c" \
        2>"$work/w.err"
    grep -q "\[-W$warning" "$work/w.err" || fail "no -W$warning for: $*"
}

warns unused-result 'apex_malloc(10);'
warns unused-result 'apex_realloc(sink, 10);'
if "$APEX_CC" --version | grep -q 'Free Software Foundation'; then
    warns mismatched-dealloc 'void *p = apex_malloc(10); __builtin_free(p);'
    warns array-bounds 'char *p = apex_malloc(10); __builtin_memset(p, 1, 20); sink = p;'
    warns alloc-size-larger-than= 'sink = apex_malloc((size_t)-1);'
fi
echo "header: ok"
