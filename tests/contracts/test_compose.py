"""docker-compose.yml fits the published Compose schema, the services' settings, and itself.

No container engine runs here, so what can be held against the file is: the schema, every variable's name and value as
the services read them, addresses that lead to a service of the file, and what keeps containers small in rights.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import re
import shlex
import shutil
import socketserver
import subprocess
import threading
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema_rs
import pytest
import yaml
from norda_common.settings import ServiceSettings
from norda_local.artifacts import read_lock
from support.installation import service_of

ROOT = Path(__file__).parents[2]
SCHEMA = Path(__file__).parent / "compose_spec" / "compose-spec.json"
SERVICES = ("registry", "events", "notifications")
COMMANDS = dict.fromkeys(SERVICES, "serve") | dict.fromkeys((f"{name}-setup" for name in SERVICES), "setup")
SERVERS = ("postgres", "kafka", "tracing", "mail", "issuer")
# The address inside the network on which each server of the file listens: image defaults, but for Kafka's own listener.
SERVER_PORTS = {"postgres": 5432, "kafka": 9092, "tracing": 4318, "mail": 1025, "issuer": 8117}
REFERENCE = re.compile(r"\$\{(?P<name>\w+)(?P<required>:\?[^}]+)?\}")

FILE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
CONTAINERS: dict[str, dict[str, Any]] = FILE["services"]
BUILT = [name for name, container in CONTAINERS.items() if "build" in container]


def name_of(role: str) -> str:
    return role.removesuffix("-setup")


def is_once(container: dict[str, Any]) -> bool:
    return bool(container["restart"] == "no")


def environment(container: str) -> dict[str, str]:
    """The container's variables with each referenced password replaced by a sample."""
    given = CONTAINERS[container].get("environment", {})
    return {name: REFERENCE.sub("s4mple" * 5, str(value)) for name, value in given.items()}


def variables_of(settings: type[ServiceSettings]) -> dict[str, bool]:
    """Every variable the settings read, and whether it is required."""
    prefix = str(settings.model_config["env_prefix"])
    return {
        str(field.validation_alias or f"{prefix}{name.upper()}"): field.is_required()
        for name, field in settings.model_fields.items()
    }


def settings_of(role: str, monkeypatch: pytest.MonkeyPatch) -> ServiceSettings:
    """The settings as the container's process would read them, from its variables alone."""
    settings = service_of(name_of(role)).settings
    for variable in variables_of(settings):
        monkeypatch.delenv(variable, raising=False)
    for name, value in environment(role).items():
        monkeypatch.setenv(name, value)
    read: ServiceSettings = settings()
    return read


def address_of(text: str) -> tuple[str | None, int | None]:
    parts = urlsplit(text if "//" in text else f"//{text}")
    return parts.hostname, parts.port


def mounts(container: str) -> dict[str, tuple[str, str]]:
    """Mounted folder -> (volume, mode)."""
    found = (text.split(":") for text in CONTAINERS[container].get("volumes", ()))
    return {parts[1]: (parts[0], parts[2] if len(parts) > 2 else "rw") for parts in found}


def test_the_file_fits_the_published_schema() -> None:
    # As published: another schema than the one its note describes would prove nothing.
    raw = SCHEMA.read_bytes()
    assert hashlib.sha256(raw).hexdigest() in (SCHEMA.parent / "README.md").read_text()
    errors = jsonschema_rs.validator_for(json.loads(raw)).iter_errors(FILE)
    assert [f"{'/'.join(map(str, error.instance_path))}: {error.message}" for error in errors] == []


def test_the_schema_refuses_what_compose_would() -> None:
    broken = FILE | {"services": CONTAINERS | {"registry": CONTAINERS["registry"] | {"healthchek": {}}}}
    assert not jsonschema_rs.validator_for(json.loads(SCHEMA.read_bytes())).is_valid(broken)


def test_every_container_is_one_this_test_knows() -> None:
    assert set(CONTAINERS) == {*COMMANDS, *SERVERS}
    assert set(BUILT) == set(COMMANDS)


@pytest.mark.parametrize("role", COMMANDS)
def test_a_service_is_told_nothing_it_does_not_read_and_everything_it_needs(role: str) -> None:
    known, given = variables_of(service_of(name_of(role)).settings), set(environment(role))
    assert given - set(known) == set()
    assert {variable for variable, required in known.items() if required} - given == set()


@pytest.mark.parametrize("role", COMMANDS)
def test_a_service_accepts_its_values_and_they_lead_to_containers(role: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(role, monkeypatch)
    database = urlsplit(settings.database_url.get_secret_value())
    assert (database.hostname, database.port) == ("postgres", SERVER_PORTS["postgres"])
    assert database.path == f"/{environment('postgres')['POSTGRES_DB']}"
    assert database.username == f"norda_{name_of(role)}"
    assert database.password
    addresses = [settings.kafka_bootstrap_servers, settings.otlp_endpoint]
    if name_of(role) == "notifications":
        addresses.append(environment(role)["NORDA_SMTP_URL"])
    for host, port in map(address_of, addresses):
        assert host in SERVERS
        assert port == SERVER_PORTS[host]
    assert settings.http_host == "0.0.0.0"  # noqa: S104 - inside the container; the port is published on loopback
    # Keys come from the provider, as people do; a file of keys would stand in their place.
    assert settings.issuer == settings.oidc_issuer
    assert settings.token_jwks_file is None
    assert settings.oidc_client_id == f"norda-{name_of(role)}"
    # Jaeger would answer 404 to each export of the others, once every few seconds.
    assert (settings.metrics_exporter, settings.logs_exporter) == ("none", "none")


@pytest.mark.parametrize("role", COMMANDS)
def test_only_set_ups_know_the_privileged_role(role: str, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = settings_of(role, monkeypatch).admin_database_url
    if COMMANDS[role] == "serve":
        assert admin is None
        assert "POSTGRES_PASSWORD" not in json.dumps(CONTAINERS[role])
    else:
        assert admin is not None
        parts = urlsplit(admin.get_secret_value())
        assert parts.username == environment("postgres")["POSTGRES_USER"]
        assert parts.hostname == "postgres"


@pytest.mark.parametrize("role", COMMANDS)
def test_the_command_is_one_the_service_has(role: str) -> None:
    assert CONTAINERS[role]["command"] == ["python", "-m", f"norda_{name_of(role)}", COMMANDS[role]]
    assert (ROOT / "services" / name_of(role) / f"norda_{name_of(role)}" / "__main__.py").exists()
    assert is_once(CONTAINERS[role]) == (COMMANDS[role] == "setup")


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_starts_after_its_set_up(name: str) -> None:
    # The provider is asked when somebody signs in; without it the rest is served.
    waits = {other: how["condition"] for other, how in CONTAINERS[name]["depends_on"].items()}
    assert waits == {f"{name}-setup": "service_completed_successfully"}
    servers = {other: how["condition"] for other, how in CONTAINERS[f"{name}-setup"]["depends_on"].items()}
    assert servers == dict.fromkeys(("postgres", "kafka"), "service_healthy")


def test_nothing_waits_for_what_cannot_happen() -> None:
    for container in CONTAINERS.values():
        for other, how in container.get("depends_on", {}).items():
            once = is_once(CONTAINERS[other])
            assert how["condition"] == ("service_completed_successfully" if once else "service_healthy")


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_container_has_a_health_check_or_ends_by_itself(name: str) -> None:
    check = CONTAINERS[name]["healthcheck"]
    if is_once(CONTAINERS[name]):
        assert check == {"disable": True}
    else:
        assert CONTAINERS[name]["restart"] == "unless-stopped"
        assert check["test"][0] == "CMD"


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_asked_whether_it_is_ready(name: str) -> None:
    program, option, code = CONTAINERS[name]["healthcheck"]["test"][1:]
    assert (program, option) == ("python", "-c")
    compile(code, "healthcheck", "exec")
    assert "NORDA_HTTP_PORT" in code
    assert "/readyz" in code


@pytest.mark.parametrize("name", CONTAINERS)
def test_images_are_pinned_to_exact_versions(name: str) -> None:
    tag = CONTAINERS[name]["image"].partition(":")[2]
    assert re.fullmatch(r"v?\d+\.\d+(\.\d+)?(-[a-z]+)?", tag), tag


def test_the_image_carries_the_projects_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert {CONTAINERS[name]["image"] for name in BUILT} == {f"norda:{version}"}


@pytest.mark.parametrize("name", CONTAINERS)
def test_ports_are_published_on_loopback_only(name: str) -> None:
    for port in CONTAINERS[name].get("ports", ()):
        assert isinstance(port, str)
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)
    assert "network_mode" not in CONTAINERS[name]


def test_each_published_port_is_used_once_and_leads_to_where_something_listens() -> None:
    published = [port.split(":")[1] for container in CONTAINERS.values() for port in container.get("ports", ())]
    assert len(published) == len(set(published))
    for name in SERVICES:
        (port,) = CONTAINERS[name]["ports"]
        _, outside, inside = port.split(":")
        assert environment(name)["NORDA_HTTP_PORT"] == inside == outside
        assert environment(name)["NORDA_PUBLIC_URL"] == address(name)
        # Each service's pages lead to the others'.
        assert {environment(name)[f"NORDA_{other.upper()}_URL"] for other in SERVICES} == set(map(address, SERVICES))


def address(name: str) -> str:
    """The address of a container for browsers and containers alike: its alias, and one port inside and outside."""
    (port,) = CONTAINERS[name]["ports"]
    (alias,) = CONTAINERS[name]["networks"]["default"]["aliases"]
    assert alias == f"{name}.localhost"
    return f"http://{alias}:{port.split(':')[1]}"


def test_the_provider_is_the_one_the_services_are_told_of() -> None:
    given = environment("issuer")
    assert given["KC_HOSTNAME"] == address("issuer")
    assert given["KC_HTTP_PORT"] == CONTAINERS["issuer"]["ports"][0].split(":")[2]
    realm = json.loads((ROOT / "deploy" / "keycloak" / "norda-realm.json").read_text())["realm"]
    for role in COMMANDS:
        assert environment(role)["NORDA_OIDC_ISSUER"] == f"{address('issuer')}/realms/{realm}"
    # Both ends have the same secret of the same client.
    for name in SERVICES:
        secrets = {
            CONTAINERS[name]["environment"]["NORDA_OIDC_CLIENT_SECRET"],
            CONTAINERS["issuer"]["environment"][f"NORDA_{name.upper()}_CLIENT_SECRET"],
        }
        assert len(secrets) == 1


def test_the_provider_gets_the_realm_and_every_variable_that_it_names() -> None:
    files = {config["source"]: config["target"] for config in CONTAINERS["issuer"]["configs"]}
    named = set[str]()
    for source, target in files.items():
        path = ROOT / FILE["configs"][source]["file"]
        assert target == f"/opt/keycloak/data/import/{path.name}"
        named |= set(re.findall(r"\$\{(\w+)\}", path.read_text()))
    assert {Path(target).name for target in files.values()} == {
        path.name for path in (ROOT / "deploy" / "keycloak").glob("*.json")
    }
    assert {name for name in environment("issuer") if name.startswith("NORDA_")} == named
    for name in SERVICES:
        assert environment("issuer")[f"NORDA_{name.upper()}_URL"] == address(name)


def test_the_provider_has_the_version_of_the_local_stack() -> None:
    (artifact,) = read_lock()["keycloak"]
    assert CONTAINERS["issuer"]["image"] == f"quay.io/keycloak/keycloak:{artifact.version}"


@pytest.mark.parametrize(("status", "code"), [("200 OK", 0), ("503 Service Unavailable", 1)])
def test_the_providers_health_check_reads_the_answers_status(status: str, code: int) -> None:
    class Answer(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            self.wfile.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())

    bash = shutil.which("bash")
    assert bash, "the check is written for bash"
    with socketserver.TCPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        _, program, *words = CONTAINERS["issuer"]["healthcheck"]["test"]
        assert program == "bash"
        words[-1] = words[-1].replace("$$", "$").replace("/9000", f"/{server.server_address[1]}")
        assert subprocess.run([bash, *words], timeout=10, check=False).returncode == code


def test_kafka_tells_clients_addresses_that_reach_it() -> None:
    given = environment("kafka")
    inside = dict(entry.split("://") for entry in given["KAFKA_LISTENERS"].split(","))
    told = dict(entry.split("://") for entry in given["KAFKA_ADVERTISED_LISTENERS"].split(","))
    assert told["INTERNAL"] == f"kafka{inside['INTERNAL']}" == environment("registry")["NORDA_KAFKA_BOOTSTRAP_SERVERS"]
    assert CONTAINERS["kafka"]["ports"] == [f"{told['HOST']}{inside['HOST']}"]
    assert given["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    # The names of what is set must be Kafka's own: a misspelt one is ignored silently.
    properties = {name.removeprefix("KAFKA_").lower().replace("_", ".") for name in given} - {"heap.opts"}
    known = (ROOT / "deploy" / "local" / "norda_local" / "kafka.py").read_text()
    more = {"listeners", "advertised.listeners", "inter.broker.listener.name", "log.dirs", "controller.quorum.voters"}
    assert {name for name in properties - more if f'"{name}"' not in known} == set()


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_has_few_rights(name: str) -> None:
    container = CONTAINERS[name]
    assert str(container["user"]).partition(":")[0] not in {"root", "0", ""}
    assert container["cap_drop"] == ["ALL"]
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert not container.keys() & {"privileged", "cap_add", "pid", "ipc", "devices"}
    assert not [folder for folder in mounts(name).values() if folder[0].startswith((".", "/", "~"))]
    # Kafka's entry point and Keycloak's build write into their images; see the comments there.
    assert container.get("read_only", False) is (name not in {"kafka", "issuer"})


def test_passwords_come_from_the_environment_and_are_required() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    references = list(REFERENCE.finditer(code))
    assert code.replace("$$", "").count("$") == len(references)
    assert all(reference["required"] for reference in references)
    example = (ROOT / ".env.example").read_text().splitlines()
    named = {line.partition("=")[0]: line.partition("=")[2] for line in example if line and not line.startswith("#")}
    # Empty, so that nobody starts with a password that everybody knows.
    assert named == dict.fromkeys({reference["name"] for reference in references}, "")
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()
    for container in CONTAINERS.values():
        for name, value in container.get("environment", {}).items():
            assert not re.search("PASSWORD|SECRET|KEY$", name) or REFERENCE.fullmatch(value)
            assert urlsplit(REFERENCE.sub("reference", value)).password in {None, "reference"}, name


def test_every_volume_is_declared_and_used() -> None:
    used = {volume for name in CONTAINERS for volume, _ in mounts(name).values()}
    assert used == set(FILE["volumes"])


def dockerfile() -> list[tuple[str, str]]:
    """The Dockerfile's instructions with their arguments, continued lines joined."""
    text = (ROOT / "deploy" / "docker" / "Dockerfile").read_text().replace("\\\n", " ")
    lines = (line.strip() for line in text.splitlines())
    pairs = (line.partition(" ") for line in lines if line and not line.startswith("#"))
    return [(instruction, rest.strip()) for instruction, _, rest in pairs]


def copied() -> set[str]:
    """What the image's build takes from the project."""
    words = [shlex.split(rest) for instruction, rest in dockerfile() if instruction == "COPY"]
    return {source for line in words if not line[0].startswith("--from") for source in line[:-1]}


def test_the_image_is_built_as_the_file_says() -> None:
    for name in BUILT:
        build = CONTAINERS[name]["build"]
        assert (ROOT / build["context"] / build["dockerfile"]).exists()
        assert dockerfile_user() == CONTAINERS[name]["user"]
    (pin,) = [rest for instruction, rest in dockerfile() if instruction == "ARG"]
    assert re.fullmatch(r"PYTHON_IMAGE=python:3\.1[123]\.\d+-slim-\w+", pin)
    assert any(instruction == "HEALTHCHECK" for instruction, _ in dockerfile())


def dockerfile_user() -> str:
    return [rest for instruction, rest in dockerfile() if instruction == "USER"][-1]


def test_the_build_knows_every_member_of_the_workspace_and_installs_every_service() -> None:
    members = {str(path.relative_to(ROOT)) for path in ROOT.glob("services/*/pyproject.toml")}
    assert {*members, "libs/common/pyproject.toml", "deploy/local/pyproject.toml"} <= copied()
    installs = [rest for instruction, rest in dockerfile() if instruction == "RUN" and "uv sync" in rest]
    assert installs
    for line in installs:
        assert "--frozen" in line
        assert set(re.findall(r"--package norda-(\w+)", line)) == {Path(path).parent.name for path in members}


def test_what_the_build_copies_exists_and_is_let_through() -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert rules[0] == "*"
    allowed = [rule.removeprefix("!") for rule in rules if rule.startswith("!")]
    for source in copied():
        assert (ROOT / source).exists(), source
        assert any(source == rule or fnmatch.fnmatch(source, f"{rule}/*") for rule in allowed), source
    assert {
        rule for rule in allowed if not any(path == rule or path.startswith(f"{rule}/") for path in copied())
    } == set()
