"""Generated passwords of one stack, each in a file of mode 600 under `secrets/`."""

import secrets
from contextlib import suppress

from norda_common.private_files import write_private

from norda_local.folders import Home

__all__ = ["password", "write_private"]


def password(home: Home, name: str) -> str:
    """The stack's password of that name, made at the first call. Safe beside another process doing the same."""
    path = home.secrets / f"{name}.password"
    with suppress(FileExistsError):
        write_private(path, secrets.token_urlsafe(24))
    return path.read_text()
