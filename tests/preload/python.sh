#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Twenty modules of CPython's own regression tests: those that allocate in earnest, run threads,
# fork, and call C. PYTHONMALLOC=malloc sends every object to us instead of to Python's own
# small-object allocator.

. "$(dirname "$0")/lib.sh"

python=/usr/bin/python3
"$python" -c 'import test.test_list, test.test_threading' 2>/dev/null ||
    fail "python3 comes without its tests: install libpython3.11-testsuite"

modules="test_array test_bytes test_ctypes test_dict test_fork1 test_gc test_json test_list
    test_memoryio test_mmap test_os test_posix test_re test_struct test_subprocess test_thread
    test_threading test_unicode test_weakref test_zlib"

# Some of these tests measure time, and fail on a busy machine whatever the allocator: the worst are
# left out, and what fails is run once more, alone (-w), in both runs alike.
for kind in plain apex; do
    preload=
    [ $kind = apex ] && preload=$lib
    mkdir "$work/$kind"
    # shellcheck disable=SC2086
    (cd "$work/$kind" && exec env PYTHONMALLOC=malloc \
        ${preload:+LD_PRELOAD="$preload"} "$python" -m test -w --junit-xml "$work/$kind.xml" \
        -i '*imeout*' -i BarrierTests $modules) \
        </dev/null >"$work/$kind.out" 2>"$work/$kind.err" || {
        tail -n 40 "$work/$kind.out" >&2
        tail -n 40 "$work/$kind.err" >&2
        fail "python ($kind): exit code $?"
    }
    sed -n -e 's/FAILURE then //' -e '/^Tests result: /p' "$work/$kind.out" >"$work/$kind.result"
    grep -o '<testcase name="[^"]*" status="[a-z]*" result="[a-z]*"' "$work/$kind.xml" |
        sort >"$work/$kind.cases"
done
echo "Tests result: SUCCESS" >"$work/wanted"
expect "python, without libapex" "$work/wanted" "$work/plain.result"
expect "python, under libapex" "$work/wanted" "$work/apex.result"
if grep -a libapex "$work/apex.out" "$work/apex.err" >&2; then
    fail "libapex has something to say"
fi
if ! grep -q 'Re-running' "$work/plain.out" "$work/apex.out"; then
    expect "python: stderr" "$work/plain.err" "$work/apex.err"
    expect "python: results" "$work/plain.cases" "$work/apex.cases"
fi
[ "$(wc -l <"$work/apex.cases")" -gt 2000 ] || fail "$(wc -l <"$work/apex.cases") tests only"
echo "same: python, $(wc -l <"$work/apex.cases") tests"
