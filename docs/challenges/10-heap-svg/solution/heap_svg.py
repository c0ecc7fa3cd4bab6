# SPDX-License-Identifier: MIT
#
# Reads what `apexctl map PID -o json` prints and writes an SVG.
#
#   apexctl map PID -o json | python3 heap_svg.py >heap.svg

import colorsys
import json
import sys
from xml.sax.saxutils import escape

BLOCKS = 64   # of a superblock
SIDE = 12     # of a block's rectangle, in user units
LEFT = 120    # room for the addresses
FONT = 10     # of all texts; a letter of a monospaced font is 0.6 of that wide
COLUMN = 144  # of the legend
WIDTH = LEFT + BLOCKS * SIDE + SIDE
STATES = {'header': '#1f2937', 'clean': '#f3f4f6', 'dirty': '#cbb9a0', 'idle': '#9ca3af',
          'taken': '#e5e7eb', 'none': '#ffffff'}
LARGE = '#4b5563'


def blocks_of(superblock, states):
    """For each block of a superblock: class, state in words, owner, fill."""
    digits = bytes.fromhex(superblock['blocks'])
    for at in range(0, len(digits), 4):
        size_class, state, owner, fill = digits[at:at + 4]
        yield size_class, states[state], owner, fill


def class_colour(size_class):
    """Neighbours are a third of the circle apart, and no two of 3 · 34 are alike."""
    hue = (size_class % 3 + size_class / 102) / 3 % 1
    light = (0.42, 0.62, 0.52)[size_class // 3 % 3]
    red, green, blue = colorsys.hls_to_rgb(hue, light, 0.75)
    return f'#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}'


class Picture:
    def __init__(self):
        self.parts = []
        self.bottom = 0

    def rect(self, kind, x, y, width, fill, title=''):
        self.parts.append(f'<rect class="{kind}" x="{x:.2f}" y="{y}" width="{width:.2f}" '
                          f'height="{SIDE}" fill="{fill}" stroke="#fff" stroke-width="0.5">'
                          f'<title>{escape(title)}</title></rect>')
        self.bottom = max(self.bottom, y + SIDE)

    def text(self, kind, x, y, words):
        self.parts.append(f'<text class="{kind}" x="{x}" y="{y + FONT}" font-size="{FONT}">'
                          f'{escape(words)}</text>')
        self.bottom = max(self.bottom, y + SIDE)

    def svg(self):
        height = self.bottom + SIDE
        return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
                'font-family="monospace"><rect width="100%" height="100%" fill="#fff"/>\n'
                + '\n'.join(self.parts) + '\n</svg>')


def look(blocks, i, class_bytes):
    """The colour of a block, and what the legend says of it."""
    size_class, state, _, fill = blocks[i]
    if state == 'tail':
        return look(blocks, i - fill, class_bytes)
    if state in STATES:
        return STATES[state], state
    return class_colour(size_class), f'{class_bytes[size_class]} bytes'


def draw_superblock(picture, heap, superblock, y):
    """Returns what of the legend it needs."""
    used = set()
    blocks = list(blocks_of(superblock, heap['states']))
    picture.text('address', SIDE, y, f'{superblock["base"]:x}')
    for i in range(BLOCKS):
        fill, words = look(blocks, i, heap['class_bytes'])
        address = superblock['base'] + i * heap['block_bytes']
        picture.rect('block', LEFT + i * SIDE, y, SIDE, fill, f'{address:x} {words}')
        used.add((words, fill))
    return used


def draw_large(picture, large):
    """Side by side in proportion to their sizes; with hundreds of them a line is not enough."""
    most = max(item['bytes'] for item in large)
    for item in large:
        y = picture.bottom + 2
        picture.text('address', SIDE, y, f'{item["base"]:x}')
        picture.rect('large', LEFT, y, item['bytes'] / most * BLOCKS * SIDE, LARGE,
                     f'{item["base"]:x} {item["bytes"]} bytes, {item["state"]}')


def draw_legend(picture, used):
    columns = WIDTH // COLUMN
    top = picture.bottom + SIDE
    by_size = sorted(used, key=lambda item: (item[0].endswith('bytes'), len(item[0]), item[0]))
    for n, (words, fill) in enumerate(by_size):
        x, y = SIDE + n % columns * COLUMN, top + n // columns * (SIDE + 4)
        picture.rect('key', x, y, SIDE, fill)
        picture.text('legend', x + SIDE + 4, y, words)


def draw(heap):
    picture = Picture()
    used = set()
    picture.text('title', SIDE, SIDE, f'{heap["comm"]} (pid {heap["pid"]})')
    for superblock in sorted(heap['superblocks'], key=lambda item: item['base']):
        used |= draw_superblock(picture, heap, superblock, picture.bottom + 2)
    if heap.get('large'):
        used.add(('large object', LARGE))
        draw_large(picture, heap['large'])
    draw_legend(picture, used)
    return picture.svg()


print(draw(json.load(sys.stdin)))
