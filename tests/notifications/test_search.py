"""The search page of messages: notices, the own state's subscriptions and inbox, and deliveries for operators."""

from __future__ import annotations

import json
import re
import secrets
from typing import Any

import httpx2
import pytest
from norda_common.identifiers import new_id
from norda_local.tracing import fetch_trace
from support.installation import Installation
from support.people import signed_in, text_of
from support.plans import plans_of, tell_plans
from support.waiting import eventually

from .conftest import Desk, event_said, make_event, relocation_said

PATH = "/notifications/search"


def headings(page: httpx2.Response) -> list[str]:
    """The sections' headings."""
    return [re.sub(r"<[^>]+>", "", found).strip() for found in re.findall(r"<h2[^>]*>(.*?)</h2>", page.text)]


async def told(desk: Desk, word: str) -> dict[str, Any]:
    """An event and a relocation with that word in their titles, told to somebody of that name and to offices."""
    event = make_event(title=f"Forum {word}")
    email = f"{word}@ex-005.example"
    subscription = await desk.subscribe(email, "event", str(event.event_id), name="Jörg Größer")
    await desk.tell(event_said("published", event), *relocation_said(legal_name=f"Beispiel {word} GmbH"))
    return {"email": email, "subscription": subscription["id"]}


@pytest.mark.parametrize(
    ("state", "roles", "sections"),
    [
        ("hb", ("office",), ["Abonnements (1)", "Eingang (1)", "Mitteilungen (3)"]),
        ("ni", ("pr",), ["Eingang (1)", "Mitteilungen (3)"]),
        ("hh", ("lead",), ["Mitteilungen (3)"]),
        (None, ("auditor",), ["Mitteilungen (3)"]),
        (None, ("operator",), ["Mitteilungen (3)", "Zustellungen (3)"]),
    ],
)
async def test_each_kind_is_found_by_whoever_may_read_it(
    desk: Desk, state: str | None, roles: tuple[str, ...], sections: list[str]
) -> None:
    word = f"w{new_id().hex[:12]}"
    there = await told(desk, word)
    async with signed_in(desk.service, state=state, roles=roles) as person:
        by_address = await person.get(PATH, params={"q": word.upper()})
        by_form = await person.post(PATH, {"q": word.upper()})
        keeps = state is not None
        assert by_form.status_code == (200 if keeps else 403)
        page = by_form if keeps else by_address
        assert page.status_code == 200
        assert headings(page) == sections
        # Words in an address find no subscriptions, and offer to look for them.
        assert there["email"] not in by_address.text
        assert ("Auch in Abonnements suchen" in text_of(by_address)) is keeps
        assert (there["email"] in page.text) is (state == "hb")
        assert (f"/subscriptions/{there['subscription']}" in page.text) is (state == "hb")
        addresses = re.findall(
            r'href="(/notifications/(?:notices|inbox|deliveries|subscriptions)/[0-9a-f-]{36})"', page.text
        )
        assert len(addresses) == sum(int(heading[-2]) for heading in sections)
        for address in addresses:
            assert (await person.get(address)).status_code == 200
        if roles == ("operator",):
            assert "***@ex-005.example" in page.text
            one = next(address for address in addresses if "/deliveries/" in address)
            by_id = await person.get(PATH, params={"q": one.rpartition("/")[2]})
            assert headings(by_id) == ["Zustellungen (1)"]


async def test_subscriptions_are_found_by_name_address_and_topic_running_ones_first(desk: Desk) -> None:
    word = f"w{new_id().hex[:12]}"
    ended = await desk.subscribe(f"alt.{word}@ex-005.example", "cluster", "SUCHE", name="Jörg Größer")
    running = await desk.subscribe(f"neu.{word}@ex-005.example", "competence", "BAT-02", name="Jörg Größer")
    async with desk.service.client() as client:
        await client.delete(f"/api/v1/subscriptions/{ended['id']}")
    async with signed_in(desk.service) as office:
        for typed in (
            word,
            f"NEU.{word}@ex-005.example",
            f"{word} joerg groess",
            f"{word} jorg grosser",
            f"bat-02 {word}",
        ):
            page = await office.post(PATH, {"q": typed})
            assert running["id"] in page.text, typed
        both = await office.post(PATH, {"q": word})
        assert headings(both) == ["Abonnements (2)"]
        assert both.text.index(running["id"]) < both.text.index(ended["id"])
        assert "beendet" in text_of(both)
        assert running["id"] not in (await office.post(PATH, {"q": f"{word} anders"})).text
        for _ in range(5):
            await desk.subscribe(f"p{secrets.token_hex(4)}.{word}@ex-005.example", "state", "hb")
        many = await office.post(PATH, {"q": word})
        assert headings(many) == ["Abonnements (über 5)"]
        assert not re.search(r'href="/notifications/search\?', many.text)
        assert '<input type="hidden" name="only" value="subscriptions">' in many.text
        assert headings(await office.post(PATH, {"q": word, "only": "subscriptions"})) == ["Abonnements (7)"]
    async with signed_in(desk.service, state="hh") as other:
        page = await other.post(PATH, {"q": word})
        assert "gibt es nichts, was Sie sehen dürfen" in text_of(page)


async def test_without_words_or_hits_the_page_says_what_to_do(desk: Desk) -> None:
    async with signed_in(desk.service) as office, signed_in(desk.service, state=None, roles=("auditor",)) as auditor:
        for person, method in ((office, "post"), (auditor, "get")):
            page = await person.get(PATH)
            assert re.search(rf'role="search" method="{method}" action="/notifications/search"', page.text)
        for typed in ("", "?!", "& | !", "gibtesnicht"):
            page = await office.get(PATH, params={"q": typed})
            assert page.status_code == 200
            assert "Abonnements findet man mit Name" in text_of(page), typed
            assert "Abonnements findet man" not in text_of(await auditor.get(PATH, params={"q": typed}))


async def test_the_words_are_in_no_log_and_no_trace(desk: Desk) -> None:
    secret, trace_id = f"xgeheim{new_id().hex[:12]}@ex-005.example", secrets.token_hex(16)
    traced = {"traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01"}
    async with signed_in(desk.service, roles=("lead", "operator")) as office:
        assert (await office.post(PATH, {"q": secret}, headers=traced)).status_code == 200

    async def whole() -> list[dict[str, Any]]:
        spans = fetch_trace(desk.installation.servers.tracing, trace_id)
        assert {"SERVER", "CLIENT"} <= {span.get("kind") for span in spans}
        return spans

    name = secret.split("@", maxsplit=1)[0]
    assert name not in json.dumps(await eventually(whole, within=20))
    assert name not in desk.service.log.read_text()


async def test_what_is_searched_is_looked_up_in_indexes(installation: Installation) -> None:
    """On filled tables, behind the policies."""
    admin = await installation.connect()
    try:
        await admin.execute("set search_path = notifications, public")
        await _fill(admin)
        await tell_plans(admin)
        await admin.execute("set role norda_notifications")
        for name, value in (("subject", "x"), ("state", "hb"), ("roles", "office,operator")):
            await admin.execute("select set_config($1, $2, false)", f"norda.{name}", value)
        for _ in range(8):  # Also by the plan that is kept for any words.
            assert len(await admin.fetch("select subscriptions_about('nachname777', 6)")) == 6
            plans = await plans_of(admin, "select subscriptions_about($1, 6)", "nachname777 vor")
            assert "Bitmap Index Scan on subscription_words" in plans
            assert "Seq Scan on subscription" not in plans
            for statement in ("select inbox_about($1, 6)", "select deliveries_about($1, 6)"):
                assert len(await admin.fetch(statement, "titel777:*")) > 0, statement
                plans = await plans_of(admin, statement, "titel777:*")
                assert "Bitmap Index Scan on notice_title" in plans, plans
                assert "Seq Scan on notice" not in plans
                assert "Seq Scan on delivery" not in plans, plans
    finally:
        await admin.close()


async def _fill(admin: Any) -> None:
    await admin.execute(
        """insert into recipient (kind, address_key)
           select 'person', 'p' || n || '@ex-008.example' from generate_series(1, 20000) as n"""
    )
    await admin.execute(
        """insert into subscription (id, state, recipient_id, address, name, language, topic_kind, topic_value,
                                     consent_given_at, consent_wording, created_at, created_by)
           select uuidv7(), (array['hb', 'hh', 'ni'])[1 + n % 3], id, address_key, 'Vorname Nachname' || n % 1000, 'de',
                  'cluster', 'ITS', now(), 'w', now(), 'x'
           from (select *, row_number() over () as n from recipient where kind = 'person') as r"""
    )
    await admin.execute(
        """insert into notice (id, kind, state, subject_id, caused_by, source, occurred_at, content, created_at)
           select uuidv7(), 'organisation_relocated', 'hb', gen_random_uuid(), gen_random_uuid(), 's', now(),
                  jsonb_build_object('organisation', jsonb_build_object('legal_name', 'Titel' || n)), now()
           from generate_series(1, 20000) as n"""
    )
    await admin.execute(
        """insert into delivery (notice_id, recipient_id, state, channel, occasion, precedence, status, due_at,
                                 created_at)
           select n.id, r.id, 'hb', 'inbox', n.id::text, 1, 'delivered', now(), now()
           from notice as n, recipient as r where r.kind = 'office' and r.state = 'hb'"""
    )
    await admin.execute("analyze recipient; analyze subscription; analyze notice; analyze delivery")
