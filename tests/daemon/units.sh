#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The units of systemd, as systemd reads them: no word about them, and little that the daemon may
# do. Reason: systemd ignores what it does not know, and a misspelt restriction is none. Nothing is
# started here.

exposure_max=20 # tenths; systemd-analyze calls it OK up to 49
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
failures=0

complain()
{
    echo "FAIL: $*"
    failures=$((failures + 1))
}

command -v systemd-analyze >/dev/null || { complain 'no systemd-analyze'; exit 1; }

# gather NAME FILE…: these files, with the daemon of this build, in a folder of that name.
gather()
{
    mkdir -p "$scratch/$1"
    folder=$scratch/$1
    shift
    for file in "$@"; do
        sed "s|^ExecStart=[^ ]*|ExecStart=$top_builddir/apexd/apexd|" "$file" \
            >"$folder/${file##*/}" || complain "cannot read $file"
    done
}

# verify NAME [OPTION…]: exits with 0 also where it has only ignored something.
verify()
{
    name=$1
    shift
    # shellcheck disable=SC2046 # our own names
    said=$(SYSTEMD_UNIT_PATH="$scratch/$name:" XDG_RUNTIME_DIR="$scratch" \
        systemd-analyze "$@" --man=no verify \
        $(find "$scratch/$name" -type f -name 'apexd*.s*') 2>&1) || complain "$name: verify fails"
    [ -z "$said" ] || complain "$name: $said"
}

# exposure NAME: in tenths.
exposure()
{
    systemd-analyze security --offline=true "$scratch/$1/apexd.service" --no-pager 2>&1 |
        sed -n 's/.*Overall exposure level[^0-9]*\([0-9]*\)\.\([0-9]\).*/\1\2/p' |
        sed 's/^0*\(.\)/\1/'
}

source=${top_srcdir:?}/apexd/systemd
built=${top_builddir:?}/apexd/systemd
sockets="$source/apexd.socket $source/apexd-control.socket $source/apexd-http.socket"

# shellcheck disable=SC2086 # a list
gather system $sockets "$built/apexd.service"
gather user "$built"/user/apexd*
# shellcheck disable=SC2086
gather acting $sockets "$built/apexd.service"
mkdir "$scratch/acting/apexd.service.d"
cp "$source/acting.conf" "$scratch/acting/apexd.service.d/"

# What follows can fail.
gather wrong "$built/apexd.service"
echo 'ProtectHouse=yes' >>"$scratch/wrong/apexd.service"
before=$failures
verify wrong >/dev/null
[ "$failures" -gt "$before" ] || complain 'a word that systemd does not know is not found'
failures=$before

verify system
verify acting
verify user --user

found=$(exposure system)
echo "exposure: $found tenths"
[ "${found:-99}" -le "$exposure_max" ] || complain "exposure of apexd.service: $found tenths"
systemd-analyze security --offline=true --threshold="$exposure_max" \
    "$scratch/system/apexd.service" >/dev/null 2>&1 || complain 'exposure of apexd.service'
found=$(exposure acting)
echo "exposure in acting mode: $found tenths"

for unit in "$built/apexd.service" "$built/user/apexd.service"; do
    grep -q '^ExecStart=/[^ @]*/apexd ' "$unit" || complain "$unit names no daemon"
done
! grep -q 'SocketGroup' "$built"/user/*.socket || complain 'a user has no group to give'

# The user, the group and the directories that the units speak of.
mkdir -p "$scratch/machine/etc"
if systemd-sysusers --root="$scratch/machine" "$source/sysusers.conf" >"$scratch/said" 2>&1; then
    grep -q '^apexd:' "$scratch/machine/etc/passwd" || complain 'no user apexd'
    grep -q '^apex:' "$scratch/machine/etc/group" || complain 'no group apex'
    ! grep -q '^apex:.*apexd' "$scratch/machine/etc/group" || complain 'apexd is in the group apex'
else
    complain "sysusers: $(cat "$scratch/said")"
fi

[ "$failures" -eq 0 ]
