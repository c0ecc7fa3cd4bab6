# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# For the tests that run in guests: each begins with `. /rig/tests/lib.sh`. It is run by busybox's
# sh, or by Debian's, as root, alone; exit code 0 is success. Set are
#
#   $boot              the name of the boot: n2, …
#   $test              the name of the test
#   $out               a folder; the files in it come back, in tests/vm/BOOT.out/TEST of the build
#   $lib, $hardened    the libraries, for LD_PRELOAD
#
# Programs, apexd and apexctl are found by their names.

set -u
lib=/rig/lib/libapex.so.0
hardened=/rig/lib/libapex-hardened.so.0
failures=0

# Notes a failure; the test goes on.
complain()
{
    echo "FAIL: $test: $*"
    failures=$((failures + 1))
}

# Ends the test.
fail()
{
    echo "FAIL: $test: $*"
    exit 1
}

# finish: to be called at the end of a test that complains.
finish()
{
    [ "$failures" -eq 0 ]
    exit
}

# equal WHAT IS SHOULD
equal()
{
    [ "$2" = "$3" ] || complain "$1 is '$2', not '$3'"
}

# From now on the next test may run beside this one. For a test that mostly waits; what it says
# comes between the words of others.
aside()
{
    touch "/run/next.$test"
}

# wait_for SECONDS COMMAND…: repeats it until it succeeds; false when the time is over. A guest may
# be slow: give it many times what it needs.
wait_for()
{
    patience=$(($1 * 5))
    shift
    until "$@" >/dev/null 2>&1; do
        patience=$((patience - 1))
        [ $patience -gt 0 ] || return 1
        sleep 0.2
    done
}

# Starts apexd in a place of its own, with more arguments if given: sets $apexd_pid, and
# $APEX_RUNTIME_DIR for all that follow.
start_apexd()
{
    APEX_RUNTIME_DIR=$(mktemp -d /run/apex.XXXXXX)
    export APEX_RUNTIME_DIR
    apexd --runtime-dir "$APEX_RUNTIME_DIR" --config "" "$@" >"$out/apexd.log" 2>&1 &
    apexd_pid=$!
    wait_for 120 apexctl stats || fail "apexd does not answer: $(cat "$out/apexd.log")"
}

stop_apexd()
{
    kill "$apexd_pid"
    wait "$apexd_pid"
}

# qmp_answer ID [SECONDS]: reads until QEMU has answered what it was asked by that name; what it
# says by itself, events, is passed over. Sets $answer; false when nothing came for so long.
qmp_answer()
{
    # Only busybox's read knows -t, and only its guests have the port.
    # shellcheck disable=SC3045
    while read -r -t "${2:-300}" answer <&3; do
        case $answer in
        *"\"id\": \"$1\""*) return 0 ;;
        esac
    done
    return 1
}

# qmp COMMAND ARGUMENTS: QEMU does it: qmp device_add '{"driver": "pc-dimm", …}'. Prints the answer;
# false when it is an error.
qmp()
{
    stty -F /dev/ttyS1 raw -echo
    {
        # Before stty, the port has echoed to QEMU what QEMU said first, perhaps in part: a byte
        # that is not JSON ends that.
        until printf '\001{"execute": "qmp_capabilities", "id": "hello"}\n' >&3 &&
            qmp_answer hello 5; do
            :
        done
        printf '{"execute": "%s", "arguments": %s, "id": "do"}\n' "$1" "${2:-{\}}" >&3
        qmp_answer do || answer='"error": no answer'
    } 3<>/dev/ttyS1
    echo "$answer"
    case $answer in
    *'"error"'*) return 1 ;;
    esac
}
