"""A look into Kafka from the command line: which topics there are, and what stands in one.

Reads without a consumer group, so looking changes nothing. Values that are not JSON and headers that are not UTF-8
are shown as they are, never skipped.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition
from rich.json import JSON
from rich.table import Table
from rich.text import Text

from norda_local.display import output
from norda_local.errors import StackError

CONNECT_SECONDS = 10
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
        for name in sorted(await consumer.topics()):
            partitions = await _partitions(consumer, name)
            first, last = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
            found.append((name, len(partitions), sum(last[item] - first[item] for item in partitions)))
        return found


async def _show(bootstrap: str, topic: str, *, from_beginning: bool, count: int | None) -> None:
    async with _consumer(bootstrap) as consumer:
        if topic not in await consumer.topics():
            raise StackError(f"there is no topic {topic}", "./norda topic lists them")
        partitions = await _partitions(consumer, topic)
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        await (consumer.seek_to_beginning if from_beginning else consumer.seek_to_end)(*partitions)
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


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> list[TopicPartition]:
    # A client fetches the metadata of all topics only when it is asked for the list of topics.
    numbers = consumer.partitions_for_topic(topic) or set()
    return [TopicPartition(topic, number) for number in sorted(numbers)]


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
