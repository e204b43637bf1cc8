"""One organisation of any state in full, with its history; the list of them is `finding`'s."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from asyncpg import Record
from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse
from norda_common.contracts.registry import Organisation
from norda_common.database import Connection
from norda_common.errors import NotFound, Text
from norda_common.requests import Cursor, QueryText, read_cursor, write_cursor
from norda_common.rights import READ_AUDIT, Right
from norda_common.signin import sessions
from norda_common.states import State
from norda_common.web.pages import Page, page_for

from ..rules.districts import districts
from ..rules.handovers import offered_to
from ..rules.notes import Visibility
from ..rules.profile import ACTIVE
from ..rules.rights import CHANGE, MERGE, NOTE_READ, NOTE_WRITE, PERSON_KEEP, READ, READ_FIGURES, RELEASE, TAKE_OVER
from ..store import mergers, organisations, participations, releases, searches
from ..store.notes import Note
from ..store.organisations import Stored
from ..usecases.confirming import SUBJECT as BY_LINK
from ..usecases.days import local_day
from ..usecases.handovers import SPEAKER
from ..usecases.notes import list_notes
from ..usecases.people import people_of
from ..usecases.unmerging import may_undo, undo_until
from . import people_words, texts, timeline
from .organisation_words import differences
from .profile_view import profile_context
from .texts import CHANGES, KINDS, SIZES, STATUSES, named

router = APIRouter(prefix="/registry/organisations")
LIST = "/registry/organisations"
TITLE = Text("Organisationen", "Organisations")
VERSIONS = 10
PARTICIPATIONS = 20
NOTES = 20
PEOPLE = 50
MOST_ABSORBED = 20
ALL = "all"


def labels(language: str) -> dict[str, Any]:
    """What templates name codes by."""
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


def who_is(page: Page, subject: str, state: str, names: Mapping[str, str]) -> str:
    """Somebody by name, for their own office and for auditors; else by their office."""
    if subject.startswith(f"{BY_LINK}:"):
        return page.t("die Organisation, über ihren Link", "the organisation, by its link")
    code = subject.removeprefix(SPEAKER)
    if code == subject and (page.caller.state == state or page.caller.may(READ_AUDIT)):
        return names.get(subject, subject)
    label = texts.STATES.get(state if code == subject else code, code.upper())
    return page.t(f"Dienststelle {label}", f"Office of {label}")


def _may_take_over(page: Page, organisation: Organisation) -> bool:
    """Whether it is offered to the person's office, which may answer here."""
    state = page.caller.state
    return (
        state is not None
        and state in page.runtime.settings.states
        and page.caller.may(TAKE_OVER)
        and offered_to(organisation, state) is not None
    )


def _noted(page: Page, note: Note, who: Mapping[str, str]) -> dict[str, Any]:
    """A note as the template shows it."""
    return {
        "path": f"{LIST}/{note.organisation_id}/notes/{note.id}",
        "text": note.text,
        "kind": named(texts.NOTE_KINDS, note.kind, page.language),
        "visibility": named(texts.VISIBILITIES, note.visibility, page.language),
        "confidential": note.visibility is Visibility.CONFIDENTIAL,
        "state": note.state,
        "who": who_is(page, note.author, note.state, who),
        "when": note.created_at,
        "changed": note.changed_at if note.changed_at != note.created_at else None,
        "mine": page.caller.may(NOTE_WRITE, note.state),
    }


@router.get("/{organisation_id}")
async def show(
    page: Annotated[Page, page_for(READ)],
    organisation_id: UUID,
    before: Cursor = None,
    notes_before: Cursor = None,
    as_of: QueryText = "",
) -> Response:
    """One organisation in full, with what the person may do."""
    version = read_cursor(before, int)[0] if before else None
    earlier = read_cursor(notes_before, UUID)[0] if notes_before else None
    async with page.read() as connection:
        shown = await find(connection, organisation_id)
        organisation = shown.organisation
        if organisation.merged_into is not None:
            return moved(f"{LIST}/{await mergers.successor(connection, organisation_id)}")
        proposed = await mergers.latest(connection, organisation_id)
        figures = shown.stored and page.caller.may(READ_FIGURES, State(organisation.responsible_state))
        email = (await organisations.contacts(connection, [organisation_id])) if figures else {}
        attended = await participations.of_organisation(
            connection, organisation_id, after=None, limit=PARTICIPATIONS + 1
        )
        # What moved to another instance left its history here.
        versions = await organisations.versions(connection, organisation_id, before=version, limit=VERSIONS + 1)
        released = await releases.get(connection, organisation_id) if shown.stored else None
        noted = (
            await list_notes(connection, organisation_id, caller=page.caller, before=earlier, limit=NOTES + 1)
            if page.caller.may(NOTE_READ)
            else []
        )
        authors = [row["changed_by"] for row in versions] + [note.author for note in noted]
        who = await sessions.names(connection, authors) if authors else {}
        people = (
            await people_of(connection, organisation_id, caller=page.caller, limit=PEOPLE)
            if page.caller.state and page.caller.may(PERSON_KEEP)
            else None
        )
        absorbed = [(await find(connection, key)).organisation for key in organisation.absorbed[-MOST_ABSORBED:]]
        names = {each.organisation_id: each.legal_name for each in absorbed}
        merged = await _mergers_into(page, connection, organisation, absorbed)
        profile = await profile_context(page, connection, shown)
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
        history=history_of(page, versions, who),
        absorbed=absorbed,
        merged=merged,
        proposed=proposed is not None and proposed.merged_at is None,
        may_merge=page.caller.may(MERGE),
        older=write_cursor(versions[VERSIONS - 1]["version"]) if len(versions) > VERSIONS else None,
        kept_here=shown.stored is not None,
        released=released,
        may_release=_kept_for(page, shown, RELEASE),
        reads_notes=page.caller.may(NOTE_READ),
        may_note=page.caller.may(NOTE_WRITE),
        notes=[_noted(page, note, who) for note in noted[:NOTES]],
        older_notes=write_cursor(noted[NOTES - 1].id) if len(noted) > NOTES else None,
        people=None
        if people is None
        else [people_words.shown(person, page.language, names.get(person.organisation_id)) for person in people],
        may_enter=_kept_for(page, shown, PERSON_KEEP),
        may_change=_kept_for(page, shown, CHANGE),
        may_take_over=_may_take_over(page, organisation),
        timeline=timeline.lines(organisation, page.language),
        then=timeline.on_day(page, organisation, as_of),
        active=organisation.status == ACTIVE,
        district=districts().get((organisation.seat.ags or "")[:5]),
        state_name=texts.STATES,
        **profile,
        **labels(page.language),
    )


async def _mergers_into(
    page: Page, connection: Connection, kept: Organisation, absorbed: Sequence[Organisation]
) -> dict[UUID, dict[str, Any]]:
    """When others became part of this one itself; `until` when the person may undo it, None for never."""
    by_id = {each.organisation_id: each for each in absorbed}
    found = {}
    for merger in await mergers.of(connection, kept.organisation_id) if absorbed else []:
        until = undo_until(merger)
        if until is not None and merger.merged_id in by_id:
            may = until >= local_day(page.now) and may_undo(page.caller, merger, by_id[merger.merged_id], kept)
            found[merger.merged_id] = {"when": merger.merged_at, "until": until if may else None}
    return found


def moved(path: str) -> RedirectResponse:
    """Lead from a merged organisation to what it has become part of, for ever; uncached, since that can be undone."""
    return RedirectResponse(path, 308, headers={"Cache-Control": "no-cache"})


def as_id(text: str) -> UUID | None:
    """An id somebody typed; None for what is none."""
    try:
        return UUID(text)
    except ValueError:
        return None


def history_of(page: Page, versions: Sequence[Record], who: Mapping[str, str]) -> list[dict[str, Any]]:
    """Entries for the history, newest first; the last row read is there to compare with only."""
    documents = [Organisation.model_validate_json(row["data"]) for row in versions]
    word = page.t("Fassung", "version")
    entries: list[dict[str, Any]] = []
    for place, row in enumerate(versions[:VERSIONS]):
        earlier = documents[place + 1] if place + 1 < len(documents) else None
        entries.append(
            {
                # Each change is by the office that is responsible after it: a relocation by the one that accepted it.
                "who": who_is(page, row["changed_by"], documents[place].responsible_state, who),
                "when": row["changed_at"],
                "what": f"{named(CHANGES, row['change'], page.language)} ({word} {row['version']})",
                "changes": differences(earlier, documents[place], page.language) if earlier else [],
                "trace_id": row["trace_id"],
                "trace": page.runtime.settings.trace_link(row["trace_id"]),
            }
        )
    return entries
