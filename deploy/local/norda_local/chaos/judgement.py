"""The end of a run: wait until all has settled, collect everything, and judge it by every invariant."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from dataclasses import dataclass

from norda_common.contracts import events, notifications, registry
from norda_common.contracts.topics import names_of
from norda_common.states import ALL_STATES

from norda_local.chaos import invariants
from norda_local.chaos.cluster import MAIL_SECONDS
from norda_local.chaos.expectations import expected_mails, occasions_told
from norda_local.chaos.field import Field
from norda_local.services import SERVICES

TOPICS = names_of((*registry.TOPICS, *events.TOPICS, *notifications.TOPICS), ALL_STATES)
GIVE_UP_SECONDS = 90.0
"""How long read models are looked at: whether they come late or never is another fault."""
SETTLE_SECONDS = 3 * MAIL_SECONDS + 60.0
"""Without any mail: those that a killed worker held, and those that were put off, have come by then."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One invariant: over how much it was checked, and its violations."""

    invariant: str
    checked: int
    violations: list[str]


async def catch_up(field: Field) -> float:
    """Wait until the read models equal their sources; returns how long that took, and notes it."""
    began = time.monotonic()
    while True:
        differences = invariants.copies_equal(await field.witness.copies())
        took = time.monotonic() - began
        if not differences or took > GIVE_UP_SECONDS:
            break
        await asyncio.sleep(0.2)
    field.timed("read models equal their sources after faults", took, limit=invariants.CAUGHT_UP_SECONDS)
    field.findings += differences
    return took


async def judge(field: Field, *, settled: Collection[str]) -> list[Verdict]:
    """Every invariant's verdict; `settled` are the subscriptions from before the first event."""
    witness, told = field.witness, await _told_at_last(field, settled=settled)
    committed, said = await witness.committed(), await witness.said(TOPICS)
    stored, copies, mails = await witness.stored(), await witness.copies(), await witness.mails()
    first: dict[str, float] = {}
    for mail in mails:
        first.setdefault(mail.message_id, mail.at)
    for mail in invariants.repeated(mails):
        before = first[mail.message_id]
        field.history.note(
            "repeated", mail=mail.message_id, first_at_unix=before, at_unix=mail.at, subject=mail.subject
        )
    field.figure("mails sent again after a kill in the send", float(len(invariants.repeated(mails))))
    letters = {service: await witness.dead_letters(service) for service in SERVICES}
    promises, junk = field.ledger.promises, field.junk
    ghosts = {record.event_id for record in said} & set(field.ghosts)
    return [
        Verdict(
            "commands answered 2xx are stored and sent",
            len(promises),
            [*invariants.promises_kept(promises, stored, said), *invariants.committed_is_said(committed, said)],
        ),
        Verdict("order per key, no gap", len(said), invariants.in_order(said, committed, planted=junk)),
        Verdict(
            "nothing that did not commit",
            len(said) + len(field.ghosts),
            [
                *invariants.only_committed(said, committed, planted=junk),
                *(f"ghost {event} was sent" for event in ghosts),
            ],
        ),
        Verdict(
            "read models equal their sources", sum(len(item.source) for item in copies), invariants.copies_equal(copies)
        ),
        Verdict("each notice once per recipient", len(mails), told),
        Verdict("stalls are seen within 10 s", len(field.planted), invariants.stalls_shown(field.planted)),
        Verdict("what cannot be read is kept, once", len(junk), invariants.buried_once(junk, letters)),
        Verdict(
            "answers are success, 503 or none",
            field.ledger.counts.total(),
            invariants.bounded([*field.ledger.improper, *field.watch.odd]),
        ),
        Verdict("hand-over, stop and catching up in time", len(field.timings), invariants.in_time(field.timings)),
        Verdict("both replicas take part", len(field.watch.most_handled), _idle(field)),
        Verdict("what faults saw themselves", field.injected.total(), field.findings),
    ]


async def _told_at_last(field: Field, *, settled: Collection[str]) -> list[str]:
    """What is wrong with the notices when all have come and nothing waits any more, or when none has come for long."""
    began = moved = time.monotonic()
    arrived = 0
    while True:
        waiting = await field.witness.unsent() + await field.witness.unsettled()
        violations = await _told(field, settled=settled)
        mails, now = len(await field.witness.mails()), time.monotonic()
        if mails > arrived:
            arrived, moved = mails, now
        if (not waiting and not violations) or now - moved > SETTLE_SECONDS:
            field.figure("last mail arrived after faults, s", moved - began)
            return violations
        await asyncio.sleep(2)


async def _told(field: Field, *, settled: Collection[str]) -> list[str]:
    witness = field.witness
    # First the mails: what is read after them knows what they tell of.
    mails, caused = await witness.mails(), await witness.caused()
    committed, subscriptions, offices = (
        await witness.committed(),
        await witness.subscriptions(),
        await witness.offices(),
    )

    def compare() -> list[str]:
        expected = expected_mails(committed, subscriptions, offices=offices, settled=settled)
        occasions = occasions_told(committed, caused)
        return invariants.told_once(expected, mails, occasions=occasions, disturbances=field.disturbances)

    # The proxies run in this thread's loop: while it reckons, no mail would get through.
    return await asyncio.to_thread(compare)


def _idle(field: Field) -> list[str]:
    """Replicas that never handled a record, or next to none while all was calm: partitions were not shared."""
    handled, replicas = field.watch.most_handled, field.cluster.replicas
    never = [f"{name} never handled a record" for name in replicas if not _sum(handled, name)]
    return [*never, *invariants.shared(field.watch.calm_phases, replicas)]


def _sum(handled: dict[tuple[str, str], int], replica: str) -> int:
    return sum(number for (name, _), number in handled.items() if name == replica)
