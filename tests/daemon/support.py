# SPDX-License-Identifier: MIT
#
# What the tests of the daemon share: an apexd in a place of its own, a client of control.sock, a
# hand-made stats page (so that it can also be made wrong), registration by hand, and a checker for
# JSON schemas. Standard library only. Nothing here depends on the speed of the machine: wait_until
# has a limit only so that a failure ends.
"""Support for tests/daemon."""

import contextlib
import ctypes
import fcntl
import json
import mmap
import os
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

SOURCE = os.environ.get("top_srcdir", ".")
BUILD = os.environ.get("top_builddir", ".")
APEXD = os.path.join(BUILD, "apexd/apexd")
APEXCTL = os.path.join(BUILD, "apexctl/apexctl")
LIBRARY = os.path.join(BUILD, "libapex/.libs/libapex.so.0")
PATIENCE_S = int(os.environ.get("APEX_TEST_PATIENCE_S", "60"))  # less to see a test fail soon

REGISTER_DEADLINE_S = 1  # REGISTRAR_DEADLINE_MS in apexd/registrar.h

F_ADD_SEALS = 1033
SEAL_SEAL, SEAL_SHRINK, SEAL_GROW, SEAL_WRITE, SEAL_FUTURE_WRITE = 1, 2, 4, 8, 16
ALL_SEALS = SEAL_SEAL | SEAL_SHRINK | SEAL_GROW | SEAL_FUTURE_WRITE

# libapex/abi/hello.h
HELLO = struct.Struct("<8sHHIQII")
ACK = struct.Struct("<8sHHIQII")
HELLO_MAGIC, ACK_MAGIC = b"APEXHEL\0", b"APEXACK\0"
STATUS = {}

failures = 0


def load_statuses():
    text = open(os.path.join(SOURCE, "libapex/abi/hello.h"), encoding="utf-8").read()
    for number, word in re.findall(r"STATUS\([A-Z_]+, (\d+), \"([a-z_]+)\"\)", text):
        STATUS[int(number)] = word


load_statuses()


def check(claim, text):
    """Counts and prints a claim that does not hold; goes on."""
    global failures
    if not claim:
        failures += 1
        print("FAIL:", text, flush=True)


def same(found, wanted, text):
    check(found == wanted, "%s: %r, not %r" % (text, found, wanted))


def finish():
    """Ends the test."""
    print("%d failures" % failures)
    sys.exit(1 if failures else 0)


def wait_until(condition, text):
    """Waits for a condition; its value, or None after a failed check."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    check(False, "waited %d s: %s" % (PATIENCE_S, text))
    return None


# --- The daemon -------------------------------------------------------------------------------------


class Daemon:
    """An apexd in a directory of its own. `sweep` is removed at the end with all that is in it."""

    def __init__(self, *options, environment=None, mode=0o700):
        self.top = tempfile.mkdtemp(prefix="apexd-test-")
        os.chmod(self.top, 0o755 if mode & 0o055 else 0o700)
        self.dir = os.path.join(self.top, "run")
        os.mkdir(self.dir, mode)
        os.chmod(self.dir, mode)
        self.log = os.path.join(self.top, "log")
        # The rules of this machine are none of the test's business.
        self.options = (["--config", ""] if "--config" not in options else []) + list(options)
        self.environment = dict(os.environ, **(environment or {}))
        self.process = None
        self.start()

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [APEXD, "--runtime-dir", self.dir, "--log-level", "info"] + self.options,
                stderr=log, env=self.environment)
        wait_until(lambda: self.process.poll() is not None or self.answers(), "apexd answers")
        if self.process.poll() is not None:
            check(False, "apexd does not start: " + self.read_log())

    def answers(self):
        with contextlib.suppress(OSError):
            with Control(self.dir) as control:
                return "result" in control.ask("hello")
        return False

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)

    def read_log(self):
        return open(self.log, encoding="utf-8", errors="replace").read()

    def fds(self):
        return len(os.listdir("/proc/%d/fd" % self.process.pid))

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.process.poll() is None:
            same(self.stop(), 0, "exit code of apexd")
        if failures:
            print(self.read_log()[-2000:])
        shutil.rmtree(self.top)


def connect(path, kind=socket.SOCK_STREAM):
    """A connection that waits its turn as apexctl's does, also where it comes behind a full queue.

    A socket with a timeout of Python's does not block, and then connect() fails at once there.
    """
    s = socket.socket(socket.AF_UNIX, kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", PATIENCE_S, 0))
    try:
        s.connect(path)
    except OSError:
        s.close()
        raise
    s.settimeout(PATIENCE_S)
    return s


class Control:
    """A connection to control.sock."""

    def __init__(self, directory):
        self.socket = connect(os.path.join(directory, "control.sock"))
        self.rest = b""

    def send(self, data):
        self.socket.sendall(data)

    def line(self):
        """The next line as bytes; b"" at the end of the stream."""
        while b"\n" not in self.rest:
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                return b""
            self.rest += data
        line, self.rest = self.rest.split(b"\n", 1)
        return line

    def ask_raw(self, data):
        self.send(data + b"\n")
        line = self.line()
        return json.loads(line) if line else None

    def ask(self, method, params=None, number=1):
        request = {"v": 1, "id": number, "method": method}
        if params is not None:
            request["params"] = params
        return self.ask_raw(json.dumps(request).encode())

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()


def ask(directory, method, params=None):
    """The result of one request; {} when it is an error."""
    with Control(directory) as control:
        return control.ask(method, params).get("result", {})


def listed(directory):
    """The processes that are registered, by pid."""
    return {p["pid"]: p for p in ask(directory, "processes").get("processes", [])}


# --- HTTP --------------------------------------------------------------------------------------------


def free_ports(count):
    """Ports of 127.0.0.1 that nobody uses, and that go to nobody who does not ask for them by number.

    Tests that run at the same time begin at different ones.
    """
    first = int(open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii").read().split()[0])
    low, found = 10000, []
    for i in range(1000):
        port = low + (os.getpid() * 8 + i) % max(first - low, 1000)
        with contextlib.suppress(OSError), socket.socket() as s:
            s.bind(("127.0.0.1", port))
            found.append(port)
            if len(found) == count:
                break
    return found


def http_connect(where):
    """To a port of 127.0.0.1, to http.sock in a directory, or to a socket."""
    if isinstance(where, int):
        return socket.create_connection(("127.0.0.1", where), PATIENCE_S)
    return connect(where + "/http.sock" if os.path.isdir(where) else where)


def http(where, path, headers=None, method="GET"):
    """One request: (status, headers by their names in lower case, body)."""
    lines = dict({"Host": "localhost"}, **(headers or {}))
    with http_connect(where) as s:
        s.sendall(("%s %s HTTP/1.1\r\n%s\r\n" % (method, path, "".join(
            "%s: %s\r\n" % line for line in lines.items()))).encode())
        head, _, body = s.makefile("rb").read().partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    fields = dict(line.lower().split(": ", 1)[:1] + line.split(": ", 1)[1:] for line in lines[1:])
    same(int(fields.get("content-length", len(body))), len(body) or int(fields.get("content-length", 0)),
         "length of " + path)
    return int(lines[0].split()[1]), fields, body.decode()


def samples(text):
    """The samples of a text for Prometheus: name with labels, and value."""
    return {name: float(value) for name, value in
            (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))}


def apexctl(*arguments, directory=None, environment=None, **options):
    """Runs apexctl; (exit code, stdout, stderr)."""
    command = [APEXCTL] + (["--runtime-dir", directory] if directory else []) + list(arguments)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=dict(os.environ, **(environment or {})), text=True,
                          timeout=PATIENCE_S * 5, check=False, **options)
    return done.returncode, done.stdout, done.stderr


# --- A process under libapex ------------------------------------------------------------------------

# Allocates without end, so that slow paths are reached, in as many kinds as it has arguments.
BUSY = ("import sys, time\n"
        "keep = []\n"
        "while True:\n"
        "    keep.append([bytes(700 + i) for i in range(200)])\n"
        "    del keep[:-20]\n"
        "    time.sleep(0.005)\n")


def preloaded(directory, **more):
    """The environment of a program that runs on libapex and looks for apexd in `directory`."""
    environment = dict(os.environ, LD_PRELOAD=LIBRARY, PYTHONMALLOC="malloc", **more)
    environment["APEX_OPTIONS"] = "runtime_dir=" + directory
    return environment


@contextlib.contextmanager
def running(command, **options):
    """A process that is killed at the end."""
    process = subprocess.Popen(command, **options)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


# --- A stats page by hand ---------------------------------------------------------------------------

HEADER_BYTES, SECTIONS_AT, SECTIONS_MAX = 376, 120, 16
PROCESS, CLASS_SIZE, THREAD, SCHEMA = 1, 2, 3, 4


class Page:
    """A small but complete stats page: 4 classes, 3 slots, 2 process fields, 1 thread field.

    Change `fields` or `sections` before `bytes()` to make it wrong.
    """

    def __init__(self, total=8192):
        self.fields = {
            "magic": b"APEXSHM\0", "major": 1, "minor": 0, "header_bytes": HEADER_BYTES,
            "total_bytes": total, "byte_order": 0x01020304, "nonce": 0x1122334455667788,
            "sequence": 0, "state": 1, "pid": 77, "sections": 4, "comm": b"by-hand",
            "version": b"9.9",
        }
        self.total = total
        stride = 16 + 96 * 16 + 8
        self.sections = [[PROCESS, 1, 16, 384], [CLASS_SIZE, 4, 8, 400], [THREAD, 3, stride, 512],
                         [SCHEMA, 3, 56, 512 + 3 * stride]]
        self.process = [1 << 20, 5]  # mapped, purge_calls
        self.class_size = [16, 32, 48, 64]
        self.slots = [(1, 101, 0, [(10, 4), (0, 0), (7, 0), (0, 0)], 3),
                      (2, 102, 0, [(2, 8), (1, 0), (0, 7), (0, 0)], 4),
                      (0, 0, 0, [(0, 0)] * 4, 0)]
        self.schema = [(PROCESS, 0, 1, b"mapped", b"bytes"), (PROCESS, 8, 0, b"purge_calls", b"count"),
                       (THREAD, stride - 8, 0, b"slow_allocs", b"count")]

    def bytes(self):
        f = self.fields
        data = bytearray(self.total)
        struct.pack_into("<8sHHIIIQQIIIIQQ16s32s", data, 0, f["magic"], f["major"], f["minor"],
                         f["header_bytes"], f["total_bytes"], f["byte_order"], 0, f["nonce"],
                         f["sequence"], f["state"], f["pid"], f["sections"], 1, 2, f["comm"],
                         f["version"])
        for i, section in enumerate(self.sections[:SECTIONS_MAX]):
            struct.pack_into("<IIII", data, SECTIONS_AT + 16 * i, *section)
        struct.pack_into("<2Q", data, 384, *self.process)
        struct.pack_into("<4Q", data, 400, *self.class_size)
        stride = 16 + 96 * 16 + 8
        for i, (state, tid, node, classes, slow) in enumerate(self.slots):
            at = 512 + i * stride
            struct.pack_into("<IIII", data, at, 0, state, tid, node)
            for c, pair in enumerate(classes):
                struct.pack_into("<QQ", data, at + 16 + 16 * c, *pair)
            struct.pack_into("<Q", data, at + stride - 8, slow)
        for i, (section, offset, kind, name, unit) in enumerate(self.schema):
            struct.pack_into("<IIII32s8s", data, 512 + 3 * stride + 56 * i, section, offset, kind, 0,
                             name, unit)
        return bytes(data)


class Memfd:
    """A memfd with these contents, mapped, sealed and leased as a process would; each can be left out."""

    def __init__(self, data, seals=ALL_SEALS, lease=True, size=None, flags=0):
        self.fd = os.memfd_create("apex-test", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING | flags)
        os.ftruncate(self.fd, len(data) if size is None else size)
        self.map = mmap.mmap(self.fd, len(data)) if len(data) and size in (None, len(data)) else None
        if self.map is not None:
            self.map[:] = data
        elif data:
            os.pwrite(self.fd, data[:size], 0)
        if seals:
            fcntl.fcntl(self.fd, F_ADD_SEALS, seals)
        if lease:
            fcntl.flock(self.fd, fcntl.LOCK_SH)

    def close(self):
        if self.map is not None:
            self.map.close()
        os.close(self.fd)


def hello_message(nonce=0x1122334455667788, page_bytes=8192, magic=HELLO_MAGIC, major=1, size=32):
    return HELLO.pack(magic, major, 0, size, nonce, page_bytes, 0)


def connect_register(directory):
    return connect(os.path.join(directory, "register.sock"), socket.SOCK_SEQPACKET)


def register_once(directory, fds, message):
    with connect_register(directory) as s:
        try:
            socket.send_fds(s, [message], fds)
            data, received, _, _ = socket.recv_fds(s, 256, 4)
        except (BrokenPipeError, ConnectionResetError):
            data, received = b"", []
        if len(data) != ACK.size:
            return None, 0, received
        magic, major, _, size, nonce, status, _ = ACK.unpack(data)
        same((magic, major, size), (ACK_MAGIC, 1, ACK.size), "head of the acknowledgement")
        return STATUS.get(status), nonce, received


def register(directory, fds, message=None):
    """Sends one registration: (word of the status, nonce, advice fds). A closed connection is None."""
    for _ in range(3):
        begin = time.monotonic()
        answer = register_once(directory, fds, hello_message() if message is None else message)
        # Who says nothing for a second is sent away, and we may have got no processor for as long.
        if answer[0] is not None or time.monotonic() - begin < REGISTER_DEADLINE_S / 2:
            break
    return answer


# --- JSON schemas -----------------------------------------------------------------------------------

KNOWN = {"$schema", "title", "$defs", "$ref", "type", "const", "enum", "required", "properties",
         "additionalProperties", "propertyNames", "items", "minItems", "minimum", "maximum",
         "maxLength", "pattern", "oneOf"}
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool}


def schema_errors(value, schema, root=None, where="result"):
    """What is wrong with a value, as a list of sentences. Words of a schema we do not know are wrong."""
    root = schema if root is None else root
    if schema is False:
        return [where + " is not in the schema"]
    if schema is True:
        return []
    errors = ["the schema says " + k for k in schema if k not in KNOWN]
    if "$ref" in schema:
        errors += schema_errors(value, root["$defs"][schema["$ref"].split("/")[-1]], root, where)
    if "const" in schema and value != schema["const"]:
        errors.append("%s is %r" % (where, value))
    if "enum" in schema and value not in schema["enum"]:
        errors.append("%s is %r" % (where, value))
    if "oneOf" in schema:
        outcomes = [schema_errors(value, s, root, where) for s in schema["oneOf"]]
        if sum(not o for o in outcomes) != 1:
            errors.append("%s fits not exactly one of the alternatives: %r" % (where, outcomes))
    if "type" in schema:
        kind = schema["type"]
        good = (isinstance(value, int) and not isinstance(value, bool) if kind == "integer"
                else isinstance(value, TYPES[kind]))
        if not good:
            return errors + ["%s is not of type %s" % (where, kind)]
    if isinstance(value, dict):
        errors += object_errors(value, schema, root, where)
    if isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            errors.append(where + " is too short")
        for i, item in enumerate(value):
            errors += schema_errors(item, schema.get("items", True), root, "%s[%d]" % (where, i))
    if isinstance(value, str):
        if len(value) > schema.get("maxLength", len(value)):
            errors.append(where + " is too long")
        if "pattern" in schema and not re.search(schema["pattern"], value):
            errors.append("%s does not look like %s: %r" % (where, schema["pattern"], value))
    if isinstance(value, int) and not isinstance(value, bool):
        if not schema.get("minimum", value) <= value <= schema.get("maximum", value):
            errors.append("%s is out of range: %d" % (where, value))
    return errors


def object_errors(value, schema, root, where):
    errors = ["%s lacks %s" % (where, k) for k in schema.get("required", []) if k not in value]
    properties = schema.get("properties", {})
    names = schema.get("propertyNames", {})
    for key, item in value.items():
        below = properties.get(key, schema.get("additionalProperties", True))
        errors += schema_errors(item, below, root, where + "." + key)
        if "pattern" in names and not re.search(names["pattern"], key):
            errors.append("%s has a strange name: %r" % (where, key))
    return errors


def schema_of(method):
    path = os.path.join(SOURCE, "apexd/schema", method + ".json")
    return json.load(open(path, encoding="utf-8"))
