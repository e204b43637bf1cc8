"""Each invariant's check finds the violation it is for, and is content with what is sound."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from norda_local.chaos import invariants
from norda_local.chaos.expectations import expected_mails, occasions_told
from norda_local.chaos.invariants import (
    HANDED_OVER_SECONDS,
    STOPPED_SECONDS,
    Committed,
    Copies,
    Expected,
    Mailed,
    Planted,
    Said,
    Subscribed,
    Timing,
)
from norda_local.chaos.ledger import Promise

TOPIC = "hb.registry.organisation.v1"
KEY = "0199d1a0-5f2e-7c4b-9a53-0d5a7c1b2e3f"


def committed(sequence: int, *, topic: str = TOPIC, key: str = KEY, outbox_id: int | None = None) -> Committed:
    kind = "norda.registry.organisation.changed.v1"
    place = outbox_id or sequence
    return Committed(
        "registry", place, topic, key, f"{key}-{sequence}", kind, sequence, b"{}", 0.0, "/hb/registry", "noon", "schema"
    )


def said(event: Committed, offset: int, **changes: Any) -> Said:
    place, envelope = (event.topic, 0, offset), (event.source, event.time, event.data_schema)
    record = Said(*place, event.key, event.event_id, event.sequence, event.type, event.value, *envelope)
    return dataclasses.replace(record, **changes)


EVENTS = [committed(number) for number in (1, 2, 3)]
RECORDS = [said(event, offset) for offset, event in enumerate(EVENTS)]
PROMISES = [Promise("organisation", KEY, number, number, 0.0) for number in (1, 2, 3)]
STORED = {("organisation", KEY): (3, 3)}


def test_promises_are_kept_by_what_is_stored_and_sent() -> None:
    assert invariants.promises_kept(PROMISES, STORED, RECORDS) == []


@pytest.mark.parametrize(
    ("stored", "records", "told"),
    [
        ({}, RECORDS, "0 is stored"),
        ({("organisation", KEY): (2, 2)}, RECORDS, "version 3 was promised, 2 is stored"),
        (STORED, RECORDS[:2], "event 3 was promised and is on no topic"),
    ],
)
def test_a_promise_that_is_not_kept_is_found(
    stored: dict[tuple[str, str], tuple[int, int]], records: list[Said], told: str
) -> None:
    found = invariants.promises_kept(PROMISES, stored, records)
    assert any(told in violation for violation in found), found


def test_a_draft_needs_no_event() -> None:
    draft = Promise("event", KEY, 1, 0, 0.0)
    assert invariants.promises_kept([draft], {("event", KEY): (1, 0)}, []) == []


def test_a_committed_event_that_was_never_sent_is_found() -> None:
    assert invariants.committed_is_said(EVENTS, RECORDS) == []
    (missing,) = invariants.committed_is_said(EVENTS, RECORDS[:2])
    assert "event 3" in missing
    (other,) = invariants.committed_is_said(EVENTS, [*RECORDS[:2], said(EVENTS[2], 2, value=b'{"other": 1}')])
    assert "another content" in other


@pytest.mark.parametrize(
    "change", [{"value": b""}, {"source": "/ni/registry"}, {"time": "midnight"}, {"data_schema": "other"}], ids=str
)
def test_what_was_sent_otherwise_than_committed_is_found(change: dict[str, Any]) -> None:
    tombstone = dataclasses.replace(EVENTS[0], value=None)
    assert invariants.committed_is_said([tombstone], [said(tombstone, 0)]) == []
    (found,) = invariants.committed_is_said([tombstone], [said(tombstone, 0, **change)])
    assert "another content" in found
    (found,) = invariants.in_order([said(tombstone, 0), said(tombstone, 1, **change)], [tombstone], planted=())
    assert "came again with another content" in found


def test_exact_redeliveries_are_in_order() -> None:
    again = [*RECORDS, said(EVENTS[1], 3), said(EVENTS[2], 4)]
    assert invariants.in_order(again, EVENTS, planted=()) == []


@pytest.mark.parametrize(
    ("records", "told"),
    [
        ([RECORDS[0], RECORDS[2], RECORDS[1]], "came after 3, as a new event"),
        ([RECORDS[0], RECORDS[2]], "sequences [1, 3] on the topic, [1, 2, 3] were committed"),
        ([*RECORDS, said(EVENTS[1], 3, value=b"[]")], "came again with another content"),
        ([*RECORDS, said(EVENTS[2], 3, event_id="another")], "sequence 3 came after 3, as a new event"),
        ([*RECORDS[:2], said(EVENTS[2], 0, partition=1)], "is on partitions [0, 1]"),
        ([], "sequences [] on the topic"),
    ],
)
def test_what_is_out_of_order_is_found(records: list[Said], told: str) -> None:
    found = invariants.in_order(records, EVENTS, planted=())
    assert any(told in violation for violation in found), found


def test_after_a_relocation_sequences_go_on_where_they_were() -> None:
    other = TOPIC.replace("hb", "ni")
    moved = [committed(3, topic=other, outbox_id=4), committed(4, topic=other, outbox_id=5)]
    records = [*RECORDS, *(said(event, offset) for offset, event in enumerate(moved))]
    assert invariants.in_order(records, [*EVENTS, *moved], planted=()) == []


def test_what_did_not_commit_is_found_but_for_what_was_planted() -> None:
    ghost = said(committed(9), 3)
    assert invariants.only_committed(RECORDS, EVENTS, planted=()) == []
    (found,) = invariants.only_committed([*RECORDS, ghost], EVENTS, planted=())
    assert "was not committed" in found
    assert invariants.only_committed([*RECORDS, ghost], EVENTS, planted=[ghost.place]) == []


@pytest.mark.parametrize(
    "copy", [{}, {"a": (1, "old")}, {"a": (2, "new"), "b": (1, "nobody's")}], ids=["missing", "older", "surplus"]
)
def test_a_read_model_that_differs_is_found(copy: dict[str, tuple[Any, ...]]) -> None:
    source = {"a": (2, "new")}
    assert invariants.copies_equal([Copies("directory", source, source)]) == []
    assert len(invariants.copies_equal([Copies("directory", copy, source)])) == 1


A = "a@ex.example"
EXPECTED = Expected(must={A: frozenset({"published:1", "cancelled:1"})}, may={A: frozenset({"changed:1"})})
ABOUT = {"1": "published:1", "2": "cancelled:1", "3": "changed:1", "4": "published:2", "5": "published:1"}


def told(deliveries: str) -> list[str]:
    """What is wrong when A got a mail of each of these deliveries."""
    mails = [Mailed(A, f"<{delivery}@norda.example>", "") for delivery in deliveries]
    return invariants.told_once(EXPECTED, mails, occasions=ABOUT)


@pytest.mark.parametrize("deliveries", ["12", "123"], ids=["what must be", "and what may be"])
def test_who_was_told_once_was_told_right(deliveries: str) -> None:
    assert told(deliveries) == []


@pytest.mark.parametrize(
    ("deliveries", "violations"),
    [
        ("", [f"{A} was not told of cancelled:1", f"{A} was not told of published:1"]),
        ("13", [f"{A} was not told of cancelled:1"]),
        ("15", [f"{A} was not told of cancelled:1", f"{A} was told of published:1 by 2 mails"]),
        ("124", [f"{A} was told of published:2, and is not to be"]),
        ("126", [f"{A} got <6@norda.example> (''), which tells of nothing that happened"]),
        ("1211", [f"<1@norda.example> went to {A} again, and nothing was killed in its send"] * 2),
    ],
    ids=["nothing", "what may be for what must", "twice of one for two", "not theirs", "of nothing", "again"],
)
def test_who_was_not_told_or_twice_is_found(deliveries: str, violations: list[str]) -> None:
    assert sorted(told(deliveries)) == sorted(violations)


def test_a_kill_in_the_send_excuses_one_copy_of_one_mail() -> None:
    expected = Expected(must={f"{number}@ex.example": frozenset({"x"}) for number in range(3)}, may={})
    sent = [(0, 100.0), (0, 130.0), (1, 101.0), (1, 131.0), (2, 140.0)]
    twice = [Mailed(f"{number}@ex.example", f"<{number}>", "", at) for number, at in sent]

    def violations(mails: list[Mailed], *kills: float) -> list[str]:
        return invariants.told_once(expected, mails, occasions=dict.fromkeys("012", "x"), disturbances=kills)

    assert violations(twice, 101.5, 101.5) == []
    assert len(violations(twice, 101.5)) == 1
    assert len(violations(twice, 160.0, 160.0)) == 2, "the kills were long after"
    third = Mailed("0@ex.example", "<0>", "", 150.0)
    assert len(violations([*twice, third], 101.5, 101.5)) == 1, "and a third copy"


def test_a_mail_tells_of_what_the_event_said_that_its_notice_was_caused_by() -> None:
    events = [of_event("cancelled", 2), dataclasses.replace(committed(2), type="norda.registry.organisation.erased.v1")]
    cause = (events[0].source, events[0].event_id)
    caused = {"1": ("event_cancelled", *cause), "2": ("event_published", *cause), "3": ("event_cancelled", "", "none")}
    assert occasions_told(events, caused) == {"1": f"cancelled:{KEY}"}


def test_a_stall_that_shows_late_or_never_is_found() -> None:
    assert invariants.stalls_shown([Planted("a relay", 9.9, 9.9)]) == []
    assert len(invariants.stalls_shown([Planted("a relay", 10.2, 10.2), Planted("a relay", None, 14)])) == 2


def test_what_takes_longer_than_it_may_is_found() -> None:
    kept = [Timing("registry: relay handed over", 2.9, HANDED_OVER_SECONDS), Timing("stopped", 9.9, STOPPED_SECONDS)]
    assert invariants.in_time(kept) == []
    late = [dataclasses.replace(timing, seconds=timing.limit + 0.1) for timing in kept]
    assert invariants.in_time(late) == [
        "registry: relay handed over: 3.1 s, allowed are 3",
        "stopped: 10.1 s, allowed are 10",
    ]


REPLICAS = ("registry-1", "registry-2")


@pytest.mark.parametrize(
    ("phases", "told"),
    [
        ([(30, 25), (90, 0)], []),
        ([(100, 4)], ["registry: one replica handled 4% of the records in calm times, at most"]),
        ([(100, 0), (0, 100)], ["registry: one replica handled 0% of the records in calm times, at most"]),
        ([(10, 0)], []),
    ],
    ids=["shared", "hardly", "one after the other", "too few to tell"],
)
def test_partitions_that_are_not_shared_are_found(phases: list[tuple[int, int]], told: list[str]) -> None:
    counts = [dict(zip(REPLICAS, phase, strict=True)) for phase in phases]
    assert invariants.shared(counts, REPLICAS) == told


def test_junk_that_is_not_kept_once_is_found() -> None:
    place = (TOPIC, 0, 7)
    assert invariants.buried_once({place: ("registry",)}, {"registry": {place: 1}, "events": {}}) == []
    for letters in ({}, {place: 2}, {place: 1, (TOPIC, 0, 8): 1}):
        assert len(invariants.buried_once({place: ("registry",)}, {"registry": letters})) == 1


def of_event(change: str, sequence: int, *, at: float = 1_000.0, topic: str = "event", **data: Any) -> Committed:
    event = {
        "event_id": KEY,
        "responsible_state": "hb",
        "hosts": [{"kind": "state", "state": "hb"}],
        "competences": ["BAT-02"],
        "changed_at": "2026-11-24T10:00:00Z",
    }
    value = json.dumps({**event, **data}).encode()
    name = f"hb.events.{topic}.v1" if topic == "event" else f"internal.hb.events.{topic}.v1"
    kind = f"norda.events.{topic}.{change}.v1"
    return Committed("events", sequence, name, KEY, f"{change}-{sequence}", kind, sequence, value, at, "/hb/events")


def subscribed(kind: str, value: str, *, at: float = 0.0, address: str = "a@ex.example") -> Subscribed:
    return Subscribed(f"{kind}-{value}-{address}", address, kind, value, at)


def mails_for(events: list[Committed], *subscriptions: Subscribed) -> Expected:
    return expected_mails(events, subscriptions, offices={"hb": "office@hb.example"}, settled=())


def test_a_subscriber_by_several_topics_is_told_of_an_occasion_once() -> None:
    found = mails_for([of_event("published", 1)], subscribed("state", "hb"), subscribed("competence", "BAT"))
    assert found.must == {"a@ex.example": {f"published:{KEY}"}}
    assert mails_for([of_event("published", 1)], subscribed("state", "ni")).must == {}


def test_who_subscribed_about_then_may_be_told_and_who_came_later_must_not() -> None:
    soon, later = subscribed("state", "hb", at=1_010.0), subscribed("state", "hb", at=1_100.0, address="b@ex.example")
    found = mails_for([of_event("published", 1)], soon, later)
    assert (set(found.must), set(found.may)) == (set(), {"a@ex.example"})


def test_a_participant_and_subscriber_is_told_of_a_cancellation_once() -> None:
    event = json.loads(of_event("cancelled", 2).value or b"")
    person = {"participant": {"email": "A@ex.example"}, "event": event}
    events = [of_event("cancelled", 2), of_event("event_cancelled", 2, topic="participation", **person)]
    assert mails_for(events, subscribed("event", KEY)).must == {"a@ex.example": {f"cancelled:{KEY}"}}


def test_both_offices_are_told_of_a_move() -> None:
    moved = [
        dataclasses.replace(committed(2, topic=topic), type="norda.registry.organisation.seat_relocated.v1")
        for topic in (TOPIC, TOPIC.replace("hb", "ni"))
    ]
    found = expected_mails(moved, [], offices={"hb": "a@ex.example", "ni": "b@ex.example"}, settled=())
    assert set(found.must) == {"a@ex.example", "b@ex.example"}


def test_the_receiving_office_is_told_of_an_offer() -> None:
    value = json.loads(committed(2, topic=TOPIC).value or b"{}") | {"handover": {"to_state": "ni"}}
    offered = dataclasses.replace(
        committed(2, topic=TOPIC),
        type="norda.registry.organisation.relocation_offered.v1",
        value=json.dumps(value).encode(),
    )
    found = expected_mails([offered], [], offices={"hb": "a@ex.example", "ni": "b@ex.example"}, settled=())
    assert set(found.must) == {"b@ex.example"}
