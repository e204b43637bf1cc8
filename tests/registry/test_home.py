"""The overview: what is to do comes first, and nothing of what is done."""

from __future__ import annotations

from typing import Any

from support.installation import Installation
from support.people import signed_in, text_of
from support.waiting import eventually

from .conftest import registered

PLAIN: dict[str, Any] = {"register_entry": ..., "vat_id": ...}
IN_HAMBURG = {"place": "Hamburg", "state": "DE-HH"}


async def test_the_overview_counts_likely_duplicates_and_mergers_that_wait_for_the_offices_answer(
    installation: Installation,
) -> None:
    registry = installation.start("registry")
    async with registry.client() as hb, registry.client(state="hh") as hh:
        one = await registered(hb, legal_name="Beispiel Überlandmühlen GmbH", **PLAIN)
        other = await registered(hb, legal_name="Beispiel Ueberlandmuehlen GmbH", **PLAIN)
        asked_for = await registered(hb, legal_name="Beispiel Dalbenwerk GmbH", **PLAIN)
        kept = await registered(hh, legal_name="Beispiel Ewerfabrik GmbH", seat=IN_HAMBURG, **PLAIN)
        merger = f"/api/v1/organisations/{asked_for['organisation_id']}/merger"
        proposed = await hh.post(merger, json={"into": kept["organisation_id"], "kind": "merger"})
        assert proposed.status_code == 202, proposed.text
        async with signed_in(registry) as office, signed_in(registry, state="hh") as asking:

            async def counted() -> None:
                told = text_of(await office.get("/registry/"))
                assert "Wahrscheinliche Dubletten 1" in told, told
                assert "Zusammenführungen zu beantworten 1" in told
                assert told.index("Zu tun") < told.index("Bestand")
                assert "Codes der WZ 2008" not in told, "there are none"

            await eventually(counted)
            told = text_of(await asking.get("/registry/"))
            assert "Dubletten 1" not in told, "both are Bremen's"
            assert "Zusammenführungen zu beantworten" not in told, "the other office has to answer"
            verdict = f"/api/v1/duplicates/{one['organisation_id']}/{other['organisation_id']}/verdict"
            assert (await hb.put(verdict, json={"reason": "Zwei Betriebe."})).status_code == 204
            assert (await hb.delete(merger)).status_code == 204
            told = text_of(await office.get("/registry/"))
            assert "Dubletten 1" not in told
            assert "Zusammenführungen zu beantworten" not in told
