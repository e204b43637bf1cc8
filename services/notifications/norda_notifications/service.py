"""The notifications service, declared."""

from __future__ import annotations

from pathlib import Path

from norda_common.contracts.notifications import TOPICS
from norda_common.service import Service

from .api import ROUTERS
from .consumers import CONSUMERS
from .pages import SITE
from .settings import NotificationsSettings
from .workers import deliver_mail

SERVICE = Service(
    name="notifications",
    title="Norda notifications",
    description="Subscriptions, mail and office inboxes: tells each recipient of each change once.",
    topics=TOPICS,
    migrations=Path(__file__).parent / "migrations",
    routers=ROUTERS,
    site=SITE,
    consumers=CONSUMERS,
    workers=(deliver_mail,),
    settings=NotificationsSettings,
)
