"""Record batches as we build them, read back by aiokafka's own reader: nothing is changed on the way."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from aiokafka.record.memory_records import MemoryRecords
from hypothesis import given
from hypothesis import strategies as st
from norda_common.contracts.envelope import encode_headers, event_id_in, header_block, is_header_block, with_hop
from norda_common.identifiers import new_id
from norda_common.record_batch import OVERHEAD_BYTES, RecordBatch, sized, varint

from .conftest import thing

Record = tuple[bytes, bytes | None, list[tuple[str, bytes]]]
HEADERS = st.lists(st.tuples(st.text(max_size=80), st.binary(max_size=300)), max_size=20)
RECORDS = st.lists(
    st.tuples(st.binary(max_size=100), st.none() | st.binary(max_size=20_000), HEADERS), min_size=1, max_size=80
)


def read(batch: RecordBatch) -> tuple[Any, list[Any]]:
    """The batch's head and its records, by aiokafka; it must be one whole batch."""
    reader = MemoryRecords(bytes(batch._build()))
    head = reader.next_batch()
    assert head is not None
    assert head.validate_crc()
    assert not reader.has_next()
    return head, list(head)


@given(RECORDS)
def test_what_goes_in_comes_out(records: list[Record]) -> None:
    batch = RecordBatch(max_bytes=10_000_000)
    for key, value, headers in records:
        assert batch.append(sized(key), value, header_block(headers))
    batch._set_producer_state(4711, 3, 42)
    head, found = read(batch)
    assert [(item.key, item.value, list(item.headers)) for item in found] == records
    assert [item.offset for item in found] == list(range(len(records)))
    assert len({item.timestamp for item in found}) == 1
    assert abs(found[0].timestamp / 1_000 - datetime.now(UTC).timestamp()) < 60
    assert (head.producer_id, head.producer_epoch, head.base_sequence) == (4711, 3, 42)
    assert len(batch._build()) == batch.size()
    assert batch.record_count() == len(records)


@given(st.integers(0, 2**40))
def test_long_lengths_are_varints_too(number: int) -> None:
    written = varint(number)
    value = sum((byte & 0x7F) << (7 * place) for place, byte in enumerate(written))
    assert value == 2 * number
    assert all(byte & 0x80 for byte in written[:-1])
    assert not written[-1] & 0x80


def test_a_batch_is_closed_by_the_record_that_does_not_fit_but_takes_any_first_one() -> None:
    batch = RecordBatch(max_bytes=1_000)
    assert batch.append(sized(b"k"), b"x" * 2_000, varint(0)), "the first always fits"
    assert not batch.append(sized(b"k"), b"", varint(0))
    assert batch.closed()
    assert batch.record_count() == 1
    small = RecordBatch(max_bytes=OVERHEAD_BYTES + 100)
    assert small.append(sized(b"k"), b"x" * 40, varint(0))
    assert not small.append(sized(b"k"), b"x" * 60, varint(0))
    assert not small.append(sized(b"k"), b"", varint(0)), "nothing may overtake what did not fit"
    assert len(read(small)[1]) == 1


@given(HEADERS, st.binary(min_size=1, max_size=3))
def test_spoilt_headers_are_found(headers: list[tuple[str, bytes]], spoilt: bytes) -> None:
    block = header_block(headers)
    assert is_header_block(block)
    assert not is_header_block(block + spoilt)
    assert not is_header_block(block[:-1])
    assert not is_header_block(varint(len(headers) + 1) + block[len(varint(len(headers))) :])
    assert not is_header_block(b"\x01")


def test_headers_of_an_event_are_stored_as_they_are_sent_but_for_the_hop() -> None:
    first, second = (f"00-{new_id().hex}-00f067aa0ba902b7-01" for _ in range(2))
    event = thing(new_id(), 7)
    stored = header_block(encode_headers(event, traceparent=first, hop=first))
    batch = RecordBatch(max_bytes=10_000)
    batch.append(sized(str(event.key).encode()), b"{}", with_hop(stored, second))
    ((record,),) = [read(batch)[1]]
    assert list(record.headers) == encode_headers(event, traceparent=first, hop=second)
    assert event_id_in(stored) == str(event.event_id)
