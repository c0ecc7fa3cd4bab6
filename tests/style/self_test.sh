#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Proves that the style tests can fail: each is run on a small tree that is as it should be, and
# must pass, and then on that tree with one thing wrong, and must fail with the right complaint.
# Reason: a test that cannot fail says nothing, and nobody would notice.

style=${top_srcdir:-.}/tests/style
style=$(cd "$style" && pwd)
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
failures=0
cases=0
tree=$scratch/tree

complain() {
    echo "FAIL: $1"
    failures=$((failures + 1))
}

# A tree with one small component, as it should be.
good_tree() {
    rm -rf "$tree"
    for folder in libapex/base libapex/core libapex/tables tests/unit man; do
        mkdir -p "$tree/$folder"
    done
    cat >"$tree/libapex/README.md" <<'END'
# A sample
```levels
0 base low -> high, other
1 core user
```
END
    for module in base/low base/high base/other core/user; do
        cat >"$tree/libapex/$module.h" <<'END'
// SPDX-License-Identifier: MIT
//
// A header of the sample tree, which has no other purpose than this one.
END
    done
    cat >"$tree/libapex/base/low.c" <<'END'
// SPDX-License-Identifier: MIT
//
// A module of the sample tree, which has no other purpose than this one.

#include "base/low.h"

int
low_value(void)
{
    return 1;
}
END
    cat >"$tree/libapex/core/user.c" <<'END'
// SPDX-License-Identifier: MIT
//
// A module of the sample tree, which has no other purpose than this one.

#include "core/user.h"

#include "base/high.h"

int low_value(void);

int
user_value(void)
{
    return low_value();
}
END
    cp "$tree/libapex/base/low.h" "$tree/tests/local.mk"
    sed -i 's,^//,#,' "$tree/tests/local.mk"
    for module in low user; do
        cp "$tree/libapex/base/low.h" "$tree/tests/unit/${module}_test.c"
        echo "    tests/unit/${module}_test" >>"$tree/tests/local.mk"
    done
}

# passes <script> [argument…]
passes() {
    cases=$((cases + 1))
    sh "$style/$1" "$tree" >"$scratch/out" 2>&1 || {
        complain "$1 refuses a tree that is as it should be:"
        cat "$scratch/out"
    }
}

# refuses <script> <complaint> [build]
refuses() {
    cases=$((cases + 1))
    if sh "$style/$1" "$tree" ${3:+"$3"} >"$scratch/out" 2>&1; then
        complain "$1 passes where it should say: $2"
    elif ! grep -q "^FAIL: .*$2" "$scratch/out"; then
        complain "$1 should say: $2; it said:"
        cat "$scratch/out"
    fi
    good_tree
}

layers() {
    passes layers.sh
    sed -i 's,^#include "base/low.h",&\n#include "core/user.h",' "$tree/libapex/base/low.c"
    refuses layers.sh 'libapex/base/low uses libapex/core/user: upwards'
    echo '#include "base/high.h"' >>"$tree/libapex/base/low.h"
    refuses layers.sh 'libapex/base/low uses libapex/base/high: to the right'
    echo '#include "other.h"' >>"$tree/libapex/base/high.h"
    refuses layers.sh 'libapex/base/high uses libapex/base/other: to the right'
    echo '#include "base/high.h"' >>"$tree/libapex/base/low.h"
    echo '#include "base/low.h"' >>"$tree/libapex/base/high.h"
    refuses layers.sh 'circle:.*libapex/base/low'
    echo '#include "base/missing.h"' >>"$tree/libapex/base/low.h"
    refuses layers.sh 'low.h:4: includes what is not there'
    cp "$tree/libapex/base/low.h" "$tree/libapex/base/more.h"
    refuses layers.sh 'libapex/base/more is not in the table'
    rm "$tree/libapex/base/other.h"
    refuses layers.sh 'libapex/base/other is in the table of levels, but not there'
    mkdir -p "$tree/apexd"
    refuses layers.sh 'apexd/README.md has no block of levels'
    mkdir -p "$tree/apexd/x" && cp "$tree/libapex/base/low.h" "$tree/apexd/x/"
    echo '#include "x/low.h"' >>"$tree/libapex/base/low.h"
    refuses layers.sh 'includes what is not there'
    mkdir -p "$tree/apexd/x" && cp "$tree/libapex/base/low.h" "$tree/apexd/x/deep.h"
    echo '#include "apexd/x/deep.h"' >>"$tree/libapex/base/low.h"
    refuses layers.sh 'libapex/base/low uses apexd/x/deep, outside the component'
}

# The same edge, but told by symbols only: base/low wants what core/user defines.
layers_by_symbols() {
    build=$scratch/build
    mkdir -p "$build/libapex/base" "$build/libapex/core"
    echo 'int user_value(void); int low_value(void); int low_value(void) { return user_value(); }' |
        ${APEX_CC:-cc} -x c -c -o "$build/libapex/base/sample_la-low.o" -
    echo 'int user_value(void); int user_value(void) { return 1; }' |
        ${APEX_CC:-cc} -x c -c -o "$build/libapex/core/sample_la-user.o" -
    said='libapex/base/low uses libapex/core/user: upwards (symbol user_value)'
    refuses layers.sh "$said" "$build"
    # Not when the other is a library of its own.
    sed -i 's/^1 core user/&\napart core/' "$tree/libapex/README.md"
    cases=$((cases + 1))
    sh "$style/layers.sh" "$tree" "$build" >"$scratch/out" 2>&1 ||
        complain "layers.sh compares the symbols of a library apart: $(cat "$scratch/out")"
    good_tree
}

functions() {
    passes functions.sh
    low=$tree/libapex/base/low.c
    awk '/return 1/ { for (i = 0; i < 66; i++) print "    ;" } { print }' "$low" >"$scratch/file"
    cp "$scratch/file" "$low"
    passes functions.sh # 70 lines are allowed
    sed -i 's/^    return 1/    ;\n&/' "$tree/libapex/base/low.c"
    refuses functions.sh 'low_value has 71 lines, more than 70'
    sed -i '/^int$/d; s/^low_value/int low_value/' "$tree/libapex/base/low.c"
    refuses functions.sh 'the name of a function belongs in column 0'
    sed -i '/^{$/d; s/^low_value(void)/& {/' "$tree/libapex/base/low.c"
    refuses functions.sh 'the brace of a function belongs in column 0'
}

text() {
    passes text.sh
    for word in 'TO''DO: later' 'FIX''ME' 'XX''X'; do
        echo "// $word" >>"$tree/libapex/base/low.c"
        refuses text.sh 'low.c:12: a mark of something left undone'
    done
    low=$tree/libapex/base/low.c
    awk 'BEGIN { printf "//"; for (i = 0; i < 99; i++) printf "x"; print "" }' >>"$low"
    refuses text.sh 'low.c:12: longer than 100 columns'
    awk 'BEGIN { printf "//"; for (i = 0; i < 98; i++) printf "\303\251"; print "" }' >>"$low"
    passes text.sh # 100 characters of two bytes
    good_tree
    sed -i 1d "$tree/libapex/base/low.c"
    refuses text.sh 'low.c: no SPDX line'
    sed -i 3d "$tree/libapex/base/low.c"
    refuses text.sh 'low.c: does not say what it is for'
    echo 'int x; ' >>"$tree/libapex/base/low.c"
    refuses text.sh 'low.c:12: blanks at the end'
    printf '\tint x;\n' >>"$tree/libapex/base/low.c"
    refuses text.sh 'low.c:12: a tab'
    echo '// see /ho''me/somebody' >>"$tree/libapex/base/low.c"
    refuses text.sh 'low.c:12: a path of one machine'
}

pairs() {
    passes pairs.sh
    rm "$tree/tests/unit/user_test.c"
    refuses pairs.sh 'libapex/core/user.c: no tests/unit/user_test.c'
    cp "$tree/libapex/base/low.h" "$tree/tests/unit/nothing_test.c"
    refuses pairs.sh 'tests/unit/nothing_test.c: there is no module nothing'
    : >"$tree/tests/local.mk"
    refuses pairs.sh 'tests/unit/low_test.c: not built'
}

# symbols_case <complaint, or nothing> <source of the library>
symbols_case() {
    cases=$((cases + 1))
    mkdir -p "$tree/libapex/front" "$scratch/build/libapex/.libs"
    echo 'APEX_API void *apex_malloc(size_t size);' >"$tree/libapex/apex.h"
    printf 'APEX_EXPORT void *\nmalloc(size_t size)\n' >"$tree/libapex/front/interpose.c"
    echo 'void x(void) OPERATOR("_Znwm");' >"$tree/libapex/front/interpose_cxx.c"
    echo "$2" | ${APEX_CC:-cc} -x c -shared -fPIC -w -o "$scratch/build/libapex/.libs/libapex.so" -
    if sh "$style/symbols.sh" "$tree" "$scratch/build" >"$scratch/out" 2>&1; then
        [ -z "$1" ] || complain "symbols.sh passes where it should say: $1"
    elif [ -z "$1" ] || ! grep -q "^FAIL: $1" "$scratch/out"; then
        complain "symbols.sh should say: '$1'; it said:"
        cat "$scratch/out"
    fi
}

symbols() {
    all='void apex_malloc(void) {} void malloc(void) {} void _Znwm(void) {}'
    symbols_case '' "$all"
    symbols_case 'exported, but no public name: more' "$all void more(void) {}"
    symbols_case 'public, but not exported: _Znwm' 'void apex_malloc(void) {} void malloc(void) {}'
    symbols_case 'calls strdup' "$all char *strdup(char *);
        __attribute__((visibility(\"hidden\"))) char *(*pointer)(char *) = strdup;"
    good_tree
}

# The tables: a tree in which one option is neither in the manual nor in a test.
tables() {
    cases=$((cases + 1))
    printf 'OPTION(no_such_row, "no_such_row", BOOL, 0, 1, 0, "bool", START, "Text")\n' \
        >"$tree/libapex/tables/options.def"
    printf 'STAT_PROCESS(no_such_count, gauge, bytes, "Text")\n' >"$tree/libapex/tables/stats.def"
    printf 'FAULT(NO_SUCH_FAULT, "no such fault", "text")\n' >"$tree/libapex/tables/faults.def"
    mkdir -p "$tree/tests/style"
    cp "$style"/*_page.sh "$style/man_tables.txt" "$tree/tests/style/"
    sh "$style/tables.sh" "$tree" >"$scratch/out" 2>&1 &&
        complain "tables.sh passes a tree without a manual"
    for said in 'option no_such_row: not documented' 'option no_such_row: not tested' \
        'statistic no_such_count: not documented' 'statistic no_such_count: not tested' \
        'fault NO_SUCH_FAULT: no crime commits it' 'fault no such fault: not documented' \
        'man/apex-options.7 differs from' 'apexctl/commands.def: not there'; do
        cases=$((cases + 1))
        grep -q "^FAIL: $said" "$scratch/out" || {
            complain "tables.sh should say: $said; it said:"
            cat "$scratch/out"
        }
    done
    good_tree
}

good_tree
layers
layers_by_symbols
functions
text
pairs
symbols
tables
echo "$cases cases"
[ "$failures" -eq 0 ]
