"""The list as a search: words, slips, numbers in any notation, ranks, facets with counts, pages that stay."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from norda_common.contracts.registry import EXAMPLE, ORGANISATION, Organisation
from norda_common.contracts.topics import Event
from norda_common.identifiers import new_id
from norda_common.states import State
from norda_registry.rules import facets
from norda_registry.rules.search import likeliest, slips_to
from support.installation import Installation, Running, in_thread
from support.people import signed_in, text_of
from support.waiting import eventually

from .conftest import registered

LIST = "/api/v1/organisations"
BEGAN = datetime(2026, 11, 1, tzinfo=UTC)


def said(organisation: Organisation, sequence: int = 1, *, erased: bool = False) -> Event:
    """A record as some registry would publish it."""
    return ORGANISATION.event(
        "erased" if erased else "changed",
        None if erased else organisation,
        state=State(organisation.responsible_state),
        key=organisation.organisation_id,
        sequence=sequence,
        time=datetime.now(UTC),
    )


def made(name: str, **fields: Any) -> Organisation:
    """An organisation with numbers of nobody else's."""
    number = str(random.Random(name).randrange(10_000_000))  # noqa: S311 - a number by the name
    plain = {"register_entries": (), "vat_id": None, "widnr": None, "own_id": f"own-{number}", "memberships": ()}
    document = EXAMPLE.model_dump(exclude_none=True) | plain | {"organisation_id": new_id(), "legal_name": name}
    return Organisation.model_validate(document | {"changed_at": BEGAN} | fields)


async def ask(client: httpx2.AsyncClient, **parameters: Any) -> dict[str, Any]:
    answer = await client.get(LIST, params={"limit": 200, **parameters})
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def names(client: httpx2.AsyncClient, **parameters: Any) -> list[str]:
    return [item["legal_name"] for item in (await ask(client, **parameters))["items"]]


async def published(
    installation: Installation, client: httpx2.AsyncClient, organisations: Iterable[Organisation], *, word: str
) -> None:
    """Publish them and wait until all are found by a word that they have."""
    known = list(organisations)
    await installation.publish(*map(said, known))

    async def all_there() -> None:
        page = await ask(client, q=word, facets="true", limit=1)
        assert page["total"] == {"count": len(known), "exact": True}

    await eventually(all_there)


# ---- words, slips, ranks ----


async def test_the_better_a_name_fits_the_earlier_it_comes(
    registry: Running, module_installation: Installation
) -> None:
    former = ({"legal_name": "Beispiel Rangwort Alt GmbH"},)
    seat = EXAMPLE.seat.model_copy(update={"place": "Rangwort"})
    known = [
        made("Am Ort GmbH", seat=seat),
        made("Beispiel Anders GmbH", former_names=former),
        made("Zweites Rangwort GmbH"),
        made("Neues Rangwort GmbH"),
        made("Rangwort Werke GmbH"),
        made("Rangwort"),
    ]
    async with registry.client() as client:
        await published(module_installation, client, known, word="rangwort")
        expected = [item.legal_name for item in reversed(known)]
        assert await names(client, q="rangwort") == expected
        assert await names(client, q="Rangwort", sort="name") == sorted(expected, key=str.casefold)
        # Page by page, too.
        page = await ask(client, q="rangwort", limit=1)
        seen = [item["legal_name"] for item in page["items"]]
        # A cursor is of its own order.
        mixed = await client.get(LIST, params={"q": "rangwort", "sort": "name", "cursor": page["next_cursor"]})
        assert mixed.status_code == 422
        while "next_cursor" in page:
            page = await ask(client, q="rangwort", limit=1, cursor=page["next_cursor"])
            seen += [item["legal_name"] for item in page["items"]]
        assert seen == expected


async def test_umlauts_and_slips_lead_to_what_was_meant(registry: Running, module_installation: Installation) -> None:
    known = [made("Beispiel Quaxhafen Größenmeßtechnik GmbH"), made("Beispiel Quaxhafen Lackiererei KG")]
    async with registry.client() as client:
        await published(module_installation, client, known, word="quaxhafen")
        both, first = [item.legal_name for item in known], [known[0].legal_name]
        for query in ("Groessenmess quax", "Grossenmess quax", "GRÖSSENMESS quax", "Gro\u0308ßenmeßtechnik Quaxhafen"):
            page = await ask(client, q=query)
            assert [item["legal_name"] for item in page["items"]] == first, query
            assert "corrected" not in page

        async def corrected() -> None:
            for slip in ("Quaxhfaen", "quaxhaven", "Quaxxhafen", "quxhafen"):
                page = await ask(client, q=slip, facets="true")
                assert sorted(item["legal_name"] for item in page["items"]) == both, slip
                assert (page["corrected"], page["total"]) == (["quaxhafen"], {"count": 2, "exact": True})
            page = await ask(client, q="groesenmesstechnik quaxhafn")
            assert [item["legal_name"] for item in page["items"]] == first

        await eventually(corrected)
        # What leads somewhere is left as it is, also where a facet leaves nothing of it.
        assert "corrected" not in await ask(client, q="quaxhafen", state="hh")
        assert await names(client, q="qwertzuiopwirklichnicht") == []


@given(st.text("abcdefgh", min_size=4, max_size=14), st.data())
def test_one_slip_in_a_word_is_found_again(word: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(word) - 2))
    slipped = data.draw(
        st.sampled_from(
            [
                word[:place] + word[place + 1 :],
                word[:place] + "x" + word[place:],
                word[:place] + "x" + word[place + 1 :],
                word[:place] + word[place + 1] + word[place] + word[place + 2 :],
            ]
        )
    )
    assert slips_to(slipped, word) <= 1
    assert word in likeliest(slipped, [word, "zzzzzzzzz"]) or len(slipped) < 4
    assert slips_to(word[:-1], word) == 0


async def test_a_number_in_any_notation_leads_to_its_organisation_first(
    registry: Running, module_installation: Installation
) -> None:
    # A name that has the same words as the number must come after the organisation of that number.
    decoy = made("HRB 771234 HB Bremen Handels GmbH")
    async with registry.client() as client:
        document = await registered(
            client,
            legal_name="Beispiel Nummernweg GmbH",
            own_id="nw-4711",
            register_entry={"court": "Bremen", "type": "HRB", "number": "771234"},
            vat_id="DE999000050",
            widnr="DE999000050-00001",
            lei="529900T8BM49AURSDO55",
        )
        await published(module_installation, client, [decoy], word="771234 handels")

        async def there() -> None:
            assert document["legal_name"] in await names(client, q="nummernweg")

        await eventually(there)
        for notation in (
            "HRB 771234 HB Bremen",
            "hrb771234",
            "Amtsgericht Bremen HRB 771234",
            "DEH1101.HRB771234HB",
            "deh1101 hrb 771234 hb",
            "de 999 000 050",
            "DE999000050",
            "de999000050-00001",
            "5299 00T8 BM49 AURS DO55",
            "nw-4711",
        ):
            found = await names(client, q=notation)
            assert found[0] == document["legal_name"], (notation, found)
        assert await names(client, q="de 999 000 050", state="ni") == []
        assert await names(client, q="DE999000051") == []


# ---- facets against counting by hand ----

_CODES = ("BAT-02", "BAT-03", "PRD-01", "LWT-03")


def _some(chance: random.Random, number: int) -> Organisation:
    state = chance.choice(("hb", "hh", "ni"))
    ags = chance.choice((None, "04011", "04012000", "02000", "03251", "03404"))
    seat = {"place": "Zufallshausen", "state": f"DE-{state.upper()}"} | ({"ags": ags} if ags else {})
    return made(
        f"Facettenprobe {number:03} {chance.choice(('Alpha', 'Beta'))}",
        responsible_state=state,
        kind=chance.choice(("company", "company", "research", "association")),
        status=chance.choice(("active", "active", "deactivated", "merged")),
        seat=seat,
        size_class=chance.choice((None, "micro", "small", "large")),
        roles=tuple(chance.sample(("oem", "tier1", "tier2", "service"), chance.randrange(3))),
        competences=tuple(chance.sample(_CODES, chance.randrange(4))),
        activities=tuple(
            {"edition": edition, "code": code}
            for edition, code in chance.sample(
                (("WZ2025", "29.32.0"), ("WZ2025", "29.10"), ("WZ2008", "29.10.1"), ("WZ2025", "27.20.0")),
                chance.randrange(3),
            )
        ),
        memberships=tuple(
            {"cluster_id": new_id(), "cluster_code": code, "valid_to": end}
            for code, end in chance.sample((("ITS", None), ("ANW", None), ("ITS", "2024-01-01")), chance.randrange(3))
        ),
    )


@pytest.fixture(scope="module")
def sample(registry: Running, module_installation: Installation) -> list[Organisation]:
    """Random organisations, all of them in the directory; some were changed, some erased on the way."""
    chance = random.Random(93)  # noqa: S311 - the same in every run
    known = [_some(chance, number) for number in range(120)]
    changed = [
        _some(chance, number).model_copy(update={"organisation_id": known[number].organisation_id})
        for number in range(30)
    ]
    gone = [_some(chance, 900 + number) for number in range(10)]

    async def make() -> None:
        await module_installation.publish(*map(said, known), *map(said, gone))
        await module_installation.publish(
            *(said(item, 2) for item in changed), *(said(item, 3, erased=True) for item in gone)
        )
        async with registry.client() as client:

            async def all_there() -> None:
                page = await ask(client, q="facettenprobe", facets="true")
                assert page["total"] == {"count": 120, "exact": True}
                assert Counter(item["version"] for item in page["items"]) == {1: 90, 2: 30}

            await eventually(all_there, within=20)

    in_thread(make())
    return changed + known[30:]


def _by_hand(
    sample: list[Organisation], choice: dict[str, list[str]], word: str
) -> tuple[int, dict[str, dict[str, int]]]:
    """Total and counts, by looking at every organisation for each facet."""
    terms = [facets.facets_of(item) for item in sample if word in item.legal_name.lower()]

    def fits(of: list[str], but: str | None = None) -> bool:
        return all(
            any(facets.BY_NAME[name].term(value) in of for value in values)
            for name, values in choice.items()
            if name != but and values
        )

    counts: dict[str, dict[str, int]] = {}
    for facet in facets.FACETS:
        found = Counter(
            term[2:] for of in terms if fits(of, facet.name) for term in of if term.startswith(f"{facet.letter}:")
        )
        counts[facet.name] = dict(found) | {value: found[value] for value in choice.get(facet.name, [])}
    return sum(fits(of) for of in terms), counts


_CHOICES = st.fixed_dictionaries(
    {},
    optional={
        "state": st.lists(st.sampled_from(["hb", "hh", "ni"]), unique=True, max_size=2),
        "kind": st.lists(st.sampled_from(["company", "research", "cluster"]), unique=True, max_size=2),
        "status": st.lists(st.sampled_from(["active", "deactivated", "merged"]), unique=True, max_size=2),
        "size": st.lists(st.sampled_from(["micro", "large", "none", "medium"]), unique=True, max_size=2),
        "district": st.lists(st.sampled_from(["04011", "02000", "none"]), unique=True, max_size=2),
        "competence": st.lists(st.sampled_from(["BAT", "BAT-02", "PRD"]), unique=True, max_size=2),
        "cluster": st.lists(st.sampled_from(["ITS", "ANW"]), unique=True, max_size=2),
        "role": st.lists(st.sampled_from(["oem", "tier2"]), unique=True, max_size=2),
        "activity": st.lists(
            st.sampled_from(["WZ2025:29", "WZ2025:29.3", "WZ2008:29", "WZ2025:27"]), unique=True, max_size=2
        ),
    },
)


@given(_CHOICES, st.sampled_from(["facettenprobe", "facettenprobe alpha"]))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_facets_count_as_one_would_by_hand(
    registry: Running, sample: list[Organisation], choice: dict[str, list[str]], words: str
) -> None:
    token = registry.installation.token(state="hb")
    parameters = [("q", words), ("facets", "true"), ("limit", "200")]
    parameters += [(name, value) for name, values in choice.items() for value in values]
    answer = httpx2.get(
        registry.url + LIST, params=parameters, headers={"authorization": f"Bearer {token}"}, timeout=30
    )
    assert answer.status_code == 200, answer.text
    page = answer.json()
    total, counts = _by_hand(sample, choice, "alpha" if "alpha" in words else "")
    assert page["total"] == {"count": total, "exact": True}
    assert len(page["items"]) == total
    found = {name: {item["value"]: item["count"] for item in values} for name, values in page["facets"].items()}
    assert found == counts
    assert all(item["exact"] for values in page["facets"].values() for item in values)


# ---- pages that stay while rows come and go ----


@pytest.mark.parametrize(
    "order",
    [
        {"sort": "name"},
        {"sort": "name", "direction": "desc"},
        {"sort": "changed", "direction": "desc"},
        {"sort": "relevance"},
    ],
    ids=lambda order: "-".join(order.values()),
)
async def test_nothing_is_left_out_or_shown_twice_while_rows_come_and_go(
    registry: Running, module_installation: Installation, order: dict[str, str]
) -> None:
    mark = f"kommtgeht{''.join(order.values())}x"
    at = iter(range(1_000))
    known = [made(f"{mark} {number:02}", changed_at=BEGAN + timedelta(seconds=next(at))) for number in range(20)]
    there = {str(item.organisation_id): item for item in known}
    async with registry.client() as client:
        await published(module_installation, client, known, word=mark)
        seen: list[str] = []
        cursor: dict[str, str] = {}
        for number in range(10):
            page = await ask(client, q=mark, limit=3, **order, **cursor)
            seen += [item["organisation_id"] for item in page["items"]]
            if "next_cursor" not in page:
                break
            cursor = {"cursor": page["next_cursor"]}
            # The one seen last goes, perhaps one that came meanwhile, and new ones come at both ends.
            gone = there[seen[-1]]
            come = [
                made(f"{mark} {end} {number}", changed_at=BEGAN + timedelta(days=days))
                for end, days in (("-", -1), ("zz", 1))
            ]
            there |= {str(item.organisation_id): item for item in come}
            await module_installation.publish(said(gone, 2, erased=True), *map(said, come))

            async def settled(key: UUID = come[-1].organisation_id) -> None:
                assert (await client.get(f"{LIST}/{key}")).status_code == 200

            await eventually(settled)
        assert len(seen) == len(set(seen))
        assert {str(item.organisation_id) for item in known} <= set(seen)


async def test_the_page_shows_facets_and_narrows_without_scripts(registry: Running, sample: list[Organisation]) -> None:
    hb = sum(item.responsible_state == "hb" for item in sample)
    async with signed_in(registry) as person:
        page = await person.get("/registry/organisations?q=facettenprobe&state=all")
        told = text_of(page)
        assert "120 Treffer" in told
        assert f"Bremen ({hb})" in told
        assert "Zulieferer, Tier 2" in told
        narrowed = await person.get("/registry/organisations?q=facettenprobe&state=all&state=hb&state=hh&role=oem")
        both = sum(item.responsible_state in {"hb", "hh"} and "oem" in item.roles for item in sample)
        assert f"{both} Treffer" in text_of(narrowed)
        assert narrowed.text.count('name="state" id="facette-state') == 3
        assert narrowed.text.count("checked") == 3
        slip = await person.get("/registry/organisations?q=facetenprobe&state=all")
        assert "Gezeigt wird, was zu facettenprobe passt" in " ".join(text_of(slip).split())
        assert (await person.get("/registry/organisations?q=facettenprobe&status=x%00")).status_code == 422
