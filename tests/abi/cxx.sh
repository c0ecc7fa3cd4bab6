#!/bin/sh
# SPDX-License-Identifier: MIT
#
# C++: every operator form, programs that replace some, and operator new without a C++ runtime.

. "$(dirname "$0")/../preload/lib.sh"

for program in cxx_operators cxx_replaced; do
    build_cxx "$work/$program" "$top_srcdir/tests/preload/$program.cc" -w
    same $program "$work/$program"
done

# A C program that opens its C++ parts later, for itself alone, as Python does with its extensions.
cat >"$work/late.cc" <<'END'
#include <cstdio>
#include <new>
#include <string>
static void
thrower()
{
    throw std::bad_alloc();
}
extern "C" void
late()
{
    volatile std::size_t size = std::size_t(1) << 62;
    int caught = 0;
    for (int i = 0; i < 2; i++) {
        try {
            char *volatile p = new char[size];
            delete[] p;
        } catch (const std::bad_alloc &) {
            caught++;
        }
        try {
            std::string s(size - 100, 'x');
        } catch (const std::bad_alloc &) {
            caught++;
        }
        caught += ::operator new(size, std::nothrow) == nullptr;
        std::set_new_handler(thrower);
    }
    std::printf("late: %d of 6\n", caught);
}
END
cat >"$work/late_main.c" <<'END'
#include <dlfcn.h>
int
main(int argc, char **argv)
{
    void (*late)(void);
    void *library = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : 0;
    *(void **)&late = dlsym(library, "late");
    late();
    return 0;
}
END
build_cxx "$work/late.so" "$work/late.cc" -w -shared -fPIC
build_c "$work/late_main" "$work/late_main.c"
same late "$work/late_main" "$work/late.so"
grep -q 'late: 6 of 6' "$work/late.apex.out" || fail "late: $(cat "$work/late.apex.out")"

# Nobody to throw to: one clear line and abort; the nothrow form just fails.
cat >"$work/bare.c" <<'END'
#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>
int
main(int argc, char **argv)
{
    void *(*new_nothrow)(size_t, void *);
    void *(*new_plain)(size_t);
    (void)argv;
    *(void **)&new_nothrow = dlsym(RTLD_DEFAULT, "_ZnwmRKSt9nothrow_t");
    *(void **)&new_plain = dlsym(RTLD_DEFAULT, "_Znwm");
    printf("%d %d\n", new_plain(10) != NULL, new_nothrow((size_t)1 << 62, NULL) == NULL);
    fflush(stdout);
    return argc > 1 && new_plain((size_t)1 << 62) == NULL;
}
END
build_c "$work/bare" "$work/bare.c"
[ "$(with_apex "$work/bare")" = "1 1" ] || fail "operator new without a runtime"
code=0
(ulimit -c 0 && with_apex "$work/bare" abort) >"$work/out" 2>"$work/err" || code=$?
[ $code = 134 ] || fail "operator new without a runtime or memory: exit code $code"
echo "libapex: out of memory in operator new, and the program has no C++ runtime to tell" \
    >"$work/wanted"
grep '^libapex' "$work/err" >"$work/line" || true
expect "operator new without a runtime or memory" "$work/wanted" "$work/line"
echo "cxx: ok"
