#!/bin/sh
# SPDX-License-Identifier: MIT
#
# git on a repository that is generated, always the same: its whole log with every change, or a pack
# with all deltas searched anew. Reads only.
#
#   git.sh log|pack COMMITS

. "$(dirname "$0")/lib.sh"
need git awk
repository=$BENCH_DATA/git-$2
# Nothing of the person who runs this.
GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_PAGER=cat
export GIT_CONFIG_NOSYSTEM GIT_CONFIG_GLOBAL GIT_PAGER
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE

if preparing; then
    [ -d "$repository" ] && exit 0
    rm -rf "$repository.part"
    git init -q --bare "$repository.part"
    awk -v commits="$2" 'BEGIN {
        state = 99
        for (c = 0; c < commits; c++) {
            printf "commit refs/heads/main\ncommitter A <a@example.org> %d +0000\n", 1e9 + c * 60
            printf "data 9\nCommit %02d\n", c % 100
            for (f = 0; f < 4; f++) {
                state = state * 16807 % 2147483647
                file = state % 60
                version[file]++
                text = ""
                for (line = 0; line < 120; line++) {
                    changed = (line + version[file]) % 11 == 0 ? version[file] : 0
                    text = text "line " line " of file " file " said " changed * 7919 % 1000 "\n"
                }
                printf "M 100644 inline folder%d/file%d\n", file % 7, file
                printf "data %d\n%s\n", length(text), text
            }
            print ""
        }
    }' </dev/null | git --git-dir="$repository.part" fast-import --quiet
    git --git-dir="$repository.part" symbolic-ref HEAD refs/heads/main
    mv "$repository.part" "$repository"
    exit 0
fi
case $1 in
log) under git --git-dir="$repository" log -p --stat -M ;;
pack)
    under git --git-dir="$repository" pack-objects -q --all --stdout --no-reuse-delta \
        --no-reuse-object --threads=1 --window=12 </dev/null >"$BENCH_SCRATCH/out.pack"
    ;;
*) fail "log or pack, not '$1'" ;;
esac
