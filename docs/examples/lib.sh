# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# For the scripts of this folder, to be read in with `.`: a change of the tree is tried without
# touching the tree. Sets
#   top        top of the sources
#   build      where `make` has built them, at $top/build unless top_builddir says otherwise
#   scratch    a folder that is removed at the end
# The functions are copy, change, compile, link and try.

set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${top_builddir:-$top/build}" && pwd -P)
cc=${APEX_CC:-cc}
scratch=$(mktemp -d "${TMPDIR:-/tmp}/apex-example.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

# copy FOLDER…: these folders of the sources, in $scratch/tree.
copy()
{
    for folder; do
        mkdir -p "$scratch/tree/$folder"
        cp -R "$top/$folder/." "$scratch/tree/$folder"
    done
    chmod -R u+w "$scratch/tree"
}

# change PATCH: the patch, applied to the copy. One that does not fit is an error: whoever changes
# what is around it brings it up to date.
change()
{
    patch -s -N -p1 -d "$scratch/tree" <"$top/docs/examples/$1" || {
        echo "docs/examples/$1 does not fit the sources any more"
        exit 1
    }
}

# compile OUTPUT SOURCE [FLAG…]: a source of the copy, into $scratch/OUTPUT.
compile()
{
    compile_output=$scratch/$1
    compile_source=$scratch/tree/$2
    shift 2
    # shellcheck disable=SC2046  # a list of flags
    "$cc" -std=gnu11 -D_GNU_SOURCE= -DPACKAGE_VERSION='"example"' -O2 -g -fno-builtin \
        -Wall -Wextra -Werror -I"$scratch/tree/libapex" -I"$scratch/tree" \
        $(pkg-config --cflags libcjson cmocka) "$@" \
        -c -o "$compile_output" "$compile_source"
}

# link OUTPUT LIBRARY OBJECT…: $scratch/OUTPUT. What the objects define is taken from them, all else
# from a library of the build, libapex/libapexcore.la or apexd/libapexdcore.la.
link()
{
    link_output=$1
    link_library=$2
    shift 2
    # shellcheck disable=SC2046  # a list of flags
    (cd "$scratch" && "$build/libtool" --silent --tag=CC --mode=link "$cc" -o "$link_output" "$@" \
        "$build/$link_library" $(pkg-config --libs cmocka) -lpthread)
}

# try PROGRAM [ARGUMENT…]: runs $scratch/PROGRAM; its output goes to $scratch/out, its exit code to
# `ended`. The shell's own word about one that was killed is left out.
try()
{
    try_program=$scratch/$1
    shift
    ended=0 # for who calls
    { "$try_program" "$@" >"$scratch/out" 2>&1 || ended=$?; } 2>/dev/null
    sed -i -E '/Aborted( \(core dumped\))?$/d' "$scratch/out"
}
