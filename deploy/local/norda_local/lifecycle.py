"""How parts come up and go down: order, waiting, and what is said when one fails.

Invariants: a part starts when what it needs is healthy; a part that is healthy already is left alone; a part that
fails is stopped again, its data stays, and the others go on.
"""

import json
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import psutil

from norda_local import processes
from norda_local.errors import DiskFullError, PartFailedError, StackError
from norda_local.folders import Home
from norda_local.parts import Part, UnhealthyError

PROBE_INTERVAL_SECONDS = 0.1
# A part that lives but does not answer is given this long before it is started anew.
GRACE_SECONDS = 5.0
# Older lines of a part that ran for long speak of something else.
LAST_LINES = 20
TELLING_WORDS = ("No space left", "FATAL", "PANIC", "ERROR", "Exception", "Error:", "error:", "could not")

Report = Callable[[str, str], None]


def silent(_part: str, _text: str) -> None:
    """The report of those who do not want one."""


class SkippedError(StackError):
    """A part was not started because one it needs failed; that one's error says why."""


def start_all(home: Home, parts: list[Part], report: Report) -> None:
    """Bring every part to health, side by side where needs allow.

    Raises:
        StackError: the first failure that is not the consequence of another.
    """
    cancelled = threading.Event()
    futures: dict[str, Future[None]] = {}
    handed_out = threading.Event()

    def run(part: Part) -> None:
        handed_out.wait()
        for need in part.needs:
            if need in futures and futures[need].exception() is not None:
                raise SkippedError(f"{part.name} was not started", f"{need} has to run first")
        start_part(home, part, report, cancelled)

    with ThreadPoolExecutor(max(1, len(parts))) as pool:
        try:
            futures |= {part.name: pool.submit(run, part) for part in parts}
            handed_out.set()
            failures = [failure for future in futures.values() if (failure := future.exception()) is not None]
        except BaseException:
            # Ctrl-C: the threads would otherwise wait for health until their time is up.
            cancelled.set()
            raise
    causes = [failure for failure in failures if not isinstance(failure, SkippedError)] or failures
    if causes:
        raise causes[0]


def start_part(home: Home, part: Part, report: Report, cancelled: threading.Event) -> None:
    """Bring one part to health.

    Raises:
        StackError: it cannot be prepared, its port is taken, it ended, or it did not become healthy in time.
    """
    if _left_alone(home, part, report, cancelled):
        return
    began = time.monotonic()
    report(part.name, "starting")
    part.prepare()
    processes.check_ports_free(part)
    process = processes.launch(home, part)
    _wait_for_health(home, part, process, cancelled)
    part.settle()
    report(part.name, f"healthy after {time.monotonic() - began:.1f} s")


def stop_part(home: Home, part: Part, report: Report) -> None:
    """Stop one part if it runs, and drop its record."""
    process = processes.running(home, part.name)
    if process is not None:
        began = time.monotonic()
        processes.stop(process, stop_signal=part.stop_signal, seconds=part.stop_seconds)
        report(part.name, f"stopped after {time.monotonic() - began:.1f} s")
    processes.forget(home, part.name)


def problem_of(probe: Callable[[], None]) -> str:
    """What the probe complains about, or the empty string."""
    try:
        probe()
    except (UnhealthyError, OSError) as error:
        return str(error) or type(error).__name__
    return ""


def telling_line(home: Home, part: str) -> str:
    """The line of the part's log that most likely says why it ended at its start."""
    lines = processes.log_tail(home, part)
    return _last_telling(lines) or (_in_words(lines[-1]) if lines else "its log is empty")


def last_words(home: Home, part: str) -> str:
    """What the log of a part that ran and is gone says about why; a process that was killed says nothing."""
    said = _last_telling(processes.log_tail(home, part)[-LAST_LINES:])
    return f"the last fault in its log: {said}" if said else "its log gives no reason, so it was probably killed"


def _last_telling(lines: list[str]) -> str:
    return next((_in_words(line) for line in reversed(lines) if any(word in line for word in TELLING_WORDS)), "")


def _in_words(line: str) -> str:
    """A service's JSON line as its event and error; other lines as they are."""
    try:
        entry = json.loads(line)
        return " ".join(str(entry[name]) for name in ("event", "error", "reason") if name in entry) or line.strip()
    except (ValueError, TypeError):
        return line.strip()


def _left_alone(home: Home, part: Part, report: Report, cancelled: threading.Event) -> bool:
    """Whether the part runs well already; what runs but should not is stopped."""
    process = processes.running(home, part.name)
    record = processes.record_of(home, part.name)
    if process is not None and record is not None:
        unchanged = record.fingerprint == part.fingerprint()
        if unchanged and _healthy_soon(part, process, cancelled):
            report(part.name, "runs already")
            return True
        report(part.name, "does not answer, starting anew" if unchanged else "changed, starting anew")
        processes.stop(process, stop_signal=part.stop_signal, seconds=part.stop_seconds)
    for orphan in processes.orphans(home, part=part.name):
        processes.stop(orphan, stop_signal=part.stop_signal, seconds=part.stop_seconds)
    return False


def _healthy_soon(part: Part, process: psutil.Process, cancelled: threading.Event) -> bool:
    deadline = time.monotonic() + GRACE_SECONDS
    while problem_of(part.probe):
        if time.monotonic() > deadline or not process.is_running() or cancelled.wait(PROBE_INTERVAL_SECONDS):
            return False
    return True


def _wait_for_health(home: Home, part: Part, process: subprocess.Popen[bytes], cancelled: threading.Event) -> None:
    deadline = time.monotonic() + part.start_seconds
    while problem := problem_of(part.probe):
        if process.poll() is not None:
            processes.forget(home, part.name)
            raise _failure(home, part, f"ended with {process.returncode}: {telling_line(home, part.name)}")
        if time.monotonic() > deadline or cancelled.wait(PROBE_INTERVAL_SECONDS):
            _stop_child(process, part)
            processes.forget(home, part.name)
            raise _failure(home, part, f"did not become healthy in {part.start_seconds:.0f} s: {problem}")


def _stop_child(process: subprocess.Popen[bytes], part: Part) -> None:
    process.send_signal(part.stop_signal)
    try:
        process.wait(part.stop_seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _failure(home: Home, part: Part, problem: str) -> StackError:
    if "No space left" in problem:
        return DiskFullError(
            f"{part.name}: no room left on the disk of {home.path}",
            "free some space and run ./norda up again; what was committed is kept",
        )
    return PartFailedError(f"{part.name} {problem}", f"see {home.logs / f'{part.name}.log'} or run ./norda doctor")
