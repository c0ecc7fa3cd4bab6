#!/bin/sh
# SPDX-License-Identifier: MIT
#
# git over this repository: clone, log, blame, diff, grep, gc, fsck, repack, archive. Where the tree
# has no history (a release), one is made from its files first.

. "$(dirname "$0")/lib.sh"

export HOME="$work" GIT_CONFIG_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0
git config --global --add safe.directory '*'
git config --global user.name test
git config --global user.email test@example.invalid
git config --global gc.auto 0
git config --global pack.threads 2

if git -C "$top_srcdir" rev-parse --verify -q HEAD >/dev/null 2>&1; then
    git clone -q --bare "$top_srcdir" "$work/origin.git" 2>/dev/null
else
    mkdir "$work/made"
    (cd "$top_srcdir" && tar -cf - libapex tests docs) | tar -xf - -C "$work/made"
    cd "$work/made"
    git init -q
    for folder in libapex/base libapex/core libapex docs tests; do
        git add "$folder" && git commit -q -m "Add $folder"
    done
    cd "$work"
    git clone -q --bare "$work/made" "$work/origin.git"
fi
file=libapex/front/interpose.c

# Paths of the two runs differ, and so does what depends on the time.
normalise="s,$work/[a-z_]*\.(plain|apex),DIR,g"
same git_clone git clone --no-local "$work/origin.git" copy
same git_log git -C "$work/origin.git" log --stat -p --all --date=iso
same git_blame git -C "$work/origin.git" blame -C -C HEAD -- "$file"
same git_grep git -C "$work/origin.git" grep -c -i 'apex' HEAD
same git_shortlog git -C "$work/origin.git" shortlog -s HEAD
same git_archive sh -c 'git -C "$1" archive HEAD | md5sum' - "$work/origin.git"

# In the clone of the run before: works on its own files.
for kind in plain apex; do
    mkdir -p "$work/git_gc.$kind"
    cp -r "$work/git_clone.$kind/copy" "$work/git_gc.$kind/copy"
done
cat >"$work/gc.sh" <<'END'
set -e
cd copy
for i in 1 2 3 4 5; do
    seq $i 20000 >numbers
    git add numbers
    GIT_AUTHOR_DATE="2020-01-01T00:00:0$i" GIT_COMMITTER_DATE="2020-01-01T00:00:0$i" \
        git commit -q -m "numbers $i"
done
git gc -q --prune=now
git repack -q -a -d -f --depth=50 --window=20
git fsck --full --strict --no-progress
git rev-parse HEAD
git status --short
git diff --stat HEAD~3
git branch other HEAD~2
git checkout -q other
git diff --name-only HEAD~1
git count-objects
END
same git_gc sh "$work/gc.sh"
