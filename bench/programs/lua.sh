#!/bin/sh
# SPDX-License-Identifier: MIT
#
# lua: binary trees are built, walked and dropped, and one stays. After the idea of H. Boehm and of
# the Computer Language Benchmarks Game; here with strings at the leaves.
#
#   lua.sh DEPTH

. "$(dirname "$0")/lib.sh"
need lua5.4
preparing && exit 0

under lua5.4 -e '
local function build(depth)
    if depth == 0 then
        return { name = "leaf" .. depth }
    end
    return { build(depth - 1), build(depth - 1) }
end
local function count(tree)
    return tree[1] and 1 + count(tree[1]) + count(tree[2]) or 1
end
local depth = '"$1"'
local kept = build(depth)
local nodes = 0
for small = 4, depth, 2 do
    for _ = 1, 1 << (depth - small) do
        nodes = nodes + count(build(small))
    end
end
print(nodes, count(kept))'
