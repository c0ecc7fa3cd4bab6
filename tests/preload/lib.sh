# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# For scripts that run programs with and without libapex, to be read in with `.`. Sets
#   APEX_OPTIONS                  what $APEX_LIBRARY_OPTIONS says, nothing else
#   lib, lib_dlopen, lib_static   the libraries of the build tree; `lib` is a copy, and
#                                 $APEX_LIBRARY names another one; with $APEX_GUARD a list for
#                                 LD_PRELOAD, with the copies of libapex-guard in front
#   work                          a folder that is removed at the end
# A test says what it does by calling `same`, `expect` or `fail`; the first failure ends it.

set -eu
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
: "${top_builddir:=$top_srcdir}"
: "${APEX_CC:=cc}"
: "${APEX_CXX:=c++}"
lib=$top_builddir/libapex/.libs/${APEX_LIBRARY:-libapex.so.0}
lib_dlopen=$top_builddir/libapex/.libs/libapex-dlopen.so.0
lib_static=$top_builddir/libapex/libapex.a
unset LD_PRELOAD APEX_OPTIONS
[ -z "${APEX_LIBRARY_OPTIONS:-}" ] || export APEX_OPTIONS="$APEX_LIBRARY_OPTIONS"
export LC_ALL=C

work=$(mktemp -d "${TMPDIR:-/tmp}/apex-preload.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

fail()
{
    echo "FAIL: $*" >&2
    exit 1
}

[ -f "$lib" ] || fail "$lib has not been built"
# Programs may start children as another user, who may not look into the folder of the build.
chmod 755 "$work"
cp "$lib" "$work/"
lib=$work/${lib##*/}
LD_PRELOAD=$lib grep -q "${lib##*/}" /proc/self/maps || fail "LD_PRELOAD does not load $lib"
if [ -n "${APEX_GUARD:-}" ]; then
    cp "$top_builddir/libapex/.libs/libapex-guard.so.0" "$work/"
    lib=$work/libapex-guard.so.0:$lib
    LD_PRELOAD=$lib grep -q libapex-guard /proc/self/maps || fail "LD_PRELOAD does not load $lib"
fi

# with_apex COMMAND…: runs it under libapex. Like env, but the shell's own children stay without.
with_apex()
{
    env LD_PRELOAD="$lib" "$@"
}

# expect NAME FILE FILE: the two are equal.
expect()
{
    if ! cmp -s "$2" "$3"; then
        diff -au "$2" "$3" | head -n 40 >&2
        fail "$1: the output differs"
    fi
}

# same NAME COMMAND…: the command gives the same stdout, stderr and exit code under libapex as
# without. It runs in an empty folder of its own, $work/NAME.plain or $work/NAME.apex; the variable
# `accept` may name an exit code other than 0.
same()
{
    name=$1
    shift
    for kind in plain apex; do
        mkdir -p "$work/$name.$kind"
        preload=
        [ "$kind" = apex ] && preload=$lib
        code=0
        (cd "$work/$name.$kind" && exec env ${preload:+LD_PRELOAD="$preload"} "$@") \
            </dev/null >"$work/$name.$kind.out" 2>"$work/$name.$kind.err" || code=$?
        echo "exit $code" >>"$work/$name.$kind.out"
        if [ "$code" != "${accept:-0}" ]; then
            tail -n 20 "$work/$name.$kind.out" >&2
            tail -n 20 "$work/$name.$kind.err" >&2
            fail "$name ($kind): exit code $code"
        fi
    done
    if [ -n "${normalise:-}" ]; then
        for same_file in "$work/$name".plain.out "$work/$name".apex.out "$work/$name".plain.err \
            "$work/$name".apex.err; do
            sed -E "$normalise" "$same_file" >"$same_file.n"
            mv "$same_file.n" "$same_file"
        done
    fi
    expect "$name: stdout" "$work/$name.plain.out" "$work/$name.apex.out"
    expect "$name: stderr" "$work/$name.plain.err" "$work/$name.apex.err"
    echo "same: $name"
}

# build_c OUTPUT SOURCE [FLAGS…], build_cxx likewise. Not with CFLAGS of the build: what a program
# is compiled with must not matter to libapex.
build_c()
{
    output=$1
    source=$2
    shift 2
    "$APEX_CC" -std=gnu11 -O2 -g -D_GNU_SOURCE= -pthread -o "$output" "$source" "$@"
}

build_cxx()
{
    output=$1
    source=$2
    shift 2
    "$APEX_CXX" -std=c++17 -O2 -g -fsized-deallocation -pthread -o "$output" "$source" "$@"
}
