"""Imported first by a service's `__main__`: keeps out what libraries load only because it is installed.

structlog looks for rich (with attrs and pygments) and greenlet, which are there for the `norda` command and the tests.
A service has no console to colour; it is some 5 MB of its memory.
"""

from __future__ import annotations

import sys

for _name in ("rich", "greenlet"):
    # An import of it fails from here on, as where it is not installed.
    sys.modules.setdefault(_name, None)  # type: ignore[arg-type]
