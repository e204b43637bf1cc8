"""Two processes that measure the way from an insert to a consumer: one commits at a fixed rate, one listens.

`python -m norda_local.bench.latency insert <kind> <dsn> <topic> <rate> <seconds>` prints how many it committed;
`... listen <bootstrap> <topic> <count> <seconds>` prints the milliseconds from just before the insert was sent to the
record's arrival, in order of arrival. Both clocks are the machine's.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import asyncpg
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition
from norda_common.identifiers import new_id

from .rows import KEYS, VALUE_BYTES, insert_one

CONNECTIONS = 16
READY = "ready"


async def insert(kind: str, dsn: str, topic: str, rate: int, seconds: int) -> int:
    """Commit `rate` single-row transactions a second; returns how many. Late ones are not left out but sent at once."""
    statement = insert_one(kind)
    keys = [str(new_id()) for _ in range(KEYS)]
    numbers = iter(range(rate * seconds))
    began = time.monotonic()

    async def worker() -> None:
        connection = await asyncpg.connect(dsn)
        prepared = await connection.prepare(statement)
        try:
            for number in numbers:
                await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
                trace = f"00-{new_id().hex}-{new_id().hex[:16]}-01"
                await prepared.fetch(topic, keys[number % KEYS], _value(), trace)
        finally:
            await connection.close()

    await asyncio.gather(*(worker() for _ in range(CONNECTIONS)))
    return rate * seconds


def _value() -> bytes:
    head = b'{"sent_ns":%d,"text":"' % time.time_ns()
    return head + b"x" * (VALUE_BYTES - len(head) - 2) + b'"}'


async def listen(bootstrap: str, topic: str, count: int, seconds: float) -> list[float]:
    """Milliseconds from insert to arrival of the next `count` records, or of those that came within the time."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    await consumer.start()
    try:
        await consumer._client.add_topic(topic)
        partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
        consumer.assign(partitions)
        for partition, end in (await consumer.end_offsets(partitions)).items():
            consumer.seek(partition, end)
        print(READY, flush=True)
        return await _arrivals(consumer, count, time.monotonic() + seconds)
    finally:
        await consumer.stop()


async def _arrivals(consumer: AIOKafkaConsumer, count: int, deadline: float) -> list[float]:
    found: list[float] = []
    while len(found) < count and time.monotonic() < deadline:
        batches = await consumer.getmany(timeout_ms=500)
        arrived = time.time_ns()
        for records in batches.values():
            found += [(arrived - int(record.value[11:30])) / 1e6 for record in records]
    return found


if __name__ == "__main__":
    if sys.argv[1] == "insert":
        _, _, kind_, dsn_, topic_, rate_, seconds_ = sys.argv
        print(json.dumps(asyncio.run(insert(kind_, dsn_, topic_, int(rate_), int(seconds_)))))
    else:
        _, _, bootstrap_, topic_, count_, seconds_ = sys.argv
        print(json.dumps(asyncio.run(listen(bootstrap_, topic_, int(count_), float(seconds_)))))
