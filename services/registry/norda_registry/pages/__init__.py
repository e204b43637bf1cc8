"""The pages of the registry, below `/registry`: one module per noun, its templates beside it."""

from __future__ import annotations

from norda_common.errors import Text
from norda_common.rights import OPERATE, READ_AUDIT
from norda_common.web.site import Place, Site

from ..rules.rights import CHANGE, DUPLICATES, IMPORT, PERSON_INVITE, PERSON_KEEP, PRIVACY, READ, TAKE_OVER
from . import (
    codes,
    confirm,
    confirming,
    districts,
    duplicates,
    editing,
    exports,
    figures,
    finding,
    handovers,
    home,
    identity,
    import_steps,
    imports,
    members,
    merging,
    moving,
    notes,
    organisations,
    people,
    people_words,
    profile,
    profiles,
    public,
    requests,
    saved_searches,
    search,
    sites,
)

PLACES = (
    Place(label=Text("Übersicht", "Overview"), path="/registry/"),
    Place(label=Text("Organisationen", "Organisations"), path="/registry/organisations", right=READ),
    Place(label=Text("Karte", "Map"), path="/registry/map", right=READ),
    Place(label=public.TITLE, path=public.LIST, right=READ),
    Place(label=Text("Verlegungen", "Relocations"), path=handovers.LIST, right=TAKE_OVER),
    Place(label=duplicates.TITLE, path=duplicates.LIST, right=DUPLICATES),
    Place(label=profiles.TITLE, path=profiles.LIST, right=CHANGE),
    Place(label=Text("Import", "Import"), path="/registry/import", right=IMPORT),
    Place(label=people_words.PEOPLE, path=people.SEARCH, right=PERSON_KEEP),
    Place(label=people.TO_INVITE, path=people.INVITATIONS, right=PERSON_INVITE),
    Place(label=requests.TITLE, path=requests.LIST, right=PRIVACY),
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
        finding.router,
        organisations.router,
        moving.router,
        identity.router,
        handovers.router,
        merging.router,
        duplicates.router,
        sites.router,
        profile.router,
        figures.router,
        codes.router,
        confirming.router,
        confirm.router,
        members.router,
        profiles.router,
        notes.router,
        public.router,
        saved_searches.router,
        imports.router,
        import_steps.router,
        exports.router,
        people.router,
        requests.router,
    ),
    public_search=public.LIST,
)
