#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Installs this build below a folder, for those tests that want it installed; prints what make says
# only when that fails. One at a time: libtool writes into the build when it installs.
#
#   install.sh FOLDER

said=$(mktemp) || exit 2
exec 9>"${top_builddir:?}/install.lock"
flock 9
# MAKEFLAGS holds the job server of the make that runs this test; this make is another one.
env -u MAKEFLAGS -u MAKELEVEL make -C "$top_builddir" install DESTDIR="$1" \
    >"$said" 2>&1 </dev/null 9>&-
result=$?
[ $result -eq 0 ] || cat "$said"
rm -f "$said"
exit $result
