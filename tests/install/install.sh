#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Installs into an empty folder, then uses what is there as a stranger would: builds a program
# against the installed header by pkg-config, shared and wholly static, and runs it. Reason:
# everything else in these tests uses the build tree, and a missing file or a wrong path shows only
# after installation.

scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
failures=0

complain()
{
    echo "FAIL: $*"
    failures=$((failures + 1))
}

# judge NAME PROGRAM…: it must run and say the version that pkg-config states.
judge()
{
    name=$1
    shift
    said=$("$@" 2>&1) || complain "$name: does not run: $said"
    [ "$said" = "$version ours" ] || complain "$name: says '$said', not '$version ours'"
}

sh "${top_srcdir:?}/tests/support/install.sh" "$scratch/root" || exit 1

pc=$(find "$scratch/root" -name apex.pc)
[ -n "$pc" ] || { complain 'no apex.pc'; exit 1; }
PKG_CONFIG_LIBDIR=$(dirname "$pc")
export PKG_CONFIG_LIBDIR
prefix=$scratch/root$(pkg-config --variable=prefix apex)

# pkg-config with the prefix of this installation.
apex_pc()
{
    pkg-config --define-variable=prefix="$prefix" "$@" apex
}

version=$(apex_pc --modversion)
lib=$(apex_pc --variable=libdir)

for file in "$prefix/include/apex.h" "$lib/libapex.a" "$lib/libapex.so" "$lib/libapex.so.0" \
    "$lib/libapex-dlopen.so.0" "$lib/libapex-hardened.so.0" "$lib/libapex-guard.so.0" \
    "$lib/libapex-trace.so.0" "$prefix/libexec/apexalloc/apex-replay" \
    "$prefix/share/fish/vendor_completions.d/apexctl.fish" \
    "$prefix/share/zsh/site-functions/_apexctl" \
    "$prefix/share/bash-completion/completions/apexctl" \
    "$prefix/bin/apexctl" "$prefix/sbin/apexd" \
    "$prefix/share/apexalloc/monitoring/apex.rules.yml" \
    "$prefix/share/apexalloc/monitoring/dashboard.json" \
    "$prefix/lib/systemd/system/apexd.service" "$prefix/lib/systemd/system/apexd.socket" \
    "$prefix/lib/systemd/user/apexd.service" "$prefix/lib/systemd/user/apexd.socket" \
    "$prefix/lib/sysusers.d/apexd.conf" "$prefix/lib/tmpfiles.d/apexd.conf" \
    "$prefix/share/apexalloc/systemd/acting.conf"; do
    [ -s "$file" ] || complain "not installed: $file"
done
daemon=$(sed -n 's/^ExecStart=\([^ ]*\).*/\1/p' "$prefix/lib/systemd/system/apexd.service")
[ "$scratch/root$daemon" = "$prefix/sbin/apexd" ] || complain "apexd.service starts $daemon"

cat >"$scratch/user.c" <<'END'
#include <apex.h>
#include <stdio.h>
#include <stdlib.h>

int
main(void)
{
    char *volatile p = malloc(100);

    /* Only libapex knows a pointer of libapex: this ends the program if malloc is another one. */
    printf("%s %s\n", apex_version(), apex_malloc_usable_size(p) >= 100 ? "ours" : "another's");
    free(p);
    return 0;
}
END
# pkg-config and $APEX_CC give several words.
# shellcheck disable=SC2046,SC2086
$APEX_CC -o "$scratch/shared" "$scratch/user.c" $(apex_pc --cflags --libs) ||
    complain 'cannot link with the shared library'
# shellcheck disable=SC2046,SC2086
$APEX_CC -static -o "$scratch/static" "$scratch/user.c" $(apex_pc --cflags --libs --static) ||
    complain 'cannot link with the static library'
judge shared env LD_LIBRARY_PATH="$lib" "$scratch/shared"
judge static "$scratch/static"
judge preloaded env LD_LIBRARY_PATH="$lib" LD_PRELOAD=libapex.so.0 "$scratch/shared"

# A static library adds no name that a program could have chosen itself.
names=$(nm -g --defined-only "$lib/libapex.a" | awk 'NF == 3 && $2 != "W" { print $3 }' |
    grep -vE '^(apex_|_Z(na|nw|da|dl)|__libc_|interpose_)')
for name in $names; do
    case $name in
    malloc | calloc | realloc | free | cfree | memalign | valloc | pvalloc | aligned_alloc) ;;
    posix_memalign | reallocarray | free_sized | free_aligned_sized | mall*) ;;
    *) complain "libapex.a defines $name" ;;
    esac
done

[ "$failures" -eq 0 ]
