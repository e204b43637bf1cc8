"""What a merger brings and what undoing takes away, whatever the two organisations hold."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from norda_common.contracts.registry import (
    EXAMPLE,
    Address,
    Certificate,
    FormerLegalForm,
    FormerName,
    FormerSeat,
    Membership,
    Organisation,
    RegisterEntry,
    Since,
    Site,
)
from norda_common.identifiers import new_id
from norda_registry.rules.figures import Figure, FigureKind, newest
from norda_registry.rules.merging import (
    BESIDE,
    FIGURES,
    MERGED,
    SEVERAL,
    SINGLE,
    Beside,
    MergerKind,
    absorbed,
    absorbing,
    carried,
    differing_beside,
    offered,
    proposed,
    proposed_beside,
    restored,
    separated,
)
from norda_registry.rules.profile import current_entry

TODAY = date(2026, 11, 26)
CLUSTERS = [UUID(int=number) for number in range(3)]

entries = st.builds(
    RegisterEntry,
    court_code=st.just("P2305"),
    court=st.just("Hannover"),
    type=st.just("HRB"),
    number=st.sampled_from(["1", "2", "3"]),
    valid_to=st.sampled_from([date(2020, 1, 1), date(2021, 1, 1)]),
)
current = entries.map(lambda entry: entry.model_copy(update={"valid_to": None}))
texts = st.one_of(st.none(), st.sampled_from(["a", "b", "c"]))


@st.composite
def organisations(draw: Any) -> Organisation:
    held = draw(st.lists(entries, max_size=2, unique_by=lambda entry: entry.number))
    now = draw(st.one_of(st.none(), current))
    if now is not None:
        held = [entry for entry in held if entry.number != now.number] + [now]
    memberships = draw(
        st.lists(
            st.builds(
                Membership,
                cluster_id=st.sampled_from(CLUSTERS),
                cluster_code=st.just("X"),
                valid_to=st.one_of(st.none(), st.just(date(2024, 1, 1))),
            ),
            max_size=3,
            unique_by=lambda item: item.cluster_id,
        )
    )
    place = st.builds(Address, place=st.sampled_from(["Bremen", "Emden"]), state=st.just("DE-HB"))
    fields = {
        "organisation_id": new_id(),
        "legal_name": draw(st.sampled_from(["Beispiel A", "Beispiel B", "Beispiel C"])),
        "seat": draw(place),
        "register_entries": tuple(held),
        "memberships": tuple(memberships),
        "sites": tuple(
            Site(site_id=new_id(), name=name, address=draw(place))
            for name in draw(st.lists(st.sampled_from(["Werk", "Lager"]), max_size=2))
        ),
        "competences": tuple(draw(st.lists(st.sampled_from(["PRD-01", "PRD-02"]), unique=True))),
        "roles": tuple(draw(st.lists(st.sampled_from(["oem", "tier1"]), unique=True))),
        "certificates": tuple(Certificate(name=name) for name in draw(st.lists(st.sampled_from("XY"), unique=True))),
        "former_names": tuple(
            FormerName(legal_name=name) for name in draw(st.lists(st.sampled_from(["Alt", "Uralt"]), unique=True))
        ),
        "former_seats": tuple(
            FormerSeat(address=draw(place), valid_to=date(2019, 1, day))
            for day in draw(st.lists(st.sampled_from([1, 2]), unique=True))
        ),
        "former_legal_forms": tuple(
            FormerLegalForm(legal_form=form) for form in draw(st.lists(st.sampled_from(["350", "351"]), unique=True))
        ),
        "since": draw(
            st.one_of(
                st.none(),
                st.builds(Since, legal_name=st.one_of(st.none(), st.just(date(2001, 1, 1))), seat=st.just(TODAY)),
            )
        ),
        "absorbed": tuple(draw(st.lists(st.sampled_from([UUID(int=7), UUID(int=8)]), unique=True))),
        **{name: draw(texts) for name in ("own_id", "vat_id", "widnr", "website", "profile", "name_en")},
    }
    return EXAMPLE.model_copy(update=fields)


kinds = st.sampled_from(MergerKind)


@given(organisations(), organisations(), kinds, st.sets(st.sampled_from((*SINGLE, *SEVERAL))))
def test_what_was_merged_and_undone_at_once_is_as_before(
    kept: Organisation, merged: Organisation, kind: MergerKind, wanted: set[str]
) -> None:
    taken = tuple(name for name in wanted if name in offered(kind))
    after = absorbing(kept, merged, taken, kind, on=TODAY)
    assert merged.organisation_id in after.absorbed
    assert set(kept.absorbed) | set(merged.absorbed) <= set(after.absorbed)
    again, changed = separated(after, kept, after)
    assert (again, changed) == (kept, ())
    gone = absorbed(merged, kept.organisation_id, kind, on=TODAY)
    assert (gone.status, gone.merged_into) == (MERGED, kept.organisation_id)
    assert all(item.valid_to is not None for item in gone.memberships)
    assert restored(gone, merged) == merged


@given(organisations(), organisations(), kinds)
def test_nothing_the_kept_one_had_is_lost_by_what_is_proposed(
    kept: Organisation, merged: Organisation, kind: MergerKind
) -> None:
    taken = proposed(kept, merged, kind)
    after = absorbing(kept, merged, taken, kind, on=TODAY)
    for name in SEVERAL:
        assert set(getattr(kept, name)) <= set(getattr(after, name)), name
    for name in SINGLE:
        assert getattr(after, name) == (getattr(kept, name) or getattr(after, name)), name
    holding = [entry for entry in after.register_entries if entry.valid_to is None]
    assert len(holding) <= 1
    if current_entry(kept) is not None:
        assert holding == [current_entry(kept)]
    running = [item.cluster_id for item in after.memberships if item.valid_to is None]
    assert len(running) == len(set(running))
    if kind is MergerKind.MERGER:
        assert (after.legal_name, after.former_names, after.register_entries, after.vat_id) == (
            kept.legal_name, kept.former_names, kept.register_entries, kept.vat_id,
        )  # fmt: skip
    else:
        names = {after.legal_name, *(former.legal_name for former in after.former_names)}
        assert {kept.legal_name, merged.legal_name} <= names
    once_more = absorbing(after, merged, proposed(after, merged, kind), kind, on=TODAY)
    assert once_more.model_copy(update={"absorbed": ()}) == after.model_copy(update={"absorbed": ()})


@given(organisations(), organisations(), st.sampled_from(["PRD-01", "PRD-02", "LWT-03"]), texts)
def test_what_was_changed_since_stays(
    kept: Organisation, merged: Organisation, competence: str, website: str | None
) -> None:
    after = absorbing(kept, merged, ("competences", "website"), MergerKind.MERGER, on=TODAY)
    now = after.model_copy(
        update={"competences": tuple(dict.fromkeys((*after.competences, competence))), "website": website}
    )
    again, changed = separated(now, kept, after)
    assert set(kept.competences) <= set(again.competences)
    if competence not in merged.competences or competence in kept.competences:
        assert competence in again.competences
    if after.website not in {kept.website, website}:
        assert (again.website, changed) == (website, ("website",))
    assert merged.organisation_id not in again.absorbed


def test_every_field_of_an_organisation_is_offered_or_follows_from_the_merger() -> None:
    """A field that is new must not be lost with the record that goes."""
    of_the_record = {
        "organisation_id", "responsible_state", "previous_state", "kind", "status", "cluster_code", "changed_at",
        "confirmed_at", "dissolved_on", "merged_into", "absorbed", "split_from", "handover", "since",
    }  # fmt: skip
    assert set(Organisation.model_fields) == of_the_record | {*SINGLE, *SEVERAL}


@given(organisations(), organisations(), st.booleans())
def test_since_when_a_name_holds_is_known_from_where_the_name_is_from(
    kept: Organisation, merged: Organisation, taken: bool
) -> None:
    after = absorbing(kept, merged, ["legal_name"] if taken else [], MergerKind.DUPLICATE, on=TODAY)
    dates = [item.since.legal_name if item.since else None for item in (kept, merged)]
    found = after.since.legal_name if after.since else None
    if kept.legal_name == merged.legal_name:
        assert found == (dates[0] or dates[1])
    else:
        assert found == dates[1 if taken else 0]
    assert absorbing(kept, merged, ["legal_name"], MergerKind.MERGER, on=TODAY).since == kept.since


rows = st.lists(
    st.builds(
        Figure,
        kind=st.sampled_from(FigureKind),
        on=st.sampled_from([date(2023, 12, 31), date(2024, 12, 31)]),
        source=st.sampled_from(["office", "annual accounts"]),
        value=st.one_of(st.none(), st.integers(0, 9)),
        recorded_at=st.sampled_from([datetime(2025, 1, day, tzinfo=UTC) for day in (1, 2, 3)]),
    ),
    max_size=6,
)
beside = st.builds(Beside, rows, st.one_of(st.none(), st.sampled_from(["a@ex.example", "b@ex.example"])))


@given(beside, beside, st.sets(st.sampled_from(BESIDE)))
def test_figures_come_beside_those_that_are_there_and_only_what_was_chosen(
    kept: Beside, merged: Beside, taken: set[str]
) -> None:
    found = carried(kept, merged, taken)
    assert {row.kind for row in found} <= {FIGURES[name] for name in taken if name in FIGURES}
    assert all(row in merged.figures for row in found)
    assert carried(Beside([*kept.figures, *found]), merged, taken) == [], "once more brings nothing"
    assert set(proposed_beside(kept, merged, MergerKind.DUPLICATE)) <= set(differing_beside(kept, merged))
    assert proposed_beside(kept, merged, MergerKind.MERGER) == ()


@given(beside, beside)
def test_what_is_proposed_replaces_no_figure_and_no_address(kept: Beside, merged: Beside) -> None:
    taken = proposed_beside(kept, merged, MergerKind.DUPLICATE)
    before, after = newest(kept.figures), newest([*kept.figures, *carried(kept, merged, taken)])
    theirs = newest(merged.figures)
    for name in ("employees", "turnover_cents", "balance_cents"):
        if getattr(before, name) is not None:
            assert getattr(after, name) == getattr(before, name)
        elif not kept.figures:
            assert getattr(after, name) == getattr(theirs, name)
    assert not ("contact_email" in taken and kept.address)
