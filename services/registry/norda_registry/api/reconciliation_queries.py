"""What a client of the reconciliation API sends: queries of a batch, and what it wants to extend its table by."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from ..rules.reconciliation import PROPERTIES
from ..rules.reconciliation import Query as Wanted

MOST_IDS = 500
MOST_RESULTS = 25


class Value(BaseModel):
    """A property value that was reconciled itself."""

    model_config = ConfigDict(extra="ignore")
    id: str
    name: str | None = None


Scalar = str | int | float | bool | Value


class PropertyValue(BaseModel):
    """A property of a query, with one value or several."""

    model_config = ConfigDict(extra="ignore")
    pid: str
    v: Scalar | list[Scalar]

    def texts(self) -> tuple[str, ...]:
        """The values as text."""
        values = self.v if isinstance(self.v, list) else [self.v]
        texts = (item.id if isinstance(item, Value) else str(item) for item in values)
        return tuple(text.strip() for text in texts if text.strip())


class ReconciliationQuery(BaseModel):
    """One query of a batch."""

    model_config = ConfigDict(extra="ignore")
    query: str = Field(default="", max_length=2_000)
    type: str | list[str] | None = None
    limit: float | None = None
    properties: list[PropertyValue] = Field(default_factory=list, max_length=30)
    type_strict: str | None = None

    def wanted(self) -> Wanted:
        """The same for the use case."""
        types = [self.type] if isinstance(self.type, str) else self.type or []
        limit = int(min(self.limit, MOST_RESULTS)) if self.limit and self.limit >= 1 else 5
        return Wanted(
            name=self.query.replace("\x00", " ").strip(),
            types=[item for item in types if item],
            limit=limit,
            properties=[
                (item.pid, tuple(text.replace("\x00", " ") for text in item.texts())) for item in self.properties
            ],
        )


class ExtendProperty(BaseModel):
    """A property whose values are wanted."""

    model_config = ConfigDict(extra="ignore")
    id: str


class ExtendQuery(BaseModel):
    """What a data extension asks for."""

    model_config = ConfigDict(extra="ignore")
    ids: list[str] = Field(max_length=MOST_IDS)
    properties: list[ExtendProperty] = Field(max_length=len(PROPERTIES) + 10)
