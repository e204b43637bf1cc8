"""What a fault is: something that is injected, lasts, and is undone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from norda_local.chaos.field import Field


class Fault(ABC):
    """One fault, used once. `recover` is called whatever happened in `inject`, and undoes all of it."""

    name: ClassVar[str]
    lasts_seconds: ClassVar[tuple[float, float]] = (0.0, 0.0)
    """Between how many seconds it lasts, between `inject` and `recover`."""
    measures: ClassVar[bool] = False
    takes: ClassVar[bool] = False

    def __init__(self, field: Field, *, alone_seconds: float | None = None) -> None:
        """`alone_seconds`: how long a fault may last that is the only kind of the run."""
        self.field = field
        self.alone_seconds = alone_seconds

    @abstractmethod
    async def inject(self) -> None:
        """Do it."""

    @abstractmethod
    async def recover(self) -> None:
        """Undo it."""

    def seconds(self) -> float:
        """How long this one lasts."""
        return self.field.random.uniform(*self.lasts_seconds)

    @classmethod
    def why_not(cls, field: Field) -> str | None:  # noqa: ARG003 - most need nothing
        """Why this kind cannot be injected here; None when it can."""
        return None
