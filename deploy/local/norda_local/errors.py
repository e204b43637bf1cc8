"""What can go wrong with the local stack, each said in one line with what to do about it.

Every failure the `norda` command foresees is a StackError; the command prints its one line and ends with 1.
"""


class StackError(Exception):
    """One line that names the problem and one that names the remedy; no data is lost when it is raised."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{_one_line(problem)} -> {_one_line(remedy)}")
        self.problem = _one_line(problem)
        self.remedy = _one_line(remedy)


class DownloadError(StackError):
    """A file could not be fetched; what had arrived is kept and the next run goes on from there."""


class ChecksumError(DownloadError):
    """A fetched file is not the one the lock names; it has been deleted."""


class DiskFullError(StackError):
    """There is no room left where the stack writes."""


class PortInUseError(StackError):
    """Somebody else listens on a port the stack needs."""


class PartFailedError(StackError):
    """A part ended or did not become healthy in time; its log says more."""


def _one_line(text: str) -> str:
    return " ".join(text.split())
