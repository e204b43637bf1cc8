"""The HTTP edge of the events service: parses, checks who asks, opens the transaction, calls one use case."""

from __future__ import annotations

from fastapi import APIRouter

from . import events, organisations, planning, registrations

ROUTERS: tuple[APIRouter, ...] = (events.router, planning.router, registrations.router, organisations.router)
