"""Signing in and out: `/<service>/sign-in`, its callback, `/<service>/sign-out`, and the provider's word that it ended.

Authorization code with PKCE (RFC 7636) and a browser-bound `state`; the session's secret is new with each sign-in, so
none can be planted (OpenID Connect Core 1.0; RFC 9700; Back-Channel Logout 1.0).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Form, Query, Response
from fastapi.responses import JSONResponse, RedirectResponse
from joserfc import jwt
from joserfc.errors import JoseError

from ..auth import CLOCK_SKEW_SECONDS, caller_of, invalid_token
from ..database import SYSTEM
from ..errors import Malformed, Text, Unauthenticated, Unavailable
from ..rights import PUBLIC
from ..runtime import Runtime
from ..web.edge import RuntimeDep, public
from ..web.pages import Page, local_path, page_for, session_cookie
from . import sessions
from .keys import ALGORITHMS
from .provider import LOGOUT_EVENT, Provider, RefusedByProvider, new_secret

log = structlog.get_logger(__name__)

LOGOUT_TOKEN_SECONDS = 120
SHORT = Annotated[str, Query(max_length=2_000)]


def sign_in_cookie(service: str) -> str:
    """What binds a sign-in to the browser that began it."""
    return f"__Host-norda-{service}-sign-in"


def routes(service: str) -> APIRouter:  # noqa: PLR0915 - five routes
    """The routes below the service's own path."""
    router = APIRouter(prefix=f"/{service}", include_in_schema=False)

    @router.get("/sign-in")
    async def begin(page: Annotated[Page, page_for(PUBLIC)], to: SHORT = "") -> Response:
        """Send the browser to the provider; it comes back to `to`, one of our own pages."""
        runtime = page.runtime
        provider = _provider(runtime)
        state, browser, nonce, verifier = (new_secret() for _ in range(4))
        address = await provider.authorization_address(
            redirect_uri=_callback(runtime), state=state, nonce=nonce, verifier=verifier
        )
        async with runtime.database.transaction(SYSTEM, news=False) as connection:
            await sessions.begin(
                connection,
                state=state,
                browser=browser,
                nonce=nonce,
                verifier=verifier,
                return_to=local_path(to, service),
                now=page.now,
            )
        response = RedirectResponse(address, 303)
        _set_cookie(response, sign_in_cookie(service), browser, seconds=sessions.SIGN_IN_MINUTES * 60)
        return response

    @router.get("/sign-in/callback")
    async def come_back(
        page: Annotated[Page, page_for(PUBLIC)], code: SHORT = "", state: SHORT = "", error: SHORT = ""
    ) -> Response:
        """Take the provider's code, once, from the browser that began; then the session begins."""
        runtime, now = page.runtime, page.now
        browser = page.request.cookies.get(sign_in_cookie(service), "")
        async with runtime.database.transaction(SYSTEM, news=False) as connection:
            under_way = await sessions.take(connection, state=state, browser=browser, now=now)
        if under_way is None or error or not code:
            return _failed(page, error or "state")
        try:
            id_token = await _provider(runtime).redeem(
                code, redirect_uri=_callback(runtime), verifier=under_way.verifier
            )
        except RefusedByProvider as refused:
            return _failed(page, str(refused))
        claims = await _claims(
            runtime, id_token, nonce={"essential": True, "value": under_way.nonce}, exp={"essential": True}
        )
        try:
            caller = caller_of(claims)
        except Unauthenticated as refused:
            return _failed(page, page.t(refused.text.de, refused.text.en), known=True)
        secret = new_secret()
        async with runtime.database.transaction(SYSTEM, news=False) as connection:
            if page.session:
                await sessions.end(connection, page.session)
            await sessions.create(
                connection,
                secret=secret,
                caller=caller,
                provider_session=_text(claims, "sid"),
                csrf=new_secret(),
                id_token=id_token,
                now=now,
                lifetime=timedelta(hours=runtime.settings.session_hours),
            )
        response = RedirectResponse(under_way.return_to, 303)
        _set_cookie(response, session_cookie(service), secret, seconds=None)
        response.delete_cookie(sign_in_cookie(service), secure=True, httponly=True, samesite="lax")
        return response

    @router.post("/sign-out")
    async def sign_out(page: Annotated[Page, page_for(PUBLIC)]) -> Response:
        """End the session here, and through the provider everywhere, also where the one here has ended by itself."""
        if page.session is not None:
            await page.form()
            async with page.transaction() as connection:
                await sessions.end(connection, page.session)
        back = f"{page.runtime.settings.base_url}/{service}/signed-out"
        token = page.session.id_token if page.session else None
        away = await _provider(page.runtime).logout_address(id_token=token, back=back)
        response = RedirectResponse(away or back, 303)
        response.delete_cookie(session_cookie(service), secure=True, httponly=True, samesite="lax")
        return response

    @router.get("/signed-out")
    async def signed_out(page: Annotated[Page, page_for(PUBLIC)]) -> Response:
        """Say so."""
        return page.show("signed_out.html.jinja", title=Text("Abgemeldet", "Signed out"))

    @router.post("/back-channel-logout", dependencies=[public])
    async def back_channel(runtime: RuntimeDep, logout_token: Annotated[str, Form()]) -> Response:
        """The provider says that a session is over; whoever it belonged to is signed out here."""
        if len(logout_token) > 10_000:
            raise Malformed("Das Logout-Token ist zu lang.", "The logout token is too long.")
        claims = await _claims(
            runtime, logout_token, iat={"essential": True}, jti={"essential": True}, events={"essential": True}
        )
        subject, provider_session = _text(claims, "sub"), _text(claims, "sid")
        late = abs(datetime.now(UTC).timestamp() - float(claims["iat"])) > LOGOUT_TOKEN_SECONDS
        if late or "nonce" in claims or LOGOUT_EVENT not in claims["events"] or not (subject or provider_session):
            raise Malformed("Das ist kein Logout-Token.", "This is no logout token.")
        async with runtime.database.transaction(SYSTEM, news=False) as connection:
            ended = await sessions.end_of(connection, provider_session=provider_session, subject=subject)
        log.info("signed out by the provider", sessions=ended)
        return JSONResponse({}, headers={"Cache-Control": "no-store"})

    return router


def _provider(runtime: Runtime) -> Provider:
    if runtime.provider is None:
        raise Unavailable(
            "Hier ist keine Anmeldung eingerichtet (NORDA_OIDC_ISSUER).",
            "No sign-in is set up here (NORDA_OIDC_ISSUER).",
            code="sign_in_missing",
        )
    return runtime.provider


def _callback(runtime: Runtime) -> str:
    return f"{runtime.settings.base_url}/{runtime.service}/sign-in/callback"


def _failed(page: Page, reason: str, *, known: bool = False) -> Response:
    """A sign-in that did not come to its end; `known` are people whom the provider knows, and who may nothing here."""
    return page.show(
        "sign_in_failed.html.jinja",
        title=Text("Anmeldung nicht abgeschlossen", "Sign-in not completed"),
        status=400,
        reason=reason[:100],
        known=known,
    )


async def _claims(runtime: Runtime, token: str, **wanted: Any) -> Mapping[str, Any]:
    """The claims of a token the provider made for this service. Raises Unauthenticated."""
    provider = _provider(runtime)
    registry = jwt.JWTClaimsRegistry(
        leeway=CLOCK_SKEW_SECONDS,
        iss={"essential": True, "value": provider.issuer},
        aud={"essential": True, "value": provider.client_id},
        **wanted,
    )
    try:
        decoded = jwt.decode(token, await runtime.keys.for_token(token), algorithms=ALGORITHMS)
        registry.validate(decoded.claims)
    except (JoseError, ValueError, TypeError) as error:
        raise invalid_token(error) from error
    if (
        isinstance(decoded.claims.get("aud"), list)
        and decoded.claims.get("azp", provider.client_id) != provider.client_id
    ):
        raise Unauthenticated("Das Token ist für jemand anderen.", "The token is for somebody else.")
    return decoded.claims


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    value = claims.get(name)
    return value if isinstance(value, str) and value else None


def _set_cookie(response: Response, name: str, value: str, *, seconds: int | None) -> None:
    """`Secure` also on loopback, which browsers trust; gone with the browser unless `seconds` are given."""
    response.set_cookie(name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="lax")
