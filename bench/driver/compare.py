# SPDX-License-Identifier: MIT
#
# Two results of one allocator: before and after a change. A row has changed when no run of the one
# lies between the runs of the other; within that, a difference may be chance.
"""run.py compare A.json B.json"""

import argparse

import report_table
import results as results_file
import stats


def pairs(rows_a, rows_b, measure):
    """Rows that both results have: (row of A, row of B)."""
    others = {row.name: row for row in rows_b if row.measure == measure}
    return [
        (row, others[row.name])
        for row in rows_a
        if row.measure == measure and row.name in others
    ]


def compare_row(row_a, row_b, name_a, name_b):
    """(ratio B / A by cost, verdict), or None without figures. Verdict: "better", "worse", "" ."""
    cost_a, cost_b = row_a.cost(name_a), row_b.cost(name_b)
    if cost_a is None or cost_b is None:
        return None
    a, b = row_a.spread(name_a), row_b.spread(name_b)
    apart = min(a.count, b.count) > 1 and (a.high < b.low or b.high < a.low)
    return cost_b / cost_a, ("better" if cost_b < cost_a else "worse") if apart else ""


def table(results_a, results_b, name_a, name_b, measure):
    """The lines of one measure, or nothing."""
    lines, ratios = [], []
    for row_a, row_b in pairs(stats.rows(results_a), stats.rows(results_b), measure):
        found = compare_row(row_a, row_b, name_a, name_b)
        if found is None:
            continue
        ratio, verdict = found
        a, b = row_a.spread(name_a), row_b.spread(name_b)
        if stats.in_scope(row_a, "suite"):
            ratios.append(ratio)
        cells = [row_a.name, report_table.quantity(a.median, row_a.unit)]
        cells += [report_table.quantity(b.median, row_b.unit), report_table.ratio_text(ratio)]
        cells += [f"{100 * max(a.relative(), b.relative()):.0f} %", verdict]
        lines.append(cells)
    if not lines:
        return []
    mean = report_table.ratio_text(stats.geometric_mean(ratios))
    title = f"{report_table.MEASURE_TITLES[measure]} (geometric mean of the ratios {mean})"
    return [title, ""] + report_table.grid(["", "A", "B", "B / A", "spread", ""], lines) + [""]


def check(results, name, path):
    """Raises ResultsError when the file does not know the allocator."""
    known = [allocator["name"] for allocator in results["allocators"]]
    if name not in known:
        raise results_file.ResultsError(f"{path}: no '{name}' in it, only {', '.join(known)}")


def text(results_a, results_b, name_a, name_b):
    """The comparison."""
    lines = [f"A: {name_a}, {results_a['machine']['date']}, {results_a['rounds_done']} rounds"]
    lines += [f"B: {name_b}, {results_b['machine']['date']}, {results_b['rounds_done']} rounds"]
    for what in ("processor", "kernel"):
        if results_a["machine"].get(what) != results_b["machine"].get(what):
            lines.append(f"not the same {what}: times cannot be compared")
    if results_a["quick"] != results_b["quick"]:
        lines.append("one is of --quick, one is not: nothing can be compared")
    lines += ["below 1: B is better; better, worse: no run of A lies among the runs of B", ""]
    for measure in report_table.MEASURE_TITLES:
        lines += table(results_a, results_b, name_a, name_b, measure)
    return "\n".join(lines)


def main(arguments):
    """Returns the exit code. Raises ResultsError."""
    made = argparse.ArgumentParser(prog="run.py compare", description=__doc__)
    made.add_argument("a", metavar="A.json", help="results before")
    made.add_argument("b", metavar="B.json", help="results after")
    made.add_argument("--allocator", metavar="NAME", help="which one (the focus of A)")
    made.add_argument("--with", dest="other", metavar="NAME", help="which one of B (the same)")
    options = made.parse_args(arguments)
    results_a, results_b = results_file.load(options.a), results_file.load(options.b)
    name_a = options.allocator or results_a["focus"]
    name_b = options.other or name_a
    check(results_a, name_a, options.a)
    check(results_b, name_b, options.b)
    print(text(results_a, results_b, name_a, name_b))
    return 0
