"""Who may do what with events: the one place that says so."""

from __future__ import annotations

from norda_common.rights import EVERYBODY, STAFF, Right

READ = Right("event.read", EVERYBODY)
"""Published events of all states, and how their seats stand; drafts for the lead's and hosts' offices alone."""
PLAN = Right("event.plan", STAFF, own_state=True)
"""Draft, change, agree, publish, reschedule, cancel, release quotas."""
RELEASE = Right("event.release", STAFF, own_state=True)
"""Release a published event for the public, which has not signed in, and take that back."""
REGISTER = Right("registration.write", STAFF, own_state=True)
"""Register and withdraw participants, erase persons."""
