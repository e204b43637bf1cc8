"""Pages as a person without scripts meets them: sessions, forms, refusals, languages."""

from __future__ import annotations

from support.installation import Installation
from support.people import signed_in, text_of


async def test_a_signed_in_person_sees_the_first_page_in_their_language(module_installation: Installation) -> None:
    registry = module_installation.start("registry")
    async with signed_in(registry, name="Beispiel <b>Anna</b>") as anna:
        page = await anna.get("/registry/")
        assert page.status_code == 200
        assert "Übersicht" in text_of(page)
        assert "<b>Anna" not in page.text
    async with signed_in(registry, language="en") as anna:
        assert "Overview" in text_of(await anna.get("/registry/"))
