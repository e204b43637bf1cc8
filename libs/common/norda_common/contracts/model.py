"""What every published payload is: a frozen pydantic model that ignores what it does not know.

Within a major version only optional additions are allowed (FULL_TRANSITIVE), so readers skip unknown fields and treat
enumerations as open. Money is in minor units with a currency; instants carry an offset; code lists name their edition.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer


def _to_utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


def rfc3339(value: datetime) -> str:
    """Write an aware instant as RFC 3339 in UTC with `Z`, e.g. `2026-11-23T15:00:00.123456Z`."""
    # Most instants are in UTC already.
    utc = value if value.tzinfo is UTC else value.astimezone(UTC)
    return f"{utc.isoformat()[:-6]}Z"


UtcInstant = Annotated[
    AwareDatetime, AfterValidator(_to_utc), PlainSerializer(rfc3339, return_type=str, when_used="json")
]
"""An instant, stored and written in UTC (RFC 3339)."""

StateCode = Annotated[str, Field(pattern="^[a-z]{2}$", examples=["hb"])]
"""A responsible state's short code. Open: a fourth state must not break a reader."""


class EventData(BaseModel):
    """Base of all payloads: immutable, tolerant of additions."""

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="constants")
