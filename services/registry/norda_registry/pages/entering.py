"""What all forms of the registry share: fields with their names, errors that say which field, and how a change is done.

An organisation's form has one field per value; `seat` and what begins with it is one group, as are the others. A person
decides about groups: half of somebody's address and half of another's would be neither's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVarTuple
from uuid import UUID

from fastapi import Response
from fastapi.responses import RedirectResponse
from norda_common.contracts.competences import competences
from norda_common.contracts.registry import Organisation
from norda_common.database import Connection
from norda_common.errors import FieldError, Malformed, Text
from norda_common.signin import sessions
from norda_common.states import ALL_STATES
from norda_common.web.forms import Field, Form
from norda_common.web.pages import Page

from ..api.writing import Change
from ..rules.code_lists import courts, legal_forms
from ..rules.districts import districts
from ..rules.profile import ACTIVE
from ..rules.register_entries import TYPES
from ..store import searches
from ..store.searches import Filters
from ..usecases.recording import Outcome
from . import texts
from .texts import KINDS, SIZES

Asked = TypeVarTuple("Asked")

MOST_CLUSTERS = 200
CHOICE = "choice-"
"""How fields begin that say which version of a group was chosen: `mine` or `theirs`."""

_GROUPED = re.compile(r"\d{1,3}([.,]\d{3})+")


@dataclass(frozen=True, slots=True)
class Entering:
    """A form on its way to a template: `field` makes the macros' fields, `errors` is their summary."""

    form: Form
    language: str

    def field(
        self, name: str, *, hint: str = "", required: bool = False, autocomplete: str = "", label: str = ""
    ) -> Field:
        """A field with the name it has everywhere."""
        return self.form.field(
            name,
            label or texts.field_label(name, self.language),
            hint=hint,
            required=required,
            autocomplete=autocomplete,
        )

    def values(self, name: str) -> tuple[str, ...]:
        """The values of a field of which there may be several."""
        return tuple(self.form.values.get(name, ()))

    @property
    def errors(self) -> list[tuple[str, str]]:
        """(field, text) of everything that is wrong."""
        return [
            (name, f"{texts.field_label(name, self.language)}: {text}" if name else text)
            for name, text in self.form.errors.items()
        ]


def context(page: Page, form: Form) -> dict[str, Any]:
    """What every form's template gets: the fields, and the lists to choose from."""
    language = page.language
    # What is deprecated is not offered; who has it already may keep it.
    held = set(form.values.get("competences", ()))
    known = [item for item in competences().values() if item.active or item.code in held]
    return {
        "entering": Entering(form, language),
        "federal": list(texts.FEDERAL.items()),
        "own_states": [(state.value, state.label) for state in ALL_STATES],
        "legal_forms": [(item.code, item.label) for item in legal_forms().values()],
        "courts": [(item.name, f"{item.name} ({item.code})") for item in courts().values()],
        "register_types": [(kind, kind) for kind in dict.fromkeys(TYPES.values())],
        "kinds": [(code, text.in_language(language)) for code, text in KINDS.items()],
        "sizes": [(code, text.in_language(language)) for code, text in SIZES.items()],
        "editions": [(edition, edition) for edition in texts.EDITIONS],
        "ags": [(item.ags, item.label) for item in districts().values()],
        "competences": [
            (
                group.label.in_language(language),
                [(each.code, texts.competence_label(each.code, language)) for each in known
                 if group.code in {each.code, each.broader}],
            )
            for group in known
            if group.broader is None
        ],
    }  # fmt: skip


async def active_clusters(connection: Connection) -> Sequence[tuple[str, str]]:
    """Active clusters of all states as (code, label)."""
    rows = await searches.listed(connection, Filters(kind="cluster", status=ACTIVE), after=None, limit=MOST_CLUSTERS)
    found = (Organisation.model_validate_json(row["data"]) for row in rows)
    return [(item.cluster_code, f"{item.legal_name} ({item.cluster_code})") for item in found if item.cluster_code]


def version_of(form: Form) -> int:
    """The version a form was filled in for. Raises Malformed: a form without one could overwrite unseen changes."""
    text = form.value("version")
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise Malformed("Dem Formular fehlt die Fassung.", "The form lacks the version it is for.")
    return int(text)


def plain_number(text: str, language: str) -> str:
    """A number as people write it, `1.234,50`, as programs read it, `1234.50`; what is no number stays as it is."""
    bare = re.sub(r"[\s€']|EUR", "", text)
    signs = {sign for sign in ".," if sign in bare}
    usual = "." if language == "en" else ","
    if len(signs) == 2:
        # The one that comes last is the decimal sign, in whichever language the page is.
        decimal = max(signs, key=bare.rfind)
    elif _GROUPED.fullmatch(bare) and (usual not in signs or bare.count(usual) > 1):
        decimal = ""
    else:
        decimal = next(iter(signs), "")
    for sign in signs - {decimal}:
        bare = bare.replace(sign, "")
    plain = bare.replace(decimal, ".") if decimal else bare
    return plain if re.fullmatch(r"-?\d+(\.\d*)?", plain) else text


def shown_number(amount: Decimal | int | None, language: str) -> str:
    """A number as a field shows it, without groups, so that it can be changed."""
    if amount is None:
        return ""
    text = f"{amount:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text if language == "en" else text.replace(".", ",")


async def apply(
    page: Page, organisation_id: UUID, change: Change[*Asked], *asked: *Asked, version: int | None
) -> Outcome:
    """Run a use case in a transaction of its own, for the version the person saw."""
    async with page.transaction() as connection:
        return await change(
            connection,
            organisation_id,
            *asked,
            caller=page.caller,
            served=page.runtime.settings.states,
            now=page.now,
            expected_version=version,
        )


async def done(page: Page, organisation_id: UUID, told: Text, outcome: Outcome) -> Response:
    """Lead to the organisation, which tells what was done and what to look at."""
    if not outcome.changed:
        return await page.go(
            path_of(organisation_id),
            Text("Das stand schon so da; es hat sich nichts geändert.", "It was so already; nothing has changed."),
            kind="info",
        )
    if page.session is not None:
        async with page.read() as connection:
            await sessions.tell(connection, page.session, "success", told.de, told.en)
            for found in outcome.warnings:
                await sessions.tell(connection, page.session, "warning", *_warning(found))
    return RedirectResponse(path_of(organisation_id), 303)


def path_of(organisation_id: UUID) -> str:
    """Where an organisation's page is."""
    return f"/registry/organisations/{organisation_id}"


def _warning(found: FieldError) -> tuple[str, str]:
    return (
        f"{texts.field_label(found.field, 'de')}: {found.text.de}",
        f"{texts.field_label(found.field, 'en')}: {found.text.en}",
    )


def group_of(name: str) -> str:
    """The group a field belongs to: `seat` for `seat.place`."""
    return name.partition(".")[0]


def grouped(values: Mapping[str, Sequence[str]]) -> dict[str, dict[str, tuple[str, ...]]]:
    """Fields by group, without those that are empty."""
    groups: dict[str, dict[str, tuple[str, ...]]] = {}
    for name, several in values.items():
        filled = tuple(text.strip() for text in several if text.strip())
        if filled:
            groups.setdefault(group_of(name), {})[name] = filled
    return groups


def chosen(form: Form, stored: Form) -> Form:
    """The form after a comparison: the groups for which the stored version was chosen are as they are stored."""
    theirs = {
        name.removeprefix(CHOICE) for name in form.values if name.startswith(CHOICE) and form.value(name) == "theirs"
    }
    kept = {name: several for name, several in form.values.items() if group_of(name) not in theirs}
    taken = {name: several for name, several in stored.values.items() if group_of(name) in theirs}
    return Form(kept | taken, form.language)
