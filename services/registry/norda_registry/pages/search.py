"""The search: organisations of all states, and the notes on them that one may read; contact persons by a button."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from asyncpg import Record
from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse
from norda_common.contracts.registry import Organisation
from norda_common.database import Connection
from norda_common.errors import Text
from norda_common.requests import write_cursor
from norda_common.web import search
from norda_common.web.pages import Page, page_for
from norda_common.web.search import AskedDep, Elsewhere, Hit, Section
from norda_common.web.site import instant_in

from ..rules.names import fold, query_words
from ..rules.notes import Visibility
from ..rules.profile import ACTIVE
from ..rules.rights import NOTE_READ, PERSON_KEEP, READ, reads_note
from ..rules.search import wording
from ..store import notes, searches
from ..store.facet_index import FacetIndex, fresh_index
from ..store.notes import Note
from ..usecases import searching
from ..usecases.lookup import sole_holder
from . import people_words, texts
from .organisations import LIST, TITLE
from .people import SEARCH as PEOPLE_SEARCH

router = APIRouter(prefix="/registry")
PATH = "/registry/search"
BEFORE, AROUND = 4, 20
"""Of a note's text so many words are shown before the one that was found, and in all."""
FINDS = (
    Text(
        "Organisationen findet man mit Wörtern aus Name, früheren Namen und Ort.",
        "Organisations are found by words of name, former names and place.",
    ),
    Text(
        "Ein Wort, das nirgends steht, findet, was es heißen sollte.",
        "A word that occurs nowhere finds what it may have meant.",
    ),
    Text(
        "Eine Nummer (Register, EUID, USt-IdNr., W-IdNr., LEI) führt gleich zur Organisation.",
        "A number (register, EUID, VAT, W-IdNr, LEI) leads straight to the organisation.",
    ),
)
FINDS_NOTES = Text("Vermerke findet man mit Wörtern aus ihrem Text.", "Notes are found by words of their text.")

FINDS_PEOPLE = Text(
    "Ansprechpersonen Ihrer Dienststelle findet man unter „Ansprechpersonen“ mit Name, E-Mail-Adresse oder Telefon.",
    "Contact persons of your office are found under “Contact persons” by name, e-mail address or phone.",
)
# Their page takes words by POST.
PEOPLE = Elsewhere(
    title=people_words.PEOPLE,
    label=Text("In Ansprechpersonen suchen", "Search contact persons"),
    path=PEOPLE_SEARCH,
)


@router.get("/search")
async def find(page: Annotated[Page, page_for(READ)], wanted: AskedDep) -> Response:
    """Some of each kind that has these words. A number that means exactly one organisation leads to that one."""
    reads = page.caller.may(NOTE_READ)
    keeps = page.caller.state is not None and page.caller.may(PERSON_KEEP)
    sections: list[Section] = []
    index = await fresh_index(page.runtime.database)
    async with page.read() as connection:
        if wanted.wants("organisations"):
            one = await sole_holder(connection, wanted.q)
            if one is not None:
                return RedirectResponse(f"{LIST}/{one}", 303)
            sections.append(await _organisations(connection, index, page, wanted))
        if reads and wanted.wants("notes"):
            sections.append(await _notes(connection, page, wanted))
    finds = FINDS + ((FINDS_NOTES,) if reads else ()) + ((FINDS_PEOPLE,) if keeps else ())
    return search.show(page, wanted, sections, finds=finds, elsewhere=(PEOPLE,) if keeps else ())


async def _organisations(connection: Connection, index: FacetIndex, page: Page, wanted: search.Asked) -> Section:
    asked = searching.Asked(text=wanted.q)
    # Without a word, as `?!` has none, a list would hold everything; here that is no answer.
    rows: Sequence[Record] = ()
    if wording(wanted.q):
        rows = (await searching.search(connection, index, asked, limit=wanted.most, with_counts=False)).rows
    found = [Organisation.model_validate_json(row["data"]) for row in rows]
    return Section(
        key="organisations",
        title=TITLE,
        every=Text("Alle Organisationen", "All organisations"),
        hits=[
            Hit(
                title=item.legal_name,
                address=f"{LIST}/{item.organisation_id}",
                about=" · ".join(
                    filter(None, (texts.named(texts.KINDS, item.kind, page.language), texts.address_line(item.seat)))
                ),
                state=item.responsible_state,
                badges=()
                if item.status == ACTIVE
                else ((texts.named(texts.STATUSES, item.status, page.language), "neutral"),),
            )
            for item in found
        ],
        list_address=wanted.listed(LIST, state="all"),
    )


async def _notes(connection: Connection, page: Page, wanted: search.Asked) -> Section:
    found = await notes.found(connection, wanted.q, limit=wanted.most)
    readable = [note for note in found if reads_note(page.caller, note.state, note.visibility, note.author)]
    names = await searches.names(connection, [note.organisation_id for note in readable])
    return Section(
        key="notes",
        title=Text("Vermerke", "Notes"),
        every=Text("Alle Vermerke", "All notes"),
        hits=[_note(note, names.get(note.organisation_id), page, wanted.q) for note in readable],
    )


def _note(note: Note, name: str | None, page: Page, typed: str) -> Hit:
    """A note by its organisation, opened with this note as the first one."""
    # The page shows what is older than its cursor.
    cursor = write_cursor(UUID(int=note.id.int + 1))
    kind = texts.named(texts.NOTE_KINDS, note.kind, page.language)
    return Hit(
        title=f"{kind}: {name or note.organisation_id}",
        address=f"{LIST}/{note.organisation_id}?notes_before={cursor}#vermerke",
        about=f"{excerpt(note.text, typed)} · {instant_in(page.language, note.created_at)}",
        state=note.state,
        badges=(
            (
                texts.named(texts.VISIBILITIES, note.visibility, page.language),
                "warning" if note.visibility is Visibility.CONFIDENTIAL else "neutral",
            ),
        ),
    )


def excerpt(text: str, typed: str) -> str:
    """A few words of the text around the first one that begins as a typed one does."""
    words, wanted = text.split(), tuple(query_words(typed))
    found = next((place for place, word in enumerate(words) if any(_begins(word, wanted))), 0)
    first = max(0, found - BEFORE)
    shown = words[first : first + AROUND]
    return ("… " if first else "") + " ".join(shown) + (" …" if first + AROUND < len(words) else "")


def _begins(word: str, wanted: tuple[str, ...]) -> list[bool]:
    return [part.startswith(wanted) for part in fold(word).split()]
