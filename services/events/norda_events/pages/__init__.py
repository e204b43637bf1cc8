"""The pages of events, below `/events`: one module per noun, its templates beside it."""

from __future__ import annotations

from norda_common.errors import Text
from norda_common.rights import OPERATE, PUBLIC, READ_AUDIT
from norda_common.web.site import Place, Site

from ..rules.rights import REGISTER
from . import calendar, drafting, event, home, listing, planning, public, registrations, search

PLACES = (
    Place(label=Text("Übersicht", "Overview"), path="/events/"),
    Place(label=Text("Veranstaltungen", "Events"), path="/events/list"),
    Place(label=Text("Kalender", "Calendar"), path="/events/calendar"),
    Place(label=Text("Öffentlich", "Public"), path="/events/public", right=PUBLIC),
    Place(label=Text("Betrieb", "Operations"), path="/events/operations", right=OPERATE),
    Place(label=Text("Protokoll", "Audit log"), path="/events/audit", right=READ_AUDIT),
)
SITE = Site(
    package="norda_events.pages",
    places=PLACES,
    search=search.PATH,
    public_search=public.PATH,
    search_persons=REGISTER,
    routers=(
        home.router,
        search.router,
        listing.router,
        calendar.router,
        public.router,
        drafting.router,
        registrations.router,
        event.router,
        planning.router,
    ),
)
