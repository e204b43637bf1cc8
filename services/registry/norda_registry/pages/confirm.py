"""The page behind a link: what is public about an organisation, for its contact, without a sign-in.

A link that nobody signed, that was used or has expired gets the same answer, and too many such tries get none for a
while. GET changes nothing, since mail programs and scanners open links.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Response
from norda_common.database import SYSTEM
from norda_common.errors import Forbidden, NordaError, NotFound, StaleVersion, Text, TooManyRequests
from norda_common.rights import PUBLIC
from norda_common.states import State
from norda_common.web.forms import MOST_FIELDS, Form
from norda_common.web.pages import Page, page_for, same_origin
from norda_common.web.sparing import client_address

from ..rules.limits import Limit
from ..rules.profile import current_entry
from ..settings import link_key
from ..usecases.confirming import Opened, bearer, confirm, open_link, propose
from ..usecases.profile_commands import Correction
from . import texts
from .entering import context, version_of
from .profile import certificate_rows, choices, form_of, prepared

router = APIRouter(prefix="/registry")
Anybody = Annotated[Page, page_for(PUBLIC)]
Token = Annotated[str, Path(pattern="^[A-Za-z0-9_-]{64}$")]
WINDOW = timedelta(minutes=10)
_FAILED = Limit(30, WINDOW)
"""Tries of one address that led nowhere."""
_ASKED = Limit(60, WINDOW)
"""Requests with one link."""
EMPTIED = ("roles", "certificates", "competences")


@router.get("/confirm/{token}")
async def show(page: Anybody, token: Token) -> Response:
    """What is stored, to be confirmed or corrected."""
    opened = await _open(page, token)
    return _show(page, token, opened, _stored(page, opened))


@router.post("/confirm/{token}")
async def answer(page: Anybody, token: Token) -> Response:
    """Take the answer; the link is used up by it."""
    if not same_origin(page.request, page.runtime.settings.base_url):
        raise Forbidden(
            "Das Formular kam nicht von dieser Seite.", "The form did not come from this page.", code="csrf"
        )
    opened = await _open(page, token)
    form = Form.typed(await page.request.form(max_files=0, max_fields=MOST_FIELDS), language=page.language)
    confirms = form.value("step") == "confirm"
    state, key = opened.sent.state, opened.sent.id
    try:
        version = version_of(form)
        command = None if confirms else _correction(form)
        # Whoever holds the link acts for the office that sent it, here and nowhere else.
        async with page.runtime.database.transaction(bearer(key, state)) as connection:
            if command is None:
                await confirm(connection, key, version=version, state=state, now=page.now)
            else:
                await propose(connection, key, command, version=version, state=state, now=page.now)
    except StaleVersion as error:
        opened = await _open(page, token)
        return _show(page, token, opened, _stored(page, opened) if confirms else form, error)
    except NordaError as error:
        typed = _stored(page, opened) if confirms else form
        return _show(page, token, opened, typed.refuse(error), error)
    return page.show(
        "confirm_done.html.jinja",
        title=Text("Vielen Dank", "Thank you"),
        it=opened.stored.organisation,
        confirmed=confirms,
        office=State(state).label,
    )


async def _open(page: Page, token: str) -> Opened:
    """What lies behind the link. Raises NotFound, and TooManyRequests for whoever tries too often."""
    key = link_key(page.runtime.settings)
    address = client_address(page.request, trusted_proxies=page.runtime.settings.trusted_proxies)
    try:
        async with page.runtime.database.read(SYSTEM) as connection:
            opened = await open_link(connection, token, key=key, now=page.now)
    except NotFound:
        if not _FAILED.allows(address, now=page.now):
            raise _too_many() from None
        raise
    if not _ASKED.allows(str(opened.sent.id), now=page.now):
        raise _too_many()
    return opened


def _too_many() -> TooManyRequests:
    return TooManyRequests("Zu viele Versuche; bitte später noch einmal.", "Too many tries; please try again later.")


def _stored(page: Page, opened: Opened) -> Form:
    form = form_of(opened.stored.organisation, page.language)
    competences = opened.stored.organisation.competences
    return Form({**form.values, "competences": competences}, page.language)


def _correction(form: Form) -> Correction:
    """Every field of the form as the organisation would have it; what is empty is none."""
    typed = prepared(form)
    values = {**typed.values, "competences": form.values.get("competences", ()), "remark": (form.value("remark"),)}
    given: dict[str, object] = {
        name: [text for text in values.get(name, ()) if text] for name in ("roles", "competences")
    }
    empty: dict[str, object] = {
        name: None
        for name in ("value_chain", "website", "name_en", "profile", "profile_en", "remark")
        if not (values.get(name) or ("",))[-1].strip()
    }
    certificates: dict[str, object] = (
        {} if any(name.startswith("certificates.") for name in values) else {"certificates": []}
    )
    kept = {name: several for name, several in values.items() if name not in given and name not in empty}
    return Form(kept, form.language).command(Correction, lists=(), **given, **empty, **certificates)


def _show(page: Page, token: str, opened: Opened, form: Form, error: NordaError | None = None) -> Response:
    it = opened.stored.organisation
    entry = current_entry(it)
    return page.show(
        "confirm.html.jinja",
        title=Text(f"Angaben zu {it.legal_name}", f"Profile of {it.legal_name}"),
        status=error.status if error else 200,
        action=f"/registry/confirm/{token}",
        it=it,
        version=opened.stored.version,
        stale=isinstance(error, StaleVersion),
        office=State(opened.sent.state).label,
        until=opened.sent.expires_at,
        legal_form=texts.legal_form_label(it.legal_form),
        seat=texts.address_line(it.seat),
        entry=texts.entry_line(entry, page.language) if entry else None,
        sites=[f"{site.name}: {texts.address_line(site.address)}" for site in it.sites],
        activities=[(item.code, item.edition, texts.code_title(item.edition, item.code)) for item in it.activities],
        size=texts.named(texts.SIZES, it.size_class, page.language),
        memberships=[item.cluster_code for item in it.memberships if item.valid_to is None],
        certificate_rows=certificate_rows(form),
        **choices(page.language),
        **context(page, form),
    )
