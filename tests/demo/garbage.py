# SPDX-License-Identifier: MIT
#
# garbage.py RUNTIME-DIR: what no client of apexd should send, on both of its sockets. Any answer, a
# closed connection or silence are all right; the caller looks whether apexd lives and still serves.

import contextlib
import os
import random
import socket
import sys

SEED = 20
TIMEOUT_S = 0.2


@contextlib.contextmanager
def peer(path, kind):
    with socket.socket(socket.AF_UNIX, kind) as s:
        s.settimeout(TIMEOUT_S)
        s.connect(path)
        yield s


def say(path, kind, *messages):
    """Sends each message on one connection; what comes back is read and forgotten."""
    with contextlib.suppress(OSError), peer(path, kind) as s:
        for message in messages:
            s.sendall(message)
        while s.recv(65536):
            pass


def memfd(data):
    fd = os.memfd_create("garbage", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, data)
    return fd


def offer(path, message, *contents):
    """Registers with a message and files that nobody has sealed."""
    fds = [memfd(content) for content in contents]
    with contextlib.suppress(OSError), peer(path, socket.SOCK_SEQPACKET) as s:
        socket.send_fds(s, [message], fds)
        s.recv(65536)
    for fd in fds:
        os.close(fd)


def main():
    control = os.path.join(sys.argv[1], "control.sock")
    register = os.path.join(sys.argv[1], "register.sock")
    noise = random.Random(SEED)

    for size in (1, 7, 100, 8192, 1 << 20):
        say(control, socket.SOCK_STREAM, noise.randbytes(size))
        say(control, socket.SOCK_STREAM, b"x" * size)
    say(control, socket.SOCK_STREAM, b"[" * 100000 + b"\n")
    say(control, socket.SOCK_STREAM, b'{"v":1,"id":1,"method":"stats"')
    lines = [b'{"v":9,"id":{},"method":[]}\n', b"null\n", b"\0\n", b"\n"]
    say(control, socket.SOCK_STREAM, *lines * 50)
    say(control, socket.SOCK_STREAM, b'{"v":1,"id":1,"method":"stats","params":{"pid":1e300}}\n')

    for size in (1, 7, 64, 256, 4096):
        say(register, socket.SOCK_SEQPACKET, noise.randbytes(size))
    for size in (0, 1, 4096, 262144):
        offer(register, noise.randbytes(64), noise.randbytes(size))
    offer(register, b"\0" * 64, *[b"x"] * 16)

    # Many who connect and then say nothing, all gone at the end of this script.
    with contextlib.ExitStack() as crowd, contextlib.suppress(OSError):
        for _ in range(200):
            crowd.enter_context(peer(control, socket.SOCK_STREAM))
            crowd.enter_context(peer(register, socket.SOCK_SEQPACKET))
    return 0


sys.exit(main())
