"""Times that do not exist, that happen twice, and how long an event really lasts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from norda_events.rules.times import TimeRefused, local_text, read_time, zone_fault

BERLIN = "Europe/Berlin"


def refusal(text: str, zone: str = BERLIN) -> str:
    with pytest.raises(TimeRefused) as refused:
        read_time(text, zone=zone, field="starts")
    assert refused.value.fault.text.de != refused.value.fault.text.en
    return refused.value.fault.code


def test_a_local_time_in_the_spring_gap_does_not_exist() -> None:
    assert refusal("2027-03-28T02:30") == "time_does_not_exist"
    assert refusal("2027-03-28T02:00") == "time_does_not_exist"
    assert read_time("2027-03-28T01:59", zone=BERLIN, field="starts") == datetime(2027, 3, 28, 0, 59, tzinfo=UTC)
    assert read_time("2027-03-28T03:00", zone=BERLIN, field="starts") == datetime(2027, 3, 28, 1, 0, tzinfo=UTC)


def test_an_offset_does_not_make_the_gap_exist() -> None:
    assert refusal("2027-03-28T02:30+01:00") == "offset_does_not_fit"
    assert refusal("2027-03-28T02:30+02:00") == "offset_does_not_fit"


def test_an_ambiguous_autumn_time_needs_an_offset() -> None:
    assert refusal("2027-10-31T02:30") == "ambiguous_time"
    summer = read_time("2027-10-31T02:30+02:00", zone=BERLIN, field="starts")
    winter = read_time("2027-10-31T02:30+01:00", zone=BERLIN, field="starts")
    assert winter - summer == timedelta(hours=1)


def test_a_refused_ambiguous_time_names_both_offsets() -> None:
    with pytest.raises(TimeRefused, match=r"\+02:00 / \+01:00"):
        read_time("2027-10-31T02:30", zone=BERLIN, field="starts")


def test_the_wrong_season_s_offset_is_refused_and_utc_is_not() -> None:
    assert refusal("2027-07-01T10:00+01:00") == "offset_does_not_fit"
    assert read_time("2027-07-01T10:00Z", zone=BERLIN, field="starts") == datetime(2027, 7, 1, 10, tzinfo=UTC)
    assert read_time("2027-07-01T10:00+00:00", zone=BERLIN, field="starts") == datetime(2027, 7, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2027-02-30T10:00",
        "2027-13-01T10:00",
        "2027-02-10T24:30",
        "2027-02-10T10:60",
        "0000-01-01T10:00",
        "2027-02-10T10:00+99:00",
        "9999-12-31T23:59:59-12:00",
        "0001-01-01T00:00",
    ],
)
def test_impossible_dates_are_refused(text: str) -> None:
    assert refusal(text) in {"impossible_date", "offset_does_not_fit"}


@pytest.mark.parametrize(
    "text",
    ["", "10.02.2027", "2027-02-10", "2027-W06-3T10:00", "20270210T1000", "2027-02-10T10:00\n", "２０２７-02-10T10:00"],
)
def test_other_notations_are_refused(text: str) -> None:
    assert refusal(text) == "datetime_form"


@pytest.mark.parametrize("name", ["Europe/Atlantis", "", "../../etc/passwd", "CEST"])
def test_unknown_zones_are_refused(name: str) -> None:
    assert zone_fault(name, field="time_zone") is not None


def test_zones_of_other_countries_work() -> None:
    assert read_time("2027-07-01T10:00", zone="America/New_York", field="x") == datetime(2027, 7, 1, 14, tzinfo=UTC)
    assert refusal("2027-03-14T02:30", "America/New_York") == "time_does_not_exist"


@given(
    st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2037, 12, 31)),  # noqa: DTZ001 - local times
    st.sampled_from([BERLIN, "Europe/London", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Kathmandu"]),
)
def test_an_accepted_local_time_is_what_that_zone_s_clocks_show(local: datetime, zone: str) -> None:
    local = local.replace(microsecond=0)
    try:
        instant = read_time(local.isoformat(), zone=zone, field="starts")
    except TimeRefused as refused:
        there = [local.replace(tzinfo=ZoneInfo(zone), fold=fold) for fold in (0, 1)]
        assert there[0].utcoffset() != there[1].utcoffset()
        assert refused.fault.code in {"time_does_not_exist", "ambiguous_time"}
        return
    assert instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == local
    assert read_time(local_text(instant, zone=zone), zone=zone, field="starts") == instant
