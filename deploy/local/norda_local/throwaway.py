"""Servers for one run of a command (tests, measurements, chaos): fresh data, free ports, taken down at the end.

Invariants: every run has a home of its own under `.norda/<kind>/`, so it disturbs no running stack and no other run;
its servers are stopped when it ends, also by failure, Ctrl-C or SIGTERM; what a killed run left behind is taken down by
the next one and by `norda down`. The logs of a run are kept until the next one.
"""

import os
import shutil
import signal
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

from norda_local import display, processes
from norda_local.folders import PROJECT_ROOT, Home
from norda_local.settings import StackSettings, free_ports
from norda_local.stack import SERVER_NAMES, Stack

KINDS = ("test", "bench", "chaos")
OWNER = "owner"
RUN_PREFIX = "run-"


def sweep() -> None:
    """Take down and delete runs whose process is gone. Idempotent."""
    for kind in KINDS:
        for path in sorted((PROJECT_ROOT / ".norda" / kind).glob(f"{RUN_PREFIX}*")):
            home = Home(path)
            if processes.running(home, OWNER) is None:
                for process in processes.orphans(home):
                    processes.stop(process, stop_signal=signal.SIGTERM, seconds=5)
                shutil.rmtree(path, ignore_errors=True)


def new_home(kind: str) -> Home:
    """A home for this process's run, recorded as its own."""
    home = Home(PROJECT_ROOT / ".norda" / kind / f"{RUN_PREFIX}{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}")
    home.create()
    processes.record_self(home, OWNER)
    return home


@contextmanager
def servers_of_its_own(
    kind: str,
    *,
    only: Iterable[str] = SERVER_NAMES,
    durable: bool = True,
    postgres_settings: Mapping[str, str] | None = None,
) -> Iterator[Stack]:
    """A stack that is fetched, not started; at the end whatever runs in its home is stopped and its data deleted."""
    sweep()
    home = new_home(kind)
    stack = Stack(
        home,
        StackSettings(ports=free_ports()),
        only=only,
        durable=durable,
        ahead=False,
        postgres_settings=postgres_settings or {},
    )
    with ends_properly(home), display.downloads(stack) as bar:
        stack.fetch(progress=bar)
        yield stack


@contextmanager
def ends_properly(home: Home) -> Iterator[None]:
    """Whatever happens inside, SIGTERM included: stop all that runs in the home, and delete its data."""
    previous = signal.signal(signal.SIGTERM, _end)
    try:
        yield
    finally:
        # A second Ctrl-C must not leave servers behind.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for process in processes.orphans(home):
            processes.stop(process, stop_signal=signal.SIGTERM, seconds=1)
        home.delete_data()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, previous)


def _end(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(143)
