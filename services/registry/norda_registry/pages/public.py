"""What everybody sees, also without signing in: organisations that their office has released; and releasing them."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Response
from norda_common.contracts.competences import competences
from norda_common.contracts.registry import Organisation
from norda_common.errors import NotFound, Text
from norda_common.requests import Cursor, QueryText, read_cursor, write_cursor
from norda_common.rights import PUBLIC
from norda_common.states import ALL_STATES
from norda_common.web.pages import Page, page_for
from norda_common.web.sparing import spare

from ..rules.names import query_words
from ..rules.rights import RELEASE
from ..store import mergers, searches
from ..store.searches import Filters
from ..usecases.releasing import end_release, release_organisation
from ..usecases.searching import public_corrections
from . import texts
from .entering import path_of
from .organisation_words import certificate_line
from .organisations import moved

router = APIRouter(prefix="/registry")
Anybody = Annotated[Page, page_for(PUBLIC, spared=True)]
TITLE = Text("Öffentliches Verzeichnis", "Public directory")
LIST = "/registry/public"
ROWS = 25
MOST_COUNTED = 1_000


@router.get("/public")
async def show_list(
    page: Anybody,
    q: QueryText = "",
    state: QueryText = "",
    cursor: Cursor = None,
) -> Response:
    """Released organisations by name."""
    chosen = state or page.shown_state
    filters = Filters(words=query_words(q), state=chosen if chosen in set(ALL_STATES) else None, released=True)
    after = read_cursor(cursor, str, UUID) if cursor else None
    async with page.read() as connection:
        rows = await searches.listed(connection, filters, after=after, limit=ROWS + 1)
        corrected = ""
        if filters.words and not rows and after is None:
            if page.session is None:
                spare(page.request, page.runtime)  # It is a search of its own.
            for words in await public_corrections(connection, q):
                meant = replace(filters, words=words)
                if rows := await searches.listed(connection, meant, after=None, limit=ROWS + 1):
                    filters, corrected = meant, " ".join(words)
                    break
        total = await searches.count(connection, filters, most=MOST_COUNTED + 1)
    last = rows[ROWS - 1] if len(rows) > ROWS else None
    return page.show(
        "public_list.html.jinja",
        title=TITLE,
        crumbs=[(TITLE, None)],
        items=[Organisation.model_validate_json(row["data"]) for row in rows[:ROWS]],
        listing={
            "path": LIST,
            "query": [(name, value) for name, value in (("q", corrected or q), ("state", state)) if value],
            "total": total,
            "most": MOST_COUNTED,
            "cursor": cursor,
            "next_cursor": write_cursor(last["sort_name"], last["organisation_id"]) if last else None,
        },
        q=q,
        corrected=corrected,
        state=chosen or "all",
        states=[("all", page.t("alle", "all")), *texts.STATES.items()],
        kind_label=lambda code: texts.named(texts.KINDS, code, page.language),
        canonical=page.runtime.settings.base_url + LIST,
    )


@router.get("/public/{organisation_id}")
async def profile(page: Anybody, organisation_id: UUID) -> Response:
    """One released organisation. What is not released is not there, whoever asks."""
    async with page.read() as connection:
        entry = await searches.get_released(connection, organisation_id)
        kept = await mergers.released_successor(connection, organisation_id) if entry is None else None
    if kept is not None:
        return moved(f"{LIST}/{kept}")
    if entry is None:
        raise NotFound(
            "Dieses Profil gibt es nicht, oder es ist nicht mehr freigegeben.",
            "There is no such profile, or it is no longer released.",
        )
    it = entry.organisation
    canonical = f"{page.runtime.settings.base_url}{LIST}/{organisation_id}"
    name = Text(it.legal_name, it.legal_name)
    return page.show(
        "public_profile.html.jinja",
        title=name,
        crumbs=[(TITLE, LIST), (name, None)],
        it=it,
        legal_form=texts.legal_form_label(it.legal_form),
        kind=texts.named(texts.KINDS, it.kind, page.language),
        seat=texts.address_line(it.seat),
        known=[competences()[code] for code in it.competences if code in competences()],
        **_details(page, it),
        canonical=canonical,
        json_ld=json_ld(it, canonical),
    )


def _details(page: Page, it: Organisation) -> dict[str, Any]:
    """What is shown where it was released: the document holds nothing else."""
    language = page.language
    return {
        "roles": [texts.named(texts.ROLES, code, language) for code in it.roles],
        "value_chain": texts.named(texts.VALUE_CHAIN, it.value_chain, language),
        "size": texts.named(texts.SIZES, it.size_class, language),
        "activities": [(item.code, item.edition, texts.code_title(item.edition, item.code)) for item in it.activities],
        "sites": [f"{site.name}: {texts.address_line(site.address)}" for site in it.sites],
        "certificates": [certificate_line(item, language) for item in it.certificates],
        "memberships": [item.cluster_code for item in it.memberships if item.valid_to is None],
    }


def json_ld(organisation: Organisation, address: str) -> dict[str, Any]:
    """The profile as schema.org/Organization, which search engines read; of what is released alone."""
    seat = organisation.seat
    postal = {
        "streetAddress": seat.street,
        "postalCode": seat.postal_code,
        "addressLocality": seat.place,
        "addressRegion": texts.FEDERAL.get(seat.state, seat.state),
        "addressCountry": "DE",
    }
    known = [competences()[code].label for code in organisation.competences if code in competences()]
    further = {
        "sameAs": organisation.website,
        "alternateName": organisation.name_en,
        "description": organisation.profile or organisation.profile_en,
        "memberOf": [
            {"@type": "Organization", "name": item.cluster_code}
            for item in organisation.memberships
            if item.valid_to is None
        ],
        "hasCertification": [{"@type": "Certification", "name": item.name} for item in organisation.certificates],
        "location": [{"@type": "Place", "name": site.name} for site in organisation.sites],
    }
    return {
        "@context": "https://schema.org",
        "@type": "Organization",
        "@id": address,
        "url": address,
        "name": organisation.legal_name,
        **{name: value for name, value in further.items() if value},
        "address": {"@type": "PostalAddress", **{name: value for name, value in postal.items() if value}},
        "knowsAbout": [
            {
                "@type": "Thing",
                "name": [{"@language": "de", "@value": label.de}, {"@language": "en", "@value": label.en}],
            }
            for label in known
        ],
    }


@router.post("/organisations/{organisation_id}/release")
async def release(page: Annotated[Page, page_for(RELEASE)], organisation_id: UUID) -> Response:
    """Show the organisation to everybody, with the chosen groups of fields; without a choice with the usual ones."""
    form = await page.form()
    chooses = bool(form.value("choose"))
    async with page.transaction() as connection:
        await release_organisation(
            connection,
            organisation_id,
            caller=page.caller,
            served=page.runtime.settings.states,
            now=page.now,
            fields=[text for text in form.values.get("fields", ()) if text] if chooses else None,
        )
    told = Text("Das Profil ist jetzt öffentlich.", "The profile is public now.")
    return await page.go(path_of(organisation_id), told)


@router.post("/organisations/{organisation_id}/withdraw")
async def withdraw(page: Annotated[Page, page_for(RELEASE)], organisation_id: UUID) -> Response:
    """Show the organisation to the public no longer."""
    await page.form()
    async with page.transaction() as connection:
        await end_release(
            connection, organisation_id, caller=page.caller, served=page.runtime.settings.states, now=page.now
        )
    told = Text("Das Profil ist nicht mehr öffentlich.", "The profile is no longer public.")
    return await page.go(path_of(organisation_id), told)
