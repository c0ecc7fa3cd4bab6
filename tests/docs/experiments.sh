#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Every command of docs/experiments is done, and prints what the page says (experiments.py). Tests
# itself first: an output and a piece of a patch that were changed in a page are found, with the
# line.

. "$(dirname "$0")/../style/lib.sh"

build=$(cd "${top_builddir:-$root/build}" && pwd)

# check_tree TOP: the index alone, which is quick.
check_tree()
{
    python3 -B "$root/tests/docs/experiments.py" check "$1" "$build" README.md
}

mkdir -p "$scratch/tree"
for folder in libapex apexd apexctl bench docs man tests; do
    mkdir "$scratch/tree/$folder"
done
cp -R "$root/docs/tutorial" "$root/docs/experiments" "$root/docs/examples" "$root/docs/local.mk" \
    "$scratch/tree/docs"
cp "$root/tests/local.mk" "$scratch/tree/tests"
chmod -R u+w "$scratch/tree"
judge ''
page=$scratch/tree/docs/experiments/README.md
printf '%s\n' '' '```console' '$ echo one' 'two' '```' >>"$page"
judge 'docs/experiments/README.md:[0-9]*: `two`, but it prints `one`'
sed -i 's/^two$/one/' "$page"
printf '%s\n' '' '<!-- patch docs/examples/policy.patch -->' '```diff' '+no such line' '```' \
    >>"$page"
judge 'docs/experiments/README.md:[0-9]*: docs/examples/policy.patch has no such lines'

python3 -B "$root/tests/docs/experiments.py" check "$root" "$build" || failures=$((failures + 1))
[ "$((failures + wrong))" -eq 0 ]
