"""Kafka's record batch, version 2, as an idempotent producer sends it: built from parts that are encoded already.

aiokafka builds one record by record from Python objects, which was a third of the relay's work
(docs/decisions/0061-relay-speed.md). `RecordBatch` takes the place of its `BatchBuilder` in `send_batch`: the same few
methods, by the same names. Format: https://kafka.apache.org/documentation/#recordbatch (magic 2).
"""

from __future__ import annotations

import struct
import time

from aiokafka.record.util import calc_crc32c

_UP_TO_CRC = struct.Struct(">qiibI")
_AFTER_CRC = struct.Struct(">hiqqqhii")
_LENGTH_END = struct.calcsize(">qi")
_CRC_END = _UP_TO_CRC.size
OVERHEAD_BYTES = _CRC_END + _AFTER_CRC.size
_MAGIC = 2
_SAME_TIME = b"\0\0"
"""A record's attributes, of which there are none, and its distance in time from the batch's first."""
_NULL = b"\x01"


def _varint(number: int) -> bytes:
    """A whole number as Kafka's zigzag varint."""
    rest = (number << 1) ^ (number >> 63)
    encoded = bytearray()
    while rest > 0x7F:
        encoded.append(rest & 0x7F | 0x80)
        rest >>= 7
    encoded.append(rest)
    return bytes(encoded)


_VARINTS = tuple(_varint(number) for number in range(8_192))
"""Those of one and two bytes, which nearly all lengths are."""


def varint(number: int) -> bytes:
    """A length or a count as Kafka writes it; `number` is not negative."""
    return _VARINTS[number] if number < len(_VARINTS) else _varint(number)


def read_varint(content: memoryview) -> tuple[int, memoryview]:
    """A number as Kafka writes it, and what follows it. Raises IndexError where the content ends too early."""
    place = number = 0
    while content[place] & 0x80:
        number |= (content[place] & 0x7F) << 7 * place
        place += 1
    number |= content[place] << 7 * place
    return (number >> 1) ^ -(number & 1), content[place + 1 :]


def sized(content: bytes) -> bytes:
    """Bytes behind their length: a key, a header's name or its value."""
    return varint(len(content)) + content


class RecordBatch:
    """Records for one partition, all with the time of the first; closed once it was refused a record or sent."""

    __slots__ = ("_buffer", "_closed", "_count", "_max_bytes", "_parts", "_producer", "_size", "_time_ms")

    def __init__(self, *, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._parts = [bytes(OVERHEAD_BYTES)]
        self._size = OVERHEAD_BYTES
        self._count = 0
        self._closed = False
        self._time_ms = int(time.time() * 1_000)
        self._producer = (-1, -1, -1)
        self._buffer: bytearray | None = None

    def append(self, key: bytes, value: bytes | None, headers: bytes) -> bool:
        """Add a record; False when it does not fit. The first one always fits, also one above `max_bytes`.

        `key` is `sized`, `value` is bare, `headers` are a `varint` count and `sized` names and values.
        """
        offset = varint(self._count)
        size, content = (_NULL, b"") if value is None else (varint(len(value)), value)
        length = 2 + len(offset) + len(key) + len(size) + len(content) + len(headers)
        before = varint(length)
        total = self._size + len(before) + length
        if self._closed or (self._count and total > self._max_bytes):
            self._closed = True
            return False
        self._parts += (before, _SAME_TIME, offset, key, size, content, headers)
        self._size = total
        self._count += 1
        return True

    def close(self) -> None:
        """Take no more records."""
        self._closed = True

    def closed(self) -> bool:
        """Whether it takes no more records."""
        return self._closed

    def size(self) -> int:
        """Bytes of the whole batch."""
        return self._size

    def record_count(self) -> int:
        """How many records it holds."""
        return self._count

    def _set_producer_state(self, producer_id: int, producer_epoch: int, base_sequence: int) -> None:
        """What lets the broker tell a repetition; aiokafka calls it before the first attempt to send."""
        self._producer = (producer_id, producer_epoch, base_sequence)

    def _build(self) -> bytearray:
        """The batch as it goes over the wire; aiokafka calls it for each attempt."""
        if self._buffer is None:
            self._closed = True
            buffer = bytearray().join(self._parts)
            last = self._count - 1
            _AFTER_CRC.pack_into(buffer, _CRC_END, 0, last, self._time_ms, self._time_ms, *self._producer, self._count)
            crc = calc_crc32c(memoryview(buffer)[_CRC_END:])
            _UP_TO_CRC.pack_into(buffer, 0, 0, len(buffer) - _LENGTH_END, -1, _MAGIC, crc)
            self._buffer = buffer
            self._parts.clear()
        return self._buffer
