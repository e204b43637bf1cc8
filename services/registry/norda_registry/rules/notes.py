"""What a note of an office is, and who it is meant for."""

from __future__ import annotations

from enum import StrEnum

from .findings import Findings

MOST_LETTERS = 20_000


class NoteKind(StrEnum):
    """What a note is about."""

    NOTE = "note"
    VISIT = "visit"
    SETTLEMENT_CASE = "settlement_case"


class Visibility(StrEnum):
    """For whom a note is: staff of all states, one's own office, or its lead and the author."""

    ALLIANCE = "alliance"
    OFFICE = "office"
    CONFIDENTIAL = "confidential"


def check_note(kind: NoteKind, visibility: Visibility, findings: Findings) -> None:
    """A settlement case (Ansiedlungsfall) is confidential."""
    if kind is NoteKind.SETTLEMENT_CASE and visibility is not Visibility.CONFIDENTIAL:
        findings.refuse(
            "visibility",
            "settlement_case_open",
            "muss bei einem Ansiedlungsfall vertraulich sein",
            "must be confidential for a settlement case",
        )
