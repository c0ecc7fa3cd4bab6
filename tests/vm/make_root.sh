#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Makes the disk of a Debian guest: systemd, and the libraries that this build links with, of the
# release and from the sources of this machine. Nothing of this build is in it: rig-init, which
# systemd is started by, unpacks that from the second disk, before systemd reads its units.
#
#   make_root.sh IMAGE

set -eu
image=$1

packages=systemd,systemd-sysv,dbus,numactl,hwloc-nox,procps
packages+=,libuv1,libcjson1,libmicrohttpd12,libhwloc15,libdw1,libprotobuf-c1,zlib1g
packages+=,libncursesw6,libnuma1,libjemalloc2,libmimalloc2.0,curl

# Units that a guest has no use for, or that only cost it time.
masked='serial-getty@ttyS0.service getty@tty1.service systemd-binfmt.service
    proc-sys-fs-binfmt_misc.automount e2scrub_reap.service e2scrub_all.timer apt-daily.timer
    apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer systemd-random-seed.service
    systemd-udevd.service systemd-udevd-kernel.socket systemd-udevd-control.socket
    systemd-udev-trigger.service modprobe@.service systemd-network-generator.service'

finish()
{
    local root=$1 unit
    echo guest >"$root/etc/hostname"
    : >"$root/etc/fstab"
    rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*
    for unit in $masked; do
        ln -sf /dev/null "$root/etc/systemd/system/$unit"
    done
    cat >"$root/sbin/rig-init" <<'END'
#!/bin/sh
mount -t devtmpfs dev /dev
tar -xf /dev/nvme0n2 -C / || echo 'rig-init: cannot unpack what the tests need'
exec /lib/systemd/systemd
END
    chmod 755 "$root/sbin/rig-init"
    # Not what mmdebstrap has mounted in it.
    mkdir "$image.root"
    tar --one-file-system --exclude='./dev/*' -C "$root" -cf - . | tar -C "$image.root" -xf -
    PATH=$PATH:/sbin:/usr/sbin mke2fs -q -t ext4 -O ^has_journal -m 0 -d "$image.root" \
        "$image" 600M
    rm -rf "$image.root"
}

# mmdebstrap calls this script again, with the root it has made.
if [ "$#" = 2 ]; then
    finish "$2"
    exit
fi
# shellcheck source=/dev/null
release=$(. /etc/os-release && echo "$VERSION_CODENAME")
sources=()
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
    [ ! -s "$file" ] || sources+=("$file")
done
mmdebstrap --variant=minbase --format=null --include="$packages" \
    --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook="bash '$(realpath "$0")' '$image' \"\$1\"" \
    "$release" /dev/null "${sources[@]}"
