"""What the pages of events share: who acts, which event an address names, the query of a list, and what may be done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, TypeVar
from uuid import UUID

from norda_common.database import Connection
from norda_common.errors import NordaError, Text
from norda_common.requests import Cursor, QueryText
from norda_common.states import ALL_STATES, State
from norda_common.web.forms import Field, Form
from norda_common.web.pages import Page
from pydantic import BeforeValidator

from ..rules.event import Event
from ..store import events
from ..store.organisations import KnownOrganisation
from ..usecases.loading import visible_event
from ..usecases.office import Office

T = TypeVar("T")
Crumbs = list[tuple[Text, str | None]]

LISTED = Text("Veranstaltungen", "Events")
EVENT = "/{event_id:uuid}"


def _none_if_blank(value: object) -> object:
    return None if value == "" else value


Blank = BeforeValidator(_none_if_blank)
"""A filter left empty is none: browsers without scripts send it all the same."""
Words = Annotated[QueryText | None, Blank]
PageCursor = Annotated[Cursor, Blank]


def office_of(page: Page) -> Office:
    """The office that acts, as the API makes it. Raises Unauthenticated."""
    return Office(page.caller, frozenset(page.runtime.settings.states))


def state_asked_for(page: Page, state: str | None) -> State | None:
    """The state a list is narrowed to: the one asked for, else the one of the switch; `all` is none."""
    chosen = state or page.shown_state
    return State(chosen) if chosen in set(ALL_STATES) else None


def state_options(page: Page) -> list[tuple[str, str]]:
    """The choices of a state filter."""
    return [("all", page.t("alle", "all")), *((state.value, state.label) for state in ALL_STATES)]


def allowed(check: Callable[..., object], *arguments: Any, **named: Any) -> bool:
    """Whether a rule lets something be done: the rule itself is asked."""
    try:
        check(*arguments, **named)
    except NordaError:
        return False
    return True


async def event_of(page: Page, event_id: UUID) -> Event:
    """The event an address names, as it stands. Raises NotFound."""
    async with page.read() as connection:
        return await visible_event(connection, event_id, office=office_of(page))


async def current_event(connection: Connection, event: Event) -> Event:
    """The event as it stands by now; as it was known, when it is gone."""
    return await events.get(connection, event.id) or event


def as_uuid(text: str) -> UUID | None:
    """The id a text stands for; None when it is none."""
    try:
        return UUID(text)
    except ValueError:
        return None


def version_of(form: Form) -> int | None:
    """The version of the event the form was made from."""
    text = form.value("version")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def title_of(event: Event, language: str) -> str:
    """The event's title in the page's language, where it has one."""
    return event.title_en if language == "en" and event.title_en else event.title


def crumbs_to(event: Event, *more: tuple[Text, str | None]) -> Crumbs:
    """The way to an event's pages."""
    own = Text(event.title, event.title_en or event.title)
    return [(LISTED, "/events/list"), (own, f"/events/{event.id}" if more else None), *more]


def summary(form: Form, fields: Mapping[str, Field | Mapping[str, Any]]) -> list[tuple[str, str]]:
    """What is wrong, for the top of a form: the field's name and a sentence; no name where there is no such field."""
    found: list[tuple[str, str]] = []
    for name, text in form.errors.items():
        field = fields.get(name)
        label = field.label if isinstance(field, Field) else field["label"] if field else ""
        found.append((name, f"{label}: {text}") if label else ("", text))
    return found


def several(form: Form, name: str, label: str, options: Sequence[tuple[str, str]], *, hint: str = "") -> dict[str, Any]:
    """A field of several choices, for the macro `checkboxes`."""
    return {
        "name": name,
        "label": label,
        "hint": hint,
        "value": list(form.values.get(name, ())),
        "error": form.errors.get(name),
        "options": list(options),
    }


def organisation_options(found: Sequence[KnownOrganisation]) -> list[tuple[str, str]]:
    """Organisations to choose from: by id, with name and state."""
    return [(str(item.id), f"{item.name} ({State(item.state).label})") for item in found]
