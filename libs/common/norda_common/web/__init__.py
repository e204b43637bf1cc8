"""The HTTP edge every service shares: for programs (`edge`), and for people (`pages`, `forms`, `layout`)."""

from .edge import (
    CallerDep,
    RuntimeDep,
    SecurityHeaders,
    TooLargeAsProblem,
    caller_with,
    install_errors,
    json_document,
    language_of,
    public,
)

__all__ = [
    "CallerDep",
    "RuntimeDep",
    "SecurityHeaders",
    "TooLargeAsProblem",
    "caller_with",
    "install_errors",
    "json_document",
    "language_of",
    "public",
]
