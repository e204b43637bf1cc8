"""Who may do what in the registry: the one place that says so."""

from __future__ import annotations

from norda_common.rights import EVERYBODY, OFFICES, STAFF, Right

READ = Right("organisation.read", EVERYBODY)
"""Organisations of all states, as published, and their history."""
CHANGE = Right("organisation.change", OFFICES, own_state=True)
"""Register, change, relocate, deactivate; sites and memberships."""
IMPORT = Right("organisation.import", OFFICES, own_state=True)
READ_FIGURES = Right("organisation.read_figures", STAFF, own_state=True)
"""What stays with the office: figures and the contact address."""
