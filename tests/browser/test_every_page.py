"""Every page that can be reached by links, in each role: accessible, whole at 320 pixels, in light and dark.

400 % zoom of a window of 1280 pixels is a window of 320 (WCAG 1.4.10), so both are one check.
"""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlsplit

import httpx2
import pytest
from norda_local.tokens import issue_token
from playwright.sync_api import Browser
from support.installation import SERVICES
from support.signing_in import Realm

from .conftest import Watched, window
from .world import filled

MOST_PAGES = 60
PEOPLE = ("hb-lead", "operator", "auditor")
"""Between them they see every page: a lead sees all that case work and public relations do."""
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@pytest.fixture(scope="module")
def world(norda: Realm) -> Realm:
    filled(norda)
    return norda


def kind_of(address: str) -> str:
    """Pages of one kind look alike: ids are taken for the same, and of the query only which names it has."""
    parts = urlsplit(address)
    names = sorted(pair.partition("=")[0] for pair in parts.query.split("&") if pair)
    return UUID.sub("id", parts.path) + ("?" + "&".join(names[:1]) if names else "")


def reachable(person: Watched, service: str) -> list[str]:
    """One page of each kind, as links lead to them."""
    base = person.url(service)
    waiting, seen, found = [base], {kind_of(base)}, list[str]()
    while waiting and len(found) < MOST_PAGES:
        address = waiting.pop(0)
        response = person.page.goto(address)
        if response is None or "text/html" not in response.headers.get("content-type", ""):
            continue
        assert response.status < 400, f"{address} answers {response.status}"
        found.append(person.page.url)
        for link in person.page.locator("a[href]:not([download])").all():
            target = urljoin(person.page.url, link.get_attribute("href") or "").partition("#")[0]
            own = target.startswith(base) and "/sign-in" not in target and not target.endswith(".ics")
            if own and kind_of(target) not in seen:
                seen.add(kind_of(target))
                waiting.append(target)
    return found


def names_in(world: Realm) -> list[str]:
    """The names of all organisations."""
    asked = httpx2.get(
        f"{world.services['registry'].url}/api/v1/organisations",
        params={"limit": 200},
        headers={"authorization": f"Bearer {issue_token(world.home, issuer=world.issuer, state='hb', role='office')}"},
    )
    return [item["legal_name"] for item in asked.json()["items"]]


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("person", PEOPLE)
def test_every_page_is_accessible_in_light_and_dark_and_fits_320_pixels(
    chromium_browser: Browser, world: Realm, service: str, person: str
) -> None:
    faults = list[str]()
    with window(chromium_browser, world) as at:
        at.sign_in(person, service)
        addresses = reachable(at, service)
        assert len(addresses) >= 5
        for number, address in enumerate(addresses):
            for scheme, width in (("light", 1280), ("dark", 320)):
                at.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                at.page.set_viewport_size({"width": width, "height": 900})
                at.page.goto(address)
                faults += at.violations()
                if at.wider_than_its_window() > 0:
                    faults.append(f"{address} scrolls sideways at {width} pixels")
                if at.page.locator("h1").count() != 1:
                    faults.append(f"{address} has {at.page.locator('h1').count()} h1")
                if person == PEOPLE[0]:
                    at.picture(f"{service}-{number:02}-{width}-{scheme}")
    assert faults == [], "\n".join(faults)


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("service", SERVICES)
def test_pages_say_their_language_and_are_complete_in_it(
    chromium_browser: Browser, world: Realm, service: str, language: str
) -> None:
    with window(chromium_browser, world) as at:
        at.sign_in("hb-lead", service)
        if language == "en":
            at.page.get_by_role("button", name="English").click()
        assert at.page.locator("html").get_attribute("lang") == language
        other = re.compile(
            r"\b(und|oder|nicht|Keine|Speichern|Abbrechen)\b" if language == "en" else r"\b(the|and|not|Save|Cancel)\b"
        )
        faults, names = list[str](), names_in(world)
        for address in reachable(at, service):
            at.page.goto(address)
            # What people typed is in whatever language it is, names above all; they hold commas and small words.
            text = at.page.evaluate(
                "[...document.querySelectorAll('label, button, th, h1, h2, nav a, legend, .kern-hint')]"
                ".filter(e => !e.closest('[lang]:not(html)')).map(e => e.textContent).join(' | ')"
            )
            faults += [
                f"{address}: {part.strip()}"
                for part in str(text).split(" | ")
                if other.search(part) and not any(name in part for name in names)
            ]
        assert faults == [], "\n".join(faults)
