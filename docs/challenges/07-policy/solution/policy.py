# SPDX-License-Identifier: MIT
#
# Reads answers of `apexctl processes -o json`, one a line, and prints the commands that each calls
# for, with an empty line behind them.
#
#   while apexctl processes -o json; do sleep 10; done | python3 policy.py | sh

import json
import sys

MIB = 1 << 20
MUCH_IN_A_ROW = 3    # answers before a process is told to keep less
LITTLE_IN_A_ROW = 6  # before that is taken back: being wrong costs more there


class Process:
    """What is remembered of one, between answers."""

    def __init__(self):
        self.registered_ms = 0
        self.much = self.little = 0  # answers in a row
        self.tight = False

    def judge(self, heap):
        """What is to be changed: words for apexctl tune, or nothing."""
        dirty, live = heap['dirty_bytes'], heap['allocated_bytes']
        much = dirty >= 64 * MIB and dirty >= live / 2
        little = dirty < 16 * MIB or dirty < live / 8
        self.much = self.much + 1 if much else 0
        self.little = self.little + 1 if little else 0
        if not self.tight and self.much >= MUCH_IN_A_ROW:
            self.tight = True
            return 'decay_ms=50'
        if self.tight and self.little >= LITTLE_IN_A_ROW:
            self.tight = False
            return '--reset=decay_ms'
        return None


def commands(known, answer):
    """`known` has those of the answer before, by key, and then those of this one."""
    seen = {}
    for process in answer['processes']:
        was = known.get(process['key'])
        if was is None or process['registered_ms'] < was.registered_ms:
            was = Process()
        was.registered_ms = process['registered_ms']
        seen[process['key']] = was
        change = was.judge(process['heap'])
        if change is not None:
            yield f'apexctl tune {process["pid"]} {change} --no-wait'
    known.clear()
    known.update(seen)


def main():
    known = {}
    for line in sys.stdin:
        for command in commands(known, json.loads(line)):
            print(command)
        print(flush=True)


main()
