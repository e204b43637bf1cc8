"""Where the local stack keeps its files.

Owns the layout of a stack's home (`.norda/` for the demo stack, `.norda/test/<run>/` for a test run) and the place
of the download cache. Invariant: everything a stack writes lies in its home, except downloads, which are shared
between clones of the same user and survive `norda reset`.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Home:
    """The folders of one stack; two stacks with different homes share nothing but the download cache."""

    path: Path

    @property
    def data(self) -> Path:
        """What must survive a restart: databases, topics, mails."""
        return self.path / "data"

    @property
    def logs(self) -> Path:
        """One log per part; the one of the start before is kept beside it as `<part>.log.1`."""
        return self.path / "logs"

    @property
    def run(self) -> Path:
        """Process records and settings of the last `up`."""
        return self.path / "run"

    @property
    def secrets(self) -> Path:
        """Generated passwords and the signing key, readable by their owner only."""
        return self.path / "secrets"

    def create(self) -> None:
        """Create the folders. Idempotent."""
        for folder in (self.path, self.data, self.logs, self.run):
            folder.mkdir(parents=True, exist_ok=True)
        self.secrets.mkdir(mode=0o700, exist_ok=True)

    @contextmanager
    def exclusively(self, waiting: Callable[[], None]) -> Iterator[None]:
        """Let one command at a time start or stop parts; `waiting` is called when another one is at it."""
        with (self.path / "command.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def delete_data(self) -> None:
        """Delete everything but secrets, settings and the log of the last run. Nothing may run."""
        for folder in (self.data, self.run, self.path / "tmp"):
            shutil.rmtree(folder, ignore_errors=True)

    def setup_stamp(self, service: str) -> Path:
        """Says for which code and servers the service's one-shot setup ran last."""
        return self.data / f"setup-{service}"

    def forget_setups(self) -> None:
        """Make every service's setup due again; called whenever a server's data is made anew."""
        for stamp in self.data.glob("setup-*"):
            stamp.unlink()


def default_home() -> Home:
    """The demo stack's home: `.norda/` inside the clone, or where NORDA_HOME says."""
    return Home(Path(os.environ.get("NORDA_HOME") or PROJECT_ROOT / ".norda").absolute())


def cache_folder() -> Path:
    """The user's download cache, or `.norda/cache` where the user's cache folder cannot be written."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification says that relative paths are to be ignored.
    user_cache = (Path(base) if base.startswith("/") else Path.home() / ".cache") / "norda"
    try:
        user_cache.mkdir(parents=True, exist_ok=True)
    except OSError:
        user_cache = PROJECT_ROOT / ".norda" / "cache"
        user_cache.mkdir(parents=True, exist_ok=True)
    if not os.access(user_cache, os.W_OK):
        user_cache = PROJECT_ROOT / ".norda" / "cache"
        user_cache.mkdir(parents=True, exist_ok=True)
    return user_cache
