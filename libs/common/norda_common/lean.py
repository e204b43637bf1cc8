"""Imported first by a service's `__main__`: keeps out what libraries load only because it is installed.

structlog looks for rich (with attrs and pygments) and greenlet, telemetry for psutil; the `norda` command and the tests
have them. A service has no console to colour and describes no machine; it is some 6 MB of its memory.
"""

from __future__ import annotations

import sys

for _name in ("rich", "greenlet", "psutil"):
    # An import of it fails from here on, as where it is not installed.
    sys.modules.setdefault(_name, None)  # type: ignore[arg-type]
