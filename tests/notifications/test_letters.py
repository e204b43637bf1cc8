"""Words, times and headers of mails: pure, with whatever text comes."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from norda_common.contracts import registry
from norda_common.contracts.events import PARTICIPATION
from norda_common.identifiers import new_id
from norda_notifications.mail.letters import LANGUAGES, SUBJECT_LENGTH, Letter, compose, kinds, one_line, shortened
from norda_notifications.mail.message import UnusableAddressError, build
from norda_notifications.mail.times import when
from norda_notifications.rules.notices import RULES

NOW = datetime(2026, 11, 23, 15, tzinfo=UTC)
SENDER = "Norda – Plattform <norda@norda.example>"
EXAMPLE = PARTICIPATION.example.model_dump(mode="json")


def content_for(kind: str, **event: Any) -> dict[str, Any]:
    if kind == "organisation_confirmation":
        said = registry.CONFIRMATION.example.model_dump(mode="json")
        return {"confirmation": {name: said[name] for name in ("legal_name", "organisation_id", "state", "expires_at")}}
    if kind == "search_matched":
        return {"search": {"name": "Batterien", "organisations": [{"legal_name": "Beispiel Roland GmbH"}]}}
    if kind.startswith("organisation"):
        organisation = registry.EXAMPLE.model_dump(mode="json")
        if kind != "organisation_relocated":
            offer = {"to_state": "hh", "seat": organisation["seat"], "moves_on": "2026-12-01"}
            refused = {"refused_at": "2026-11-26T09:00:00Z", "refusal": "Der Sitz ist ein Briefkasten."}
            organisation["handover"] = offer | {"offered_at": "2026-11-25T09:00:00Z"} | refused
        return {"organisation": organisation, "told_office": "hb"}
    return {"event": EXAMPLE["event"] | event, "registration": EXAMPLE["registration"]}


def letter(kind: str = "event_published", *, language: str = "de", name: str | None = None, **event: Any) -> Letter:
    return compose(kind, content_for(kind, **event), language=language, name=name)


def sent(letter: Letter, *, address: str = "person@ex-005.example", name: str | None = None) -> EmailMessage:
    """The message as the other side reads it."""
    message = build(letter, delivery_id=new_id(), sender=SENDER, address=address, name=name, now=NOW)
    read = message_from_bytes(message.as_bytes(), policy=policy.default)
    assert isinstance(read, EmailMessage)
    return read


def test_every_rule_has_words_in_both_languages_and_no_word_is_without_a_rule() -> None:
    assert {rule.kind for rule in RULES.values()} == kinds()
    for kind in kinds():
        texts = {language: letter(kind, language=language) for language in LANGUAGES}
        assert texts["de"].subject != texts["en"].subject
        assert texts["de"].paragraphs != texts["en"].paragraphs
        for text in texts.values():
            assert text.heading in text.text
            assert "{" not in text.text + text.html.partition("<body")[2]


@pytest.mark.parametrize(
    ("starts", "ends", "zone", "german", "english"),
    [
        (
            "2027-02-10T09:00:00Z",
            "2027-02-10T15:00:00Z",
            "Europe/Berlin",
            "Mittwoch, 10. Februar 2027, 10:00–16:00 Uhr",
            "Wednesday, 10 February 2027, 10:00–16:00 CET",
        ),
        # The clocks go forward in between: 1.5 hours, and both offsets are named.
        (
            "2027-03-28T00:30:00Z",
            "2027-03-28T02:00:00Z",
            "Europe/Berlin",
            "Sonntag, 28. März 2027, 01:30 Uhr MEZ – 04:00 Uhr MESZ",
            "Sunday, 28 March 2027, 01:30 CET – 04:00 CEST",
        ),
        # 25 hours.
        (
            "2027-10-30T16:00:00Z",
            "2027-10-31T17:00:00Z",
            "Europe/Berlin",
            "Samstag, 30. Oktober 2027, 18:00 Uhr MESZ – Sonntag, 31. Oktober 2027, 18:00 Uhr MEZ",
            "Saturday, 30 October 2027, 18:00 CEST – Sunday, 31 October 2027, 18:00 CET",
        ),
        (
            "2027-10-12T07:00:00Z",
            "2027-10-14T15:00:00Z",
            "Europe/Berlin",
            "Dienstag, 12. Oktober 2027, 09:00 Uhr – Donnerstag, 14. Oktober 2027, 17:00 Uhr",
            "Tuesday, 12 October 2027, 09:00 – Thursday, 14 October 2027, 17:00 CEST",
        ),
        (
            "2027-02-10T09:00:00Z",
            "2027-02-10T10:00:00Z",
            "Nowhere/Atlantis",
            "Mittwoch, 10. Februar 2027, 10:00–11:00 Uhr",
            "Wednesday, 10 February 2027, 10:00–11:00 CET",
        ),
    ],
)
def test_times_are_local_and_readable(starts: str, ends: str, zone: str, german: str, english: str) -> None:
    span = datetime.fromisoformat(starts), datetime.fromisoformat(ends)
    assert when(*span, zone=zone, language="de") == german
    assert when(*span, zone=zone, language="en") == english


def test_the_place_says_whether_one_can_take_part_online() -> None:
    assert "Ort: online" in letter(venue=None, online=True).text
    assert "Ort: Beispielhalle, online" in letter(venue="Beispielhalle", online=True).text
    assert "Ort:" not in letter(venue=None, online=False).text


def test_a_foreign_zone_is_named() -> None:
    span = datetime(2027, 2, 10, 9, tzinfo=UTC), datetime(2027, 2, 10, 15, tzinfo=UTC)
    assert when(*span, zone="Asia/Tokyo", language="de").startswith("Mittwoch, 10. Februar 2027, 18:00 Uhr")
    assert "10:00" not in when(*span, zone="Asia/Tokyo", language="de")


def test_a_name_of_313_characters_fits_a_subject_and_stands_whole_in_the_text() -> None:
    name = ("Beispiel Überseehafen Größenmeßtechnik " * 9)[:313]
    assert len(name) == 313
    long = letter("participation_event_cancelled", title=name)
    assert len(long.subject) <= SUBJECT_LENGTH
    assert "…" in long.subject
    assert long.subject.endswith("(10.02.2027)")
    assert one_line(name) in long.text
    message = sent(long, name=name)
    assert message["Subject"] == long.subject
    assert len(message["To"].addresses[0].display_name) <= 80


@given(st.text(max_size=400), st.text(max_size=200))
def test_no_text_becomes_a_header_or_markup(title: str, name: str) -> None:
    hostile = f"{title}\r\nBcc: victim@x.example\r\n\r\n<script>alert(1)</script>"
    written = letter(title=hostile, name=name)
    message = sent(written, name=name)
    assert message["Bcc"] is None
    assert len(message["To"].addresses) == 1
    assert message["To"].addresses[0].addr_spec == "person@ex-005.example"
    assert len(written.subject) <= SUBJECT_LENGTH
    body = message.get_body(("html",))
    assert body is not None
    assert "<script" not in body.get_content()


@given(st.text(max_size=300), st.integers(min_value=2, max_value=120))
def test_shortening_never_exceeds_and_leaves_short_text_alone(text: str, length: int) -> None:
    assert len(shortened(text, length)) <= length
    if len(text) <= length:
        assert shortened(text, length) == text


def test_the_message_is_what_the_standards_ask_for() -> None:
    written = compose(
        "event_published",
        content_for("event_published", title="Überseehafen & Söhne"),
        language="de",
        name="Ärin",
        reasons=[{"id": str(new_id()), "kind": "competence", "value": "BAT"}],
        unsubscribe_url="http://127.0.0.1:8103/api/v1/unsubscribe/abc",
    )
    delivery_id = new_id()
    message = build(written, delivery_id=delivery_id, sender=SENDER, address="p@ü.example", name="Ärin", now=NOW)
    again = build(written, delivery_id=delivery_id, sender=SENDER, address="p@ü.example", name="Ärin", now=NOW)
    raw = message.as_bytes()
    assert raw.isascii()
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998
    read = message_from_bytes(raw, policy=policy.default)
    assert read["Message-ID"] == again["Message-ID"] == f"<{delivery_id}@norda.example>"
    assert read["Auto-Submitted"] == "auto-generated"
    assert read["Content-Language"] == "de"
    assert read["Date"].datetime == NOW
    assert read["List-Unsubscribe"] == "<http://127.0.0.1:8103/api/v1/unsubscribe/abc>"
    assert read["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert read["To"].addresses[0].addr_spec == "p@xn--tda.example"
    assert read["From"].addresses[0].display_name == "Norda – Plattform"
    assert read.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in read.iter_parts()] == ["text/plain", "text/html"]  # type: ignore[attr-defined]
    html = read.get_body(("html",)).get_content()  # type: ignore[attr-defined]
    assert "Überseehafen &amp; Söhne" in html


@pytest.mark.parametrize("address", ["", "nobody", "@x.example", "a@", "a\nb@x.example", "a@x..example", "a b@c@"])
def test_an_address_that_cannot_be_written_is_refused_without_naming_it(address: str) -> None:
    with pytest.raises(UnusableAddressError) as refusal:
        sent(letter(), address=address)
    assert not address or address not in str(refusal.value)


class Links(HTMLParser):
    """Everything in a document that could load or run something."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in {"src", "href", "background"}]
        assert not [name for name, _ in attrs if name.startswith("on")]


def test_html_loads_nothing_and_names_its_language() -> None:
    for kind in kinds():
        for language in LANGUAGES:
            document = Links()
            document.feed(letter(kind, language=language).html)
            assert document.links == []
            assert not {"script", "img", "link", "style", "iframe", "object"} & set(document.tags)
            assert document.tags.count("h1") == 1
            assert f'<html lang="{language}">' in letter(kind, language=language).html
