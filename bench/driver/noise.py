# SPDX-License-Identifier: MIT
#
# Was a run disturbed? Foreign CPU is what all CPUs spent during the run beside the run's own time,
# as a share of one CPU: 0.25 means that others ran for a quarter of the time. It slows a run down
# when no CPU is left for it, and through shared caches and memory even when one is. Pure.
"""The rule for noisy runs."""

LIMIT_ALL_CPUS_USED = 0.12
LIMIT_CPU_LEFT = 0.50
ATTEMPTS = 3
# /proc/stat counts in ticks, each begun or ended by chance inside the run: two prove nothing.
TICKS_BY_CHANCE = 2


def busy_ticks(line):
    """Ticks that all CPUs worked: user, nice, system, irq, softirq, steal; not idle, not iowait."""
    words = line.split()
    if len(words) < 9 or words[0] != "cpu":
        raise ValueError(f"not the first line of /proc/stat: {line}")
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, words[1:9])
    return user + nice + system + irq + softirq + steal


def foreign_share(before, after, ticks_per_s, own_s, wall_s):
    """Foreign CPU of a run as a share of one CPU."""
    if wall_s <= 0:
        return 0.0
    total_s = (busy_ticks(after) - busy_ticks(before)) / ticks_per_s
    return max(0.0, (total_s - own_s) / wall_s)


def limit(threads, cpus):
    """The share that a run of this many threads can stand."""
    return LIMIT_ALL_CPUS_USED if threads > 1 and threads >= cpus else LIMIT_CPU_LEFT


def is_noisy(share, threads, cpus, wall_s, ticks_per_s):
    """True for a run that should be repeated."""
    return share * wall_s > limit(threads, cpus) * wall_s + TICKS_BY_CHANCE / ticks_per_s


def quietest(attempts):
    """The index of the attempt to keep: the first quiet one, else that with the least foreign CPU.
    Each attempt is (noisy, share)."""
    for index, (noisy, _share) in enumerate(attempts):
        if not noisy:
            return index
    return min(range(len(attempts)), key=lambda index: attempts[index][1])
