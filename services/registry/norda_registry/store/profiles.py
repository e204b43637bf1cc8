"""What an office still has to do about its own organisations' profiles: lists by what is missing, due or undecided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from uuid import UUID

from asyncpg import Record
from norda_common.contracts.model import rfc3339
from norda_common.contracts.registry import Organisation
from norda_common.database import Connection, affected

_OWN = "from organisation where responsible_state = $1 and status = 'active'"


@dataclass(frozen=True, slots=True)
class Work:
    """How much there is to do; counted up to a bound."""

    incomplete: int
    ending: int
    codes: int
    corrections: int
    memberships: int
    due: int
    suspects: int
    mergers: int

    @property
    def all_done(self) -> bool:
        """Whether there is nothing to do."""
        return not any(asdict(self).values())


async def incomplete(
    connection: Connection, state: str, *, below: int, after: tuple[int, UUID] | None, limit: int
) -> list[Record]:
    """Active organisations of the state below that many per cent, the least complete first: id, completeness, data."""
    return await connection.fetch(
        f"""select id, completeness, data {_OWN} and completeness < $2
               and ($3::smallint is null or (completeness, id) > ($3, $4::uuid))
             order by completeness, id limit $5""",
        state,
        below,
        *(after or (None, None)),
        limit,
    )


async def with_ending_certificates(
    connection: Connection, state: str, *, until: date, after: tuple[str, UUID] | None, limit: int
) -> list[tuple[str, Organisation]]:
    """Active organisations of the state with a certificate that ends by that day, or has ended: the day on which the
    first of them does, which they are ordered by, and the organisation.
    """
    rows = await connection.fetch(
        f"""select certificate_ends, data {_OWN} and certificate_ends <= $2
               and ($3::text is null or (certificate_ends, id) > ($3, $4::uuid))
             order by certificate_ends, id limit $5""",
        state,
        until.isoformat(),
        *(after or (None, None)),
        limit,
    )
    return [(row["certificate_ends"], Organisation.model_validate_json(row["data"])) for row in rows]


async def with_undecided_codes(
    connection: Connection, state: str, *, after: UUID | None, limit: int
) -> list[Organisation]:
    """Active organisations of the state that have a code of WZ 2008 for which nobody has decided, by id."""
    rows = await connection.fetch(
        f"""select data {_OWN} and codes_open and ($2::uuid is null or id > $2)
             order by id limit $3""",
        state,
        after,
        limit,
    )
    return [Organisation.model_validate_json(row["data"]) for row in rows]


async def decided_codes(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, set[str]]:
    """Of these organisations the codes of WZ 2008 that were decided."""
    rows = await connection.fetch(
        "select organisation_id, code from code_decision where organisation_id = any($1)", list(ids)
    )
    found: dict[UUID, set[str]] = {}
    for row in rows:
        found.setdefault(row["organisation_id"], set()).add(row["code"])
    return found


async def decide_code(
    connection: Connection, organisation_id: UUID, code: str, *, chosen: Sequence[str], now: datetime, subject: str
) -> bool:
    """Remember what was chosen; whether that was decided otherwise before, or not at all."""
    status = await connection.execute(
        """insert into code_decision (organisation_id, code, chosen, decided_at, decided_by) values ($1, $2, $3, $4, $5)
           on conflict (organisation_id, code) do update
              set chosen = excluded.chosen, decided_at = excluded.decided_at, decided_by = excluded.decided_by
            where code_decision.chosen <> excluded.chosen""",
        organisation_id,
        code,
        list(chosen),
        now,
        subject,
    )
    return affected(status) > 0


_DUE = """
select organisation.id, legal_name, email
  from contact join organisation on organisation.id = contact.organisation_id
 where contact.state = $1 and due_from < $2 and responsible_state = $1 {and_asked}
 order by {order}, contact.organisation_id limit $3 for update of contact skip locked
"""
_DUE_BY_HAND = _DUE.format(and_asked="", order="due_from")
_DUE_BY_ITSELF = _DUE.format(and_asked="and asked_at < $4", order="asked_at")


async def due(
    connection: Connection,
    state: str,
    *,
    confirmed_before: datetime,
    asked_before: datetime | None = None,
    limit: int,
) -> list[tuple[UUID, str, str]]:
    """Active organisations of the state that are to confirm: id, name, contact address; who never did first.

    They are locked; who is being asked by somebody else at this moment is left out.
    Who has no contact address, an open link, or has proposed something nobody decided yet, is not due, nor who is on
    its way to another state; with `asked_before` nor who was asked since, and who was never asked comes first.
    """
    if asked_before is None:
        rows = await connection.fetch(_DUE_BY_HAND, state, rfc3339(confirmed_before), limit)
    else:
        rows = await connection.fetch(_DUE_BY_ITSELF, state, rfc3339(confirmed_before), limit, asked_before)
    return [(row["id"], row["legal_name"], row["email"]) for row in rows]


async def work(
    connection: Connection, state: str, *, below: int, until: date, confirmed_before: datetime, most: int
) -> Work:
    """How much of each there is to do for the state's office, counted up to `most`."""
    counted = await connection.fetchrow(
        f"""select (select count(*) from (select {_OWN} and completeness < $3 limit $5) as a) as incomplete,
                   (select count(*) from (select {_OWN} and certificate_ends <= $2 limit $5) as b) as ending,
                   (select count(*) from (select {_OWN} and codes_open limit $5) as c) as codes,
                   (select count(*) from (select from confirmation where state = $1 and answer = 'proposed'
                                             and decided_at is null limit $5) as d) as corrections,
                   (select count(*) from (select from membership_proposal where state = $1
                                             and decided_at is null limit $5) as e) as memberships,
                   (select count(*) from (select from contact where contact.state = $1 and due_from < $4
                                           order by due_from limit $5) as f) as due,
                   (select count(*) from (select from suspect
                                           where (first_state = $1 or second_state = $1) and rule <> 'general'
                                             and not exists (select from distinct_pair as known
                                                              where known.first_id = suspect.first_id
                                                                and known.second_id = suspect.second_id)
                                           limit $5) as g) as suspects,
                   (select count(*) from (select from merger where merged_state = $1 and merged_at is null
                                           limit $5) as h) as mergers""",  # noqa: S608 - constants
        state,
        until.isoformat(),
        below,
        rfc3339(confirmed_before),
        most,
    )
    assert counted is not None  # noqa: S101 - counts are always there
    return Work(**dict(counted))
