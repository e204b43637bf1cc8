"""The pages of the registry, below `/registry`: one module per noun, its templates beside it."""

from __future__ import annotations

from norda_common.errors import Text
from norda_common.rights import OPERATE, READ_AUDIT
from norda_common.web.site import Place, Site

from . import home

PLACES = (
    Place(label=Text("Übersicht", "Overview"), path="/registry/"),
    Place(label=Text("Betrieb", "Operations"), path="/registry/operations", right=OPERATE),
    Place(label=Text("Protokoll", "Audit log"), path="/registry/audit", right=READ_AUDIT),
)
SITE = Site(package="norda_registry.pages", places=PLACES, search="/registry/organisations", routers=(home.router,))
