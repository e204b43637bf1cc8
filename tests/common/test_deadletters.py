"""Dead letters in operators' hands, over HTTP: what they see, and that a replay keeps id, key and order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx2
import pytest
from norda_common import deadletters, outbox
from norda_common.consumer import Consumer
from norda_common.contracts.envelope import Received, encode_headers, encode_value
from norda_common.database import Connection
from norda_common.identifiers import new_id
from support.waiting import eventually

from .conftest import THING, Probe, Thing, thing
from .test_consumer import EACH, headers_with, send
from .test_web import served, token

LETTERS = "/api/v1/dead-letters"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"

UPSERT = """insert into copy (thing_id, sequence, text) values ($1, $2, $3) on conflict (thing_id)
do update set sequence = excluded.sequence, text = excluded.text where copy.sequence < excluded.sequence"""


async def copy(connection: Connection, records: Sequence[Received], _: datetime) -> None:
    for received in sorted(records, key=lambda item: (item.key, item.sequence)):
        text = received.data.text if isinstance(received.data, Thing) else None
        await connection.execute(UPSERT, received.key, received.sequence, text)


COPY = Consumer(name="copy", topics=(THING,), batch=copy)


class Desk:
    """A served probe with its consumers, and an operator at it."""

    def __init__(self, probe: Probe, client: httpx2.AsyncClient) -> None:
        self.probe = probe
        self.client = client

    async def sql(self, statement: str, *arguments: Any) -> list[Any]:
        connection = await self.probe.connect()
        try:
            return await connection.fetch(statement, *arguments)
        finally:
            await connection.close()

    async def mend(self) -> None:
        """What a corrected release would do: 'poison' can be handled from now on."""
        await self.sql("alter table seen drop constraint seen_text_check")
        await self.sql("alter table copy drop constraint copy_text_check")

    async def open(self, count: int) -> list[dict[str, Any]]:
        """That many open letters, in the order of the topic."""

        async def there() -> list[dict[str, Any]]:
            items = (await self.client.get(LETTERS, params={"limit": 200})).json()["items"]
            assert len(items) == count, [item["reason"] for item in items]
            return sorted(items, key=lambda item: (item["consumer"], item["partition"], item["offset"]))

        return await eventually(there, within=20)

    async def seen(self, key: UUID | None = None) -> list[tuple[int, str | None]]:
        rows = await self.sql("select * from seen order by id")
        return [(row["sequence"], row["text"]) for row in rows if key is None or row["thing_id"] == key]

    async def post(self, path: str, body: Any = None) -> httpx2.Response:
        return await self.client.post(f"{LETTERS}{path}", json=body)

    async def letter(self, letter_id: str) -> dict[str, Any]:
        answer: dict[str, Any] = (await self.client.get(f"{LETTERS}/{letter_id}")).json()
        return answer


@asynccontextmanager
async def desk(probe: Probe, *consumers: Consumer) -> AsyncIterator[Desk]:
    connection = await probe.connect()
    await connection.execute(
        "create table if not exists copy (thing_id uuid primary key, sequence bigint not null, text text, "
        "constraint copy_text_check check (text <> 'poison')); grant all on copy to norda_probe"
    )
    await connection.close()
    settings = probe.settings.model_copy(update={"trace_page": "http://traces.example/{trace_id}"})
    async with served(settings, probe.settings.token_jwks_file, consumers=consumers) as client:
        client.headers["authorization"] = f"Bearer {token(role='operator', sub='anna', state=None)}"
        yield Desk(probe, client)


def results(answer: httpx2.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [item["result"] for item in answer.json()["items"]]


async def test_a_replay_has_the_effect_once_and_says_who_did_it(probe: Probe) -> None:
    event = thing(new_id(), 1, "poison")
    await send(probe, event)
    async with desk(probe, EACH) as at:
        (letter,) = await at.open(1)
        await at.mend()
        answers = await asyncio.gather(*(at.post(f"/{letter['id']}/replay") for _ in range(5)))
        assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
        assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"letter_closed"}
        assert await at.seen(event.key) == [(1, "poison")]
        closed = await at.letter(letter["id"])
        assert (closed["status"], closed["closed_by"], closed["closed_at"] is not None) == ("replayed", "anna", True)
        assert await at.sql("select event_id from inbox where consumer = 'each'") == [(event.event_id,)]
        await send(probe, event)
        await send(probe, thing(event.key, 2))

        async def handled() -> None:
            assert await at.seen(event.key) == [(1, "poison"), (2, "x")]

        await eventually(handled)


async def test_an_event_delivered_twice_and_buried_twice_has_its_effect_once(probe: Probe) -> None:
    event = thing(new_id(), 1, "poison")
    await send(probe, event)
    await send(probe, event)
    async with desk(probe, EACH) as at:
        await at.open(2)
        await at.mend()
        assert results(await at.post("/replay", {"everything": True})) == ["replayed", "replayed"]
        assert await at.seen() == [(1, "poison")]


async def test_a_replayed_effect_continues_the_trace_of_its_cause(probe: Probe) -> None:
    broken = True

    async def onward(connection: Connection, received: Received, _: datetime) -> None:
        if received.sequence > 1:
            return
        await outbox.append(connection, thing(received.key, 2))
        insert = "insert into seen (thing_id, sequence, text) select key, 2, traceparent from outbox where key = $1"
        await connection.execute(insert, received.key)
        if broken:
            raise ValueError("not yet")

    event = thing(new_id(), 1)
    await send(probe, event, headers=[*encode_headers(event, traceparent=None), ("traceparent", TRACEPARENT.encode())])
    async with desk(probe, Consumer(name="onward", topics=(THING,), each=onward)) as at:
        (letter,) = await at.open(1)
        assert (letter["trace_id"], letter["trace_link"]) == (TRACE, f"http://traces.example/{TRACE}")
        broken = False
        assert (await at.post(f"/{letter['id']}/replay")).json()["result"] == "replayed"
        ((_, traceparent),) = await at.seen(event.key)
        assert traceparent is not None
        assert traceparent.split("-")[1] == TRACE


async def test_older_letters_of_a_key_come_first(probe: Probe) -> None:
    key, other = new_id(), new_id()
    for event in (thing(key, 1, "poison"), thing(other, 1, "poison"), thing(key, 2, "poison"), thing(key, 3)):
        await send(probe, event)
    async with desk(probe, EACH) as at:
        first, of_other, second = await at.open(3)
        await at.mend()
        refused = await at.post(f"/{second['id']}/replay")
        assert (refused.status_code, refused.json()["code"]) == (409, "older_letters_open")
        assert refused.json()["older"] == [first["id"]]
        assert first["id"] in refused.json()["detail"]
        assert set(refused.json()["messages"]) == {"de", "en"}
        assert (await at.post(f"/{of_other['id']}/replay")).status_code == 200
        assert results(await at.post("/replay", {"ids": [second["id"], first["id"]]})) == ["replayed", "replayed"]
        assert await at.seen(key) == [(3, "x"), (1, "poison"), (2, "poison")]


async def test_a_copy_of_state_takes_nothing_older_from_a_replay(probe: Probe) -> None:
    key = new_id()
    for event in (thing(key, 1, "poison"), thing(key, 2, "newer"), thing(new_id(), 1, "poison")):
        await send(probe, event)
    async with desk(probe, COPY) as at:
        await at.open(2)
        await at.mend()
        assert results(await at.post("/replay", {"consumer": "copy"})) == ["replayed", "replayed"]
        rows = {row["thing_id"]: (row["sequence"], row["text"]) for row in await at.sql("select * from copy")}
        assert rows[key] == (2, "newer")
        assert sorted(rows.values()) == [(1, "poison"), (2, "newer")]


async def test_what_fails_again_stays_open_with_its_new_reason_and_without_effect(probe: Probe) -> None:
    words = ["first words"]

    async def failing(connection: Connection, received: Received, _: datetime) -> None:
        await connection.execute("insert into seen (thing_id, sequence) values ($1, $2)", received.key, 1)
        await outbox.append(connection, thing(received.key, 9))
        raise KeyError(words) if len(words) > 1 else ValueError(words)

    key, other = new_id(), new_id()
    for event in (thing(key, 1), thing(key, 2), thing(other, 1)):
        await send(probe, event)
    async with desk(probe, Consumer(name="failing", topics=(THING,), each=failing)) as at:
        first, second, _ = await at.open(3)
        assert first["reason"] == "ValueError"
        words.append("second words")
        assert results(await at.post("/replay", {"reason": "ValueError"})) == ["failed", "waits", "failed"]
        again = await at.letter(first["id"])
        assert (again["status"], again["reason"], again["tries"], again["tried_by"]) == ("open", "KeyError", 1, "anna")
        assert "words" not in again["detail"], "a reason must not repeat values, they may be personal data"
        assert (await at.letter(second["id"]))["reason"] == "ValueError"
        single = (await at.post(f"/{first['id']}/replay")).json()
        assert (single["result"], single["reason"]) == ("failed", "KeyError")
        assert (await at.letter(first["id"]))["tries"] == 2
        assert await at.seen() == []
        assert await at.sql("select * from outbox") == []
        assert await at.sql("select * from inbox") == []


async def test_what_cannot_be_read_fails_again_with_the_readers_reason(probe: Probe) -> None:
    await send(probe, thing(new_id(), 1), value=b"{}")
    async with desk(probe, COPY) as at:
        (letter,) = await at.open(1)
        answer = (await at.post(f"/{letter['id']}/replay")).json()
        assert (answer["result"], answer["reason"]) == ("failed", "invalid_data")
        assert answer["detail"] == letter["detail"]


async def test_a_fault_of_the_surroundings_is_503_and_changes_nothing(probe: Probe) -> None:
    faults: list[Exception] = [ValueError("bury me"), ConnectionResetError("gone")]

    async def shaky(connection: Connection, received: Received, _: datetime) -> None:
        await connection.execute("insert into seen (thing_id, sequence) values ($1, $2)", received.key, 1)
        if faults:
            raise faults[0]

    event = thing(new_id(), 1)
    await send(probe, event)
    async with desk(probe, Consumer(name="shaky", topics=(THING,), each=shaky)) as at:
        (letter,) = await at.open(1)
        faults.pop(0)
        for path, body in ((f"/{letter['id']}/replay", None), ("/replay", {"everything": True})):
            answer = await at.post(path, body)
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
            assert "nichts geändert" in answer.json()["detail"]
        after = await at.letter(letter["id"])
        assert (after["status"], after["reason"], after["tries"]) == ("open", "ValueError", 0)
        assert await at.seen() == []
        faults.clear()
        assert (await at.post(f"/{letter['id']}/replay")).json()["result"] == "replayed"
        assert len(await at.seen()) == 1


async def test_a_discarded_letter_has_no_effect_and_lets_the_newer_ones_go(probe: Probe) -> None:
    key = new_id()
    for sequence in (1, 2):
        await send(probe, thing(key, sequence, "poison"))
    async with desk(probe, EACH) as at:
        first, second = await at.open(2)
        await at.mend()
        assert (await at.post(f"/{first['id']}/discard")).json()["result"] == "discarded"
        for action in ("discard", "replay"):
            again = await at.post(f"/{first['id']}/{action}")
            assert (again.status_code, again.json()["code"]) == (409, "letter_closed")
            assert "anna" in again.json()["messages"]["en"]
        assert (await at.post(f"/{second['id']}/replay")).json()["result"] == "replayed"
        assert await at.seen() == [(2, "poison")]
        closed = await at.letter(first["id"])
        assert (closed["status"], closed["closed_by"]) == ("discarded", "anna")


async def test_a_letter_whose_consumer_is_gone_can_only_be_discarded(probe: Probe) -> None:
    await send(probe, thing(new_id(), 1, "poison"))
    async with desk(probe, EACH) as at:
        (letter,) = await at.open(1)
    async with desk(probe, COPY) as at:
        assert letter["id"] in {item["id"] for item in await at.open(2)}
        refused = await at.post(f"/{letter['id']}/replay")
        assert (refused.status_code, refused.json()["code"]) == (409, "no_consumer")
        assert results(await at.post("/replay", {"consumer": "each"})) == ["no_consumer"]
        assert results(await at.post("/discard", {"consumer": "each"})) == ["discarded"]


async def test_a_burst_is_listed_counted_and_replayed_in_bounded_batches(probe: Probe) -> None:
    keys = [new_id() for _ in range(30)]
    events = [thing(key, sequence, "poison") for sequence in range(1, 5) for key in keys]
    for event in events:
        await send(probe, event)
    await send(probe, thing(new_id(), 1), value=b"garbage")
    async with desk(probe, EACH) as at:
        await at.open(121)
        counted = (await at.client.get(f"{LETTERS}/counts")).json()
        assert [(row["consumer"], row["reason"], row["letters"]) for row in counted] == [
            ("each", "CheckViolationError", 120),
            ("each", "invalid_data", 1),
        ]
        pages, cursor = [], None
        while True:
            params = {"reason": "CheckViolationError", "limit": 50} | ({"cursor": cursor} if cursor else {})
            page = (await at.client.get(LETTERS, params=params)).json()
            pages.append([item["id"] for item in page["items"]])
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert [len(page) for page in pages] == [50, 50, 20]
        ids = [letter_id for page in pages for letter_id in page]
        assert ids == sorted(set(ids), reverse=True), "newest first, each once"
        await at.mend()
        done, cursor = [], None
        while True:
            answer = await at.post("/replay", {"reason": "CheckViolationError", "limit": 50, "cursor": cursor})
            done.append(results(answer))
            cursor = answer.json()["next_cursor"]
            if cursor is None:
                break
        assert [len(batch) for batch in done] == [50, 50, 20]
        assert {result for batch in done for result in batch} == {"replayed"}
        for key in keys:
            assert [sequence for sequence, _ in await at.seen(key)] == [1, 2, 3, 4]
        (left,) = await at.open(1)
        assert left["reason"] == "invalid_data"

        async def shown() -> None:
            assert (await at.client.get("/readyz")).json()["dead_letters_open"] == 1

        await eventually(shown)


async def test_a_letter_shows_its_bytes_as_text_where_they_are(probe: Probe) -> None:
    event = thing(new_id(), 1)
    odd = [*headers_with(event, "ce_id", None), ("x-raw", b"\xff\x00"), ("x-text", "Bär".encode())]
    await send(probe, event, headers=odd)
    await send(probe, event, value=None, headers=[])
    await send(probe, event, value=b"\xff\xfe", key=b"\xff" * 5000)
    await send(probe, event, value=b'{"a": NaN, "b": [')
    async with desk(probe, EACH) as at:
        first, tombstone, raw, text = [await at.letter(letter["id"]) for letter in await at.open(4)]
        headers = {header["name"]: header["value"] for header in first["headers"]}
        assert headers["ce_id"] is None
        assert headers["x-raw"] == {"encoding": "base64", "data": "/wA=", "size": 2}
        assert headers["x-text"] == {"encoding": "text", "data": "Bär", "size": 4}
        value = encode_value(event)
        assert value is not None
        assert first["value"] == {"encoding": "json", "data": value.decode(), "size": len(value)}
        assert first["key"]["data"] == str(event.key)
        assert tombstone["value"] is None
        assert (raw["key"]["encoding"], raw["key"]["size"]) == ("base64", 5000)
        assert (raw["value"]["encoding"], raw["value_bytes"]) == ("base64", 2)
        assert text["value"]["encoding"] == "text"
        assert (text["trace_id"], text["trace_link"]) == (None, None)


REQUESTS = [
    ("GET", ""),
    ("GET", "/counts"),
    ("GET", "/0199d1a0-5f2e-7c4b-9a53-0d5a7c1b2e3f"),
    ("POST", "/0199d1a0-5f2e-7c4b-9a53-0d5a7c1b2e3f/replay"),
    ("POST", "/0199d1a0-5f2e-7c4b-9a53-0d5a7c1b2e3f/discard"),
    ("POST", "/replay"),
    ("POST", "/discard"),
]


async def test_operators_alone_may_look_and_act(probe: Probe) -> None:
    async with desk(probe, EACH) as at:
        for method, path in REQUESTS:
            body = {"everything": True} if method == "POST" and path.count("/") == 1 else None
            for role, expected in (("office", 403), ("lead", 403), (None, 401)):
                headers = {"authorization": f"Bearer {token(role=role)}" if role else ""}
                answer = await at.client.request(method, f"{LETTERS}{path}", json=body, headers=headers)
                assert answer.status_code == expected, (method, path, role)
                assert answer.headers["content-type"] == "application/problem+json"
            unknown = await at.client.request(method, f"{LETTERS}{path}", json=body)
            assert unknown.status_code == (404 if "0199d1a0" in path else 200), (method, path)


@pytest.mark.parametrize(
    ("body", "code"),
    [({}, "no_selection"), ({"resaon": "x"}, "extra_forbidden"), ({"everything": True, "cursor": "bm8"}, "invalid")],
)
async def test_a_selection_that_says_nothing_selects_nothing(probe: Probe, body: Any, code: str) -> None:
    await send(probe, thing(new_id(), 1, "poison"))
    async with desk(probe, EACH) as at:
        await at.open(1)
        refused = await at.post("/discard", body)
        assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, code)
        await at.open(1)


async def test_closed_letters_are_forgotten_after_their_time_and_open_ones_never(probe: Probe) -> None:
    for key in (open_key := new_id(), new_id(), new_id()):
        await send(probe, thing(key, 1, "poison"))
    async with desk(probe, EACH) as at:
        oldest, recent, gone = await at.open(3)
        assert (await at.post("/discard", {"ids": [recent["id"], gone["id"]]})).status_code == 200
        days = deadletters.KEEP_CLOSED.days
        shift = """update dead_letter set failed_at = now() - make_interval(days => $2), closed_at = case status
                   when 'open' then null else now() - make_interval(days => $2) end where id = $1"""
        await at.sql(shift, UUID(recent["id"]), days - 1)
        await at.sql(shift, UUID(gone["id"]), days + 1)
        await at.sql(shift, UUID(oldest["id"]), 10 * days)

        async def forgotten() -> None:
            assert (await at.client.get(f"{LETTERS}/{gone['id']}")).status_code == 404

        await eventually(forgotten)
        assert (await at.letter(recent["id"]))["status"] == "discarded"
        (left,) = await at.open(1)
        assert (await at.letter(left["id"]))["key"]["data"] == str(open_key)
