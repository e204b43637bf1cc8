"""What the public directory takes mistyped words for: words that everybody could see, and no others."""

from __future__ import annotations

import re

import httpx2
from support.installation import Installation, Running
from support.people import signed_in, text_of
from support.plans import plans_of, tell_plans
from support.waiting import eventually

from .conftest import in_directory, registered


async def test_slips_lead_the_public_to_what_is_shown_and_name_nothing_else(registry: Running) -> None:
    """Every hidden word is one letter away from a shown one, and nearer to what is typed."""
    async with (
        registry.client() as office,
        signed_in(registry, language="en") as english,
        httpx2.AsyncClient(base_url=registry.url, headers={"accept": "text/html"}) as nobody,
    ):
        made = await registered(office, legal_name="Beispiel Dalbenkrog Schiffswinde GmbH")
        key, path = made["organisation_id"], f"/api/v1/organisations/{made['organisation_id']}"
        # A former name is never shown, a site's place only where it was chosen.
        await office.patch(path, json={"legal_name": "Beispiel Dalbenkrug Schiffswinde GmbH"})
        site = {"name": "Werk", "address": {"place": "Schiffswende", "state": "DE-NI"}}
        assert (await office.post(f"{path}/sites", json=site)).status_code == 201
        hidden = await registered(office, legal_name="Beispiel Dalbenkrig Schiffswinte GmbH")
        for each, version in ((made, 3), (hidden, 1)):
            await in_directory(office, each["organisation_id"], lambda item, least=version: item["version"] >= least)
        assert (await office.put(f"{path}/release", json={"fields": []})).status_code == 200

        async def asked(typed: str) -> str:
            page = await nobody.get("/registry/public", params={"state": "all", "q": typed})
            assert page.status_code == 200, page.text
            assert (key in page.text) is ("passt.</p>" in page.text), typed
            assert hidden["organisation_id"] not in page.text
            found = re.search(r"<strong>([a-z0-9 ]+)</strong> passt", page.text)
            return found[1] if found else ""

        async def corrected() -> None:
            for typed in ("Dalbnekrug", "Dalbenkrog", "dalbenkrig", "Dalbenkrigg"):
                assert await asked(typed) == "dalbenkrug", typed
            assert await asked("schiffswinte Dalbenkroog") == "schiffswinde dalbenkrug"
            assert await asked("Schiffswende") == "schiffswinde"

        await eventually(corrected)
        for typed in ("Qwertzuiopnirgends", "GEHEIM", "Dalbenkrog Qwertzuiopnirgends"):
            assert await asked(typed) == "", typed
        # Pages that follow lead on with the words that were meant; what was typed stays in the field.
        page = await nobody.get("/registry/public", params={"state": "all", "q": "Dalbnekrug"})
        assert 'value="Dalbnekrug"' in page.text
        told = text_of(await english.get("/registry/public", params={"state": "all", "q": "Dalbnekrug"}))
        assert "Nothing matches exactly" in told
        # With its choice the place is shown, and what is withdrawn is named no longer.
        assert (await office.put(f"{path}/release", json={"fields": ["sites"]})).status_code == 200

        async def with_its_place() -> None:
            assert await asked("Schiffswendde") == "schiffswende"

        await eventually(with_its_place)
        assert (await office.delete(f"{path}/release")).status_code == 204
        for typed in ("Dalbnekrug", "Dalbenkrog", "Schiffswinte", "Schiffswendde"):
            assert await asked(typed) == "", typed
        offices = await office.get("/api/v1/organisations", params={"q": "Dalbenkrigg"})
        assert offices.json()["corrected"] == ["dalbenkrig"], "offices see all"


async def test_what_the_public_may_have_meant_is_looked_up_in_indexes(installation: Installation) -> None:
    """Of 100,000 words, of which everybody could see a fifth."""
    admin = await installation.connect()
    try:
        await admin.execute("set search_path = registry, public")
        # Words of letters alone, some of which begin alike.
        await admin.execute(
            """insert into directory_word (word, shown)
               select distinct on (word) word, n % 5 = 0
                 from (select n, left(translate(md5(n::text), '0123456789', 'ghijklmnop'), 6 + n % 9) as word
                         from generate_series(1, 100000) as n) as made"""
        )
        await admin.execute("analyze directory_word")
        await tell_plans(admin)
        await admin.execute("set role norda_registry")
        for _ in range(8):  # Also by the plan that is kept for any words.
            word = await admin.fetchval("select word from directory_word where shown limit 1")
            assert word is None, "by themselves nobody reads them"
            for statement, index in (
                ("select similar_words($1, 60, true)", "Bitmap Index Scan on directory_word_similar"),
                ("select partly_similar_words($1, 60, true)", "Bitmap Index Scan on directory_word_similar"),
                ("select begins_a_word(array[$1], true)", "directory_word_pkey"),
            ):
                plans = await plans_of(admin, statement, "gabelstapler")
                assert index in plans, plans
                assert "Seq Scan on directory_word" not in plans, plans
    finally:
        await admin.close()
