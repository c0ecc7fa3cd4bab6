# SPDX-License-Identifier: MIT
#
# Runs a workload under an allocator, through bench/driver/measure, and repeats what was disturbed.
"""One measured run."""

import dataclasses
import os
import select
import signal
import subprocess
import tempfile

import noise
import protocol

SECONDS_MAX = 180
# Of what a run says, this much is kept for the report of a failure.
TAIL_CHARACTERS = 600
# A workload that cannot be done under this allocator says why and exits so, as tests do.
EXIT_SKIPPED = 77
SKIPPED = "skipped"
# Set by the person who runs us, they would steer the allocators.
STEERING = ("LD_PRELOAD", "GLIBC_TUNABLES", "APEX_OPTIONS", "MALLOC_CONF", "SCUDO_OPTIONS")


@dataclasses.dataclass(frozen=True)
class Place:
    """Where programs, sources and data are, and how runs are made. data: kept, for what scripts
    prepare; scratch: the folder that each run starts in."""

    build: str
    source: str
    data: str
    scratch: str
    quick: bool = False
    pinned_cpu: int = None
    cpus: int = os.cpu_count()


def environment_of(place, step):
    """The environment of every run, without what steers allocators."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in STEERING and not name.startswith(("MIMALLOC_", "TCMALLOC_", "MALLOC_"))
    }
    environment.update(
        LC_ALL="C",
        BENCH_STEP=step,
        BENCH_QUICK="1" if place.quick else "",
        BENCH_DATA=place.data,
        BENCH_SCRATCH=place.scratch,
    )
    return environment


def allocator_variables(workload, peer):
    """What puts a run under an allocator. Scripts apply BENCH_PRELOAD to one of their processes."""
    variables = list(peer.environment)
    if workload.is_script():
        variables.append(f"BENCH_PRELOAD={peer.path or ''}")
    elif peer.path is not None:
        variables.append(f"LD_PRELOAD={peer.path}")
    return variables


def command_of(workload, place):
    """The words of the command; a script need not be executable."""
    words = workload.arguments(place.quick, place.build, place.source)
    return ["sh"] + words if workload.is_script() else words


def prepare(workload, place):
    """Lets a script make what its runs need. Returns what went wrong, or None."""
    if not workload.is_script():
        return None
    try:
        done = subprocess.run(
            command_of(workload, place),
            env=environment_of(place, "prepare"),
            cwd=place.scratch,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS_MAX,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"does not end to prepare within {SECONDS_MAX} s"
    if done.returncode == 0:
        return None
    return f"cannot prepare: {(done.stderr or done.stdout).strip()[-TAIL_CHARACTERS:]}"


def end_group(process):
    """Ends a run with all its processes."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def wait_for(process, seconds):
    """True if the process ended by itself. Whatever else happens, Ctrl-C too, it is ended."""
    pidfd = os.pidfd_open(process.pid)
    try:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        if poll.poll(seconds * 1000):
            process.wait()
            return True
        return False
    finally:
        os.close(pidfd)
        end_group(process)  # its children, if it left any


def parse_measure(text):
    """Maps the names that measure prints to numbers, `before` and `after` to lines."""
    values = {}
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        values[name] = value if name in ("before", "after") else int(value)
    return values


def outcome(values, output, seconds):
    """"ok", SKIPPED and the reason, or what went wrong."""
    if values is None:
        return f"did not end within {seconds} s"
    if values["signal"]:
        return f"killed by {signal.Signals(values['signal']).name}"
    if values["exit"]:
        tail = output[-TAIL_CHARACTERS:].strip()
        if values["exit"] == EXIT_SKIPPED:
            return f"{SKIPPED}: {tail}"
        return f"exit code {values['exit']}" + (f": {tail}" if tail else "")
    return "ok"


def launch(workload, peer, place, seconds):
    """Runs once. Returns what measure said (None when time was over) and the two outputs."""
    with tempfile.TemporaryFile() as result, tempfile.TemporaryFile() as out, (
        tempfile.TemporaryFile()
    ) as err:
        command = [os.path.join(place.build, "driver/measure")]
        if place.pinned_cpu is not None and workload.threads == 1:
            command += ["-c", str(place.pinned_cpu)]
        for variable in allocator_variables(workload, peer):
            command += ["-e", variable]
        command += [str(result.fileno())] + command_of(workload, place)
        process = subprocess.Popen(
            command,
            env=environment_of(place, "run"),
            cwd=place.scratch,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            pass_fds=[result.fileno()],
            start_new_session=True,
        )
        ended = wait_for(process, seconds)
        texts = []
        for file in (result, out, err):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
        values = parse_measure(texts[0]) if ended and texts[0] else None
        if ended and values is None:
            raise RuntimeError(f"measure failed: {texts[2].strip()}")
        return values, texts[1], texts[2]


def attempt(workload, peer, place, seconds=SECONDS_MAX):
    """Runs once. Returns the sample as it goes into the results."""
    values, out, err = launch(workload, peer, place, seconds)
    sample = {"status": outcome(values, err or out, seconds), "metrics": {}}
    if values is None:
        return dict(sample, noisy=False, foreign_share=0.0)
    ticks_per_s = os.sysconf("SC_CLK_TCK")
    wall_s = values["wall_ns"] / 1e9
    user_s, system_s = values["user_us"] / 1e6, values["system_us"] / 1e6
    share = noise.foreign_share(
        values["before"], values["after"], ticks_per_s, user_s + system_s, wall_s
    )
    sample.update(
        wall_s=wall_s,
        user_s=user_s,
        system_s=system_s,
        peak_rss_bytes=values["peak_rss_kib"] * 1024,
        minor_faults=values["minor_faults"],
        major_faults=values["major_faults"],
        foreign_share=round(share, 4),
        noisy=workload.group != "count"  # instructions are the same whatever else goes on
        and noise.is_noisy(share, workload.threads, place.cpus, wall_s, ticks_per_s),
    )
    if sample["status"] == "ok":
        try:
            sample["metrics"] = protocol.parse_metrics(out)
        except protocol.ProtocolError as error:
            sample["status"] = str(error)
    take_over(sample)
    return sample


def take_over(sample):
    """A script that starts a server measures that by itself: its word counts."""
    for name, key, unit in (
        ("peak_rss", "peak_rss_bytes", "bytes"),
        ("user", "user_s", "s"),
        ("system", "system_s", "s"),
    ):
        metric = sample["metrics"].pop(name, None)
        if metric is not None:
            if metric["unit"] != unit:
                sample["status"] = f"metric {name} must be in {unit}"
            sample[key] = metric["value"]


def measure(workload, peer, place, attempts=noise.ATTEMPTS, seconds=SECONDS_MAX):
    """Runs until a run is quiet, at most `attempts` times. Returns all samples; one is "kept"."""
    samples = []
    for _ in range(attempts):
        samples.append(attempt(workload, peer, place, seconds))
        if samples[-1]["status"] != "ok" or not samples[-1]["noisy"]:
            break
    pairs = [(sample["noisy"], sample["foreign_share"]) for sample in samples]
    failed = [index for index, sample in enumerate(samples) if sample["status"] != "ok"]
    kept = failed[0] if failed else noise.quietest(pairs)
    for index, sample in enumerate(samples):
        sample["kept"] = index == kept
    return samples
