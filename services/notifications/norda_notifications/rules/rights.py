"""Who may do what with messages: the one place that says so."""

from __future__ import annotations

from norda_common.rights import EVERYBODY, OFFICES, OPERATE, STAFF, Right

READ = Right("notice.read", EVERYBODY)
"""What was told, without its recipients; how offices are reached."""
CONTACT = Right("office.contact", OFFICES, own_state=True)
"""Say how the own office is reached."""
INBOX = Right("inbox.read", STAFF, own_state=True)
"""The own office's inbox."""
SUBSCRIBE = Right("subscription.write", STAFF, own_state=True)
"""The own state's subscriptions and objections, which are personal data: reading is part of it."""
DELIVERIES = OPERATE
"""What became of each delivery, with masked addresses."""
