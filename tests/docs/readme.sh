#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs what README.md tells its reader to type below "Use", and what docs/QUICKSTART.md does, as it
# stands there, against an installation in a folder of its own. Reason: commands in a read-me rot
# unseen, and they are the first thing that a stranger tries. What stands below "Build and test" is
# run by .ci/run.

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

# run FILE DOCUMENT: the commands of a block; what they print goes to $scratch/said.
run()
{
    sh -eu "$1" >"$scratch/said" 2>&1 && return
    complain "this block of $2 fails:"
    cat "$1" "$scratch/said"
}

# shows TEXT: whether each line of that file is part of a line of $scratch/said, where an ellipsis
# stands for anything; says which are not.
shows()
{
    missing=
    while IFS= read -r line; do
        wanted=$(printf '%s\n' "$line" | sed 's/[][\.*^$]/\\&/g; s/…/.*/g')
        grep -q -e "$wanted" "$scratch/said" || missing="$missing '$line'"
    done <"$1"
    [ -z "$missing" ]
}

# quick_start: each block of commands, in turn, and below each what it prints. A block that waits
# some seconds for a program is done again where the machine had no time for it.
quick_start()
{
    mkdir "$scratch/quick"
    awk -v out="$scratch/quick/" '
        /^```/ && open { open = 0; close(file); next }
        $0 == "```sh" { open = 1; n++; file = out n ".sh"; next }
        $0 == "```text" && n { open = 1; file = out n ".text"; next }
        open { print >file }' "${top_srcdir:?}/docs/QUICKSTART.md"
    for block in "$scratch"/quick/*.sh; do
        run "$block" docs/QUICKSTART.md
        shows "${block%.sh}.text" && continue
        run "$block" docs/QUICKSTART.md
        shows "${block%.sh}.text" && continue
        complain "docs/QUICKSTART.md says$missing is printed, but this is:"
        cat "$scratch/said"
    done
    echo "$(find "$scratch/quick" -name '*.sh' | wc -l) blocks of docs/QUICKSTART.md"
}

sh "$top_srcdir/tests/support/install.sh" "$scratch/root" || exit 1

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
    run "$scratch/sh.$blocks" README.md
    # Each of them prints that, or that it is libapex.
    case $(cat "$scratch/said") in
    *libapex*) ;;
    *)
        complain "this block of README.md does not say what it should:"
        cat "$scratch/sh.$blocks" "$scratch/said"
        ;;
    esac
done
echo "$blocks blocks of README.md"
quick_start
[ "$failures" -eq 0 ]
