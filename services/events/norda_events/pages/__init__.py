"""The pages of events, below `/events`: one module per noun, its templates beside it."""

from __future__ import annotations

from norda_common.errors import Text
from norda_common.rights import OPERATE, READ_AUDIT
from norda_common.web.site import Place, Site

from . import home

PLACES = (
    Place(label=Text("Übersicht", "Overview"), path="/events/"),
    Place(label=Text("Betrieb", "Operations"), path="/events/operations", right=OPERATE),
    Place(label=Text("Protokoll", "Audit log"), path="/events/audit", right=READ_AUDIT),
)
SITE = Site(package="norda_events.pages", places=PLACES, search="/events/list", routers=(home.router,))
