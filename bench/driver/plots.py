# SPDX-License-Identifier: MIT
#
# SVG plots by gnuplot. Each is drawn on a transparent ground, its black becomes `currentColor`, so
# it fits a light page and a dark one.
"""Plots of the results."""

import html
import re
import shutil
import subprocess

import stats

# Easy to tell apart for most eyes, on white and on black; the shape of the point says it, too.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#a08000", "#56b4e9", "#7f7f7f", "#8c564b")
SUFFIXES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


def quote(text):
    """A string of gnuplot."""
    return "'" + text.replace("'", "''") + "'"


def style(index):
    """Line and point of the allocator of that index."""
    colour = COLOURS[index % len(COLOURS)]
    return f"lc rgb {quote(colour)} lw 2 pt {index % 15 + 1} ps 0.8"


def data_block(name, lines):
    """Data for gnuplot, inline."""
    return [f"${name} << END"] + lines + ["END"]


def ratios_script(chosen, allocators, base):
    """A point for each allocator in each row: its ratio to the base, on a logarithmic axis."""
    lines = ["set logscale x 2", f"set xlabel {quote('ratio to ' + base + ', left is better')}"]
    lines += [f"set yrange [{len(chosen)}:-1]", "set grid x ytics"]
    lines += ["set key outside top center horizontal"]
    labels = ", ".join(f"{quote(row.name)} {index}" for index, row in enumerate(chosen))
    lines += [f"set ytics ({labels})", "set arrow from 1, graph 0 to 1, graph 1 nohead lw 1"]
    curves = []
    for index, name in enumerate(allocators):
        points = [(row.ratio(name, base), at) for at, row in enumerate(chosen)]
        points = [f"{ratio:.6g} {at}" for ratio, at in points if ratio is not None]
        if points:
            lines += data_block(f"d{index}", points)
            curves.append(f"$d{index} with points {style(index)} title {quote(name)}")
    return (lines + ["plot " + ", ".join(curves)]) if curves else None


def means_script(all_rows, allocators, base):
    """Bars for each allocator: geometric means of time and of peak RSS over the suite."""
    lines = ["set style data histograms", "set style histogram clustered gap 1"]
    lines += ["set style fill solid 0.8 noborder", "set boxwidth 0.9", "set grid y"]
    lines += [f"set ylabel {quote('geometric mean of ratios to ' + base)}", "set yrange [0:*]"]
    lines += ["set key outside top center horizontal"]
    curves = []
    for index, (measure, title) in enumerate((("time", "time"), ("rss", "peak RSS"))):
        chosen = [
            row for row in all_rows if row.measure == measure and stats.in_scope(row, "suite")
        ]
        means = [(name, stats.mean_ratio(chosen, name, base)[0]) for name in allocators]
        if any(mean is not None for _name, mean in means):
            lines += data_block(
                f"d{index}", [f"{name} {'nan' if mean is None else mean}" for name, mean in means]
            )
            colour = quote(COLOURS[index])
            curves.append(f"$d{index} using 2:xtic(1) lc rgb {colour} title {quote(title)}")
    return (lines + ["plot " + ", ".join(curves)]) if curves else None


def series_of(all_rows):
    """Rows whose names differ in one last number only (threads-2, threads-8; heap.1m, heap.1g):
    {name without number: [(number, row)]}, where there are three or more."""
    found = {}
    for row in all_rows:
        split = re.fullmatch(r"(.*?[-_.a-z])(\d+)([kmg]?)(\..*)?", row.name)
        if row.group == "scale" and row.measure in ("time", "memory") and split:
            number = int(split.group(2)) * SUFFIXES[split.group(3)]
            key = (split.group(1).rstrip("-_.") + (split.group(4) or ""), row.unit)
            found.setdefault(key, []).append((number, row))
    return {key: sorted(points, key=lambda p: p[0]) for key, points in found.items()
            if len(points) >= 3}


def series_script(points, unit, allocators):
    """Medians of a series over its number, both logarithmic."""
    lines = ["set logscale xy", "set grid", f"set ylabel {quote(unit)}"]
    lines += ["set key outside top center horizontal", "set xtics (%s)" % ", ".join(
        f"{quote(str(number))} {number}" for number, _row in points)]
    curves = []
    for index, name in enumerate(allocators):
        data = []
        for number, row in points:
            mine = row.spread(name)
            if mine is not None and mine.median > 0:
                data.append(f"{number} {mine.median:.6g}")
        if data:
            lines += data_block(f"d{index}", data)
            kind = f"with linespoints {style(index)}"
            curves.append(f"$d{index} {kind} title {quote(name)}")
    return (lines + ["plot " + ", ".join(curves)]) if curves else None


def draw(script, height):
    """The SVG of a script. Raises RuntimeError with gnuplot's words."""
    terminal = f"set terminal svg size 900,{height} dynamic noenhanced font 'sans-serif,13'"
    done = subprocess.run(
        ["gnuplot"],
        input="\n".join([terminal] + script) + "\n",
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0 or "</svg>" not in done.stdout:
        raise RuntimeError(f"gnuplot: {done.stderr.strip()}")
    return done.stdout


def adapt(svg, name, title):
    """Makes an SVG of gnuplot fit for a page: ids of its own, colours of the page, a name."""
    svg = svg[svg.index("<svg"):]
    svg = re.sub(r"<title>.*?</title>\s*(<desc>.*?</desc>)?", "", svg, flags=re.DOTALL)
    for identifier in sorted(set(re.findall(r'''\bid=["']([^"']+)''', svg)), key=len, reverse=True):
        svg = re.sub(
            rf"""(id=["']|#){re.escape(identifier)}(?=["')])""", rf"\g<1>{name}-{identifier}", svg
        )
    svg = re.sub(r"black|rgb\( *0, *0, *0\)|#000000", "currentColor", svg)
    label = f'<title id="{name}-title">{html.escape(title)}</title>'
    head, rest = svg.split(">", 1)
    return f'{head} role="img" aria-labelledby="{name}-title">{label}{rest}'


def wanted(all_rows, allocators, base):
    """All plots: (name, title, script, height)."""
    plots = []
    script = means_script(all_rows, allocators, base)
    if script:
        title = f"Geometric means of time and peak RSS over the suite, relative to {base}"
        plots.append(("means", title, script, 360))
    for measure, title in (("time", "Time"), ("rss", "Peak RSS")):
        for scope in stats.scopes(all_rows)[1:]:
            chosen = [row for row in all_rows if row.measure == measure and row.group == scope]
            script = ratios_script(chosen, allocators, base)
            if script:
                plots.append((f"{measure}-{scope}", f"{title} of the group {scope}, each row "
                              f"relative to {base}", script, 130 + 22 * len(chosen)))
    for index, ((name, unit), points) in enumerate(series_of(all_rows).items()):
        script = series_script(points, unit, allocators)
        if script:
            plots.append((f"series-{index}", f"{name} as its number grows, in {unit}", script, 400))
    return plots


def make(all_rows, allocators, base):
    """Draws all: a list of (name, title, SVG), and a reason when there are none."""
    if shutil.which("gnuplot") is None:
        return [], "gnuplot is not installed, so there are no plots"
    try:
        return [
            (name, title, adapt(draw(script, height), name, title))
            for name, title, script, height in wanted(all_rows, allocators, base)
        ], None
    except RuntimeError as error:
        return [], str(error)
