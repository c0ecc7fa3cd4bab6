#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What the documents and the manual name is there: pages and headings that links lead to, quoted
# files, options, targets and variables of make, commands of apexctl and options of both programs,
# names that begin with apex_ (functions, metrics) or APEX_, manual pages, leaves of apex_ctl.
# Addresses outside are looked at for their form alone. Each document of the book can be reached
# from docs/README.md. (Symbols of single files: symbols.sh.) Tests itself first.
#
#   links.sh [top of the sources]

# shellcheck disable=SC2016  # backquotes are text here
. "$(dirname "$0")/../style/lib.sh"

check_tree()
{
    python3 -B "$(dirname "$0")/links.py" "$1"
}

# sample: a small tree with one of everything, and a document that names it, in $guide.
sample()
{
    tree=$scratch/tree
    guide=$tree/docs/guide.md
    rm -rf "$tree"
    mkdir -p "$tree/libapex/tables" "$tree/apexctl" "$tree/apexd" "$tree/docs" "$tree/man"
    echo 'OPTION(decay_ms, "decay_ms", MS, 0, 1, 0, "ms", LIVE, "")' \
        >"$tree/libapex/tables/options.def"
    echo 'STAT_PROCESS(purged_bytes, "")' >"$tree/libapex/tables/stats.def"
    echo 'ACTION(purge, "purge")' >"$tree/libapex/tables/ctl.def"
    echo 'void *apex_malloc(size_t size), apex_ctl(void); // APEX_OPTIONS' >"$tree/libapex/apex.h"
    echo 'COMMAND(stats, stats, "[PID] [-o table|json] [--watch]", "show")' \
        >"$tree/apexctl/commands.def"
    echo 'split("--runtime-dir DIR;--help", global, ";")' >"$tree/apexctl/completion.awk"
    echo '{"socket-dir", required_argument, NULL, 0},' >"$tree/apexd/main.c"
    printf 'BENCH_ARGS =\nbench: all\n' >"$tree/Makefile.am"
    echo '.TH APEXD 8' >"$tree/man/apexd.8"
    echo '[Index](docs/README.md)' >"$tree/README.md"
    echo '[Guide](guide.md)' >"$tree/docs/README.md"
    cat >"$tree/docs/guide.md" <<'END_OF_GUIDE'
# A guide
## Twice `x`
## Twice x
[a](#twice-x-1), [b](../libapex/apex.h), [c](README.md), [d](https://example.org/a?b=c#d),
[e](../docs/guide.md#a-guide), `[no link](gone.md)`
`apexctl stats 4711 -o json --watch`, `apexctl --runtime-dir /x stats`, `apexctl --help`
`decay_ms=5`, `APEX_OPTIONS=decay_ms=5 program`, option `decay_ms`
`make bench BENCH_ARGS="a b"`, `make -C build check`, `make`
`apex_malloc`, `apex_purged_bytes_total`, `apex_`, `APEX_OPTIONS`
`libapex/apex.h`, `apex.h`, `tables/options.def`, `/etc/apex.conf`, `mine.c`
`man apexd`, apexd(8), `apexd(8)`, `apexd --socket-dir /x`, `apex_ctl("action.purge")`

```sh
cc mine.c && make bench   # for a while
apexctl stats -- --gone
apexctl stats; make check
```

    make bench              all of them, gone
    an indented fence

Text.
END_OF_GUIDE
}

# catches TEXT WORDS: adds a line to the document that is about something that is not there, and to
# $scratch/wanted what is to be said of it. All are judged at once.
catches()
{
    echo "$1" >>"$guide"
    echo "^FAIL: docs/guide.md:$(wc -l <"$guide"): .*$2" >>"$scratch/wanted"
}

sample
judge ''
catches '[a](gone.md)' 'links to gone.md, which is not there'
catches '[a](README.md#gone)' 'links to README.md#gone, and docs/README.md has no such heading'
catches '[a](#twice-x-2)' 'links to #twice-x-2, .* no such heading'
catches '![a](gone.png)' 'links to gone.png'
catches '[a](https://example)' 'no address'
catches '[a](https://example.org/x.)' 'no address'
catches 'See <https://example/x>.' 'no address'
catches 'See `libapex/gone.c`.' 'quotes libapex/gone.c'
catches 'See `gone.c`.' 'quotes gone.c'
catches 'See `tables/gone.def`.' 'quotes tables/gone.def'
catches '`gone_ms=5`' 'sets the option gone_ms'
catches 'APEX_OPTIONS=decay_ms=5,gone_b=1 program' 'sets the option gone_b'
catches 'the option `gone_ms`' 'names the option gone_ms'
catches '`make gone`' 'no target gone'
catches '`make bench GONE_ARGS=5`' 'no variable GONE_ARGS'
catches '`apexctl gone 4711`' 'no command gone'
catches '`apexctl stats --gone`' 'apexctl stats has no option --gone'
catches '`apexd --gone`' 'apexd has no option --gone'
catches 'apex_gone' 'names apex_gone'
catches 'apex_gone_bytes_total' 'names apex_gone_bytes_total'
catches 'APEX_GONE' 'names APEX_GONE'
catches 'apex-gone(7)' 'no such page'
catches '`apex_ctl("action.gone")`' 'the leaf action.gone'
echo >>"$guide"
catches '    apexctl gone' 'no command gone'
echo '# Alone' >"$tree/docs/alone.md"
echo '^FAIL: docs/alone.md: no document of the book leads to it' >>"$scratch/wanted"
echo 'See apex_gone.' >>"$tree/man/apexd.8"
echo '^FAIL: man/apexd.8:2: names apex_gone' >>"$scratch/wanted"
check_tree "$tree" >"$scratch/said"
while read -r words; do
    grep -q "$words" "$scratch/said" || complain "self-test: should say '$words'"
done <"$scratch/wanted"
[ "$(grep -c '^FAIL' "$scratch/said")" -eq "$(wc -l <"$scratch/wanted")" ] ||
    complain 'self-test: says more or less than that'
[ "$failures" -eq 0 ] || cat "$scratch/said"

check_tree "$root" || wrong=1
[ "$((failures + wrong))" -eq 0 ]
