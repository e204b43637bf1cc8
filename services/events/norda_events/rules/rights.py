"""Who may do what with events: the one place that says so."""

from __future__ import annotations

from norda_common.rights import EVERYBODY, STAFF, Right

READ = Right("event.read", EVERYBODY)
"""Published events of all states, and how their seats stand; drafts for their lead and hosting states alone."""
PLAN = Right("event.plan", STAFF, own_state=True)
"""Draft, change, agree, publish, reschedule, cancel, release quotas."""
REGISTER = Right("registration.write", STAFF, own_state=True)
"""Register and withdraw participants, erase persons."""
READ_REGISTRATIONS = Right("registration.read", EVERYBODY)
"""Registrations without their persons; persons are shown to the lead's office and to their own state's."""
