"""The token endpoint: codes for tokens, and tokens for programs (RFC 6749, sections 4.1.3 and 4.4)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from urllib.parse import unquote_plus

from norda_local.issuer.authorization import fits
from norda_local.issuer.clients import Client
from norda_local.issuer.people import subject_of
from norda_local.issuer.sessions import Memory
from norda_local.issuer.signing import ACCESS_TOKEN_SECONDS, Signer


class TokenError(Exception):
    """No token; `code` is one of RFC 6749, section 5.2."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(description)
        self.code = code


def authenticate(authorization: str, clients: Mapping[str, Client]) -> Client:
    """The client of a Basic authorization. Raises TokenError (`invalid_client`)."""
    scheme, _, encoded = authorization.partition(" ")
    try:
        decoded = base64.b64decode(encoded, validate=True).decode() if scheme.lower() == "basic" else ""
    except (binascii.Error, UnicodeDecodeError):
        decoded = ""
    name, _, secret = (unquote_plus(part) for part in decoded.partition(":"))
    client = clients.get(name)
    if client is None or not client.knows(secret):
        raise TokenError("invalid_client", "client and secret are sent by HTTP Basic, and must be registered")
    return client


def tokens_for(client: Client, form: Mapping[str, str], memory: Memory, signer: Signer) -> dict[str, str | int]:
    """The answer to an authenticated client. Raises TokenError."""
    kind = form.get("grant_type", "")
    if kind == "authorization_code" and client.redirect_uri:
        return _for_code(client, form, memory, signer)
    if kind == "client_credentials" and client.role:
        return _answer(signer.program_token(client, subject_of(client.id)))
    if kind in {"authorization_code", "client_credentials"}:
        raise TokenError("unauthorized_client", "this client may not use that grant")
    raise TokenError("unsupported_grant_type", "grants are authorization_code and client_credentials")


def _for_code(client: Client, form: Mapping[str, str], memory: Memory, signer: Signer) -> dict[str, str | int]:
    grant = memory.redeem(form.get("code", ""))
    if grant is None or grant.client_id != client.id or grant.redirect_uri != form.get("redirect_uri"):
        raise TokenError("invalid_grant", "the code is unknown, used, expired or another client's")
    if not fits(form.get("code_verifier", ""), grant.challenge):
        raise TokenError("invalid_grant", "the code_verifier does not belong to the code")
    return {**_answer(signer.person_token(grant)), "id_token": signer.id_token(grant), "scope": "openid"}


def _answer(access_token: str) -> dict[str, str | int]:
    return {"access_token": access_token, "token_type": "Bearer", "expires_in": ACCESS_TOKEN_SECONDS}
