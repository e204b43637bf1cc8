"""Merging two organisations: choosing the other one, side by side with what follows, and what came of it."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response
from norda_common.contracts.registry import Organisation
from norda_common.errors import NordaError, StaleVersion, Text
from norda_common.requests import QueryText, refused
from norda_common.signin import sessions
from norda_common.web.forms import Compared, Form
from norda_common.web.pages import Page, page_for
from norda_common.web.site import day_in, money_in, number_in

from ..rules.duplicates import RuleClass, candidate_of
from ..rules.figures import Figure, FigureKind
from ..rules.merging import BESIDE, FIGURES, SEVERAL, MergerKind
from ..rules.rights import MERGE, READ
from ..store import duplicates, mergers, organisations
from ..usecases.commands import MergeInto
from ..usecases.lookup import sole_holder
from ..usecases.merging import accept_merger, merge_organisation, withdraw_merger
from ..usecases.organisations import local_day
from ..usecases.previewing import Preview, preview_merger
from ..usecases.unmerging import may_undo, undo_merger, undo_until
from . import texts
from .entering import CHOICE, context, done, path_of
from .organisation_words import in_words
from .organisations import LIST, TITLE, VERSIONS, as_id, find, history_of, who_is

router = APIRouter(prefix="/registry/organisations/{organisation_id}")
Merges = Annotated[Page, page_for(MERGE)]
MERGING = Text("Zusammenführen", "Merge")
KINDS = {
    MergerKind.DUPLICATE: Text("dasselbe Unternehmen, zweimal eingetragen", "one company, entered twice"),
    MergerKind.MERGER: Text("Verschmelzung zweier Unternehmen", "merger of two companies"),
}
MOST_SUSPECTS = 10
MOST_FIGURES = 3


@router.get("/merge")
async def begin(page: Merges, organisation_id: UUID, into: QueryText = "", kind: QueryText = "") -> Response:
    """Choose what the organisation is to become part of; then what that would do."""
    chosen = MergerKind(kind) if kind in set(MergerKind) else MergerKind.DUPLICATE
    form = Form.of({"into": into, "date": local_day(page.now).isoformat()}, language=page.language)
    if not into:
        return await _choose(page, organisation_id, form)
    async with page.read() as connection:
        kept_id = as_id(into) or await sole_holder(connection, into)
    try:
        if kept_id is None:
            raise refused("into", "meint keine oder mehrere Organisationen", "means no organisation, or several")
        return await _compare(page, organisation_id, kept_id, chosen, form)
    except NordaError as error:
        return await _choose(page, organisation_id, form.refuse(error), error)


@router.post("/merge")
async def merge(page: Merges, organisation_id: UUID) -> Response:
    """Do what was chosen, or propose it to the other state's office."""
    form = await page.form()
    kind = MergerKind(form.value("kind")) if form.value("kind") in set(MergerKind) else MergerKind.DUPLICATE
    kept_id = as_id(form.value("into"))
    if kept_id is None:
        return await _choose(page, organisation_id, form.refuse(refused("into", "fehlt", "is missing")))
    take = [
        name.removeprefix(CHOICE) for name in form.values if name.startswith(CHOICE) and form.value(name) == "theirs"
    ]
    wanted = {name: several for name, several in form.values.items() if name in {"into", "kind", "date"}}
    versions = [form.value(name) for name in ("merged_version", "into_version")]
    try:
        expected = [int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None for text in versions]
        command = Form(wanted, form.language).command(MergeInto, take=take, into_version=expected[1])
        async with page.transaction() as connection:
            result = await merge_organisation(
                connection,
                organisation_id,
                command,
                caller=page.caller,
                served=page.runtime.settings.states,
                now=page.now,
                expected_version=expected[0],
            )
    except NordaError as error:
        return await _compare(page, organisation_id, kept_id, kind, form.refuse(error), error)
    if result.outcome is None:
        told = Text(
            "Vorgeschlagen; zusammengeführt wird, wenn die Stelle des anderen Landes zustimmt.",
            "Proposed; it is carried out when the other state's office agrees.",
        )
        return await page.go(f"{path_of(organisation_id)}/merger", told)
    return await done(page, kept_id, Text("Zusammengeführt.", "Merged."), result.outcome)


async def _choose(page: Page, organisation_id: UUID, form: Form, error: NordaError | None = None) -> Response:
    async with page.read() as connection:
        shown = await find(connection, organisation_id)
        found = await duplicates.suspects(
            connection, candidate_of(shown.organisation), least=RuleClass.GENERAL, but=organisation_id, status="active"
        )
    return page.show(
        "merge_choose.html.jinja",
        title=_title(shown.organisation, MERGING),
        status=error.status if error else 200,
        crumbs=_crumbs(shown.organisation, MERGING),
        it=shown.organisation,
        action=f"{path_of(organisation_id)}/merge",
        back=path_of(organisation_id),
        suspects=found[:MOST_SUSPECTS],
        percent=lambda suspect: round(100 * suspect.judgement.score),
        **context(page, form),
    )


async def _compare(
    page: Page,
    organisation_id: UUID,
    kept_id: UUID,
    kind: MergerKind,
    form: Form,
    error: NordaError | None = None,
) -> Response:
    async with page.read() as connection:
        preview = await preview_merger(connection, organisation_id, kept_id, kind, caller=page.caller)
    kept, merged = preview.both.kept, preview.both.merged
    return page.show(
        "merge.html.jinja",
        title=_title(merged.organisation, MERGING),
        status=error.status if error else 200,
        crumbs=_crumbs(merged.organisation, MERGING),
        it=merged.organisation,
        kept=kept.organisation,
        action=f"{path_of(organisation_id)}/merge",
        back=path_of(organisation_id),
        kind=kind.value,
        merger_kinds=[(item.value, text.in_language(page.language)) for item, text in KINDS.items()],
        rows=_rows(page, preview, form),
        preview=preview,
        warnings=[item.text.in_language(page.language) for item in preview.warnings],
        merged_version=merged.version,
        into_version=kept.version,
        stale=isinstance(error, StaleVersion),
        other_office=texts.STATES[preview.both.merged_state.value],
        may_swap=page.caller.may(MERGE, preview.both.merged_state),
        may_merge=page.caller.may(MERGE, preview.both.kept_state),
        **context(page, form),
    )


def _rows(page: Page, preview: Preview, form: Form) -> list[Compared]:
    """What differs, side by side; of several values the choice is whether the other's come beside the own ones."""
    kept = in_words(preview.both.kept.organisation, page.language)
    merged = in_words(preview.both.merged.organisation, page.language)
    rows = []
    for name in preview.differing:
        label = texts.field_label(name, page.language)
        if name in SEVERAL or name in FIGURES:
            label = page.t(f"{label} (dazu)", f"{label} (as well)")
        proposed = "theirs" if name in preview.proposed else "mine"
        chosen = form.value(f"{CHOICE}{name}") or proposed
        if name in BESIDE:
            mine, theirs = (_beside_words(page, preview, name, of_kept=each) for each in (True, False))
        else:
            mine, theirs = ("; ".join(words.get(name, [])) for words in (kept, merged))
        rows.append(Compared(name, label, mine or "–", theirs or "–", chosen=chosen))
    return rows


def _beside_words(page: Page, preview: Preview, name: str, *, of_kept: bool) -> str:
    """An address, or the figures with their days, the newest first."""
    assert preview.beside is not None  # noqa: S101 - else nothing of it is offered
    theirs, ours = preview.beside
    each = ours if of_kept else theirs
    if name not in FIGURES:
        return each.address or ""
    rows = each.holding(name)
    said = [f"{_figure(page, row)} ({day_in(page.language, row.on)})" for row in rows[:MOST_FIGURES]]
    return "; ".join([*said, *(["…"] if len(rows) > MOST_FIGURES else [])])


def _figure(page: Page, row: Figure) -> str:
    if row.value is None:
        return page.t("nicht bekannt", "not known")
    if row.kind is FigureKind.EMPLOYEES:
        return number_in(page.language, row.value)
    return money_in(page.language, row.value)


@router.get("/merger")
async def show(page: Annotated[Page, page_for(READ)], organisation_id: UUID) -> Response:
    """What an organisation has become part of, as it was, and what the person may do about it."""
    async with page.read() as connection:
        shown = await find(connection, organisation_id)
        merger = await mergers.latest(connection, organisation_id)
        kept = await find(connection, merger.kept_id) if merger else None
        rows = await organisations.versions(connection, organisation_id, before=None, limit=VERSIONS + 1)
        people = [row["changed_by"] for row in rows] + ([merger.proposed_by] if merger else [])
        who = await sessions.names(connection, people) if people else {}
    title = Text("Zusammenführung", "Merger")
    standing = merger is not None and merger.undone_at is None
    may = {
        "accept": standing and merger.merged_at is None and page.caller.may(MERGE, merger.merged_state),
        "withdraw": standing
        and merger.merged_at is None
        and any(page.caller.may(MERGE, state) for state in (merger.merged_state, merger.kept_state)),
        "undo": kept is not None and may_undo(page.caller, merger, shown.organisation, kept.organisation),
    } if merger else {}  # fmt: skip
    until = undo_until(merger) if merger else None
    return page.show(
        "merger.html.jinja",
        title=_title(shown.organisation, title),
        crumbs=_crumbs(shown.organisation, title),
        it=shown.organisation,
        kept=kept.organisation if kept else None,
        merger=merger,
        kind=KINDS[merger.kind].in_language(page.language) if merger else "",
        proposed_by=who_is(page, merger.proposed_by, merger.kept_state, who) if merger else "",
        taken=[texts.field_label(name, page.language) for name in merger.taken] if merger else [],
        until=until,
        too_late=until is not None and until < local_day(page.now),
        may=may,
        here=path_of(organisation_id),
        history=history_of(page, rows, who),
    )


@router.post("/merger/accept")
async def accept(page: Merges, organisation_id: UUID) -> Response:
    """Agree to a proposal; it is carried out with that."""
    await page.form()
    async with page.transaction() as connection:
        result = await accept_merger(
            connection, organisation_id, caller=page.caller, served=page.runtime.settings.states, now=page.now
        )
    told = Text("Zusammengeführt.", "Merged.")
    return await page.go(path_of(result.merger.kept_id), told)


@router.post("/merger/withdraw")
async def withdraw(page: Merges, organisation_id: UUID) -> Response:
    """Take a proposal back, or refuse it."""
    await page.form()
    async with page.transaction() as connection:
        await withdraw_merger(connection, organisation_id, caller=page.caller, served=page.runtime.settings.states)
    return await page.go(path_of(organisation_id), Text("Der Vorschlag ist erledigt.", "The proposal is settled."))


@router.post("/merger/undo")
async def undo(page: Merges, organisation_id: UUID) -> Response:
    """Take a merger back."""
    await page.form()
    async with page.transaction() as connection:
        result = await undo_merger(
            connection, organisation_id, caller=page.caller, served=page.runtime.settings.states, now=page.now
        )
    told = Text("Die Zusammenführung ist rückgängig gemacht.", "The merger is undone.")
    outcome = result.outcome
    return await done(page, organisation_id, told, outcome) if outcome else await page.go(path_of(organisation_id))


def _title(organisation: Organisation, what: Text) -> Text:
    return Text(f"{organisation.legal_name}: {what.de}", f"{organisation.legal_name}: {what.en}")


def _crumbs(organisation: Organisation, last: Text) -> list[tuple[Text, str | None]]:
    name = Text(organisation.legal_name, organisation.legal_name)
    path = path_of(organisation.organisation_id)
    return [(Text("Übersicht", "Overview"), "/registry/"), (TITLE, LIST), (name, path), (last, None)]
