"""`python -m norda_registry serve|setup|openapi|asyncapi`."""

from norda_common.service import run

from .service import SERVICE

raise SystemExit(run(SERVICE))
