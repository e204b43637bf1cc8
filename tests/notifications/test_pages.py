"""The pages of messages as a person without scripts meets them: lists, forms, refusals, both languages."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx2
import pytest
from norda_common.identifiers import new_id
from norda_common.requests import read_cursor
from norda_notifications.mail.letters import kinds
from norda_notifications.pages.labels import NOTICES
from support.people import Person, signed_in, text_of

from .conftest import Desk, event_said, make_event, participation_said, person, relocation_said
from .test_subscriptions import link_in_mail

BASE = "/notifications"
NEW = f"{BASE}/subscriptions/new"


def links(response: httpx2.Response) -> list[str]:
    """Where the page's links lead."""
    return [unescape(address) for address in re.findall(r'href="([^"]+)"', response.text)]


def hidden(response: httpx2.Response, action: str) -> dict[str, str]:
    """The hidden fields of the page's form that leads there."""
    for found in re.finditer(r"<form[^>]*action=\"([^\"]*)\"[^>]*>(.*?)</form>", response.text, re.DOTALL):
        if unescape(found[1]) == action:
            pairs = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', found[2])
            return {name: unescape(value) for name, value in pairs}
    raise AssertionError(f"no form leads to {action}")


def new_subscription(**fields: str) -> dict[str, str]:
    return {
        "topic.kind": "competence",
        "topic.value": "BAT-02",
        "email": person(),
        "name": "Beispiel Person",
        "language": "de",
        "consent.given_at": "2026-11-01",
        "consent.wording": "Ja, ich möchte Nachrichten.\nZweite Zeile.",
    } | fields


async def entered(somebody: Person, form: Mapping[str, str]) -> str:
    """Enter a subscription; the address of its page."""
    answer = await somebody.post(NEW, form)
    assert answer.status_code == 303, text_of(answer)
    return answer.headers["location"]


async def told_in(somebody: Person, answer: httpx2.Response) -> str:
    """What the page says that a form led to."""
    assert answer.status_code == 303, text_of(answer)
    return text_of(await somebody.get(answer.headers["location"]))


def test_every_notice_has_a_name() -> None:
    assert set(NOTICES) == kinds()


async def test_the_overview_shows_what_waits_for_whom(desk: Desk) -> None:
    await desk.subscribe(person(), "cluster", "ITS", state="hb")
    await desk.tell(*relocation_said())
    async with (
        signed_in(desk.service, roles=("lead",)) as office,
        signed_in(desk.service, roles=("operator",), state=None, language="en") as operator,
        signed_in(desk.service, roles=("auditor",), state=None) as auditor,
        signed_in(desk.service, state="ni", language="en") as english,
    ):
        page = await office.get(f"{BASE}/")
        assert f"{BASE}/inbox?unread=yes" in links(page)
        assert "Laufende Abonnements nach Thema" in text_of(page)
        assert "Beispiel Roland Batteriesysteme GmbH" in text_of(page)
        assert 'aria-current="page"' in page.text
        assert page.text.count('aria-current="page"') == 1
        operators = await operator.get(f"{BASE}/")
        assert "Deliveries by status" in text_of(operators)
        assert "Subscriptions" not in text_of(operators)
        assert {f"{BASE}/deliveries", f"{BASE}/operations"} <= set(links(operators))
        assert (await auditor.get(f"{BASE}/")).status_code == 200
        assert "Nobody has subscribed to anything in your state yet." in text_of(await english.get(f"{BASE}/"))


async def test_a_subscription_is_entered_found_and_ended(desk: Desk) -> None:
    async with signed_in(desk.service, name="Anna Beispiel", roles=("pr",)) as pr:
        assert 'value="BAT-02"' in (await pr.get(f"{NEW}?kind=competence")).text
        form = new_subscription()
        address = await entered(pr, form)
        page = text_of(await pr.get(address))
        for shown in ("Das Abonnement ist eingetragen.", form["email"], "01.11.2026", "Zweite Zeile.", "Anna Beispiel"):
            assert shown in page
        listed = await pr.post(f"{BASE}/subscriptions", {"email": form["email"].upper(), "kind": "competence"})
        assert address in links(listed)
        other = await pr.post(f"{BASE}/subscriptions", {"email": form["email"], "kind": "state"})
        assert address not in links(other)
        assert not any("email=" in link or form["email"] in link for link in links(listed))
        question = await pr.get(f"{address}/end")
        assert form["email"] in text_of(question)
        assert "lässt sich nicht zurücknehmen" in text_of(question)
        assert "Das Abonnement ist beendet." in await told_in(pr, await pr.post(f"{address}/end"))
        assert "Beendet" in text_of(await pr.get(address))
        assert address not in links(await pr.post(f"{BASE}/subscriptions", {"email": form["email"]}))
        ended = await pr.post(f"{BASE}/subscriptions", {"email": form["email"], "status": "ended"})
        assert address in links(ended)
        assert "schon beendet" in text_of(await pr.get(f"{address}/end"))


async def test_the_same_again_overwrites_nothing_and_asks_which_shall_hold(desk: Desk) -> None:
    async with signed_in(desk.service) as office:
        form = new_subscription()
        address = await entered(office, form)
        same = await office.post(NEW, form | {"consent.given_at": "2.11.2026"})
        assert same.headers["location"] == address
        assert "lief schon" in await told_in(office, same)
        again = await office.post(NEW, form | {"name": "Neuer Name", "consent.given_at": "2.11.2026"})
        assert again.status_code == 409
        said = text_of(again)
        for shown in ("läuft schon", "Neuer Name", form["name"], form["email"], "01.11.2026"):
            assert shown in said
        assert "Neuer Name" not in text_of(await office.get(address))
        kept = hidden(again, f"{address}/edit")
        chosen = await office.post(f"{address}/edit", kept | {"choice-name": "mine"})
        assert "ist berichtigt" in await told_in(office, chosen)
        assert "Neuer Name" in text_of(await office.get(address))


async def test_a_subscription_is_never_corrected_over_a_newer_version_unseen(desk: Desk) -> None:
    async with (
        signed_in(desk.service, name="Anna Eins", roles=("lead",)) as anna,
        signed_in(desk.service, name="Bert Zwei", roles=("pr",)) as bert,
        signed_in(desk.service, state="hh") as other,
    ):
        address = await entered(anna, new_subscription(name="Alter Name"))
        path = f"{address}/edit"
        assert path in links(await bert.get(address))
        seen = hidden(await bert.get(path), path)
        wrong = await anna.post(path, hidden(await anna.get(path), path) | {"name": "x" * 201, "language": "de"})
        assert wrong.status_code == 422
        assert 'id="feld-name-fehler"' in wrong.text
        assert "x" * 201 in wrong.text
        saved = await anna.post(path, hidden(wrong, path) | {"name": "Annas Name", "language": "de"})
        assert "ist berichtigt" in await told_in(anna, saved)

        conflict = await bert.post(path, seen | {"name": "Berts Name", "language": "en"})
        assert conflict.status_code == 412
        for both in ("Annas Name", "Berts Name", "Englisch", "Deutsch", "beide geändert", "Sie haben geändert"):
            assert both in text_of(conflict)
        kept = hidden(conflict, path)
        choice = {"choice-name": "theirs", "choice-language": "mine"}
        chosen = await bert.post(path, kept | choice)
        assert chosen.headers["location"] == address
        page = text_of(await bert.get(address))
        assert "Annas Name" in page
        assert "Berts Name" not in page
        assert "Englisch" in page
        # The same once more is again over a newer one.
        assert (await bert.post(path, kept | choice)).status_code == 412
        assert (await bert.post(path, {"name": "Ohne Fassung", "language": "de"})).status_code == 422
        nothing = await bert.post(path, hidden(await bert.get(path), path) | {"name": "Annas Name", "language": "en"})
        assert "nichts zu ändern" in await told_in(bert, nothing)
        history = page[page.index("Verlauf") :]
        assert re.findall(r"Eingetragen|Berichtigt|Anna Eins|Bert Zwei", history) == [
            "Berichtigt",
            "Bert Zwei",
            "Berichtigt",
            "Anna Eins",
            "Eingetragen",
            "Anna Eins",
        ]
        assert "Geändert: Sprache der Nachrichten" in history
        assert "Geändert: Name" in history

        theirs = {"version": seen["version"], "name": "x", "language": "de"}
        for refused in (await other.get(path), await other.post(path, theirs)):
            assert refused.status_code == 404
        without = await bert.post(path, hidden(await bert.get(path), path) | {"name": "", "language": "en"})
        assert without.status_code == 303
        assert "Annas Name" not in text_of(await bert.get(address))
        await bert.post(f"{address}/end")
        assert (await bert.get(path)).status_code == 409
        assert path not in links(await bert.get(address))


async def test_who_unsubscribes_by_the_link_is_in_the_history_and_the_service_in_the_log(desk: Desk) -> None:
    email, event = person(), make_event()
    made = await desk.subscribe(email, "event", str(event.event_id))
    await desk.tell(event_said("published", event))
    async with httpx2.AsyncClient() as anybody:
        link = await link_in_mail(desk, email)
        for _ in range(2):
            assert (await anybody.post(link)).status_code == 200
    async with (
        signed_in(desk.service) as office,
        signed_in(desk.service, state=None, roles=("auditor",)) as auditor,
    ):
        page = text_of(await office.get(f"{BASE}/subscriptions/{made['id']}"))
        history = page[page.index("Verlauf") :]
        assert re.findall(r"Eingetragen|Beendet|die Person selbst, über den Link|Beispiel Person", history) == [
            "Beendet",
            "die Person selbst, über den Link",
            "Eingetragen",
            "Beispiel Person",
        ]
        log = text_of(await auditor.get(f"{BASE}/audit", params={"item": made["id"], "subject": "Norda"}))
        assert log.count("subscription.end") == 1
        assert "recipient" in log
        assert email not in log


async def test_the_own_office_sees_who_changed_its_contact(desk: Desk) -> None:
    path = f"{BASE}/offices/ni/edit"
    async with (
        signed_in(desk.service, state="ni", roles=("lead",), name="Nina Neu") as lead,
        signed_in(desk.service, state="ni", roles=("pr",)) as own,
        signed_in(desk.service, state="hb") as other,
        signed_in(desk.service, state=None, roles=("operator",)) as operator,
    ):
        before = hidden(await lead.get(path), path)
        address = person("ni.example")
        await lead.post(path, before | {"name": "Wirtschaft Nord-West", "email": address, "language": "en"})
        page = text_of(await own.get(f"{BASE}/offices"))
        history = page[page.index("Verlauf des Kontakts von Niedersachsen") :]
        for said in ("Kontakt geändert", "Nina Neu", "Wirtschaftsförderung Niedersachsen", "Wirtschaft Nord-West"):
            assert said in history
        for said in ("Deutsch", "Englisch", "E-Mail-Adresse: geändert"):
            assert said in history
        assert address not in history
        for somebody in (other, operator):
            assert "Nina Neu" not in text_of(await somebody.get(f"{BASE}/offices"))


@pytest.mark.parametrize(
    ("wrong", "field", "said"),
    [
        ({"email": "niemand"}, "email", "ist keine E-Mail-Adresse"),
        ({"email": ""}, "email", "fehlt"),
        ({"topic.value": "XYZ"}, "topic.value", "gibt es als competence nicht"),
        ({"topic.kind": "event", "topic.value": "kein"}, "topic.value", "gibt es als event nicht"),
        ({"consent.given_at": "31.02.2026"}, "consent.given_at", "ist kein Tag, den es gibt"),
        ({"consent.given_at": "2999-01-01"}, "consent.given_at", "liegt in der Zukunft"),
        ({"consent.wording": ""}, "consent.wording", "fehlt"),
        ({"name": "x" * 201}, "name", "ist zu lang"),
    ],
)
async def test_what_is_wrong_stands_beside_its_field_and_nothing_typed_is_lost(
    desk: Desk, wrong: dict[str, str], field: str, said: str
) -> None:
    async with signed_in(desk.service) as office:
        form = new_subscription(name="Bleibt Stehen") | wrong
        answer = await office.post(NEW, form)
    assert answer.status_code == 422
    assert f'href="#feld-{field}"' in answer.text
    assert re.search(rf'id="feld-{re.escape(field)}-fehler".*?{said}', answer.text, re.DOTALL)
    for name, value in form.items():
        if name == "topic.value" and form["topic.kind"] == "competence":
            continue  # A choice that does not exist cannot be chosen.
        assert value.split("\n")[-1] in unescape(answer.text), name


async def test_lists_keep_filters_and_order_in_the_address(desk: Desk) -> None:
    domain = f"d{new_id().hex[:12]}.example"
    emails = [f"{name}@{domain}" for name in ("zoe", "ärger", "anna", "bert")]
    async with signed_in(desk.service, state="hh") as office:
        for email in emails:
            await entered(office, new_subscription(email=email, **{"topic.kind": "cluster", "topic.value": "sort"}))
        query = {"kind": "cluster", "value": "sort", "sort": "email", "direction": "asc"}
        page = await office.get(f"{BASE}/subscriptions", params=query)
        shown = re.findall(rf"[a-zä]+@{domain}", page.text)
        assert shown == [f"{name}@{domain}" for name in ("anna", "ärger", "bert", "zoe")]
        turned = next(address for address in links(page) if "sort=email" in address and "direction=desc" in address)
        page = await office.get(turned)
        assert re.findall(rf"[a-zä]+@{domain}", page.text) == shown[::-1]
        for sort in ("entered", "topic"):
            assert (await office.get(f"{BASE}/subscriptions", params={"sort": sort})).status_code == 200
        # A form without scripts sends its empty fields too.
        empty = {"kind": "", "value": "", "status": ""}
        assert (await office.get(f"{BASE}/subscriptions", params=empty)).status_code == 200
        refused = await office.get(f"{BASE}/subscriptions", params={"sort": "colour"})
        assert refused.status_code == 422


@pytest.mark.parametrize("sort", ["entered", "email", "topic"])
async def test_pages_of_a_list_follow_one_another(desk: Desk, sort: str) -> None:
    domain = f"d{new_id().hex[:12]}.example"
    wanted = {f"p{number:02}@{domain}" for number in range(53)}
    for email in sorted(wanted):
        await desk.subscribe(email, "cluster", f"P{sort.upper()}", state="ni")
    async with signed_in(desk.service, state="ni") as office:
        query = {"kind": "cluster", "value": f"P{sort.upper()}", "sort": sort, "direction": "desc"}
        first = await office.get(f"{BASE}/subscriptions", params=query)
        (onward,) = {address for address in links(first) if "cursor=" in address}
        cursor = parse_qs(urlsplit(onward).query)["cursor"][0]
        assert domain.encode() not in urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), "it names nobody"
        second = await office.get(onward)
        pages = [set(re.findall(rf"p\d\d@{domain}", page.text)) for page in (first, second)]
        assert [len(page) for page in pages] == [50, 3]
        assert pages[0] | pages[1] == wanted
        # Whose place the cursor names may be erased meanwhile: then the list begins again.
        admin = await desk.installation.connect()
        await admin.execute("delete from notifications.subscription where id = $1", *read_cursor(cursor, UUID))
        await admin.close()
        again = await office.get(onward)
        assert len(set(re.findall(rf"p\d\d@{domain}", again.text))) == 50


async def test_another_states_subscription_is_not_there(desk: Desk) -> None:
    async with signed_in(desk.service, state="hb") as bremen, signed_in(desk.service, state="hh") as hamburg:
        form = new_subscription()
        address = await entered(bremen, form)
        for path in (address, f"{address}/end", f"{BASE}/subscriptions/{new_id()}"):
            page = await hamburg.get(path)
            assert page.status_code == 404
            assert form["email"] not in page.text
        assert (await hamburg.post(f"{address}/end")).status_code == 404
        found = await hamburg.post(f"{BASE}/subscriptions", {"email": form["email"]})
        assert "Kein Abonnement passt" in text_of(found)
        assert "läuft" in text_of(await bremen.get(address))


async def test_who_may_not_sees_a_page_that_says_so(desk: Desk) -> None:
    async with signed_in(desk.service, roles=("auditor",), state=None) as auditor, signed_in(desk.service) as office:
        for path in ("subscriptions", "inbox", "objections", "deliveries", "operations"):
            page = await auditor.get(f"{BASE}/{path}")
            assert page.status_code == 403, path
            assert "Das erlaubt keine Ihrer Rollen" in text_of(page)
            assert f"{BASE}/{path}" not in links(page)
        assert (await office.get(f"{BASE}/deliveries")).status_code == 403
        assert (await office.get(f"{BASE}/offices/hh/edit")).status_code == 403
        assert (await office.post(f"{BASE}/offices/hh/edit", {"name": "x"})).status_code == 403
    async with signed_in(desk.service, roles=("pr",)) as pr:
        assert (await pr.get(f"{BASE}/offices/hb/edit")).status_code == 403
        assert f"{BASE}/offices/hb/edit" not in links(await pr.get(f"{BASE}/offices"))


async def test_a_form_without_its_token_changes_nothing(desk: Desk) -> None:
    async with signed_in(desk.service) as office:
        form = new_subscription()
        for paths in (NEW, f"{BASE}/objections/record", f"{BASE}/inbox/read-all"):
            answer = await office.post(paths, form | {"csrf": "wrong"})
            assert answer.status_code == 403
        assert form["email"] in answer.text
        found = await office.post(f"{BASE}/subscriptions", {"email": form["email"]})
        assert "Kein Abonnement passt" in text_of(found)


async def test_an_objection_is_asked_about_and_recorded_once(desk: Desk) -> None:
    email = person()
    async with signed_in(desk.service, roles=("office",)) as office:
        wrong = await office.post(f"{BASE}/objections", {"email": "niemand"})
        assert wrong.status_code == 422
        assert 'value="niemand"' in wrong.text
        question = await office.post(f"{BASE}/objections", {"email": email})
        assert "lässt sich nicht zurücknehmen" in text_of(question)
        fields = hidden(question, f"{BASE}/objections/record")
        assert fields["email"] == email
        answer = await office.post(f"{BASE}/objections/record", fields)
        assert "Der Widerspruch ist festgehalten." in await told_in(office, answer)
        answer = await office.post(f"{BASE}/objections/record", fields)
        assert "galt schon" in await told_in(office, answer)
        address = await entered(office, new_subscription(email=email))
        assert "hat widersprochen" in text_of(await office.get(address))


async def test_the_inbox_is_read_entry_by_entry_and_at_once(desk: Desk) -> None:
    for _ in range(3):
        await desk.tell(*relocation_said())
    async with signed_in(desk.service, state="ni") as office:
        unread = await office.get(f"{BASE}/inbox", params={"unread": "yes"})
        entries = [address for address in links(unread) if re.fullmatch(rf"{BASE}/inbox/[0-9a-f-]{{36}}", address)]
        assert len(entries) >= 3
        page = await office.get(entries[0])
        assert "Sitzverlegung: Beispiel Roland Batteriesysteme GmbH" in text_of(page)
        assert any("/registry/organisations/" in address for address in links(page))
        # To look at it is not to have read it.
        assert entries[0] in links(await office.get(f"{BASE}/inbox?unread=yes"))
        assert "als gelesen markiert" in await told_in(office, await office.post(f"{entries[0]}/read"))
        assert entries[0] not in links(await office.get(f"{BASE}/inbox?unread=yes"))
        assert (await office.get(f"{BASE}/inbox?direction=asc&sort=received")).status_code == 200
        fields = hidden(await office.get(f"{BASE}/inbox"), f"{BASE}/inbox/read-all")
        await desk.tell(*relocation_said())
        assert "Als gelesen markiert:" in await told_in(office, await office.post(f"{BASE}/inbox/read-all", fields))
        left = links(await office.get(f"{BASE}/inbox?unread=yes"))
        assert len({address for address in left if re.fullmatch(rf"{BASE}/inbox/[0-9a-f-]{{36}}", address)}) == 1
    async with signed_in(desk.service, state="hh") as other:
        assert (await other.get(entries[0])).status_code == 404
        assert (await other.post(f"{entries[0]}/read")).status_code == 404
        assert "Ihr Eingang ist leer" in text_of(await other.get(f"{BASE}/inbox"))
        assert (await other.post(f"{BASE}/inbox/read-all", {"until": "nonsense"})).status_code == 422


async def test_a_contact_is_never_written_over_a_newer_one_unseen(desk: Desk) -> None:
    path = f"{BASE}/offices/hh/edit"
    async with (
        signed_in(desk.service, state="hh", roles=("lead",)) as anna,
        signed_in(desk.service, state="hh") as bert,
        signed_in(desk.service, state="hb", language="en") as other,
    ):
        seen = hidden(await bert.get(path), path)
        mine = {"name": "Wirtschaft Hamburg", "email": person("hh.example"), "language": "de"}
        wrong = await anna.post(path, hidden(await anna.get(path), path) | mine | {"email": "kaputt"})
        assert wrong.status_code == 422
        assert 'value="kaputt"' in wrong.text
        assert 'id="feld-email-fehler"' in wrong.text
        saved = await anna.post(path, hidden(await anna.get(path), path) | mine)
        assert "Der Kontakt ist gespeichert." in await told_in(anna, saved)

        theirs = {"name": "Hamburg Zwei", "email": "", "language": "en"}
        conflict = await bert.post(path, seen | theirs)
        assert conflict.status_code == 409
        for both in (mine["name"], theirs["name"], mine["email"], "Englisch", "Deutsch"):
            assert both in text_of(conflict)
        kept = hidden(conflict, path)
        choice = {"choice-name": "mine", "choice-email": "theirs", "choice-language": "theirs"}
        chosen = await bert.post(path, kept | choice)
        assert chosen.headers["location"] == f"{BASE}/offices"
        shown = text_of(await other.get(f"{BASE}/offices"))
        assert "Hamburg Zwei" in shown
        assert mine["email"] in shown
        # The same once more is again over a newer one.
        assert (await bert.post(path, kept | choice)).status_code == 409
        without = await bert.post(path, hidden(await bert.get(path), path) | theirs)
        assert without.status_code == 303
        assert "none, the inbox only" in text_of(await other.get(f"{BASE}/offices"))
        assert (await bert.post(path, theirs)).status_code == 422


async def test_notices_are_found_and_show_how_many_were_delivered(desk: Desk) -> None:
    title = f"Transformationsforum {new_id().hex[:8]}"
    event, email = make_event(title=title), person()
    await desk.subscribe(email, "event", str(event.event_id))
    await desk.tell(event_said("published", event), participation_said("confirmed", event, person(), name="Geheim"))
    async with (
        signed_in(desk.service, state="ni") as office,
        signed_in(desk.service, roles=("operator",), state=None) as operator,
    ):
        found = await office.get(
            f"{BASE}/notices", params={"q": title.split()[1][:6].upper(), "kind": "event_published"}
        )
        (address,) = {link for link in links(found) if re.fullmatch(rf"{BASE}/notices/[0-9a-f-]{{36}}", link)}
        page = await office.get(address)
        assert "1 zugestellt" in text_of(page)
        assert any(link.endswith(f"/events/{event.event_id}") for link in links(page))
        assert "Trace:" not in page.text
        for query in ({"kind": ""}, {"state": "hh"}, {"q": "& | !"}, {"direction": "asc", "sort": "told"}, {"q": "%"}):
            assert (await office.get(f"{BASE}/notices", params=query)).status_code == 200
        assert title not in (await office.get(f"{BASE}/notices", params={"state": "hh"})).text
        assert (await office.get(f"{BASE}/notices/{new_id()}")).status_code == 404
        office.client.headers["cookie"] += "; norda-state=hh"
        assert address not in links(await office.get(f"{BASE}/notices", params={"q": title}))
        assert address in links(await office.get(f"{BASE}/notices", params={"q": title, "state": "all"}))

        of_notice = next(link for link in links(await operator.get(address)) if "/deliveries?" in link)
        listed = await operator.get(of_notice)
        assert "p***@ex-005.example" in text_of(listed)
        assert email not in listed.text
        one = next(link for link in links(listed) if re.fullmatch(rf"{BASE}/deliveries/[0-9a-f-]{{36}}", link))
        delivery = await operator.get(one)
        assert "p***@ex-005.example" in text_of(delivery)
        assert address in links(delivery)
        query = {"status": "delivered", "channel": "email", "state": "hb", "notice": "", "direction": "asc"}
        assert "zugestellt" in text_of(await operator.get(f"{BASE}/deliveries", params=query))


async def test_the_unsubscribe_page_is_a_page_like_all_others(desk: Desk) -> None:
    email, event = person(), make_event()
    await desk.subscribe(email, "event", str(event.event_id), language="en")
    await desk.tell(event_said("published", event))
    link = await link_in_mail(desk, email)
    async with httpx2.AsyncClient(headers={"accept": "text/html"}) as anybody:
        page = await anybody.get(link)
        assert '<html lang="en">' in page.text
        assert "norda-header" in page.text
        assert "Do you want to unsubscribe" in text_of(page)
        assert email not in page.text
        german = await anybody.get(link, headers={"accept-language": "de"})
        assert "Möchten Sie diese Nachrichten abbestellen?" in text_of(german)
        path = httpx2.URL(link).path
        turned = await anybody.post(
            f"{desk.service.url}{BASE}/view",
            data={"back": path, "language": "de"},
            headers={"origin": desk.service.url},
        )
        assert turned.headers["location"] == path
        done = await anybody.post(link)
        assert "You have unsubscribed from" in text_of(done)
        assert "Yes, unsubscribe" not in text_of(await anybody.get(link))


async def test_no_page_loads_or_styles_anything_of_its_own(desk: Desk) -> None:
    address = (await desk.subscribe(person(), "cluster", "CSP"))["id"]
    async with signed_in(desk.service, roles=("lead", "operator", "auditor")) as everything:
        paths = ["", "inbox", "subscriptions", f"subscriptions/{address}", f"subscriptions/{address}/end"]
        paths += [f"subscriptions/{address}/edit", "search", "search?q=CSP", "search?q=nichts"]
        paths += ["subscriptions/new?kind=state", "subscriptions/new?kind=event", "objections", "offices"]
        paths += ["offices/hb/edit", "notices", "deliveries", "operations", "operations/dead-letters"]
        for path in [*paths, "operations/blocked", "audit"]:
            page = await everything.get(f"{BASE}/{path}")
            assert page.status_code == 200, path
            assert not re.search(r"\sstyle=|<style|\son[a-z]+=", page.text), path
            assert page.text.count("<h1") == 1, path
            sources = re.findall(r'(?:src|<link[^>]*href)="([^"]+)"', page.text)
            assert all(source.startswith(f"{BASE}/static/") for source in sources), path
            ids: list[Any] = re.findall(r'\sid="([^"]+)"', page.text)
            assert len(ids) == len(set(ids)), path
