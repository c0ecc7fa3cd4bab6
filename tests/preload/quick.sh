#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Everyday programs that every Debian has, for `make check`: each gives the same output under
# libapex.

. "$(dirname "$0")/lib.sh"

same sort sh -c 'seq 1 200000 | sort -R --random-source=/etc/passwd |
    sort -n -S 2M --parallel=2 | md5sum'
same awk awk 'BEGIN {
    for (i = 0; i < 200000; i++) a["key" i] = i % 50 == 0 ? "" : a["key" (i - 7)] "x"
    for (k in a) n += length(a[k])
    print n }'
same perl perl -e 'my %h; for my $i (1 .. 100000) { push @{ $h{ $i % 1000 } }, "v" x ($i % 50) }
    my $n = 0; for my $k (sort keys %h) { $n += length join ",", @{ $h{$k} } } print "$n\n";
    my $pid = fork; if (!$pid) { delete @h{ 1 .. 500 }; print scalar(keys %h), "\n"; exit 3 }
    waitpid $pid, 0; print $? >> 8, " ", scalar(keys %h), "\n"'
same shell sh -c 'for i in $(seq 1 300); do
    x=$(echo "$i" | sed "s/1/one/g"); printf "%s " "$x"; done'
same bash bash -c 'declare -A a; for i in {1..30000}; do a[$i]=${a[$((i - 1))]:0:60}x; done
    echo ${#a[@]} ${a[30000]}; (unset a; echo "${#a[@]}")
    echo $(for i in {1..100}; do echo 1; done | wc -l)'
same tar sh -c 'tar -cf - -C "$1" libapex | gzip -9 | gunzip | tar -tf - | sort | md5sum' - \
    "$top_srcdir"
same find find "$top_srcdir/libapex" -name '*.h' -exec grep -c include {} +
same cc sh -c '"$1" -std=gnu11 -O2 -D_GNU_SOURCE= -I"$2/libapex" -S -o - "$2/libapex/base/fmt.c" |
    md5sum' - "$APEX_CC" "$top_srcdir"
accept=1 same false false
accept=2 same ls ls /does-not-exist
