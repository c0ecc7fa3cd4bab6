#!/bin/sh
# SPDX-License-Identifier: MIT
#
# perl: a hash of hashes of strings grows, is sorted, split and joined, and loses half of its keys.
#
#   perl.sh KEYS

. "$(dirname "$0")/lib.sh"
need perl
preparing && exit 0

PERL_HASH_SEED=1 PERL_PERTURB_KEYS=0
export PERL_HASH_SEED PERL_PERTURB_KEYS
# shellcheck disable=SC2016  # perl's text
under perl -e '
my ($count, $state, %table) = ($ARGV[0], 12345);
for my $i (1 .. $count) {
    $state = ($state * 1103515245 + 12345) & 0x7fffffff;
    my $key = "key" . $state % $count;
    $table{$key}{"field" . $i % 7} .= "value $i ";
    push @{ $table{$key}{list} }, split(/ /, "a list of $i words $state");
}
my @keys = sort keys %table;
my $text = join ",", map { scalar @{ $table{$_}{list} } } @keys;
delete $table{ $keys[$_ * 2] } for 0 .. $#keys / 2;
print length $text, " ", scalar keys %table, "\n";' "$1"
