"""The pure rules: topics, persons, news, retries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from norda_common.addresses import address_key
from norda_common.contracts.competences import competences
from norda_notifications.mail.smtp import verdict_of
from norda_notifications.rules.addresses import address_hash
from norda_notifications.rules.news import NEWS_FOR, is_news
from norda_notifications.rules.retries import GIVE_UP_AFTER, Outcome, next_attempt
from norda_notifications.rules.topics import TopicKind, broader, label_of, matches_of, normal_value

from .conftest import make_event

NOW = datetime(2026, 11, 23, 15, tzinfo=UTC)


def test_an_event_matches_its_hosts_competences_and_what_is_broader() -> None:
    event = make_event(competences=("BAT-02", "H2"), clusters=("its",), responsible_state="ni")
    found = matches_of(event)
    assert found.states == ["hb", "ni"]
    assert found.competences == ["BAT", "BAT-02", "H2"]
    assert found.clusters == ["ITS"]
    assert found.event == str(event.event_id)


@given(st.lists(st.sampled_from(sorted(competences()))))
def test_broader_adds_only_codes_of_the_list_and_loses_none(codes: list[str]) -> None:
    found = set(broader(codes))
    assert set(codes) <= found <= set(competences())


@pytest.mark.parametrize(
    ("kind", "value", "normal"),
    [
        ("state", "HB", "hb"),
        ("state", "DE-NI", "ni"),
        ("state", "by", None),
        ("competence", "bat-02", "BAT-02"),
        ("competence", "BAT-99", None),
        ("cluster", "its", "ITS"),
        ("cluster", "a b", None),
        ("event", "0199D1A0-6000-7C4B-9A53-0D5A7C1B2E3F", "0199d1a0-6000-7c4b-9a53-0d5a7c1b2e3f"),
        ("event", "ev-01", None),
    ],
)
def test_topics_have_one_form(kind: str, value: str, normal: str | None) -> None:
    assert normal_value(TopicKind(kind), value) == normal
    if normal is not None:
        assert label_of(kind, normal).de


@given(st.text(max_size=400))
def test_every_text_has_a_key_and_a_hash_and_case_tells_nobody_apart(text: str) -> None:
    assert len(address_key(text)) <= 320
    assert len(address_hash(text)) == 32
    assert address_key(address_key(text)) == address_key(text) or len(text) > 200


def test_one_persons_address_in_its_forms() -> None:
    assert address_key("Person@EX-005.Example ") == address_key("person@ex-005.example")
    # By IDNA 2008 the sharp s is a letter of its own: another domain, another person.
    assert address_key("p@größe.example") == "p@xn--gre-6ka8i.example" != address_key("p@grösse.example")
    assert address_key("p@u\u0308ber.example") == address_key("p@über.example")


def test_news_is_young_and_after_the_database_began() -> None:
    began = NOW - timedelta(days=30)
    assert is_news(NOW, began_at=began, now=NOW)
    assert is_news(NOW - NEWS_FOR, began_at=began, now=NOW)
    assert not is_news(NOW - NEWS_FOR - timedelta(seconds=1), began_at=began, now=NOW)
    assert not is_news(NOW - timedelta(hours=1), began_at=NOW, now=NOW)


@given(st.integers(min_value=1, max_value=10_000), st.integers(min_value=0, max_value=30 * 24 * 3600))
def test_what_the_server_cannot_take_now_is_tried_later_and_given_up_after_days(attempts: int, age: int) -> None:
    created = NOW - timedelta(seconds=age)
    deferred = next_attempt(Outcome.DEFERRED, attempts=attempts, created_at=created, now=NOW)
    unreachable = next_attempt(Outcome.UNREACHABLE, attempts=attempts, created_at=created, now=NOW)
    assert unreachable is not None
    assert NOW < unreachable <= NOW + timedelta(seconds=5)
    assert (deferred is None) == (timedelta(seconds=age) >= GIVE_UP_AFTER)
    assert deferred is None or NOW < deferred <= NOW + timedelta(hours=1)
    for final in (Outcome.ACCEPTED, Outcome.REFUSED):
        assert next_attempt(final, attempts=attempts, created_at=created, now=NOW) is None


def test_a_verdict_never_repeats_the_servers_words() -> None:
    verdict = verdict_of(ValueError("person@ex-005.example is odd"))
    assert (verdict.outcome, verdict.error) == (Outcome.REFUSED, "ValueError")
