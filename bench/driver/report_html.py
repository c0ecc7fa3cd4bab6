# SPDX-License-Identifier: MIT
#
# The results as one HTML page that needs nothing besides itself: plots are inlined, there is no
# script, and it follows the reader's choice of light or dark.
"""The report as HTML."""

import html
import os

import plots
import report_table
import stats

STYLE = """
:root { color-scheme: light dark; --ink: #1b1b1b; --paper: #ffffff; --faint: #d8d8d8;
    --good: #005a36; --bad: #a02800; --head: #f1f3f5; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e6e6; --paper: #16181a; --faint: #3c4043;
    --good: #6fdca8; --bad: #ff9b70; --head: #24282c; } }
body { color: var(--ink); background: var(--paper); font: 16px/1.5 sans-serif; margin: 0 auto;
    max-width: 80rem; padding: 1rem; }
h2 { border-bottom: 1px solid var(--faint); margin-top: 2.5rem; }
a { color: inherit; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.9rem; }
caption { text-align: left; padding: 0.4rem 0; font-weight: bold; }
th, td { padding: 0.2rem 0.6rem; text-align: right; border-bottom: 1px solid var(--faint);
    white-space: nowrap; }
thead th { background: var(--head); }
th[scope=row], td.text { text-align: left; }
td.text { white-space: normal; }
.best { color: var(--good); font-weight: bold; }
.failed { color: var(--bad); font-weight: bold; }
small { opacity: 0.75; }
figure { margin: 1rem 0; }
svg { max-width: 100%; height: auto; }
nav li { display: inline-block; margin-right: 1rem; }
nav ul { padding: 0; }
"""

HOW = """Below 1 is better. A ratio is between medians; the small figures are the lowest and the
highest run. <span class="best">Best of its row*</span>; ! marks a row with a run that was disturbed
by other programs each time. The means are geometric; "suite" is every row but those of the groups
latency and count, which stand for themselves."""


def cell(text, kind="td", attributes=""):
    """One cell; text is HTML already."""
    return f"<{kind}{' ' + attributes if attributes else ''}>{text}</{kind}>"


def table(caption, head, lines):
    """A table. lines: lists whose first cell heads the row; cells are HTML already."""
    parts = ['<div class="scroll" tabindex="0" role="region" aria-label="'
             f'{html.escape(caption)}"><table><caption>{html.escape(caption)}</caption>']
    parts.append("<thead><tr>" + "".join(
        cell(html.escape(text), "th", 'scope="col"') for text in head) + "</tr></thead><tbody>")
    for line in lines:
        first = cell(line[0], "th", 'scope="row"')
        rest = "".join(text if text.startswith("<td") else cell(text) for text in line[1:])
        parts.append(f"<tr>{first}{rest}</tr>")
    return "\n".join(parts) + "</tbody></table></div>"


def row_cell(row, name, base, best):
    """One allocator in one row: ratio, and the lowest and highest run."""
    mine = row.spread(name)
    if mine is None:
        return "-"
    relation = row.ratio(name, base)
    value = report_table.quantity(mine.median, row.unit)
    text = report_table.ratio_text(relation) if relation else value
    text += ("*" if name == best else "") + ("!" if name in row.noisy else "")
    low, high = report_table.number(mine.low), report_table.number(mine.high)
    title = f"{name}: median {value}, quartiles {report_table.number(mine.quarter)} to " \
        f"{report_table.number(mine.three_quarters)}, {mine.count} runs"
    kind = "best" if name == best else ""
    return f'<td class="{kind}" title="{html.escape(title)}">{text}<br>' \
        f"<small>{low}–{high}</small></td>"


def measure_part(all_rows, measure, allocators, base):
    """The rows of one measure."""
    lines = []
    for row in (row for row in all_rows if row.measure == measure):
        first, best = row.spread(base), row.best(allocators)
        value = report_table.quantity(first.median, row.unit) if first else "-"
        cells = [html.escape(row.name), html.escape(value)]
        lines.append(cells + [row_cell(row, name, base, best) for name in allocators])
    if not lines:
        return ""
    title = report_table.MEASURE_TITLES[measure]
    head = ["row", f"median of {base}"] + allocators
    return f'<h2 id="{measure}">{html.escape(title)}</h2>' + table(
        f"{title}: ratios to {base}", head, lines)


def summary_part(all_rows, allocators, base):
    """Geometric means."""
    lines = []
    for measure, scope, means in stats.summary(all_rows, allocators, base):
        known = {name: mean for name, (mean, _rows) in means.items() if mean is not None}
        best = min(known, key=known.get, default=None)
        cells = [f"{report_table.MEASURE_TITLES[measure]}, {scope}"]
        cells.append(str(max(rows for _mean, rows in means.values())))
        for name in allocators:
            text = report_table.ratio_text(means[name][0])
            text += f" ({means[name][1]})" if str(means[name][1]) != cells[1] else ""
            cells.append(f'<td class="best">{text}*</td>' if name == best else text)
        lines.append(cells)
    return '<h2 id="means">Geometric means</h2>' + table(
        f"geometric means of ratios to {base}; in brackets: of fewer rows",
        ["measure, scope", "rows"] + allocators, lines)


def focus_part(all_rows, focus, peers):
    """The focus against its peers."""
    parts = [f'<h2 id="focus">{html.escape(focus)} against its peers</h2>']
    means = {m: stats.against(all_rows, m, focus, peers) for m in ("time", "rss")}
    lines = []
    for peer in means["time"] or means["rss"]:
        lines.append([html.escape(peer)] + [
            report_table.ratio_text(means[measure].get(peer, (None, 0))[0]) for measure in means])
    parts.append(table(f"{focus} divided by each peer, geometric mean over the suite",
                       ["peer", "time", "peak RSS"], lines))
    for measure in ("time", "rss"):
        for limit in report_table.BEST_PEER_LIMITS:
            found = stats.above(all_rows, measure, focus, peers, limit)
            title = f"{report_table.MEASURE_TITLES[measure]} above {limit:.2f} x the best peer: " \
                f"{len(found)} rows"
            if not found:
                parts.append(f"<p>{html.escape(title)}</p>")
                continue
            parts.append(table(title, ["row", "ratio", "best peer"], [
                [html.escape(row.name), report_table.ratio_text(ratio), html.escape(peer)]
                for row, ratio, peer in found]))
    return "\n".join(parts)


def state_part(results):
    """Failures, noise, completeness."""
    lines = report_table.failure_lines(results)
    return "\n".join(
        f'<p class="{"" if line.startswith("complete") else "failed"}">{html.escape(line)}</p>'
        for line in lines)


def text_cell(text):
    """A cell with words."""
    return f'<td class="text">{html.escape(text)}</td>'


def conditions_part(results):
    """Machine, allocators, workloads."""
    facts = [[html.escape(name), text_cell(value)] for name, value in results["machine"].items()]
    peers = [[html.escape(peer["name"]), text_cell(peer["version"] or ""),
              text_cell(peer["path"] or "-"), text_cell(" ".join(peer["environment"]) or "-")]
             for peer in results["allocators"]]
    work = [[html.escape(w["name"]), text_cell(w["group"]), str(w["threads"]),
             text_cell(w["source"]), text_cell(w["quick"] if results["quick"] else w["command"])]
            for w in results["workloads"]]
    return "\n".join([
        '<h2 id="conditions">Conditions</h2>',
        table("The machine", ["what", "value"], facts),
        table("The allocators", ["name", "version", "library", "environment"], peers),
        table("The workloads", ["name", "group", "threads", "source of the idea", "command"], work),
    ])


def plots_part(drawn, trouble):
    """The plots; each has its figures in a table, too."""
    parts = ['<h2 id="plots">Plots</h2>']
    if trouble:
        parts.append(f"<p>{html.escape(trouble)}</p>")
    for _name, title, svg in drawn:
        parts.append(f"<figure>{svg}<figcaption>{html.escape(title)}</figcaption></figure>")
    return "\n".join(parts)


def page(results, drawn, trouble):
    """The whole page."""
    allocators = [allocator["name"] for allocator in results["allocators"]]
    base, focus = results["base"], results["focus"]
    all_rows = stats.rows(results)
    peers = [name for name in allocators if name != focus]
    measures = [measure for measure in report_table.MEASURE_TITLES
                if any(row.measure == measure for row in all_rows)]
    links = [("means", "Means"), ("focus", "Against peers"), ("plots", "Plots")]
    links += [(measure, report_table.MEASURE_TITLES[measure]) for measure in measures]
    links += [("conditions", "Conditions")]
    parts = [
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>Bench of {html.escape(', '.join(allocators))}</title>",
        f"<style>{STYLE}</style></head><body><main>",
        "<h1>Bench of memory allocators</h1>",
        f"<p>{html.escape(results['machine']['date'])}, "
        f"{html.escape(results['machine']['processor'])}, {results['machine']['cpus']} CPUs, "
        f"{results['rounds_done']} rounds{', quick' if results['quick'] else ''}</p>",
        state_part(results),
        '<nav aria-label="parts"><ul>'
        + "".join(f'<li><a href="#{name}">{html.escape(text)}</a></li>' for name, text in links)
        + "</ul></nav>",
        f"<p>{HOW}</p>",
        summary_part(all_rows, allocators, base),
        focus_part(all_rows, focus, peers),
        plots_part(drawn, trouble),
    ]
    parts += [measure_part(all_rows, measure, allocators, base) for measure in measures]
    parts += [conditions_part(results), "</main></body></html>\n"]
    return "\n".join(parts)


def write(results, folder, path):
    """Writes the page, and each plot also as a file of folder/plots."""
    allocators = [allocator["name"] for allocator in results["allocators"]]
    drawn, trouble = plots.make(stats.rows(results), allocators, results["base"])
    os.makedirs(os.path.join(folder, "plots"), exist_ok=True)
    for name, _title, svg in drawn:
        with open(os.path.join(folder, "plots", name + ".svg"), "w", encoding="utf-8") as file:
            file.write(svg)
    with open(path, "w", encoding="utf-8") as file:
        file.write(page(results, drawn, trouble))
