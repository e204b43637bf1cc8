"""The local stack's identity provider: OpenID Connect for development, with ready-made people and no passwords.

It speaks the protocol in earnest (code flow with PKCE, single sign-on, back-channel logout), so that services are
built and tested against what a real provider does; who signs in is a click (docs/decisions/0080-local-issuer.md).
"""
