"""Who may do what in the registry: the one place that says so.

The policies of row-level security say the same once more (migrations `0007_rights.sql` to `0009_releases.sql`,
`0014_search.sql`).
"""

from __future__ import annotations

from norda_common.auth import Caller
from norda_common.rights import EVERYBODY, OFFICES, STAFF, Right, Role
from norda_common.states import State

from .notes import Visibility

READ = Right("organisation.read", EVERYBODY)
"""Organisations of all states, as published, and their history."""
CHANGE = Right("organisation.change", OFFICES, own_state=True)
"""Register, change, relocate, deactivate; sites and memberships."""
IMPORT = Right("organisation.import", OFFICES, own_state=True)
READ_FIGURES = Right("organisation.read_figures", STAFF, own_state=True)
"""What stays with the office: figures and the contact address."""
RELEASE = Right("organisation.release", STAFF, own_state=True)
"""Show an organisation to everybody, also without signing in, and no longer."""
NOTE_READ = Right("note.read", STAFF, own_state=True)
"""Notes of offices; which of them, `reads_note` says."""
NOTE_WRITE = Right("note.write", OFFICES, own_state=True)
"""Add notes, and change and remove those of one's own office that one may read."""
SAVE_SEARCH = Right("search.save", STAFF, own_state=True)
"""Save searches for oneself or one's office, and be told of what newly matches."""
SHARED_SEARCHES = Right("search.shared", frozenset({Role.LEAD}), own_state=True)
"""Take away what others of the own office share."""


def reads_note(caller: Caller, state: State, visibility: Visibility, author: str) -> bool:
    """Whether the caller may know of that state's note: as the alliance's staff, its office's, its lead or author."""
    if visibility is Visibility.ALLIANCE:
        return caller.may(NOTE_READ)
    own = caller.may(NOTE_READ, state)
    if visibility is Visibility.OFFICE:
        return own
    return own and (Role.LEAD in caller.roles or author == caller.subject)
