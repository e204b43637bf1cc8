"""What a row changes of an organisation that is known, as marks: what it would do later is held against what was seen.

A mark is a hash of a field with its old and its new value, of a tuple one for each item that goes or comes: what
somebody entered beside them since makes no other mark. Everything here is pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from norda_common.contracts.registry import Address
from pydantic import TypeAdapter

from .import_rows import Current, Planned
from .size_class import Figures

_FOLLOWS = frozenset({"changed_at", "since", "former_names", "former_legal_forms", "former_seats"})
"""What follows from other fields, and holds the day."""
_JSON: TypeAdapter[Any] = TypeAdapter(Any)


def mark(field: str, was: object, becomes: object) -> str:
    """One change."""
    return sha256(_JSON.dump_json([field, was, becomes])).hexdigest()[:16]


def marks_of(current: Current, planned: Planned, *, size_class: str | None = None) -> frozenset[str]:
    """Everything the row changes; `size_class` is what it says itself, since another one follows from figures."""
    return frozenset(mark(*each) for each in _changes(current, planned, size_class))


def _changes(current: Current, planned: Planned, size_class: str | None) -> Iterator[tuple[str, object, object]]:
    for name, was in current.organisation:
        becomes = getattr(planned.organisation, name)
        if was is becomes or was == becomes or name in _FOLLOWS or (name == "size_class" and becomes != size_class):
            continue
        yield from _of_field(name, was, becomes)
    for name in Figures.__dataclass_fields__:
        old, new = getattr(current.figures, name), getattr(planned.figures, name)
        if old != new:
            yield name, old, new
    if current.email != planned.email:
        yield "email", current.email, planned.email


def _of_field(name: str, was: object, becomes: object) -> Iterator[tuple[str, object, object]]:
    if isinstance(was, Address) and isinstance(becomes, Address):
        for part, old in was:
            if old != (new := getattr(becomes, part)):
                yield f"{name}.{part}", old, new
    elif isinstance(was, tuple) and isinstance(becomes, tuple):
        if name == "register_entries":
            # When a past one ended is the day of the change.
            was, becomes = _present(was), _present(becomes)
        yield from ((name, item, None) for item in was if item not in becomes)
        yield from ((name, None, item) for item in becomes if item not in was)
    else:
        yield name, was, becomes


def _present(entries: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(entry for entry in entries if entry.valid_to is None)
