"""From outbox rows to Kafka's record batches: partition, headers, and the spans that tell of the sending.

A few rows get a PRODUCER span each, in the trace that stored the row. A page of many, as after an outage, gets one span
a batch, linked to what it sends: a span a row would cost more than everything else the relay does with it
(docs/decisions/0061-relay-speed.md). The record's `traceparent` is then the one the row was stored with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import murmur2
from aiokafka.structs import RecordMetadata
from opentelemetry import trace
from opentelemetry.trace import Link, SpanKind, StatusCode

from .contracts.envelope import event_id_in, is_header_block, with_hop
from .outbox_reader import Row
from .publisher import MAX_BATCH_BYTES, MAX_RECORD_BYTES, Partitions, UnknownTopic
from .record_batch import RecordBatch, sized
from .telemetry import context_of, link_to, traceparent_of, tracer

ROWS_WITH_SPANS = 64
"""Up to so many rows in a page each has a span of its own."""
LINKS = 16
"""Of a batch's span: enough to find it from a trace nearby; reading one takes as long as encoding a row."""
KEYS_REMEMBERED = 65_536


@dataclass(slots=True)
class RowBatch:
    """Rows of one partition, encoded, and the spans that end with their acknowledgement."""

    topic: str
    partition: int
    records: RecordBatch
    ids: list[int] = field(default_factory=list)
    traces: list[str] = field(default_factory=list)
    spans: list[trace.Span] = field(default_factory=list)

    def begin(self) -> None:
        """Close the batch, and start its span when its rows have none."""
        self.records.close()
        if self.spans or not self.traces:
            return
        links: list[Link] = [link for text in self.traces[:LINKS] for link in link_to(text)]
        attributes = _attributes(self.topic) | {"messaging.batch.message_count": len(self.ids)}
        name = f"send {self.topic}"
        self.spans.append(tracer().start_span(name, kind=SpanKind.PRODUCER, links=links, attributes=attributes))

    def end(self, outcome: RecordMetadata | BaseException | None) -> None:
        """End the spans with what Kafka said."""
        for span in self.spans:
            if isinstance(outcome, BaseException):
                span.set_attribute("error.type", type(outcome).__name__)
                span.set_status(StatusCode.ERROR)
            elif outcome is not None:
                span.set_attribute("messaging.destination.partition.id", str(outcome.partition))
            span.end()


class BatchWriter:
    """Encodes rows for one producer; remembers partitions of topics and keys."""

    def __init__(self, producer: AIOKafkaProducer, *, prefix: str) -> None:
        self._producer = producer
        self._partitions = Partitions(producer)
        self._prefix = prefix

    async def write(self, rows: Sequence[Row], *, careful: bool = False) -> tuple[list[RowBatch], dict[int, str]]:
        """The rows as batches in the order of their first row, and which row ids cannot be sent, with the reason.

        What follows a row that cannot be sent, for the same topic and key, is left out. `careful` also finds headers
        that no broker can read, for which it refuses the whole batch and does not say why.
        """
        counts = {topic: await self._count(topic) for topic in {row["topic"] for row in rows}}
        batches: list[RowBatch] = []
        open_batches: dict[tuple[str, int], RowBatch] = {}
        unsendable: dict[int, str] = {}
        held_back: set[tuple[str, object]] = set()
        with_spans = len(rows) <= ROWS_WITH_SPANS
        for row in rows:
            row_id, topic, key, headers, traceparent, value = row
            if held_back and (topic, key) in held_back:
                continue
            count = counts[topic]
            fault = _fault(value, headers if careful else None)
            if count is None or fault:
                unsendable[row_id] = fault or "unknown_topic"
                held_back.add((topic, key))
                continue
            span: trace.Span | None = None
            if with_spans and traceparent:
                span = _start_span(self._prefix + topic, key, row)
                headers = with_hop(headers, traceparent_of(span) or traceparent)
            raw_key, hashed = _placed(key)
            place = (topic, hashed % count)
            batch = open_batches.get(place)
            if batch is None or not batch.records.append(raw_key, value, headers):
                records = RecordBatch(max_bytes=MAX_BATCH_BYTES)
                records.append(raw_key, value, headers)
                batch = open_batches[place] = RowBatch(self._prefix + topic, place[1], records)
                batches.append(batch)
            batch.ids.append(row_id)
            if span:
                batch.spans.append(span)
            elif traceparent and not with_spans:
                batch.traces.append(traceparent)
        return batches, unsendable

    def look_for_topics(self) -> tuple[list[str], list[str]]:
        """Of the topics for which no rows could be sent those that are there now and those that are not, as rows name
        them; does not wait.
        """
        found, missing = self._partitions.look_again()
        return [topic.removeprefix(self._prefix) for topic in found], [
            topic.removeprefix(self._prefix) for topic in missing
        ]

    async def _count(self, topic: str) -> int | None:
        """How many partitions the topic has; None when the cluster does not know it."""
        try:
            return await self._partitions.count(self._prefix + topic)
        except UnknownTopic:
            return None


def _fault(value: bytes | None, headers: bytes | None) -> str | None:
    """Why a row's record would be refused."""
    if value is not None and len(value) > MAX_RECORD_BYTES:
        return "too_large"
    if headers is not None and not is_header_block(headers):
        return "unreadable_headers"
    return None


@lru_cache(KEYS_REMEMBERED)
def _placed(key: str) -> tuple[bytes, int]:
    """A key as it stands in a record, and what it is placed by; aiokafka's murmur2 takes longer than all the rest."""
    raw = key.encode()
    return sized(raw), int(murmur2(raw)) & 0x7FFFFFFF


def _attributes(topic: str) -> dict[str, str | int]:
    return {
        "messaging.system": "kafka",
        "messaging.operation.type": "send",
        "messaging.operation.name": "send",
        "messaging.destination.name": topic,
    }


def _start_span(topic: str, key: str, row: Row) -> trace.Span:
    """A PRODUCER span in the trace that stored the row."""
    attributes = _attributes(topic) | {
        "messaging.message.id": event_id_in(row["headers"]),
        "messaging.kafka.message.key": key,
    }
    context = context_of(row["traceparent"])
    return tracer().start_span(f"send {topic}", context=context, kind=SpanKind.PRODUCER, attributes=attributes)
