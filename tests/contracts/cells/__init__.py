"""What every route that names a record answers, by whose it is: the own state's, one it has a part in, another's.

`cell.py` says how a cell is read; each service has its own modules.
"""

from __future__ import annotations

from .cell import PHRASES, Cell, expected, filled
from .events import events
from .notifications import notifications
from .registry import registry
from .registry_imports import imports
from .registry_pairs import pairs
from .registry_people import people

__all__ = ["CELLS", "PHRASES", "Cell", "expected", "filled"]

CELLS = {
    "registry": registry() | pairs() | imports() | people(),
    "events": events(),
    "notifications": notifications(),
}
"""By service, and by method and path as the route has it."""
