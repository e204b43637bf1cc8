"""The form of an event: its fields, what is stored in them, and the command it stands for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from norda_common.database import Connection
from norda_common.states import ALL_STATES
from norda_common.web.forms import Field, Form
from norda_common.web.pages import Page

from ..rules.event import Event
from ..rules.times import offsets_of, time_zones
from ..store import organisations
from ..store.organisations import KnownOrganisation
from .edge import as_uuid, organisation_options, several
from .words import competence_options

Fields = dict[str, Any]
STATE_VALUES = frozenset(state.value for state in ALL_STATES)
MOMENTS = ("starts", "ends", "quota_release_at")
FIXED_AFTER_PUBLICATION = ("starts", "ends", "time_zone", "hosts")
"""What the form of a published event leaves out: it is rescheduled instead."""
SEARCH_ROWS = 12


def stored_values(event: Event) -> dict[str, object]:
    """What the form of a stored event shows."""
    values: dict[str, object] = {
        "title": event.title,
        "title_en": event.title_en,
        "description": event.description,
        "time_zone": event.time_zone,
        "venue": event.venue,
        "online": "yes" if event.online else "",
        "capacity": event.capacity,
        "hosts": [host.state.value if host.state else str(host.organisation_id) for host in event.hosts],
        "competences": event.competences,
        "clusters": ", ".join(event.clusters),
    }
    values |= {f"quotas.{state.value}": "" for state in ALL_STATES}
    values |= {f"quotas.{quota.state.value}": quota.seats for quota in event.quotas}
    for name, moment in zip(MOMENTS, (event.starts_at, event.ends_at, event.quota_release_at), strict=True):
        values |= moment_values(name, moment, zone=event.time_zone)
    return values


def moment_values(name: str, moment: datetime | None, *, zone: str) -> dict[str, object]:
    """A moment as its field shows it: local time, and the offset, which matters where clocks are set back."""
    if moment is None:
        return {name: ""}
    local = moment.astimezone(ZoneInfo(zone))
    text = local.replace(tzinfo=None).isoformat(timespec="seconds" if local.second else "minutes")
    return {name: text, f"{name}_offset": local.isoformat()[-6:]}


def said(form: Form) -> dict[str, Any]:
    """What the form says, in the words of the commands; an empty field is null."""
    document: dict[str, Any] = {name: form.value(name).strip() or None for name in ("title_en", "description", "venue")}
    document |= {"title": form.value("title"), "time_zone": form.value("time_zone")}
    document |= {name: moment_text(form, name) for name in MOMENTS}
    document |= {
        "online": form.value("online") == "yes",
        "capacity": whole(form.value("capacity")),
        "hosts": [
            {"state": value} if value in STATE_VALUES else {"organisation_id": value}
            for value in form.values.get("hosts", ())
        ],
        "quotas": {
            state.value: whole(text) for state in ALL_STATES if (text := form.value(f"quotas.{state.value}").strip())
        },
        "competences": list(form.values.get("competences", ())),
        "clusters": [code.strip() for code in form.value("clusters").split(",") if code.strip()],
    }
    return document


def moment_text(form: Form, name: str) -> str | None:
    """A moment as the rules read it: with the offset chosen, where the local time happens twice."""
    text, offset = form.value(name).strip(), form.value(f"{name}_offset")
    choices = offsets_of(text, zone=form.value("time_zone"))
    return (text + offset if len(choices) > 1 and offset in choices else text) or None


def whole(text: str) -> int | str | None:
    """A number typed; what is none stays as it is, for the command to refuse."""
    trimmed = text.strip()
    return int(trimmed) if trimmed.isascii() and trimmed.isdigit() and len(trimmed) < 19 else trimmed or None


async def chosen_organisations(connection: Connection, form: Form) -> list[KnownOrganisation]:
    """Those among the form's hosts, as far as they are known."""
    ids = [found for value in form.values.get("hosts", ()) if (found := as_uuid(value)) is not None]
    known = await organisations.known(connection, ids) if ids else {}
    return [known[id_] for id_ in dict.fromkeys(ids) if id_ in known]


async def event_fields(connection: Connection, form: Form, page: Page, *, draft: bool, new: bool) -> Fields:
    """The form's fields. Organisations found by the words in `organisation_words` can be chosen as hosts too."""
    t = page.t
    fields: Fields = {
        "title": form.field("title", t("Titel", "Title"), required=True),
        "title_en": form.field("title_en", t("Englischer Titel", "English title")),
        "description": form.field("description", t("Beschreibung", "Description")),
        "venue": form.field(
            "venue", t("Ort", "Venue"), hint=t("Zum Beispiel: Halle, Stadt", "For example: hall, town")
        ),
        "online": form.field("online", t("Auch oder nur online", "Also or only online")),
        "capacity": form.field("capacity", t("Plätze", "Seats"), hint=t("Leer: unbegrenzt", "Empty: unlimited")),
        "competences": several(form, "competences", t("Kompetenzen", "Competences"), _competences(form, page)),
        "clusters": form.field(
            "clusters", t("Cluster", "Clusters"), hint=t("Kürzel, durch Komma getrennt", "Codes, separated by commas")
        ),
    }
    fields |= {f"quotas.{state.value}": form.field(f"quotas.{state.value}", state.label) for state in ALL_STATES}
    fields["quota_release_at"] = form.field(
        "quota_release_at",
        t("Freigabe der Kontingente", "Release of the quotas"),
        hint=t(
            "Danach sind ungenutzte Plätze der Kontingente für alle da. Ortszeit der Veranstaltung.",
            "After that unused seats of the quotas are for everybody. Local time of the event.",
        ),
    )
    if new:
        fields["own_id"] = form.field(
            "own_id",
            t("Eigenes Kennzeichen", "Own identifier"),
            hint=t("Im eigenen Land eindeutig, zum Beispiel ev-01", "Unique in your state, for example ev-01"),
        )
    if draft:
        fields |= time_fields(form, page)
        fields |= await _host_fields(connection, form, page)
    fields["offsets"] = offset_fields(form, page)
    return fields


def time_fields(form: Form, page: Page) -> Fields:
    """Start, end and the zone they are local times of."""
    t = page.t
    return {
        "starts": form.field("starts", t("Beginn", "Start"), required=True),
        "ends": form.field("ends", t("Ende", "End"), required=True),
        "time_zone": form.field(
            "time_zone",
            t("Zeitzone", "Time zone"),
            hint=t("Beginn und Ende sind Ortszeiten dieser Zone", "Start and end are local times of this zone"),
            required=True,
            default="Europe/Berlin",
        ),
        "time_zones": [(name, name) for name in time_zones()],
    }


def offset_fields(form: Form, page: Page) -> dict[str, tuple[Field, list[tuple[str, str]]]]:
    """For local times that happen twice, since clocks are set back: which of both is meant."""
    zone = form.value("time_zone", "Europe/Berlin")
    found: dict[str, tuple[Field, list[tuple[str, str]]]] = {}
    for name in MOMENTS:
        choices = offsets_of(form.value(name), zone=zone)
        if len(choices) > 1:
            label = page.t(
                "Diese Ortszeit gibt es zweimal; welche ist gemeint?", "This local time happens twice; which is meant?"
            )
            words = (page.t("die frühere", "the earlier"), page.t("die spätere", "the later"))
            options = [(offset, f"{word} ({offset})") for offset, word in zip(choices, words, strict=True)]
            found[name] = form.field(f"{name}_offset", label), options
    return found


def shown_value(form: Form, name: str, names: Mapping[str, str], page: Page) -> str:
    """One field's value as a sentence would say it, to compare two versions. `names` are those of hosts."""
    if name == "online":
        return page.t("ja", "yes") if form.value(name) == "yes" else page.t("nein", "no")
    if name == "hosts":
        return ", ".join(names.get(value, value) for value in form.values.get(name, ()))
    if name == "competences":
        return ", ".join(form.values.get(name, ()))
    if name in MOMENTS:
        return (moment_text(form, name) or "").replace("T", " ")
    return form.value(name).replace("\r\n", "\n").strip()


def _competences(form: Form, page: Page) -> Sequence[tuple[str, str]]:
    return competence_options(page.language, chosen=form.values.get("competences", ()))


async def _host_fields(connection: Connection, form: Form, page: Page) -> Fields:
    words = form.value("organisation_words")
    chosen = await chosen_organisations(connection, form)
    found = await organisations.named(connection, words, limit=SEARCH_ROWS) if words.strip() else []
    new = [item for item in found if item.id not in {known.id for known in chosen}]
    options = [(state.value, state.label) for state in ALL_STATES] + organisation_options([*chosen, *new])
    return {
        "hosts": several(
            form,
            "hosts",
            page.t("Ausrichter", "Hosts"),
            options,
            hint=page.t(
                "Länder und Organisationen; nichts angekreuzt: das federführende Land allein",
                "States and organisations; none ticked: the lead state alone",
            ),
        ),
        "organisation_words": form.field(
            "organisation_words",
            page.t("Organisation suchen", "Look for an organisation"),
            hint=page.t(
                "Wörter des Namens; Gefundenes steht danach oben zum Ankreuzen.",
                "Words of its name; what is found can then be ticked above.",
            ),
        ),
        "organisations_found": len(found) if words.strip() else None,
    }
