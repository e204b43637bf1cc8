"""The pages of messages, below `/notifications`: one module per noun, its templates beside it."""

from __future__ import annotations

from norda_common.errors import Text
from norda_common.rights import OPERATE, READ_AUDIT
from norda_common.web.site import Place, Site

from ..rules.rights import DELIVERIES, INBOX, READ, SUBSCRIBE
from . import deliveries, home, inbox, notices, objections, offices, search, subscription, subscriptions

PLACES = (
    Place(label=Text("Übersicht", "Overview"), path="/notifications/"),
    Place(label=inbox.INBOX_TITLE, path=inbox.PATH, right=INBOX),
    Place(label=subscription.TITLE, path=subscription.PATH, right=SUBSCRIBE),
    Place(label=objections.TITLE, path=objections.PATH, right=SUBSCRIBE),
    Place(label=notices.TITLE, path=notices.PATH, right=READ),
    Place(label=offices.TITLE, path=offices.PATH, right=READ),
    Place(label=deliveries.TITLE, path=deliveries.PATH, right=DELIVERIES),
    Place(label=Text("Betrieb", "Operations"), path="/notifications/operations", right=OPERATE),
    Place(label=Text("Protokoll", "Audit log"), path="/notifications/audit", right=READ_AUDIT),
)
SITE = Site(
    package="norda_notifications.pages",
    places=PLACES,
    search=search.PATH,
    search_persons=SUBSCRIBE,
    # `/subscriptions/new` comes before `/subscriptions/{id}`.
    routers=tuple(
        module.router
        for module in (home, search, inbox, subscriptions, subscription, objections, notices, offices, deliveries)
    ),
    beside=("/api/v1/unsubscribe/",),
)
