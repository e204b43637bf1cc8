"""Yearly confirmation: an organisation's contact gets a link, sees what is public, confirms it or proposes corrections.

The link is used once and for sixty days. Whoever answers by it acts for the office that sent it, in these use cases and
nowhere else (docs/decisions/0095-confirmation-by-link.md). The address goes out on the private topic alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from norda_common import audit, outbox
from norda_common.addresses import address_key
from norda_common.auth import Caller
from norda_common.contracts.registry import CONFIRMATION, Confirmation, Organisation
from norda_common.database import Connection
from norda_common.errors import Conflict, NotFound, StaleVersion
from norda_common.identifiers import new_id
from norda_common.rights import Role
from norda_common.states import State

from ..rules import signed_links
from ..rules.corrections import CORRECTABLE, REMARK, corrected, values_of
from ..rules.findings import Findings
from ..rules.profile import ACTIVE
from ..rules.rights import CHANGE
from ..rules.size_class import Figures
from ..store import confirmations, organisations, profiles, searches
from ..store.confirmations import Confirmation as Sent
from ..store.organisations import Stored
from .links import MOST_AT_ONCE, end_links_of, withdrawn
from .profile_commands import Correction, DecideCorrection
from .profiles import store_change
from .recording import ITEM, Outcome, lock_own, no_such_organisation

VALID_FOR = timedelta(days=60)
YEAR = timedelta(days=365)
PURPOSE = "confirmation"
SUBJECT = "confirmation"
"""How the subject begins of who answered by a link; its id follows."""
_DECIDE = "organisation.decide_correction"


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """How links are made: the address they begin with, and the key that signs them."""

    base_url: str
    key: bytes

    def to(self, confirmation_id: UUID, *, expires_at: datetime) -> str:
        """The whole link."""
        token = signed_links.sign(confirmation_id, expires_at=expires_at, purpose=PURPOSE, key=self.key)
        return f"{self.base_url}/registry/confirm/{token}"


@dataclass(frozen=True, slots=True)
class Opened:
    """A link that holds, and the organisation it shows."""

    sent: Sent
    stored: Stored


async def send_confirmation(
    connection: Connection,
    organisation_id: UUID,
    *,
    links: Links,
    caller: Caller,
    served: Collection[State],
    now: datetime,
) -> datetime:
    """Send an organisation's contact a link; an older one ends by it. The instant until which it holds.

    Raises NotFound, Forbidden and Conflict (`deactivated`, `no_contact`).
    """
    before = await lock_own(connection, organisation_id, caller=caller, served=served, expected_version=None)
    if before.organisation.status != ACTIVE:
        raise Conflict("Die Organisation ist nicht aktiv.", "The organisation is not active.", code="deactivated")
    email = (await organisations.contacts(connection, [organisation_id])).get(organisation_id)
    if email is None:
        raise Conflict(
            "Zu dieser Organisation ist keine Kontaktadresse eingetragen.",
            "There is no contact address for this organisation.",
            code="no_contact",
        )
    state = State(before.organisation.responsible_state)
    return await send_links(
        connection,
        [(organisation_id, before.organisation.legal_name, email)],
        state=state,
        links=links,
        caller=caller,
        now=now,
    )


async def send_due(
    connection: Connection,
    *,
    links: Links,
    caller: Caller,
    served: Collection[State],
    now: datetime,
    limit: int = MOST_AT_ONCE,
) -> int:
    """Send links to organisations that have not confirmed for a year, at most so many; how many were sent.

    Who has an open link gets no other: doing it again sends nothing twice. Raises Forbidden and Conflict.
    """
    state = caller.require_served(CHANGE, served)
    due = await profiles.due(connection, state, confirmed_before=now - YEAR, limit=limit)
    if due:
        await send_links(connection, due, state=state, links=links, caller=caller, now=now)
    return len(due)


async def open_link(connection: Connection, token: str, *, key: bytes, now: datetime) -> Opened:
    """What a link shows. For whoever holds it, so it runs for the service itself.

    Raises NotFound for what nobody signed, in the same words as for what was used or has expired.
    """
    signed = signed_links.read(token, purpose=PURPOSE, key=key)
    sent = await confirmations.get(connection, signed.id) if signed else None
    if sent is None or not sent.is_open(now):
        raise no_such_link()
    stored = await organisations.get(connection, sent.organisation_id)
    if stored is None or stored.organisation.status != ACTIVE or stored.organisation.responsible_state != sent.state:
        raise no_such_link()
    return Opened(sent, stored)


async def confirm(connection: Connection, confirmation_id: UUID, *, version: int, state: State, now: datetime) -> None:
    """The organisation says that all is right, as it was in that version. Uses the link up.

    Raises NotFound (used meanwhile), StaleVersion and Conflict.
    """
    sent, caller = await _lock_open(connection, confirmation_id, state=state, now=now)
    before = await _shown(connection, sent, caller=caller, version=version)
    await store_change(
        connection,
        before,
        {"confirmed_at": now},
        Findings(),
        action="organisation.confirm",
        caller=caller,
        now=now,
        change="confirmed",
    )
    await confirmations.answer(connection, sent.id, answer="confirmed", now=now)
    await outbox.append(connection, withdrawn(sent.id, sent.state, now=now))


async def propose(
    connection: Connection, confirmation_id: UUID, command: Correction, *, version: int, state: State, now: datetime
) -> None:
    """The organisation proposes corrections, which change nothing until its office takes them over. Uses the link up.

    Raises NotFound, StaleVersion, Conflict and InvalidInput, also when nothing differs from what is stored.
    """
    sent, caller = await _lock_open(connection, confirmation_id, state=state, now=now)
    before = await _shown(connection, sent, caller=caller, version=version)
    findings = Findings()
    organisation = corrected(before.organisation, command.given(), findings)
    stored, proposed = values_of(before.organisation), values_of(organisation)
    differing = [name for name in CORRECTABLE if stored[name] != proposed[name]]
    if not findings.errors and not differing and not command.remark:
        findings.refuse(
            "",
            "nothing_proposed",
            "Es ist nichts geändert; wenn alles stimmt, bestätigen Sie es bitte.",
            "Nothing was changed; if all is right, please confirm it.",
        )
    findings.raise_errors()
    proposal = {name: proposed[name] for name in differing} | ({REMARK: command.remark} if command.remark else {})
    await confirmations.answer(
        connection,
        sent.id,
        answer="proposed",
        now=now,
        shown={name: stored[name] for name in differing},
        proposal=proposal,
    )
    await audit.record(
        connection,
        caller,
        audit.Entry("organisation.propose", ITEM, str(sent.organisation_id), after={"touched": sorted(proposal)}),
    )
    await outbox.append(connection, withdrawn(sent.id, sent.state, now=now))


async def decide(
    connection: Connection,
    confirmation_id: UUID,
    command: DecideCorrection,
    *,
    caller: Caller,
    served: Collection[State],
    now: datetime,
    expected_version: int | None = None,
) -> Outcome:
    """Take over the chosen fields of a proposal and refuse the others; taking all of it over confirms the profile.

    Nothing is taken over of an organisation that has moved to another state since: its proposal can be refused.
    Raises NotFound, Forbidden, Conflict (`decided` already), StaleVersion (of the organisation) and InvalidInput.
    """
    caller.require_served(CHANGE, served)
    sent = await confirmations.lock(connection, confirmation_id)
    if sent is None or sent.proposal is None:
        raise NotFound("Diesen Vorschlag gibt es nicht.", "There is no such proposal.")
    caller.require(CHANGE, sent.state)
    if sent.decided_at is not None:
        raise Conflict("Darüber ist schon entschieden.", "That has been decided already.", code="decided")
    proposed = {name: value for name, value in sent.proposal.items() if name != REMARK}
    taken = _taken(proposed, command.take)
    known = await _known(connection, sent.organisation_id)
    if not taken:
        # That needs no organisation: it may be another office's by now. Of a remark nothing can be taken over.
        await _decided(connection, sent, taken, caller=caller, now=now)
        return Outcome(known, changed=False)
    before = await lock_own(
        connection, sent.organisation_id, caller=caller, served=served, expected_version=expected_version
    )
    findings = Findings()
    organisation = corrected(before.organisation, {name: proposed[name] for name in taken}, findings)
    findings.raise_errors()
    fields = {name: getattr(organisation, name) for name in CORRECTABLE}
    whole = len(taken) == len(proposed)
    if whole and sent.answered_at is not None:
        fields["confirmed_at"] = max(filter(None, (sent.answered_at, organisation.confirmed_at)))
    outcome = await store_change(
        connection,
        before,
        fields,
        findings,
        action=_DECIDE,
        caller=caller,
        now=now,
        change="confirmed" if whole else "changed",
    )
    await _decided(connection, sent, taken, caller=caller, now=now, noted=outcome.changed)
    return Outcome(outcome.stored, warnings=outcome.warnings)


async def _decided(
    connection: Connection, sent: Sent, taken: Sequence[str], *, caller: Caller, now: datetime, noted: bool = False
) -> None:
    """Keep the decision; `noted` is whether the audit log has it from the change that it made."""
    await confirmations.decide(connection, sent.id, taken=taken, now=now, subject=caller.subject)
    if not noted:
        entry = audit.Entry(_DECIDE, ITEM, str(sent.organisation_id), after={"taken": sorted(taken)})
        await audit.record(connection, caller, entry)


async def _known(connection: Connection, organisation_id: UUID) -> Stored:
    """The organisation, not locked, also where another instance keeps it by now."""
    stored = await organisations.get(connection, organisation_id)
    if stored is not None:
        return stored
    entry = await searches.get(connection, organisation_id)
    if entry is None:
        raise no_such_organisation()
    return Stored(entry.organisation, entry.sequence, Figures())


async def withdraw_sent_to(connection: Connection, state: State, keys: Sequence[str], *, now: datetime) -> int:
    """Withdraw the state's open links that were sent to the addresses with these keys, whose person asked for erasure;
    how many.

    For the service itself. The address leaves the private topic with them. Idempotent.
    """
    ended = await confirmations.end_sent_to(connection, state, keys, now=now)
    await outbox.append(connection, *(withdrawn(each, state, now=now) for each in ended))
    return len(ended)


def no_such_link() -> NotFound:
    """The one refusal of links: whoever guesses learns nothing by it."""
    return NotFound(
        "Dieser Link gilt nicht oder nicht mehr. Ihre Wirtschaftsförderung schickt Ihnen gern einen neuen.",
        "This link is not valid, or not any more. Your business-development office will send you a new one.",
    )


async def send_links(
    connection: Connection,
    due: Sequence[tuple[UUID, str, str]],
    *,
    state: State,
    links: Links,
    caller: Caller,
    now: datetime,
) -> datetime:
    """Send links to these, as (organisation, name, address); the instant until which they hold."""
    expires_at = (now + VALID_FOR).replace(microsecond=0)
    # Whoever sends one at the same moment comes before or after; its link then ends here.
    await organisations.lock_contacts(connection, [key for key, _, _ in due])
    await end_links_of(connection, [key for key, _, _ in due], now=now)
    made = [(new_id(), *each) for each in due]
    await confirmations.add(
        connection,
        [(key, organisation_id, address_key(email)) for key, organisation_id, _, email in made],
        state=state,
        now=now,
        expires_at=expires_at,
        subject=caller.subject,
    )
    said = [
        Confirmation(
            confirmation_id=key,
            organisation_id=organisation_id,
            state=state.value,
            legal_name=name,
            email=email,
            link=links.to(key, expires_at=expires_at),
            expires_at=expires_at,
        )
        for key, organisation_id, name, email in made
    ]
    await outbox.append(
        connection,
        *(
            CONFIRMATION.event("requested", data, state=state, key=data.confirmation_id, sequence=1, time=now)
            for data in said
        ),
    )
    entries = (
        audit.Entry("organisation.ask_to_confirm", ITEM, str(data.organisation_id), after={"until": data.expires_at})
        for data in said
    )
    await audit.record(connection, caller, *entries)
    return expires_at


async def _lock_open(
    connection: Connection, confirmation_id: UUID, *, state: State, now: datetime
) -> tuple[Sent, Caller]:
    """The link, locked, and who acts by it."""
    sent = await confirmations.lock(connection, confirmation_id)
    if sent is None or not sent.is_open(now) or sent.state is not state:
        raise no_such_link()
    return sent, bearer(confirmation_id, state)


def bearer(confirmation_id: UUID, state: State) -> Caller:
    """Who answers by a link: for the office that sent it."""
    subject = f"{SUBJECT}:{confirmation_id}"
    return Caller(subject=subject, name=subject, roles=frozenset({Role.OFFICE}), state=state)


async def _shown(connection: Connection, sent: Sent, *, caller: Caller, version: int) -> Stored:
    """The organisation, locked, in the version that was shown."""
    stored = await lock_own(connection, sent.organisation_id, caller=caller, served=[sent.state], expected_version=None)
    if stored.organisation.status != ACTIVE:
        raise no_such_link()
    if stored.version != version:
        raise StaleVersion(
            "Ihre Wirtschaftsförderung hat die Angaben inzwischen geändert; bitte sehen Sie noch einmal nach.",
            "Your office has changed the profile meanwhile; please look again.",
        )
    return stored


def _taken(proposed: Mapping[str, Any], wanted: Sequence[str]) -> list[str]:
    findings = Findings()
    for place, name in enumerate(wanted):
        if name not in proposed:
            findings.refuse(f"take.{place}", "not_proposed", "wurde nicht vorgeschlagen", "was not proposed")
    findings.raise_errors()
    return [name for name in proposed if name in set(wanted)]


def confirmed_within_a_year(organisation: Organisation, now: datetime) -> bool:
    """Whether the organisation confirmed its profile within the last year."""
    return organisation.confirmed_at is not None and organisation.confirmed_at > now - YEAR
