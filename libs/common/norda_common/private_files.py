"""Files that only their owner may read, written once: passwords and keys that a process makes for itself."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Write a new file of mode 600, whole or not at all; missing folders are made with mode 700.

    Raises FileExistsError when the file is there already; it is left as it is.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w") as target:
            target.write(text)
        # A link appears at once and fails where a file is: nobody reads half a key, nobody overwrites one.
        os.link(scratch, path)
    finally:
        scratch.unlink()
