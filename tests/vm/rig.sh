# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# How guests are made and run: sourced by run.sh, with $top_srcdir and $top_builddir set. What a
# guest needs from outside, a kernel and a Debian root, is made once and kept in $rig_cache; what is
# of this build goes into $rig_work, anew for each boot.
#
# A boot is a file NAME.vm, which is read by rig_read and calls the functions named in it:
#
#   topology NAME                    all that NAME.vm says
#   system initramfs|debian          what runs in the guest; initramfs unless told
#   machine PROPERTY                 a property of QEMU's machine q35
#   processors QEMU'S -smp           those that are there
#   node ID [MiB [PROCESSORS [MORE]]]  a node; without MiB one without memory
#   distance ID ID N                 in both directions
#   speed FROM TO NANOSECONDS BYTES/S  what the table HMAT says
#   slots N MiB                      room for so much memory that is plugged in later
#   append PARAMETER…                 for the kernel
#   arguments ARGUMENT…              anything else for QEMU

: "${top_srcdir:?}" "${top_builddir:?}"
rig_cache=${APEX_VM_CACHE:-${XDG_CACHE_HOME:-${HOME:-$top_builddir}/.cache}/apexalloc/vm}
rig_source=$top_srcdir/tests/vm
# Seconds until a guest that has not reported counts as hanging.
rig_limit=${APEX_VM_LIMIT:-1200}
# What the last boot of rig_boot came to.
rig_verdict=

rig_die()
{
    echo "vm: $*" >&2
    exit 99
}

# rig_once NAME COMMAND…: the file NAME of the cache. Made by the command, which is given a path to
# make it at, in a folder of its own, unless it is there. Several builds may ask at once; what one
# that was ended has left is removed by the next.
rig_once()
{
    local name=$1 path=$rig_cache/$1 new=$rig_cache/new
    shift
    if [ ! -e "$path" ]; then
        mkdir -p "$rig_cache" ||
            rig_die "cannot make $rig_cache; APEX_VM_CACHE names another folder"
        (
            flock 8
            [ -e "$path" ] && exit 0
            rm -rf "$new"
            mkdir "$new" && "$@" "$new/$name" >"$path.log" 2>&1 </dev/null && sync "$new/$name" &&
                mv "$new/$name" "$path"
            result=$?
            [ $result -eq 0 ] || cat "$path.log" >&2
            rm -rf "$new"
            exit $result
        ) 8>"$rig_cache/lock" || rig_die "cannot make $name for the guests"
    fi
    echo "$path"
}

# The kernel that Debian's cloud package depends on: needs no module for all that the guests do. apt
# has its checksum from a signed list.
rig_kernel_ask()
{
    local into=$1 package sum
    package=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: //p' | head -n 1)
    [ -n "$package" ] || { echo 'apt knows no linux-image-cloud-amd64'; return 1; }
    rm -rf "$into.unpack"
    mkdir "$into.unpack" || return 1
    (
        cd "$into.unpack" && apt-get -q download "$package" || exit
        sum=$(apt-cache show --no-all-versions "$package" | sed -n 's/^SHA256: //p')
        echo "$sum  $(echo ./*.deb)" | sha256sum --check - || exit
        dpkg-deb -x ./*.deb . && mv boot/vmlinuz-* "$into"
    )
}

# This machine's lists of packages may be absent, or older than the archive: then by lists fetched
# for this alone, which takes no right.
rig_kernel_fetch()
{
    rig_kernel_ask "$1" && return
    mkdir -p "$1.apt/lists/partial" "$1.apt/cache/archives/partial" || return 1
    export APT_CONFIG=$1.apt/config
    printf '%s "%s";\n' Dir::State::lists "$1.apt/lists" Dir::Cache "$1.apt/cache" \
        APT::Sandbox::User root >"$APT_CONFIG"
    apt-get -q update && rig_kernel_ask "$1"
}

rig_kernel()
{
    rig_once vmlinuz rig_kernel_fetch
}

# The name says what is in it, so that a change of make_root.sh makes another one.
rig_debian()
{
    local sum
    sum=$(cksum <"$rig_source/make_root.sh")
    rig_once "debian-${sum%% *}.img" "$BASH" "$rig_source/make_root.sh"
}

topology()
{
    local file=$rig_source/$1.vm
    [ -f "$file" ] || rig_die "no such boot: $1"
    # shellcheck disable=SC1090
    . "$file"
}

system() { rig_system=$1; }
machine() { rig_machine+=,$1; }
processors() { rig_arguments+=(-smp "$1"); }
append() { rig_append+=" $*"; }
arguments() { rig_arguments+=("$@"); }
distance() { rig_arguments+=(-numa "dist,src=$1,dst=$2,val=$3"); }

slots()
{
    rig_slots=,slots=$1,maxmem=$((rig_memory + $2))M
}

node()
{
    local text=node,nodeid=$1 mib=${2:-} cpus=${3:-} more=${4:-}
    if [ -n "$mib" ]; then
        rig_arguments+=(-object "memory-backend-ram,id=m$1,size=${mib}M")
        rig_memory=$((rig_memory + mib))
        text+=,memdev=m$1
    fi
    rig_arguments+=(-numa "$text${cpus:+,cpus=$cpus}${more:+,$more}")
}

speed()
{
    local pair=hmat-lb,initiator=$1,target=$2,hierarchy=memory
    rig_arguments+=(-numa "$pair,data-type=access-latency,latency=$3")
    rig_arguments+=(-numa "$pair,data-type=access-bandwidth,bandwidth=$4")
}

# Reads NAME.vm into rig_arguments, rig_memory and so on.
rig_read()
{
    rig_system=initramfs rig_machine=q35 rig_memory=0 rig_slots='' rig_arguments=()
    # A busy host gives the guest's first timer too late for the kernel to believe in it.
    rig_append='console=ttyS0 panic=-1 quiet no_timer_check'
    topology "$1"
}

# rig_find THING: prints where it is: a path in the build or the sources, a command, or a library of
# this machine.
rig_find()
{
    local place
    for place in "$top_builddir/$1" "$top_srcdir/$1"; do
        [ -f "$place" ] && echo "$place" && return
    done
    case $1 in
    */*) ;;
    *.so.*) place=$(/sbin/ldconfig -p | sed -n "s|^[[:blank:]]*$1 .* => ||p" | head -n 1) ;;
    *) place=$(command -v "$1") ;;
    esac
    [ -f "$place" ] || rig_die "a guest needs $1, which is neither built nor installed"
    echo "$place"
}

# rig_put ROOT THING…: into /rig/lib what is a library, into /rig/bin what is not.
rig_put()
{
    local root=$1 thing path folder
    shift
    for thing; do
        path=$(rig_find "$thing") || exit
        folder=bin
        case $path in
        *.so.*) folder=lib ;;
        esac
        cp -L "$path" "$root/rig/$folder/${thing##*/}" || rig_die "cannot copy $path"
    done
}

# rig_put_libraries ROOT: what the programs in it are linked with, from this machine, at the same
# paths.
rig_put_libraries()
{
    local root=$1 library
    for library in $(ldd "$root"/rig/bin/* "$root"/rig/lib/* 2>/dev/null |
        grep -oE '/[^ ]+\.so[^ ]*' | grep -v "^$root" | sort -u); do
        { mkdir -p "$root${library%/*}" && cp -L "$library" "$root$library"; } ||
            rig_die "cannot copy $library"
    done
}

# rig_tree BOOT TEST…: makes $rig_work/tree, what is of this build in a guest: /rig with the tests
# and what they need.
rig_tree()
{
    local boot=$1 root=$rig_work/tree test things
    shift
    mkdir -p "$root"/rig/{bin,lib,tests} || exit
    cp "$rig_source/guest.sh" "$rig_source"/guest/*.sh "$root/rig/tests/" || exit
    rig_put "$root" libapex/.libs/libapex{,-hardened,-dlopen,-guard}.so.0 \
        apexd/apexd apexctl/apexctl tests/vm/report numactl || exit
    for test; do
        [ -f "$root/rig/tests/$test.sh" ] || rig_die "no tests/vm/guest/$test.sh"
        things=$(run_things "$test")
        # Names without blanks.
        # shellcheck disable=SC2086
        rig_put "$root" $things || exit
    done
    printf '%s\n' "$@" >"$root/rig/list"
    printf "boot=%s\nbreak=%s\n" "$boot" "${APEX_VM_BREAK:-}" >"$root/rig/settings"
}

# Its initramfs: the tree, busybox for everything else, and init.sh. Not compressed: QEMU copies it
# faster than the guest unpacks.
rig_pack_initramfs()
{
    local root=$rig_work/tree
    mkdir -p "$root"/{bin,sbin,proc,sys,dev,tmp,etc,run,usr/bin,usr/lib,lib64,root,var/tmp}
    rig_put_libraries "$root"
    cp "$(command -v busybox)" "$root/bin/busybox"
    ln -sf busybox "$root/bin/sh"
    cp "$rig_source/init.sh" "$root/init"
    chmod 755 "$root/init"
    (cd "$root" && find . | busybox cpio -o -H newc 2>/dev/null) >"$rig_work/initramfs" ||
        rig_die 'cannot pack the initramfs'
}

# For Debian: an archive with the installed build, and the unit that runs the tests.
rig_pack_debian()
{
    local root=$rig_work/tree units=$rig_work/tree/etc/systemd/system
    sh "$top_srcdir/tests/support/install.sh" "$root" || rig_die 'cannot install this build'
    mkdir -p "$units/multi-user.target.wants"
    cp "$rig_source/rig.service" "$units/"
    ln -s ../rig.service "$units/multi-user.target.wants/rig.service"
    tar -cf "$rig_work/in" --owner=0 --group=0 -C "$root" . || rig_die 'cannot pack the archive'
}

# Prints what follows from QEMU's exit code $1 and the console: the guest ends QEMU by a write to
# the port of isa-debug-exit, by which rc becomes (rc + 16) * 2 + 1, odd and at least 33.
rig_judge()
{
    if [ "$1" -ge 33 ] && [ $(($1 & 1)) = 1 ] && [ "$1" -le 161 ]; then
        echo "reported $((($1 >> 1) - 16))"
    elif grep -aq 'Kernel panic' "$rig_work/console"; then
        echo panic
    elif [ "$1" = 124 ] || [ "$1" = 137 ]; then
        echo hang
    else
        echo "qemu $1"
    fi
}

# rig_boot: runs the guest that was read and packed. Its console goes to stdout and to
# $rig_work/console, what its tests left in $out to the folder $rig_work/out, and rig_verdict is
# `reported N` (N tests failed), `panic`, `hang`, or `qemu N` (it ended by itself).
#
# The second serial port of the guest is QEMU's own control channel, so that a test can plug and
# pull: two pipes that are crossed.
rig_boot()
{
    local kernel append=$rig_append disks=() pipe=$rig_work/pipe code
    kernel=$(rig_kernel) || exit
    truncate -s 64M "$rig_work/out.raw"
    { mkfifo "$pipe.in" "$pipe.out" && ln "$pipe.in" "$pipe-qmp.out" &&
        ln "$pipe.out" "$pipe-qmp.in"; } || rig_die 'cannot make pipes'
    if [ "$rig_system" = debian ]; then
        append+=' root=/dev/nvme0n1 rw init=/sbin/rig-init systemd.show_status=0'
        append+=' rig_out=/dev/nvme0n3'
        disks=("$(rig_debian),snapshot=on" "$rig_work/in,readonly=on" "$rig_work/out.raw") || exit
    else
        append+=' rdinit=/init rig_out=/dev/nvme0n1'
        disks=("$rig_work/out.raw")
        rig_arguments+=(-initrd "$rig_work/initramfs")
    fi
    local i
    rig_arguments+=(-device nvme,serial=rig)
    for i in "${!disks[@]}"; do
        rig_arguments+=(-drive "file=${disks[i]},format=raw,if=none,id=disk$i"
            -device "nvme-ns,drive=disk$i,nsid=$((i + 1))")
    done
    timeout --kill-after=5 "$rig_limit" qemu-system-x86_64 -accel tcg,thread=multi -cpu max \
        -machine "$rig_machine" -m "${rig_memory}M$rig_slots" -kernel "$kernel" -append "$append" \
        -display none -nodefaults -no-user-config -no-reboot "${rig_arguments[@]}" \
        -device isa-debug-exit,iobase=0xf4,iosize=4 \
        -chardev "pipe,id=port,path=$pipe" -chardev "pipe,id=qmp,path=$pipe-qmp" \
        -mon chardev=qmp,mode=control -serial stdio -serial chardev:port \
        </dev/null 2>&1 | tee "$rig_work/console" | tr -d '\r'
    code=${PIPESTATUS[0]}
    rig_verdict=$(rig_judge "$code")
    mkdir -p "$rig_work/out"
    # Empty when the guest did not come so far.
    tar -xf "$rig_work/out.raw" -C "$rig_work/out" 2>/dev/null || :
}
