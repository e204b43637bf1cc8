"""Counts and pages among many organisations against looking at each row: there sets of words answer, not the index."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from norda_local.bench import companies
from norda_registry.rules import facets
from norda_registry.rules.search import other_words
from norda_registry.store.facet_index import BEGINNING, COMMON_ROWS, MANY_ROWS
from support.installation import Installation, Running, dsn_for, in_thread
from support.waiting import eventually

from .test_search import ask, made, published

ROWS = 24_000
assert ROWS > MANY_ROWS
# Common words, their beginnings and what goes beyond them; words that few rows have; places, which are in no name.
TEXTS = (
    "beispiel", "technik", "techni", "tec", "te", "maschinenbau", "masc", "gmbh", "gmbh tec", "logistik handel",
    "hannover", "hann", "han", "bremen", "breme", "bremen technik", "c1", "230", "zorzor", "wes", "qqq", "",
)  # fmt: skip
CHOICES: Sequence[Mapping[str, str]] = (
    {}, {"state": "ni"}, {"state": "hb", "size": "large"}, {"role": "oem", "status": "active"},
    {"district": "04012"}, {"district": "04012", "role": "oem"}, {"cluster": "ITS"}, {"cluster": "NONE"},
)  # fmt: skip


Row = tuple[str, list[str]]
"""A row's words, each after a blank, and its facets."""


@pytest.fixture(scope="module")
def many(module_installation: Installation) -> list[Row]:
    """The rows there are before anybody asks."""

    found: list[Row] = []

    async def fill() -> None:
        await companies.fill(dsn_for(module_installation.servers.postgres, database=module_installation.database), ROWS)
        admin = await module_installation.connect()
        try:
            rows = await admin.fetch("select search_text, facets from registry.directory")
            found.extend((row["search_text"], row["facets"]) for row in rows)
        finally:
            await admin.close()

    in_thread(fill())
    return found


@pytest.fixture(scope="module")
def registry(module_installation: Installation, many: list[Row]) -> Running:
    return module_installation.start("registry")


def by_hand(many: Sequence[Row], text: str, choice: Mapping[str, str]) -> int:
    terms = [facets.BY_NAME[name].term(value) for name, value in choice.items()]
    return sum(
        all(f" {word}" in words for word in text.split()) and all(term in of for term in terms) for words, of in many
    )


async def test_many_rows_are_counted_and_shown_as_by_looking_at_each(
    registry: Running, module_installation: Installation, many: list[Row]
) -> None:
    common = [text for text in TEXTS if len(text) == BEGINNING and by_hand(many, text, {}) >= COMMON_ROWS]
    assert len(common) >= 2
    async with registry.client() as client:

        async def which_beginnings_are_common_is_known() -> None:
            for text in common:
                assert (await ask(client, q=text, limit=1, facets="true"))["total"]["exact"], text

        await eventually(which_beginnings_are_common_is_known, within=30)
        inexact = set()
        for text in TEXTS:
            for choice in CHOICES:
                page = await ask(client, q=text, limit=100, facets="true", **choice)
                wanted, total = by_hand(many, text, choice), page["total"]
                assert total["count"] == wanted if total["exact"] else total["count"] <= wanted, (text, choice)
                if not total["exact"]:
                    inexact.add(text)
                assert len(page["items"]) == min(100, wanted), (text, choice)
                _check_counts(many, page, text, choice)
        # Two letters are beginnings of very many words.
        assert inexact <= {"te", "c1"}

        # What is written afterwards is in the sets at once, under common words and under others that begin so.
        new = [made(f"Technikfreunde Nachher {number} Technik", responsible_state="hb") for number in range(3)]
        new.append(made("Tecbeginn Nachher", responsible_state="hb"))
        await published(module_installation, client, new, word="nachher")
        for text, more in (("technik", 3), ("tec", 4), ("technikf", 3), ("tecbegi", 1)):
            page = await ask(client, q=text, limit=1, facets="true", state="hb")
            assert page["total"] == {"count": by_hand(many, text, {"state": "hb"}) + more, "exact": True}, text


def _check_counts(many: Sequence[Row], page: dict[str, Any], text: str, choice: Mapping[str, str]) -> None:
    """Each value's count is what choosing it, of its facet alone, would find."""
    for facet in ("state", "size"):
        for item in page["facets"][facet]:
            wanted = by_hand(many, text, {**choice, facet: item["value"]})
            counted = item["count"]
            assert counted == wanted if item["exact"] else counted <= wanted, (text, choice, facet, item)


async def test_pages_lead_through_all_of_many(registry: Running, many: list[Row]) -> None:
    async with registry.client() as client:
        for text, choice in (("tec", {"district": "04012"}), ("bremerhaven", {}), ("maschinenbau", {"role": "oem"})):
            seen: list[str] = []
            cursor: dict[str, str] = {}
            while True:
                page = await ask(client, q=text, **choice, **cursor)
                seen += [item["organisation_id"] for item in page["items"]]
                if "next_cursor" not in page:
                    break
                cursor = {"cursor": page["next_cursor"]}
            assert len(seen) == len(set(seen)) == by_hand(many, text, choice), text


_LETTERS = st.text("ab1", max_size=5)


@given(_LETTERS, st.lists(_LETTERS, max_size=4), st.lists(_LETTERS, max_size=30))
def test_other_words_are_all_but_those_left_out(beginning: str, left_out: list[str], asked: list[str]) -> None:
    common = [beginning + rest for rest in left_out]
    wanted = other_words(beginning, common)
    for word in (*common, *asked, *(beginning + rest for rest in asked)):
        found = any(word.startswith(each[:-2]) if each.endswith(":*") else word == each for each in wanted)
        assert found == (word.startswith(beginning) and word not in common), (word, wanted)


def test_slips_are_asked_of_a_service(registry: Running, many: list[Row]) -> None:
    """A mistyped common word beside a facet is counted like the right one."""
    chance = random.Random(5)  # noqa: S311 - the same in every run
    token = registry.installation.token(state="hb")
    for word in ("maschinenbau", "braunschweig"):
        answer = httpx2.get(
            f"{registry.url}/api/v1/organisations",
            params={"q": companies.slipped(word, chance), "state": "ni", "limit": "1", "facets": "true"},
            headers={"authorization": f"Bearer {token}"},
            timeout=30,
        )
        assert answer.json()["total"] == {"count": by_hand(many, word, {"state": "ni"}), "exact": True}, answer.text
