from __future__ import annotations

import json
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from norda_local.errors import StackError
from norda_local.folders import Home, cache_folder
from norda_local.services import service_database_url, with_needs
from norda_local.settings import remember, settings_for_start, settings_in_use
from norda_local.stack import Stack
from norda_local.tokens import issue_token, public_keys_file


def test_ports_follow_a_base_and_single_ports_may_differ(home: Home) -> None:
    (home.path / "config.toml").write_text("[ports]\nbase = 9101\nkafka = 19092\n")
    assert settings_for_start(home, {}).ports["registry"] == 9101
    assert settings_for_start(home, {}).ports["kafka"] == 19092
    chosen = settings_for_start(home, {"NORDA_PORT_BASE": "9501"}).ports
    assert (chosen["registry"], chosen["smtp"], chosen["kafka"]) == (9501, 9510, 19092)


@pytest.mark.parametrize("written", ["[ports]\nkafca = 9092\n", "[ports]\nkafka = 99999\n", "[ports\n"])
def test_unusable_ports_are_refused_in_one_line(home: Home, written: str) -> None:
    (home.path / "config.toml").write_text(written)
    with pytest.raises(StackError) as raised:
        settings_for_start(home, {})
    assert "\n" not in str(raised.value)


def test_later_commands_see_what_up_used(home: Home) -> None:
    remember(home, settings_for_start(home, {"NORDA_PORT_BASE": "9501", "NORDA_SMTP_URL": "smtp://10.0.0.9:25"}))
    later = settings_in_use(home, {})
    assert later.ports["registry"] == 9501
    assert later.own_servers == {"mail": "smtp://10.0.0.9:25"}
    assert (home.run / "stack.json").stat().st_mode & 0o777 == 0o600


def test_own_servers_stand_in_for_the_embedded_ones(home: Home) -> None:
    own = {
        "NORDA_DATABASE_URL": "postgresql://admin:secret@db.example:5432/platform?sslmode=require",
        "NORDA_KAFKA_BOOTSTRAP_SERVERS": "k1.example:9092,k2.example:9092",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector.example:4318",
        "NORDA_SMTP_URL": "smtp://mail.example:587",
    }
    stack = Stack(home, settings_for_start(home, own))
    parts = {part.name: part for part in stack.parts()}
    assert set(parts) == {"issuer", "registry", "events", "notifications"}
    assert stack.wanted_artifacts() == []
    assert {server.name for server in stack.own_servers()} == {"postgres", "kafka", "tracing", "mail"}
    assert "secret" not in "".join(server.link for server in stack.own_servers())
    environment = parts["registry"].environment
    assert environment["NORDA_DATABASE_URL"].startswith("postgresql://norda_registry:")
    assert environment["NORDA_DATABASE_URL"].endswith("@db.example:5432/platform?sslmode=require")
    assert environment["NORDA_KAFKA_BOOTSTRAP_SERVERS"] == own["NORDA_KAFKA_BOOTSTRAP_SERVERS"]
    assert environment["OTEL_EXPORTER_OTLP_ENDPOINT"] == own["OTEL_EXPORTER_OTLP_ENDPOINT"]
    assert environment["NORDA_SMTP_URL"] == own["NORDA_SMTP_URL"]
    assert stack.endpoints()["database"] == own["NORDA_DATABASE_URL"]


def test_each_service_signs_in_with_a_password_of_its_own(home: Home) -> None:
    admin = "postgresql://norda:x@127.0.0.1:8107/norda"
    registry = service_database_url(home, "registry", admin_url=admin)
    assert registry == service_database_url(home, "registry", admin_url=admin)
    assert registry.split("@")[0] != service_database_url(home, "events", admin_url=admin).split("@")[0]
    assert all(path.stat().st_mode & 0o077 == 0 for path in home.secrets.iterdir())


def test_a_token_carries_state_and_role_and_is_checked_with_the_public_key(home: Home) -> None:
    issuer = Stack(home, settings_for_start(home, {})).endpoints()["issuer"]
    token = issue_token(home, issuer=issuer, state="ni", role="lead", name="Bäärbel Beispiel")
    published = json.loads(public_keys_file(home).read_text())
    assert "d" not in published["keys"][0]
    claims = jwt.decode(token, KeySet.import_key_set(published), algorithms=["ES256"]).claims
    assert (claims["iss"], claims["aud"]) == (issuer, "norda")
    assert (claims["state"], claims["role"], claims["name"]) == ("ni", "lead", "Bäärbel Beispiel")
    assert claims["exp"] > claims["iat"]
    assert (home.secrets / "signing-key.json").stat().st_mode & 0o777 == 0o600


def test_the_cache_follows_the_xdg_rules(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert cache_folder() == tmp_path / "cache" / "norda"
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/nowhere")
    assert cache_folder().parts[-2:] == (".norda", "cache")


def test_replicas_stay_until_another_number_is_given(home: Home) -> None:
    assert settings_for_start(home, {}).replicas == 1
    remember(home, settings_for_start(home, {}, replicas=3))
    assert settings_in_use(home, {}).replicas == 3
    assert settings_for_start(home, {}).replicas == 3
    assert settings_for_start(home, {}, replicas=1).replicas == 1
    for number in (0, 4, -1):
        with pytest.raises(StackError, match="1 to 3"):
            settings_for_start(home, {}, replicas=number)


def test_a_replica_differs_from_the_first_process_by_its_port_alone(home: Home) -> None:
    stack = Stack(home, settings_for_start(home, {}, replicas=3))
    parts = {part.name: part for part in stack.parts()}
    names = {"registry", "events", "notifications"}
    assert {name for name in parts if name.partition("-")[0] in names} == {
        f"{name}{suffix}" for name in names for suffix in ("", "-2", "-3")
    }
    ports = [port for part in parts.values() for port in part.ports]
    assert len(set(ports)) == len(ports)
    for name in names:
        first, second = dict(parts[name].environment), dict(parts[f"{name}-2"].environment)
        assert first.pop("NORDA_HTTP_PORT") != second.pop("NORDA_HTTP_PORT")
        assert first == second, "links lead to the same place, whichever process made them"
        assert name in parts[f"{name}-2"].needs, "the first one runs the setup"
        assert stack.endpoints()[f"{name}-3"].endswith(str(parts[f"{name}-3"].ports[0]))


def test_keycloak_stays_until_it_is_taken_back(home: Home) -> None:
    assert settings_for_start(home, {}).keycloak is False
    remember(home, settings_for_start(home, {}, keycloak=True))
    assert settings_in_use(home, {}).keycloak
    assert settings_for_start(home, {}).keycloak
    assert settings_for_start(home, {}, keycloak=False).keycloak is False


@pytest.mark.parametrize("keycloak", [False, True])
def test_services_are_told_the_issuer_their_client_and_each_other(home: Home, keycloak: bool) -> None:
    stack = Stack(home, settings_for_start(home, {}, keycloak=keycloak))
    parts = {part.name: part for part in stack.parts()}
    endpoints = stack.endpoints()
    issuer = f"http://127.0.0.1:{stack.settings.ports['issuer']}{'/realms/norda' if keycloak else ''}"
    secrets = set()
    for name in ("registry", "events", "notifications"):
        given = parts[name].environment
        assert "issuer" in parts[name].needs
        assert given["NORDA_OIDC_ISSUER"] == given["NORDA_TOKEN_ISSUER"] == endpoints["issuer"] == issuer
        assert given["NORDA_OIDC_CLIENT_ID"] == f"norda-{name}"
        assert given["NORDA_OIDC_CLIENT_SECRET"] in "".join(parts["issuer"].environment.values())
        secrets.add(given["NORDA_OIDC_CLIENT_SECRET"])
        for other in ("registry", "events", "notifications"):
            assert given[f"NORDA_{other.upper()}_URL"] == endpoints[other]
    assert len(secrets) == 3
    assert not any(secret in word for secret in secrets for word in parts["issuer"].command)


def test_a_stack_of_before_replicas_is_read(home: Home) -> None:
    remember(home, settings_for_start(home, {}))
    path = home.run / "stack.json"
    document = json.loads(path.read_text())
    del document["replicas"], document["keycloak"]
    path.write_text(json.dumps(document))
    assert settings_in_use(home, {}).replicas == 1


def test_a_service_brings_the_servers_it_needs() -> None:
    assert with_needs(["registry-2"]) == ["postgres", "kafka", "issuer", "registry-2"]
    assert with_needs(["notifications", "kafka"]) == ["postgres", "kafka", "issuer", "mail", "notifications"]
    assert with_needs(["otlp"]) == ["otlp"]
