"""Norda's events service."""
