"""The Java archives of the local stack: which ones, with which checksum, and how they get into the cache.

Owns `artifacts.lock.json` (exact Maven coordinates, SHA-256 and size) and the download. Invariants: a file has its
final name in the cache only after its SHA-256 was compared with the lock; what arrived of a cut download is kept as
`<name>.part` and continued; one process downloads at a time. Which repository serves the coordinates is left to jgo
(`NORDA_MAVEN_REPOSITORY` names a mirror).
"""

import errno
import fcntl
import hashlib
import json
import os
import platform
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from norda_local.errors import ChecksumError, DiskFullError, DownloadError, StackError

LOCK_FILE = Path(__file__).with_name("artifacts.lock.json")
ATTEMPTS = 4
FIRST_PAUSE_SECONDS = 0.5
READ_TIMEOUT_SECONDS = 30
CHUNK_BYTES = 1 << 16
# Maven's repositories throttle greedy clients; four at a time fill an ordinary line.
PARALLEL_DOWNLOADS = 4

Progress = Callable[[str, int], None]


def silent(_filename: str, _received: int) -> None:
    """The progress of those who do not want any."""


@dataclass(frozen=True)
class Artifact:
    """One file of the lock: `coordinate` is group:artifact:version, with `:classifier` or `@zip` behind it."""

    coordinate: str
    sha256: str
    bytes: int

    @property
    def name(self) -> str:
        """The artifact's name within its group."""
        return self._parts[1]

    @property
    def version(self) -> str:
        """Its version."""
        return self._parts[2]

    @property
    def filename(self) -> str:
        """The file's name in the cache, as Maven composes it."""
        _, name, version, *classifier = self._parts
        return "-".join([name, version, *classifier]) + "." + (self.coordinate.partition("@")[2] or "jar")

    @property
    def repository_path(self) -> str:
        """Where every Maven repository keeps the file, relative to its root."""
        group, name, version, *_ = self._parts
        return "/".join([*group.split("."), name, version, self.filename])

    @property
    def _parts(self) -> list[str]:
        return self.coordinate.partition("@")[0].split(":")


def platform_key() -> str:
    """The lock's name for this machine, for example `linux-amd64`.

    Raises:
        StackError: PostgreSQL is not published for this kind of machine.
    """
    machine = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64v8", "arm64": "arm64v8"}
    system = {"linux": "linux", "darwin": "darwin"}
    if sys.platform not in system or platform.machine().lower() not in machine:
        raise StackError(
            f"the embedded servers are not published for {sys.platform} {platform.machine()}",
            "use docker-compose.yml instead (see the README)",
        )
    return f"{system[sys.platform]}-{machine[platform.machine().lower()]}"


def read_lock(path: Path = LOCK_FILE) -> dict[str, list[Artifact]]:
    """The lock's groups: `kafka`, `zipkin`, `keycloak`, `debezium` and `postgres-<platform>`."""
    groups: dict[str, list[dict[str, Any]]] = json.loads(path.read_text())
    return {group: [Artifact(**entry) for entry in entries] for group, entries in groups.items()}


def repositories() -> list[str]:
    """Base addresses to try in turn: the mirror of `NORDA_MAVEN_REPOSITORY`, else those that jgo knows."""
    mirror = os.environ.get("NORDA_MAVEN_REPOSITORY")
    if mirror:
        return [mirror.rstrip("/")]
    from jgo.maven import MavenContext  # noqa: PLC0415  (a second of imports that only a download needs)

    return [str(address).rstrip("/") for address in MavenContext().remote_repos.values()]


def missing(artifacts: Iterable[Artifact], cache: Path) -> list[Artifact]:
    """Those not in the cache with the right size; checksums are compared at download and by `norda doctor`."""
    return [item for item in artifacts if _size(cache / item.filename) != item.bytes]


def fetch(artifacts: Iterable[Artifact], cache: Path, *, progress: Progress) -> None:
    """Bring every artifact into the cache. Idempotent; safe beside another process that does the same.

    `progress(filename, bytes)` is called from several threads with how much of a file is there.

    Raises:
        DownloadError: no network, a repository's refusal, or a download cut again and again.
        ChecksumError: what arrived is not what the lock names.
        DiskFullError: no room in the cache.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with _exclusive(cache / ".download.lock"):
        wanted = missing(artifacts, cache)
        if not wanted:
            return
        bases = repositories()
        stop = threading.Event()
        with ThreadPoolExecutor(PARALLEL_DOWNLOADS) as pool:
            jobs = [pool.submit(_fetch_one, item, cache, bases, progress, stop) for item in wanted]
            try:
                for job in jobs:
                    job.result()
            finally:
                stop.set()


def verify(artifact: Artifact, cache: Path) -> bool:
    """Whether the cached file has the lock's checksum; reads the whole file."""
    return _sha256(cache / artifact.filename) == artifact.sha256


def _fetch_one(item: Artifact, cache: Path, bases: list[str], progress: Progress, stop: threading.Event) -> None:
    part = cache / f"{item.filename}.part"
    for attempt in range(ATTEMPTS):
        if stop.is_set():
            return
        try:
            _receive(item, part, bases[attempt % len(bases)], progress)
            break
        except ConnectionError as cut:
            if attempt == ATTEMPTS - 1:
                raise DownloadError(
                    f"downloading {item.filename} failed: {cut}",
                    "check the network (and HTTPS_PROXY) and run the command again; it goes on where it stopped",
                ) from cut
            stop.wait(FIRST_PAUSE_SECONDS * 2**attempt)
    actual = _sha256(part)
    if actual != item.sha256:
        part.unlink()
        raise ChecksumError(
            f"{item.filename} has the wrong checksum (expected {item.sha256[:12]}..., got {actual[:12]}...) "
            "and was deleted",
            "run the command again; if it stays wrong, a proxy or mirror serves another file",
        )
    part.rename(cache / item.filename)


def _receive(item: Artifact, part: Path, base: str, progress: Progress) -> None:
    """Append what is missing to `part`; a ConnectionError means that another attempt may help."""
    import requests  # noqa: PLC0415  (only a download needs it)
    from jgo.util import http  # noqa: PLC0415

    have = _size(part) or 0
    if have == item.bytes:
        return
    if have > item.bytes:
        part.unlink()
        have = 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    # requests knows REQUESTS_CA_BUNDLE only; pip, uv and most others are told of a proxy's authority by this one.
    authorities = os.environ.get("SSL_CERT_FILE") or True
    url = f"{base}/{item.repository_path}"
    try:
        with http.get(url, stream=True, timeout=READ_TIMEOUT_SECONDS, headers=headers, verify=authorities) as response:
            if response.status_code not in {200, 206}:
                raise _refusal(item, response.status_code)
            resumed = response.status_code == 206
            _append(response.iter_content(CHUNK_BYTES), part, item, have=have if resumed else 0, progress=progress)
    except requests.RequestException as error:
        raise ConnectionError(_reason(error)) from error
    if (_size(part) or 0) < item.bytes:
        raise ConnectionError(f"the connection was cut after {_size(part) or 0} of {item.bytes} bytes")


def _append(chunks: Iterator[bytes], part: Path, item: Artifact, *, have: int, progress: Progress) -> None:
    try:
        with part.open("ab" if have else "wb") as target:
            for chunk in chunks:
                target.write(chunk)
                have += len(chunk)
                progress(item.filename, have)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise
        part.unlink(missing_ok=True)
        raise DiskFullError(
            f"no room left in {part.parent} while writing {item.filename}",
            f"free {item.bytes >> 20} MB or more, or set XDG_CACHE_HOME to a larger disk, and run again",
        ) from error


def _refusal(item: Artifact, status: int) -> Exception:
    if status >= 500:
        return ConnectionError(f"the repository answered {status}")
    return DownloadError(
        f"the repository answered {status} for {item.coordinate}",
        "check NORDA_MAVEN_REPOSITORY or the proxy; the coordinates in the lock are published",
    )


def _reason(error: Exception) -> str:
    text = str(error)
    if "NameResolution" in text or "Name or service" in text or "name resolution" in text:
        return "no network (the repository's name cannot be resolved)"
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return "the repository's certificate is not trusted (behind a proxy, name its authority in SSL_CERT_FILE)"
    if "Connection refused" in text or "unreachable" in text:
        return "no network (connection refused)"
    if "timed out" in text or "Timeout" in type(error).__name__:
        return "the repository did not answer in time"
    if "IncompleteRead" in text or "reset" in text or "broken" in text:
        return "the connection was cut"
    return f"{type(error).__name__}"


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def _sha256(path: Path) -> str:
    if not path.exists():
        return ""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
