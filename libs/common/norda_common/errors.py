"""One tree of errors, and how each becomes a problem document (RFC 9457) in German and English.

A subclass per business outcome carries HTTP status and whether trying again can help. Messages never hold personal
data or another state's confidential content; field errors name the field (and the row of an import).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Text:
    """A message in both languages; German first."""

    de: str
    en: str

    def in_language(self, language: str) -> str:
        """The text in `de` or `en`."""
        return self.en if language == "en" else self.de

    def as_dict(self) -> dict[str, str]:
        """`{"de": ..., "en": ...}`."""
        return {"de": self.de, "en": self.en}


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldError:
    """What is wrong with one field; `row` is the line of an import, counted as a spreadsheet shows it (header = 1)."""

    field: str
    code: str
    text: Text
    row: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """The member of a problem document's `errors`."""
        document: dict[str, Any] = {"field": self.field, "code": self.code, **self.text.as_dict()}
        if self.row is not None:
            document["row"] = self.row
        return document


class NordaError(Exception):
    """Base of all expected outcomes that are no success."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    title: ClassVar[Text] = Text("Interner Fehler", "Internal error")
    retryable: ClassVar[bool] = False

    def __init__(
        self, de: str, en: str, *, code: str | None = None, errors: Sequence[FieldError] = (), **extra: Any
    ) -> None:
        super().__init__(en)
        self.text = Text(de, en)
        self.problem_code = code or self.code
        self.errors = tuple(errors)
        self.extra = extra

    def problem(self, *, language: str, instance: str, trace_id: str | None) -> dict[str, Any]:
        """The problem document; `detail` in the reader's language, both languages in `messages`."""
        document: dict[str, Any] = {
            "type": f"urn:norda:problem:{self.problem_code}",
            "title": self.title.in_language(language),
            "status": self.status,
            "detail": self.text.in_language(language),
            "instance": instance,
            "code": self.problem_code,
            "messages": self.text.as_dict(),
        }
        if self.errors:
            document["errors"] = [error.as_dict() for error in self.errors]
        if trace_id:
            document["trace_id"] = trace_id
        return document | self.extra

    @property
    def headers(self) -> Mapping[str, str]:
        """Response headers beside the document."""
        return {"Retry-After": "2"} if self.retryable else {}


class InvalidInput(NordaError):  # noqa: N818 - business outcomes are named as such
    """The request was understood and is wrong (422)."""

    status = 422
    code = "invalid_input"
    title = Text("Eingabe ungültig", "Invalid input")

    @classmethod
    def of(cls, errors: Sequence[FieldError]) -> InvalidInput:
        """From field errors; the detail is the first one, with how many more there are."""
        first, more = errors[0], len(errors) - 1
        where = Text(*(f"{word} {first.row}, " if first.row is not None else "" for word in ("Zeile", "row")))
        return cls(
            f"{where.de}{first.field}: {first.text.de}" + (f" (und {more} weitere)" if more else ""),
            f"{where.en}{first.field}: {first.text.en}" + (f" (and {more} more)" if more else ""),
            errors=errors,
        )


class Moved(NordaError):  # noqa: N818
    """The record has become part of another one, where it is found from now on (308).

    No cache may keep it: what was merged by mistake is undone.
    """

    status = 308
    code = "moved"
    title = Text("Aufgegangen in einem anderen Datensatz", "Part of another record")

    def __init__(self, de: str, en: str, *, location: str, **extra: Any) -> None:
        super().__init__(de, en, **extra)
        self._location = location

    @property
    def headers(self) -> Mapping[str, str]:
        """Where it is now."""
        return {"Location": self._location, "Cache-Control": "no-cache"}


class Malformed(NordaError):  # noqa: N818
    """The request cannot be read at all (400)."""

    status = 400
    code = "malformed"
    title = Text("Anfrage nicht lesbar", "Unreadable request")


class Unauthenticated(NordaError):  # noqa: N818
    """No valid token (401)."""

    status = 401
    code = "unauthenticated"
    title = Text("Anmeldung erforderlich", "Sign-in required")

    @property
    def headers(self) -> Mapping[str, str]:
        """RFC 6750 asks for the challenge."""
        return {"WWW-Authenticate": "Bearer"}


class Forbidden(NordaError):  # noqa: N818
    """The caller may not do this (403)."""

    status = 403
    code = "forbidden"
    title = Text("Nicht erlaubt", "Not allowed")


class NotFound(NordaError):  # noqa: N818
    """No such record, or none the caller may know of (404)."""

    status = 404
    code = "not_found"
    title = Text("Nicht gefunden", "Not found")


class Conflict(NordaError):  # noqa: N818
    """The record's state does not allow this (409)."""

    status = 409
    code = "conflict"
    title = Text("Widerspruch zum Bestand", "Conflict with what is stored")


class StaleVersion(NordaError):  # noqa: N818
    """Somebody else changed the record meanwhile (412)."""

    status = 412
    code = "stale_version"
    title = Text("Inzwischen geändert", "Changed meanwhile")


class TooLarge(NordaError):  # noqa: N818
    """The body is larger than allowed (413)."""

    status = 413
    code = "too_large"
    title = Text("Zu groß", "Too large")


class TooManyRequests(NordaError):  # noqa: N818
    """Somebody asks too often (429); later it is answered again."""

    status = 429
    code = "too_many_requests"
    title = Text("Zu viele Anfragen", "Too many requests")

    def __init__(self, de: str, en: str, *, seconds: int = 600, **extra: Any) -> None:
        super().__init__(de, en, **extra)
        self._seconds = seconds

    @property
    def headers(self) -> Mapping[str, str]:
        """When to ask again, at the latest."""
        return {"Retry-After": str(self._seconds)}


class Unavailable(NordaError):  # noqa: N818
    """A part this needs is away; trying again helps (503)."""

    status = 503
    code = "unavailable"
    title = Text("Vorübergehend nicht verfügbar", "Temporarily unavailable")
    retryable = True
