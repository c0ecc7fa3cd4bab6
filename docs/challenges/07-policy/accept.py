# SPDX-License-Identifier: MIT
#
# Gives a policy sequences of answers and compares what it says to each; and follows it on a process
# that runs.
#
#   accept.py POLICY RECORDED APEXCTL PID    RECORDED: an answer of `apexctl processes -o json`

import copy
import json
import os
import select
import subprocess
import sys

MIB = 1 << 20
PATIENCE_S = 60  # for one line: only what waits for ever gets there
PID = 4242  # of the first process
TIGHT, RESET = 'decay_ms=50', '--reset=decay_ms'

# Name; for each answer the mebibytes that are dirty and live, or None when the process is not
# there; what is to be said to which answer, from 1 on. With a third number it registered so many ms
# ago, with a fourth its key is another.
MUCH, BETWEEN, LITTLE = (100, 50), (40, 50), (5, 50)
CASES = [
    ('much dirty memory that stays', [MUCH] * 9, {3: TIGHT}),
    ('a spike', [LITTLE, MUCH, MUCH, LITTLE] * 5, {}),
    ('two of three', [MUCH, MUCH, BETWEEN] * 10, {}),
    ('up and down about the limit', [(65, 50), (63, 50)] * 30, {}),
    ('the same, once it is tight', [MUCH] * 3 + [(65, 50), (15, 50)] * 30, {3: TIGHT}),
    ('exactly at the limits', [(64, 128)] * 3 + [(16, 128)] * 20, {3: TIGHT}),
    ('much, but not beside what is live', [(100, 1000)] * 9, {}),
    ('little, after much', [MUCH] * 3 + [LITTLE] * 9, {3: TIGHT, 9: RESET}),
    ('little beside what is live', [MUCH] * 3 + [(30, 1000)] * 9, {3: TIGHT, 9: RESET}),
    ('little, with a break', [MUCH] * 3 + [LITTLE] * 5 + [BETWEEN] + [LITTLE] * 6,
     {3: TIGHT, 15: RESET}),
    ('little from the start', [LITTLE] * 20, {}),
    ('much again', ([MUCH] * 3 + [LITTLE] * 6) * 2, {3: TIGHT, 9: RESET, 12: TIGHT, 18: RESET}),
    ('away for an answer', [MUCH, MUCH, None, MUCH, MUCH, MUCH], {6: TIGHT}),
    ('another process with the same pid', [MUCH] * 4 + [(100, 50, None, '4242:2')] * 4,
     {3: TIGHT, 7: TIGHT}),
    ('registered anew, perhaps with another apexd', [MUCH] * 5 + [(100, 50, 5)] + [MUCH] * 4,
     {3: TIGHT, 8: TIGHT}),
]


class Wrong(Exception):
    pass


def require(truth, message):
    if not truth:
        raise Wrong(message)


def answer(recorded, number, situations):
    """The recorded answer, with these processes. Ten seconds pass between two."""
    result = {**recorded, 'processes': []}
    for offset, situation in enumerate(situations):
        if situation is None:
            continue
        dirty, live, registered_ms, key = (*situation, None, None)[:4]
        process = copy.deepcopy(recorded['processes'][0])
        process['pid'] = PID + offset
        process['key'] = key or f'{PID + offset}:1'
        process['registered_ms'] = registered_ms or number * 10000
        process['heap']['dirty_bytes'] = dirty * MIB
        process['heap']['allocated_bytes'] = live * MIB
        result['processes'].append(process)
    return result


def said(policy, answers):
    """What it says to each: lines up to an empty one belong to an answer."""
    text = ''.join(json.dumps(item) + '\n' for item in answers)
    ran = subprocess.run([sys.executable, '-I', policy], input=text, text=True,
                         stdout=subprocess.PIPE, check=False)
    require(ran.returncode == 0, f'it ends with {ran.returncode}')
    result, lines = [], []
    for line in ran.stdout.splitlines():
        if line == '':
            result.append(lines)
            lines = []
        else:
            lines.append(line)
    require(len(result) == len(answers) and not lines,
            f'it ends {len(result)} answers with an empty line, of {len(answers)}')
    return result


def check(policy, recorded, cases):
    """Each case is a process of its own."""
    count = max(len(situations) for _, situations, _ in cases)
    columns = [situations + [None] * (count - len(situations)) for _, situations, _ in cases]
    answers = [answer(recorded, i + 1, row) for i, row in enumerate(zip(*columns))]
    commands = 0
    for i, lines in enumerate(said(policy, answers)):
        wanted = [f'apexctl tune {PID + offset} {said[i + 1]} --no-wait'
                  for offset, (_, _, said) in enumerate(cases) if i + 1 in said]
        require(sorted(lines) == sorted(wanted),
                f'to answer {i + 1} it says "{"; ".join(lines)}", not "{"; ".join(wanted)}"')
        commands += len(lines)
    return commands


def ask(apexctl, *words):
    ran = subprocess.run([apexctl, *words, '-o', 'json'], stdout=subprocess.PIPE, check=False)
    require(ran.returncode == 0, f'apexctl {" ".join(words)} ends with {ran.returncode}')
    return json.loads(ran.stdout)


def said_at_once(process, answer):
    """What it says before it is given another answer."""
    process.stdin.write(json.dumps(answer).encode() + b'\n')
    process.stdin.flush()
    text = b''
    while not ('\n' + text.decode()).endswith('\n\n'):
        require(select.select([process.stdout], [], [], PATIENCE_S)[0],
                'it waits for the next answer before it ends this one with an empty line')
        more = os.read(process.stdout.fileno(), 4096)
        require(more, 'it has ended before its input has')
        text += more
    return text.decode().splitlines()[:-1]


def follow(policy, apexctl, pid):
    """What it says of a process that runs is understood by apexctl, and taken back again."""
    answer = ask(apexctl, 'processes')
    heap = answer['processes'][0]['heap']
    require(heap['dirty_bytes'] >= 64 * MIB, 'the process that runs is not as it should be')
    with subprocess.Popen([sys.executable, '-I', policy], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as process:
        try:
            for number in range(1, 10):
                if number > 3:
                    answer['processes'][0]['heap']['dirty_bytes'] = 0
                lines = said_at_once(process, answer)
                wanted = {3: 50, 9: 600000}.get(number)
                require(len(lines) == (wanted is not None), f'to answer {number} it says {lines}')
                if wanted is not None:
                    ask(apexctl, *lines[0].split()[1:])
                    options = ask(apexctl, 'tune', pid)['processes'][0]['options']
                    value = next(item['wanted'] for item in options if item['key'] == 'decay_ms')
                    require(value == wanted, f'after "{lines[0]}" decay_ms is to be {value}')
                answer['processes'][0]['registered_ms'] += 10000
        except Wrong:
            process.kill()
            raise


def main(policy, recorded_path, apexctl, pid):
    with open(recorded_path, encoding='utf-8') as file:
        recorded = json.load(file)
    name = ''
    try:
        for case in CASES:
            name = case[0]
            check(policy, recorded, [case])
        name = 'all of these at once'
        commands = check(policy, recorded, CASES)
        name = 'a process that runs'
        follow(policy, apexctl, pid)
    except Wrong as wrong:
        print(f'FAIL: {name}: {wrong}')
        return 1
    answers = sum(len(situations) for _, situations, _ in CASES)
    print(f'ok: {commands} commands to {len(CASES)} processes in {answers} answers, and a process '
          'that runs follows')
    return 0


sys.exit(main(*sys.argv[1:]))
