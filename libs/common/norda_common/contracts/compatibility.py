"""Whether a schema may follow another within a major version: FULL_TRANSITIVE, in the profile we use.

Readers of either age must read data of either age. So: nothing removed, renamed or retyped, constraints unchanged, what
is required stays required and nothing else becomes so; only optional properties may come. Enumerations are open (plain
strings), hence a schema with `enum` is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_PROSE = frozenset({"title", "description", "examples", "default", "$id", "$schema", "$defs"})


def breaks(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What in `new` breaks readers of `old` data or old readers of `new` data; empty when compatible."""
    return list(_compare(_resolved(old, old), _resolved(new, new), "$"))


def _compare(old: dict[str, Any], new: dict[str, Any], place: str) -> Iterator[str]:
    if "enum" in new:
        yield f"{place}: closed enumeration; use an open string"
    before, after = old.get("properties", {}), new.get("properties", {})
    for name in before:
        if name not in after:
            yield f"{place}.{name}: removed"
        else:
            yield from _compare(before[name], after[name], f"{place}.{name}")
    required_before, required_after = set(old.get("required", ())), set(new.get("required", ()))
    for name in sorted(required_after - required_before):
        yield f"{place}.{name}: became required"
    for name in sorted(required_before - required_after):
        yield f"{place}.{name}: no longer required"
    if "items" in old and "items" in new:
        yield from _compare(old["items"], new["items"], f"{place}[]")
    branches_before, branches_after = old.get("anyOf", []), new.get("anyOf", [])
    if len(branches_before) != len(branches_after):
        yield f"{place}: alternatives changed"
    for index, (left, right) in enumerate(zip(branches_before, branches_after, strict=False)):
        yield from _compare(left, right, f"{place}|{index}")
    for key in sorted((old.keys() | new.keys()) - {"properties", "required", "items", "anyOf"}):
        if old.get(key) != new.get(key):
            yield f"{place}: {key} changed from {old.get(key)!r} to {new.get(key)!r}"


def _resolved(node: Any, root: dict[str, Any]) -> Any:
    """The schema without prose and references, so that only what validates is compared."""
    if isinstance(node, list):
        return [_resolved(item, root) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        target: Any = root
        for part in str(node["$ref"]).removeprefix("#/").split("/"):
            target = target[part]
        return _resolved(target, root)
    return {
        key: {name: _resolved(value, root) for name, value in content.items()}
        if key == "properties"
        else _resolved(content, root)
        for key, content in node.items()
        if key not in _PROSE
    }
