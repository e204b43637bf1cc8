"""Handing an organisation over to another state: an offer, which the other office accepts, refuses or gets taken back.

Between instances of one state each topics are the only way, so an offer is a promise: from its version on the losing
instance writes nothing but its withdrawal, the next version; the receiving instance alone decides, and its word has the
version after that. So no two records of an organisation ever share a sequence and differ
(docs/decisions/0090-offer-and-acceptance.md). Everything here is pure.
"""

from __future__ import annotations

from collections.abc import Collection

from norda_common.contracts.registry import Handover, Organisation
from norda_common.states import State

ANSWERED_LATER_BY = 2
"""An answer from another instance has the offer's version and this: the one between is for taking the offer back."""


def open_offer(organisation: Organisation) -> Handover | None:
    """The offer that has no answer yet."""
    offer = organisation.handover
    return offer if offer is not None and offer.refused_at is None else None


def offered_to(organisation: Organisation, state: State) -> Handover | None:
    """The offer that this state's office may accept or refuse; one that was taken back is none."""
    offer = open_offer(organisation)
    return offer if offer is not None and offer.to_state == state.value and offer.withdrawn_at is None else None


def asks_to_let_go(organisation: Organisation, served: Collection[State]) -> Handover | None:
    """The offer to one of these states that was taken back, and waits for that state's instance to say so."""
    offer = open_offer(organisation)
    if offer is None or offer.withdrawn_at is None or offer.to_state not in set(served):
        return None
    return offer
