"""Corrections an organisation proposes for its own profile: which fields, and what they make of it. Pure.

Name, seat and register are not among them: they change by what a register says, so they are said in the remark.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from norda_common.contracts.registry import Organisation

from .classifications import competence
from .descriptions import DESCRIBING, described
from .findings import Findings

CORRECTABLE = (*DESCRIBING, "competences")
REMARK = "remark"


def corrected(organisation: Organisation, given: Mapping[str, Any], findings: Findings) -> Organisation:
    """The organisation with the given fields in place of its own; faults are noted."""
    fields = described({name: value for name, value in given.items() if name in DESCRIBING}, findings)
    if "competences" in given:
        held = organisation.competences
        fields["competences"] = findings.each(
            "competences", given["competences"] or (), lambda code: competence(code, held=held)
        )
    return organisation.model_copy(update=fields)


def values_of(organisation: Organisation) -> dict[str, Any]:
    """The fields that can be corrected, as JSON has them."""
    return organisation.model_dump(mode="json", include=set(CORRECTABLE))
