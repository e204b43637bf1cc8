"""Cursors and versions: what was given out comes back, what nobody gave out is refused."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from norda_common.errors import InvalidInput
from norda_common.requests import expected_version, read_cursor, write_cursor


@given(
    text=st.text(alphabet=st.characters(exclude_categories=("Cs",), exclude_characters="\x00")),
    number=st.integers(0, 10**18 - 1),
    key=st.uuids(),
    instant=st.datetimes(datetime(1901, 1, 1), datetime(2199, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_a_cursor_gives_back_its_parts(text: str, number: int, key: UUID, instant: datetime) -> None:
    cursor = write_cursor(text, number, key, instant)
    assert read_cursor(cursor, str, int, UUID, datetime) == (text, number, key, instant)


def forged(*parts: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        forged("\ud800"),
        forged("a\x00b"),
        forged("a", "b"),
        forged(1),
        base64.urlsafe_b64encode(b"[" * 1500).decode(),
        base64.urlsafe_b64encode(b"\xff").decode(),
        "A",
        "%%%",
    ],
)
def test_a_forged_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidInput):
        read_cursor(cursor, str)


@given(st.text())
def test_any_text_is_a_cursor_or_refused(text: str) -> None:
    try:
        read_cursor(text, str, UUID)
    except InvalidInput as refusal:
        assert refusal.status == 422


@pytest.mark.parametrize(("header", "version"), [(None, None), ("*", None), ('"3"', 3), ('W/"7"', 7)])
async def test_a_version_is_read(header: str | None, version: int | None) -> None:
    assert await expected_version(header) == version


@pytest.mark.parametrize("header", ["3", '"x"', '"٣"', '"-1"', '"1", "2"', ""])
async def test_what_is_no_version_is_refused(header: str) -> None:
    with pytest.raises(InvalidInput):
        await expected_version(header)
