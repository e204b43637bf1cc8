"""What operators can look at and do in every service: dead letters and blocked outbox rows, for their role alone.

Bytes of a record can be personal data: they are answered to operators, and stand in no log, trace or reason.
"""

from __future__ import annotations

from fastapi import APIRouter

from . import letters, outbox

router = APIRouter(tags=["operations"])
router.include_router(letters.router)
router.include_router(outbox.router)

__all__ = ["router"]
