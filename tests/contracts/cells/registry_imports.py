"""The registry: imports in each phase. To others than the office they belong to they are not there."""

from __future__ import annotations

from typing import Any

from .cell import Answer, Cell, own_only

PHASES = ("mapping", "planned", "applied", "reverted", "cancelled")


def _only(record: str, own: Answer, **more: Any) -> tuple[Cell, ...]:
    return own_only(f"{record} import", own, 404, **more)


def _each(own: Answer, **more: Any) -> tuple[Cell, ...]:
    return tuple(cell for phase in PHASES for cell in _only(phase, own, **more))


def imports() -> dict[str, tuple[Cell, ...]]:
    """By method and path. Nothing here changes an import: what a phase does not allow is refused with 409."""
    page, here = "/registry/import/{import_id}", "/api/v1/imports/{import_id}"
    out = {"decision": "leave_out"}
    return {
        f"GET {page}": _each(200),
        # A sheet that is not there: the page of the import says so.
        f"POST {page}/sheet": _only("mapping", 303, body={"sheet": "99"}),
        f"POST {page}/mapping": _only("mapping", 422),
        f"POST {page}/rows/{{row_id}}": _only("planned", 303, body=out),
        # None of its rows seems a duplicate.
        f"POST {page}/decisions": _only("planned", 303, body=out | {"of": "duplicate"}),
        f"POST {page}/apply": _only("applied", 409),
        f"POST {page}/cancel": (*_only("cancelled", 303), *_only("applied", 409)),
        f"GET {page}/revert": _only("applied", 200),
        f"POST {page}/revert": _only("reverted", 409),
        f"GET {page}/refused": _only("planned", 200),
        f"GET {here}": _each(200),
        f"PUT {here}/sheet": _only("mapping", 422, body={"sheet": 99}),
        f"PUT {here}/mapping": _only("mapping", 422, body={"columns": []}),
        f"GET {here}/rows": _each(200),
        f"PUT {here}/rows/{{row_id}}/decision": _only("planned", 204, body=out),
        f"PUT {here}/decisions": _only("planned", 200, body=out | {"only": "duplicate"}),
        f"POST {here}/application": _only("applied", "import_status"),
        f"POST {here}/cancellation": (*_only("cancelled", 200), *_only("applied", "import_status")),
        f"POST {here}/reversion": _only("reverted", "import_status"),
        f"GET {here}/refused-rows": _only("planned", 200),
        "DELETE /api/v1/imports/sources/{name}": own_only("source", 204, 404, fresh=True),
    }
