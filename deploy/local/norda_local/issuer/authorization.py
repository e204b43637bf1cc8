"""Authorization requests: which are taken, which are refused, and where a refusal is told.

Invariants (RFC 6749, RFC 7636, OpenID Connect Core 1.0): nothing is ever sent to an address that is not registered;
only the code flow, only with PKCE and S256.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from norda_local.issuer.clients import Client
from norda_local.issuer.sessions import Session

CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
PROMPTS = frozenset({"", "none", "login"})


class UnknownAddressError(Exception):
    """Client and address do not belong together; the text is for the person, since nobody else may be told."""


class RefusedRequestError(Exception):
    """The request is refused; the client is told at its address."""

    def __init__(self, redirect_uri: str, state: str, error: str, description: str) -> None:
        super().__init__(description)
        self.redirect_uri = redirect_uri
        self.answer = {"error": error, "error_description": description} | ({"state": state} if state else {})


@dataclass(frozen=True)
class AuthorizationRequest:
    """A request that may be answered with a code."""

    client: Client
    redirect_uri: str
    challenge: str
    state: str
    nonce: str
    prompt: str
    max_age: int | None

    def is_met_by(self, session: Session | None) -> bool:
        """Whether that session answers the request without a click."""
        if session is None or self.prompt == "login":
            return False
        return self.max_age is None or time.time() - session.began <= self.max_age

    def refused(self, error: str, description: str) -> RefusedRequestError:
        """The refusal to tell the client."""
        return RefusedRequestError(self.redirect_uri, self.state, error, description)


def read_request(given: Mapping[str, str], clients: Mapping[str, Client]) -> AuthorizationRequest:
    """The request that these parameters make.

    Raises:
        UnknownAddressError: nobody may be answered.
        RefusedRequestError: the client asked for what it may not have.
    """
    client = clients.get(given.get("client_id", ""))
    redirect_uri, state = given.get("redirect_uri", ""), given.get("state", "")
    if client is None or not redirect_uri or client.redirect_uri != redirect_uri:
        raise UnknownAddressError("client_id and redirect_uri are not registered together")
    fault = _fault(given)
    if fault is not None:
        raise RefusedRequestError(redirect_uri, state, *fault)
    max_age = given.get("max_age", "")
    return AuthorizationRequest(
        client,
        redirect_uri,
        given["code_challenge"],
        state,
        given.get("nonce", ""),
        given.get("prompt", ""),
        int(max_age) if max_age else None,
    )


def _fault(given: Mapping[str, str]) -> tuple[str, str] | None:
    """The first demand that is not met, as code and text."""
    challenge, max_age = given.get("code_challenge", ""), given.get("max_age", "")
    proves = given.get("code_challenge_method") == "S256" and CHALLENGE.fullmatch(challenge)
    demands = (
        (given.get("response_type") == "code", "unsupported_response_type", "only response_type=code"),
        (given.get("response_mode", "query") == "query", "invalid_request", "only response_mode=query"),
        ("openid" in given.get("scope", "").split(), "invalid_scope", "the scope must contain openid"),
        (not {"request", "request_uri"} & set(given), "request_not_supported", "only parameters in the query"),
        (proves, "invalid_request", "PKCE is needed: code_challenge with code_challenge_method=S256"),
        (given.get("prompt", "") in PROMPTS, "invalid_request", "prompt is none or login"),
        (re.fullmatch(r"\d{0,9}", max_age, re.ASCII), "invalid_request", "max_age is a number of seconds"),
    )
    return next(((error, text) for met, error, text in demands if not met), None)


def fits(verifier: str, challenge: str) -> bool:
    """Whether a code verifier is the one of the challenge (RFC 7636, section 4.6)."""
    if not VERIFIER.fullmatch(verifier):
        return False
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
    return secrets.compare_digest(digest, challenge.encode())


def with_parameters(address: str, parameters: Mapping[str, str]) -> str:
    """An address with further parameters in its query."""
    if not parameters:
        return address
    return f"{address}{'&' if '?' in address else '?'}{urlencode(parameters)}"
