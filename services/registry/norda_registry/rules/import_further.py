"""What a row says beside plain fields: certificates, one site, kind and end of memberships, and of when figures are.

An import adds and corrects: certificates and sites that a row does not name stay.
"""

from __future__ import annotations

import calendar
import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import date
from uuid import uuid5

from norda_common.contracts.registry import Address, Certificate, Membership, Organisation, Site

from .cell_values import Draft, day
from .figures import EARLIEST_YEAR
from .findings import Findings
from .import_fields import PERSON, figure_of
from .import_people import person_of
from .names import fold
from .places import plain_postal_code, state_code, states_of_postal_code
from .reconciling import membership_kind
from .spreadsheet_cells import unguarded

SITE = ("site_name", "site_place", "site_postal_code", "site_street")
MOST_CERTIFICATES = 50
MOST_SITES = 500
LONGEST_TITLE = 200
LATEST_YEAR = 2200
"""Numbers of norms look like years."""
_UNTIL = re.compile(r"[(,:]? ?(?:gültig )?\b(?:bis|valid until|until)\b:? ?", re.IGNORECASE)
# `ISO 9000 bis 9004` and `EN 1090 bis EXC3` are names.
_SAYS_A_DAY = re.compile(r"(?<!\d)[12]\d{3}(?!\d)|^(?:\d{1,2}[./]){1,2}\d{2}(?!\d)")
FIGURES = ("employees", "turnover", "balance")
_FURTHER = frozenset(
    {*SITE, *PERSON, "figures_on", "clusters_kind", "clusters_until", "certificates", "certificates_until", "note"}
)
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d{2}(?!\d)")


def take_further(found: Mapping[str, str], draft: Draft, years: Mapping[str, date]) -> None:
    """What is no plain field: certificates, a site, kind and end of memberships, a contact person, a note."""
    findings = draft.findings
    draft.figures_on = years
    if _FURTHER.isdisjoint(found):
        return
    draft.figures_on = _figures_on(found, years, findings)
    if "clusters_kind" in found:
        draft.clusters_kind = membership_kind_of(found["clusters_kind"], findings)
    draft.clusters_until = day(found.get("clusters_until"), "clusters_until", findings)
    if draft.clusters_until and draft.clusters_since and draft.clusters_until < draft.clusters_since:
        findings.refuse("clusters_until", "before_begin", "liegt vor dem Beginn", "lies before the beginning")
    if "certificates" in found:
        draft.certificates = certificates_of(found["certificates"], found.get("certificates_until", ""), findings)
    draft.site = site_of(found, findings)
    draft.person = person_of(found, findings)
    draft.note = found.get("note")


def _figures_on(found: Mapping[str, str], years: Mapping[str, date], findings: Findings) -> dict[str, date]:
    """Of when each figure is: by its heading, else by the row; nothing where neither says it."""
    said = None
    if text := found.get("figures_on"):
        said = day_or_end(text)
        if said is None or said.year < EARLIEST_YEAR:
            findings.refuse(
                "figures_on",
                "date_parsing",
                "ist kein Tag und kein Jahr (2023, 31.12.2023)",
                "is no day and no year (2023, 31.12.2023)",
            )
            return {}
    days = {name: years.get(name) or said for name in FIGURES}
    return {name: on for name, on in days.items() if on is not None}


def years_of(columns: Sequence[str], headings: Sequence[str]) -> dict[str, date]:
    """The last days of the years that headings of figures name: `Mitarbeiter 2023`."""
    found = {}
    for name, heading in zip(columns, headings, strict=False):
        figure = figure_of(name)
        if figure in FIGURES and (year := year_of_heading(heading)):
            found[figure] = year
    return found


def day_or_end(text: str) -> date | None:
    """A day, or the last one of a month or year: `31.12.2023`, `2023-12-31`, `12/2023`, `2023`; None for others."""
    text = text.strip()
    try:
        if german := re.fullmatch(r"(\d{1,2})\.(\d{1,2})\.(\d{4})", text):
            return date(int(german[3]), int(german[2]), int(german[1]))
        if month := re.fullmatch(r"(\d{1,2})[/.](\d{4})", text):
            last = calendar.monthrange(int(month[2]), int(month[1]))[1]
            return date(int(month[2]), int(month[1]), last)
        if re.fullmatch(r"\d{4}", text):
            return date(int(text), 12, 31)
        return date.fromisoformat(text)
    except (ValueError, calendar.IllegalMonthError):
        return None


def year_of_heading(heading: str) -> date | None:
    """The last day of the year that a heading names: `Mitarbeiter 2023`. None for none, or several."""
    years = set(_YEAR.findall(heading))
    return date(int(years.pop()), 12, 31) if len(years) == 1 else None


# ------------------------------------------------------------------------------------------------- certificates


def certificates_of(text: str, until: str, findings: Findings) -> tuple[Certificate, ...]:
    """`IATF 16949 (bis 31.12.2027); ISO 9001`, a semicolon, a comma or a line apart; an end that is no day is told.

    `until` is the end of a single one.
    """
    found: dict[str, Certificate] = {}
    for part in _parts(text):
        name, said = _with_end(part)
        end = day_or_end(said) if said else None
        alone = day_or_end(name)
        if alone is not None and EARLIEST_YEAR <= alone.year < LATEST_YEAR:
            name, said, end = "", name, None
        if said and not (name and end):
            findings.warn(
                "certificates",
                "certificate_end",
                f"„{said[:60]}“ ist nicht als Ende zu lesen (bis 31.12.2027, bis 2027) und bleibt weg",
                f"“{said[:60]}” cannot be read as an end (bis 31.12.2027, until 2027) and is left out",
            )
        name = name[:LONGEST_TITLE].strip()
        if name:
            found.setdefault(fold(name), Certificate(name=name, valid_to=end))
    if len(found) > MOST_CERTIFICATES:
        findings.refuse(
            "certificates",
            "too_long",
            f"hat zu viele Einträge (höchstens {MOST_CERTIFICATES})",
            f"has too many entries (at most {MOST_CERTIFICATES})",
        )
        return ()
    kept = list(found.values())
    if until:
        kept = _ending(kept, until, findings)
    return tuple(kept)


def _parts(text: str) -> list[str]:
    """The entries of a cell. No comma in brackets parts them, nor one before an end: `ISO 9001 (A, B), bis 2026`."""
    parts, deep = [""], 0
    for piece in re.split(r"([;\n,()])", text):
        deep = 0 if piece in {";", "\n"} else max(0, deep + {"(": 1, ")": -1}.get(piece, 0))
        if piece in {";", "\n"} or (piece == "," and not deep):
            parts.append("")
        else:
            parts[-1] += piece
    found: list[str] = []
    for part in (" ".join(part.split()) for part in parts):
        if found and _UNTIL.match(part):
            found[-1] += f", {part}"
        elif part:
            found.append(part)
    return found


def _with_end(part: str) -> tuple[str, str | None]:
    """An entry's name, and what it says of its end."""
    *_, last = (None, *_UNTIL.finditer(part))
    if last is None or not _SAYS_A_DAY.search(said := part[last.end() :].strip(" )")):
        return part, None
    name = part[: last.start()].strip()
    return (f"{name})" if name.count("(") > name.count(")") else name), said


def _ending(kept: list[Certificate], until: str, findings: Findings) -> list[Certificate]:
    day = day_or_end(until)
    if day is None or len(kept) != 1:
        findings.warn(
            "certificates_until",
            "certificate_end",
            "ist kein Tag, oder es steht nicht genau ein Zertifikat da; das Ende bleibt weg",
            "is no day, or there is not exactly one certificate; the end is left out",
        )
        return kept
    return [kept[0].model_copy(update={"valid_to": day})]


def certificates_cell(certificates: Sequence[Certificate]) -> str:
    """The certificates as one cell, as `certificates_of` reads it; numbers and first days do not stand in it."""
    return "; ".join(
        f"{item.name} (bis {item.valid_to.isoformat()})" if item.valid_to else item.name for item in certificates
    )


def with_certificates(
    current: Sequence[Certificate], said: Sequence[Certificate], findings: Findings
) -> tuple[Certificate, ...]:
    """The certificates with those that a row names: new ones added, ends corrected, numbers kept."""
    exported = certificates_of(certificates_cell(current), "", Findings())
    if exported == tuple(said):
        # As they were exported, whatever their names look like.
        return tuple(current)
    there = {fold(item.name) for item in current}
    said = [item for item in said if fold(item.name) in there or item not in exported]
    kept = list(current)
    for item in said:
        same = [place for place, old in enumerate(kept) if fold(old.name) == fold(item.name)]
        if not same:
            kept.append(item)
        elif item.valid_to is not None and all(kept[place].valid_to != item.valid_to for place in same):
            # Of several with one name the last is the one that was renewed.
            kept[same[-1]] = kept[same[-1]].model_copy(update={"valid_to": item.valid_to})
    if left := [item.name for item in kept[MOST_CERTIFICATES:]]:
        names = ", ".join(left)[:LONGEST_TITLE]
        findings.warn(
            "certificates",
            "too_many",
            f"sind mit denen, die schon dastehen, mehr als {MOST_CERTIFICATES}; es bleibt weg: {names}",
            f"are more than {MOST_CERTIFICATES} with those that are there already; left out: {names}",
        )
    kept = kept[:MOST_CERTIFICATES]
    if kept == list(current):
        return tuple(current)
    return tuple(sorted(kept, key=lambda item: (fold(item.name), item.number or "")))


# -------------------------------------------------------------------------------------------------------- sites


def site_of(found: Mapping[str, str], findings: Findings) -> dict[str, str]:
    """The parts of the site that a row names, by the names of an address; empty for none."""
    said = {name.removeprefix("site_"): found[name] for name in SITE if name in found}
    if code := said.get("postal_code"):
        code = plain_postal_code(code)
        code = f"0{code}" if re.fullmatch(r"\d{4}", code, re.ASCII) else code
        said["postal_code"] = code
        if not re.fullmatch(r"\d{5}", code, re.ASCII):
            del said["postal_code"]
            findings.warn(
                "site_postal_code",
                "postal_code",
                "ist keine Postleitzahl und bleibt weg",
                "is no postal code and is left out",
            )
    if said and not said.get("place"):
        findings.warn(
            "site_place",
            "missing",
            "fehlt; der Standort bleibt weg",
            "is missing; the site is left out",
        )
        return {}
    return {name: text[:LONGEST_TITLE] for name, text in said.items()}


def with_site(organisation: Organisation, said: Mapping[str, str], findings: Findings) -> tuple[Site, ...]:
    """The sites with the one that a row names: a new one, or the one of that name with its address corrected.

    A new one's id follows from its name, so that planning a row once more makes the same.
    """
    sites, seat = organisation.sites, organisation.seat
    place = said["place"]
    name = said.get("name") or place
    given = {part: said[part] for part in ("place", "postal_code", "street") if part in said}
    for position, site in enumerate(sites):
        if fold(site.name) == fold(name):
            address = _address(given, site.address if fold(site.address.place or "") == fold(place) else None, seat)
            if address == site.address:
                return tuple(sites)
            return (*sites[:position], site.model_copy(update={"address": address}), *sites[position + 1 :])
    if len(sites) >= MOST_SITES:
        findings.warn("site_name", "too_many", "ist einer zu viel und bleibt weg", "is one too many and is left out")
        return tuple(sites)
    site_id = uuid5(organisation.organisation_id, fold(name))
    if any(site.site_id == site_id for site in sites):
        # One that was imported under this name is called otherwise by now.
        return tuple(sites)
    return (*sites, Site(site_id=site_id, name=name, address=_address(given, None, seat)))


def _address(given: Mapping[str, str], current: Address | None, seat: Address) -> Address:
    """The address of a site; the state is the one its postal code is in, where that says one, else the seat's."""
    if current is not None:
        return current.model_copy(update=dict(given))
    states = states_of_postal_code(given.get("postal_code", ""))
    state = next(iter(states)) if len(states) == 1 else seat.state
    return Address(state=state_code(state) or state, **given)


# -------------------------------------------------------------------------------------------------- memberships


def membership_kind_of(text: str, findings: Findings) -> str | None:
    """The kind of membership a cell names; what names none is left out and told."""
    kind = membership_kind(text)
    if kind is None:
        findings.warn(
            "clusters_kind",
            "membership_kind",
            "ist keine Art der Mitgliedschaft und bleibt weg",
            "is no type of membership and is left out",
        )
    return kind


def with_memberships(
    current: Sequence[Membership], said: Sequence[Membership], findings: Findings
) -> tuple[Membership, ...]:
    """Add memberships in clusters the organisation has never been in; of one that holds, correct the kind and set the
    end that the row says. An ended one is not begun anew by a file.
    """
    given = {item.cluster_id: item for item in said}
    known = {item.cluster_id for item in current}
    kept = [
        _corrected(item, given[item.cluster_id], findings)
        if item.valid_to is None and item.cluster_id in given
        else item
        for item in current
    ]
    return (*kept, *(item for item in said if item.cluster_id not in known))


def _corrected(membership: Membership, said: Membership, findings: Findings) -> Membership:
    changes: dict[str, object] = {}
    if said.kind is not None:
        changes["kind"] = said.kind
    if said.valid_to is not None:
        if membership.valid_from is not None and said.valid_to < membership.valid_from:
            findings.warn(
                "clusters_until",
                "before_begin",
                "liegt vor dem Beginn der Mitgliedschaft und bleibt weg",
                "lies before the beginning of the membership and is left out",
            )
        else:
            changes["valid_to"] = said.valid_to
    return membership.model_copy(update=changes)


# --------------------------------------------------------------------------------------------------------- texts


def paragraphs(cell: str) -> str:
    """A cell's text in NFC with its line breaks, trimmed."""
    text = unicodedata.normalize("NFC", cell.replace("\r\n", "\n").replace("\r", "\n"))
    return unguarded(text.strip())


def same_text(one: str | None, other: str | None) -> bool:
    """Whether two texts differ in blanks and line breaks alone."""
    return (one or "").split() == (other or "").split()
