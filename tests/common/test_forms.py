"""Forms as they come in: what no form of ours sends is refused, and what a form was made from is told apart."""

from __future__ import annotations

import pytest
from norda_common.errors import Malformed
from norda_common.web.forms import BASE, Compared, Form, nested


@pytest.mark.parametrize(
    "values",
    [
        {"a": ("1",), "a.b": ("2",)},
        {"a.b": ("2",), "a": ("1",)},
        {"a" + ".b" * 3_000: ("1",)},
    ],
)
def test_fields_that_contradict_each_other_are_refused(values: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(Malformed):
        nested(values)


def test_a_form_knows_what_it_was_made_from() -> None:
    stored = Form.of({"name": "Öl & Söhne", "codes": ["b", "a"], "empty": None}, language="de")
    sent = Form({"name": ("Neu",), BASE: (stored.packed(),)}, "de")
    base = sent.base()
    assert base is not None
    assert (base.value("name"), base.values["codes"]) == ("Öl & Söhne", ("b", "a"))
    assert stored.packed() == base.packed()


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"a": 1}', "[" * 100_000])
def test_a_base_that_is_none_is_not_believed(text: str) -> None:
    assert Form({BASE: (text,)}, "de").base() is None


def test_whose_change_is_proposed() -> None:
    def proposed(mine: str, theirs: str, base: str | None) -> tuple[str, bool]:
        row = Compared("name", "Name", mine, theirs, base)
        return row.proposed, row.both

    assert proposed("meins", "alt", "alt") == ("mine", False)
    assert proposed("alt", "ihres", "alt") == ("theirs", False)
    assert proposed("meins", "ihres", "alt") == ("theirs", True)
    assert proposed("meins", "ihres", None) == ("theirs", True)
    assert proposed("gleich", "gleich", "alt") == ("theirs", False)
