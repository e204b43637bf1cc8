"""The registry's HTTP API below `/api/v1`, one module per noun.

Edges parse, check who asks and open the transaction.
"""

from . import (
    confirmations,
    directory,
    duplicates,
    exports,
    identity,
    import_decisions,
    imports,
    imports_at_once,
    members,
    mergers,
    notes,
    organisations,
    people,
    profiles,
    reconciliation,
    releases,
    relocations,
    requests,
    saved_searches,
    sites,
)

ROUTERS = (
    directory.router,
    organisations.router,
    identity.router,
    relocations.router,
    sites.router,
    profiles.router,
    confirmations.router,
    members.router,
    notes.router,
    releases.router,
    duplicates.router,
    mergers.router,
    # `/imports/organisations` comes before `/imports/{id}`.
    imports_at_once.router,
    imports.router,
    import_decisions.router,
    exports.router,
    people.router,
    requests.router,
    saved_searches.router,
    reconciliation.router,
    reconciliation.public_router,
)
