"""What an organisation's page shows of profile, links, indicators, completeness and confirmation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from norda_common.database import Connection
from norda_common.states import State
from norda_common.web.pages import Page

from ..rules.completeness import completeness
from ..rules.descriptions import DESCRIBING, ending_certificates
from ..rules.releases import GROUPS
from ..rules.rights import CHANGE, CONFIRM
from ..store import confirmations, documents, profiles
from ..usecases.confirming import confirmed_within_a_year
from ..usecases.days import local_day
from . import texts
from .entering import path_of
from .organisation_words import certificate_line, indicator_line

if TYPE_CHECKING:
    from .organisations import Shown

FORMS: Mapping[str, str] = dict.fromkeys(DESCRIBING, "profile#feld-{name}") | {
    "legal_form": "edit#feld-legal_form", "register_entry": "edit#feld-register_entry.court",
    "vat_id": "edit#feld-vat_id", "address": "edit#feld-seat.street", "ags": "edit#feld-seat.ags",
    "nuts": "edit#feld-seat.nuts", "activities": "edit#feld-activities.0.code",
    "competences": "edit#feld-competences", "size_class": "figures#eintragen", "indicators": "indicators/new",
    "certificates": "profile#feld-certificates.0.name",
}  # fmt: skip
"""Where what is missing is filled in, below the organisation's page."""


async def profile_context(page: Page, connection: Connection, shown: Shown) -> dict[str, Any]:
    """What the organisation's page shows of its profile; part of that page's context."""
    it, language = shown.organisation, page.language
    own = shown.stored is not None and page.caller.may(CHANGE, State(it.responsible_state))
    staff = shown.stored is not None and page.caller.may(CONFIRM, State(it.responsible_state))
    others = await documents.of(connection, [link.organisation_id for link in it.links]) if it.links else {}
    asked = (
        await confirmations.listed(connection, organisation_id=it.organisation_id, before=None, limit=1)
        if staff
        else []
    )
    decided = await profiles.decided_codes(connection, [it.organisation_id])
    found = completeness(it)
    here = path_of(it.organisation_id)
    undecided = {item.code for item in it.activities if item.edition == "WZ2008"} - decided.get(
        it.organisation_id, set()
    )
    return {
        "roles": [texts.named(texts.ROLES, code, language) for code in it.roles],
        "value_chain": texts.named(texts.VALUE_CHAIN, it.value_chain, language),
        "certificates": [
            (certificate_line(item, language), item in ending_certificates(it, today=local_day(page.now)))
            for item in it.certificates
        ],
        "links": [
            (
                link,
                others[link.organisation_id].legal_name
                if link.organisation_id in others
                else str(link.organisation_id),
                texts.named(texts.LINKS, link.kind, language),
            )
            for link in it.links
        ],
        "indicators": [indicator_line(item, language) for item in reversed(it.indicators)],
        "percent": found.percent,
        "missing": [
            (
                texts.named(texts.FIELDS, name, language),
                weight,
                f"{here}/{FORMS[name].format(name=name)}" if own else None,
            )
            for name, weight in found.missing
        ],
        "undecided_codes": sorted(undecided),
        "describes": own,
        "lists_members": it.kind == "cluster" and page.caller.may(CHANGE),
        "asked": asked[0] if asked else None,
        "confirmed_lately": confirmed_within_a_year(it, page.now),
        "membership_kind": lambda code: texts.named(texts.MEMBERSHIPS, code, language),
        "release_groups": [(code, texts.named(texts.GROUPS, code, language)) for code in GROUPS],
        "code_title": texts.code_title,
    }
