"""The registry's HTTP API below `/api/v1`, one module per noun.

Edges parse, check who asks and open the transaction.
"""

from . import (
    directory,
    duplicates,
    exports,
    identity,
    imports,
    imports_at_once,
    mergers,
    notes,
    organisations,
    people,
    releases,
    relocations,
    requests,
    sites,
)

ROUTERS = (
    directory.router,
    organisations.router,
    identity.router,
    relocations.router,
    sites.router,
    notes.router,
    releases.router,
    duplicates.router,
    mergers.router,
    # `/imports/organisations` comes before `/imports/{id}`.
    imports_at_once.router,
    imports.router,
    exports.router,
    people.router,
    requests.router,
)
