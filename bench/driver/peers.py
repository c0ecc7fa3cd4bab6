# SPDX-License-Identifier: MIT
#
# Whom we are measured beside: glibc (no library to load), apex from the build tree, what Debian
# packages, and what BENCH_PEERS adds: "name=path.so name=path.so,VARIABLE=value".
"""Finds the allocators."""

import dataclasses
import glob
import hashlib
import os
import platform
import re
import subprocess


class PeerError(Exception):
    """An allocator that cannot be used; the message says which and why."""


@dataclasses.dataclass(frozen=True)
class Peer:
    """An allocator: path is None for the one that programs have anyway."""

    name: str
    path: str = None
    environment: tuple = ()


# Name, and the library as the dynamic linker knows it.
PACKAGED = (
    ("jemalloc", "libjemalloc.so.2"),
    ("mimalloc", "libmimalloc.so.2.0"),
    ("tcmalloc", "libtcmalloc_minimal.so.4"),
)


def parse_peer(text):
    """The peer of one word of BENCH_PEERS. Raises PeerError."""
    spec, *assignments = text.split(",")
    name, equals, path = spec.partition("=")
    if not equals or not path or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.+-]*", name):
        raise PeerError(f"BENCH_PEERS: not name=path.so[,VARIABLE=value]: {text}")
    for assignment in assignments:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*=.*", assignment):
            raise PeerError(f"BENCH_PEERS: not VARIABLE=value: {assignment}, in {text}")
    return Peer(name, path, tuple(assignments))


def parse_peers(text):
    """All peers of BENCH_PEERS, which are separated by blanks."""
    return [parse_peer(word) for word in text.split()]


def library_path(soname):
    """Where the dynamic linker would find a library, or None."""
    for line in subprocess.run(
        ["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=False
    ).stdout.splitlines():
        words = line.split()
        if len(words) > 2 and words[0] == soname:
            return words[-1]
    found = sorted(glob.glob(f"/usr/lib/*/{glob.escape(soname)}"))
    return found[0] if found else None


def scudo_path():
    """Scudo comes with clang's runtime, in a folder of its version; the newest is taken."""
    machine = platform.machine()
    found = []
    for root in ("/usr/lib/llvm-*/lib", "/usr/lib", "/usr/lib64"):
        for name in (
            f"{root}/clang/*/lib/linux/libclang_rt.scudo_standalone-{machine}.so",
            f"{root}/clang/*/lib/{machine}-*/libclang_rt.scudo_standalone.so",
        ):
            found += glob.glob(name)

    def version(path):
        return [int(part) for part in re.findall(r"\d+", path.split("/clang/")[-1].split("/")[0])]

    return max(found, key=version, default=None)


def packaged():
    """Debian's allocators that are installed, and the names of those that are not."""
    there, missing = [], []
    for name, path in [(name, library_path(soname)) for name, soname in PACKAGED] + [
        ("scudo", scudo_path())
    ]:
        if path is None:
            missing.append(name)
        else:
            there.append(Peer(name, path))
    return there, missing


def loads(peer):
    """Raises PeerError unless the library comes in when a program is started with it. The dynamic
    linker only warns when it does not, and the program would then run on glibc."""
    if peer.path is None:
        return
    if not os.path.isfile(peer.path):
        raise PeerError(f"{peer.name}: {peer.path} is not there")
    environment = dict(os.environ, LD_PRELOAD=peer.path)
    environment.update(word.split("=", 1) for word in peer.environment)
    done = subprocess.run(
        ["cat", "/proc/self/maps"], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0 or os.path.realpath(peer.path) not in done.stdout:
        said = done.stderr.strip() or f"exit code {done.returncode}"
        raise PeerError(f"{peer.name}: {peer.path} cannot be loaded: {said}")


def version_of(peer):
    """What is known of an allocator's version: of its package, or else of its file."""
    if peer.path is None:
        return os.confstr("CS_GNU_LIBC_VERSION")
    real = os.path.realpath(peer.path)
    try:
        owner = subprocess.run(["dpkg", "-S", real], capture_output=True, text=True, check=False)
        if owner.returncode == 0:
            package = owner.stdout.split(": ")[0]
            form = "${source:Package} ${Version}"
            return subprocess.run(
                ["dpkg-query", "-W", f"-f={form}", package],
                capture_output=True,
                text=True,
                check=False,
            ).stdout
    except FileNotFoundError:
        pass
    with open(real, "rb") as file:
        return "sha256 " + hashlib.sha256(file.read()).hexdigest()[:16]


def select(everyone, names, always):
    """Those of `everyone` that are named (a comma list, None for all), and `always`. Raises
    PeerError for a name that nobody has."""
    known = [peer.name for peer in everyone]
    doubles = {name for name in known if known.count(name) > 1}
    if doubles:
        raise PeerError(f"two allocators are called {', '.join(sorted(doubles))}")
    if names is None:
        return everyone
    wanted = [] if names in ("", "none") else names.split(",")
    for name in wanted + list(always):
        if name not in known:
            raise PeerError(f"there is no allocator '{name}', only {', '.join(known)}")
    return [peer for peer in everyone if peer.name in wanted or peer.name in always]
