#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The C++ compiler proper, gcc's cc1plus, on a preprocessed file: headers of the standard library
# and containers of some types, so that most of the work is templates.
#
#   cc1plus.sh TYPES     0: one header only

. "$(dirname "$0")/lib.sh"
need g++ awk
file=$BENCH_DATA/cc1plus-$1.ii

if preparing; then
    awk -v types="$1" 'BEGIN {
        headers = "algorithm functional iostream map memory regex set string vector"
        split(types > 0 ? headers : "string", h)
        for (i = 1; i in h; i++) printf "#include <%s>\n", h[i]
        for (i = 0; i < types; i++) {
            printf "struct type%d { int key; std::string name; bool operator<", i
            printf "(const type%d &o) const { return key < o.key; } };\n", i
            printf "int work%d(std::vector<type%d> v)\n{\n", i, i
            printf "    std::map<std::string, type%d> m;\n    std::set<type%d> s;\n", i, i
            print "    std::sort(v.begin(), v.end());"
            print "    for (const auto &t : v) { m[t.name] = t; s.insert(t); }"
            printf "    std::function<int(int)> f = [&](int x) { return x + %d; };\n", i
            print "    return f(int(m.size() + s.size()));\n}"
        }
    }' </dev/null >"$BENCH_SCRATCH/part.cc"
    g++ -std=c++17 -E -P "$BENCH_SCRATCH/part.cc" -o "$file.part"
    mv "$file.part" "$file"
    exit 0
fi
under "$(g++ -print-prog-name=cc1plus)" -quiet -std=c++17 -O1 -fpreprocessed "$file" \
    -o "$BENCH_SCRATCH/out.s"
