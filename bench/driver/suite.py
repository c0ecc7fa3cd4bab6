# SPDX-License-Identifier: MIT
#
# The table of workloads, bench/suite.def, whose head says what a line means. Pure: text in, records
# out.
"""Reads suite.def."""

import dataclasses
import re
import shlex

GROUPS = ("published", "micro", "memory", "latency", "program", "scale", "count")
FIELDS = 6


class SuiteError(Exception):
    """A line that is not a workload; the message names file and line."""


@dataclasses.dataclass(frozen=True)
class Workload:
    """One line of suite.def."""

    name: str
    group: str
    threads: int
    command: str
    quick: str
    source: str

    def is_script(self):
        """A script puts the allocator under the one process it is about, by itself."""
        return self.program().endswith(".sh")

    def program(self):
        """The program, still with @B@ or @S@ in front."""
        return shlex.split(self.command)[0]

    def arguments(self, quick, build, source):
        """The command to run, as a list."""
        words = shlex.split(self.command)
        if quick:
            words = words[:1] + shlex.split(self.quick)
        return [word.replace("@B@", build).replace("@S@", source) for word in words]


def parse_line(line, where):
    """The workload of one line that is neither empty nor a comment."""
    fields = [field.strip() for field in line.split("|")]
    if len(fields) != FIELDS:
        raise SuiteError(f"{where}: {len(fields)} fields, not {FIELDS}, separated by |")
    name, group, threads, command, quick, source = fields
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name):
        raise SuiteError(f"{where}: '{name}' is no name: lower case letters, digits, _ and -")
    if group not in GROUPS:
        raise SuiteError(f"{where}: there is no group '{group}', only {', '.join(GROUPS)}")
    if not re.fullmatch(r"[1-9][0-9]*", threads):
        raise SuiteError(f"{where}: threads must be a number from 1 on, not '{threads}'")
    if not source:
        raise SuiteError(f"{where}: the source of the idea is missing")
    try:
        if not shlex.split(command):
            raise ValueError("the command is missing")
        shlex.split(quick)
    except ValueError as error:
        raise SuiteError(f"{where}: {error}") from None
    return Workload(name, group, int(threads), command, quick, source)


def records(text):
    """Each record with the number of its first line. A line that ends in a backslash goes on in the
    next; comments and empty lines are left out."""
    pending, first = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if not pending and (not line.strip() or line.lstrip().startswith("#")):
            continue
        first = first if pending else number
        pending += line.rstrip()
        if pending.endswith("\\"):
            pending = pending[:-1]
            continue
        yield first, pending
        pending = ""
    if pending:
        yield first, pending


def parse(text, file="suite.def"):
    """All workloads, in their order. Raises SuiteError."""
    workloads = []
    seen = {}
    for number, line in records(text):
        where = f"{file}:{number}"
        workload = parse_line(line, where)
        if workload.name in seen:
            raise SuiteError(f"{where}: {workload.name} is there already, {seen[workload.name]}")
        seen[workload.name] = where
        workloads.append(workload)
    if not workloads:
        raise SuiteError(f"{file}: no workload in it")
    return workloads


def choose(workloads, only=None, group=None):
    """Those whose name fits the regular expression and whose group is named. Raises SuiteError."""
    try:
        pattern = re.compile(only) if only else None
    except re.error as error:
        raise SuiteError(f"--only {only}: {error}") from None
    groups = group.split(",") if group else GROUPS
    for name in groups:
        if name not in GROUPS:
            raise SuiteError(f"--group {name}: there are {', '.join(GROUPS)}")
    chosen = [
        workload
        for workload in workloads
        if workload.group in groups and (pattern is None or pattern.search(workload.name))
    ]
    if not chosen:
        raise SuiteError("no workload is left; `--list` names all")
    return chosen
