"""A real Keycloak with the project's realm, as `norda up --keycloak` starts it; the first start takes a minute."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import secrets
from collections.abc import Iterator
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, urlsplit

import httpx2
import psutil
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from norda_local import keycloak, processes
from norda_local.folders import Home
from norda_local.issuer.clients import client_secret
from norda_local.issuer.people import PEOPLE
from norda_local.settings import StackSettings, free_ports
from norda_local.stack import Stack
from norda_local.tokens import issue_token
from support import signing_in
from support.people import text_of

from .back_channel import LOGOUT_EVENT, listening


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    home = Home(tmp_path_factory.mktemp("keycloak") / "norda home")
    made = Stack(home, StackSettings(ports=free_ports(), keycloak=True), only=["issuer"])
    made.fetch()
    made.up()
    yield made
    # Of everything: a test starts services beside it.
    Stack(home, made.settings).down()


@pytest.fixture
def http(stack: Stack) -> Iterator[httpx2.Client]:
    with httpx2.Client(timeout=30) as client:
        yield client


@pytest.fixture
def discovery(stack: Stack, http: httpx2.Client) -> dict[str, str]:
    issuer = stack.endpoints()["issuer"]
    said: dict[str, str] = http.get(f"{issuer}/.well-known/openid-configuration").json()
    assert said["issuer"] == issuer
    return said


def checked(stack: Stack, token: str) -> dict[str, object]:
    """The claims, checked with the file that services are given."""
    keys = KeySet.import_key_set(json.loads((stack.home.run / "jwks.json").read_text()))
    return dict(jwt.decode(token, keys, algorithms=["ES256", "RS256"]).claims)


class Browser:
    """A browser as far as a sign-in needs one. Keycloak's cookies are Secure, which HTTP clients drop over http."""

    def __init__(self, http: httpx2.Client) -> None:
        self.http = http
        self.cookies: dict[str, str] = {}

    def send(self, method: str, address: str, data: dict[str, str] | None = None) -> httpx2.Response:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = self.http.request(method, address, data=data, headers={"cookie": cookies} if cookies else {})
        for header in answer.headers.get_list("set-cookie"):
            self.cookies |= {name: morsel.coded_value for name, morsel in SimpleCookie(header).items()}
        return answer


def test_an_integrator_gets_a_token_with_its_role(stack: Stack, http: httpx2.Client, discovery: dict[str, str]) -> None:
    auth = ("norda-integrator", client_secret(stack.home, "norda-integrator"))
    answer = http.post(discovery["token_endpoint"], data={"grant_type": "client_credentials"}, auth=auth)
    assert answer.status_code == 200, answer.text
    claims = checked(stack, answer.json()["access_token"])
    assert (claims["iss"], claims["aud"]) == (stack.endpoints()["issuer"], "norda")
    assert claims["roles"] == ["integrator"]
    assert "state" not in claims
    refused = http.post(discovery["token_endpoint"], data={"grant_type": "client_credentials"}, auth=(auth[0], "wrong"))
    assert refused.status_code == 401


def sign_in(stack: Stack, browser: Browser, discovery: dict[str, str], person: str, nonce: str = "n") -> dict[str, str]:
    """The tokens of an example person who fills in Keycloak's form on behalf of the events service."""
    verifier = secrets.token_urlsafe(48)
    redirect_uri = f"{stack.endpoints()['events']}/events/sign-in/callback"
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "response_type": "code",
        "client_id": "norda-events",
        "redirect_uri": redirect_uri,
        "scope": "openid",
        "state": "s1",
        "nonce": nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    page = browser.send("GET", str(httpx2.URL(discovery["authorization_endpoint"], params=asked)))
    form = re.search(r'action="([^"]+login-actions/authenticate[^"]+)"', page.text)
    assert form, page.text
    fields = {"username": person, "password": keycloak.example_password(stack.home), "credentialId": ""}
    answer = browser.send("POST", html.unescape(form[1]), fields)
    assert answer.status_code == 302, answer.text
    assert answer.headers["location"].startswith(f"{redirect_uri}?")
    said = parse_qs(urlsplit(answer.headers["location"]).query)
    assert said["state"] == ["s1"]
    given = {
        "grant_type": "authorization_code",
        "code": said["code"][0],
        "redirect_uri": redirect_uri,
        "code_verifier": verifier,
    }
    auth = ("norda-events", client_secret(stack.home, "norda-events"))
    tokens: dict[str, str] = browser.http.post(discovery["token_endpoint"], data=given, auth=auth).json()
    return tokens


@pytest.mark.parametrize("person", ["hh-lead", "operator"])
def test_a_person_signs_in_by_the_form(
    stack: Stack, http: httpx2.Client, discovery: dict[str, str], person: str
) -> None:
    nonce = secrets.token_urlsafe(8)
    tokens = sign_in(stack, Browser(http), discovery, person, nonce)
    identity, access = checked(stack, tokens["id_token"]), checked(stack, tokens["access_token"])
    known = PEOPLE[person]
    assert (identity["aud"], identity["nonce"], access["aud"]) == ("norda-events", nonce, "norda")
    assert identity["sid"]
    for claims in (identity, access):
        assert (claims["sub"], claims["name"], claims["roles"]) == (known.subject, known.name, [known.role])
        assert claims.get("state") == known.state
        assert "email" not in claims


def test_signing_out_tells_the_service_by_the_back_channel(
    stack: Stack, http: httpx2.Client, discovery: dict[str, str]
) -> None:
    browser = Browser(http)
    hint = sign_in(stack, browser, discovery, "hb-office")["id_token"]
    target = f"{stack.endpoints()['events']}/events/signed-out"
    asked = {"id_token_hint": hint, "post_logout_redirect_uri": target, "state": "s2"}
    with listening(stack, "events") as told:
        answer = browser.send("GET", str(httpx2.URL(discovery["end_session_endpoint"], params=asked)))
    assert answer.headers["location"] == f"{target}?state=s2"
    ((path, (token,)),) = told.items()
    claims, identity = checked(stack, token), checked(stack, hint)
    assert path == "/events/back-channel-logout"
    assert (claims["aud"], claims["sid"], claims["sub"]) == ("norda-events", identity["sid"], identity["sub"])
    assert claims["events"] == {LOGOUT_EVENT: {}}


def test_a_person_signs_in_to_a_service_works_there_and_signs_out_everywhere(stack: Stack) -> None:
    """The whole way: a page, Keycloak's own form, the page, the other service without a form, and out of both."""
    services = Stack(stack.home, stack.settings, only=["issuer", "postgres", "kafka", "registry", "events"])
    services.fetch()
    services.up()
    registry, events = (f"{services.endpoints()[name]}/{name}/" for name in ("registry", "events"))
    browser = signing_in.Browser()
    form = browser.get(registry)
    assert form.url.host == "127.0.0.1"
    assert "login-actions/authenticate" in form.text
    page = browser.press(
        form, "login-actions/authenticate", username="hh-lead", password=keycloak.example_password(stack.home)
    )
    assert browser.address == registry
    assert PEOPLE["hh-lead"].name in text_of(page)
    assert PEOPLE["hh-lead"].name in text_of(browser.get(events))
    browser.press(browser.get(registry), "/sign-out")
    for address in (registry, events):
        assert browser.get(address, follow=False).status_code == 303
    assert "login-actions/authenticate" in browser.get(registry).text, "Keycloak's own session is over, too"


def test_pkce_and_registered_addresses_are_demanded(
    stack: Stack, http: httpx2.Client, discovery: dict[str, str]
) -> None:
    asked = {"response_type": "code", "client_id": "norda-events", "scope": "openid"}
    registered = f"{stack.endpoints()['events']}/events/sign-in/callback"
    without = http.get(discovery["authorization_endpoint"], params=asked | {"redirect_uri": registered})
    assert without.status_code == 302
    assert "error=invalid_request" in without.headers["location"]
    elsewhere = http.get(discovery["authorization_endpoint"], params=asked | {"redirect_uri": f"{registered}/x"})
    assert elsewhere.status_code == 400


def test_tokens_of_the_local_key_stay_valid_beside_it(stack: Stack) -> None:
    token = issue_token(stack.home, issuer=stack.endpoints()["issuer"], state="hb")
    assert checked(stack, token)["iss"] == stack.endpoints()["issuer"]


def test_it_listens_on_the_loopback_only(stack: Stack) -> None:
    process = processes.running(stack.home, "issuer")
    assert process is not None
    family = [process, *process.children(recursive=True)]
    listeners = {
        connection.laddr.ip
        for member in family
        for connection in member.net_connections(kind="tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listeners <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
