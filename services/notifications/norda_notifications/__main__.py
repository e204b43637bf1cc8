"""`python -m norda_notifications serve|setup|openapi|asyncapi`."""

from norda_common.service import run

from .service import SERVICE

raise SystemExit(run(SERVICE))
