from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from norda_local import artifacts
from norda_local.artifacts import fetch, missing, read_lock, silent, verify
from norda_local.errors import ChecksumError, DownloadError, StackError
from support.installation import free_port

from .maven import Repository, serving

CONTENT = bytes(range(256)) * 2000


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    monkeypatch.setattr(artifacts, "FIRST_PAUSE_SECONDS", 0.01)
    with serving() as made:
        monkeypatch.setenv("NORDA_MAVEN_REPOSITORY", made.url)
        yield made


def test_fetched_files_have_the_locked_checksum_and_are_not_fetched_twice(
    repository: Repository, tmp_path: Path
) -> None:
    wanted = [repository.publish(f"part-{number}", CONTENT + bytes([number])) for number in range(6)]
    received: dict[str, int] = {}
    fetch(wanted, tmp_path, progress=received.__setitem__)
    assert missing(wanted, tmp_path) == []
    assert all(verify(item, tmp_path) for item in wanted)
    assert sum(received.values()) == sum(item.bytes for item in wanted)
    fetch(wanted, tmp_path, progress=silent)
    assert len(repository.ranges) == 6


def test_a_cut_download_goes_on_where_it_stopped(repository: Repository, tmp_path: Path) -> None:
    artifact = repository.publish("cut", CONTENT)
    repository.cuts = 1
    fetch([artifact], tmp_path, progress=silent)
    assert verify(artifact, tmp_path)
    first, second = repository.ranges
    assert first is None
    assert second is not None
    assert 0 < int(second.removeprefix("bytes=").removesuffix("-")) <= len(CONTENT) // 2


def test_a_download_cut_again_and_again_fails_in_one_line_and_the_next_run_goes_on(
    repository: Repository, tmp_path: Path
) -> None:
    artifact = repository.publish("cut", CONTENT)
    repository.cuts = artifacts.ATTEMPTS
    with pytest.raises(DownloadError, match=r"cut-1\.0\.jar failed.*was cut.*goes on where it stopped") as raised:
        fetch([artifact], tmp_path, progress=silent)
    assert "\n" not in str(raised.value)
    assert missing([artifact], tmp_path) == [artifact]
    repository.ranges.clear()
    fetch([artifact], tmp_path, progress=silent)
    assert verify(artifact, tmp_path)
    assert repository.ranges[0] is not None


def test_a_file_with_the_wrong_checksum_is_deleted_and_named(repository: Repository, tmp_path: Path) -> None:
    artifact = repository.publish("wrong", CONTENT)
    repository.files[f"/{artifact.repository_path}"] = bytes(len(CONTENT))
    with pytest.raises(ChecksumError, match=r"wrong-1\.0\.jar has the wrong checksum.*run the command again"):
        fetch([artifact], tmp_path, progress=silent)
    assert list(tmp_path.glob("wrong*")) == []


def test_no_network_is_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch, repository: Repository, tmp_path: Path
) -> None:
    artifact = repository.publish("away", CONTENT)
    monkeypatch.setenv("NORDA_MAVEN_REPOSITORY", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(DownloadError, match=r"no network.*check the network"):
        fetch([artifact], tmp_path, progress=silent)


@pytest.mark.parametrize(("status", "words"), [(403, "answered 403"), (503, "answered 503")])
def test_a_refusal_of_the_repository_is_said(repository: Repository, tmp_path: Path, status: int, words: str) -> None:
    artifact = repository.publish("refused", CONTENT)
    repository.status = status
    with pytest.raises(DownloadError, match=words):
        fetch([artifact], tmp_path, progress=silent)
    assert len(repository.ranges) == (1 if status == 403 else artifacts.ATTEMPTS)


def test_a_full_disk_is_said_in_one_line_and_leaves_nothing(repository: Repository, tmp_path: Path) -> None:
    artifact = repository.publish("large", CONTENT)
    # A limit on the size of files makes the system refuse the write, as a full disk does.
    script = """
import json, resource, sys
from pathlib import Path
from norda_local.artifacts import Artifact, fetch, silent
from norda_local.errors import StackError
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    fetch([Artifact(**json.loads(sys.argv[1]))], Path(sys.argv[2]), progress=silent)
except StackError as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""
    described = json.dumps({"coordinate": artifact.coordinate, "sha256": artifact.sha256, "bytes": artifact.bytes})
    command = [sys.executable, "-c", script, described, str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 1
    assert result.stderr.startswith("DiskFullError: no room left in")
    assert result.stderr.count("\n") == 1
    assert list(tmp_path.glob("large*")) == []


def test_two_processes_that_fetch_at_once_download_once(repository: Repository, tmp_path: Path) -> None:
    artifact = repository.publish("shared", CONTENT)
    errors: list[StackError] = []

    def work() -> None:
        try:
            fetch([artifact], tmp_path, progress=silent)
        except StackError as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert errors == []
    assert len(repository.ranges) == 1


def test_a_coordinate_says_where_its_file_lies() -> None:
    places = {
        "org.example:part:1.0": "org/example/part/1.0/part-1.0.jar",
        "org.example:part:1.0:slim": "org/example/part/1.0/part-1.0-slim.jar",
        "org.example:part:1.0@zip": "org/example/part/1.0/part-1.0.zip",
    }
    for coordinate, place in places.items():
        artifact = artifacts.Artifact(coordinate, "", 0)
        assert artifact.repository_path == place
        assert (artifact.name, artifact.version) == ("part", "1.0")


def test_the_lock_names_the_java_parts_and_postgresql_for_every_platform() -> None:
    lock = read_lock()
    platforms = {"linux-amd64", "linux-arm64v8", "darwin-amd64", "darwin-arm64v8"}
    assert set(lock) == {"kafka", "zipkin", "keycloak", "debezium"} | {f"postgres-{name}" for name in platforms}
    assert len(lock["kafka"]) == 45
    assert "://" not in artifacts.LOCK_FILE.read_text()
