"""A process that does nothing but send: the ceiling of what a Python relay could reach record by record.

`python -m norda_local.bench.bare_producer <bootstrap> <topic> <count>` sends prepared records, with the keys, headers
and settings of our relay, awaits all acknowledgements and prints seconds, CPU seconds and resident bytes as JSON.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
import time
from datetime import UTC, datetime
from uuid import UUID

import psutil
from norda_common.contracts.envelope import Headers, write_headers
from norda_common.identifiers import new_id
from norda_common.publisher import new_producer

from .rows import KEYS, VALUE_BYTES


def records(count: int) -> list[tuple[bytes, bytes, Headers]]:
    """Key, value and headers of each record, as our relay would send them."""
    now, made = datetime.now(UTC), []
    for number in range(count):
        key = UUID(hashlib.md5(f"key {number % KEYS}".encode(), usedforsecurity=False).hexdigest())
        trace = f"00-{new_id().hex}-{new_id().hex[:16]}-01"
        headers = write_headers(
            event_id=new_id(),
            source="/hb/registry",
            type_="norda.registry.organisation.changed.v1",
            subject=str(key).encode(),
            time=now,
            data_schema="urn:norda:schema:registry.organisation.v1",
            sequence=number // KEYS + 1,
            cause=trace,
            hop=trace,
        )
        made.append((str(key).encode(), b"x" * VALUE_BYTES, headers))
    return made


async def send_all(bootstrap: str, topic: str, count: int) -> dict[str, float]:
    """Send and await everything; what was measured begins with the first record and ends with the last reply."""
    prepared = records(count)
    producer = await new_producer(bootstrap, client_id="bare-producer")
    try:
        await producer.partitions_for(topic)
        process = psutil.Process()
        cpu, began = sum(process.cpu_times()[:2]), time.perf_counter()
        pending = [
            await producer.send(topic, key=key, value=value, headers=headers) for key, value, headers in prepared
        ]
        await asyncio.gather(*pending)
        seconds = time.perf_counter() - began
        return {
            "seconds": seconds,
            "cpu_seconds": sum(process.cpu_times()[:2]) - cpu,
            "rss": process.memory_info().rss,
        }
    finally:
        await producer.stop()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(send_all(sys.argv[1], sys.argv[2], int(sys.argv[3])))))
