# SPDX-License-Identifier: MIT
#
# Draws heaps with the script that is judged and holds the SVGs against them.
#
#   accept.py SCRIPT MAP…    each MAP a file of what `apexctl map PID -o json` printed

import copy
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

SVG = '{http://www.w3.org/2000/svg}'
NO_CLASS = {'none', 'header', 'clean', 'dirty', 'taken', 'idle'}
LETTER = 0.6  # of the font's size: how wide a letter of a monospaced font is


class Wrong(Exception):
    pass


def require(truth, message):
    if not truth:
        raise Wrong(message)


def number(element, name):
    try:
        return float(element.get(name, ''))
    except ValueError:
        raise Wrong(f'a {element.tag.removeprefix(SVG)} has {name}="{element.get(name, "")}"')


def box(element):
    """Left, top, right, bottom: of a text an estimate."""
    x, y = number(element, 'x'), number(element, 'y')
    if element.tag == SVG + 'text':
        size = number(element, 'font-size')
        return x, y - size, x + LETTER * size * len(''.join(element.itertext())), y + size / 4
    return x, y, x + number(element, 'width'), y + number(element, 'height')


def overlap(a, b):
    return min(a[2], b[2]) - max(a[0], b[0]) > 0.01 and min(a[3], b[3]) - max(a[1], b[1]) > 0.01


def wanted_blocks(heap):
    """(address, what it is), in the order of addresses."""
    for superblock in sorted(heap['superblocks'], key=lambda item: item['base']):
        digits = bytes.fromhex(superblock['blocks'])
        for i in range(64):
            head = i - digits[4 * i + 3] if heap['states'][digits[4 * i + 1]] == 'tail' else i
            size_class, state = digits[4 * head], heap['states'][digits[4 * head + 1]]
            what = state if state in NO_CLASS else f'{heap["class_bytes"][size_class]} bytes'
            yield superblock['base'] + i * heap['block_bytes'], what


def check_inside(svg, elements):
    view = [float(word) for word in svg.get('viewBox', '').split()]
    require(len(view) == 4, 'the svg has no viewBox')
    frame = view[0], view[1], view[0] + view[2], view[1] + view[3]
    for element in elements:
        left, top, right, bottom = box(element)
        inside = left >= frame[0] and top >= frame[1] and right <= frame[2] and bottom <= frame[3]
        words = ''.join(element.itertext())
        require(inside, f'{element.tag.removeprefix(SVG)} "{words}" is outside of the viewBox')


def check_apart(elements, what):
    """No two overlap: by a sweep from the left."""
    boxes = sorted(box(element) for element in elements)
    for i, one in enumerate(boxes):
        for other in boxes[i + 1:]:
            if other[0] >= one[2]:
                break
            require(not overlap(one, other), f'{what} overlap at {other[0]:.0f}, {other[1]:.0f}')


def check_blocks(heap, rects):
    """Returns the colour of each kind of block."""
    wanted = list(wanted_blocks(heap))
    require(len(rects) == len(wanted),
            f'it has {len(rects)} rectangles of class "block" for {len(wanted)} blocks')
    check_apart(rects, 'blocks')
    rects = sorted(rects, key=lambda rect: (number(rect, 'y'), number(rect, 'x')))
    colours = {}
    for (address, what), rect in zip(wanted, rects):
        title = rect.findtext(SVG + 'title', '')
        require(f'{address:x}' in title and what in title,
                f'the title of block {address:x}, {what}, is "{title}"')
        fill = rect.get('fill')
        require(colours.setdefault(what, fill) == fill,
                f'block {address:x}, {what}, is {fill}, and others are {colours[what]}')
    return colours


def check_colours(colours):
    kind_of = {}
    for what, fill in colours.items():
        require(re.fullmatch('#[0-9a-f]{6}', fill or ''), f'{what} has the colour "{fill}"')
        other = kind_of.setdefault(fill, what)
        require(other == what, f'"{other}" and "{what}" have one colour, {fill}')


def check_legend(colours, keys, texts):
    said = {}
    for key in keys:
        _, top, right, bottom = box(key)
        beside = [text for text in texts
                  if box(text)[0] >= right and top <= (box(text)[1] + box(text)[3]) / 2 <= bottom]
        require(beside, 'a key of the legend has no text at its right')
        nearest = min(beside, key=lambda text: box(text)[0])
        said[''.join(nearest.itertext())] = key.get('fill')
    for what, fill in colours.items():
        require(said.get(what) == fill, f'the legend has {said.get(what)} for {what}: {fill}')
    for what in said:
        require(what in colours or what == 'large object', f'the legend has "{what}", nobody else')


def check_large(heap, rects):
    large = heap.get('large', [])
    require(len(rects) == len(large),
            f'it has {len(rects)} rectangles of class "large" for {len(large)} large objects')
    widths = sorted(number(rect, 'width') for rect in rects)
    sizes = sorted(item['bytes'] for item in large)
    for width, size in zip(widths, sizes):
        require(abs(width / widths[-1] - size / sizes[-1]) < 0.01,
                f'a large object of {size} bytes is {width} wide, and one of {sizes[-1]} is '
                f'{widths[-1]} wide')


def check(heap, script):
    ran = subprocess.run([sys.executable, '-I', script], input=json.dumps(heap), text=True,
                         stdout=subprocess.PIPE, check=False)
    require(ran.returncode == 0, f'it ends with {ran.returncode}')
    try:
        svg = ElementTree.fromstring(ran.stdout)
    except ElementTree.ParseError as error:
        raise Wrong(f'it is no XML: {error}')
    require(svg.tag == SVG + 'svg', f'it is no svg but {svg.tag}')
    rects = {kind: [rect for rect in svg.iter(SVG + 'rect') if rect.get('class') == kind]
             for kind in ('block', 'large', 'key')}
    texts = list(svg.iter(SVG + 'text'))
    colours = check_blocks(heap, rects['block'])
    check_colours(colours)
    check_large(heap, rects['large'])
    check_legend(colours, rects['key'], texts)
    check_inside(svg, texts + sum(rects.values(), []))
    check_apart(texts, 'texts')
    head = f'{heap["comm"]} (pid {heap["pid"]})'
    require(head in [''.join(text.itertext()) for text in texts], f'no text is "{head}"')
    return len(rects['block'])


def renumbered(heap):
    """The same heap, told by another version of apexd: states have other numbers."""
    heap = copy.deepcopy(heap)
    old = heap['states']
    heap['states'] = old[::-1]
    for superblock in heap['superblocks']:
        digits = bytearray.fromhex(superblock['blocks'])
        for i in range(1, len(digits), 4):
            digits[i] = len(old) - 1 - digits[i]
        superblock['blocks'] = digits.hex()
    heap['superblocks'].reverse()
    return heap


def grown(heap):
    """Large, with every class in use, and a name that is not easy."""
    heap = copy.deepcopy(heap)
    full = heap['states'].index('full')
    one = heap['superblocks'][0]
    heap['comm'] = '"<&>" \'\u00e9;--'
    heap['superblocks'] = []
    for row in range(120):
        classes = [(row * 63 + i) % len(heap['class_bytes']) for i in range(64)]
        blocks = ''.join(f'{size_class:02x}{full:02x}00ff' for size_class in classes)
        heap['superblocks'].append({**one, 'base': one['base'] + (row * 7 % 120 << 22),
                                    'blocks': blocks})
    heap['large'] = [{'base': (1 << 46) + (i << 24), 'bytes': 4096 << i % 12, 'state': 'live'}
                     for i in range(40)]
    return heap


def empty(heap):
    return {**heap, 'superblocks': [], 'large': []}


def main(script, *paths):
    heaps = []
    for path in paths:
        with open(path, encoding='utf-8') as file:
            heaps.append((path.split('/')[-1], json.load(file)))
    recorded = heaps[0][1]
    heaps += [('the same, with other numbers for the states', renumbered(recorded)),
              ('a heap with every class', grown(recorded)), ('an empty heap', empty(recorded))]
    drawn = []
    for name, heap in heaps:
        try:
            drawn.append(check(heap, script))
        except Wrong as wrong:
            print(f'FAIL: {name}: {wrong}')
            return 1
    print(f'ok: {len(drawn)} heaps, of up to {max(drawn)} blocks, each block in the colour of its '
          'class and named in the legend')
    return 0


sys.exit(main(*sys.argv[1:]))
