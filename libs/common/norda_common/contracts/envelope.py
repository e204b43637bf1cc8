"""CloudEvents 1.0 in Kafka binary mode: headers and value, written and read defensively.

Written by hand rather than by the `cloudevents` SDK, because that one turns no data into `b""` (a tombstone must be
null), lets the record key overwrite `partitionkey`, and takes a structured message with any `ce_` header for binary.
See docs/decisions/0003-own-envelope.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from ..record_batch import read_varint, sized, varint
from ..states import State
from .model import EventData, rfc3339
from .topics import Event, Topic

CONTENT_TYPE = "application/json"
TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
"""W3C Trace Context, the form all versions begin with."""
Headers = list[tuple[str, bytes]]
Fields = Mapping[str, bytes | None]
"""A record's headers by name."""
_UUID = TypeAdapter(UUID)

_SPECVERSION = ("ce_specversion", b"1.0")
_CONTENT_TYPE = ("content-type", CONTENT_TYPE.encode())
_ID = sized(b"ce_id") + varint(36)


@lru_cache(1024)
def _constant(name: str, text: str) -> tuple[str, bytes]:
    """A header whose few values come again and again."""
    return (name, text.encode())


class UnreadableRecord(Exception):  # noqa: N818 - it is a verdict on a record, not a fault of the program
    """A record that no retry will make readable; `code` is the dead letter's reason, the message its detail."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class Received(NamedTuple):
    """A readable record: who said what of which aggregate. `data` None is a tombstone; `value` is the data as it came.

    `state` is read from the source, so a record says whose it is even on a mirrored topic. A named tuple, since a
    frozen dataclass of eleven fields takes four times as long to make.
    """

    topic: Topic
    state: State
    change: str
    event_id: UUID
    source: str
    key: UUID
    sequence: int
    time: datetime
    data: EventData | None
    traceparent: str | None
    value: bytes | None = None


def write_headers(
    *,
    event_id: UUID,
    source: str,
    type_: str,
    subject: bytes,
    time: datetime,
    data_schema: str,
    sequence: int,
    cause: str | None,
    hop: str | None = None,
) -> Headers:
    """A record's headers. `subject` is the record's key, `cause` the trace that caused the event (`ce_traceparent`),
    `hop` the sending span.
    """
    headers: Headers = [
        _SPECVERSION,
        ("ce_id", str(event_id).encode()),
        _constant("ce_source", source),
        _constant("ce_type", type_),
        ("ce_subject", subject),
        ("ce_time", rfc3339(time).encode()),
        _constant("ce_dataschema", data_schema),
        ("ce_sequence", b"%d" % sequence),
        _CONTENT_TYPE,
    ]
    if cause:
        headers.append(("ce_traceparent", cause.encode()))
    if hop:
        headers.append(("traceparent", hop.encode()))
    return headers


def header_block(headers: Headers) -> bytes:
    """Headers as they stand in a Kafka record, their count first; with a hop's `traceparent` it ends with that."""
    return varint(len(headers)) + b"".join([_sized_name(name) + sized(value) for name, value in headers])


@lru_cache(1024)
def _sized_name(name: str) -> bytes:
    return sized(name.encode())


def is_header_block(block: bytes) -> bool:
    """Whether a broker will read this as headers: as many as it says, each name and value as long as it says."""
    rest = memoryview(block)
    try:
        count, rest = read_varint(rest)
        for _ in range(2 * count):
            length, rest = read_varint(rest)
            if not 0 <= length <= len(rest):
                return False
            rest = rest[length:]
    except IndexError:
        return False
    return count >= 0 and not rest


def with_hop(block: bytes, traceparent: str) -> bytes:
    """A block that ends with a `traceparent`, with another one."""
    return block[: -len(traceparent)] + traceparent.encode()


def event_id_in(block: bytes) -> str:
    """The `ce_id` in a block; for the trace alone, so whatever stands there will do."""
    return block.partition(_ID)[2][:36].decode(errors="replace")


def encode_headers(event: Event, *, traceparent: str | None, hop: str | None = None) -> Headers:
    """An event's headers. `traceparent` is the trace that caused it, `hop` the span that sends it."""
    return write_headers(
        event_id=event.event_id,
        source=event.source,
        type_=event.type,
        subject=str(event.key).encode(),
        time=event.time,
        data_schema=event.topic.data_schema,
        sequence=event.sequence,
        cause=traceparent,
        hop=hop,
    )


def encode_value(event: Event) -> bytes | None:
    """The JSON data alone; None for a tombstone."""
    return None if event.data is None else event.data.model_dump_json(exclude_none=True).encode()


def header_text(headers: Sequence[tuple[str, bytes | None]], name: str) -> str | None:
    """The last header of that name as text; None when absent, null or not UTF-8."""
    for key, value in reversed(headers):
        if key == name and value is not None:
            try:
                return value.decode()
            except UnicodeDecodeError:
                return None
    return None


def trace_of(headers: Sequence[tuple[str, bytes | None]]) -> str | None:
    """The trace a record belongs to: the hop's `traceparent`, else the cause's; None unless it is a valid one."""
    return _trace(dict(headers))


def _trace(fields: Fields) -> str | None:
    for name in ("traceparent", "ce_traceparent"):
        text = (fields.get(name) or b"").decode(errors="replace")
        if TRACEPARENT.fullmatch(text):
            return text
    return None


def decode(
    topic: Topic,
    *,
    key: bytes | None,
    value: bytes | None,
    headers: Sequence[tuple[str, bytes | None]],
    data: type[EventData] | None = None,
) -> Received:
    """Read a record of this topic; of headers with one name the last counts. `data` reads part of the topic's data.

    Raises:
        UnreadableRecord: with the exact reason.
    """
    fields = dict(headers)
    if None in fields.values():
        _refuse_null(fields)
    if fields.get("ce_specversion") != b"1.0":
        raise UnreadableRecord("not_a_cloudevent", f"ce_specversion is {fields.get('ce_specversion')!r}, not '1.0'")
    change = _change(topic.service, topic.aggregate, topic.major, _required(fields, "ce_type"))
    aggregate_id = _key(key, fields)
    source, state = _source(_required(fields, "ce_source"))
    return Received(
        topic,
        state,
        change,
        _uuid(_text(fields, "ce_id"), "ce_id"),
        source,
        aggregate_id,
        _sequence(_text(fields, "ce_sequence")),
        _time(_text(fields, "ce_time")),
        _data(data or topic.data, value, fields),
        _trace(fields),
        value,
    )


def _refuse_null(fields: Fields) -> None:
    for name, raw in fields.items():
        if raw is None and (name.startswith("ce_") or name == "content-type"):
            raise UnreadableRecord("null_header", f"header {name} is null")


def _required(fields: Fields, name: str) -> bytes:
    value = fields.get(name)
    if not value:
        raise UnreadableRecord("missing_header", f"header {name} is missing")
    return value


def _text(fields: Fields, name: str) -> str:
    return _as_text(_required(fields, name), name)


def _as_text(raw: bytes, name: str) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise UnreadableRecord("undecodable_header", f"header {name} is not UTF-8: {error.reason}") from error


# Types and sources are few and come with every record: each is read once.
@lru_cache(1024)
def _change(service: str, aggregate: str, major: int, raw: bytes) -> str:
    event_type = _as_text(raw, "ce_type")
    prefix, version = f"norda.{service}.{aggregate}.", f".v{major}"
    if not event_type.startswith(prefix):
        raise UnreadableRecord("unexpected_type", f"{event_type} does not belong on {service}.{aggregate}{version}")
    if not event_type.endswith(version):
        raise UnreadableRecord("unknown_version", f"{event_type} is not of version {major}")
    return event_type[len(prefix) : -len(version)]


@lru_cache(1024)
def _source(raw: bytes) -> tuple[str, State]:
    source = _as_text(raw, "ce_source")
    parts = source.split("/")
    try:
        return source, State(parts[1])
    except (IndexError, ValueError) as error:
        raise UnreadableRecord("unknown_source", f"{source!r} names no state") from error


def _key(key: bytes | None, fields: Fields) -> UUID:
    if key is None:
        raise UnreadableRecord("missing_key", "the record has no key")
    if key != _required(fields, "ce_subject"):
        raise UnreadableRecord("key_mismatch", "the key is not the ce_subject")
    try:
        text = key.decode()
    except UnicodeDecodeError as error:
        raise UnreadableRecord("undecodable_key", "the key is not UTF-8") from error
    return _uuid(text, "key")


def _uuid(text: str, name: str) -> UUID:
    try:
        # Pydantic's is three times as quick as UUID's own reader.
        return _UUID.validate_python(text)
    except ValidationError as error:
        raise UnreadableRecord("invalid_id", f"{name} is not a UUID") from error


def _sequence(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise UnreadableRecord("invalid_sequence", "ce_sequence is not a whole number")
    return int(text)


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise UnreadableRecord("invalid_time", "ce_time is not RFC 3339") from error
    if time.tzinfo is None:
        raise UnreadableRecord("invalid_time", "ce_time has no offset")
    return time


def _data(model: type[EventData], value: bytes | None, fields: Fields) -> EventData | None:
    if value is None:
        return None
    content_type = fields.get("content-type")
    if content_type and content_type != _CONTENT_TYPE[1]:
        named = _as_text(content_type, "content-type").partition(";")[0].strip()
        if named != CONTENT_TYPE:
            raise UnreadableRecord("unknown_content_type", f"content-type is {named!r}")
    try:
        return model.model_validate_json(value)
    except ValidationError as error:
        # Only places and kinds of the faults: a payload can hold personal data, a reason is shown to operators.
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'value'}: {fault['type']}"
            for fault in error.errors(include_input=False, include_context=False, include_url=False)[:5]
        )
        raise UnreadableRecord("invalid_data", faults) from error
