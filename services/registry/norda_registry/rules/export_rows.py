"""An organisation as a row of a table that leaves, in columns and words that an import understands.

What a row cannot hold (sites, history, numbers of certificates, kind and days of memberships) is in JSON Lines only;
importing a row changes nothing of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from norda_common.contracts.registry import Organisation
from norda_common.states import ALL_STATES

from .code_lists import federal_states, legal_forms
from .import_fields import FIELDS, PRIVATE
from .import_further import certificates_cell
from .profile import current_clusters, current_entry
from .register_entries import court_entered
from .size_class import Figures
from .words import KINDS, ROLES, SIZES, STATUSES, VALUE_CHAIN, competence_words, named

_STATES = {state.value: state.label for state in ALL_STATES}
_SEVERAL = "; "
"""Between entries: words may hold a comma."""
Cell = str | int | Decimal | None


@dataclass(frozen=True, slots=True)
class Exported:
    """An organisation of any state as last published; what stays with the office for its own alone."""

    organisation: Organisation
    version: int
    figures: Figures | None = None
    email: str | None = None


def exported_names(*, private: bool) -> list[str]:
    """The fields of the columns, in order."""
    return [field.name for field in FIELDS if field.exported and (private or field.name not in PRIVATE)] + ["status"]


def exported_headings(names: Sequence[str], language: str) -> list[str]:
    """What the columns are called."""
    labels = {field.name: field.label.in_language(language) for field in FIELDS}
    return [labels.get(name, "Status") for name in names]


def exported_row(item: Exported, names: Sequence[str], language: str) -> list[Cell]:
    """The organisation's cells in these columns."""
    cells = _cells(item, language)
    return [cells.get(name) for name in names]


def _cells(item: Exported, language: str) -> dict[str, Cell]:
    it = item.organisation
    figures = item.figures or Figures()
    entry, seat = current_entry(it), it.seat
    cells: dict[str, Cell] = {
        "organisation_id": str(it.organisation_id),
        "responsible_state": _STATES.get(it.responsible_state, it.responsible_state),
        "own_id": it.own_id,
        "legal_name": it.legal_name,
        "kind": named(KINDS, it.kind, language),
        "cluster_code": it.cluster_code,
        "legal_form": _legal_form(it.legal_form),
        "street": seat.street,
        "postal_code": seat.postal_code,
        "place": seat.place,
        "state": federal_states()[seat.state].name if seat.state in federal_states() else seat.state,
        "ags": seat.ags,
        "nuts": seat.nuts,
        "vat_id": it.vat_id,
        "widnr": it.widnr,
        "lei": it.lei,
        "wz2025": " ".join(activity.code for activity in it.activities if activity.edition == "WZ2025"),
        "wz2008": " ".join(activity.code for activity in it.activities if activity.edition == "WZ2008"),
        "competences": _SEVERAL.join(competence_words(code, language) for code in it.competences),
        "roles": _SEVERAL.join(named(ROLES, code, language) for code in it.roles),
        "value_chain": named(VALUE_CHAIN, it.value_chain, language) or None,
        "clusters": " ".join(current_clusters(it.memberships)),
        "size_class": named(SIZES, it.size_class, language) or None,
        "website": it.website,
        "name_en": it.name_en,
        "profile": it.profile,
        "profile_en": it.profile_en,
        "certificates": certificates_cell(it.certificates) or None,
        "employees": figures.employees,
        "turnover_eur": _euros(figures.turnover_cents),
        "balance_eur": _euros(figures.balance_cents),
        "email": item.email,
        "status": named(STATUSES, it.status, language),
    }
    if entry is not None:
        cells |= {
            "register_court": court_entered(entry),
            "register_type": entry.type,
            "register_number": entry.number,
            "register_suffix": entry.suffix,
            "register_former_court": entry.former_court,
            "register_valid_from": entry.valid_from.isoformat() if entry.valid_from else None,
            "euid": entry.euid,
        }
    return cells


def _legal_form(code: str | None) -> str | None:
    form = legal_forms().get(code or "")
    return form.label if form else code


def _euros(cents: int | None) -> Decimal | None:
    if cents is None:
        return None
    return Decimal(cents // 100) if cents % 100 == 0 else Decimal(cents).scaleb(-2)
