"""A Kafka client that connects less often while no broker is there.

aiokafka's loops that fetch and look for the coordinator try again 0.1 seconds after a failed connect, and each failure
asks for metadata, which connects again: with Kafka away that was 50 connects a second for each consumer. Its setting
for this, `retry_backoff_ms`, would slow down rebalances and commits as well. So it is the failed connect that takes
longer, and only while the client has no connection at all: of several brokers one that is lost holds nothing up.
"""

from __future__ import annotations

import asyncio
from typing import Any

from aiokafka.client import AIOKafkaClient

STEP_SECONDS = 0.1
MOST_SECONDS = 1.0
"""How long a client rests at most; a cluster that is back is seen within it, and consumers stop within it."""


def make_patient(client: AIOKafkaClient) -> None:
    """Let connects that fail one after another take longer and longer, up to MOST_SECONDS for a round of brokers."""
    connect, failures = client._get_conn, 0

    async def get_connection(node_id: Any, **place: Any) -> Any:
        nonlocal failures
        found = await connect(node_id, **place)
        if found is not None or any(connection.connected() for connection in client._conns.values()):
            failures = 0
        else:
            failures += 1
            await asyncio.sleep(min(failures * STEP_SECONDS, MOST_SECONDS) / max(1, len(client.cluster.brokers())))
        return found

    client._get_conn = get_connection
