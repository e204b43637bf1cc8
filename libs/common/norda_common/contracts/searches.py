"""What the registry says of saved searches: that organisations newly match one, to whoever watches it. Private."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from .model import EventData, StateCode
from .topics import Topic, TopicKind


class MatchedOrganisation(EventData):
    """An organisation that a search newly finds."""

    organisation_id: UUID
    legal_name: str


class SearchMatch(EventData):
    """What one person is to be told of one of the saved searches they watch."""

    match_id: UUID
    responsible_state: StateCode = Field(description="Whose office the person belongs to")
    search_id: UUID
    subject: str = Field(description="Who watches it: the pseudonymous subject of their sign-in")
    name: str = Field(description="The name the search was saved under")
    organisations: tuple[MatchedOrganisation, ...]


SEARCH_MATCH = Topic(
    service="registry",
    aggregate="searchmatch",
    kind=TopicKind.PRIVATE,
    data=SearchMatch,
    description="Organisations that newly match a saved search, for whoever watches it.",
    example=SearchMatch.model_validate(
        {
            "match_id": "0199d1a0-9100-7c4b-9a53-0d5a7c1b2e3f",
            "responsible_state": "hb",
            "search_id": "0199d1a0-9101-7c4b-9a53-0d5a7c1b2e3f",
            "subject": "8f14e45f-ceea-467f-a8d1-6e2f0d1b7c11",
            "name": "Batterie in Bremen",
            "organisations": [
                {
                    "organisation_id": "0199d1a0-5f2e-7c4b-9a53-0d5a7c1b2e3f",
                    "legal_name": "Beispiel Roland Batteriesysteme GmbH",
                }
            ],
        }
    ),
    changes={"found": "Organisations newly match; each is told once.", "erased": "It is told; a tombstone."},
    partitions=1,
)
