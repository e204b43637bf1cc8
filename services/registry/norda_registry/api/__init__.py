"""The registry's HTTP API below `/api/v1`, one module per noun.

Edges parse, check who asks and open the transaction.
"""

from . import directory, imports, notes, organisations, reconciliation, releases, saved_searches, sites

ROUTERS = (
    directory.router,
    organisations.router,
    sites.router,
    notes.router,
    releases.router,
    imports.router,
    saved_searches.router,
    reconciliation.router,
    reconciliation.public_router,
)
