# SPDX-License-Identifier: MIT
#
# Reads what `apexctl map PID -o json` prints and writes an SVG. All blocks look alike so far.
#
#   apexctl map PID -o json | python3 heap_svg.py >heap.svg

import json
import sys

BLOCKS = 64  # of a superblock
SIDE = 12    # of a block's rectangle, in user units


def blocks_of(superblock, states):
    """For each block of a superblock: class, state in words, owner, fill."""
    digits = bytes.fromhex(superblock['blocks'])
    for at in range(0, len(digits), 4):
        size_class, state, owner, fill = digits[at:at + 4]
        yield size_class, states[state], owner, fill


def rect(x, y, fill):
    return (f'<rect class="block" x="{x}" y="{y}" width="{SIDE}" height="{SIDE}" fill="{fill}">'
            '<title></title></rect>')


def draw(heap):
    parts = []
    for row, superblock in enumerate(heap['superblocks']):
        for i, _ in enumerate(blocks_of(superblock, heap['states'])):
            parts.append(rect(i * SIDE, row * SIDE, '#808080'))
    width, height = BLOCKS * SIDE, (len(heap['superblocks']) + 1) * SIDE
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">'
            + '\n'.join(parts) + '</svg>')


print(draw(json.load(sys.stdin)))
