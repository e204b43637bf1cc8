"""Who may be the same company: the question of an import and of whoever enters one, and the list of suspects."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from asyncpg import Record
from norda_common.database import Connection, affected
from norda_common.errors import Text
from norda_common.states import State

from ..rules.duplicates import Candidate, Judgement, RuleClass, blocking_keys, judge, name_hash, numbers_of
from . import likenesses, matches
from .likenesses import Known
from .matches import Match


@dataclass(frozen=True, slots=True)
class Suspect:
    """An organisation that may be meant, and why it is thought so."""

    known: Known
    judgement: Judgement


async def narrow(
    connection: Connection, candidates: Sequence[Candidate], hashes: Sequence[int] | None = None
) -> dict[int, UUID]:
    """Which candidates (by their place) are organisations of the directory for certain: one round trip for all.

    `hashes` are those of their names (`name_hash`), where the caller has them already.
    A candidate that fits several is left out: a person decides about it. Whoever is found may be of any state, and may
    be deactivated or merged.
    """
    if not candidates:
        return {}
    if hashes is None:
        hashes = [name_hash(candidate) for candidate in candidates]
    numbers = ((place, *number) for place, candidate in enumerate(candidates) for number in numbers_of(candidate))
    certain: dict[int, UUID] = {}
    for place, known in (await likenesses.named(connection, hashes, numbers)).items():
        fitting = {
            item.organisation_id for item in known if judge(candidates[place], item.candidate).rule is RuleClass.NARROW
        }
        if len(fitting) == 1:
            certain[place] = fitting.pop()
    return certain


async def suspects(
    connection: Connection,
    candidate: Candidate,
    *,
    least: RuleClass = RuleClass.BROAD,
    but: UUID | None = None,
    status: str | None = None,
    holders: Sequence[Match] | None = None,
) -> list[Suspect]:
    """Organisations of the directory that may be the candidate, the likeliest first; at most four round trips.

    `but` is the organisation asked about, `least` the weakest class of rules that counts. `holders` are those of its
    numbers, where the caller has looked them up already.
    """
    leave = [but] if but else []
    found = {
        item.organisation_id: item
        for item in await likenesses.sharing(connection, blocking_keys(candidate), but=leave, status=status)
    }
    if holders is None:
        holders = await matches.find(connection, numbers_of(candidate))
    wanted_numbers = set(numbers_of(candidate))
    having = {match.organisation_id for match in holders if (match.kind, match.value) in wanted_numbers}
    missing = [key for key in having if key not in found and key not in leave]
    found |= {item.organisation_id: item for item in await likenesses.these(connection, missing, status=status)}
    wanted = tuple(RuleClass)[: tuple(RuleClass).index(least) + 1]
    judged = [Suspect(item, judge(candidate, item.candidate)) for item in found.values()]
    return sorted(
        (suspect for suspect in judged if suspect.judgement.rule in wanted),
        key=lambda suspect: (-suspect.judgement.score, suspect.known.organisation_id),
    )


async def replace_suspects(connection: Connection, known: Known, found: Sequence[Suspect], *, now: datetime) -> None:
    """Keep these pairs of an organisation, and none else. Idempotent; what people decided about a pair is elsewhere."""
    rows = [_row(known, suspect) for suspect in found]
    await connection.execute(
        """delete from suspect where (first_id = $1 or second_id = $1)
              and (first_id, second_id) not in (select * from unnest($2::uuid[], $3::uuid[]))""",
        known.organisation_id,
        [row[0] for row in rows],
        [row[1] for row in rows],
    )
    await connection.execute(
        """insert into suspect (first_id, second_id, first_state, second_state, score, rule, reasons, found_at)
           select *, $8::timestamptz
             from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::real[], $6::text[], $7::jsonb[])
           on conflict (first_id, second_id) do update
              set first_state = excluded.first_state, second_state = excluded.second_state, score = excluded.score,
                  rule = excluded.rule, reasons = excluded.reasons""",
        *(zip(*rows, strict=True) if rows else [()] * 7),
        now,
    )


def _row(known: Known, suspect: Suspect) -> tuple[Any, ...]:
    first, second = sorted((known, suspect.known), key=lambda item: item.organisation_id)
    rule = suspect.judgement.rule
    assert rule is not None  # noqa: S101 - suspects have one
    return (
        first.organisation_id,
        second.organisation_id,
        first.responsible_state,
        second.responsible_state,
        suspect.judgement.score,
        rule.value,
        json.dumps([text.as_dict() for text in suspect.judgement.reasons], ensure_ascii=False),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A pair of the list: who they are, how likely they are one and why, and what an office said of it."""

    first: Known
    second: Known
    score: float
    rule: RuleClass
    reasons: tuple[Text, ...]
    found_at: datetime
    state: State | None
    """Whose office said that they are two companies."""
    reason: str | None
    decided_by: str | None
    decided_at: datetime | None


_LIST = """
select s.first_id, s.second_id, s.score, s.rule, s.reasons, s.found_at, v.state, v.reason, v.decided_by, v.decided_at,
       a.organisation_id as a_id, a.responsible_state as a_state, a.status as a_status, a.facts as a_facts,
       b.organisation_id as b_id, b.responsible_state as b_state, b.status as b_status, b.facts as b_facts
  from suspect as s
  join likeness as a on a.organisation_id = s.first_id
  join likeness as b on b.organisation_id = s.second_id
  left join distinct_pair as v on v.first_id = s.first_id and v.second_id = s.second_id
 where ($1::text is null or s.first_state = $1 or s.second_state = $1) and ($2::text is null or s.rule = $2)
   and (v.first_id is not null) = $3
   and ($4::real is null or (-s.score, s.first_id, s.second_id) > (-$4::real, $5::uuid, $6::uuid))
   and ($7::uuid is null or s.first_id = $7 or s.second_id = $7)
 order by -s.score, s.first_id, s.second_id limit $8
"""


async def listed(
    connection: Connection,
    *,
    state: str | None,
    rule: RuleClass | None = None,
    decided: bool = False,
    about: UUID | None = None,
    after: tuple[float, UUID, UUID] | None = None,
    limit: int,
) -> list[Pair]:
    """Pairs that have an organisation of that state, the likeliest first; `decided`: those said to be two instead."""
    score, first, second = after or (None, None, None)
    rows = await connection.fetch(
        _LIST, state, rule.value if rule else None, decided, score, first, second, about, limit
    )
    return [_pair(row) for row in rows]


def _pair(row: Record) -> Pair:
    first, second = (
        likenesses.known(row[f"{side}_id"], row[f"{side}_state"], row[f"{side}_status"], row[f"{side}_facts"])
        for side in "ab"
    )
    return Pair(
        first=first,
        second=second,
        score=row["score"],
        rule=RuleClass(row["rule"]),
        reasons=tuple(Text(**text) for text in json.loads(row["reasons"])),
        found_at=row["found_at"],
        state=State(row["state"]) if row["state"] else None,
        reason=row["reason"],
        decided_by=row["decided_by"],
        decided_at=row["decided_at"],
    )


async def tell_apart(
    connection: Connection, first: UUID, second: UUID, *, state: State, reason: str, decided_by: str, now: datetime
) -> bool:
    """Remember that these are two companies (`first` < `second`); whether nobody had said so before."""
    status = await connection.execute(
        """insert into distinct_pair (first_id, second_id, state, reason, decided_by, decided_at)
           values ($1, $2, $3, $4, $5, $6) on conflict do nothing""",
        first,
        second,
        state.value,
        reason,
        decided_by,
        now,
    )
    return affected(status) > 0


async def suspect_again(connection: Connection, first: UUID, second: UUID) -> bool:
    """Forget what was said of a pair; whether there was something."""
    status = await connection.execute("delete from distinct_pair where first_id = $1 and second_id = $2", first, second)
    return affected(status) > 0


async def told_apart(connection: Connection, one: UUID, others: Sequence[UUID]) -> set[UUID]:
    """Of the others those that an office said are another company than the one."""
    rows = await connection.fetch(
        """select first_id, second_id from distinct_pair
            where (first_id = $1 and second_id = any($2)) or (second_id = $1 and first_id = any($2))""",
        one,
        list(others),
    )
    return {row["second_id"] if row["first_id"] == one else row["first_id"] for row in rows}
