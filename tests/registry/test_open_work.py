"""What is to do is counted from what is open: what is done, however much, is never read."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
from norda_registry.store import profiles
from norda_registry.usecases.confirming import YEAR
from support.installation import Installation, Running
from support.people import signed_in

from .conftest import registered
from .test_rights import act_as, caller, database

TODAY = date(2026, 11, 26)
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
MOST = 11
MANY = 20_000
DOCUMENT = {
    "activities": [{"edition": "WZ2008", "code": "25.61.0"}, {"edition": "WZ2008", "code": "29.10.1"}],
    "certificates": [{"name": "ISO 9001", "valid_to": "2031-01-01"}, {"name": "IATF 16949"}],
}


async def fill(connection: asyncpg.Connection[Any]) -> None:
    """Many of whom nothing is to do: all codes are decided, no certificate ends, half of them have a link that is open,
    and the others have confirmed.
    """
    await connection.execute("set search_path to registry, public")
    await connection.execute(
        """insert into organisation (id, version, responsible_state, status, kind, legal_name, data)
           select gen_random_uuid(), 1, 'hb', 'active', 'something', 'x' || n,
                  $1::jsonb || case when n % 2 = 0 then '{"confirmed_at": "2026-11-01T00:00:00Z"}' else '{}' end::jsonb
             from generate_series(1, $2) as n""",
        json.dumps(DOCUMENT),
        MANY,
    )
    await connection.execute(
        """insert into code_decision (organisation_id, code, chosen, decided_at, decided_by)
           select id, code, '{}', now(), 'x' from organisation cross join unnest(array['25.61.0', '29.10.1']) as code"""
    )
    await connection.execute(
        """insert into contact (organisation_id, email, state, due_from, asked_at)
           select id, 'x@ex.example', 'hb', due_from_of(organisation),
                  case when confirmed_at = '' then '-infinity' else '2026-10-31' end::timestamptz from organisation"""
    )
    assert await connection.fetchval("select count(*) from contact where due_from is not null") == MANY
    await connection.execute(
        """insert into confirmation (id, organisation_id, state, sent_at, sent_by, expires_at)
           select gen_random_uuid(), id, 'hb', now(), 'x', now() + interval '60 days' from organisation
            where confirmed_at = ''"""
    )
    # What was open until a moment ago is in the indexes until it is swept up.
    await connection.execute("vacuum (analyze) organisation, contact, confirmation, code_decision")


class _Noting:
    """Stands for a connection: what would be asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, tuple[Any, ...]]] = []

    async def fetch(self, statement: str, *parameters: Any) -> list[Any]:
        self.asked.append((statement, parameters))
        return []

    async def fetchrow(self, statement: str, *parameters: Any) -> dict[str, int]:
        self.asked.append((statement, parameters))
        return dict.fromkeys(profiles.Work.__dataclass_fields__, 0)


async def statements() -> list[tuple[list[str], str, tuple[Any, ...]]]:
    """What is asked for the overview and the lists, and by which indexes that is answered."""
    noting: Any = _Noting()
    until, before = TODAY + timedelta(days=90), NOW - YEAR
    await profiles.work(noting, "hb", below=0, until=until, confirmed_before=before, most=MOST)
    await profiles.with_ending_certificates(noting, "hb", until=until, after=None, limit=26)
    await profiles.with_undecided_codes(noting, "hb", after=None, limit=26)
    await profiles.due(noting, "hb", confirmed_before=before, limit=50)
    await profiles.due(noting, "hb", confirmed_before=before, asked_before=before, limit=50)
    certificates, codes, due = "organisation_certificate_ends", "organisation_codes_open", "contact_due"
    wanted = [
        ["organisation_completeness", certificates, codes, due],
        [certificates],
        [codes],
        [due],
        ["contact_to_ask"],
    ]
    return [(indexes, *asked) for indexes, asked in zip(wanted, noting.asked, strict=True)]


def blocks(plan: dict[str, Any]) -> int:
    """How many pages were touched."""
    return int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])


def indexes_of(plan: dict[str, Any]) -> set[str]:
    """Which indexes a plan uses, in whichever part."""
    found = {plan["Index Name"]} if "Index Name" in plan else set()
    return found.union(*(indexes_of(part) for part in plan.get("Plans", ())))


async def test_what_is_done_is_not_read(installation: Installation) -> None:
    admin = await installation.connect()
    await fill(admin)
    await admin.close()
    async with database(installation) as connection:
        await act_as(connection, caller("office"))
        for indexes, statement, parameters in await statements():
            explained = await connection.fetchval(
                f"explain (analyze, buffers, timing off, format json) {statement}", *parameters
            )
            plan = json.loads(explained)[0]["Plan"]
            used = indexes_of(plan)
            assert set(indexes) <= used, (indexes, used)
            assert blocks(plan) < 200, f"{blocks(plan)} pages for {indexes}"
        work = await profiles.work(connection, "hb", below=0, until=TODAY, confirmed_before=NOW - YEAR, most=MOST)
        assert work.all_done


async def flags(installation: Installation, made: dict[str, Any]) -> tuple[Any, ...]:
    """What is kept of an organisation: when the first certificate ends, whether a code is open, whether it is due."""
    admin = await installation.connect()
    try:
        row = await admin.fetchrow(
            """select certificate_ends, codes_open, due_from, contact.state
                 from registry.organisation left join registry.contact on contact.organisation_id = organisation.id
                where organisation.id = $1""",
            UUID(made["organisation_id"]),
        )
        assert row is not None
        return tuple(row)
    finally:
        await admin.close()


async def test_what_is_kept_of_open_work_follows_every_change(
    registry: Running, module_installation: Installation
) -> None:
    where = module_installation
    async with registry.client() as office, registry.client(state="ni") as new:
        made = await registered(office, contact_email="kontakt@ex-850.example",
                                activities=[{"edition": "WZ2008", "code": "25610"}])  # fmt: skip
        path = f"/api/v1/organisations/{made['organisation_id']}"
        assert await flags(where, made) == (None, True, "", "hb")
        certificates = [{"name": "A", "valid_to": "2027-05-01"}, {"name": "B", "valid_to": "2026-12-01"}, {"name": "C"}]
        await office.patch(f"{path}/profile", json={"certificates": certificates})
        assert await flags(where, made) == ("2026-12-01", True, "", "hb")
        await office.post(f"{path}/codes/decisions", json={"code": "25.61.0", "chosen": ["25.51.0"]})
        assert await flags(where, made) == ("2026-12-01", False, "", "hb")
        listed = (await office.get("/api/v1/code-proposals", params={"limit": 200})).json()["items"]
        assert made["organisation_id"] not in {item["organisation_id"] for item in listed}
        activities = [{"edition": "WZ2008", "code": code} for code in ("25.61.0", "38.31.0")]
        await office.patch(path, json={"activities": activities})
        assert (await flags(where, made))[1] is True, "another code came, of which nobody has decided"

        assert (await office.post(f"{path}/confirmation")).status_code == 201
        assert (await flags(where, made))[2] is None, "a link is open"
        await office.patch(path, json={"contact_email": "andere@ex-850.example"})
        assert (await flags(where, made))[2] == "", "it ended with the address it was sent to"
        await office.post(f"{path}/deactivation", json={})
        assert (await flags(where, made))[2] is None
        await office.post(f"{path}/reopening", json={})
        assert (await flags(where, made))[2] == ""
        body = {"responsible_state": "ni", "date": "2026-12-01",
                "seat": {"place": "Stuhr", "postal_code": "28816", "state": "DE-NI", "ags": "03251", "nuts": "DE922"},
                "register_entry": {"court": "Walsrode", "type": "HRB", "number": "850850"}}  # fmt: skip
        assert (await office.post(f"{path}/relocation", json=body)).status_code == 200
        assert (await flags(where, made))[2] is None, "it is on its way"
        assert (await new.post(f"{path}/relocation/acceptance", json={})).status_code == 200
        assert (await flags(where, made))[2:] == ("", "ni")


async def test_certificates_are_listed_by_day_and_paged(installation: Installation) -> None:
    registry = installation.start("registry", states="hb")
    admin = await installation.connect()
    await admin.execute(
        """insert into registry.organisation (id, version, responsible_state, status, kind, legal_name, data)
           select id, 1, 'hb', 'active', 'company', name,
                  jsonb_build_object('organisation_id', id, 'responsible_state', 'hb', 'kind', 'company', 'status',
                                     'active', 'legal_name', name, 'seat', jsonb_build_object('state', 'DE-HB'),
                                     'changed_at', '2026-01-01T00:00:00Z', 'certificates',
                                     jsonb_build_array(jsonb_build_object('name', 'ISO', 'valid_to', ends)))
             from (select gen_random_uuid() as id, 'Beispiel Nummer ' || lpad(n::text, 2, '0') as name,
                          to_char(date '2026-01-01' + n, 'YYYY-MM-DD') as ends from generate_series(1, 60) as n)"""
    )
    await admin.close()
    async with signed_in(registry) as person:
        seen: list[str] = []
        address: str | None = "/registry/certificates"
        while address:
            page = (await person.get(address)).text
            names = [f"Beispiel Nummer {number:02}" for number in range(1, 61)]
            seen += sorted((name for name in names if name in page), key=page.index)
            pages = page.partition('aria-label="Seiten"')[2].partition("</nav>")[0]
            further = re.search(r'href="(/registry/certificates\?cursor=[^"]+)"', pages)
            address = further[1] if further else None
            assert len(seen) <= 60
        assert seen == names, "the longest ended first, each once"
