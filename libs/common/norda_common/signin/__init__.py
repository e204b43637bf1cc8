"""Signing in: OpenID Connect with the platform's provider, sessions in the service's own schema."""
