"""The search page of the registry: organisations of all states, and the notes on them that one may read."""

from __future__ import annotations

import json
import re
import secrets
from typing import Any

import httpx2
import pytest
from norda_common.identifiers import new_id
from norda_local.tracing import fetch_trace
from norda_registry.pages.search import excerpt
from support.installation import Installation, Running
from support.people import signed_in, text_of
from support.plans import plans_of, tell_plans
from support.waiting import eventually

from .conftest import in_directory, registered

PATH = "/registry/search"


def word() -> str:
    """A word no other test has, with an umlaut to be folded."""
    return f"Größe{new_id().hex[-10:]}"


def headings(page: httpx2.Response) -> list[str]:
    """The sections' headings."""
    return [re.sub(r"<[^>]+>", "", found).strip() for found in re.findall(r"<h2[^>]*>(.*?)</h2>", page.text)]


async def known(registry: Running, **fields: Any) -> str:
    """An organisation of Bremen that the directory knows; its id."""
    async with registry.client() as client:
        made = await registered(client, **fields)
        await in_directory(client, made["organisation_id"])
    return str(made["organisation_id"])


async def noted(
    registry: Running, key: str, text: str, *, state: str = "hb", role: str = "office", **fields: str
) -> None:
    async with registry.client(state=state, role=role) as client:
        answer = await client.post(f"/api/v1/organisations/{key}/notes", json={"text": text} | fields)
        assert answer.status_code == 201, answer.text


@pytest.mark.parametrize(
    ("state", "roles", "notes"),
    [
        ("hb", ("lead",), 3),
        ("hb", ("office",), 3),
        ("hb", ("pr",), 2),
        ("ni", ("lead",), 1),
        (None, ("auditor",), 0),
        (None, ("operator",), 0),
    ],
)
async def test_organisations_are_found_by_everybody_and_notes_by_whom_they_are_for(
    registry: Running, state: str | None, roles: tuple[str, ...], notes: int
) -> None:
    wanted = word()
    key = await known(registry, legal_name=f"Beispiel {wanted} GmbH")
    for visibility in ("alliance", "office", "confidential"):
        await noted(registry, key, f"Gespräch über {wanted}, {visibility}.", visibility=visibility)
    async with signed_in(registry, state=state, roles=roles) as person:
        for typed in (wanted, wanted.upper().replace("Ö", "OE"), wanted.replace("ö", "o"), wanted[:12]):
            page = await person.get(PATH, params={"q": typed})
            assert page.status_code == 200
            told = ["Organisationen (1)", *([f"Vermerke ({notes})"] if notes else [])]
            # Those are looked for by a button.
            told += ["Ansprechpersonen"] if {"lead", "office"} & {*roles} else []
            assert headings(page) == told, typed
            assert f'href="/registry/organisations/{key}"' in page.text
            assert page.text.count(f"Gespräch über {wanted}") == notes
        assert ("Vermerke findet man" in text_of(await person.get(PATH))) is (state is not None)
        listed = await person.get(f"/registry/organisations?q={wanted}&state=all")
        assert key in listed.text
    assert f"/registry/organisations?q=Gr%C3%B6%C3%9Fe{wanted[5:12]}" in page.text


async def test_a_note_is_opened_as_the_first_one(registry: Running) -> None:
    wanted = word()
    key = await known(registry)
    await noted(registry, key, "Davor.")
    await noted(registry, key, " ".join(["viel"] * 30) + f" ({wanted}) " + " ".join(["mehr"] * 30))
    await noted(registry, key, "Danach.")
    async with signed_in(registry) as office:
        page = await office.get(PATH, params={"q": wanted})
        assert f"… viel viel viel viel ({wanted}) mehr" in text_of(page)
        (address,) = re.findall(r'href="(/registry/organisations/[^"]*#vermerke)"', page.text)
        opened = text_of(await office.get(address.partition("#")[0]))
        assert wanted in opened
        assert "Davor." in opened
        assert "Danach." not in opened


async def test_a_number_that_means_exactly_one_still_leads_to_it(registry: Running) -> None:
    wanted = word()
    async with registry.client() as client:
        made = await registered(client)
        await in_directory(client, made["organisation_id"])
    await noted(registry, made["organisation_id"], f"{made['vat_id']} {wanted}")
    async with signed_in(registry) as office:
        page = await office.get(PATH, params={"q": f" {made['vat_id'].lower()} "})
        assert page.status_code == 303
        assert page.headers["location"] == f"/registry/organisations/{made['organisation_id']}"
        notes = await office.get(PATH, params={"q": made["vat_id"], "only": "notes"})
        assert headings(notes) == ["Vermerke (1)"]


async def test_without_words_or_hits_the_page_says_what_to_do(registry: Running) -> None:
    async with signed_in(registry, language="en") as office:
        assert re.search(r'role="search" method="get" action="/registry/search"', (await office.get(PATH)).text)
        for typed in ("", "  ", "?!", "gibtesnicht"):
            page = await office.get(PATH, params={"q": typed})
            assert page.status_code == 200
            assert "leads straight to the organisation" in text_of(page), typed
        assert "Try fewer words" in text_of(page)
    async with httpx2.AsyncClient(base_url=registry.url, headers={"accept": "text/html"}) as anybody:
        assert (await anybody.get(PATH)).status_code == 303


async def test_the_words_are_in_no_log_and_no_trace(registry: Running) -> None:
    secret, trace_id = f"xgeheim{new_id().hex[:12]}", secrets.token_hex(16)
    traced = {"traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01"}
    async with signed_in(registry) as office:
        assert (await office.get(PATH, params={"q": secret}, headers=traced)).status_code == 200

    async def whole() -> list[dict[str, Any]]:
        spans = fetch_trace(registry.installation.servers.tracing, trace_id)
        assert {"SERVER", "CLIENT"} <= {span.get("kind") for span in spans}
        return spans

    assert secret not in json.dumps(await eventually(whole, within=20))
    assert secret not in registry.log.read_text()


async def test_notes_are_looked_up_in_the_index_of_words(installation: Installation) -> None:
    """On a filled table, behind the policy; also a text without any blank."""
    admin = await installation.connect()
    try:
        await admin.execute("set search_path = registry, public")
        await admin.execute(
            """insert into note (id, organisation_id, state, kind, visibility, text, author, created_at, changed_at,
                                 version)
               select uuidv7(), gen_random_uuid(), (array['hb', 'hh', 'ni'])[1 + n % 3], 'note',
                      (array['office', 'alliance'])[1 + n % 2], 'Besuch mit Notiz' || n % 1000 || ' im Werk', 'x',
                      now(), now(), 1
               from generate_series(1, 20000) as n"""
        )
        await admin.execute("update note set text = repeat('x', 20000) where id = (select id from note limit 1)")
        await admin.execute("analyze note")
        await tell_plans(admin)
        await admin.execute("set role norda_registry")
        for name, value in (("subject", "y"), ("state", "hb"), ("roles", "office")):
            await admin.execute("select set_config($1, $2, false)", f"norda.{name}", value)
        for _ in range(8):  # Also by the plan that is kept for any words.
            assert len(await admin.fetch("select notes_about('besuch notiz777', 6)")) == 6
            plans = await plans_of(admin, "select notes_about($1, 6)", "notiz777 bes")
        assert "Bitmap Index Scan on note_words" in plans
        assert "Seq Scan on note" not in plans
    finally:
        await admin.close()


@pytest.mark.parametrize(
    ("text", "typed", "shown"),
    [
        ("Ein Wort.", "wort", "Ein Wort."),
        ("", "wort", ""),
        ("a b c d e f größe g", "groe", "… c d e f größe g"),
        ("Nord-West Werk", "west", "Nord-West Werk"),
        (" ".join("abcdefghijklmnopqrstuvwxyz"), "nichts", " ".join("abcdefghijklmnopqrst") + " …"),
    ],
)
def test_an_excerpt_is_about_what_was_found(text: str, typed: str, shown: str) -> None:
    assert excerpt(text, typed) == shown
