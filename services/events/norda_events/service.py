"""The events service as a whole: its topics, routes, consumers and workers."""

from __future__ import annotations

from pathlib import Path

from norda_common.contracts.events import TOPICS
from norda_common.service import Service

from .api import ROUTERS
from .consumers import CONSUMERS
from .pages import SITE
from .workers import WORKERS

SERVICE = Service(
    name="events",
    title="Norda events",
    description=(
        "Events of the three states and their clusters: drafts, co-hosts, publication, quotas, registrations and "
        "waiting lists."
    ),
    topics=TOPICS,
    migrations=Path(__file__).parent / "migrations",
    routers=ROUTERS,
    site=SITE,
    consumers=CONSUMERS,
    workers=WORKERS,
    extensions=("pg_trgm",),
)
