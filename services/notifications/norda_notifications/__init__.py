"""Norda's notifications service."""
