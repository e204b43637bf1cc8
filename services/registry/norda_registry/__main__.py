"""`python -m norda_registry serve|setup|openapi|asyncapi`."""

from norda_common import lean  # noqa: F401  isort: skip - before all others
from norda_common.service import run

from .service import SERVICE

raise SystemExit(run(SERVICE))
