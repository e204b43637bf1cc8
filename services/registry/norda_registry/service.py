"""The registry service: organisations of Bremen, Hamburg and Niedersachsen, their identity, sites and memberships."""

from __future__ import annotations

from pathlib import Path

from norda_common.contracts.registry import TOPICS
from norda_common.service import Service

from .api import ROUTERS
from .consumers import CONSUMERS
from .pages import SITE
from .workers import follow_directory, keep_facets

SERVICE = Service(
    name="registry",
    title="Norda registry",
    description="Organisations of the automotive industry in Bremen, Hamburg and Niedersachsen: identity, sites, "
    "competences and cluster memberships; searched across all states, written by the responsible office.",
    topics=TOPICS,
    migrations=Path(__file__).parent / "migrations",
    routers=ROUTERS,
    site=SITE,
    consumers=CONSUMERS,
    workers=(keep_facets, follow_directory),
    extensions=("pg_trgm",),
)
