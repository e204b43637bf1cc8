"""`python -m norda_events serve|setup|openapi|asyncapi`."""

from __future__ import annotations

from norda_common import lean  # noqa: F401  isort: skip - before all others
from norda_common.service import run

from .service import SERVICE

if __name__ == "__main__":
    raise SystemExit(run(SERVICE))
