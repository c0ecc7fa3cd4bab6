# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# For the accept.sh of each challenge, to be read in with `.`. Sets
#   name       the challenge's, as 01-size-classes
#   here       its folder
#   work       the folder with the files that are judged: the script's argument
#   flags      what C is compiled with
# Ends by `accept` or `refuse`, in one line. Everything that is made goes to $OUT.

set -eu
here=$(cd "$(dirname "$0")" && pwd)
name=${here##*/}
work=$(cd "$1" && pwd)
flags='-std=gnu11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Wno-unused -fno-builtin'

# accept FIGURES, refuse WHY: the end.
accept()
{
    echo "$name: accepted: $1"
    exit 0
}

refuse()
{
    echo "$name: $1"
    exit 1
}

# phase NN: a copy of a phase of the tutorial in $OUT/phase, with the files that are judged laid
# over its own.
phase()
{
    mkdir "$OUT/phase"
    cp -RL "$TOP/docs/tutorial/phase$1/." "$OUT/phase"
    chmod -R u+w "$OUT/phase"
    cp -RL "$work/." "$OUT/phase"
}

# compile PROGRAM SOURCE… [FLAG…]: $OUT/PROGRAM. Headers come from the folder that is judged, the
# challenge's own, docs/challenges (steps.h) and the tutorial's lab (test.h, memory.h, holder.h).
compile()
{
    program=$1
    shift
    # shellcheck disable=SC2086  # a list of flags
    "$CC" $flags -I"$work" -I"$here" -I"$here/.." -I"$TOP/docs/tutorial/lab" -o "$OUT/$program" \
        "$@" -lm -ldl -pthread >&2 || refuse 'does not compile'
}

# shared LIBRARY SOURCE… [FLAG…]: $OUT/LIBRARY, to be preloaded.
shared()
{
    made=$1
    shift
    # shellcheck disable=SC2086  # a list of flags
    "$CC" $flags -fPIC -fvisibility=hidden -shared -o "$OUT/$made" "$@" -lm -pthread >&2 ||
        refuse 'does not compile'
}

# library [FLAG…]: $OUT/libtiny.so, of what `phase` has laid together.
library()
{
    shared libtiny.so "$@" "$OUT"/phase/*.c
}

# script PROGRAM SOURCE: $OUT/PROGRAM runs a script in Python.
script()
{
    printf '#!/bin/sh\nexec python3 "%s" "$@"\n' "$2" >"$OUT/$1"
    chmod +x "$OUT/$1"
}

# built FILE…: `make` has made these in $BUILD.
built()
{
    for file; do
        [ -f "$BUILD/$file" ] || refuse "there is no $BUILD/$file: run make first, or set BUILD"
    done
}

# serve: an apexd of our own, until the script ends, and a process (heap.c) with the number `served`
# that it knows. apexctl finds them.
serve()
{
    built apexd/apexd apexctl/apexctl libapex/.libs/libapex.so
    APEX_RUNTIME_DIR=$OUT/run
    export APEX_RUNTIME_DIR
    mkdir "$APEX_RUNTIME_DIR"
    mkfifo "$OUT/stay" "$OUT/ready"
    "$BUILD/apexd/apexd" --config '' --runtime-dir "$APEX_RUNTIME_DIR" >"$OUT/apexd.log" 2>&1 &
    daemon=$!
    trap 'kill "$daemon" "${served:-$daemon}" 2>/dev/null; wait' EXIT
    until [ -S "$APEX_RUNTIME_DIR/register.sock" ] && [ -S "$APEX_RUNTIME_DIR/control.sock" ]; do
        kill -0 "$daemon" 2>/dev/null || refuse "apexd: $(tail -n 1 "$OUT/apexd.log")"
        sleep 0.05
    done
    compile heap "$here/../heap.c"
    APEX_OPTIONS=decay_ms=600000,dirty_floor=1g LD_PRELOAD="$BUILD/libapex/.libs/libapex.so" \
        "$OUT/heap" <"$OUT/stay" >"$OUT/ready" &
    served=$!
    exec 9>"$OUT/stay" # nobody writes to it: the process stays until this script ends
    read -r said <"$OUT/ready" || refuse 'the process to look at has died'
    [ "$said" = ready ] || refuse "the process to look at says $said"
    until "$BUILD/apexctl/apexctl" stats "$served" >/dev/null 2>&1; do
        kill -0 "$served" 2>/dev/null || refuse 'the process to look at has died'
        sleep 0.05
    done
}

# judge PROGRAM [ARGUMENT…]: runs $OUT/PROGRAM, under $preload if that is set. Passes when it ends
# well; its last line, without "ok: ", is in `figures`. Refuses with the reason that it gives after
# "FAIL: ", or with what it died of.
judge()
{
    program=$1
    shift
    ended=0
    env LD_PRELOAD="${preload:-}" "$OUT/$program" "$@" >"$OUT/said" 2>"$OUT/errors" || ended=$?
    if [ "$ended" -ne 0 ]; then
        cat "$OUT/errors" >&2
        reason=$(sed -n 's/^FAIL: //p' "$OUT/said" | tail -n 1)
        refuse "${reason:-$(died_of "$program" "$ended")}"
    fi
    figures=$(tail -n 1 "$OUT/said" | sed 's/^ok: //')
}

# died_of PROGRAM STATUS: the same in words, for one that gave no reason.
died_of()
{
    if [ "$2" -gt 128 ]; then
        echo "$1 died of SIG$(kill -l "$2")"
    else
        echo "$1 ended with $2"
    fi
}

# phase_tests NN…: tests of these phases pass under $OUT/libtiny.so.
phase_tests()
{
    for number; do
        compile "phase$number" "$TOP/docs/tutorial/phase$number/tests/phase$number.c"
        preload=$OUT/libtiny.so judge "phase$number"
    done
}
