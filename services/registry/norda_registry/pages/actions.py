"""What the pages that do one thing to an organisation share: a form of its own, and whose organisation it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from fastapi import Response
from norda_common.database import Connection
from norda_common.errors import NordaError, StaleVersion, Text
from norda_common.states import State
from norda_common.web.forms import Form
from norda_common.web.pages import Page

from ..rules.rights import CHANGE
from .entering import context, path_of
from .organisations import LIST, TITLE, Shown, find


@dataclass(frozen=True, slots=True)
class Action:
    """One of the pages: its template, what it is called, and where its form leads below the organisation."""

    template: str
    title: Text
    path: str

    def show(self, page: Page, shown: Shown, form: Form, error: NordaError | None = None, **more: Any) -> Response:
        """The page with its form, and what is wrong with it."""
        organisation = shown.organisation
        path = path_of(organisation.organisation_id)
        name = Text(organisation.legal_name, organisation.legal_name)
        return page.show(
            self.template,
            title=Text(f"{organisation.legal_name}: {self.title.de}", f"{organisation.legal_name}: {self.title.en}"),
            status=error.status if error else 200,
            crumbs=[
                (Text("Übersicht", "Overview"), "/registry/"),
                (TITLE, LIST),
                (name, path),
                (self.title, None),
            ],
            it=organisation,
            action=f"{path}/{self.path}",
            back=path,
            # After a stale version the person has seen the new one: the form is for it from then on.
            version=shown.version,
            stale=isinstance(error, StaleVersion),
            **context(page, form),
            **more,
        )


async def own(connection: Connection, page: Page, organisation_id: UUID) -> Shown:
    """The organisation. Raises NotFound, and Forbidden when it is another state's."""
    shown = await find(connection, organisation_id)
    page.caller.require(CHANGE, State(shown.organisation.responsible_state))
    return shown


async def read_own(page: Page, organisation_id: UUID) -> Shown:
    """The same, on a connection of its own."""
    async with page.read() as connection:
        return await own(connection, page, organisation_id)
