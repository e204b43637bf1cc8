"""The envelope round-trips, and reads any bytes either well or with a reason."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from norda_common.contracts.envelope import UnreadableRecord, decode, encode_headers, encode_value
from norda_common.identifiers import new_id
from norda_common.states import State

from .conftest import THING, Thing, thing


@given(
    text=st.text(alphabet=st.characters(exclude_categories=("Cs",))),
    sequence=st.integers(min_value=0, max_value=2**59),
    state=st.sampled_from(State),
)
def test_what_is_written_is_read(text: str, sequence: int, state: State) -> None:
    event = thing(new_id(), sequence, text, state=state)
    received = decode(
        THING,
        key=str(event.key).encode(),
        value=encode_value(event),
        headers=encode_headers(event, traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    )
    assert received.data == event.data
    assert (received.key, received.sequence, received.state) == (event.key, sequence, state)
    assert (received.event_id, received.source, received.change) == (event.event_id, event.source, "changed")
    assert received.time == event.time
    assert received.traceparent is not None


NAMES = ["ce_id", "ce_source", "ce_type", "ce_subject", "ce_time", "ce_sequence", "ce_specversion", "content-type", "x"]


@settings(max_examples=300)
@given(
    key=st.none() | st.binary(),
    value=st.none() | st.binary(),
    headers=st.lists(st.tuples(st.sampled_from(NAMES), st.none() | st.binary())),
    valid_first=st.booleans(),
)
def test_any_bytes_are_read_or_refused_with_a_reason(
    key: bytes | None, value: bytes | None, headers: list[Any], valid_first: bool
) -> None:
    base = encode_headers(thing(new_id(), 1), traceparent=None) if valid_first else []
    try:
        received = decode(THING, key=key, value=value, headers=[*base, *headers])
    except UnreadableRecord as refusal:
        assert refusal.code
    else:
        assert received.data is None or isinstance(received.data, Thing)


def test_an_unknown_field_is_ignored_so_that_additions_break_nobody() -> None:
    event = thing(new_id(), 1)
    value = (encode_value(event) or b"")[:-1] + b',"added_later":{"a":1}}'
    received = decode(THING, key=str(event.key).encode(), value=value, headers=encode_headers(event, traceparent=None))
    assert received.data == event.data


@pytest.mark.parametrize("change", ["renamed", "norda"])
def test_an_undeclared_change_cannot_be_said(change: str) -> None:
    with pytest.raises(KeyError):
        THING.event(change, None, state=State.BREMEN, key=new_id(), sequence=1, time=thing(new_id(), 1).time)


def test_a_record_without_key_is_refused() -> None:
    event = thing(new_id(), 1)
    with pytest.raises(UnreadableRecord, match="missing_key"):
        decode(THING, key=None, value=encode_value(event), headers=encode_headers(event, traceparent=None))
