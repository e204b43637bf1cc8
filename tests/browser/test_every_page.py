"""Every page in each role and of those who have not signed in: accessible, whole at 320 pixels, in light and dark.

What links lead to is found by following them; what forms lead to stands in `states.py`. Of each template one page is
looked at wide in light and narrow in dark; the look of others of the same template is the same, so they get one look
each in turn, unless somebody else was offered the same there. A window of 320 pixels is what 400 % zoom makes of one of
1280 (WCAG 1.4.10).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

import httpx2
import pytest
from playwright.sync_api import Browser, Page
from support.forms import forms_of
from support.installation import SERVICES
from support.routes import Walked, walked
from support.signing_in import Browser as Client
from support.signing_in import Realm

from .conftest import Watched, window
from .crawl import Found, Read, pages
from .state import State
from .states import STATES, TYPED
from .world import Filled, filled

PEOPLE = ("hb-lead", "hb-pr", "operator", "auditor", None)
"""Between them they see every page: a lead sees all that case work does, None has not signed in."""
LOOKS = (("light", 1280), ("dark", 320))
"""What a page is laid out like depends on the width, its colours on the scheme, and neither on the other."""
BEGUN_ELSEWHERE = (
    "/sign-in", "/sign-in/callback", "/signed-out", "/confirm/{token}", ".ics", ".json", "/export", "/refused",
)  # fmt: skip
"""Ends of addresses that no link leads to, or that are no pages; what they show stands in `states.py`."""
SEEDS = (
    "company", "gone", "theirs", "sister", "offered", "offering", "refused", "merged", "asked to merge", "mine", "one",
    "cluster",
)  # fmt: skip
"""Organisations that the search leads to, and of which each has something to show that others have not."""
STEPS = frozenset(
    {
        "agree", "publish", "discard", "edit", "cancel", "reschedule", "release-quotas", "release-quota", "release",
        "withdraw-release",
    }
)  # fmt: skip
"""What can be asked about an event."""
GERMAN = re.compile(
    r"\b(und|oder|nicht|keine?[nmrs]?|der|das|dem|den|des|eine?[nmrs]?|ist|sind|wird|werden|wurden?|mit|für|vo[nm]|zu[mr]?"
    r"|auf|aus|bei|beim|nach|vor|über|unter|ohne|auch|nur|noch|schon|wenn|dass|sich|Sie|Ihre?[nmrs]?|bis|seit|im"
    r"|alle[nmrs]?|früher|jetzt|hier|haben|durch|diese[nmrs]?|Speichern|Abbrechen)\b",
    re.IGNORECASE,
)
ENGLISH = re.compile(
    r"\b(the|and|or|not|of|to|is|are|were|with|for|from|by|your|you|this|that|which|has|have|been|be|no|none|only"
    r"|their|than|before|after|Save|Cancel)\b",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def world(norda: Realm) -> Filled:
    return filled(norda)


def found_by(person: str | None, made: Filled, service: str, client: Client) -> list[Found]:
    """The pages of a service that this person reaches by links."""
    running = made.norda.services[service]
    base = f"{running.url}/{service}/"
    if person:
        client.sign_in(running, person)
        seeds = [f"{base}organisations/{made.ids[name]}" for name in SEEDS] if service == "registry" else []
        return list(pages(client, base, base, *seeds))
    return list(pages(client, base, f"{base}legal/imprint", *([f"{base}public"] if service != "notifications" else [])))


def look(at: Watched, name: str, *, whole: bool, turn: int = 0, keep: bool = False) -> Iterator[str]:
    """What is wrong with the page in the window; `whole` in every look, else in the one whose turn it is."""
    for scheme, width in LOOKS if whole else [LOOKS[turn % len(LOOKS)]]:
        at.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        at.page.set_viewport_size({"width": width, "height": 900})
        yield from (f"{name}, {scheme} at {width}: {fault}" for fault in at.violations())
        if at.wider_than_its_window() > 0:
            yield f"{name}: {at.page.url} scrolls sideways at {width} pixels"
        if keep and (scheme, width) in LOOKS[:2]:
            at.picture(f"{name}-{width}-{scheme}")
    if at.page.locator("h1").count() != 1:
        yield f"{name}: {at.page.url} has {at.page.locator('h1').count()} h1"


@pytest.mark.parametrize("service", SERVICES)
def test_every_page_is_accessible_in_light_and_dark_and_fits_320_pixels(
    chromium_browser: Browser, world: Filled, service: str
) -> None:
    faults, seen, met, shapes = list[str](), set[str](), set[str](), set[object]()
    for person in PEOPLE:
        found = found_by(person, world, service, Client())
        met |= {urlsplit(page.address).path for page in found}
        with window(chromium_browser, world.norda) as at:
            if person:
                at.sign_in(person, service)
            for number, page in enumerate(page for page in found if page.shape not in shapes):
                shapes.add(page.shape)
                name = f"{service}-{person or 'nobody'}-{number:02}"
                at.page.goto(page.address)
                new = page.template not in seen
                seen.add(page.template)
                faults += look(at, name, whole=new, turn=number, keep=new)
    assert faults == [], "\n".join(faults)
    met |= {urlsplit(state.address(world, service)).path for state in STATES[service]}
    assert unmet(service, met) == [], "nobody came here"


def unmet(service: str, met: set[str]) -> list[str]:
    """Pages that nobody reached, so that a world in which something is missing is noticed."""

    def wanted(route: Walked) -> bool:
        return route.method == "GET" and route.is_page and not route.where.endswith(BEGUN_ELSEWHERE)

    routes = [route.where for route in walked(service) if wanted(route) and not any(map(route.leads_to, met))]
    steps = {path.rpartition("/")[2] for path in met}
    return routes + sorted(STEPS - steps if service == "events" else ())


@pytest.mark.parametrize("service", SERVICES)
def test_every_answer_to_a_form_is_accessible_in_light_and_dark_and_fits_320_pixels(
    chromium_browser: Browser, world: Filled, service: str
) -> None:
    faults = list[str]()
    for person in dict.fromkeys(state.person for state in STATES[service]):
        with window(chromium_browser, world.norda) as at:
            if person:
                at.sign_in(person, service)
            for state in [state for state in STATES[service] if state.person == person]:
                status = come_to(at.page, state, world, service)
                if status != state.status:
                    faults.append(f"{state.name} answers {status}, not {state.status}: {at.page.url}")
                faults += look(at, f"{service}-{state.name}", whole=True, keep=True)
                if state.signed_out:
                    at.sign_in(state.person or "", service)
    assert faults == [], "\n".join(faults)


_SEND = """([action, fields]) => {
  const form = [...document.querySelectorAll("main form")].find(f => f.method === "post" && f.action.endsWith(action));
  for (const [name, value] of Object.entries(fields)) {
    const named = [...form.elements].filter(e => e.name === name && e.type !== "submit");
    for (const e of named) ["radio", "checkbox"].includes(e.type) ? e.checked = e.value === value : e.value = value;
    if (named.length === 0) {
      const hidden = Object.assign(document.createElement("input"), {type: "hidden", name, value});
      form.append(hidden);
    }
  }
  form.submit();
}"""


def come_to(page: Page, state: State, world: Filled, service: str) -> int:
    """Open the page, send its form, and tell what the last answer's status was."""
    if state.before:
        state.before(world)
    opened = page.goto(state.address(world, service))
    assert opened is not None, state.name
    if not state.action:
        return opened.status
    if state.meanwhile:
        state.meanwhile(world)
    if state.file is not None:
        file = {"name": "tabelle.csv", "mimeType": "text/csv", "buffer": state.file}
        page.locator('main input[type="file"]').set_input_files(file)  # type: ignore[arg-type]
    if state.signed_out:
        page.context.clear_cookies()
    with page.expect_navigation() as leads:
        page.evaluate(_SEND, [state.leads_to(world), dict(state.fields)])
    return leads.value.status if leads.value else 0


def test_the_issuers_own_pages_are_accessible(chromium_browser: Browser, world: Filled) -> None:
    faults = list[str]()
    with window(chromium_browser, world.norda) as at:
        at.open("registry", "/")
        assert at.page.url.startswith(world.norda.issuer), "nobody has signed in"
        faults += look(at, "issuer-sign-in", whole=True)
        at.page.goto(f"{world.norda.issuer}/")
        faults += look(at, "issuer-start", whole=True)
    assert faults == [], "\n".join(faults)


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("service", SERVICES)
def test_pages_say_their_language_and_are_complete_in_it(world: Filled, service: str, language: str) -> None:
    faults = list[str]()
    for person in PEOPLE:
        client = Client(cookies={"norda-language": language})
        for page in found_by(person, world, service, client):
            faults += foreign_words(page.read, page.address, world, language)
    for state in STATES[service]:
        client = Client(cookies={"norda-language": language})
        answer = answer_to(client, state, world, service)
        assert answer.status_code == state.status, (state.name, answer.url, answer.text[-3000:])
        faults += foreign_words(Read(answer), state.name, world, language)
    assert faults == [], "\n".join(dict.fromkeys(faults))


def answer_to(client: Client, state: State, world: Filled, service: str) -> httpx2.Response:
    """The same as `come_to`, without a browser."""
    if state.person:
        client.sign_in(world.norda.services[service], state.person)
    if state.before:
        state.before(world)
    page = client.get(state.address(world, service))
    forms = {urljoin(str(page.url), action): fields for action, fields in forms_of(page).items()}
    leads = [address for address in forms if state.action and address.endswith(state.leads_to(world))]
    if not state.action or (state.once and not leads):
        return page
    if state.meanwhile:
        state.meanwhile(world)
    action = leads[0]
    if state.signed_out:
        client.cookies = {name: value for name, value in client.cookies.items() if name == "norda-language"}
    sent = forms[action] | {name: [value] for name, value in state.fields.items()}
    files = {"file": ("tabelle.csv", state.file, "text/csv")} if state.file is not None else None
    return client.submit(action, sent, files=files)


def foreign_words(page: Read, name: str, world: Filled, language: str) -> Iterator[str]:
    """Pieces of text with words of the other language. What people typed is in whatever language it is."""
    if page.language != language:
        yield f"{name} says it is in {page.language!r}"
    typed = sorted(world.typed | TYPED, key=len, reverse=True)
    for text in page.texts:
        left = text
        for known in typed:
            left = left.replace(known, "")
        found = (GERMAN if language == "en" else ENGLISH).search(left)
        if found:
            yield f"{name}: {found[0]!r} in {text!r}"
