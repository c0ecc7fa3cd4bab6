# SPDX-License-Identifier: MIT
#
# Reads answers of `apexctl processes -o json`, one a line, and prints the commands that each calls
# for, with an empty line behind them. This one forgets what it has seen, and what it has said.
#
#   while apexctl processes -o json; do sleep 10; done | python3 policy.py | sh

import json
import sys

MIB = 1 << 20


def commands(answer):
    for process in answer['processes']:
        if process['heap']['dirty_bytes'] >= 64 * MIB:
            yield f'apexctl tune {process["pid"]} decay_ms=50 --no-wait'
        else:
            yield f'apexctl tune {process["pid"]} --reset=decay_ms --no-wait'


for line in sys.stdin:
    for command in commands(json.loads(line)):
        print(command)
    print(flush=True)
