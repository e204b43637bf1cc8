"""What happens to real processes: killed, lost, in the way of each other."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import asyncpg
import psutil
import pytest
from norda_local import processes
from norda_local.errors import DiskFullError, PartFailedError, PortInUseError
from norda_local.folders import Home
from norda_local.stack import Stack
from support.waiting import until

MakeStack = Callable[..., Stack]


def query(stack: Stack, sql: str) -> object:
    async def run() -> object:
        connection = await asyncpg.connect(stack.endpoints()["database"], timeout=10)
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    return asyncio.run(run())


def pid(home: Home, part: str) -> int:
    process = processes.running(home, part)
    assert process is not None
    return int(process.pid)


def states(stack: Stack) -> dict[str, str]:
    return {row.name: row.state for row in stack.status()}


def wait_until_gone(number: int) -> None:
    def gone() -> bool:
        return not psutil.pid_exists(number) or psutil.Process(number).status() == psutil.STATUS_ZOMBIE

    until(gone, f"process {number} lives", within=10, pause=0.02)


def test_up_twice_starts_nothing_anew_and_down_leaves_no_process(home: Home, make_stack: MakeStack) -> None:
    stack = make_stack("postgres", "mail", "otlp")
    stack.fetch()
    stack.up()
    first = {part: pid(home, part) for part in ("postgres", "mail", "otlp")}
    said: list[str] = []
    stack.up(report=lambda _, text: said.append(text))
    assert {part: pid(home, part) for part in first} == first
    assert said == ["runs already"] * 3
    assert set(states(stack).values()) == {"healthy"}
    stack.down()
    assert [process for process in processes.orphans(home) if process.is_running()] == []
    assert not any(psutil.pid_exists(number) and _alive(number) for number in first.values())
    assert set(states(stack).values()) == {"down"}


def test_a_killed_database_is_seen_and_started_again_with_what_was_committed(home: Home, make_stack: MakeStack) -> None:
    stack = make_stack("postgres")
    stack.fetch()
    stack.up()
    query(stack, "CREATE TABLE kept AS SELECT 42 AS answer")
    killed = pid(home, "postgres")
    os.kill(killed, signal.SIGKILL)
    wait_until_gone(killed)
    (row,) = stack.status()
    assert row.state == "down"
    assert row.problem.startswith("ended by itself")
    stack.up()
    assert pid(home, "postgres") != killed
    assert query(stack, "SELECT answer FROM kept") == 42


def test_a_stale_record_whose_pid_was_reused_is_not_taken_for_the_part(home: Home, make_stack: MakeStack) -> None:
    stack = make_stack("otlp")
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        record = {"part": "otlp", "pid": bystander.pid, "started": time.time() - 5000, "fingerprint": "old"}
        (home.run / "otlp.json").write_text(json.dumps(record))
        assert states(stack) == {"otlp": "down"}
        stack.up()
        assert pid(home, "otlp") != bystander.pid
        stack.down()
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_process_that_lost_its_record_is_replaced_by_up_and_found_by_down(home: Home, make_stack: MakeStack) -> None:
    stack = make_stack("otlp", "mail")
    stack.up()
    lost = {part: pid(home, part) for part in ("otlp", "mail")}
    (home.run / "otlp.json").unlink()
    stack.up()
    wait_until_gone(lost["otlp"])
    assert pid(home, "otlp") != lost["otlp"]
    assert pid(home, "mail") == lost["mail"]
    for record in home.run.glob("*.json"):
        record.unlink()
    Stack(home, stack.settings).down()
    assert [process for process in processes.orphans(home) if process.is_running()] == []


def test_a_port_in_use_is_named_with_its_holder_and_the_way_out(make_stack: MakeStack) -> None:
    stack = make_stack("otlp")
    port = stack.settings.ports["otlp"]
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with pytest.raises(PortInUseError) as raised:
            stack.up()
    assert f"port {port} for otlp is in use by" in raised.value.problem
    assert f"pid {os.getpid()}" in raised.value.problem
    assert "NORDA_PORT_BASE" in raised.value.remedy
    assert states(stack) == {"otlp": "down"}


def test_a_part_that_hangs_is_started_anew(home: Home, make_stack: MakeStack) -> None:
    stack = make_stack("otlp")
    stack.up()
    hanging = pid(home, "otlp")
    os.kill(hanging, signal.SIGSTOP)
    try:
        stack.up()
    finally:
        if psutil.pid_exists(hanging):
            os.kill(hanging, signal.SIGKILL)
    assert pid(home, "otlp") != hanging
    assert states(stack) == {"otlp": "healthy"}


def test_a_part_that_cannot_start_says_why_and_the_others_run(home: Home, make_stack: MakeStack) -> None:
    stack = make_stack("postgres", "otlp")
    stack.fetch()
    stack.up()
    stack.down()
    version = home.data / "postgres" / "PG_VERSION"
    version.write_text("7.4\n")
    with pytest.raises(PartFailedError, match=r"postgres ended with 1: .*FATAL.*postgres\.log"):
        stack.up()
    assert states(stack) == {"postgres": "down", "otlp": "healthy"}
    version.write_text("18\n")
    stack.up()
    assert states(stack) == {"postgres": "healthy", "otlp": "healthy"}


def test_a_full_disk_is_said_before_anything_starts(make_stack: MakeStack, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = make_stack("otlp")
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10 << 20))
    with pytest.raises(DiskFullError, match=r"only 10 MB are free.*nothing was changed"):
        stack.up()
    assert states(stack) == {"otlp": "down"}


def test_everything_listens_on_the_loopback_only(home: Home, make_stack: MakeStack) -> None:
    stack = make_stack("postgres", "kafka", "tracing", "otlp", "mail", "issuer")
    stack.fetch()
    stack.up()
    family = [member for process in processes.orphans(home) for member in [process, *process.children(recursive=True)]]
    listeners = {
        connection.laddr.ip
        for process in family
        for connection in process.net_connections(kind="tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listeners <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
    assert len(listeners) > 0


def _alive(number: int) -> bool:
    return bool(psutil.Process(number).status() != psutil.STATUS_ZOMBIE)


def test_two_commands_at_once_start_each_part_once(home: Home, make_stack: MakeStack) -> None:
    stacks = [make_stack("otlp", "mail") for _ in range(2)]
    said: list[str] = []
    with ThreadPoolExecutor(2) as pool:
        for job in [pool.submit(stack.up, report=lambda _, text: said.append(text)) for stack in stacks]:
            job.result()
    assert said.count("starting") == 2
    assert said.count("runs already") == 2
    assert len(processes.orphans(home, part="mail")) == 1
