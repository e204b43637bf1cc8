"""Answers to an offered relocation: accepting, refusing, taking it back; and what other instances answered.

Where one instance serves both states, the losing state's row is locked, changed and published on both topics. Where
each state has its own, the receiving one answers what it read on the topic, and the losing one follows the answer on
the receiving state's topic. Effects happen once: an offer has one answer in the receiving database, and the losing one
acts only on a row whose offer is open and whose version is older (docs/decisions/0090-offer-and-acceptance.md).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from norda_common import audit, outbox
from norda_common.auth import Caller
from norda_common.contracts.envelope import Received
from norda_common.contracts.registry import Handover, Organisation
from norda_common.database import Connection
from norda_common.errors import Conflict
from norda_common.states import State

from ..rules.figures import newest
from ..rules.findings import Findings
from ..rules.handovers import ANSWERED_LATER_BY, asks_to_let_go, offered_to, open_offer
from ..rules.identity import Told
from ..rules.profile import current_entry
from ..rules.rights import TAKE_OVER
from ..rules.size_class import Figures
from ..store import figures as dated_figures
from ..store import handovers, mergers, organisations, searches
from ..store.handovers import ACCEPTED, LET_GO, REFUSED, Answer
from ..store.organisations import Stored
from .commands import AcceptRelocation, RefuseRelocation
from .links import end_links_of
from .organisations import local_day
from .recording import ITEM, Outcome, event_of, lock_own, no_such_organisation, record, require_version
from .relocation import checked_entry, moved
from .sizing import resize


async def accept_relocation(
    connection: Connection,
    organisation_id: UUID,
    command: AcceptRelocation,
    *,
    caller: Caller,
    served: Collection[State],
    now: datetime,
    expected_version: int | None = None,
) -> Outcome:
    """Take over what is offered to the caller's office, which is responsible from then on. Idempotent.

    The seat and the register entry are those of the offer, or of the command. Published as `seat_relocated`, on both
    states' topics where this instance serves both. Raises NotFound, Forbidden, StaleVersion, InvalidInput and Conflict:
    nothing is offered, it was answered or taken back, a number is taken.
    """
    state = caller.require_served(TAKE_OVER, served)
    offered, own = await _offered(connection, organisation_id, state)
    if offered is None:
        kept = await organisations.get(connection, organisation_id)
        if kept is not None and _came_to(kept.organisation, state):
            return Outcome(kept, changed=False)
        raise _not_offered()
    require_version(offered, expected_version)
    old = State(offered.organisation.responsible_state)
    findings = Findings()
    organisation = _taken(offered.organisation, command, state=state, old=old, now=now, findings=findings)
    if not own:
        await _answer(connection, offered, ACCEPTED, caller=caller, state=state, now=now)
    stored = await record(
        connection,
        organisation,
        before=offered,
        change="seat_relocated",
        action="organisation.accept_relocation",
        caller=caller,
        now=now,
        figures=offered.figures,
        old_state=old if own else None,
        taken_over=not own,
    )
    if not own and (dated := (await dated_figures.of(connection, [organisation_id])).get(organisation_id)):
        # It has been here before: what its office entered then is known again.
        stored = replace(stored, figures=newest(dated))
        await organisations.set_figures(connection, organisation_id, stored.figures)
    return Outcome(stored, warnings=findings.warnings)


async def refuse_relocation(
    connection: Connection,
    organisation_id: UUID,
    command: RefuseRelocation,
    *,
    caller: Caller,
    served: Collection[State],
    now: datetime,
    expected_version: int | None = None,
) -> Outcome:
    """Do not take it over, and say why; it stays with the office that offered it.

    Raises NotFound, Forbidden, StaleVersion and Conflict (nothing is offered, it was answered or taken back).
    """
    state = caller.require_served(TAKE_OVER, served)
    offered, own = await _offered(connection, organisation_id, state)
    offer = open_offer(offered.organisation) if offered else None
    if offered is None or offer is None:
        raise _not_offered()
    require_version(offered, expected_version)
    refused = offered.organisation.model_copy(
        update={"handover": offer.model_copy(update={"refused_at": now, "refusal": command.reason})}
    )
    action = "organisation.refuse_relocation"
    if own:
        stored = await record(
            connection,
            refused,
            before=offered,
            change="relocation_withdrawn",
            action=action,
            caller=caller,
            now=now,
            figures=offered.figures,
        )
        return Outcome(stored)
    await _answer(connection, offered, REFUSED, caller=caller, state=state, now=now)
    said = await _say(connection, refused, state=state, version=offered.version + ANSWERED_LATER_BY, now=now)
    await audit.record(connection, caller, _entry(action, said, before=offered))
    return Outcome(said)


async def withdraw_relocation(
    connection: Connection,
    organisation_id: UUID,
    *,
    caller: Caller,
    served: Collection[State],
    now: datetime,
    expected_version: int | None = None,
) -> Outcome:
    """Take the offer back, or put a refused one away. Idempotent.

    Where another instance serves the other state it may have accepted already: the offer is over when that instance has
    said so. Raises NotFound, Forbidden, Conflict and StaleVersion.
    """
    before = await lock_own(
        connection,
        organisation_id,
        caller=caller,
        served=served,
        expected_version=expected_version,
        while_offered=True,
    )
    offer = before.organisation.handover
    if offer is None or (offer.withdrawn_at is not None and offer.refused_at is None):
        return Outcome(before, changed=False)
    at_once = offer.refused_at is not None or offer.to_state in set(served)
    handover = None if at_once else offer.model_copy(update={"withdrawn_at": now})
    stored = await record(
        connection,
        before.organisation.model_copy(update={"handover": handover}),
        before=before,
        change="relocation_withdrawn",
        action="organisation.withdraw_relocation",
        caller=caller,
        now=now,
        figures=before.figures,
    )
    if at_once and await resize(connection, organisation_id, caller=caller, served=served, now=now):
        # What became of linked enterprises meanwhile counts from now on.
        stored = await organisations.get(connection, organisation_id) or stored
    return Outcome(stored)


async def follow_answers(
    connection: Connection, records: Sequence[Received], *, served: Collection[State], now: datetime
) -> None:
    """Act on what other instances say of offers, for the service itself; again it changes nothing.

    An organisation that was accepted leaves this database; one that was refused, or whose offer is over, stays. Offers
    to this instance's states that were taken back are let go, unless they were answered before.
    """
    foreign = [record for record in records if record.state not in served and isinstance(record.data, Organisation)]
    if not foreign:
        return
    away = await handovers.offered_away(connection, {record.key for record in foreign})
    for record_ in foreign:
        if record_.key in away:
            await _follow_answer(connection, record_, served=served, now=now)
        if asks_to_let_go(_organisation(record_), served):
            await _let_go(connection, record_, now=now)


async def _follow_answer(connection: Connection, said: Received, *, served: Collection[State], now: datetime) -> None:
    own = await handovers.lock_offered(connection, said.key, said.state)
    if own is None or own.version >= said.sequence:
        return
    organisation, old = _organisation(said), State(own.organisation.responsible_state)
    if old not in served:
        return
    if organisation.responsible_state == said.state:
        after = Stored(organisation, said.sequence, Figures())
        change, action = "seat_relocated", "organisation.let_go"
        await _leave(connection, after, said, now=now)
    elif organisation.responsible_state == old and open_offer(organisation) is None:
        fields = {"handover": organisation.handover, "changed_at": organisation.changed_at}
        after = Stored(own.organisation.model_copy(update=fields), said.sequence, Figures())
        change, action = "relocation_withdrawn", "organisation.offer_answered"
        await handovers.settle(connection, after, changed_by=_speaker(said))
    else:
        return
    await outbox.append(connection, event_of(after, change=change, state=old))
    await audit.record(connection, _speaking(said), _entry(action, after, before=own))


async def _leave(connection: Connection, after: Stored, said: Received, *, now: datetime) -> None:
    """Let the row go, with the numbers, present figures, decided codes and the contact address that hang on it.

    What the office did stays: versions, dated figures, notes, contact persons, answers to its links, mergers that were
    done. What it had begun ends: an open link, and mergers that are only proposed.
    """
    key = after.organisation.organisation_id
    await end_links_of(connection, [key], now=now)
    for merger in await mergers.drop_proposals(connection, key):
        entry = audit.Entry(
            "organisation.withdraw_merger", ITEM, str(merger.merged_id), after={"into": str(merger.kept_id)}
        )
        await audit.record(connection, _speaking(said), entry)
    await handovers.let_go(connection, after, changed_by=_speaker(said))


async def _let_go(connection: Connection, said: Received, *, now: datetime) -> None:
    """Say that an offer which was taken back is over: it was not accepted, and cannot be any more."""
    organisation = _organisation(said)
    known = await searches.get(connection, said.key)
    if known is not None and known.sequence > said.sequence:
        return
    offer = organisation.handover
    assert offer is not None  # noqa: S101 - asked by the caller
    version = said.sequence + 1
    answer = Answer(
        organisation_id=said.key,
        offered_at=offer.offered_at,
        to_state=State(offer.to_state),
        answer=LET_GO,
        version=version,
        answered_at=now,
        answered_by=_speaker(said),
    )
    if await handovers.add_answer(connection, answer):
        over = organisation.model_copy(update={"handover": None})
        await _say(connection, over, state=State(offer.to_state), version=version, now=now)


async def _offered(connection: Connection, organisation_id: UUID, state: State) -> tuple[Stored | None, bool]:
    """What is offered to this state's office, and whether its row is here and locked. Raises NotFound."""
    own = await handovers.lock_offered(connection, organisation_id, state)
    if own is not None:
        return (own, True) if offered_to(own.organisation, state) else (None, True)
    if await organisations.get(connection, organisation_id) is not None:
        return None, True
    entry = await searches.get(connection, organisation_id)
    if entry is None:
        raise no_such_organisation()
    if offered_to(entry.organisation, state) is None:
        return None, False
    return Stored(entry.organisation, entry.sequence, Figures()), False


def _came_to(organisation: Organisation, state: State) -> bool:
    """Whether the state has it by a relocation, and offers it to nobody: accepting it again is no mistake."""
    return (
        organisation.responsible_state == state
        and organisation.previous_state is not None
        and open_offer(organisation) is None
    )


def _taken(
    organisation: Organisation,
    command: AcceptRelocation,
    *,
    state: State,
    old: State,
    now: datetime,
    findings: Findings,
) -> Organisation:
    offer = open_offer(organisation)
    assert offer is not None  # noqa: S101 - chosen by the caller
    entry = checked_entry(command.register_entry, findings) if command.register_entry else offer.register_entry
    if entry is None and current_entry(organisation) is not None:
        if not findings.errors:
            findings.refuse(
                "register_entry",
                "missing",
                "fehlt: in einem anderen Land führt ein anderes Gericht das Register",
                "is missing: another court keeps the register in another state",
            )
        findings.raise_errors()
    told = Told(on=command.date or offer.moves_on, source=command.source)
    seat = command.seat.entered() if command.seat else offer.seat
    after = moved(organisation, {"seat": seat}, entry, told, today=local_day(now), findings=findings)
    return after.model_copy(update={"responsible_state": state.value, "previous_state": old.value, "handover": None})


async def _answer(
    connection: Connection, offered: Stored, answer: str, *, caller: Caller, state: State, now: datetime
) -> None:
    """Keep the one answer that an offer of another instance gets. Raises Conflict when it has one."""
    offer = _offer_of(offered.organisation)
    kept = Answer(
        organisation_id=offered.organisation.organisation_id,
        offered_at=offer.offered_at,
        to_state=state,
        answer=answer,
        version=offered.version + ANSWERED_LATER_BY,
        answered_at=now,
        answered_by=caller.subject,
    )
    if not await handovers.add_answer(connection, kept):
        raise _not_offered()


def _offer_of(organisation: Organisation) -> Handover:
    assert organisation.handover is not None  # noqa: S101 - chosen by the caller
    return organisation.handover


async def _say(
    connection: Connection, organisation: Organisation, *, state: State, version: int, now: datetime
) -> Stored:
    """Say on the receiving state's topic that the offer is over; the losing instance follows with the same sequence."""
    said = Stored(organisation.model_copy(update={"changed_at": now}), version, Figures())
    await outbox.append(connection, event_of(said, change="relocation_withdrawn", state=state))
    return said


def _organisation(said: Received) -> Organisation:
    if not isinstance(said.data, Organisation):
        raise TypeError(f"{said.topic.identity} tells of no organisation")
    return said.data


def _entry(action: str, after: Stored, *, before: Stored) -> audit.Entry:
    """The audit log's entry for an answer: which offer it was, and what became of it."""
    return audit.Entry(action, ITEM, str(after.organisation.organisation_id), _handed(before), _handed(after))


def _handed(stored: Stored) -> dict[str, Any]:
    document = stored.organisation.model_dump(mode="json", exclude_none=True, include={"responsible_state", "handover"})
    return document | {"version": stored.version}


SPEAKER = "instance:"
"""How a history calls the office of another instance, which does not tell who acted: `instance:ni`."""


def _speaker(said: Received) -> str:
    return f"{SPEAKER}{said.state.value}"


def _speaking(said: Received) -> Caller:
    return Caller(subject=_speaker(said), name="", roles=frozenset(), state=said.state)


def _not_offered() -> Conflict:
    return Conflict(
        "Diese Organisation wird Ihrer Stelle nicht (mehr) angeboten.",
        "This organisation is not (or no longer) offered to your office.",
        code="not_offered",
    )
