# SPDX-License-Identifier: MIT
#
# A program on a terminal that tests can read: a pty, and as much of a terminal as ncurses asks of one
# called xterm or vt100. Reason: what a person sees is neither the bytes nor the lines of a program,
# but what those bytes leave on the screen.
"""See the head of the file."""

import pty
import select
import termios

from support import *


# A sequence that draws nothing, and that no program writes.
MARK = b"\x1b]drained\x07"


class Screen:
    """What is on the screen, by the bytes that came. A sequence it does not know is a failed check."""

    # In this order: a sequence with numbers; a charset; a string; two characters; one; text.
    TOKEN = re.compile(r"\x1b\[([?>!]?)([\d;]*)([ -/]*)([@-~])|\x1b[()*+].|\x1b\].*?(?:\x07|\x1b\\)"
                       r"|\x1b([^\[\]()*+])|([\x00-\x1f\x7f])|([^\x00-\x1f\x7f]+)", re.S)

    def __init__(self, columns, rows):
        self.columns, self.rows = columns, rows
        self.other = False  # the alternate screen, which programs leave again
        self.cursor = True
        self.bytes = b""
        self.rest = ""
        self.clear()

    def clear(self):
        self.cell = [[" "] * self.columns for _ in range(self.rows)]
        self.x = self.y = 0

    def resize(self, columns, rows):
        self.columns, self.rows = columns, rows
        self.clear()

    def feed(self, data):
        self.bytes += data
        text = self.rest + data.decode("utf-8", "replace")
        # What may be the start of a sequence waits for its end.
        at = text.rfind("\x1b")
        whole = at < 0 or self.TOKEN.match(text, at)
        self.rest = "" if whole else text[at:]
        for token in self.TOKEN.finditer(text if whole else text[:at]):
            private, numbers, _, final, short, control, plain = token.groups()
            if plain is not None:
                for c in plain:
                    self.put(c)
            elif control is not None:
                self.control(control)
            elif final is not None:
                self.sequence(private, numbers, final)
            elif short == "M":
                self.y = max(self.y - 1, 0)

    def put(self, c):
        if self.x < self.columns:
            self.cell[self.y][self.x] = c
            self.last = c
        self.x += 1

    def control(self, c):
        if c == "\r":
            self.x = 0
        elif c == "\n":
            self.y = min(self.y + 1, self.rows - 1)
        elif c == "\b":
            self.x = max(min(self.x, self.columns) - 1, 0)
        elif c == "\t":
            self.x = min(self.x // 8 * 8 + 8, self.columns - 1)

    def erase(self, y, begin, end):
        for x in range(max(begin, 0), min(end, self.columns)):
            self.cell[y][x] = " "

    def sequence(self, private, numbers, final):
        n = [int(i) if i else 0 for i in numbers.split(";")] if numbers else []
        one = n[0] if n and n[0] else 1
        row = self.cell[self.y]
        if private:
            if final in "hl" and 1049 in n:
                self.other = final == "h"
                self.clear()
            elif final in "hl" and 25 in n:
                self.cursor = final == "h"
        elif final in "Hf":
            self.y = min((n[0] if n and n[0] else 1), self.rows) - 1
            self.x = (n[1] if len(n) > 1 and n[1] else 1) - 1
        elif final in "ABCD":
            self.x += {"C": one, "D": -one}.get(final, 0)
            self.y = min(max(self.y + {"A": -one, "B": one}.get(final, 0), 0), self.rows - 1)
        elif final in "G`":
            self.x = one - 1
        elif final == "d":
            self.y = min(one, self.rows) - 1
        elif final == "J":
            what = n[0] if n else 0
            self.erase(self.y, self.x if what == 0 else 0, self.x + 1 if what == 1 else self.columns)
            for y in range(self.rows):
                if what == 2 or (y > self.y if what == 0 else y < self.y):
                    self.erase(y, 0, self.columns)
        elif final == "K":
            what = n[0] if n else 0
            self.erase(self.y, self.x if what == 0 else 0, self.x + 1 if what == 1 else self.columns)
        elif final == "X":
            self.erase(self.y, self.x, self.x + one)
        elif final == "P":
            self.cell[self.y] = (row[:self.x] + row[self.x + one:] + [" "] * one)[:self.columns]
        elif final == "@":
            self.cell[self.y] = (row[:self.x] + [" "] * one + row[self.x:])[:self.columns]
        elif final == "b":
            for _ in range(one):
                self.put(self.last)
        elif final in "LMST":
            at = self.y if final in "LM" else 0
            empty = [[" "] * self.columns for _ in range(one)]
            rest = self.cell[at:]
            moved = rest[one:] + empty if final in "MS" else empty + rest
            self.cell[at:] = moved[:self.rows - at]
        else:
            check(final in "mhlrtcnpq", "a terminal sequence that the test knows: %s%s" % (numbers, final))

    def lines(self):
        return ["".join(row).rstrip() for row in self.cell]

    def text(self):
        return "\n".join(self.lines())


class Terminal:
    """A program that believes to be on a terminal."""

    def __init__(self, command, columns=100, rows=30, term="xterm", environment=None):
        environment = dict(os.environ, **(environment or {}))
        environment.pop("LINES", None)
        environment.pop("COLUMNS", None)
        environment.update(TERM=term, LC_ALL="C.UTF-8")
        self.master, slave = pty.openpty()
        self.screen = Screen(columns, rows)
        self.set_size(columns, rows)
        self.found = termios.tcgetattr(slave)

        def lead():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave,
                                        env=environment, preexec_fn=lead)
        self.slave = slave  # stays open: the test reads the mode when the program has gone

    def set_size(self, columns, rows):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, columns, rows):
        self.read(0)
        self.screen.resize(columns, rows)
        self.set_size(columns, rows)

    def read(self, seconds):
        """Takes in what comes for so long."""
        end = time.monotonic() + seconds
        while True:
            ready, _, _ = select.select([self.master], [], [], max(end - time.monotonic(), 0))
            if not ready:
                return
            data = os.read(self.master, 65536)
            self.screen.feed(data)

    def wait(self, pattern, text):
        """Waits until the screen shows it; the match."""

        def seen():
            self.read(0.02)
            return re.search(pattern, self.screen.text(), re.M)

        found = wait_until(seen, text + ": /" + pattern + "/ on the screen")
        if not found:
            print(self.screen.text())
        return found

    def wait_without(self, pattern, text):
        """Waits until the screen shows it no more: what is drawn comes in pieces."""

        def gone():
            self.read(0.02)
            return not re.search(pattern, self.screen.text(), re.M)

        if not wait_until(gone, text + ": no /" + pattern + "/ on the screen"):
            print(self.screen.text())

    def drain(self):
        """Takes in all that was written: the kernel hands it over when it comes to it."""
        os.write(self.slave, MARK)
        wait_until(lambda: self.read(0.02) or MARK in self.screen.bytes, "what was written comes")
        self.screen.bytes = self.screen.bytes.replace(MARK, b"")

    def type(self, keys):
        os.write(self.master, keys if isinstance(keys, bytes) else keys.encode())

    def end(self):
        """Waits for the end of the program; its exit code."""

        def ended():
            self.read(0.02)
            return self.process.poll() is not None

        wait_until(ended, "the program ends")
        self.drain()
        return self.process.poll()

    def check_restored(self, text):
        """The terminal is as the program found it."""
        mode = termios.tcgetattr(self.slave)
        same(mode[:4], self.found[:4], "mode of the terminal " + text)
        check(not self.screen.other, "the first screen is back " + text)
        check(self.screen.cursor, "the cursor is back " + text)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)
