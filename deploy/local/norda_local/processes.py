"""Starting, finding and stopping the stack's processes.

Owns the process records in `run/<part>.json` and the logs. Invariants: a record names a process by pid and start
time, so a stale record or a reused pid is never taken for the part; every process is in a session of its own and
carries the stack's home in NORDA_STACK, so `down` also finds processes whose record is gone. Nothing outside the
stack is ever signalled.
"""

import json
import os
import socket
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from norda_local.errors import PortInUseError
from norda_local.folders import Home
from norda_local.parts import Part

# psutil derives the start time from the boot time, which moves a little when the clock is corrected.
START_TIME_TOLERANCE_SECONDS = 2.0
LOG_TAIL_BYTES = 16_384


@dataclass(frozen=True)
class ProcessRecord:
    """What `run/<part>.json` says about a part's last start. `started` is seconds since the epoch."""

    part: str
    pid: int
    started: float
    fingerprint: str


def record_of(home: Home, part: str) -> ProcessRecord | None:
    """The record of the last start, whether or not that process still lives."""
    try:
        return ProcessRecord(**json.loads((home.run / f"{part}.json").read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def running(home: Home, part: str) -> psutil.Process | None:
    """The part's living process, or None when its record is missing, stale or names a reused pid."""
    record = record_of(home, part)
    if record is None:
        return None
    try:
        process = psutil.Process(record.pid)
        if abs(process.create_time() - record.started) > START_TIME_TOLERANCE_SECONDS:
            return None
        return process if process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def launch(home: Home, part: Part) -> subprocess.Popen[bytes]:
    """Start the part detached, with its log in `logs/<part>.log`, and record it. Its ports must be free."""
    log = home.logs / f"{part.name}.log"
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    environment = {**inherited_environment(home), **part.environment, "NORDA_PART": part.name}
    with log.open("wb") as output:
        process = subprocess.Popen(
            part.command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=home.path,
            env=environment,
            user=part.user,
            group=part.group,
            extra_groups=[] if part.user is not None else None,
        )
    started = psutil.Process(process.pid).create_time()
    _write_record(home, ProcessRecord(part.name, process.pid, started, part.fingerprint()))
    return process


def inherited_environment(home: Home) -> dict[str, str]:
    """What the stack's processes get of the user's shell: all but NORDA_* and OTEL_*, and the mark of their stack.

    A process is told its settings by name; a variable that the user set for something else must not reach it.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NORDA_", "OTEL_"))}
    return {**kept, "NORDA_STACK": str(home.path)}


def record_self(home: Home, part: str) -> None:
    """Record the calling process, so that others can tell whether it still lives."""
    own = psutil.Process()
    _write_record(home, ProcessRecord(part, own.pid, own.create_time(), ""))


def orphans(home: Home, *, part: str | None = None) -> list[psutil.Process]:
    """Living processes of this stack (or of one part), found by NORDA_STACK or by its data folder in their command."""
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    return [process for process in psutil.process_iter() if process.pid not in own and _belongs(process, home, part)]


def stop(process: psutil.Process, *, stop_signal: int, seconds: float) -> None:
    """Ask the process to end, wait, then kill it. Does nothing when it has ended already."""
    try:
        process.send_signal(stop_signal)
        process.wait(seconds)
    except psutil.NoSuchProcess:
        return
    except psutil.TimeoutExpired:
        kill_session(process)


def kill_session(process: psutil.Process) -> None:
    """Kill a process and its children at once."""
    try:
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for member in family:
        try:
            member.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(family, timeout=5)


def forget(home: Home, part: str) -> None:
    """Drop the part's record. Idempotent."""
    (home.run / f"{part}.json").unlink(missing_ok=True)


def log_tail(home: Home, part: str) -> list[str]:
    """The last non-empty lines of the part's log."""
    try:
        with (home.logs / f"{part}.log").open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - LOG_TAIL_BYTES))
            text = log.read().decode(errors="replace")
    except FileNotFoundError:
        return []
    return [line.rstrip() for line in text.splitlines() if line.strip()]


def wait_until_gone(processes: list[psutil.Process], *, seconds: float) -> list[psutil.Process]:
    """Wait for processes to end; returns those that are still there."""
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    return list(alive)


def check_ports_free(part: Part) -> None:
    """Raise unless the part can listen on its ports.

    Raises:
        PortInUseError: names the port, its holder where the system tells, and how to choose another.
    """
    for port in part.ports:
        holder = listener_on(port)
        if holder is not None:
            raise PortInUseError(
                f"port {port} for {part.name} is in use by {holder}",
                f"stop it, or choose other ports: NORDA_PORT_BASE=9101 ./norda up, or {part.name} under [ports] "
                "in .norda/config.toml",
            )


def listener_on(port: int) -> str | None:
    """Who listens on 127.0.0.1:port, in words; None when the port is free."""
    with socket.socket() as attempt:
        # Without SO_REUSEADDR a port whose connections are in TIME_WAIT would look taken after a restart.
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind(("127.0.0.1", port))
        except OSError:
            return _holder(port)
    return None


def _holder(port: int) -> str:
    try:
        for connection in psutil.net_connections(kind="tcp"):
            # The address is (host, port), and empty for sockets that are not bound.
            if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,) and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        pass
    return "another process"


def _belongs(process: psutil.Process, home: Home, part: str | None) -> bool:
    try:
        environment = process.environ()
        if environment.get("NORDA_STACK") == str(home.path):
            return part is None or environment.get("NORDA_PART") == part
        folder = str(home.data / part) if part else f"{home.data}{os.sep}"
        return any(folder in argument for argument in process.cmdline())
    except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
        return False


def _write_record(home: Home, record: ProcessRecord) -> None:
    target = home.run / f"{record.part}.json"
    scratch = Path(f"{target}.{os.getpid()}.new")
    scratch.write_text(json.dumps(asdict(record)))
    scratch.replace(target)
