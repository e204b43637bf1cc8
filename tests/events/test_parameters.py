"""Query parameters nobody should send: always a refusal that names the parameter, never a fault of the program."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from norda_common.requests import write_cursor

from .conftest import Offices

JUNK: list[tuple[str, str]] = [
    *[(name, value) for name in ("own_id", "cluster", "competence", "q") for value in ("\x00", "a\x07b", "x" * 301)],
    *[(name, value) for name in ("from", "to") for value in ("0001-01-01", "9999-12-31", "2028-02-30", "\x00")],
    ("state", "\x00"),
    ("status", "\x00"),
    ("limit", "\x00"),
]


def cursor_of(*parts: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


SOMETHING = UUID("01a20960-5f2e-7c4b-9a53-0d5a7c1b2e3f")
NOBODYS_CURSORS = [
    "",
    "kaputt",
    "%",
    "\x00",
    "x" * 3000,
    write_cursor("2028-05-01T10:00:00+00:00|" + str(SOMETHING)),
    write_cursor(datetime(2028, 5, 1, tzinfo=UTC)),
    write_cursor(SOMETHING, datetime(2028, 5, 1, tzinfo=UTC)),
    write_cursor("0001-01-01T00:00:00+23:59", SOMETHING),
    write_cursor("9999-12-31T23:59:59-23:59", SOMETHING),
    write_cursor("2028-05-01T10:00:00", SOMETHING),
    write_cursor("\x00", "\x00"),
    write_cursor("-1"),
    write_cursor("9" * 19),
    write_cursor("٣"),
    cursor_of(1),
    cursor_of(None),
    cursor_of({}),
    cursor_of("\udcff"),
    base64.urlsafe_b64encode(b"[" * 1500).decode(),
]


@pytest.mark.parametrize(("name", "value"), JUNK, ids=[f"{name}-{value!a:.14}" for name, value in JUNK])
async def test_junk_in_a_filter_is_refused_by_its_name(offices: Offices, name: str, value: str) -> None:
    response = await offices["hb"].get("/api/v1/events", params={name: value})
    assert response.status_code == 422, response.text
    assert [error["field"] for error in response.json()["errors"]] == [name]


@pytest.mark.parametrize("cursor", NOBODYS_CURSORS, ids=range(len(NOBODYS_CURSORS)))
async def test_a_cursor_nobody_gave_out_is_refused(offices: Offices, cursor: str) -> None:
    event = await offices.publish()
    for path in ("/api/v1/events", f"/api/v1/events/{event['event_id']}/registrations", "/api/v1/organisations"):
        response = await offices["hb"].get(path, params={"cursor": cursor})
        assert response.status_code == 422, (path, response.text)
        assert [error["field"] for error in response.json()["errors"]] == ["cursor"]


async def test_the_first_and_last_day_that_can_be_asked_for(offices: Offices) -> None:
    response = await offices["hb"].get("/api/v1/events", params={"from": "1900-01-01", "to": "2200-12-31"})
    assert response.status_code == 200, response.text


async def test_wildcards_of_the_database_are_plain_characters(offices: Offices) -> None:
    event = await offices.publish(title="Platzhaltertag", competences=["BAT-02"])

    async def found(**filters: str) -> list[str]:
        response = await offices["hb"].get("/api/v1/events", params={"q": "platzhaltertag", **filters})
        assert response.status_code == 200, response.text
        return [item["event_id"] for item in response.json()["items"]]

    assert await found(competence="BAT") == await found(competence="BAT-02") == [event["event_id"]]
    for wildcard in ("%", "_AT", "B%", "BA_", "BA", "BAT-", "\\"):
        assert await found(competence=wildcard) == [], wildcard
