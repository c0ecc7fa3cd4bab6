# SPDX-License-Identifier: MIT
#
# From samples to figures. Pure: results in, records out.
#
# A row is one measured quantity: a metric that a workload prints, or the wall time of a workload
# that prints none. Besides, each workload has a row of CPU time, of peak RSS and of page faults.
# Rows are compared by ratios of medians, always turned so that below 1 is better, and ratios are
# summed up by their geometric mean.
"""Medians, spread, ratios, geometric means."""

import dataclasses
import math

import protocol

# Groups whose rows are no share of "the suite": one run of a latency workload gives many rows, the
# largest of which is chance, and counted instructions are no time.
APART = ("latency", "count")
MEASURES = ("time", "cpu", "rss", "faults", "memory", "other")


def percentile(values, share):
    """Linear between the two nearest. values: not empty, in any order."""
    ordered = sorted(values)
    position = (len(ordered) - 1) * share
    low = math.floor(position)
    high = math.ceil(position)
    return ordered[low] + (ordered[high] - ordered[low]) * (position - low)


def median(values):
    """The middle one, or the mean of the middle two."""
    return percentile(values, 0.5)


def geometric_mean(ratios):
    """None when there is nothing. All must be above 0."""
    if not ratios:
        return None
    return math.exp(math.fsum(math.log(ratio) for ratio in ratios) / len(ratios))


@dataclasses.dataclass(frozen=True)
class Spread:
    """What is said of the samples of one allocator in one row."""

    count: int
    median: float
    low: float
    high: float
    quarter: float
    three_quarters: float

    def relative(self):
        """Highest minus lowest, as a share of the median."""
        return (self.high - self.low) / self.median if self.median else 0.0


def spread(values):
    """The Spread of samples that are not empty."""
    return Spread(
        len(values),
        median(values),
        min(values),
        max(values),
        percentile(values, 0.25),
        percentile(values, 0.75),
    )


@dataclasses.dataclass
class Row:
    """One measured quantity. samples: allocator -> values; noisy: allocators with a run that was
    never quiet."""

    name: str
    workload: str
    group: str
    measure: str
    unit: str
    direction: str
    samples: dict = dataclasses.field(default_factory=dict)
    noisy: set = dataclasses.field(default_factory=set)

    def spread(self, allocator):
        """None when it has no sample."""
        values = self.samples.get(allocator)
        return spread(values) if values else None

    def cost(self, allocator):
        """The median, turned so that less is better. None without samples, or for 0."""
        found = self.spread(allocator)
        if found is None or found.median <= 0:
            return None
        return found.median if self.direction == "lower" else 1 / found.median

    def ratio(self, allocator, base):
        """cost / cost of the base, or None."""
        mine, other = self.cost(allocator), self.cost(base)
        return None if mine is None or other is None else mine / other

    def best(self, allocators):
        """The allocator of least cost, or None."""
        costs = [(self.cost(name), name) for name in allocators if self.cost(name) is not None]
        return min(costs)[1] if costs else None


def quantities(workload, sample):
    """What one good sample adds: (row's name, measure, unit, direction, value)."""
    name = workload["name"]
    for metric, said in sample["metrics"].items():
        row = name if metric == "time" else f"{name}.{metric}"
        yield row, protocol.kind_of(said["unit"]), said["unit"], said["direction"], said["value"]
    if not sample["metrics"]:
        yield name, "time", "s", "lower", sample["wall_s"]
    if workload["group"] == "count":
        return  # a simulator's time and memory
    yield name, "cpu", "s", "lower", sample["user_s"] + sample["system_s"]
    yield name, "rss", "bytes", "lower", sample["peak_rss_bytes"]
    yield name, "faults", "faults", "lower", sample["minor_faults"] + sample["major_faults"]


def rows(results):
    """All rows, in the order of the suite."""
    workloads = {workload["name"]: workload for workload in results["workloads"]}
    found = {}
    for sample in results["samples"]:
        if not sample["kept"] or sample["status"] != "ok":
            continue
        workload = workloads[sample["workload"]]
        for name, measure, unit, direction, value in quantities(workload, sample):
            key = (measure, name)
            if key not in found:
                found[key] = Row(
                    name, workload["name"], workload["group"], measure, unit, direction
                )
            row = found[key]
            row.samples.setdefault(sample["allocator"], []).append(value)
            if sample["noisy"]:
                row.noisy.add(sample["allocator"])
    order = {name: index for index, name in enumerate(workloads)}
    return sorted(found.values(), key=lambda row: order[row.workload])


def failures(results):
    """The runs that failed, each kind once: (workload, allocator, status, how many rounds)."""
    counts = {}
    for sample in results["samples"]:
        if sample["kept"] and sample["status"] != "ok":
            key = (sample["workload"], sample["allocator"], sample["status"])
            counts[key] = counts.get(key, 0) + 1
    return [key + (count,) for key, count in counts.items()]


def in_scope(row, scope):
    """scope: a group, or "suite" for all that are no group apart."""
    return row.group not in APART if scope == "suite" else row.group == scope


def mean_ratio(chosen, allocator, base):
    """Geometric mean of allocator / base over the rows that both have, and how many these are."""
    ratios = [row.ratio(allocator, base) for row in chosen]
    ratios = [ratio for ratio in ratios if ratio is not None]
    return geometric_mean(ratios), len(ratios)


def scopes(all_rows):
    """"suite", then the groups that occur."""
    return ["suite"] + list(dict.fromkeys(row.group for row in all_rows))


def summary(all_rows, allocators, base):
    """A list of (measure, scope, {allocator: (geometric mean, rows)})."""
    lines = []
    for measure in MEASURES:
        for scope in scopes(all_rows):
            chosen = [row for row in all_rows if row.measure == measure and in_scope(row, scope)]
            if chosen:
                means = {name: mean_ratio(chosen, name, base) for name in allocators}
                lines.append((measure, scope, means))
    return lines


def against(all_rows, measure, focus, peers):
    """The focus / each peer over the suite: {peer: (mean, rows)}, under "best peer of each row" the
    mean against the best in each row."""
    chosen = [row for row in all_rows if row.measure == measure and in_scope(row, "suite")]
    means = {peer: mean_ratio(chosen, focus, peer) for peer in peers}
    ratios = [row.ratio(focus, row.best(peers)) for row in chosen if row.best(peers)]
    ratios = [ratio for ratio in ratios if ratio is not None]
    means["best peer of each row"] = (geometric_mean(ratios), len(ratios))
    return means


def above(all_rows, measure, focus, peers, factor):
    """Rows in which the focus takes more than `factor` times its best peer: (row, ratio, peer), the
    worst first."""
    found = []
    for row in all_rows:
        peer = row.best(peers) if row.measure == measure else None
        ratio = row.ratio(focus, peer) if peer else None
        if ratio is not None and ratio > factor:
            found.append((row, ratio, peer))
    return sorted(found, key=lambda item: -item[1])
