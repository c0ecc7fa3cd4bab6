#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Boots a guest and runs in it those tests of the table `guests` that name it; `make check` gives it
# the path of a boot.
#
#   run.sh BOOT [TEST…]     n2, n4, … or a path of n2.vm; only these tests, if any are named
#
# APEX_VM_TESTS names tests, too. What the tests left is in tests/vm/BOOT.out of the build. Exit
# code: 0 all passed, 1 a test failed, the kernel panicked, or nothing was heard of the guest in
# time; 99 the guest could not be run.

set -u
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
: "${top_builddir:=$top_srcdir/build}"
# shellcheck source=tests/vm/rig.sh
. "$top_srcdir/tests/vm/rig.sh"

# run_tests BOOT: prints the tests that the table has for it.
run_tests()
{
    awk -v boot="$1" '!/^#/ { n = split($2, boots, ",")
        for (i = 1; i <= n; i++) if (boots[i] == boot) print $1 }' "$rig_source/guests"
}

# run_things TEST: prints what the table says that it needs.
run_things()
{
    awk -v test="$1" '!/^#/ && $1 == test { for (i = 3; i <= NF; i++) print $i }' \
        "$rig_source/guests"
}

run_needs()
{
    local command
    for command in qemu-system-x86_64 busybox numactl mmdebstrap mke2fs flock; do
        PATH=$PATH:/sbin:/usr/sbin command -v "$command" >/dev/null ||
            rig_die "$command is missing: ./bootstrap --packages-only vm"
    done
}

[ $# -gt 0 ] || { sed -n '3,/^$/s/^#[ ]\{0,1\}//p' "$0"; exit 99; }
boot=$(basename "$1" .vm)
shift
run_needs
tests=("$@")
# shellcheck disable=SC2206  # names without blanks
[ $# -gt 0 ] || tests=(${APEX_VM_TESTS:-})
[ ${#tests[@]} -gt 0 ] || mapfile -t tests < <(run_tests "$boot")
[ ${#tests[@]} -gt 0 ] || rig_die "the table has no test for $boot"

rig_work=$(mktemp -d "${TMPDIR:-/tmp}/apex-vm.XXXXXX") || exit 99
trap 'rm -rf "$rig_work"' EXIT
trap 'exit 99' HUP INT TERM
mkdir -p "$top_builddir/tests/vm"
begin=$SECONDS
rig_read "$boot"
rig_tree "$boot" "${tests[@]}"
"rig_pack_$rig_system"
rig_boot
left=$top_builddir/tests/vm/$boot${APEX_VM_BREAK:+.broken}.out
rm -rf "$left"
mv "$rig_work/out" "$left"

case $rig_verdict in
'reported 0')
    echo "vm: $boot: ${#tests[@]} passed, $((SECONDS - begin)) s"
    exit 0
    ;;
reported*) echo "vm: $boot: ${rig_verdict#* } of ${#tests[@]} tests failed" ;;
panic) echo "vm: $boot: the kernel panicked" ;;
hang) echo "vm: $boot: not a word of its end within $rig_limit s" ;;
*) rig_die "$boot: QEMU ended by itself, exit code ${rig_verdict#* }" ;;
esac
exit 1
