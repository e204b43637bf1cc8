"""The registry's HTTP API below `/api/v1`, one module per noun.

Edges parse, check who asks and open the transaction.
"""

from . import confirmations, directory, imports, members, notes, organisations, profiles, releases, sites

ROUTERS = (
    directory.router,
    organisations.router,
    sites.router,
    profiles.router,
    confirmations.router,
    members.router,
    notes.router,
    releases.router,
    imports.router,
)
