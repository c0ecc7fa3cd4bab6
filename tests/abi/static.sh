#!/bin/sh
# SPDX-License-Identifier: MIT
#
# libapex.a in fully static programs, C and C++: one malloc in each, and it is ours.

. "$(dirname "$0")/../preload/lib.sh"

# one_malloc FILE: libapex serves it, and no part of glibc's malloc.o was linked.
one_malloc()
{
    nm "$1" >"$work/nm"
    grep -q ' T apex_malloc$' "$work/nm" || fail "$1: libapex is not in it"
    if grep -q ' _int_malloc$' "$work/nm"; then
        fail "$1: glibc's malloc is in it, too"
    fi
}

cat >"$work/c.c" <<'END'
#include <locale.h>
#include <malloc.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void *
work(void *arg)
{
    return strdup(arg);
}

int
main(void)
{
    pthread_t thread;
    void *text;
    char *line = NULL;
    size_t room = 0;
    FILE *file = fopen("/proc/self/status", "r");

    setlocale(LC_ALL, "");
    while (getline(&line, &room, file) > 0) {
    }
    free(line);
    fclose(file);
    pthread_create(&thread, NULL, work, "static");
    pthread_join(thread, &text);
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        free(malloc(100000));
        _exit(3);
    }
    waitpid(pid, &status, 0);
    printf("%s %d %d\n", (char *)text, WEXITSTATUS(status), mallinfo2().uordblks > 0);
    free(text);
    free(memalign(64, 10));
    free(aligned_alloc(64, 10));
    free(valloc(10));
    free(pvalloc(10));
    free(reallocarray(NULL, 10, 10));
    malloc_trim(0);
    mallopt(M_TRIM_THRESHOLD, 1 << 20);
    return 0;
}
END
build_c "$work/c" "$work/c.c" -static "$lib_static" 2>"$work/warnings" || {
    cat "$work/warnings" >&2
    fail "the C program does not link"
}
one_malloc "$work/c"
[ "$("$work/c")" = "static 3 1" ] || fail "the C program: $("$work/c" 2>&1)"

for program in cxx_operators cxx_replaced; do
    source=$top_srcdir/tests/preload/$program.cc
    build_cxx "$work/$program.plain" "$source" -w
    build_cxx "$work/$program" "$source" -w -static "$lib_static"
    one_malloc "$work/$program"
    "$work/$program.plain" >"$work/wanted" || fail "$program against glibc"
    "$work/$program" >"$work/out" || fail "$program: exit code $?"
    expect "$program" "$work/wanted" "$work/out"
done

# A C++ program with nothing of the runtime but operator new still throws.
cat >"$work/small.cc" <<'END'
#include <new>
int
main()
{
    volatile unsigned long size = ~0ul >> 2;
    try {
        char *volatile p = new char[size];
        delete[] p;
    } catch (...) {
        return 7;
    }
    return 0;
}
END
build_cxx "$work/small" "$work/small.cc" -w -static "$lib_static"
code=0
"$work/small" || code=$?
[ $code = 7 ] || fail "bad_alloc in a small program: exit code $code"
echo "static: ok"
