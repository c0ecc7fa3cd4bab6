#!/bin/sh
# SPDX-License-Identifier: MIT
#
# perl: strings, hashes, regular expressions, sorting, sockets, forks, pipes, and some of its own
# modules.

. "$(dirname "$0")/lib.sh"

cat >"$work/work.pl" <<'END'
use strict;
use warnings;
use List::Util qw(sum shuffle first reduce);
use Storable qw(freeze thaw dclone);
use Data::Dumper;
use Encode;
use Digest::MD5 qw(md5_hex);
use File::Temp;
use IO::Handle;
$Data::Dumper::Sortkeys = 1;
srand 42;
my @words = map { join '', map { chr 97 + int rand 26 } 1 .. 1 + int rand 12 } 1 .. 100000;
my %count;
$count{$_}++ for @words;
print scalar(keys %count) > 50000 ? "many\n" : "few\n";
my $text = join ' ', sort @words;
my $n = 0;
$n++ while $text =~ /\b([a-z])[a-z]*\1\b/g;
print length($text), " $n ", md5_hex($text), "\n";
(my $copy = $text) =~ s/([aeiou])/<$1>/g;
print length($copy), "\n";
my $deep = {};
my $p = $deep;
$p = $p->{next} = { value => $_, list => [ 1 .. $_ % 7 ] } for 1 .. 50;
my $back = thaw freeze dclone $deep;
print length(Dumper($back->{next}{next})), "\n";
print md5_hex(encode 'UTF-16LE', decode 'UTF-8', "\x{c3}\x{a4}" x 50000), "\n";
my @pipes;
for my $child (1 .. 8) {
    pipe my $reader, my $writer;
    my $pid = fork // die;
    if (!$pid) {
        close $reader;
        my %h = map { $_ => "x" x ($_ % 100) } 1 .. 20000;
        print $writer "$child ", sum(map { length } values %h), "\n";
        close $writer;
        exit $child;
    }
    close $writer;
    push @pipes, [ $pid, $reader ];
}
for (@pipes) {
    my ($pid, $reader) = @$_;
    print scalar <$reader>;
    waitpid $pid, 0;
    print $? >> 8, "\n";
}
print sum(map { length } `find /etc/init.d -maxdepth 0`), "\n";
my $string = '';
$string .= "line $_\n" for 1 .. 200000;
open my $in, '<', \$string or die;
my $lines = 0;
$lines++ while <$in>;
print "$lines\n";
eval 'sub f' . $_ . ' { return ' . $_ . ' }' for 1 .. 3000;
no strict 'refs';
print sum(map { &{"f$_"}() } 1 .. 3000), "\n";
END
export PERL_HASH_SEED=0
same perl perl "$work/work.pl"
