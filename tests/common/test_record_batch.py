"""Record batches as we build them, read back by aiokafka's own reader: nothing is changed on the way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from aiokafka.record.memory_records import MemoryRecords
from hypothesis import given
from hypothesis import strategies as st
from norda_common.contracts.envelope import header_block, write_headers
from norda_common.contracts.model import rfc3339, rfc3339_of
from norda_common.identifiers import new_id
from norda_common.record_batch import OVERHEAD_BYTES, RecordBatch, sized, varint

Record = tuple[bytes, bytes | None, list[tuple[str, bytes]]]
HEADERS = st.lists(st.tuples(st.text(max_size=80), st.binary(max_size=300)), max_size=20)
RECORDS = st.lists(
    st.tuples(st.binary(max_size=100), st.none() | st.binary(max_size=20_000), HEADERS), min_size=1, max_size=80
)
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


def block(headers: list[tuple[str, bytes]]) -> bytes:
    return varint(len(headers)) + b"".join(sized(name.encode()) + sized(value) for name, value in headers)


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
        assert batch.append(sized(key), value, block(headers))
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


@given(
    sequence=st.integers(0, 10**17),
    time=st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    cause=st.none()
    | st.just("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    | st.text("0f-ü", min_size=1, max_size=90),
    hop=st.none() | st.just("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    source=st.sampled_from(["/hb/registry", "/ni/" + "ü" * 200]),
)
def test_the_relays_headers_are_those_of_everybody_else(
    sequence: int, time: datetime, cause: str | None, hop: str | None, source: str
) -> None:
    key, event_id = new_id(), new_id()
    common: dict[str, Any] = {
        "source": source,
        "type_": "norda.registry.organisation.changed.v1",
        "data_schema": "urn:norda:schema:registry.organisation.v1",
        "sequence": sequence,
        "cause": cause,
        "hop": hop,
    }
    expected = write_headers(event_id=event_id, subject=str(key).encode(), time=time, **common)
    batch = RecordBatch(max_bytes=10_000)
    headers = header_block(event_id=str(event_id), subject=str(key), time=rfc3339(time), **common)
    batch.append(sized(str(key).encode()), b"{}", headers)
    ((record,),) = [read(batch)[1]]
    assert sorted(record.headers) == sorted(expected)


@given(st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_an_instant_of_the_database_is_written_as_any_other(time: datetime) -> None:
    assert rfc3339_of((time - EPOCH) // timedelta(microseconds=1)) == rfc3339(time)
