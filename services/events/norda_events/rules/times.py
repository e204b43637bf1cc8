"""Times as people write them: with an offset, or as local time of an IANA zone; times that do not exist are refused.

Python's `zoneinfo` accepts 2027-03-28T02:30 Europe/Berlin silently, although clocks jump from 02:00 to 03:00; here a
local time must exist and be unambiguous, and an offset must be the one the zone has at that time (RFC 3339 with a zone
as in RFC 9557). `Z` and `+00:00` name an instant and fit every zone.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from norda_common.errors import FieldError, Text
from norda_common.requests import FIRST_YEAR, LAST_YEAR

_AREAS = frozenset(
    ("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
)
_FORM = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})?", re.ASCII)


class TimeRefused(Exception):  # noqa: N818 - it is a verdict on input
    """A time nobody can keep; `fault` says why, for the field it stands in."""

    def __init__(self, fault: FieldError) -> None:
        super().__init__(fault.text.en)
        self.fault = fault


@lru_cache(maxsize=1)
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones())


def zone_fault(name: str, *, field: str) -> FieldError | None:
    """What is wrong with a zone's name; None when the IANA database has it."""
    if name in _zone_names():
        return None
    return FieldError(
        field=field,
        code="unknown_time_zone",
        text=Text(
            "ist keine Zeitzone der IANA-Datenbank (z. B. Europe/Berlin)",
            "is no time zone of the IANA database (e.g. Europe/Berlin)",
        ),
    )


def read_time(text: str, *, zone: str, field: str) -> datetime:
    """The instant a text means, in UTC. `zone` must be known. Raises TimeRefused."""
    if not _FORM.fullmatch(text):
        raise _refused(
            field,
            "datetime_form",
            "hat nicht die Form JJJJ-MM-TTThh:mm, mit oder ohne Zeitverschiebung (z. B. 2027-02-10T10:00+01:00)",
            "is not of the form YYYY-MM-DDThh:mm, with or without offset (e.g. 2027-02-10T10:00+01:00)",
        )
    try:
        written = datetime.fromisoformat(text)
        read = _local if written.tzinfo is None else _with_offset
        instant = read(written, zone=ZoneInfo(zone), field=field)
    except (ValueError, OverflowError) as error:
        raise _refused(
            field,
            "impossible_date",
            "ist kein Zeitpunkt, den es gibt",
            "is not a date and time that exists",
        ) from error
    if not FIRST_YEAR <= instant.year <= LAST_YEAR:
        raise _refused(
            field,
            "year_out_of_range",
            f"liegt nicht in den Jahren {FIRST_YEAR} bis {LAST_YEAR}",
            f"is not in the years {FIRST_YEAR} to {LAST_YEAR}",
        )
    return instant


def local_text(instant: datetime, *, zone: str) -> str:
    """The instant as people of that zone write it, with its offset: `2027-02-10T10:00:00+01:00`."""
    return instant.astimezone(ZoneInfo(zone)).isoformat()


def offsets_of(text: str, *, zone: str) -> tuple[str, ...]:
    """The offsets a local time can have in a zone: two when clocks are set back, none for what is no local time."""
    if zone not in _zone_names() or not _FORM.fullmatch(text):
        return ()
    try:
        written = datetime.fromisoformat(text)
        if written.tzinfo is not None:
            return ()
        moments = [written.replace(tzinfo=ZoneInfo(zone), fold=fold) for fold in (0, 1)]
        real = [m for m in moments if m.astimezone(UTC).astimezone(m.tzinfo).replace(tzinfo=None) == written]
    except (ValueError, OverflowError):
        return ()
    return tuple(dict.fromkeys(_offset_text(moment.utcoffset()) for moment in real))


def time_zones() -> tuple[str, ...]:
    """The zones of places and UTC, in alphabetical order; without the old and technical names of the database."""
    return tuple(sorted(name for name in _zone_names() if name == "UTC" or name.split("/")[0] in _AREAS))


def _local(written: datetime, *, zone: ZoneInfo, field: str) -> datetime:
    earlier, later = written.replace(tzinfo=zone, fold=0), written.replace(tzinfo=zone, fold=1)
    if earlier.utcoffset() == later.utcoffset():
        return earlier.astimezone(UTC)
    # A time that exists comes back from UTC as it went; one inside the gap does not.
    if earlier.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != written:
        raise _refused(
            field,
            "time_does_not_exist",
            f"diese Ortszeit gibt es nicht: {zone.key} stellt dann die Uhren vor",
            f"this local time does not exist: {zone.key} sets its clocks forward then",
        )
    choices = " / ".join(_offset_text(moment.utcoffset()) for moment in (earlier, later))
    raise _refused(
        field,
        "ambiguous_time",
        f"diese Ortszeit gibt es in {zone.key} zweimal; bitte mit Zeitverschiebung angeben ({choices})",
        f"this local time happens twice in {zone.key}; please give an offset ({choices})",
    )


def _with_offset(written: datetime, *, zone: ZoneInfo, field: str) -> datetime:
    instant = written.astimezone(UTC)
    there = instant.astimezone(zone)
    if written.utcoffset() in {timedelta(0), there.utcoffset()}:
        return instant
    raise _refused(
        field,
        "offset_does_not_fit",
        f"die Zeitverschiebung passt nicht zu {zone.key}; dieser Zeitpunkt ist dort {there.isoformat()}",
        f"the offset does not fit {zone.key}; this instant is {there.isoformat()} there",
    )


def _offset_text(offset: timedelta | None) -> str:
    minutes = int((offset or timedelta()).total_seconds() // 60)
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def _refused(field: str, code: str, de: str, en: str) -> TimeRefused:
    return TimeRefused(FieldError(field=field, code=code, text=Text(de, en)))
