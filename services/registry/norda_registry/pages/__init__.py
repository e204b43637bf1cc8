"""The pages of the registry, below `/registry`: one module per noun, its templates beside it."""

from __future__ import annotations

from norda_common.errors import Text
from norda_common.rights import OPERATE, READ_AUDIT
from norda_common.web.site import Place, Site

from ..rules.rights import IMPORT, READ
from . import districts, editing, home, imports, moving, notes, organisations, public, search

PLACES = (
    Place(label=Text("Übersicht", "Overview"), path="/registry/"),
    Place(label=Text("Organisationen", "Organisations"), path="/registry/organisations", right=READ),
    Place(label=Text("Karte", "Map"), path="/registry/map", right=READ),
    Place(label=public.TITLE, path=public.LIST, right=READ),
    Place(label=Text("Import", "Import"), path="/registry/import", right=IMPORT),
    Place(label=Text("Betrieb", "Operations"), path="/registry/operations", right=OPERATE),
    Place(label=Text("Protokoll", "Audit log"), path="/registry/audit", right=READ_AUDIT),
)
SITE = Site(
    package="norda_registry.pages",
    places=PLACES,
    search=search.PATH,
    # `/organisations/new` comes before `/organisations/{id}`.
    routers=(
        home.router,
        search.router,
        districts.router,
        editing.router,
        organisations.router,
        moving.router,
        notes.router,
        public.router,
        imports.router,
    ),
    public_search=public.LIST,
)
