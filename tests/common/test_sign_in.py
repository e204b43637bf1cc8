"""Signing in and out, and what somebody else must not get out of it; against the real issuer and real services."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from norda_local.tokens import rotate_signing_key, signing_key
from support.installation import Installation
from support.people import text_of
from support.signing_in import Browser, Realm, realm
from support.waiting import until

SESSION = "__Host-norda-registry"
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


@pytest.fixture(scope="module")
def both(module_installation: Installation) -> Iterator[Realm]:
    with realm(module_installation, ("registry", "events")) as made:
        yield made


def signed_in(page: httpx2.Response) -> bool:
    return page.status_code == 200 and "/sign-out" in page.text


async def rows(installation: Installation, query: str, *values: object) -> list[Any]:
    connection = await installation.connect()
    try:
        return await connection.fetch(query, *values)
    finally:
        await connection.close()


def test_one_sign_in_opens_every_service_and_leads_back_to_the_page_asked_for(both: Realm) -> None:
    browser = Browser()
    asked = "/registry/?place=1&x=%C3%A4"
    page = browser.sign_in(both.services["registry"], "hb-office", to=asked)
    assert signed_in(page)
    assert browser.address == both.services["registry"].url + asked
    assert "Beispiel Bremen" in text_of(page)
    second = browser.get(f"{both.services['events'].url}/events/")
    assert signed_in(second), "the second service asks nobody to click"


def test_cookies_can_be_read_by_no_script_and_go_to_this_host_alone(both: Realm) -> None:
    browser = Browser()
    browser.sign_in(both.services["registry"], "hb-office")
    ours = [cookie for cookie in browser.set_cookies if cookie.key.startswith("__Host-norda-registry")]
    assert {cookie.key for cookie in ours} == {SESSION, f"{SESSION}-sign-in"}
    for cookie in ours:
        assert cookie["secure"]
        assert cookie["httponly"]
        assert (cookie["path"], cookie["domain"], cookie["samesite"].lower()) == ("/", "", "lax")
    assert all(cookie["max-age"] == "" for cookie in ours if cookie.key == SESSION and cookie.value)


def test_every_page_forbids_framing_scripts_within_and_other_hosts(both: Realm) -> None:
    browser = Browser()
    page = browser.sign_in(both.services["registry"], "hb-office")
    for answer in (page, browser.get(f"{both.services['registry'].url}/registry/nowhere")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert not re.search(r"<script(?![^>]*src=)(?![^>]*ld\+json)|\sstyle=|\son\w+=", answer.text)
        foreign = set(re.findall(r"""(?:src|href|action)=["'](https?://[^"'/]+)""", answer.text))
        assert all(host.startswith("http://127.0.0.1:") for host in foreign), foreign


def test_a_session_planted_before_the_sign_in_is_not_the_one_after_it(both: Realm) -> None:
    """Session fixation: a secret that somebody else knows must open nothing."""
    browser = Browser(cookies={SESSION: "planted"})
    page = browser.sign_in(both.services["registry"], "hb-office")
    assert signed_in(page)
    assert browser.cookies[SESSION] != "planted"
    first = browser.cookies[SESSION]
    browser.get(f"{both.services['registry'].url}/registry/sign-in")
    assert browser.cookies[SESSION] != first, "each sign-in makes a new secret"
    assert not signed_in(
        Browser(cookies={SESSION: first}).get(f"{both.services['registry'].url}/registry/", follow=False)
    )


def test_a_sign_in_ends_in_the_browser_that_began_it(both: Realm) -> None:
    """Login forgery: somebody's code is planted into another one's browser."""
    registry = both.services["registry"]
    attacker, victim = Browser(), Browser()
    page = attacker.get(f"{registry.url}/registry/")
    chosen = attacker.press(page, "/authorize", person="hh-office")
    assert signed_in(chosen)
    began = attacker.get(f"{registry.url}/registry/sign-in", follow=False)
    code = attacker.get(began.headers["location"], follow=False).headers["location"]
    refused = victim.get(code)
    assert refused.status_code == 400
    assert SESSION not in victim.cookies
    assert "nicht abgeschlossen" in text_of(refused)


def test_a_callback_is_good_once(both: Realm) -> None:
    registry, browser = both.services["registry"], Browser()
    browser.sign_in(registry, "hb-office")
    began = browser.get(f"{registry.url}/registry/sign-in", follow=False)
    code = browser.get(began.headers["location"], follow=False).headers["location"]
    again = Browser(cookies=dict(browser.cookies))
    assert browser.get(code).status_code == 200
    assert again.get(code).status_code == 400
    refused = browser.get(f"{registry.url}/registry/sign-in/callback?error=access_denied&state=x")
    assert refused.status_code == 400
    assert "access_denied" in text_of(refused)


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "/registry/\\..\\..",
        "/registry//\tevil",
        "/events/",
        "javascript:alert(1)",
        "/registry@evil.example/",
    ],
)
def test_nobody_is_led_elsewhere_after_signing_in(both: Realm, elsewhere: str) -> None:
    registry, browser = both.services["registry"], Browser()
    browser.sign_in(registry, "hb-office")
    browser.get(f"{registry.url}/registry/sign-in?to={quote(elsewhere, safe='')}")
    assert browser.address == f"{registry.url}/registry/"


def test_a_form_needs_its_token_and_its_own_origin(both: Realm) -> None:
    registry, browser = both.services["registry"], Browser()
    page = browser.sign_in(registry, "hb-office")
    csrf = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert csrf
    out = f"{registry.url}/registry/sign-out"
    assert browser.submit(out, {"csrf": csrf[1]}, origin="https://evil.example", follow=False).status_code == 403
    assert browser.submit(out, {"csrf": "guessed"}, follow=False).status_code == 403
    assert browser.submit(out, {}, follow=False).status_code == 403
    assert signed_in(browser.get(f"{registry.url}/registry/"))
    assert browser.submit(out, {"csrf": csrf[1]}, follow=False).status_code == 303


def test_signing_out_ends_every_session_of_the_person_in_this_browser(both: Realm) -> None:
    registry, events, browser = both.services["registry"], both.services["events"], Browser()
    page = browser.sign_in(registry, "hb-office")
    assert signed_in(browser.get(f"{events.url}/events/"))
    gone = browser.press(page, "/sign-out")
    assert "abgemeldet" in text_of(gone)
    for service in (registry, events):
        assert not signed_in(browser.get(f"{service.url}/{service.name}/", follow=False))
    asked = browser.get(f"{registry.url}/registry/")
    assert "/authorize" in str(asked.url), "the issuer has forgotten the person too"


def test_the_providers_word_ends_a_session_and_nobody_elses_does(both: Realm) -> None:
    registry, browser, other = both.services["registry"], Browser(), Browser()
    browser.sign_in(registry, "hb-lead")
    other.sign_in(registry, "hh-lead")
    connection_rows = _session_of(both, browser)
    key, now = signing_key(both.home), int(time.time())
    claims = {
        "iss": both.issuer,
        "aud": "norda-registry",
        "iat": now,
        "exp": now + 60,
        "jti": "1",
        "sid": connection_rows,
        "events": {LOGOUT_EVENT: {}},
    }

    def said(by: ECKey = key, **changed: object) -> int:
        content = {name: value for name, value in (claims | changed).items() if value is not None}
        token = jwt.encode({"alg": "ES256", "kid": key.kid}, content, by)
        address = f"{registry.url}/registry/back-channel-logout"
        return httpx2.post(address, data={"logout_token": token}).status_code

    stranger = ECKey.generate_key("P-256", {"kid": key.kid})
    refused = [
        said(by=stranger),
        said(aud="norda-events"),
        said(iss="http://evil.example"),
        said(nonce="x"),
        said(events={}),
        said(sid=None),
        said(iat=now - 3_600),
    ]
    assert all(status in {400, 401} for status in refused), refused
    assert signed_in(browser.get(f"{registry.url}/registry/"))
    assert said() == 200
    assert not signed_in(browser.get(f"{registry.url}/registry/", follow=False))
    assert signed_in(other.get(f"{registry.url}/registry/"))


def _session_of(both: Realm, browser: Browser) -> str:
    """The provider's name of the browser's session, from the ID token that signing out would show."""
    page = browser.get(f"{both.services['registry'].url}/registry/")
    csrf = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert csrf
    spare = Browser(cookies=dict(browser.cookies))
    # A second session of the same browser, ended again, shows the same `sid`.
    spare.get(f"{both.services['events'].url}/events/")
    events = spare.get(f"{both.services['events'].url}/events/")
    token = re.search(r'name="csrf" value="([^"]+)"', events.text)
    assert token
    left = spare.submit(f"{both.services['events'].url}/events/sign-out", {"csrf": token[1]}, follow=False)
    hint = parse_qs(urlsplit(left.headers["location"]).query)["id_token_hint"][0]
    claims = jwt.decode(hint, signing_key(both.home), algorithms=["ES256"]).claims
    return str(claims["sid"])


def test_signing_out_of_a_session_that_has_ended_still_asks_the_provider(both: Realm) -> None:
    registry, browser = both.services["registry"], Browser()
    browser.sign_in(registry, "hb-office")
    browser.cookies = {name: value for name, value in browser.cookies.items() if "norda-registry" not in name}
    led = browser.submit(f"{registry.url}/registry/sign-out", {}, follow=False)
    assert led.status_code == 303
    assert led.headers["location"].startswith(both.issuer), "the other services' sessions would live on"


def test_signing_in_from_a_page_about_signing_in_leads_to_the_first_page(both: Realm) -> None:
    registry, browser = both.services["registry"], Browser()
    page = browser.get(f"{registry.url}/registry/signed-out")
    assert 'href="/registry/sign-in?to=%2Fregistry%2F"' in page.text


def test_a_way_back_that_is_too_long_is_forgotten(both: Realm) -> None:
    registry, browser = both.services["registry"], Browser()
    asked = browser.get(f"{registry.url}/registry/sign-in?to={quote('/registry/' + 'ä' * 1000)}", follow=False)
    assert asked.status_code == 303


async def test_a_session_ends_after_its_time_and_after_idleness(both: Realm, module_installation: Installation) -> None:
    registry = both.services["registry"]
    for change in (
        "update registry.session set expires_at = now() - interval '1 second' where state = 'ni'",
        "update registry.session set seen_at = now() - interval '61 minutes' where state = 'ni'",
    ):
        browser = Browser()
        assert signed_in(browser.sign_in(registry, "ni-office"))
        await rows(module_installation, change)
        answer = browser.get(f"{registry.url}/registry/", follow=False)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/registry/sign-in?to=")


async def test_what_was_typed_survives_the_end_of_the_session(both: Realm, module_installation: Installation) -> None:
    registry, browser = both.services["registry"], Browser()
    page = browser.sign_in(registry, "ni-lead")
    csrf = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert csrf
    await rows(module_installation, "delete from registry.session")
    typed = {"csrf": csrf[1], "legal_name": "Müh<e> & Zeit"}
    kept = browser.submit(f"{registry.url}/registry/organisations/new", typed, follow=False)
    assert kept.status_code == 401
    assert "Müh&lt;e&gt; &amp; Zeit" in kept.text
    assert "neues Fenster" in text_of(kept)
    assert csrf[1] not in kept.text
    browser.sign_in(registry, "ni-lead")
    confirm = browser.press(kept, "/registry/organisations/new")
    assert confirm.status_code == 403, "the old page has no token of the new session: it asks once more"
    assert "Müh&lt;e&gt;" in confirm.text
    sent = browser.press(confirm, "/registry/organisations/new")
    assert sent.status_code == 422, "the form is taken, and its own faults are told"
    assert "Müh&lt;e&gt; &amp; Zeit" in sent.text


async def test_a_session_is_stored_as_a_hash_and_dies_with_its_row(
    both: Realm, module_installation: Installation
) -> None:
    registry, browser = both.services["registry"], Browser()
    browser.sign_in(registry, "hb-pr")
    stored = await rows(module_installation, "select * from registry.session where 'pr' = any(roles)")
    assert browser.cookies[SESSION] not in str([dict(row) for row in stored])
    await rows(module_installation, "delete from registry.session where 'pr' = any(roles)")
    assert not signed_in(browser.get(f"{registry.url}/registry/", follow=False))


def token_of(both: Realm, key: ECKey | None = None, **changed: object) -> str:
    """A token that the APIs take, unless `changed`; signed by the realm's present key unless by another one."""
    key, now = key or signing_key(both.home), int(time.time())
    claims = {
        "iss": both.issuer,
        "aud": "norda",
        "sub": "somebody",
        "iat": now,
        "exp": now + 60,
        "roles": ["office"],
        "state": "hb",
    }
    return jwt.encode({"alg": "ES256", "kid": key.kid}, claims | changed, key)


def sent(both: Realm, path: str, token: str) -> httpx2.Response:
    """What the registry answers a program with this token."""
    return httpx2.get(f"{both.services['registry'].url}{path}", headers={"authorization": f"Bearer {token}"})


def bearer(both: Realm, **changed: object) -> int:
    """The status of an API call with such a token."""
    return sent(both, "/api/v1/organisations", token_of(both, **changed)).status_code


def test_api_tokens_are_checked_for_audience_issuer_and_expiry(both: Realm) -> None:
    assert bearer(both) == 200
    assert bearer(both, aud="norda-registry") == 401, "an ID token is no access token"
    assert bearer(both, aud="another") == 401
    assert bearer(both, iss="http://evil.example") == 401
    assert bearer(both, exp=int(time.time()) - 3_600) == 401


def test_a_session_opens_no_api_and_a_token_no_page(both: Realm) -> None:
    registry, browser = both.services["registry"], Browser()
    browser.sign_in(registry, "hb-office")
    assert browser.get(f"{registry.url}/api/v1/organisations").status_code == 401
    token = token_of(both)
    assert sent(both, "/api/v1/organisations", token).status_code == 200
    page = sent(both, "/registry/", token)
    assert page.status_code == 303
    assert page.headers["location"].startswith("/registry/sign-in?")


def test_a_key_that_is_exchanged_signs_at_once_and_the_old_one_still_holds(installation: Installation) -> None:
    with realm(installation) as made:
        registry = made.services["registry"]
        assert bearer(made) == 200
        old = signing_key(made.home)
        earlier = token_of(made)
        rotate_signing_key(made.home)
        assert signing_key(made.home).kid != old.kid
        until(lambda: bearer(made) == 200, "the new key was not fetched", within=25, pause=0.5)
        # The new keys are there, and with them every token is checked anew.
        assert sent(made, "/api/v1/organisations", earlier).status_code == 200
        assert sent(made, "/api/v1/organisations", token_of(made, old, sub="somebody else")).status_code == 200
        forged = token_of(made, ECKey.generate_key("P-256", {"kid": old.kid}))
        assert sent(made, "/api/v1/organisations", forged).status_code == 401
        assert signed_in(Browser().sign_in(registry, "hb-office"))


def test_with_the_provider_away_people_stay_signed_in_and_nobody_new_comes_in(installation: Installation) -> None:
    with realm(installation, ("registry", "events")) as made:
        registry, browser = made.services["registry"], Browser()
        assert signed_in(browser.sign_in(registry, "hb-office"))
        made.process.kill()
        made.process.wait(30)
        assert signed_in(browser.get(f"{registry.url}/registry/"))
        refused = Browser().get(f"{made.services['events'].url}/events/")
        assert refused.status_code == 503
        assert "Anmeldung" in text_of(refused)
        assert json.loads(httpx2.get(f"{registry.url}/readyz").text)["status"] == "ready"
