"""Forms of a page as a browser has them: what is in the fields, ready to be changed and sent."""

from __future__ import annotations

from html.parser import HTMLParser

import httpx2

Fields = dict[str, list[str]]


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: dict[str, Fields] = {}
        self._fields: Fields | None = None
        self._select: str | None = None
        self._first: str | None = None
        self._textarea: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._fields = self.forms.setdefault(given.get("action", ""), {})
        if self._fields is None:
            return
        name = given.get("name", "")
        if tag == "input" and name and given.get("type") not in {"file", "submit"}:
            ticked = given.get("type") not in {"checkbox", "radio"} or "checked" in given
            if ticked:
                self._fields.setdefault(name, []).append(given.get("value", ""))
        elif tag == "select" and name:
            self._select, self._first = name, None
        elif tag == "option" and self._select:
            if self._first is None:
                self._first = given.get("value", "")
            if "selected" in given:
                self._fields[self._select] = [given.get("value", "")]
        elif tag == "textarea" and name:
            self._textarea = name
            self._fields[name] = [""]

    def handle_data(self, data: str) -> None:
        if self._textarea and self._fields is not None:
            self._fields[self._textarea][0] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "select" and self._select and self._fields is not None:
            self._fields.setdefault(self._select, [self._first or ""])
            self._select = None
        elif tag == "textarea" and self._textarea and self._fields is not None:
            self._fields[self._textarea][0] = self._fields[self._textarea][0].removeprefix("\n")
            self._textarea = None
        elif tag == "form":
            self._fields = None


def forms_of(page: httpx2.Response) -> dict[str, Fields]:
    """All forms of a page by where they lead, with their fields as they are filled in."""
    parser = _Forms()
    parser.feed(page.text)
    return parser.forms


def form_of(page: httpx2.Response, action: str) -> Fields:
    """The fields of the form that leads there, as they are filled in; the token is among them."""
    forms = forms_of(page)
    assert action in forms, f"no form leads to {action}, but {list(forms)}"
    return forms[action]
