"""Organisations of all states: the list with its filters, and one of them with its history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from asyncpg import Record
from fastapi import APIRouter, Depends, Response
from fastapi.responses import RedirectResponse
from norda_common.contracts.competences import competences
from norda_common.contracts.registry import Organisation
from norda_common.database import Connection
from norda_common.errors import NotFound, Text
from norda_common.requests import Cursor, QueryText, read_cursor, write_cursor
from norda_common.rights import READ_AUDIT, Right
from norda_common.signin import sessions
from norda_common.states import ALL_STATES, State
from norda_common.web.pages import Page, page_for

from ..rules.districts import districts
from ..rules.names import fold, query_words
from ..rules.notes import Visibility
from ..rules.profile import ACTIVE
from ..rules.rights import CHANGE, NOTE_READ, NOTE_WRITE, READ, READ_FIGURES, RELEASE
from ..store import organisations, participations, releases, searches
from ..store.notes import Note
from ..store.organisations import Stored
from ..store.searches import NO_DISTRICT, Filters, Order
from ..usecases.lookup import sole_holder
from ..usecases.notes import list_notes
from . import texts
from .texts import CHANGES, KINDS, SIZES, STATUSES, named

router = APIRouter(prefix="/registry/organisations")
LIST = "/registry/organisations"
TITLE = Text("Organisationen", "Organisations")
ROWS = 25
MOST_COUNTED = 1_000
VERSIONS = 10
PARTICIPATIONS = 20
NOTES = 20
ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a list's address asks for, as it stands there."""

    q: QueryText = ""
    state: QueryText | None = None
    kind: QueryText = ""
    status: QueryText = ""
    competence: QueryText = ""
    cluster: QueryText = ""
    district: QueryText = ""
    sort: QueryText = "name"
    direction: QueryText = "asc"

    def only_words(self) -> bool:
        """Whether it is a search and nothing else, as from the field in every page's header."""
        return bool(self.q) and not any((self.kind, self.status, self.competence, self.cluster, self.district))

    def filters(self, state: str) -> Filters:
        """The same for the store; `state` is the one asked for or shown, or all."""
        return Filters(
            words=query_words(self.q),
            state=state if state in set(ALL_STATES) else None,
            kind=self.kind or None,
            status=self.status or None,
            competence=self.competence.upper() or None,
            cluster=self.cluster.upper() or None,
            district=self.district or None,
        )

    def query(self, state: str) -> list[tuple[str, str]]:
        """The filters in force, for addresses of the same list."""
        pairs = [("q", self.q), ("state", state), ("kind", self.kind), ("status", self.status)]
        pairs += [("competence", self.competence), ("cluster", self.cluster), ("district", self.district)]
        return [(name, value) for name, value in pairs if value]


async def asked(
    q: QueryText = "",
    state: QueryText | None = None,
    kind: QueryText = "",
    status: QueryText = "",
    competence: QueryText = "",
    cluster: QueryText = "",
    district: QueryText = "",
    sort: QueryText = "name",
    direction: QueryText = "asc",
) -> Asked:
    """The filters and the order of the address; what is no order is by name."""
    return Asked(
        q=q,
        state=state,
        kind=kind,
        status=status,
        competence=competence,
        cluster=cluster,
        district=district,
        sort=sort if sort in set(Order) else Order.NAME,
        direction="desc" if direction == "desc" else "asc",
    )


@router.get("")
async def show_list(
    page: Annotated[Page, page_for(READ)], wanted: Annotated[Asked, Depends(asked)], cursor: Cursor = None
) -> Response:
    """Organisations by name or by last change. A number that means exactly one leads to that one."""
    order = Order(wanted.sort)
    state = wanted.state or page.shown_state or ALL
    filters = wanted.filters(state)
    after = read_cursor(cursor, str if order is Order.NAME else datetime, UUID) if cursor else None
    async with page.read() as connection:
        if wanted.only_words() and after is None:
            found = await sole_holder(connection, wanted.q)
            if found is not None:
                return RedirectResponse(f"{LIST}/{found}", 303)
        rows = await searches.listed(
            connection, filters, after=after, limit=ROWS + 1, order=order, descending=wanted.direction == "desc"
        )
        whole = after is None and len(rows) <= ROWS
        total = len(rows) if whole else await searches.count(connection, filters, most=MOST_COUNTED + 1)
    last = rows[ROWS - 1] if len(rows) > ROWS else None
    key = "sort_name" if order is Order.NAME else "changed_at"
    return page.show(
        "organisations.html.jinja",
        title=TITLE,
        crumbs=[(Text("Übersicht", "Overview"), "/registry/"), (TITLE, None)],
        items=[Organisation.model_validate_json(row["data"]) for row in rows[:ROWS]],
        listing={
            "path": LIST,
            "query": wanted.query(state),
            "total": total,
            "most": MOST_COUNTED,
            "sort": wanted.sort,
            "direction": wanted.direction,
            "cursor": cursor,
            "next_cursor": write_cursor(last[key], last["organisation_id"]) if last else None,
        },
        wanted=wanted,
        state=state,
        choices=_choices(page.language),
        may_change=page.caller.may(CHANGE),
        **_labels(page.language),
    )


def _choices(language: str) -> dict[str, list[tuple[str, str]]]:
    """What the filters offer, as (value, label)."""
    known = [item for item in competences().values() if item.active]
    return {
        "states": [
            (ALL, Text("alle", "all").in_language(language)),
            *texts.STATES.items(),
        ],
        "kinds": [(code, text.in_language(language)) for code, text in KINDS.items()],
        "statuses": [(code, text.in_language(language)) for code, text in STATUSES.items()],
        "competences": [
            (item.code, ("– " if item.broader else "") + item.label.in_language(language)) for item in known
        ],
        "districts": [
            (NO_DISTRICT, Text("nicht bekannt", "not known").in_language(language)),
            *sorted(((item.ags, item.label) for item in districts().values()), key=lambda pair: fold(pair[1])),
        ],
    }


def _labels(language: str) -> dict[str, Any]:
    return {
        "kind_label": lambda code: named(KINDS, code, language),
        "status_label": lambda code: named(STATUSES, code, language),
        "size_label": lambda code: named(SIZES, code, language),
        "competence_label": lambda code: texts.competence_label(code, language),
        "address_line": texts.address_line,
        "entry_line": lambda entry: texts.entry_line(entry, language),
        "span": lambda begin, end: texts.span(begin, end, language),
    }


@dataclass(frozen=True, slots=True)
class Shown:
    """An organisation as its page needs it: `stored` only where this instance keeps it."""

    organisation: Organisation
    version: int
    stored: Stored | None


async def find(connection: Connection, organisation_id: UUID) -> Shown:
    """The organisation of any state: an own one as it is, others as last published. Raises NotFound."""
    stored = await organisations.get(connection, organisation_id)
    if stored is not None:
        return Shown(stored.organisation, stored.version, stored)
    entry = await searches.get(connection, organisation_id)
    if entry is None:
        raise NotFound("Diese Organisation gibt es nicht.", "There is no such organisation.")
    return Shown(entry.organisation, entry.sequence, None)


def _kept_for(page: Page, shown: Shown, right: Right) -> bool:
    """Whether the person has the right for it here: it is their state's, and this instance keeps it."""
    state = State(shown.organisation.responsible_state)
    return shown.stored is not None and state in page.runtime.settings.states and page.caller.may(right, state)


def _who(page: Page, subject: str, state: str, names: Mapping[str, str]) -> str:
    """Somebody by name, for their own office and for auditors; for all others by their office."""
    if page.caller.state == state or page.caller.may(READ_AUDIT):
        return names.get(subject, subject)
    label = State(state).label
    return page.t(f"Dienststelle {label}", f"Office of {label}")


def _noted(page: Page, note: Note, who: Mapping[str, str]) -> dict[str, Any]:
    """A note as the template shows it."""
    return {
        "id": note.id,
        "text": note.text,
        "kind": named(texts.NOTE_KINDS, note.kind, page.language),
        "visibility": named(texts.VISIBILITIES, note.visibility, page.language),
        "confidential": note.visibility is Visibility.CONFIDENTIAL,
        "state": note.state,
        "who": _who(page, note.author, note.state, who),
        "when": note.created_at,
        "changed": note.changed_at if note.changed_at != note.created_at else None,
        "mine": page.caller.may(NOTE_WRITE, note.state),
    }


@router.get("/{organisation_id}")
async def show(
    page: Annotated[Page, page_for(READ)], organisation_id: UUID, before: Cursor = None, notes_before: Cursor = None
) -> Response:
    """One organisation in full, with what the person may do."""
    version = read_cursor(before, int)[0] if before else None
    earlier = read_cursor(notes_before, UUID)[0] if notes_before else None
    async with page.read() as connection:
        shown = await find(connection, organisation_id)
        organisation = shown.organisation
        figures = shown.stored and page.caller.may(READ_FIGURES, State(organisation.responsible_state))
        email = (await organisations.contacts(connection, [organisation_id])) if figures else {}
        attended = await participations.of_organisation(
            connection, organisation_id, after=None, limit=PARTICIPATIONS + 1
        )
        versions = (
            await organisations.versions(connection, organisation_id, before=version, limit=VERSIONS + 1)
            if shown.stored
            else []
        )
        released = await releases.get(connection, organisation_id) if shown.stored else None
        noted = (
            await list_notes(connection, organisation_id, caller=page.caller, before=earlier, limit=NOTES + 1)
            if page.caller.may(NOTE_READ)
            else []
        )
        people = [row["changed_by"] for row in versions] + [note.author for note in noted]
        who = await sessions.names(connection, people) if people else {}
    title = Text(organisation.legal_name, organisation.legal_name)
    return page.show(
        "organisation.html.jinja",
        title=title,
        crumbs=[(Text("Übersicht", "Overview"), "/registry/"), (TITLE, LIST), (title, None)],
        it=organisation,
        version=shown.version,
        legal_form=texts.legal_form_label(organisation.legal_form),
        figures=shown.stored.figures if shown.stored and figures else None,
        email=email.get(organisation_id),
        participations=[
            {"label": named(texts.PARTICIPATIONS, row["status"], page.language), **dict(row)}
            for row in attended[:PARTICIPATIONS]
        ],
        more_participations=len(attended) > PARTICIPATIONS,
        events=page.runtime.settings.address_of("events"),
        history=_history(page, versions, who),
        older=write_cursor(versions[VERSIONS - 1]["version"]) if len(versions) > VERSIONS else None,
        kept_here=shown.stored is not None,
        released=released,
        may_release=_kept_for(page, shown, RELEASE),
        reads_notes=page.caller.may(NOTE_READ),
        may_note=page.caller.may(NOTE_WRITE),
        notes=[_noted(page, note, who) for note in noted[:NOTES]],
        older_notes=write_cursor(noted[NOTES - 1].id) if len(noted) > NOTES else None,
        may_change=_kept_for(page, shown, CHANGE),
        active=organisation.status == ACTIVE,
        district=districts().get((organisation.seat.ags or "")[:5]),
        state_name=texts.STATES,
        **_labels(page.language),
    )


def _history(page: Page, versions: Sequence[Record], who: Mapping[str, str]) -> list[dict[str, Any]]:
    """Entries for the history, newest first; the last row read is there to compare with only."""
    documents = [Organisation.model_validate_json(row["data"]) for row in versions]
    word = page.t("Fassung", "version")
    entries: list[dict[str, Any]] = []
    for place, row in enumerate(versions[:VERSIONS]):
        earlier = documents[place + 1] if place + 1 < len(documents) else None
        entries.append(
            {
                # Each change is by the office that was responsible before it.
                "who": _who(page, row["changed_by"], (earlier or documents[place]).responsible_state, who),
                "when": row["changed_at"],
                "what": f"{named(CHANGES, row['change'], page.language)} ({word} {row['version']})",
                "changes": texts.differences(earlier, documents[place], page.language) if earlier else [],
                "trace_id": row["trace_id"],
                "trace": page.runtime.settings.trace_link(row["trace_id"]),
            }
        )
    return entries
