"""A Kafka consumer that does not stop at a record whose header name is not UTF-8.

aiokafka decodes header names strictly while it reads a batch: one such record makes every read of its partition fail,
and FastStream repeats that for ever without a word. When it happens, batches are read by aiokafka's own reader in pure
Python with the name's bad bytes escaped; after a while the quick reader is back.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy
from aiokafka.structs import ConsumerRecord, TopicPartition
from faststream.kafka import KafkaBroker

from .patience import make_patient

log = structlog.get_logger(__name__)

TOLERANT_SECONDS = 60.0
WAIT_MS = 1_000
_QUICK_READER = fetcher.MemoryRecords


class _Escaping(bytes):
    """Bytes whose text shows what cannot be decoded as `\\xff`."""

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:  # noqa: ARG002
        return bytes.decode(self, encoding, "backslashreplace")


class _EscapingBuffer(bytearray):
    """A buffer whose slices decode without failing."""

    def __getitem__(self, place: Any) -> Any:
        found = super().__getitem__(place)
        return _Escaping(found) if isinstance(place, slice) else found


class _TolerantBatch(_DefaultRecordBatchPy):  # type: ignore[misc]  # aiokafka is untyped here
    """aiokafka's reader of a batch, with header names decoded leniently."""

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        buffer: bytearray = self._buffer  # type: ignore[has-type]
        self._buffer = _EscapingBuffer(buffer)


class _TolerantRecords(_MemoryRecordsPy):  # type: ignore[misc]
    """aiokafka's reader of a fetch, with lenient batches; message format 2 is the only one since Kafka 0.11."""

    def next_batch(self) -> _TolerantBatch | None:
        batch = self._next_slice
        if batch is None:
            return None
        self._cache_next()
        return _TolerantBatch(batch)


class TolerantConsumer(AIOKafkaConsumer):  # type: ignore[misc]
    """An AIOKafkaConsumer that goes on where a header name cannot be decoded, and is patient while Kafka is away."""

    _tolerant_since: float | None = None

    def __init__(self, *topics: str, **settings: Any) -> None:
        super().__init__(*topics, **settings)
        make_patient(self._client)

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> dict[TopicPartition, list[ConsumerRecord[Any, Any]]]:
        """As aiokafka's, but it waits a second for records whatever the time-out; FastStream sleeps that time-out after
        an empty answer, and is deaf meanwhile. A batch that could not be decoded is read again by the next call.
        """
        if self._tolerant_since is not None and time.monotonic() - self._tolerant_since > TOLERANT_SECONDS:
            fetcher.MemoryRecords, self._tolerant_since = _QUICK_READER, None
        try:
            found: dict[TopicPartition, list[ConsumerRecord[Any, Any]]] = await super().getmany(
                *partitions, timeout_ms=max(timeout_ms, WAIT_MS), max_records=max_records
            )
        except UnicodeDecodeError:
            log.warning("a header name is not UTF-8; reading leniently", seconds=TOLERANT_SECONDS)
            fetcher.MemoryRecords, self._tolerant_since = _TolerantRecords, time.monotonic()
            return {}
        return found


async def start_tolerant(broker: KafkaBroker) -> None:
    """Start a FastStream broker whose consumers are tolerant; FastStream has no setting for the consumer's class."""
    await broker.connect()
    config = broker.config.broker_config
    config.builder = partial(TolerantConsumer, *config.builder.args, **config.builder.keywords)  # type: ignore[attr-defined]
    await broker.start()
