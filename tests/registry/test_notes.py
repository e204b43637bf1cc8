"""Notes of offices: who knows of them, who changes them, and that the others cannot tell whether there are any."""

from __future__ import annotations

import json
from itertools import product
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest
from norda_common.auth import Caller
from norda_common.identifiers import new_id
from norda_common.rights import Role
from norda_common.states import ALL_STATES, State
from norda_registry.rules.notes import Visibility
from norda_registry.rules.rights import NOTE_READ, NOTE_WRITE, reads_note
from norda_registry.store import notes
from support.installation import Installation, Running

from .conftest import registered, relocated
from .test_audit import entries
from .test_rights import act_as, database

NONE = "0199d1a0-5f2e-7c4b-9a53-0d5a7c1b2e3f"
SECRET = "Beispiel Geheimnis"


async def noted(client: httpx2.AsyncClient, path: str, **fields: Any) -> dict[str, Any]:
    answer = await client.post(f"{path}/notes", json={"text": SECRET} | fields)
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def listed(client: httpx2.AsyncClient, path: str) -> list[str]:
    answer = await client.get(f"{path}/notes")
    assert answer.status_code == 200, answer.text
    return [item["visibility"] for item in answer.json()["items"]]


async def path_of_one(registry: Running) -> str:
    async with registry.client() as client:
        return f"/api/v1/organisations/{(await registered(client))['organisation_id']}"


async def test_each_note_is_for_whom_it_is_meant(registry: Running) -> None:
    path = await path_of_one(registry)
    async with registry.client() as author:
        await noted(author, path, visibility="alliance", kind="visit")
        await noted(author, path, visibility="office")
        await noted(author, path, visibility="confidential", kind="settlement_case")
        assert await listed(author, path) == ["confidential", "office", "alliance"]
    expected = {
        ("lead", "hb"): ["confidential", "office", "alliance"],
        ("pr", "hb"): ["office", "alliance"],
        ("office", "hh"): ["alliance"],
        ("lead", "ni"): ["alliance"],
        ("pr", "ni"): ["alliance"],
    }
    for (role, state), seen in expected.items():
        async with registry.client(state=state, role=role) as client:
            assert await listed(client, path) == seen, (role, state)
            assert (await client.get(f"{path}/notes")).text.count(SECRET) == len(seen)
    colleague = registry.installation.token(state="hb", role="office", sub="somebody-else")
    async with registry.client(headers={"authorization": f"Bearer {colleague}"}) as client:
        assert await listed(client, path) == ["office", "alliance"]
        one = (await client.get(f"{path}/notes", params={"limit": 1})).json()
        rest = (await client.get(f"{path}/notes", params={"limit": 1, "cursor": one["next_cursor"]})).json()
        assert [item["visibility"] for item in one["items"] + rest["items"]] == ["office", "alliance"]
        assert "next_cursor" not in rest
    for role in ("auditor", "operator", "integrator"):
        async with registry.client(state=None, role=role) as client:
            assert (await client.get(f"{path}/notes")).json()["code"] == "role_missing"


async def test_a_note_is_changed_and_removed_with_the_version_one_has_seen(registry: Running) -> None:
    path = await path_of_one(registry)
    async with registry.client() as client:
        made = await noted(client, path)
        assert (made["kind"], made["visibility"], made["version"], made["state"]) == ("note", "office", 1, "hb")
        assert made["author"] == "office-hb"
        one = f"{path}/notes/{made['id']}"
        changed = await client.patch(one, json={"text": "Anders\r\nund mehr"}, headers={"if-match": '"1"'})
        assert (changed.json()["text"], changed.json()["version"]) == ("Anders\nund mehr", 2)
        assert changed.headers["etag"] == '"2"'
        same = await client.patch(one, json={"text": "Anders\nund mehr", "kind": None})
        assert same.json()["version"] == 2
        for method in ("PATCH", "DELETE"):
            stale = await client.request(method, one, json={"text": "x"}, headers={"if-match": '"1"'})
            assert (stale.status_code, stale.json()["current_version"]) == (412, 2)
        assert (await client.delete(one, headers={"if-match": '"2"'})).status_code == 204
        assert (await client.delete(one)).status_code == 404
        assert await listed(client, path) == []


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"text": ""}, "text", "string_too_short"),
        ({"text": " \n "}, "text", "blank"),
        ({"text": "x" * 20_001}, "text", "string_too_long"),
        ({"text": "\u0958" * 15_000}, "text", "string_too_long"),
        ({"text": "x\u0000"}, "text", "control_character"),
        ({"text": "x", "kind": "secret"}, "kind", "enum"),
        ({"text": "x", "kind": "settlement_case"}, "visibility", "settlement_case_open"),
        ({"text": "x", "author": "me"}, "author", "extra_forbidden"),
    ],
)
async def test_what_is_no_note_is_refused(registry: Running, body: dict[str, Any], field: str, code: str) -> None:
    path = await path_of_one(registry)
    async with registry.client() as client:
        answer = await client.post(f"{path}/notes", json=body)
        assert answer.status_code == 422
        assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [(field, code)]
        made = await noted(client, path, text="y" * 20_000)
        case = await client.patch(f"{path}/notes/{made['id']}", json={"kind": "settlement_case"})
        assert case.status_code == 422


async def test_what_one_may_not_know_of_is_as_if_it_were_not_there(registry: Running) -> None:
    path, other = await path_of_one(registry), await path_of_one(registry)
    async with registry.client() as author, registry.client(state="hh", role="lead") as foreign:
        hidden = await noted(author, path, visibility="confidential")
        shared = await noted(author, path, visibility="alliance")
        colleague = registry.installation.token(state="hb", role="office", sub="somebody-else")
        async with registry.client(headers={"authorization": f"Bearer {colleague}"}) as mate:
            for client in (foreign, mate):
                for method in ("PATCH", "DELETE"):
                    for headers in ({}, {"if-match": '"9"'}):
                        unknown = await client.request(method, f"{path}/notes/{NONE}", json={}, headers=headers)
                        answer = await client.request(
                            method, f"{path}/notes/{hidden['id']}", json={"text": "x"}, headers=headers
                        )
                        assert answer.status_code == 404
                        left_out = {"instance", "trace_id"}
                        told, as_if = (
                            {name: value for name, value in each.json().items() if name not in left_out}
                            for each in (answer, unknown)
                        )
                        assert told == as_if
            made = await noted(mate, path)
            refused = await author.patch(f"{path}/notes/{made['id']}", json={"visibility": "confidential"})
            assert (refused.status_code, refused.json()["code"]) == (403, "not_the_author")
            assert (await mate.patch(f"{path}/notes/{made['id']}", json={"visibility": "confidential"})).is_success
            assert await listed(author, path) == ["alliance", "confidential"]
        answer = await foreign.patch(f"{path}/notes/{shared['id']}", json={"text": "x"})
        assert (answer.status_code, answer.json()["code"]) == (403, "foreign_state")
        assert (await author.delete(f"{other}/notes/{shared['id']}")).status_code == 404
        for method, address in (("GET", ""), ("POST", "")):
            nowhere = await author.request(method, f"/api/v1/organisations/{NONE}/notes{address}", json={"text": "x"})
            assert nowhere.status_code == 404


async def test_the_old_office_keeps_its_notes_when_the_organisation_moves(registry: Running) -> None:
    path = await path_of_one(registry)
    async with registry.client() as old, registry.client(state="ni", role="lead") as new:
        kept = await noted(old, path, visibility="office")
        await noted(old, path, visibility="alliance")
        await relocated(old, new, path)
        assert await listed(new, path) == ["alliance"]
        assert (await new.patch(f"{path}/notes/{kept['id']}", json={"text": "x"})).status_code == 404
        assert await listed(old, path) == ["alliance", "office"]
        assert (await old.patch(f"{path}/notes/{kept['id']}", json={"text": "weiter"})).status_code == 200
        mine = await noted(new, path, visibility="confidential")
        assert mine["state"] == "ni"
        assert await listed(old, path) == ["alliance", "office"]


async def test_the_log_says_who_a_note_was_for_and_never_its_text_and_notes_are_not_published(
    registry: Running, module_installation: Installation
) -> None:
    path = await path_of_one(registry)
    async with registry.client() as client:
        made = await noted(client, path, kind="visit", visibility="office")
        await client.patch(f"{path}/notes/{made['id']}", json={"text": f"{SECRET} anders"})
        await client.patch(f"{path}/notes/{made['id']}", json={"visibility": "alliance"})
        await client.patch(f"{path}/notes/{made['id']}", json={"visibility": "alliance"})
        await client.delete(f"{path}/notes/{made['id']}")
    found = await entries(module_installation, made["id"])
    on = {"organisation_id": path.rpartition("/")[2]}
    assert [(entry["action"], entry["before"], entry["after"]) for entry in found] == [
        ("note.add", None, on | {"kind": "visit", "visibility": "office", "version": 1, "touched": ["text"]}),
        ("note.change", {"version": 1}, on | {"version": 2, "touched": ["text"]}),
        (
            "note.change",
            {"visibility": "office", "version": 2},
            on | {"visibility": "alliance", "version": 3},
        ),
        (
            "note.remove",
            {"kind": "visit", "visibility": "alliance", "version": 3},
            on | {"touched": ["text"]},
        ),
    ]
    assert SECRET not in json.dumps([[entry["before"], entry["after"]] for entry in found])
    connection = await module_installation.connect()
    assert await connection.fetchval("select count(*) from registry.outbox where value like $1", b"%Geheimnis%") == 0
    await connection.close()
    assert SECRET not in registry.log.read_text()


async def test_rule_and_policy_say_the_same_of_each_note(installation: Installation) -> None:
    organisation = new_id()
    admin = await installation.connect()
    written: dict[UUID, tuple[State, Visibility, str]] = {}
    for state, visibility, author in product(ALL_STATES, Visibility, ("me", "somebody else")):
        key = new_id()
        written[key] = (state, visibility, author)
        await admin.execute(
            "insert into registry.note values ($1, $2, $3, 'note', $4, 'x', $5, now(), now(), 1)",
            key, organisation, state, visibility, author,
        )  # fmt: skip
    await admin.close()
    people = [*((frozenset({role}), state) for role in Role for state in (*ALL_STATES, None))]
    people += [(frozenset({Role.PR, Role.LEAD}), State.BREMEN), (frozenset(), State.BREMEN)]
    async with database(installation) as connection:
        for roles, state in people:
            me = Caller(subject="me", name="x", roles=roles, state=state)
            await act_as(connection, me)
            shown = {key for key, note in written.items() if reads_note(me, *note)}
            rows = await notes.newest(connection, organisation, limit=100)
            assert {row.id for row in rows} == shown, me
            assert bool(shown) is me.may(NOTE_READ)
            writable = {key for key in shown if me.may(NOTE_WRITE, written[key][0])}
            for key in written:
                assert (await notes.lock(connection, organisation, key) is not None) is (key in writable), (me, key)
            for statement in ("update note set text = 'taken'", "delete from note"):
                changing = connection.transaction()
                await changing.start()
                # Without a condition nothing is read, so that only the policy for writing holds.
                assert await connection.execute(statement) == f"{statement[:6].upper()} {len(writable)}", me
                await changing.rollback()


async def test_nobody_writes_a_note_in_anothers_name_or_for_another_state(installation: Installation) -> None:
    add = "insert into note values ($1, $2, $3, 'note', 'office', 'x', $4, now(), now(), 1)"
    async with database(installation) as connection:
        lead = Caller(subject="me", name="x", roles=frozenset({Role.LEAD}), state=State.BREMEN)
        for me, state, author in (
            (lead, "hb", "somebody else"),
            (lead, "hh", "me"),
            (Caller(subject="me", name="x", roles=frozenset({Role.PR}), state=State.BREMEN), "hb", "me"),
            (Caller(subject="me", name="x", roles=frozenset({Role.LEAD}), state=None), "hb", "me"),
        ):
            await act_as(connection, me)
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(add, new_id(), new_id(), state, author)
        await act_as(connection, lead)
        key, organisation = new_id(), new_id()
        await connection.execute(add, key, organisation, "hb", "me")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("update note set state = 'hh' where id = $1", key)
