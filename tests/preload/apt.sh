#!/bin/sh
# SPDX-License-Identifier: MIT
#
# apt-get update, which starts a process for each method and talks to it, over a repository made
# here, so that no network is needed; then apt-cache and apt-get on what it read. Touches nothing of
# the system's own state.

. "$(dirname "$0")/lib.sh"

mkdir -p "$work/repository"
i=0
while [ $i -lt 3000 ]; do
    cat <<END
Package: example-$i
Version: 1.$i
Architecture: all
Maintainer: Nobody <nobody@example.invalid>
Depends: example-$((i / 2)) (>= 1.0)
Filename: ./example-$i.deb
Size: $((i + 1000))
SHA256: $(printf '%064d' $i)
Description: package number $i
 Nothing is in it.

END
    i=$((i + 1))
done >"$work/repository/Packages"
gzip -9k "$work/repository/Packages"
digest()
{
    file=$work/repository/$1
    echo "$(sha256sum "$file" | cut -d' ' -f1) $(wc -c <"$file") $1"
}

cat >"$work/repository/Release" <<END
Origin: test
Suite: test
Date: Thu, 01 Jan 2026 00:00:00 UTC
SHA256:
 $(digest Packages)
 $(digest Packages.gz)
END
chmod -R a+rX "$work"

cat >"$work/apt.sh" <<'END'
set -e
mkdir -p state/lists/partial cache/archives/partial etc
: >state/status
echo "deb [trusted=yes] copy:$1 ./" >etc/sources.list
cat >apt.conf <<CONF
Dir::State "$PWD/state";
Dir::State::status "$PWD/state/status";
Dir::Cache "$PWD/cache";
Dir::Etc::SourceList "$PWD/etc/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Parts "/dev/null";
APT::Sandbox::User "$(id -un)";
APT::Update::Post-Invoke-Success "";
APT::Update::Post-Invoke "";
CONF
export APT_CONFIG="$PWD/apt.conf"
apt-get -q -o Acquire::Languages=none update | sed -E 's/\(.*//; s/ in [0-9]+s//'
apt-cache stats | grep -v 'space\|string'
apt-cache depends --recurse example-2999 | sort | md5sum
apt-cache search number | wc -l
apt-get -s -qq install example-2048
apt-get check
END
normalise="s,$work/[a-z_]*\.(plain|apex),DIR,g"
same apt sh "$work/apt.sh" "$work/repository"
grep -q 'Conf example-2048' "$work/apt.plain.out" || fail "apt-get did not read the repository"
