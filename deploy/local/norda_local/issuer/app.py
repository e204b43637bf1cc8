"""The issuer's addresses: discovery, keys, authorization, tokens, sign-out; a handler is one step of the protocol."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, PackageLoader, StrictUndefined

from norda_local.issuer.authorization import (
    AuthorizationRequest,
    RefusedRequestError,
    UnknownAddressError,
    read_request,
    with_parameters,
)
from norda_local.issuer.clients import Client
from norda_local.issuer.logout import end_everywhere
from norda_local.issuer.people import PEOPLE, by_place
from norda_local.issuer.sessions import SESSION_SECONDS, Memory, Session
from norda_local.issuer.signing import ALGORITHM, Signer
from norda_local.issuer.token_endpoint import TokenError, authenticate, tokens_for

# Cookies do not tell ports apart, so the services' cookies arrive here as well, and this one at theirs.
COOKIE = "norda_issuer"
MAX_FORM_BYTES = 16 << 10
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
PAGES = Environment(loader=PackageLoader("norda_local.issuer"), autoescape=True, undefined=StrictUndefined)


@dataclass
class Issuer:
    """The provider: its clients, its signer and what it remembers."""

    clients: Mapping[str, Client]
    signer: Signer
    memory: Memory = field(default_factory=Memory)

    @property
    def address(self) -> str:
        """The issuer's identifier, which is also its base address."""
        return self.signer.issuer

    def discovery(self) -> dict[str, Any]:
        """The document of OpenID Connect Discovery 1.0."""
        return {
            "issuer": self.address,
            "authorization_endpoint": f"{self.address}/authorize",
            "token_endpoint": f"{self.address}/token",
            "jwks_uri": f"{self.address}/jwks.json",
            "end_session_endpoint": f"{self.address}/end-session",
            "scopes_supported": ["openid"],
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "client_credentials"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [ALGORITHM],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            "code_challenge_methods_supported": ["S256"],
            "prompt_values_supported": ["none", "login"],
            "claims_supported": ["sub", "name", "roles", "state", "sid", "auth_time", "nonce"],
            "authorization_response_iss_parameter_supported": True,
            "backchannel_logout_supported": True,
            "backchannel_logout_session_supported": True,
        }

    async def end(self, sid: str, subject: str) -> None:
        """End a session here and at its clients."""
        await end_everywhere(sid, subject, memory=self.memory, clients=self.clients, signer=self.signer)

    def answered(self, asked: AuthorizationRequest, session: Session) -> str:
        """Where the browser goes with a new code."""
        session.clients.add(asked.client.id)
        code = self.memory.grant(
            session,
            client_id=asked.client.id,
            redirect_uri=asked.redirect_uri,
            challenge=asked.challenge,
            nonce=asked.nonce,
        )
        state = {"state": asked.state} if asked.state else {}
        return with_parameters(asked.redirect_uri, {"code": code, **state, "iss": self.address})

    def is_own_form(self, request: Request) -> bool:
        """Whether a form was sent from a page of ours: no other may choose a person or end a session."""
        return request.headers.get("origin") == self.address


def make_app(issuer: Issuer) -> FastAPI:
    """The application that serves this issuer."""
    app = FastAPI(openapi_url=None)
    app.mount("/static", StaticFiles(directory=Path(__file__).with_name("static")))
    app.state.issuer = issuer
    own_host = urlsplit(issuer.address).netloc

    @app.middleware("http")
    async def guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        # Another name that leads to this machine (DNS rebinding) is not answered.
        ours = request.headers.get("host") == own_host
        response = await call_next(request) if ours else _elsewhere(issuer)
        for name, value in {**HEADERS, "Content-Security-Policy": _policy()}.items():
            response.headers.setdefault(name, value)
        return response

    app.exception_handler(UnknownAddressError)(_unknown_address)
    app.exception_handler(RefusedRequestError)(_refused_request)
    app.exception_handler(TokenError)(_no_token)
    app.get("/.well-known/openid-configuration")(discovery)
    app.get("/jwks.json")(keys)
    app.get("/authorize")(authorize)
    app.post("/authorize")(choose_person)
    app.post("/token")(token)
    app.get("/end-session")(end_session)
    app.post("/end-session")(end_session)
    app.get("/")(start)
    return app


async def discovery(request: Request) -> Response:
    """What the provider can do and where."""
    return JSONResponse(_issuer(request).discovery(), headers={"Cache-Control": "max-age=300"})


async def keys(request: Request) -> Response:
    """The public keys; short-lived in caches, because keys are exchanged."""
    return JSONResponse(_issuer(request).signer.key_set(), headers={"Cache-Control": "max-age=60"})


async def authorize(request: Request) -> Response:
    """Answer with a code where the browser is signed in, else show who can sign in."""
    issuer = _issuer(request)
    asked = read_request(_pairs(request.url.query), issuer.clients)
    session = issuer.memory.session(request.cookies.get(COOKIE))
    if session and asked.is_met_by(session):
        return RedirectResponse(issuer.answered(asked, session), 303)
    if asked.prompt == "none":
        raise asked.refused("login_required", "nobody is signed in")
    target = urlsplit(asked.redirect_uri)
    page = _page("sign_in.html.jinja", 200, places=by_place(), client=asked.client, query=request.url.query)
    # A browser holds the redirect that follows a form against this directive as well.
    page.headers["Content-Security-Policy"] = _policy(f"'self' {target.scheme}://{target.netloc}")
    return page


async def choose_person(request: Request) -> Response:
    """Sign the chosen person in; whoever was signed in in this browser before is signed out everywhere."""
    issuer = _issuer(request)
    asked = read_request(_pairs(request.url.query), issuer.clients)
    person = PEOPLE.get((await _form(request)).get("person", ""))
    if not issuer.is_own_form(request):
        raise asked.refused("access_denied", "the choice did not come from this page, says its Origin")
    if person is None:
        raise asked.refused("access_denied", "nobody was chosen on the sign-in page")
    before = issuer.memory.session(request.cookies.get(COOKIE))
    if before is not None:
        await issuer.end(before.sid, before.person.subject)
    cookie, session = issuer.memory.begin(person)
    response = RedirectResponse(issuer.answered(asked, session), 303)
    response.set_cookie(COOKIE, cookie, max_age=SESSION_SECONDS, httponly=True, samesite="lax")
    return response


async def token(request: Request) -> Response:
    """Exchange a code, or give a program its token."""
    issuer = _issuer(request)
    client = authenticate(request.headers.get("authorization", ""), issuer.clients)
    return JSONResponse(tokens_for(client, await _form(request), issuer.memory, issuer.signer))


async def end_session(request: Request) -> Response:
    """Sign out (OpenID Connect RP-Initiated Logout 1.0); without a valid hint a person has to confirm it."""
    issuer = _issuer(request)
    given = _pairs(request.url.query) | (await _form(request) if request.method == "POST" else {})
    claims = issuer.signer.hinted(given.get("id_token_hint", ""))
    client = issuer.clients.get(str(claims["aud"])) if claims else None
    if claims is None or client is None:
        return await _sign_out_here(request, issuer, given)
    target = given.get("post_logout_redirect_uri", "")
    if target not in {"", client.post_logout_redirect_uri} or given.get("client_id", client.id) != client.id:
        raise UnknownAddressError("post_logout_redirect_uri is not registered for this client")
    await issuer.end(str(claims["sid"]), str(claims["sub"]))
    state = {"state": given["state"]} if target and given.get("state") else {}
    response = RedirectResponse(with_parameters(target, state), 303) if target else _signed_out()
    return _without_cookie(request, response)


async def start(request: Request) -> Response:
    """Who is signed in in this browser, and the way out."""
    return _start(_issuer(request), request)


async def _sign_out_here(request: Request, issuer: Issuer, given: Mapping[str, str]) -> Response:
    session = issuer.memory.session(request.cookies.get(COOKIE))
    if session is None or given.get("confirmed") != "yes" or not issuer.is_own_form(request):
        return _start(issuer, request)
    await issuer.end(session.sid, session.person.subject)
    return _without_cookie(request, _signed_out())


def _start(issuer: Issuer, request: Request) -> HTMLResponse:
    session = issuer.memory.session(request.cookies.get(COOKIE))
    return _page("start.html.jinja", 200, person=session.person if session else None)


def _elsewhere(issuer: Issuer) -> HTMLResponse:
    return _page("message.html.jinja", 421, title=("Falsche Adresse", "Wrong address"), address=issuer.address)


def _signed_out() -> HTMLResponse:
    return _page("message.html.jinja", 200, title=("Sie sind abgemeldet", "You are signed out"))


def _without_cookie(request: Request, response: Response) -> Response:
    """Drop the cookie, unless another session than the one that ended lives under it."""
    if _issuer(request).memory.session(request.cookies.get(COOKIE)) is None:
        response.delete_cookie(COOKIE, httponly=True, samesite="lax")
    return response


async def _unknown_address(_request: Request, error: UnknownAddressError) -> Response:
    title = ("Diese Anfrage gilt nicht", "This request is not valid")
    return _page("message.html.jinja", 400, title=title, detail=str(error))


async def _refused_request(request: Request, error: RefusedRequestError) -> Response:
    answer = {**error.answer, "iss": _issuer(request).address}
    return RedirectResponse(with_parameters(error.redirect_uri, answer), 303)


async def _no_token(_request: Request, error: TokenError) -> Response:
    document = {"error": error.code, "error_description": str(error)}
    if error.code != "invalid_client":
        return JSONResponse(document, 400)
    return JSONResponse(document, 401, headers={"WWW-Authenticate": 'Basic realm="norda"'})


def _issuer(request: Request) -> Issuer:
    issuer: Issuer = request.app.state.issuer
    return issuer


def _page(template: str, status: int, **context: Any) -> HTMLResponse:
    return HTMLResponse(PAGES.get_template(template).render(**context), status)


def _policy(form_action: str = "'self'") -> str:
    return f"default-src 'none'; style-src 'self'; form-action {form_action}; base-uri 'none'; frame-ancestors 'none'"


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form; no form of ours is large."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            raise TokenError("invalid_request", "the form is too large")
    return _pairs(body.decode(errors="replace"))


def _pairs(text: str) -> dict[str, str]:
    """Parameters by name; one that is given twice counts for nothing (RFC 6749, section 3.1)."""
    pairs = parse_qsl(text, keep_blank_values=True)
    names = [name for name, _ in pairs]
    return {name: value for name, value in pairs if names.count(name) == 1}
