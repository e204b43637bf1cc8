"""Drafts, co-hosts and publication."""

from __future__ import annotations

from norda_common.contracts.events import EVENT, PublishedEvent
from norda_common.states import State
from support.installation import Installation

from .conftest import Offices

THREE_STATES = [{"state": "hb"}, {"state": "hh"}, {"state": "ni"}]


async def test_bremen_hamburg_and_niedersachsen_publish_together(
    offices: Offices, module_installation: Installation
) -> None:
    draft = await offices.draft(
        title="Transformationsforum Nord",
        hosts=THREE_STATES,
        capacity=120,
        quotas={"hb": 30, "hh": 30, "ni": 60},
        quota_release_at="2027-02-03T00:00+01:00",
    )
    path = f"/api/v1/events/{draft['event_id']}"
    refused = await offices["hb"].post(f"{path}/publication")
    assert refused.status_code == 409
    assert refused.json()["missing"] == ["hh", "ni"]
    assert "Hamburg, Niedersachsen" in refused.json()["messages"]["de"]

    assert (await offices["hh"].post(f"{path}/hosts/hh/agreement")).status_code == 200
    assert (await offices["hb"].post(f"{path}/publication")).json()["missing"] == ["ni"]
    assert (await offices["ni"].post(f"{path}/hosts/ni/agreement")).status_code == 200
    published = await offices["hb"].post(f"{path}/publication")
    assert published.status_code == 200
    assert published.json()["status"] == "published"
    assert published.json()["sequence"] == 1

    records = await module_installation.read_topic(EVENT, State.BREMEN, key=draft["event_id"])
    assert [(record.change, record.sequence) for record in records] == [("published", 1)]
    data = records[0].data
    assert isinstance(data, PublishedEvent)
    assert [host.state for host in data.hosts] == ["hb", "hh", "ni"]
