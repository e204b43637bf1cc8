"""Writes `artifacts.lock.json` anew; for developers who raise a version.

Downloads every file once and records what arrived, so the author of a new lock should compare the checksums with
those the projects publish. Needs the network and some 500 MB of disk.
"""

import hashlib
import json
import tempfile
from pathlib import Path

from norda_local.artifacts import LOCK_FILE, Artifact, repositories

KAFKA = "org.apache.kafka:kafka_2.13:4.4.0"
# Kafka logs through SLF4J 1.7 and brings no backend; without one a failing broker would say nothing.
KAFKA_LOGGING = "org.slf4j:slf4j-simple:1.7.36"
ZIPKIN = "io.zipkin:zipkin-server:3.6.1:slim"
# Debezium is measured beside our relay (`norda bench relay`); 3.4 is built for the Kafka Connect 4.1 named here.
DEBEZIUM = (
    "org.apache.kafka:connect-runtime:4.1.1",
    "org.apache.kafka:connect-json:4.1.1",
    "io.debezium:debezium-connector-postgres:3.4.1.Final",
)
KEYCLOAK = "org.keycloak:keycloak-quarkus-dist:26.7.3@zip"
POSTGRES = "io.zonky.test.postgres:embedded-postgres-binaries-{platform}:18.6.0"
PLATFORMS = ("linux-amd64", "linux-arm64v8", "darwin-amd64", "darwin-arm64v8")


def write_lock(path: Path = LOCK_FILE) -> int:
    """Resolve the coordinates above, record checksums and sizes, and return how many files the lock names."""
    groups = {"kafka": [*closure(KAFKA), KAFKA_LOGGING], "zipkin": [ZIPKIN]}
    groups["keycloak"] = [KEYCLOAK]
    groups["debezium"] = [*closure(*DEBEZIUM), KAFKA_LOGGING]
    groups |= {f"postgres-{name}": [POSTGRES.format(platform=name)] for name in PLATFORMS}
    locked = {group: [measure(coordinate) for coordinate in coordinates] for group, coordinates in groups.items()}
    path.write_text(json.dumps(locked, indent=1) + "\n")
    return sum(len(entries) for entries in locked.values())


def closure(*coordinates: str) -> list[str]:
    """These and everything they need at run time, in class path order."""
    from jgo.maven import MavenContext  # noqa: PLC0415  (only this command resolves)

    with tempfile.TemporaryDirectory() as scratch:
        context = MavenContext(repo_cache=Path(scratch), timeout=30)
        inputs, transitive = context.resolver.resolve([context.create_dependency(item) for item in coordinates])
    return [f"{item.groupId}:{item.artifactId}:{item.version}" for item in inputs + transitive]


def measure(coordinate: str) -> dict[str, str | int]:
    """Download one file and return its lock entry."""
    from jgo.util import http  # noqa: PLC0415  (only this command downloads here)

    unchecked = Artifact(coordinate, "", 0)
    response = http.get(f"{repositories()[0]}/{unchecked.repository_path}", timeout=120)
    response.raise_for_status()
    digest = hashlib.sha256(response.content).hexdigest()
    return {"coordinate": coordinate, "sha256": digest, "bytes": len(response.content)}
