"""Instants as people read them: in the event's own time zone, German or English, with both offsets when they differ."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.dates import format_date, format_time, get_timezone_name

HOME = "Europe/Berlin"
_LOCALES = {"de": "de_DE", "en": "en_GB"}


def when(starts_at: datetime, ends_at: datetime, *, zone: str, language: str) -> str:
    """`Mittwoch, 10. Februar 2027, 10:00–16:00 Uhr`, or both days when they differ.

    The zone is named where it helps: a foreign one, English text, or a span over a change of the clocks.
    """
    local_zone = _zone(zone)
    start, end = starts_at.astimezone(local_zone), ends_at.astimezone(local_zone)
    shift = start.utcoffset() != end.utcoffset()
    named = shift or language == "en" or local_zone.key != HOME
    first = _time(start, language, named=shift)
    last = _time(end, language, named=named)
    suffix = " Uhr" if language == "de" else ""
    if start.date() == end.date():
        if shift:
            return f"{_date(start, language)}, {first} – {last}"
        return f"{_date(start, language)}, {_clock(start, language)}–{_clock(end, language)}{suffix}" + (
            f" {_zone_name(end, language)}" if named else ""
        )
    return f"{_date(start, language)}, {first} – {_date(end, language)}, {last}"


def day(instant: datetime, *, zone: str, language: str) -> str:
    """A short date for subject lines: `10.02.2027`, `10 Feb 2027`."""
    return short_day(instant.astimezone(_zone(zone)).date(), language=language)


def short_day(on: date, *, language: str) -> str:
    """The same of a day that has no hours."""
    return format_date(on, "dd.MM.yyyy" if language == "de" else "d MMM yyyy", locale=_LOCALES[language])


def _zone(name: str) -> ZoneInfo:
    """The named zone, or the home zone for a name nobody knows: a mail with the usual time is better than none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo(HOME)


def _date(moment: datetime, language: str) -> str:
    return format_date(moment, "EEEE, d. MMMM y" if language == "de" else "EEEE, d MMMM y", locale=_LOCALES[language])


def _clock(moment: datetime, language: str) -> str:
    return format_time(moment, "HH:mm", locale=_LOCALES[language])


def _time(moment: datetime, language: str, *, named: bool) -> str:
    suffix = " Uhr" if language == "de" else ""
    return f"{_clock(moment, language)}{suffix}" + (f" {_zone_name(moment, language)}" if named else "")


def _zone_name(moment: datetime, language: str) -> str:
    return get_timezone_name(moment, width="short", locale=_LOCALES[language])
