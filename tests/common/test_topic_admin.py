"""Topics with three replicas acknowledge what two of them have, and setup is done when all can be written to."""

from __future__ import annotations

import secrets
import time

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from norda_common import topic_admin
from norda_common.contracts.registry import ORGANISATION
from norda_common.migrate import SetupError
from norda_common.states import State
from norda_common.topic_admin import ensure_topics, settings_of, until_led
from support.servers import Servers


@pytest.mark.parametrize(("replication", "wanted"), [(1, None), (2, None), (3, "2"), (5, "2")])
def test_one_of_three_replicas_can_be_lost_without_losing_what_was_acknowledged(
    replication: int, wanted: str | None
) -> None:
    settings = settings_of(ORGANISATION, replication=replication)
    assert settings.get("min.insync.replicas") == wanted
    assert settings["cleanup.policy"] == "compact"


async def test_setup_waits_for_leaders_and_names_the_topics_that_have_none(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topic_admin, "LED_SECONDS", 1)
    prefix = f"t{secrets.token_hex(4)}."
    admin = AIOKafkaAdminClient(bootstrap_servers=servers.kafka)
    await admin.start()
    try:
        missing = ORGANISATION.name(State.HAMBURG, prefix=prefix)
        began = time.monotonic()
        with pytest.raises(SetupError, match=f"no leader after 1 s for 1 of 1 topics, {missing} among them"):
            await until_led(admin, [missing])
        assert time.monotonic() - began >= 1
        monkeypatch.undo()
        made = await ensure_topics(servers.kafka, [ORGANISATION], [State.HAMBURG], replication=1, prefix=prefix)
        assert made == [missing]
        (topic,) = await admin.describe_topics(made)
        assert all(part["leader"] >= 0 for part in topic["partitions"])
        again = await ensure_topics(servers.kafka, [ORGANISATION], [State.HAMBURG], replication=1, prefix=prefix)
        assert again == []
    finally:
        await admin.delete_topics([ORGANISATION.name(State.HAMBURG, prefix=prefix)])
        await admin.close()
