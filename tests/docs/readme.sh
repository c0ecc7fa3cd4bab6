#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs what README.md tells its reader to type below "Use", as it stands there, against an
# installation in a folder of its own. Reason: commands in a read-me rot unseen, and they are the
# first thing that a stranger tries. What stands below "Build and test" is run by .ci/run.

set -u
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
failures=0
blocks=0

complain()
{
    echo "FAIL: $*"
    failures=$((failures + 1))
}

# fences LANGUAGE: the fenced blocks of that language below "## Use", numbered, in files.
fences()
{
    awk -v language="$1" -v out="$scratch/$1" '
        /^## / { inside = $2 == "Use" }
        /^```/ && open { open = 0; close(file); next }
        inside && $0 == "```" language { open = 1; file = out "." ++n; next }
        open { print >file }
        END { print n + 0 }' "${top_srcdir:?}/README.md"
}

# MAKEFLAGS holds the job server of the make that runs this test; this make is another one.
if ! env -u MAKEFLAGS -u MAKELEVEL make -C "${top_builddir:?}" install DESTDIR="$scratch/root" \
    >"$scratch/log" 2>&1; then
    cat "$scratch/log"
    exit 1
fi

# As if it were installed where the compiler, the loader and the shell look by themselves.
usr=$(dirname "$(dirname "$(find "$scratch/root" -path '*/bin/apexctl' -type f)")")
lib=$(dirname "$(find "$scratch/root" -name libapex.a)")
PATH=$usr/bin:$usr/sbin:$PATH
PKG_CONFIG_PATH=$lib/pkgconfig
PKG_CONFIG_SYSROOT_DIR=$scratch/root
LIBRARY_PATH=$lib
LD_LIBRARY_PATH=$lib
C_INCLUDE_PATH=$usr/include
XDG_RUNTIME_DIR=$scratch
export PATH PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR LIBRARY_PATH LD_LIBRARY_PATH C_INCLUDE_PATH
export XDG_RUNTIME_DIR

mkdir "$scratch/reader"
cd "$scratch/reader" || exit 2
ln -s "$top_builddir" build
[ "$(fences c)" -eq 1 ] || complain 'README.md should show one C program below "Use"'
cp "$scratch/c.1" hello.c
shown=$(fences sh)
[ "$shown" -ge 5 ] || complain "README.md should show at least 5 blocks of commands, not $shown"
while [ "$blocks" -lt "$shown" ]; do
    blocks=$((blocks + 1))
    sh -eu "$scratch/sh.$blocks" >"$scratch/said" 2>&1 || {
        complain "this block of README.md fails:"
        cat "$scratch/sh.$blocks" "$scratch/said"
    }
    # Each of them prints that, or that it is libapex.
    case $(cat "$scratch/said") in
    *libapex*) ;;
    *)
        complain "this block of README.md does not say what it should:"
        cat "$scratch/sh.$blocks" "$scratch/said"
        ;;
    esac
done
echo "$blocks blocks"
[ "$failures" -eq 0 ]
