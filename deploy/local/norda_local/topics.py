"""A look into Kafka from the command line: which topics there are, and what stands in one.

Reads without a consumer group, so looking changes nothing. Values that are not JSON and headers that are not UTF-8
are shown as they are, never skipped.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition
from rich.json import JSON
from rich.table import Table
from rich.text import Text

from norda_local.display import output
from norda_local.errors import StackError

CONNECT_SECONDS = 10
# The client logs each failed attempt; one line about the outcome is enough for a person.
logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
IDLE_POLL_MILLISECONDS = 500


def list_topics(bootstrap: str) -> None:
    """Print every topic with partitions and number of records kept."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("topic", no_wrap=True)
    table.add_column("partitions", justify="right")
    table.add_column("records", justify="right")
    for name, partitions, records in asyncio.run(_extents(bootstrap)):
        table.add_row(name, str(partitions), str(records))
    output.print(table)


def show(bootstrap: str, topic: str, *, from_beginning: bool, count: int | None) -> None:
    """Print records of a topic. From the beginning it ends with the newest record, otherwise with `count` or Ctrl-C.

    Raises:
        StackError: Kafka is away or has no such topic.
    """
    asyncio.run(_show(bootstrap, topic, from_beginning=from_beginning, count=count))


async def _extents(bootstrap: str) -> list[tuple[str, int, int]]:
    async with _consumer(bootstrap) as consumer:
        found = []
        for name, partitions in sorted((await _topics(bootstrap)).items()):
            first, last = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
            found.append((name, len(partitions), sum(last[item] - first[item] for item in partitions)))
        return found


async def _show(bootstrap: str, topic: str, *, from_beginning: bool, count: int | None) -> None:
    async with _consumer(bootstrap) as consumer:
        partitions = (await _topics(bootstrap)).get(topic)
        if partitions is None:
            raise StackError(f"there is no topic {topic}", "./norda topic lists them")
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        starts = await consumer.beginning_offsets(partitions) if from_beginning else ends
        # seek_to_beginning() loses against the reset that assign() has begun; a seek to an offset does not.
        for partition, offset in starts.items():
            consumer.seek(partition, offset)
        shown = 0
        while count is None or shown < count:
            batches = await consumer.getmany(timeout_ms=IDLE_POLL_MILLISECONDS)
            for record in sorted(
                (item for batch in batches.values() for item in batch), key=lambda item: item.timestamp
            ):
                if count is None or shown < count:
                    _print_record(record)
                    shown += 1
            if from_beginning and await _read_up_to(consumer, ends):
                return


async def _read_up_to(consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]) -> bool:
    return all([await consumer.position(partition) >= end for partition, end in ends.items()])


async def _topics(bootstrap: str) -> dict[str, list[TopicPartition]]:
    """Every topic but Kafka's own, with its partitions."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        return {
            described["topic"]: [
                TopicPartition(described["topic"], number)
                for number in sorted(partition["partition"] for partition in described["partitions"])
            ]
            for described in await admin.describe_topics()
            if not described["is_internal"]
        }
    finally:
        await admin.close()


@asynccontextmanager
async def _consumer(bootstrap: str) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    try:
        await asyncio.wait_for(consumer.start(), CONNECT_SECONDS)
        yield consumer
    except (KafkaError, TimeoutError) as error:
        raise StackError(f"Kafka at {bootstrap} does not answer", "see ./norda status") from error
    finally:
        await consumer.stop()


def _print_record(record: Any) -> None:
    head = Text.assemble(
        (f"{record.topic} ", "bold"),
        (f"partition {record.partition} offset {record.offset} ", "dim"),
        ("key ", "dim"),
        (_readable(record.key), "cyan"),
    )
    output.print(head)
    for name, value in _headers(record.headers):
        output.print(Text.assemble((f"  {name}: ", "green"), value), soft_wrap=True)
    output.print(_value(record.value))


def _headers(headers: Sequence[tuple[str, bytes | None]]) -> list[tuple[str, str]]:
    return [(name, _readable(value)) for name, value in headers]


def _value(value: bytes | None) -> JSON | Text:
    if value is None:
        return Text("  (tombstone)", style="yellow")
    try:
        return JSON.from_data(json.loads(value), indent=2)
    except ValueError:
        return Text(f"  {_readable(value)}", style="yellow")


def _readable(value: bytes | None) -> str:
    return "(null)" if value is None else value.decode(errors="backslashreplace")
