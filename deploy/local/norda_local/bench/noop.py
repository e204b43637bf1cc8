"""The subscriber that does nothing: what FastStream and aiokafka cost before anybody does anything with a record.

Its own process (`python -m norda_local.bench.noop`). It reads as our consumers do, with the same fetch settings and an
acknowledgement after every batch, takes FastStream's own parser and leaves the bodies as they are. Prints one JSON
document when all records were there.
"""

from __future__ import annotations

import asyncio
import json
import logging
import resource
import sys
import time
from collections.abc import Sequence
from typing import Any

from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage
from norda_common.broker import FETCHING


async def consume(bootstrap_servers: str, group: str, expected: int, topics: Sequence[str]) -> dict[str, float]:
    """Read `expected` records; seconds and CPU seconds count from the end of the first batch, as for our services."""
    broker = KafkaBroker(bootstrap_servers, allow_auto_create_topics=False, apply_types=False, logger=None)
    counted, first = 0, 0
    samples: list[tuple[float, float]] = []
    done = asyncio.Event()

    async def as_it_is(message: KafkaMessage) -> Any:
        return message.body

    subscriber = broker.subscriber(
        *topics, group_id=group, ack_policy=AckPolicy.ACK, no_reply=True, batch=True, decoder=as_it_is, **FETCHING
    )

    async def nothing(bodies: list[bytes]) -> None:
        nonlocal counted, first
        counted += len(bodies)
        if not samples:
            first = counted
            samples.append((time.monotonic(), time.process_time()))
        if counted >= expected:
            samples.append((time.monotonic(), time.process_time()))
            done.set()

    subscriber(nothing)
    await broker.start()
    await done.wait()
    await broker.stop()
    (began, cpu_began), (ended, cpu_ended) = samples[0], samples[-1]
    return {
        "events": counted - first,
        "seconds": ended - began,
        "cpu_seconds": cpu_ended - cpu_began,
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


if __name__ == "__main__":
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    print(json.dumps(asyncio.run(consume(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:]))))
