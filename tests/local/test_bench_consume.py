"""What `norda bench consume` feeds its contestants is what the registry would send, and the no-op reads all of it."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter

from norda_common.contracts.envelope import decode, encode_value
from norda_common.contracts.registry import ORGANISATION
from norda_common.states import ALL_STATES
from norda_local.bench.noop import consume
from norda_local.bench.organisations import fill, key_of, organisation, topic_names
from norda_local.bench.subjects import Outcome
from support.installation import Installation
from support.servers import Servers


def test_organisations_differ_by_number_and_version_and_have_a_real_ones_size() -> None:
    assert organisation(7) == organisation(7)
    assert organisation(7) != organisation(7, 2)
    assert len({key_of(number) for number in range(2_000)}) == 2_000
    for number in range(50):
        data = organisation(number, 2)
        value = encode_value(
            ORGANISATION.event(
                "changed", data, state=ALL_STATES[0], key=data.organisation_id, sequence=2, time=data.changed_at
            )
        )
        assert value is not None
        assert 600 <= len(value) <= 900


async def test_the_records_are_readable_in_order_per_key_and_the_noop_reads_them_all(
    installation: Installation, servers: Servers
) -> None:
    records = [(number, version) for version in (1, 2) for number in range(30)]
    await asyncio.to_thread(fill, servers.kafka, installation.prefix, records)
    versions: dict[object, list[int]] = {}
    for name in topic_names(installation.prefix):
        for record in await installation.read_raw(name, minimum=20):
            received = decode(ORGANISATION, key=record.key, value=record.value, headers=record.headers)
            assert received.traceparent is not None
            versions.setdefault(received.key, []).append(received.sequence)
    assert Counter(map(tuple, versions.values())) == {(1, 2): 30}
    read = await consume(servers.kafka, f"noop-{secrets.token_hex(4)}", 60, topic_names(installation.prefix))
    assert read["events"] <= 60
    assert Outcome(**read).rss_mb > 0
