"""From a notice's content to the values its words use and the facts listed below them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from norda_common.contracts.events import PublishedEvent
from norda_common.contracts.registry import Handover, Organisation, RegisterEntry
from norda_common.states import State

from .times import day, short_day, when

Facts = list[tuple[str, str]]


def facts_of(content: Mapping[str, Any], *, words: Mapping[str, Any], language: str) -> tuple[dict[str, Any], Facts]:
    """Values for the placeholders, and (label, value) pairs."""
    if "confirmation" in content:
        return _confirmation(content["confirmation"], words=words, language=language)
    if "organisation" in content:
        organisation = Organisation.model_validate(content["organisation"])
        if organisation.handover is not None and "moves_on" in words:
            return _handover(organisation, organisation.handover, words=words, language=language)
        return _relocation(organisation, told_office=content["told_office"], words=words)
    if "search" in content:
        return _search(content["search"], words=words)
    event = PublishedEvent.model_validate(content["event"])
    status = content.get("registration", {}).get("status")
    return _event(event, waiting=status == "waitlisted", words=words, language=language)


def _event(
    event: PublishedEvent, *, waiting: bool, words: Mapping[str, Any], language: str
) -> tuple[dict[str, Any], Facts]:
    title = event.title_en if language == "en" and event.title_en else event.title
    values = {
        "title": title,
        "day": day(event.starts_at, zone=event.time_zone, language=language),
        "reason": event.cancellation_reason or "",
        "waiting": waiting,
    }
    facts = [(words["when"], when(event.starts_at, event.ends_at, zone=event.time_zone, language=language))]
    places = [place for place in (event.venue, words["online"] if event.online else None) if place]
    if places:
        facts.append((words["where"], ", ".join(places)))
    hosts = [_state_label(host.state) for host in event.hosts if host.state]
    if hosts:
        facts.append((words["hosts"], ", ".join(hosts)))
    return values, facts


def _confirmation(said: Mapping[str, Any], *, words: Mapping[str, Any], language: str) -> tuple[dict[str, Any], Facts]:
    until = day(datetime.fromisoformat(said["expires_at"]), zone="Europe/Berlin", language=language)
    office = _state_label(said["state"])
    return {"title": said["legal_name"], "day": until, "office": office}, [(words["office_of"], office)]


def _search(search: Mapping[str, Any], *, words: Mapping[str, Any]) -> tuple[dict[str, Any], Facts]:
    names = [item["legal_name"] for item in search["organisations"]]
    return {"title": search["name"], "number": len(names)}, [(words["organisation"], name) for name in names]


def _relocation(
    organisation: Organisation, *, told_office: str, words: Mapping[str, Any]
) -> tuple[dict[str, Any], Facts]:
    new_office = _state_label(organisation.responsible_state)
    values = {
        "title": organisation.legal_name,
        "arriving": told_office == organisation.responsible_state,
        "new_office": new_office,
    }
    seat = organisation.seat
    facts = [(words["new_seat"], " ".join(part for part in (seat.postal_code, seat.place) if part))]
    if organisation.previous_state:
        facts.append((words["old_office"], _state_label(organisation.previous_state)))
    facts.append((words["new_office"], new_office))
    for entry in organisation.register_entries:
        facts.append((words["old_entry" if entry.valid_to else "new_entry"], _entry(entry)))
    return values, facts


def _handover(
    organisation: Organisation, offer: Handover, *, words: Mapping[str, Any], language: str
) -> tuple[dict[str, Any], Facts]:
    """An offer of a relocation, open or refused."""
    values = {
        "title": organisation.legal_name,
        "old_office": _state_label(organisation.responsible_state),
        "new_office": _state_label(offer.to_state),
        "reason": offer.refusal or "",
    }
    seat = offer.seat
    facts = [
        (words["new_seat"], " ".join(part for part in (seat.postal_code, seat.place) if part)),
        (words["moves_on"], short_day(offer.moves_on, language=language)),
    ]
    if offer.register_entry is not None:
        facts.append((words["new_entry"], _entry(offer.register_entry)))
    return values, facts


def _entry(entry: RegisterEntry) -> str:
    number = " ".join(part for part in (entry.court, entry.type, entry.number, entry.suffix) if part)
    return f"{number} (EUID {entry.euid})" if entry.euid else number


def _state_label(code: str) -> str:
    """A state's name; a code this release does not know stands for itself."""
    try:
        return State(code).label
    except ValueError:
        return code.upper()
