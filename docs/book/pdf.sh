#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Prints a page by headless Chromium: `make book-pdf`. The page says itself how it looks on paper.
#
#   pdf.sh PAGE.html OUT.pdf

set -eu
profile=$(mktemp -d)
trap 'rm -rf "$profile"' EXIT
page=$(realpath "$1")
chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-pdf-header-footer \
    --user-data-dir="$profile" --print-to-pdf="$2" "file://$page" >"$profile/log" 2>&1 || {
    cat "$profile/log"
    exit 1
}
echo "$2: $(($(wc -c <"$2") / 1024)) KiB"
