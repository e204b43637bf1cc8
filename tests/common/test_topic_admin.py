"""Topics with three replicas acknowledge what two of them have."""

from __future__ import annotations

import pytest
from norda_common.contracts.registry import ORGANISATION
from norda_common.topic_admin import settings_of


@pytest.mark.parametrize(("replication", "wanted"), [(1, None), (2, None), (3, "2"), (5, "2")])
def test_one_of_three_replicas_can_be_lost_without_losing_what_was_acknowledged(
    replication: int, wanted: str | None
) -> None:
    settings = settings_of(ORGANISATION, replication=replication)
    assert settings.get("min.insync.replicas") == wanted
    assert settings["cleanup.policy"] == "compact"
