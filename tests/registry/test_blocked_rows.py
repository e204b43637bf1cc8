"""A poisoned row in a service's outbox blocks its own key only, is seen by operators, and goes on after a retry."""

from __future__ import annotations

from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from norda_common.contracts.registry import ORGANISATION
from norda_common.states import State
from support.installation import Installation
from support.waiting import eventually

from .conftest import registered

BLOCKED = "/api/v1/outbox/blocked"


async def limit_records(installation: Installation, size: int) -> None:
    """Let Hamburg's topic take records up to this size, as an administrator would set it."""
    admin = AIOKafkaAdminClient(bootstrap_servers=installation.servers.kafka)
    await admin.start()
    try:
        name = ORGANISATION.name(State.HAMBURG, prefix=installation.prefix)
        resource = ConfigResource(ConfigResourceType.TOPIC, name, {"max.message.bytes": str(size)})
        await admin.alter_configs([resource])
    finally:
        await admin.close()


HAMBURG = {"place": "Hamburg", "postal_code": "20095", "state": "DE-HH", "ags": "02000", "nuts": "DE600"}
PLAIN: dict[str, Any] = {"seat": HAMBURG, "register_entry": ..., "activities": ...}


async def test_a_poisoned_row_blocks_its_key_only_and_goes_on_after_retry(installation: Installation) -> None:
    await installation.make_topics()
    await limit_records(installation, 1_900)
    registry = installation.start("registry")
    async with (
        registry.client("hh") as office,
        registry.client(state=None, role="operator") as operator,
    ):
        long = await registered(office, legal_name=f"Beispiel {'ßäöü' * 120} GmbH", **PLAIN)
        stuck = str(long["organisation_id"])

        async def blocked() -> dict[str, Any]:
            (row,) = (await operator.get(BLOCKED)).json()["items"]
            assert row["key"] == stuck
            health = (await operator.get("/readyz")).json()
            assert (health["status"], health["checks"]["outbox"]) == ("degraded", "1 blocked rows")
            shown: dict[str, Any] = row
            return shown

        row = await eventually(blocked, within=20)
        assert row["reason"] == "MessageSizeTooLargeError"
        assert (row["topic"], row["sequence"], row["waiting"]) == ("hh.registry.organisation.v1", 1, 0)
        assert len(row["trace_id"]) == 32

        path = f"/api/v1/organisations/{stuck}"
        changed = await office.patch(path, json={"legal_name": "Beispiel Größer GmbH"})
        assert changed.status_code == 200, changed.text
        free = str((await registered(office, **PLAIN))["organisation_id"])
        assert [r.sequence for r in await installation.read_topic(ORGANISATION, State.HAMBURG, key=free)] == [1]
        assert (await operator.get(BLOCKED)).json()["items"][0]["waiting"] == 1

        assert (await operator.post(f"{BLOCKED}/{row['id']}/retry")).status_code == 202

        async def blocked_again() -> None:
            (again,) = (await operator.get(BLOCKED)).json()["items"]
            assert again["id"] == row["id"]
            assert again["blocked_at"] > row["blocked_at"], "the cause is still there"

        await eventually(blocked_again, within=20)
        await limit_records(installation, 1_000_000)
        assert (await operator.post(f"{BLOCKED}/{row['id']}/retry")).status_code == 202
        records = await installation.read_topic(ORGANISATION, State.HAMBURG, key=stuck, minimum=2)
        assert [record.sequence for record in records] == [1, 2]

        async def healthy() -> None:
            assert (await operator.get("/readyz")).json()["status"] == "ready"
            assert (await operator.get(BLOCKED)).json()["items"] == []

        await eventually(healthy)
        gone = await operator.post(f"{BLOCKED}/{row['id']}/retry")
        assert (gone.status_code, gone.json()["code"]) == (404, "not_found")
        for method, address in (("GET", BLOCKED), ("POST", f"{BLOCKED}/1/retry")):
            assert (await office.request(method, address)).status_code == 403


async def test_blocked_rows_come_in_pages_and_by_reason(installation: Installation) -> None:
    await installation.make_topics()
    connection = await installation.connect(role="norda_registry")
    await connection.execute(
        """insert into registry.outbox (topic, key, event_id, source, type, time, data_schema, sequence, headers,
                                     value)
           select 'hb.registry.unheard.v1', gen_random_uuid(), gen_random_uuid(), '/hb/registry', 't', now(), 's', 1,
                  '\\x00', '{}' from generate_series(1, 5)"""
    )
    await connection.close()
    registry = installation.start("registry", wait=False)
    async with registry.client(state=None, role="operator") as operator:

        async def all_blocked() -> list[Any]:
            items: list[Any] = (await operator.get(BLOCKED)).json()["items"]
            assert len(items) == 5
            return items

        items = await eventually(all_blocked, within=40)
        assert {item["reason"] for item in items} == {"unknown_topic"}
        first = (await operator.get(BLOCKED, params={"limit": 3, "reason": "unknown_topic"})).json()
        rest = (await operator.get(BLOCKED, params={"limit": 3, "cursor": first["next_cursor"]})).json()
        assert [item["id"] for item in first["items"] + rest["items"]] == [item["id"] for item in items]
        assert rest["next_cursor"] is None
        assert (await operator.get(BLOCKED, params={"reason": "too_large"})).json()["items"] == []
