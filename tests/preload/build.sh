#!/bin/sh
# SPDX-License-Identifier: MIT
#
# bash runs our configure script, and make, gcc and g++ build libapex and C++ programs, all of them
# under libapex; the results are what they are without.

. "$(dirname "$0")/lib.sh"

[ -x "$top_srcdir/configure" ] || fail "no configure in $top_srcdir"

# The same folder for both, since its name gets into debug information; the sources are copied
# because a tree that is configured in place cannot be configured in another one.
mkdir "$work/source"
cat >"$work/not" <<'END'
*.a
*.la
*.lo
*.o
.deps
.git
.libs
Makefile
config.cache
config.log
config.status
debug*
libtool
END
tar -cf - -C "$top_srcdir" --exclude-from="$work/not" . | tar -xf - -C "$work/source"

for kind in plain apex; do
    preload=
    [ $kind = apex ] && preload=$lib
    mkdir "$work/build"
    (
        cd "$work/build"
        [ -z "$preload" ] || export LD_PRELOAD="$preload"
        export CONFIG_SHELL=/bin/bash
        bash "$work/source/configure" CC="$APEX_CC" CXX="$APEX_CXX" SHELL=/bin/bash \
            >"$work/configure.$kind.out" 2>"$work/configure.$kind.err"
        make -j2 libapex/libapex.la libapex/libapex-dlopen.la \
            >"$work/make.$kind.out" 2>"$work/make.$kind.err"
        for program in cxx_operators cxx_replaced; do
            "$APEX_CXX" -std=c++17 -O2 -g -fsized-deallocation -w -pthread -c -o "$program.o" \
                "$top_srcdir/tests/preload/$program.cc" 2>>"$work/make.$kind.err"
        done
    ) || {
        tail -n 20 "$work/configure.$kind.err" >&2
        tail -n 20 "$work/make.$kind.err" >&2
        fail "building ($kind): exit code $?"
    }
    mv "$work/build" "$work/build.$kind"
done

expect "configure: stdout" "$work/configure.plain.out" "$work/configure.apex.out"
expect "configure: stderr" "$work/configure.plain.err" "$work/configure.apex.err"
expect "configure: Makefile" "$work/build.plain/Makefile" "$work/build.apex/Makefile"
expect "make: stderr" "$work/make.plain.err" "$work/make.apex.err"
echo "same: configure"

cd "$work/build.plain"
find . -name '*.o' >"$work/objects"
[ "$(wc -l <"$work/objects")" -ge 40 ] || fail "only $(wc -l <"$work/objects") objects were built"
while read -r object; do
    cmp -s "$object" "$work/build.apex/$object" || fail "objects differ: $object"
done <"$work/objects"
for library in libapex.so.0 libapex-dlopen.so.0; do
    cmp -s "libapex/.libs/$library" "$work/build.apex/libapex/.libs/$library" ||
        fail "$library differs"
done
echo "same: build, $(wc -l <"$work/objects") objects"
