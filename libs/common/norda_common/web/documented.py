"""What the OpenAPI document says of every operation: refusals are problem documents (RFC 9457), some need a token."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.security import HTTPBearer
from pydantic import BaseModel, ConfigDict, Field

BEARER = HTTPBearer(
    scheme_name="bearer",
    bearerFormat="JWT",
    description="A token of the identity provider's, with the claims `roles` and, for an office's people, `state`",
    auto_error=False,
)
"""Reads the token, and names the scheme for the document. A token that is missing is refused by whoever asks for it."""


class Messages(BaseModel):
    """The same in both languages."""

    de: str
    en: str


class ProblemError(Messages):
    """What is wrong with one field of the request, or of a row of an import (the table's heading is row 1)."""

    model_config = ConfigDict(title="FieldError")

    field: str
    code: str
    row: int | None = None


class Problem(BaseModel):
    """A problem document (RFC 9457). `title` and `detail` are in the language asked for; codes may add members."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["urn:norda:problem:stale_version"])
    title: str
    status: int
    detail: str
    instance: str = Field(description="The path that was asked")
    code: str = Field(description="For programs; open: further codes may come")
    messages: Messages
    errors: list[ProblemError] | None = None
    trace_id: str | None = None


_REFERENCE = {"$ref": "#/components/responses/Problem"}
REFUSALS: dict[int | str, dict[str, Any]] = {"4XX": _REFERENCE, 503: _REFERENCE}
"""Of every operation, in place of what FastAPI says of its own errors, which nobody is answered here."""

MOVED: dict[int | str, dict[str, Any]] = {308: _REFERENCE}
"""Of a record that may have become part of another one, to which `Location` leads."""


def document_refusals(app: FastAPI) -> None:
    """Add what `REFUSALS` refer to to the application's document."""
    written = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is not None:
            return app.openapi_schema
        document = written()
        components = document.setdefault("components", {})
        schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        components["schemas"] = {**components.get("schemas", {}), **schema.pop("$defs"), "Problem": schema}
        components["responses"] = {
            "Problem": {
                "description": "Problem document (RFC 9457), in German and English",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
            }
        }
        return document

    app.openapi = openapi  # type: ignore[method-assign]
