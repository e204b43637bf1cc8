"""Norda's registry service."""
