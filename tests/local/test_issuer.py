"""The local issuer as a service and a browser meet it: over HTTP, against the real process."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from norda_local.folders import Home
from norda_local.issuer.clients import client_secret
from norda_local.issuer.people import PEOPLE
from norda_local.settings import StackSettings, free_ports
from norda_local.stack import Stack
from norda_local.tokens import issue_token, rotate_signing_key

from .back_channel import LOGOUT_EVENT, listening


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    made = Stack(Home(tmp_path_factory.mktemp("issuer")), StackSettings(ports=free_ports()), only=["issuer"])
    made.up()
    yield made
    made.down()


@dataclass
class Proof:
    """One client's request: what it keeps to itself until the code comes."""

    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    state: str = field(default_factory=lambda: secrets.token_urlsafe(8))
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(8))

    @property
    def challenge(self) -> str:
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()


class Party:
    """A browser, and behind it the services as clients of the issuer."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.issuer = stack.endpoints()["issuer"]
        self.http = httpx2.Client(base_url=self.issuer, timeout=20)
        self.discovery = self.http.get("/.well-known/openid-configuration").json()

    def base(self, service: str) -> str:
        return f"{self.stack.endpoints()[service]}/{service}"

    def secret(self, client: str) -> str:
        return client_secret(self.stack.home, client)

    def request(self, service: str, proof: Proof, **changed: str | None) -> dict[str, str]:
        usual: dict[str, str | None] = {
            "response_type": "code",
            "client_id": f"norda-{service}",
            "redirect_uri": f"{self.base(service)}/sign-in/callback",
            "scope": "openid",
            "state": proof.state,
            "nonce": proof.nonce,
            "code_challenge": proof.challenge,
            "code_challenge_method": "S256",
        }
        return {name: value for name, value in (usual | changed).items() if value is not None}

    def ask(self, service: str, proof: Proof, **changed: str | None) -> httpx2.Response:
        return self.http.get("/authorize", params=self.request(service, proof, **changed))

    def click(self, page: httpx2.Response, person: str, *, origin: str | None = None) -> httpx2.Response:
        found = re.search(r'<form method="post" action="([^"]+)"', page.text)
        assert found, page.text
        headers = {"origin": origin or self.issuer}
        return self.http.post(html.unescape(found[1]), data={"person": person}, headers=headers)

    def exchange(self, service: str, proof: Proof, answer: httpx2.Response, **changed: str) -> httpx2.Response:
        (code,) = parse_qs(urlsplit(answer.headers["location"]).query)["code"]
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": f"{self.base(service)}/sign-in/callback",
            "code_verifier": proof.verifier,
        }
        client = f"norda-{service}"
        return self.http.post("/token", data=form | changed, auth=(client, self.secret(client)))

    def sign_in(self, service: str, person: str) -> dict[str, Any]:
        """The tokens of somebody who clicked, if that was needed."""
        proof = Proof()
        answer = self.ask(service, proof)
        if answer.status_code == 200:
            answer = self.click(answer, person)
        tokens: dict[str, Any] = self.exchange(service, proof, answer).json()
        return tokens

    def claims(self, token: str) -> dict[str, Any]:
        keys = KeySet.import_key_set(self.http.get(self.discovery["jwks_uri"]).json())
        return dict(jwt.decode(token, keys, algorithms=["ES256"]).claims)


@pytest.fixture
def party(stack: Stack) -> Iterator[Party]:
    made = Party(stack)
    yield made
    made.http.close()


def error_of(response: httpx2.Response) -> str:
    (code,) = parse_qs(urlsplit(response.headers["location"]).query)["error"]
    return code


def test_discovery_names_what_services_rely_on(party: Party) -> None:
    said = party.discovery
    assert said["issuer"] == party.issuer
    assert said["code_challenge_methods_supported"] == ["S256"]
    assert said["token_endpoint_auth_methods_supported"] == ["client_secret_basic"]
    assert said["id_token_signing_alg_values_supported"] == ["ES256"]
    assert said["backchannel_logout_supported"]
    assert said["backchannel_logout_session_supported"]
    endpoints = [value for name, value in said.items() if name.endswith(("_endpoint", "_uri"))]
    assert all(address.startswith(f"{party.issuer}/") for address in endpoints)
    assert all("d" not in key for key in party.http.get("/jwks.json").json()["keys"])


def test_the_page_shows_everybody_in_both_languages_and_nothing_of_others(party: Party) -> None:
    page = party.ask("registry", Proof())
    assert page.status_code == 200
    for person in PEOPLE.values():
        assert f'value="{person.key}"' in page.text
        assert person.name in page.text
    assert '<html lang="de">' in page.text
    assert "lokalen Testinstallation" in page.text
    assert "local test installation" in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert f"form-action 'self' {party.stack.endpoints()['registry']};" in policy
    assert "unsafe" not in policy
    assert "<script" not in page.text
    assert "style=" not in page.text
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page.text)
    assert party.http.get("/static/issuer.css").headers["content-type"].startswith("text/css")


@pytest.mark.parametrize("person", ["hb-office", "ni-lead", "operator"])
def test_a_person_signs_in_with_one_click(party: Party, person: str) -> None:
    proof = Proof()
    answer = party.click(party.ask("registry", proof), person)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{party.base('registry')}/sign-in/callback?")
    said = parse_qs(urlsplit(answer.headers["location"]).query)
    assert (said["state"], said["iss"]) == ([proof.state], [party.issuer])
    response = party.exchange("registry", proof, answer)
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    identity = party.claims(response.json()["id_token"])
    assert (identity["iss"], identity["aud"], identity["nonce"]) == (party.issuer, "norda-registry", proof.nonce)
    assert (identity["sub"], identity["name"]) == (PEOPLE[person].subject, PEOPLE[person].name)
    assert identity["roles"] == [PEOPLE[person].role]
    assert identity.get("state") == PEOPLE[person].state
    assert ("state" in identity) is (person != "operator")
    assert identity["sid"]
    access = party.claims(response.json()["access_token"])
    assert (access["aud"], access["sub"], access["roles"]) == ("norda", identity["sub"], identity["roles"])
    assert access["exp"] > access["iat"]


def test_services_can_check_the_tokens_with_the_file_they_are_given(party: Party) -> None:
    tokens = party.sign_in("registry", "hh-pr")
    own = issue_token(party.stack.home, issuer=party.issuer, state="hb")
    keys = KeySet.import_key_set(json.loads((party.stack.home.run / "jwks.json").read_text()))
    for token in (tokens["access_token"], own):
        claims = jwt.decode(token, keys, algorithms=["ES256"]).claims
        assert (claims["iss"], claims["aud"]) == (party.issuer, "norda")


@pytest.mark.parametrize(
    "changed",
    [
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": None},
        {"code_challenge": "short"},
    ],
)
def test_without_pkce_there_is_no_code(party: Party, changed: dict[str, str | None]) -> None:
    proof = Proof()
    answer = party.ask("registry", proof, **changed)
    assert error_of(answer) == "invalid_request"
    assert f"state={proof.state}" in answer.headers["location"]


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"request_uri": "https://elsewhere.example/"}, "request_not_supported"),
        ({"prompt": "create"}, "invalid_request"),
    ],
)
def test_other_flows_are_refused(party: Party, changed: dict[str, str | None], error: str) -> None:
    assert error_of(party.ask("registry", Proof(), **changed)) == error


@pytest.mark.parametrize("suffix", ["/", "?x=1", "#x", "/../callback"])
def test_an_address_that_is_not_registered_gets_nothing(party: Party, suffix: str) -> None:
    address = f"{party.base('registry')}/sign-in/callback{suffix}"
    for changed in ({"redirect_uri": address}, {"client_id": "norda-events"}, {"client_id": "norda-integrator"}):
        answer = party.ask("registry", Proof(), **changed)
        assert answer.status_code == 400
        assert "location" not in answer.headers
        assert "Diese Anfrage gilt nicht" in answer.text


def test_a_code_is_good_once_and_for_its_own_request(party: Party) -> None:
    proof = Proof()
    answer = party.click(party.ask("registry", proof), "hb-office")
    assert party.exchange("registry", proof, answer).status_code == 200
    again = party.exchange("registry", proof, answer)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")

    for changed in ({"code_verifier": secrets.token_urlsafe(48)}, {"code_verifier": ""}, {"redirect_uri": "x"}):
        answer = party.ask("registry", proof)
        assert party.exchange("registry", proof, answer, **changed).json()["error"] == "invalid_grant"
        assert party.exchange("registry", proof, answer).json()["error"] == "invalid_grant", "a failed try spends it"

    answer = party.ask("registry", proof)
    stolen = party.exchange("events", proof, answer, redirect_uri=f"{party.base('registry')}/sign-in/callback")
    assert stolen.json()["error"] == "invalid_grant"


def test_the_second_service_signs_in_without_a_click(party: Party) -> None:
    first = party.claims(party.sign_in("registry", "hb-lead")["id_token"])
    proof = Proof()
    answer = party.ask("events", proof, prompt="none")
    second = party.claims(party.exchange("events", proof, answer).json()["id_token"])
    assert (second["sub"], second["sid"], second["aud"]) == (first["sub"], first["sid"], "norda-events")
    assert party.ask("events", Proof(), prompt="login").status_code == 200
    assert party.ask("events", Proof(), max_age="3600").status_code == 303


def test_who_is_not_signed_in_is_not_asked_when_the_client_forbids_it(party: Party) -> None:
    assert error_of(party.ask("events", Proof(), prompt="none")) == "login_required"


def test_no_other_page_can_choose_a_person(party: Party) -> None:
    for origin in ("http://elsewhere.example", "null"):
        answer = party.click(party.ask("registry", Proof()), "operator", origin=origin)
        assert error_of(answer) == "access_denied"
        assert not party.http.cookies
    page = party.ask("registry", Proof())
    assert error_of(party.click(page, "nobody")) == "access_denied"


def test_another_name_for_this_machine_is_not_answered(party: Party) -> None:
    answer = party.http.get("/jwks.json", headers={"host": "rebound.example"})
    assert answer.status_code == 421


def test_a_program_gets_a_token_of_its_own(party: Party) -> None:
    name = "norda-integrator"
    form = {"grant_type": "client_credentials"}
    response = party.http.post("/token", data=form, auth=(name, party.secret(name)))
    assert response.status_code == 200
    assert "id_token" not in response.json()
    claims = party.claims(response.json()["access_token"])
    assert (claims["aud"], claims["roles"], claims["client_id"]) == ("norda", ["integrator"], name)
    assert "state" not in claims


def test_a_wrong_secret_or_the_wrong_grant_gets_no_token(party: Party) -> None:
    form = {"grant_type": "client_credentials"}
    for auth in (("norda-integrator", "wrong"), ("nobody", "x"), ("norda-integrator", "")):
        response = party.http.post("/token", data=form, auth=auth)
        assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
        assert response.headers["www-authenticate"].startswith("Basic")
    in_form = form | {"client_id": "norda-integrator", "client_secret": party.secret("norda-integrator")}
    assert party.http.post("/token", data=in_form).status_code == 401
    service = ("norda-registry", party.secret("norda-registry"))
    assert party.http.post("/token", data=form, auth=service).json()["error"] == "unauthorized_client"
    implicit = {"grant_type": "password", "username": "x", "password": "y"}
    assert party.http.post("/token", data=implicit, auth=service).json()["error"] == "unsupported_grant_type"


def sign_out(party: Party, service: str, id_token: str, **changed: str) -> httpx2.Response:
    given = {"id_token_hint": id_token, "post_logout_redirect_uri": f"{party.base(service)}/signed-out", "state": "s1"}
    return party.http.get(f"/end-session?{urlencode(given | changed)}")


def test_signing_out_tells_every_service_of_the_session(party: Party) -> None:
    with listening(party.stack, "registry", "events", "notifications") as told:
        hint = party.sign_in("registry", "ni-office")["id_token"]
        party.sign_in("events", "")
        answer = sign_out(party, "registry", hint)
    assert answer.headers["location"] == f"{party.base('registry')}/signed-out?state=s1"
    assert set(told) == {"/registry/back-channel-logout", "/events/back-channel-logout"}
    identity = party.claims(hint)
    for path, tokens in told.items():
        (token,) = tokens
        claims = party.claims(token)
        assert claims["aud"] == f"norda-{path.split('/')[1]}"
        assert (claims["iss"], claims["sub"], claims["sid"]) == (party.issuer, identity["sub"], identity["sid"])
        assert claims["events"] == {LOGOUT_EVENT: {}}
        assert "nonce" not in claims
        assert claims["jti"]
        assert sign_out(party, claims["aud"].removeprefix("norda-"), token).status_code == 200, "it is no hint"
    assert party.ask("notifications", Proof()).status_code == 200, "the single sign-on is over"


def test_another_person_in_the_same_browser_ends_the_first_ones_session(party: Party) -> None:
    with listening(party.stack, "registry") as told:
        first = party.claims(party.sign_in("registry", "hb-office")["id_token"])
        party.click(party.ask("registry", Proof(), prompt="login"), "hb-lead")
    (token,) = told["/registry/back-channel-logout"]
    assert party.claims(token)["sid"] == first["sid"]


def test_a_service_that_does_not_answer_keeps_nobody_from_signing_out(party: Party) -> None:
    hint = party.sign_in("registry", "hh-office")["id_token"]
    assert sign_out(party, "registry", hint).status_code == 303
    assert party.ask("registry", Proof()).status_code == 200


def test_nobody_is_led_elsewhere_by_a_sign_out(party: Party) -> None:
    tokens = party.sign_in("registry", "hh-office")
    for changed in (
        {"post_logout_redirect_uri": "http://elsewhere.example/"},
        {"post_logout_redirect_uri": f"{party.base('events')}/signed-out"},
        {"client_id": "norda-events"},
    ):
        assert sign_out(party, "registry", tokens["id_token"], **changed).status_code == 400
    for hint in ("", "nonsense", tokens["access_token"]):
        answer = sign_out(party, "registry", hint)
        assert answer.status_code == 200
        assert "Überall abmelden" in answer.text, "a person has to confirm it"
    forged = party.http.post("/end-session", data={"confirmed": "yes"}, headers={"origin": "http://elsewhere.example"})
    assert "Überall abmelden" in forged.text
    assert party.ask("registry", Proof()).status_code == 303, "the session lives on"


def test_a_person_can_sign_out_at_the_issuer(party: Party) -> None:
    with listening(party.stack, "registry") as told:
        party.sign_in("registry", "auditor")
        assert "Beispiel Revision" in party.http.get("/").text
        answer = party.http.post("/end-session", data={"confirmed": "yes"}, headers={"origin": party.issuer})
    assert "Sie sind abgemeldet" in answer.text
    assert list(told) == ["/registry/back-channel-logout"]
    assert "Niemand ist angemeldet" in party.http.get("/").text


def test_an_exchanged_key_signs_at_once_and_the_last_ones_tokens_stay_valid(party: Party) -> None:
    home = party.stack.home
    before = party.sign_in("registry", "hb-office")["access_token"]
    by_command = issue_token(home, issuer=party.issuer, state="hb")
    rotate_signing_key(home)
    after = party.sign_in("events", "hb-office")["access_token"]
    first, second = (json.loads(base64.urlsafe_b64decode(f"{token.split('.')[0]}==")) for token in (before, after))
    assert first["kid"] != second["kid"]
    file = KeySet.import_key_set(json.loads((home.run / "jwks.json").read_text()))
    for token in (before, by_command, after, issue_token(home, issuer=party.issuer, state="hb")):
        assert party.claims(token)["aud"] == "norda"
        assert jwt.decode(token, file, algorithms=["ES256"]).claims["aud"] == "norda"
    assert all(path.stat().st_mode & 0o077 == 0 for path in home.secrets.glob("*.json"))
    stranger = issue_token(Home(home.path / "stranger"), issuer=party.issuer, state="hb")
    with pytest.raises((JoseError, ValueError)):
        party.claims(stranger)


def test_a_restart_keeps_the_key_and_lets_people_sign_out_everywhere(party: Party) -> None:
    tokens = party.sign_in("registry", "ni-pr")
    party.stack.down()
    party.stack.up()
    assert party.claims(tokens["access_token"])["roles"] == ["pr"]
    with listening(party.stack, "registry", "events", "notifications") as told:
        assert sign_out(party, "registry", tokens["id_token"]).status_code == 303
    assert len(told) == 3, "what was forgotten may have been used anywhere"


def test_no_secret_stands_in_a_command_line_or_log(party: Party) -> None:
    (part,) = party.stack.parts()
    party.sign_in("registry", "hb-office")
    kept = (party.stack.home.logs / "issuer.log").read_text() + " ".join(part.command)
    for client in ("norda-registry", "norda-events", "norda-notifications", "norda-integrator"):
        assert party.secret(client) not in kept
    assert "code=" not in kept
