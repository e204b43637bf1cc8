"""A page that no link leads to: a form opened, filled in and sent, perhaps late, or an address alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .world import Filled

Changed = Callable[[Filled], None]


@dataclass(frozen=True, kw_only=True)
class State:
    """`opens` is the page with the form, whose `action` ends so; without one the page itself is meant. `{name}` in them
    is the id of that name. `status` is what comes.
    """

    name: str
    opens: str
    action: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    status: int = 422
    person: str | None = "hb-office"
    before: Changed | None = None
    meanwhile: Changed | None = None
    file: bytes | None = None
    once: bool = False
    """The form is there once; whoever comes later sees what it answered."""
    signed_out: bool = False
    """The session ends before the form is sent."""

    def address(self, made: Filled, service: str) -> str:
        """The page to open."""
        text = _with_ids(self.opens, made)
        return text if text.startswith("http") else made.norda.services[service].url + text

    def leads_to(self, made: Filled) -> str:
        """How the form's address ends."""
        return _with_ids(self.action, made)


def _with_ids(text: str, made: Filled) -> str:
    for name, value in made.ids.items():
        text = text.replace(f"{{{name}}}", value)
    return text
