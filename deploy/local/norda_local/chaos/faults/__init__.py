"""The faults by name. Each is a class with a docstring that says what it does, `inject` and `recover`.

A fault with `measures` finds out something that has a limit, hence needs healthy surroundings; one with `takes` takes
servers away, and no two of these happen at once. Any other may happen beside them.
"""

from norda_local.chaos.faults import database, network, processes, records, servers
from norda_local.chaos.faults.fault import Fault

FAULTS: dict[str, type[Fault]] = {
    fault.name: fault for module in (processes, servers, network, database, records) for fault in module.FAULTS
}
"""Every kind, in the order in which they are listed."""

__all__ = ["FAULTS", "Fault"]
