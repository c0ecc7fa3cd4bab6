# SPDX-License-Identifier: MIT
#
# The results as plain text. Pure: results in, text out.
"""The report for a terminal."""

import stats

MEASURE_TITLES = {
    "time": "time",
    "cpu": "CPU time (user + system)",
    "rss": "peak RSS",
    "faults": "page faults",
    "memory": "what memory workloads print",
    "other": "counted",
}
BEST_PEER_LIMITS = (1.10, 1.25)
MARKS = "* best of its row   ~ more than 10 % between lowest and highest run   ! never quiet"


def number(value):
    """Four digits that count."""
    return f"{value:.4g}" if abs(value) < 1e5 else f"{value:.3e}"


def quantity(value, unit):
    """A value with its unit, in words a person reads."""
    if unit == "bytes":
        for name, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
            if abs(value) >= size:
                return f"{value / size:.4g} {name}"
    return f"{number(value)} {unit}"


def ratio_text(value):
    """A ratio, or a dash."""
    if value is None:
        return "-"
    return f"{value:.3f}" if value < 100 else f"{value:.0f}"


def grid(head, lines):
    """Columns as wide as they must be; the first to the left, others to the right."""
    widths = [max(len(line[i]) for line in [head] + lines) for i in range(len(head))]

    def text(line):
        cells = [line[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:])]
        return "  ".join(cells).rstrip()

    return [text(head), "  ".join("-" * width for width in widths)] + [text(line) for line in lines]


def row_line(row, allocators, base, peers):
    """One row: median of the base, then each allocator's ratio. * marks the best, ~ more than a
    tenth between lowest and highest, ! a run that was never quiet."""
    first = row.spread(base)
    cells = [row.name, quantity(first.median, row.unit) if first else "-"]
    best = row.best(peers)
    for name in allocators:
        mine = row.spread(name)
        if mine is None:
            cells.append("-")
            continue
        relation = row.ratio(name, base)
        text = ratio_text(relation) if first and relation else quantity(mine.median, row.unit)
        marks = "*" if name == best else ""
        marks += "~" if mine.relative() > 0.1 else ""
        marks += "!" if name in row.noisy else ""
        cells.append(text + marks.ljust(3))
    return cells


def measure_table(all_rows, measure, allocators, base):
    """The table of one measure, or nothing."""
    chosen = [row for row in all_rows if row.measure == measure]
    if not chosen:
        return []
    lines = [row_line(row, allocators, base, allocators) for row in chosen]
    head = ["", base] + [name + "   " for name in allocators]
    title = f"{MEASURE_TITLES[measure]}: median of {base}, then ratios to it (below 1 is better)"
    return [title, ""] + grid(head, lines) + [""]


def summary_table(all_rows, allocators, base):
    """Geometric means by measure and scope."""
    lines = []
    for measure, scope, means in stats.summary(all_rows, allocators, base):
        count = max(rows for _mean, rows in means.values())
        cells = [f"{MEASURE_TITLES[measure]}, {scope}", str(count)]
        for name in allocators:
            mean, rows = means[name]
            cells.append(ratio_text(mean) + ("" if rows == count else f" ({rows})"))
        lines.append(cells)
    if not lines:
        return []
    title = f"geometric means of the ratios to {base} (below 1 is better)"
    return [title, ""] + grid(["", "rows"] + list(allocators), lines) + [""]


def focus_lines(all_rows, focus, peers):
    """How the focus stands against each peer, and where it stands worst."""
    lines = []
    for measure in ("time", "rss"):
        means = stats.against(all_rows, measure, focus, peers)
        cells = [[peer, ratio_text(mean), str(rows)] for peer, (mean, rows) in means.items()]
        lines += [f"{focus} against each peer, {MEASURE_TITLES[measure]}", ""]
        lines += grid(["", "mean", "rows"], cells) + [""]
    for measure in ("time", "rss"):
        for limit in BEST_PEER_LIMITS:
            found = stats.above(all_rows, measure, focus, peers, limit)
            title = MEASURE_TITLES[measure]
            lines.append(f"{title} above {limit:.2f} x the best peer: {len(found)} rows")
            for row, ratio, peer in found:
                lines.append(f"    {row.name}: {ratio_text(ratio)} x {peer}")
    return lines + [""]


def failure_lines(results):
    """Failed runs, and how far the measurement came."""
    lines = []
    for workload, allocator, status, count in stats.failures(results):
        what = "" if status.startswith("skipped") else "FAILED: "
        lines.append(f"{what}{workload} under {allocator}, {count} x: {status}")
    noisy = sum(sample["kept"] and sample["noisy"] for sample in results["samples"])
    kept = sum(sample["kept"] for sample in results["samples"])
    repeated = len(results["samples"]) - kept
    state = "complete" if results["complete"] else "NOT COMPLETE"
    lines.append(
        f"{state}: {results['rounds_done']} of {results['rounds']} rounds, {kept} runs kept, "
        f"{repeated} repeated, {noisy} never quiet; seed {results['seed']}"
    )
    return lines


def text(results):
    """The whole report."""
    allocators = [allocator["name"] for allocator in results["allocators"]]
    base, focus = results["base"], results["focus"]
    all_rows = stats.rows(results)
    lines = []
    for measure in MEASURE_TITLES:
        lines += measure_table(all_rows, measure, allocators, base)
    lines += [MARKS, ""]
    lines += summary_table(all_rows, allocators, base)
    peers = [name for name in allocators if name != focus]
    if focus in allocators and peers:
        lines += focus_lines(all_rows, focus, peers)
    return "\n".join(lines + failure_lines(results)) + "\n"
