"""Generated passwords of one stack, each in a file of mode 600 under `secrets/`."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from norda_local.folders import Home


def password(home: Home, name: str) -> str:
    """The stack's password of that name, made at the first call. Safe beside another process doing the same."""
    path = home.secrets / f"{name}.password"
    with suppress(FileExistsError):
        write_private(path, secrets.token_urlsafe(24))
    return path.read_text()


def write_private(path: Path, text: str) -> None:
    """Write a new file that only its owner may read.

    Raises:
        FileExistsError: the file is there already; it is left as it is.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as target:
        target.write(text)
    try:
        os.link(scratch, path)
    finally:
        scratch.unlink()
