# SPDX-License-Identifier: MIT
#
# What the figures depend on besides the allocators. Every answer is text, "unknown" where the
# system does not say.
"""Describes the machine."""

import datetime
import os
import platform
import re
import subprocess


def first_line(path):
    """The first line of a file, or "unknown"."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.readline().strip() or "unknown"
    except OSError:
        return "unknown"


def field(path, name):
    """The value of the first line `name : value` of a file of /proc."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            found = re.search(rf"^{re.escape(name)}\s*:\s*(.*)$", file.read(), re.MULTILINE)
    except OSError:
        found = None
    return found.group(1).strip() if found else "unknown"


def says(*command):
    """The first line that a command prints."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "unknown"
    return (done.stdout.splitlines() or ["unknown"])[0].strip()


def describe():
    """Maps what to its value, in the order of the report."""
    flags = field("/proc/cpuinfo", "flags").split()
    return {
        "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "processor": field("/proc/cpuinfo", "model name"),
        "architecture": platform.machine(),
        "cpus": str(os.cpu_count()),
        "virtual machine": "yes" if "hypervisor" in flags else "not that it says",
        "memory": field("/proc/meminfo", "MemTotal"),
        "kernel": platform.release(),
        "libc": os.confstr("CS_GNU_LIBC_VERSION") or "unknown",
        "compiler": says(os.environ.get("APEX_CC", "cc").split()[0], "--version"),
        "python": platform.python_version(),
        "transparent huge pages": first_line("/sys/kernel/mm/transparent_hugepage/enabled"),
        "overcommit": first_line("/proc/sys/vm/overcommit_memory"),
        "governor": first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "load average at start": first_line("/proc/loadavg"),
    }
