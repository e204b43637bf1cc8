"""Who may do what in the registry: the one place that says so.

The policies of row-level security say the same once more (migrations `0007_rights.sql` to `0017_profile.sql`).
"""

from __future__ import annotations

from norda_common.auth import Caller
from norda_common.rights import EVERYBODY, OFFICES, STAFF, Right, Role
from norda_common.states import State

from .notes import Visibility

READ = Right("organisation.read", EVERYBODY)
"""Organisations of all states, as published, and their history."""
CHANGE = Right("organisation.change", OFFICES, own_state=True)
"""Register, change, relocate, offer to another state, split, dissolve, deactivate, reopen; sites and memberships."""
TAKE_OVER = Right("organisation.take_over", OFFICES, own_state=True)
"""Accept or refuse what another state's office offers to one's own."""
IMPORT = Right("organisation.import", OFFICES, own_state=True)
READ_FIGURES = Right("organisation.read_figures", STAFF, own_state=True)
"""What stays with the office: figures and the contact address."""
CONFIRM = Right("organisation.read_confirmations", STAFF, own_state=True)
"""What organisations answered to links, and what of it is to be decided; sending and deciding need CHANGE."""
RELEASE = Right("organisation.release", STAFF, own_state=True)
"""Show an organisation to everybody, also without signing in, and no longer."""
DUPLICATES = Right("duplicate.decide", OFFICES, own_state=True)
"""The list of suspects that have an organisation of the own state, and what is said of them."""
MERGE = Right("organisation.merge", OFFICES, own_state=True)
"""Merge into an organisation of the own state, agree to it for one's own, and take it back."""
NOTE_READ = Right("note.read", STAFF, own_state=True)
"""Notes of offices; which of them, `reads_note` says."""
NOTE_WRITE = Right("note.write", OFFICES, own_state=True)
"""Add notes, and change and remove those of one's own office that one may read."""
PERSON_KEEP = Right("person.keep", OFFICES, own_state=True)
"""Contact persons of the own office: read, enter, change, delete. Public relations have no part in the case work these
are kept for (Art. 5 (1) (c) GDPR), so they are not among them.
"""
PERSON_INVITE = Right("person.invite", STAFF, own_state=True)
"""Of contact persons who agreed to be invited the name, e-mail address, language and roles: what an invitation needs,
and no phone number, source or why else they are kept. Inviting is public relations' work.
"""
PRIVACY = Right("privacy.handle", OFFICES, own_state=True)
"""Take what persons ask for under the GDPR, and see how far it is, its proof and its report; the own office's alone."""
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
