"""The registry's HTTP API below `/api/v1`, one module per noun.

Edges parse, check who asks and open the transaction.
"""

from . import directory, duplicates, imports, mergers, notes, organisations, releases, sites

ROUTERS = (
    directory.router,
    organisations.router,
    sites.router,
    notes.router,
    releases.router,
    duplicates.router,
    mergers.router,
    imports.router,
)
