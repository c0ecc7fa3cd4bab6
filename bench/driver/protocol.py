# SPDX-License-Identifier: MIT
#
# What a workload may say: lines `metric NAME VALUE UNIT lower|higher`, everything else is ignored.
# Pure.
"""Reads the output of a workload."""

import math
import re

DIRECTIONS = ("lower", "higher")


class ProtocolError(Exception):
    """A metric line in the wrong form: the run counts as failed."""


def parse_metrics(text):
    """Maps each metric's name to {"value", "unit", "direction"}."""
    metrics = {}
    for line in text.splitlines():
        if not line.startswith("metric "):
            continue
        words = line.split()
        if len(words) != 5 or words[4] not in DIRECTIONS:
            raise ProtocolError(f"not `metric NAME VALUE UNIT lower|higher`: {line}")
        _, name, value, unit, direction = words
        if not re.fullmatch(r"[A-Za-z0-9_.-]+", name) or name in metrics:
            raise ProtocolError(f"no name for a metric, or there twice: {name}")
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number) or number < 0:
            raise ProtocolError(f"no value for a metric: {line}")
        metrics[name] = {"value": number, "unit": unit, "direction": direction}
    return metrics


def kind_of(unit):
    """What a unit measures: "time" (durations and rates), "memory", or "other"."""
    if unit in ("s", "ms", "us", "ns") or unit.endswith("/s"):
        return "time"
    if unit in ("bytes", "KiB", "MiB", "GiB", "ratio"):
        return "memory"
    return "other"
