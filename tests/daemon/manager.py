# SPDX-License-Identifier: MIT
#
# A service manager for tests: passes listening sockets to an apexd (LISTEN_FDS), hears what it tells
# (NOTIFY_SOCKET), keeps its descriptors (FDSTORE) and passes them to the next one.
"""Support for those tests of tests/daemon that have a service manager."""

import array
import threading

from support import *

# Puts the descriptors it is given where a manager puts them, and becomes the daemon.
BEGIN = ("import fcntl, os, sys\n"
         "fds = [int(f) for f in sys.argv[1].split(',') if f]\n"
         "above = 3 + len(fds) + max(fds, default=0)\n"
         "fds = [fcntl.fcntl(f, fcntl.F_DUPFD, above) for f in fds]\n"
         "os.closerange(3, above)\n"
         "for i, fd in enumerate(fds):\n"
         "    os.dup2(fd, 3 + i)\n"
         "    os.set_inheritable(3 + i, True)\n"
         "    os.close(fd)\n"
         "os.environ['LISTEN_PID'] = os.environ['WATCHDOG_PID'] = str(os.getpid())\n"
         "os.environ['LISTEN_FDS'] = str(len(fds))\n"
         "os.execv(sys.argv[2], sys.argv[2:])\n")


class Manager(Daemon):
    """A daemon as systemd would run it. `store` is what it has been given to keep: [name, fd]."""

    def __init__(self, *options, **more):
        self.store = []
        self.told = []
        self.lock = threading.Lock()
        self.place = tempfile.mkdtemp(prefix="apexd-test-")
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(self.place + "/notify")
        self.sockets = []
        self.ready = 0
        self.reader = threading.Thread(target=self.listen)
        self.reader.start()
        super().__init__(*options, environment={"NOTIFY_SOCKET": self.place + "/notify",
                                                "WATCHDOG_USEC": "400000"}, **more)

    def bind(self):
        for kind, name, mode in ((socket.SOCK_SEQPACKET, "register.sock", 0o666),
                                 (socket.SOCK_STREAM, "control.sock", 0o660),
                                 (socket.SOCK_STREAM, "http.sock", 0o660)):
            s = socket.socket(socket.AF_UNIX, kind)
            s.bind(os.path.join(self.dir, name))
            os.chmod(os.path.join(self.dir, name), mode)
            s.listen(4096)  # as systemd's do
            self.sockets.append((name, s))

    def start(self):
        if not self.sockets:
            self.bind()
        with self.lock:
            passed = [(name, s.fileno()) for name, s in self.sockets] + [tuple(e) for e in self.store]
            ready = self.ready
        fds = [fd for _, fd in passed]
        environment = dict(self.environment, LISTEN_FDNAMES=":".join(name for name, _ in passed))
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", BEGIN, ",".join(map(str, fds)), APEXD, "--runtime-dir", self.dir,
                 "--log-level", "info"] + self.options, stderr=log, env=environment, pass_fds=fds)
        wait_until(lambda: self.process.poll() is not None or self.ready > ready, "apexd is ready")
        if self.process.poll() is not None:
            check(False, "apexd does not start: " + self.read_log())

    def listen(self):
        while True:
            data, control, _, _ = self.notify.recvmsg(4096, socket.CMSG_SPACE(16))
            fds = array.array("i")
            for level, kind, content in control:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    fds.frombytes(content)
            if data == b"END":
                return
            lines = dict(line.split("=", 1) for line in data.decode().splitlines())
            with self.lock:
                self.told.append(lines)
                self.ready += "READY" in lines
                if "FDSTORE" in lines:
                    self.store += [[lines["FDNAME"], fd] for fd in fds]
                if "FDSTOREREMOVE" in lines:
                    for entry in [e for e in self.store if e[0] == lines["FDNAME"]]:
                        os.close(entry[1])
                        self.store.remove(entry)

    def names(self):
        with self.lock:
            return sorted({name for name, _ in self.store})

    def last(self, key):
        with self.lock:
            return next((lines[key] for lines in reversed(self.told) if key in lines), None)

    def __exit__(self, *unused):
        super().__exit__(*unused)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.sendto(b"END", self.place + "/notify")
        self.reader.join()
        self.notify.close()
        for _, s in self.sockets:
            s.close()
        for _, fd in self.store:
            os.close(fd)
        shutil.rmtree(self.place)
