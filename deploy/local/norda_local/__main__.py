"""`python -m norda_local` is the `norda` command."""

from norda_local.main import app

app(prog_name="norda")
