# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# For scripts that run a real program as a workload; read in with `.`. The driver starts such a
# script in an empty folder, $BENCH_SCRATCH, with
#
#   BENCH_STEP      prepare: once, before any round, without an allocator; run: to be measured
#   BENCH_DATA      a folder that stays, for what prepare makes
#   BENCH_PRELOAD   the allocator's library, empty for glibc
#   BENCH_COUNTER   not the driver's: words to put in front of the program (cost/profile.sh)
#
# A script ends with `under PROGRAM…`, which becomes that program; or it starts a process of its own
# and says by metrics what that took: `user` and `system` (s) and `peak_rss` (bytes) stand for what
# the driver would have measured (redis.sh). Exit code 77: cannot be done under this allocator.

set -eu

fail()
{
    echo "${0##*/}: $*" >&2
    exit 1
}

# need COMMAND…: all must be there.
need()
{
    for command in "$@"; do
        command -v "$command" >/dev/null 2>&1 ||
            fail "$command is missing; ./bootstrap --packages-only bench installs it"
    done
}

# Is this the step to prepare? What it makes is made beside its place and moved there, so that a
# script that was interrupted leaves nothing half done.
preparing()
{
    [ "$BENCH_STEP" = prepare ]
}

# under PROGRAM…: becomes the program, on the allocator. No process remains between it and the
# driver, so that peak memory is the program's own.
under()
{
    # shellcheck disable=SC2086  # the counter is several words
    exec env ${BENCH_PRELOAD:+LD_PRELOAD="$BENCH_PRELOAD"} ${BENCH_COUNTER:-} "$@"
}
