"""Writes the published documents to `docs/contracts/`: JSON Schemas, AsyncAPI, OpenAPI; generated, committed, tested.

`released/<topic>/<n>.json` keeps every schema that was ever published: a release adds a file, none is ever changed, and
a test compares today's schema with all of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from norda_common.contracts.catalogue import data_schema, public
from norda_common.service import Service, openapi

from norda_local.folders import PROJECT_ROOT

FOLDER = PROJECT_ROOT / "docs" / "contracts"
SERVICES = ("registry", "events", "notifications")


def write_all(folder: Path = FOLDER) -> list[Path]:
    """Write what differs from what is there; returns the paths written. Idempotent."""
    written: list[Path] = []
    for relative, document in documents():
        path = folder / relative
        text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            written.append(path)
    return written


def release(folder: Path = FOLDER) -> list[Path]:
    """Add today's schemas to `released/` where they differ from the last released one; returns the new files."""
    added: list[Path] = []
    for service in _services():
        for topic in public(service.topics):
            history = sorted((folder / "released" / topic.identity).glob("*.json"))
            schema = data_schema(topic)
            if history and json.loads(history[-1].read_text(encoding="utf-8")) == schema:
                continue
            path = folder / "released" / topic.identity / f"{len(history) + 1:04}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
            added.append(path)
    return added


def documents() -> Iterator[tuple[str, dict[str, Any]]]:
    """Relative path and content of every generated document."""
    for service in _services():
        yield f"asyncapi/{service.name}.json", service.asyncapi()
        yield f"openapi/{service.name}.json", openapi(service)
        for topic in public(service.topics):
            yield f"schemas/{topic.identity}.json", data_schema(topic)


def _services() -> list[Service]:
    return [import_module(f"norda_{name}.service").SERVICE for name in SERVICES]
