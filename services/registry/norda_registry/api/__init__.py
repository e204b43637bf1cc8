"""The registry's HTTP API below `/api/v1`, one module per noun.

Edges parse, check who asks and open the transaction.
"""

from . import directory, identity, imports, notes, organisations, releases, relocations, sites

ROUTERS = (
    directory.router,
    organisations.router,
    identity.router,
    relocations.router,
    sites.router,
    notes.router,
    releases.router,
    imports.router,
)
