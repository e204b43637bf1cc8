"""What operators do by command, on a stack of their own: dead letters, blocked events, a replica that stands in."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest
from aiokafka import AIOKafkaProducer
from norda_local.folders import Home
from norda_local.operators import Services, ago, visible
from norda_local.settings import free_ports, settings_in_use
from norda_local.stack import Stack as LocalStack
from support.waiting import eventually

SECRET = "geheim@ex-099.example"


class Stack:
    """The command with a home of its own, and the addresses it told."""

    def __init__(self, home: str) -> None:
        base = free_ports()["registry"]
        self._home = Home(Path(home))
        self._environment = {**os.environ, "NORDA_HOME": home, "NORDA_PORT_BASE": str(base), "COLUMNS": "80"}

    def __call__(self, *arguments: str, timeout: float = 400) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "norda_local", *arguments],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--json").stdout)

    def local(self) -> LocalStack:
        return LocalStack(self._home, settings_in_use(self._home, {}))

    def status(self) -> dict[str, dict[str, Any]]:
        return {row.name: row.as_json() for row in self.local().status()}

    def endpoints(self) -> dict[str, str]:
        return self.local().endpoints()

    def sql(self, statement: str, *arguments: Any) -> None:
        async def run() -> None:
            connection = await asyncpg.connect(self.endpoints()["database"])
            try:
                await connection.execute(statement, *arguments)
            finally:
                await connection.close()

        asyncio.run(run())

    def garbage(self, topic: str, value: bytes) -> None:
        async def run() -> None:
            async with AIOKafkaProducer(bootstrap_servers=self.endpoints()["kafka"]) as producer:
                await producer.send_and_wait(topic, value, key=b"k")

        asyncio.run(run())

    def register(self, name: str) -> str:
        seat = {"place": "Hamburg", "postal_code": "20095", "state": "DE-HH", "ags": "02000", "nuts": "DE600"}
        answer = httpx2.post(
            f"{self.endpoints()['registry']}/api/v1/organisations",
            json={"legal_name": name, "seat": seat},
            headers={"authorization": f"Bearer {self('token', '--state', 'hh').stdout.strip()}"},
        )
        assert answer.status_code == 201, answer.text
        return str(answer.json()["organisation_id"])


@pytest.fixture(scope="module")
def norda(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(str(tmp_path_factory.mktemp("stack") / "home"))
    up = stack("up", "registry", "registry-2", "--replicas", "2")
    try:
        assert up.returncode == 0, up.stderr
        yield stack
    finally:
        # A Kafka that is stopped for the first time writes a cache for its next start, which there will not be.
        os.kill(stack.status()["kafka"]["pid"], signal.SIGKILL)
        stack("down")


def soon(check: Callable[[], Any], within: float = 20) -> Any:
    async def once() -> Any:
        return check()

    waiting: Awaitable[Any] = eventually(once, within=within)
    return asyncio.run(waiting)  # type: ignore[arg-type]


def letters(norda: Stack, count: int, *, status: str = "open") -> list[dict[str, Any]]:
    services = Services.of(norda.local(), only="registry")

    def there() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = services.get("registry", "/dead-letters", status=status)["items"]
        assert len(found) == count, found
        return found or [{}]

    found: list[dict[str, Any]] = soon(there)
    return found


def test_a_service_is_started_with_the_servers_it_needs_and_its_replica(norda: Stack) -> None:
    parts = norda.status()
    running = {name for name, part in parts.items() if part["healthy"]}
    assert running == {"postgres", "kafka", "issuer", "registry", "registry-2"}
    assert parts["registry"]["link"] != parts["registry-2"]["link"]
    assert norda.endpoints()["registry-2"] == parts["registry-2"]["link"].rstrip("/")
    assert norda("logs", "registry-2").returncode == 0
    assert {part["name"] for part in norda.json("status")["parts"]} == set(parts)
    figures = {"backlog", "oldest_age_seconds", "blocked", "consumer_lag", "dead_letters_open", "attention"}
    assert set(parts["registry"]["figures"]) == figures
    assert parts["postgres"]["figures"] == {}


def test_a_letter_is_listed_shown_replayed_and_then_discarded(norda: Stack) -> None:
    norda.garbage("hb.registry.organisation.v1", b'\x1b[2J {"email": "' + SECRET.encode() + b'"}')
    (letter,) = letters(norda, 1)
    assert letter["reason"] == "not_a_cloudevent"
    assert norda.json("deadletters", "list", "--service", "registry")["letters"][0]["id"] == letter["id"]
    listed = norda("deadletters", "list", "--reason", "not_a_cloudevent", "--service", "registry")
    assert listed.returncode == 0
    assert letter["id"] in listed.stdout
    assert SECRET not in listed.stdout
    assert max(map(len, listed.stdout.splitlines())) <= 80

    shown = norda("deadletters", "show", letter["id"], "--service", "registry")
    assert SECRET in shown.stdout
    assert "\x1b[2J" not in shown.stdout, "a record must not command the terminal"
    document = norda.json("deadletters", "show", letter["id"], "--service", "registry")
    assert document["value"]["data"].startswith("\x1b[2J")

    soon(lambda: norda.status()["registry"]["figures"]["dead_letters_open"] == 1)
    assert "dead letters 1" in norda("status").stdout

    again = norda("deadletters", "replay", letter["id"], "--service", "registry")
    assert (again.returncode, "failed again: not_a_cloudevent" in again.stdout) == (1, True)
    asked = norda("deadletters", "discard", letter["id"], "--service", "registry")
    assert (asked.returncode, "--yes" in asked.stderr) == (1, True)
    assert norda("deadletters", "discard", letter["id"], "--service", "registry", "--yes").returncode == 0
    letters(norda, 0)
    (closed,) = letters(norda, 1, status="discarded")
    assert closed["closed_by"].startswith("operator-")
    assert closed["tries"] == 1
    late = norda("deadletters", "replay", letter["id"], "--service", "registry")
    assert (late.returncode, "closed before" in late.stdout) == (1, True)


def test_all_letters_of_a_reason_are_replayed_once_the_cause_is_mended(norda: Stack) -> None:
    norda.sql("alter table registry.directory add constraint broken check (legal_name not like 'Beispiel Gift%')")
    keys = {norda.register(f"Beispiel Gift {number} GmbH") for number in range(3)}
    letters(norda, 3)
    norda.sql("alter table registry.directory drop constraint broken")
    done = norda("deadletters", "replay", "--service", "registry", "--reason", "CheckViolationError")
    assert (done.returncode, done.stdout.strip()) == (0, "3 replayed"), done.stderr
    token = norda("token", "--state", "hb").stdout.strip()
    found = httpx2.get(
        f"{norda.endpoints()['registry']}/api/v1/organisations",
        params={"q": "Beispiel Gift"},
        headers={"authorization": f"Bearer {token}"},
    ).json()
    assert {item["organisation_id"] for item in found["items"]} == keys
    nothing = norda("deadletters", "replay", "--service", "registry")
    assert (nothing.returncode, nothing.stdout.strip()) == (0, "no open dead letters match")


def test_a_blocked_event_is_listed_and_goes_on_after_retry(norda: Stack) -> None:
    norda.sql(
        """insert into registry.outbox (topic, key, event_id, source, type, time, data_schema, sequence, headers,
                                     value)
           select 'hb.registry.organisation.v1', '0199d1a0-5f2e-7c4b-9a53-0d5a7c1b2e3f', gen_random_uuid(),
                  '/hb/registry', 't', now(), 's', number, '\\x00', case number when 1 then $1::bytea else '{}' end
           from generate_series(1, 3) as number""",
        b"x" * 1_500_000,
    )

    def blocked() -> Any:
        (row,) = norda.json("outbox", "list", "--service", "registry")["blocked"]
        return row

    row = soon(blocked)
    assert (row["reason"], row["waiting"]) == ("too_large", 2)
    assert "2 wait behind it" in norda("outbox", "list", "--service", "registry").stdout
    soon(lambda: norda.status()["registry"]["figures"]["blocked"] == 1)
    assert "blocked 1" in norda("status").stdout
    again = norda("outbox", "retry", "--service", "registry", str(row["id"]))
    assert again.returncode == 1
    assert "blocked again (too_large)" in " ".join(again.stdout.split())
    norda.sql("update registry.outbox set value = '{}'::bytea where octet_length(value) > 1000000")
    mended = norda("outbox", "retry", "--service", "registry")
    assert (mended.returncode, "is on its way" in mended.stdout) == (0, True), mended.stdout
    assert norda("outbox", "list", "--service", "registry").stdout.strip() == "no event is blocked"
    soon(lambda: norda.status()["registry"]["figures"]["backlog"] == 0)


def test_a_killed_service_is_said_within_80_columns_and_its_replica_answers_operators(norda: Stack) -> None:
    os.kill(norda.status()["registry"]["pid"], signal.SIGKILL)
    soon(lambda: norda.status()["registry"]["state"] == "down")
    status = norda("status").stdout
    table = [line for line in status.splitlines() if line.startswith("Registry  ")]
    assert table, status
    assert all("down" in line and "see below" in line for line in table)
    assert max(map(len, status.splitlines())) <= 80
    assert "ended by itself; its log gives no reason, so it was probably killed" in " ".join(status.split())
    assert norda("deadletters", "list", "--service", "registry").returncode == 0
    assert norda("deadletters", "list", "--service", "events").returncode == 1, "no process of it runs"


def test_up_keeps_the_number_of_replicas_until_it_is_told_another(norda: Stack) -> None:
    assert norda("up", "registry", "registry-2").returncode == 0
    second = norda.status()["registry-2"]["pid"]
    assert norda("up", "registry", "--replicas", "1").returncode == 0
    assert "registry-2" not in norda.status()
    assert not _alive(second)
    refused = norda("up", "--replicas", "4")
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_ages_and_control_characters_in_words() -> None:
    assert ago("2026-11-24T10:00:00Z", now=_instant("2026-11-24T10:03:10Z")) == "3 min ago"
    assert ago("2026-11-20T10:00:00Z", now=_instant("2026-11-24T10:00:00Z")) == "4 d ago"
    assert visible("Bär\x1b[2J\u202e\n") == "Bär\\x1b[2J\\u202e\n"


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    "arguments",
    [
        ["deadletters", "replay"],
        ["deadletters", "list", "--service", "nonsense"],
        ["outbox", "retry", "1"],
    ],
)
def test_a_choice_that_means_nothing_is_refused_in_one_line(norda: Stack, arguments: list[str]) -> None:
    refused = norda(*arguments)
    assert refused.returncode == 1
    assert refused.stderr.startswith("norda: ")
    assert refused.stderr.count("\n") == 1, refused.stderr


def test_help_teaches_the_operators_commands(norda: Stack) -> None:
    assert "./norda deadletters replay" in norda("deadletters", "--help").stdout
    for group, command in (("deadletters", "replay"), ("outbox", "retry")):
        assert f"./norda {group} {command}" in norda(group, command, "--help").stdout
