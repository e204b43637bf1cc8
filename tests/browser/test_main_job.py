"""The main job by people's clicks: three offices import, hold an event together, fill it, move a company, and cancel.

Once with the mouse and once with the keyboard alone, in German and English, at 400 % zoom, on a phone's width without
scripts.
"""

from __future__ import annotations

import functools
import re
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import norda_local.demo
import pytest
from norda_local.demo.world import World
from norda_local.mail import list_mails
from playwright.sync_api import Browser, Page
from support.signing_in import Realm
from support.waiting import until

from .conftest import window
from .hands import Hands
from .world import world_of

COMPANIES = Path(norda_local.demo.__file__).parent / "data" / "seed_companies.csv"
BODIES = COMPANIES.with_name("organisations.csv")


@dataclass(frozen=True)
class Way:
    """How the job is done this time, and with which company, so that each finds its own to move."""

    name: str
    place: str
    company: str
    number: str
    language: str = "de"
    width: int = 1280
    height: int = 900
    zoom: int = 1
    """So many pixels of the screen are one of the page, as where the browser zooms."""
    scripts: bool = True
    keyboard: bool = False


WAYS = (
    Way("mouse", "Nord", "Beispiel Roland Batteriesysteme GmbH", "990105"),
    # A window of 1280 by 1024 at 400 % (WCAG 1.4.10).
    Way("zoomed", "Küste", "Beispiel Weser Karosserie GmbH", "990102", language="en", width=320, height=256, zoom=4),
    Way("keyboard", "Weser", "Beispiel Hansa Wagenbau AG", "990101", keyboard=True),
    Way("no-scripts", "Ems", "Beispiel Wümme Software UG (haftungsbeschränkt)", "990106", width=320, scripts=False),
)


@pytest.fixture(scope="module")
def clusters(norda: Realm) -> World:
    """The clusters the companies belong to come from the public bodies' own list, once."""
    world = world_of(norda)
    for state in ("hb", "hh", "ni"):
        world.call(
            "POST",
            f"{world.registry}/api/v1/imports/organisations",
            state=state,
            content=BODIES.read_bytes(),
            headers={"content-type": "text/csv"},
        )
    return world


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_the_main_job_by_hand(chromium_browser: Browser, norda: Realm, clusters: World, way: Way) -> None:
    with ExitStack() as stack:
        offices: dict[str, Hands] = {}
        for state in ("hb", "hh", "ni"):
            opened = window(
                chromium_browser,
                norda,
                viewport={"width": way.width, "height": way.height},
                device_scale_factor=way.zoom,
                java_script_enabled=way.scripts,
                # Where the focus is must be seen at once, not after a smooth scroll.
                reduced_motion="reduce" if way.keyboard else "no-preference",
                locale="en-GB" if way.language == "en" else "de-DE",
            )
            at = stack.enter_context(opened)
            at.page.on("dialog", lambda dialog: dialog.accept())
            offices[state] = Hands(at, way.language, way.keyboard)
            offices[state].sign_in(f"{state}-office")
            offices[state].speak()
        bremen = offices["hb"]
        import_companies(bremen, way)
        event = hold_together(offices, way)
        fill_quota(offices, event, way)
        move_company(bremen, offices["ni"], way)
        cancel(bremen, event, way)


def import_companies(bremen: Hands, way: Way) -> None:
    bremen.open("registry", "/import", ("Import", "Import"))
    bremen.fill("source", f"Starter {way.name}")
    bremen.choose_file(COMPANIES)
    bremen.press("button", "Hochladen", "Upload", within="main")
    bremen.at.picture(f"main-job-{way.name}-1-mapping")
    bremen.press("button", "Zeilen prüfen", "Check the rows")
    page = bremen.page

    def checked() -> int:
        page.reload()
        return page.get_by_text(bremen.word("Noch ist nichts geschrieben.", "Nothing is written yet.")).count()

    until(checked, "the rows are not checked", pause=0.5)
    bremen.at.picture(f"main-job-{way.name}-1-preview")
    # Whoever comes second finds all companies there, and nothing to apply.
    if page.get_by_role("button", name=bremen.word("Jetzt übernehmen", "Apply now"), exact=True).count():
        bremen.press("button", "Jetzt übernehmen", "Apply now")

    def listed() -> int:
        found = bremen.search(way.company.split()[1])
        return found.get_by_role("link", name=way.company, exact=True).count()

    until(listed, f"{way.company} is not listed", pause=0.5)


def hold_together(offices: dict[str, Hands], way: Way) -> str:
    """Draft, have two states agree, publish; returns the event's path."""
    bremen = offices["hb"]
    bremen.open("events", "/new", ("Neuer Entwurf", "New draft"))
    bremen.fill("title", f"Transformationsforum {way.place}")
    bremen.fill("title_en", f"Transformation forum {way.place}")
    bremen.fill("starts", "2027-03-28T02:30")
    bremen.fill("ends", "2027-03-28T16:00")
    bremen.fill("venue", "Beispielhalle, Bremen")
    for state in ("hb", "hh", "ni"):
        bremen.tick("hosts", state)
    bremen.fill("capacity", "3")
    for state in ("hb", "hh", "ni"):
        bremen.fill(f"quotas.{state}", "1")
    bremen.press("button", "Speichern", "Save", within="main")
    # 02:30 does not exist on the day on which clocks go forward: refused beside its field, and nothing typed is lost.
    assert bremen.page.locator("#feld-starts").get_attribute("aria-invalid") == "true"
    assert bremen.page.locator("#feld-title").input_value() == f"Transformationsforum {way.place}"
    assert bremen.page.locator('[name="hosts"][value="hh"]').is_checked()
    bremen.at.picture(f"main-job-{way.name}-2-refused")
    bremen.fill("starts", "2027-03-28T10:00")
    bremen.press("button", "Speichern", "Save", within="main")
    path = re.sub(r"^.*?/events/", "/", bremen.page.url)
    assert re.fullmatch(r"/[0-9a-f-]{36}", path), bremen.page.url
    bremen.says("noch keine Zustimmung", "no agreement yet")
    for state in ("hh", "ni"):
        office = offices[state]
        office.open("events", path, to(path))
        office.press("link", "Zustimmen", "Agree", within="main")
        office.press("button", "Zustimmen", "Agree", within="main")
        office.says("zugestimmt", "agreed")
    bremen.open("events", path, to(path))
    bremen.press("link", "Veröffentlichen", "Publish", within="main")
    bremen.press("button", "Veröffentlichen", "Publish", within="main")
    bremen.says("Die Veranstaltung ist veröffentlicht", "The event is published")
    bremen.at.picture(f"main-job-{way.name}-2-published")
    return path


def to(path: str) -> tuple[str, str]:
    """The link to an event from the overview of events."""
    return "", f"/events{path}"


def fill_quota(offices: dict[str, Hands], path: str, way: Way) -> None:
    bremen = offices["hb"]
    for number, waits in ((1, False), (2, True)):
        bremen.open("events", f"{path}/registrations/new", to(path), ("Person anmelden", "Register somebody"))
        bremen.fill("name", f"Beispiel Person {number}")
        bremen.fill("email", f"{way.name}-{number}@person.example")
        bremen.fill("participant_state", "hb")
        bremen.press("button", "Anmelden", "Register", within="main")
        bremen.open("events", path, to(path))
        statuses = " ".join(bremen.page.locator("#anmeldungen tbody tr").all_inner_texts())
        assert bremen.word("Warteliste", "waiting list").lower() in statuses.lower() if waits else True, statuses
    hamburg = offices["hh"]
    hamburg.open("events", path, to(path))
    hamburg.press("link", "freigeben", "release", within="main")
    hamburg.go(hamburg.page.locator("main form button").locator("visible=true").last)
    bremen.open("events", path, to(path))
    texts = bremen.page.locator("#anmeldungen tbody tr").all_inner_texts()
    assert len(texts) == 2
    assert not [text for text in texts if bremen.word("Warteliste", "waiting list").lower() in text.lower()], texts
    bremen.at.picture(f"main-job-{way.name}-3-promoted")


def move_company(bremen: Hands, lower_saxony: Hands, way: Way) -> None:
    page = look_up(bremen, way)
    bremen.unfold("Weitere Vorgänge", "More actions")
    bremen.press("link", "Sitz verlegen", "Move the seat", within="main")
    bremen.fill("responsible_state", "ni")
    bremen.fill("seat.place", "Stuhr")
    bremen.fill("seat.postal_code", "28816")
    bremen.fill("seat.state", "DE-NI")
    bremen.fill("register_entry.court", "Walsrode")
    bremen.fill("register_entry.type", "HRA" if "KG" in way.company else "HRB")
    bremen.fill("register_entry.number", way.number)
    bremen.press("button", "Sitz verlegen", "Move the seat", within="main")
    bremen.says(
        "Die Verlegung ist Niedersachsen angeboten; bis zur Antwort bleiben Sie zuständig.",
        "The relocation is offered to Niedersachsen; you stay responsible until it is answered.",
    )
    accept_company(lower_saxony, way)
    look_up(bremen, way)
    assert page.get_by_role("link", name=bremen.word("Bearbeiten", "Edit"), exact=True).count() == 0
    look_up(lower_saxony, way)
    edit = lower_saxony.page.get_by_role("link", name=lower_saxony.word("Bearbeiten", "Edit"), exact=True)
    assert edit.count() == 1
    lower_saxony.at.picture(f"main-job-{way.name}-4-moved")
    inbox = ("Eingang", "Inbox")

    def told() -> bool:
        return way.company in lower_saxony.open("notifications", "/inbox", inbox).locator("main").inner_text()

    until(told, "the office that receives the company was not told", pause=0.5)
    lower_saxony.at.picture(f"main-job-{way.name}-4-inbox")


def accept_company(lower_saxony: Hands, way: Way) -> None:
    def offered() -> bool:
        return way.company in lower_saxony.open("registry", "/").locator("main").inner_text()

    until(offered, "the overview does not show what is offered", pause=0.5)
    lower_saxony.at.picture(f"main-job-{way.name}-4-offered")
    look_up(lower_saxony, way)
    lower_saxony.press("link", "Annehmen", "Accept", within="main")
    lower_saxony.press("button", "Verlegung annehmen", "Accept the relocation", within="main")
    lower_saxony.says(
        "Die Verlegung ist angenommen; zuständig ist jetzt Ihre Stelle.",
        "The relocation is accepted; your office is responsible now.",
    )


def look_up(office: Hands, way: Way) -> Page:
    """Search for the company and follow the link to it."""
    page = office.search(way.company.split()[1])
    office.go(page.get_by_role("link", name=way.company, exact=True).first)
    return page


def cancel(bremen: Hands, path: str, way: Way) -> None:
    bremen.open("events", path, to(path))
    bremen.press("link", "Absagen", "Cancel event", within="main")
    bremen.fill("reason", "Die Halle steht nicht zur Verfügung.")
    bremen.go(bremen.page.locator("main form button").locator("visible=true").last)
    bremen.says("Die Halle steht nicht zur Verfügung.", "Die Halle steht nicht zur Verfügung.")
    bremen.at.picture(f"main-job-{way.name}-5-cancelled")
    servers = bremen.at.norda.services["registry"].installation.servers

    def told(email: str) -> bool:
        subjects = [mail.subject for mail in list_mails(servers.mail, recipient=email)]
        return any(word in subject for subject in subjects for word in ("bgesagt", "ancelled", "Absage"))

    for number in (1, 2):
        email = f"{way.name}-{number}@person.example"
        until(functools.partial(told, email), f"person {number} was not told", pause=0.5)
