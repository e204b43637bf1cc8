"""Under which account PostgreSQL runs, because it refuses to run as root.

Invariant: an ordinary user's stack runs as that user. As root it runs as `nobody`; when that account cannot reach
the clone (a folder on the way has mode 700), it is given CAP_DAC_OVERRIDE and nothing else, by util-linux's setpriv.
See docs/decisions/0012-postgres-as-root.md.
"""

import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from norda_local.errors import StackError

UNPRIVILEGED_ACCOUNT = "nobody"


@dataclass(frozen=True)
class Account:
    """How to start a process: a command prefix, or a user and group for the child, or neither."""

    prefix: tuple[str, ...] = ()
    user: int | None = None
    group: int | None = None
    owner: tuple[int, int] | None = None

    def own(self, path: Path) -> None:
        """Give a new file or a new, empty folder to the account."""
        if self.owner is not None:
            os.chown(path, *self.owner)


def server_account(data: Path, *places: Path) -> Account:
    """The account for a server that must not be root, owns `data` and has to reach all `places`.

    A data folder that exists keeps its owner, so a stack made by a user can be started by root.

    Raises:
        StackError: root's only unprivileged account cannot get there.
    """
    if os.geteuid() != 0:
        return Account()
    entry = pwd.getpwnam(UNPRIVILEGED_ACCOUNT)
    owner = (entry.pw_uid, entry.pw_gid)
    if data.exists() and data.stat().st_uid != 0:
        owner = (data.stat().st_uid, data.stat().st_gid)
    closed = next((folder for place in (data, *places) for folder in _closed_folders(place, owner[0])), None)
    if closed is None:
        return Account(user=owner[0], group=owner[1], owner=owner)
    return Account(prefix=_capable_prefix(*owner, closed), owner=owner)


def _closed_folders(place: Path, user: int) -> list[Path]:
    """Folders on the way to `place` that an unrelated user may not pass."""
    found = []
    for folder in (place, *place.parents):
        if not folder.exists():
            continue
        status = folder.stat()
        if not status.st_mode & stat.S_IXOTH and status.st_uid != user:
            found.append(folder)
    return found


def _capable_prefix(user: int, group: int, closed: Path) -> tuple[str, ...]:
    prefix = (
        "setpriv",
        f"--reuid={user}",
        f"--regid={group}",
        "--clear-groups",
        # PostgreSQL asks access(2), which looks at capabilities of a non-root user only with this bit.
        "--securebits=+no_setuid_fixup",
        "--inh-caps=-all,+dac_override",
        "--ambient-caps=-all,+dac_override",
        "--bounding-set=-all,+dac_override",
    )
    remedy = f"run as an ordinary user, or chmod o+x {closed}, or move the clone to a folder that others may pass"
    if shutil.which("setpriv") is None:
        raise StackError(f"PostgreSQL must not run as root, and {UNPRIVILEGED_ACCOUNT} cannot pass {closed}", remedy)
    trial = subprocess.run([*prefix, "true"], capture_output=True, text=True, check=False)
    if trial.returncode != 0:
        raise StackError(f"PostgreSQL must not run as root, and {trial.stderr.strip()}", remedy)
    return prefix
