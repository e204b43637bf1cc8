"""The registry's HTTP API below `/api/v1`, one module per noun.

Edges parse, check who asks and open the transaction.
"""

from . import (
    directory,
    exports,
    identity,
    imports,
    imports_at_once,
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
    # `/imports/organisations` comes before `/imports/{id}`.
    imports_at_once.router,
    imports.router,
    exports.router,
    people.router,
    requests.router,
)
