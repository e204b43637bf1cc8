"""Pages as a person without scripts meets them: sessions, forms, refusals, languages."""

from __future__ import annotations

import httpx2
import pytest
from support.installation import SERVICES, Installation
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


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize(
    ("language", "overview", "leave"), [("de", "Übersicht", "Abmelden"), ("en", "Overview", "Sign out")]
)
async def test_errors_look_as_all_pages_do_to_whoever_asks(
    module_installation: Installation, name: str, language: str, overview: str, leave: str
) -> None:
    running = module_installation.start(name)
    unknown = f"/{name}/nirgends/gibt-es-nicht"
    async with signed_in(running, name="Beispiel Fehlseite", language=language) as person:
        for method, path, status in (
            ("GET", unknown, 404),
            ("POST", unknown, 404),
            ("DELETE", f"/{name}/", 405),
            ("GET", f"/{name}/operations", 403),
        ):
            page = await person.client.request(method, path)
            assert page.status_code == status, path
            told = text_of(page)
            for shown in ("Beispiel Fehlseite", overview, leave):
                assert shown in told, f"{method} {path}"
        csrf = person.csrf
        # Who came by a cookie that is no session's, or by none, sees what everybody does.
        for cookie in ({}, {"cookie": person.client.headers["cookie"].replace(person.secret, "x" * 43)}):
            async with httpx2.AsyncClient(base_url=running.url, headers=cookie) as nobody:
                page = await nobody.get(unknown, headers={"accept-language": language})
            assert page.status_code == 404
            told = text_of(page)
            for hidden in ("Beispiel Fehlseite", overview, leave):
                assert hidden not in told
            assert csrf not in page.text


async def test_what_is_told_once_is_not_told_on_an_unknown_address(module_installation: Installation) -> None:
    registry = module_installation.start("registry")
    async with signed_in(registry) as person:
        made = await person.post("/registry/searches", {"name": "Beispiel Fehlseite", "q": "Werft"})
        assert made.status_code == 303, made.text
        assert (await person.get("/registry/nirgends.png")).status_code == 404
        assert "Die Suche ist gespeichert." in text_of(await person.get(made.headers["location"]))
