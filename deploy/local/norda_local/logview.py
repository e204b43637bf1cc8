"""Shows the parts' logs, once or following; each line begins with its part when several are shown."""

import time
from pathlib import Path

from norda_local.display import output
from norda_local.errors import StackError
from norda_local.folders import Home

POLL_SECONDS = 0.3
COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "bright_red", "bright_cyan", "bright_magenta")


class LogTail:
    """One log, read line by line from near its end; a log that a restart replaced is read from its beginning."""

    def __init__(self, path: Path, *, lines: int) -> None:
        self.path = path
        self._handle = path.open(errors="replace")
        self._inode = path.stat().st_ino
        self.latest = self._handle.read().splitlines()[-lines:] if lines else []

    def more(self) -> list[str]:
        """Lines written since the last call."""
        lines = self._handle.read().splitlines()
        if self.path.exists() and self.path.stat().st_ino != self._inode:
            self._handle.close()
            self._handle = self.path.open(errors="replace")
            self._inode = self.path.stat().st_ino
            lines += self._handle.read().splitlines()
        return lines


def show(home: Home, part: str | None, *, lines: int, follow: bool) -> None:
    """Print the end of one log or of all, and go on until Ctrl-C when following.

    Raises:
        StackError: the part has no log.
    """
    paths = sorted(home.logs.glob("*.log")) if part is None else [home.logs / f"{part}.log"]
    known = sorted(path.stem for path in home.logs.glob("*.log"))
    if not paths or not all(path.exists() for path in paths):
        raise StackError(
            f"there is no log of {part or 'any part'}", f"logs: {' '.join(known)}" if known else "run ./norda up first"
        )
    tails = [LogTail(path, lines=lines) for path in paths]
    width = max(len(path.stem) for path in paths)
    for number, tail in enumerate(tails):
        _print(tail.latest, tail.path.stem, number, width if part is None else 0)
    while follow:
        time.sleep(POLL_SECONDS)
        for number, tail in enumerate(tails):
            _print(tail.more(), tail.path.stem, number, width if part is None else 0)


def _print(lines: list[str], part: str, number: int, width: int) -> None:
    for line in lines:
        if width:
            output.print(f"{part:<{width}} ", style=COLOURS[number % len(COLOURS)], end="")
        output.print(line, markup=False, soft_wrap=True)
